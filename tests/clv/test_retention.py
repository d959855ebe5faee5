"""Contract models against mpmath, sums term by term, simulations and hand-made tables."""

import json
import warnings
from functools import partial

import mpmath
import numpy as np
import pandas as pd
import pytest

from crmkit import clv
from crmkit.clv import _retention as formulas
from crmkit.errors import (
    ColumnError,
    ConvergenceError,
    CRMKitError,
    CRMKitWarning,
    DataError,
    ParameterError,
)
from crmkit.testing import ENGINES, assert_parity, available, to_engine

REGULAR = pd.DataFrame({"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]})


@pytest.fixture(scope="module")
def regular():
    return clv.ShiftedBetaGeometric(unit="year").fit_survivors(REGULAR)


@pytest.fixture(scope="module")
def weibull():
    return clv.BetaDiscreteWeibull(unit="month").fit_survivors(REGULAR)


def exact_survival(alpha, beta, c, t):
    """Write S(t) down as the paper has it, for mpmath."""
    return mpmath.beta(alpha, beta + mpmath.mpf(t) ** c) / mpmath.beta(alpha, beta)


def simulate(alpha, beta, c, size, seen, seed):
    """Draw customers who flip their own coin at each renewal, up to the renewals that were seen of each."""
    rng = np.random.default_rng(seed)
    theta = rng.beta(alpha, beta, size)
    here, tenure = np.ones(size, dtype=bool), np.zeros(size, dtype=int)
    for t in range(1, int(np.max(seen)) + 1):
        up = here & (np.broadcast_to(seen, size) >= t)
        stays = rng.random(size) < (1 - theta) ** (t**c - (t - 1) ** c)
        tenure[up] += 1
        here &= ~up | stays
    return pd.DataFrame({"tenure": tenure, "churned": ~here})


# --- formulas ---------------------------------------------------------------------------------------------


def worst_derivative(count, seed):
    rng = np.random.default_rng(seed)
    worst = np.zeros(3)
    for number in range(count):
        at = np.array([rng.uniform(-7, 16), rng.uniform(-7, 16), rng.uniform(-2, 2)])
        t, size = int(rng.choice([1, 2, 3, 10, 50])), 2 + number % 2
        at[2] *= size == 3
        found = formulas._in_logs(tuple(np.exp(at[:size])), np.arange(1.0, t + 1))
        with mpmath.workdps(50):

            def fall(*logs, t=t):
                params = [mpmath.exp(one) for one in logs]
                params += [mpmath.mpf(1)] * (3 - len(params))
                return mpmath.log(exact_survival(*params, t - 1) / exact_survival(*params, t))

            point = [*map(mpmath.mpf, at[:size])]
            compare = [(0, found[0][-1], fall(*point))]
            for j in range(size):
                orders = np.eye(size, dtype=int)
                compare.append((1, found[1][j, -1], mpmath.diff(fall, point, tuple(map(int, orders[j])))))
                for k in range(j, size):
                    both = tuple(map(int, orders[j] + orders[k]))
                    compare.append((2, found[2][j, k, -1], mpmath.diff(fall, point, both)))
            for order, got, want in compare:
                worst[order] = max(worst[order], float(abs(got - want) / max(abs(want), 1e-3)))
    return worst


def test_falls_of_survival_and_derivatives_against_mpmath():
    assert worst_derivative(30, 1).max() < 1e-9


@pytest.mark.verify
def test_falls_of_survival_and_derivatives_against_mpmath_at_many_points():
    assert worst_derivative(2_000, 2).max() < 1e-9


@pytest.mark.parametrize(
    ("alpha", "beta", "delta", "renewed"),
    [
        (0.704, 1.182, 0.0953, 0),
        (0.668, 3.806, 0.0953, 5),
        (0.05, 1.2, 1e-4, 3),
        (300.0, 4_000.0, 0.01, 2),
        (0.3, 0.01, 1e-7, 0),
        (1.0, 9.0, 1e-6, 50),
        (1e-3, 1e3, 2.0, 1),
    ],
)
def test_residual_lifetime_is_the_hypergeometric_function(alpha, beta, delta, renewed):
    n = renewed + 1
    with mpmath.workdps(40):
        discount = mpmath.exp(-mpmath.mpf(delta))
        factor = (mpmath.mpf(beta) + n - 1) / (mpmath.mpf(alpha) + beta + n - 1)
        want = factor * mpmath.hyp2f1(1, beta + n, mpmath.mpf(alpha) + beta + n, discount)
    got = formulas.residual_lifetimes((alpha, beta), renewed, delta)
    assert got[renewed] == pytest.approx(float(want), rel=1e-12)


@pytest.mark.parametrize(
    ("params", "delta", "renewed"),
    [
        ((0.668, 3.806, 1.6), 0.0953, 3),
        ((0.5, 1.2, 0.4), 1e-3, 3),
        ((0.1, 5.0, 2.5), 5e-4, 30),
        ((50.0, 1000.0, 1.4), 2e-4, 4),
        ((2.0, 300.0, 0.2), 2e-3, 0),
        ((3.0, 2.0, 40.0), 0.1, 1),
    ],
)
def test_residual_lifetime_is_the_sum_of_its_terms(params, delta, renewed):
    t = np.arange(1, int(50 / delta))
    left = formulas.survival(params, t.astype(float), renewed)
    terms = left * np.exp(-delta * (t - 1))
    for k in (renewed, 0):
        now = formulas.survival(params, t.astype(float), k) * np.exp(-delta * (t - 1))
        found = formulas.residual_lifetimes(params, renewed, delta)
        assert found[k] == pytest.approx((terms if k == renewed else now).sum(), rel=1e-9)
    with mpmath.workdps(200):  # the survivors of the sum, checked apart
        for place in (1, 5, len(t)):
            logs = exact_survival(*params, renewed + place) / exact_survival(*params, renewed)
            assert left[place - 1] == pytest.approx(float(logs), rel=1e-9, abs=1e-300)


def test_impossible_parameters_have_no_likelihood():
    t, churned = np.array([1.0, 3.0]), np.array([0.0, 1.0])
    for params in ((1.0, 1.0, 1e3), (1e-130, 1.0, 1.0), (1e-130, 1.0)):
        value, gradient, hessian = formulas.likelihood(params, t, churned)
        assert np.isinf(value).tolist() == [False, True]
        assert np.isfinite(gradient).all()
        assert np.isfinite(hessian).all()


# --- likelihood and data ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [clv.ShiftedBetaGeometric, clv.BetaDiscreteWeibull])
def test_log_likelihood_is_that_of_the_paper_and_nowhere_higher(kind):
    customers = simulate(0.8, 2.0, 1.3, 500, np.arange(500) % 7, 3)
    model = kind().fit(customers)

    def paper(params):
        params = [*params, 1.0][:3]
        total = mpmath.mpf(0)
        for (t, churned), count in customers.value_counts(["tenure", "churned"]).items():
            here = exact_survival(*params, t)
            total += count * mpmath.log(exact_survival(*params, t - 1) - here if churned else here)
        return float(total)

    best = list(model.params_.values())
    assert model.log_likelihood_ == pytest.approx(paper(best), rel=1e-10)
    for place in range(len(best)):
        for factor in (0.97, 1.03):
            moved = [one * (factor if place == number else 1) for number, one in enumerate(best)]
            assert paper(moved) < model.log_likelihood_
    k, n = len(best), len(customers)
    assert model.aic_ == pytest.approx(2 * k - 2 * model.log_likelihood_)
    assert model.bic_ == pytest.approx(k * np.log(n) - 2 * model.log_likelihood_)


def test_standard_errors_are_those_of_the_numeric_information(regular, weibull):
    for model in (regular, weibull):
        n, d = np.array(model.at_risk_), np.array(model.churned_)
        best = np.array(list(model.params_.values()))

        def value(params, n=n, d=d):
            params = [*params, 1.0][:3]
            S = np.array([float(exact_survival(*params, t)) for t in range(len(n) + 1)])
            rate = S[1:] / S[:-1]
            return d @ np.log(1 - rate) + (n - d) @ np.log(rate)

        p, h = len(best), 1e-3
        H = np.empty((p, p))
        for j in range(p):
            for k in range(p):
                ej, ek = np.eye(p)[j] * h * best, np.eye(p)[k] * h * best
                corners = value(best + ej + ek) - value(best + ej - ek) - value(best - ej + ek)
                H[j, k] = (corners + value(best - ej - ek)) / (4 * ej[j] * ek[k])
        np.testing.assert_allclose(model.covariance_.to_numpy(), np.linalg.inv(-H), rtol=2e-3)
        assert list(model.standard_errors_) == list(model.params_)


def test_survivors_customers_and_weights_say_the_same(regular):
    lost = -np.diff(REGULAR["survivors"])
    cells = pd.DataFrame(
        {
            "tenure": [*range(1, 8), 7, 0],
            "churned": [1] * 7 + [0, 0],
            "weight": [*lost, 241.0, 0.0],
        }
    )
    rows = cells.loc[cells.index.repeat(cells["weight"].astype(int)), ["tenure", "churned"]]
    for model in (clv.ShiftedBetaGeometric().fit(cells), clv.ShiftedBetaGeometric().fit(rows)):
        assert list(model.params_.values()) == pytest.approx(list(regular.params_.values()), rel=1e-7)
        assert model.log_likelihood_ == pytest.approx(regular.log_likelihood_, rel=1e-12)
        assert model.n_customers_ == 1000
    halves = pd.concat([REGULAR.assign(cohort="a"), REGULAR.assign(cohort="b")]).sample(
        frac=1, random_state=1
    )
    twice = clv.ShiftedBetaGeometric().fit_survivors(halves)
    assert twice.log_likelihood_ == pytest.approx(2 * regular.log_likelihood_, rel=1e-12)
    assert twice.n_customers_ == 2000


def test_observed_renewals_of_cohorts_of_different_age():
    cohorts = pd.DataFrame(
        {
            "cohort": [2020, 2020, 2020, 2020, 2021, 2021, 2022],
            "period": [0, 1, 2, 3, 0, 1, 0],
            "survivors": [100, 60, 45, 40, 50, 25, 70],
        }
    )
    model = clv.ShiftedBetaGeometric().fit_survivors(cohorts)
    observed = model.observed_
    assert observed["period"].tolist() == [1, 2, 3]
    assert observed["at_risk"].tolist() == [150, 60, 45]
    assert observed["churned"].tolist() == [65, 15, 5]
    assert observed["retention_rate"].tolist() == pytest.approx([85 / 150, 0.75, 40 / 45])
    assert observed["survival"].tolist() == pytest.approx([85 / 150, 85 / 200, 85 / 200 * 40 / 45])
    assert model.n_customers_ == 220
    customers = pd.DataFrame(
        {
            "tenure": [1, 1, 2, 3, 3, 0, 1],
            "churned": [True, True, True, True, False, False, False],
            "weight": [40, 25, 15, 5, 40, 70, 25],
        }
    )
    same = clv.ShiftedBetaGeometric().fit(customers)
    assert same.observed_.equals(observed)
    assert same.params_ == model.params_


@pytest.mark.parametrize("engine", ENGINES)
def test_fits_from_every_engine(engine, regular):
    if available(engine) is not None:
        pytest.skip(str(available(engine)))
    survivors = to_engine(REGULAR.assign(cohort="a"), engine)
    assert clv.ShiftedBetaGeometric().fit_survivors(survivors).params_ == regular.params_
    customers = simulate(0.8, 2.0, 1.0, 300, 6, 4)
    want = clv.BetaDiscreteWeibull().fit(customers)
    found = clv.BetaDiscreteWeibull().fit(to_engine(customers.assign(weight=1), engine))
    assert list(found.params_.values()) == pytest.approx(list(want.params_.values()), rel=1e-7)
    assert found.n_customers_ == 300


def test_truth_is_recovered():
    truth = {"alpha": 0.9, "beta": 3.0, "c": 1.4}
    customers = simulate(*truth.values(), 60_000, np.arange(60_000) % 12 + 1, 5)
    model = clv.BetaDiscreteWeibull().fit(customers)
    for name, value in truth.items():
        assert abs(model.params_[name] - value) < 4 * model.standard_errors_[name]
    simple = simulate(0.9, 3.0, 1.0, 60_000, 10, 6)
    model = clv.ShiftedBetaGeometric().fit(simple)
    assert abs(model.params_["alpha"] - 0.9) < 4 * model.standard_errors_["alpha"]
    ends = model.confidence_intervals()
    assert (ends["lower"] < ends["estimate"]).all()
    assert (ends["estimate"] < ends["upper"]).all()


# --- predictions ------------------------------------------------------------------------------------------


def test_curve_against_products_of_rates(regular, weibull):
    for model in (regular, weibull):
        alpha, beta, c = [*model.params_.values(), 1.0][:3]
        S = np.array([float(exact_survival(alpha, beta, c, t)) for t in range(41)])
        curve = model.retention_curve(periods=40)
        assert curve.columns.tolist() == ["period", "survival", "retention_rate", "churn_probability"]
        assert curve["period"].tolist() == list(range(1, 41))
        assert curve["survival"].to_numpy() == pytest.approx(S[1:], rel=1e-12)
        assert curve["retention_rate"].to_numpy() == pytest.approx(S[1:] / S[:-1], rel=1e-12)
        assert curve["churn_probability"].to_numpy() == pytest.approx(-np.diff(S), rel=1e-12)
        assert curve["churn_probability"].sum() + S[-1] == pytest.approx(1)
        later = model.retention_curve(periods=[1, 9], renewed=5)
        assert later["survival"].to_numpy() == pytest.approx(S[[6, 14]] / S[5], rel=1e-12)
        assert later["retention_rate"].to_numpy() == pytest.approx(S[[6, 14]] / S[[5, 13]], rel=1e-12)
        assert later["churn_probability"].to_numpy() == pytest.approx((S[[5, 13]] - S[[6, 14]]) / S[5])
        assert float(model.expected_tenure(horizon=9)) == pytest.approx(S[:9].sum(), rel=1e-12)
        assert float(model.expected_tenure(horizon=9, renewed=5)) == pytest.approx(S[5:14].sum() / S[5])
    rates = regular.retention_curve(periods=40)["retention_rate"].to_numpy()
    assert np.all(np.diff(rates) > 0)  # those who are likely to leave leave first
    renewed = regular.retention_curve(periods=np.array([3])), regular.retention_curve(periods=[3])
    assert renewed[0].equals(renewed[1])


def test_lifetime_of_a_new_customer_is_her_first_period_and_the_residual(regular):
    alpha, beta = regular.params_.values()
    lifetime = regular.discounted_lifetime(annual_rate=0.1)
    t = np.arange(2_000)
    assert float(lifetime) == pytest.approx((formulas.survival((alpha, beta), t) / 1.1**t).sum(), rel=1e-9)
    residual = regular.discounted_residual_lifetime(pd.DataFrame({"tenure": [0]}), annual_rate=0.1)
    assert float(lifetime) == pytest.approx(1 + residual["discounted_residual_lifetime"].item() / 1.1)
    assert lifetime.n == 1000
    monthly = clv.ShiftedBetaGeometric(unit="month").fit_survivors(REGULAR)
    month = 1.1 ** (1 / 12)
    long = np.arange(10_000)
    want = (formulas.survival((alpha, beta), long) / month**long).sum()
    assert float(monthly.discounted_lifetime(annual_rate=0.1)) == pytest.approx(want, rel=1e-9)


def test_interval_of_the_first_retention_rate_by_hand(regular):
    alpha, beta = regular.params_.values()
    slope = np.array([-beta, alpha]) / (alpha + beta) ** 2
    se = np.sqrt(slope @ regular.covariance_.to_numpy() @ slope)
    r = beta / (alpha + beta)
    half = 1.959964 * se / (r * (1 - r))
    logit = np.log(r / (1 - r))
    first = regular.retention_curve(periods=1, confidence=0.95)
    ends = [1 / (1 + np.exp(-(logit - half))), 1 / (1 + np.exp(-(logit + half)))]
    for name in ("survival", "retention_rate"):
        found = [first[f"{name}_{end}"].item() for end in ("lower", "upper")]
        assert found == pytest.approx(ends, rel=1e-6)
    assert first["churn_probability_lower"].item() == pytest.approx(1 - ends[1], rel=1e-6)


def test_intervals_agree_with_draws_of_the_parameters():
    # So many customers that the predictions are linear in what is left of the uncertainty.
    model = clv.BetaDiscreteWeibull(unit="month").fit_survivors(
        REGULAR.assign(survivors=500 * REGULAR["survivors"])
    )
    draws = np.random.default_rng(7).multivariate_normal(model._point, model._covariance, 2_000)
    tenure = model.expected_tenure(horizon=10)
    drawn = np.quantile([formulas.restricted_tenure(np.exp(one), 10) for one in draws], [0.025, 0.975])
    width = tenure.upper - tenure.lower
    assert [tenure.lower, tenure.upper] == pytest.approx(drawn.tolist(), abs=0.08 * width)
    lifetime = model.discounted_lifetime(annual_rate=0.2, confidence=0.8)
    delta = np.log(1.2) / 12
    residual = [formulas.residual_lifetimes(np.exp(one), 0, delta)[0] for one in draws[:800]]
    drawn = np.quantile(1 + np.exp(-delta) * np.array(residual), [0.1, 0.9])
    width = lifetime.upper - lifetime.lower
    assert [lifetime.lower, lifetime.upper] == pytest.approx(drawn.tolist(), abs=0.08 * width)
    certain = model.expected_tenure(horizon=1)
    assert (certain.estimate, certain.lower, certain.upper) == (1, 1, 1)


BASE = pd.DataFrame(
    {
        "customer": list("abcdefg"),
        "tenure": [0, 1, 6, 6, 2, 3, 0],
        "churned": [False, False, False, False, True, False, False],
        "fee": [100.0, 80.0, 120.0, -10.0, 99.0, np.nan, 0.0],
    }
)


def residual_by_sum(model, renewed):
    t = np.arange(1, 3_000)
    alpha, beta = model.params_.values()
    S = np.exp(np.cumsum(np.log1p(-alpha / (alpha + beta + np.arange(3_100)))))
    at = np.concatenate([[1.0], S])
    return float((at[renewed + t] / at[renewed] / 1.1 ** (t - 1)).sum())


def test_scores_on_every_engine(regular):
    residual = [
        residual_by_sum(regular, k) * (not gone) for k, gone in zip(BASE.tenure, BASE.churned, strict=True)
    ]
    call = partial(clv.ShiftedBetaGeometric.discounted_residual_lifetime, regular, annual_rate=0.1)
    expected = BASE.assign(discounted_residual_lifetime=residual)
    assert_parity(call, BASE, expected=expected, keys=["customer"], crossing=6)
    value = partial(clv.ShiftedBetaGeometric.contract_value, regular, annual_rate=0.1)
    expected = BASE.assign(contract_value=BASE["fee"] * residual)
    assert_parity(partial(value, margin="fee"), BASE, expected=expected, keys=["customer"], crossing=7)
    assert_parity(
        partial(value, margin=7),
        BASE[["customer", "tenure"]].iloc[:4],
        expected=BASE[["customer", "tenure"]].iloc[:4].assign(contract_value=np.multiply(7, residual[:4])),
        keys=["customer"],
        engines=["pandas", "polars_lazy"],
        crossing=6,
    )


def test_intervals_of_scores_keep_their_order(regular):
    scored = regular.contract_value(BASE, margin="fee", annual_rate=0.1, confidence=0.9)
    alone = regular.discounted_residual_lifetime(BASE, annual_rate=0.1, confidence=0.9)
    lower, upper = (alone[f"discounted_residual_lifetime_{end}"] for end in ("lower", "upper"))
    assert (lower[:4] < alone["discounted_residual_lifetime"][:4]).all()
    assert (upper[:4] > alone["discounted_residual_lifetime"][:4]).all()
    assert scored["contract_value_lower"].to_numpy() == pytest.approx(
        np.minimum(BASE["fee"] * lower, BASE["fee"] * upper), nan_ok=True
    )
    assert scored["contract_value_upper"].to_numpy() == pytest.approx(
        np.maximum(BASE["fee"] * lower, BASE["fee"] * upper), nan_ok=True
    )
    assert scored.loc[4, ["contract_value_lower", "contract_value_upper"]].tolist() == [0, 0]
    assert regular.contract_value(BASE.iloc[:0], margin="fee", annual_rate=0.1).empty


# --- boundaries and persistence ---------------------------------------------------------------------------


def test_customers_who_are_all_alike_are_a_boundary():
    same = pd.DataFrame({"period": range(5), "survivors": [10_000, 8_000, 6_400, 5_120, 4_096]})
    with pytest.warns(
        CRMKitWarning, match="alpha → ∞, beta → ∞: all customers churn with the same probability"
    ):
        model = clv.ShiftedBetaGeometric(unit="year").fit_survivors(same)
    assert "standard errors and intervals do not exist" in model.boundary_
    assert model.params_["beta"] / model.params_["alpha"] == pytest.approx(4, rel=1e-3)
    assert model.log_likelihood_ == pytest.approx(5_904 * np.log(0.2) + 23_616 * np.log(0.8), rel=1e-8)
    assert np.isnan(list(model.standard_errors_.values())).all()
    curve = model.retention_curve(periods=3, confidence=0.95)
    assert curve["survival"].tolist() == pytest.approx([0.8, 0.64, 0.512], rel=1e-3)
    assert curve["survival_lower"].isna().all()
    assert np.isnan(model.expected_tenure(horizon=3).upper)
    scored = model.contract_value(BASE[["tenure"]], margin=1, annual_rate=0.1, confidence=0.9)
    assert scored["contract_value"].notna().all()
    assert scored["contract_value_upper"].isna().all()
    again = clv.ShiftedBetaGeometric.from_json(model.to_json())
    assert again.boundary_ == model.boundary_


def test_growing_churn_is_a_boundary_of_one_model_and_inside_the_other():
    growing = {"period": range(6), "survivors": [10_000, 9_000, 7_300, 5_300, 3_500, 2_100]}
    with pytest.warns(CRMKitWarning, match="churn grows with tenure, which BetaDiscreteWeibull allows"):
        simple = clv.ShiftedBetaGeometric().fit_survivors(growing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CRMKitWarning)
        free = clv.BetaDiscreteWeibull().fit_survivors(growing)
    assert free.params_["c"] > 1.2
    assert free.aic_ < simple.aic_ - 100


def test_model_files(regular, weibull):
    for model in (regular, weibull):
        again = type(model).from_json(model.to_json())
        assert again.params_ == model.params_
        assert again.observed_.equals(model.observed_)
        assert again.unit_ == model.unit
        assert again.discounted_lifetime(annual_rate=0.1) == model.discounted_lifetime(annual_rate=0.1)
        assert repr(again) == repr(model)
    text = json.loads(regular.to_json())
    text["state"]["churned"].pop()
    with pytest.raises(DataError, match="counts of renewals differ in length"):
        clv.ShiftedBetaGeometric.from_json(json.dumps(text))
    with pytest.raises(DataError, match="BetaDiscreteWeibull written by its to_json"):
        clv.BetaDiscreteWeibull.from_json(regular.to_json())


def test_plain_repr(regular):
    assert repr(clv.ShiftedBetaGeometric()) == "ShiftedBetaGeometric()"
    assert repr(regular).startswith("ShiftedBetaGeometric(unit='year') fitted: alpha 0.7041, beta 1.182;")


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("survivors", "match"),
    [
        ([100, 100, 100, 100], "none of 100 customers churned"),
        ([100, 0, 0, 0], "all 100 customers churned at their first renewal"),
        ([100], "none of 100 customers churned"),
        ([0, 0], "none of 0 customers churned"),
        ([100, 60], "seen at 1 of the 3 renewals that 3 parameters"),
        ([100, 60, 50], "seen at 2 of the 3 renewals"),
        ([100, 60, 0, 0], "seen at 2 of the 3 renewals"),
        ([100, 60, 60, 60], "all 40 customers who churned did so at their first renewal"),
    ],
)
def test_data_that_have_no_maximum(survivors, match):
    with pytest.raises(ConvergenceError, match=match):
        clv.BetaDiscreteWeibull().fit_survivors({"period": range(len(survivors)), "survivors": survivors})


def survivors(**changes):
    columns = {"period": [0, 1, 2], "survivors": [9.0, 5.0, 4.0]}
    return pd.DataFrame(columns | changes)


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (survivors(period=[1, 2, 3]), "periods 0, 1, 2, … each once.*1 of 1 cohorts.*first at period 1:"),
        (survivors(period=[0, 1, 1]), "first at period 1"),
        (survivors(period=[0, 1, 2.5]), "first at period 2.5"),
        (survivors(cohort=["a", "a", "b"]), "1 of 2 cohorts that do not, first at period 2 in cohort 'b'"),
        (survivors(survivors=[9, 5, 6]), "never grow in number.*first at period 2"),
        (survivors(survivors=[9, np.nan, 6]), "1 of 3 rows have no value in 'survivors'"),
        (survivors(survivors=[9, 5, -1]), "1 of 3 rows have survivors below 0 or infinite"),
        (survivors(survivors=[np.inf, 5, 1]), "1 of 3 rows have survivors below 0 or infinite"),
        (survivors(period=[0, None, 2]), "1 of 3 rows have no value in 'period'"),
        (survivors(cohort=["a", None, "a"]), "1 of 3 rows have no value in 'cohort'"),
        (survivors().iloc[:0], "at least one row"),
    ],
)
def test_survivors_that_are_none(frame, match):
    with pytest.raises(DataError, match=match):
        clv.ShiftedBetaGeometric().fit_survivors(frame)


