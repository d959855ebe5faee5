"""Turn frames of customers into distinct cells with counts, and scores of cells into columns of frames.

Customers with the same history have the same likelihood and the same prediction. A lazy frame is grouped in
its engine, so that only cells reach Python, in one query; the scores of the cells are joined back there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from crmkit import _frames, _joins
from crmkit._frames import FrameT
from crmkit.clv.btyd._collapse import Distinct, as_they_are, collapse
from crmkit.clv.btyd._special import Floats
from crmkit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

WEIGHT = "weight"
_COPY = "_crmkit_"
_NOTHING = -1.5e300  # stands for null in a join, where null meets nothing


@dataclass(frozen=True, slots=True)
class Cells:
    """Hold distinct rows, how many rows and customers each stands for, and where each row's cell is.

    The last is None where the rows stayed in their engine.
    """

    rows: "pd.DataFrame"
    count: Floats
    weight: Floats
    distinct: Distinct | None = None

    def refuse(self, checks: Mapping[str, npt.NDArray[np.bool_]], *, table: str = "summary") -> None:
        """Raise a DataError that counts the rows for which each condition holds."""
        counts = {text: int(self.count[bad].sum()) for text, bad in checks.items() if bad.any()}
        total = int(self.count.sum())
        found = [f"{count} of {total} rows {text}" for text, count in counts.items() if count]
        if found:
            msg = f"`{table}`: {'; '.join(found)}. Correct or filter these rows first."
            raise DataError(msg)


def is_local(frame: object) -> bool:
    """Say whether the rows of a frame are in Python's memory already."""
    return isinstance(nw.from_native(frame, pass_through=True), nw.DataFrame)


def gather(frame: object, roles: Mapping[str, str], *, weighted: bool = False, alike: bool = True) -> Cells:
    """Collapse the equal rows of a frame, in its engine or, unless few are `alike`, in memory."""
    wanted = {**roles, WEIGHT: "number"} if weighted else dict(roles)
    opened = _frames.lazy(frame, table="summary")
    local = opened.implementation.is_pandas() or is_local(frame)
    rows = _frames.scan(opened, wanted, table="summary", keep=local)
    if not local:
        return _grouped(rows, list(roles), weighted=weighted)
    columns = _arrays(rows, list(wanted))
    weight = columns[WEIGHT].astype(float) if weighted else None
    return _collapsed({name: columns[name] for name in roles}, weight, alike=alike)


def _grouped(rows: nw.LazyFrame[Any], columns: Sequence[str], *, weighted: bool) -> Cells:
    totals = {_COPY + "count": nw.len()} | ({_COPY + "weight": nw.col(WEIGHT).sum()} if weighted else {})
    if weighted:  # a sum would hide weights that are missing or negative
        bad = nw.when((nw.col(WEIGHT) >= 0) & (nw.col(WEIGHT) < math.inf)).then(0).otherwise(1)
        rows = rows.with_columns(bad.alias(_COPY + "bad"))
        totals[_COPY + "bad"] = nw.col(_COPY + "bad").sum()
    cells = _frames.collect(rows.group_by(*columns).agg(**totals).sort(*columns))
    count = cells[_COPY + "count"].to_numpy(dtype=float)
    weight = cells[_COPY + "weight"].to_numpy(dtype=float) if weighted else count
    found = Cells(cells[list(columns)], count, weight)
    if weighted and cells[_COPY + "bad"].sum():
        _refuse_weights(int(cells[_COPY + "bad"].sum()), int(count.sum()))
    return found


def _refuse_weights(bad: int, rows: int) -> None:
    msg = (
        f"`summary`: {bad} of {rows} rows have no finite weight of at least 0. Correct or filter them first."
    )
    raise DataError(msg)


def _collapsed(columns: Mapping[str, npt.NDArray[Any]], weight: Floats | None, *, alike: bool) -> Cells:
    import pandas as pd

    if weight is not None and not (fine := (weight >= 0) & (weight < np.inf)).all():
        _refuse_weights(int((~fine).sum()), len(weight))
    distinct = (collapse if alike else as_they_are)(columns)
    total = distinct.count if weight is None else distinct.sums(weight) if alike else weight
    return Cells(pd.DataFrame(distinct.columns, copy=False), distinct.count, total, distinct)


def _arrays(rows: nw.LazyFrame[Any], columns: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Bring columns that are in memory to numpy, without a copy where pandas has them so already."""
    if rows.implementation.is_pandas():
        native: Any = rows.to_native()
        found = {name: native[name] for name in columns}
        if all(isinstance(one.dtype, np.dtype) for one in found.values()):
            return {name: one.to_numpy() for name, one in found.items()}
    local = _frames.collect(rows.select(*columns))
    return {name: local[name].to_numpy() for name in columns}


def give(frame: FrameT, roles: Mapping[str, str], cells: Cells, scores: Mapping[str, Floats]) -> FrameT:
    """Add a column of scores of the cells to the frame they were gathered from, as the same kind of frame."""
    if cells.distinct is not None:
        opened: Any = nw.from_native(frame)
        backend = opened.implementation
        added = [
            nw.new_series(name, cells.distinct.spread(column), backend=backend)
            for name, column in scores.items()
        ]
        native: FrameT = opened.drop(*_stale(opened, scores)).with_columns(*added).to_native()
        return native
    return _joined(frame, roles, cells.rows[list(roles)], scores)


def _stale(opened: Any, scores: Mapping[str, Any]) -> list[str]:
    """Name the columns that a score has in other capitals: one name to DuckDB, pyarrow by it, and Spark."""
    kind = opened.implementation
    if kind.is_pandas() or kind.is_polars():
        return []
    taken = {name.lower() for name in scores}
    return [name for name in opened.collect_schema().names() if name.lower() in taken and name not in scores]


def give_long(frame: FrameT, roles: Mapping[str, str], cells: Cells, long: "pd.DataFrame") -> FrameT:
    """Join a table of several rows a cell, which names its cell by `cell`, to the frame."""
    keys = cells.rows[list(roles)].iloc[long["cell"]].reset_index(drop=True)
    return _joined(frame, roles, keys, {str(name): long[name].to_numpy() for name in long if name != "cell"})


def _joined(
    frame: FrameT, roles: Mapping[str, str], keys: "pd.DataFrame", scores: Mapping[str, npt.NDArray[Any]]
) -> FrameT:
    """Join scores to a frame by normalised copies of the columns that name a cell.

    A column of the frame that has the name of a score gives way to it, as in memory.
    """
    copies = {_COPY + name: role for name, role in roles.items()}
    given = _frames.lazy(frame)
    given = given.drop(*_stale(given, scores))
    present = given.collect_schema().names()
    opened = given.with_columns(**{_COPY + name: nw.col(name) for name in roles})
    stale = opened.drop(*(name for name in present if name in scores))
    rows = _frames.scan(stale.to_native(), copies, table="summary", keep=True)
    numbers = [name for name, role in copies.items() if role == "number"]
    rows = rows.with_columns(*(nw.col(name).cast(nw.Float64).fill_null(_NOTHING) for name in numbers))
    local = keys.rename(columns={name: _COPY + name for name in roles}).assign(**scores)
    local = local.assign(**{name: local[name].astype(float).fillna(_NOTHING) for name in numbers})
    joined = rows.join(_joins.attach(local, to=rows, typed=list(copies)), on=list(copies), how="inner")
    return _frames.give(joined.select(*dict.fromkeys([*present, *scores])), like=frame)
