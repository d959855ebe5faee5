"""BG/NBD and MBG/NBD side by side: against the papers at 40 digits and a simulation event by event."""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.optimize import minimize

from crmkit.clv.btyd import _beta_geo, _beta_mean, _modified_beta_geo

MODELS = {"BG": (_beta_geo, 0), "MBG": (_modified_beta_geo, 1)}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def points(seed, size):
    """Random and extreme parameters and histories."""
    generator = np.random.default_rng(seed)
    for _ in range(size):
        params = 10 ** generator.uniform(-3, 3, 4)
        if generator.random() < 0.3:
            params[2] = generator.choice([1.0, 1 + 1e-9, 1 - 1e-6])
        if generator.random() < 0.2:
            params[2:] = generator.uniform(0.001, 0.5, 2)
        x = int(generator.choice([0, 0, 1, 2, 7, 60, 1500]))
        T = 10 ** generator.uniform(-6, 4)
        t_x = T * generator.choice([1, generator.random(), 1e-3]) if x else 0.0
        t = (params[1] + T) * 10 ** generator.uniform(-6, 6)
        yield tuple(map(float, params)), x, float(t_x), float(T), float(t)


def arrays(*values):
    return tuple(np.array([float(value)]) for value in values)


def paper_terms(params, x, t_x, T, first):
    """The two ways to the history: still here, or gone at the last purchase (Batislam et al., 2007)."""
    r, alpha, a, b = params
    x = mp.mpf(x)
    rate = mp.gammaprod([r + x], [r]) * alpha**r
    here = mp.beta(a, b + x + first) / mp.beta(a, b) * rate / (alpha + T) ** (r + x)
    gone = mp.mpf(0)
    if x + first > 0:
        gone = mp.beta(a + 1, b + x + first - 1) / mp.beta(a, b) * rate / (alpha + t_x) ** (r + x)
    return here, gone


def exact(*values):
    return tuple(mp.mpf(float(value)) for value in values)


def check_likelihood(seed, size, orders, wide=False):
    for params, x, t_x, T, _ in points(seed, size):
        for module, first in MODELS.values():
            log = [mp.log(value) for value in exact(*params)]

            def value(*log, x=x, t_x=t_x, T=T, first=first):
                return mp.log(sum(paper_terms([mp.exp(v) for v in log], x, *exact(t_x, T), first)))

            given = tuple(np.array([v]) for v in params) if wide else params
            found = module.likelihood(given, *arrays(x, t_x, T), order=len(orders) - 1)
            for order, got in zip(orders, found, strict=False):
                for place in np.ndindex((4,) * order):
                    times = tuple(place.count(i) for i in range(4))
                    want = mp.diff(value, log, times) if order else value(*log)
                    error = abs(got[(*place, 0)] - want) / (1 + abs(want))
                    assert error < 1e-10, (params, x, t_x, T, first, place)
            assert found[len(orders) :] == (None,) * (3 - len(orders))


def test_value_is_the_papers():
    with mp.workdps(40):
        check_likelihood(1, 60, [0])
        check_likelihood(2, 20, [0], wide=True)


def test_derivatives_are_the_papers():
    with mp.workdps(40):
        check_likelihood(3, 6, [0, 1])
        check_likelihood(4, 3, [0, 1, 2])
        check_likelihood(5, 2, [0, 1, 2], wide=True)


@pytest.mark.verify
def test_likelihood_everywhere():
    with mp.workdps(40):
        check_likelihood(6, 2000, [0])
        check_likelihood(7, 60, [0, 1, 2])
        check_likelihood(8, 30, [0, 1, 2], wide=True)


