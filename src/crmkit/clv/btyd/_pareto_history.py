"""Pareto/NBD, looking back: the likelihood of a customer's history and the probability of being alive.

A customer buys at rate λ until a death at rate μ; λ is Gamma(r, α) and μ Gamma(s, β) over customers
(Schmittlein, Morrison & Colombo 1987). A customer dead at T died at some y in (t_x, T), so that (Fader &
Hardie 2005, before their integral is solved by a difference of hypergeometric functions)

    L = Γ(r+x)/Γ(r) α^r β^s { (α+T)^−(r+x) (β+T)^−s + ∫ s (α+y)^−(r+x) (β+y)^−(s+1) dy }.

The difference cancels where customers buy often; the integral here does not. In u, the growth of
ln(min(α, β) + y) since t_x, the logarithm of the integrand is concave, so that its end is easily found
and few Gauss–Legendre nodes suffice. Derivatives of ln L are moments over the death time, taken at the
same nodes.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from crmkit.clv.btyd._special import Floats, Params, rising

# Nodes, and the longest interval in u and the largest fall of the logarithm for which they keep 1e-9.
_RULES = ((8, 1.5, 4.0), (12, 2.0, 12.0), (16, 3.0, 20.0))
# Beyond these rules the interval is cut into panels of at most this length and this fall.
_PANEL, _PANEL_LENGTH, _PANEL_FALL = 24, 6.0, 41.0
# The integral ends where its logarithm has fallen by 40 (4e-18): concavity bounds the rest by that share.
_FALL = 40.0
_AT_ONCE = 1 << 12  # rows whose arrays stay in the cache


@functools.cache
def gauss(nodes: int, panels: int = 1) -> tuple[Floats, Floats]:
    """Return nodes and weights of a Gauss–Legendre rule on (0, 1), repeated in equal panels."""
    node, weight = np.polynomial.legendre.leggauss(nodes)
    starts = np.arange(panels)[:, None]
    return ((node + 1) / 2 + starts).ravel() / panels, np.tile(weight / 2 / panels, panels)


def reach(near: Floats, far: Floats, kappa: Floats, length: Floats) -> tuple[Floats, Floats]:
    """Return where exp(−near·u)·(1 + κ(e^u − 1))^−far may be cut off, and how far its logarithm fell.

    The fall is convex and 0 at u = 0, so that Newton's steps from the right stay on the right of the end.
    """
    u = length.copy()
    fall = near * u + far * np.log1p(kappa * np.expm1(u))
    rows = np.flatnonzero(fall > _FALL)
    near, far, kappa = near[rows], far[rows], kappa[rows]
    end, down = u[rows], fall[rows]
    while np.any(down > _PANEL_FALL):
        grown = 1 + kappa * np.expm1(end)
        end -= (down - _FALL) / (near + far * kappa * np.exp(end) / grown)
        down = near * end + far * np.log1p(kappa * np.expm1(end))
    u[rows], fall[rows] = end, down
    return u, fall


def moments(near: Floats, far: Floats, kappa: Floats, length: Floats, *, order: int) -> Floats:
    """Integrate exp(−near·u)·(1 + κ(e^u − 1))^−far over u from 0 to `length`, also times its features.

    The features are 1, u, 1 − e^−u, w = ln(1 + κ(e^u − 1)), 1 − e^−w (order 1), and their products in the
    order of the upper triangle (order 2); rows of the result, one column a row of data.
    """
    end, fall = reach(near, far, kappa, length)
    rule = np.ceil(np.maximum(end / _PANEL_LENGTH, fall / _PANEL_FALL)).astype(int) + len(_RULES) - 1
    for place, (_, longest, deepest) in reversed([*enumerate(_RULES)]):
        rule[(end <= longest) & (fall <= deepest)] = place
    found = np.empty(((1, 5, 15)[order], end.size))
    for place in np.unique(rule):
        rows = np.flatnonzero(rule == place)
        nodes = _RULES[place][0] if place < len(_RULES) else _PANEL
        points = gauss(nodes, max(1, int(place) - len(_RULES) + 1))
        for part in np.array_split(rows, 1 + rows.size // _AT_ONCE):
            found[:, part] = _sums(near[part], far[part], kappa[part], end[part], points, order)
    return found


def _sums(
    near: Floats, far: Floats, kappa: Floats, end: Floats, points: tuple[Floats, Floats], order: int
) -> Floats:
    """Add the integrand and its moments over the nodes, one node of all rows at a time."""
    total = np.zeros(((1, 5, 15)[order], end.size))
    features = np.ones((5, end.size))
    for node, weight in zip(*points, strict=True):
        u = end * node
        grown = kappa * np.expm1(u)
        features[3] = np.log1p(grown)
        height = weight * np.exp(-near * u - far * features[3])
        if order == 0:
            total[0] += height
            continue
        features[1], features[2], features[4] = u, -np.expm1(-u), grown / (1 + grown)
        first = height * features
        total[:5] += first
        place = 5
        for i in range(1, 5 if order == 2 else 1):
            total[place : place + 5 - i] += first[i] * features[i:]
            place += 5 - i
    return total * end


@dataclass(frozen=True, slots=True)
class _Fates:
    """Hold the two ways to T in logarithms, over (α+t_x)^−(r+x) (β+t_x)^−s, and what derivatives need.

    The features are ln((α+y)/(α+t_x)), 1 − (α+t_x)/(α+y), and the same with β: `end` at y = T, `mean` their
    means and `products` the means of their products (upper triangle) given a death before T.
    """

    alive: Floats
    dead: Floats
    end: Floats
    mean: Floats
    products: Floats


def _fates(params: Params, x: Floats, t_x: Floats, T: Floats, order: int) -> _Fates:
    r, alpha, s, beta = params
    purchases, deaths = r + x, s + 1 + np.zeros_like(x)
    first = np.asarray(alpha) <= beta  # α is the smaller, whose logarithm is the variable of integration
    small, large = np.minimum(alpha, beta) + t_x, np.maximum(alpha, beta) + t_x
    rest = T - t_x
    near, far = np.where(first, purchases, deaths), np.where(first, deaths, purchases)
    found = moments(near - 1, far, small / large, np.log1p(rest / small), order=order)
    if not np.all(first):
        swap = [0, 3, 4, 1, 2, 12, 13, 7, 10, 14, 8, 11, 5, 6, 9]
        found = np.where(first, found, found[swap[: len(found)]])
    with np.errstate(divide="ignore"):  # nobody can have died where t_x = T
        dead = np.log(found[0]) + np.log(s * small / (beta + t_x))
    mean = found[1:] / np.where(found[0] > 0, found[0], 1)
    end = np.empty((4, x.size))
    end[0], end[2] = np.log1p(rest / (alpha + t_x)), np.log1p(rest / (beta + t_x))
    end[1], end[3] = rest / (alpha + T), rest / (beta + T)
    return _Fates(-purchases * end[0] - s * end[2], dead, end, mean[:4], mean[4:])


def likelihood(
    params: Params, x: Floats, t_x: Floats, T: Floats, *, order: int = 2
) -> tuple[Floats, Floats | None, Floats | None]:
    """Return the log-likelihood of each row and its derivatives in ln r, ln α, ln s and ln β."""
    r, alpha, s, beta = params
    fates = _fates(params, x, t_x, T, order)
    rise, slope, bend = rising(r, x, order=order)
    u, w = np.log1p(t_x / alpha), np.log1p(t_x / beta)
    value = rise - r * u - x * np.log(alpha + t_x) - s * w + np.logaddexp(fates.alive, fates.dead)
    if slope is None:
        return value, None, None
    P_dead = expit(fates.dead - fates.alive)
    E_a, E_A, E_b, E_B = P_dead * fates.mean + (1 - P_dead) * fates.end
    A, B = alpha / (alpha + t_x), beta / (beta + t_x)
    gradient = np.empty((4, x.size))
    gradient[0] = r * (slope - u - E_a)
    gradient[1] = r - (r + x) * A * (1 - E_A)
    gradient[2] = P_dead - s * (w + E_b)
    gradient[3] = s - s * B * (1 - E_B) - P_dead * B * (1 - fates.mean[3])
    if bend is None:
        return value, gradient, None
    hessian = _spread(params, x, A, B, P_dead, fates) + _bends(params, x, A, B, P_dead, fates)
    hessian[0, 0] += gradient[0] + r**2 * bend
    hessian[2, 2] += gradient[2] - P_dead
    return value, gradient, hessian


def _bends(params: Params, x: Floats, A: Floats, B: Floats, P_dead: Floats, fates: _Fates) -> Floats:
    """Return the mean of the second derivatives at a known death time, but for [0, 0] and [2, 2]."""
    r, _, s, _ = params
    mean, end = fates.mean, fates.end
    # α/(α+y) and its square for both fates together, β/(β+y) and its square for each
    A_1 = A * (1 - P_dead * mean[1] - (1 - P_dead) * end[1])
    A_2 = A**2 * (P_dead * (1 - 2 * mean[1] + fates.products[4]) + (1 - P_dead) * (1 - end[1]) ** 2)
    dead_1, dead_2 = P_dead * B * (1 - mean[3]), P_dead * B**2 * (1 - 2 * mean[3] + fates.products[9])
    alive_1, alive_2 = (1 - P_dead) * B * (1 - end[3]), (1 - P_dead) * (B * (1 - end[3])) ** 2
    bends = np.zeros((4, 4, x.size))
    bends[0, 1] = bends[1, 0] = r * (1 - A_1)
    bends[1, 1] = -(r + x) * (A_1 - A_2)
    bends[2, 3] = bends[3, 2] = s * (1 - dead_1 - alive_1)
    bends[3, 3] = -(s + 1) * (dead_1 - dead_2) - s * (alive_1 - alive_2)
    return bends


def _spread(params: Params, x: Floats, A: Floats, B: Floats, P_dead: Floats, fates: _Fates) -> Floats:
    """Return the covariance of the derivatives over the death time, given the history (4, 4, n)."""
    r, _, s, _ = params
    mean, end = fates.mean, fates.end
    scale = np.empty_like(mean)
    scale[0], scale[1], scale[2], scale[3] = -r, (r + x) * A, -s, (s + 1) * B
    apart = scale * (mean - end)  # what a death before T adds to the derivatives, on average
    apart[2] += 1
    apart[3] -= B * (1 - end[3])
    spread = np.empty((4, 4, x.size))
    place = 0
    for i in range(4):
        for j in range(i, 4):
            within = scale[i] * scale[j] * (fates.products[place] - mean[i] * mean[j])
            spread[i, j] = spread[j, i] = P_dead * (within + (1 - P_dead) * apart[i] * apart[j])
            place += 1
    return spread


def alive(params: Params, x: Floats, t_x: Floats, T: Floats) -> Floats:
    """Return P(alive at T) given the history."""
    fates = _fates(params, x, t_x, T, 0)
    return np.asarray(expit(fates.alive - fates.dead))
