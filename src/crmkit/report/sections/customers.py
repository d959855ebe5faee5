"""Who the customers are: how many, how unequal, who they are where the customers' table says it."""

from typing import TYPE_CHECKING

from crmkit.metrics import pareto, whale_curve
from crmkit.plot.metrics import concentration_curve
from crmkit.report import numerals as say
from crmkit.report.company import Company, Missing
from crmkit.report.document import Heading, Section, Table, rows_of
from crmkit.report.pictures import picture
from crmkit.stats import Interval, proportion

if TYPE_CHECKING:
    import pandas as pd

KEY, TITLE = "customers", "Who the customers are"
_BANDS = (0.01, 0.05, 0.2, 0.5)
_LABELS = ("region", "segment", "channel", "gender")
_MOST = 8
_YEAR = 365


def customers(company: Company) -> Section:
    """Describe the customers by what they bought.

    Parameters
    ----------
    company : Company
        Needs orders; uses customers.

    Returns
    -------
    Section
        Concentration of revenue, one-time buyers, revenue by the labels of the customers' table.
    """
    orders = company.table("orders")
    base = bought(company, orders).rename(columns={"monetary": "revenue", "frequency": "days"})
    bands = pareto(base.rename(columns={"revenue": "profit"}), cuts=_BANDS)
    fifth = float(bands["cumulative_value_share"].iloc[2])
    once = proportion(int((base["days"] == 1).sum()), len(base))
    active = proportion(int((base["recency_days"] < _YEAR).sum()), len(base))
    revenue = float(base["revenue"].sum())
    facts = {
        "customers": len(base),
        "revenue": revenue,
        "revenue_per_customer": revenue / len(base),
        "median_revenue": float(base["revenue"].median()),
        "share_of_top_20_percent": fifth,
        "bought_once": once.to_dict(),
        "bought_in_last_365_days": active.to_dict(),
        "orders_without_amount": int(orders["amount"].isna().sum()),
        "customers_without_purchase": int(orders["customer_id"].nunique()) - len(base),
        "revenue_without_purchase": float(orders["amount"].sum()) - revenue,
    }
    return Section(
        KEY,
        TITLE,
        _headline(fifth, once.estimate),
        _base(company, orders, base),
        facts,
        _shown(company, base["revenue"], once, active),
        (_band_table(bands), *_label_tables(company, base)),
        (
            picture(
                "customers",
                "Concentration of revenue",
                f"The best 20 per cent of {len(base)} customers make {100 * fifth:.0f} per cent of the "
                "revenue.",
                lambda width: concentration_curve(_curve(base), width=width),
            ),
        )
        if revenue > 0
        else (),
        _action(company, base, once.estimate),
    )


def bought(company: Company, orders: "pd.DataFrame") -> "pd.DataFrame":
    """Measure each customer who bought, or say that nobody did."""
    found = company.buyers(orders)
    if found.empty:
        msg = "no row of the orders is a purchase: all are returns or have no amount"
        raise Missing(msg)
    return found


def _curve(base: "pd.DataFrame") -> "pd.DataFrame":
    return whale_curve(base[["customer_id", "revenue"]].rename(columns={"revenue": "profit"}))


def _shown(
    company: Company, revenue: "pd.Series[float]", once: Interval, active: Interval
) -> tuple[tuple[str, str, str], ...]:
    return (
        ("customers who bought", say.integer(len(revenue)), f"revenue {company.money(revenue.sum())}"),
        (
            "revenue per customer",
            company.money(revenue.mean()),
            f"half of them brought less than {company.money(revenue.median())}",
        ),
        ("bought on one day only", say.share(once.estimate), say.interval(once.lower, once.upper, once.n)),
        (
            "bought in the last 365 days",
            say.share(active.estimate),
            say.interval(active.lower, active.upper, active.n),
        ),
    )


def _headline(fifth: float, once: float) -> str:
    if say.missing(fifth):
        return f"{say.share(once)} of the customers bought on one day only."
    return (
        f"The best 20{say.SPACE}% of customers make {say.share(fifth)} of the revenue; {say.share(once)} "
        "of all customers bought on one day only."
    )


