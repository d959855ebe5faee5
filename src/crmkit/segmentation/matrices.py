"""Place each customer in the cell of a matrix, with its strategy and how near the boundary it stands.

One engine for every matrix: `matrix_catalogue` declares the axes and cells, this module finds the cut points
(:func:`matrix_cuts`), classifies (:func:`classify`) and counts (:func:`cell_counts`). Cut points come back as
a plain dictionary that goes in again, so that next year's customers are measured by this year's lines.
:mod:`crmkit.segmentation.uncertainty` gives the probability of every cell.
"""

from collections.abc import Mapping
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.segmentation import _axis_cuts, _boundary, _cells, limits
from crmkit.segmentation._axis_cuts import CutRule
from crmkit.segmentation.limits import Errors
from crmkit.segmentation.matrix import Matrix
from crmkit.stats import allocation

_ADDED = ("cell", "strategy", "nearest_axis", "boundary_distance", "boundary_sigmas", "cell_probability")


def matrix_cuts(
    frame: object, matrix: Matrix, *, cuts: CutRule | Mapping[str, CutRule] | None = None
) -> dict[str, tuple[float, ...]]:
    """Find the cut points of a matrix on a table of customers.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with a numeric column for each axis; those of ordinal axes are not looked at.
    matrix : Matrix
        The matrix, such as `SHAPIRO`.
    cuts : str, float, sequence of float or mapping, optional
        How to cut the axes, or each by its column: numbers (one fewer than levels, increasing), "zero",
        "median" (both for two levels), "quantile" (levels of nearly equal size; ties stay together) or
        "break" (k-means in one dimension: the levels whose values lie closest together). Left out, the matrix
        must have its own; an axis that a mapping leaves out keeps its own.

    Returns
    -------
    dict of str to tuple of float
        Cut points of each axis by column, but for ordinal ones. A value on a cut belongs to the level above.

    Raises
    ------
    ColumnError
        If an axis has no numeric column.
    DataError
        If a rule asks more of a column than it has: a value for a quantile, as many distinct finite values as
        levels for a break.
    ParameterError
        If `matrix` is none, or a rule is unknown, does not fit the number of levels, or an axis has none.

    Notes
    -----
    Missing values do not count. A quantile of few distinct values can leave a level empty. From a lazy frame
    only as many rows as there are levels are fetched, but for a break every distinct value of the column. On
    a logarithmic axis breaks are those of the logarithms.

    References
    ----------
    The rules are those of :func:`crmkit.stats.quantile_cuts` and :func:`crmkit.stats.break_cuts`.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import SHAPIRO
    >>> base = pd.DataFrame({"net_price": [1, 2, 3, 4], "cost_to_serve": [9, 9, 2, 1]})
    >>> matrix_cuts(base, SHAPIRO, cuts={"net_price": "median", "cost_to_serve": 5})
    {'net_price': (3.0,), 'cost_to_serve': (5.0,)}
    """
    _axis_cuts.check_matrix(matrix)
    found = _axis_cuts.find_cuts(_axis_cuts.axis_values(frame, matrix), matrix, cuts)
    return {axis.column: found[axis.column] for axis in matrix.axes if not axis.ordinal}


