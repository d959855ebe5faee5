"""Pareto/NBD: what a customer will do, given the history or none.

Given that a customer is alive at T, λ is Gamma(r + x, α + T) and μ Gamma(s, β + T), independent of each
other (Schmittlein, Morrison & Colombo 1987; Fader & Hardie 2005). The future of a customer who is alive is
hence that of a new customer with these four numbers for r, α, s and β, and every prediction here is that of
a new customer times P(alive). A customer dead at T buys nothing more.
"""

import numpy as np
from scipy.special import betaln, exprel

from crmkit.clv.btyd._pareto_history import alive as alive, gauss, likelihood as likelihood
from crmkit.clv.btyd._special import Floats, Parameter, Params, summed

NAMES = ("r", "alpha", "s", "beta")

_NODES = 24
# A panel of the rule over the lifetime is at most e² long beside the nearer of α and β, or ten standard
# deviations of the sharpest integrand.
_LOG_LENGTH, _DEVIATIONS = 2.0, 10.0
_AT_ONCE = 1 << 15  # nodes of all rows in one temporary array
_ALMOST_ZERO = 1e-250
_FALL = 40.0


def start(x: Floats, t_x: Floats, T: Floats, weight: Floats) -> tuple[float, float, float, float]:
    """Return starting values: NBD moments of the counts, and the share of T that repeat buyers seem to live.

    A buyer's last of x purchases comes on average at x/(x + 1) of a life.
    """
    total = summed(weight, T)
    bought = max(summed(weight, x), 0.5)
    mean = T * (bought / total)
    excess = summed(weight, (x - mean) ** 2 - mean)
    r = float(np.clip(summed(weight, mean**2) / max(excess, 1e-12), 0.1, 10))
    repeat = weight * (x > 0)
    lived, possible = float(repeat @ (t_x * (x + 1) / np.maximum(x, 1))), float(repeat @ T)
    share = float(np.clip(lived / possible, 0.1, 0.9)) if possible > 0 else 0.5
    return r, r * share * total / bought, 1.0, share**2 / (1 - share) * total / float(weight.sum())


def alive_later(params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter) -> Floats:
    """Return P(alive at T + t) given the history."""
    _, _, s, beta = params
    return alive(params, x, t_x, T) * np.exp(-s * np.log1p(t / (beta + T)))


def expected_new(params: Params, t: Parameter) -> Floats:
    """Return E[X(t)] of a new customer: rβ/(α(s − 1)) {1 − (β/(β+t))^(s−1)}, and its limit at s = 1."""
    r, alpha, s, beta = params
    g = np.log1p(t / beta)
    return np.asarray(r / alpha * beta * g * exprel((1 - np.asarray(s)) * g))


def expected(params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter) -> Floats:
    """Return E[purchases in (T, T + t]] given the history (Fader & Hardie 2005)."""
    return alive(params, x, t_x, T) * expected_new(_updated(params, x, T), t)


def discounted_new(params: Params, delta: float) -> float:
    """Return the discounted expected purchases of a new customer after the first one."""
    r, alpha, s, beta = params
    return float(r / alpha * _discounted_life(np.asarray(s), np.asarray(beta), delta))


def discounted(params: Params, x: Floats, t_x: Floats, T: Floats, delta: float) -> Floats:
    """Return the discounted expected residual transactions, P(alive) E[λ] E[1/(μ + δ)].

    This is the form Ψ(s, s; δ(β+T)) of Fader, Hardie & Lee (2005), "RFM and CLV", with its integral.
    """
    r, alpha, s, beta = _updated(params, x, T)
    return alive(params, x, t_x, T) * r / alpha * _discounted_life(np.asarray(s), np.asarray(beta), delta)


def _discounted_life(s: Floats, beta: Floats, delta: float) -> Floats:
    """Return E[1/(μ + δ)] for μ of Gamma(s, β): ∫ e^−δy (β/(β+y))^s dy, in u = ln(1 + y/β).

    The fall of the integrand's logarithm is convex, so that Newton's steps stay on the right of the end.
    """
    s, z = np.broadcast_arrays(s - 1, delta * beta)
    u = np.log1p(3 * _FALL / z)  # at s = 0 the fall is 120 − u, above 40 for every z that occurs
    u = np.minimum(u, _FALL / np.maximum(z + s, _FALL / u))
    fall = z * np.expm1(u) + s * u
    while np.any(fall > _FALL + 1):
        u = u - (fall - _FALL) / (z * np.exp(u) + s)
        fall = z * np.expm1(u) + s * u
    total = np.zeros(u.shape)
    for node, weight in zip(*gauss(16, 6), strict=True):
        total += weight * np.exp(-z * np.expm1(u * node) - s * (u * node))
    return np.asarray(beta * u * total)


def counts_new(params: Params, t: float, highest: int) -> Floats:
    """Return P(X(t) = 0), …, P(X(t) = highest) of a new customer."""
    one = np.ones(1)
    r, alpha, s, beta = (p * one for p in params)
    return np.asarray(_counts((r, alpha, s, beta), t * one, highest)[0])


