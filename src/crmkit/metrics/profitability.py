"""Compute the profit of each customer: what orders bring, less what it costs to serve them.

Money is counted in whole minor units, so that 0.1 + 0.2 − 0.3 is neither a profit nor a loss.
"""

from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.stats import allocation


def customer_profit(
    orders: FrameT, costs: FrameT, *, gross_margin_rate: float | None = None, digits: int = 2
) -> FrameT:
    """Compute the profit of each customer: gross margin less cost to serve.

    Parameters
    ----------
    orders : DataFrame
        The orders of the period that the costs are of: `customer_id`, `amount` (net sales in money, negative
        for a return) and, unless `gross_margin_rate` is given, `cost` (cost of the goods sold, in money).
    costs : DataFrame
        Allocated costs of the same period, as `allocate_costs` or `cost_to_serve` gives them: `customer_id`,
        `cost`. The same kind of frame as `orders`.
    gross_margin_rate : float, optional
        Gross margin as a share of sales, at most 1, for orders without the cost of their goods.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9, to which each customer's sums are rounded.

    Returns
    -------
    DataFrame
        One row a customer of either table, of the kind of `orders`: `customer_id`, `revenue`,
        `gross_margin`, `cost_to_serve`, `profit`, all in money, and `profit_margin`, profit as a share of
        revenue. Sorted by customer.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the two tables' keys have different types.
    DataError
        If an order has no customer, amount or cost, a cost to serve is null, or one of these amounts is
        above 1e15 minor units.
    ParameterError
        If the rate or `digits` is not valid, a rate is given for orders that have a cost, or the tables are
        of different kinds.

    Notes
    -----
    A customer with costs and no orders has revenue 0, one with orders and no costs cost to serve 0. The
    profit margin is null where revenue is not positive. Unassigned costs (null `customer_id`) are no
    customer's and are left out: `reconcile` shows them. Without rows the result has none.

    References
    ----------
    Kaplan, R. S. and Narayanan, V. G. (2001), "Measuring and Managing Customer Profitability", *Journal of
    Cost Management* 15(5).

    Examples
    --------
    Two customers with equal margins; the service that one demands costs 750, so the other is worth four.

    >>> import pandas as pd
    >>> orders = pd.DataFrame({"customer_id": ["one", "two"], "amount": [5000, 5000], "cost": [4000, 4000]})
    >>> costs = pd.DataFrame({"customer_id": ["two"], "cost": [750]})
    >>> customer_profit(orders, costs)[["customer_id", "gross_margin", "cost_to_serve", "profit"]]
      customer_id  gross_margin  cost_to_serve  profit
    0         one        1000.0            0.0  1000.0
    1         two        1000.0          750.0   250.0

    Sales of 10 000 at a margin of half; 750 for each of three orders and 2 250 more for two of them, whose
    goods are not in stock:

    >>> orders = pd.DataFrame({"customer_id": ["a"], "amount": [10_000]})
    >>> costs = pd.DataFrame({"customer_id": ["a", "a"], "cost": [3 * 750, 2 * 2250]})
    >>> customer_profit(orders, costs, gross_margin_rate=0.5)["profit"].tolist()
    [-1750.0]
    """
    places = allocation.minor_digits(digits)
    _joins.same_engine(orders, costs, names=("orders", "costs"))
    sold = margins(orders, gross_margin_rate, places)
    rows = with_service(sold, costs, places)
    money = ("revenue", "gross_margin", "cost_to_serve")
    rows = rows.with_columns(profit=nw.col("gross_margin") - nw.col("cost_to_serve"))
    rows = rows.with_columns(*(allocation.to_money(nw.col(name), places) for name in (*money, "profit")))
    share = nw.when(nw.col("revenue") > 0).then(nw.col("profit") / nw.col("revenue"))
    return _frames.give(rows.with_columns(profit_margin=share), like=orders, sort=["customer_id"])


def with_service(sold: nw.LazyFrame[Any], costs: object, digits: int) -> nw.LazyFrame[Any]:
    """Add the cost to serve of each customer, of either table, to sums in whole minor units."""
    served = _frames.scan(costs, {"customer_id": "key", "cost": "number"}, table="costs")
    served = served.with_columns(cost=nw.col("cost").cast(nw.Float64))
    checks = {"with no cost": nw.col("cost").is_null(), **allocation.size_check("cost", digits)}
    _frames.refuse(served, checks, table="costs")
    served = served.filter(~nw.col("customer_id").is_null())
    served = served.group_by("customer_id").agg(nw.col("cost").sum())
    sold, served = _joins.matched(sold, served, ["customer_id"], names=("orders", "costs"))
    names = [name for name in sold.collect_schema().names() if name != "customer_id"]
    zero = nw.lit(0, nw.Int64)
    spent = allocation.to_units(nw.col("cost"), digits)
    both = nw.concat(
        [
            sold.select("customer_id", *names, cost_to_serve=zero),
            served.select("customer_id", **dict.fromkeys(names, zero), cost_to_serve=spent),
        ]
    )
    rows = both.group_by("customer_id").agg(*(nw.col(name).sum() for name in (*names, "cost_to_serve")))
    return rows.with_columns(*(nw.col(name).cast(nw.Int64) for name in (*names, "cost_to_serve")))


def margins(orders: object, rate: float | None, digits: int) -> nw.LazyFrame[Any]:
    """Add up revenue and gross margin of each customer, in whole minor units."""
    names = _frames.lazy(orders, table="orders").collect_schema().names()
    if rate is not None and "cost" in names:
        _params.fail("gross_margin_rate", "left out for orders that have the column 'cost'", rate)
    if rate is None and "cost" not in names:
        msg = (
            "`orders` must have the column 'cost' (cost of the goods sold). "
            f"Present: {', '.join(names)}. Map it with crmkit.tables.orders(…), or give `gross_margin_rate`."
        )
        raise ColumnError(msg)
    money = ("amount",) if rate is not None else ("amount", "cost")
    rows = _frames.scan(orders, {"customer_id": "key", **dict.fromkeys(money, "number")}, table="orders")
    rows = rows.with_columns(*(nw.col(name).cast(nw.Float64) for name in money))
    checks = {f"with no {name}": nw.col(name).is_null() for name in ("customer_id", *money)}
    for name in money:
        checks |= allocation.size_check(name, digits)
    _frames.refuse(rows, checks, table="orders")
    sums = rows.group_by("customer_id").agg(*(nw.col(name).sum() for name in money))
    units = sums.with_columns(*(allocation.to_units(nw.col(name), digits) for name in money))
    if rate is None:
        margin = nw.col("amount") - nw.col("cost")
    else:
        share = _params.number("gross_margin_rate", rate, high=1)
        margin = (nw.col("amount").cast(nw.Float64) * share + 0.5).floor().cast(nw.Int64)
    return units.select("customer_id", revenue=nw.col("amount"), gross_margin=margin)
