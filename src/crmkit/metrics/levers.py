"""Ask what would make a loss-making customer profitable: the smallest change of one lever at a time.

Each lever starts from the customer's own statement and leaves the rest of it as it is:

- price: the same goods at a higher price, all of which is margin;
- order size: the same revenue in fewer orders, each of which saves what an order costs;
- service level: less cost to serve;
- channel: some orders moved to a channel where an order costs less.

A customer whom no single lever brings to zero has a row that says so.
"""

from collections.abc import Mapping
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.stats import allocation

_NOISE = 1e-9
_LAST = 1e300
_NO_LEVER = 1e299  # behind every feasible lever, before all others
_MONEY = ("revenue", "cost_to_serve", "net_margin")


def profit_levers(
    statement: FrameT,
    *,
    channels: Mapping[str, float] | None = None,
    max_price_rise: float = 1.0,
    max_order_growth: float = 1.0,
    max_service_cut: float = 1.0,
    digits: int = 2,
) -> FrameT:
    """Find the smallest change of each lever that brings a loss-making customer to zero.

    Parameters
    ----------
    statement : DataFrame
        One row a customer, as `customer_pnl` gives it: `customer_id`, `orders`, `revenue`, `cost_to_serve`,
        `net_margin` in money; and perhaps `order_cost`, the part of the cost to serve that the number of
        orders drives, in money, 0 to `cost_to_serve`, without which order size is not a lever.
    channels : mapping of str to float, optional
        Cost of an order in each channel to which orders could move, in money, at least 0. Needs `order_cost`.
    max_price_rise : float, default 1.0
        Largest price rise that is feasible, as a share of the price, above 0.
    max_order_growth : float, default 1.0
        Largest growth of an order that is feasible, as a share of its size, above 0: 1 lets it double.
    max_service_cut : float, default 1.0
        Largest share of the cost to serve that can be cut, above 0 and at most 1.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    DataFrame
        One row a customer with a loss and lever, of the kind of `statement`: `customer_id`, `lever` ("price",
        "order size", "service level" or "channel: NAME"), `net_margin` now, `current` and `required` (price:
        revenue; order size: revenue an order; service level: cost to serve; channel: orders that do not
        move), `relative_change` of the lever, `feasible`, `net_margin_after`, `reason` (why it is not
        feasible, else null) and `smallest`, true for the feasible lever with the least relative change. A
        customer without a feasible lever has one more row, with a null `lever` and the reason, and `smallest`
        is true there: it is true for exactly one row of each customer. Sorted by customer and lever.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a customer or number is null, a customer appears twice, orders, cost to serve or order cost are
        negative, the order cost exceeds the cost to serve, or an amount is above 1e15 minor units.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    Orders are whole: order size and channel bring the customer to zero or just above. A lever that is not
    feasible has nulls for what is required. Customers without a loss have no row. Those whom no lever saves
    are ``levers[levers["lever"].isna()]``.

    References
    ----------
    Kaplan, R. S. and Narayanan, V. G. (2001), "Measuring and Managing Customer Profitability", *Journal of
    Cost Management* 15(5), on actions that return customers to profit.

    Examples
    --------
    A customer buys for 10 000 at a margin of half in 10 orders of 600: a loss of 1 000. Prices 10 % higher,
    8 orders for the same revenue, a sixth less service, or 2 orders by a channel at 100 would each end it.

    >>> import pandas as pd
    >>> statement = pd.DataFrame({
    ...     "customer_id": ["a"], "orders": [10], "revenue": [10_000.0], "cost_to_serve": [6_000.0],
    ...     "net_margin": [-1_000.0], "order_cost": [6_000.0],
    ... })
    >>> levers = profit_levers(statement, channels={"web": 100})
    >>> levers[["lever", "current", "required", "relative_change", "smallest"]].round(3)
               lever  current  required  relative_change  smallest
    0   channel: web     10.0       8.0           -0.200     False
    1     order size   1000.0    1250.0            0.250     False
    2          price  10000.0   11000.0            0.100      True
    3  service level   6000.0    5000.0           -0.167     False

    Where prices may rise by a twentieth, orders grow by a tenth and service shrink by a tenth, none does:

    >>> strict = {"max_price_rise": 0.05, "max_order_growth": 0.1, "max_service_cut": 0.1}
    >>> profit_levers(statement, **strict)[["lever", "reason", "smallest"]]
               lever                                            reason  smallest
    0     order size             an order would grow by more than 10 %     False
    1          price             the price would rise by more than 5 %     False
    2  service level  more than 10 % of the cost to serve would be cut     False
    3            NaN                     no single lever ends the loss      True
    """
    options = _channels(channels)
    rise = _params.number("max_price_rise", max_price_rise, low=0, open_low=True)
    growth = _params.number("max_order_growth", max_order_growth, low=0, open_low=True)
    cut = _params.number("max_service_cut", max_service_cut, low=0, high=1, open_low=True)
    places = allocation.minor_digits(digits)
    known = bool(options) or "order_cost" in _frames.lazy(statement).collect_schema().names()
    rows = _losses(statement, places, (*_MONEY, "order_cost") if known else _MONEY)
    parts = [_price(rows, rise), *([_order_size(rows, growth)] if known else []), _service(rows, cut)]
    parts += [_channel(rows, name, cost) for name, cost in options.items()]
    found = _judged(nw.concat([*parts, _none(rows)]))
    table = found.with_columns(_rounded("net_margin", places), _rounded("net_margin_after", places)).select(
        *("customer_id", "lever", "net_margin", "current", "required", "relative_change"),
        *("feasible", "net_margin_after", "reason", "smallest"),
    )
    return _frames.give(table, like=statement, sort=["customer_id", "lever"])


