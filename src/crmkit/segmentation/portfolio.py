"""Follow a customer portfolio from one date to another: who moved between cells, and with how much money.

:func:`migration` counts the moves; :mod:`crmkit.segmentation.travel` says of each customer whether it moved
for the better.
"""

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError

# Stand in for null in keys, which not every engine groups and orders alike; from Unicode's private area.
_ABSENT, _UNPLACED = "\ue000", "\ue001"


def migration(before: FrameT, after: FrameT, *, cell: str = "cell", value: str | None = None) -> FrameT:
    """Count the customers that moved from each cell to each other cell between two dates.

    Parameters
    ----------
    before, after : DataFrame
        The portfolio at the first and at the second date, on one engine: one row a customer with
        ``customer_id`` and its cell, as `classify` gives it, or any other grouping such as a segment.
    cell : str, default "cell"
        Column with the cell, a text.
    value : str, optional
        Numeric column of both tables to add up, such as profit.

    Returns
    -------
    DataFrame
        The kind of `before`, one row a move that occurs: ``cell_before`` and ``cell_after`` (null where the
        customer has no cell), ``movement`` ("stayed", "moved", "entered": only in `after`, "left": only in
        `before`), ``customers``, ``customer_share`` (of those in the same cell before; of all that entered)
        and with `value` ``value_before``, ``value_after``, ``value_change`` and ``missing_values``
        (customers whose value is null on a side where they are). Sorted by the cells, nulls last.

    Raises
    ------
    ColumnError
        If a column is missing, of the wrong type, or differs in type between the tables.
    DataError
        If a row lacks its customer, or a customer stands twice in a table.
    ParameterError
        If the tables are of two engines, or an argument is no column name.

    Notes
    -----
    Every customer of either table is in exactly one row: customers and money add up to those of the tables,
    and the shares of a cell to 1. A null value counts as 0. A customer without a cell (a missing value on an
    axis) is kept: it "stayed" if it has none at both dates. Two empty tables give an empty one.

    References
    ----------
    The migration matrix of customer base analysis; with shares of the first date it is the transition matrix
    of a Markov chain.

    Examples
    --------
    >>> import pandas as pd
    >>> first = pd.DataFrame({"customer_id": list("abc"), "cell": ["invest", "nurture", "sack"],
    ...                       "profit": [90.0, 50.0, -20.0]})
    >>> second = pd.DataFrame({"customer_id": list("abd"), "cell": ["invest", "invest", "sack"],
    ...                        "profit": [95.0, 80.0, -5.0]})
    >>> moved = migration(first, second, value="profit")
    >>> moved[["cell_before", "cell_after", "movement", "customers", "value_change"]]
      cell_before cell_after movement  customers  value_change
    0      invest     invest   stayed          1           5.0
    1     nurture     invest    moved          1          30.0
    2        sack        NaN     left          1          20.0
    3         NaN       sack  entered          1          -5.0
    """
    wanted = [] if value is None else [_params.column("value", value)]
    rows = paired(before, after, cell=cell, numbers=wanted)
    sums, missing = [], []
    if wanted:
        old, new = nw.col("_before_0"), nw.col("_after_0")
        lost = (old.is_null() & nw.col("_was")) | (new.is_null() & nw.col("_is"))
        rows = rows.with_columns(
            value_before=nw.when(old.is_null()).then(0.0).otherwise(old),
            value_after=nw.when(new.is_null()).then(0.0).otherwise(new),
            missing_values=nw.when(lost).then(1).otherwise(0),
        )
        sums = [nw.col("value_before").sum(), nw.col("value_after").sum(), nw.col("missing_values").sum()]
        missing = [nw.col("missing_values").cast(nw.Int64)]
    keys = ["cell_before", "cell_after", "movement"]
    moves = rows.group_by(keys).agg(nw.len().alias("customers"), *sums)
    totals = moves.group_by("cell_before").agg(_total=nw.col("customers").sum())
    moves = moves.join(totals, on="cell_before").with_columns(
        customers=nw.col("customers").cast(nw.Int64),
        customer_share=nw.col("customers").cast(nw.Float64) / nw.col("_total").cast(nw.Float64),
        **real_cells(),
    )
    change = (nw.col("value_after") - nw.col("value_before")).alias("value_change")
    money = [nw.col("value_before"), nw.col("value_after"), change, *missing] if wanted else []
    result = moves.select(*keys, "customers", "customer_share", *money)
    return _frames.give(result, like=before, sort=keys)


