"""Flag strategically significant customers, each flag with its evidence, and cost magnets among them.

Four kinds: a high lifetime value; a benchmark, whom others follow; an inspiration, who makes the company
better; a cost magnet, who absorbs more fixed cost than the share of activity would ask for, so that others
can be profitable. The kinds are the source's; how much evidence is enough is our convention, and can be
replaced.
"""

from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.metrics import concentration
from crmkit.stats import allocation

_COUNTED = {"benchmark": "followers", "inspiration": "improvements"}
_MAGNET = ("activity_quantity", "fixed_cost")


def cost_magnets(
    customers: FrameT, *, min_ratio: float = 1.2, min_fixed_share: float = 0.05, digits: int = 2
) -> FrameT:
    """Compare each customer's share of fixed cost absorbed with the share of the activity.

    Parameters
    ----------
    customers : DataFrame
        One row a customer: `customer_id`, `activity_quantity` ≥ 0 in units of the activity, such as
        processing hours, and `fixed_cost` ≥ 0 absorbed, in money.
    min_ratio : float, default 1.2
        Share of fixed cost over share of activity from which a customer is a magnet, at least 1.
    min_fixed_share : float, default 0.05
        Share of all fixed cost from which a customer is a magnet, 0 to 1.
    digits : int, default 2
        Decimals to which both columns are taken, 0 to 9.

    Returns
    -------
    DataFrame
        One row a customer, of the kind of `customers`: `customer_id`, `activity_share`, `fixed_cost_share`,
        `magnet_ratio` (the second over the first) and `cost_magnet`, true from both limits on. Sorted by
        customer.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a customer or number is null, a number is negative or above 1e15 units, or a customer appears
        twice.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    A share is null where its total is 0, and the ratio where the activity is 0; a customer who absorbs fixed
    cost without any activity is a magnet if the share is large enough. The limits are our convention.
    Without rows the result has none.

    References
    ----------
    The oil-seed processor whose two largest customers take 60 % of processing time and absorb 85 % of fixed
    cost: a ratio of 1.42.

    Examples
    --------
    >>> import pandas as pd
    >>> base = pd.DataFrame({
    ...     "customer_id": ["retailer", "snacks", "the others"],
    ...     "activity_quantity": [25, 35, 40],
    ...     "fixed_cost": [40, 45, 15],
    ... })
    >>> cost_magnets(base).round(2)
      customer_id  activity_share  fixed_cost_share  magnet_ratio  cost_magnet
    0    retailer            0.25              0.40          1.60         True
    1      snacks            0.35              0.45          1.29         True
    2  the others            0.40              0.15          0.37        False
    """
    rows = _magnets(customers, min_ratio, min_fixed_share, digits)
    return _frames.give(rows, like=customers, sort=["customer_id"])


def _magnets(customers: object, min_ratio: float, min_fixed_share: float, digits: int) -> nw.LazyFrame[Any]:
    least = _params.number("min_ratio", min_ratio, low=1)
    large = _params.share("min_fixed_share", min_fixed_share)
    places = allocation.minor_digits(digits)
    rows = _unique(customers, dict.fromkeys(_MAGNET, "number"), _MAGNET)
    _frames.refuse(
        rows,
        {text: check for name in _MAGNET for text, check in allocation.size_check(name, places).items()},
        table="customers",
    )
    rows = rows.with_columns(*(allocation.to_units(nw.col(name), places) for name in _MAGNET))
    totals = _frames.collect(rows.select(nw.col(*_MAGNET).sum())).fillna(0).iloc[0]
    shares = rows.select(
        "customer_id",
        activity_share=concentration.share_of(nw.col("activity_quantity"), int(totals["activity_quantity"])),
        fixed_cost_share=concentration.share_of(nw.col("fixed_cost"), int(totals["fixed_cost"])),
    )
    part, fixed = nw.col("activity_share"), nw.col("fixed_cost_share")
    ratio = nw.when(part > 0).then(fixed / part)
    # multiplied out, so that a customer without activity is compared too
    met = (fixed > 0) & (fixed >= large) & (fixed >= part.fill_null(0.0) * least)
    return shares.with_columns(magnet_ratio=ratio, cost_magnet=met.fill_null(False))


def _unique(customers: object, roles: dict[str, str], known: tuple[str, ...]) -> nw.LazyFrame[Any]:
    """Open a table of one row a customer whose numbers are at least 0, those of `known` never null."""
    rows = _frames.scan(customers, {"customer_id": "key", **roles})
    repeats = rows.group_by("customer_id").agg(_rows=nw.len())
    _frames.refuse(
        rows.join(repeats, on="customer_id", how="left"),
        {
            **{f"with no {name}": nw.col(name).is_null() for name in ("customer_id", *known)},
            "with a repeated customer_id": nw.col("_rows") > 1,
            **{f"with a negative {name}": nw.col(name) < 0 for name in roles if name != "lifetime_value"},
        },
        table="customers",
    )
    return rows


