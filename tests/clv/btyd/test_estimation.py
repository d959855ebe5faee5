import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln, gammaln

from crmkit import clv
from crmkit.clv.btyd import _optimum, estimation
from crmkit.errors import ColumnError, ConvergenceError, CRMKitWarning, DataError, ParameterError

FREE = {
    "BetaGeoNBD": clv.BetaGeoNBD,
    "ModifiedBetaGeoNBD": clv.ModifiedBetaGeoNBD,
    "ParetoNBD": clv.ParetoNBD,
    "ModifiedBetaGeoCNBD": clv.ModifiedBetaGeoCNBD,
}
WHOLE = ["frequency", "recency", "T"]


def same_fit(one, other, *, relative=1e-6):
    assert one.params_ == pytest.approx(other.params_, rel=relative)
    assert one.standard_errors_ == pytest.approx(other.standard_errors_, rel=1e-4)


def history(x, t_x, T):
    return pd.DataFrame({"frequency": x, "recency": t_x, "T": T})


@pytest.mark.parametrize(
    ("kind", "truth"),
    [
        ("BetaGeoNBD", (0.6, 5.0, 0.8, 2.5)),
        ("ModifiedBetaGeoNBD", (0.8, 5.0, 0.7, 2.5)),
        ("ParetoNBD", (0.6, 8.0, 0.7, 12.0)),
    ],
)
def test_truth_is_recovered_within_its_standard_errors(simulate, kind, truth):
    rng, n = np.random.default_rng(11), 20_000
    draw = simulate.pareto if kind == "ParetoNBD" else simulate.beta_geo
    also = {"at_first": True} if kind == "ModifiedBetaGeoNBD" else {}
    T = rng.integers(20, 60, n)
    model = FREE[kind]().fit(draw(rng, n, *truth, T, **also))
    assert model.boundary_ is None
    for (name, value), true in zip(model.params_.items(), truth, strict=True):
        assert abs(value - true) < 3.5 * model.standard_errors_[name], name


def test_regularity_and_its_parameters_are_recovered(simulate):
    truth = (0.9, 2.0, 0.6, 3.0)
    model = clv.ModifiedBetaGeoCNBD().fit(simulate.regular(np.random.default_rng(3), 6000, *truth, 40, k=3))
    assert model.k_ == 3
    for name, true in zip(model.params_, (0.9, 2.0, 0.6, 3.0), strict=True):
        assert abs(model.params_[name] - true) < 4 * model.standard_errors_[name], name


def test_the_highest_regularity_may_be_the_best(simulate, monkeypatch):
    frame = simulate.regular(np.random.default_rng(3), 1500, 0.9, 2.0, 0.6, 3.0, 40, k=4)
    monkeypatch.setattr("crmkit.clv.btyd.regular._REGULAR", 2)
    assert clv.ModifiedBetaGeoCNBD().fit(frame).k_ == 2


def test_opportunities_are_recovered(simulate):
    truth = (1.2, 0.75, 0.66, 2.8)
    frame = simulate.beta_binomial(np.random.default_rng(4), 20_000, *truth, 8)
    model = clv.BetaGeoBetaBinomial().fit(frame)
    assert model.n_cells_ < 40
    for name, true in zip(model.params_, truth, strict=True):
        assert abs(model.params_[name] - true) < 3.5 * model.standard_errors_[name], name


def test_log_likelihood_is_that_of_the_paper(customers):
    """Equation 6 of Fader, Hardie and Lee (2005), customer by customer."""
    model = clv.BetaGeoNBD().fit(customers)
    r, alpha, a, b = model.params_.values()
    total = 0.0
    for x, t_x, T in customers[WHOLE].itertuples(index=False):
        both = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
        stays = betaln(a, b + x) - (r + x) * np.log(alpha + T)
        leaves = betaln(a + 1, b + x - 1) - (r + x) * np.log(alpha + t_x) if x else -np.inf
        total += both + np.logaddexp(stays, leaves)
    assert model.log_likelihood_ == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("kind", FREE)
