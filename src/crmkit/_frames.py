"""Open a frame of any engine, check and collect a few rows, give the same kind back.

A room works in four steps, the same on pandas, polars, pyarrow, DuckDB and Spark::

    rows = _frames.scan(frame, {"customer_id": "key", "amount": "number"}, table="orders")
    cells = rows.group_by("customer_id").agg(...)          # narwhals, the allowed set of the design
    local = _frames.collect(cells)                         # only where Python must see numbers: few rows
    return _frames.give(cells, like=frame)                 # eager kinds are collected, lazy kinds stay lazy

At the door NaN becomes null, decimals become floats, categories become text and dates become naive
datetimes, because the engines disagree about all four. Only this module, `_joins` (two frames) and `_native`
(what narwhals cannot say) know engines.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import narwhals as nw
from narwhals.typing import IntoDataFrame, IntoLazyFrame

from crmkit._native import wall_clock
from crmkit.errors import ColumnError, DataError, ParameterError

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

FrameT = TypeVar("FrameT", bound=IntoDataFrame | IntoLazyFrame)

# The tables that `crmkit.tables` maps names for; that room lies above this module, and its tests compare.
MAPPED = {
    *("activities", "campaigns", "cases", "customers", "drivers", "interactions", "invoices", "leads"),
    *("ledger", "messages", "opportunities", "orders", "products", "quotes", "readings", "responses"),
    *("ratings", "resources", "stock", "subscriptions", "visits"),
}
ROLES = ("key", "label", "date", "number", "flag")
_WHOLE = nw.Datetime("us")
_EXACT = 2**53


def is_frame(frame: object) -> bool:
    """Say whether an object is a dataframe of an engine that crmkit knows."""
    try:
        opened = nw.from_native(cast("Any", frame), pass_through=True)
    except nw.exceptions.DuplicateError:  # a frame, whose double column names `lazy` will refuse
        return True
    return isinstance(opened, nw.DataFrame | nw.LazyFrame)


def lazy(frame: object, *, table: str = "frame") -> nw.LazyFrame[Any]:
    """Wrap a native frame as a narwhals LazyFrame; pyarrow tables go through DuckDB, which has windows."""
    try:
        opened = nw.from_native(cast("Any", frame), pass_through=True)
    except nw.exceptions.DuplicateError as error:
        msg = f"`{table}` must have distinct column names. {error}"
        raise ColumnError(msg) from None
    if not isinstance(opened, nw.DataFrame | nw.LazyFrame):
        msg = (
            f"`{table}` must be a DataFrame of pandas, polars, pyarrow, DuckDB or Spark. "
            f"Got {type(frame).__name__} instead."
        )
        raise ParameterError(msg)
    if isinstance(opened, nw.LazyFrame):
        return opened
    names = opened.columns
    unnamed = opened.implementation.is_pyarrow() and not names  # DuckDB knows no table without columns
    if unnamed or not all(isinstance(name, str) for name in names):
        msg = f"`{table}` must have columns whose names are text. Got {names!r}: rename them first."
        raise ColumnError(msg)
    return opened.lazy("duckdb") if opened.implementation.is_pyarrow() else opened.lazy()


def scan(
    frame: object,
    roles: Mapping[str, str],
    *,
    table: str = "frame",
    optional: Iterable[str] = (),
    keep: bool = False,
) -> nw.LazyFrame[Any]:
    """Open a frame with the columns that `roles` names, checked and normalised.

    Other columns are dropped, or with `keep` left as they are.

    `roles` maps column → "key", "label" (what one groups by), "date", "number" or "flag"; optional ones may
    be absent.
    """
    opened = lazy(frame, table=table)
    schema = opened.collect_schema()
    absent = set(optional) - set(schema.names())
    wanted = {name: role for name, role in roles.items() if name not in absent}
    require(schema.names(), wanted, table=table)
    normal = {name: _normal(name, schema[name], role, opened, table) for name, role in wanted.items()}
    if keep:
        changed = [column.alias(name) for name, column in normal.items() if column is not None]
        return opened.with_columns(*changed) if changed else opened
    return opened.select(*(name if column is None else column.alias(name) for name, column in normal.items()))


def require(present: Sequence[str], wanted: Iterable[str], *, table: str) -> None:
    """Raise a ColumnError that names the missing columns, the nearest present ones and the mapping call."""
    missing = [name for name in wanted if name not in present]
    if not missing:
        return
    hints = []
    for name in missing:
        near = difflib.get_close_matches(name, present, n=1, cutoff=0.5)
        hints.append(f"'{name}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
    mapped = f"Map foreign names with crmkit.tables.{table}(…)." if table in MAPPED else "Rename it first."
    remedy = "" if table == "frame" else f" {mapped}"
    msg = f"`{table}` must have the column {', '.join(hints)}. Present: {', '.join(present)}.{remedy}"
    raise ColumnError(msg)


def _normal(
    name: str, dtype: nw.dtypes.DType, role: str, frame: nw.LazyFrame[Any], table: str
) -> nw.Expr | None:
    """Express one column as its role needs it, or raise the ColumnError that says why it cannot be.

    None is a column that is so already.
    """
    column = nw.col(name)
    if role == "date":
        return _as_date(name, dtype, frame, table)
    if role == "number":
        return _as_number(name, dtype, frame, table)
    if role == "flag":
        if dtype == nw.Boolean or dtype.is_integer():
            return column.cast(nw.Boolean)
        raise ColumnError(_wrong(table, name, "true or false", dtype))
    if not _is_plain(name, dtype, frame):
        raise ColumnError(_wrong(table, name, "plain values such as text, numbers or dates", dtype))
    if isinstance(dtype, nw.Categorical | nw.Enum):  # pandas 2 would write null as the text "nan"
        return nw.when(~column.is_null()).then(column.cast(nw.String))
    return _null_for_nan(name, dtype, frame)


def _is_plain(name: str, dtype: nw.dtypes.DType, frame: nw.LazyFrame[Any]) -> bool:
    """Say whether every engine can group by and sort a column: no lists, no bytes, no mixture of types."""
    if dtype == nw.Object and frame.implementation.is_pandas():
        import pandas as pd

        kind = pd.api.types.infer_dtype(cast("Any", frame.to_native())[name], skipna=True)
        return not kind.startswith(("mixed", "bytes", "unknown"))
    return not dtype.is_nested() and dtype not in (nw.Binary, nw.Object)


def _as_date(name: str, dtype: nw.dtypes.DType, frame: nw.LazyFrame[Any], table: str) -> nw.Expr | None:
    column = nw.col(name)
    if isinstance(dtype, nw.Datetime):
        if dtype.time_zone is not None and not frame.implementation.is_pyspark():
            msg = (
                f"`{table}` must have naive dates in '{name}'. Got the time zone {dtype.time_zone}: "
                f"map the table with its business time zone, tz='Europe/Helsinki' for example."
            )
            raise ColumnError(msg)
        return None if dtype == _WHOLE else column.cast(_WHOLE)
    if dtype == nw.Date:
        return column.cast(_WHOLE)
    raise ColumnError(_no_date(name, dtype, frame, table))


def _no_date(name: str, dtype: nw.dtypes.DType, frame: nw.LazyFrame[Any], table: str) -> str:
    """Say how a column that is no date becomes one."""
    text, objects = dtype == nw.String, dtype == nw.Object
    if (text or objects) and table in MAPPED:
        read = "ISO dates" if text else "Python's dates"
        remedy = f"map the table with crmkit.tables.{table}(…), which reads {read}, or convert the column"
    elif text or dtype.is_numeric():
        remedy = "read them first, with pandas.to_datetime(column, format='%Y') for example"
    elif dtype == nw.Unknown and frame.implementation.is_pandas():
        remedy = "convert them first, periods with column.dt.to_timestamp() for example"
    else:
        return _wrong(table, name, "dates", dtype)
    return f"`{table}` must have dates in '{name}'. Got the type {dtype} instead: {remedy}."


def _as_number(name: str, dtype: nw.dtypes.DType, frame: nw.LazyFrame[Any], table: str) -> nw.Expr | None:
    column = nw.col(name)
    if dtype.is_float():
        known = _null_for_nan(name, dtype, frame)
        return known if dtype == nw.Float64 else (column if known is None else known).cast(nw.Float64)
    if dtype == nw.Int128 or (dtype.is_numeric() and not dtype.is_integer()):
        return column.cast(nw.Float64)
    if dtype.is_integer():
        _refuse_inexact(name, frame, table)
        return None if dtype == nw.Int64 else column.cast(nw.Int64)
    if dtype == nw.Object and holds_numbers(frame, name):
        return column.cast(nw.Float64)
    raise ColumnError(_wrong(table, name, "numbers", dtype))


def _refuse_inexact(name: str, frame: nw.LazyFrame[Any], table: str) -> None:
    """Refuse whole numbers of pandas with Arrow types that no float holds: Arrow would not cast them."""
    if not frame.implementation.is_pandas():
        return
    values = cast("Any", frame.to_native())[name]
    if not hasattr(values.dtype, "pyarrow_dtype"):
        return
    beyond = int(((values > _EXACT) | (values < -_EXACT)).sum())
    if beyond:
        msg = (
            f"`{table}` must have whole numbers within ±2^53 in '{name}'. Found {beyond} of {len(values)} "
            "rows beyond, which Arrow types turn into no float: correct them, or convert the column."
        )
        raise DataError(msg)


def holds_numbers(frame: nw.LazyFrame[Any], name: str) -> bool:
    """Say whether a pandas object column holds nothing but numbers, such as Decimal, and nulls."""
    values = cast("Any", frame.select(name).collect().to_native())[name].dropna()
    return bool(values.map(lambda value: hasattr(value, "__float__")).all())


def _null_for_nan(name: str, dtype: nw.dtypes.DType, frame: nw.LazyFrame[Any]) -> nw.Expr | None:
    if not dtype.is_float():
        return None
    if (
        frame.implementation.is_pandas()
        and type(cast("Any", frame.to_native())[name].dtype).__module__[:5] == "numpy"
    ):
        return None  # numpy's only null is NaN
    return nw.when(~nw.col(name).is_nan()).then(nw.col(name))


def _wrong(table: str, name: str, required: str, dtype: nw.dtypes.DType) -> str:
    return (
        f"`{table}` must have {required} in '{name}'. Got the type {dtype} instead: "
        "convert the column, or map another one to this name."
    )


def collect(frame: nw.LazyFrame[Any]) -> "pd.DataFrame":
    """Bring the rows of a small result to Python as a pandas frame with numpy types."""
    import pandas as pd

    implementation = frame.implementation
    if implementation.is_pandas():
        native = cast("pd.DataFrame", frame.collect().to_native())
    elif implementation.is_duckdb():
        native = cast("pd.DataFrame", _naive(frame).collect("pandas").to_native())
    elif implementation.is_pyspark():  # Spark's own toPandas warns on pandas 3
        native = cast("Any", frame.collect("pyarrow").to_native()).to_pandas()
    else:
        eager = frame.collect()
        native = pd.DataFrame({name: eager[name].to_numpy() for name in eager.columns})
    return pd.DataFrame({name: _numpy_type(native[name]) for name in native}).reset_index(drop=True)


def _naive(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Drop the time zones of a DuckDB result, which its own way to pandas 3 would warn about."""
    schema = frame.collect_schema()
    aware = [name for name, dtype in schema.items() if isinstance(dtype, nw.Datetime) and dtype.time_zone]
    return frame.with_columns(nw.col(*aware).cast(_WHOLE)) if aware else frame


