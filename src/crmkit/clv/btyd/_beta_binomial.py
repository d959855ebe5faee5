"""BG/BB: purchases at discrete opportunities, each with a chance of its own for every customer.

Until the customer leaves, each opportunity brings a purchase with probability p ~ Beta(α, β); before each
opportunity the customer leaves for good with probability θ ~ Beta(γ, δ). The data of a customer are the
frequency x, the opportunity t_x of the last purchase (0 if there is none) and the n opportunities seen. The
likelihood is that of the string of purchases, not of its summary: no binomial coefficients.

With S = β + t − x, the silence after t_x has the probability R(t_x), where R(n) = 1 and

    R(t) = γ/(γ+δ+t) + (δ+t)/(γ+δ+t) · (β+t−x)/(α+β+t) · R(t+1)

which is equation 5 of the paper divided by the part up to t_x, its sum over i nested: every term is
positive, nothing cancels or underflows, and all t_x of one (x, n) come from one pass. A customer is alive in
the paper's sense if alive at opportunity n + 1, so one departure later than the last one seen.

References
----------
Fader, P. S., Hardie, B. G. S., & Shang, J. (2010). Customer-base analysis in a discrete-time noncontractual
setting. Marketing Science, 29(6), 1086–1108.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import exprel, psi

from crmkit.clv.btyd._special import (
    Floats,
    Parameter,
    Params,
    add_risings,
    log_gamma_ratio,
    mean_inverse,
    rising,
    summed,
)

NAMES = ("alpha", "beta", "gamma", "delta")

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


def likelihood(
    params: Params, x: Floats, t_x: Floats, n: Floats, *, order: int = 2
) -> tuple[Floats, Floats | None, Floats | None]:
    """Return the log-likelihood of each row (equation 5), with its derivatives in the log-parameters."""
    silent, d_silent, dd_silent = _silence(params, x, t_x, n, order)
    value, gradient, hessian = np.log(silent), np.zeros((4, len(x))), np.zeros((4, 4, len(x)))
    if order > 0:
        gradient += d_silent / silent
    if order > 1:
        hessian += dd_silent / silent - gradient[:, None] * gradient[None]
    parts = [(1, (0,), x), (1, (1,), t_x - x), (-1, (0, 1), t_x), (1, (3,), t_x), (-1, (2, 3), t_x)]
    add_risings((value, gradient, hessian), params, parts, order)
    return value, gradient if order > 0 else None, hessian if order > 1 else None


def alive(params: Params, x: Floats, t_x: Floats, n: Floats) -> Floats:
    """Return the probability of being alive at opportunity n + 1 (equation 11)."""
    return alive_later(params, x, t_x, n, 0.0)


def alive_later(params: Params, x: Floats, t_x: Floats, n: Floats, t: Parameter) -> Floats:
    """Return the probability of being alive at opportunity n + 1 + t."""
    _, _, gamma, delta = params
    more = np.broadcast_to(t, np.shape(n)) + 1.0
    return _stayed(params, x, t_x, n) * np.exp(-_log_rise(delta + n, gamma, more))


def expected(params: Params, x: Floats, t_x: Floats, n: Floats, t: Parameter) -> Floats:
    """Return the expected purchases at the opportunities n + 1 … n + t (equation 13).

    Its difference of gamma functions over γ − 1 is written as a mean of digamma differences, which γ = 1 and
    short horizons leave exact.
    """
    alpha, beta, gamma, delta = params
    survive = delta + n
    slope = _mean_digamma(survive + 1, gamma - 1, np.broadcast_to(t, np.shape(n)))
    stays = survive * slope * exprel((1 - gamma) * slope)
    found: Floats = _stayed(params, x, t_x, n) * (alpha + x) / (alpha + beta + n) * stays
    return found


def expected_new(params: Params, t: Parameter) -> Floats:
    """Return the expected purchases of a new customer at the opportunities 1 … t (equation 9)."""
    shape = np.broadcast_shapes(np.shape(t), *map(np.shape, params))
    none = np.zeros(shape or 1)
    return expected(params, none, none, none, t).reshape(shape)


def counts(params: Params, x: Floats, t_x: Floats, n: Floats, t: Parameter, highest: int) -> Floats:
    """Return the probabilities of 0 … `highest` purchases at the opportunities n + 1 … n + t (equation 12).

    The customer stays for j more opportunities, and buys at a beta-binomial number of them: the sum over j.
    """
    alpha, beta, gamma, delta = params
    t = np.broadcast_to(t, np.shape(n))
    buy, pass_by, survive = alpha + x, beta + n - x, delta + n
    m = np.arange(highest + 1.0)
    total = np.zeros((len(n), highest + 1))
    log_binomial = np.full((len(n), highest + 1), -np.inf)
    all_of_them = np.zeros(len(n))
    stay = np.ones(len(n))
    for j in range(int(t.max(initial=0)) + 1):
        if j > 0:
            part, lower = log_binomial[:, :j], m[:j]
            part += np.log(j / (j - lower) * (pass_by[:, None] + j - 1 - lower))
            part -= np.log(buy + pass_by + j - 1)[:, None]
            all_of_them += np.log((buy + j - 1) / (buy + pass_by + j - 1))
            stay *= (survive + j - 1) / (gamma + survive + j - 1)
        if j <= highest:
            log_binomial[:, j] = all_of_them
        ends = np.where(j < t, stay * gamma / (gamma + survive + j), np.where(j == t, stay, 0.0))
        total += ends[:, None] * np.exp(log_binomial)
    stayed = _stayed(params, x, t_x, n)
    total *= stayed[:, None]
    total[:, 0] += 1 - stayed
    return total


def counts_new(params: Params, t: float, highest: int) -> Floats:
    """Return the probabilities of 0 … `highest` purchases of a new customer at the opportunities 1 … t."""
    none = np.zeros(1)
    found: Floats = counts(params, none, none, none, t, highest)[0]
    return found


def discounted(params: Params, x: Floats, t_x: Floats, n: Floats, delta: float) -> Floats:
    """Return the discounted expected residual transactions at the rate `delta` an opportunity (equation 14).

    A purchase at opportunity n + j counts e^(−delta·j); the paper's rate is d = e^delta − 1. The paper's
    ₂F₁(1, δ+n+1; γ+δ+n+1; 1/(1+d)) is (1 + 1/d)·E[1/(1 + θ/d)] over θ ~ Beta(γ, δ+n+1).
    """
    alpha, beta, gamma, dropout = params
    survive = dropout + n
    ratio = np.full(np.shape(n), 1 / np.expm1(delta))
    chain = ratio * survive / (gamma + survive) * mean_inverse(ratio, gamma, survive + 1)
    found: Floats = _stayed(params, x, t_x, n) * (alpha + x) / (alpha + beta + n) * chain
    return found


def discounted_new(params: Params, delta: float) -> float:
    """Return the discounted expected transactions of a new customer after the first purchase."""
    none = np.zeros(1)
    return float(discounted(params, none, none, none, delta)[0])


def draw(
    params: Params, x: Floats, t_x: Floats, n: Floats, t: Parameter, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return one draw a row of the number of purchases at the opportunities n + 1 … n + t."""
    alpha, beta, gamma, delta = params
    stayed = generator.random(len(n)) < _stayed(params, x, t_x, n)
    theta = generator.beta(gamma, delta + n)
    p = generator.beta(alpha + x, beta + n - x)
    with np.errstate(divide="ignore"):  # θ rounded to 0 or 1: the customer stays for ever, or not at all
        stays = np.floor(-generator.standard_exponential(len(n)) / np.log1p(-theta))
    found: npt.NDArray[np.int64] = generator.binomial(
        np.where(stayed, np.minimum(stays, t), 0.0).astype(np.int64), p
    )
    return found


