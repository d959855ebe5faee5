"""Find the maximum of a log-likelihood in the logarithms of its parameters, or that it lies at infinity."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crmkit.clv.btyd._special import Floats
from crmkit.errors import ConvergenceError

if TYPE_CHECKING:
    from crmkit.clv.btyd._likelihood import Likelihood

Evaluation = tuple[float, Floats, Floats]

# A parameter may move by a factor of e^16 (9 million) either way from where its time unit puts it.
WIDEST = 16.0
# A direction whose logarithm is uncertain by more than this carries no information: a ridge or a boundary.
VAGUE = 6.0
_PRECISION = 1e-9  # of the log-likelihood that a further Newton step could gain, per customer
_STEPS = 200
# On a flat summit a small slope leaves more than this share of a parameter: a few Newton steps more. A step
# below it errs by its square, and the standard errors before it by itself: it is taken unseen.
_SURE_STEP = 1e-8
_LAST_STEPS = 3
_ROUNDING = 1e-13  # of a log-likelihood


@dataclass(frozen=True, slots=True)
class Optimum:
    """Hold where the log-likelihood is highest, its curvature there, and the directions it runs away in."""

    point: Floats
    value: float
    gradient: Floats
    hessian: Floats
    runaway: dict[int, int]


def maximise(
    evaluate: "Likelihood",
    starts: Sequence[Floats],
    *,
    centre: Floats,
    names: Sequence[str],
    all_starts: bool = False,
) -> Optimum:
    """Maximise by a trust region with exact derivatives; other starts are tried if the first ends badly.

    With `all_starts` they are tried in any case, and the best end counts: some likelihoods have two summits.
    `centre` is the middle of the box that the search keeps to.
    """
    size = evaluate.size
    best: Optimum | None = None
    for start in starts:
        found = _search(evaluate, np.clip(start, centre - WIDEST / 2, centre + WIDEST / 2), centre, size)
        if found is not None and (best is None or found.value > best.value):
            best = found
        if not all_starts and best is not None and not best.runaway and _settled(best, size):
            return best
    if best is None or not (best.runaway or _settled(best, size)):
        where = "" if best is None else f" It stopped at {dict(zip(names, np.exp(best.point), strict=True))}."
        msg = (
            f"The likelihood has no maximum that {len(starts)} starting points lead to.{where} "
            "Check the units of the data, or fit a model with fewer parameters."
        )
        raise ConvergenceError(msg)
    return best


def _search(
    evaluate: Callable[[Floats], Evaluation], start: Floats, centre: Floats, size: float
) -> Optimum | None:
    from scipy.optimize import minimize

    known: dict[bytes, Evaluation] = {}

    def looked_up(point: Floats) -> Evaluation:
        key = point.tobytes()
        if key not in known:
            inside = bool(np.all(np.abs(point - centre) <= WIDEST))
            nowhere = (-np.inf, np.zeros_like(point), np.zeros((len(point), len(point))))
            found = evaluate(point) if inside else nowhere
            known.clear() if len(known) > 4 else None
            known[key] = found if np.isfinite(found[0]) else nowhere
        return known[key]

    if not np.isfinite(looked_up(start)[0]):
        return None
    options = {"gtol": 1e-8, "maxiter": _STEPS, "initial_trust_radius": 1.0, "max_trust_radius": 4.0}
    search: Any = minimize
    with np.errstate(invalid="ignore"):  # an infinite value outside the box meets an infinite prediction
        result = search(
            lambda point: -looked_up(point)[0] / size,
            start,
            jac=lambda point: -looked_up(point)[1] / size,
            hess=lambda point: -looked_up(point)[2] / size,
            method="trust-exact",
            options=options,
        )
    return at(looked_up, np.asarray(result.x, dtype=float), centre)


def at(evaluate: Callable[[Floats], Evaluation], point: Floats, centre: Floats) -> Optimum:
    """Return what is known of the likelihood at a point."""
    value, gradient, hessian = evaluate(point)
    return Optimum(point, value, gradient, hessian, _runaway(point, hessian, centre))


def polished(evaluate: Callable[[Floats], Evaluation], found: Optimum, centre: Floats) -> Optimum:
    """Take the last Newton steps, so that the order of the data shows in the last digits only."""
    for _ in range(_LAST_STEPS):
        if found.runaway:
            break
        step = np.linalg.solve(-found.hessian, found.gradient)
        if np.abs(step).max() <= _SURE_STEP:
            return replace(found, point=found.point + step)
        nearer = at(evaluate, found.point + step, centre)
        if nearer.runaway or not nearer.value >= found.value - _ROUNDING * abs(found.value):
            break
        found = nearer
    return found


def _settled(found: Optimum, size: float) -> bool:
    """Say whether a Newton step would gain next to nothing; no direction is flat where nothing runs away."""
    gain = found.gradient @ np.linalg.solve(-found.hessian, found.gradient) / 2
    return bool(gain <= max(_PRECISION * size, 1e-7))


def _runaway(point: Floats, hessian: Floats, centre: Floats) -> dict[int, int]:
    """Name the parameters that run to 0 (-1) or to infinity (1): those of the flat directions."""
    curvature, directions = np.linalg.eigh(-hessian)
    away = point - centre
    found: dict[int, int] = {}
    for value, direction in zip(curvature, directions.T, strict=True):
        if value < VAGUE**-2:
            weight = np.abs(direction)
            for place in np.flatnonzero(weight > 0.3 * weight.max()):
                found[int(place)] = 1 if away[place] > 0 else -1
    for place in np.flatnonzero(np.abs(away) > WIDEST - 1):
        found[int(place)] = 1 if away[place] > 0 else -1
    return found


def covariance(hessian: Floats) -> npt.NDArray[np.float64]:
    """Invert the information; symmetric to the last digit."""
    inverse = np.linalg.inv(-hessian)
    return np.asarray((inverse + inverse.T) / 2)
