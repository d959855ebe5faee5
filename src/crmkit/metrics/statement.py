"""Write each customer's profit and loss statement, from list price down to net margin.

List price − discounts = revenue; − product cost = gross margin; − cost to serve, by category = net margin.
:func:`customer_pnl` gives a row a customer, :func:`pnl_lines` a row a line of the statement.
"""

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import DataError
from crmkit.metrics import profitability
from crmkit.stats import allocation

_LINES = (
    *("gross_sales", "discounts", "revenue", "product_cost"),
    *("gross_margin", "cost_to_serve", "net_margin"),
)


def customer_pnl(
    orders: FrameT,
    costs: FrameT,
    *,
    gross_margin_rate: float | None = None,
    order_activities: str | Sequence[str] | None = None,
    digits: int = 2,
) -> FrameT:
    """Write the profit and loss statement of each customer, a row a customer.

    Parameters
    ----------
    orders : DataFrame
        The orders of the period that the costs are of: `customer_id`, `amount` (net sales in money, negative
        for a return), `cost` (cost of the goods sold, in money) unless `gross_margin_rate` is given, and
        perhaps `discount` (money off the list price) and `order_id`, where rows are order lines.
    costs : DataFrame
        Allocated costs of the same period: `customer_id`, `cost`, and `activity` where `order_activities` are
        given. The same kind of frame as `orders`.
    gross_margin_rate : float, optional
        Gross margin as a share of sales, at most 1, for orders without the cost of their goods.
    order_activities : str or sequence of str, optional
        Activities whose cost follows the number of orders, such as "order handling": their cost becomes the
        column `order_cost`, which `profit_levers` asks for.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9, to which each customer's sums are rounded.

    Returns
    -------
    DataFrame
        One row a customer of either table, of the kind of `orders`: `customer_id`, `orders`, then in money
        `gross_sales`, `discounts`, `revenue`, `product_cost`, `gross_margin`, `cost_to_serve`, `net_margin`;
        `revenue_per_order`, `cost_to_serve_per_order`, `net_margin_per_order`; `discount_share` (of gross
        sales), `gross_margin_share`, `cost_to_serve_share`, `net_margin_share` (of revenue). With
        `order_activities` also `order_cost`, the part of `cost_to_serve` that is theirs, in money. Sorted by
        customer.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the two tables' keys have different types.
    DataError
        If an order has no customer, amount, cost, discount or order_id, a cost to serve is null, one of these
        amounts is above 1e15 minor units, or `costs` has rows but none of an activity that is named.
    ParameterError
        If an argument is not valid, a rate is given for orders that have a cost, or the tables are of
        different kinds.

    Notes
    -----
    An order is an `order_id`, or a row where there is none, with an amount of at least 0: a credit note is no
    order. Without the column `discount`, gross sales and discounts are unknown: null. Figures per order
    are null without orders, shares where their base is not positive. Unassigned costs (null `customer_id`)
    are no customer's and are left out: `reconcile` shows them. Without rows the result has none.

    References
    ----------
    Kaplan, R. S. and Narayanan, V. G. (2001), "Measuring and Managing Customer Profitability", *Journal of
    Cost Management* 15(5).

    Examples
    --------
    Two customers buy for 5 000 with a gross margin of 1 000; one's demands leave 250 of it, a quarter.

    >>> import pandas as pd
    >>> orders = pd.DataFrame({"customer_id": [1, 2], "amount": [5000, 5000], "cost": [4000, 4000]})
    >>> demands = pd.DataFrame({"customer_id": [2], "cost": [750]})
    >>> pnl = customer_pnl(orders, demands)
    >>> pnl[["customer_id", "gross_margin", "cost_to_serve", "net_margin", "net_margin_share"]]
       customer_id  gross_margin  cost_to_serve  net_margin  net_margin_share
    0            1        1000.0            0.0      1000.0              0.20
    1            2        1000.0          750.0       250.0              0.05

    Of these demands 600 come with each order:

    >>> demands = pd.DataFrame({"customer_id": 2, "activity": ["picking", "visits"], "cost": [600, 150]})
    >>> customer_pnl(orders, demands, order_activities="picking")[["cost_to_serve", "order_cost"]]
       cost_to_serve  order_cost
    0            0.0         0.0
    1          750.0       600.0
    """
    places = allocation.minor_digits(digits)
    each_order = _activity_names(order_activities)
    rows, known = _statement(orders, costs, gross_margin_rate, places)
    rows = rows.with_columns(*(allocation.to_money(nw.col(name), places) for name in _LINES))
    if not known:
        rows = rows.with_columns(gross_sales=nw.lit(None, nw.Float64), discounts=nw.lit(None, nw.Float64))
    each = {
        f"{name}_per_order": _ratio(name, "orders") for name in ("revenue", "cost_to_serve", "net_margin")
    }
    shares = {
        f"{name}_share": _ratio(name, "revenue") for name in ("gross_margin", "cost_to_serve", "net_margin")
    }
    shares = {"discount_share": _ratio("discounts", "gross_sales"), **shares}
    if each_order:
        rows = _with_order_cost(rows, costs, each_order, places)
        shares["order_cost"] = nw.col("order_cost")
    table = rows.select("customer_id", "orders", *_LINES, **each, **shares)
    return _frames.give(table, like=orders, sort=["customer_id"])