def customers(**changes):
    return pd.DataFrame({"tenure": [1.0, 2.0, 3.0], "churned": [True, False, True]} | changes)


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (customers(tenure=[0, 2, 3]), "1 of 3 rows have churned at tenure 0, before any renewal"),
        (
            customers(tenure=[-1, 2, 3.5]),
            "2 of 3 rows have a tenure that is not a whole number of at least 0",
        ),
        (customers(tenure=[np.nan, 2, 3]), "1 of 3 rows have no value in 'tenure'"),
        (customers(tenure=[np.inf, 2, 3]), "1 of 3 rows have a tenure above 100000 periods"),
        (
            customers(churned=pd.array([True, None, False], dtype="boolean")),
            "1 of 3 rows have no value in 'churned'",
        ),
        (customers(weight=[1, -1, 1]), "1 of 3 rows .*weight"),
        (customers().iloc[:0], "at least one row"),
    ],
)
def test_customers_that_contradict_themselves(frame, match):
    with pytest.raises(DataError, match=match):
        clv.ShiftedBetaGeometric().fit(frame)


def test_missing_and_wrong_columns(regular):
    with pytest.raises(ColumnError, match="'churned'"):
        clv.ShiftedBetaGeometric().fit(pd.DataFrame({"tenure": [1]}))
    with pytest.raises(ColumnError, match="'survivors'"):
        clv.ShiftedBetaGeometric().fit_survivors(pd.DataFrame({"period": [1]}))
    with pytest.raises(ColumnError, match="'tenure'"):
        regular.discounted_residual_lifetime(pd.DataFrame({"age": [1]}), annual_rate=0.1)
    with pytest.raises(ColumnError, match="'price'"):
        regular.contract_value(BASE, margin="price", annual_rate=0.1)
    endless = pd.DataFrame({"tenure": [1], "fee": [np.inf]})
    with pytest.raises(DataError, match="1 of 1 rows have an infinite 'fee'"):
        regular.contract_value(endless, margin="fee", annual_rate=0.1)
    with pytest.raises(DataError, match="1 of 1 rows have a tenure that is not"):
        regular.discounted_residual_lifetime(pd.DataFrame({"tenure": [-1]}), annual_rate=0.1)
    unknown = pd.DataFrame({"tenure": [1, 2], "churned": pd.array([True, None], dtype="boolean")})
    with pytest.raises(DataError, match="1 of 2 rows have no value in 'churned'"):
        regular.discounted_residual_lifetime(unknown, annual_rate=0.1)


