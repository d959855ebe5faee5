"""Bring two frames together: of one engine, with keys of one type, or a local table handed to an engine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import narwhals as nw

from crmkit import _params
from crmkit._frames import lazy
from crmkit._native import arrow_types, is_arrow, on_connection, same_connection
from crmkit.errors import ColumnError

if TYPE_CHECKING:
    import pandas as pd


def attach(local: "pd.DataFrame", to: nw.LazyFrame[Any], *, typed: Sequence[str] = ()) -> nw.LazyFrame[Any]:
    """Hand a small local frame to the engine (and the connection or session) of another frame.

    Columns in `typed` get the type back that they have there; in Python, null made floats of whole numbers.
    """
    table = _attached(local, to)
    if not typed or to.implementation.is_pandas():  # numpy's integers have no null
        return table
    schema, now = to.collect_schema(), table.collect_schema()
    known = [name for name in typed if schema[name] != nw.Unknown]  # of a column that is all null
    changed = [nw.col(name).cast(schema[name]) for name in known if schema[name] != now[name]]
    return table.with_columns(*changed) if changed else table


def _attached(local: "pd.DataFrame", to: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    native = cast("Any", to.to_native())
    implementation = to.implementation
    if implementation.is_pandas():
        if is_arrow(native):
            local = arrow_types(local)
        return nw.from_native(local).lazy()
    if implementation.is_polars():
        import polars as pl

        columns = {  # polars 1 would collect a frame of its own to read Python's datetimes
            name: column.to_numpy("datetime64[us]") if column.dtype.kind == "M" else _plain(column)
            for name, column in local.items()
        }
        return nw.from_native(pl.LazyFrame(columns))
    if implementation.is_duckdb():
        return cast("nw.LazyFrame[Any]", nw.from_native(on_connection(local, native)))
    import pyarrow as pa

    table = pa.Table.from_pandas(local, preserve_index=False)
    frame = native.sparkSession.createDataFrame(table, _spark_schema(local))
    return cast("nw.LazyFrame[Any]", nw.from_native(frame))


def _plain(column: "pd.Series[Any]") -> list[Any]:
    """Return a pandas column as Python values with None for what is missing."""
    if column.dtype.kind == "M":
        return [None if value is None else value.item() for value in column.to_numpy("datetime64[us]")]
    return column.astype(object).where(column.notna(), None).tolist()


def _spark_schema(local: "pd.DataFrame") -> str:
    kinds = {"i": "bigint", "u": "bigint", "f": "double", "b": "boolean", "M": "timestamp_ntz"}
    return ", ".join(f"`{name}` {kinds.get(local[name].dtype.kind, 'string')}" for name in local)


def same_engine(first: object, second: object, *, names: tuple[str, str]) -> None:
    """Raise a ParameterError unless two frames belong to the same engine, so that they can be joined."""
    lazy(first, table=names[0])
    lazy(second, table=names[1])
    kinds = [type(frame).__module__.partition(".")[0] for frame in (first, second)]
    if kinds[0] != kinds[1]:
        _params.fail(names[1], f"a frame of {kinds[0]}, as `{names[0]}` is", type(second))
    if kinds[0].endswith("duckdb") and not same_connection(first, second):
        _params.fail(names[1], f"a relation of the same connection as `{names[0]}`", "one of another")


def matched(
    first: nw.LazyFrame[Any], second: nw.LazyFrame[Any], keys: list[str], *, names: tuple[str, str]
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Give the keys of two tables one type, so that they can meet, or raise a ColumnError."""
    first = _typed_as(first, second, keys)
    second = _typed_as(second, first, keys)
    left, right = first.collect_schema(), second.collect_schema()
    whole = [name for name in keys if left[name].is_integer() and right[name].is_integer()]
    for name in keys:
        if left[name] != right[name] and name not in whole:
            msg = (
                f"`{names[1]}` must have '{name}' of the type that `{names[0]}` has, {left[name]}. "
                f"Got {right[name]} instead: convert one of them."
            )
            raise ColumnError(msg)
    if not whole:
        return first, second
    wide = [nw.col(name).cast(nw.Int64) for name in whole]
    return first.with_columns(*wide), second.with_columns(*wide)


def _typed_as(frame: nw.LazyFrame[Any], other: nw.LazyFrame[Any], keys: list[str]) -> nw.LazyFrame[Any]:
    """Give keys of a pandas frame that are null in every row, and so of no type, the type of another's."""
    if not (frame.implementation.is_pandas() and other.implementation.is_pandas()):
        return frame
    import pandas as pd

    native, known = (cast("pd.DataFrame", one.collect().to_native()) for one in (frame, other))
    bare = {}
    for name in keys:
        dtype = known[name].dtype
        if dtype != native[name].dtype and native[name].isna().all():
            kind = {"i": "Int64", "u": "Int64", "b": "boolean", "O": "string"}.get(dtype.kind, dtype)
            bare[name] = pd.Series(index=native.index, dtype=kind)
    return nw.from_native(native.assign(**bare)).lazy() if bare else frame


def nullable(frame: nw.LazyFrame[Any], columns: Sequence[str]) -> nw.LazyFrame[Any]:
    """Let whole numbers of pandas be null: one row without them would turn them into floats."""
    if not frame.implementation.is_pandas():
        return frame
    native = cast("pd.DataFrame", frame.collect().to_native())
    whole = [name for name in columns if str(native[name].dtype).startswith(("int", "uint"))]
    kinds = dict.fromkeys(whole, "Int64")
    return nw.from_native(native.astype(kinds)).lazy() if whole else frame
