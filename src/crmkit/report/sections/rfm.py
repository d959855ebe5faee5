"""Segments by recency, frequency and money: their size, their worth, and what to do with each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmkit.plot.segmentation import score_heatmap, segment_bars
from crmkit.report import numerals as say
from crmkit.report.company import Company
from crmkit.report.document import Heading, Picture, Section, Table, rows_of
from crmkit.report.pictures import picture
from crmkit.report.sections.customers import bought
from crmkit.segmentation import RFMCuts, rfm_cuts, rfm_score, rfm_segments

if TYPE_CHECKING:
    import pandas as pd

KEY, TITLE = "rfm", "Segments by recency, frequency and money"
_SLIPPING = ("cannot lose them", "at risk", "need attention")
_RIPE = ("potential loyalists", "new customers", "promising")


def segments(company: Company) -> Section:
    """Score the customers and name their segments.

    Parameters
    ----------
    company : Company
        Needs orders.

    Returns
    -------
    Section
        Segments with actions, the grid of scores, the thresholds.
    """
    base = bought(company, company.table("orders"))
    cuts = rfm_cuts(base)
    scored = rfm_score(base, cuts=cuts)
    table = rfm_segments(scored)
    best, slipping = table.iloc[0], table[table["segment"].isin(_SLIPPING)]
    facts = {
        "customers": len(scored),
        "revenue": float(table["revenue"].sum()),
        "thresholds": cuts.to_dict(),
        "customers_slipping_away": int(slipping["customers"].sum()),
        "revenue_slipping_away": float(slipping["revenue"].sum()),
    }
    return Section(
        KEY,
        TITLE,
        _headline(company, best, slipping),
        (
            f"{say.count(len(scored), *say.CUSTOMERS)} with a purchase up to "
            f"{say.date(company.as_of)}, from which recency is counted back. Each measure is cut into five "
            "groups of nearly equal size, 5 is best; customers who tie share a score. Purchases of one day "
            "count as one; money is net of returns.",
            "The shares are counts of these customers, not estimates. Scores are ranks within this base: "
            "keep their thresholds to measure other customers, or other days, by the same lines.",
        ),
        facts,
        (),
        (_segment_table(table), _threshold_table(cuts)),
        _pictures(table, scored),
        _action(company, table),
    )


def _headline(company: Company, best: "pd.Series[Any]", slipping: "pd.DataFrame") -> str:
    text = (
        f"The {best['segment']}, {say.share(best['customer_share'])} of the customers, bring "
        f"{say.share(best['revenue_share'])} of the revenue"
    )
    if slipping.empty:
        return f"{text}."
    count, revenue = slipping["customers"].sum(), slipping["revenue"].sum()
    worth = f"worth {company.money(revenue)} so far"
    people = say.count(count, "good customer", "good customers")
    return f"{text}; {people}, {worth}, {'is' if count == 1 else 'are'} slipping away."


def _segment_table(table: "pd.DataFrame") -> Table:
    return Table(
        "segments",
        "The segments, and what to do with each",
        (
            Heading("segment", "segment"),
            Heading("customers", "customers", "integer"),
            Heading("customer_share", "share", "share"),
            Heading("revenue", "revenue", "money"),
            Heading("revenue_share", "share", "share"),
            Heading("mean_recency_days", "days since last", "integer", spare=True),
            Heading("mean_frequency", "purchases", "decimal", spare=True),
            Heading("action", "action"),
        ),
        rows_of(table),
        wide=True,
    )


def _threshold_table(cuts: RFMCuts) -> Table:
    """Write the thresholds as the least that each score asks for; none where ties leave a score to nobody."""
    # the score of recency falls as the days rise: 5 is the one up to the first threshold
    asked = {
        "recency_days": cuts.recency_days,
        "frequency": cuts.frequency[::-1],
        "monetary": cuts.monetary[::-1],
    }
    rows = [
        {"score": score} | {name: _own(values, 5 - score) for name, values in asked.items()}
        for score in (5, 4, 3, 2)
    ]
    return Table(
        "thresholds",
        "What a score asks for; everything else scores 1",
        (
            Heading("score", "score", "integer"),
            Heading("recency_days", "last bought at most … days ago", "integer"),
            Heading("frequency", "purchases at least", "integer"),
            Heading("monetary", "money at least", "money"),
        ),
        rows,
    )


def _own(thresholds: Sequence[float], place: int) -> float | None:
    """Return a threshold, unless the better score before it asks for the same."""
    same = place > 0 and thresholds[place] == thresholds[place - 1]
    return None if same else thresholds[place]


def _pictures(table: "pd.DataFrame", scored: "pd.DataFrame") -> tuple[Picture, ...]:
    cells = scored.groupby(["r", "f"], as_index=False).agg(customers=("customer_id", "size"))
    cells = cells.rename(columns={"r": "recency_score", "f": "frequency_score"})
    grid = picture(
        "scores",
        "Customers by score of recency and frequency",
        "How many customers hold each pair of scores; the best are at the top right.",
        lambda width: score_heatmap(cells, width=width),
    )
    if not table["revenue"].sum() > 0:
        return (grid,)
    bars = picture(
        "segments",
        "Share of customers and of revenue by segment",
        "; ".join(
            f"{row['segment']}: {100 * row['customer_share']:.0f} per cent of customers, "
            f"{100 * row['revenue_share']:.0f} per cent of revenue"
            for row in rows_of(table)
        )
        + ".",
        lambda width: segment_bars(table, width=width),
    )
    return bars, grid


def _action(company: Company, table: "pd.DataFrame") -> tuple[str, ...]:
    lines = []
    for names, why in ((_SLIPPING, "First keep what is leaving"), (_RIPE, "Then grow what is ripe")):
        rows = rows_of(table[table["segment"].isin(names)])
        if rows:
            steps = "; ".join(
                f"{say.integer(row['customers'])} × {row['segment']}: {row['action']}" for row in rows
            )
            lines.append(f"{why}. {steps}.")
    best = rows_of(table)[0]
    lines.append(
        f"Treat the {say.integer(best['customers'])} {best['segment']} as what they are: "
        f"{best['action']}. Each brought {company.money(best['mean_monetary'])} on average."
    )
    return tuple(lines)
