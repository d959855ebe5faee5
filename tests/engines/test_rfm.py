import datetime as dt
from collections import Counter, defaultdict
from fractions import Fraction
from functools import partial
from math import ceil

import numpy as np
import pandas as pd
import pytest

from crmkit import segmentation
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import SEGMENTS
from crmkit.testing import ENGINES, assert_frames_match, assert_parity, available, to_engine, to_pandas

AS_OF = dt.date(2024, 3, 31)
CUTS = {"recency_days": [30, 90, 180, 365], "frequency": [2, 3, 5, 9], "monetary": [50, 100, 250, 1000]}


def measures(frame):
    """Recency, frequency and money in plain Python."""
    days = defaultdict(lambda: defaultdict(list))
    for row in frame.itertuples():
        days[row.customer_id][row.order_date.date()].append(float(row.amount))
    found = {}
    for customer, by_day in days.items():
        bought = [day for day, spent in by_day.items() if min(spent) >= 0 or round(sum(spent), 9) > 0]
        if bought:
            money = sum(sum(spent) for spent in by_day.values())
            found[customer] = ((AS_OF - max(bought)).days, len(bought), round(money, 6))
    return found


def tiles(values, k):
    """The class of each value by the middle of those that tie with it; the ends are forced."""
    counts, below, tile = Counter(values), 0, {}
    for value in sorted(counts):
        tile[value] = ceil(Fraction(k * (2 * below + counts[value]), 2 * len(values)))
        below += counts[value]
    tile[min(tile)] = 1
    tile[max(tile)] = k
    return tile


def named(r, f, m, bins):
    r, f, m = (ceil(Fraction(5 * (2 * score - 1), 2 * bins)) for score in (r, f, m))
    return next(segment.name for segment in SEGMENTS if segment.holds(r, f, m))


def oracle(frame, bins):
    found = measures(frame)
    r, f, m = ([row[place] for row in found.values()] for place in range(3))
    better_r, better_f, better_m = tiles([-one for one in r], bins), tiles(f, bins), tiles(m, bins)
    rows = []
    for customer, (recency, frequency, money) in sorted(found.items()):
        scores = better_r[-recency], better_f[frequency], better_m[money]
        code = ("" if bins < 10 else "-").join(map(str, scores))
        rows.append((customer, recency, frequency, money, *scores, code, sum(scores), named(*scores, bins)))
    names = ["customer_id", "recency_days", "frequency", "monetary", "r", "f", "m", "rfm", "score", "segment"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="module")
def orders():
    """Unsorted rows with ties, duplicates and returns, some of which undo a day."""
    rng = np.random.default_rng(11)
    rows = 700
    minutes = rng.integers(0, 455 * 1440, rows).astype("timedelta64[m]")
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{number:03d}" for number in (rng.gamma(0.8, 40, rows)).astype(int)],
            "order_date": np.datetime64("2023-01-01", "us") + minutes,
            "amount": rng.choice([5.0, 10.0, 12.5, 20.1, -4.0], rows, p=[0.4, 0.2, 0.2, 0.15, 0.05]),
        }
    )
    return pd.concat([frame, frame.head(30).assign(amount=-frame["amount"].head(30)), frame.iloc[60:80]])


@pytest.mark.parametrize("bins", [5, 10])
def test_every_engine_agrees_with_plain_python(orders, bins):
    # crosses: one row of extremes and at most `bins` thresholds a measure
    assert_parity(
        partial(segmentation.rfm, as_of=AS_OF, bins=bins),
        orders,
        expected=oracle(orders, bins),
        keys=["customer_id"],
        crossing=1 + 3 * bins,
    )


def test_three_steps_give_what_one_gives(orders):
    expected = oracle(orders, 5)
    columns = ["customer_id", "recency_days", "frequency", "monetary"]
    table = expected[columns]
    assert_parity(
        partial(segmentation.rfm_table, as_of=AS_OF), orders, expected=table, keys=["customer_id"], crossing=1
    )
    cuts = segmentation.rfm_cuts(table)
    for name in ENGINES:
        if available(name) is None:
            assert segmentation.rfm_cuts(to_engine(table, name)) == cuts, name
    assert_parity(
        partial(segmentation.rfm_score, cuts=cuts),
        table,
        expected=expected,
        keys=["customer_id"],
        crossing=1,
    )


