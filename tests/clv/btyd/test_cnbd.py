"""MBG/CNBD-k against mpmath by other roads (integrals over p and λ), and against simulated events."""

import mpmath as mp
import numpy as np
import pytest

from crmkit.clv.btyd import _cnbd as model, _cnbd_future as future

GROCERY = (0.8, 6.0, 0.6, 2.0)


def silences(params, x, t_x, T, k):
    """Return the integrals over λ of the density of t_x with a last gap beyond T, by hidden events j."""
    r, alpha = params[:2]
    N = k * x
    begun = mp.mpf(t_x) ** (N - 1) / mp.gamma(N) if x else mp.mpf(1)
    found = []
    for j in range(k):
        shape = r + N + j
        power = mp.gamma(shape) / mp.gamma(r) * mp.mpf(alpha) ** r / (mp.mpf(alpha) + T) ** shape
        found.append(begun * (mp.mpf(T) - t_x) ** j / mp.factorial(j) * power)
    return found


def parts(params, x, t_x, T, k):
    """Return the joint densities of (x, t_x) with having left, and with j hidden events without it."""
    params = tuple(map(mp.mpf, params))
    a, b = params[2:]
    left = silences(params, x, t_x, t_x, k)[0] * mp.beta(a + 1, b + x) / mp.beta(a, b)
    stay = mp.beta(a, b + x + 1) / mp.beta(a, b)
    return left, [stay * one for one in silences(params, x, t_x, T, k)]


def likelihood(params, x, t_x, T, k):
    left, here = parts(params, x, t_x, T, k)
    ordered = mp.gamma(x) / mp.mpf(t_x) ** (x - 1) if x else 1
    return ordered * (left + mp.fsum(here))


def outlook(params, x, t_x, T, t, k):
    """Return alive, expected purchases and alive later, as integrals over p of closed forms.

    The chance of s^(purchases) is a mean over the k-th roots of s of the generating function of the events.
    """
    r, alpha, a, b = map(mp.mpf, params)
    left, here = parts(params, x, t_x, T, k)
    alive = mp.fsum(here) / (left + mp.fsum(here))
    hidden = [one / mp.fsum(here) for one in here]
    time, shape, b = t / (alpha + T), r + k * x, b + x + 1
    units = [mp.expjpi(mp.mpf(2 * l) / k) for l in range(k)]  # noqa: E741

    def generating(s):
        total = mp.mpf(0)
        for unit in units:
            u = s ** (mp.mpf(1) / k) * unit
            mean = mp.fsum(hidden[j] * u**j * (1 + time * (1 - u)) ** -(shape + j) for j in range(k))
            total += mean * mp.fsum(u**-i for i in range(k))
        return mp.re(total / k)

    def over_p(kernel):
        def integrand(v):
            p = 1 / (1 + mp.exp(-v))
            if p == 1:
                return mp.mpf(0)
            with mp.extradps(60):  # 1 − s^n has as many digits less as p has zeros; below 1e-25 it is linear
                return p**a * (1 - p) ** b * kernel(max(p, mp.mpf("1e-25")))

        mode = mp.log(a / b)
        width = 2 / mp.sqrt(a * b / (a + b))
        ends = [mode - 60 / a - 12 * width, mode - 20 / a - 6 * width, mode - 6 / a - 2 * width, mode - width]
        ends += [mode, mode + width, mode + 4 * width, mode + 30 * width, mode + 60 * width + 60 / b]
        return mp.quad(integrand, ends) / mp.beta(a, b)

    bought = over_p(lambda p: (1 - generating(1 - p)) / p)
    later = over_p(lambda p: generating(1 - p))
    return alive, alive * bought, alive * later


def points(count, seed, spread=3.0):
    generator = np.random.default_rng(seed)
    params = 10 ** generator.uniform(-spread, spread, (count, 4))
    T = 10 ** generator.uniform(-2, 3, count)
    x = generator.choice([0, 1, 2, 7, 40, 1500], count, p=[0.3, 0.2, 0.2, 0.15, 0.1, 0.05])
    t_x = np.where(x > 0, T * generator.choice([0.01, 0.5, 0.97, 1.0], count), 0.0)
    k = generator.integers(1, 6, count)
    return params, x, t_x, T, k


def one(*values):
    return [np.array([float(value)]) for value in values]


def check_history(count, seed):
    for params, x, t_x, T, k in zip(*points(count, seed), strict=True):
        row, k = tuple(params), int(k)
        value, gradient, hessian = model.likelihood(row, *one(x, t_x, T), k=k)
        exact = float(mp.log(likelihood(row, int(x), t_x, T, k)))
        assert value[0] == pytest.approx(exact, rel=1e-10, abs=1e-10)
        left, here = parts(row, int(x), t_x, T, k)
        exact = float(mp.fsum(here) / (left + mp.fsum(here)))
        assert model.alive(row, *one(x, t_x, T), k=k)[0] == pytest.approx(exact, rel=1e-8, abs=1e-300)
        assert np.isfinite(gradient).all()
        assert np.isfinite(hessian).all()


