"""Pareto/NBD, looking ahead: the papers' closed forms in mpmath, sums, means, limits and draws."""

import itertools

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betainc, betaln

from crmkit.clv.btyd import _pareto as pareto

CDNOW = (0.553, 10.578, 0.606, 11.669)


def rows(*values):
    return tuple(np.array([float(v)]) for v in values)


def random_parameters(n, seed, low=-3, high=3):
    return 10 ** np.random.default_rng(seed).uniform(low, high, (4, n))


def paper_mean(r, alpha, s, beta, t):
    r, alpha, s, beta, t = (mp.mpf(float(v)) for v in (r, alpha, s, beta, t))
    if s == 1:
        return r * beta / alpha * mp.log((beta + t) / beta)
    return r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + t)) ** (s - 1))


def paper_count(n, r, alpha, s, beta, t):
    """Fader & Hardie, "Deriving an expression for P(X(t) = x) under the Pareto/NBD model" (B_1 and B_2)."""
    r, alpha, s, beta, t = (mp.mpf(float(v)) for v in (r, alpha, s, beta, t))
    near, far, third = (alpha, beta, s + 1) if alpha >= beta else (beta, alpha, r + n)

    def b(i, y):
        z = (near - far) / (near + y)
        return mp.hyp2f1(r + s + i, third, r + s + n + 1, z, maxterms=10**6) / (near + y) ** (r + s + i)

    ways = mp.gamma(r + n) / mp.gamma(r) / mp.factorial(n)
    survivors = ways * (alpha / (alpha + t)) ** r * (t / (alpha + t)) ** n * (beta / (beta + t)) ** s
    gone = b(0, 0)
    factor = mp.mpf(1)
    for i in range(n + 1):
        gone -= factor * b(i, t)
        factor *= (r + s + i) * t / (i + 1)
    return survivors + alpha**r * beta**s * mp.beta(r + n, s + 1) / mp.beta(r, s) * gone


def test_expected_of_new_customers():
    params = random_parameters(600, seed=1)
    params[2, ::3] = 1 + 10 ** np.random.default_rng(0).uniform(-16, -1, 200)
    params[2, 0] = 1
    t = 10 ** np.random.default_rng(2).uniform(-6, 5, 600)
    found = pareto.expected_new(tuple(params), t)
    with mp.workdps(60):
        exact = [float(paper_mean(*one, time)) for one, time in zip(params.T, t, strict=True)]
    np.testing.assert_allclose(found, exact, rtol=1e-12)
    assert float(pareto.expected_new(CDNOW, 0.0)) == 0
    assert pareto.expected_new(CDNOW, np.array([1.0, 2.0])).shape == (2,)


def test_a_history_turns_into_a_new_customer():
    # alive for sure (t_x = T): the paper's conditional formulas with r + x, alpha + T, s, beta + T
    x, t_x, T = rows(4, 30, 30)
    params, later = (0.6, 10.0, 1.0, 12.0), (4.6, 40.0, 1.0, 42.0)
    np.testing.assert_array_equal(pareto.alive(params, x, t_x, T), [1.0])
    np.testing.assert_allclose(
        pareto.expected(params, x, t_x, T, 52.0), float(paper_mean(*later, 52)), rtol=1e-12
    )
    np.testing.assert_allclose(pareto.alive_later(params, x, t_x, T, 21.0), [42 / 63], rtol=1e-14)
    np.testing.assert_allclose(pareto.waiting_mean(params, x, t_x, T), [40 / 3.6], rtol=1e-14)
    with mp.workdps(50):
        exact = [float(paper_count(n, *later, 52)) for n in range(9)]
    np.testing.assert_allclose(pareto.counts(params, x, t_x, T, 52.0, 8)[0], exact, rtol=1e-12)