def test_unit_of_time_scales_parameters_and_leaves_predictions(customers, kind):
    days = customers.assign(recency=customers["recency"] * 7, T=customers["T"] * 7)
    weekly, daily = FREE[kind](unit="week").fit(customers), FREE[kind](unit="day").fit(days)
    scale = {"alpha": 7, "beta": 7}
    expected = {name: value * scale.get(name, 1) for name, value in weekly.params_.items()}
    assert daily.params_ == pytest.approx(expected, rel=1e-5)
    shift = np.log(7) * customers["frequency"].sum()
    assert daily.log_likelihood_ == pytest.approx(weekly.log_likelihood_ - shift, abs=1e-4)
    for call, options in [
        ("expected_purchases", ({"horizon": 10}, {"horizon": 70})),
        ("probability_alive", ({"ahead": 4}, {"ahead": 28})),
        ("discounted_purchases", ({"annual_rate": 0.1}, {"annual_rate": 0.1})),
    ]:
        one = getattr(weekly, call)(customers, **options[0])[call]
        other = getattr(daily, call)(days, **options[1])[call]
        assert np.allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("kind", FREE)
def test_order_weights_and_cells_do_not_matter(customers, kind):
    plain = customers.assign(recency=np.ceil(customers["recency"]))
    model = FREE[kind]().fit(plain)
    cells = plain.groupby(WHOLE, as_index=False).size().rename(columns={"size": "weight"})
    assert model.n_cells_ == len(cells) < len(plain)
    for other in (plain.sample(frac=1, random_state=1), cells, cells.sample(frac=1, random_state=2)):
        same_fit(FREE[kind]().fit(other), model)
    repeated = plain.loc[plain.index.repeat(2)]
    double = FREE[kind]().fit(plain.assign(weight=2))
    same_fit(FREE[kind]().fit(repeated), double)
    assert double.n_customers_ == 2 * len(plain)
    assert double.log_likelihood_ == pytest.approx(2 * model.log_likelihood_, rel=1e-9)


def test_unrounded_rows_are_cells_of_their_own(customers):
    extra = pd.concat([customers, customers.head(200).sample(frac=1, random_state=1)])
    weighted = customers.assign(weight=np.where(np.arange(len(customers)) < 200, 2.0, 1.0))
    one, other = clv.ParetoNBD().fit(extra), clv.ParetoNBD().fit(weighted)
    same_fit(one, other)
    assert one.n_cells_ == other.n_cells_ == len(customers[WHOLE].drop_duplicates())


def test_weight_zero_is_no_customer(customers):
    absent = customers.assign(weight=1.0)
    absent.iloc[:50, absent.columns.get_loc("weight")] = 0.0
    one, other = clv.BetaGeoNBD().fit(absent), clv.BetaGeoNBD().fit(customers.iloc[50:])
    same_fit(one, other)
    assert one.n_customers_ == len(customers) - 50


def test_arrays_and_frames_are_read_alike_and_not_changed(customers):
    before = customers.copy()
    arrays = {name: customers[name].to_numpy() for name in WHOLE}
    assert clv.BetaGeoNBD().fit(arrays).params_ == clv.BetaGeoNBD().fit(customers).params_
    lists = {name: customers[name].tolist() for name in WHOLE}
    assert clv.BetaGeoNBD().fit(lists).params_ == clv.BetaGeoNBD().fit(customers).params_
    pd.testing.assert_frame_equal(customers, before)


@pytest.mark.parametrize("arrays", [{"frequency": [1, 2], "recency": [1], "T": [3, 3]}, {"frequency": 1}])
def test_mapping_that_is_no_table(arrays):
    with pytest.raises(ParameterError, match="mapping of arrays of one length"):
        clv.BetaGeoNBD().fit(arrays)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"recency": 99.0}, "1 of 1200 rows have a recency above T"),
        ({"frequency": 0.0, "recency": 3.0}, "1 of 1200 rows have a recency above 0 but no repeat purchase"),
        ({"frequency": 2.0, "recency": 0.0}, "1 of 1200 rows have repeat purchases but recency 0"),
        ({"frequency": 1.5, "recency": 3.0}, "1 of 1200 rows have a frequency that is not a whole number"),
        ({"frequency": -1.0}, "frequency that is not a whole number of at least 0"),
        ({"recency": -1.0}, "1 of 1200 rows have a negative recency"),
        ({"T": -1.0}, "1 of 1200 rows have a negative T"),
        ({"frequency": np.nan}, "1 of 1200 rows have no value in 'frequency'"),
        ({"T": np.nan}, "1 of 1200 rows have no value in 'T'"),
        ({"recency": np.inf}, "have an infinite value in 'recency'"),
        ({"frequency": np.inf}, "have an infinite value in 'frequency'"),
    ],
)
@pytest.mark.parametrize("kind", ["BetaGeoNBD", "ParetoNBD"])
def test_contradictions_are_counted(customers, kind, change, match):
    broken = customers[WHOLE].copy()
    for name, value in change.items():
        broken.iloc[5, broken.columns.get_loc(name)] = value
    with pytest.raises(DataError, match=match):
        FREE[kind]().fit(broken)
    with pytest.raises(DataError, match=match):
        FREE[kind]().fit(customers).expected_purchases(broken, horizon=1)