def test_random_and_extreme_histories_agree_with_mpmath():
    with mp.workdps(50):
        check_history(400, seed=1)


@pytest.mark.verify
def test_many_histories_agree_with_mpmath():
    with mp.workdps(50):
        check_history(4000, seed=2)


def check_outlook(count, seed):
    generator = np.random.default_rng(seed + 1000)
    for params, x, t_x, T, k in zip(*points(count, seed, spread=1.3), strict=True):
        row, k, t = tuple(params), int(k), float(T * 10 ** generator.uniform(-2, 2))
        data = one(x, t_x, T)
        alive, bought, later = outlook(row, int(x), t_x, T, t, k)
        if alive < 1e-200:
            continue
        assert model.expected(row, *data, t, k=k)[0] == pytest.approx(float(bought), rel=1e-8)
        assert model.alive_later(row, *data, t, k=k)[0] == pytest.approx(float(later), rel=1e-8)


def test_outlook_agrees_with_integrals_over_p():
    with mp.workdps(30):
        check_outlook(2, seed=3)


@pytest.mark.verify
@pytest.mark.parametrize("seed", range(4, 12))
def test_many_outlooks_agree_with_integrals_over_p(seed):
    with mp.workdps(60):  # with 30 the integrals lose up to five digits of their own; 60 and 90 agree
        check_outlook(25, seed)


@pytest.mark.parametrize("k", [1, pytest.param(3, marks=pytest.mark.verify)])
def test_far_horizons_agree_with_integrals_over_p(k):
    row, t = (0.4, 1.5, 0.3, 2.0), 3e6  # millions of events: the sum is taken as an integral
    with mp.workdps(30):
        for x, t_x, T in ((0, 0.0, 0.0), (30, 20.0, 22.0)):
            _, bought, later = outlook(row, x, t_x, T, t, k)
            assert model.expected(row, *one(x, t_x, T), t, k=k)[0] == pytest.approx(float(bought), rel=1e-9)
            assert model.alive_later(row, *one(x, t_x, T), t, k=k)[0] == pytest.approx(float(later), rel=1e-8)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_both_ways_of_summing_agree(k):
    x = np.array([0.0, 2.0, 300.0])
    ahead = model._outlook(GROCERY, x, x / 10, x / 10 + 1, k)
    times = np.array([40.0, 15.0, 0.9])
    summed, integrated = future._add_up(ahead, times), future._integrate(ahead, times)
    np.testing.assert_allclose(summed[0], integrated[0], rtol=1e-9)
    np.testing.assert_allclose(summed[1], integrated[1], rtol=1e-9)