def _channels(channels: Mapping[str, float] | None) -> dict[str, float]:
    given = {} if channels is None else channels
    if not isinstance(given, Mapping) or not all(isinstance(name, str) and name for name in given):
        _params.fail("channels", "a mapping of channel to the cost of an order", channels)
    return {name: _params.number("channels", cost, low=0) for name, cost in given.items()}


def _losses(statement: object, digits: int, money: tuple[str, ...]) -> nw.LazyFrame[Any]:
    """Return the checked rows of customers with a loss, as floats, with the loss as a positive number."""
    roles = {"customer_id": "key", "orders": "number", **dict.fromkeys(money, "number")}
    rows = _frames.scan(statement, roles, table="statement")
    rows = rows.with_columns(*(nw.col(name).cast(nw.Float64) for name in ("orders", *money)))
    repeats = rows.group_by("customer_id").agg(_rows=nw.len())
    checks = {f"with no {name}": nw.col(name).is_null() for name in roles}
    for name in ("orders", "cost_to_serve", *(name for name in money if name not in _MONEY)):
        checks[f"with negative {name}"] = nw.col(name) < 0
    for name in money:
        checks |= allocation.size_check(name, digits)
    least = 0.5 / 10.0**digits  # anything smaller is a rounding error
    if "order_cost" in money:
        over = nw.col("order_cost") > nw.col("cost_to_serve") + least
        checks["with more order_cost than cost_to_serve"] = over
    checks["with a repeated customer_id"] = nw.col("_rows") > 1
    _frames.refuse(rows.join(repeats, on="customer_id", how="left"), checks, table="statement")
    return rows.filter(nw.col("net_margin") < -least).with_columns(_loss=0 - nw.col("net_margin"))


def _rounded(name: str, digits: int) -> nw.Expr:
    units = (nw.col(name) * 10.0**digits + 0.5).floor()
    return allocation.quotient(units, 10.0**digits).alias(name)


def _lever(
    rows: nw.LazyFrame[Any], lever: str, figures: dict[str, nw.Expr], reasons: dict[str, nw.Expr]
) -> nw.LazyFrame[Any]:
    """State one lever for every customer; the first reason that holds makes it infeasible."""
    reason: nw.Expr = nw.lit("")  # a null literal would be text on pandas 2
    for text, holds in reversed(reasons.items()):
        reason = nw.when(holds).then(nw.lit(text)).otherwise(reason)
    judged = rows.with_columns(reason=reason).with_columns(feasible=nw.col("reason") == "")
    judged = judged.with_columns(reason=nw.when(~nw.col("feasible")).then(nw.col("reason")))
    wanted = ("required", "relative_change", "net_margin_after")
    return judged.select(
        "customer_id",
        nw.lit(lever).alias("lever"),
        "net_margin",
        figures["current"].alias("current"),
        *(nw.when(nw.col("feasible")).then(figures[name]).alias(name) for name in wanted),
        "feasible",
        "reason",
    )