def test_parameters_may_differ_from_row_to_row(model):
    module, _ = model
    x, t_x, T = np.array([0.0, 3, 3, 12]), np.array([0.0, 5, 20, 9]), np.array([30.0, 30, 20, 9])
    alpha, b = np.array([2.0, 3, 4, 5]), np.array([0.5, 2, 1, 7])
    together = module.likelihood((0.4, alpha, 0.7, b), x, t_x, T)
    for i in range(4):
        alone = module.likelihood((0.4, alpha[i], 0.7, b[i]), x[[i]], t_x[[i]], T[[i]])
        for one, many in zip(alone, together, strict=True):
            np.testing.assert_allclose(many[..., i], one[..., 0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        module.expected((0.4, alpha, 0.7, b), x, t_x, T, 9.0),
        [module.expected((0.4, alpha[i], 0.7, b[i]), x[[i]], t_x[[i]], T[[i]], 9.0)[0] for i in range(4)],
        rtol=1e-12,
    )


def test_counts_beyond_the_table_use_gamma_functions(model):
    module, first = model
    history = 150_000, 90.0, 100.0
    found = module.likelihood((0.5, 2.0, 0.8, 3.0), *arrays(*history))[0]
    with mp.workdps(40):
        want = mp.log(sum(paper_terms(exact(0.5, 2, 0.8, 3), *map(mp.mpf, history), first)))
    assert found[0] == pytest.approx(float(want), rel=1e-11)


def future(params, x, T, t, first):
    """P(not left by T + t | not left by T) and the expected purchases: 2F1 with the pole at a = 1 lifted."""
    r, alpha, a, b = exact(*params)
    if a == 1 or a + b + x + first == 1:
        a += mp.mpf(10) ** -45
    s, beta, v = r + x, b + x + first, mp.mpf(t) / (alpha + mp.mpf(T))
    stays = mp.hyp2f1(s, a, a + beta, -v)
    buys = (a + beta - 1) / (a - 1) * (1 - mp.hyp2f1(s, a - 1, a + beta - 1, -v))
    return stays, buys


def check_future(seed, size):
    for params, x, t_x, T, t in points(seed, size):
        for module, first in MODELS.values():
            with mp.workdps(120):
                here, gone = paper_terms(exact(*params), x, *exact(t_x, T), first)
                alive = here / (here + gone)
                stays, buys = future(params, x, T, t, first)
            history = arrays(x, t_x, T)
            where = params, x, t_x, T, t, first
            if alive > 1e-300:
                assert module.alive(params, *history)[0] == pytest.approx(float(alive), rel=1e-9), where
            if alive * stays > 1e-290:
                found = module.alive_later(params, *history, t)[0]
                assert found == pytest.approx(float(alive * stays), rel=1e-9), where
            if alive * buys > 1e-290:
                found = module.expected(params, *history, t)[0]
                assert found == pytest.approx(float(alive * buys), rel=1e-9), where


def test_future_is_the_closed_form():
    check_future(11, 100)


@pytest.mark.verify
def test_future_is_the_closed_form_everywhere():
    check_future(12, 2500)


@pytest.mark.parametrize("t", [1e-9, 1.0, 52.0, 1e6])
def test_many_rows_agree_with_one(model, t):
    """Interpolated over customers, to the digits of the quadrature."""
    module, _ = model
    generator = np.random.default_rng(5)
    T = generator.uniform(0.5, 200, 4000)
    x = generator.integers(0, 5, 4000).astype(float)
    t_x = np.where(x > 0, T * generator.random(4000), 0)
    params = 0.24, 4.4, 0.8, 2.4
    some = slice(0, 60)
    row_by_row = tuple(np.full(60, p) for p in params)
    for name, value in (("expected", t), ("alive_later", t), ("discounted", 0.01 * t)):
        found = getattr(module, name)(params, x, t_x, T, value)
        want = getattr(module, name)(row_by_row, x[some], t_x[some], T[some], value)
        np.testing.assert_allclose(found[some], want, rtol=1e-10)


def discounted_paper(params, x, T, delta, first):
    """Over p, of the integral over time in closed form, at 20 digits."""
    r, alpha, a, b = exact(*params)
    s, beta, kappa = r + x, b + x + first, mp.mpf(delta) * (alpha + mp.mpf(T))

    def integrand(z):
        p = 1 / (1 + mp.exp(-z))
        c = kappa / p
        return p ** (a - 1) * (1 - p) ** beta * s * mp.exp(c) * mp.expint(s + 1, c)

    far = -max(30, 40 / a)
    return mp.quad(integrand, [far, far / 2, -15, -8, -4, 0, 4, 12, 40], maxdegree=6) / mp.beta(a, beta)


@pytest.mark.parametrize(
    ("params", "x", "T", "delta"),
    [
        ((0.243, 4.414, 0.793, 2.426), 2, 38.86, 0.0018),
        ((0.6, 2.0, 0.9, 0.7), 0, 10.0, 1.0),
        ((2.0, 20.0, 3.0, 5.0), 15, 60.0, 0.002),
    ],
)
def test_discounted_is_the_double_integral(model, params, x, T, delta):
    module, first = model
    with mp.workdps(20):
        want = float(discounted_paper(params, x, T, delta, first))
    history = arrays(x, min(x, 1) * T, T)
    found = module.discounted(params, *history, delta) / module.alive(params, *history)
    assert found[0] == pytest.approx(want, rel=1e-10)


@pytest.mark.verify
def test_discounted_is_the_double_integral_everywhere():
    generator = np.random.default_rng(17)
    for _ in range(30):
        params = tuple(10 ** generator.uniform(-0.7, 1, 4))
        x, T, delta = (
            int(generator.integers(0, 30)),
            generator.uniform(1, 100),
            10 ** generator.uniform(-4, 0),
        )
        for module, first in MODELS.values():
            with mp.workdps(20):
                want = float(discounted_paper(params, x, T, delta, first))
            history = arrays(x, min(x, 1) * T, T)
            found = module.discounted(params, *history, delta) / module.alive(params, *history)
            assert found[0] == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("delta", [1e-4, 0.0018, 0.5])
def test_discounted_is_the_discounted_growth_of_expected(model, delta):
    """δ ∫ e^(−δt) E(t) dt = ∫ e^(−δt) dE(t), by Gauss–Laguerre pieces in ln t."""
    module, _ = model
    params, history = (0.243, 4.414, 0.793, 2.426), arrays(5, 20, 30)
    z = np.linspace(-40, 4.5, 2000)
    t = np.exp(z) / delta
    rows = [np.full(len(t), part[0]) for part in history]
    growth = module.expected(params, *rows, t) * np.exp(-np.exp(z) + z)
    assert module.discounted(params, *history, delta)[0] == pytest.approx(
        growth.sum() * (z[1] - z[0]), rel=1e-8
    )
    new = module.expected_new(params, t) * np.exp(-np.exp(z) + z)
    assert module.discounted_new(params, delta) == pytest.approx(new.sum() * (z[1] - z[0]), rel=1e-8)


def test_stress_points_are_finite_and_silent(model):
    module, _ = model
    ends = [1e-3, 1.0, 1e3]
    rows = [(x, t_x, T) for x in (0, 1, 3000) for T in (1e-9, 1.0, 1e4) for t_x in {0.0 if x == 0 else T}]
    x, t_x, T = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    for params in np.array(np.meshgrid(ends, ends, ends, ends)).reshape(4, -1).T[::2]:
        params = tuple(map(float, params))
        for part in module.likelihood(params, x, t_x, T):
            assert np.isfinite(part).all()
        for value in (
            module.alive(params, x, t_x, T),
            module.alive_later(params, x, t_x, T, 1e6),
            module.expected(params, x, t_x, T, 1e6),
            module.discounted(params, x, t_x, T, 0.01),
            module.waiting_median((1.0, *params[1:]), x, t_x, T),
        ):
            assert (np.isfinite(value) & (value >= 0)).all()


def test_after_no_time_nothing_has_happened(model):
    module, _ = model
    params, history = (
        (0.3, 4.0, 0.8, 2.0),
        [np.array([0.0, 4, 4]), np.array([0.0, 7, 7]), np.array([9.0, 9, 30])],
    )
    horizon = np.array([0.0, 0.0, 10.0])
    found = module.expected(params, *history, horizon)
    assert (found[:2] == 0).all()
    assert found[2] > 0
    alive = module.alive(params, *history)
    np.testing.assert_allclose(module.alive_later(params, *history, 0.0), alive, rtol=1e-13)
    np.testing.assert_allclose(module.counts(params, *history, 0.0, 2), [[1, 0, 0]] * 3, atol=1e-15)
    np.testing.assert_array_equal(module.expected_new(params, np.zeros((2, 3))), np.zeros((2, 3)))


def test_better_histories_promise_more(model):
    module, _ = model
    params = 0.243, 4.414, 0.793, 2.426
    history = np.full(3, 4.0), np.array([10.0, 20, 30]), np.full(3, 30.0)
    assert (np.diff(module.alive(params, *history)) > 0).all()
    assert (np.diff(module.expected(params, *history, 20.0)) > 0).all()
    assert (np.diff(module.expected_new(params, np.array([1.0, 10, 100, 1e6]))) > 0).all()
    near, far = (module.discounted(params, *history, delta) for delta in (0.1, 0.01))
    assert (near < far).all()


def test_time_unit_does_not_matter(model):
    module, _ = model
    x, t_x, T = arrays(3, 10, 30)
    weeks, days = (0.5, 4.0, 0.8, 2.0), (0.5, 28.0, 0.8, 2.0)
    pairs = [
        (module.expected(weeks, x, t_x, T, 5.0), module.expected(days, x, 7 * t_x, 7 * T, 35.0)),
        (module.discounted(weeks, x, t_x, T, 0.07), module.discounted(days, x, 7 * t_x, 7 * T, 0.01)),
        (module.counts(weeks, x, t_x, T, 5.0, 9), module.counts(days, x, 7 * t_x, 7 * T, 35.0, 9)),
        (7 * module.waiting_mean(weeks, x, t_x, T), module.waiting_mean(days, x, 7 * t_x, 7 * T)),
    ]
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-12)
    # the density of the purchase times changes by the unit once a purchase
    shift = module.likelihood(weeks, x, t_x, T)[0] - module.likelihood(days, x, 7 * t_x, 7 * T)[0]
    assert shift[0] == pytest.approx(3 * math.log(7))


