import itertools
import json

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1, roots_genlaguerre, roots_jacobi

from crmkit import clv
from crmkit.errors import ColumnError, CRMKitError, DataError, ParameterError

HISTORIES = pd.DataFrame(
    {
        "frequency": [0.0, 1.0, 2.0, 6.0, 6.0, 15.0],
        "recency": [0.0, 3.0, 30.0, 35.0, 10.0, 37.5],
        "T": [38.0, 38.0, 38.0, 38.0, 38.0, 38.0],
    }
)
DONORS = pd.DataFrame(
    {
        "frequency": [6, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 4, 3, 2, 1, 3, 2, 1, 2, 1, 1, 0],
        "recency": [6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1, 0],
        "n_periods": [6] * 22,
        "weight": [
            *(1203, 728, 512, 357, 234, 129, 335, 284, 225, 173, 119),
            *(240, 181, 155, 78, 322, 255, 129, 613, 277, 1091, 3464),
        ],
    }
)
PER_PERSON = {
    "expected_purchases": {"horizon": 20},
    "probability_alive": {"ahead": 5},
    "discounted_purchases": {"annual_rate": 0.15},
}


@pytest.fixture(scope="module")
def models(customers):
    kinds = (clv.BetaGeoNBD, clv.ModifiedBetaGeoNBD, clv.ParetoNBD)
    return {kind.__name__: kind(unit="week").fit(customers) for kind in kinds}


@pytest.fixture(scope="module")
def donors():
    return clv.BetaGeoBetaBinomial(unit="year").fit(DONORS)


def beta_geo_given(r, alpha, a, b, x, t_x, T, *, at_first):
    """Average over λ and p with the weight of the history, by Gauss quadrature on the story itself."""
    nodes, mass = roots_genlaguerre(120, r + x - 1)
    p, share = roots_jacobi(120, b - 1, a - 1)
    p, share = (p + 1) / 2, share
    rate = nodes / (alpha + T)
    lam, leave = np.meshgrid(rate, p, indexing="ij")
    weight = np.outer(mass, share)
    chances = x + at_first
    stayed = (1 - leave) ** chances
    left = leave * (1 - leave) ** (chances - 1) * np.exp(lam * (T - t_x)) if chances else 0 * lam
    return lam, leave, weight * stayed, weight * (stayed + left)


@pytest.mark.parametrize("kind", ["BetaGeoNBD", "ModifiedBetaGeoNBD"])
def test_geometric_dropout_against_quadrature(models, kind):
    model, t = models[kind], 20
    found = model.expected_purchases(HISTORIES, horizon=t)["expected_purchases"]
    now = model.probability_alive(HISTORIES)["probability_alive"]
    later = model.probability_alive(HISTORIES, ahead=t)["probability_alive"]
    # exp(λ(T − t_x)) spoils the quadrature for those long silent
    for place in (0, 2, 3, 5):
        x, t_x, T = HISTORIES.loc[place]
        given = beta_geo_given(*model.params_.values(), x, t_x, T, at_first=kind != "BetaGeoNBD")
        lam, leave, alive, whole = given
        total = whole.sum()
        future = -np.expm1(-lam * leave * t) / leave
        assert found[place] == pytest.approx((alive * future).sum() / total, rel=1e-4), place
        assert now[place] == pytest.approx(alive.sum() / total, rel=1e-4)
        assert later[place] == pytest.approx((alive * np.exp(-lam * leave * t)).sum() / total, rel=1e-4)