def test_one_event_a_purchase_is_mbg_nbd():
    r, alpha, a, b = GROCERY
    for x, t_x, T in ((0, 0, 39), (4, 30.5, 39), (3, 39, 39), (0, 0, 0.01)):
        # Batislam, Denizel & Filiztekin (2007), equation 3
        staying = mp.beta(a, b + x + 1) / mp.beta(a, b) * (alpha + mp.mpf(T)) ** -(r + x)
        leaving = mp.beta(a + 1, b + x) / mp.beta(a, b) * (alpha + mp.mpf(t_x)) ** -(r + x)
        exact = mp.gamma(r + x) / mp.gamma(r) * mp.mpf(alpha) ** r * (staying + leaving)
        value, _, _ = model.likelihood(GROCERY, *one(x, t_x, T), k=1)
        assert value[0] == pytest.approx(float(mp.log(exact)), rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_densities_integrate_to_one_whatever_k(k):
    params, T = (1.5, 8.0, 0.9, 1.6), 10.0
    nodes, weights = np.polynomial.legendre.leggauss(80)
    t_x, weights = (nodes + 1) / 2 * T, weights / 2 * T
    total = np.exp(model.likelihood(params, *one(0, 0, T), k=k)[0][0])
    for x in range(1, 90):
        density = model.likelihood(params, np.full(80, float(x)), t_x, np.full(80, T), k=k)[0]
        ordered = (x - 1) * np.log(t_x) - float(mp.loggamma(x))
        total += weights @ np.exp(density + ordered)
    assert total == pytest.approx(1, rel=1e-8)


@pytest.mark.parametrize("k", [1, 3])
def test_derivatives_agree_with_mpmath(k):
    with mp.workdps(40):
        for x, t_x, T in ((0, 0, 39), (4, 30.5, 39), (2, 3, 39), (3, 39, 39)):
            params = (0.7, 5.0, 0.4, 1.9)
            logs = [mp.log(theta) for theta in params]

            def height(*at, data=(x, t_x, T)):
                return mp.log(likelihood([mp.exp(theta) for theta in at], *data, k))

            _, gradient, hessian = model.likelihood(params, *one(x, t_x, T), k=k)
            for i in range(4):
                for j in range(4):
                    by = tuple(int(m == i) + int(m == j) for m in range(4))
                    bend = float(mp.diff(height, logs, by))
                    assert hessian[i, j, 0] == pytest.approx(bend, rel=1e-8, abs=1e-11)
                slope = float(mp.diff(height, logs, tuple(int(m == i) for m in range(4))))
                assert gradient[i, 0] == pytest.approx(slope, rel=1e-9, abs=1e-12)


def test_orders_and_parameters_by_row_agree():
    data = [np.array(one) for one in ([0.0, 2.0, 9.0], [0.0, 8.0, 30.0], [39.0, 20.0, 30.0])]
    whole = model.likelihood(GROCERY, *data, k=2)
    wide = tuple(np.full(3, theta) for theta in GROCERY)
    for mine, other in zip(whole, model.likelihood(wide, *data, k=2), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-12)
    value, gradient, nothing = model.likelihood(GROCERY, *data, k=2, order=1)
    np.testing.assert_array_equal(value, whole[0])
    np.testing.assert_array_equal(gradient, whole[1])
    assert nothing is None
    assert model.likelihood(GROCERY, *data, k=2, order=0)[1:] == (None, None)
    for name in ("expected", "alive_later", "discounted"):
        function = getattr(model, name)
        mine, other = function(GROCERY, *data, 0.5, k=2), function(wide, *data, 0.5, k=2)
        np.testing.assert_allclose(mine, other, rtol=1e-12)


def simulate(params, k, size, T, t, generator):
    """Simulate every customer by the story of the model; return x, t_x, alive and later purchases."""
    r, alpha, a, b = params
    rate, leave = generator.gamma(r, 1 / alpha, size), generator.beta(a, b, size)
    here = generator.random(size) >= leave
    now, x, t_x, later, stays_at_T = (
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
        here.copy(),
    )
    while here.any():
        now = np.where(here, now + generator.gamma(k, 1, size) / rate, now)
        here &= now <= T + t
        seen = here & (now <= T)
        x += seen
        t_x = np.where(seen, now, t_x)
        later += here & ~seen
        here &= generator.random(size) >= leave
        stays_at_T &= here | ~seen
    return x, t_x, stays_at_T, later


@pytest.mark.parametrize("k", [1, 2, 3])
def test_predictions_hold_in_a_simulation(k):
    params, T, t, size = (1.2, 3.0, 0.7, 2.5), 20.0, 15.0, 60_000
    x, t_x, alive, later = simulate(params, k, size, T, t, np.random.default_rng(k))
    data = (x, t_x, np.full(size, T))
    for truth, found in (
        (alive, model.alive(params, *data, k=k)),
        (later, model.expected(params, *data, t, k=k)),
        (later == 0, model.counts(params, *data, t, 3, k=k)[:, 0]),
        (later == 3, model.counts(params, *data, t, 3, k=k)[:, 3]),
        (later, model.draw(params, *data, t, np.random.default_rng(9), k=k)),
    ):
        for group in (x == 0, x == 2, x > 5, (x > 0) & (t_x < 8), (x > 0) & (t_x > 18)):
            gap = (truth[group].astype(float) - found[group]).mean()
            spread = (truth[group].astype(float) - found[group]).std() / np.sqrt(group.sum())
            assert abs(gap) < 4.2 * spread


@pytest.mark.parametrize("k", [1, 2, 4])
def test_counts_sum_to_one_and_agree_with_the_mean(k):
    data = [np.array(one) for one in ([0.0, 2.0, 9.0, 0.0], [0.0, 8.0, 30.0, 0.0], [39.0, 20.0, 30.0, 1e-3])]
    t = np.array([20.0, 52.0, 10.0, 0.0])
    found = model.counts(GROCERY, *data, t, 700, k=k)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-10)
    np.testing.assert_allclose(found @ np.arange(701), model.expected(GROCERY, *data, t, k=k), rtol=1e-9)
    assert found[3, 0] == pytest.approx(1, rel=1e-14)
    new = model.counts_new(GROCERY, 30.0, 900, k=k)
    assert new @ np.arange(901) == pytest.approx(float(model.expected_new(GROCERY, 30.0, k=k)), rel=1e-9)
    assert model.expected_new(GROCERY, np.array([0.0, 30.0]), k=k).shape == (2,)
    np.testing.assert_array_equal(
        model.alive_later(GROCERY, *data, 0.0, k=k), model.alive(GROCERY, *data, k=k)
    )


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("delta", [1e-8, 0.01, 50.0])
def test_discounted_purchases_agree_with_an_integral_over_the_rate(k, delta):
    rows = [(0, 0.0, 0.0), (2, 8.0, 20.0), (40, 35.0, 35.5)]
    with mp.workdps(20):
        r, alpha, a, b = map(mp.mpf, GROCERY)
        for x, t_x, T in rows:
            left, here = parts(GROCERY, x, t_x, T, k)
            alive = mp.fsum(here) / (left + mp.fsum(here))

            def integrand(v, x=x, T=T, here=here):
                rate = mp.exp(v)
                phi = rate / (rate + delta)
                density = mp.mpf(0)
                for j in range(k):
                    shape = r + k * x + j
                    gamma = (alpha + T) ** shape / mp.gamma(shape) * rate**shape * mp.exp(-(alpha + T) * rate)
                    density += here[j] / mp.fsum(here) * gamma * phi ** (k - j)
                return density * mp.hyp2f1(1, b + x + 1, a + b + x + 1, phi**k)

            mode = mp.log((r + k * x) / (alpha + T))
            width = 1 / mp.sqrt(r + k * x)
            ends = [mode + width * step for step in (-90, -30, -10, -3, 0, 3)] + [mode + 3 * width + 4]
            exact = float(alive * mp.quad(integrand, ends))
            found = model.discounted(GROCERY, *one(x, t_x, T), delta, k=k)[0]
            assert found == pytest.approx(exact, rel=1e-8)
        assert model.discounted_new(GROCERY, delta, k=k) == pytest.approx(
            model.discounted(GROCERY, *one(0, 0, 0), delta, k=k)[0], rel=1e-12
        )


