"""Say in which direction each customer travelled between two dates: by its axis scores or by its cells."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.segmentation.portfolio import paired, real_cells
from crmkit.segmentation.travel_catalogue import DIRECTIONS, Reading

_LARGEST = 1.7e308


def axis_travel(
    before: FrameT, after: FrameT, *, axes: Mapping[str, str], tolerance: float | Mapping[str, float] = 0.0
) -> FrameT:
    """Compare each customer's axis scores at two dates.

    Parameters
    ----------
    before, after : DataFrame
        The portfolio at the first and at the second date, on one engine: one row a customer with
        ``customer_id`` and a numeric column for each axis.
    axes : mapping of str to str
        Column of each axis, and what is better on it: "high" (profit) or "low" (cost to serve).
    tolerance : float or mapping of str to float, default 0
        The largest change that counts as none, in the unit of the axis, for all axes or by column.

    Returns
    -------
    DataFrame
        The kind of `before`, one row a customer of either table, sorted by ``customer_id``, with
        ``movement`` ("present" at both dates, "entered", "left"), for each axis ``<column>_change`` (after
        less before, null where a side is missing) and ``direction``: "improving" (better on an axis, worse on
        none), "declining" (the opposite), "steady" (the same on all), "mixed" (better on one, worse on
        another), null where a change is unknown.

    Raises
    ------
    ColumnError
        If a column is missing, of the wrong type, or differs in type between the tables.
    DataError
        If a row lacks its customer, a customer stands twice in a table, or a score is infinite.
    ParameterError
        If the tables are of two engines, `axes` has no column or says something else than "high" or "low",
        or a tolerance is negative or of another column.

    Notes
    -----
    No weighing of the axes against each other is needed: a customer improves where nothing got worse. Score a
    rating sheet first where one number shall decide.

    References
    ----------
    The order of vectors by Pareto.

    Examples
    --------
    >>> import pandas as pd
    >>> first = pd.DataFrame({"customer_id": list("abc"), "profit": [5, 5, 5], "cost": [2, 2, 2]})
    >>> second = pd.DataFrame({"customer_id": list("abc"), "profit": [9, 4, 6], "cost": [2, 3, 4]})
    >>> axis_travel(first, second, axes={"profit": "high", "cost": "low"})["direction"].tolist()
    ['improving', 'declining', 'mixed']
    """
    better, allowed = _axes(axes, tolerance)
    columns = list(better)
    rows = paired(before, after, cell=None, numbers=columns)
    ends = [nw.col(f"_{side}_{place}") for side in ("before", "after") for place in range(len(columns))]
    infinite = nw.any_horizontal(*(end.abs() > _LARGEST for end in ends), ignore_nulls=True)
    _frames.refuse(
        rows, {"(customers) with an infinite score on an axis": infinite}, table="before and after"
    )
    changes = {
        f"{name}_change": nw.col(f"_after_{place}") - nw.col(f"_before_{place}")
        for place, name in enumerate(columns)
    }
    rows = rows.with_columns(**changes)
    signed = {name: nw.col(f"{name}_change") * (1.0 if better[name] == "high" else -1.0) for name in columns}
    up = nw.any_horizontal(*(signed[one] > allowed[one] for one in columns), ignore_nulls=True)
    down = nw.any_horizontal(*(0.0 - signed[one] > allowed[one] for one in columns), ignore_nulls=True)
    unknown = nw.any_horizontal(*(nw.col(one).is_null() for one in changes), ignore_nulls=True)
    direction = nw.when(up).then(nw.lit("improving")).otherwise(nw.lit("steady"))
    direction = nw.when(down).then(nw.lit("declining")).otherwise(direction)
    direction = nw.when(up & down).then(nw.lit("mixed")).otherwise(direction)
    movement = nw.when(nw.col("_was")).then(nw.lit("present")).otherwise(nw.lit("entered"))
    movement = nw.when(nw.col("_is")).then(movement).otherwise(nw.lit("left"))
    rows = rows.with_columns(movement=movement, direction=nw.when(~unknown).then(direction))
    return _frames.give(
        rows.select("customer_id", "movement", *changes, "direction"), like=before, sort=["customer_id"]
    )


def _axes(
    axes: Mapping[str, str], tolerance: float | Mapping[str, float]
) -> tuple[dict[str, str], dict[str, float]]:
    """Check the axes; return what is better on each and the change that counts as none."""
    if not isinstance(axes, Mapping) or not axes:
        _params.fail("axes", "a mapping of at least one column to 'high' or 'low'", axes)
    better = {
        _params.column("axes", name): _params.choice(f"axes['{name}']", one, ("high", "low"))
        for name, one in axes.items()
    }
    if not isinstance(tolerance, Mapping):
        return better, dict.fromkeys(better, _params.number("tolerance", tolerance, low=0))
    unknown = sorted(set(tolerance) - set(better))
    if unknown:
        _params.fail("tolerance", f"a mapping of the axes {list(better)}", unknown)
    return better, {
        name: _params.number(f"tolerance['{name}']", tolerance.get(name, 0.0), low=0) for name in better
    }


def cell_travel(
    before: FrameT,
    after: FrameT,
    *,
    order: Sequence[str] | None = None,
    readings: Sequence[Reading] = (),
    cell: str = "cell",
) -> FrameT:
    """Compare each customer's cells at two dates, by an order of the cells or by declared readings.

    Parameters
    ----------
    before, after : DataFrame
        The portfolio at the first and at the second date, on one engine: one row a customer with
        ``customer_id`` and its cell.
    order : sequence of str, optional
        All cells from the worst to the best.
    readings : sequence of Reading, optional
        What each move means, such as `VOLUME_LOYALTY_READINGS`; used instead of `order`.
    cell : str, default "cell"
        Column with the cell, a text.

    Returns
    -------
    DataFrame
        The kind of `before`, one row a customer of either table, sorted by ``customer_id``: ``cell_before``,
        ``cell_after``, ``movement`` ("stayed", "moved", "entered", "left"), ``direction`` ("improving",
        "declining", "steady"; null for customers who entered, left or have no cell) and ``reading`` (what
        the move means in words; null without `readings`).

    Raises
    ------
    ColumnError
        If a column is missing, of the wrong type, or differs in type between the tables.
    DataError
        If a row lacks its customer, a customer stands twice in a table, a cell is not in `order`, or a move
        has no reading.
    ParameterError
        If the tables are of two engines, or not exactly one of `order` and `readings` is given, without
        repetition.

    Notes
    -----
    A customer that stayed in its cell is steady.

    References
    ----------
    The readings name their own.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import VOLUME_LOYALTY_READINGS
    >>> first = pd.DataFrame({"customer_id": list("ab"), "cell": ["neglected", "premium"]})
    >>> second = pd.DataFrame({"customer_id": list("ab"), "cell": ["premium", "pitfall"]})
    >>> cell_travel(first, second, readings=VOLUME_LOYALTY_READINGS)[["customer_id", "direction"]]
      customer_id  direction
    0           a  improving
    1           b  declining
    """
    import pandas as pd

    moves = _moves(order, readings)
    local = pd.DataFrame(moves, columns=["cell_before", "cell_after", "direction", "reading"])
    rows = paired(before, after, cell=cell, numbers=[])
    rows = rows.with_columns(**real_cells())
    known = sorted({str(end) for move in moves for end in move[:2]})
    foreign = {
        f"with a {name} that is none of {known}": ~nw.col(name).is_null() & ~nw.col(name).is_in(known)
        for name in ("cell_before", "cell_after")
    }
    rows = rows.join(_joins.attach(local, to=rows), on=["cell_before", "cell_after"], how="left")
    stayed = (nw.col("movement") == "stayed") & ~nw.col("cell_before").is_null()
    rows = rows.with_columns(
        direction=nw.when(stayed).then(nw.lit("steady")).otherwise(nw.col("direction")),
        reading=nw.when(nw.col("reading") != "").then(nw.col("reading")),
    )
    both = ~nw.col("cell_before").is_null() & ~nw.col("cell_after").is_null()
    unread = {"(customers) with a move that has no reading": both & nw.col("direction").is_null()}
    _frames.refuse(rows, {**foreign, **unread}, table="before and after")
    names = ["customer_id", "cell_before", "cell_after", "movement", "direction", "reading"]
    return _frames.give(rows.select(*names), like=before, sort=["customer_id"])


def _moves(order: Sequence[str] | None, readings: Sequence[Reading]) -> list[tuple[Any, ...]]:
    """List every move between two cells with its direction and its reading."""
    if (order is None) == (not readings):
        _params.fail("order", "given, or `readings` instead, but not both", order)
    if order is not None:
        cells = _params.names("order", order)
        if len(cells) < 2:
            _params.fail("order", "at least two cells, from the worst to the best", order)
        pairs = itertools.permutations(enumerate(cells), 2)
        return [(one, other, DIRECTIONS[int(j > i)], "") for (i, one), (j, other) in pairs]
    listed = _params.several("readings", readings, "Reading")
    if not all(isinstance(reading, Reading) for reading in listed):
        _params.fail("readings", "a sequence of Reading", readings)
    moves = [(one.before, one.after, one.direction, one.text) for one in listed]
    if len({move[:2] for move in moves}) < len(moves):
        _params.fail("readings", "one reading for each move", [move[:2] for move in moves])
    return moves
