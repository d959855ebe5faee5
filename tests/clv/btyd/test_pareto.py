"""Pareto/NBD, looking back: against the papers' hypergeometric form at 60 digits or more, and lifetimes."""

import itertools
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest

from crmkit.clv.btyd import _pareto as pareto

NAMED = {
    # r, alpha, s, beta, x, t_x, T
    "ordinary": (0.553, 10.578, 0.606, 11.669, 2, 30.43, 38.86),
    "alpha far below beta, many purchases": (0.5, 0.01, 0.6, 1000.0, 350, 20.0, 39.0),
    "alpha far below beta, a thousand": (0.001, 0.001, 0.001, 1000.0, 1200, 700.0, 1000.0),
    "beta far below alpha": (0.5, 1000.0, 2.0, 0.001, 3, 5.0, 900.0),
    "s = 1": (0.5, 10.0, 1.0, 12.0, 4, 10.0, 39.0),
    "alpha = beta": (0.7, 5.0, 0.4, 5.0, 6, 10.0, 39.0),
    "alpha = beta, s = 1, many": (2.0, 3.0, 1.0, 3.0, 500, 12.0, 39.0),
    "just bought": (0.5, 10.0, 0.6, 12.0, 4, 39.0, 39.0),
    "never again": (0.5, 10.0, 0.6, 12.0, 0, 0.0, 39.0),
    "hardly seen": (0.5, 10.0, 0.6, 12.0, 0, 0.0, 1e-6),
    "not seen": (0.5, 10.0, 0.6, 12.0, 0, 0.0, 0.0),
    "all buy and die alike": (1000.0, 900.0, 1000.0, 800.0, 40, 35.0, 39.0),
    "death is sudden": (0.3, 0.001, 1000.0, 1000.0, 0, 0.0, 1000.0),
    "long gone": (0.5, 1.0, 0.6, 2.0, 900, 100.0, 1000.0),
}


def paper(r, alpha, s, beta, x, t_x, T):
    """Fader & Hardie (2005), the likelihood with A_0, as log-likelihood and P(alive)."""
    r, alpha, s, beta, x, t_x, T = (mp.mpf(v) for v in (r, alpha, s, beta, x, t_x, T))
    total = r + s + x

    def term(t):
        if alpha >= beta:
            z = (alpha - beta) / (alpha + t)
            return mp.hyp2f1(total, s + 1, total + 1, z, maxterms=10**6) / (alpha + t) ** total
        z = (beta - alpha) / (beta + t)
        return mp.hyp2f1(total, r + x, total + 1, z, maxterms=10**6) / (beta + t) ** total

    dead = s / total * (term(t_x) - term(T))
    alive = 1 / ((alpha + T) ** (r + x) * (beta + T) ** s)
    rest = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta)
    return rest + mp.log(alive + dead), alive / (alive + dead)


def derivatives(point):
    """Central differences of the paper's log-likelihood in the logarithms of the parameters."""
    logs, data, h = [mp.log(mp.mpf(float(p))) for p in point[:4]], point[4:], mp.mpf(10) ** -12

    def at(*steps):
        return paper(*(mp.exp(a + h * b) for a, b in zip(logs, steps, strict=True)), *data)[0]

    unit = np.eye(4, dtype=int)
    middle = at(0, 0, 0, 0)
    gradient, hessian = np.empty(4), np.empty((4, 4))
    for i in range(4):
        above, below = at(*unit[i]), at(*-unit[i])
        gradient[i], hessian[i, i] = (above - below) / (2 * h), (above + below - 2 * middle) / h**2
    for i, j in itertools.combinations(range(4), 2):
        signs = [(a * b, at(*(a * unit[i] + b * unit[j]))) for a in (1, -1) for b in (1, -1)]
        hessian[i, j] = hessian[j, i] = sum(sign * value for sign, value in signs) / (4 * h**2)
    return gradient, hessian


def points(n, seed):
    """Random points (n, 7): every second with all purchases of its life in a small part of it."""
    rng = np.random.default_rng(seed)
    params = 10 ** rng.uniform(-3, 3, (4, n))
    T = 10 ** rng.uniform(-3, 3, n)
    x = np.floor(10 ** rng.uniform(-0.5, 3.3, n))
    t_x = np.where(x > 0, T * rng.choice([1e-3, 0.1, 0.5, 0.95, 1], n), 0)
    return np.stack([*params, x, t_x, T])


