"""Loyalty on the time scale: stages by hand on every engine, and directions."""

import dataclasses
import math
import statistics

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crmkit.errors import DataError, ParameterError
from crmkit.segmentation import Rhythm, loyalty_stages
from crmkit.testing import assert_parity

START = pd.Timestamp("2023-01-02")
END = "2024-06-30"
BASE = Rhythm(30.0, within=0.5, between=0.7, customers=100, gaps=900)
LEAVING = dataclasses.replace(BASE, leaving_first=0.4, leaving_later=0.1)


def orders_on(days, amount=10.0):
    """Make an orders table of {customer: day numbers after the start}."""
    rows = [(who, START + pd.Timedelta(days=day, hours=9), amount) for who in days for day in days[who]]
    return pd.DataFrame(rows, columns=["customer_id", "order_date", "amount"])


def mixed_base(seed=5, customers=30):
    rng = np.random.default_rng(seed)
    end = (pd.Timestamp(END) - START).days
    days = {}
    for i in range(customers):
        gaps = np.ceil(np.exp(rng.normal(rng.normal(3.2, 0.6), 0.5, rng.integers(0, 9))))
        days[f"c{i:02d}"] = (end - rng.integers(0, 120) - np.cumsum([0, *gaps])).tolist()
    days["regular"] = [end - 8 - 7 * i for i in range(20)]
    days["slowing"] = [end - gap for gap in (150, 140, 128, 112, 90, 58, 10)]
    days["once"] = [end - 50]
    days["today"] = [100, end]
    table = orders_on(days)
    extra = pd.DataFrame(
        [
            (
                "regular",
                pd.Timestamp(END) - pd.Timedelta(days=8, hours=-20),
                3.0,
            ),  # the same day: one purchase
            ("slowing", pd.Timestamp(END) - pd.Timedelta(days=2), -4.0),  # a return alone: none
            ("returned", START + pd.Timedelta(days=50), 9.0),
            ("returned", START + pd.Timedelta(days=50), -9.0),
        ],
        columns=table.columns,
    )
    table = pd.concat([table, extra], ignore_index=True)
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def purchase_days(table):
    """List the days on which each customer bought more than it gave back."""
    found = {}
    for (who, day), rows in table.groupby(["customer_id", table["order_date"].dt.normalize()]):
        if rows["amount"].min() >= 0 or rows["amount"].sum() > 1e-6:
            found.setdefault(who, []).append((day - START).days)
    return found


def gaps_of(table):
    return {who: np.diff(sorted(days)).astype(float) for who, days in purchase_days(table).items()}


def stages_by_hand(table, base, cuts, sigmas):
    last = (pd.Timestamp(END) - START).days
    mu, between = math.log(base.typical_gap_days), base.between**2
    lines = []
    for who, days in sorted(purchase_days(table).items()):
        gaps = np.diff(sorted(days)).astype(float)
        y, k, elapsed = np.log(gaps), len(gaps), last - max(days)
        shrink = k * between / (k * between + base.within**2)
        mine = mu + shrink * (y.mean() - mu) if k else mu
        squares = float(((y - y.mean()) ** 2).sum()) if k else 0.0
        sigma2 = (squares + 4 * base.within**2) / (max(k - 1, 0) + 4)
        variance = sigma2 + between * (1 - shrink) + math.exp(-2 * mine)
        z = (math.log(elapsed) - mine) / math.sqrt(variance) if elapsed else -math.inf
        share = stats.logistic.cdf(z * math.pi / math.sqrt(3))
        growth = error = None
        if k > 2:
            slope = round(float(np.polyfit(np.arange(1, k + 1), y, 1)[0]), 9)
            growth = math.exp(slope) - 1
            spread = ((np.arange(k) - (k - 1) / 2) ** 2).sum()
            error = slope / math.sqrt((sigma2 + math.exp(-2 * mine)) / spread)
        prior = base.leaving_later if k else base.leaving_first
        left = prior / (prior + (1 - prior) * (1 - share))
        stage = "lost" if max(share, left) >= cuts[1] else "at risk" if share >= cuts[0] else "secured"
        stage = "at risk" if stage == "secured" and left >= 0.5 else stage
        if stage == "secured" and sigmas and error is not None and error >= sigmas:
            stage = "at risk"
        mean, sd = (gaps.mean() if k else None), (statistics.stdev(gaps) if k > 1 else None)
        typical = math.exp(mine)
        lines.append(
            (who, len(days), elapsed, mean, sd, typical, elapsed / typical, share, left, growth, error, stage)
        )
    names = "customer_id purchase_days elapsed_days mean_gap_days gap_sd_days rhythm_days elapsed_gaps"
    names += " share_exceeded left_probability gap_growth growth_sigmas stage"
    return pd.DataFrame(lines, columns=names.split())


