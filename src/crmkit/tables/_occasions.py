"""Merge order rows into purchase occasions and sum them up by customer: what CLV and RFM both start from.

An occasion is a customer's purchases of one day (or another period). pandas frames take a path through one
sort of integers in numpy, every other engine the same steps in narwhals.
"""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import narwhals as nw

from crmkit import _frames, _native, _params, periods
from crmkit.errors import ColumnError, DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

ROLES = {"customer_id": "key", "order_date": "date", "amount": "number"}
RETURNS = ("net", "drop", "keep")
AFTER = ("raise", "drop")
_EPOCH = dt.datetime(1970, 1, 1)
# A sum of floats this small is what rounding left of nothing, and differs between engines.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Rules:
    """How rows become occasions; `as_of` is a midnight whose day counts as a whole."""

    as_of: dt.datetime
    merge: str
    returns: str
    after: str
    monetary: bool

    @property
    def last_day(self) -> int:
        """The day number of `as_of`."""
        return (self.as_of - _EPOCH).days

    @property
    def end(self) -> int:
        """The day number that stands for the occasion in which `as_of` falls."""
        return (periods.floor(self.as_of, self.merge) - _EPOCH).days


def rules(
    *, as_of: object, merge: str = "day", returns: str = "net", after: str = "raise", monetary: bool = True
) -> Rules:
    """Check the arguments that every function on occasions takes."""
    return Rules(
        as_of=_params.day("as_of", as_of),
        merge=_params.choice("merge", merge, periods.PERIODS),
        returns=_params.choice("returns", returns, RETURNS),
        after=_params.choice("after", after, AFTER),
        monetary=_params.flag("monetary", monetary),
    )


def read(orders: object, *, monetary: bool | None = None, by_order: bool = False) -> nw.LazyFrame[Any]:
    """Open an orders table with the three columns that occasions are made of, amounts as floats.

    `monetary` is the argument of a function that can do without amounts, None of one that cannot.
    """
    wanted = {name: role for name, role in ROLES.items() if monetary is not False or name != "amount"}
    wanted |= {"order_id": "key"} if by_order else {}
    try:
        rows = _frames.scan(orders, wanted, table="orders")
    except ColumnError as error:
        if not monetary or "amount" in _frames.lazy(orders).collect_schema().names():
            raise
        msg = f"{error} Orders without amounts are read with monetary=False."
        raise ColumnError(msg) from None
    amount = nw.lit(0.0) if monetary is False else nw.col("amount").cast(nw.Float64)
    return rows.with_columns(amount.alias("amount"))


def by_customer(rows: nw.LazyFrame[Any], rules: Rules) -> nw.LazyFrame[Any]:
    """Return customer_id, purchases, first_day, last_day, amount, repeat_amount: one row a buyer.

    `amount` is all that was sold net of returns, `repeat_amount` what the purchases after the first brought.
    A customer who never bought has no row.
    """
    if rows.implementation.is_pandas():
        return nw.from_native(_summed(rows, rules)).lazy()
    return _aggregated(rows, rules)


def by_order(rows: nw.LazyFrame[Any], rules: Rules) -> nw.LazyFrame[Any]:
    """Return customer_id, purchases, last_day, amount, where the rows of one order_id are one purchase."""
    _frames.refuse(rows, {"without an order_id": nw.col("order_id").is_null()}, table="orders")
    rows, returned = _checked(rows, rules)
    amount, day = nw.col("amount"), nw.col("day")
    if returned and rules.returns == "drop":
        rows = rows.filter(amount >= 0)
    ordered = rows.group_by("customer_id", "order_id").agg(
        amount.sum(), least=amount.min(), day=nw.col("order_date").min()
    )
    if rules.returns == "net":
        ordered = ordered.with_columns(day=nw.when(~cancelled()).then(day))
    base = ordered.group_by("customer_id").agg(amount.sum(), count=day.count(), last=day.max())
    return base.filter(nw.col("count") > 0).select(
        "customer_id",
        "amount",
        purchases=nw.col("count").cast(nw.Int64),
        last_day=periods.day_number(nw.col("last")),
    )