def pnl_lines(
    orders: FrameT,
    costs: FrameT,
    *,
    category: str = "category",
    gross_margin_rate: float | None = None,
    digits: int = 2,
) -> FrameT:
    """Write the profit and loss statement of each customer, a row a line, with the cost to serve by category.

    Parameters
    ----------
    orders : DataFrame
        As for `customer_pnl`.
    costs : DataFrame
        Allocated costs of the same period: `customer_id`, `cost` and the column of categories. The same kind
        of frame as `orders`.
    category : str, default "category"
        Column of `costs` that breaks the cost to serve down, such as "category" or "activity".
    gross_margin_rate : float, optional
        Gross margin as a share of sales, at most 1, for orders without the cost of their goods.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    DataFrame
        One row a customer and line, of the kind of `orders`: `customer_id`, `line` ("gross_sales",
        "discounts", "revenue", "product_cost", "gross_margin", "cost_to_serve", "net_margin"), `category` (of
        a line that is a part of the cost to serve, else null), `amount` in money, `per_order`,
        `revenue_share`, and `position` from 1, the place of the line. Sorted by customer, position and
        category, the sum last.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the two tables' keys have different types.
    DataError
        As for `customer_pnl`, and if a cost of a customer has no category.
    ParameterError
        If an argument is not valid, or the tables are of different kinds.

    Notes
    -----
    The parts of the cost to serve add up to its line; each is rounded to the minor unit, as allocated costs
    are already. Without the column `discount` the amounts of gross sales and discounts are null.

    References
    ----------
    Shapiro, B. P., Rangan, V. K., Moriarty, R. T. and Ross, E. B. (1987), "Manage Customers for Profits (Not
    Just Sales)", *Harvard Business Review* 65(5), on pre-sale, production, distribution and post-sale cost.

    Examples
    --------
    >>> import pandas as pd
    >>> orders = pd.DataFrame({"customer_id": ["a"], "amount": [10_000]})
    >>> costs = pd.DataFrame({
    ...     "customer_id": "a", "category": ["three orders", "two non-stocked"], "cost": [2250, 4500]
    ... })
    >>> lines = pnl_lines(orders, costs, gross_margin_rate=0.5)
    >>> lines.loc[lines["position"] > 4, ["line", "category", "amount", "revenue_share"]]
                line         category  amount  revenue_share
    4   gross_margin              NaN  5000.0          0.500
    5  cost_to_serve     three orders  2250.0          0.225
    6  cost_to_serve  two non-stocked  4500.0          0.450
    7  cost_to_serve              NaN  6750.0          0.675
    8     net_margin              NaN -1750.0         -0.175
    """
    import pandas as pd

    places = allocation.minor_digits(digits)
    if _params.column("category", category) in ("customer_id", "cost"):
        _params.fail("category", "a column other than customer_id and cost", category)
    rows, known = _statement(orders, costs, gross_margin_rate, places)
    roles = {"customer_id": "key", category: "key", "cost": "number"}
    parts = _frames.scan(costs, roles, table="costs")
    parts = parts.filter(~nw.col("customer_id").is_null())
    _frames.refuse(parts, {f"with no {category}": nw.col(category).is_null()}, table="costs")
    parts = parts.select("customer_id", category=nw.col(category), _cost=nw.col("cost").cast(nw.Float64))
    parts = parts.group_by("customer_id", "category").agg(nw.col("_cost").sum())
    rows, parts = _joins.matched(rows, parts, ["customer_id"], names=("orders", "costs"))
    served = parts.join(rows, on="customer_id").with_columns(
        _units=allocation.to_units(nw.col("_cost"), places), position=nw.lit(6, nw.Int64)
    )
    heads = _joins.attach(pd.DataFrame({"position": range(1, 8), "line": _LINES}), to=rows)
    amount = nw.col(_LINES[0])
    for number, name in enumerate(_LINES[1:], start=2):
        amount = nw.when(nw.col("position") == number).then(nw.col(name)).otherwise(amount)
    whole = rows.join(heads, how="cross").with_columns(_units=amount)
    if not known:
        whole = whole.with_columns(_units=nw.when(nw.col("position") > 2).then(nw.col("_units")))
    # a join that matches nothing, for nulls of the categories' own type
    nobody = parts.filter(nw.col("_cost").is_null()).select("customer_id", "category")
    whole = whole.join(nobody, on="customer_id", how="left")
    served = served.with_columns(line=nw.lit("cost_to_serve"))
    names = ["customer_id", "line", "category", "_units", "orders", "revenue", "position"]
    lines = nw.concat([frame.select(*names) for frame in (whole, served)])
    lines = lines.with_columns(amount=allocation.quotient(nw.col("_units"), 10.0**places))
    lines = lines.with_columns(revenue=allocation.to_money(nw.col("revenue"), places))
    table = lines.select(
        *("customer_id", "line", "category", "amount"),
        per_order=_ratio("amount", "orders"),
        revenue_share=_ratio("amount", "revenue"),
        position=nw.col("position"),
    )
    return _frames.give(table, like=orders, sort=["customer_id", "position", "category"])


