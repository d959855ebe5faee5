"""BG/BB against mpmath, written from the equations of the paper, and against its published numbers."""

import mpmath as mp
import numpy as np
import pytest

from crmkit.clv.btyd import _beta_binomial as model

# Fader, Hardie & Shang (2010), table 2: the cohort of 1995, 11 104 donors, the six years 1996 to 2001
DONORS = """
    1203 6 6  728 5 6  335 5 5  512 4 6  284 4 5  240 4 4  357 3 6  225 3 5  181 3 4  322 3 3  234 2 6
    173 2 5  155 2 4  255 2 3  613 2 2  129 1 6  119 1 5  78 1 4  129 1 3  277 1 2  1091 1 1  3464 0 0
"""
WEIGHT, X, T_X = np.array(DONORS.split(), float).reshape(-1, 3).T
N = np.full(22, 6.0)
DONATIONS = (1.204, 0.750, 0.657, 2.783)


def likelihood(params, x, t_x, n):
    """Write equation 5 down."""
    a, b, c, d = map(mp.mpf, params)
    found = mp.beta(a + x, b + n - x) / mp.beta(a, b) * mp.beta(c, d + n) / mp.beta(c, d)
    for i in range(n - t_x):
        buy = mp.beta(a + x, b + t_x - x + i) / mp.beta(a, b)
        found += buy * mp.beta(c + 1, d + t_x + i) / mp.beta(c, d)
    return found


def there(params, x, t_x, n):
    """Return the chance to be there at n, written from Bayes' rule."""
    a, b, c, d = map(mp.mpf, params)
    joint = mp.beta(a + x, b + n - x) / mp.beta(a, b) * mp.beta(c, d + n) / mp.beta(c, d)
    return joint / likelihood(params, x, t_x, n)


def points(count, seed, longest=40):
    generator = np.random.default_rng(seed)
    params = 10 ** generator.uniform(-3, 3, (count, 4))
    n = generator.integers(0, longest + 1, count)
    t_x = (n * generator.choice([0, 0.1, 0.5, 0.9, 1, 1], count)).astype(int)
    x = np.where(t_x > 0, np.maximum(1, (t_x * generator.random(count)).astype(int)), 0)
    return tuple(params.T), x, t_x, n


def rows(params, x, t_x, n):
    return [(tuple(map(float, row[:4])), *map(int, row[4:])) for row in zip(*params, x, t_x, n, strict=True)]


def floats(*arrays):
    return [np.asarray(one, float) for one in arrays]


def check_points(count, seed):
    params, x, t_x, n = points(count, seed)
    data = floats(x, t_x, n)
    value, _, _ = model.likelihood(params, *data, order=0)
    alive = model.alive(params, *data)
    later = model.alive_later(params, *data, 9.0)
    expected = model.expected(params, *data, 12.0)
    with mp.workdps(50):
        for i, row in enumerate(rows(params, x, t_x, n)):
            (a, b, c, d), x_i, _, n_i = row
            assert value[i] == pytest.approx(float(mp.log(likelihood(*row))), rel=1e-10, abs=1e-10)
            here = there(*row)
            stays = [mp.beta(c, d + n_i + j) / mp.beta(c, d + n_i) for j in range(13)]
            assert alive[i] == pytest.approx(float(here * stays[1]), rel=1e-8)
            assert later[i] == pytest.approx(float(here * stays[10]), rel=1e-8)
            mean = here * (mp.mpf(a) + x_i) / (mp.mpf(a) + b + n_i) * mp.fsum(stays[1:])
            assert expected[i] == pytest.approx(float(mean), rel=1e-8)


def test_random_and_extreme_points_agree_with_mpmath():
    check_points(150, seed=1)


@pytest.mark.verify
def test_many_points_agree_with_mpmath():
    check_points(3000, seed=2)


def test_donations_reach_the_published_likelihood_and_predictions():
    assert WEIGHT.sum() == 11_104
    value, gradient, _ = model.likelihood(DONATIONS, X, T_X, N)
    assert WEIGHT @ value == pytest.approx(-33225.6, abs=0.05)
    assert np.abs(gradient @ WEIGHT).max() < 6  # the estimates are rounded
    # tables 5 and 6: expected donations in the five years 2002 to 2006, and alive in 2002
    expected = model.expected(DONATIONS, X, T_X, N, 5.0)
    assert expected[[0, -1]] == pytest.approx([3.75, 0.07], abs=0.005)
    alive = model.alive(DONATIONS, X, T_X, N)
    assert alive[[0, -1]] == pytest.approx([0.93, 0.11], abs=0.005)


