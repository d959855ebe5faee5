"""Competing events: hand counts, statsmodels, brute force, plain proportions, simulated truth, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from crmkit.errors import DataError, ParameterError
from crmkit.stats import cumulative_incidence, proportion, restricted_mean

COLUMNS = ["event", "time", "at_risk", "n_event", "n_censored", "incidence", "std_error", "lower", "upper"]
CASES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0, 1, 2])), min_size=1, max_size=30)


def split(cases):
    return np.array([t for t, _ in cases], dtype=float), np.array([e for _, e in cases])


def of(curve, event):
    return curve[curve["event"] == event].reset_index(drop=True)


def simulated(n, rng, censoring=True):
    """Draw exponential races: won at rate .02 a day, lost at .05; observation ends between day 10 and 60."""
    won, lost = rng.exponential(1 / 0.02, n), rng.exponential(1 / 0.05, n)
    time = np.minimum(won, lost)
    event = np.where(won < lost, "won", "lost").astype(object)
    end = rng.uniform(10, 60, n) if censoring else np.full(n, np.inf)
    event[time > end] = None
    return np.minimum(time, end), event


def brute_incidence(time, event, cause):
    """Walk through the distinct times with plain numbers: incidence and the double sum of its variance."""
    rows, open_share, share = [], 1.0, 0.0
    for t in sorted(set(time)):
        n = sum(x >= t for x in time)
        d = sum(x == t and e != 0 for x, e in zip(time, event, strict=True))
        dj = sum(x == t and e == cause for x, e in zip(time, event, strict=True))
        share += open_share * dj / n
        rows.append((t, n, d, dj, open_share, share))
        open_share *= 1 - d / n
    variances = []
    for last in range(len(rows)):
        total = 0.0
        for _, n, d, dj, s, f in rows[: last + 1]:
            rest = rows[last][5] - f
            total += rest**2 * d / (n * (n - d)) if n > d else 0.0
            total += s**2 * dj * (n - dj) / n**3 - 2 * rest * s * dj / n**2
        variances.append(total)
    return [row[5] for row in rows], variances


def test_four_lost_then_one_won_is_twenty_percent():
    curve = cumulative_incidence([1, 2, 3, 4, 5], ["lost"] * 4 + ["won"])
    assert list(curve) == COLUMNS
    won = of(curve, "won")
    assert won["incidence"].tolist() == pytest.approx([0, 0, 0, 0, 0.2])
    assert won["at_risk"].tolist() == [5, 4, 3, 2, 1]
    assert won["n_event"].tolist() == [0, 0, 0, 0, 1]
    assert of(curve, "lost")["incidence"].iloc[-1] == pytest.approx(0.8)
    # Treating lost as censored would say that everyone is won in the end.
    wrong = cumulative_incidence([1, 2, 3, 4, 5], [0, 0, 0, 0, "won"])
    assert wrong["incidence"].iloc[-1] == 1


def test_by_hand_with_ties_and_censoring():
    # Day 1: 5 open, 1 won, 1 lost, 1 leaves. Day 2: 2 open, 1 won. Day 3: 1 leaves.
    curve = cumulative_incidence([1, 1, 1, 2, 3], ["won", "lost", None, "won", None])
    assert of(curve, "won")["incidence"].tolist() == pytest.approx([1 / 5, 1 / 5 + 3 / 5 / 2, 1 / 2])
    assert of(curve, "lost")["incidence"].tolist() == pytest.approx([1 / 5] * 3)
    assert of(curve, "won")[["at_risk", "n_censored"]].to_numpy().tolist() == [[5, 1], [2, 0], [1, 1]]


@pytest.mark.parametrize("seed", range(4))
def test_equals_statsmodels(seed):
    rng = np.random.default_rng(seed)
    time, event = np.ceil(rng.exponential(20, 200)), rng.choice([0, 1, 2], 200, p=[0.4, 0.35, 0.25])
    time[0], event[0] = 500, 0
    oracle = CumIncidenceRight(time, event)
    curve = cumulative_incidence(time, event)
    for cause in (1, 2):
        mine = of(curve, cause)
        assert mine["time"].tolist() == list(oracle.times)
        np.testing.assert_allclose(mine["incidence"], oracle.cinc[cause - 1], rtol=1e-12)
        np.testing.assert_allclose(mine["std_error"], oracle.cinc_se[cause - 1], rtol=1e-8)


def test_one_event_is_kaplan_meier():
    rng = np.random.default_rng(5)
    time, event = np.ceil(rng.exponential(20, 150)), rng.choice([0, 1], 150)
    oracle = SurvfuncRight(time, event)
    curve = cumulative_incidence(time, event).set_index("time").loc[oracle.surv_times]
    np.testing.assert_allclose(1 - curve["incidence"], oracle.surv_prob, atol=1e-12)
    inner = oracle.surv_prob > 0
    np.testing.assert_allclose(curve["std_error"][inner], oracle.surv_prob_se[inner], rtol=1e-8)
    np.testing.assert_array_equal(curve["at_risk"], oracle.n_risk)


@settings(deadline=None)
@given(CASES)
def test_equals_brute_force_and_adds_up(cases):
    time, event = split(cases)
    curve = cumulative_incidence(time, event, causes=[1, 2])
    for cause in (1, 2):
        share, variance = brute_incidence(time, event, cause)
        mine = of(curve, cause)
        np.testing.assert_allclose(mine["incidence"], share, atol=1e-12)
        np.testing.assert_allclose(mine["std_error"] ** 2, variance, atol=1e-12)
        assert mine["incidence"].is_monotonic_increasing
        assert (
            (mine["lower"] <= mine["incidence"] + 1e-12) & (mine["incidence"] <= mine["upper"] + 1e-12)
        ).all()
        assert mine[["lower", "upper"]].to_numpy().min() >= 0
        assert mine[["lower", "upper"]].to_numpy().max() <= 1
        assert (mine["lower"] < mine["upper"]).all()
    anything = cumulative_incidence(time, event > 0, causes=[True])["incidence"].to_numpy()
    both = of(curve, 1)["incidence"] + of(curve, 2)["incidence"]
    np.testing.assert_allclose(both, anything, atol=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1, 2])), min_size=1, max_size=30))
def test_without_censoring_it_is_the_plain_proportion(cases):
    time, event = split(cases)
    curve = of(cumulative_incidence(time, event, causes=[1, 2]), 1)
    for _, row in curve.iterrows():
        plain = proportion(int(((time <= row["time"]) & (event == 1)).sum()), len(time))
        assert row["incidence"] == pytest.approx(float(plain), abs=1e-12)
        assert (row["lower"], row["upper"]) == pytest.approx((plain.lower, plain.upper), abs=1e-7)
        share = float(plain)
        assert row["std_error"] == pytest.approx(math.sqrt(share * (1 - share) / len(time)), abs=1e-9)


@settings(deadline=None)
@given(CASES)
def test_counts_and_row_order(cases):
    time, event = split(cases)
    curve = cumulative_incidence(time, event, causes=[1, 2])
    cells = pd.DataFrame({"t": time, "e": event}).value_counts().reset_index()
    weighted = cumulative_incidence(cells["t"], cells["e"], weights=cells["count"], causes=[1, 2])
    pd.testing.assert_frame_equal(curve, weighted)
    pd.testing.assert_frame_equal(curve, cumulative_incidence(time[::-1], event[::-1], causes=[1, 2]))
    halves = cumulative_incidence(time * 0.5, event, causes=[1, 2])
    pd.testing.assert_frame_equal(curve.drop(columns="time"), halves.drop(columns="time"))


def test_rows_of_weight_zero_do_not_count():
    curve = cumulative_incidence([1, 2, 9], ["won", "lost", "void"], weights=[1, 1, 0])
    pd.testing.assert_frame_equal(curve, cumulative_incidence([1, 2], ["won", "lost"]))


def test_ways_to_say_open():
    for still in (0, 0.0, None, math.nan, False, pd.NaT, pd.NA):
        curve = cumulative_incidence([1, 2], ["won", still])
        assert curve["event"].unique().tolist() == ["won"]
        assert curve["incidence"].tolist() == [0.5, 0.5]
    kinds = pd.Series(["won", None], dtype="category")
    assert cumulative_incidence(pd.Series([1, 2], index=[7, 8]), kinds)["incidence"].tolist() == [0.5, 0.5]


def test_event_at_the_start_and_everyone_ends():
    curve = cumulative_incidence([0, 0, 3, 3], ["won", "won", "won", "won"])
    assert curve["time"].tolist() == [0, 3]
    assert curve["incidence"].tolist() == [0.5, 1]
    assert curve["std_error"].tolist() == [0.25, 0]
    assert curve["upper"].iloc[-1] == 1
    assert curve["lower"].iloc[-1] == pytest.approx(proportion(4, 4).lower)


def test_no_events():
    empty = cumulative_incidence([1, 2], [0, 0])
    assert list(empty) == COLUMNS
    assert len(empty) == 0
    asked = cumulative_incidence([1, 2], [0, 0], causes=["won"])
    assert asked["incidence"].tolist() == [0, 0]
    assert asked["std_error"].tolist() == [0, 0]
    assert asked["lower"].tolist() == [0, 0]
    # Two cases were seen through day 1, one through day 2.
    assert asked["upper"].tolist() == pytest.approx([proportion(0, 2).upper, proportion(0, 1).upper])


def test_order_of_causes():
    codes = cumulative_incidence([1, 2, 3], [10, 9, 10])
    assert codes["event"].unique().tolist() == [9, 10]
    chosen = cumulative_incidence([1, 2], ["won", "lost"], causes=["won", "lost", "void"])
    assert chosen["event"].unique().tolist() == ["won", "lost", "void"]


def test_bad_cases():
    with pytest.raises(DataError, match=r"durations must be at least 0. 1 of 2 are negative"):
        cumulative_incidence([-1, 2], [1, 1])
    with pytest.raises(DataError, match="durations must be one column of finite numbers"):
        cumulative_incidence([math.nan, 2], [1, 1])
    with pytest.raises(DataError, match="events must be one for each of 2 durations"):
        cumulative_incidence([1, 2], [1])
    with pytest.raises(DataError, match="at least one case"):
        cumulative_incidence([], [])
    with pytest.raises(DataError, match="at least one case"):
        cumulative_incidence([1], [1], weights=[0])
    with pytest.raises(DataError, match="negative or fractional"):
        cumulative_incidence([1], [1], weights=[-1])
    with pytest.raises(ParameterError, match=r"`causes` must be distinct and contain all events that occur"):
        cumulative_incidence([1], ["won"], causes=["lost"])
    with pytest.raises(ParameterError, match="`causes`"):
        cumulative_incidence([1], ["won"], causes=["won", "won"])
    with pytest.raises(ParameterError, match="`confidence`"):
        cumulative_incidence([1], ["won"], confidence=0.05)


@pytest.mark.parametrize("label", ["censored", "Censor", "0"])
def test_names_of_censoring_are_no_events(label):
    with pytest.raises(DataError, match="would count as an event: replace it"):
        cumulative_incidence([1, 2, 3], ["won", label, "lost"])


def test_input_is_not_changed():
    event = np.array(["won", None], dtype=object)
    cumulative_incidence(np.array([1, 2]), event)
    assert event.tolist() == ["won", None]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([1, 2])), min_size=2, max_size=30),
    st.integers(1, 12),
)
def test_restricted_mean_without_censoring_is_the_sample_mean(cases, horizon):
    time, event = split(cases)
    whole = restricted_mean(time, event, horizon=horizon)
    cut = np.minimum(time, horizon)
    assert float(whole) == pytest.approx(cut.mean())
    if cut.std() > 0:
        half = 1.959963984540054 * cut.std() / math.sqrt(len(cut))
        expected = max(cut.mean() - half, 0), min(cut.mean() + half, horizon)
        assert (whole.lower, whole.upper) == pytest.approx(expected)
    else:
        assert math.isnan(whole.lower)
    won = time[(event == 1) & (time <= horizon)]
    mean = restricted_mean(time, event, horizon=horizon, cause=1)
    assert math.isnan(float(mean)) if won.size == 0 else float(mean) == pytest.approx(won.mean())
    if won.size and won.std() > 0:
        half = 1.959963984540054 * won.std() / math.sqrt(len(won))
        assert mean.upper == pytest.approx(min(won.mean() + half, horizon))


def test_restricted_mean_is_the_area_under_kaplan_meier():
    rng = np.random.default_rng(6)
    time, event = simulated(80, rng)
    oracle = SurvfuncRight(time, (event != None).astype(int))  # noqa: E711 - elementwise
    grid = np.concatenate([[0], oracle.surv_times[oracle.surv_times < 30], [30]])
    heights = np.concatenate([[1], oracle.surv_prob[oracle.surv_times < 30]])
    result = restricted_mean(time, event, horizon=30)
    assert float(result) == pytest.approx(float((heights * np.diff(grid)).sum()))
    assert (result.n, result.method) == (80, "restricted to 30")
    counts = restricted_mean(np.tile(time, 2), np.tile(event, 2), horizon=30)
    weighted = restricted_mean(time, event, horizon=30, weights=np.full(80, 2))
    assert weighted.to_dict() == pytest.approx(counts.to_dict())


@pytest.mark.parametrize("cause", [None, "won"])
def test_variance_of_the_restricted_mean_equals_the_jackknife(cause):
    time, event = simulated(400, np.random.default_rng(7))
    result = restricted_mean(time, event, horizon=25, cause=cause)
    left_out = [
        float(restricted_mean(np.delete(time, i), np.delete(event, i), horizon=25, cause=cause))
        for i in range(400)
    ]
    se = math.sqrt(399 * np.var(left_out))
    assert (result.upper - float(result)) / 1.959963984540054 == pytest.approx(se, rel=0.02)


def test_restricted_mean_at_the_edges():
    nobody = restricted_mean([5, 6], [1, 1], horizon=2)
    assert float(nobody) == 2
    assert math.isnan(nobody.lower)
    assert math.isnan(float(restricted_mean([5, 6], [1, 1], horizon=2, cause=1)))
    assert math.isnan(float(restricted_mean([5, 6], [1, 1], horizon=9, cause="never")))
    assert float(restricted_mean([5, 6], [1, 1], horizon=9)) == 5.5
    assert math.isnan(restricted_mean([5, 6], [1, 0], horizon=6, cause=1).upper)
    with pytest.raises(DataError, match="1 cases are still open at 6, the last duration"):
        restricted_mean([5, 6], [1, 0], horizon=7)
    with pytest.raises(ParameterError, match="`horizon` must be a finite number above 0"):
        restricted_mean([5, 6], [1, 0], horizon=0)


def test_simulated_truth():
    rng = np.random.default_rng(11)
    time, event = simulated(40_000, rng)
    curve = of(cumulative_incidence(time, event), "won")
    at_30 = curve[curve["time"] <= 30].iloc[-1]
    truth = 0.02 / 0.07 * (1 - math.exp(-0.07 * 30))
    assert at_30["incidence"] == pytest.approx(truth, abs=4 * at_30["std_error"])
    mean = restricted_mean(time, event, horizon=30)
    assert float(mean) == pytest.approx((1 - math.exp(-2.1)) / 0.07, abs=0.3)


@pytest.mark.verify
@pytest.mark.parametrize("n", [15, 40, 200])
def test_incidence_interval_covers(n):
    rng, runs = np.random.default_rng(12), 1500
    for day in (3, 20):
        truth = 0.02 / 0.07 * (1 - math.exp(-0.07 * day))
        covered = 0
        for _ in range(runs):
            curve = of(cumulative_incidence(*simulated(n, rng), causes=["won", "lost"]), "won")
            row = curve[curve["time"] <= day].tail(1)
            lower, upper = (
                row[["lower", "upper"]].to_numpy()[0] if len(row) else (0.0, proportion(0, n).upper)
            )
            covered += lower <= truth <= upper
        assert 0.93 <= covered / runs <= 0.985


@pytest.mark.verify
def test_restricted_mean_interval_covers():
    rng, runs = np.random.default_rng(13), 2000
    # Of an exponential race, cut at the horizon; the cause does not change the time to it.
    cut = 1 - math.exp(-0.07 * 25)
    truths = {None: cut / 0.07, "won": (cut / 0.07 - 25 * (1 - cut)) / cut}
    covered = dict.fromkeys(truths, 0)
    for _ in range(runs):
        time, event = simulated(150, rng)
        for cause, truth in truths.items():
            result = restricted_mean(time, event, horizon=25, cause=cause)
            covered[cause] += result.lower <= truth <= result.upper
    assert all(0.93 <= count / runs <= 0.965 for count in covered.values())