def classify(
    frame: FrameT,
    matrix: Matrix,
    *,
    cuts: CutRule | Mapping[str, CutRule] | None = None,
    errors: Errors | None = None,
) -> FrameT:
    """Place each customer in a cell of a matrix.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with a column for each axis: numbers, or the names of the levels if the axis is
        ordinal. Other columns are kept.
    matrix : Matrix
        The matrix, such as `SHAPIRO` or `CPA`, or one of your own.
    cuts : str, float, sequence of float or mapping, optional
        How to cut the axes, as in `matrix_cuts`, whose result can be given here.
    errors : mapping of str to str or ConfidenceLimits, optional
        How sure the scores are: for an axis, by its column, the column with its standard errors or the
        `ConfidenceLimits` of its interval. An axis left out is known exactly, as an ordinal one always is.

    Returns
    -------
    DataFrame
        The rows of `frame`, of the same kind, with `cell`, `strategy`, `nearest_axis` (column of the axis
        whose boundary is nearest), `boundary_distance` (value less the nearest cut, in the unit of that
        axis, negative below it; on a logarithmic axis the natural logarithm of value over cut) and
        `boundary_sigmas` (its size in standard deviations of that axis over the customers, by which the
        nearest is chosen). With `errors` also `cell_probability`: how likely the cell is the customer's true
        one.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the frame has one of the new columns already.
    DataError
        If a rule asks more of a column than it has, a value is infinite, not positive on a logarithmic axis
        or no level on an ordinal one, a standard error is negative or a lower limit above the upper one.
    ParameterError
        If `matrix` is none, a rule is unknown, does not fit the number of levels, or an axis has none, or
        `errors` names what is no axis or an ordinal one.

    Notes
    -----
    A value on a cut belongs to the level above it. A customer with a missing value on any axis is kept, with
    null in every new column; :func:`cell_counts` counts them. Where all values of an axis are equal, one unit
    of the axis counts as a standard deviation. A tie between axes goes to the first, between cuts to the
    lower. An ordinal axis has no distances and is never the nearest; if all are, the three are null. The
    probability is that of :func:`cell_probabilities`, null where a standard error is missing: a customer on
    the line between two cells has 0.5. Lazy frames stay lazy.

    References
    ----------
    The matrix names its own in `source`.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import SHAPIRO
    >>> base = pd.DataFrame({"customer_id": list("abcd"), "net_price": [9.0, 9.0, 1.0, 1.0],
    ...                      "cost_to_serve": [8.0, 2.0, 8.0, 4.0]})
    >>> classify(base, SHAPIRO, cuts=5.0)[["customer_id", "cell", "nearest_axis", "boundary_distance"]]
      customer_id              cell   nearest_axis  boundary_distance
    0           a    carriage trade      net_price                4.0
    1           b           passive      net_price                4.0
    2           c        aggressive      net_price               -4.0
    3           d  bargain basement  cost_to_serve               -1.0
    >>> sure = classify(base.assign(se=1.0), SHAPIRO, cuts=5.0, errors={"cost_to_serve": "se"})
    >>> sure["cell_probability"].round(4).tolist()
    [0.9987, 0.9987, 0.9987, 0.8413]
    """
    _axis_cuts.check_matrix(matrix)
    given = {} if errors is None else limits.error_columns(matrix, errors)
    _check_new(frame)
    roles = _axis_cuts.axis_roles(matrix) | limits.error_roles(given)
    rows = _frames.scan(frame, roles, keep=True)
    _axis_cuts.require_levels(rows, matrix)
    checks = _axis_cuts.unfit_values(matrix.axes) | limits.unfit_errors(matrix, given)
    if checks:  # levels alone leave nothing to check
        _frames.refuse(rows.select(*roles), checks, table="frame")
    values = _axis_cuts.axis_values(frame, matrix)
    points = _axis_cuts.find_cuts(values, matrix, cuts)
    rows = _placed(rows, matrix, points, _spreads(values, matrix))
    if errors is not None:
        rows = _with_probability(rows, matrix, points, given)
    return _frames.give(rows.drop("_place"), like=frame)


def cell_counts(classified: FrameT, matrix: Matrix, *, value: str | None = None) -> FrameT:
    """Count the customers in each cell of a matrix, empty cells and unplaced customers included.

    Parameters
    ----------
    classified : DataFrame
        One row a customer with its `cell`, as `classify` gives it.
    matrix : Matrix
        The matrix that was used.
    value : str, optional
        Numeric column to add up, such as profit.

    Returns
    -------
    DataFrame
        One row a cell in the order of the matrix, of the kind of `classified`: `cell`, `strategy`,
        `customers`, `customer_share` of all rows, and the sum of `value`. The last row, with a null cell,
        counts the customers with a missing value on an axis.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a cell is not one of the matrix.
    ParameterError
        If `matrix` is none, or `value` is not a column name.

    Notes
    -----
    The shares are null where there are no rows.

    References
    ----------
    The matrix names its own in `source`.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import CPA
    >>> base = pd.DataFrame({"cell": ["invest", "invest", "sack", None]})
    >>> cell_counts(base, CPA)[["cell", "customers", "customer_share"]]
              cell  customers  customer_share
    0       invest          2            0.50
    1      nurture          0            0.00
    2  re-engineer          0            0.00
    3         sack          1            0.25
    4          NaN          1            0.25
    """
    import pandas as pd

    _axis_cuts.check_matrix(matrix)
    roles = {} if value is None else {_params.column("value", value): "number"}
    rows = _cells.open_cells(classified, matrix, roles)
    total = _frames.refuse(rows, {_cells.UNKNOWN: nw.col("_place") == 0}, table="frame")
    sums = [nw.len().alias("customers")] + ([] if value is None else [nw.col(value).sum()])
    counted = rows.group_by("_place").agg(*sums)
    cells = pd.DataFrame(
        {
            "_place": range(1, len(matrix.cells) + 2),
            "cell": [*(cell.name for cell in matrix.cells), None],
            "strategy": [*(cell.strategy for cell in matrix.cells), None],
        }
    )
    table = _joins.attach(cells, to=rows).join(counted, on="_place", how="left").sort("_place")
    customers = nw.col("customers").fill_null(0).cast(nw.Int64)
    share = allocation.quotient(customers, total) if total else nw.lit(None, nw.Float64)
    added = [] if value is None else [nw.col(value).fill_null(0)]
    return _frames.give(
        table.select("cell", "strategy", customers, share.alias("customer_share"), *added), like=classified
    )


