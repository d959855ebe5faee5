"""What narwhals cannot say: the few operations that are written in each engine's own words."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import narwhals as nw

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

# A date of ISO 8601, alone or with a time of day; the engines agree about nothing looser than this.
_ISO = r"^\d{4}-\d{2}-\d{2}(?:[ T](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)?$"
_ISO_FORMATS = ("%Y-%m-%d", *(f"%Y-%m-%d{t}{clock}" for t in " T" for clock in ("%H:%M", "%H:%M:%S%.f")))


def wall_clock(column: "pd.Series[Any]", tz: str) -> "pd.Series[Any]":
    """Return aware timestamps of pandas as a zone's naive clock; Arrow's own way differs between versions."""
    import pandas as pd

    instants = column.astype(pd.DatetimeTZDtype("us", "UTC"))
    return cast("pd.Series[Any]", instants.dt.tz_convert(tz).dt.tz_localize(None))


def to_business_time(frame: nw.LazyFrame[Any], names: Sequence[str], tz: str) -> nw.LazyFrame[Any]:
    """Turn aware timestamps into the naive wall clock of a time zone."""
    native = cast("Any", frame.to_native())
    if frame.implementation.is_duckdb():
        import duckdb

        zone = duckdb.ConstantExpression(tz)
        star = duckdb.StarExpression(exclude=list(names))
        clocks = [
            duckdb.FunctionExpression("timezone", zone, duckdb.ColumnExpression(name)).alias(name)
            for name in names
        ]
        order = frame.collect_schema().names()
        return cast("nw.LazyFrame[Any]", nw.from_native(native.select(star, *clocks))).select(*order)
    if frame.implementation.is_pyspark():
        from pyspark.sql import functions as F  # noqa: N812 - Spark's own idiom

        for name in names:
            wall = F.col(f"`{name}`").cast("timestamp_ntz")
            native = native.withColumn(name, F.convert_timezone(F.current_timezone(), F.lit(tz), wall))
        return cast("nw.LazyFrame[Any]", nw.from_native(native))
    if frame.implementation.is_pandas():
        clocks_ = {name: wall_clock(native[name], tz) for name in names}
        kept = {
            name: clock.astype("timestamp[us][pyarrow]")
            if hasattr(native.dtypes[name], "pyarrow_dtype")
            else clock
            for name, clock in clocks_.items()
        }
        return cast("nw.LazyFrame[Any]", nw.from_native(native.assign(**kept)).lazy())
    return frame.with_columns(nw.col(*names).dt.convert_time_zone(tz).dt.replace_time_zone(None))


def object_dates(frame: nw.LazyFrame[Any], names: Sequence[str]) -> nw.LazyFrame[Any]:
    """Turn columns of Python's dates, which pandas holds as objects, into timestamps; leave other objects."""
    native = cast("pd.DataFrame", frame.collect().to_native())
    read = {name: _timestamps(native[name]) for name in names}
    return nw.from_native(native.assign(**read)).lazy()