def test_pareto_against_quadrature(models):
    """Integrate over the time of death and the two rates, as the story goes."""
    model, t = models["ParetoNBD"], 20
    r, alpha, s, beta = model.params_.values()
    found = model.expected_purchases(HISTORIES, horizon=t)["expected_purchases"]
    now = model.probability_alive(HISTORIES)["probability_alive"]
    for place, (x, t_x, T) in enumerate(HISTORIES.itertuples(index=False)):
        stayed = (beta / (beta + T)) ** s * (alpha + T) ** -(r + x)

        def died(y, x=x):
            return s * beta**s * (beta + y) ** -(s + 1) * (alpha + y) ** -(r + x)

        alive = stayed / (stayed + quad(died, t_x, T, epsrel=1e-11)[0])
        assert now[place] == pytest.approx(alive, rel=1e-8)
        lives = quad(lambda u, T=T: ((beta + T) / (beta + T + u)) ** s, 0, t)[0]
        assert found[place] == pytest.approx(alive * (r + x) / (alpha + T) * lives, rel=1e-8)


def test_the_weekly_sum_of_discounted_purchases(models):
    """∫ e^(−δs) dE(s) as a sum of short steps, and the infinite horizon as its limit."""
    for model in models.values():
        delta = np.log(1.15) / (365.25 / 7)
        edges = np.linspace(0, 200, 801)
        each = HISTORIES.loc[np.repeat(HISTORIES.index, len(edges))].assign(h=np.tile(edges, 6))
        reached = model.expected_purchases(each, horizon="h")["expected_purchases"]
        steps = np.diff(reached.to_numpy().reshape(6, -1).T, axis=0)
        total = (np.exp(-delta * (edges[1:] + edges[:-1]) / 2)[:, None] * steps).sum(axis=0)
        found = model.discounted_purchases(HISTORIES, annual_rate=0.15, horizon=200)["discounted_purchases"]
        assert np.allclose(found, total, rtol=1e-5)
        column = model.discounted_purchases(HISTORIES.assign(h=200), annual_rate=0.15, horizon="h")
        assert np.allclose(column["discounted_purchases"], found, rtol=1e-12)
        endless = model.discounted_purchases(HISTORIES, annual_rate=0.15)["discounted_purchases"]
        far = model.discounted_purchases(HISTORIES, annual_rate=0.15, horizon=5000)["discounted_purchases"]
        assert np.allclose(far, endless, rtol=1e-3)
        assert (endless > found).all()


def discounted_of_a_newcomer(name, params, delta, horizon):
    """∫ e^(−δs) P(stays till s) E λ ds, in v = ln(1 + s/α) because it decays slowly."""
    r, alpha, a, b = params

    def term(v):
        s = alpha * np.expm1(v)
        stays = (b / (b + s)) ** a if name == "ParetoNBD" else hyp2f1(r + 1, a, a + b, -s / alpha)
        return r / alpha * stays * np.exp(-delta * s) * (alpha + s)

    end = np.log1p(min(horizon, 45 / delta) / alpha)
    return quad(term, 0, end, epsabs=0, epsrel=1e-12, limit=500)[0]


@pytest.mark.parametrize("alpha", [0.002, 8.0])
@pytest.mark.parametrize("name", ["ParetoNBD", "BetaGeoNBD"])
def test_a_finite_horizon_far_beyond_the_scale_of_the_rates(models, name, alpha):
    new = pd.DataFrame({"frequency": [0.0], "recency": [0.0], "T": [0.0]})
    params = np.array([0.8, alpha, 1.8, 0.9 * alpha if name == "ParetoNBD" else 0.9])
    body = json.loads(models[name].to_json())
    body["state"]["point"] = np.log(params).tolist()
    model = getattr(clv, name).from_json(json.dumps(body))
    for rate, horizon in itertools.product([1e-4, 0.15, 30.0], [1.0, 1e4, 1e6]):
        expected = discounted_of_a_newcomer(name, params, np.log1p(rate) / (365.25 / 7), horizon)
        found = model.discounted_purchases(new, annual_rate=rate, horizon=horizon)
        assert found["discounted_purchases"].item() == pytest.approx(expected, rel=1e-8), (rate, horizon)