def test_repeated_rows_are_all_counted():
    bad = history([1, 1, 0], [5.0, 5.0, 0.0], [3.0, 3.0, 3.0])
    with pytest.raises(DataError, match="2 of 3 rows have a recency above T"):
        clv.BetaGeoNBD().fit(bad)


def test_recency_above_age_by_rounding_is_the_age():
    frame = history([2, 3, 1, 0], [0.1 + 0.2, 0.3, 0.1, 0.0], [0.3, 0.3, 0.3, 0.3])
    exact = frame.assign(recency=[0.3, 0.3, 0.1, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CRMKitWarning)
        one, other = clv.BetaGeoNBD().fit(frame), clv.BetaGeoNBD().fit(exact)
    assert one.log_likelihood_ == pytest.approx(other.log_likelihood_, rel=1e-6)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_weights_must_be_finite_and_not_negative(customers, weight):
    weights = np.ones(len(customers))
    weights[[3, 4]] = weight
    with pytest.raises(DataError, match="2 of 1200 rows have no finite weight of at least 0"):
        clv.BetaGeoNBD().fit(customers.assign(weight=weights))


def test_weights_under_the_name_of_lifetimes_are_not_ignored(customers):
    with pytest.raises(
        ColumnError, match="must say in 'weight' how many customers a row is. Found 'weights'"
    ):
        clv.BetaGeoNBD().fit(customers.assign(weights=2))
    clv.BetaGeoNBD().fit(customers.assign(weights=2, weight=1))


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (history([3], [2.0], [5.0]), "1 customers with 3 repeat purchases"),
        (history([0] * 9, [0.0] * 9, [5.0] * 9), "9 customers with 0 repeat purchases"),
        (history([2, 1], [1.0, 1.0], [5.0, 5.0]).assign(weight=0.0), "0 customers with 0 repeat purchases"),
    ],
)
@pytest.mark.parametrize("kind", FREE)
def test_data_without_information(kind, frame, found):
    with pytest.raises(ConvergenceError, match=found):
        FREE[kind]().fit(frame)


def test_bad_tables(customers):
    with pytest.raises(DataError, match="at least one row"):
        clv.BetaGeoNBD().fit(customers.head(0))
    with pytest.raises(ColumnError, match="'T'"):
        clv.BetaGeoNBD().fit(customers.drop(columns="T"))
    with pytest.raises(ColumnError, match="numbers in 'recency'"):
        clv.BetaGeoNBD().fit(customers.assign(recency="late"))
    with pytest.raises(ParameterError, match="must be a DataFrame"):
        clv.BetaGeoNBD().fit([1, 2])
    with pytest.raises(ParameterError, match="`engine` must be one of"):
        clv.BetaGeoNBD().fit(customers, engine="stan")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"frequency": [3, 2]}, "1 of 2 rows have a frequency above recency"),
        ({"recency": [1.5, 2.5]}, "2 of 2 rows have a recency that is not a whole number"),
        ({"n_periods": [6.5, 6.0]}, "1 of 2 rows have an n_periods that is not a whole number"),
        ({"recency": [7, 2]}, "1 of 2 rows have a recency above n_periods"),
    ],
)
def test_opportunities_are_whole(change, match):
    frame = pd.DataFrame({"frequency": [1, 2], "recency": [2, 2], "n_periods": [6.0, 6.0]})
    with pytest.raises(DataError, match=match):
        clv.BetaGeoBetaBinomial().fit(frame.assign(**change))


def test_unit_comes_from_the_frame_or_the_model(customers):
    summary = customers.assign(unit="week", as_of="2024-03-31")
    model = clv.BetaGeoNBD().fit(summary)
    assert (model.unit_, model.as_of_) == ("week", "2024-03-31")
    assert clv.BetaGeoNBD(unit="week").fit(customers).unit_ == "week"
    assert clv.BetaGeoNBD(unit="week").fit(summary).unit_ == "week"
    bare = clv.BetaGeoNBD().fit(customers)
    assert (bare.unit_, bare.as_of_) == (None, None)
    with pytest.raises(DataError, match="the unit 'day' in 'unit'. Found 'week'"):
        clv.BetaGeoNBD(unit="day").fit(summary)
    with pytest.raises(ParameterError, match="`unit` must be one of"):
        clv.BetaGeoNBD(unit="fortnight").fit(customers)
    mixed = summary.assign(unit=np.where(np.arange(len(summary)) < 9, "day", "week"))
    with pytest.raises(DataError, match="one unit of time in 'unit'. Found 'day', 'week'"):
        clv.BetaGeoNBD().fit(mixed)
    partly = summary.assign(unit=np.where(np.arange(len(summary)) < 9, None, "week"))
    with pytest.raises(DataError, match="9 of 1200 rows have no value in 'unit'"):
        clv.BetaGeoNBD().fit(partly)