def _check_new(frame: object) -> None:
    """Refuse columns whose names the result needs."""
    double = sorted(
        name
        for name in _frames.lazy(frame).collect_schema().names()
        if name in _ADDED or name.startswith(_boundary.WORKING)
    )
    if double:
        found = ", ".join(map(repr, double))
        msg = f"`frame` must not have the column {found}, which the result adds: rename it."
        raise ColumnError(msg)


def _spreads(values: nw.LazyFrame[Any], matrix: Matrix) -> dict[int, float]:
    """Measure the standard deviation of each axis that is measured, by its number; 1 where there is none."""
    measured = {i: axis for i, axis in enumerate(matrix.axes) if not axis.ordinal}
    if not measured:
        return {}
    scores = {f"_x_{i}": _boundary.score(axis) for i, axis in measured.items()}
    spread = _frames.collect(values.select(**scores).select(*(nw.col(name).std() for name in scores)))
    found = [float(spread[name].iloc[0] or 0) for name in scores]
    return {i: sigma if sigma > 0 else 1.0 for i, sigma in zip(measured, found, strict=True)}


def _placed(
    rows: nw.LazyFrame[Any],
    matrix: Matrix,
    cuts: Mapping[str, tuple[float, ...]],
    spreads: Mapping[int, float],
) -> nw.LazyFrame[Any]:
    """Add the cell and the distance of each row."""
    distances = {
        f"_distance_{i}": _boundary.distance(axis, cuts[axis.column])
        for i, axis in enumerate(matrix.axes)
        if i in spreads
    }
    rows = rows.with_columns(_place=_boundary.place(matrix, cuts), **distances)
    rows = rows.with_columns(**_nearest(spreads))
    rows = rows.with_columns(
        cell=_lookup("_place", [cell.name for cell in matrix.places()]),
        strategy=_lookup("_place", [cell.strategy for cell in matrix.places()]),
        nearest_axis=_lookup("_nearest", matrix.columns),
        boundary_distance=nw.col("_distance"),
        boundary_sigmas=nw.col("_sigmas"),
    )
    return rows.drop(*distances, "_nearest", "_distance", "_sigmas")


def _lookup(number: str, texts: list[str]) -> nw.Expr:
    """Express a text by its number; null has none."""
    found = nw.col(number).replace_strict(
        list(range(len(texts))), texts, default=nw.lit(""), return_dtype=nw.String
    )
    return nw.when(~nw.col(number).is_null()).then(found)


def _nearest(spreads: Mapping[int, float]) -> dict[str, nw.Expr]:
    """Express the number of the nearest axis, the distance on its scale, and in standard deviations."""
    if not spreads:  # nothing is measured: null in every row, with the types of the columns
        never = nw.when(nw.col("_place") < 0)
        nothing = never.then(nw.lit(0.0))
        return {"_nearest": never.then(nw.lit(0, nw.Int64)), "_distance": nothing, "_sigmas": nothing}
    first, *others = spreads
    number, distance = nw.lit(first, nw.Int64), nw.col(f"_distance_{first}")
    sigmas = distance.abs() / spreads[first]
    for i in others:
        other = nw.col(f"_distance_{i}")
        nearer = other.abs() / spreads[i] < sigmas
        number = nw.when(nearer).then(nw.lit(i, nw.Int64)).otherwise(number)
        distance = nw.when(nearer).then(other).otherwise(distance)
        sigmas = nw.when(nearer).then(other.abs() / spreads[i]).otherwise(sigmas)
    known = ~nw.col("_place").is_null()
    found = {"_nearest": number, "_distance": distance, "_sigmas": sigmas}
    return {name: nw.when(known).then(expression) for name, expression in found.items()}


def _with_probability(
    rows: nw.LazyFrame[Any],
    matrix: Matrix,
    cuts: Mapping[str, tuple[float, ...]],
    errors: Errors,
) -> nw.LazyFrame[Any]:
    """Add the probability of the cell that each row is in."""
    rows, working = _boundary.with_levels(rows, matrix, cuts, errors)
    products = _boundary.cell_products(matrix)
    found = products[0]
    for number, product in enumerate(products[1:], start=1):
        found = nw.when(nw.col("_place") == number).then(product).otherwise(found)
    known = ~nw.col("_place").is_null()
    return rows.with_columns(cell_probability=nw.when(known).then(found)).drop(*working)