def test_wrong_arguments(regular):
    with pytest.raises(ParameterError, match="`unit` must be one of"):
        clv.ShiftedBetaGeometric(unit="fortnight").fit_survivors(REGULAR)
    with pytest.raises(ParameterError, match="ShiftedBetaGeometric\\(unit='month'\\)"):
        clv.ShiftedBetaGeometric().fit_survivors(REGULAR).discounted_lifetime(annual_rate=0.1)
    for call in (
        partial(regular.discounted_lifetime, annual_rate=0),
        partial(regular.contract_value, BASE, margin=None, annual_rate=0.1),
        partial(regular.expected_tenure, horizon=0),
        partial(regular.expected_tenure, horizon=2, renewed=-1),
        partial(regular.retention_curve, periods=0),
        partial(regular.retention_curve, periods="12"),
        partial(regular.retention_curve, periods=[]),
        partial(regular.retention_curve, periods=[0, 1]),
        partial(regular.retention_curve, periods=3, confidence=1.0),
    ):
        with pytest.raises(ParameterError, match="must be"):
            call()


def test_nothing_before_fit():
    empty = clv.BetaDiscreteWeibull(unit="year")
    for call in (
        partial(empty.retention_curve, periods=3),
        partial(empty.expected_tenure, horizon=3),
        partial(empty.discounted_lifetime, annual_rate=0.1),
        partial(empty.contract_value, BASE, margin=1, annual_rate=0.1),
        lambda: empty.observed_,
    ):
        with pytest.raises(CRMKitError, match="must be fitted"):
            call()


