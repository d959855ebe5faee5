"""Show on how few customers the profit rests: the whale curve and its peak.

:func:`whale_curve` adds the customers up from the best to the worst: it climbs to its peak with those who
pay, and falls from there with those who cost more than they bring. :mod:`crmkit.metrics.bands` cuts the same
order into bands. Money is counted in whole minor units.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.stats import allocation


@dataclass(frozen=True, slots=True)
class WhalePeak:
    """The peak of a whale curve: how many customers make the profit, and what the others lose.

    `float()` gives the peak as a share of the total profit.

    Parameters
    ----------
    customers : int
        Customers in the base.
    profitable : int
        Customers with a profit above 0.
    total_profit : float
        Profit of all customers, in money.
    peak_profit : float
        Profit of the profitable ones, the highest point of the curve, in money.

    Examples
    --------
    >>> WhalePeak(customers=4, profitable=3, total_profit=100.0, peak_profit=130.0)
    WhalePeak(130.0 % of profit from 75.0 % of 4 customers; 30 lost after the peak)
    """

    customers: int
    profitable: int
    total_profit: float
    peak_profit: float

    @property
    def customer_share(self) -> float | None:
        """Share of customers at the peak; None without customers."""
        return self.profitable / self.customers if self.customers else None

    @property
    def profit_share(self) -> float | None:
        """Peak as a share of the total profit; None where the total is not positive."""
        return self.peak_profit / self.total_profit if self.total_profit > 0 else None

    @property
    def lost_after_peak(self) -> float:
        """Money that the unprofitable customers lose, at least 0."""
        return self.peak_profit - self.total_profit

    def __float__(self) -> float:
        return math.nan if self.profit_share is None else self.profit_share

    def __repr__(self) -> str:
        if self.customer_share is None:
            return "WhalePeak(no customers)"
        who = f"{self.customer_share:.1%} of {self.customers} customers".replace("%", " %", 1)
        share = self.profit_share
        what = f"{self.peak_profit:,.0f}" if share is None else f"{100 * share:.1f} % of profit"
        return f"WhalePeak({what} from {who}; {self.lost_after_peak:,.0f} lost after the peak)"

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the figures, given and derived, as a plain dictionary.

        Returns
        -------
        dict
            Each figure by its name.

        Examples
        --------
        >>> peak = WhalePeak(customers=4, profitable=3, total_profit=100.0, peak_profit=130.0)
        >>> peak.to_dict()["profit_share"]
        1.3
        """
        return {
            **asdict(self),
            "customer_share": self.customer_share,
            "profit_share": self.profit_share,
            "lost_after_peak": self.lost_after_peak,
        }


def whale_curve(profit: FrameT, *, value: str = "profit", digits: int = 2) -> FrameT:
    """Add up profit over the customers, from the most to the least profitable.

    Parameters
    ----------
    profit : DataFrame
        One row a customer: `customer_id` and the column `value`.
    value : str, default "profit"
        Column with the profit in money: "profit" of `customer_profit`, "net_margin" of `customer_pnl`.
    digits : int, default 2
        Decimals to which profits are taken, 0 to 9.

    Returns
    -------
    DataFrame
        One row a customer, of the kind of `profit`: `rank` from 1, `customer_id`, the column `value`,
        `customer_share` (rank as a share of all customers), `cumulative_profit` in money and
        `cumulative_profit_share`, its share of the total. Sorted by rank.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a customer or profit is null, a profit is above 1e15 minor units, or a customer appears twice.
    ParameterError
        If `digits` is not valid.

    Notes
    -----
    Customers of equal profit are ranked by `customer_id`; the curve is a straight line over them, whatever
    their order. The shares of profit are null where the total is not positive. Without rows the result has
    none.

    References
    ----------
    Kaplan, R. S. and Narayanan, V. G. (2001), "Measuring and Managing Customer Profitability", *Journal of
    Cost Management* 15(5).

    Examples
    --------
    >>> import pandas as pd
    >>> profit = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "profit": [-30, 80, 20, 30]})
    >>> whale_curve(profit)[["rank", "customer_id", "cumulative_profit", "cumulative_profit_share"]]
       rank customer_id  cumulative_profit  cumulative_profit_share
    0     1           b               80.0                      0.8
    1     2           d              110.0                      1.1
    2     3           c              130.0                      1.3
    3     4           a              100.0                      1.0
    """
    places = allocation.minor_digits(digits)
    rows, facts = profits(profit, [_params.column("value", value)], places)
    curve = ranked(rows, value).with_columns(
        _sum=nw.col(value).cum_sum().over(order_by=["_order", "customer_id"]).cast(nw.Int64)
    )
    curve = curve.select(
        "rank",
        "customer_id",
        allocation.to_money(nw.col(value), places).alias(value),
        customer_share=allocation.quotient(nw.col("rank"), max(facts.customers, 1)),
        cumulative_profit=allocation.to_money(nw.col("_sum"), places),
        cumulative_profit_share=share_of(nw.col("_sum"), facts.total),
    )
    return _frames.give(curve, like=profit, sort=["rank"])


