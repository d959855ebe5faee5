"""Summarise orders into frequency, recency, T and monetary value: the input of models of repeat buying.

`summarize` is what the models take, `summary_audit` what the summary leaves out and how much it is worth.
"""

from dataclasses import asdict, dataclass
from typing import Any

import narwhals as nw

from crmkit import _frames, periods
from crmkit._frames import FrameT
from crmkit.tables import _occasions


def summarize(
    orders: FrameT,
    *,
    as_of: object,
    unit: str = "week",
    merge: str = "day",
    returns: str = "net",
    after: str = "raise",
    monetary: bool = True,
) -> FrameT:
    """Summarise each customer's purchases up to a date for models of repeat buying.

    Parameters
    ----------
    orders : DataFrame
        An orders table: ``customer_id``, ``order_date`` and ``amount``, one row an order or an order line.
    as_of : date, datetime or ISO text
        The day up to which purchases are known. It counts as a whole, whatever the time of day.
    unit : {"day", "week", "month", "quarter", "year"}, default "week"
        Unit of ``recency`` and ``T``: days divided by 7 (30.4375 for a month), unrounded.
    merge : {"day", "week", "month", "quarter", "year"}, default "day"
        Purchases of one customer in one such period are one purchase occasion, dated on its first day. The
        published models merge by day, whatever the unit.
    returns : {"net", "drop", "keep"}, default "net"
        What rows with a negative amount do. "net": they reduce the occasion they fall in, and one that has
        returns and a sum of 0 or less is no purchase. "drop": they are left out. "keep": every row counts as
        a purchase, as in lifetimes.
    after : {"raise", "drop"}, default "raise"
        What happens to rows dated after `as_of`: an error, or they are left out, as a calibration needs.
    monetary : bool, default True
        Whether to read ``amount``. Without it no return can be told from a purchase.

    Returns
    -------
    DataFrame
        The same kind of frame, one row a customer with a purchase, sorted by ``customer_id``:
        ``frequency`` (purchase occasions after the first), ``recency`` (age at the last purchase, in units),
        ``T`` (age at `as_of`, in units), unless left out ``monetary_value`` (mean amount of the occasions
        after the first; 0 where there is none), ``unit`` and ``as_of`` (ISO text), so that no model
        mixes up units and every model knows its date.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range.
    DataError
        If a row lacks a customer, a date or a finite amount, is dated after `as_of`, or none is before it.

    Notes
    -----
    Names and meaning are those of lifetimes and pymc-marketing, and so are the numbers where no amount is
    negative. Ages are calendar days between dates: 23:59 and 00:01 the next day are a day apart.
    An amount of 0 is a purchase. A return on a later day than its purchase does not reduce
    ``monetary_value``, because spend models need the spend of an occasion; `summary_audit` says how much
    money that is.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way: an
    alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284: (x, t_x, T) for CDNOW.

    Examples
    --------
    The 39 weeks of CDNOW on which the models are published: 2 357 customers, 2 457 repeat purchases by 946 of
    them.

    >>> from crmkit.datasets import load_cdnow
    >>> summary = summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> len(summary), summary["frequency"].sum(), (summary["frequency"] > 0).sum()
    (2357, np.int64(2457), np.int64(946))
    >>> summary.head(2).round(4)
       customer_id  frequency  recency        T  monetary_value  unit      as_of
    0            4          2  30.4286  38.8571          22.345  week  1997-09-30
    1           18          0   0.0000  38.4286           0.000  week  1997-09-30
    """
    rules = _occasions.rules(as_of=as_of, merge=merge, returns=returns, after=after, monetary=monetary)
    rows = _occasions.read(orders, monetary=rules.monetary)
    summary = measures(_occasions.by_customer(rows, rules), rules, unit=unit)
    return _frames.give(summary, like=orders, sort=["customer_id"])


def measures(
    base: nw.LazyFrame[Any], rules: _occasions.Rules, *, unit: str, also: tuple[str, ...] = ()
) -> nw.LazyFrame[Any]:
    """Return the measures of the models from each customer's purchases, first and last day."""
    days = periods.days_in(unit)
    first, last = nw.col("first_day"), nw.col("last_day")
    frequency = nw.col("purchases") - 1
    occasions = nw.when(frequency > 0).then(frequency).otherwise(1)
    return base.select(
        "customer_id",
        frequency=frequency,
        recency=(last - first) / days,
        T=(rules.end - first) / days,
        **({"monetary_value": nw.col("repeat_amount") / occasions} if rules.monetary else {}),
        unit=nw.lit(unit),
        as_of=nw.lit(f"{rules.as_of:%Y-%m-%d}"),
        **{name: nw.col(name) for name in also},
    )