def check_values(sample):
    value, none, nothing = pareto.likelihood(tuple(sample[:4]), *sample[4:], order=0)
    assert none is None
    assert nothing is None
    alive = pareto.alive(tuple(sample[:4]), *sample[4:])
    with mp.workdps(90):
        exact = [paper(*column) for column in sample.T.tolist()]
    # a likelihood's relative error is the difference of the logarithms
    np.testing.assert_allclose(value, [float(one) for one, _ in exact], rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(alive, [float(one) for _, one in exact], rtol=1e-9, atol=1e-300)


def check_derivatives(sample):
    _, gradient, hessian = pareto.likelihood(tuple(sample[:4]), *sample[4:])
    for column, g, h in zip(sample.T, gradient.T, hessian.transpose(2, 0, 1), strict=True):
        with mp.workdps(120):
            exact_gradient, exact_hessian = derivatives(column.tolist())
        np.testing.assert_allclose(g, exact_gradient, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(h, exact_hessian, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", NAMED)
def test_named_points(name):
    sample = np.array(NAMED[name], dtype=float)[:, None]
    check_values(sample)
    if sample[6] > sample[5]:  # else the integral and its derivatives are exactly 0
        check_derivatives(sample)


def test_random_points():
    check_values(points(250, seed=1))


def test_derivatives_at_random_points():
    check_derivatives(points(10, seed=2))


@pytest.mark.verify
def test_many_random_points():
    check_values(points(3000, seed=3))
    check_derivatives(points(150, seed=4))


def test_parameters_of_each_row_and_of_all():
    sample = points(400, seed=5)
    alone = [pareto.likelihood(tuple(one[:4].tolist()), *one[4:, None]) for one in sample.T]
    together = pareto.likelihood(tuple(sample[:4]), *sample[4:])
    for k, axis in enumerate([0, 1, 2]):
        joined = np.concatenate([one[k] for one in alone], axis=axis)
        np.testing.assert_allclose(together[k], joined, rtol=1e-9, atol=1e-8)
    r, alpha, s, beta = 0.5, sample[1], 0.7, 12.0  # covariates on purchasing only
    mixed = pareto.likelihood((r, alpha, s, beta), *sample[4:])
    one = np.ones(400)
    whole = pareto.likelihood((r * one, alpha, s * one, beta * one), *sample[4:])
    for part, other in zip(mixed, whole, strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-9, atol=1e-8)


def test_order_of_rows_and_orders_of_derivatives():
    sample = points(500, seed=6)
    params, data = (0.5, 3.0, 0.7, 2.0), sample[4:]
    value, gradient, hessian = pareto.likelihood(params, *data)
    shuffle = np.random.default_rng(0).permutation(500)
    np.testing.assert_array_equal(pareto.likelihood(params, *data[:, shuffle])[2], hessian[:, :, shuffle])
    np.testing.assert_array_equal(pareto.likelihood(params, *data, order=0)[0], value)
    first = pareto.likelihood(params, *data, order=1)
    np.testing.assert_array_equal(first[1], gradient)
    assert first[2] is None
    np.testing.assert_array_equal(hessian, hessian.transpose(1, 0, 2))


def test_unit_of_time_only_shifts_the_likelihood():
    sample = points(300, seed=7)
    r, alpha, s, beta = sample[:4]
    x, t_x, T = sample[4:]
    weeks = pareto.likelihood((r, alpha, s, beta), x, t_x, T)
    days = pareto.likelihood((r, 7 * alpha, s, 7 * beta), x, 7 * t_x, 7 * T)
    np.testing.assert_allclose(days[0], weeks[0] - x * np.log(7), rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(days[1], weeks[1], rtol=1e-8, atol=1e-8)


def test_finite_without_warning_wherever_an_optimiser_may_go():
    rng = np.random.default_rng(8)
    n = 20_000
    params = tuple(10 ** rng.uniform(-7, 7, (4, n)))
    T = 10 ** rng.uniform(-6, 4, n)
    x = np.floor(10 ** rng.uniform(-1, 4, n))
    t_x = np.where(x > 0, T * rng.choice([1e-9, 0.1, 0.9, 1 - 1e-12, 1], n), 0)
    for part in pareto.likelihood(params, x, t_x, T):
        assert np.isfinite(part).all()
    alive = pareto.alive(params, x, t_x, T)
    assert ((alive >= 0) & (alive <= 1)).all()
    for t in (0.0, 1e-6, 1e4):
        found = pareto.expected(params, x, t_x, T, t)
        assert (np.isfinite(found) & (found >= 0)).all()
    for delta in (1e-4, 0.01, 100.0):
        found = pareto.discounted(params, x, t_x, T, delta)
        assert (np.isfinite(found) & (found >= 0)).all()


LIFETIMES = """
import warnings
warnings.simplefilter("ignore")
import numpy as np
import pandas as pd
from lifetimes import ParetoNBDFitter
from crmkit.clv.btyd import _pareto as pareto
rng = np.random.default_rng(0)
x = rng.integers(0, 12, 400).astype(float)
T = rng.uniform(20, 39, 400)
t_x = np.where(x > 0, T * rng.uniform(0.1, 0.99, 400), 0)
params = 0.553, 10.578, 0.606, 11.669
peer = ParetoNBDFitter()
peer.params_ = pd.Series(params, index=["r", "alpha", "s", "beta"])
close = dict(rtol=1e-7, atol=1e-9)
other = peer._conditional_log_likelihood(params, x, t_x, T)
np.testing.assert_allclose(pareto.likelihood(params, x, t_x, T)[0], other, **close)
other = peer.conditional_probability_alive(x, t_x, T)
np.testing.assert_allclose(pareto.alive(params, x, t_x, T), other, **close)
other = peer.conditional_expected_number_of_purchases_up_to_time(52, x, t_x, T)
np.testing.assert_allclose(pareto.expected(params, x, t_x, T, 52.0), other, **close)
few = x[:40], t_x[:40], T[:40]
other = [peer.conditional_probability_of_n_purchases_up_to_time(n, 20, *few) for n in range(5)]
mine = pareto.counts(params, *few, 20.0, 4)
np.testing.assert_allclose(mine, np.transpose(other), rtol=1e-5, atol=1e-8)
"""


def test_equal_to_lifetimes_where_it_is_right():
    # In a process of its own, because importing lifetimes changes pandas options and warning filters.
    done = subprocess.run([sys.executable, "-c", LIFETIMES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def history(n, seed):
    """A base bought by simulation: rates, lives and purchase times drawn one by one."""
    rng = np.random.default_rng(seed)
    rate, life = rng.gamma(0.8, 1 / 8, n), rng.exponential(1 / rng.gamma(0.9, 1 / 15, n))
    T, horizon = rng.uniform(20, 40, n), 26.0
    times = np.cumsum(rng.exponential(1 / np.maximum(rate, 1e-12), (200, n)), axis=0)
    bought = (times <= np.minimum(life, T)).sum(axis=0)
    last = np.where(bought > 0, np.take_along_axis(times, np.maximum(bought - 1, 0)[None], 0)[0], 0)
    later = (times <= np.minimum(life, T + horizon)).sum(axis=0) - bought
    return bought.astype(float), last, T, horizon, life, later


def test_a_simulated_base():
    # Calibrated within groups of like histories: who is alive, and what they buy in 26 weeks.
    x, t_x, T, horizon, life, later = history(40_000, seed=11)
    params = 0.8, 8.0, 0.9, 15.0
    alive = pareto.alive(params, x, t_x, T)
    expected = pareto.expected(params, x, t_x, T, horizon)
    after = pareto.alive_later(params, x, t_x, T, horizon)
    counts = pareto.counts(params, x, t_x, T, horizon, 3)
    for group in (x == 0, x == 1, (x > 1) & (t_x < T / 2), (x > 1) & (t_x > T / 2)):
        n = group.sum()
        truths = [life > T, later, life > T + horizon, *(later == k for k in range(4))]
        for found, truth in zip([alive, expected, after, *counts.T], truths, strict=True):
            error = truth[group].std() / np.sqrt(n) + 1e-4
            assert abs(found[group].mean() - truth[group].mean()) < 4 * error


def test_scores_are_zero_on_average_at_the_truth():
    x, t_x, T, *_ = history(40_000, seed=12)
    _, gradient, hessian = pareto.likelihood((0.8, 8.0, 0.9, 15.0), x, t_x, T)
    error = np.sqrt(np.diag(gradient @ gradient.T))
    assert (np.abs(gradient.sum(axis=1)) < 4 * error).all()
    # the information equality: minus the mean Hessian is the mean square of the scores
    ratio = -hessian.sum(axis=2)[np.diag_indices(4)] / error**2
    np.testing.assert_allclose(ratio, 1, atol=0.1)


def test_start_needs_no_luck():
    one = np.ones(3)
    for x, t_x, T in (
        ([0, 0, 0], [0, 0, 0], [5, 6, 7]),
        ([1, 0, 0], [3, 0, 0], [5, 6, 7]),
        ([4, 4, 4], [5, 5, 5], [5, 5, 5]),
        ([900, 1, 0], [1, 1e-3, 0], [5, 6, 1e-9]),
    ):
        found = pareto.start(*(np.array(v, dtype=float) for v in (x, t_x, T)), one)
        assert len(found) == len(pareto.NAMES)
        assert (np.isfinite(found) & (np.array(found) > 0)).all()


def test_start_weighs_rows_and_follows_the_unit():
    x, t_x, T, *_ = history(2000, seed=13)
    found = np.array(pareto.start(x, t_x, T, np.ones(2000)))
    twice = pareto.start(*(np.repeat(v, 2) for v in (x, t_x, T)), np.ones(4000))
    np.testing.assert_allclose(pareto.start(x, t_x, T, 2 * np.ones(2000)), twice)
    in_days = pareto.start(x, 7 * t_x, 7 * T, np.ones(2000))
    np.testing.assert_allclose(in_days, found * [1, 7, 1, 7])
    assert (np.abs(np.log(found / [0.8, 8, 0.9, 15])) < np.log(5)).all()