def counts_paper(params, x, T, t, first):
    """Fader, Hardie & Lee (2005), eq. 8, of a customer who has not left, n = 0 … 1000."""
    r, alpha, a, b = exact(*params)
    s, beta, v = r + x, b + x + first, mp.mpf(t) / (alpha + mp.mpf(T))
    bought, tail, stays, leaves, found = (1 + v) ** -s, mp.mpf(1), mp.mpf(1), mp.mpf(0), []
    for n in range(1001):
        found.append(stays * bought + leaves * tail)
        leaves, stays = stays * a / (a + beta + n), stays * (beta + n) / (a + beta + n)
        tail -= bought
        bought *= (s + n) / (n + 1) * v / (1 + v)
    return found


@pytest.mark.parametrize(
    "params", [(0.243, 4.414, 0.793, 2.426), (5.0, 2.0, 0.01, 0.5), (0.01, 900.0, 30.0, 0.2)]
)
@pytest.mark.parametrize(("x", "T", "t"), [(0, 30.0, 52.0), (700, 100.0, 60.0), (2, 1e-6, 1e4)])
def test_counts_are_the_papers(model, params, x, T, t):
    module, first = model
    history = arrays(x, min(x, 1) * T, T)
    found = module.counts(params, *history, t, 1000)[0]
    alive = module.alive(params, *history)[0]
    with mp.workdps(350):
        want = np.array([float(value) for value in counts_paper(params, x, T, t, first)]) * alive
    want[0] += 1 - alive
    np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-290)
    assert found.sum() <= 1 + 1e-12