# --- long simulations -------------------------------------------------------------------------------------


def coverage(kind, truth, replications, seed):
    """Return how often 80 and 95 % intervals of parameters and predictions hold the truth."""
    S = [float(exact_survival(*truth, t)) for t in range(13)]
    c = list(truth)[: len(kind._names)]
    hits, interior = np.zeros((2, len(c) + 3)), 0
    rng = np.random.default_rng(seed)
    lifetime = float(formulas.residual_lifetimes(truth, 0, np.log(1.1))[0]) / 1.1 + 1
    for _ in range(replications):
        churn = rng.multinomial(4_000, [*(-np.diff(S[:9])), S[8]])
        left = 4_000 - np.concatenate([[0], churn[:-1].cumsum()])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CRMKitWarning)
            model = kind(unit="year").fit_survivors({"period": range(9), "survivors": left})
        interior += model.boundary_ is None
        for row, level in enumerate((0.8, 0.95)):
            ends = model.confidence_intervals(confidence=level)
            curve = model.retention_curve(periods=[12], confidence=level)
            tenure = model.expected_tenure(horizon=12, confidence=level)
            value = model.discounted_lifetime(annual_rate=0.1, confidence=level)
            pairs = [*zip(ends["lower"], c, ends["upper"], strict=True)]
            pairs.append((curve["survival_lower"].item(), S[12], curve["survival_upper"].item()))
            pairs += [(tenure.lower, sum(S[:12]), tenure.upper), (value.lower, lifetime, value.upper)]
            hits[row] += [low <= true <= high for low, true, high in pairs]
    return hits / interior, interior / replications


