"""Give every customer a probability for every cell of a matrix, where the scores have standard errors.

The scores of different axes are taken as independent and normal: then the probability of a cell is the exact
product of normal probabilities, computed inside the frame's engine. Correlated scores and uncertain weights
are simulated in :mod:`crmkit.segmentation.simulation`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.segmentation import _axis_cuts, _boundary, limits
from crmkit.segmentation._axis_cuts import CutRule
from crmkit.segmentation.limits import Errors
from crmkit.segmentation.matrix import Matrix

_ADDED = ("cell", "probability", "simulation_error", "assigned", "_place", "_rows")


def cell_probabilities(
    frame: FrameT,
    matrix: Matrix,
    *,
    errors: Errors,
    cuts: CutRule | Mapping[str, CutRule] | None = None,
    key: str | Sequence[str] = "customer_id",
) -> FrameT:
    """Compute for each customer the probability of every cell, from the standard errors of the scores.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with a column for each axis – numeric, or of levels if the axis is ordinal – and
        for its standard error or interval.
    matrix : Matrix
        The matrix.
    errors : mapping of str to str or ConfidenceLimits
        How sure the scores are: for an axis, by its column, the column with its standard errors or the
        `ConfidenceLimits` of its interval. An axis left out is known exactly, as an ordinal one always is.
    cuts : str, float, sequence of float or mapping, optional
        How to cut the axes, as in `matrix_cuts`, whose result can be given here.
    key : str or list of str, default "customer_id"
        Columns that name a customer.

    Returns
    -------
    DataFrame
        One row for each customer and cell, of the same kind, sorted by key and in the order of the matrix:
        the key, `cell`, `probability` and `assigned` (whether `classify` places the customer there).

    Raises
    ------
    ColumnError
        If a column is missing or not numeric, or the key has the name of a new column.
    DataError
        If a key is missing or repeated, a value is infinite, a value on a logarithmic axis is not positive, a
        standard error is negative or a lower limit lies above the upper one.
    ParameterError
        If `matrix` is none, a rule of cuts does not fit, or `errors` names what is no axis or an ordinal one.

    Notes
    -----
    The true score of an axis is taken as normal around the observed one, independent of the other axes; on a
    logarithmic axis its logarithm is, with the standard error over the score (delta method). The cuts are
    taken as known. The probabilities of a customer sum to 1. They are null, and `assigned` false everywhere,
    for a customer without a score; null for one without a standard error. One whose standard error is zero is
    in his cell for certain. Lazy frames stay lazy.

    References
    ----------
    Hart et al. (1968), Computer Approximations, function 5666, as arranged by West (2005), Wilmott Magazine,
    for the normal tail.

    Examples
    --------
    A customer on the line between passive and carriage trade, and one far from every line:

    >>> import pandas as pd
    >>> from crmkit.segmentation import SHAPIRO
    >>> base = pd.DataFrame({"customer_id": ["a", "b"], "net_price": [9.0, 9.0],
    ...                      "cost_to_serve": [5.0, 1.0], "se": [1.0, 1.0]})
    >>> cell_probabilities(base, SHAPIRO, errors={"cost_to_serve": "se"}, cuts=5.0).head(4).round(3)
      customer_id              cell  probability  assigned
    0           a    carriage trade          0.5      True
    1           a           passive          0.5     False
    2           a        aggressive          0.0     False
    3           a  bargain basement          0.0     False
    """
    _axis_cuts.check_matrix(matrix)
    given = limits.error_columns(matrix, errors)
    keys = key_columns(key)
    rows = _frames.scan(
        frame,
        dict.fromkeys(keys, "key") | _axis_cuts.axis_roles(matrix) | limits.error_roles(given),
    )
    _axis_cuts.require_levels(rows, matrix)
    refuse_keys(rows, keys, _axis_cuts.unfit_values(matrix.axes) | limits.unfit_errors(matrix, given))
    points = _axis_cuts.find_cuts(_axis_cuts.axis_values(frame, matrix), matrix, cuts)
    rows, _ = _boundary.with_levels(
        rows.with_columns(_place=_boundary.place(matrix, points)), matrix, points, given
    )
    products = dict(zip(matrix.places(), _boundary.cell_products(matrix), strict=True))
    numbers = {cell: number for number, cell in enumerate(matrix.places())}
    parts = [
        rows.select(
            *keys,
            cell=nw.lit(cell.name),
            probability=products[cell],
            assigned=nw.when(nw.col("_place") == numbers[cell]).then(nw.lit(True)).otherwise(nw.lit(False)),
            _place=nw.lit(order, nw.Int64),
        )
        for order, cell in enumerate(matrix.cells)
    ]
    return _frames.give(nw.concat(parts).sort(*keys, "_place").drop("_place"), like=frame)


def key_columns(key: str | Sequence[str]) -> list[str]:
    """Return the names of the key; the result's own are refused."""
    keys = _params.names("key", key)
    if not keys:
        _params.fail("key", "at least one column name", key)
    double = sorted(set(keys) & set(_ADDED))
    if double:
        found = ", ".join(map(repr, double))
        msg = f"`key` must not have the column {found}, which the result adds: rename it."
        raise ColumnError(msg)
    return keys


def refuse_keys(rows: nw.LazyFrame[Any], keys: Sequence[str], checks: Mapping[str, nw.Expr]) -> None:
    """Refuse missing and repeated keys, and whatever else is to be checked, in one query."""
    name = " and ".join(keys)
    missing = nw.any_horizontal(*(nw.col(one).is_null() for one in keys), ignore_nulls=False)
    once = nw.col("_rows").sum().over(*keys)
    counted = rows.with_columns(_rows=nw.lit(1, nw.Int64)).with_columns(_rows=once)
    found = {
        f"without {name}": missing,
        f"with a {name} that another row has too": ~missing & (nw.col("_rows") > 1),
    }
    _frames.refuse(counted, found | dict(checks), table="frame")