def test_stages_on_every_engine():
    table = mixed_base()
    expected = stages_by_hand(table, LEAVING, (0.8, 0.95), 2.0)
    assert set(expected["stage"]) == {"secured", "at risk", "lost"}
    never = stages_by_hand(table, BASE, (0.8, 0.95), 2.0)["stage"]
    assert ((expected["stage"] == "at risk") & (never == "secured")).any()
    assert "returned" not in set(expected["customer_id"])
    assert_parity(
        lambda frame: loyalty_stages(frame, as_of=END, rhythm=LEAVING),
        table,
        expected=expected,
        keys=["customer_id"],
        crossing=1,
    )


def test_the_next_gap_exceeds_the_share_that_it_should():
    rng = np.random.default_rng(12)
    end = 10_000
    days = {}
    for i in range(3000):
        gaps = np.exp(rng.normal(rng.normal(3.5, 0.6), rng.choice([0.5, 0.7, 0.9]), rng.integers(1, 12)))
        days[i] = (end - np.cumsum(np.maximum(np.round(gaps), 1))).tolist()  # the first gap ends at the end
    base = Rhythm(math.exp(3.5), math.sqrt((0.5**2 + 0.7**2 + 0.9**2) / 3), 0.6, customers=3000, gaps=18_000)
    found = placed(days, end, rhythm=base, growth_sigmas=None)
    for buyers in (found, found[found["purchase_days"] == 1], found[found["purchase_days"] > 5]):
        assert (buyers["share_exceeded"] > 0.5).mean() == pytest.approx(0.5, abs=0.06)
        assert (buyers["stage"] != "secured").mean() == pytest.approx(0.2, abs=0.06)
        assert (buyers["stage"] == "lost").mean() == pytest.approx(0.05, abs=0.025)


def placed(days, as_of, **options):
    return loyalty_stages(orders_on(days), as_of=START + pd.Timedelta(days=as_of), **options).set_index(
        "customer_id"
    )


def test_the_same_silence_means_more_for_a_frequent_buyer():
    found = placed(
        {"weekly": list(range(0, 71, 7)), "monthly": list(range(10, 71, 30)), "once": [70]}, 110, rhythm=BASE
    )
    share = found["share_exceeded"]
    assert share["weekly"] > 0.95 > share["monthly"]
    assert 0.5 < share["once"] < share["monthly"]  # nobody knows how long its gaps are
    assert found.loc["weekly", "stage"] == "lost"
    assert found.loc["monthly", "stage"] == "secured"
    assert found.loc["once", "rhythm_days"] == pytest.approx(30)


def test_from_secured_to_lost_and_back_by_buying():
    days = list(range(0, 200, 20))
    stages = [placed({"a": days}, now, rhythm=BASE)["stage"].iloc[0] for now in range(180, 300, 6)]
    order = {"secured": 0, "at risk": 1, "lost": 2}
    assert [order[one] for one in stages] == sorted(order[one] for one in stages)
    assert set(stages) == set(order)
    again = placed({"a": [*days, 399]}, 400, rhythm=BASE)
    assert again["stage"].tolist() == ["secured"]
    assert placed({"a": days}, 180, rhythm=BASE)["share_exceeded"].tolist() == [0]