def _numpy_type(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column as numpy's nearest type: Arrow and masked numbers lose their own null for NaN."""
    import pandas as pd

    dtype = cast("Any", column.dtype)
    tz = getattr(getattr(dtype, "pyarrow_dtype", dtype), "tz", None)
    if tz is not None:
        return wall_clock(column, str(tz))
    if not pd.api.types.is_extension_array_dtype(dtype) or isinstance(dtype, pd.StringDtype):
        return column
    complete = bool(column.notna().all())
    if dtype.kind == "f" or (dtype.kind in "iu" and not complete):
        return column.astype("float64")
    if dtype.kind == "b" and not complete:
        return column.astype(object).where(column.notna(), None)
    plain = {"i": "int64", "u": "int64", "b": "bool", "M": "datetime64[us]"}.get(dtype.kind, "object")
    return cast("pd.Series[Any]", cast("Any", column).astype(plain))


def moment(value: "dt.datetime", frame: nw.LazyFrame[Any]) -> nw.Expr:
    """Return a naive datetime as a literal.

    Spark would read a Python datetime in the time zone of the Python process; as text it keeps its clock.
    """
    if frame.implementation.is_pyspark():
        return nw.lit(value.isoformat(sep=" ")).cast(_WHOLE)
    return nw.lit(value).cast(_WHOLE)


def give(result: nw.LazyFrame[Any], *, like: FrameT, sort: Sequence[str] = ()) -> FrameT:
    """Return a result as the kind of frame that `like` is, sorted, with plain integers for counts.

    Columns that `like` has already keep their type.
    """
    wide = (nw.Int128, nw.UInt64, nw.UInt32)
    given = nw.from_native(cast("Any", like)).lazy().collect_schema()
    schema = result.collect_schema()
    casts = [
        nw.col(name).cast(nw.Int64)
        for name, dtype in schema.items()
        if dtype in wide and given.get(name) != dtype
    ]
    if casts:
        result = result.with_columns(*casts)
    if sort:
        result = result.sort(*sort, nulls_last=True)
    kind = nw.from_native(cast("Any", like))
    if isinstance(kind, nw.LazyFrame):
        return cast("FrameT", result.to_native())
    if kind.implementation.is_pyarrow():
        return cast("FrameT", result.collect("pyarrow").to_native())
    native = cast("Any", result.collect().to_native())
    if kind.implementation.is_pandas():
        native = native.reset_index(drop=True)
    return cast("FrameT", native)


def count_rows(frame: nw.LazyFrame[Any], checks: Mapping[str, nw.Expr]) -> dict[str, int]:
    """Count the rows for which each condition holds, all conditions in one query."""
    flags = {name: nw.when(condition).then(1).otherwise(0) for name, condition in checks.items()}
    counted = frame.select(**flags).select(nw.len().alias("rows"), *(nw.col(name).sum() for name in flags))
    return {str(name): int(value) for name, value in collect(counted).fillna(0).iloc[0].items()}


def refuse(frame: nw.LazyFrame[Any], checks: Mapping[str, nw.Expr], *, table: str) -> int:
    """Raise a DataError if any condition, keyed by what it means, holds for a row; return the row count."""
    keys = {f"check_{number}": condition for number, condition in enumerate(checks.values())}
    counts = count_rows(frame, keys)
    rows = counts.pop("rows")
    pairs = zip(checks, counts.values(), strict=True)
    found = [f"{count} of {rows} rows {text}" for text, count in pairs if count]
    if found:
        msg = f"`{table}`: {'; '.join(found)}. Correct or filter these rows first."
        raise DataError(msg)
    return rows