def test_discounted_opportunities_are_a_sum_over_opportunities(donors):
    """Found in review: a finite horizon was discounted within the year, above the infinite one."""
    expected = [
        donors.expected_purchases(DONORS, horizon=one)["expected_purchases"].to_numpy() for one in range(41)
    ]
    counts = np.diff(np.array(expected), axis=0)
    for horizon in (0, 1, 3, 40):
        total = sum(counts[j - 1] * 1.1**-j for j in range(1, horizon + 1))
        found = donors.discounted_purchases(DONORS, annual_rate=0.1, horizon=horizon)
        assert np.allclose(found["discounted_purchases"], total, rtol=1e-9)
    varied = donors.discounted_purchases(DONORS.assign(h=DONORS["recency"]), annual_rate=0.1, horizon="h")
    for place in (0, 6, 11, 21):
        h = DONORS["recency"][place]
        total = sum(counts[j - 1, place] * 1.1**-j for j in range(1, h + 1))
        assert varied["discounted_purchases"][place] == pytest.approx(total, rel=1e-9)
    endless = donors.discounted_purchases(DONORS, annual_rate=0.1)["discounted_purchases"]
    far = donors.discounted_purchases(DONORS, annual_rate=0.1, horizon=10**9)["discounted_purchases"]
    assert np.allclose(endless, far, rtol=1e-9)


def test_opportunities_are_counted_in_whole_numbers(donors):
    for call, options in [
        (donors.expected_purchases, {"horizon": 1.5}),
        (donors.probability_alive, {"ahead": 0.5}),
        (donors.purchase_distribution, {"horizon": 1.5}),
        (donors.discounted_purchases, {"annual_rate": 0.1, "horizon": 2.5}),
        (donors.predict_total, {"horizon": 2.5, "random_state": 1}),
    ]:
        with pytest.raises(ParameterError, match="must be an integer at least 0"):
            call(DONORS, **options)
    with pytest.raises(ParameterError, match="`horizon` must be an integer"):
        donors.purchases_of_new_customer(horizon=1.5)
    with pytest.raises(
        DataError, match="22 of 22 rows have a number of opportunities that is not whole in 'h'"
    ):
        donors.expected_purchases(DONORS.assign(h=1.5), horizon="h")


def test_distribution_sums_to_one_and_has_the_mean(models, donors):
    for model, frame, t, top in [
        *((one, HISTORIES, 20, 200) for one in models.values()),
        (donors, DONORS, 5, 5),
    ]:
        frame = frame.reset_index(names="row")
        table = model.purchase_distribution(frame, horizon=t, highest=top)
        assert len(table) == len(frame) * (top + 1)
        assert table["probability"].between(0, 1).all()
        assert np.allclose(table.groupby("row")["probability"].sum(), 1, atol=1e-6)
        mean = (table["purchases"] * table["probability"]).groupby(table["row"]).sum()
        expected = model.expected_purchases(frame, horizon=t)["expected_purchases"]
        assert np.allclose(mean, expected, rtol=1e-4)
        assert list(table.columns) == [*frame.columns, "purchases", "probability"]
        short = model.purchase_distribution(frame.assign(h=t), horizon="h", highest=2)
        both = short.merge(table, on=["row", "purchases"])
        assert np.allclose(both["probability_x"], both["probability_y"], rtol=1e-12)


def test_distribution_takes_the_place_of_older_columns(models):
    frame = HISTORIES.assign(purchases=7, probability=9.0)
    table = models["ParetoNBD"].purchase_distribution(frame, horizon=9, highest=1)
    assert table["purchases"].tolist() == [0, 1] * 6
    assert table["probability"].between(0, 1).all()
    assert not table.columns.str.contains("right").any()