def test_boundary_is_named_and_warned_of(simulate):
    rng = np.random.default_rng(5)
    forever = history(rng.poisson(3, 400), 0.0, 30.0)
    forever["recency"] = np.where(
        forever["frequency"] > 0, 30 * rng.random(400) ** (1 / np.maximum(forever["frequency"], 1)), 0.0
    )
    for kind in FREE:
        with pytest.warns(CRMKitWarning, match="rises towards a boundary") as caught:
            model = FREE[kind]().fit(forever)
        assert caught[0].filename == __file__  # the line of the caller
        assert model.boundary_ == str(caught[0].message)
        assert kind in model.boundary_
        assert all(np.isnan(error) for error in model.standard_errors_.values())
        assert np.isnan(model.covariance_.to_numpy()).all()
        assert model.confidence_intervals()[["lower", "upper", "standard_error"]].isna().all(axis=None)
        assert np.isfinite(list(model.params_.values())).all()
        found = model.expected_purchases(forever, horizon=10, confidence=0.9)
        assert found["expected_purchases"].mean() == pytest.approx(forever["frequency"].mean() / 3, rel=0.1)
        assert found[["expected_purchases_lower", "expected_purchases_upper"]].isna().all(axis=None)
        new = model.purchases_of_new_customer(horizon=10)
        assert float(new) > 0
        assert np.isnan([new.lower, new.upper]).all()
        drawn = model.predict_total(forever, horizon=10, random_state=1)
        assert drawn.lower < float(drawn) < drawn.upper


def test_boundary_says_what_it_means(simulate):
    rng = np.random.default_rng(6)
    with pytest.warns(CRMKitWarning, match="r → ∞, alpha → ∞: all customers buy at the same rate"):
        clv.ParetoNBD().fit(simulate.pareto(rng, 1500, 1e7, 3e7, 0.8, 10.0, 30))


def test_interior_maxima_warn_of_nothing(customers):
    model = clv.BetaGeoNBD().fit(customers)
    assert model.boundary_ is None


def test_refit_forgets_the_first_data(customers):
    model = clv.BetaGeoNBD().fit(customers.head(400).assign(unit="week"))
    again = model.fit(customers)
    assert again is model
    assert model.unit_ is None
    assert model.params_ == clv.BetaGeoNBD().fit(customers).params_


def test_regularity_is_given_or_chosen(customers):
    chosen = clv.ModifiedBetaGeoCNBD().fit(customers)
    fixed = {k: clv.ModifiedBetaGeoCNBD(k=k).fit(customers).log_likelihood_ for k in (1, 2)}
    assert chosen.k_ == 1
    assert chosen.log_likelihood_ == fixed[1] > fixed[2]
    for k in (0, 13, 1.5):
        with pytest.raises(ParameterError, match="`k` must be an integer"):
            clv.ModifiedBetaGeoCNBD(k=k).fit(customers)


def test_very_small_data_sets_end_well():
    tiny = {
        "five": history([1, 0, 3, 0, 0], [1.0, 0, 5, 0, 0], [6.0] * 5),
        "alike": history([1, 1], [1.0, 1.0], [2.0, 2.0]),
        "last day": history([3, 2, 5, 1, 0], [6.0, 6, 6, 6, 0], [6.0] * 5),
        "busy": history([3000, 2, 5, 1, 0], [6.0, 6, 6, 6, 0], [6.0] * 5),
        "no time": history([3, 2, 5, 1, 0, 0], [6e-9, 6e-9, 5e-9, 2e-9, 0, 0], [6e-9] * 5 + [0.0]),
    }
    for kind in ("BetaGeoNBD", "ModifiedBetaGeoNBD", "ParetoNBD"):
        for frame in tiny.values():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CRMKitWarning)
                model = FREE[kind]().fit(frame)
            found = model.expected_purchases(frame, horizon=frame["T"].max(), confidence=0.9)
            assert np.isfinite(found["expected_purchases"]).all()
            assert found["expected_purchases"].between(0, 2 * frame["frequency"].max() + 1).all()
            if model.boundary_ is None:
                assert np.isfinite(list(model.standard_errors_.values())).all()


