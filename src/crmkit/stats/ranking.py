"""Say how well scores rank what happened: the area under the curve, and Gini's concentration."""

from typing import TYPE_CHECKING

import numpy as np

from crmkit.errors import DataError
from crmkit.stats import _arrays

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def normalised_gini(actual: "ArrayLike", score: "ArrayLike", *, weight: "ArrayLike | None" = None) -> float:
    """Compare how scores concentrate an outcome with how the best possible ranking would.

    Parameters
    ----------
    actual : array_like
        The outcome, at least 0, such as purchases or money.
    score : array_like
        What ranks the rows; the highest comes first.
    weight : array_like, optional
        How many cases each row stands for, at least 0; None counts each once.

    Returns
    -------
    float
        1 for the best ranking, 0 for none, negative for a reversed one; nan where all outcomes are equal.

    Raises
    ------
    DataError
        If the arrays differ in length, hold nan or infinity, or an outcome or a weight is negative.

    Notes
    -----
    Rows with equal scores count as mixed evenly, so that the result does not depend on the order of the rows.

    References
    ----------
    Frees, E. W., Meyers, G. and Cummings, A. D. (2011). Summarizing insurance scores using a Gini index.
    Journal of the American Statistical Association 106(495), 1085-1098.

    Examples
    --------
    >>> normalised_gini([0, 1, 0, 3], [0.1, 0.4, 0.2, 0.9])
    1.0
    >>> normalised_gini([0, 1, 0, 3], [1, 1, 1, 1])
    0.0
    """
    y, s, w = _checked(actual, score, weight)
    best = _concentration(y, y, w)
    return _concentration(y, s, w) / best if best > 0 else float("nan")


def area_under_curve(event: "ArrayLike", score: "ArrayLike", *, weight: "ArrayLike | None" = None) -> float:
    """Give the chance that a random case with the event has a higher score than a random one without.

    Parameters
    ----------
    event : array_like
        1 or True where the event happened, else 0.
    score : array_like
        What ranks the rows.
    weight : array_like, optional
        How many cases each row stands for, at least 0; None counts each once.

    Returns
    -------
    float
        The area under the ROC curve, ties counted half: 0.5 without information; nan where everyone or nobody
        has the event.

    Raises
    ------
    DataError
        If the arrays differ in length, hold nan or infinity, an event is neither 0 nor 1, or a weight is
        negative.

    References
    ----------
    Hanley, J. A. and McNeil, B. J. (1982). The meaning and use of the area under a receiver operating
    characteristic (ROC) curve. Radiology 143(1), 29-36.

    Examples
    --------
    >>> area_under_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    y, s, w = _checked(event, score, weight)
    if not np.isin(y, (0, 1)).all():
        msg = f"`event` must be 0 or 1. Found {int((~np.isin(y, (0, 1))).sum())} other values: compare first."
        raise DataError(msg)
    _, place = np.unique(s, return_inverse=True)
    with_event = np.bincount(place, weights=w * y)
    without = np.bincount(place, weights=w * (1 - y))
    pairs = with_event.sum() * without.sum()
    below = np.cumsum(without) - without
    return float(with_event @ (below + without / 2) / pairs) if pairs > 0 else float("nan")


def _checked(
    actual: "ArrayLike", score: "ArrayLike", weight: "ArrayLike | None"
) -> "tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]":
    y, s = _arrays.aligned({"actual": actual, "score": score})
    w = np.ones(y.shape) if weight is None else _arrays.floats("weight", weight)
    bad = {
        "not finite": ~(np.isfinite(y) & np.isfinite(s)),
        "negative outcomes": y < 0,
    }
    found = [f"{int(rows.sum())} of {y.size} rows {text}" for text, rows in bad.items() if rows.any()]
    if w.shape != y.shape or not ((w >= 0) & (w < np.inf)).all():
        found.append(f"weights that are not {y.size} finite numbers of at least 0")
    if found:
        msg = (
            f"Ranking needs finite scores and outcomes of at least 0. Found {'; '.join(found)}: correct them."
        )
        raise DataError(msg)
    return y.ravel(), s.ravel(), w.ravel()


def _concentration(
    y: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    score: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    w: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> float:
    """Return the area between the curve of cumulated outcomes, best scores first, and the diagonal."""
    _, place = np.unique(-score, return_inverse=True)
    cases, outcome = np.bincount(place, weights=w), np.bincount(place, weights=w * y)
    total, size = outcome.sum(), cases.sum()
    if total <= 0 or size <= 0:
        return 0.0
    reached = np.cumsum(outcome) / total
    before = reached - outcome / total
    return float((cases / size) @ (reached + before) / 2 - 0.5)
