"""Make the same table in seven dataframe engines, read results back, and count what crosses into Python."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import narwhals as nw

from crmkit import _frames, _params

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from duckdb import DuckDBPyConnection
    from pyspark.sql import SparkSession

ENGINES = ("pandas", "pandas_arrow", "polars", "polars_lazy", "pyarrow", "duckdb", "spark")
LAZY = ("polars_lazy", "duckdb", "spark")
_NEEDS = {
    "pandas_arrow": ("pyarrow",),
    "polars": ("polars", "pyarrow"),
    "polars_lazy": ("polars", "pyarrow"),
    "pyarrow": ("pyarrow", "duckdb"),
    "duckdb": ("duckdb", "pyarrow"),
    "spark": ("pyspark", "pyarrow"),
}


def available(engine: str) -> str | None:
    """Say why an engine cannot be used here.

    Parameters
    ----------
    engine : str
        One of `ENGINES`.

    Returns
    -------
    str or None
        The reason, or None when the engine can be used.

    Raises
    ------
    ParameterError
        If the name is not an engine.

    Examples
    --------
    >>> available("pandas") is None
    True
    """
    _params.choice("engine", engine, ENGINES)
    absent = [name for name in _NEEDS.get(engine, ()) if find_spec(name) is None]
    if absent:
        return f"{' and '.join(absent)} not installed"
    if engine == "spark" and not (os.environ.get("JAVA_HOME") or which("java")):
        return "no Java on this machine"
    return None


@lru_cache(maxsize=1)
def spark_session() -> "SparkSession":
    """Start the one local Spark session that the harness uses: two cores, UTC, no network, no UI.

    Returns
    -------
    pyspark.sql.SparkSession
        The session, made at the first call.

    Examples
    --------
    >>> spark_session().range(3).count()  # doctest: +SKIP
    3
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("crmkit")
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    for key, value in options.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return cast("SparkSession", session)


@lru_cache(maxsize=1)
def _connection() -> "DuckDBPyConnection":
    """Open a connection that is not DuckDB's default one, as a user's own would be."""
    import duckdb

    return duckdb.connect()


def to_engine(frame: "pd.DataFrame", engine: str, *, nan: str = "null") -> Any:
    """Copy a pandas frame into an engine.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table; missing values as pandas writes them.
    engine : str
        One of `ENGINES`. "duckdb" is a relation on a connection of its own, "pandas_arrow" has Arrow types.
    nan : {"null", "value"}, default "null"
        What a missing float becomes in the engines that tell null from NaN.

    Returns
    -------
    DataFrame
        The native frame of the engine.

    Raises
    ------
    ParameterError
        If the engine or `nan` is unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> to_engine(pd.DataFrame({"x": [1, 2]}), "pyarrow").num_rows
    2
    """
    _params.choice("engine", engine, ENGINES)
    _params.choice("nan", nan, ("null", "value"))
    if engine == "pandas":
        return frame.copy()
    table = _arrow(frame, nan)
    if engine == "pandas_arrow":
        import pandas as pd

        return table.to_pandas(types_mapper=pd.ArrowDtype)
    if engine in ("polars", "polars_lazy"):
        import polars as pl

        polars = cast("pl.DataFrame", pl.from_arrow(table))
        return polars.lazy() if engine == "polars_lazy" else polars
    if engine == "duckdb":
        return _connection().from_arrow(table)
    return spark_session().createDataFrame(table) if engine == "spark" else table


def _arrow(frame: "pd.DataFrame", nan: str) -> "pa.Table":
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    if table.num_rows == 0:  # text of pandas 2 without a row has no type in Arrow
        fields = [
            field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in table.schema
        ]
        table = table.cast(pa.schema(fields))
    if nan == "null":
        return table
    for position, name in enumerate(table.column_names):
        if pa.types.is_floating(table.schema.field(name).type):
            values = pa.array(frame[name].to_numpy(dtype=float), from_pandas=False)
            table = table.set_column(position, name, values)
    return table