def wrong_rows() -> dict[str, nw.Expr]:
    """Return the conditions under which a row cannot be used, keyed by what is wrong with it."""
    amount = nw.col("amount")
    return {
        "without a customer_id": nw.col("customer_id").is_null(),
        "without an order_date": nw.col("order_date").is_null(),
        "without an amount": amount.is_null(),
        "with an infinite amount": amount.abs() == float("inf"),
    }


def too_late(rules: Rules) -> nw.Expr:
    """Express that a row is dated after the day of `as_of`.

    In day numbers, because Spark would read a literal timestamp in the zone of the Python process.
    """
    return periods.day_number(nw.col("order_date")) > rules.last_day


def _refuse(rows: nw.LazyFrame[Any], rules: Rules) -> None:
    """Raise the DataError that counts every kind of unusable row."""
    late = f"dated after as_of {rules.as_of:%Y-%m-%d} (after='drop' leaves them out)"
    checks = wrong_rows() | ({late: too_late(rules)} if rules.after == "raise" else {})
    _frames.refuse(rows, checks, table="orders")


def _require_rows(count: int, rules: Rules) -> None:
    if not count:
        msg = (
            f"`orders` must have a row dated on or before as_of {rules.as_of:%Y-%m-%d}. Found none: "
            "choose a later as_of, or check the filter before."
        )
        raise DataError(msg)


def _aggregated(rows: nw.LazyFrame[Any], rules: Rules) -> nw.LazyFrame[Any]:
    """Do the work in the engine; one row of extremes crosses first, to see whether anything is wrong."""
    rows, returned = _checked(rows, rules)
    if returned and rules.returns == "drop":
        rows = rows.filter(nw.col("amount") >= 0)
    occasions = merged(rows, rules.merge)
    gaps = returned and rules.returns == "net"
    if gaps:
        occasions = occasions.with_columns(day=nw.when(~cancelled()).then(nw.col("day")))
    base = _native.first_and_rest(occasions, key="customer_id", order="day", value="amount", gaps=gaps)
    return base.filter(nw.col("count") > 0).select(
        "customer_id",
        purchases=nw.col("count").cast(nw.Int64),
        first_day=periods.day_number(nw.col("first")),
        last_day=periods.day_number(nw.col("last")),
        amount=nw.col("total"),
        repeat_amount=nw.col("rest"),
    )


def merged(rows: nw.LazyFrame[Any], merge: str) -> nw.LazyFrame[Any]:
    """Merge rows into occasions: customer_id, day (when the period starts), amount, least amount."""
    day = periods.period_start(nw.col("order_date"), merge)
    amount = nw.col("amount")
    return rows.with_columns(day=day).group_by("customer_id", "day").agg(amount.sum(), least=amount.min())


def cancelled() -> nw.Expr:
    """Express that the returns of an occasion leave nothing of it; free goods alone are still bought."""
    return (nw.col("least") < 0) & (nw.col("amount") <= _ROUNDING)


def _checked(rows: nw.LazyFrame[Any], rules: Rules) -> tuple[nw.LazyFrame[Any], bool]:
    """Return the rows up to as_of, and whether there are returns among all of them."""
    customer, date, amount = (nw.col(name) for name in ROLES)
    extremes = rows.select(
        rows=nw.len(),
        customers=customer.count(),
        dates=date.count(),
        amounts=amount.count(),
        first=date.min(),
        last=date.max(),
        least=amount.min(),
        greatest=amount.max(),
    )
    found = cast("dict[str, Any]", _frames.collect(extremes).iloc[0].to_dict())
    complete = found["rows"] == found["customers"] == found["dates"] == found["amounts"]
    _require_rows(int(found["rows"]), rules)
    finite = complete and abs(found["least"]) < float("inf") and abs(found["greatest"]) < float("inf")
    late = complete and (found["last"] - _EPOCH).days > rules.last_day
    if not finite or (late and rules.after == "raise"):
        _refuse(rows, rules)
    if late:
        _require_rows(int((found["first"] - _EPOCH).days <= rules.last_day), rules)
        rows = rows.filter(~too_late(rules))
    return rows, bool(found["least"] < 0)