def test_waiting_time_of_those_who_stay(models, simulate):
    """λ given the history of a living customer is Gamma(r + x, α + T): draw it, and wait."""
    model = models["ParetoNBD"]
    r, alpha, *_ = model.params_.values()
    found = model.time_to_next_purchase(HISTORIES)
    x, T = HISTORIES["frequency"].to_numpy(), HISTORIES["T"].to_numpy()
    assert np.isinf(found["mean_time_to_next_purchase"][r + x <= 1]).all()
    rng = np.random.default_rng(1)
    wait = rng.exponential(1, (6, 200_000)) / (
        rng.gamma((r + x)[:, None], 1, (6, 200_000)) / (alpha + T)[:, None]
    )
    assert np.allclose(found["median_time_to_next_purchase"][1:], np.median(wait, axis=1)[1:], rtol=0.02)
    assert found["mean_time_to_next_purchase"][5] == pytest.approx(wait[5].mean(), rel=0.02)


@pytest.mark.parametrize("name", PER_PERSON)
def test_columns_index_and_input(models, name):
    frame = HISTORIES.assign(note=list("abcdef")).set_axis([5, 5, 3, 9, 1, 1], axis=0)
    before = frame.copy()
    for model in models.values():
        found = getattr(model, name)(frame, **PER_PERSON[name], confidence=0.9)
        pd.testing.assert_frame_equal(frame, before)
        assert list(found) == [*frame, name, f"{name}_lower", f"{name}_upper"]
        assert found.index.equals(frame.index)
        plain = getattr(model, name)(HISTORIES, **PER_PERSON[name])
        assert found[name].tolist() == plain[name].tolist()
        lower, upper = found[f"{name}_lower"], found[f"{name}_upper"]
        assert (lower <= found[name]).all()
        assert (upper >= found[name]).all()
        wider = getattr(model, name)(frame, **PER_PERSON[name], confidence=0.99)
        assert (wider[f"{name}_lower"] <= lower).all()
        assert (wider[f"{name}_upper"] >= upper).all()
        again = getattr(model, name)(found, **PER_PERSON[name])
        assert again[name].tolist() == plain[name].tolist()


@pytest.mark.parametrize("name", ["expected_purchases", "probability_alive"])
def test_time_may_be_a_column(models, name):
    option = {"expected_purchases": "horizon", "probability_alive": "ahead"}[name]
    varied = HISTORIES.assign(time=[0, 1, 5, 10, 20, 40])
    for model in models.values():
        found = getattr(model, name)(varied, **{option: "time"})[name]
        for place, time in enumerate(varied["time"]):
            one = getattr(model, name)(HISTORIES, **{option: time})[name][place]
            assert found[place] == pytest.approx(one, rel=1e-12)
        age = getattr(model, name)(HISTORIES, **{option: "T"})[name]
        assert age.tolist() == pytest.approx(getattr(model, name)(HISTORIES, **{option: 38})[name].tolist())


def test_directions(models):
    """More recent is more alive; more frequent and alive buys more; longer horizons hold more."""
    for model in models.values():
        recent = pd.DataFrame({"frequency": 5.0, "recency": [5.0, 15.0, 25.0, 35.0], "T": 38.0})
        assert model.probability_alive(recent)["probability_alive"].is_monotonic_increasing
        busy = pd.DataFrame({"frequency": [1.0, 4.0, 9.0], "recency": 38.0, "T": 38.0})
        assert model.expected_purchases(busy, horizon=9)["expected_purchases"].is_monotonic_increasing
        longer = busy.iloc[[2] * 4].assign(h=[0.0, 1.0, 10.0, 100.0])
        found = model.expected_purchases(longer, horizon="h")["expected_purchases"]
        assert found.is_monotonic_increasing
        assert found.iloc[0] == 0
        later = model.probability_alive(longer, ahead="h")["probability_alive"]
        assert later.is_monotonic_decreasing
        assert later.iloc[0] == model.probability_alive(busy)["probability_alive"][2]


def test_alive_without_a_repeat_purchase(models):
    once = HISTORIES.head(1)
    assert models["BetaGeoNBD"].probability_alive(once, confidence=0.9).iloc[0, 3:].tolist() == [1, 1, 1]
    for name in ("ModifiedBetaGeoNBD", "ParetoNBD"):
        assert 0 < models[name].probability_alive(once)["probability_alive"][0] < 1


