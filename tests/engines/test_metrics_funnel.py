"""Funnel, qualification and time to close on all seven engines, against loops over plain Python rows."""

import datetime as dt
import math
from collections import Counter, defaultdict

import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from crmkit import metrics
from crmkit.testing import assert_parity

AS_OF = dt.datetime(2024, 3, 15)
STAGES = ["created_at", "qualified_at", "quoted_at", "won_at"]


def edge_cases() -> pd.DataFrame:
    """Make leads with skipped stages, null keys, unused categories and dates out of order."""
    rows = [
        # channel, team, created, qualified, quoted, won, lost
        ("web", 1, "2024-01-10 09:00", "2024-01-20", "2024-01-25", "2024-02-10", None),
        ("web", 1, "2024-01-31 23:59", "2024-02-01", None, None, "2024-03-01"),
        ("web", 2, "2024-02-29", "2024-03-15 23:59:59", "2024-03-16 00:00", None, None),
        ("fair", 1, "2024-01-01", None, None, "2024-01-01", None),
        ("fair", 2, "2024-01-05 10:00", None, "2024-01-05", None, "2024-01-06"),
        (None, 2, "2024-02-05", "2024-02-06", None, "2024-03-01", "2024-02-20"),
        (None, None, "2024-02-07", None, None, None, "2024-04-20"),
        (None, None, None, "2024-02-06", None, None, None),
        ("mail", 3, "2024-04-01", None, None, None, None),
        ("web", 1, "2024-01-10 09:00", "2024-01-20", "2024-01-25", "2024-02-10", None),
    ]
    table = pd.DataFrame(rows, columns=["channel", "team", *STAGES, "lost_at"])
    for name in [*STAGES, "lost_at"]:
        table[name] = pd.to_datetime(table[name], format="ISO8601").astype("datetime64[us]")
    table["channel"] = pd.Categorical(table["channel"], categories=["web", "fair", "mail", "unused"])
    table["team"] = table["team"].astype("Int64")
    table.index = [1] * len(table)
    return table.iloc[[4, 8, 1, 9, 0, 5, 7, 2, 6, 3]]