@pytest.mark.verify
@pytest.mark.parametrize(
    ("kind", "truth"),
    [(clv.ShiftedBetaGeometric, (0.7, 2.0, 1.0)), (clv.BetaDiscreteWeibull, (0.8, 2.0, 1.3))],
    ids=["sBG", "BdW"],
)
def test_intervals_cover(kind, truth):
    found, interior = coverage(kind, truth, 2_000, 11)
    assert interior > 0.99
    assert np.abs(found[0] - 0.80).max() < 0.02
    assert np.abs(found[1] - 0.95).max() < 0.02


def test_intervals_cover_in_a_few_runs():
    found, interior = coverage(clv.ShiftedBetaGeometric, (0.7, 2.0, 1.0), 40, 12)
    assert interior == 1
    assert found[1].min() > 0.8


# --- names of arguments, and shares -----------------------------------------------------------------------

CUSTOMERS = pd.DataFrame(
    {"tenure": [1, 2, 3, 3], "churned": [True, True, True, False], "weight": [9, 6, 2, 3]}
)


@pytest.mark.parametrize(
    ("customers", "error", "message"),
    [
        (
            CUSTOMERS.rename(columns={"tenure": "tenur"}),
            ColumnError,
            "'tenure' .did you mean.*Rename it first",
        ),
        (CUSTOMERS.assign(tenure="x"), ColumnError, "must have numbers in 'tenure'"),
        (CUSTOMERS.assign(weight=-1), DataError, ": 4 of 4 rows have no finite weight"),
        (CUSTOMERS.assign(tenure=0.5), DataError, ": 4 of 4 rows have a tenure that is not a whole number"),
        (CUSTOMERS.head(0), DataError, "must have at least one row"),
        (
            {"tenure": [1, 2], "churned": [True]},
            ParameterError,
            "must be a DataFrame, or a mapping of arrays",
        ),
        ([1, 2], ParameterError, "must be a DataFrame of pandas"),
    ],
)
def test_errors_name_the_argument_of_fit(customers, error, message):
    with pytest.raises(error, match=f"^`customers`.*{message}") as caught:
        clv.ShiftedBetaGeometric().fit(customers)
    assert "crmkit.tables" not in str(caught.value)  # no contract has a tenure


