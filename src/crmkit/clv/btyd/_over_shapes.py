"""Evaluate a costly smooth function for very many customers: once per distinct shapes, interpolated in scale.

The averages of `_beta_mean` depend on the shapes (s, a, β), which few distinct counts of purchases make, and
on one time in units of its scale, v. For each distinct shapes that have rows enough, the function's
logarithm is interpolated in ln v at Chebyshev points.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from crmkit.clv.btyd._special import LONGEST_TABLE, Floats, Parameter

Function = Callable[..., Floats]
Shapes = tuple[Floats, Floats, Floats]
Places = npt.NDArray[np.intp]

_DEGREES = (12, 24, 48, 96)
_TOLERANCE = 1e-11
_NEGLIGIBLE = 1e-13
_LEAST = 1e-290  # a function that falls below has lost digits, and is not interpolated
_ROWS_PER_NODE = 2  # interpolating pays from here
_CODES_PER_ROW = 8
_BLOCK = 16_384
_FEW = 200  # rows for which looking for distinct shapes does not pay


def distinct(*parts: npt.NDArray[Any]) -> tuple[Places, Places]:
    """Return one row of each distinct combination, and the number of the combination of each row.

    Whole parts of an integer type, from 0, are taken as they are; others are sorted.
    """
    code, size = np.zeros(len(parts[0]), dtype=np.int64), 1
    for part in parts:
        place, count = part, int(part.max(initial=0)) + 1
        if part.dtype.kind == "f":
            values, place = np.unique(part, return_inverse=True)
            count = len(values)
        code, size = code * count + place, size * count
        if size > _CODES_PER_ROW * len(code):
            values, code = np.unique(code, return_inverse=True)
            size = len(values)
    row = np.full(size, -1)
    row[code] = np.arange(len(code))
    used = row >= 0
    return row[used], (np.cumsum(used) - 1)[code]


def by_counts(
    function: Function, shapes: tuple[Parameter, ...], x: Floats, varying: Iterable[Parameter], v: Any
) -> Floats:
    """Return function(s, a, β, v) of rows whose shapes follow from the count x and what varies by row."""
    s, a, beta = np.broadcast_arrays(*shapes, x)[:3]
    if len(x) < _FEW:
        return function(s, a, beta, v)
    counts = x.astype(np.intp) if x.max() <= LONGEST_TABLE else x
    rows, group = distinct(counts, *(np.asarray(part) for part in varying if np.ndim(part)))
    return over_shapes(function, (s[rows], a[rows], beta[rows]), group, np.broadcast_to(v, x.shape))


def over_shapes(function: Function, shapes: Shapes, group: Places, v: Floats) -> Floats:
    """Return function(s, a, β, v) ≥ 0 of rows that have the shapes at `group`, for v ≥ 0.

    The relative error is about 1e-10 at most. Where the last coefficients are not negligible the degree
    is raised; what then is left is evaluated itself, and so are shapes of few rows.
    """
    positive = v > 0
    if not positive.any():
        return function(*_at(shapes, group), v)
    found = np.empty(v.shape)
    if not positive.all():
        none = ~positive
        found[none] = function(*_at(shapes, group[none]), v[none])
        found[positive] = over_shapes(function, shapes, group[positive], v[positive])
        return found
    rows = np.bincount(group, minlength=len(shapes[0]))
    pending = np.flatnonzero(rows)
    left = np.ones(len(rows), dtype=bool)
    ends = float(np.log(v.min())), float(np.log(v.max()))
    for degree in _DEGREES:
        pending = pending[rows[pending] > _ROWS_PER_NODE * degree]
        if len(pending) == 0:
            break
        table, good = _coefficients(function, _at(shapes, pending), ends, degree)
        slot = np.full(len(rows), -1)
        slot[pending[good]] = np.arange(np.count_nonzero(good))
        left[pending[good]] = False
        _evaluate(table[:, good], slot[group], v, ends, found)
        pending = pending[~good]
    rest = np.flatnonzero(left[group])
    found[rest] = function(*_at(shapes, group[rest]), v[rest])
    return found


def _at(shapes: Shapes, places: Places) -> Shapes:
    return shapes[0][places], shapes[1][places], shapes[2][places]


def _coefficients(
    function: Function, shapes: Shapes, ends: tuple[float, float], degree: int
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return Chebyshev coefficients of ln function, shape (degree + 1, shapes), and which fall off."""
    size = degree + 1
    angle = np.pi * (np.arange(size) + 0.5) / size
    middle, half = (ends[1] + ends[0]) / 2, (ends[1] - ends[0]) / 2
    v = np.exp(middle + half * np.cos(angle))
    count = len(shapes[0])
    values = function(*(np.repeat(part, size) for part in shapes), np.tile(v, count)).reshape(count, size)
    logs = np.log(np.maximum(values, _LEAST))
    found = 2 / size * np.cos(np.outer(np.arange(size), angle)) @ logs.T
    found[0] /= 2
    good = (np.abs(found[-3:]).max(axis=0) < _TOLERANCE) & (values.min(axis=1) > _LEAST)
    return found, good


def _evaluate(table: Floats, slot: Places, v: Floats, ends: tuple[float, float], found: Floats) -> None:
    """Fill in, by Clenshaw's recurrence, the rows that have a slot in the table."""
    middle, half = (ends[1] + ends[0]) / 2, max((ends[1] - ends[0]) / 2, 1e-12)
    needed = np.flatnonzero(np.abs(table).max(axis=1, initial=0) > _NEGLIGIBLE)
    table = np.ascontiguousarray(table[: needed.max(initial=0) + 1])
    rows = np.flatnonzero(slot >= 0)
    whole = len(rows) == len(slot)
    for first in range(0, len(rows), _BLOCK):
        block = slice(first, first + _BLOCK) if whole else rows[first : first + _BLOCK]
        place = slot[block]
        u = np.log(v[block])
        u -= middle
        u *= 2 / half
        now, before, term = np.zeros(u.shape), np.zeros(u.shape), np.empty(u.shape)
        for coefficients in table[:0:-1]:
            np.subtract(coefficients.take(place, out=term, mode="clip"), before, out=before)
            before += np.multiply(u, now, out=term)
            now, before = before, now
        u *= now
        u /= 2
        u -= before
        u += table[0].take(place, out=term, mode="clip")
        found[block] = np.exp(u, out=u)