def significant_customers(
    customers: FrameT,
    *,
    top_share: float = 0.2,
    min_followers: int = 1,
    min_improvements: int = 1,
    min_ratio: float = 1.2,
    min_fixed_share: float = 0.05,
    digits: int = 2,
) -> FrameT:
    """Flag strategically significant customers of four kinds, each flag with its evidence.

    Parameters
    ----------
    customers : DataFrame
        One row a customer: `customer_id` and the evidence there is: `lifetime_value` in money;
        `followers`, the customers known to copy or to have been referred by this one; `improvements`, the
        products, uses or processes that the customer inspired; `activity_quantity` with `fixed_cost`.
    top_share : float, default 0.2
        Share of customers whose lifetime value, if positive, is high; above 0 and at most 1.
    min_followers, min_improvements : int, default 1
        From how many on a customer is a benchmark, or an inspiration; at least 1.
    min_ratio, min_fixed_share : float
        As in `cost_magnets`; 1.2 and 0.05 if left out.
    digits : int, default 2
        Decimals to which money and activity are taken, 0 to 9.

    Returns
    -------
    DataFrame
        One row a customer and kind for which there is evidence, of the kind of `customers`: `customer_id`,
        `significance` ("high lifetime value", "benchmark", "inspiration" or "cost magnet"), `significant`,
        `evidence` (the column, or "magnet_ratio"), `value`, its value for the customer, and `threshold`, the
        least value that is significant. Sorted by customer and significance.

    Raises
    ------
    ColumnError
        If a column is of the wrong type, or none of the evidence is there.
    DataError
        If a customer is null or appears twice, or a count, activity or fixed cost is negative, or an activity
        or fixed cost is null.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    A null value is no evidence: the flag is false and the value null. Customers of the same lifetime value
    as the last one of the top share are significant too. How much evidence is enough is our convention.
    Without rows the result has none.

    References
    ----------
    Buttle, F. (2009), *Customer Relationship Management*, on strategically significant customers; the four
    kinds are his.

    Examples
    --------
    >>> import pandas as pd
    >>> base = pd.DataFrame({
    ...     "customer_id": ["drinks", "fleet", "shop"], "lifetime_value": [0, 10, 500],
    ...     "followers": [40, 0, 0], "improvements": [0, 1, 0],
    ... })
    >>> flags = significant_customers(base)
    >>> flags.loc[flags["significant"], ["customer_id", "significance", "value", "threshold"]]
      customer_id         significance  value  threshold
    0      drinks            benchmark   40.0        1.0
    5       fleet          inspiration    1.0        1.0
    7        shop  high lifetime value  500.0      500.0
    """
    high = _params.number("top_share", top_share, low=0, high=1, open_low=True)
    least = {
        "benchmark": _params.integer("min_followers", min_followers, low=1),
        "inspiration": _params.integer("min_improvements", min_improvements, low=1),
    }
    names = _frames.lazy(customers).collect_schema().names()
    parts = []
    if "lifetime_value" in names:
        parts.append(_valuable(customers, high))
    for kind, column in _COUNTED.items():
        if column in names:
            rows = _unique(customers, {column: "number"}, ())
            parts.append(_flag(rows, kind, column, float(least[kind])))
    if set(_MAGNET) & set(names):
        magnets = _magnets(customers, min_ratio, min_fixed_share, digits)
        met = nw.col("cost_magnet")
        parts.append(_flag(magnets, "cost magnet", "magnet_ratio", float(min_ratio), met=met))
    if not parts:
        wanted = ", ".join(map(repr, ("lifetime_value", *_COUNTED.values(), *_MAGNET)))
        msg = f"`customers` must have evidence: one of the columns {wanted}. Present: {', '.join(names)}."
        raise ColumnError(msg)
    return _frames.give(nw.concat(parts), like=customers, sort=["customer_id", "significance"])


def _valuable(customers: object, high: float) -> nw.LazyFrame[Any]:
    """Flag the customers whose lifetime value is positive and among the highest."""
    rows = _unique(customers, {"lifetime_value": "number"}, ())
    known = rows.filter(~nw.col("lifetime_value").is_null())
    count = int(_frames.collect(known.select(nw.len().alias("n")))["n"].iloc[0])
    last = max(1, int(high * count + 0.5))
    ranked = known.with_columns(_order=0 - nw.col("lifetime_value"))
    place = nw.col("_order").cum_count().over(order_by=["_order", "customer_id"])
    edge = ranked.with_columns(_rank=place).filter(nw.col("_rank") == last)
    found = _frames.collect(edge.select("lifetime_value"))["lifetime_value"].tolist()
    threshold = max(float(found[0]), 0.0) if found else 0.0
    met = (nw.col("lifetime_value") >= threshold) & (nw.col("lifetime_value") > 0)
    return _flag(rows, "high lifetime value", "lifetime_value", threshold, met=met)


def _flag(
    rows: nw.LazyFrame[Any], kind: str, column: str, threshold: float, *, met: nw.Expr | None = None
) -> nw.LazyFrame[Any]:
    value = nw.col(column).cast(nw.Float64)
    reached = value >= threshold if met is None else met
    return rows.select(
        "customer_id",
        nw.lit(kind).alias("significance"),
        reached.fill_null(False).alias("significant"),
        nw.lit(column).alias("evidence"),
        value.alias("value"),
        nw.lit(threshold).alias("threshold"),
    )