def test_errors_name_the_argument_of_the_other_calls(regular):
    for cohorts in (REGULAR[["period"]], REGULAR.assign(survivors=-1), REGULAR[1:], [1]):
        with pytest.raises(CRMKitError, match="^`cohorts`"):
            clv.ShiftedBetaGeometric().fit_survivors(cohorts)
    for base in (CUSTOMERS[["churned"]], CUSTOMERS.assign(tenure=None), CUSTOMERS.assign(churned=None), [1]):
        with pytest.raises(CRMKitError, match="^`customers`"):
            regular.discounted_residual_lifetime(base, annual_rate=0.1)
    for base in (CUSTOMERS, CUSTOMERS.assign(fee=np.inf), CUSTOMERS.assign(fee="x")):
        with pytest.raises(CRMKitError, match="^`customers`.*'fee'"):
            regular.contract_value(base, margin="fee", annual_rate=0.1)


def test_shares_are_no_survivors():
    shares = [1, 0.869, 0.743, 0.653, 0.593, 0.551, 0.517, 0.491]
    remedy = "numbers of customers, not shares.* multiply shares by the number of customers that the cohort"
    for one in (shares, [0.9, 0.8, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45]):
        with pytest.raises(DataError, match=f"`cohorts`.*{remedy}"):
            clv.ShiftedBetaGeometric().fit_survivors({"period": range(8), "survivors": one})
    both = pd.concat([REGULAR.assign(cohort="a"), REGULAR.assign(survivors=shares, cohort="b")])
    with pytest.raises(DataError, match="Found 1 of 2 cohorts that do not, first at period 1 in cohort 'b'"):
        clv.ShiftedBetaGeometric().fit_survivors(both)


def test_a_cohort_of_one_customer_is_one_and_means_need_not_be_whole():
    one = pd.DataFrame({"period": range(3), "survivors": [1, 1, 0], "cohort": "b"})
    nobody = one.assign(survivors=0, cohort="c")
    model = clv.ShiftedBetaGeometric().fit_survivors(pd.concat([REGULAR.assign(cohort="a"), one, nobody]))
    assert model.n_customers_ == 1001
    assert model.churned_[:2] == [369, 164]
    halves = REGULAR.assign(survivors=REGULAR["survivors"] / 400)
    assert clv.ShiftedBetaGeometric().fit_survivors(halves).n_customers_ == 2.5