def to_pandas(frame: Any) -> "pd.DataFrame":
    """Read a native frame of any engine into pandas with numpy types.

    Parameters
    ----------
    frame : DataFrame
        A frame of any engine.

    Returns
    -------
    pandas.DataFrame
        The rows, in the engine's order.

    Raises
    ------
    ParameterError
        If the object is not a dataframe.

    Examples
    --------
    >>> import pyarrow
    >>> to_pandas(pyarrow.table({"x": [1, 2]}))["x"].sum()
    np.int64(3)
    """
    return _frames.collect(_frames.lazy(frame))


def nan_columns(frame: Any) -> list[str]:
    """Name the columns that hold NaN as a value, in a frame of an engine that tells null from NaN.

    Parameters
    ----------
    frame : DataFrame
        A native frame.

    Returns
    -------
    list of str
        The columns; none for pandas, where NaN is null, and for Spark, which would need one more query.

    Examples
    --------
    >>> import pyarrow
    >>> nan_columns(pyarrow.table({"x": [1.0, float("nan")], "y": [1.0, None]}))
    ['x']
    """
    rows = _frames.lazy(frame)
    floats = [name for name, dtype in rows.collect_schema().items() if dtype.is_float()]
    if not floats or rows.implementation.is_pandas() or rows.implementation.is_pyspark():
        return []
    found = _frames.collect(rows.select(nw.col(name).is_nan().cast(nw.Int64).sum() for name in floats))
    return [name for name in floats if found[name].fillna(0).iloc[0] > 0]


@contextmanager
def crossed_rows() -> Iterator[list[int]]:
    """Count the rows that lazy engines hand to Python while the block runs.

    Yields
    ------
    list of int
        Rows of each fetch so far, in order.

    Examples
    --------
    >>> import duckdb
    >>> with crossed_rows() as fetched:
    ...     rows = duckdb.sql("SELECT unnest([1, 2, 3]) AS x").fetchall()
    >>> fetched
    [3]
    """
    fetched: list[int] = []
    with ExitStack() as stack:
        for owner, method, length in _crossings():
            original = getattr(owner, method)
            stack.enter_context(mock.patch.object(owner, method, _counting(original, length, fetched)))
        yield fetched


def _counting(
    original: Callable[..., Any], length: Callable[[Any], int], fetched: list[int]
) -> Callable[..., Any]:
    def fetch(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if not _asks_for_time_zone(args[0]):
            fetched.append(length(result))
        return result

    return fetch


def _asks_for_time_zone(frame: Any) -> bool:
    """Say whether this is the one row by which narwhals learns a DuckDB connection's time zone."""
    return type(frame).__name__ == "DuckDBPyRelation" and "TimeZone" in frame.columns[0]


def _crossings() -> list[tuple[Any, str, Callable[[Any], int]]]:
    """List the methods by which rows leave an engine that is in use."""
    found: list[tuple[Any, str, Callable[[Any], int]]] = []
    if "polars" in sys.modules:
        found.append((sys.modules["polars"].LazyFrame, "collect", len))
    if "duckdb" in sys.modules:
        relation = sys.modules["duckdb"].DuckDBPyRelation
        found += [(relation, name, len) for name in ("fetchall", "df", "to_df", "fetchdf", "pl")]
        found.append((relation, "fetchnumpy", lambda arrays: max(map(len, arrays.values()), default=0)))
        found += [
            (relation, name, lambda table: int(table.num_rows)) for name in _ARROW if hasattr(relation, name)
        ]
    if "pyspark.sql.classic.dataframe" in sys.modules:
        frame = sys.modules["pyspark.sql.classic.dataframe"].DataFrame
        found += [(frame, name, len) for name in ("collect", "toPandas", "tail")]
        found.append((frame, "toArrow", lambda table: int(table.num_rows)))
    return found


_ARROW = ("to_arrow_table", "fetch_arrow_table", "arrow")


def same_kind(result: Any, given: Any) -> bool:
    """Say whether two native frames are of one kind: type, and Arrow or numpy columns do not matter."""
    return type(result) is type(given) and nw.from_native(result).implementation is (
        nw.from_native(given).implementation
    )