def _base(company: Company, orders: "pd.DataFrame", base: "pd.DataFrame") -> tuple[str, ...]:
    first, last = orders["order_date"].min(), orders["order_date"].max()
    lines = [
        f"{say.count(len(base), *say.CUSTOMERS)} in {say.count(len(orders), *say.ROWS)} of orders from "
        f"{say.date(first)} to {say.date(last)}; as of {say.date(company.as_of)}.",
        "Revenue is net of returns. The shares of money are counts of this base, not estimates; the "
        "intervals of the shares of customers (Wilson) hold for customers like these.",
    ]
    others = orders[~orders["customer_id"].isin(base["customer_id"])]
    if len(others):
        people = say.count(others["customer_id"].nunique(), *say.CUSTOMERS)
        lines.append(
            f"Not counted: {people} with nothing but returns or rows "
            f"without an amount, {company.money(others['amount'].sum())} in all."
        )
    missing = int(orders["amount"].isna().sum())
    if missing:
        lines.append(
            f"{say.count(missing, 'row has no amount and counts', 'rows have no amount and count')} as 0."
        )
    return tuple(lines)


def _band_table(bands: "pd.DataFrame") -> Table:
    names = ["best 1 %", "next 4 %", "next 15 %", "next 30 %", "other half"]
    rows = bands.rename(columns={"profit": "revenue"}).assign(
        who=[name.replace(" %", f"{say.SPACE}%") for name in names],
        each=lambda one: one["revenue"] / one["customers"].where(one["customers"] > 0),
    )
    return Table(
        "revenue_bands",
        "Revenue by rank of customer",
        (
            Heading("who", "customers"),
            Heading("customers", "number", "integer"),
            Heading("revenue", "revenue", "money"),
            Heading("value_share", "share", "share"),
            Heading("cumulative_value_share", "cumulative", "share"),
            Heading("each", "each", "money"),
        ),
        rows_of(rows),
    )


def _label_tables(company: Company, base: "pd.DataFrame") -> list[Table]:
    if not company.has("customers"):
        return []
    people = company.tables["customers"].drop_duplicates("customer_id")
    labels = [name for name in _LABELS if name in people and people[name].notna().any()][:2]
    joined = base.merge(people[["customer_id", *labels]], on="customer_id", how="left")
    return [_label_table(joined, label) for label in labels]


def _label_table(joined: "pd.DataFrame", label: str) -> Table:
    names = joined[label].fillna("(not known)").astype(str)
    sums = joined.assign(who=names).groupby("who", as_index=False)
    table = sums.agg(customers=("customer_id", "size"), revenue=("revenue", "sum"))
    table = table.sort_values(["revenue", "who"], ascending=[False, True])
    others = len(table) - _MOST + 1
    if others > 1:
        rest = table.iloc[_MOST - 1 :][["customers", "revenue"]].sum()
        table = table.head(_MOST - 1)
        table.loc[len(names)] = [f"{others} others", *rest]
    table = table.assign(
        customer_share=table["customers"] / len(joined),
        revenue_share=table["revenue"] / joined["revenue"].sum(),
        each=table["revenue"] / table["customers"],
    )
    return Table(
        f"by_{label}",
        f"Customers and revenue by {label}",
        (
            Heading("who", label),
            Heading("customers", "customers", "integer"),
            Heading("customer_share", "share", "share"),
            Heading("revenue", "revenue", "money"),
            Heading("revenue_share", "share", "share"),
            Heading("each", "each", "money"),
        ),
        rows_of(table.astype({"customers": int})),
    )


def _action(company: Company, base: "pd.DataFrame", once: float) -> tuple[str, ...]:
    if not base["revenue"].sum() > 0:
        return ("Find out why everything came back: returns took all of the revenue.",)
    ranked = base["revenue"].sort_values(ascending=False).cumsum()
    half = int((ranked < ranked.iloc[-1] / 2).sum()) + 1
    edge = float(base["revenue"].nlargest(half).iloc[-1])
    lines = [
        f"Give a name and a contact plan to the {say.count(half, *say.CUSTOMERS)} "
        f"({say.share(half / len(base))}) behind half of the revenue: everyone from "
        f"{company.money(edge)} up.",
    ]
    if once > 0.3:
        count = int((base["days"] == 1).sum())
        lines.append(
            f"Win the second purchase: {say.count(count, *say.CUSTOMERS)} bought once. It is the cheapest "
            "growth on this page, and the segments below say whom to ask first."
        )
    return tuple(lines)