def test_expected_adds_over_horizons():
    rng = np.random.default_rng(3)
    x, T = np.floor(rng.gamma(0.5, 6, 50)), rng.uniform(20, 39, 50)
    t_x = np.where(x > 0, T * rng.random(50), 0)
    t = rng.uniform(0, 60, 50)
    whole = pareto.expected(CDNOW, x, t_x, T, t + 5)
    later = pareto.alive_later(CDNOW, x, t_x, T, t) / pareto.alive(CDNOW, x, t_x, T)
    r, alpha, s, beta = CDNOW
    rest = later * (r + x) / (alpha + T) * pareto.expected_new((1.0, 1.0, s, beta + T + t), 5.0)
    np.testing.assert_allclose(
        whole, pareto.expected(CDNOW, x, t_x, T, t) + pareto.alive(CDNOW, x, t_x, T) * rest
    )


@pytest.mark.parametrize(
    ("params", "t"),
    [
        (CDNOW, 52.0),
        ((0.5, 10.0, 1.0, 12.0), 30.0),
        ((0.7, 5.0, 0.4, 5.0), 10.0),
        ((2.3, 0.2, 0.6, 20.0), 1.0),
        ((2.0, 100.0, 3.0, 1.0), 500.0),
        ((50.0, 10.0, 40.0, 30.0), 20.0),
        ((0.001, 1.0, 0.001, 1.0), 1e-3),
        ((0.5, 10.0, 0.6, 12.0), 1e5),
    ],
)
def test_counts_of_new_customers(params, t):
    found = pareto.counts_new(params, t, 25)
    with mp.workdps(120):
        exact = [float(paper_count(n, *params, t)) for n in range(26)]
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-100)


@pytest.mark.parametrize("params", [CDNOW, (5.0, 0.5, 0.6, 80.0), (0.3, 200.0, 2.0, 1.0)])
def test_counts_to_a_thousand(params):
    found = pareto.counts_new(params, 60.0, 1000)
    for n in (100, 1000):
        with mp.workdps(
            60
        ):  # the finite sum of the paper has a thousand terms; the lifetime needs one integral
            r, alpha, s, beta = (mp.mpf(v) for v in params)
            ways = mp.gamma(r + n) / mp.gamma(r) / mp.factorial(n)

            def nbd(y, ways=ways, n=n, r=r, alpha=alpha):
                return ways * (alpha / (alpha + y)) ** r * (y / (alpha + y)) ** n

            def density(y, s=s, beta=beta):
                return s / (beta + y) * (beta / (beta + y)) ** s

            exact = nbd(60) * (beta / (beta + 60)) ** s
            ends = [60 * mp.mpf(k) / 12 for k in range(13)]
            exact += mp.quad(lambda y: nbd(y) * density(y), ends, maxdegree=5)
        np.testing.assert_allclose(found[n], float(exact), rtol=1e-8, atol=1e-100)


def check_counts(n, seed, high, digits):
    rng = np.random.default_rng(seed)
    params, t = random_parameters(n, seed, -high, high), 10 ** rng.uniform(-high, high, n)
    highest = rng.integers(0, 25, n)
    x = t_x = T = np.zeros(n)
    found = pareto.counts(tuple(params), x, t_x, T, t, 25)[np.arange(n), highest]
    with mp.workdps(digits):
        exact = [float(paper_count(int(k), *p, one)) for k, p, one in zip(highest, params.T, t, strict=True)]
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-60)


def test_counts_at_random_points():
    check_counts(50, seed=4, high=1, digits=80)


@pytest.mark.verify
def test_counts_at_more_random_points():
    check_counts(150, seed=5, high=2, digits=250)


def adaptive_count(n, r, alpha, s, beta, t):
    """The same probability by QUADPACK over ln(life), cut where the integrand may bend."""
    ways = 0.0 if n == 0 else -betaln(r, n) - np.log(n)

    def nbd(y):
        return ways - r * np.log1p(y / alpha) - n * np.log1p(alpha / y) - s * np.log1p(y / beta)

    ends = np.linspace(np.log(t) - 42, np.log(t), 85)
    parts = [
        quad(lambda v: s / (beta * np.exp(-v) + 1) * np.exp(nbd(np.exp(v))), *two, epsabs=0, epsrel=1e-11)[0]
        for two in itertools.pairwise(ends)
    ]
    return sum(parts) + np.exp(nbd(t))