def plain_rows(table: pd.DataFrame) -> list[dict]:
    return [
        {key: None if pd.isna(value) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def past(date) -> bool:
    return date is not None and date.date() <= AS_OF.date()


def share(x, n):
    """Divide, with the interval of statsmodels."""
    if not n:
        return None, None, None
    lower, upper = proportion_confint(x, n, method="wilson")
    return x / n, (lower if x else 0.0), (upper if x < n else 1.0)


def funnel_oracle(table: pd.DataFrame) -> pd.DataFrame:
    groups = defaultdict(list)
    for row in plain_rows(table):
        start = row["created_at"] if past(row["created_at"]) else None
        month = None if start is None else pd.Timestamp(start.year, start.month, 1)
        groups[row["channel"], month].append(row)
    result = []
    for (channel, month), rows in groups.items():
        placed = rows if month is not None else []
        furthest = [max(i for i, stage in enumerate(STAGES) if past(row[stage])) for row in placed]
        for i, stage in enumerate(STAGES):
            reached = sum(one >= i for one in furthest)
            previous = sum(one >= i - 1 for one in furthest) if i else None
            here = [row for row, one in zip(placed, furthest, strict=True) if one == i < len(STAGES) - 1]
            lost = sum(past(row["lost_at"]) for row in here)
            implied = sum(one > i and not past(row[stage]) for row, one in zip(placed, furthest, strict=True))
            counts = (len(placed), previous, reached, implied, len(here) - lost, lost)
            rates = (*share(reached, previous), *share(reached, len(placed)))
            method = "Wilson" if placed else None
            tail = (method, pd.Timestamp(AS_OF), len(rows) - len(placed))
            result.append((channel, month, stage, i + 1, *counts, *rates, *tail))
    names = ["n", "previous", "reached", "implied", "open", "lost", "step_rate", "step_lower", "step_upper"]
    names += ["overall_rate", "overall_lower", "overall_upper", "method", "as_of", "excluded"]
    return pd.DataFrame(result, columns=["channel", "period", "stage", "order", *names])


def test_funnel():
    table = edge_cases()
    assert_parity(
        lambda leads: metrics.funnel(leads, as_of=AS_OF, by="channel", period="month"),
        table,
        expected=funnel_oracle(table),
        keys=["channel", "period", "order"],
        crossing=1,
    )


def outcomes(table: pd.DataFrame) -> dict:
    """Group → list of (days, outcome) and the number excluded."""
    groups = defaultdict(lambda: ([], []))
    for row in plain_rows(table):
        placed, excluded = groups[row["team"]]
        if not past(row["created_at"]):
            excluded.append(row)
        elif past(row["won_at"]):
            placed.append(((row["won_at"].date() - row["created_at"].date()).days, "won"))
        elif past(row["lost_at"]):
            placed.append(((row["lost_at"].date() - row["created_at"].date()).days, "lost"))
        else:
            placed.append(((AS_OF.date() - row["created_at"].date()).days, "open"))
    return groups


def curve_oracle(table: pd.DataFrame) -> pd.DataFrame:
    result = []
    for team, (placed, excluded) in outcomes(table).items():
        open_share, incidence = 1.0, Counter()
        for day in sorted({days for days, _ in placed}):
            at_risk = sum(days >= day for days, _ in placed)
            now = Counter(outcome for days, outcome in placed if days == day)
            for outcome in ("won", "lost"):
                incidence[outcome] += open_share * now[outcome] / at_risk
                counts = (len(placed), at_risk, now[outcome], now["open"])
                result.append((team, outcome, day, *counts, incidence[outcome], len(excluded)))
            open_share *= 1 - (now["won"] + now["lost"]) / at_risk
    names = ["team", "outcome", "days", "n", "at_risk", "n_event", "n_censored", "incidence", "excluded"]
    return pd.DataFrame(result, columns=names).astype({"team": "Int64"})


def without(frame, *names):
    """Drop columns, with the means of whatever engine it is."""
    import narwhals as nw

    return nw.from_native(frame).drop(*names).to_native()


def test_time_to_close():
    table = edge_cases()
    cells = sum(len(set(placed)) for placed, _ in outcomes(table).values()) + 2
    assert_parity(
        lambda leads: without(
            metrics.time_to_close(leads, as_of=AS_OF, by="team"),
            "std_error",
            "lower",
            "upper",
            "method",
            "as_of",
        ),
        table,
        expected=curve_oracle(table),
        keys=["team", "outcome", "days"],
        crossing=cells,
    )


def means_oracle(table: pd.DataFrame, horizon: int) -> pd.DataFrame:
    placed = [one for rows, _ in outcomes(table).values() for one in rows]
    excluded = sum(len(rows) for _, rows in outcomes(table).values())
    open_share, area, jumps = 1.0, 0.0, defaultdict(dict)
    for day in range(horizon + 1):
        at_risk = sum(days >= day for days, _ in placed)
        now = Counter(outcome for days, outcome in placed if days == day)
        for outcome in ("won", "lost"):
            jumps[outcome][day] = open_share * now[outcome] / at_risk
        open_share *= 1 - (now["won"] + now["lost"]) / at_risk
        area += open_share * (day < horizon)
    counts = Counter(outcome for days, outcome in placed if days <= horizon)
    result = [("closed", len(placed), counts["won"] + counts["lost"], area, horizon, excluded)]
    for outcome, at in jumps.items():
        mean = sum(day * jump for day, jump in at.items()) / sum(at.values())
        result.append((outcome, len(placed), counts[outcome], mean, horizon, excluded))
    return pd.DataFrame(result, columns=["outcome", "n", "n_event", "mean_days", "horizon_days", "excluded"])


def test_mean_time_to_close():
    table = edge_cases()
    assert_parity(
        lambda leads: without(
            metrics.mean_time_to_close(leads, as_of=AS_OF, horizon_days=30),
            "lower",
            "upper",
            "method",
            "as_of",
        ),
        table,
        expected=means_oracle(table, 30),
        keys=["outcome"],
        crossing=len(table),
    )


@pytest.mark.parametrize("nan", ["null", "value"])
def test_qualify(nan):
    table = pd.DataFrame(
        {
            "lead_id": [1, 2, 3, 4, 5],
            "visits": [1.0, math.nan, 5.0, 3.0, 0.0],
            "downloads": [0, 0, 1, 0, 2],
            "asked": [False, True, True, False, False],
            "source": pd.Categorical(["ad", None, "fair", "ad", "fair"], categories=["ad", "fair", "unused"]),
        }
    )
    met = {"mql": [False, False, True, True, True], "sql": [False, False, True, False, True]}
    expected = table.assign(**met, lead_stage=["none", "none", "SQL", "MQL", "SQL"])
    mql, sql = "visits >= 3 or downloads > 0", "asked and visits != 1 or source != 'ad' and downloads >= 2"
    if nan == "value":
        table, expected = table.drop(columns="source"), expected.drop(columns="source")
        sql = "asked and visits > 1 or downloads >= 2"
    assert_parity(
        lambda leads: without(metrics.qualify(leads, mql=mql, sql=sql), "visits"),
        table,
        expected=expected.drop(columns="visits"),
        keys=["lead_id"],
        nan=nan,
    )
