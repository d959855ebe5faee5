"""Open a table of classified rows, whose cells are those of a matrix, each with its number."""

from collections.abc import Mapping
from typing import Any

import narwhals as nw

from crmkit import _frames
from crmkit.errors import ColumnError
from crmkit.segmentation.matrix import Matrix

UNKNOWN = "in a cell that the matrix does not have"


def open_cells(frame: object, matrix: Matrix, roles: Mapping[str, str]) -> nw.LazyFrame[Any]:
    """Open ``cell`` and the columns of `roles`, and add the number of the cell as ``_place``.

    Cells count from 1 in the order of the matrix; the number after the last is that of null, 0 that of a name
    which the matrix does not have.
    """
    rows = _frames.scan(frame, {"cell": "label", **roles})
    require_texts(rows, "cell", "as classify(…) gives them")
    cell = nw.col("cell")
    rows = rows.with_columns(cell=nw.when(~cell.is_null()).then(cell.cast(nw.String)))
    number = nw.lit(0, nw.Int64)  # a null stays null above: pandas 2 would write it as "nan"
    for place, one in enumerate(matrix.cells, start=1):
        number = nw.when(cell == one.name).then(nw.lit(place, nw.Int64)).otherwise(number)
    unplaced = nw.lit(len(matrix.cells) + 1, nw.Int64)
    return rows.with_columns(_place=nw.when(cell.is_null()).then(unplaced).otherwise(number))


def require_texts(rows: nw.LazyFrame[Any], column: str, which: str) -> None:
    """Refuse a column that holds something else than texts; one that is all null is of any type."""
    dtype = rows.collect_schema()[column]
    if isinstance(dtype, nw.String | nw.Object | nw.Unknown):
        return
    if _frames.count_rows(rows, {"known": ~nw.col(column).is_null()})["known"]:
        msg = f"`frame` must have texts in '{column}', {which}. Got the type {dtype} instead."
        raise ColumnError(msg)
