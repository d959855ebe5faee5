"""The rhythm of a base with open gaps: an independent likelihood, known truth, real customers."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, stats

from crmkit.datasets import load_cdnow
from crmkit.errors import CRMKitWarning, DataError, ParameterError
from crmkit.segmentation import Rhythm, loyalty_stages, purchase_rhythm
from crmkit.testing import crossed_rows

START = pd.Timestamp("2023-01-02")
DAYS = 520
END = START + pd.Timedelta(days=DAYS)


def orders_on(days):
    """Make an orders table of {customer: day numbers after the start}."""
    rows = [(who, START + pd.Timedelta(days=int(day), hours=9), 10.0) for who in days for day in days[who]]
    return pd.DataFrame(rows, columns=["customer_id", "order_date", "amount"])


def base_of(rng, count, *, horizon, leaving=(0.0, 0.0), typical=60.0, within=0.6, between=0.6):
    """Draw customers who join at any time before the horizon, who has left, and each one's mean log gap."""
    days, left, own = {}, [], []
    for who in range(count):
        mean, now = rng.normal(math.log(typical), between), rng.uniform(0, horizon)
        days[who] = [int(now)]
        while not (gone := rng.random() < leaving[len(days[who]) > 1]):
            now += math.exp(rng.normal(mean, within))
            if now > horizon:
                break
            if int(now) > days[who][-1]:
                days[who].append(int(now))
        left.append(gone)
        own.append(mean)
    return days, np.array(left), np.array(own)


def closed_only(days):
    """Measure the rhythm by analysis of variance of the closed gaps, as if no gap were open."""
    logs = [np.log(np.diff(one)) for one in days.values() if len(one) > 1]
    k = np.array([len(one) for one in logs])
    grand = np.concatenate(logs).mean()
    inner = sum(((one - one.mean()) ** 2).sum() for one in logs) / (k.sum() - len(k))
    outer = sum(len(one) * (one.mean() - grand) ** 2 for one in logs) / (len(k) - 1)
    n0 = (k.sum() - (k**2).sum() / k.sum()) / (len(k) - 1)
    typical = math.exp(np.mean([one.mean() for one in logs]))
    between = math.sqrt(max((outer - inner) / n0, 0))
    return Rhythm(typical, math.sqrt(inner), between, len(k), int(k.sum()))


def log_likelihood(days, horizon, theta):
    """Integrate over each customer's mean gap, with nothing taken from the code but the model."""
    mu, within, between, first, later = theta
    means = np.linspace(mu - 7 * between, mu + 7 * between, 1201)
    prior = stats.norm.pdf(means, mu, between)
    total = 0.0
    for mine in days.values():
        logs = np.log(np.diff(mine))
        silence = max(horizon - mine[-1], 0.5)
        gone = later if len(logs) else first
        closed = stats.norm.pdf(logs[:, None], means, within).prod(axis=0)
        opened = gone + (1 - gone) * stats.norm.sf(math.log(silence), means, within)
        stayed = (1 - first) * (1 - later) ** (len(logs) - 1) if len(logs) else 1.0
        total += math.log(stayed * integrate.trapezoid(prior * closed * opened, means))
    return total


def theta_of(found):
    gap = math.log(found.typical_gap_days)
    return np.array([gap, found.within, found.between, found.leaving_first, found.leaving_later])


@pytest.fixture(scope="module")
def small_base():
    days, _, _ = base_of(np.random.default_rng(4), 60, horizon=DAYS, leaving=(0.4, 0.15), typical=40)
    days = {f"c{who:02d}": mine for who, mine in days.items()}
    days["daily"] = list(range(100, 140))  # more gaps than have cells of their own
    days["today"] = [30, DAYS]
    return days


def test_estimates_are_the_maximum_of_an_independent_likelihood(small_base):
    found = theta_of(purchase_rhythm(orders_on(small_base), as_of=END))
    reached = log_likelihood(small_base, DAYS, found)
    low, high = [0, 0.05, 0.05, 0, 0], [9, 5, 5, 0.999, 0.999]

    def loss(theta):
        return 0 - log_likelihood(small_base, DAYS, np.clip(theta, low, high))

    best = optimize.minimize(loss, found * 1.05 + 0.01, method="Nelder-Mead", options={"maxfev": 400})
    assert 0 - best.fun - reached < 0.02
    assert found[0] == pytest.approx(best.x[0], abs=0.05)


