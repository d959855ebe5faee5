"""Judging models on a holdout, against sums by hand, scikit-learn, long tables and simulated futures."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, roc_auc_score, root_mean_squared_error

from crmkit import clv
from crmkit.clv.validation import CRITERIA
from crmkit.datasets import load_cdnow
from crmkit.errors import ColumnError, CRMKitError, DataError, ParameterError

KINDS = {
    "BG": clv.BetaGeoNBD(),
    "MBG": clv.ModifiedBetaGeoNBD(),
    "Pareto": clv.ParetoNBD(),
    "CNBD": clv.ModifiedBetaGeoCNBD(k=2),
}
COUNTS = "1203 728 512 357 234 129 335 284 225 173 119 240 181 155 78 322 255 129 613 277 1091 3464"
WEIGHTS = [int(count) for count in COUNTS.split()]
DONORS = {
    "frequency": [6, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 4, 3, 2, 1, 3, 2, 1, 2, 1, 1, 0],
    "recency": [6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1, 0],
    "n_periods": [6] * 22,
    "weight": WEIGHTS,
}


@pytest.fixture(scope="module")
def table():
    return clv.holdout_summary(
        load_cdnow(sample=True), calibration_end="1997-09-30", holdout_end="1998-06-30"
    )


@pytest.fixture(scope="module")
def models(table):
    return {name: model.fit(table) for name, model in KINDS.items()}


@pytest.fixture(scope="module")
def donors():
    return clv.BetaGeoBetaBinomial(unit="year").fit(DONORS)


def test_errors_by_hand(table, models):
    before = table.copy()
    found = clv.validate(table, models=models).set_index("model")
    pd.testing.assert_frame_equal(table, before)
    assert list(found.index) == [*models, "historical rate", "nobody buys"]
    actual = table["holdout_purchases"].to_numpy(float)
    forecasts = {
        name: model.expected_purchases(table, horizon="holdout_duration")["expected_purchases"].to_numpy()
        for name, model in models.items()
    }
    forecasts["historical rate"] = (table["frequency"] / table["T"] * 39).to_numpy()
    forecasts["nobody buys"] = np.zeros(len(table))
    for name, score in forecasts.items():
        one = found.loc[name]
        assert (one["customers"], one["actual"]) == (2357, 1882)
        assert one["predicted"] == pytest.approx(score.sum(), rel=1e-12)
        assert one["mae"] == pytest.approx(mean_absolute_error(actual, score), rel=1e-12)
        assert one["rmse"] == pytest.approx(root_mean_squared_error(actual, score), rel=1e-12)
        assert one["bias_share"] == pytest.approx((score.sum() - 1882) / 1882)
        assert one["auc"] == pytest.approx(roc_auc_score(actual > 0, score), rel=1e-9)
        if name not in models:
            assert one["crps"] == one["mae"]


def long_crps(model, table, highest=1000):
    """Square the distance of the two distribution functions, number by number."""
    long = model.purchase_distribution(table, horizon="holdout_duration", highest=highest)
    reached = long["probability"].to_numpy().reshape(len(table), -1).cumsum(axis=1)
    steps = np.arange(highest + 1) >= table["holdout_purchases"].to_numpy()[:, None]
    return ((reached - steps) ** 2).sum(axis=1).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_crps_of_a_long_table(table, models, kind):
    sample = table.sort_values("frequency").iloc[::120]
    found = clv.validate(sample, models={kind: models[kind]})["crps"][0]
    assert found == pytest.approx(long_crps(models[kind], sample), rel=1e-6)


@pytest.mark.parametrize("kind", ["BG", "Pareto"])
@pytest.mark.parametrize("bought", [0, 3, 180, 700])
def test_crps_of_customers_who_buy_daily(models, kind, bought):
    # Their distributions reach far beyond what the others and they themselves bought.
    busy = pd.DataFrame(
        {
            "frequency": [300, 0],
            "recency": [38.9, 0.0],
            "T": 39.0,
            "holdout_purchases": [bought, 1],
            "holdout_duration": 39.0,
        }
    )
    found = clv.validate(busy, models={kind: models[kind]})["crps"][0]
    assert found == pytest.approx(long_crps(models[kind], busy), rel=1e-5)


def test_crps_of_simulated_futures(table, models):
    # E|X − y| − E|X − X'|/2 with futures drawn from the story of the Pareto/NBD model.
    model, count = models["Pareto"], 40_000
    r, alpha, s, beta = model.params_.values()
    sample = table.sort_values("frequency").iloc[[0, 1500, 2100, 2300, 2350]]
    alive = model.probability_alive(sample)["probability_alive"].to_numpy()
    rng, scores = np.random.default_rng(1), []
    for row, chance in zip(sample.itertuples(), alive, strict=True):
        rate = rng.gamma(r + row.frequency, 1 / (alpha + row.T), 2 * count)
        life = rng.exponential(1 / rng.gamma(s, 1 / (beta + row.T), 2 * count))
        bought = rng.poisson(rate * np.minimum(life, 39)) * (rng.random(2 * count) < chance)
        one, other = bought[:count], bought[count:]
        scores.append(np.abs(one - row.holdout_purchases).mean() - np.abs(one - other).mean() / 2)
    found = clv.validate(sample, models={"Pareto": model})["crps"][0]
    assert found == pytest.approx(np.mean(scores), rel=0.02)


def test_weights_are_repeated_rows(table, models):
    sample = table.head(60)
    weight = np.arange(60) % 3
    repeated = sample.loc[np.repeat(sample.index, weight)]
    given = {"models": {"BG": models["BG"]}}
    pd.testing.assert_frame_equal(
        clv.validate(sample.assign(weight=weight), **given), clv.validate(repeated, **given), rtol=1e-9
    )
    pd.testing.assert_frame_equal(
        clv.calibration_table(sample.assign(weight=weight), model=models["BG"]),
        clv.calibration_table(repeated, model=models["BG"]),
    )


def test_order_of_rows_and_other_durations(table, models):
    given = {"models": {"BG": models["BG"]}}
    sample = table.head(200).assign(holdout_duration=np.arange(200) % 5 + 0.5)
    one = clv.validate(sample, **given)
    pd.testing.assert_frame_equal(
        one, clv.validate(sample.sample(frac=1, random_state=1), **given), rtol=1e-9
    )
    total = models["BG"].expected_purchases(sample, horizon="holdout_duration")["expected_purchases"].sum()
    assert one["predicted"][0] == pytest.approx(total)
    assert one["predicted"][1] == pytest.approx(
        (sample["frequency"] / sample["T"] * sample["holdout_duration"]).sum()
    )


def test_opportunities(donors):
    frame = pd.DataFrame(DONORS).assign(holdout_purchases=[1, 0] * 11, holdout_duration=2)
    found = clv.validate(frame, models={"donors": donors})
    assert found["customers"][0] == 11_104
    expected = donors.expected_purchases(frame, horizon=2)["expected_purchases"] @ frame["weight"]
    assert found["predicted"][0] == pytest.approx(expected)
    assert found["predicted"][1] == pytest.approx((frame["frequency"] * frame["weight"]).sum() / 3)
    chances = (
        donors.purchase_distribution(frame, horizon=2, highest=2)["probability"].to_numpy().reshape(22, 3)
    )
    steps = np.arange(3) >= frame["holdout_purchases"].to_numpy()[:, None]
    scores = ((chances.cumsum(axis=1) - steps) ** 2).sum(axis=1)
    assert found["crps"][0] == pytest.approx(np.average(scores, weights=frame["weight"]))
    with pytest.raises(DataError, match="22 of 22 rows have a 'holdout_duration' that is no whole number"):
        clv.validate(frame.assign(holdout_duration=2.5), models={"donors": donors})


def test_nothing_bought_at_all_leaves_what_compares_with_it_undefined(table, models):
    quiet = table.head(30).assign(holdout_purchases=0)
    found = clv.validate(quiet, models={"BG": models["BG"]})
    for name in ("bias_share", "gini", "auc"):
        assert found[name].isna().all()
    assert found["mae"][2] == 0
    best = clv.best_by_criterion(found).set_index("criterion")
    assert best.loc["mae", "model"] == "nobody buys"
    assert np.isnan(best.loc["gini", "value"])
    assert pd.isna(best.loc["gini", "model"])


def test_customers_who_came_on_the_last_day_have_no_rate(table, models):
    fresh = table.head(3).assign(frequency=0, recency=0.0, T=0.0)
    assert clv.validate(fresh, models={"BG": models["BG"]})["predicted"][1] == 0


def criteria(**columns):
    return pd.DataFrame({"model": ["a", "b", "c"], **dict.fromkeys(CRITERIA, 0.0)} | columns)


def test_best_by_criterion():
    found = criteria(
        mae=[0.7, 0.6, 0.9],
        rmse=[1.0, 3.0, 1.5],
        bias_share=[-0.3, 0.2, -0.1],
        gini=[0.6, 0.7, np.nan],
        auc=[0.8, 0.5, 0.9],
        crps=[0.5, 0.51, 0.4],
    )
    before = found.copy()
    best = clv.best_by_criterion(found)
    pd.testing.assert_frame_equal(found, before)
    assert best["criterion"].tolist() == list(CRITERIA)
    assert best["model"].tolist() == ["b", "a", "c", "b", "c", "c"]
    assert best["value"].tolist() == [0.6, 1.0, -0.1, 0.7, 0.9, 0.4]
    assert best["margin"].to_numpy() == pytest.approx([0.1, 0.5, 0.1, 0.1, 0.1, 0.1])
    assert best["use"].str.len().min() > 10
    pieces = pd.concat([found.head(1), found.tail(2).reset_index(drop=True)])
    pd.testing.assert_frame_equal(clv.best_by_criterion(pieces), best)
    assert clv.best_by_criterion(found.head(1))["margin"].isna().all()


def test_best_of_nothing():
    with pytest.raises(DataError, match="`validation` must have at least one model"):
        clv.best_by_criterion(criteria().head(0))
    with pytest.raises(ColumnError, match="'crps'"):
        clv.best_by_criterion(criteria().drop(columns="crps"))


@pytest.mark.parametrize("groups", [2, 10, 37])
def test_calibration_adds_up(table, models, groups):
    model = models["Pareto"]
    found = clv.calibration_table(table, model=model, groups=groups)
    expected = model.expected_purchases(table, horizon=39)["expected_purchases"]
    assert found["customers"].sum() == 2357
    assert found["predicted"] @ found["customers"] == pytest.approx(expected.sum())
    assert found["actual"] @ found["customers"] == pytest.approx(1882)
    assert found["group"].tolist() == list(range(1, len(found) + 1))
    assert len(found) <= groups
    assert found["predicted"].is_monotonic_increasing
    assert (found["actual_lower"] <= found["actual"]).all()
    assert (found["actual_lower"] >= 0).all()


def test_calibration_by_hand(models):
    # Two customers buy alike and stay together; the busiest fifth are those with the longest history.
    frame = pd.DataFrame(
        {
            "frequency": [0, 0, 0, 1, 2, 3, 4, 5, 6, 7],
            "recency": [0, 0, 0, 30, 31, 32, 33, 34, 35, 36],
            "T": 39.0,
            "holdout_purchases": [0, 1, 0, 1, 0, 2, 3, 2, 8, 4],
            "holdout_duration": 39,
        }
    )
    found = clv.calibration_table(frame, model=models["BG"], groups=5)
    expected = models["BG"].expected_purchases(frame, horizon=39)["expected_purchases"].to_numpy()
    # By the middle of each level in cumulated customers: .15 (three of them), .35, .45, .55, …
    groups = [[0, 1, 2], [3], [4, 5], [6, 7], [8, 9]]
    for row, places in zip(found.itertuples(), groups, strict=True):
        actual = frame["holdout_purchases"].to_numpy(float)[places]
        assert row.customers == len(places)
        assert row.predicted == pytest.approx(expected[places].mean())
        assert row.actual == pytest.approx(actual.mean())
        half = 1.959964 * actual.std(ddof=1) / np.sqrt(len(places)) if len(places) > 1 else np.nan
        assert (row.actual_lower, row.actual_upper) == pytest.approx(
            (np.maximum(actual.mean() - half, 0), actual.mean() + half), nan_ok=True
        )


def test_bad_tables(table, models):
    broken = table.head(6).assign(
        holdout_purchases=[-1, 0.5, np.nan, np.inf, 1, 1], holdout_duration=[39, 39, 39, 39, 0, np.nan]
    )
    for call in (
        lambda frame: clv.validate(frame, models=models),
        lambda frame: clv.calibration_table(frame, model=models["BG"]),
    ):
        with pytest.raises(DataError) as caught:
            call(broken)
        for part in (
            "2 of 6 rows have 'holdout_purchases' that are not a whole number of at least 0",
            "1 of 6 rows have no value in 'holdout_purchases'",
            "1 of 6 rows have an infinite value in 'holdout_purchases'",
            "1 of 6 rows have no positive 'holdout_duration'",
            "1 of 6 rows have no value in 'holdout_duration'",
        ):
            assert part in str(caught.value)
        for column in ("holdout_purchases", "holdout_duration", "recency"):
            with pytest.raises(ColumnError, match=f"'{column}'"):
                call(table.drop(columns=column))
        with pytest.raises(DataError, match="must be in the unit of the model, 'week'"):
            call(table.assign(unit="day"))
        with pytest.raises(DataError, match="rows have a recency above T"):
            call(table.assign(T=1.0))
        for nobody in (table.head(0), table.head(3).assign(weight=0)):
            with pytest.raises(DataError, match="at least one customer"):
                call(nobody)
        with pytest.raises(DataError, match="no finite weight"):
            call(table.assign(weight=-1))


def test_models_and_arguments_that_are_none(table, models):
    for wrong in ({}, None, 3, [models["BG"]]):
        with pytest.raises(ParameterError, match="`models` must be a mapping of at least one name"):
            clv.validate(table, models=wrong)
    for wrong in (None, clv.GammaGamma(), "BG"):
        with pytest.raises(ParameterError, match="`models` must be a fitted model of the customer base"):
            clv.validate(table, models={"x": wrong})
        with pytest.raises(ParameterError, match="`model` must be a fitted model of the customer base"):
            clv.calibration_table(table, model=wrong)
    with pytest.raises(CRMKitError, match="must be fitted"):
        clv.validate(table, models={"x": clv.ParetoNBD()})
    with pytest.raises(CRMKitError, match="must be fitted"):
        clv.calibration_table(table, model=clv.ParetoNBD())
    for groups in (1, 1001, 2.5, "ten"):
        with pytest.raises(ParameterError, match="`groups` must be an integer"):
            clv.calibration_table(table, model=models["BG"], groups=groups)