def waiting_mean(params: Params, x: Floats, t_x: Floats, n: Floats) -> Floats:
    """Return the mean opportunities to the next purchase of a customer who stays; inf where α + x ≤ 1.

    The next purchase is geometric in p ~ Beta(α + x, β + n − x), and E[1/p] = (α + β + n − 1)/(α + x − 1).
    """
    del t_x
    alpha, beta, _, _ = params
    buy = np.asarray(alpha + x)
    bounded = np.where(buy > 1, buy, 2.0)
    return np.where(buy > 1, (bounded + beta + n - x - 1) / (bounded - 1), np.inf)


def waiting_median(params: Params, x: Floats, t_x: Floats, n: Floats) -> Floats:
    """Return the median opportunities to the next purchase of a customer who stays.

    The fewest opportunities m that bring a purchase with probability ½ or more, where
    P(none in m) = B(α+x, β+n−x+m)/B(α+x, β+n−x); inf beyond the range of floats.
    """
    del t_x
    alpha, beta, _, _ = params
    buy, pass_by = alpha + x, beta + n - x
    low, high = np.full(len(n), -30.0), np.full(len(n), 709.0)
    least = log_gamma_ratio(pass_by, buy) + np.log(2)
    for _ in range(60):
        middle = (low + high) / 2
        later = log_gamma_ratio(pass_by + np.exp(middle), buy) < least
        low, high = np.where(later, middle, low), np.where(later, high, middle)
    whole = np.ceil(np.exp(high) * (1 - 1e-11))
    return np.where(high >= 709, np.inf, np.maximum(whole, 1.0))