def test_counts_add_up_to_what_is_expected(model):
    module, _ = model
    params, history = (1.5, 10.0, 1.2, 2.5), arrays(6, 20, 30)
    found = module.counts(params, *history, 25.0, 600)[0]
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert found @ np.arange(601) == pytest.approx(module.expected(params, *history, 25.0)[0], rel=1e-11)
    new = module.counts_new(params, 25.0, 600)
    assert new.sum() == pytest.approx(1, abs=1e-12)
    assert new @ np.arange(601) == pytest.approx(module.expected_new(params, 25.0), rel=1e-11)
    np.testing.assert_allclose(module.counts_new(params, 25.0, 0), new[:1], rtol=1e-13)


def test_draws_follow_the_counts(model):
    module, _ = model
    params, size = (1.5, 10.0, 0.8, 2.0), 60_000
    history = [np.full(size, value) for value in (4.0, 12.0, 30.0)]
    found = module.draw(params, *history, 20.0, np.random.default_rng(3))
    assert found.dtype == np.int64
    want = module.counts(params, *(part[:1] for part in history), 20.0, 12)[0]
    share = np.bincount(found, minlength=13)[:13] / size
    assert (np.abs(share - want) < 4.5 * np.sqrt(want * (1 - want) / size)).all()
    again = module.draw(params, *history, 20.0, np.random.default_rng(3))
    np.testing.assert_array_equal(found, again)