@pytest.mark.parametrize("returns", ["net", "drop", "keep"])
def test_orders_instead_of_days(orders, returns):
    """Rows of one order_id are one purchase, on its first day, whatever else was bought that day."""
    rng = np.random.default_rng(5)
    numbers = orders["customer_id"] + "-" + rng.integers(0, 9, len(orders)).astype(str)
    numbered = orders.assign(order_id=numbers)
    rows = [row for row in numbered.itertuples() if returns != "drop" or row.amount >= 0]
    lines, found = defaultdict(list), defaultdict(list)
    for row in rows:
        lines[row.customer_id, row.order_id].append((row.order_date.date(), float(row.amount)))
    for (customer, _), listed in lines.items():
        days, spent = zip(*listed, strict=True)
        undone = returns == "net" and min(spent) < 0 and round(sum(spent), 9) <= 0
        found[customer].append((None if undone else min(days), sum(spent)))
    table = []
    for customer, bought in sorted(found.items()):
        days = [day for day, _ in bought if day is not None]
        if days:
            money = round(sum(spent for _, spent in bought), 6)
            table.append((customer, (AS_OF - max(days)).days, len(days), money))
    columns = ["customer_id", "recency_days", "frequency", "monetary"]
    assert_parity(
        partial(segmentation.rfm_table, as_of=AS_OF, merge="order", returns=returns),
        numbered,
        expected=pd.DataFrame(table, columns=columns),
        keys=["customer_id"],
        crossing=2,
    )


def test_orders_without_a_number(orders, engine):
    frame = orders.assign(order_id=np.where(np.arange(len(orders)) < 3, None, "x"))
    with pytest.raises(DataError, match=f"3 of {len(orders)} rows without an order_id"):
        segmentation.rfm_table(engine(frame), as_of=AS_OF, merge="order")
    with pytest.raises(ColumnError, match="'order_id'"):
        segmentation.rfm_table(engine(orders), as_of=AS_OF, merge="order")
    with pytest.raises(ParameterError, match="`merge` must be one of 'day', 'order'"):
        segmentation.rfm_table(engine(orders), as_of=AS_OF, merge="invoice")


def test_segments_in_every_engine(orders):
    scored = oracle(orders, 5)
    rows = []
    for segment in SEGMENTS:
        some = scored[scored["segment"] == segment.name]
        if len(some):
            rows.append(
                {
                    "segment": segment.name,
                    "customers": len(some),
                    "customer_share": len(some) / len(scored),
                    "revenue": some["monetary"].sum(),
                    "revenue_share": some["monetary"].sum() / scored["monetary"].sum(),
                    "mean_recency_days": some["recency_days"].mean(),
                    "mean_frequency": some["frequency"].mean(),
                    "mean_monetary": some["monetary"].mean(),
                    "action": segment.action,
                }
            )
    expected = pd.DataFrame(rows)
    assert_parity(segmentation.rfm_segments, scored, expected=expected, keys=["segment"], crossing=1)
    for name in ENGINES:
        if available(name) is None:
            got = to_pandas(segmentation.rfm_segments(to_engine(scored, name)))
            assert got["segment"].tolist() == expected["segment"].tolist(), name


def test_few_customers_and_ties(engine):
    day = pd.Timestamp("2024-01-05")
    three = pd.DataFrame(
        {
            "customer_id": [1, 2, 2, 3, 3, 3],
            "order_date": [day + pd.Timedelta(days=shift) for shift in (0, 1, 2, 3, 4, 5)],
            "amount": [1] * 6,
        }
    )
    got = to_pandas(segmentation.rfm(engine(three), as_of=AS_OF)).sort_values("customer_id")
    assert got["rfm"].tolist() == ["111", "333", "555"]
    one = to_pandas(segmentation.rfm(engine(three.head(1)), as_of=AS_OF))
    assert one[["rfm", "segment"]].to_numpy().tolist() == [["555", "champions"]]
    same = three.assign(customer_id=range(6), order_date=day)
    assert set(to_pandas(segmentation.rfm(engine(same), as_of=AS_OF))["rfm"]) == {"555"}


def test_bad_rows_in_every_engine(engine, orders):
    broken = orders.reset_index(drop=True)
    broken.loc[[1, 2, 3], "customer_id"] = None
    broken.loc[5, "amount"] = np.nan
    with pytest.raises(
        DataError, match=r"3 of \d+ rows without a customer_id; 1 of \d+ rows without an amount"
    ):
        segmentation.rfm(engine(broken), as_of=AS_OF)
    with pytest.raises(DataError, match="at least one value"):
        segmentation.rfm(engine(orders.assign(amount=-1.0)), as_of=AS_OF)
    table = pd.DataFrame(
        {"customer_id": [1, 2], "recency_days": [1, 2], "frequency": [1, 1], "monetary": [1.0, np.nan]}
    )
    for nan in ("null", "value"):
        with pytest.raises(DataError, match="1 of 2 rows without monetary"):
            segmentation.rfm_score(engine(table, nan=nan), cuts=CUTS)


def test_categories_with_unused_levels(orders):
    levels = ["never", *sorted(set(orders["customer_id"]))]
    frame = orders.assign(customer_id=pd.Categorical(orders["customer_id"], categories=levels))
    expected = oracle(orders, 5)
    for name in ("pandas", "pandas_arrow", "polars"):
        if available(name) is None:
            got = to_pandas(segmentation.rfm(to_engine(frame, name), as_of=AS_OF))
            assert_frames_match(got, expected, keys=["customer_id"], label=name)