def start(x: Floats, t_x: Floats, n: Floats, weight: Floats) -> tuple[float, ...]:
    """Return starting values: the rate while active, and the departures that the silences suggest."""
    seen = summed(weight, t_x) + 1.0
    p = (summed(weight, x) + 0.5) / (seen + 1.0)
    lost = summed(weight, n - t_x > 2 / p)
    theta = (lost + 0.5) / (summed(weight, n) + 1.0)
    p, theta = min(max(p, 0.01), 0.99), min(max(theta, 0.001), 0.5)
    return float(p), float(1 - p), float(2 * theta), float(2 * (1 - theta))


def _groups(params: Params, x: Floats, n: Floats) -> tuple[Params, Floats, Floats, npt.NDArray[np.intp]]:
    """Return parameters, x and n of the passes to make, the longest first, and which pass each row needs."""
    if all(np.ndim(parameter) == 0 for parameter in params):
        pairs, place = np.unique(np.column_stack([-n, x]), axis=0, return_inverse=True)
        wide = tuple(np.full(len(pairs), parameter) for parameter in params)
        return wide, pairs[:, 1], -pairs[:, 0], place.reshape(-1)
    order = np.argsort(-n, kind="stable")
    wide = tuple((np.zeros(n.shape) + parameter)[order] for parameter in params)
    return wide, x[order], n[order], np.argsort(order)


def _silence(params: Params, x: Floats, t_x: Floats, n: Floats, order: int) -> tuple[Floats, Floats, Floats]:
    """Return R(t_x) with its derivatives in the log-parameters, from one pass down from n for each (x, n)."""
    wide, frequency, longest, place = _groups(params, x, n)
    levels = (order > 0) + (order > 1)
    shapes = [(len(longest),), (4, len(longest)), (4, 4, len(longest))][: levels + 1]
    state = [np.ones(shapes[0]), *(np.zeros(shape) for shape in shapes[1:])]
    found = [part[..., place] for part in state]
    rows = np.argsort(t_x, kind="stable")
    last = t_x[rows]
    for t in range(int(n.max(initial=0)) - 1, int(t_x.min(initial=np.inf)) - 1 if len(n) else 0, -1):
        going = int(np.searchsorted(-longest, -t, side="left"))
        views = [part[..., :going] for part in state]
        some: Any = tuple(parameter[:going] for parameter in wide)  # type: ignore[index]
        _step_back(some, np.maximum(t - frequency[:going], 0.0), t, views)
        here = rows[slice(*np.searchsorted(last, [t, t + 1]))]
        here = here[n[here] > t]
        for whole, part in zip(found, state, strict=True):
            whole[..., here] = part[..., place[here]]
    empty = np.zeros(0)
    value, first, second = [*found, empty, empty][:3]
    return value, first, second


