"""Turn pairwise comparisons of importance into weights, and say how consistent they are.

The eigenvector method of the analytic hierarchy process.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from crmkit import _params
from crmkit.errors import CRMKitWarning, DataError
from crmkit.stats import _arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

RANDOM_INDEX = (0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59)
_ACCEPTED_RATIO = 0.1
_RECIPROCAL = 1e-6
_SHOWN = 7


@dataclass(frozen=True, slots=True)
class PairwiseWeights:
    """Hold the weights that pairwise comparisons imply and how consistent the comparisons are.

    Parameters
    ----------
    weights : dict of str to float
        Weight of each attribute; they sum to 1.
    eigenvalue : float
        λ_max, the principal eigenvalue of the comparisons; equal to the number of attributes, n, when they
        agree perfectly.
    consistency_index : float
        (λ_max − n) / (n − 1); 0 for one attribute.
    random_index : float
        The mean index of random comparisons of n attributes, from Saaty's table.
    consistency_ratio : float
        Consistency index ÷ random index; 0 for one or two attributes, which cannot contradict themselves.
    worst_pair : tuple or None
        The comparison farthest from what the weights imply: (attribute, attribute, given, implied); None for
        fewer than three attributes.

    Examples
    --------
    >>> judged = pairwise_weights({("price", "service"): 3})
    >>> judged
    PairwiseWeights(price 0.750, service 0.250; consistency ratio 0.000)
    >>> judged.weights
    {'price': 0.75, 'service': 0.25}
    """

    weights: dict[str, float]
    eigenvalue: float
    consistency_index: float
    random_index: float
    consistency_ratio: float
    worst_pair: tuple[str, str, float, float] | None

    def __repr__(self) -> str:
        heaviest = sorted(self.weights.items(), key=lambda item: -round(item[1], 3))
        shown = ", ".join(f"{name} {weight:.3f}" for name, weight in heaviest[:_SHOWN])
        rest = len(heaviest) - _SHOWN
        more = f", {rest} more" if rest > 0 else ""
        return f"PairwiseWeights({shown}{more}; consistency ratio {self.consistency_ratio:.3f})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dictionary, ready for JSON.

        Returns
        -------
        dict
            One item a field, in the order of the class.

        Examples
        --------
        >>> pairwise_weights({("price", "service"): 3}).to_dict()["consistency_ratio"]
        0.0
        """
        return asdict(self)


def pairwise_weights(
    comparisons: "Mapping[tuple[str, str], float] | ArrayLike", *, attributes: Sequence[str] | None = None
) -> PairwiseWeights:
    """Compute importance weights from comparisons of two attributes at a time.

    Parameters
    ----------
    comparisons : mapping or array_like
        How many times as important the first attribute of a pair is as the second: a mapping of
        (attribute, attribute) to a positive number, each pair once (or both ways, if reciprocal), or the
        square matrix of all comparisons, with ones in its diagonal and reciprocals across it. Saaty's scale
        runs from 1 (equal) through 3, 5 and 7 to 9 (extreme).
    attributes : sequence of str, optional
        Names of the rows, needed with a matrix; with a mapping the order of the weights.

    Returns
    -------
    PairwiseWeights
        Weights, consistency index and ratio, and the comparison that fits least.

    Raises
    ------
    ParameterError
        If `attributes` is missing, has double names or does not name the attributes of a mapping.
    DataError
        If a comparison is missing, not positive or not reciprocal, or there are more than 15 attributes.

    Warns
    -----
    CRMKitWarning
        If the consistency ratio is above 0.10, which Saaty asks to revise.

    Notes
    -----
    The weights are the principal right eigenvector, scaled to sum to 1. Random index for 1 to 15 attributes:
    0, 0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59. Later simulations give
    slightly other values (0.52 instead of 0.58 for three attributes, for example).

    References
    ----------
    Saaty (1980), The Analytic Hierarchy Process, McGraw-Hill (eigenvector, index, table). The example is
    that of Saaty (2008), Int. J. Services Sciences 1(1), 83–98, table 2: what Americans drink.

    Examples
    --------
    >>> drinks = ["coffee", "wine", "tea", "beer", "sodas", "milk", "water"]
    >>> judged = pairwise_weights(
    ...     [
    ...         [1, 9, 5, 2, 1, 1, 1 / 2],
    ...         [1 / 9, 1, 1 / 3, 1 / 9, 1 / 9, 1 / 9, 1 / 9],
    ...         [1 / 5, 3, 1, 1 / 3, 1 / 4, 1 / 3, 1 / 9],
    ...         [1 / 2, 9, 3, 1, 1 / 2, 1, 1 / 3],
    ...         [1, 9, 4, 2, 1, 2, 1 / 2],
    ...         [1, 9, 3, 1, 1 / 2, 1, 1 / 3],
    ...         [2, 9, 9, 3, 2, 3, 1],
    ...     ],
    ...     attributes=drinks,
    ... )
    >>> [round(weight, 3) for weight in judged.weights.values()]
    [0.177, 0.019, 0.042, 0.116, 0.19, 0.129, 0.327]
    >>> round(judged.consistency_ratio, 3)
    0.022
    """
    import numpy as np

    names, a = _matrix(comparisons, attributes)
    n = len(names)
    if n > len(RANDOM_INDEX):
        msg = (
            f"`comparisons` must be of at most {len(RANDOM_INDEX)} attributes, for which a random index is "
            f"tabulated. Found {n}: group them, and weigh the groups first."
        )
        raise DataError(msg)
    values, vectors = np.linalg.eig(a)
    principal = int(np.argmax(values.real))
    w = np.abs(vectors[:, principal].real)
    w = w / w.sum()
    lambda_max = float(values[principal].real)
    ci = max(lambda_max - n, 0.0) / (n - 1) if n > 2 else 0.0
    ri = RANDOM_INDEX[n - 1]
    ratio = ci / ri if ri else 0.0
    worst = _worst_pair(a, w, names) if n > 2 else None
    if ratio > _ACCEPTED_RATIO and worst is not None:
        msg = (
            f"The comparisons contradict each other: consistency ratio {ratio:.3f}, above {_ACCEPTED_RATIO}. "
            f"Revise '{worst[0]}' against '{worst[1]}' first: given {worst[2]:.3g}, the others imply "
            f"{worst[3]:.3g}."
        )
        warnings.warn(msg, CRMKitWarning, stacklevel=2)
    weights = {name: float(weight) for name, weight in zip(names, w, strict=True)}
    return PairwiseWeights(weights, lambda_max, ci, ri, ratio, worst)