def whale_peak(profit: FrameT, *, value: str = "profit", digits: int = 2) -> WhalePeak:
    """Find the peak of the whale curve.

    Parameters
    ----------
    profit : DataFrame
        One row a customer: `customer_id` and the column `value`.
    value : str, default "profit"
        Column with the profit in money: "profit" of `customer_profit`, "net_margin" of `customer_pnl`.
    digits : int, default 2
        Decimals to which profits are taken, 0 to 9.

    Returns
    -------
    WhalePeak
        The customers, how many are profitable, the total and the peak profit, the share of customers and of
        profit at the peak, and the money lost after it. Without rows the shares are None.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a customer or profit is null, a profit is above 1e15 minor units, or a customer appears twice.
    ParameterError
        If `digits` is not valid.

    Notes
    -----
    Customers with a profit of 0 stand after the peak.

    References
    ----------
    Kaplan, R. S. and Narayanan, V. G. (2001), "Measuring and Managing Customer Profitability", *Journal of
    Cost Management* 15(5).

    Examples
    --------
    >>> import pandas as pd
    >>> whale_peak(pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "profit": [-30, 80, 20, 30]}))
    WhalePeak(130.0 % of profit from 75.0 % of 4 customers; 30 lost after the peak)

    Kanthal's figures: 40 % of customers are profitable, the best 5 % make 150 % of the profit and the worst
    10 % lose 120 % of it, so the peak is at least 220 %, the more the other 50 % lose:

    >>> kanthal = [300] * 5 + [20] * 35 + [0] * 50 + [-120] * 10
    >>> whale_peak(pd.DataFrame({"customer_id": range(100), "profit": kanthal}))
    WhalePeak(220.0 % of profit from 40.0 % of 100 customers; 1,200 lost after the peak)
    """
    places = allocation.minor_digits(digits)
    _, facts = profits(profit, [_params.column("value", value)], places)
    unit = 10.0**places
    return WhalePeak(facts.customers, facts.profitable, facts.total / unit, facts.gained / unit)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of all customers together, in whole minor units."""

    customers: int
    profitable: int
    total: int
    gained: int


def profits(profit: object, columns: list[str], digits: int) -> tuple[nw.LazyFrame[Any], Facts]:
    """Open a table of customers with money columns in minor units, and sum its first one up in one query."""
    roles = {"customer_id": "key", **dict.fromkeys(columns, "number")}
    rows = _frames.scan(profit, roles, table="profit")
    repeats = rows.group_by("customer_id").agg(_rows=nw.len())
    rows = rows.with_columns(*(nw.col(name).cast(nw.Float64) for name in columns))
    checks = {f"with no {name}": nw.col(name).is_null() for name in ("customer_id", *columns)}
    for name in columns:
        checks |= allocation.size_check(name, digits)
    _frames.refuse(rows, checks, table="profit")
    _frames.refuse(repeats, {"with a repeated customer_id": nw.col("_rows") > 1}, table="profit")
    rows = rows.with_columns(*(allocation.to_units(nw.col(name), digits) for name in columns))
    amount = nw.col(columns[0])
    marked = rows.select(
        total=amount,
        gained=nw.when(amount > 0).then(amount).otherwise(0),
        profitable=nw.when(amount > 0).then(1).otherwise(0),
    )
    sums = marked.select(nw.len().alias("customers"), nw.col("profitable", "total", "gained").sum())
    customers, profitable, total, gained = (int(x) for x in _frames.collect(sums).fillna(0).iloc[0])
    return rows, Facts(customers, profitable, total, gained)


def ranked(rows: nw.LazyFrame[Any], column: str) -> nw.LazyFrame[Any]:
    """Rank the customers from the highest value of a column; equal ones by their key."""
    # negated because a window orders upwards
    rows = rows.with_columns(_order=0 - nw.col(column))
    rank = nw.col("_order").cum_count().over(order_by=["_order", "customer_id"])
    return rows.with_columns(rank=rank.cast(nw.Int64))


def share_of(units: nw.Expr, total: int) -> nw.Expr:
    """Express units as a share of a total; null where the total is not positive."""
    if total <= 0:
        return nw.lit(None, nw.Float64)
    return allocation.quotient(units, total)
