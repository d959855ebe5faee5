"""Leads: the three ratios, the funnel, which channels close, and how long it takes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmkit.metrics import (
    funnel,
    lead_to_close,
    lead_to_qualified,
    quote_to_close,
    required_leads,
    time_to_close,
)
from crmkit.plot.metrics import funnel_chart, ratio_chart
from crmkit.report import numerals as say
from crmkit.report.company import Company
from crmkit.report.document import Heading, Picture, Section, Table, rows_of
from crmkit.report.pictures import picture
from crmkit.stats import proportion

if TYPE_CHECKING:
    import pandas as pd

KEY, TITLE = "leads", "Leads, ratios and funnel"
_STAGES = {"created_at": "leads", "qualified_at": "qualified", "quoted_at": "quoted", "won_at": "won"}
_LABELS = ("channel", "campaign", "region", "salesperson")
_MOST = 12
_DAYS = (30, 90, 180)
_SALES = 100
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """What was counted."""

    ratios: "pd.DataFrame"
    stages: "pd.DataFrame"
    groups: "pd.DataFrame | None"
    label: str | None
    labels: int
    cohorts: "pd.DataFrame"
    times: "pd.DataFrame"

    @property
    def close(self) -> "pd.Series[Any]":
        """The ratio of sales to leads."""
        return self.ratios[self.ratios["key"] == "lead_to_close"].iloc[0]


def leads(company: Company) -> Section:
    """Compute ratios and funnel of the leads.

    Parameters
    ----------
    company : Company
        Needs leads with the date of the sale; uses the other stages, quotes and the channel.

    Returns
    -------
    Section
        Ratios with intervals, stages, the ratio by channel and by quarter, the time to close.
    """
    table = company.table("leads", "won_at")
    result = _count(company, table)
    close = result.close
    facts = {
        "leads": int(result.stages["n"].iloc[0]),
        "open": int(close["open"]),
        "excluded": int(close["excluded"]),
        "ratios": {row["key"]: row for row in rows_of(result.ratios)},
    }
    return Section(
        KEY,
        TITLE,
        _headline(result),
        _base(company, result),
        facts,
        _shown(result),
        _tables(result),
        _pictures(result),
        _action(result),
    )


def _count(company: Company, table: "pd.DataFrame") -> _Result:
    day = company.as_of
    stages = [name for name in _STAGES if name in table]
    label = next((name for name in _LABELS if name in table and table[name].notna().any()), None)
    groups, labels = None, 0
    if label is not None:
        groups = lead_to_close(table, as_of=day, by=label)
        labels = int((groups["n"] > 0).sum())
        groups = groups[groups["n"] > 0].nlargest(_MOST, "n").sort_values(["ratio", "n"], ascending=False)
    cohorts = lead_to_close(table, as_of=day, period="quarter")
    return _Result(
        _ratios(company, table),
        funnel(table, as_of=day, stages=stages),
        groups,
        label,
        labels,
        cohorts[cohorts["period"].notna() & (cohorts["n"] > 0)].tail(8),
        _times(table, day),
    )


def _ratios(company: Company, table: "pd.DataFrame") -> "pd.DataFrame":
    """Put all ratios that the tables allow under each other."""
    import pandas as pd

    day, found = company.as_of, []
    if "qualified_at" in table:
        ratio = lead_to_qualified(table, as_of=day).rename(columns={"qualified": "closed"})
        found.append(ratio.assign(key="lead_to_qualified", name="leads accepted by sales"))
    found.append(lead_to_close(table, as_of=day).assign(key="lead_to_close", name="leads won"))
    if "qualified_at" in table:
        ratio = lead_to_close(table, as_of=day, lead_base="qualified")
        found.append(ratio.assign(key="qualified_to_close", name="qualified leads won"))
    if company.has("quotes", "won_at"):
        ratio = quote_to_close(company.tables["quotes"], as_of=day)
        found.append(ratio.assign(key="quote_to_close", name="quotes won"))
    columns = ["key", "name", "n", "closed", "open", "ratio", "lower", "upper", "excluded"]
    return pd.concat([one[columns] for one in found], ignore_index=True)


def _times(table: "pd.DataFrame", day: Any) -> "pd.DataFrame":
    """Read the share won at a few ages from the curve of all leads."""
    import pandas as pd

    entered = table[
        table["won_at"].isna() | (table["won_at"].dt.normalize() >= table["created_at"].dt.normalize())
    ]
    if "lost_at" in entered:
        late = entered["lost_at"].dt.normalize() >= entered["created_at"].dt.normalize()
        entered = entered[entered["lost_at"].isna() | late]
    curve = time_to_close(entered, as_of=day).sort_values("days")
    # once every lead that is still followed has ended, the curve stays where it is
    ended = curve.groupby("outcome")["incidence"].last().sum() > 1 - 1e-9
    won = curve[curve["outcome"] == "won"]
    ages = [one for one in _DAYS if won["days"].min() <= one and (ended or one <= won["days"].max())]
    rows = [{"within_days": one, **won[won["days"] <= one].iloc[-1].to_dict()} for one in ages]
    return pd.DataFrame(rows, columns=["within_days", "incidence", "lower", "upper", "n"])


def _headline(result: _Result) -> str:
    by_key = result.ratios.set_index("key")
    parts = [f"{say.share(result.close['ratio'])} of all leads became a sale"]
    if "lead_to_qualified" in by_key.index:
        parts.append(f"sales accepted {say.share(by_key.loc['lead_to_qualified', 'ratio'])} of them")
    if "quote_to_close" in by_key.index:
        parts.append(f"{say.share(by_key.loc['quote_to_close', 'ratio'])} of the quotes were won")
    return (", and ".join(["; ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]) + "."


def _base(company: Company, result: _Result) -> tuple[str, ...]:
    close = result.close
    excluded = int(close["excluded"])
    return (
        f"{say.count(close['n'], 'lead', 'leads')} created up to {say.date(company.as_of)}, followed to that "
        f"day; {say.integer(close['open'])} of them are still open, so the ratios can still rise. "
        + (f"Left out: {say.count(excluded, 'lead', 'leads')} with impossible dates. " if excluded else "")
        + "All intervals are 95 %: Wilson for the ratios, Aalen and Johansen for the time to close, in "
        "which a lost lead is an outcome and not a lead that may still be won.",
    )


def _shown(result: _Result) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (
            row["name"],
            say.share(row["ratio"]),
            say.interval(row["lower"], row["upper"], row["n"]),
        )
        for row in rows_of(result.ratios)
    )


def _tables(result: _Result) -> tuple[Table, ...]:
    ends = ("lower", "upper")
    ratio = (
        Heading("n", "n", "integer"),
        Heading("closed", "won", "integer"),
        Heading("open", "open", "integer"),
        Heading("ratio", "ratio (95 % interval)", "share", ends=ends),
    )
    found = [_stage_table(result.stages)]
    if result.groups is not None and result.label is not None:
        named = result.groups.rename(columns={result.label: "group"})
        named["group"] = named["group"].fillna("(not known)")
        which = f"the {_MOST} with the most leads of {result.labels}, " if result.labels > _MOST else ""
        caption = f"Leads won by {result.label}: {which}the best first"
        found.append(Table("by_label", caption, (Heading("group", result.label), *ratio), rows_of(named)))
    came = result.cohorts["period"].dt
    quarter = "Q" + came.quarter.astype(str) + say.SPACE + came.year.astype(str)
    cohorts = result.cohorts.assign(quarter=quarter)
    caption = "Leads won by quarter in which they came; the last quarters are not finished"
    found.append(Table("by_quarter", caption, (Heading("quarter", "came in"), *ratio), rows_of(cohorts)))
    if len(result.times):
        times = result.times.assign(within=[f"{one} days" for one in result.times["within_days"]])
        headings = (
            Heading("within", "won within"),
            Heading("incidence", "share (95 % interval)", "share", ends=ends),
        )
        found.append(Table("time_to_close", "How soon leads are won", headings, rows_of(times)))
    return tuple(found)


def _stage_table(stages: "pd.DataFrame") -> Table:
    return Table(
        "funnel",
        "The funnel",
        (
            Heading("name", "stage"),
            Heading("reached", "reached", "integer"),
            Heading("overall_rate", "of all leads", "share"),
            Heading("step_rate", "of the stage before", "share", ends=("step_lower", "step_upper")),
            Heading("open", "open", "integer"),
            Heading("lost", "lost", "integer"),
        ),
        rows_of(_named(stages)),
    )


def _named(stages: "pd.DataFrame") -> "pd.DataFrame":
    return stages.assign(name=stages["stage"].map(_STAGES))


def _pictures(result: _Result) -> tuple[Picture, ...]:
    stages = _named(result.stages).drop(columns="stage").rename(columns={"name": "stage"})
    drawn = [
        picture(
            "funnel",
            "The funnel, with the interval of each share",
            ", ".join(f"{row['stage']} {row['reached']}" for row in rows_of(stages)) + ".",
            lambda width: funnel_chart(stages, width=width),
        )
    ]
    groups, label = result.groups, result.label
    if groups is not None and label is not None and len(groups) > 1:
        drawn.append(
            picture(
                "channels",
                f"Share of leads won by {label}",
                f"A dot is the share of leads won of a {label}, the line its interval.",
                lambda width: ratio_chart(
                    groups, group=label, what="leads won", average=float(result.close["ratio"]), width=width
                ),
            )
        )
    return tuple(drawn)


def _move(groups: "pd.DataFrame", label: str) -> str:
    """Say whether the best group is better than the worst, allowing for their having been picked."""
    best, worst = groups.iloc[0], groups.iloc[-1]
    level = 1 - (1 - _CONFIDENCE) / len(groups)  # Bonferroni: one interval a group, all true together
    least, most = (proportion(int(one["closed"]), int(one["n"]), confidence=level) for one in (best, worst))
    if least.lower <= most.upper:
        return (
            f"Do not move budget between the {label}s yet: the intervals of the best and the worst overlap, "
            f"allowing for {len(groups)} comparisons."
        )
    names = ["(not known)" if say.missing(one[label]) else one[label] for one in (best, worst)]
    return (
        f"Move effort from {names[1]} ({say.share(worst['ratio'])} won) to {names[0]} "
        f"({say.share(best['ratio'])}): their intervals do not overlap, also allowing for {len(groups)} "
        "comparisons, so chance alone does not explain it. Compare the cost of a lead before you move the "
        "budget."
    )


def _action(result: _Result) -> tuple[str, ...]:
    close, label, lines = result.close, result.label, []
    if result.groups is not None and label is not None and len(result.groups) > 1:
        lines.append(_move(result.groups, label))
    if close["ratio"] > 0:
        need = required_leads(_SALES, ratio=float(close["ratio"]))
        prudent = required_leads(_SALES, ratio=float(close["lower"]))
        lines.append(
            f"{_SALES} sales need about {say.integer(need)} leads at this ratio; to be on the safe side "
            f"{say.integer(prudent)}."
        )
    if close["open"]:
        lines.append(f"{say.count(close['open'], 'lead is', 'leads are')} open: decide on the oldest first.")
    return tuple(lines)