def _timestamps(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return dates and datetimes as timestamps, aware ones in UTC; the column itself if it holds others."""
    import numpy as np
    import pandas as pd

    known = column.dropna().tolist()
    aware = {getattr(value, "tzinfo", None) is not None for value in known}
    if len(aware) != 1 or not all(isinstance(value, dt.date) for value in known):
        return column
    if aware == {True}:
        known = [value.astimezone(dt.UTC).replace(tzinfo=None) for value in known]
    moments = np.full(len(column), np.datetime64("NaT", "us"))
    moments[column.notna().to_numpy()] = np.array(known, dtype="datetime64[us]")
    found = pd.Series(moments, index=column.index)
    return found.dt.tz_localize("UTC") if aware == {True} else found


def parse_dates(frame: nw.LazyFrame[Any], names: Mapping[str, str]) -> nw.LazyFrame[Any]:
    """Add, under new names, the timestamps that ISO 8601 text means; null where the text is no date.

    Text with an offset from UTC is none of them: some engines would drop the offset.
    """
    shaped = {name: nw.col(name).str.contains(_ISO).fill_null(value=False) for name in names}
    dates = {new: nw.when(shaped[name]).then(nw.col(name)) for name, new in names.items()}
    native = cast("Any", frame.with_columns(**dates).to_native())
    if frame.implementation.is_pandas():
        import pandas as pd

        read = {new: pd.to_datetime(native[new], format="ISO8601", errors="coerce") for new in names.values()}
        return cast("nw.LazyFrame[Any]", nw.from_native(native.assign(**read)).lazy())
    if frame.implementation.is_polars():
        import polars as pl

        formats = {
            new: [pl.col(new).str.to_datetime(f, strict=False) for f in _ISO_FORMATS]
            for new in names.values()
        }
        read = native.with_columns(**{new: pl.coalesce(*each) for new, each in formats.items()})
        return cast("nw.LazyFrame[Any]", nw.from_native(read))
    if frame.implementation.is_duckdb():
        import duckdb

        text = [f"TRY_CAST({_quoted(new)} AS TIMESTAMP) AS {_quoted(new)}" for new in names.values()]
        others = duckdb.StarExpression(exclude=list(names.values()))
        parsed = native.select(others, *(duckdb.SQLExpression(one) for one in text))
        return cast("nw.LazyFrame[Any]", nw.from_native(parsed))
    from pyspark.sql import functions as F  # noqa: N812 - Spark's own idiom

    for new in names.values():
        native = native.withColumn(new, F.try_to_timestamp(F.col(f"`{new}`")).cast("timestamp_ntz"))
    return cast("nw.LazyFrame[Any]", nw.from_native(native))


def arrow_types(local: "pd.DataFrame") -> "pd.DataFrame":
    """Return a pandas frame with Arrow's types, which pandas 2 does not compare with numpy's dates."""
    import pandas as pd
    import pyarrow as pa

    table = pa.Table.from_pandas(local, preserve_index=False)
    return cast("pd.DataFrame", table.to_pandas(types_mapper=pd.ArrowDtype))


def is_arrow(native: "pd.DataFrame") -> bool:
    """Say whether a pandas frame has a column of Arrow's types."""
    return any(hasattr(dtype, "pyarrow_dtype") for dtype in native.dtypes)


def same_connection(first: Any, second: Any) -> bool:
    """Say whether two DuckDB relations belong to one connection, which only joining them tells."""
    import duckdb

    try:
        first.limit(0).set_alias("_first").cross(second.limit(0).set_alias("_second"))
    except duckdb.InvalidInputException:
        return False
    return True


def on_connection(local: "pd.DataFrame", relation: Any) -> Any:  # noqa: ARG001 - DuckDB reads `local` by name
    """Hand a local frame to a relation's connection, without the view that DuckDB 1.3 would leave there."""
    empty = relation.limit(0)
    table = empty.query("_crmkit_relation", "SELECT * FROM local")
    empty.query("_crmkit_relation", "DROP VIEW _crmkit_relation")
    return table


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def first_and_rest(
    rows: nw.LazyFrame[Any], *, key: str, order: str, value: str, gaps: bool
) -> nw.LazyFrame[Any]:
    """Split each key's sum of values into the row that comes first in `order` and the rest.

    Returns `key`, count (of rows with an order), first, last (order), total (of all values), rest (of the
    values with a later order than the first). Orders are distinct within a key, or null if there are `gaps`.
    """
    if rows.implementation.is_duckdb():  # a join or a window costs it twice the time of arg_min
        k, o, v = (f'"{name}"' for name in (key, order, value))
        counted = f"count({o}) AS count, min({o}) AS first, max({o}) AS last, sum({v}) AS total"
        others = f"sum({v}) {f'FILTER ({o} IS NOT NULL) ' * gaps}- arg_min({v}, {o}) AS rest"
        # Not `query`: before DuckDB 2 a later view of the same name would change this relation.
        relation = cast("Any", rows.to_native()).aggregate(f"{k}, {counted}, {others}", k)
        return cast("nw.LazyFrame[Any]", nw.from_native(relation))
    counted_value = nw.when(~nw.col(order).is_null()).then(nw.col(value)).otherwise(0.0)
    rows = rows.select(key, order, _value=nw.col(value), **({"_counted": counted_value} if gaps else {}))
    ends = {"count": nw.col(order).count(), "first": nw.col(order).min(), "last": nw.col(order).max()}
    sums = {"total": nw.col("_value").sum(), **({"_sum": nw.col("_counted").sum()} if gaps else {})}
    head = rows.select(key, first=nw.col(order), _first=nw.col("_value"))
    both = rows.group_by(key).agg(**ends, **sums).join(head, on=[key, "first"], how="left")
    rest = nw.col("_sum" if gaps else "total") - nw.col("_first")
    return both.select(key, "count", "first", "last", "total", rest=rest)


def count_flags(
    rows: nw.LazyFrame[Any], keys: Sequence[str], flags: Mapping[str, nw.Expr]
) -> nw.LazyFrame[Any]:
    """Count, by keys, for how many rows each condition holds, with `_rows` in all; one row without keys."""
    if rows.implementation.is_pandas():  # its own group-by takes twice the time of counting integers
        return _counted(cast("pd.DataFrame", rows.select(*keys, **flags).collect().to_native()), keys)
    whole = {name: condition.cast(nw.Int64) for name, condition in flags.items()}
    marked = rows.select(*keys, **whole, _rows=nw.lit(1, nw.Int64))
    sums = [nw.col(name).sum() for name in (*flags, "_rows")]
    cells = marked.group_by(keys).agg(*sums) if keys else marked.select(*sums)
    return cells.with_columns(*(nw.col(name).fill_null(0) for name in (*flags, "_rows")))


def _counted(marked: "pd.DataFrame", keys: Sequence[str]) -> nw.LazyFrame[Any]:
    """Count the true values of all columns that are not keys: number the groups, then count the numbers."""
    import numpy as np
    import pandas as pd

    code, size = _group_numbers(marked, keys)
    first = np.full(size, -1)
    first[code[::-1]] = np.arange(len(marked))[::-1]  # of equal indices, the last one is assigned
    found = np.flatnonzero(first >= 0) if keys else np.zeros(1, dtype=int)
    cells = marked[list(keys)].take(first[found]).reset_index(drop=True) if keys else pd.DataFrame(index=[0])
    for name in marked.columns.drop(list(keys)):
        sums = np.bincount(code, weights=marked[name].to_numpy(bool), minlength=size)
        cells[name] = sums[found].astype(np.int64)
    cells["_rows"] = np.bincount(code, minlength=size)[found]
    return nw.from_native(arrow_types(cells) if is_arrow(marked) else cells).lazy()


def _group_numbers(frame: "pd.DataFrame", keys: Sequence[str]) -> "tuple[NDArray[np.intp], int]":
    """Give each row the number of its group, null a group of its own, below the returned bound."""
    import numpy as np
    import pandas as pd

    code, size = np.zeros(len(frame), dtype=np.intp), 1
    for key in keys:
        each, values = pd.factorize(frame[key], use_na_sentinel=False)
        code, size = (code * len(values) + each, size * len(values)) if size > 1 else (each, len(values))
        if size > len(frame):  # most of the combinations do not occur
            code, kept = pd.factorize(code)
            size = len(kept)
    return code, size