@pytest.mark.verify
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_counts_at_many_points_by_adaptive_quadrature():
    n = 2000
    rng = np.random.default_rng(12)
    params, t = random_parameters(n, 12), 10 ** rng.uniform(-3, 3, n)
    highest = np.floor(10 ** rng.uniform(0, 3, n)).astype(int) - 1
    found = [
        pareto.counts_new(tuple(p), one, k)[k]
        for p, one, k in zip(params.T.tolist(), t, highest, strict=True)
    ]
    exact = [adaptive_count(int(k), *p, one) for p, one, k in zip(params.T, t, highest, strict=True)]
    np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-60)


def test_counts_sum_to_one_and_have_the_expected_mean():
    n = 300
    r, alpha, s, beta = random_parameters(n, seed=6, low=-1, high=1.3)
    rng = np.random.default_rng(6)
    x, T = np.floor(rng.gamma(0.5, 6, n)), rng.uniform(1, 39, n)
    t_x = np.where(x > 0, T * rng.random(n), 0)
    t = np.minimum(rng.uniform(0, 60, n), 20 * (alpha + T) / (r + x))
    params = (r, alpha, s, beta)
    found = pareto.counts(params, x, t_x, T, t, 1000)
    assert (found >= 0).all()
    # beyond 1000 is at most what the NBD of those who live on has there
    heavy = betainc(r + x, 1001, (alpha + T) / (alpha + T + t)) < 1 - 1e-12
    assert heavy.sum() < n / 10
    np.testing.assert_allclose(found.sum(axis=1)[~heavy], 1, rtol=1e-10)
    mean = found @ np.arange(1001)
    np.testing.assert_allclose(mean[~heavy], pareto.expected(params, x, t_x, T, t)[~heavy], rtol=1e-7)