def test_interval_of_an_expectation_is_that_of_drawn_parameters(models):
    for model in models.values():
        rng = np.random.default_rng(4)
        points = rng.multivariate_normal(model._point, model._covariance, 2000)
        formula = model._formulas.expected
        data = HISTORIES.to_numpy().T
        drawn = np.array([formula(tuple(np.exp(one)), *data, 20.0) for one in points])
        low, high = np.quantile(drawn, [0.1, 0.9], axis=0)
        found = model.expected_purchases(HISTORIES, horizon=20, confidence=0.8)
        assert np.allclose(found["expected_purchases_lower"], low, rtol=0.1)
        assert np.allclose(found["expected_purchases_upper"], high, rtol=0.1)


@pytest.mark.parametrize("horizon", [-1, np.nan, np.inf, None, True, [1, 2], 1e200, pd.Timedelta(7, "D")])
def test_bad_horizons(models, horizon):
    with pytest.raises(ParameterError, match="`horizon` must be a finite number of weeks, 0 to 1e"):
        models["ParetoNBD"].expected_purchases(HISTORIES, horizon=horizon)


def test_horizons_without_end(models):
    """Far beyond any use the expectations are still numbers, those of all time to come."""
    for model in models.values():
        far = model.expected_purchases(HISTORIES.assign(h=1e100), horizon="h")["expected_purchases"]
        farther = model.expected_purchases(HISTORIES, horizon=1e100)["expected_purchases"]
        assert np.isfinite(far).all()
        assert far.tolist() == farther.tolist()


def test_bad_horizon_columns(models):
    model = models["ParetoNBD"]
    for value, match in [
        (-1.0, "negative value in 'h'"),
        (np.nan, "no value in 'h'"),
        (np.inf, "infinite value"),
    ]:
        frame = HISTORIES.assign(h=[value, value, 1.0, 1.0, 1.0, 1.0])
        with pytest.raises(DataError, match=f"2 of 6 rows have (a |an )?{match}"):
            model.expected_purchases(frame, horizon="h")
    with pytest.raises(DataError, match=r"1 of 6 rows have a value above 1e\+100 in 'h'"):
        model.expected_purchases(HISTORIES.assign(h=[1e101, 1, 1, 1, 1, 1]), horizon="h")
    with pytest.raises(ColumnError, match="must be a number of weeks, or the name of a column .* Got 'h'"):
        model.expected_purchases(HISTORIES, horizon="h")
    with pytest.raises(ColumnError, match="numbers in 'h'"):
        model.expected_purchases(HISTORIES.assign(h="long"), horizon="h")
    with pytest.raises(ParameterError, match="`ahead`"):
        model.probability_alive(HISTORIES, ahead=-1)
    with pytest.raises(ParameterError, match="`highest`"):
        model.purchase_distribution(HISTORIES, horizon=1, highest=0)
    with pytest.raises(ParameterError, match="`confidence`"):
        model.expected_purchases(HISTORIES, horizon=1, confidence=0.1)
    for rate in (0, -0.1, np.nan):
        with pytest.raises(ParameterError, match="`annual_rate`"):
            model.discounted_purchases(HISTORIES, annual_rate=rate)
    with pytest.raises(ParameterError, match="`horizon`"):
        model.discounted_purchases(HISTORIES, annual_rate=0.1, horizon=-2)


