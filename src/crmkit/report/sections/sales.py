"""Sales by month, and what the next months should bring."""

import datetime as dt
import math
import warnings
from typing import TYPE_CHECKING

from crmkit import periods
from crmkit.errors import CRMKitWarning
from crmkit.forecast import SimpleSmoothing, choose_window, moving_average, to_series
from crmkit.plot.forecast import forecast_chart
from crmkit.report import numerals as say
from crmkit.report.company import Company, Missing
from crmkit.report.document import Heading, Section, Table, rows_of
from crmkit.report.pictures import picture

if TYPE_CHECKING:
    import pandas as pd

KEY, TITLE = "sales", "Sales by month"
_WINDOWS = (1, 2, 3, 4, 6, 12)
_HORIZON = 3
_LEAST = 6
_YEAR, _WEEK = 12, 7


def sales(company: Company) -> Section:
    """Add up sales by month and forecast the next three months.

    Parameters
    ----------
    company : Company
        Needs orders with at least six complete months.

    Returns
    -------
    Section
        The months, the forecast with its interval, and a second method beside it.
    """
    orders = company.table("orders")
    known = orders[orders["amount"].notna()]
    left_out = _in_unfinished_month(company, known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CRMKitWarning)  # the page itself says what is left out
        series = to_series(known, as_of=company.as_of, period="month")
    if len(series) < _LEAST:
        msg = f"a forecast needs at least {_LEAST} complete months of orders; there are {len(series)}"
        raise Missing(msg)
    errors = choose_window(
        series, windows=[one for one in _WINDOWS if one <= len(series) // 2], period="month"
    )
    window = int(errors.loc[errors["chosen"], "window"].iloc[0])
    judged = int(errors["n"].iloc[0])
    recent = series.tail(window + judged)  # the band rests on the months that chose the window, no others
    forecast = moving_average(recent, window=window, horizon=_HORIZON, period="month")
    smoothed = SimpleSmoothing().fit(recent, period="month").predict(horizon=_HORIZON)
    if series["value"].min() >= 0:
        forecast, smoothed = (one.assign(lower=one["lower"].clip(lower=0)) for one in (forecast, smoothed))
    facts = {
        "months": len(series),
        "last_month": series["period"].iloc[-1],
        "last_value": float(series["value"].iloc[-1]),
        "last_12_months": float(series["value"].tail(12).sum()),
        "window": window,
        "mean_absolute_error": float(errors.loc[errors["chosen"], "mae"].iloc[0]),
        "forecast": float(forecast["forecast"].iloc[0]),
        "forecast_lower": _known(forecast["lower"].iloc[0]),
        "forecast_upper": _known(forecast["upper"].iloc[0]),
        "next_month": forecast["period"].iloc[0],
        "first_row": known["order_date"].min(),
        "rows_in_unfinished_month": left_out,
    }
    return Section(
        KEY,
        TITLE,
        _headline(company, facts),
        _base(company, facts, judged),
        facts,
        _shown(company, series, facts),
        (_forecast_table(forecast, smoothed), _month_table(series)),
        (
            picture(
                "sales",
                "Sales by month with a forecast",
                f"Monthly sales over {len(series)} months, and a forecast of {_HORIZON} months with its "
                "95 per cent band.",
                lambda width: forecast_chart(
                    series, forecast, what="sales", unit=company.currency, width=width
                ),
            ),
        ),
        _action(company, facts),
    )


def _in_unfinished_month(company: Company, orders: "pd.DataFrame") -> int:
    tomorrow = periods.shift(company.as_of, "day", 1)
    return int((orders["order_date"] >= periods.floor(tomorrow, "month")).sum())


def _headline(company: Company, facts: dict[str, object]) -> str:
    band = _band(company, facts)
    return (
        f"Sales were {company.money(_round(facts['last_value']))} in {say.month(facts['last_month'])}; "
        f"expect about {company.money(_round(facts['forecast']))} in {say.month(facts['next_month'])}"
        + (f" (95 % band {band})." if band else ".")
    )


def _band(company: Company, facts: dict[str, object]) -> str | None:
    """Write the ends of the band; months that are all alike have none."""
    if facts["forecast_lower"] is None:
        return None
    low, high = say.money(_round(facts["forecast_lower"])), company.money(_round(facts["forecast_upper"]))
    return f"{low} to {high}"


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _round(value: object) -> float:
    """Keep three digits: a headline must not promise more than a forecast knows."""
    return float(f"{float(str(value)):.3g}")


def _base(company: Company, facts: dict[str, object], n: int) -> tuple[str, ...]:
    window = (
        "value of the last month" if facts["window"] == 1 else f"mean of the last {facts['window']} months"
    )
    lines = [
        f"{facts['months']} complete months of orders up to {say.date(company.as_of)}, returns "
        f"subtracted. The forecast is the {window}: of all windows it "
        f"had the least one-step error on the same {n} months, "
        f"{company.money(facts['mean_absolute_error'])} on average.",
        "The 95 % band comes from the errors that the method made on those months; it stops at 0 unless "
        "a month was below. The method knows neither season nor trend"
        + (": read the months of the year before beside it." if int(str(facts["months"])) > _YEAR else "."),
    ]
    first = facts["first_row"]
    if isinstance(first, dt.datetime) and first.day > _WEEK:
        lines.append(f"The orders begin on {say.date(first)}: the first month may lack its first days.")
    if facts["rows_in_unfinished_month"]:
        lines.append(
            f"Left out: {say.count(facts['rows_in_unfinished_month'], *say.ROWS)} of the unfinished month."
        )
    return tuple(lines)


def _shown(
    company: Company, series: "pd.DataFrame", facts: dict[str, object]
) -> tuple[tuple[str, str, str], ...]:
    values = series["value"]
    before = values.iloc[-24:-12].sum() if len(values) >= 24 else None
    change = "" if not before else f"{_signed(values.tail(12).sum() / before - 1)} on the 12 months before"
    months = min(len(values), 12)
    return (
        (f"sales of the last {months} months", company.money(values.tail(12).sum()), change),
        ("last complete month", company.money(facts["last_value"]), say.month(facts["last_month"])),
        (
            f"forecast for {say.month(facts['next_month'])}",
            company.money(facts["forecast"]),
            "no band: the months are alike"
            if facts["forecast_lower"] is None
            else f"95 % band {say.money(facts['forecast_lower'])} to {say.money(facts['forecast_upper'])}",
        ),
    )


def _signed(change: float) -> str:
    return ("+" if change > 0 else "") + say.share(change)


def _forecast_table(forecast: "pd.DataFrame", smoothed: "pd.DataFrame") -> Table:
    both = forecast[["period", "forecast", "lower", "upper"]].assign(
        smoothed=smoothed["forecast"].to_numpy(),
        smoothed_lower=smoothed["lower"].to_numpy(),
        smoothed_upper=smoothed["upper"].to_numpy(),
    )
    return Table(
        "forecast",
        "Forecast by two methods; each with its 95 % band",
        (
            Heading("period", "month", "month"),
            Heading("forecast", "moving average", "money", ends=("lower", "upper")),
            Heading("smoothed", "smoothing", "money", ends=("smoothed_lower", "smoothed_upper")),
        ),
        rows_of(both),
    )


def _month_table(series: "pd.DataFrame") -> Table:
    last = series.tail(13).assign(year_before=series["value"].shift(12).tail(13))
    last = last.assign(change=last["value"] / last["year_before"].where(last["year_before"] > 0) - 1)
    compared = Heading("year_before", "a year before", "money"), Heading("change", "change", "share")
    return Table(
        "months",
        "The last months",
        (
            Heading("period", "month", "month"),
            Heading("value", "sales", "money"),
            Heading("n", "rows", "integer"),
            *(compared if last["year_before"].notna().any() else ()),
        ),
        rows_of(last),
    )


def _action(company: Company, facts: dict[str, object]) -> tuple[str, ...]:
    plan, band = f"Plan {company.money(_round(facts['forecast']))} a month", _band(company, facts)
    if band is None:
        return (f"{plan}. A month that differs is news: look for its cause.",)
    return (
        f"{plan}; stock and staff should stand anything in {band}. A month outside that band is news: look "
        "for its cause.",
    )