def counts(params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter, highest: int) -> Floats:
    """Return P(0 purchases), …, P(highest purchases) in (T, T + t] given the history, a row each.

    The probabilities are those of Fader & Hardie (2014), "Deriving the conditional PMF of the Pareto/NBD
    model", as integrals over the lifetime, none of whose terms is negative.
    """
    chance = alive(params, x, t_x, T)
    zero = np.zeros_like(T)
    found = chance[:, None] * _counts(tuple(p + zero for p in _updated(params, x, T)), t + zero, highest)
    found[:, 0] += 1 - chance
    return found


def _updated(params: Params, x: Floats, T: Floats) -> Params:
    """Return r, α, s and β of a customer who is alive at T."""
    r, alpha, s, beta = params
    return r + x, alpha + T, s, beta + T


def _counts(params: Params, t: Floats, highest: int) -> Floats:
    """Return the probabilities of each row (n, highest + 1), rows with equally many panels together."""
    found = np.empty((t.size, highest + 1))
    needed = np.log2(np.maximum(_panels(params, t[:, None])[:, 0], 1))
    power = np.ceil(needed).astype(int)
    for one in np.unique(power):
        rows = np.flatnonzero(power == one)
        panels = 1 << int(one)
        for part in np.array_split(rows, 1 + rows.size * panels * _NODES // _AT_ONCE):
            chosen = tuple(np.asarray(p)[part] for p in params)
            found[part] = _mixed(chosen, t[part], highest, panels)
    return found


def _panels(params: Params, y: Floats) -> Floats:
    """Return how many panels the rule over the lifetime needs from 0 to y (n, m), as a growing function of y.

    The sharpest integrand y^n (α+y)^−(r+n) (β+y)^−(s+1) of all n has in ln y a standard deviation of at
    least the root of 1/{r y/(α+y) + 2(s+1) y/(β+y)}.
    """
    r, alpha, s, beta = (np.asarray(p)[:, None] for p in params)
    bends = np.sqrt(r) * np.arcsinh(np.sqrt(y / alpha)) + np.sqrt(2 * (s + 1)) * np.arcsinh(np.sqrt(y / beta))
    return np.asarray(np.log1p(y / np.minimum(alpha, beta)) / _LOG_LENGTH + 2 * bends / _DEVIATIONS)


def _breaks(params: Params, t: Floats, panels: int) -> Floats:
    """Return the ends of the panels (n, panels + 1), which share `_panels` equally: bisection in ln y."""
    aim = np.arange(1, panels) / panels * _panels(params, t[:, None])
    high = np.log(np.maximum(t, _ALMOST_ZERO))[:, None] + np.zeros(panels - 1)
    low = high - 64
    for _ in range(24):
        middle = (low + high) / 2
        above = _panels(params, np.exp(middle)) > aim
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.hstack([np.zeros((t.size, 1)), np.exp(high), t[:, None]])


def _mixed(params: Params, t: Floats, highest: int, panels: int) -> Floats:
    """Mix the NBD probabilities over the lifetime: its density at the nodes, and those who outlive t."""
    r, alpha, s, beta = (np.asarray(p)[:, None] for p in params)
    ends = _breaks(params, t, panels)
    node, weight = gauss(_NODES)
    width = np.diff(ends, axis=1)[:, :, None]
    y = np.hstack([(ends[:, :-1, None] + width * node).reshape(t.size, -1), t[:, None]])
    share = np.hstack([(width * weight).reshape(t.size, -1), np.ones((t.size, 1))])
    share[:, :-1] *= s / (beta + y[:, :-1])
    share *= np.exp(-s * np.log1p(y / beta))
    none = -r * np.log1p(y / alpha)
    log_p = -np.log1p(alpha / np.maximum(y, _ALMOST_ZERO))
    found = np.empty((t.size, highest + 1))
    for n in range(highest + 1):
        ways = -betaln(r, n) - np.log(n) if n else 0.0  # ln Γ(r + n)/(Γ(r) n!)
        found[:, n] = np.einsum("ij,ij->i", share, np.exp(ways + none + n * log_p))
    return found


def draw(
    params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter, generator: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Draw each row's purchases in (T, T + t]: alive or not, the two rates, a life, a count."""
    r, alpha, s, beta = _updated(params, x, T)
    lives = generator.random(x.shape) < alive(params, x, t_x, T)
    rate = generator.standard_gamma(r, x.shape) / alpha
    death_rate = generator.standard_gamma(s, x.shape) / beta
    life = generator.standard_exponential(x.shape) / np.maximum(death_rate, _ALMOST_ZERO)
    return generator.poisson(np.where(lives, rate * np.minimum(life, t), 0.0))


def waiting_mean(params: Params, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: ARG001  all models alike
    """Return the mean time to the next purchase of a customer who stays; infinite where r + x ≤ 1."""
    r, alpha, *_ = _updated(params, x, T)
    finite = r > 1
    return np.where(finite, alpha / np.where(finite, r - 1, 1), np.inf)


def waiting_median(params: Params, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: ARG001  all models alike
    """Return the median time to the next purchase of a customer who stays."""
    r, alpha, *_ = _updated(params, x, T)
    with np.errstate(over="ignore"):  # beyond every float below r + x = .001
        return np.asarray(alpha * np.expm1(np.log(2) / r))