def _summed(rows: nw.LazyFrame[Any], rules: Rules) -> "pd.DataFrame":
    """Do the work in numpy: pack customer and day into one integer, sort once, sum the runs."""
    import numpy as np
    import pandas as pd

    code, keys, day, amount = _columns(rows, rules)
    low = int(day.min(initial=rules.last_day))
    width = rules.last_day - low + 1
    packed = code * width
    packed += day - low
    order = np.argsort(packed)
    packed, amount = packed[order], amount[order]
    start = _runs(packed)
    spent, returns = np.add.reduceat(amount, start), amount < 0
    code, day = np.divmod(packed[start], width)
    day += low
    total = np.bincount(code, weights=spent, minlength=len(keys))
    if rules.returns == "net" and returns.any():
        kept = np.ones(len(start), dtype=bool)
        kept[np.searchsorted(start, np.flatnonzero(returns), side="right") - 1] = False
        kept |= spent > _ROUNDING
        code, day, spent = code[kept], day[kept], spent[kept]
    head = _runs(code)
    tail = np.append(head[1:], len(code))[: len(head)]
    spent[head] = 0.0
    return pd.DataFrame(
        {
            "customer_id": keys.take(code[head]),
            "purchases": tail - head,
            "first_day": day[head],
            "last_day": day[tail - 1],
            "amount": total[code[head]],
            "repeat_amount": np.add.reduceat(spent, head),
        }
    )


def _runs(values: "NDArray[np.int64]") -> "NDArray[np.intp]":
    """Return where each run of equal values starts."""
    import numpy as np

    change = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=change[1:])
    return np.flatnonzero(change)


def _columns(
    rows: nw.LazyFrame[Any], rules: Rules
) -> "tuple[NDArray[np.int64], pd.Index[Any], NDArray[np.int64], NDArray[np.float64]]":
    """Return customer codes, their keys, day numbers and amounts of the rows that count."""
    import numpy as np

    native = cast("pd.DataFrame", rows.collect().to_native())
    _require_rows(len(native), rules)
    code, keys = _codes(native["customer_id"])
    local = _frames.collect(rows.select("order_date", "amount"))
    date, amount = local["order_date"].to_numpy("datetime64[us]"), local["amount"].to_numpy(float)
    day = date.astype("datetime64[D]").view(np.int64)
    late = day > rules.last_day
    broken = code.min() < 0 or np.isnat(date).any() or not np.isfinite(amount).all()
    if broken or (rules.after == "raise" and late.any()):
        _refuse(rows, rules)
    _require_rows(int((~late).sum()), rules)
    keep = ~late & (amount >= 0) if rules.returns == "drop" else ~late
    if not keep.all():
        code, day, amount = code[keep], day[keep], amount[keep]
    return code, keys, _merged_days(day, rules), amount


def _codes(key: "pd.Series[Any]") -> "tuple[NDArray[np.int64], pd.Index[Any]]":
    """Give each customer a number, −1 where there is none; dense integer keys are their own numbers."""
    import numpy as np
    import pandas as pd

    if isinstance(key.dtype, np.dtype) and key.dtype.kind == "i":
        low, high = int(key.min()), int(key.max())
        if high - low < 2 * len(key):
            return key.to_numpy(np.int64) - low, pd.Index(np.arange(low, high + 1, dtype=key.dtype))
    code, keys = pd.factorize(key)
    return code.astype(np.int64, copy=False), keys


def _merged_days(day: "NDArray[np.int64]", rules: Rules) -> "NDArray[np.int64]":
    """Return the first day of the period of each day."""
    import numpy as np

    if rules.merge == "day":
        return day
    first = _EPOCH + dt.timedelta(days=int(day.min(initial=rules.last_day)))
    starts = periods.between(first, rules.as_of, rules.merge)
    days = np.array([(start - _EPOCH).days for start in starts])
    merged: NDArray[np.int64] = days[np.searchsorted(days, day, side="right") - 1]
    return merged
