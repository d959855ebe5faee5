"""What a customer is worth: margin of a year times the multiple that retention and discount decide."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmkit.clv import (
    LifetimeValue,
    company_value,
    lifetime_value,
    lifetime_value_table,
    margin_multiple_table,
    what_if,
)
from crmkit.plot.clv import retention_curve
from crmkit.report import numerals as say
from crmkit.report.company import Company, Missing
from crmkit.report.document import Heading, Picture, Section, Table, rows_of
from crmkit.report.pictures import picture
from crmkit.stats import Interval, proportion

if TYPE_CHECKING:
    import pandas as pd

KEY, TITLE = "value", "What a customer is worth"
_YEAR = 365
_POINTS = 0.05
_LEAST_DAYS = 90


@dataclass(frozen=True, slots=True)
class _Year:
    """What the last two years say about margin and retention."""

    buyers: int
    margin: float
    before: int
    retention: Interval
    of_what: str
    since: "pd.Timestamp"
    assumed: bool


def value(company: Company) -> Section:
    """Value the customers of the last year by the margin multiple.

    Parameters
    ----------
    company : Company
        Needs orders from more than a year ago; uses the cost of their goods or the assumed gross margin.

    Returns
    -------
    Section
        Margin, retention, lifetime value with the interval that retention gives it, what five points bring.
    """
    orders = company.table("orders")
    year = _year(company, orders)
    discount = company.assumptions.discount
    r = year.retention
    worth = lifetime_value(year.margin, retention=r.estimate, discount=discount)
    ends = [
        float(lifetime_value(year.margin, retention=one, discount=discount)) for one in (r.lower, r.upper)
    ]
    better = what_if(worth, retention=min(r.estimate + _POINTS, 1.0))
    gain = float(
        lifetime_value(year.margin, retention=min(r.estimate + _POINTS, 1), discount=discount)
    ) - float(worth)
    base = company_value(year.buyers, worth)
    facts = {
        "customers": year.buyers,
        "margin_per_customer_and_year": year.margin,
        "margin_is": year.of_what,
        "retention": r.to_dict(),
        "discount": discount,
        "multiple": float(worth.multiple),
        "lifetime_value": float(worth),
        "lifetime_value_lower": min(ends),
        "lifetime_value_upper": max(ends),
        "value_of_all": float(base),
        "gain_from_5_points_of_retention": gain,
        "what_if": repr(better),
    }
    return Section(
        KEY,
        TITLE,
        _headline(company, year, float(worth), ends),
        _base(company, year),
        facts,
        _shown(company, year, worth, ends),
        (_multiples(company, year),),
        (_picture(company, year),),
        _action(company, year, float(worth), ends[0], gain),
    )


def _year(company: Company, orders: "pd.DataFrame") -> _Year:
    import pandas as pd

    age = (pd.Timestamp(company.as_of) - orders["order_date"].dt.normalize()).dt.days
    last, before = orders[age < _YEAR], orders[(age >= _YEAR) & (age < 2 * _YEAR)]
    bought, earlier = ({*company.buyers(one)["customer_id"]} for one in (last, before))
    if not bought or not earlier:
        msg = "retention needs purchases in each of the last two years; one of them has none"
        raise Missing(msg)
    since = before["order_date"].min().normalize()
    covered = int(age[age >= _YEAR].max()) - _YEAR + 1
    if covered < _LEAST_DAYS:
        msg = (
            f"retention needs a base of at least {_LEAST_DAYS} days of orders more than a year old; there "
            f"are {covered}, which would show the most frequent buyers only"
        )
        raise Missing(msg)
    margin, of_what, assumed = _margin(company, last)
    retention = proportion(len(earlier & bought), len(earlier))
    return _Year(len(bought), margin / len(bought), len(earlier), retention, of_what, since, assumed)


def _margin(company: Company, orders: "pd.DataFrame") -> tuple[float, str, bool]:
    """Add up the margin, and say what it is and whether it is the assumed share of sales."""
    sales = float(orders["amount"].sum())
    if "cost" in orders and orders["cost"].notna().all():
        return sales - float(orders["cost"].sum()), "gross margin", False
    if company.assumptions.gross_margin is not None:
        return sales * company.assumptions.gross_margin, "gross margin", True
    return sales, "revenue", False


def _shown(
    company: Company, year: _Year, worth: LifetimeValue, ends: list[float]
) -> tuple[tuple[str, str, str], ...]:
    r = year.retention
    return (
        (
            f"{year.of_what} per customer a year",
            company.money(year.margin),
            f"n {say.integer(year.buyers)}, who bought in the last 365 days",
        ),
        ("retention a year", say.rate(r.estimate), say.interval(r.lower, r.upper, r.n)),
        (
            "multiple",
            say.decimal(float(worth.multiple), 2),
            f"at a discount rate of {say.share(company.assumptions.discount)}",
        ),
        (
            "lifetime value",
            company.money(float(worth)),
            f"{company.money(ends[0])} to {company.money(ends[1])}",
        ),
    )


def _headline(company: Company, year: _Year, worth: float, ends: list[float]) -> str:
    what = "" if year.of_what == "gross margin" else " in revenue (the margin is not known)"
    return (
        f"An active customer is worth {company.money(worth)} in future{what}: {company.money(ends[0])} to "
        f"{company.money(ends[1])}, depending on how many really stay."
    )


def _base(company: Company, year: _Year) -> tuple[str, ...]:
    again = say.integer(round(year.retention.estimate * year.before))
    lines = [
        f"Of {say.count(year.before, *say.CUSTOMERS)} who bought in the year before last "
        f"({_span(company, 2, year.since)}), {again} bought again in the last one "
        f"({_span(company, 1)}): that is the retention rate. As of {say.date(company.as_of)}.",
        "Value = margin × r / (1 + i − r) (Gupta and Lehmann), first margin a year from now. The range "
        "comes from the interval of the retention rate alone; margin and discount rate are taken as "
        "given, and cost to serve is not subtracted.",
    ]
    if year.of_what == "revenue":
        lines.append(
            "The cost of the goods is not known for all orders of the last year and no gross margin was "
            "given, so the values are revenue, not profit: multiply them by the gross margin."
        )
    elif year.assumed:
        lines.append(f"A gross margin of {say.share(company.assumptions.gross_margin)} of sales is assumed.")
    return tuple(lines)


def _action(company: Company, year: _Year, worth: float, least: float, gain: float) -> tuple[str, ...]:
    r = year.retention.estimate
    if year.of_what == "revenue":
        first = (
            "Say the gross margin (gross_margin in crmkit.toml, or the cost of the goods in orders) "
            "before you set a budget by these values: they are revenue."
        )
    else:
        first = (
            f"Spend at most {company.money(worth)} to win a customer like the average one: that is what "
            f"the future brings after the first purchase. {company.money(least)}, the lower end, is "
            "prudent."
        )
    return (
        first,
        f"Five points more retention ({say.rate(r)} to {say.rate(min(r + _POINTS, 1))}) bring "
        f"{company.money(gain)} of {year.of_what} per customer, {company.money(gain * year.buyers)} in "
        "all: a programme that promises them may not cost more.",
    )


def _span(company: Company, years: int, since: "pd.Timestamp | None" = None) -> str:
    import pandas as pd

    end = pd.Timestamp(company.as_of) - pd.Timedelta(days=_YEAR * (years - 1))
    start = end - pd.Timedelta(days=_YEAR - 1)
    return f"{say.date(start if since is None else max(start, since))} to {say.date(end)}"


def _multiples(company: Company, year: _Year) -> Table:
    """Tabulate the lifetime value at retention and discount rates around those found."""
    r, i = year.retention.estimate, company.assumptions.discount
    rates = sorted({min(max(r + step, 0.0), 1.0) for step in (-0.10, -0.05, 0.0, 0.05, 0.10)})
    discounts = sorted({max(i + step, 0.01) for step in (-0.02, 0.0, 0.02)})
    values = margin_multiple_table(rates, discounts) * year.margin
    columns = {column: f"at_{100 * column:g}_percent" for column in values.columns}
    rows = values.rename(columns=columns).reset_index()
    headings = [Heading(name, f"i = {say.share(rate)}", "money") for rate, name in columns.items()]
    return Table(
        "lifetime_values",
        "Lifetime value by retention rate (rows) and discount rate (columns)",
        (Heading("retention", "retention a year", "rate"), *headings),
        rows_of(rows),
    )


def _picture(company: Company, year: _Year) -> Picture:
    import numpy as np
    import pandas as pd

    r = year.retention
    low, high = max(r.estimate - 0.2, 0.0), min(r.estimate + 0.2, 0.99)
    grid = pd.DataFrame({"margin": year.margin, "retention": np.linspace(low, high, 41)})
    values = lifetime_value_table(grid, discount=company.assumptions.discount)
    return picture(
        "value",
        "Lifetime value by retention rate",
        f"The lifetime value rises ever faster with the retention rate; observed: {100 * r.estimate:.0f} "
        "per cent.",
        lambda width: retention_curve(
            values, retention=r.estimate, interval=(r.lower, r.upper), unit=company.currency, width=width
        ),
    )
