"""Cost to serve, the profit of each customer, the whale curve and the matrix of price and cost to serve."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmkit import _params
from crmkit.metrics import (
    WhalePeak,
    allocate_costs,
    customer_profit,
    pareto,
    reconcile,
    whale_curve,
    whale_peak,
)
from crmkit.plot.metrics import whale_chart
from crmkit.plot.segmentation import matrix_chart
from crmkit.report import numerals as say
from crmkit.report.company import Company, Missing
from crmkit.report.document import Heading, Picture, Section, Table, rows_of
from crmkit.report.pictures import picture
from crmkit.segmentation import SHAPIRO, Axis, cell_counts, classify
from crmkit.stats import Interval, proportion

if TYPE_CHECKING:
    import pandas as pd

KEY, TITLE = "profit", "Cost to serve and customer profit"
_QUINTILES = (0.2, 0.4, 0.6, 0.8)
_NEAR = 0.1
_WORST = 10
_PRICE, _SERVICE = "gross margin per 100 of sales", "cost to serve per 100 of sales"
_MATRIX = dataclasses.replace(SHAPIRO, axes=(Axis("net_price", _PRICE), Axis("cost_to_serve_rate", _SERVICE)))


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """What the costing gives."""

    profits: "pd.DataFrame"
    costs: "pd.DataFrame"
    reconciled: dict[str, float]
    start: Any
    peak: WhalePeak
    profitable: Interval


def profit(company: Company) -> Section:
    """Allocate the costs to customers and find who pays for whom.

    Parameters
    ----------
    company : Company
        Needs orders, activities and drivers, and the cost of the goods or the assumed gross margin.

    Returns
    -------
    Section
        Reconciled costs, whale curve, profit by quintile of sales, matrix with strategies, worst customers.
    """
    result = _costing(company)
    placed = _place(result.profits)
    facts = _facts(result)
    return Section(
        KEY,
        TITLE,
        _headline(company, result),
        _base(company, result, placed),
        facts,
        _shown(company, result),
        (
            _quintiles(result.profits),
            _cells(placed),
            _activity_table(result),
            *_worst(placed),
        ),
        _pictures(company, result, placed),
        _action(company, placed),
    )


def _costing(company: Company) -> _Result:
    activities, drivers = company.table("activities"), company.table("drivers")
    orders = company.table("orders")
    rate = company.assumptions.gross_margin
    if "cost" in orders:
        rate = None
    elif rate is None:
        msg = "orders have no cost of goods (column cost), and no gross_margin is assumed"
        raise Missing(msg)
    start = _start(company, orders)
    sold = orders[orders["order_date"] >= start]
    if sold.empty:
        msg = f"there are no orders in the period of the costs, from {say.date(start)}"
        raise Missing(msg)
    costs = allocate_costs(activities, drivers)
    profits = customer_profit(sold, costs[["customer_id", "cost"]], gross_margin_rate=rate)
    peak = whale_peak(profits)
    reconciled = reconcile(costs, activities).iloc[0].to_dict()
    if company.has("ledger"):
        ledger = company.tables["ledger"]
        reconciled["ledger_table"] = round(float(ledger["cost"].sum()), 2)
    shares = proportion(peak.profitable, peak.customers)
    return _Result(profits, costs, {str(k): float(v) for k, v in reconciled.items()}, start, peak, shares)


def _start(company: Company, orders: "pd.DataFrame") -> Any:
    """Return the first day that the costs cover."""
    if company.assumptions.costs_from is not None:
        return _params.date("costs_from", company.assumptions.costs_from)
    if company.has("ledger", "period") and company.tables["ledger"]["period"].notna().any():
        return company.tables["ledger"]["period"].min()
    return orders["order_date"].min()


def _place(profits: "pd.DataFrame") -> "pd.DataFrame":
    """Place each customer who bought in the matrix, cut at the averages of the whole company."""
    bought = profits["revenue"] > 0
    share = profits["revenue"].where(bought)
    placed = profits.assign(
        net_price=100 * profits["gross_margin"] / share,
        cost_to_serve_rate=100 * profits["cost_to_serve"] / share,
    )
    return classify(placed, _MATRIX, cuts=_cuts(profits))


def _cuts(profits: "pd.DataFrame") -> dict[str, float]:
    sums = profits.loc[profits["revenue"] > 0, ["revenue", "gross_margin", "cost_to_serve"]].sum()
    if not sums["revenue"] > 0:
        msg = "no customer has a positive revenue in the period of the costs"
        raise Missing(msg)
    return {
        "net_price": float(100 * sums["gross_margin"] / sums["revenue"]),
        "cost_to_serve_rate": float(100 * sums["cost_to_serve"] / sums["revenue"]),
    }


def _facts(result: _Result) -> dict[str, Any]:
    sums = result.profits[["revenue", "gross_margin", "cost_to_serve", "profit"]].sum()
    return {
        "costs_from": result.start,
        "reconciliation": result.reconciled,
        **{str(name): round(float(value), 2) for name, value in sums.items()},
        "whale_peak": result.peak.to_dict(),
        "share_profitable": result.profitable.to_dict(),
        "matrix_cuts": _cuts(result.profits),
    }


def _headline(company: Company, result: _Result) -> str:
    peak, share = result.peak, say.share(result.profitable.estimate)
    if peak.profitable == peak.customers:
        return f"All {say.integer(peak.customers)} customers pay for what it costs to serve them."
    if peak.profit_share is None:
        return (
            f"{share} of customers are profitable: they earn {company.money(peak.peak_profit)}, and the "
            f"others lose {company.money(peak.lost_after_peak)}."
        )
    return (
        f"{share} of customers are profitable and make {say.share(peak.profit_share)} of the profit; "
        f"serving the others costs {company.money(peak.lost_after_peak)} of it."
    )


def _base(company: Company, result: _Result, placed: "pd.DataFrame") -> tuple[str, ...]:
    found, interval = result.reconciled, result.profitable
    lines = [
        f"{say.count(result.peak.customers, *say.CUSTOMERS)}, orders and costs from {say.date(result.start)} "
        f"to {say.date(company.as_of)}. Share of profitable customers: "
        f"{say.interval(interval.lower, interval.upper, interval.n)} (Wilson).",
        f"Costs reconcile: {say.decimal(found['allocated'], 2)} allocated + "
        f"{say.decimal(found['unassigned'], 2)} unassigned = {say.decimal(found['ledger'], 2)} in the "
        f"activities; difference {say.decimal(found['difference'], 2)}. Unassigned cost is no customer's "
        "and not in the profits.",
    ]
    if "ledger_table" in found:
        gap = round(found["ledger"] - found["ledger_table"], 2)
        than = "less" if gap > 0 else "more"
        lines.append(
            f"The ledger up to {say.date(company.as_of)} says {say.decimal(found['ledger_table'], 2)}"
            + (": the same." if gap == 0 else f": {say.decimal(abs(gap), 2)} {than} than the activities.")
        )
    missing = int(placed["cell"].isna().sum())
    lines.append(
        "The matrix (Shapiro) compares each customer with the average of the whole company, per 100 of sales"
        + (f"; left out: {say.count(missing, *say.CUSTOMERS)} without positive sales." if missing else ".")
    )
    return tuple(lines)


def _shown(company: Company, result: _Result) -> tuple[tuple[str, str, str], ...]:
    sums = result.profits[["revenue", "gross_margin", "cost_to_serve", "profit"]].sum()
    return (
        (
            "gross margin",
            company.money(sums["gross_margin"]),
            f"on sales of {company.money(sums['revenue'])}",
        ),
        (
            "cost to serve",
            company.money(sums["cost_to_serve"]),
            f"{company.money(result.reconciled['unassigned'])} more is unassigned",
        ),
        ("customer profit", company.money(sums["profit"]), "gross margin less cost to serve"),
        (
            "lost on unprofitable customers",
            company.money(result.peak.lost_after_peak),
            say.count(result.peak.customers - result.peak.profitable, *say.CUSTOMERS),
        ),
    )


def _quintiles(profits: "pd.DataFrame") -> Table:
    table = pareto(profits, cuts=_QUINTILES, rank_by="revenue")
    names = ["biggest fifth", "second", "third", "fourth", "smallest fifth"]
    return Table(
        "profit_by_sales_quintile",
        "Profit by fifth of customers, ranked by sales",
        (
            Heading("who", "by sales"),
            Heading("customers", "customers", "integer"),
            Heading("profit", "profit", "money"),
            Heading("value_share", "share", "share"),
        ),
        rows_of(table.assign(who=names)),
    )


def _cells(placed: "pd.DataFrame") -> Table:
    table = cell_counts(placed, _MATRIX, value="profit")
    near = placed[placed["boundary_sigmas"] < _NEAR].groupby("cell").size()
    table = table.assign(near=table["cell"].map(near).fillna(0).astype(int))
    table = table[table["cell"].notna() | (table["customers"] > 0)]
    table["cell"] = table["cell"].fillna("(no sales)")
    return Table(
        "matrix",
        "The matrix: price and cost to serve, against the company's average",
        (
            Heading("cell", "cell"),
            Heading("customers", "customers", "integer"),
            Heading("profit", "profit", "money"),
            Heading("near", "near a line", "integer"),
            Heading("strategy", "strategy"),
        ),
        rows_of(table),
    )


def _activity_table(result: _Result) -> Table:
    by = [name for name in ("activity", "category") if name in result.costs]
    table = result.costs.groupby(by, dropna=False, as_index=False).agg(
        cost=("cost", "sum"),
        customers=("customer_id", "nunique"),
        quantity=("quantity", "sum"),
        unassigned=("unassigned", "max"),
    )
    table = table.sort_values("cost", ascending=False).assign(cost=lambda one: one["cost"].round(2))
    table["share"] = table["cost"] / table["cost"].sum()
    table["rate"] = (table["cost"] / table["quantity"]).where(~table["unassigned"].astype(bool))
    category = (Heading("category", "category", spare=True),) if "category" in by else ()
    return Table(
        "activities",
        "What it costs to serve, by activity",
        (
            Heading("activity", "activity"),
            *category,
            Heading("cost", "cost", "money"),
            Heading("share", "share", "share"),
            Heading("customers", "customers", "integer"),
            Heading("rate", "per driver unit", "money"),
        ),
        rows_of(table),
    )


def _worst(placed: "pd.DataFrame") -> tuple[Table, ...]:
    worst = placed[placed["profit"] < 0].sort_values(["profit", "customer_id"]).head(_WORST)
    table = Table(
        "largest_losses",
        "The customers who lose most" if len(worst) > 1 else "The customer who makes a loss",
        (
            Heading("customer_id", "customer"),
            Heading("revenue", "sales", "money"),
            Heading("gross_margin", "gross margin", "money"),
            Heading("cost_to_serve", "cost to serve", "money"),
            Heading("profit", "profit", "money"),
            Heading("cell", "cell"),
        ),
        rows_of(worst),
    )
    return (table,) if len(worst) else ()


def _pictures(company: Company, result: _Result, placed: "pd.DataFrame") -> tuple[Picture, ...]:
    curve, peak = whale_curve(result.profits), result.peak
    share = 100 * (peak.customer_share or 0)
    cuts = {name: (cut,) for name, cut in _cuts(result.profits).items()}
    whale = picture(
        "whale",
        "Whale curve: cumulative profit, the best customers first",
        f"Profit rises until {share:.0f} per cent of the customers and falls after that.",
        lambda width: whale_chart(curve, unit=company.currency, width=width),
    )
    matrix = picture(
        "matrix",
        "Customers by price and cost to serve; those beyond the picture stand on its edge",
        "Each dot is a customer; the lines are the averages of the company.",
        lambda width: matrix_chart(placed, _MATRIX, cuts=cuts, width=width),
    )
    return whale, matrix


def _action(company: Company, placed: "pd.DataFrame") -> tuple[str, ...]:
    lines = []
    counts = cell_counts(placed, _MATRIX, value="profit").set_index("cell")
    for cell in ("aggressive", "passive"):
        row = counts.loc[cell]
        if row["customers"]:
            lines.append(
                f"{say.count(row['customers'], 'customer is', 'customers are')} {cell} (profit "
                f"{company.money(row['profit'])}): {row['strategy']}."
            )
    losing = placed[placed["profit"] < 0].nsmallest(_WORST, "profit")
    if len(losing):
        lines.append(
            f"Talk first to the {say.count(len(losing), *say.CUSTOMERS)} with the largest losses, "
            f"{company.money(-losing['profit'].sum())} in all: price, order size or service has to change. "
            "Those near a line of the matrix may move with a small change."
        )
    return tuple(lines)
