"""The Gamma–Gamma formulas against mpmath at 50 digits, scipy's beta prime and inverse gamma, and CDNOW."""

import mpmath
import numpy as np
import pytest
import scipy.stats
from scipy.optimize import minimize

from crmkit import clv
from crmkit.clv import _gamma_gamma as gamma_gamma
from crmkit.datasets import load_cdnow

CDNOW = (6.25, 3.74, 15.44)


def exact(log_p, log_q, log_v, x, m):
    """Write the log-likelihood down as the paper has it, for mpmath."""
    p, q, v = mpmath.exp(log_p), mpmath.exp(log_q), mpmath.exp(log_v)
    gammas = mpmath.loggamma(p * x + q) - mpmath.loggamma(p * x) - mpmath.loggamma(q)
    powers = q * mpmath.log(v) + (p * x - 1) * mpmath.log(m) + p * x * mpmath.log(x)
    return gammas + powers - (p * x + q) * mpmath.log(v + m * x)


def points(count, seed):
    """Draw parameters from 1e-3 to 1e4 and spends both far from and near what they predict."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        p, q, v = 10 ** rng.uniform(-3, 4, 3)
        x = float(rng.choice([1, 2, 7, 40, 1_500, 30_000, 250_000]))
        near = p * v / q * np.exp(rng.normal() * min(1, 1 / np.sqrt(min(p * x, q))))
        yield (p, q, v), x, (near if number % 2 else 10 ** rng.uniform(-8, 8))


def worst_errors(count, seed):
    worst = np.zeros(3)
    for params, x, m in points(count, seed):
        value, gradient, hessian = gamma_gamma.likelihood(params, np.array([x]), np.array([m]))
        with mpmath.workdps(50):
            at = [*map(mpmath.log, params)]
            found = [(0, value[0], exact(*at, mpmath.mpf(x), mpmath.mpf(m)))]
            found += [(1, gradient[j][0], derivative(at, x, m, j)) for j in range(3)]
            found += [
                (2, hessian[j][k][0], derivative(at, x, m, j, k)) for j in range(3) for k in range(j, 3)
            ]
            for order, got, want in found:
                # A likelihood or slope that happens to be 0 has no relative error.
                error = abs(got - want) / max(abs(want), 1.0 if order == 0 else 1e-3)
                worst[order] = max(worst[order], float(error))
        np.testing.assert_array_equal(hessian, np.swapaxes(hessian, 0, 1))
    return worst


def derivative(at, x, m, *axes):
    orders = tuple(axes.count(axis) for axis in range(3))
    return mpmath.diff(lambda *logs: exact(*logs, mpmath.mpf(x), mpmath.mpf(m)), at, orders)


def test_value_gradient_and_hessian_against_mpmath():
    assert worst_errors(40, 1).max() < 1e-8


@pytest.mark.verify
def test_value_gradient_and_hessian_against_mpmath_at_many_points():
    assert worst_errors(2_000, 2).max() < 1e-8


def test_likelihood_is_that_of_a_beta_prime():
    rng = np.random.default_rng(3)
    x, m = rng.integers(1, 30, 200).astype(float), rng.gamma(2, 20, 200)
    p, q, v = CDNOW
    value, gradient, hessian = gamma_gamma.likelihood(CDNOW, x, m, order=0)
    assert value == pytest.approx(scipy.stats.betaprime.logpdf(m, p * x, q, scale=v / x), rel=1e-10)
    assert gradient is None
    assert hessian is None


def test_tables_of_distinct_counts_change_nothing():
    rng = np.random.default_rng(4)
    x, m = rng.integers(1, 30, 50).astype(float), rng.gamma(2, 20, 50)
    scalars = gamma_gamma.likelihood(CDNOW, x, m)
    arrays = gamma_gamma.likelihood(tuple(np.full(50, one) for one in CDNOW), x, m)
    mixed = gamma_gamma.likelihood((CDNOW[0], np.full(50, CDNOW[1]), CDNOW[2]), x, m)
    longer = gamma_gamma.likelihood(CDNOW, np.append(x, 200_000.0), np.append(m, 30.0))
    for one, two, three, four in zip(scalars, arrays, mixed, longer, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-13)
        np.testing.assert_allclose(one, three, rtol=1e-13)
        np.testing.assert_allclose(one, np.asarray(four)[..., :-1], rtol=1e-13)
    assert gamma_gamma.likelihood(CDNOW, x, m, order=1)[2] is None
    assert np.shape(gamma_gamma.likelihood(CDNOW, x[:0], m[:0])[1]) == (3, 0)


def repeat_buyers():
    summary = clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    repeat = summary[summary["frequency"] > 0]
    return repeat["frequency"].to_numpy(float), repeat["monetary_value"].to_numpy()


def maximise(x, m, weight, start):
    def minus(theta, order):
        found = gamma_gamma.likelihood(tuple(np.exp(theta)), x, m, order=order)[order]
        return -(np.asarray(found) @ weight)

    return minimize(
        lambda theta: minus(theta, 0),
        np.log(start),
        jac=lambda theta: minus(theta, 1),
        hess=lambda theta: minus(theta, 2),
        method="trust-exact",
        options={"gtol": 1e-4},
    )


def test_cdnow_estimates_and_likelihood():
    x, m = repeat_buyers()
    assert len(x) == 946
    weight = np.ones(946)
    best = maximise(x, m, weight, gamma_gamma.start(x, m, weight))
    assert best.success
    assert np.exp(best.x).round(2).tolist() == [6.25, 3.74, 15.44]


@pytest.mark.parametrize("truth", [CDNOW, (0.4, 1.5, 200.0), (80.0, 0.7, 0.01), (3.0, 60.0, 900.0)])
def test_start_is_near_the_truth_of_a_simulation(truth):
    rng = np.random.default_rng(5)
    p, q, v = truth
    x = rng.integers(1, 20, 20_000).astype(float)
    m = rng.gamma(p * x, 1 / (rng.gamma(q, 1 / v, 20_000) * x))
    m = np.maximum(m, 1e-300)
    found = gamma_gamma.start(x, m, np.ones(20_000))
    # p and v trade against each other; what they predict does not.
    assert np.log(found[1] / q) == pytest.approx(0, abs=1.2)
    assert np.log(found[0] * found[2] / (p * v)) == pytest.approx(0, abs=1.2)


@pytest.mark.parametrize(
    ("x", "m"),
    [([3.0], [20.0]), ([3.0, 3.0], [20.0, 20.0]), ([1.0, 9.0], [1e-9, 1e9]), ([1.0, 5_000.0], [7.0, 7.1])],
)
def test_start_is_finite_and_positive_on_degenerate_data(x, m):
    found = gamma_gamma.start(np.array(x), np.array(m), np.ones(len(x)))
    assert np.all(np.isfinite(found))
    assert min(found) > 0


def test_start_counts_a_weighted_row_as_so_many_rows():
    x, m = np.array([1.0, 4.0, 9.0]), np.array([10.0, 35.0, 18.0])
    weighted = gamma_gamma.start(x, m, np.array([1.0, 3.0, 2.0]))
    rows = np.repeat(np.arange(3), [1, 3, 2])
    assert weighted == pytest.approx(gamma_gamma.start(x[rows], m[rows], np.ones(6)), rel=1e-12)


def test_expected_spend_of_a_customer_weighs_own_and_population_mean():
    p, q, _ = CDNOW
    population = gamma_gamma.expected_new(CDNOW)
    assert population == pytest.approx(6.25 * 15.44 / 2.74, rel=1e-14)
    share = (q - 1) / (p * 2 + q - 1)
    by_hand = share * population + (1 - share) * 22.345
    assert gamma_gamma.expected(CDNOW, np.array([2.0]), np.array([22.345]))[0] == pytest.approx(by_hand)
    assert gamma_gamma.expected(CDNOW, np.array([0.0]), np.array([np.nan]))[0] == pytest.approx(population)


def test_a_heavy_tail_has_no_population_mean_but_customers_do():
    heavy = (2.0, 0.8, 10.0)
    assert gamma_gamma.expected_new(heavy) == np.inf
    found = gamma_gamma.expected(heavy, np.array([0.0, 1.0, 5.0]), np.array([0.0, 30.0, 30.0]))
    assert found == pytest.approx([np.inf, 2 * 40 / 1.8, 2 * 160 / 9.8])
    assert gamma_gamma.quantile(heavy, 0.0, 0.0, 0.5) == pytest.approx(
        scipy.stats.invgamma.median(0.8, scale=20)
    )
    by_customer = (np.array([2.0, 2.0]), np.array([0.8, 3.0]), np.array([10.0, 10.0]))
    assert gamma_gamma.expected(by_customer, 0.0, 0.0) == pytest.approx([np.inf, 10.0])


def test_distribution_of_a_customers_mean_is_an_inverse_gamma():
    p, q, v = CDNOW
    z = np.array([1e-3, 5.0, 30.0, 400.0])
    for x, m in ((0.0, 0.0), (1.0, 80.0), (12.0, 25.0)):
        frozen = scipy.stats.invgamma(p * x + q, scale=p * (v + x * m))
        assert gamma_gamma.density(CDNOW, x, m, z) == pytest.approx(frozen.pdf(z), rel=1e-10, abs=1e-300)
        assert gamma_gamma.expected(CDNOW, x, m) == pytest.approx(frozen.mean(), rel=1e-12)
        shares = np.array([0.025, 0.5, 0.975])
        assert gamma_gamma.quantile(CDNOW, x, m, shares) == pytest.approx(frozen.ppf(shares), rel=1e-9)
    assert gamma_gamma.quantile(CDNOW, 3.0, 20.0, 1.0) == np.inf


def test_draws_follow_the_distribution():
    n = 20_000
    x, m = np.full(n, 3.0), np.full(n, 20.0)
    drawn = gamma_gamma.draw(CDNOW, x, m, np.random.default_rng(6))
    p, q, v = CDNOW
    law = scipy.stats.invgamma(3 * p + q, scale=p * (v + 60))
    assert scipy.stats.kstest(drawn, law.cdf).pvalue > 0.01
    assert np.array_equal(drawn, gamma_gamma.draw(CDNOW, x, m, np.random.default_rng(6)))
    endless = gamma_gamma.draw((1.0, 1e-3, 1.0), np.zeros(50), np.zeros(50), np.random.default_rng(7))
    assert np.isinf(endless).any()