def test_draws_hold_out_at_the_extremes(model):
    module, _ = model
    history = np.array([0.0, 0, 2000]), np.array([0.0, 0, 1e-6]), np.array([0.0, 5, 1e-6])
    rows = np.array([1e-3, 1e-3, 1e3])
    for params in ((rows, rows, rows, rows), (1e3, 1e-3, 1e-3, 1e3), (1.0, 1.0, 1e-3, 1e-3)):
        found = module.draw(params, *history, 1e25, np.random.default_rng(8))
        assert found.shape == (3,)
        assert (found >= 0).all()


def test_waiting_is_lomax(model):
    module, _ = model
    x, t_x, T = np.array([0.0, 1, 4]), np.array([0.0, 5, 5]), np.array([10.0, 10, 10])
    params = 0.5, 4.0, 0.8, 2.0
    np.testing.assert_allclose(module.waiting_mean(params, x, t_x, T), [np.inf, 28, 4])
    median = module.waiting_median(params, x, t_x, T)
    np.testing.assert_allclose((14 / (14 + median)) ** (x + 0.5), 0.5)
    assert module.waiting_median((1e-5, 4.0, 0.8, 2.0), x, t_x, T)[0] == np.inf


def simulate(generator, params, size, at_start, ages, ahead):
    """Live every customer event by event; return the history at his age and the purchases that follow."""
    r, alpha, a, b = params
    rows = []
    for rate, chance, T in zip(
        generator.gamma(r, 1 / alpha, size),
        generator.beta(a, b, size),
        generator.uniform(*ages, size),
        strict=True,
    ):
        x, last, later, here = 0, 0.0, 0, not (at_start and generator.random() < chance)
        now = generator.exponential(1 / rate)
        alive = here
        while here and now <= T + ahead:
            x, last, later = (x + 1, now, later) if now <= T else (x, last, later + 1)
            here = generator.random() >= chance
            alive = here if now <= T else alive
            now += generator.exponential(1 / rate)
        rows.append((x, last, T, alive, later))
    return np.array(rows, dtype=float).T


@pytest.fixture(scope="module")
def lives():
    generator, params = np.random.default_rng(2024), (1.2, 6.0, 0.9, 2.5)
    return params, {
        name: simulate(generator, params, 40_000, first, (5, 40), 15) for name, (_, first) in MODELS.items()
    }


@pytest.mark.parametrize("name", MODELS)
def test_predictions_come_true_in_simulated_lives(lives, name):
    params, simulated = lives
    module, _ = MODELS[name]
    x, t_x, T, alive, later = simulated[name]

    def close(seen, said):
        gap = seen - said
        assert abs(gap.mean()) <= 4.2 * gap.std() / np.sqrt(len(gap))

    said = module.alive(params, x, t_x, T), module.expected(params, x, t_x, T, 15.0)
    zero = module.counts(params, x, t_x, T, 15.0, 0)[:, 0]
    silent = (T - t_x) / T
    groups = [x == 0, x == 1, (x > 1) & (x < 5), x >= 5, silent < 0.3, silent > 0.6, T < 20, T > 30]
    for group in groups:
        close(alive[group], said[0][group])
        close(later[group], said[1][group])
        close(later[group] == 0, zero[group])
    close(x, module.expected_new(params, T))
    drawn = module.draw(params, x, t_x, T, 15.0, np.random.default_rng(1))
    for group in groups:
        close(drawn[group] - later[group], np.zeros(group.sum()))


