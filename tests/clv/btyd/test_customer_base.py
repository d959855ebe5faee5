import numpy as np
import pandas as pd
import pytest

from crmkit import clv
from crmkit.errors import CRMKitError, DataError, ParameterError
from crmkit.stats.intervals import Interval

TRUE_PARETO = (0.6, 8.0, 0.7, 12.0)


@pytest.fixture(scope="module")
def models(customers):
    kinds = (clv.BetaGeoNBD, clv.ModifiedBetaGeoNBD, clv.ParetoNBD)
    return {kind.__name__: kind(unit="week").fit(customers) for kind in kinds}


def continued(simulate, n, *, now=30.0, horizon=20.0, seed=12):
    """Simulate one Pareto/NBD life long enough, and cut it in history and future."""
    rng = np.random.default_rng(seed)
    r, alpha, s, beta = TRUE_PARETO
    rate, mortality = rng.gamma(r, 1, n) / alpha, rng.gamma(s, 1, n) / beta
    life = rng.exponential(1, n) / mortality
    seen, more = np.minimum(life, now), np.clip(life - now, 0, horizon)
    x = rng.poisson(rate * seen)
    t_x = np.where(x > 0, seen * rng.random(n) ** (1 / np.maximum(x, 1)), 0.0)
    frame = pd.DataFrame({"frequency": x * 1.0, "recency": t_x, "T": now})
    return frame, rng.poisson(rate * more)


def test_predictive_interval_holds_the_futures(simulate):
    frame, future = continued(simulate, 4000)
    model = clv.ParetoNBD().fit(frame)
    for coverage in (0.8, 0.95):
        found = model.predict_interval(frame, horizon=20, random_state=3, confidence=coverage)
        inside = (found["purchases_lower"] <= future) & (future <= found["purchases_upper"])
        assert inside.mean() > coverage - 0.015
        busy = (frame["frequency"] >= 8) & (frame["recency"] > 26)  # rounding widens their intervals less
        assert coverage - 0.06 < inside[busy].mean() < coverage + 0.12
    lower, upper = found["purchases_lower"], found["purchases_upper"]
    assert (lower == np.floor(lower)).all()
    assert (lower <= upper).all()
    assert (lower >= 0).all()


def test_total_of_the_base_is_in_its_interval(simulate):
    frame, future = continued(simulate, 3000)
    total = clv.ParetoNBD().fit(frame).predict_total(frame, horizon=20, random_state=3)
    assert total.lower < future.sum() < total.upper
    assert total.n == 3000
    assert total.method == "simulated futures"


def test_total_is_the_sum_of_the_expectations(models, customers):
    for model in models.values():
        found = model.predict_total(customers, horizon=10, random_state=1)
        each = model.expected_purchases(customers, horizon=10)["expected_purchases"]
        assert isinstance(found, Interval)
        assert float(found) == pytest.approx(each.sum(), rel=1e-9)
        assert found.n == len(customers)
        column = model.predict_total(customers.assign(h=10.0), horizon="h", random_state=1)
        assert float(column) == pytest.approx(float(found), rel=1e-9)


def test_rows_of_several_customers_count_as_many(models, customers):
    """Found in review: the total of a weighted base took every row for one customer."""
    model = models["ParetoNBD"]
    weighted = customers.head(100).assign(weight=np.arange(100) % 4)
    repeated = customers.head(100).iloc[np.repeat(np.arange(100), np.arange(100) % 4)]
    one = model.predict_total(weighted, horizon=10, random_state=1, draws=2500)
    other = model.predict_total(repeated, horizon=10, random_state=1, draws=2500)
    assert one.n == other.n == 150
    assert float(one) == pytest.approx(float(other), rel=1e-12)
    assert (one.lower, one.upper) == pytest.approx((other.lower, other.upper), rel=0.05)
    halves = model.predict_total(weighted.assign(weight=weighted["weight"] / 2), horizon=10, random_state=1)
    assert halves.n == 75
    assert float(halves) == pytest.approx(float(one) / 2, rel=1e-12)
    assert halves.lower < float(halves) < halves.upper
    with pytest.raises(DataError, match="no finite weight"):
        model.predict_total(weighted.assign(weight=-1.0), horizon=10, random_state=1)


