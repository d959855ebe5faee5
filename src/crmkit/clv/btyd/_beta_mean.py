"""Average over a beta-mixed chance p to leave, and the gamma-mixed rate: what an active customer still does.

All is E g(p) for p ~ Beta(a, β) and a falling g ≥ 0. Two identities make both ends of (0, 1) harmless:
E_{a,β} g = E_{a+1,β}[g − (1−p) g′/(a+β)], by parts; and g(1) is taken out, so that the rest vanishes at 1.
What is left is summed by the trapezoidal rule in the logit of p. It is analytic in a strip about the
real line whatever the parameters, so that the rule converges geometrically; it is positive, so that nothing
cancels at a = 1, at a + b < 1 or at any horizon.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, gammaln

from crmkit.clv.btyd._special import Floats, stirling

Rows = npt.NDArray[np.intp]
Kernel = Callable[[Rows, Floats], tuple[Floats, Floats]]

_DEPTH = 28.0  # a sum is followed down to e^-28 of its highest term
_WIDEST_STEP = 0.36  # the rule errs by e^(−π²/step) where features are as sharp as e^(−e^z) …
_STEPS_PER_SPREAD = 0.8  # … and by e^(−2π² spread²/step²) where they are normal
_NEWTON = 5
_LEAST_CURVATURE = 0.01
_RIGHTMOST = 45.0  # from here g(p) is g(1), which has been taken out
_BLOCK = 16_384
_SIZES = 8
_FAR = 1e4  # shapes of the beta distribution whose powers have lost digits
_SHARPEST = 1e12  # shape a from which p is as good as one point


def purchases(s: Floats, a: Floats, beta: Floats, tau: Floats) -> Floats:
    """Return E[(1 − (1 + pτ)^−s)/p], the purchases within t = τ (α+T) and before leaving."""
    s, a, beta, tau = _rows(s, a, beta, tau)

    def kernel(rows: Rows, p: Floats) -> tuple[Floats, Floats]:
        power = s[rows, None]
        x = p * tau[rows, None]
        bought = np.log1p(x)
        bought *= -power
        np.expm1(bought, out=bought)
        fall = bought + 1
        x /= 1 + x
        x *= power
        fall *= x
        np.negative(bought, out=bought)
        np.subtract(bought, fall, out=fall)
        bought /= p
        fall /= p
        fall /= p
        return bought, fall

    return _mean(kernel, -np.expm1(-s * np.log1p(tau)), a, beta, np.ones(s.shape), tau * (1 + s))


def survival(s: Floats, a: Floats, beta: Floats, tau: Floats) -> Floats:
    """Return E (1 + pτ)^−s, the chance not to leave within t = τ (α+T)."""
    s, a, beta, tau = _rows(s, a, beta, tau)

    def kernel(rows: Rows, p: Floats) -> tuple[Floats, Floats]:
        power = s[rows, None]
        x = p * tau[rows, None]
        stays = np.exp(-power * np.log1p(x))
        return stays, stays * power * tau[rows, None] / (1 + x)

    return _mean(kernel, np.exp(-s * np.log1p(tau)), a, beta, s, tau)


def discounted(s: Floats, a: Floats, beta: Floats, kappa: Floats, *, k: int = 1, hidden: int = 0) -> Floats:
    """Return E φ^(k−j)/(1 − φ^k (1 − p)), φ = Λ/(Λ + κ), Λ ~ Gamma(s, 1).

    These are all purchases, discounted at the rate κ/(α+T), where every k-th event is one and j = `hidden`
    events have come already. With k = 1 it is E Λ/(Λp + κ).
    """
    s, a, beta, kappa = _rows(s, a, beta, kappa)
    rate, weight = _gamma_nodes(s, kappa, k - hidden)
    log_more = np.log1p(kappa / rate)
    grow, rest = np.exp(-k * log_more), -np.expm1(-k * log_more)
    weight *= np.exp((hidden - k) * log_more)
    bend = 1 / np.expm1(k * np.log1p(kappa / (1 + s)))

    def kernel(rows: Rows, p: Floats) -> tuple[Floats, Floats]:
        value, fall = np.zeros(p.shape), np.zeros(p.shape)
        nodes = (weight[:, rows, None], grow[:, rows, None], rest[:, rows, None])
        for share, more, none in zip(*nodes, strict=True):
            part = 1 / (more * p + none)
            value += share * part
            part *= part
            fall += share * more * part
        return value, fall

    return _mean(kernel, weight.sum(axis=0), a, beta, np.ones(s.shape), bend)


def _rows(*parts: Floats) -> list[Floats]:
    return [np.array(part, dtype=np.float64) for part in np.broadcast_arrays(*parts)]


def _mean(kernel: Kernel, at_one: Floats, a: Floats, beta: Floats, power: Floats, bend: Floats) -> Floats:
    """Return E g(p), row by row.

    `kernel(rows, p)` returns g and −g′ at p of shape (rows, nodes); `at_one` is g(1); g resembles
    (1 + c p)^(−k) with k = `power` and c = `bend`, which serves to find where to sum.
    """
    blunter = np.minimum(1, _SHARPEST / a)
    a, beta = a * blunter, beta * blunter
    low, high, step = _limits(a, beta, power, bend)
    count = np.ceil((high - low) / (step * _SIZES)).astype(np.intp) * _SIZES
    found = np.empty(a.shape)
    for size in np.unique(count).tolist():
        group = np.flatnonzero(count == size)
        block = max(1, _BLOCK // size)
        for first in range(0, len(group), block):
            rows = group[first : first + block]
            p, stay, weight = _nodes(a[rows], beta[rows], low[rows], high[rows], size)
            value, fall = kernel(rows, p)
            fall *= stay
            fall /= (a + beta)[rows, None]
            value += fall
            value -= at_one[rows, None]
            weight *= value
            found[rows] = at_one[rows] + weight.sum(axis=1)
    return found


def _nodes(a: Floats, beta: Floats, low: Floats, high: Floats, size: int) -> tuple[Floats, Floats, Floats]:
    """Return p, 1 − p and the weights of E_{a+1,β} at points even in the logit."""
    step = (high - low) / (size - 1)
    z = step[:, None] * np.arange(size)
    z += low[:, None]
    small = np.exp(-np.abs(z))
    log = np.log1p(small)
    share = 1 / (1 + small)
    rest = small * share
    p = np.where(z > 0, share, rest)
    stay = np.where(z > 0, rest, share)
    weight = np.minimum(z, 0)
    weight -= log
    weight *= (a + 1)[:, None]
    log += np.maximum(z, 0)
    log *= beta[:, None]
    weight -= log
    weight -= (betaln(a + 1, beta) - np.log(step))[:, None]
    far = np.flatnonzero(np.maximum(a, beta) > _FAR)
    weight[far] = _log_density(z[far], a[far] + 1, beta[far]) + np.log(step[far, None])
    np.exp(weight, out=weight)
    return p, stay, weight


def _log_density(z: Floats, a: Floats, beta: Floats) -> Floats:
    """Return ln p^a (1−p)^β/B(a, β) at logits z of shape (rows, nodes), where its parts would cancel.

    With d from the logit of the mean m = a/(a + β) it is −(a+β){ln(1 + m(e^d − 1)) − m d} and what Stirling's
    formula leaves; the smaller of m and 1 − m is taken, with d or −d.
    """
    less, total = np.minimum(a, beta), a + beta
    d = np.where(a < beta, 1.0, -1.0)[:, None] * (z - np.log(a / beta)[:, None])
    fall = total[:, None] * np.log1p((less / total)[:, None] * np.expm1(d)) - less[:, None] * d
    rest = stirling(total, order=0)[0] - stirling(a, order=0)[0] - stirling(beta, order=0)[0]
    return (rest + 0.5 * np.log(a / (2 * np.pi) * (beta / total)))[:, None] - fall


def _limits(a: Floats, beta: Floats, power: Floats, bend: Floats) -> tuple[Floats, Floats, Floats]:
    """Return where the integrand begins and ends to matter, in the logit of p, and a safe step.

    It is between p^(a+1) (1−p)^(β+1) times (1 + c p)^(−k) and, as g′ falls faster, (1 + c p)^(−k−1): the
    latter is followed to the left, the former to the right. (Where k > a + β + 2 the logarithm of the former
    is not concave: the part of the power that spoils it is left out there, which widens the range.)
    """
    total = a + beta + 2
    C = 1 + bend
    low, left_spread = _edge(a, beta, power + 1, power + 1, C, -1 / (a + 1))
    high, right_spread = _edge(a, beta, power, np.minimum(power, total), C, 1 / (beta + 1))
    return low, high, _step(np.minimum(left_spread, right_spread))


def _step(spread: Floats) -> Floats:
    found: Floats = 1 / np.hypot(1 / _WIDEST_STEP, 1 / (_STEPS_PER_SPREAD * spread))
    return found


def _edge(
    a: Floats, beta: Floats, power: Floats, capped: Floats, C: Floats, away: Floats
) -> tuple[Floats, Floats]:
    """Return where ln p^(a+1) (1−p)^(β+1) (1 + c p)^(−k) has fallen by the depth, and its width at the mode.

    With k = `capped` it is concave, so that Newton's method stays outside when it starts there.
    """
    rest = a + beta + 2 - capped

    def height(z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        y = np.exp(z)
        Cy = C * y
        p, q = y / (1 + y), Cy / (1 + Cy)
        return (a + 1) * z - rest * np.log1p(y) - capped * np.log1p(Cy), a + 1 - rest * p - capped * q, p, q

    top, _, p, q = height(_mode(a, beta, power, C))
    spread = 1 / np.sqrt(np.maximum(rest * p * (1 - p) + capped * q * (1 - q), _LEAST_CURVATURE))
    z = _mode(a, beta, capped, C) + _DEPTH * (away + np.sign(away) * spread)
    for _ in range(_NEWTON):
        value, slope, _, _ = height(np.minimum(z, _RIGHTMOST, out=z))
        z += (top - _DEPTH - value) / slope
    return np.minimum(z, _RIGHTMOST), spread


def _mode(a: Floats, beta: Floats, power: Floats, C: Floats) -> Floats:
    """Return ln y, y the root of (β+1) C y² − h y − (a+1) = 0, where (a+1) − (a+β+2−k) p − k q is 0."""
    half = ((a + 1) * (1 + C) - (a + beta + 2) + power * (1 - C)) / 2
    root = np.sqrt(half * half + (beta + 1) * C * (a + 1))
    y = np.where(half > 0, half + root, (a + 1) * (beta + 1) * C / (root + np.abs(half)))
    found: Floats = np.log(y / ((beta + 1) * C))
    return found


def _gamma_nodes(s: Floats, kappa: Floats, power: int) -> tuple[Floats, Floats]:
    """Return nodes of shape (nodes, rows), even in ln Λ, and the weights of E over Λ ~ Gamma(s, 1).

    With k = `power`, what is averaged is between (Λ/κ)^k, which is followed to the right, and (Λ/(Λ + κ))^k,
    to the left.
    """
    top = s + power
    high = np.log(top + np.sqrt(2 * _DEPTH * top) + _DEPTH)
    half = (s - kappa) / 2
    root = np.sqrt(half * half + top * kappa)
    mode = np.where(half > 0, half + root, top * kappa / (root + np.abs(half)))
    share = mode / (mode + kappa)
    spread = 1 / np.sqrt(np.maximum(mode + power * share * (1 - share), s))
    low = np.log(mode)
    target = top * low - mode - power * np.log1p(mode / kappa) - _DEPTH
    low -= _DEPTH * (np.minimum(spread, 10) + 1 / top)
    for _ in range(_NEWTON):
        rate = np.exp(low)
        value = top * low - rate - power * np.log1p(rate / kappa)
        low += (target - value) / (top - rate - power * rate / (rate + kappa))
    size = int(np.ceil((high - low) / _step(spread)).max(initial=1))
    w = low + (high - low) / size * np.arange(size + 1)[:, None]
    rate = np.exp(w)
    return rate, np.exp(s * w - rate - gammaln(s) + np.log((high - low) / size))