def test_errors_are_those_of_the_curvature(small_base):
    found = purchase_rhythm(orders_on(small_base), as_of=END)
    theta, h = theta_of(found), 1e-3
    step = np.eye(5) * h

    def at(shift):
        return log_likelihood(small_base, DAYS, theta + shift)

    H = [[at(a + b) - at(a - b) - at(b - a) + at(0 - a - b) for b in step] for a in step]
    errors = np.sqrt(np.diag(np.linalg.inv(0 - np.array(H) / (4 * h * h))))
    assert found.log_gap_error == pytest.approx(errors[0], rel=0.02)
    assert found.leaving_first_error == pytest.approx(errors[3], rel=0.02)
    assert found.leaving_later_error == pytest.approx(errors[4], rel=0.02)


def test_every_engine_finds_the_same(engine, small_base):
    table = orders_on(small_base)
    expected = theta_of(purchase_rhythm(table, as_of=END))
    found = purchase_rhythm(engine(table), as_of=END)
    assert theta_of(found) == pytest.approx(expected, rel=1e-7, abs=1e-9)
    repeat = [one for one in small_base.values() if len(one) > 1]
    assert (found.customers, found.open_gaps) == (len(repeat), len(small_base))
    assert found.gaps == sum(len(one) - 1 for one in repeat)


def test_cells_cross_and_not_customers():
    pl = pytest.importorskip("polars")
    days, _, _ = base_of(np.random.default_rng(9), 4000, horizon=60)
    orders = orders_on(days)
    lazy = pl.from_pandas(orders).lazy()
    with crossed_rows() as fetched:
        found = purchase_rhythm(lazy, as_of=START + pd.Timedelta(days=60))
    assert found.open_gaps == 4000
    assert sum(fetched) < 1000
    # and the eighths cost next to nothing: the independent likelihood is as high at a maximum of its own
    some = dict(list(days.items())[:400])
    part = theta_of(purchase_rhythm(orders_on(some), as_of=START + pd.Timedelta(days=60)))
    reached = log_likelihood(some, 60, part)
    for step in np.vstack([np.eye(5), 0 - np.eye(5)]) * 0.02:
        moved = np.maximum(part + step, 0)
        assert log_likelihood(some, 60, moved) < reached + 0.02


@pytest.mark.parametrize("horizon", [60, 120])
def test_a_young_base_is_not_read_as_a_fast_one(horizon):
    days, _, own = base_of(np.random.default_rng(1), 1500, horizon=horizon)
    orders, as_of = orders_on(days), START + pd.Timedelta(days=horizon)
    naive, found = closed_only(days), purchase_rhythm(orders, as_of=as_of)
    assert float(naive) < 40 < 0.85 * 60 < float(found) < 60 / 0.85
    assert abs(math.log(float(found) / 60)) < 3 * found.log_gap_error
    assert (found.within, found.between) == pytest.approx((0.6, 0.6), rel=0.2)
    for left in ("leaving_first", "leaving_later"):  # nobody has
        assert getattr(found, left) < 2 * (getattr(found, f"{left}_error") or 0.01)
    # nobody has left, and few have outlasted 95 % of their true gaps
    silence = np.maximum([horizon - one[-1] for one in days.values()], 0.5)
    late = (stats.norm.cdf((np.log(silence) - own) / 0.6) >= 0.95).mean()
    lost = {
        name: (loyalty_stages(orders, as_of=as_of, rhythm=base)["stage"] != "secured").mean()
        for name, base in (("naive", naive), ("open", found))
    }
    assert late < 0.1
    assert lost["open"] < 0.4 * lost["naive"]
    assert abs(lost["open"] - late) < 0.05


