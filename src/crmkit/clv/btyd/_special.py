"""Special functions that the customer-base models share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, polygamma, psi

Floats = npt.NDArray[np.float64]
Parameter = float | Floats
Params = tuple[Parameter, ...]

LONGEST_TABLE = 100_000
_SERIES_FROM = 16.0
_FAR = 1e4  # from here a difference of gamma functions has lost digits
_HALF_LOG_TAU = 0.5 * np.log(2 * np.pi)
# δ(z) = Σ cₖ/z²ᵏ⁺¹ for large z; its derivatives term by term.
_STIRLING = np.array([1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156])
_POWERS = 2.0 * np.arange(_STIRLING.size) + 1


def rising(a: Parameter, x: Floats, *, order: int = 2) -> tuple[Floats, Floats | None, Floats | None]:
    """Return ln Γ(a + x)/Γ(a) and its first two derivatives in a, for whole x ≥ 0.

    One `a` for all rows needs a table of sums only, ln(a) + … + ln(a + x − 1), which is exact where the
    difference of two gamma functions cancels.
    """
    x = np.asarray(x, dtype=np.float64)
    highest = x.max(initial=0)
    if np.ndim(a) == 0 and highest <= LONGEST_TABLE:
        steps = float(a) + np.arange(highest)
        place = x.astype(np.intp)
        tables = [np.log(steps), 1 / steps, -1 / steps**2][: order + 1]
        found: list[Any] = [np.concatenate([[0.0], np.cumsum(table)])[place] for table in tables]
    else:
        found = [gammaln(a + x) - gammaln(a)]
        if order > 0:
            found.append(psi(a + x) - psi(a))
        if order > 1:
            found.append(polygamma(1, a + x) - polygamma(1, a))
        far = np.flatnonzero(np.broadcast_to(a, x.shape) > _FAR)
        for part, exact in zip(
            found, _rising_far(np.broadcast_to(a, x.shape)[far], x[far], order), strict=True
        ):
            part[far] = exact
    value, first, second = [*found, None, None][:3]
    return value, first, second


def _rising_far(a: Floats, x: Floats, order: int) -> list[Floats]:
    """Return the same for large a, by what Stirling's formula leaves of the gamma functions."""
    low, high = stirling(a, order=order), stirling(a + x, order=order)
    more = np.log1p(x / a)
    found = [x * np.log(a) + (a + x - 0.5) * more - x + high[0] - low[0]]
    if order > 0:
        found.append(more + high[1] - low[1])
    if order > 1:
        found.append(-x / (a * (a + x)) + high[2] - low[2])
    return found


def stirling(z: Parameter, *, order: int = 2) -> list[Floats]:
    """Return δ(z) = ln Γ(z) − (z − ½) ln z + z − ½ ln 2π and, as `order` asks, ψ(z) − ln z and ψ′(z) − 1/z.

    What is left of the gamma function vanishes for large z; the rest cancels on paper, not in the computer.
    """
    near, inverse = np.minimum(z, _SERIES_FROM), 1 / np.maximum(z, _SERIES_FROM)
    square, large = inverse * inverse, np.asarray(z > _SERIES_FROM)

    def series(coefficients: Floats, power: int) -> Floats:
        return np.asarray(inverse**power * np.polyval(coefficients[::-1], square))

    exact = gammaln(near) - (near - 0.5) * np.log(near) + near - _HALF_LOG_TAU
    found = [np.where(large, series(_STIRLING, 1), exact)]
    if order > 0:
        first = series(-_POWERS * _STIRLING, 2) - inverse / 2
        found.append(np.where(large, first, psi(near) - np.log(near)))
    if order > 1:
        second = series(_POWERS * (_POWERS + 1) * _STIRLING, 3) + square / 2
        found.append(np.where(large, second, polygamma(1, near) - 1 / near))
    return found


def add_risings(
    derivatives: tuple[Floats, Floats, Floats],
    params: Params,
    parts: Sequence[tuple[int, tuple[int, ...], Floats]],
    order: int,
) -> None:
    """Add ± ln Γ(a + x)/Γ(a) for each part to a value and its derivatives in the log-parameters, in place.

    A part is a sign, the places of the parameters whose sum is a, and x.
    """
    value, gradient, hessian = derivatives
    for sign, members, x in parts:
        own: list[Any] = [params[i] for i in members]
        rise, first, second = rising(sum(own), x, order=order)
        value += sign * rise
        for i, parameter in zip(members, own, strict=True):
            if first is not None:
                gradient[i] += sign * parameter * first
            if second is not None:
                hessian[i, i] += sign * parameter * first
                for j, other in zip(members, own, strict=True):
                    hessian[i, j] += sign * parameter * other * second


def mean_inverse(w: Floats, a: Parameter, b: Parameter) -> Floats:
    """Return E[1/(1 + w p)] over p ~ Beta(a, b), w ≥ 0: ₂F₁(1, a; a + b; −w).

    Gauss's continued fraction, all of whose terms are positive here, from a depth whose error is below 1e-12
    (the convergents are Gauss–Jacobi rules and converge like exp(−4 depth/√w)).
    """
    c = a + b
    shape = np.broadcast_shapes(w.shape, np.shape(a), np.shape(b))
    found = np.array(np.broadcast_to((1 + np.sqrt(1 + w)) / 2, shape))
    for m in range(12 + int(7 * np.sqrt(w.max(initial=0))), 0, -1):
        np.divide(w, found, out=found)
        found *= (a + m) * (c + m - 1) / ((c + 2 * m - 1) * (c + 2 * m))
        found += 1
        np.divide(w, found, out=found)
        found *= m * (b + m - 1) / ((c + 2 * m - 2) * (c + 2 * m - 1))
        found += 1
    result: Floats = 1 / (1 + w * (a / c) / found)
    return result


def log_gamma_ratio(z: Floats, a: Floats) -> Floats:
    """Return ln Γ(z + a)/Γ(z), by Stirling's series where both are large and gamma functions would cancel."""
    large = np.minimum(z, z + a) > 30
    u = np.where(large, z, 40.0)
    by = np.where(large, a, 0.0)
    near = gammaln(np.where(large, 1.0, z + a)) - gammaln(np.where(large, 1.0, z))
    far = by * np.log(u) + (u + by - 0.5) * np.log1p(by / u) - by
    return np.where(large, far + stirling(u + by, order=0)[0] - stirling(u, order=0)[0], near)


def summed(weight: Floats, values: npt.NDArray[Any]) -> float:
    """Return Σ weight · values; not as a dot product, for which BLAS would start threads."""
    return float(np.einsum("i,i->", weight, values))
