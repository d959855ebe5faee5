"""The formulas of contracts renewed period by period: shifted beta-geometric and beta-discrete-Weibull.

A customer survives t renewals with probability (1 − θ)^{t^c}, and θ ~ Beta(α, β) over the customers, so that
S(t) = B(α, β + t^c)/B(α, β); c = 1 is the shifted beta-geometric. Everything is built on the fall of ln S
between two values of s = t^c::

    λ = ln S(t₀) − ln S(t₁) = ln [Γ(y₁) Γ(z₀) / (Γ(y₀) Γ(z₁))],   z = β + s,   y = α + z

with Stirling's formula written out, because the four gamma functions cancel where customers are alike
(α, β → ∞) and late (s → ∞).
"""

import numpy as np

from crmkit.clv.btyd._special import Floats, Parameter, Params, stirling

_LARGEST_LOG = 300.0  # of t^c: its square still is a number
_SMALLEST = 1e-100  # fall of ln S that still has a square; churn there is impossible
_DIRECT = 512  # terms of an infinite sum that are added one by one
_NEGLIGIBLE = 45.0  # −ln of a discount factor that ends the sum
_PANEL = 0.5  # of a logarithm of time, integrated with 10 Gauss–Legendre nodes


def likelihood(params: Params, t: Floats, churned: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log-probability of each outcome of renewal t with derivatives in the parameters' logarithms.

    It is ln(1 − r_t) where `churned` is 1 and ln r_t where it is 0, with r_t = S(t)/S(t − 1). Over the
    renewals of a customer they add up to ln P(T = t) if she churned at t, to ln S(t) if she stays after t.
    """
    lost = churned > 0
    fall, slopes, curvature = _in_logs(params, t)
    possible = ~lost | (fall >= _SMALLEST)
    fall = np.maximum(fall, _SMALLEST)
    growth = np.expm1(np.minimum(fall, 700.0))
    value = np.where(lost, np.log(-np.expm1(-fall)), -fall)
    by_fall = np.where(lost, 1 / growth, -1.0)
    by_square = np.where(lost, -1 / (growth * -np.expm1(-fall)), 0.0)
    hessian = curvature * by_fall + slopes[:, None] * slopes * by_square
    if len(params) > 2:
        possible &= params[2] * np.log(t) <= _LARGEST_LOG
    return np.where(possible, value, -np.inf), slopes * by_fall, hessian


def _in_logs(params: Params, t: Floats) -> tuple[Floats, Floats, Floats]:
    """Return λ from t − 1 to t and its derivatives in (ln α, ln β[, ln c])."""
    alpha, beta = params[:2]
    s = np.stack([power(params, t - 1), power(params, t)])
    value, first, second = _fall(alpha, beta, *s)
    columns, bend = np.zeros((4, len(params), t.size)), np.zeros((4, t.size))
    columns[0, 0], columns[1, 1] = alpha, beta
    if len(params) > 2:
        log_s = np.log(np.maximum(s, 1e-300))
        columns[2:, 2] = s * log_s
        bend[2:] = s * log_s * (1 + log_s)
    slopes = np.einsum("it,ijt->jt", first, columns)
    curvature = np.einsum("ijt,ikt,jlt->klt", second, columns, columns)
    places = np.arange(len(params))
    curvature[places, places] += np.stack([alpha * first[0], beta * first[1], (first * bend).sum(0)])[places]
    return value, slopes, curvature


def power(params: Params | Floats, t: Parameter) -> Floats:
    """Return s = t^c."""
    if len(params) < 3:
        return np.asarray(t, dtype=float)
    t = np.asarray(t, dtype=float)
    logs = np.minimum(params[2] * np.log(np.maximum(t, 1e-300)), _LARGEST_LOG)
    return np.where(t > 0, np.exp(logs), 0.0)


def _fall(alpha: Parameter, beta: Parameter, s0: Floats, s1: Floats) -> tuple[Floats, Floats, Floats]:
    """Return λ with gradient and Hessian in (α, β, s₀, s₁)."""
    z0, z1 = beta + s0, beta + s1
    y0, y1 = alpha + z0, alpha + z1
    (_, p0, t0), (_, p1, t1), (_, q0, u0), (_, q1, u1) = (stirling(one) for one in (z0, z1, y0, y1))
    ratio = _log_ratio(alpha, s0, s1, z0, z1)
    by_alpha = np.log1p((s1 - s0) / y0) + q1 - q0
    first = np.stack(
        [
            by_alpha,
            ratio + q1 - q0 - p1 + p0,
            -np.log1p(alpha / z0) - q0 + p0,
            np.log1p(alpha / z1) + q1 - p1,
        ]
    )
    # Differences of ψ′, of 1/z and of the rest apart.
    across = (s0 - s1) / (y0 * y1) + u1 - u0
    late, soon = -alpha / (y1 * z1) + u1 - t1, -alpha / (y0 * z0) + u0 - t0
    four = alpha / (y0 * z0) * ((s1 - s0) / z1) * (1 + z0 / y1) + (u1 - t1) - (u0 - t0)
    nothing = np.zeros_like(four)
    y0, y1 = 1 / y0 + u0, 1 / y1 + u1
    second = np.stack(
        [
            np.stack([across, across, -y0, y1]),
            np.stack([across, four, -soon, late]),
            np.stack([-y0, -soon, -soon, nothing]),
            np.stack([y1, late, nothing, late]),
        ]
    )
    return fall(alpha, beta, s0, s1), first, second


def fall(alpha: Parameter, beta: Parameter, s0: Floats, s1: Floats) -> Floats:
    """Return λ = ln S(t₀) − ln S(t₁), at least 0."""
    z0, z1 = beta + s0, beta + s1
    y0, y1 = alpha + z0, alpha + z1
    (at_z0,), (at_z1,), (at_y0,), (at_y1,) = (stirling(one, order=0) for one in (z0, z1, y0, y1))
    smooth = (s1 - s0) * np.log1p(alpha / z1) + alpha * np.log1p((s1 - s0) / y0)
    smooth = smooth + (z0 - 0.5) * _log_ratio(alpha, s0, s1, z0, z1)
    found: Floats = np.maximum(smooth + at_y1 - at_y0 - at_z1 + at_z0, 0.0)
    return found


def _log_ratio(alpha: Parameter, s0: Floats, s1: Floats, z0: Floats, z1: Floats) -> Floats:
    """Return ln (y₁z₀/(y₀z₁)), from the small difference of the two products unless it is large."""
    y0, y1 = alpha + z0, alpha + z1
    less = alpha / y0 * ((s1 - s0) / z1)
    return np.where(less < 0.5, np.log1p(-np.minimum(less, 0.5)), np.log(y1 / y0 * (z0 / z1)))


def survival(params: Params | Floats, t: Parameter, renewed: Parameter = 0) -> Floats:
    """Return S(renewed + t)/S(renewed), the share of those who renewed `renewed` times left after t more."""
    now = np.asarray(renewed, dtype=float)
    return np.exp(-fall(params[0], params[1], power(params, now), power(params, now + t)))


def retention_rate(params: Params | Floats, t: Floats) -> Floats:
    """Return r_t = S(t)/S(t − 1) for t ≥ 1."""
    return survival(params, 1.0, t - 1)


def churn_probability(params: Params | Floats, t: Floats, renewed: int = 0) -> Floats:
    """Return P(T = renewed + t | T > renewed) for t ≥ 1: to be lost at just that renewal."""
    lost = -np.expm1(-fall(params[0], params[1], power(params, renewed + t - 1), power(params, renewed + t)))
    found: Floats = survival(params, t - 1, renewed) * lost
    return found


def restricted_tenure(params: Params | Floats, horizon: int, renewed: int = 0) -> float:
    """Return E[min(T − renewed, horizon) | T > renewed] = Σ_{t < horizon} S(renewed + t)/S(renewed)."""
    return float(survival(params, np.arange(float(horizon)), renewed).sum())


def residual_lifetimes(params: Params | Floats, highest: int, delta: float) -> Floats:
    """Return the discounted expected residual lifetime of those who renewed 0 … highest times.

    DERL(k) = Σ_{t ≥ 1} S(k + t)/S(k) e^{−δ(t − 1)} (Fader and Hardie 2010, there
    a ₂F₁ for c = 1, with k = n − 1). The infinite sum is needed for the highest k only, since
    DERL(k) = r_{k+1} (1 + e^{−δ} DERL(k + 1)).
    """
    rates = retention_rate(params, np.arange(1.0, highest + 1))
    found = np.empty(highest + 1)
    found[highest] = _endless_sum(params, highest, delta)
    for k in range(highest - 1, -1, -1):
        found[k] = rates[k] * (1 + np.exp(-delta) * found[k + 1])
    return found


def _endless_sum(params: Params | Floats, renewed: int, delta: float) -> float:
    """Add the first terms; the rest by the Euler–Maclaurin formula, its integral in logarithms of time."""

    def terms(t: Floats) -> Floats:
        found: Floats = survival(params, t, renewed) * np.exp(-delta * (t - 1))
        return found

    direct = float(terms(np.arange(1.0, _DIRECT)).sum())
    length = np.log1p(_NEGLIGIBLE / (delta * _DIRECT))
    panels = int(np.ceil(length / _PANEL))
    nodes, weights = np.polynomial.legendre.leggauss(10)
    width = length / panels
    u = width * (np.arange(panels)[:, None] + (nodes + 1) / 2)
    t = _DIRECT * np.exp(u)
    integral = float((terms(t) * t @ weights).sum() * width / 2)
    last, after, before = terms(np.array([_DIRECT, _DIRECT + 0.5, _DIRECT - 0.5]))
    return direct + integral + float(last / 2 - (after - before) / 12)
