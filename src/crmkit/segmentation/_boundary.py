"""Express how far a customer stands from the lines of a matrix, and how surely in which level.

Everything is an expression of the frame's own engine. An axis whose score has a standard error is read as
normal around the score; on a logarithmic axis the logarithm is, with the standard error divided by the score
(the delta method). An axis without one is known exactly.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import narwhals as nw

from crmkit.segmentation.limits import Errors
from crmkit.segmentation.matrix import Matrix
from crmkit.segmentation.matrix_axis import Axis
from crmkit.stats import cuts as cut_rules

# Hart (1968), function 5666 in the arrangement of West (2005): both polynomials, highest power first.
_NUMERATOR = (
    0.0352624965998911,
    0.700383064443688,
    6.37396220353165,
    33.912866078383,
    112.079291497871,
    221.213596169931,
    220.206867912376,
)
_DENOMINATOR = (
    0.0883883476483184,
    1.75566716318264,
    16.064177579207,
    86.7807322029461,
    296.564248779674,
    637.333633378831,
    793.826512519948,
    440.413735824752,
)
_FAR = 7.07106781186547
WORKING = ("_place", "_nearest", "_distance", "_sigmas", "_x_", "_se_", "_z_", "_tail_", "_level_")
_CERTAIN = 40.0  # the tail beyond it is zero in double precision


def place(matrix: Matrix, cuts: Mapping[str, Sequence[float]]) -> nw.Expr:
    """Express the number of the cell in `Matrix.places`; null where a score is."""
    number = nw.lit(0, nw.Int64)
    for axis in matrix.axes:
        level = cut_rules.assign_expr(value(axis), cuts[axis.column]) - 1
        number = number * len(axis.levels) + level
    return number


def value(axis: Axis) -> nw.Expr:
    """Express what is cut into levels: the column, or the number of the level that an ordinal one holds."""
    x = nw.col(axis.column)
    if not axis.ordinal:
        return x
    number = nw.lit(0.0)
    for j, level in enumerate(axis.levels[1:], start=1):
        number = nw.when(x == level).then(nw.lit(float(j))).otherwise(number)
    return nw.when(~x.is_null()).then(number)


def score(axis: Axis) -> nw.Expr:
    """Express the score on the scale on which distances count."""
    x = value(axis).cast(nw.Float64)
    return x.log() if axis.scale == "log" else x


def scaled_cuts(axis: Axis, cuts: Sequence[float]) -> list[float]:
    """Return the cuts on the scale on which distances count."""
    return [math.log(cut) for cut in cuts] if axis.scale == "log" else list(cuts)


def distance(axis: Axis, cuts: Sequence[float]) -> nw.Expr:
    """Express the score less its nearest cut; of two as near, the lower."""
    x, points = score(axis), scaled_cuts(axis, cuts)
    nearest = x - points[0]
    for point in points[1:]:
        nearest = nw.when((x - point).abs() < nearest.abs()).then(x - point).otherwise(nearest)
    return nearest


def standard_error(axis: Axis, errors: Errors) -> nw.Expr:
    """Express the standard error on the scale on which distances count; zero where none is given."""
    log, given = axis.scale == "log", errors.get(axis.column)
    if given is None:
        return nw.lit(0.0)
    if isinstance(given, str):
        error = nw.col(given).cast(nw.Float64)
        return error / nw.col(axis.column) if log else error
    lower, upper = (nw.col(name).cast(nw.Float64) for name in (given.lower, given.upper))
    width = upper.log() - lower.log() if log else upper - lower
    return width / (2 * NormalDist().inv_cdf(0.5 + given.confidence / 2))


def with_levels(
    rows: nw.LazyFrame[Any], matrix: Matrix, cuts: Mapping[str, Sequence[float]], errors: Errors
) -> tuple[nw.LazyFrame[Any], list[str]]:
    """Add the probability of each level of each axis; return the names of the new columns too.

    The column of level j of axis i is ``_level_i_j``. It is null where score or standard error is.
    """
    scores = {f"_x_{i}": score(axis) for i, axis in enumerate(matrix.axes)}
    spread = {f"_se_{i}": standard_error(axis, errors) for i, axis in enumerate(matrix.axes)}
    rows = rows.with_columns(**scores, **spread)
    levels, added = {}, [*scores, *spread]
    for i, axis in enumerate(matrix.axes):
        points = scaled_cuts(axis, cuts[axis.column])
        names = [f"_z_{i}_{j}" for j in range(1, len(points) + 1)]
        for j in range(len(axis.levels)):
            known = axis.column not in errors
            levels[f"_level_{i}_{j}"] = _certain(axis, cuts, j) if known else _level(names, j)
        if axis.column in errors:
            rows = _with_tails(rows, i, dict(zip(names, points, strict=True)))
            added += [*names, *(f"_tail{name}" for name in names)]
    return rows.with_columns(**levels), [*added, *levels]


def _certain(axis: Axis, cuts: Mapping[str, Sequence[float]], j: int) -> nw.Expr:
    """Express the probability of level j of a score that is known exactly: 1 or 0."""
    x = value(axis)
    inside = cut_rules.assign_expr(x, cuts[axis.column]) == j + 1
    return nw.when(~x.is_null()).then(nw.when(inside).then(nw.lit(1.0)).otherwise(nw.lit(0.0)))


def _with_tails(rows: nw.LazyFrame[Any], i: int, points: Mapping[str, float]) -> nw.LazyFrame[Any]:
    """Add the standardised cuts and the normal tail beyond each; a standard error of zero is certain."""
    x, se = nw.col(f"_x_{i}"), nw.col(f"_se_{i}")
    z = {}
    for name, point in points.items():
        side = nw.when(x >= point).then(nw.lit(-_CERTAIN)).otherwise(nw.lit(_CERTAIN))
        certain = nw.when(~x.is_null()).then(side)
        z[name] = nw.when(se == 0).then(certain).otherwise(_beyond(x, se, point))
    rows = rows.with_columns(**z)
    size = {name: nw.col(name).abs() for name in points}
    bounded = {name: nw.when(z > _CERTAIN).then(nw.lit(_CERTAIN)).otherwise(z) for name, z in size.items()}
    rows = rows.with_columns(**{f"_tail{name}": z for name, z in bounded.items()})
    return rows.with_columns(**{f"_tail{name}": _tail(nw.col(f"_tail{name}")) for name in points})


def _beyond(x: nw.Expr, se: nw.Expr, point: float) -> nw.Expr:
    """Express how many standard errors a cut lies above the score; a zero one is not divided by."""
    return (nw.lit(point) - x) / nw.when(se > 0).then(se)


def _tail(z: nw.Expr) -> nw.Expr:
    """Express 1 - Φ(z) of z ≥ 0, with an error below 1e-15."""
    top, bottom = (_horner(z, powers) for powers in (_NUMERATOR, _DENOMINATOR))
    fraction = z + 0.65
    for k in (4.0, 3.0, 2.0, 1.0):
        fraction = z + nw.lit(k) / fraction
    density = (0.0 - z * z / 2).exp()
    near, far = density * top / bottom, density / (fraction * math.sqrt(2 * math.pi))
    return nw.when(z < _FAR).then(near).otherwise(far)


def _horner(z: nw.Expr, powers: Sequence[float]) -> nw.Expr:
    value = z * powers[0] + powers[1]
    for power in powers[2:]:
        value = value * z + power
    return value


def _level(names: Sequence[str], j: int) -> nw.Expr:
    """Express the probability of level j; differences are of tails, so that small ones keep their digits."""
    z, tail = [nw.col(name) for name in names], [nw.col(f"_tail{name}") for name in names]
    if j == 0:
        return nw.when(z[0] > 0).then(1.0 - tail[0]).otherwise(tail[0])
    if j == len(names):
        return nw.when(z[-1] < 0).then(1.0 - tail[-1]).otherwise(tail[-1])
    low, high = tail[j - 1], tail[j]
    inside = nw.when(z[j - 1] >= 0).then(low - high).otherwise(1.0 - low - high)
    inside = nw.when(z[j] <= 0).then(high - low).otherwise(inside)
    return nw.when(inside < 0).then(nw.lit(0.0)).otherwise(inside)


def cell_products(matrix: Matrix) -> list[nw.Expr]:
    """Express the probability of each cell of `Matrix.places` from the levels that `with_levels` adds."""
    products = []
    for levels in itertools.product(*(range(len(axis.levels)) for axis in matrix.axes)):
        product = nw.lit(1.0)
        for i, j in enumerate(levels):
            product = product * nw.col(f"_level_{i}_{j}")
        products.append(product)
    return products
