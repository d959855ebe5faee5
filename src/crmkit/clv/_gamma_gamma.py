"""The formulas of the Gamma–Gamma model of spend (Fader, Hardie and Lee 2005; Fader and Hardie 2013).

A customer's transactions are worth z ~ Gamma(p, ν), and ν ~ Gamma(q, v) over the customers: the mean of x
transactions is m ~ Gamma(px, νx), and a customer's own mean spend, never seen, is ζ = p/ν. With a = px,
ρ = mq/(vp) and d = (q + aρ)/(a + q) the likelihood of m is::

    m f(m | p, q, v; x) = exp(−D) √(aq/(2π(a + q))) exp(δ(a + q) − δ(a) − δ(q)),   D = q ln d + a ln(d/ρ)

where δ is what Stirling's formula leaves of ln Γ. Nothing large cancels in this form; the sum of a beta
function and powers loses a digit for each digit of a.
"""

from typing import Any

import numpy as np
from scipy.special import gammainccinv, gammaln, psi, xlogy

from crmkit.clv.btyd._special import Floats, Parameter, Params, stirling, summed

NAMES = ("p", "q", "v")
_LONGEST_TABLE = 100_000
_HALF_LOG_TAU = 0.5 * np.log(2 * np.pi)


def likelihood(
    params: Params, x: Floats, m: Floats, *, order: int = 2
) -> tuple[Floats, tuple[Floats, ...] | None, tuple[tuple[Floats, ...], ...] | None]:
    """Return ln f(m | p, q, v; x), equation (1a) of 2013, and its derivatives in (ln p, ln q, ln v).

    x ≥ 1 counts the transactions of which m > 0 is the mean; arrays of one shape.
    """
    p, q, v = params
    distinct, place = _distinct(params, x)
    a = p * distinct
    of_a, of_q, of_sum = zip(*stirling(np.stack(np.broadcast_arrays(a, q, a + q)), order=order), strict=True)
    kappa = a * q / (a + q)

    def each(of_x: Floats) -> Floats:
        found: Floats = of_x[place]
        return found

    level = each(0.5 * np.log(kappa) - _HALF_LOG_TAU + of_sum[0] - of_a[0] - of_q[0])
    mine, total = each(a), each(a + q)
    rho = m * (q / (v * p))
    h = rho - 1
    d = (q + mine * rho) / total
    q_log_d = q * np.where(h < -0.5, np.log(d), np.log1p(mine * h / total))
    a_log_d_over_rho = mine * np.log1p(-q * h / (total * rho))
    value = level - np.log(m) - q_log_d - a_log_d_over_rho
    if order == 0:
        return value, None, None
    by_a = each(a * (of_sum[1] - of_a[1])) - a_log_d_over_rho
    by_q = each(q * (of_sum[1] - of_q[1])) - q_log_d
    share = each(kappa) / d
    gradient = by_a, by_q, share * h
    if order == 1:
        return value, gradient, None
    paid = share * rho
    by_aa = each(a * a * (of_sum[2] - of_a[2]) - kappa) + by_a
    by_qq = each(q * q * (of_sum[2] - of_q[2]) - kappa) + by_q
    by_aq, by_av = each(a * q * of_sum[2] + kappa), -share
    return value, gradient, ((by_aa, by_aq, by_av), (by_aq, by_qq, paid), (by_av, paid, -paid / d))


def _distinct(params: Params, x: Floats) -> tuple[Floats, Any]:
    """Return the distinct x and where each row's is, if all rows share their parameters; else all x."""
    if any(np.ndim(one) for one in params) or x.max(initial=0) > _LONGEST_TABLE:
        return x, slice(None)
    counts = x.astype(np.intp)
    present = np.bincount(counts) > 0
    return np.flatnonzero(present).astype(np.float64), (np.cumsum(present) - 1)[counts]


def start(x: Floats, m: Floats, weight: Floats) -> tuple[float, float, float]:
    """Return starting values from the variance of ln m, ψ′(px) + ψ′(q), whose first part falls with x."""
    total = weight.sum()
    log_m, inverse = np.log(m), 1 / x
    squares = (log_m - summed(weight, log_m) / total) ** 2
    variance, centre = max(summed(weight, squares) / total, 1e-6), summed(weight, inverse) / total
    spread = summed(weight, (inverse - centre) ** 2)
    slope = summed(weight, (inverse - centre) * squares) / spread if spread > 0 else 0.0
    within = min(max(slope * centre, 0.1 * variance), 0.9 * variance)
    p, q = centre * _inverse_trigamma(within), _inverse_trigamma(variance - within)
    log_v = summed(weight, log_m - psi(p * x) + np.log(x)) / total + psi(q)
    return float(p), float(q), float(np.exp(np.clip(log_v, -300, 300)))


def _inverse_trigamma(y: float) -> float:
    """Solve ψ′(z) = y roughly, by ψ′(z) ≈ 1/z + 1/(2z²)."""
    return float((1 + np.sqrt(1 + 2 * y)) / (2 * y))


def _posterior(params: Params, x: Parameter, m: Parameter) -> tuple[Floats, Floats]:
    """Return shape px + q and scale p(v + xm) of a customer's ζ, inverse gamma.

    A customer without transactions (x = 0, whatever m) has those of the population, q and pv.
    """
    p, q, v = params
    spent = np.where(np.asarray(x) > 0, np.multiply(x, m), 0.0)
    return np.asarray(p * x + q), np.asarray(p * (v + spent))


def expected(params: Params, x: Parameter, m: Parameter) -> Floats:
    """Return E(ζ | m, x) = p(v + xm)/(px + q − 1), equation (5) of 2013; inf where px + q ≤ 1.

    A tail as heavy as q ≤ 1 has no mean in the population, yet customers who bought enough have one.
    """
    shape, scale = _posterior(params, x, m)
    infinite = np.full(np.broadcast(shape, scale).shape, np.inf)
    found: Floats = np.divide(scale, shape - 1, out=infinite, where=shape > 1)
    return found


def expected_new(params: Params) -> float:
    """Return E(ζ) = pv/(q − 1) of the population, inf where q ≤ 1."""
    return float(expected(params, 0.0, 0.0))


def quantile(params: Params, x: Parameter, m: Parameter, share: Parameter) -> Floats:
    """Return what a customer's ζ falls below with probability `share`; x = 0 gives the population's."""
    shape, scale = _posterior(params, x, m)
    with np.errstate(divide="ignore", over="ignore"):  # a share of 1, or a tail beyond every float: inf
        return np.asarray(scale / gammainccinv(shape, share))


def density(params: Params, x: Parameter, m: Parameter, z: Floats) -> Floats:
    """Return the density of a customer's ζ at z > 0; x = 0 gives the population's."""
    shape, scale = _posterior(params, x, m)
    found: Floats = np.exp(xlogy(shape, scale / z) - scale / z - gammaln(shape)) / z
    return found


def draw(params: Params, x: Parameter, m: Parameter, generator: np.random.Generator) -> Floats:
    """Draw a mean spend ζ for each row given its history; inf where the tail exceeds every float."""
    shape, scale = _posterior(params, x, m)
    with np.errstate(divide="ignore", over="ignore"):
        return scale / generator.gamma(shape, size=np.broadcast(shape, scale).shape)