def test_lifetimes_finds_the_same(customers):
    pytest.importorskip("lifetimes")
    ours, theirs = clv.BetaGeoNBD().fit(customers), clv.BetaGeoNBD().fit(customers, engine="lifetimes")
    assert theirs.params_ == pytest.approx(ours.params_, rel=1e-2)
    assert ours.log_likelihood_ >= theirs.log_likelihood_ - 1e-9
    assert theirs.standard_errors_ == pytest.approx(ours.standard_errors_, rel=0.1)


def test_a_regularity_that_fails_ends_the_search(customers, monkeypatch):
    """Found in review: a failure at k = 2 lost the fit at k = 1."""
    from crmkit.clv.btyd.estimation import LikelihoodModel

    plain = clv.ModifiedBetaGeoCNBD(k=1).fit(customers)
    maximise = LikelihoodModel._maximise

    def fails(self, *arguments):
        if self.k_ > 1:
            raise ConvergenceError("no maximum")
        return maximise(self, *arguments)

    monkeypatch.setattr(LikelihoodModel, "_maximise", fails)
    chosen = clv.ModifiedBetaGeoCNBD().fit(customers)
    assert chosen.k_ == 1
    assert chosen.params_ == plain.params_


def test_many_cells_are_climbed_from_a_part_of_them(simulate, monkeypatch):
    frame = simulate.pareto(np.random.default_rng(13), 3000, 0.6, 8.0, 0.7, 12.0, np.linspace(20, 40, 3000))
    whole = clv.ParetoNBD().fit(frame)
    assert whole.n_cells_ == 3000
    monkeypatch.setattr("crmkit.clv.btyd.estimation._PART", 200)
    monkeypatch.setattr("crmkit.clv.btyd.estimation._FEW", 100)
    same_fit(clv.ParetoNBD().fit(frame), whole)
    same_fit(clv.ParetoNBD().fit(frame.sort_values(["frequency", "recency"])), whole)


def test_the_unit_of_the_data_must_be_one():
    table = {"frequency": [2, 0, 1], "recency": [3.0, 0, 2], "T": [9.0, 9, 8], "unit": ["fortnight"] * 3}
    with pytest.raises(DataError, match="must name a unit of day, week.* Found 'fortnight'"):
        clv.BetaGeoNBD().fit(table)


def test_the_end_of_the_data_must_be_a_day():
    table = {"frequency": [2, 0, 1], "recency": [3.0, 0, 2], "T": [9.0, 9, 8], "as_of": ["last Friday"] * 3}
    with pytest.raises(DataError, match="must have dates such as 2024-12-31 in 'as_of'. Found 'last Friday'"):
        clv.BetaGeoNBD().fit(table)
    clock = pd.Timestamp("2024-03-31 00:00")
    with pytest.warns(CRMKitWarning):
        assert clv.BetaGeoNBD().fit(table | {"as_of": [str(clock)] * 3}).as_of_ == "2024-03-31"


def test_a_part_that_tells_nothing_does_not_stop_the_fit(monkeypatch):
    """A few thousand cells to start from may have no maximum of their own; the whole still has one."""
    generator = np.random.default_rng(3)
    T = generator.uniform(20, 40, 900)
    x = generator.poisson(generator.gamma(1.0, 0.1, 900) * T)
    t_x = np.where(x > 0, T * generator.uniform(0.5, 0.99, 900), 0.0)
    table = {"frequency": x, "recency": t_x, "T": T}
    with pytest.warns(CRMKitWarning, match="all customers leave at the same rate"):
        expected = clv.ParetoNBD().fit(table).log_likelihood_
    monkeypatch.setattr(estimation, "_PART", 40)
    whole = _optimum.maximise

    def fails_on_a_part(likelihood, *given, **named):
        if likelihood.size < 900:
            raise ConvergenceError("no maximum")
        return whole(likelihood, *given, **named)

    monkeypatch.setattr(_optimum, "maximise", fails_on_a_part)
    with pytest.warns(CRMKitWarning, match="all customers leave at the same rate"):
        found = clv.ParetoNBD().fit(table).log_likelihood_
    assert found == pytest.approx(expected, abs=1e-4)