def test_more_gaps_draw_less_on_the_base():
    found = placed({k: [90 * i for i in range(k + 1)] for k in (1, 2, 5, 12)}, 1200, rhythm=BASE)
    rhythm = found["rhythm_days"].sort_index().tolist()
    assert rhythm == sorted(rhythm)
    assert 30 < rhythm[0] < rhythm[-1] < 90
    assert found["gap_sd_days"].dropna().tolist() == [0, 0, 0]
    free = Rhythm(30.0, within=0.0, between=0.7, customers=9, gaps=90)
    assert placed({"a": [0, 90]}, 100, rhythm=free)["rhythm_days"].tolist() == pytest.approx([90])


def test_growing_gaps_put_a_customer_at_risk_before_it_is_overdue():
    growing = {"a": np.cumsum([0, 5, 8, 12, 19, 29, 45, 70]).tolist()}
    found = placed(growing, 190, rhythm=BASE)
    assert found["gap_growth"].iloc[0] == pytest.approx(0.55, abs=0.03)
    assert found["share_exceeded"].iloc[0] < 0.8
    assert found["stage"].tolist() == ["at risk"]
    assert placed(growing, 190, rhythm=BASE, growth_sigmas=None)["stage"].tolist() == ["secured"]
    shrinking = {"a": np.cumsum([0, 70, 45, 29, 19, 12, 8, 5]).tolist()}
    assert placed(shrinking, 190, rhythm=BASE)["growth_sigmas"].iloc[0] < -2
    assert placed(shrinking, 190, rhythm=BASE)["stage"].tolist() == ["secured"]


def test_returns_and_later_rows():
    table = mixed_base()
    dropped = loyalty_stages(table, as_of=END, rhythm=BASE, returns="drop").set_index("customer_id")
    assert dropped.loc["returned", "purchase_days"] == 1
    kept = loyalty_stages(table, as_of=END, rhythm=BASE, returns="keep").set_index("customer_id")
    net = loyalty_stages(table, as_of=END, rhythm=BASE).set_index("customer_id")
    assert kept.loc["slowing", "purchase_days"] == net.loc["slowing", "purchase_days"] + 1
    with pytest.raises(
        DataError, match=r"rows dated after as_of 2024-05-01 \(after='drop' leaves them out\)"
    ):
        loyalty_stages(table, as_of="2024-05-01", rhythm=BASE)
    early = loyalty_stages(table, as_of="2024-05-01", rhythm=BASE, after="drop")
    seen = table[table["order_date"] < "2024-05-02"]
    pd.testing.assert_frame_equal(early, loyalty_stages(seen, as_of="2024-05-01", rhythm=BASE))
    assert loyalty_stages(table.head(0), as_of=END, rhythm=BASE).empty


def test_unfit_arguments_are_refused():
    table = mixed_base()
    with pytest.raises(ParameterError, match="`cuts` must be two increasing shares"):
        loyalty_stages(table, as_of=END, cuts=(0.5, 1.5))
    with pytest.raises(ParameterError, match="`cuts` must be two increasing shares"):
        loyalty_stages(table, as_of=END, cuts=(0.5,))
    with pytest.raises(ParameterError, match="strictly increasing"):
        loyalty_stages(table, as_of=END, cuts=(0.9, 0.5))
    with pytest.raises(ParameterError, match="`growth_sigmas` must be a finite number above 0"):
        loyalty_stages(table, as_of=END, growth_sigmas=0)
    with pytest.raises(ParameterError, match="`rhythm` must be a Rhythm"):
        loyalty_stages(table, as_of=END, rhythm=30)
    broken = pd.concat([table, table.head(1).assign(customer_id=None)])
    with pytest.raises(DataError, match="1 of .* rows without a customer_id"):
        loyalty_stages(broken, as_of=END)
