"""Open the axes of a matrix and turn the rules that cut them into numbers, for all that classify."""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.segmentation._cells import require_texts
from crmkit.segmentation.matrix import Matrix
from crmkit.segmentation.matrix_axis import Axis, check_scale
from crmkit.stats import cuts as cut_rules
from crmkit.stats._tiles import tile_cuts

CutRule = str | float | Sequence[float]
_LARGEST = 1e150  # squares, and so standard deviations, must be finite
_RULES = ("quantile", "median", "break", "zero")


def check_matrix(matrix: object) -> None:
    """Refuse what is no matrix."""
    if not isinstance(matrix, Matrix):
        _params.fail("matrix", "a Matrix, such as SHAPIRO", matrix)


def axis_roles(matrix: Matrix) -> dict[str, str]:
    """List the columns of the axes, as `_frames.scan` wants them."""
    return {axis.column: "label" if axis.ordinal else "number" for axis in matrix.axes}


def axis_values(frame: object, matrix: Matrix) -> nw.LazyFrame[Any]:
    """Open the columns of the axes that are measured alone, as floats; all columns if none is."""
    measured = [axis.column for axis in matrix.axes if not axis.ordinal]
    if not measured:
        return _frames.lazy(frame)
    rows = _frames.scan(frame, dict.fromkeys(measured, "number"))
    return rows.with_columns(*(nw.col(name).cast(nw.Float64) for name in measured))


def require_levels(rows: nw.LazyFrame[Any], matrix: Matrix) -> None:
    """Refuse ordinal axes whose columns hold no texts, or texts that are no level, and name some."""
    for axis in (axis for axis in matrix.axes if axis.ordinal):
        name, x = axis.column, nw.col(axis.column)
        levels = ", ".join(map(repr, axis.levels))
        require_texts(rows, name, f"the levels {levels} of the ordinal axis")
        foreign = ~x.is_null() & ~x.is_in(list(axis.levels))
        counts = _frames.count_rows(rows.select(name), {"foreign": foreign})
        if counts["foreign"]:
            found = _frames.collect(rows.filter(foreign).group_by(name).agg(nw.len()).sort(name).head(3))
            shown = ", ".join(map(repr, found[name]))
            msg = (
                f"`frame` must have the levels {levels} in '{name}'. Found {shown} "
                f"in {counts['foreign']} of {counts['rows']} rows: map them to a level, or to null."
            )
            raise DataError(msg)


def infinite(*columns: str) -> dict[str, nw.Expr]:
    """Say which rows have a number that is infinite, or too large to be reckoned with."""
    return {f"with an infinite {name} (beyond 1e150)": nw.col(name).abs() > _LARGEST for name in columns}


def unfit_values(axes: Sequence[Axis]) -> dict[str, nw.Expr]:
    """Say which values of the axes are refused, by what is wrong with them."""
    checks: dict[str, nw.Expr] = {}
    for axis in axes:
        if not axis.ordinal:
            checks |= infinite(axis.column)
        if axis.scale == "log":
            text = f"with a {axis.column} that is not positive, on a logarithmic axis"
            checks[text] = nw.col(axis.column) <= 0
    return checks


def find_cuts(
    values: nw.LazyFrame[Any], matrix: Matrix, cuts: CutRule | Mapping[str, CutRule] | None
) -> dict[str, tuple[float, ...]]:
    """Turn the rules of all axes into numbers; the levels of an ordinal one are numbered from 0."""
    measured = [axis.column for axis in matrix.axes if not axis.ordinal]
    rules = cuts if isinstance(cuts, Mapping) else dict.fromkeys(measured, cuts)
    unknown = sorted(set(rules) - set(measured))
    if unknown:
        _params.fail("cuts", f"a mapping of the axes {measured}, none of which is ordinal", unknown)
    return {
        axis.column: tuple(map(float, range(1, len(axis.levels))))
        if axis.ordinal
        else _axis_cuts(values, axis, rules.get(axis.column))
        for axis in matrix.axes
    }


def _axis_cuts(values: nw.LazyFrame[Any], axis: Axis, rule: CutRule | None) -> tuple[float, ...]:
    if rule is None:
        if axis.cuts is None:
            _params.fail("cuts", f"given for the axis '{axis.column}' ({axis.label})", rule)
        return axis.cuts
    needed = len(axis.levels) - 1
    points = (
        _ruled(values, axis, rule)
        if isinstance(rule, str)
        else cut_rules.given_cuts([rule] if isinstance(rule, int | float) else rule)
    )
    if len(points) != needed:
        _params.fail("cuts", f"{needed} cut points for the {needed + 1} levels of '{axis.column}'", rule)
    check_scale(axis, points)
    return points


def _ruled(values: nw.LazyFrame[Any], axis: Axis, rule: str) -> tuple[float, ...]:
    """Find the cuts of one axis by a rule."""
    levels, name = len(axis.levels), axis.column
    _params.choice("cuts", rule, _RULES)
    if rule == "quantile":
        return tile_cuts(values, [name], levels)[name]
    if rule == "break":
        return _breaks(values, axis)
    if levels != 2:
        _params.fail("cuts", f"'quantile', 'break' or {levels - 1} numbers for the axis '{name}'", rule)
    return (0.0,) if rule == "zero" else tile_cuts(values, [name], 2)[name]


def _breaks(values: nw.LazyFrame[Any], axis: Axis) -> tuple[float, ...]:
    """Find the natural breaks from the distinct values and their counts; of ratios on a logarithmic axis."""
    import numpy as np

    x = nw.col(axis.column)
    _frames.refuse(values.select(axis.column), unfit_values([axis]), table="frame")
    known = values.select(axis.column).filter(~x.is_null())
    counted = _frames.collect(known.group_by(axis.column).agg(count=nw.len()))
    counted = counted.sort_values(axis.column)
    found = counted[axis.column].to_numpy(dtype=float)
    scaled = np.log(found) if axis.scale == "log" else found
    breaks = cut_rules.break_cuts(scaled, len(axis.levels), weights=counted["count"].to_numpy())
    return tuple(float(found[np.searchsorted(scaled, cut)]) for cut in breaks)