def _worst_pair(
    a: "NDArray[np.float64]", w: "NDArray[np.float64]", names: list[str]
) -> tuple[str, str, float, float]:
    """Find the comparison whose ratio to w_i / w_j is farthest from 1."""
    import numpy as np

    implied = w[:, None] / w[None, :]
    i, j = np.unravel_index(int(np.argmax(np.triu(np.abs(np.log(a / implied))))), a.shape)
    return names[i], names[j], float(a[i, j]), float(implied[i, j])


def _matrix(comparisons: Any, attributes: Sequence[str] | None) -> "tuple[list[str], NDArray[np.float64]]":
    """Return the names and the reciprocal matrix of positive comparisons."""
    import numpy as np

    names = None if attributes is None else _params.names("attributes", attributes)
    if isinstance(comparisons, Mapping):
        return _from_pairs(comparisons, names)
    a = _arrays.floats("comparisons", comparisons)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not a.size:
        msg = f"`comparisons` must be a mapping of pairs or a square matrix. Found the shape {a.shape}."
        raise DataError(msg)
    if names is None or len(names) != len(a):
        _params.fail("attributes", f"{len(a)} names, one for each row of the matrix", attributes)
    positive = np.isfinite(a) & (a > 0)
    safe = np.where(positive, a, 1.0)
    off = positive & positive.T & (np.abs(np.log(safe) + np.log(safe.T)) > _RECIPROCAL)
    if not positive.all() or off.any():
        msg = (
            "`comparisons` must be positive, with ones in the diagonal and a[j, i] = 1 / a[i, j]. Found "
            f"{int((~positive).sum())} of {a.size} not positive and {int(np.triu(off).sum())} pairs not "
            "reciprocal: give one half as a mapping of pairs."
        )
        raise DataError(msg)
    return names, a


def _from_pairs(
    comparisons: Mapping[Any, float], names: list[str] | None
) -> "tuple[list[str], NDArray[np.float64]]":
    """Fill the matrix from a mapping, in which each pair must stand once, or both ways and reciprocal."""
    import numpy as np

    pairs = [isinstance(pair, tuple) and len(pair) == 2 and pair[0] != pair[1] for pair in comparisons]
    if not pairs or not all(pairs):
        _params.fail("comparisons", "a mapping of pairs of two attributes", list(comparisons))
    found = list(dict.fromkeys(name for pair in comparisons for name in pair))
    if names is not None and set(names) != set(found):
        _params.fail("attributes", f"the attributes of the comparisons, {found}", names)
    names = names or found
    place = {name: i for i, name in enumerate(names)}
    a = np.full((len(names), len(names)), math.nan)
    np.fill_diagonal(a, 1.0)
    for (one, other), given in comparisons.items():
        ratio = _params.number(f"comparisons['{one}', '{other}']", given, low=0, open_low=True)
        i, j = place[one], place[other]
        if abs(math.log(ratio * (a[j, i] if a[j, i] > 0 else 1 / ratio))) > _RECIPROCAL:
            msg = (
                f"`comparisons` must be reciprocal. Found {ratio:g} for '{one}' against '{other}' and "
                f"{a[j, i]:g} the other way: give each pair once."
            )
            raise DataError(msg)
        a[i, j], a[j, i] = ratio, 1 / ratio
    missing = [f"'{names[i]}' against '{names[j]}'" for i, j in np.argwhere(np.isnan(np.triu(a)))]
    if missing:
        msg = f"`comparisons` must have every pair. Missing {len(missing)}: {', '.join(missing[:5])}."
        raise DataError(msg)
    return names, a