def _statement(
    orders: object, costs: object, rate: float | None, digits: int
) -> tuple[nw.LazyFrame[Any], bool]:
    """Add every line up in whole minor units, and say whether discounts are known."""
    _joins.same_engine(orders, costs, names=("orders", "costs"))
    sold = profitability.margins(orders, rate, digits)
    counts, known = _counted(orders, digits)
    sold = sold.join(counts, on="customer_id", how="left")
    rows = profitability.with_service(sold, costs, digits)
    rows = rows.with_columns(
        gross_sales=nw.col("revenue") + nw.col("discounts"),
        product_cost=nw.col("revenue") - nw.col("gross_margin"),
        net_margin=nw.col("gross_margin") - nw.col("cost_to_serve"),
    )
    return rows.select("customer_id", "orders", *_LINES), known


def _counted(orders: object, digits: int) -> tuple[nw.LazyFrame[Any], bool]:
    """Count the orders of each customer and add up the discounts, 0 where there is no such column."""
    names = _frames.lazy(orders, table="orders").collect_schema().names()
    more = [name for name in ("order_id", "discount") if name in names]
    roles = {"customer_id": "key", "amount": "number", "order_id": "key", "discount": "number"}
    rows = _frames.scan(orders, roles, table="orders", optional=["order_id", "discount"])
    checks = {f"with no {name}": nw.col(name).is_null() for name in more}
    if "discount" in more:
        checks |= allocation.size_check("discount", digits)
    if checks:
        _frames.refuse(rows, checks, table="orders")
    discount = nw.col("discount").cast(nw.Float64) if "discount" in more else nw.lit(0.0)
    rows = rows.with_columns(amount=nw.col("amount").cast(nw.Float64), discount=discount)
    if "order_id" in more:
        sums = (nw.col("amount").sum(), nw.col("discount").sum())
        rows = rows.group_by("customer_id", "order_id").agg(*sums)
    # in minor units, so that an order and its full return are 0 and not a rounding error below it
    order = nw.when(allocation.to_units(nw.col("amount"), digits) >= 0).then(1).otherwise(0)
    counts = rows.with_columns(orders=order).group_by("customer_id")
    table = counts.agg(nw.col("orders").sum(), nw.col("discount").sum())
    discounts = allocation.to_units(nw.col("discount"), digits)
    return table.select(
        "customer_id", nw.col("orders").cast(nw.Int64), discounts=discounts
    ), "discount" in more


def _activity_names(given: str | Sequence[str] | None) -> list[str]:
    listed = [given] if isinstance(given, str) else [] if given is None else given
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        _params.fail("order_activities", "the name of an activity or a list of them", given)
    return list(listed)


def _with_order_cost(
    rows: nw.LazyFrame[Any], costs: object, activities: list[str], digits: int
) -> nw.LazyFrame[Any]:
    """Add the cost of the activities that come with each order, in money, to the statements."""
    parts = _frames.scan(costs, {"customer_id": "key", "activity": "label", "cost": "number"}, table="costs")
    name = nw.col("activity")
    parts = parts.with_columns(
        activity=nw.when(~name.is_null()).then(name.cast(nw.String)), _cost=nw.col("cost").cast(nw.Float64)
    )
    listed = _frames.collect(parts.group_by("activity").agg(nw.len()).sort("activity"))["activity"]
    present = [str(one) for one in listed.dropna()]
    absent = [one for one in activities if one not in present]
    if absent and len(listed):
        msg = (
            f"`costs` must have rows of each activity in `order_activities`. Found none of "
            f"{', '.join(map(repr, absent))}. Present: {', '.join(map(repr, present))}."
        )
        raise DataError(msg)
    parts = parts.filter(name.is_in(activities) & ~nw.col("customer_id").is_null())
    parts = parts.group_by("customer_id").agg(nw.col("_cost").sum())
    rows, parts = _joins.matched(rows, parts, ["customer_id"], names=("orders", "costs"))
    cost = allocation.to_money(allocation.to_units(nw.col("_cost").fill_null(0.0), digits), digits)
    return rows.join(parts, on="customer_id", how="left").with_columns(order_cost=cost)


def _ratio(numerator: str, base: str) -> nw.Expr:
    """Divide one column by another; null where the base is not positive."""
    return nw.when(nw.col(base) > 0).then(nw.col(numerator) / nw.col(base))