def test_waiting_time_is_a_mixture_of_erlang_times():
    params, k, size = (1.5, 4.0, 0.5, 1.0), 3, 400_000
    generator = np.random.default_rng(11)
    rate = generator.gamma(1.5 + 6, 1 / (4.0 + 12), size)  # x = 2 and t_x = T = 12: no hidden events
    wait = generator.gamma(k, 1, size) / rate
    data = one(2, 12, 12)
    assert model.waiting_mean(params, *data, k=k)[0] == pytest.approx(wait.mean(), rel=0.005)
    assert model.waiting_median(params, *data, k=k)[0] == pytest.approx(np.median(wait), rel=0.005)
    # k = 1 is the Lomax distribution: median (α + T)(2^(1/(r + x)) − 1)
    lomax = (4.0 + 20) * (2 ** (1 / 3.5) - 1)
    assert model.waiting_median(params, *one(2, 12, 20), k=1)[0] == pytest.approx(lomax, rel=1e-10)
    assert model.waiting_mean(params, *one(2, 12, 20), k=1)[0] == pytest.approx(24 / 2.5, rel=1e-12)
    assert model.waiting_mean((0.4, 1.0, 1.0, 1.0), *one(0, 0, 5), k=3)[0] == np.inf
    assert model.waiting_median((1e-4, 1.0, 1.0, 1.0), *one(0, 0, 5), k=1)[0] == np.inf


def test_extreme_histories_stay_finite():
    x, t_x, T = (
        np.array(one)
        for one in ([0.0, 5000.0, 5000.0, 1.0], [0.0, 50.0, 50.0, 1e-9], [1e-9, 50.0, 5e4, 1e-9])
    )
    for scale in (1e-3, 1.0, 1e3):
        for k in (1, 8):
            params = (scale, 1 / scale, scale, 1 / scale)
            found = [
                model.expected(params, x, t_x, T, 100.0, k=k),
                model.alive_later(params, x, t_x, T, 1e5, k=k),
                model.discounted(params, x, t_x, T, 0.002, k=k),
                model.counts(params, x, t_x, T, 10.0, 5, k=k).sum(axis=1),
                model.draw(params, x, t_x, T, 10.0, np.random.default_rng(1), k=k),
                *model.likelihood(params, x, t_x, T, k=k),
            ]
            assert all(np.isfinite(part).all() for part in found)
            assert min(part.min() for part in found[:5]) >= 0


def test_start_is_positive_for_any_data():
    none = np.zeros(3)
    for data in ((none, none, none + 5), (none + 5, none + 5, none + 5), (none, none, none + 1e-9)):
        begun = np.array(model.start(*data, np.ones(3), k=2))
        assert np.isfinite(begun).all()
        assert begun.min() > 0
