"""The three ratios on all seven engines, against loops over plain Python rows."""

import datetime as dt
import math
from collections import defaultdict

import pandas as pd
import pytest

from crmkit import metrics
from crmkit.testing import assert_parity

AS_OF = dt.datetime(2024, 3, 15)
Z = 1.959963984540054


def edge_cases() -> pd.DataFrame:
    """Make one table with all that can go wrong: null keys, unused categories, dates out of order."""
    rows = [
        # channel, zone, created, qualified, won, lost
        ("web", 1.0, "2024-01-10 09:00", "2024-01-20", "2024-02-10", None),
        ("web", 1.0, "2024-01-31 23:59", "2024-02-01", None, "2024-03-01"),
        ("web", math.nan, "2024-02-29", "2024-03-15 23:59:59", "2024-03-16 00:00", None),
        ("web", 2.0, "2024-02-11", None, None, None),
        ("fair", 2.0, "2023-12-31", "2024-01-02", "2024-01-02", None),
        ("fair", 1.0, "2024-01-01 00:00", None, "2024-01-01", None),  # won without qualification
        ("fair", 1.0, "2024-01-05 10:00", "2024-01-05", "2024-01-05", None),  # same day, earlier hour
        ("fair", 1.0, "2024-01-05 00:00", "2024-01-04 23:59", "2024-02-05", None),  # qualified before created
        ("fair", 2.0, "2024-02-05", "2024-02-06", None, "2024-02-01"),  # lost before created
        (None, 2.0, "2024-02-05", "2024-02-06", "2024-03-01", "2024-02-20"),  # lost, then won
        (None, math.nan, None, "2024-02-06", "2024-03-01", None),  # no creation
        (None, 1.0, "2024-03-16", "2024-03-17", None, None),  # after as_of
        ("mail", 1.0, "2024-04-01", None, None, None),  # a group of nothing but excluded rows
        ("web", 1.0, "2024-01-10 09:00", "2024-01-20", "2024-02-10", None),  # a repeated row
    ]
    names = ["channel", "zone", "created_at", "qualified_at", "won_at", "lost_at"]
    table = pd.DataFrame(rows, columns=names)
    for name in names[2:]:
        table[name] = pd.to_datetime(table[name], format="ISO8601").astype("datetime64[us]")
    table["channel"] = pd.Categorical(table["channel"], categories=["web", "fair", "mail", "unused"])
    table.index = [3, 3, 1] + [0] * (len(table) - 3)
    return table.iloc[[5, 0, 13, 2, 1, 9, 12, 4, 3, 11, 8, 7, 6, 10]]


def plain_rows(table: pd.DataFrame) -> list[dict]:
    return [
        {
            key: None if pd.isna(value) else value.to_pydatetime() if hasattr(value, "year") else value
            for key, value in row.items()
        }
        for row in table.to_dict("records")
    ]


def month(date):
    return None if date is None else dt.datetime(date.year, date.month, 1)


def oracle(table, names, *, by, period, basis):
    """Count row by row; `names` are entered, base, event, counted, *ends."""
    entered, base, event, counted, *ends = names
    groups = defaultdict(lambda: {"n": 0, counted: 0, "open": 0, "excluded": 0})

    def past(date):
        return date is not None and date.date() <= AS_OF.date()

    def key(row, date):
        return (*(row[name] for name in by), *([month(date) if past(date) else None] if period else []))

    for row in plain_rows(table):
        used = [row[name] for name in {base, event, *ends} if name in row and row[name] is not None]
        start = row[entered]
        placed = past(start) and not any(date.date() < start.date() for date in used)
        based = placed and past(row[base])
        placing = row[base] if basis == "period" and period else start
        hit = based and past(row[event])
        if basis == "period" and period and placed and not based:
            continue
        cell = groups[key(row, placing)]
        cell["excluded"] += not placed
        cell["n"] += based
        cell["open"] += based and not hit and not any(past(row[end]) for end in ends if end in row)
        if hit:
            groups[key(row, row[event] if basis == "period" and period else start)][counted] += 1
    result = []
    for group, cell in groups.items():
        n, x = cell["n"], cell[counted]
        p = x / n if n else None
        lower = upper = method = None
        if n and x <= n:
            centre, half = (p + Z**2 / (2 * n)), Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
            lower, upper = ((centre + sign * half) / (1 + Z**2 / n) for sign in (-1, 1))
            lower, upper, method = (lower if x else 0.0), (upper if x < n else 1.0), "Wilson"
        keys = dict(zip([*by, *(["period"] if period else [])], group, strict=True))
        result.append(
            {
                **keys,
                "n": n,
                counted: x,
                "open": cell["open"],
                "ratio": p,
                "lower": lower,
                "upper": upper,
                "method": method,
                "as_of": pd.Timestamp(AS_OF),
                "excluded": cell["excluded"],
            }
        )
    return pd.DataFrame(result)


QUALIFIED = ("created_at", "created_at", "qualified_at", "qualified", "won_at", "lost_at")
GENERATED = ("created_at", "created_at", "won_at", "closed", "lost_at")
OF_QUALIFIED = ("created_at", "qualified_at", "won_at", "closed", "lost_at")


@pytest.mark.parametrize("nan", ["null", "value"])
def test_lead_to_qualified_by_two_keys_and_month(nan):
    table = edge_cases()
    by = ["channel", "zone"]
    assert_parity(
        lambda leads: metrics.lead_to_qualified(leads, as_of=AS_OF, by=by, period="month"),
        table,
        expected=oracle(table, QUALIFIED, by=by, period="month", basis="cohort"),
        keys=[*by, "period"],
        crossing=1,
        nan=nan,
    )


def test_lead_to_close_on_the_period_basis():
    table = edge_cases()
    assert_parity(
        lambda leads: metrics.lead_to_close(leads, as_of=AS_OF, by="channel", period="month", basis="period"),
        table,
        expected=oracle(table, GENERATED, by=["channel"], period="month", basis="period"),
        keys=["channel", "period"],
        crossing=1,
    )


def test_lead_to_close_of_qualified_leads_on_the_period_basis():
    table = edge_cases()
    assert_parity(
        lambda leads: metrics.lead_to_close(
            leads, as_of=AS_OF, period="month", basis="period", lead_base="qualified"
        ),
        table,
        expected=oracle(table, OF_QUALIFIED, by=[], period="month", basis="period"),
        keys=["period"],
        crossing=1,
    )


def test_lead_to_close_of_qualified_leads_in_cohorts():
    table = edge_cases()
    assert_parity(
        lambda leads: metrics.lead_to_close(leads, as_of=AS_OF, by="channel", lead_base="qualified"),
        table,
        expected=oracle(table, OF_QUALIFIED, by=["channel"], period=None, basis="cohort"),
        keys=["channel"],
        crossing=1,
    )


def test_quote_to_close_is_one_row():
    table = edge_cases().rename(columns={"created_at": "quoted_at"}).drop(columns="qualified_at")
    names = ("quoted_at", "quoted_at", "won_at", "closed", "lost_at")
    assert_parity(
        lambda quotes: metrics.quote_to_close(quotes, as_of=AS_OF),
        table,
        expected=oracle(table, names, by=[], period=None, basis="cohort"),
        keys=["n"],
        crossing=1,
    )
