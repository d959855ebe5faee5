"""Buying at a gamma-mixed rate till a beta-mixed chance of leaving strikes after a purchase.

The BG/NBD model (Fader, Hardie & Lee 2005) and the MBG/NBD model (Batislam, Denizel & Filiztekin 2007; the
CBG/NBD of Hoppe & Wagner 2007) differ in one thing: whether that chance also strikes right after the first
purchase, at time 0. A customer with x repeat purchases has passed y = x (BG) or y = x + 1 (MBG) of those
chances, and everything else is written once in y:

    L = Γ(r+x)/Γ(r) α^r (α+T)^{-(r+x)} B(a, b+y)/B(a, b) (1 + e^u),
    u = ln a/(b+y−1) + (r+x) ln (α+T)/(α+t_x)   (−∞ where y = 0),

with e^u the odds that the customer has left.
"""

from typing import Any

import numpy as np

from crmkit.clv.btyd._special import LONGEST_TABLE, Floats, Parameter, Params, rising, summed

NAMES = ("r", "alpha", "a", "b")

_BLOCK = 16_384  # rows whose temporary arrays stay in the cache

Derivatives = tuple[Floats, Floats | None, Floats | None]


def is_scalar(*parameters: Any) -> bool:
    return all(np.ndim(parameter) == 0 for parameter in parameters)


def _log_odds(a: Any, b: Any, y: Floats) -> Floats:
    """Return ln a/(b + y − 1), −∞ where no chance to leave has been passed."""
    return np.where(y > 0, np.log(a / (b + np.maximum(y, 1) - 1)), -np.inf)


def _scaled(a: Any, x: Floats, order: int) -> list[Floats]:
    """Return ln Γ(a+x)/Γ(a) and, as far as wanted, a and a² times its derivatives in a."""
    value, first, second = rising(a, x, order=order)
    found = [value]
    if first is not None:
        found.append(a * first)
    if second is not None:
        found.append(a * a * second)
    return found


def _stay_sums(a: Any, b: Any, y: Floats, order: int) -> list[Floats]:
    """Return ln B(a, b+y)/B(a, b) and its derivatives: ln a, ln b; ln a twice, ln a ln b, ln b twice."""
    total, own, share = _scaled(a + b, y, order), _scaled(b, y, order), a / (a + b)
    found = [own[0] - total[0]]
    if order > 0:
        found += [-share * total[1], own[1] - (1 - share) * total[1]]
    if order > 1:
        found += [found[1] - share**2 * total[2], -share * (1 - share) * total[2]]
        found.append(found[2] + own[2] - (1 - share) ** 2 * total[2])
    return found


def _stay_table(a: float, b: float, highest: int, order: int) -> list[Floats]:
    """Return the same for y = 0 … highest, as sums whose terms do not cancel."""
    step = b + np.arange(highest)
    both = a + step
    terms = [-np.log1p(a / step)]
    if order > 0:
        terms += [-a / both, b * a / (step * both)]
    if order > 1:
        square = 1 / both**2
        terms += [terms[1] + a * a * square, a * b * square]
        terms.append(terms[2] - b * b * a * (step + both) * square / step**2)
    return [np.concatenate([[0.0], np.cumsum(term)]) for term in terms]


def _count_terms(params: Params, x: Floats, first: int, order: int) -> list[Any]:
    """Return the parts that depend on the count only, row by row.

    ln a/(b+y−1); the value; then b/(b+y−1) and the derivatives in r, a, b; then the second ones: r r, a a,
    a b, b b. With scalar parameters each is looked up in a table over the counts.
    """
    r, _, a, b = params
    highest = int(x.max(initial=0))
    place: Any = slice(None)
    if is_scalar(r, a, b) and highest <= LONGEST_TABLE:
        place = x.astype(np.intp)
        x = np.arange(highest + 1.0)
        stay = [table[first:] for table in _stay_table(float(a), float(b), highest + first, order)]
    else:
        stay = _stay_sums(a, b, x + first, order)
    y = x + first
    buy = _scaled(r, x, order)
    found: list[Any] = [_log_odds(a, b, y), buy[0] + stay[0]]
    if order > 0:
        share = np.where(y > 0, b / (b + np.maximum(y, 1) - 1), 0.0)
        found += [share, buy[1], stay[1], stay[2]]
    if order > 1:
        found += [buy[1] + buy[2], *stay[3:]]
    return [part[place] for part in found]