def real_cells() -> dict[str, nw.Expr]:
    """Put null back for customers without a cell."""
    return {
        name: nw.when((nw.col(name) != _ABSENT) & (nw.col(name) != _UNPLACED)).then(nw.col(name))
        for name in ("cell_before", "cell_after")
    }


def paired(before: object, after: object, *, cell: str | None, numbers: Sequence[str]) -> nw.LazyFrame[Any]:
    """Join the two dates: one row a customer with what it was and is, a text standing in for no cell.

    Returns customer_id, _was and _is (whether the customer is in each table), _before_0, _after_0 and so on
    (`numbers`, null where absent) and, with `cell`, cell_before, cell_after and movement.
    """
    columns = ["customer_id", *numbers, *([] if cell is None else [_params.column("cell", cell)])]
    if len(set(columns)) < len(columns):
        _params.fail(
            "columns", "distinct: the customer, the cell and each number have one of their own", columns
        )
    roles = dict(zip(columns, ["key", *["number"] * len(numbers), "label"], strict=False))
    _joins.same_engine(before, after, names=("before", "after"))
    old, new = (
        _side(frame, roles, cell, numbers, name) for frame, name in ((before, "before"), (after, "after"))
    )
    sides = _joins.matched(old, new, ["customer_id"], names=("before", "after"))
    everybody = nw.concat([side.select("customer_id") for side in sides], how="vertical")
    rows = everybody.group_by("customer_id").agg(_seen=nw.len()).drop("_seen")
    for side in sides:
        rows = rows.join(side, on="customer_id", how="left")
    here = {name: ~nw.col(name).is_null() for name in ("_was", "_is")}
    rows = rows.with_columns(**here)
    return rows if cell is None else _with_movement(rows)


def _side(
    frame: object, roles: dict[str, str], cell: str | None, numbers: Sequence[str], name: str
) -> nw.LazyFrame[Any]:
    """Open one date, check that each customer is in it once, and give its columns the name of the date."""
    rows = _frames.scan(frame, roles)
    checks = {"without a customer_id": nw.col("customer_id").is_null()}
    columns = {f"_{name}_{place}": nw.col(number).cast(nw.Float64) for place, number in enumerate(numbers)}
    columns["_was" if name == "before" else "_is"] = nw.lit(1)
    if cell is not None:
        columns[f"cell_{name}"] = _as_text(rows, cell, name)
    counted = rows.group_by("customer_id").agg(_n=nw.len())
    _frames.refuse(
        counted,
        {**checks, "(customers) that stand in it more than once": nw.col("_n") > 1},
        table=name,
    )
    return rows.select("customer_id", **columns)


def _as_text(rows: nw.LazyFrame[Any], cell: str, name: str) -> nw.Expr:
    """Express a cell as text, one that is null by the text that stands for it."""
    dtype = rows.collect_schema()[cell]
    if not isinstance(dtype, nw.String | nw.Object | nw.Unknown):
        known = _frames.count_rows(rows, {"known": ~nw.col(cell).is_null()})["known"]
        if known:
            msg = f"`{name}` must have texts in '{cell}'. Got the type {dtype}: convert it first."
            raise ColumnError(msg)
    text = nw.col(cell).cast(nw.String)
    return nw.when(~nw.col(cell).is_null()).then(text).otherwise(nw.lit(_UNPLACED))


def _with_movement(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add whether the customer stayed, moved, entered or left."""
    ends = {
        name: nw.when(nw.col(here)).then(nw.col(name)).otherwise(nw.lit(_ABSENT))
        for name, here in (("cell_before", "_was"), ("cell_after", "_is"))
    }
    rows = rows.with_columns(**ends)
    same = nw.col("cell_before") == nw.col("cell_after")
    movement = nw.when(same).then(nw.lit("stayed")).otherwise(nw.lit("moved"))
    movement = nw.when(~nw.col("_is")).then(nw.lit("left")).otherwise(movement)
    return rows.with_columns(movement=nw.when(~nw.col("_was")).then(nw.lit("entered")).otherwise(movement))