def _none(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Say of every customer that no lever helps: a row that stays where it is so."""
    unknown = nw.lit(None, nw.Float64)
    names = ("current", "required", "relative_change", "net_margin_after")
    sold = nw.col("revenue") > 0
    reasons = {"no revenue": ~sold, "no single lever ends the loss": sold}
    return _lever(rows, "", dict.fromkeys(names, unknown), reasons)


def _judged(found: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Mark the smallest feasible change of each customer, and keep the row without a lever if none is."""
    size = nw.when(nw.col("feasible")).then(nw.col("relative_change").abs())
    helpless = nw.col("lever") == ""
    rank = nw.when(helpless).then(nw.lit(_NO_LEVER)).otherwise(nw.lit(_LAST))
    # rounded, so that equal changes tie on every engine; ties go to the first lever by name
    size = (size / _NOISE + 0.5).floor()
    found = found.with_columns(_size=nw.when(~size.is_null()).then(size).otherwise(rank), _one=nw.lit(1))
    place = nw.col("_one").cum_sum().over("customer_id", order_by=["_size", "lever"])
    found = found.with_columns(smallest=place == 1).filter(nw.col("smallest") | ~helpless)
    return found.with_columns(
        lever=nw.when(~helpless).then(nw.col("lever"))
    )  # a null literal is text on pandas 2


def _price(rows: nw.LazyFrame[Any], rise: float) -> nw.LazyFrame[Any]:
    revenue, loss = nw.col("revenue"), nw.col("_loss")
    share = loss / nw.when(revenue > 0).then(revenue)
    figures = {
        "current": revenue,
        "required": revenue + loss,
        "relative_change": share,
        "net_margin_after": nw.lit(0.0),
    }
    reasons = {
        "no revenue": revenue <= 0,
        f"the price would rise by more than {100 * rise:.6g} %": share > rise + _NOISE,
    }
    return _lever(rows, "price", figures, reasons)


def _order_size(rows: nw.LazyFrame[Any], growth: float) -> nw.LazyFrame[Any]:
    revenue, orders, spent = nw.col("revenue"), nw.col("orders"), nw.col("order_cost")
    kept = 1.0 - nw.col("_loss") / nw.when(spent > 0).then(spent)
    rows = rows.with_columns(_left=(orders * kept + _NOISE).floor())
    left, some = nw.col("_left"), nw.when(orders > 0).then(orders)
    fewer = nw.when(left > 0).then(left)
    grown = orders / fewer - 1.0
    figures = {
        "current": revenue / some,
        "required": revenue / fewer,
        "relative_change": grown,
        "net_margin_after": nw.col("net_margin") + spent * (1.0 - left / some),
    }
    reasons = {
        "no revenue": revenue <= 0,
        "no orders": orders <= 0,
        "orders cost nothing": spent <= 0,
        "even a single order costs too much": left < 1,
        f"an order would grow by more than {100 * growth:.6g} %": grown > growth + _NOISE,
    }
    return _lever(rows, "order size", figures, reasons)


def _service(rows: nw.LazyFrame[Any], cut: float) -> nw.LazyFrame[Any]:
    spent, loss = nw.col("cost_to_serve"), nw.col("_loss")
    share = loss / nw.when(spent > 0).then(spent)
    figures = {
        "current": spent,
        "required": spent - loss,
        "relative_change": 0.0 - share,
        "net_margin_after": nw.lit(0.0),
    }
    reasons = {
        "no cost to serve": spent <= 0,
        f"more than {100 * cut:.6g} % of the cost to serve would be cut": share > cut + _NOISE,
    }
    return _lever(rows, "service level", figures, reasons)


def _channel(rows: nw.LazyFrame[Any], name: str, cost: float) -> nw.LazyFrame[Any]:
    orders = nw.col("orders")
    some = nw.when(orders > 0).then(orders)
    rows = rows.with_columns(_saved=nw.col("order_cost") / some - cost)
    saved = nw.col("_saved")
    rows = rows.with_columns(_moved=(nw.col("_loss") / nw.when(saved > 0).then(saved) - _NOISE).ceil())
    moved = nw.col("_moved")
    figures = {
        "current": orders,
        "required": orders - moved,
        "relative_change": 0.0 - moved / some,
        "net_margin_after": nw.col("net_margin") + moved * saved,
    }
    reasons = {
        "no orders": orders <= 0,
        "an order costs no less there": saved <= 0,
        "even if every order moved, too little is saved": moved > orders,
    }
    return _lever(rows, f"channel: {name}", figures, reasons)
