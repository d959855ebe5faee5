"""Simulate the probability of every cell of a matrix: correlated scores, uncertain importance weights.

Where the scores of the axes are independent, :func:`crmkit.segmentation.cell_probabilities` is exact and
needs no chance. Here all customers share the same draws, so that a result does not depend on the order of the
rows or on who else is in the table.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.segmentation import _axis_cuts, _boundary, limits
from crmkit.segmentation._axis_cuts import CutRule
from crmkit.segmentation.limits import Errors
from crmkit.segmentation.matrix import Matrix
from crmkit.segmentation.uncertainty import key_columns, refuse_keys

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_AT_ONCE = 4_000_000


def correlated_cell_probabilities(
    frame: FrameT,
    matrix: Matrix,
    *,
    errors: Errors,
    correlation: float | Sequence[Sequence[float]],
    random_state: "int | np.random.Generator",
    cuts: CutRule | Mapping[str, CutRule] | None = None,
    key: str | Sequence[str] = "customer_id",
    draws: int = 10_000,
) -> FrameT:
    """Simulate for each customer the probability of every cell, where the errors of the axes are correlated.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with a column for each axis – numeric, or of levels if the axis is ordinal – and
        for its standard error or interval.
    matrix : Matrix
        The matrix.
    errors : mapping of str to str or ConfidenceLimits
        How sure the scores are, as in `cell_probabilities`. An axis left out is known exactly, as an ordinal
        one always is.
    correlation : float or sequence of sequences of float
        Correlation of the errors of two axes, or the matrix of those of all axes, in their order.
    random_state : int or numpy.random.Generator
        Seed or generator of the draws.
    cuts : str, float, sequence of float or mapping, optional
        How to cut the axes, as in `matrix_cuts`.
    key : str or list of str, default "customer_id"
        Columns that name a customer.
    draws : int, default 10000
        Number of draws, at least 100.

    Returns
    -------
    DataFrame
        As `cell_probabilities` gives it, with `simulation_error`: the standard error that the number of draws
        leaves in the probability.

    Raises
    ------
    ColumnError
        If a column is missing or not numeric, or the key has the name of a new column.
    DataError
        As in `cell_probabilities`.
    ParameterError
        If an argument is outside its range, or the correlations are none.

    Notes
    -----
    Missing scores and standard errors give null probabilities. The rows come to Python, also those of lazy
    frames.

    Examples
    --------
    On both lines at once, errors that go together make the cells where both are high or both low likelier:

    >>> import pandas as pd
    >>> from crmkit.segmentation import SHAPIRO
    >>> base = pd.DataFrame({"customer_id": ["a"], "net_price": [5.0], "cost_to_serve": [5.0], "se": [1.0]})
    >>> errors = {"net_price": "se", "cost_to_serve": "se"}
    >>> found = correlated_cell_probabilities(base, SHAPIRO, errors=errors, correlation=0.5, cuts=5.0,
    ...                                       random_state=1)
    >>> found["probability"].round(1).tolist()
    [0.3, 0.2, 0.2, 0.3]
    """
    _axis_cuts.check_matrix(matrix)
    given = limits.error_columns(matrix, errors)
    keys, count = key_columns(key), _params.integer("draws", draws, low=100)
    root = _root(correlation, len(matrix.axes))
    roles = _axis_cuts.axis_roles(matrix) | limits.error_roles(given)
    rows = _frames.scan(frame, dict.fromkeys(keys, "key") | roles)
    _axis_cuts.require_levels(rows, matrix)
    refuse_keys(rows, keys, _axis_cuts.unfit_values(matrix.axes) | limits.unfit_errors(matrix, given))
    points = _axis_cuts.find_cuts(_axis_cuts.axis_values(frame, matrix), matrix, cuts)
    cut = [np.array(_boundary.scaled_cuts(axis, points[axis.column])) for axis in matrix.axes]
    scored = {f"_x_{i}": _boundary.score(axis) for i, axis in enumerate(matrix.axes)}
    spread = {f"_se_{i}": _boundary.standard_error(axis, given) for i, axis in enumerate(matrix.axes)}
    local = _frames.collect(rows.with_columns(**scored, **spread).select(*keys, *scored, *spread))
    x, se = (local[list(names)].to_numpy(dtype=float) for names in (scored, spread))
    normal = _params.generator(random_state).standard_normal((count, len(cut))) @ root.T

    def draw(part: slice, i: int) -> "NDArray[np.float64]":
        scores: NDArray[np.float64] = x[part, i, None] + se[part, i, None] * normal[None, :, i]
        return scores

    shares = _shares(draw, cut, len(local), count)
    shares[np.isnan(x).any(axis=1) | np.isnan(se).any(axis=1)] = np.nan
    table = _long(matrix, local[keys], shares, _places(x, cut), count)
    return _frames.give(_joins.attach(table, to=rows), like=frame)


def weighted_cell_probabilities(
    frame: FrameT,
    matrix: Matrix,
    *,
    weights: Mapping[str, Mapping[str, float]],
    concentration: float,
    random_state: "int | np.random.Generator",
    cuts: CutRule | Mapping[str, CutRule] | None = None,
    key: str | Sequence[str] = "customer_id",
    draws: int = 2_000,
) -> FrameT:
    """Simulate for each customer the probability of every cell, where importance weights are uncertain.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with a numeric column for each rated attribute and each axis without weights.
    matrix : Matrix
        The matrix.
    weights : mapping of str to mapping of str to float
        For an axis, by its column, the importance weight of each attribute, by its column; those of an axis
        sum to 1. Its score is the weighted sum of the ratings. An axis left out is read from its column, as
        an ordinal one always is.
    concentration : float
        How firmly the weights are held, at least 1: as if this many points had been handed out to the
        attributes of an axis. A weight w varies with the standard deviation √(w (1 − w) / (c + 1)).
    random_state : int or numpy.random.Generator
        Seed or generator of the draws.
    cuts : str, float, sequence of float or mapping, optional
        How to cut the axes, as in `matrix_cuts`; a rule is read from the scores under the weights given.
    key : str or list of str, default "customer_id"
        Columns that name a customer.
    draws : int, default 2000
        Number of draws, at least 100.

    Returns
    -------
    DataFrame
        As `cell_probabilities` gives it, with `simulation_error`: the standard error that the number of draws
        leaves in the probability.

    Raises
    ------
    ColumnError
        If a column is missing or not numeric, or the key has the name of a new column.
    DataError
        If a key is missing or repeated, or a rating is infinite.
    ParameterError
        If an argument is outside its range, weights do not sum to 1, or an axis that has weights is unknown,
        logarithmic or ordinal.

    Notes
    -----
    The weights of an axis are drawn from a Dirichlet distribution around those given, one set a draw for all
    customers: a customer rated alike on all attributes keeps his score. A missing rating gives null
    probabilities. The rows come to Python, also those of lazy frames.

    References
    ----------
    Butler, Jia & Dyer (1997), European Journal of Operational Research 103(3), 531-546, simulate the weights
    of a rating model to see whether its choice depends on them.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import MCKINSEY_GE
    >>> base = pd.DataFrame({"customer_id": ["a"], "size": [5], "growth": [2], "company_fit": [4]})
    >>> weights = {"segment_attractiveness": {"size": 0.5, "growth": 0.5}}
    >>> found = weighted_cell_probabilities(base, MCKINSEY_GE, weights=weights, concentration=20,
    ...                                     cuts=(2.5, 3.5), random_state=1)
    >>> found[found["probability"] > 0.01][["cell", "probability", "assigned"]].round(2)
                                   cell  probability  assigned
    0   protect and invest (high, high)         0.48      True
    3  build selectively (medium, high)         0.52     False
    """
    _axis_cuts.check_matrix(matrix)
    _check_weights(matrix, weights)
    c = _params.number("concentration", concentration, low=1)
    keys, count = key_columns(key), _params.integer("draws", draws, low=100)
    rated = {axis.column: weights.get(axis.column, {axis.column: 1.0}) for axis in matrix.axes}
    ordinal = [axis for axis in matrix.axes if axis.ordinal]
    labels = {axis.column: "label" for axis in ordinal}
    names = dict.fromkeys(name for attributes in rated.values() for name in attributes if name not in labels)
    rows = _frames.scan(frame, dict.fromkeys(keys, "key") | dict.fromkeys(names, "number") | labels)
    _axis_cuts.require_levels(rows, matrix)
    refuse_keys(rows, keys, _axis_cuts.infinite(*names))
    numbers = {axis.column: _boundary.value(axis) for axis in ordinal}
    local = _frames.collect(rows.with_columns(**numbers) if numbers else rows)
    ratings = [local[list(attributes)].to_numpy(dtype=float) for attributes in rated.values()]
    given = [np.array(list(attributes.values())) for attributes in rated.values()]
    scores = np.column_stack([some @ weight for some, weight in zip(ratings, given, strict=True)])
    cut = _cuts_of_scores(matrix, scores, cuts, ratings)
    rng = _params.generator(random_state)
    drawn = [_dirichlet(rng, c, weight, count) for weight in given]
    shares = _shares(lambda part, i: ratings[i][part] @ drawn[i].T, cut, len(local), count)
    shares[np.isnan(scores).any(axis=1)] = np.nan
    table = _long(matrix, local[keys], shares, _places(scores, cut), count)
    return _frames.give(_joins.attach(table, to=rows), like=frame)


def _root(correlation: float | Sequence[Sequence[float]], axes: int) -> "NDArray[np.float64]":
    """Return a root of the correlation matrix, of full rank or not."""
    requirement = f"a correlation, or a symmetric matrix of those of {axes} axes with ones in its diagonal"
    try:
        R = np.array(correlation, dtype=float)
    except (TypeError, ValueError):
        _params.fail("correlation", requirement, correlation)
    if R.ndim == 0 and axes == 2:
        R = np.array([[1.0, float(R)], [float(R), 1.0]])
    plain = R.shape == (axes, axes) and bool(np.isfinite(R).all())
    if not plain or not np.array_equal(R, R.T) or (np.diag(R) != 1).any():
        _params.fail("correlation", requirement, correlation)
    size, directions = np.linalg.eigh(R)
    if size[0] < -1e-9:
        _params.fail(
            "correlation", "a matrix that correlations can have (no negative eigenvalue)", correlation
        )
    root: NDArray[np.float64] = directions * np.sqrt(np.clip(size, 0, None))
    return root


def _check_weights(matrix: Matrix, weights: Mapping[str, Mapping[str, float]]) -> None:
    if not isinstance(weights, Mapping) or not weights or not set(weights) <= set(matrix.columns):
        _params.fail("weights", f"a mapping of the axes {matrix.columns} to weights of attributes", weights)
    for axis in matrix.axes:
        given = weights.get(axis.column)
        if given is None:
            continue
        if axis.scale != "linear":
            kind = "ordinal" if axis.ordinal else "logarithmic"
            _params.fail("weights", f"of linear axes: '{axis.column}' is {kind}", given)
        fitting = isinstance(given, Mapping) and all(
            isinstance(name, str) and _params.is_number(w) and w >= 0 for name, w in given.items()
        )
        if not fitting or abs(sum(given.values()) - 1) > 1e-9:
            requirement = f"weights of attributes of '{axis.column}', not negative, that sum to 1"
            _params.fail("weights", requirement, given)


def _cuts_of_scores(
    matrix: Matrix,
    scores: "NDArray[np.float64]",
    cuts: CutRule | Mapping[str, CutRule] | None,
    ratings: "list[NDArray[np.float64]]",
) -> "list[NDArray[np.float64]]":
    """Find the cuts on the weighted scores, lowered by what rounding may take from a weighted sum."""
    import pandas as pd

    values = _axis_cuts.axis_values(pd.DataFrame(scores, columns=matrix.columns), matrix)
    points = _axis_cuts.find_cuts(values, matrix, cuts)
    slack = [1e-12 * float(np.nanmax(np.abs(some), initial=0)) for some in ratings]
    return [np.array(points[name]) - some for name, some in zip(matrix.columns, slack, strict=True)]


def _dirichlet(
    rng: np.random.Generator, c: float, weight: "NDArray[np.float64]", count: int
) -> "NDArray[np.float64]":
    """Draw weights around the given ones; an attribute of weight 0 keeps it."""
    gamma = rng.standard_gamma(c * weight, size=(count, len(weight)))
    drawn: NDArray[np.float64] = gamma / gamma.sum(axis=1, keepdims=True)
    return drawn


def _places(scores: "NDArray[np.float64]", cuts: "list[NDArray[np.float64]]") -> "NDArray[np.intp]":
    """Return the number of the cell of each row in `Matrix.places`; -1 where a score is missing."""
    place = np.zeros(len(scores), dtype=np.intp)
    for i, cut in enumerate(cuts):
        place = place * (len(cut) + 1) + np.searchsorted(cut, scores[:, i], side="right")
    return np.where(np.isnan(scores).any(axis=1), -1, place)


def _shares(
    draw: "Callable[[slice, int], NDArray[np.float64]]",
    cuts: "list[NDArray[np.float64]]",
    rows: int,
    count: int,
) -> "NDArray[np.float64]":
    """Return rows × cells: the share of draws in which each row lies in each cell."""
    cells = math.prod(len(cut) + 1 for cut in cuts)
    counted = np.zeros((rows, cells))
    step = max(1, _AT_ONCE // count)
    for start in range(0, rows, step):
        part = slice(start, min(start + step, rows))
        size = part.stop - start
        place = np.zeros((size, count), dtype=np.intp)
        for i, cut in enumerate(cuts):
            scores = draw(part, i)
            place *= len(cut) + 1
            for point in cut:
                place += scores >= point
        place += cells * np.arange(size)[:, None]
        counted[part] = np.bincount(place.ravel(), minlength=size * cells).reshape(size, cells)
    return counted / count


def _long(
    matrix: Matrix,
    keys: "pd.DataFrame",
    shares: "NDArray[np.float64]",
    places: "NDArray[np.intp]",
    count: int,
) -> "pd.DataFrame":
    """Write the shares as one row for each customer and cell, sorted by key."""
    numbers = {cell: number for number, cell in enumerate(matrix.places())}
    order = [numbers[cell] for cell in matrix.cells]
    sorted_ = (
        keys.reset_index(drop=True).sort_values([str(name) for name in keys], kind="stable").index.to_numpy()
    )
    long = keys.iloc[np.repeat(sorted_, len(order))].reset_index(drop=True)
    p = shares[sorted_][:, order].ravel()
    return long.assign(
        cell=np.tile([cell.name for cell in matrix.cells], len(keys)),
        probability=p,
        simulation_error=np.sqrt(p * (1 - p) / count),
        assigned=(places[sorted_, None] == np.array(order)).ravel(),
    )