def test_derivatives_agree_with_mpmath():
    params, x, t_x, n = points(6, seed=3, longest=12)
    _, gradient, hessian = model.likelihood(params, *floats(x, t_x, n))
    with mp.workdps(40):
        for i, (theta, *data) in enumerate(rows(params, x, t_x, n)):
            logs = [mp.log(one) for one in theta]

            def height(*at, data=data):
                return mp.log(likelihood([mp.exp(one) for one in at], *data))

            for j in range(4):
                order = [int(k == j) for k in range(4)]
                slope = float(mp.diff(height, logs, tuple(order)))
                assert gradient[j, i] == pytest.approx(slope, rel=1e-9, abs=1e-12)
                for k in range(4):
                    twice = tuple(order[m] + (m == k) for m in range(4))
                    bend = float(mp.diff(height, logs, twice))
                    assert hessian[j, k, i] == pytest.approx(bend, rel=1e-8, abs=1e-11)


def test_orders_and_parameters_by_row_agree():
    params = tuple(np.full(22, one) for one in DONATIONS)
    n = N + np.arange(22) % 3
    whole = model.likelihood(DONATIONS, X, T_X, n)
    for one, other in zip(whole, model.likelihood(params, X, T_X, n), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)
    value, gradient, nothing = model.likelihood(DONATIONS, X, T_X, n, order=1)
    np.testing.assert_array_equal(value, whole[0])
    np.testing.assert_array_equal(gradient, whole[1])
    assert nothing is None
    assert model.likelihood(DONATIONS, X, T_X, n, order=0)[1:] == (None, None)
    none = np.zeros(0)
    assert model.likelihood(DONATIONS, none, none, none)[0].shape == (0,)


def test_long_histories_stay_right():
    x, t_x, n = [1500, 0, 1], [2100, 0, 3000], [3000, 3000, 3000]
    value, gradient, hessian = model.likelihood(DONATIONS, *floats(x, t_x, n))
    for i in range(3):
        exact = float(mp.log(likelihood(DONATIONS, x[i], t_x[i], n[i])))
        assert value[i] == pytest.approx(exact, rel=1e-10)
    assert np.isfinite(gradient).all()
    assert np.isfinite(hessian).all()