def test_counts_in_no_time():
    x, t_x, T = rows(2, 10, 30)
    np.testing.assert_allclose(pareto.counts(CDNOW, x, t_x, T, 0.0, 2), [[1, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(pareto.counts_new(CDNOW, 0.0, 2), [1, 0, 0], atol=1e-15)
    assert pareto.counts_new(CDNOW, 5.0, 0).shape == (1,)


def check_discounted(n, seed, highest, exact):
    params = random_parameters(n, seed)
    params[2] = 10 ** np.random.default_rng(seed).uniform(-3, highest, n)
    params[2, ::10], params[2, 1::10] = 1, 2
    delta = 10 ** np.random.default_rng(8).uniform(-4, 4, n) / params[3]
    places = [*zip(params.T.tolist(), delta.tolist(), strict=True)]
    found = [pareto.discounted_new(tuple(p), one) for p, one in places]
    np.testing.assert_allclose(found, [float(exact(*p, one)) for p, one in places], rtol=1e-10)


def test_discounted_in_closed_form():
    def paper(r, alpha, s, beta, delta):
        """Fader, Hardie & Lee (2005): r / alpha * (beta delta)^s / delta * Psi(s, s; beta delta)."""
        with mp.workdps(80):
            z, s = mp.mpf(beta) * mp.mpf(delta), mp.mpf(s)
            tricomi = mp.hyperu(s, s, z) if s != 1 else mp.exp(z) * mp.e1(z)
            return mp.mpf(r) / alpha / delta * z**s * tricomi

    check_discounted(100, 7, 1, paper)


@pytest.mark.verify
def test_discounted_at_many_points():
    def exponential_integral(r, alpha, s, beta, delta):
        """The same by e^z E_s(z): DLMF 8.19.17 (its terms are positive), for small z mpmath's own."""
        z = beta * delta
        if z < 0.5:
            with mp.workdps(60):
                return r / alpha * beta * mp.exp(mp.mpf(z)) * mp.expint(mp.mpf(s), mp.mpf(z))
        rest = z
        for k in range(600, 0, -1):
            rest = z + (s + k - 1) / (1 + k / rest)
        return r / alpha * beta / rest

    check_discounted(2000, 8, 3, exponential_integral)


def test_discounted_is_the_sum_of_discounted_weeks():
    x, t_x, T = rows(4, 25, 39)
    steps = np.arange(0, 20_000, 0.25)
    bought = pareto.expected(CDNOW, *(np.repeat(v, len(steps)) for v in (x, t_x, T)), steps)
    total = np.sum(np.diff(bought) * np.exp(-0.01 * (steps[:-1] + 0.125)))
    np.testing.assert_allclose(pareto.discounted(CDNOW, x, t_x, T, 0.01), total, rtol=1e-5)
    many = pareto.discounted(CDNOW, *(np.repeat(v, 2) for v in (x, t_x, T)), 0.01)
    assert many.shape == (2,)


def test_the_increasing_frequency_paradox():
    # Fader, Hardie & Lee (2005), "RFM and CLV": silent for long, the more frequent buyer is worth less.
    x, T = np.array([4.0, 12.0]), np.full(2, 77.86)
    recent = pareto.discounted(CDNOW, x, np.full(2, 75.0), T, 0.0027)
    silent = pareto.discounted(CDNOW, x, np.full(2, 30.0), T, 0.0027)
    assert recent[1] > recent[0] > silent[0] > silent[1]


def test_draws_follow_the_counts():
    n = 60_000
    generator = np.random.default_rng(9)
    for x, t_x, T, t in ((0, 0, 30, 52), (3, 10, 30, 26), (12, 29, 30, 8)):
        data = tuple(np.full(n, float(v)) for v in (x, t_x, T))
        drawn = pareto.draw(CDNOW, *data, float(t), generator)
        assert drawn.dtype == np.int64
        share = pareto.counts(CDNOW, *(v[:1] for v in data), float(t), 30)[0]
        seen = np.bincount(drawn, minlength=31)[:31] / n
        assert (np.abs(seen - share) < 5 * np.sqrt(share / n) + 5 / n).all()
        mean = pareto.expected(CDNOW, *(v[:1] for v in data), float(t))[0]
        assert abs(drawn.mean() - mean) < 5 * drawn.std() / np.sqrt(n)


def test_draws_of_rows_with_their_own_parameters_repeat():
    n = 50
    params = (0.5, np.linspace(1, 20, n), 1e-4, np.linspace(5, 30, n))  # death rates that underflow to 0
    data = tuple(np.full(n, v) for v in (2.0, 10.0, 12.0))
    first = pareto.draw(params, *data, np.linspace(0, 10, n), np.random.default_rng(1))
    again = pareto.draw(params, *data, np.linspace(0, 10, n), np.random.default_rng(1))
    np.testing.assert_array_equal(first, again)
    assert first[0] == 0  # no time, no purchases
    assert first.sum() > 0


def test_waiting_time_of_a_customer_who_stays():
    x, t_x, T = (np.array(v) for v in ([0.0, 0, 3, 40], [0.0, 0, 10, 20], [30.0, 1, 30, 30]))
    median = pareto.waiting_median(CDNOW, x, t_x, T)
    survival = [
        float((mp.mpf(a) / (a + m)) ** r) for a, m, r in zip(10.578 + T, median, 0.553 + x, strict=True)
    ]
    np.testing.assert_allclose(survival, 0.5, rtol=1e-12)
    mean = pareto.waiting_mean(CDNOW, x, t_x, T)
    assert np.isinf(mean[:2]).all()  # r + x below 1
    for place in (2, 3):
        a, r = 10.578 + T[place], 0.553 + x[place]
        exact = mp.quad(lambda t, a=a, r=r: (a / (a + t)) ** r, [0, 10, 100, mp.inf])
        assert mean[place] == pytest.approx(float(exact), rel=1e-8)
    assert np.isinf(pareto.waiting_median((1e-4, 1.0, 1.0, 1.0), *rows(0, 0, 1))).all()