def test_units_of_time_must_agree(models, customers):
    model, bare = models["ParetoNBD"], clv.ParetoNBD().fit(customers)
    weekly, daily = HISTORIES.assign(unit="week"), HISTORIES.assign(unit="day")
    assert len(model.expected_purchases(weekly, horizon=1)) == 6
    with pytest.raises(DataError, match="unit of the model, 'week'. Found 'day'"):
        model.expected_purchases(daily, horizon=1)
    assert len(bare.expected_purchases(daily, horizon=1)) == 6
    mixed = HISTORIES.assign(unit=["day", "week"] * 3)
    for one in (model, bare):
        with pytest.raises(DataError, match="must be in (one unit|the unit of the model)"):
            one.expected_purchases(mixed, horizon=1)
        with pytest.raises(DataError, match="3 of 6 rows have no value in 'unit'"):
            one.expected_purchases(HISTORIES.assign(unit=["week", None] * 3), horizon=1)
    with pytest.raises(DataError, match="An annual rate needs the unit of time"):
        bare.discounted_purchases(HISTORIES, annual_rate=0.1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda one: one.expected_purchases(HISTORIES, horizon=1),
        lambda one: one.probability_alive(HISTORIES),
        lambda one: one.probability_alive(HISTORIES, ahead=1),
        lambda one: one.discounted_purchases(HISTORIES, annual_rate=0.1),
        lambda one: one.discounted_purchases(HISTORIES, annual_rate=0.1, horizon=2),
        lambda one: one.time_to_next_purchase(HISTORIES),
        lambda one: one.purchase_distribution(HISTORIES, horizon=1),
        lambda one: one.predict_interval(HISTORIES, horizon=1, random_state=1),
        lambda one: one.predict_total(HISTORIES, horizon=1, random_state=1),
        lambda one: one.purchases_of_new_customer(horizon=1),
        lambda one: one.discounted_purchases_of_new_customer(annual_rate=0.1),
    ],
)
@pytest.mark.parametrize("kind", [clv.ParetoNBD, clv.ModifiedBetaGeoCNBD])
def test_unfitted_models_predict_nothing(kind, ask):
    with pytest.raises(CRMKitError, match="must be fitted before this"):
        ask(kind(unit="week"))


def test_empty_frames_stay_empty(models):
    none = HISTORIES.head(0)
    for model in models.values():
        for name, options in PER_PERSON.items():
            found = getattr(model, name)(none, **options, confidence=0.9)
            assert found.empty
            assert name in found
        assert model.purchase_distribution(none, horizon=1).empty
        assert model.time_to_next_purchase(none).empty


def test_levers_act_from_now_on(models, donors):
    """Twice the mortality, 1.5 times the rate; a lever at 1 changes nothing."""
    from crmkit.clv.btyd._scoring import _pulled

    x, t_x, T = HISTORIES.to_numpy().T
    for model in models.values():
        params = tuple(model.params_.values())
        plain = model.expected_purchases(HISTORIES, horizon=20)["expected_purchases"]
        still = _pulled(model, "expected", {"dropout": 1.0, "purchase_rate": 1.0})(params, x, t_x, T, 20.0)
        assert np.allclose(still, plain, rtol=1e-8)
        leaving = _pulled(model, "expected", {"dropout": 2.0})(params, x, t_x, T, 20.0)
        assert (leaving < plain).all()
    _, _, s, beta = params  # of ParetoNBD, the last
    for place in range(6):
        left = quad(lambda u, T=T[place]: ((beta + T) / (beta + T + 2 * u)) ** s, 0, 20)[0]
        stays = quad(lambda u, T=T[place]: ((beta + T) / (beta + T + u)) ** s, 0, 20)[0]
        assert leaving[place] / plain[place] == pytest.approx(left / stays, rel=1e-8)
    model = models["BetaGeoNBD"]  # its clock is that of purchases
    faster = _pulled(model, "expected", {"purchase_rate": 1.5})(
        tuple(model.params_.values()), x, t_x, T, 20.0
    )
    assert np.allclose(
        faster, model.expected_purchases(HISTORIES, horizon=30)["expected_purchases"], rtol=1e-8
    )
    data = DONORS[["frequency", "recency", "n_periods"]].to_numpy(dtype=float).T
    # found in review: the chance to leave before the next opportunity was counted twice
    still = _pulled(donors, "expected", {"dropout": 1.0})(tuple(donors.params_.values()), *data, 5.0)
    assert np.allclose(still, donors.expected_purchases(DONORS, horizon=5)["expected_purchases"], rtol=1e-8)