def _step_back(params: Params, missed: Floats, t: float, state: list[Floats]) -> None:
    """Turn R(t + 1) and its derivatives into R(t), in place."""
    alpha, beta, gamma, delta = params
    leave, still = gamma / (gamma + delta + t), (delta + t) / (gamma + delta + t)
    miss = (beta + missed) / (alpha + beta + t)
    silent = state[0]
    quiet = miss * silent
    if len(state) > 1:
        a, b, d = alpha / (alpha + beta + t), beta / (alpha + beta + t), delta / (gamma + delta + t)
        zero = np.zeros_like(quiet)
        d_miss = np.stack([-miss * a, b * (1 - miss), zero, zero])
        d_leave = np.stack([zero, zero, leave * still, -leave * d])
        first = state[1]
        d_quiet = d_miss * silent + miss * first
    if len(state) > 2:
        dd_miss, dd_leave = np.zeros((2, 4, 4, len(quiet)))
        dd_miss[0, 0] = d_miss[0] * (1 - 2 * a)
        dd_miss[0, 1] = dd_miss[1, 0] = -a * b * (1 - 2 * miss)
        dd_miss[1, 1] = d_miss[1] * (1 - 2 * b)
        dd_leave[2, 2] = d_leave[2] * (1 - 2 * leave)
        dd_leave[2, 3] = dd_leave[3, 2] = d_leave[3] * (1 - 2 * leave)
        dd_leave[3, 3] = d_leave[3] * (1 - 2 * d)
        cross = d_miss[:, None] * first[None]
        dd_quiet = dd_miss * silent + cross + cross.swapaxes(0, 1) + miss * state[2]
        cross = d_leave[:, None] * d_quiet[None]
        state[2][...] = dd_leave * (1 - quiet) - cross - cross.swapaxes(0, 1) + still * dd_quiet
    if len(state) > 1:
        first[...] = d_leave * (1 - quiet) + still * d_quiet
    silent[...] = leave + still * quiet


def _stayed(params: Params, x: Floats, t_x: Floats, n: Floats) -> Floats:
    """Return the probability of still being there at opportunity n, given the history."""
    alpha, beta, gamma, delta = params
    silent, _, _ = _silence(params, x, t_x, n, 0)
    log_missed = rising(beta, n - x, order=0)[0] - rising(beta, t_x - x, order=0)[0]
    log_seen = rising(alpha + beta, n, order=0)[0] - rising(alpha + beta, t_x, order=0)[0]
    log_left = _log_rise(delta + t_x, gamma, n - t_x)
    return np.minimum(np.exp(log_missed - log_seen - log_left) / silent, 1.0)


def _log_rise(z: Parameter, a: Parameter, t: Floats) -> Floats:
    """Return ln (z + a)_t/(z)_t ≥ 0, small ones with all their digits."""
    found: Floats = a * _mean_digamma(z, a, t)
    return found


def _mean_digamma(z: Parameter, a: Parameter, t: Floats) -> Floats:
    """Return the mean of ψ(u + t) − ψ(u) over u from z to z + a, a > −z of either sign, t ≥ 0.

    Gauss–Legendre in ln u, where the poles of ψ are π away from the path whatever its ends.
    """
    low, by, time = np.broadcast_arrays(np.asarray(z, float), np.asarray(a, float), t)
    length = np.log1p(by / low)
    u = low[..., None] * np.exp(length[..., None] * (_NODES + 1) / 2)
    mean = ((psi(u + time[..., None]) - psi(u)) * u) @ _WEIGHTS / 2
    found: Floats = mean * np.where(by == 0, 1 / low, length / np.where(by == 0, 1.0, by))
    return found