@pytest.mark.parametrize("kind", ["BetaGeoNBD", "ParetoNBD"])
def test_small_and_large_bases_give_one_answer(models, customers, kind, monkeypatch):
    """Drawn customer by customer, or as a normal sum of cells."""
    model = models[kind]
    whole = customers.assign(recency=np.ceil(customers["recency"]))
    exact = model.predict_total(whole, horizon=10, random_state=1, draws=1000)
    monkeypatch.setattr("crmkit.clv.btyd._predictive._CROWD", 10)
    summed = model.predict_total(whole, horizon=10, random_state=2, draws=1000)
    assert float(exact) == float(summed)
    half = (exact.upper - exact.lower) / 2
    assert summed.lower == pytest.approx(exact.lower, abs=0.15 * half)
    assert summed.upper == pytest.approx(exact.upper, abs=0.15 * half)


def test_a_large_base_is_as_sure_as_its_parameters(models, customers):
    model = models["ParetoNBD"]
    large = customers.assign(recency=np.ceil(customers["recency"]), weight=100)
    total = model.predict_total(large, horizon=10, random_state=1)
    assert total.n == 100 * len(customers)
    points = np.random.default_rng(1).multivariate_normal(model._point, model._covariance, 500)
    data = [large[name].to_numpy() for name in ("frequency", "recency", "T")]
    drawn = [100 * model._formulas.expected(tuple(np.exp(one)), *data, 10.0).sum() for one in points]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert total.lower == pytest.approx(low, rel=0.03)
    assert total.upper == pytest.approx(high, rel=0.03)


def test_chance_is_seeded(models, customers):
    model, some = models["BetaGeoNBD"], customers.head(50)
    calls = (
        lambda seed: model.predict_total(some, horizon=9, random_state=seed).lower,
        lambda seed: model.predict_interval(some, horizon=30, random_state=seed)["purchases_upper"].tolist(),
    )
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    for call in calls:
        assert call(1) == call(1) == call(np.random.default_rng(1))
        assert call(1) != call(2)
        with pytest.raises(ParameterError, match="`random_state`"):
            call(None)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_draws_do_not_depend_on_the_order_of_customers(models, customers):
    some = customers.head(300).assign(h=np.arange(300) % 40 / 2.0).sort_index()
    for model in models.values():
        found = model.predict_interval(some.sample(frac=1, random_state=1), horizon="h", random_state=1)
        pd.testing.assert_frame_equal(
            found.sort_index(), model.predict_interval(some, horizon="h", random_state=1)
        )
        one, other = (model.predict_total(frame, horizon=9, random_state=1) for frame in (some, some[::-1]))
        assert (one.lower, one.upper) == (other.lower, other.upper)


def test_chunks_of_customers_are_drawn_alike(models, customers, monkeypatch):
    model, some = models["ParetoNBD"], customers.head(60).assign(h=np.arange(60) / 2)
    whole = model.predict_interval(some, horizon="h", random_state=1, draws=700)
    monkeypatch.setattr("crmkit.clv.btyd._predictive._AT_ONCE", 7_000)
    parts = model.predict_interval(some, horizon="h", random_state=1, draws=700)
    assert np.abs(whole["purchases_upper"] - parts["purchases_upper"]).max() <= 4
    assert np.abs(whole["purchases_upper"] - parts["purchases_upper"]).mean() < 0.5


def test_frames_keep_their_index_and_are_not_changed(models, customers):
    some = customers.head(20)
    before = some.copy()
    found = models["ParetoNBD"].predict_interval(some, horizon=9, random_state=1)
    assert found.index.equals(some.index)
    assert list(found) == [*some, "purchases_lower", "purchases_upper"]
    pd.testing.assert_frame_equal(some, before)
    again = models["ParetoNBD"].predict_interval(found, horizon=9, random_state=1)
    pd.testing.assert_frame_equal(again, found)


def test_nobody_and_no_time(models, customers):
    model = models["ParetoNBD"]
    nobody = model.predict_total(customers.head(0), horizon=9, random_state=1)
    assert (float(nobody), nobody.lower, nobody.upper, nobody.n) == (0, 0, 0, 0)
    assert model.predict_interval(customers.head(0), horizon=9, random_state=1).empty
    never = model.predict_total(customers, horizon=0, random_state=1)
    assert (float(never), never.lower, never.upper) == (0, 0, 0)
    none = model.predict_interval(customers, horizon=0, random_state=1)
    assert not none[["purchases_lower", "purchases_upper"]].any(axis=None)