def likelihood(
    params: Params, x: Floats, t_x: Floats, T: Floats, *, first: int, order: int = 2
) -> Derivatives:
    """Return each row's log-likelihood and its derivatives in the logarithms of r, α, a, b."""
    r, alpha = params[:2]
    odds, value, *terms = _count_terms(params, x, first, order)
    s = r + x
    gap = np.log((alpha + T) / (alpha + t_x))
    past = np.log1p(T / alpha)
    u = s * gap
    u += odds
    e = np.exp(-np.abs(u))
    value = value + np.log1p(e)
    value += np.maximum(u, 0)
    value -= s * past
    value -= x * np.log(alpha)
    if order == 0:
        return value, None, None
    left = np.exp(np.minimum(u, 0, out=u), out=u)  # the chance to have left, e^u/(1 + e^u)
    e += 1
    left /= e
    tA, tB = T / (alpha + T), t_x / (alpha + t_x)
    gap *= r
    past *= r
    slopes = gap, s * (tB - tA), terms[0]
    gradient = np.empty((4, *value.shape))
    np.subtract(terms[1], past - left * gap, out=gradient[0])
    np.subtract(s * tA + left * slopes[1], x, out=gradient[1])
    np.add(terms[2], left, out=gradient[2])
    np.subtract(terms[3], left * slopes[2], out=gradient[3])
    hessian = _hessian(terms[4:], left, slopes, (r, s, past, tA, tB)) if order > 1 else None
    return value, gradient, hessian


def _hessian(
    terms: list[Floats],
    left: Floats,
    slopes: tuple[Floats, Floats, Floats],
    shares: tuple[Parameter, Floats, Floats, Floats, Floats],
) -> Floats:
    """Return the second derivatives: those of the terms, P(left) u″ and P(left) P(not left) u′ u′ᵀ.

    `slopes` are u′ in r, in α and, with its sign changed, in b; it is 1 in a. `shares` are r, r + x,
    r ln (α+T)/α, T/(α+T), t_x/(α+t_x).
    """
    in_r, _, q = slopes
    r, s, past, tA, tB = shares
    found = _products(slopes, left - left * left)
    found[0, 0] += terms[0]
    found[0, 0] -= past - left * in_r
    found[0, 1] += r * (tA + left * (tB - tA))
    tA *= 1 - tA
    tB *= 1 - tB
    found[1, 1] -= s * (tA + left * (tB - tA))
    found[2, 2] += terms[1]
    found[2, 3] += terms[2]
    found[3, 3] += terms[3]
    found[3, 3] -= left * q * (1 - q)
    for i, j in ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)):
        found[i, j] = found[j, i]
    return found


def _products(slopes: tuple[Floats, Floats, Floats], spread: Floats) -> Floats:
    """Return the upper half of spread × u′ u′ᵀ."""
    in_r, in_alpha, q = slopes
    found = np.empty((4, 4, *spread.shape))
    found[2, 2] = spread
    np.multiply(spread, in_r, out=found[0, 2])
    np.multiply(spread, in_alpha, out=found[1, 2])
    np.multiply(spread, -q, out=found[2, 3])
    np.multiply(found[0, 2], in_r, out=found[0, 0])
    np.multiply(found[0, 2], in_alpha, out=found[0, 1])
    np.multiply(found[2, 3], in_r, out=found[0, 3])
    np.multiply(found[1, 2], in_alpha, out=found[1, 1])
    np.multiply(found[2, 3], in_alpha, out=found[1, 3])
    np.multiply(found[2, 3], -q, out=found[3, 3])
    return found


def alive(params: Params, x: Floats, t_x: Floats, T: Floats, *, first: int) -> Floats:
    """Return the chance that the customer has not left by T."""
    found = np.empty(x.shape)
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        own: list[Any] = [
            part[rows] if isinstance(part, np.ndarray) and part.ndim else part for part in params
        ]
        r, alpha, a, b = own
        u = np.log1p((T[rows] - t_x[rows]) / (alpha + t_x[rows]))
        u *= r + x[rows]
        u += _log_odds(a, b, x[rows] + first)
        e = np.exp(-np.abs(u))
        np.divide(np.where(u > 0, e, 1), 1 + e, out=found[rows])
    return found


def start(x: Floats, t_x: Floats, T: Floats, weight: Floats) -> tuple[float, ...]:
    """Return starting values: gamma moments of the rates while active, and the share that seems to have left.

    A customer seems to have left who has been silent for more than three of his own usual gaps.
    """
    total = weight.sum()
    buys = summed(weight, x)
    if not buys > 0:
        return 1.0, float(max(summed(weight, T) / total, 1e-8)), 1.0, 1.0
    silent = (x > 0) & (x * (T - t_x) > 3 * (t_x + T / 10))
    active = np.where(silent, np.maximum(t_x, T / 10), T)
    rate = buys / summed(weight, active)
    over = summed(weight, (x - rate * active) ** 2) - buys
    r = float(np.clip(summed(weight, active**2) * rate**2 / max(over, 1e-9 * buys), 0.05, 20))
    leave = float(np.clip(summed(weight, silent) / buys, 0.01, 0.9))
    return r, r / float(rate), 2 * leave, 2 * (1 - leave)