@dataclass(frozen=True, slots=True)
class SummaryAudit:
    """Hold what a summary is made of and what it leaves out.

    Parameters
    ----------
    rows : int
        Rows of the orders table.
    rows_without_customer, rows_without_date, rows_without_amount : int
        Rows that lack a value; an infinite amount is none. `summarize` refuses them; here they are left out.
    rows_after : int
        Rows that are dated after `as_of`.
    returns : int
        Usable rows with a negative amount.
    occasions : int
        Purchase occasions, the first of each customer included.
    cancelled_occasions : int
        Occasions that returns reduce to 0 or less, among them days with returns only.
    customers : int
        Customers with a purchase.
    customers_without_purchase : int
        Customers who have nothing but cancelled occasions.
    amount, first_amount, repeat_amount, excluded_amount : float
        Net amount of the usable rows, and its three parts: first occasions, the ones after them (which make
        ``monetary_value``), and what is no purchase.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> audit = summary_audit(load_cdnow(sample=True), as_of="1997-09-30")
    >>> audit.occasions - audit.customers, audit.rows_after
    (2457, 1959)
    """

    rows: int
    rows_without_customer: int
    rows_without_date: int
    rows_without_amount: int
    rows_after: int
    returns: int
    occasions: int
    cancelled_occasions: int
    customers: int
    customers_without_purchase: int
    amount: float
    first_amount: float
    repeat_amount: float
    excluded_amount: float

    def to_dict(self) -> dict[str, float]:
        """Return the fields as a plain dictionary, ready for JSON.

        Returns
        -------
        dict
            One item a field, in the order of the class.

        Examples
        --------
        >>> import pandas as pd
        >>> day = pd.to_datetime(["2024-05-01"])
        >>> orders = pd.DataFrame({"customer_id": [7], "order_date": day, "amount": [9.5]})
        >>> summary_audit(orders, as_of="2024-12-31").to_dict()["first_amount"]
        9.5
        """
        return asdict(self)


def summary_audit(orders: Any, *, as_of: object, merge: str = "day", returns: str = "net") -> SummaryAudit:
    """Count what `summarize` would use, refuse and leave out.

    Parameters
    ----------
    orders : DataFrame
        An orders table, as `summarize` takes it.
    as_of : date, datetime or ISO text
        The day up to which purchases are known; it counts as a whole.
    merge : {"day", "week", "month", "quarter", "year"}, default "day"
        The period of which purchases are one occasion.
    returns : {"net", "drop", "keep"}, default "net"
        What rows with a negative amount do, as in `summarize`.

    Returns
    -------
    SummaryAudit
        Counts of rows, occasions and customers, and the amount of each part.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    A few aggregate queries; nothing is refused, so this is the call for data that `summarize` refuses. An
    empty table gives zeros.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.to_datetime(["2024-05-01", "2024-05-01", "2024-05-20", "2024-06-02"])
    >>> orders = pd.DataFrame({"customer_id": [7, 7, 7, 7], "order_date": days, "amount": [80, -5, -30, 40]})
    >>> audit = summary_audit(orders, as_of="2024-12-31")
    >>> audit.occasions, audit.cancelled_occasions
    (2, 1)
    >>> audit.amount, audit.first_amount, audit.repeat_amount, audit.excluded_amount
    (85.0, 75.0, 40.0, -30.0)
    """
    rules = _occasions.rules(as_of=as_of, merge=merge, returns=returns)
    rows = _occasions.read(orders)
    lost = list(_occasions.wrong_rows().values())
    late = _occasions.too_late(rules)
    usable = ~(lost[0] | lost[1] | lost[2]) & ~lost[3] & ~late
    lacks = {"customer": lost[0], "date": lost[1], "amount": lost[2], "infinite": lost[3]}
    checks = {**lacks, "after": late, "returns": usable & (nw.col("amount") < 0)}
    counts = _frames.count_rows(rows, checks)
    used = rows.filter(usable)
    total = _row(used.select(customers=nw.col("customer_id").n_unique(), amount=nw.col("amount").sum()))
    left_out = _left_out(used, rules)
    nothing = {"customers": 0.0, "purchases": 0.0, "repeat_amount": 0.0}
    bought = _bought(used, rules) if total["customers"] else nothing
    return SummaryAudit(
        rows=counts["rows"],
        rows_without_customer=counts["customer"],
        rows_without_date=counts["date"],
        rows_without_amount=counts["amount"] + counts["infinite"],
        rows_after=counts["after"],
        returns=counts["returns"],
        occasions=int(bought["purchases"]),
        cancelled_occasions=int(left_out["occasions"]),
        customers=int(bought["customers"]),
        customers_without_purchase=int(total["customers"] - bought["customers"]),
        amount=total["amount"],
        first_amount=total["amount"] - left_out["amount"] - bought["repeat_amount"],
        repeat_amount=bought["repeat_amount"],
        excluded_amount=left_out["amount"],
    )


def _bought(rows: nw.LazyFrame[Any], rules: _occasions.Rules) -> dict[str, float]:
    base = _occasions.by_customer(rows, rules)
    return _row(
        base.select(
            customers=nw.len(),
            purchases=nw.col("purchases").sum(),
            repeat_amount=nw.col("repeat_amount").sum(),
        )
    )


def _left_out(rows: nw.LazyFrame[Any], rules: _occasions.Rules) -> dict[str, float]:
    """Count the occasions that returns cancel, and sum the amounts that are no purchase."""
    amount = nw.col("amount").sum()
    if rules.returns == "net":
        cancelled = _occasions.merged(rows, rules.merge).filter(_occasions.cancelled())
        return _row(cancelled.select(occasions=nw.len(), amount=amount))
    least = nw.col("amount") < (0 if rules.returns == "drop" else float("-inf"))
    return {"occasions": 0.0, **_row(rows.filter(least).select(amount=amount))}


def _row(frame: nw.LazyFrame[Any]) -> dict[str, float]:
    """Collect one row of numbers; the sum of nothing is 0."""
    return {str(name): float(value) for name, value in _frames.collect(frame).fillna(0).iloc[0].items()}