def test_covariates_reach_the_simulation(customers):
    model = clv.ParetoNBD(purchase=["channel"]).fit(customers)
    some = customers[["frequency", "recency", "T"]].head(400)
    found = {
        one: model.predict_total(some.assign(channel=one), horizon=20, random_state=1)
        for one in ("web", "shop")
    }
    for one, total in found.items():
        each = model.expected_purchases(some.assign(channel=one), horizon=20)["expected_purchases"]
        assert float(total) == pytest.approx(each.sum())
        assert total.lower < each.sum() < total.upper


def test_new_customers_against_a_simulation(simulate, models):
    """Purchases in 25 weeks after the first, of customers made with the fitted parameters."""
    for name, model in models.items():
        rng, n = np.random.default_rng(5), 200_000
        params = tuple(model.params_.values())
        if name == "ParetoNBD":
            x = simulate.pareto(rng, n, *params, 25.0)["frequency"]
        else:
            x = simulate.beta_geo(rng, n, *params, 25.0, at_first=name != "BetaGeoNBD")["frequency"]
        found = model.purchases_of_new_customer(horizon=25)
        assert float(found) == pytest.approx(x.mean(), abs=4 * x.std() / np.sqrt(n))
        assert found.lower < float(found) < found.upper
        assert found.n == 1200
        assert float(model.purchases_of_new_customer(horizon=0)) == 0


def test_discounted_purchases_of_new_customers(models):
    """∫ e^(−δs) dE(s), in short steps and with the tail that is left."""
    for model in models.values():
        delta = np.log(1.5) / (365.25 / 7)
        edges = np.linspace(0, 1000, 4001)
        reached = model._formulas.expected_new(tuple(model.params_.values()), edges)
        total = (np.exp(-delta * (edges[1:] + edges[:-1]) / 2) * np.diff(reached)).sum()
        found = model.discounted_purchases_of_new_customer(annual_rate=0.5)
        assert float(found) == pytest.approx(total, rel=2e-3)
        assert found.lower < float(found) < found.upper


def test_new_customers_of_regular_and_discrete_models(customers, simulate):
    regular = clv.ModifiedBetaGeoCNBD(k=2, unit="week").fit(customers)
    x = simulate.regular(np.random.default_rng(5), 100_000, *regular.params_.values(), 25.0, k=2)["frequency"]
    found = float(regular.purchases_of_new_customer(horizon=25))
    assert found == pytest.approx(x.mean(), abs=4 * x.std() / 316)
    frame = simulate.beta_binomial(np.random.default_rng(6), 5000, 1.2, 0.75, 0.66, 2.8, 6)
    model = clv.BetaGeoBetaBinomial(unit="year").fit(frame)
    again = simulate.beta_binomial(np.random.default_rng(7), 100_000, *model.params_.values(), 9)["frequency"]
    assert float(model.purchases_of_new_customer(horizon=9)) == pytest.approx(
        again.mean(), abs=4 * again.std() / 316
    )


def test_bad_arguments(models, customers):
    model = models["ParetoNBD"]
    for call in (model.predict_interval, model.predict_total):
        with pytest.raises(ParameterError, match="`draws`"):
            call(customers, horizon=9, random_state=1, draws=10)
        with pytest.raises(ParameterError, match="`confidence`"):
            call(customers, horizon=9, random_state=1, confidence=1)
        with pytest.raises(ParameterError, match="`horizon`"):
            call(customers, horizon=-1, random_state=1)
        with pytest.raises(DataError, match="unit of the model"):
            call(customers.assign(unit="day"), horizon=9, random_state=1)
    with pytest.raises(ParameterError, match="`horizon`"):
        model.purchases_of_new_customer(horizon=-1)
    with pytest.raises(ParameterError, match="`confidence`"):
        model.purchases_of_new_customer(horizon=1, confidence=2)
    with pytest.raises(ParameterError, match="`annual_rate`"):
        model.discounted_purchases_of_new_customer(annual_rate=0)
    with pytest.raises(DataError, match="An annual rate needs the unit"):
        clv.ParetoNBD().fit(customers).discounted_purchases_of_new_customer(annual_rate=0.1)
    with pytest.raises(CRMKitError, match="fitted"):
        clv.ParetoNBD().discounted_purchases_of_new_customer(annual_rate=0.1)
