"""Place each customer in the cell of a matrix, with its strategy and how near the boundary it stands.

One engine for every matrix: `matrix_catalogue` declares the axes and cells, this module finds the cut points
(:func:`matrix_cuts`), classifies (:func:`classify`) and counts (:func:`cell_counts`). Cut points come back as
a plain dictionary that goes in again, so that next year's customers are measured by this year's lines.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.segmentation.matrix_catalogue import Axis, Matrix
from crmkit.stats import allocation, cuts as cut_rules
from crmkit.stats._tiles import tile_cuts

CutRule = str | float | Sequence[float]
_LARGEST = 1.7e308
_RULES = ("quantile", "median", "zero")
_ADDED = ("cell", "strategy", "nearest_axis", "boundary_distance", "boundary_sigmas")


def matrix_cuts(
    frame: object, matrix: Matrix, *, cuts: CutRule | Mapping[str, CutRule] | None = None
) -> dict[str, tuple[float, ...]]:
    """Find the cut points of a matrix on a table of customers.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with a numeric column for each axis.
    matrix : Matrix
        The matrix, such as `SHAPIRO`.
    cuts : str, float, sequence of float or mapping, optional
        How to cut the axes, or each by its column: numbers (one fewer than levels, increasing), "zero",
        "median" (both for two levels) or "quantile" (levels of nearly equal size; ties stay together). Left
        out, the matrix must have its own; an axis that a mapping leaves out keeps its own.

    Returns
    -------
    dict of str to tuple of float
        Cut points of each axis by column. A value on a cut belongs to the level above it.

    Raises
    ------
    ColumnError
        If an axis has no numeric column.
    DataError
        If a quantile is asked of a column without any value.
    ParameterError
        If `matrix` is none, or a rule is unknown, does not fit the number of levels, or an axis has none.

    Notes
    -----
    Missing values do not count. A quantile of few distinct values can leave a level empty. From a lazy frame
    only as many rows as there are levels are fetched.

    References
    ----------
    The quantile rule is that of :func:`crmkit.stats.quantile_cuts`.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import SHAPIRO
    >>> base = pd.DataFrame({"net_price": [1, 2, 3, 4], "cost_to_serve": [9, 9, 2, 1]})
    >>> matrix_cuts(base, SHAPIRO, cuts={"net_price": "median", "cost_to_serve": 5})
    {'net_price': (3.0,), 'cost_to_serve': (5.0,)}
    """
    _check_matrix(matrix)
    return _find_cuts(_axis_values(frame, matrix), matrix, cuts)


def classify(frame: FrameT, matrix: Matrix, *, cuts: CutRule | Mapping[str, CutRule] | None = None) -> FrameT:
    """Place each customer in a cell of a matrix.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with a numeric column for each axis; other columns are kept.
    matrix : Matrix
        The matrix, such as `SHAPIRO` or `CPA`, or one of your own.
    cuts : str, float, sequence of float or mapping, optional
        How to cut the axes, as in `matrix_cuts`, whose result can be given here.

    Returns
    -------
    DataFrame
        The rows of `frame`, of the same kind, with `cell`, `strategy`, `nearest_axis` (column of the axis
        whose boundary is nearest), `boundary_distance` (value less the nearest cut, in the unit of that
        axis; negative below it) and `boundary_sigmas` (its size in standard deviations of that axis, by
        which the nearest is chosen).

    Raises
    ------
    ColumnError
        If an axis has no numeric column, or the frame has one of the new columns already.
    DataError
        If a quantile is asked of a column without any value, or a value is infinite.
    ParameterError
        If `matrix` is none, or a rule is unknown, does not fit the number of levels, or an axis has none.

    Notes
    -----
    A value on a cut belongs to the level above it. A customer with a missing value on any axis is kept, with
    null in every new column. Where all values of an axis are equal, one unit of the axis counts as a standard
    deviation. A tie between axes goes to the first, between cuts to the lower. Lazy frames stay lazy.

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
    """
    _check_matrix(matrix)
    columns = [axis.column for axis in matrix.axes]
    present = _frames.lazy(frame).collect_schema().names()
    double = sorted(set(present) & {*_ADDED, "_place", *(f"_distance_{name}" for name in columns)})
    if double:
        found = ", ".join(map(repr, double))
        msg = f"`frame` must not have the column {found}, which the result adds: rename it."
        raise ColumnError(msg)
    rows = _frames.scan(frame, dict.fromkeys(columns, "number"), keep=True)
    values = _axis_values(frame, matrix)
    checks = {f"with an infinite {name}": nw.col(name).abs() > _LARGEST for name in columns}
    _frames.refuse(values, checks, table="frame")
    points = _find_cuts(values, matrix, cuts)
    return _frames.give(_placed(rows, matrix, points, _spreads(values, columns)), like=frame)


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

    _check_matrix(matrix)
    roles = {"cell": "label"}
    if value is not None:
        roles[_params.column("value", value)] = "number"
    rows = _frames.scan(classified, roles)
    dtype = rows.collect_schema()["cell"]
    if not isinstance(dtype, nw.String | nw.Object | nw.Unknown) and not _all_null(rows, "cell"):
        msg = f"`frame` must have texts in 'cell', as classify(…) gives them. Got the type {dtype} instead."
        raise ColumnError(msg)
    named = nw.when(~nw.col("cell").is_null()).then(nw.col("cell").cast(nw.String))
    rows = rows.with_columns(cell=named)  # pandas 2 would write null as "nan"
    number = nw.lit(0, nw.Int64)
    for place, cell in enumerate(matrix.cells, start=1):
        number = nw.when(nw.col("cell") == cell.name).then(nw.lit(place, nw.Int64)).otherwise(number)
    unplaced = len(matrix.cells) + 1
    number = nw.when(nw.col("cell").is_null()).then(nw.lit(unplaced, nw.Int64)).otherwise(number)
    rows = rows.with_columns(_place=number)
    total = _frames.refuse(
        rows, {"in a cell that the matrix does not have": nw.col("_place") == 0}, table="frame"
    )
    sums = [nw.len().alias("customers")] + ([] if value is None else [nw.col(value).sum()])
    counted = rows.group_by("_place").agg(*sums)
    cells = pd.DataFrame(
        {
            "_place": range(1, unplaced + 1),
            "cell": [*(cell.name for cell in matrix.cells), None],
            "strategy": [*(cell.strategy for cell in matrix.cells), None],
        }
    )
    table = _frames.attach(cells, to=rows).join(counted, on="_place", how="left").sort("_place")
    customers = nw.col("customers").fill_null(0).cast(nw.Int64)
    share = allocation.quotient(customers, total) if total else nw.lit(None, nw.Float64)
    added = [] if value is None else [nw.col(value).fill_null(0)]
    return _frames.give(
        table.select("cell", "strategy", customers, share.alias("customer_share"), *added), like=classified
    )


def _check_matrix(matrix: object) -> None:
    if not isinstance(matrix, Matrix):
        _params.fail("matrix", "a Matrix, such as SHAPIRO", matrix)


def _all_null(rows: nw.LazyFrame[Any], column: str) -> bool:
    return not _frames.count_rows(rows, {"known": ~nw.col(column).is_null()})["known"]


def _axis_values(frame: object, matrix: Matrix) -> nw.LazyFrame[Any]:
    """Open the axis columns alone, as floats."""
    columns = [axis.column for axis in matrix.axes]
    rows = _frames.scan(frame, dict.fromkeys(columns, "number"))
    return rows.with_columns(*(nw.col(name).cast(nw.Float64) for name in columns))


def _find_cuts(
    values: nw.LazyFrame[Any], matrix: Matrix, cuts: CutRule | Mapping[str, CutRule] | None
) -> dict[str, tuple[float, ...]]:
    """Turn the rules of all axes into numbers."""
    columns = [axis.column for axis in matrix.axes]
    if isinstance(cuts, Mapping):
        unknown = sorted(set(cuts) - set(columns))
        if unknown:
            _params.fail("cuts", f"a mapping of the axes {columns}", unknown)
        return {axis.column: _axis_cuts(values, axis, cuts.get(axis.column)) for axis in matrix.axes}
    return {axis.column: _axis_cuts(values, axis, cuts) for axis in matrix.axes}


def _axis_cuts(values: nw.LazyFrame[Any], axis: Axis, rule: CutRule | None) -> tuple[float, ...]:
    needed = len(axis.levels) - 1
    if rule is None:
        if axis.cuts is None:
            _params.fail("cuts", f"given for the axis '{axis.column}' ({axis.label})", rule)
        return axis.cuts
    if isinstance(rule, str):
        _params.choice("cuts", rule, _RULES)
        if rule == "quantile":
            return tile_cuts(values, [axis.column], needed + 1)[axis.column]
        if needed != 1:
            _params.fail("cuts", f"'quantile' or {needed} numbers for the axis '{axis.column}'", rule)
        return (0.0,) if rule == "zero" else tile_cuts(values, [axis.column], 2)[axis.column]
    points = cut_rules.given_cuts([rule] if isinstance(rule, int | float) else rule)
    if len(points) != needed:
        _params.fail("cuts", f"{needed} cut points for the {needed + 1} levels of '{axis.column}'", rule)
    return points


def _spreads(values: nw.LazyFrame[Any], columns: list[str]) -> dict[str, float]:
    """Measure the standard deviation of each axis; 1 where there is none."""
    spread = _frames.collect(values.select(*(nw.col(name).std() for name in columns)))
    found = {name: float(spread[name].iloc[0] or 0) for name in columns}
    return {name: sigma if sigma > 0 else 1.0 for name, sigma in found.items()}


def _placed(
    rows: nw.LazyFrame[Any],
    matrix: Matrix,
    cuts: Mapping[str, tuple[float, ...]],
    spreads: Mapping[str, float],
) -> nw.LazyFrame[Any]:
    """Add the cell and the distance of each row."""
    columns = list(cuts)
    number = nw.lit(0, nw.Int64)
    for axis in matrix.axes:
        level = cut_rules.assign_expr(nw.col(axis.column), cuts[axis.column]) - 1
        number = number * len(axis.levels) + level
    complete = ~nw.any_horizontal(*(nw.col(name).is_null() for name in columns), ignore_nulls=False)
    names, strategies = (_lookup(matrix, what) for what in ("name", "strategy"))
    distances = {f"_distance_{name}": _distance(nw.col(name), cuts[name]) for name in columns}
    rows = rows.with_columns(_place=nw.when(complete).then(number), **distances)
    nearest, distance, sigmas = _nearest(columns, spreads)
    known = ~nw.col("_place").is_null()
    rows = rows.with_columns(
        cell=names,
        strategy=strategies,
        nearest_axis=nw.when(known).then(nearest),
        boundary_distance=nw.when(known).then(distance),
        boundary_sigmas=nw.when(known).then(sigmas),
    )
    return rows.drop("_place", *distances)


def _lookup(matrix: Matrix, what: str) -> nw.Expr:
    """Express a property of the cell by its place; null has none."""
    found = nw.lit("")
    for place, levels in enumerate(itertools.product(*(axis.levels for axis in matrix.axes))):
        text = nw.lit(getattr(matrix.cell(*levels), what))
        found = nw.when(nw.col("_place") == place).then(text).otherwise(found)
    return nw.when(~nw.col("_place").is_null()).then(found)


def _distance(value: nw.Expr, cuts: Sequence[float]) -> nw.Expr:
    """Express the value less its nearest cut; of two as near, the lower."""
    x = value.cast(nw.Float64)
    nearest = x - cuts[0]
    for cut in cuts[1:]:
        nearest = nw.when((x - cut).abs() < nearest.abs()).then(x - cut).otherwise(nearest)
    return nearest


def _nearest(columns: list[str], spreads: Mapping[str, float]) -> tuple[nw.Expr, nw.Expr, nw.Expr]:
    """Express the nearest axis, the distance in its unit, and in its standard deviations."""
    name, distance = nw.lit(columns[0]), nw.col(f"_distance_{columns[0]}")
    sigmas = distance.abs() / spreads[columns[0]]
    for column in columns[1:]:
        other = nw.col(f"_distance_{column}")
        nearer = other.abs() / spreads[column] < sigmas
        name = nw.when(nearer).then(nw.lit(column)).otherwise(name)
        distance = nw.when(nearer).then(other).otherwise(distance)
        sigmas = nw.when(nearer).then(other.abs() / spreads[column]).otherwise(sigmas)
    return name, distance, sigmas