@pytest.mark.parametrize("name", MODELS)
def test_truth_is_recovered(lives, name):
    params, simulated = lives
    module, _ = MODELS[name]
    data = simulated[name][:3]

    def total(log, order):
        return -module.likelihood(tuple(np.exp(log)), *data, order=order)[order].sum(axis=-1)

    found = minimize(
        total, np.log(module.start(*data, np.ones(40_000))), (0,), "trust-exact",
        jac=lambda log, _: total(log, 1), hess=lambda log, _: total(log, 2),
    )  # fmt: skip
    assert found.success
    assert found.nit < 12
    error = np.sqrt(np.diag(np.linalg.inv(total(found.x, 2))))
    assert (np.abs(found.x - np.log(params)) < 3.5 * error).all()
    assert (error < 0.2).all()


def test_starts_are_positive_whatever_the_data(model):
    module, _ = model
    cases = [
        ([0, 0], [0, 0], [0, 0]),
        ([0, 0], [0, 0], [5, 9]),
        ([3], [2], [2]),
        ([1, 900], [0, 5], [1000, 1000]),
        ([2, 2, 2], [5, 5, 5], [5, 5, 5]),
        ([1, 1], [1e-12, 1e-12], [1e6, 1e6]),
    ]
    for case in cases:
        x, t_x, T = (np.array(part, dtype=float) for part in case)
        start = module.start(x, t_x, T, np.ones(len(x)))
        assert all(np.isfinite(start))
        assert min(start) > 0
        assert np.isfinite(module.likelihood(start, x, t_x, T)[0]).all()
    doubled = module.start(np.array([0.0, 3]), np.array([0.0, 4]), np.array([9.0, 9]), np.array([2.0, 1]))
    repeated = module.start(np.array([0.0, 0, 3]), np.array([0.0, 0, 4]), np.full(3, 9.0), np.ones(3))
    np.testing.assert_allclose(doubled, repeated)


def over_a_narrow_beta(g, a, beta):
    """E g(p) by the trapezoidal rule in the logit, where a narrow beta distribution is nearly normal."""
    a, beta = mp.mpf(a), mp.mpf(beta)
    mode, step = mp.log(a / beta), mp.sqrt(1 / a + 1 / beta) / 6

    def log(z):
        return -a * mp.log1p(mp.exp(-z)) - beta * mp.log1p(mp.exp(z))

    z = [mode + i * step for i in range(-80, 81)]
    weight = [mp.exp(log(one) - log(mode)) for one in z]
    return mp.fdot(weight, [g(1 / (1 + mp.exp(-one))) for one in z]) / mp.fsum(weight)


@pytest.mark.parametrize("a", [3e2, 1e4, 1e6, 1e9, 1e11, 1e15])
@pytest.mark.parametrize("ratio", [1e-2, 1.0, 1e4])
def test_chances_to_leave_that_hardly_differ(a, ratio):
    """Found with a covariate that ran away: powers of p lost all digits where a and b are large."""
    with mp.workdps(50):
        for s, tau in ((0.3, 0.5), (4.0, 30.0)):
            arrays = [np.array([one]) for one in (s, a, a * ratio, tau)]
            exact = over_a_narrow_beta(lambda p, s=s, tau=tau: (1 - (1 + p * tau) ** -s) / p, a, a * ratio)
            assert _beta_mean.purchases(*arrays)[0] == pytest.approx(float(exact), rel=1e-9)
            exact = over_a_narrow_beta(lambda p, s=s, tau=tau: (1 + p * tau) ** -s, a, a * ratio)
            assert _beta_mean.survival(*arrays)[0] == pytest.approx(float(exact), rel=1e-9)