def test_who_left_is_told_from_who_is_slow():
    days, left, _ = base_of(np.random.default_rng(3), 1500, horizon=500, leaving=(0.4, 0.1))
    orders, as_of = orders_on(days), START + pd.Timedelta(days=500)
    found = purchase_rhythm(orders, as_of=as_of)
    assert abs(math.log(float(found) / 60)) < 3 * found.log_gap_error
    assert found.leaving_first == pytest.approx(0.4, abs=3 * found.leaving_first_error)
    assert found.leaving_later == pytest.approx(0.1, abs=3 * found.leaving_later_error)
    slow = purchase_rhythm(orders, as_of=as_of, leaving=0.0)
    assert (slow.leaving_first, slow.leaving_first_error) == (0, None)
    assert float(slow) > 1.4 * float(found)  # the departed count as slow
    placed = loyalty_stages(orders, as_of=as_of, rhythm=found).sort_values("customer_id")
    assert placed["left_probability"].mean() == pytest.approx(left.mean(), abs=0.03)
    bands = pd.cut(placed["left_probability"], [0, 0.25, 0.5, 0.75, 0.9, 1.0])
    for _, there in placed.assign(left=left).groupby(bands, observed=True):
        assert there["left"].mean() == pytest.approx(there["left_probability"].mean(), abs=0.1)


def test_bases_of_twenty_customers_are_right_on_average():
    said, true = [], []
    for seed in range(15):
        days, left, _ = base_of(np.random.default_rng(seed), 20, horizon=DAYS, leaving=(0.3, 0.1))
        placed = loyalty_stages(orders_on(days), as_of=END)
        said.append(placed["left_probability"].mean())
        true.append(left.mean())
    assert np.mean(said) == pytest.approx(np.mean(true), abs=0.05)


def test_stages_tell_who_of_cdnow_comes_back():
    orders = load_cdnow(sample=True)
    past = orders["order_date"] < "1997-10-01"
    found = purchase_rhythm(orders[past], as_of="1997-09-30")
    placed = loyalty_stages(orders[past], as_of="1997-09-30", rhythm=found)
    back = placed["customer_id"].isin(orders.loc[~past, "customer_id"])
    shares = back.groupby(placed["stage"]).mean()
    assert shares["secured"] > 0.55
    assert shares["at risk"] < 0.2
    late = purchase_rhythm(orders, as_of="1998-06-30")  # another 39 weeks on: the same picture
    assert late.leaving_first == pytest.approx(found.leaving_first, abs=0.05)
    assert abs(math.log(float(late) / float(found))) < 0.2
    day = orders.loc[past, "order_date"].dt.normalize()
    days = {
        who: sorted({(one - day.min()).days for one in mine})
        for who, mine in day.groupby(orders["customer_id"])
    }
    assert float(found) > 2 * float(closed_only(days))


@pytest.mark.verify
@pytest.mark.parametrize(("horizon", "leaving"), [(90, (0.0, 0.0)), (180, (0.3, 0.1)), (720, (0.3, 0.1))])
def test_rhythm_is_recovered_with_honest_errors(horizon, leaving):
    logs, errors, first = [], [], []
    for seed in range(40):
        days, _, _ = base_of(np.random.default_rng(seed), 800, horizon=horizon, leaving=leaving)
        found = purchase_rhythm(orders_on(days), as_of=START + pd.Timedelta(days=horizon))
        logs.append(math.log(float(found) / 60))
        errors.append(found.log_gap_error)
        first.append(found.leaving_first)
    assert np.mean(logs) == pytest.approx(0, abs=0.05)
    assert np.mean(first) == pytest.approx(leaving[0], abs=0.04)
    covered = np.mean(np.abs(logs) < 1.96 * np.array(errors))
    assert covered > 0.8


