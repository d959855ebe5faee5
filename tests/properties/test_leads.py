"""Random leads against counts row by row: every calendar, both bases, stages skipped or out of order."""

import datetime as dt
import random

import pandas as pd
import polars as pl
import pytest

from crmkit.metrics import funnel, lead_to_close

STAGES = ["created_at", "qualified_at", "quoted_at", "won_at"]
DATES = [*STAGES, "lost_at"]
AS_OF = {"leap day": "2020-02-29", "end of an ISO year of 53 weeks": "2021-01-03", "later": "2021-06-01"}


def some_leads(seed):
    """Events hours to months after creation, some on the day before it, some without a creation."""
    rng = random.Random(seed)
    begin = dt.datetime(2019, 12, 20)
    rows = []
    for number in range(80):
        entered = begin + dt.timedelta(minutes=rng.randrange(390 * 24 * 60))
        later = [
            entered + dt.timedelta(hours=rng.choice([-30, -1, 0, 5, 40, 300, 900, 3000]))
            if rng.random() < share
            else None
            for share in (0.5, 0.4, 0.3, 0.3)
        ]
        channel = rng.choice(["web", "fair", None])
        rows.append([number, entered if rng.random() > 0.04 else None, *later, channel])
    return rows


def frames(rows):
    local = pd.DataFrame(rows, columns=["lead_id", *DATES, "channel"])
    local = local.astype(dict.fromkeys(DATES, "datetime64[us]"))
    types = dict.fromkeys(DATES, pl.Datetime("us"))
    lazy = pl.DataFrame(rows, schema=["lead_id", *DATES, "channel"], schema_overrides=types, orient="row")
    return {"pandas": lambda: local, "polars lazy": lazy.lazy}


def first_day(moment, period):
    day = moment.date()
    return {
        "day": day,
        "week": dt.date.fromisocalendar(*day.isocalendar()[:2], 1),
        "month": day.replace(day=1),
        "quarter": dt.date(day.year, 3 * ((day.month - 1) // 3) + 1, 1),
        "year": dt.date(day.year, 1, 1),
    }[period]


def counted(rows, *, as_of, period, basis, lead_base):
    """Count (n, closed, open, excluded) of each channel and period, one lead after the other."""
    last, cells = dt.date.fromisoformat(as_of), {}

    def past(moment):
        return moment is not None and moment.date() <= last

    def add(channel, moment, place):
        key = (channel, first_day(moment, period) if past(moment) else None)
        cells.setdefault(key, [0, 0, 0, 0])[place] += 1

    for _, created, qualified, _, won, lost, channel in rows:
        qualified_base = lead_base == "qualified"
        events = [won, lost, *([qualified] if qualified_base else [])]
        of_base = qualified if qualified_base and basis == "period" else created
        if not past(created) or any(one and one.date() < created.date() for one in events):
            add(channel, of_base, 3)
        elif not qualified_base or past(qualified):
            add(channel, of_base, 0)
            if past(won):
                add(channel, won if basis == "period" else created, 1)
            elif not past(lost):
                add(channel, of_base, 2)
    return cells


def cells_of(result):
    local = result if isinstance(result, pd.DataFrame) else result.collect().to_pandas()
    return {
        (
            None if pd.isna(row["channel"]) else row["channel"],
            None if pd.isna(row["period"]) else row["period"].date(),
        ): [row[name] for name in ("n", "closed", "open", "excluded")]
        for row in local.to_dict("records")
    }


@pytest.mark.parametrize("period", ["day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize("basis", ["cohort", "period"])
@pytest.mark.parametrize("lead_base", ["generated", "qualified"])
def test_ratios_in_every_calendar(period, basis, lead_base):
    asked = {"period": period, "basis": basis, "lead_base": lead_base}
    for seed, as_of in enumerate(AS_OF.values()):
        rows = some_leads(seed)
        expected = counted(rows, as_of=as_of, **asked)
        for name, make in frames(rows).items():
            found = cells_of(lead_to_close(make(), as_of=as_of, by="channel", **asked))
            # a cohort without a lead of the base has a row of zeros
            found = {key: cell for key, cell in found.items() if any(cell)}
            assert found == expected, (name, as_of)


@pytest.mark.parametrize("seed", range(4))
def test_funnel_with_stages_skipped_and_out_of_order(seed):
    rows, as_of = some_leads(seed), dt.date(2020, 9, 30)

    def past(moment):
        return moment is not None and moment.date() <= as_of

    good = [
        [past(one) for one in row[1:6]]
        for row in rows
        if past(row[1]) and not any(one and one.date() < row[1].date() for one in row[2:6])
    ]
    reached = [sum(any(lead[number:4]) for lead in good) for number in range(4)]
    expected = []
    for number in range(4):
        stayed = [lead for lead in good if any(lead[number:4]) and not any(lead[number + 1 : 4])]
        lost = sum(lead[4] for lead in stayed) if number < 3 else 0
        implied = sum(any(lead[number + 1 : 4]) and not lead[number] for lead in good)
        still = len(stayed) - lost if number < 3 else 0
        expected.append([len(good), reached[number], implied, still, lost, len(rows) - len(good)])
    for make in frames(rows).values():
        table = funnel(make(), as_of=as_of, stages=STAGES)
        local = table if isinstance(table, pd.DataFrame) else table.collect().to_pandas()
        names = ["n", "reached", "implied", "open", "lost", "excluded"]
        assert local[names].to_numpy().tolist() == expected