def test_counts_sum_to_one_and_agree_with_the_sum_over_strings():
    t, data = 4, floats([2, 0, 3], [3, 0, 5], [6, 6, 5])
    found = model.counts(DONATIONS, *data, np.array([4.0, 4.0, 2.0]), 6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    a, b, c, d = DONATIONS
    here = there(DONATIONS, 2, 3, 6)
    for m in range(t + 1):  # by the opportunity after which the customer leaves
        chance = mp.mpf(0)
        for stay in range(m, t + 1):
            ends = mp.beta(c, d + 6 + t) if stay == t else mp.beta(c + 1, d + 6 + stay)
            buys = mp.binomial(stay, m) * mp.beta(a + 2 + m, b + 4 + stay - m) / mp.beta(a + 2, b + 4)
            chance += ends / mp.beta(c, d + 6) * buys
        exact = here * chance + (1 - here if m == 0 else 0)
        assert found[0, m] == pytest.approx(float(exact), rel=1e-11)
    assert found[0, 5:].max() == 0
    assert found[2, 3:].max() == 0
    mean = model.expected(DONATIONS, *data, np.array([4.0, 4.0, 2.0]))
    np.testing.assert_allclose(found @ np.arange(7), mean, rtol=1e-12)
    fewer = model.counts(
        DONATIONS, *data, np.array([4.0, 4.0, 2.0]), 1
    )  # more opportunities than counts asked for
    np.testing.assert_array_equal(fewer, found[:, :2])


def test_counts_of_a_new_customer():
    found = model.counts_new(DONATIONS, 6, 6)
    # 11 104 donors: what table 3 expects of each number of donations is this times 11 104
    strings = np.zeros(7)
    for x in range(7):
        for t_x in range(x, 7) if x else [0]:
            ways = mp.binomial(t_x - 1, x - 1) if x else 1
            strings[x] += float(ways * likelihood(DONATIONS, x, t_x, 6))
    np.testing.assert_allclose(found, strings, rtol=1e-11)
    assert model.expected_new(DONATIONS, 6.0) == pytest.approx(found @ np.arange(7), rel=1e-12)
    assert model.expected_new(DONATIONS, np.array([0.0, 6.0]))[0] == 0
    long = model.counts_new((1e-3, 1e3, 0.5, 100.0), 1000, 1000)
    assert long.sum() == pytest.approx(1, rel=1e-10)


@pytest.mark.parametrize("delta", [1e-5, 0.1, 3.0])
@pytest.mark.parametrize("params", [DONATIONS, (3.0, 0.01, 200.0, 0.05), (0.02, 40.0, 0.001, 900.0)])
def test_discounted_purchases_agree_with_the_hypergeometric_form(params, delta):
    x, t_x, n = [6, 2, 0, 0], [6, 4, 0, 0], [6, 6, 30, 0]
    found = model.discounted(params, *floats(x, t_x, n), delta)
    with mp.workdps(30):
        a, b, c, d = map(mp.mpf, params)
        z = mp.exp(-mp.mpf(delta))
        for i in range(4):
            own = d + n[i]
            chain = z * own / (c + own) * mp.hyp2f1(1, own + 1, c + own + 1, z)
            exact = there(params, x[i], t_x[i], n[i]) * (a + x[i]) / (a + b + n[i]) * chain
            assert found[i] == pytest.approx(float(exact), rel=1e-9)
    assert model.discounted_new(params, delta) == pytest.approx(found[3], rel=1e-12)


def test_expected_purchases_at_gamma_one_and_far_horizons():
    none = np.zeros(1)
    for gamma in (1.0, 1 + 1e-9, 0.3, 4.0):
        params = (1.0, 1.0, gamma, 2.0)
        terms = np.cumprod((2.0 + np.arange(100_000)) / (2 + gamma + np.arange(100_000)))
        assert model.expected(params, none, none, none, 1e5)[0] == pytest.approx(terms.sum() / 2, rel=1e-10)


def test_draws_follow_the_counts():
    size = 40_000
    for row, t in ((8, 5.0), (21, 5.0), (0, 3.0)):
        one = [np.full(size, data[row]) for data in (X, T_X, N)]
        drawn = model.draw(DONATIONS, *one, t, np.random.default_rng(row))
        exact = model.counts(DONATIONS, X[[row]], T_X[[row]], N[[row]], t, 5)[0] * size
        seen = np.bincount(drawn, minlength=6)
        real = exact > 0
        assert ((seen - exact)[real] ** 2 / exact[real]).sum() < 20.5  # the 99.9 % point of 5 degrees
        assert seen[~real].sum() == 0
    extreme = (np.full(9, 1.0), np.full(9, 1.0), np.full(9, 1e-9), np.full(9, 1e-9))
    assert model.draw(extreme, *np.zeros((3, 9)), 2.0, np.random.default_rng(5)).max() <= 2


def test_waiting_time_is_beta_geometric():
    params, data = (0.4, 2.0, 1.0, 1.0), floats([0, 1, 5], [0, 4, 6], [6, 6, 6])
    mean = model.waiting_mean(params, *data)
    assert mean[0] == np.inf
    stay = np.arange(2_000_000.0)
    for i in (1, 2):
        buy, pass_by = 0.4 + data[0][i], 2.0 + 6 - data[0][i]
        none_yet = np.cumprod((pass_by + stay) / (buy + pass_by + stay))
        if i == 2:
            assert mean[i] == pytest.approx(1 + none_yet.sum(), rel=1e-8)
        median = 1 + (none_yet > 0.5).sum()
        assert model.waiting_median(params, *data)[i] == median
    # P(none in 1) = ½ exactly; a customer who hardly ever buys; one who never does
    ties = (np.array([1.0, 0.01, 1e-4]), np.ones(3), np.ones(3), np.ones(3))
    found = model.waiting_median(ties, *np.zeros((3, 3)))
    assert found[0] == 1
    assert 1e29 < found[1] < 1e31
    assert found[2] == np.inf


def test_start_is_positive_and_near_for_any_data():
    begun = model.start(X, T_X, N, WEIGHT)
    assert min(begun) > 0
    none = np.zeros(3)
    for data in ((none, none, none + 5), (none + 5, none + 5, none + 5), (none, none, none)):
        begun = np.array(model.start(*data, np.ones(3)))
        assert np.isfinite(begun).all()
        assert begun.min() > 0