def test_rhythm_of_few_gaps():
    pair = purchase_rhythm(orders_on({"a": [0, 10], "b": [0, 40]}), as_of=END)
    assert float(pair) == pytest.approx(20, rel=0.02)
    assert (pair.between, pair.gaps) == (0, 2)
    assert pair.within == pytest.approx(math.log(2), rel=0.03)  # both ln 2 from the mean
    # both came back once, and not again in 480 days: of four purchases two were the last
    assert (pair.leaving_first, pair.leaving_later) == pytest.approx((0.5, 0.5), abs=0.01)
    assert pair.leaving_later_error == pytest.approx(0.25, abs=0.01)
    alone = purchase_rhythm(orders_on({"a": [0, 10, 50]}), as_of=END)
    assert alone.between == 0
    with pytest.warns(CRMKitWarning, match=r"all gaps are alike \(1 of 1 customers\)"):
        one = purchase_rhythm(orders_on({"a": [0, 10]}), as_of=END)
    assert float(one) == pytest.approx(10, rel=0.01)
    assert one.log_gap_error is None
    with pytest.warns(CRMKitWarning, match=r"all gaps are alike \(4 of 2 customers\)") as caught:
        same = purchase_rhythm(orders_on({"a": [0, 10, 20], "b": [5, 15, 25]}), as_of=END)
    assert caught[0].filename == __file__
    assert float(same) == pytest.approx(10, rel=0.01)
    assert max(same.within, same.between) < 0.02
    assert same.leaving_later == pytest.approx(2 / 4, abs=0.02)  # after two of four later purchases
    regular = purchase_rhythm(orders_on({n: [0, n, 2 * n, 3 * n] for n in (5, 10, 20, 40)}), as_of=END)
    assert regular.log_gap_error == pytest.approx(regular.between / math.sqrt(4), rel=0.05)
    with pytest.raises(DataError, match="purchases on two days, .* give loyalty_stages"):
        purchase_rhythm(orders_on({"a": [0], "b": [5]}), as_of=END)
    with pytest.raises(DataError, match="purchases on two days"):
        loyalty_stages(orders_on({"a": [0]}), as_of=END)


def test_a_base_in_which_nobody_bought_three_times_does_not_lose_who_bought_today():
    days = {f"once {i}": [i] for i in range(20)} | {f"twice {i}": [i, 2 * i + 3] for i in range(5, 10)}
    days["today"] = [20, 30]
    orders, as_of = orders_on(days), START + pd.Timedelta(days=30)
    found = purchase_rhythm(orders, as_of=as_of)
    assert found.gaps == found.customers
    assert found.leaving_later == found.leaving_first
    placed = loyalty_stages(orders, as_of=as_of, rhythm=found).set_index("customer_id")
    assert placed.loc["today", "left_probability"] == pytest.approx(found.leaving_first)
    assert placed.loc["today", "stage"] != "lost"


def test_a_typical_gap_without_an_end_is_said():
    orders = orders_on({f"once {i}": [i % 30] for i in range(1000)} | {"back": [3, 20]})
    with pytest.warns(
        CRMKitWarning, match=r"came back \(1 of 1001\) that the typical gap may have any length"
    ):
        found = purchase_rhythm(orders, as_of=START + pd.Timedelta(days=200), leaving=0)
    assert found.log_gap_error is None
    with pytest.warns(CRMKitWarning, match="The rhythm is uncertain") as caught:
        loyalty_stages(orders, as_of=START + pd.Timedelta(days=200))
    assert caught[0].filename == __file__


def test_unfit_numbers_are_refused():
    good = Rhythm(30.0, 0.5, 0.4, customers=10, gaps=70)
    assert Rhythm(**good.to_dict()) == good
    for changes, message in (
        ({"typical_gap_days": 0}, "`typical_gap_days` must be a finite number above 0"),
        ({"within": math.nan}, "`within` must be a finite number at least 0"),
        ({"between": 101}, "`between` must be .* at most 100"),
        ({"gaps": 0.5}, "`gaps` must be an integer"),
        ({"leaving_first": 1}, "`leaving_first` must be .* below 1"),
        ({"log_gap_error": -1}, "`log_gap_error` must be"),
    ):
        with pytest.raises(ParameterError, match=message):
            dataclasses.replace(good, **changes)
    for leaving in (1, -0.1, "none"):
        with pytest.raises(ParameterError, match="`leaving` must be a finite number"):
            purchase_rhythm(orders_on({"a": [0, 10]}), as_of=END, leaving=leaving)
