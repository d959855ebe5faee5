"""Engines' own words: counting conditions by group, telling DuckDB's connections apart, lost key types."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from crmkit import _frames, _joins, _native
from crmkit.errors import ColumnError, ParameterError
from crmkit.testing import assert_parity

ROWS = pd.DataFrame(
    {
        "channel": ["web", None, "fair", "web", None, "web", "fair", "mail"],
        "zone": [2.0, 1.0, np.nan, 2.0, 1.0, 1.0, np.nan, np.nan],
        "won": [True, False, True, True, True, False, False, False],
        "old": [True, True, True, False, False, False, True, False],
    },
    index=[5, 5, 1, 0, 0, 2, 7, 7],
)


def flags():
    return {"won": nw.col("won"), "both": nw.col("won") & nw.col("old"), "never": nw.lit(False)}


def by_hand(keys):
    groups: dict[tuple, list[int]] = {}
    for row in ROWS.to_dict("records"):
        key = tuple(None if pd.isna(row[name]) else row[name] for name in keys)
        cell = groups.setdefault(key, [0, 0, 0, 0])
        for place, value in enumerate((row["won"], row["won"] and row["old"], False, True)):
            cell[place] += value
    rows = [[*key, *cell] for key, cell in groups.items()]
    return pd.DataFrame(rows, columns=[*keys, "won", "both", "never", "_rows"])


@pytest.mark.parametrize("keys", [["channel"], ["zone", "channel"]])
def test_conditions_are_counted_by_group_on_every_engine(keys):
    def count(frame):
        rows = _frames.scan(frame, {"channel": "key", "zone": "key", "won": "flag", "old": "flag"})
        return _frames.give(_native.count_flags(rows, keys, flags()), like=frame)

    assert_parity(count, ROWS, expected=by_hand(keys), keys=keys)


@pytest.mark.parametrize("rows", [8, 0])
def test_without_keys_there_is_one_row_of_counts(engine, rows):
    frame = _frames.scan(engine(ROWS.iloc[:rows]), {"won": "flag", "old": "flag"})
    conditions = {name: flags()[name] for name in ("won", "both")}
    got = _frames.collect(_native.count_flags(frame, [], conditions))
    assert got.astype(int).to_dict("records") == [
        {"won": 4, "both": 2, "_rows": 8} if rows else {"won": 0, "both": 0, "_rows": 0}
    ]


def test_without_rows_there_are_no_groups(engine):
    rows = _frames.scan(engine(ROWS.iloc[:0]), {"channel": "key", "won": "flag"})
    assert _frames.collect(_native.count_flags(rows, ["channel"], {"won": nw.col("won")})).empty


@pytest.mark.parametrize(
    "key",
    [
        pd.array([3, None, 3, 1], dtype="Int64"),
        pd.array([True, None, True, False], dtype="boolean"),
        pd.to_datetime(["2024-01-01", None, "2024-01-01", "2023-01-01"]).astype("datetime64[us]"),
        pd.array(["b", None, "b", "a"], dtype="str"),
        np.array(["b", None, "b", "a"], dtype=object),
        np.array([2.5, np.nan, 2.5, -0.0]),
        np.array([7, 9, 7, 1], dtype="uint8"),
    ],
)
def test_keys_of_pandas_keep_their_type(key):
    frame = pd.DataFrame({"key": key, "flag": [True, True, False, True]})
    cells = _native.count_flags(nw.from_native(frame).lazy(), ["key"], {"hit": nw.col("flag")})
    native = cells.to_native()
    assert native["key"].dtype == frame["key"].dtype
    expected = frame.iloc[[0, 1, 3]].assign(hit=1, _rows=[2, 1, 1]).drop(columns="flag")
    pd.testing.assert_frame_equal(native, expected.reset_index(drop=True), check_like=True)


def test_arrow_counts_of_pandas_are_arrow():
    frame = ROWS.convert_dtypes(dtype_backend="pyarrow")
    native = _native.count_flags(nw.from_native(frame).lazy(), ["channel"], flags()).to_native()
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in native.dtypes)


def test_more_pairs_of_keys_than_rows():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 400, 1000), "b": rng.integers(0, 300, 1000).astype(str)})
    frame["c"], frame["hit"] = rng.integers(0, 2, 1000), rng.random(1000) < 0.3
    keys = ["a", "b", "c"]
    got = _native.count_flags(nw.from_native(frame).lazy(), keys, {"hit": nw.col("hit")}).to_native()
    known = frame.groupby(keys).agg(hit=("hit", "sum"), _rows=("hit", "size")).reset_index()
    pd.testing.assert_frame_equal(got.sort_values(keys, ignore_index=True), known)


class TestSameEngine:
    def test_frames_of_one_engine_pass(self, engine):
        _joins.same_engine(engine(ROWS[["won"]]), engine(ROWS[["old"]]), names=("one", "two"))

    def test_frames_of_two_engines_are_refused(self):
        pl = pytest.importorskip("polars")
        with pytest.raises(ParameterError, match="`two` must be a frame of pandas, as `one` is"):
            _joins.same_engine(ROWS, pl.DataFrame({"a": [1]}), names=("one", "two"))

    def test_relations_of_two_connections_are_refused(self):
        duckdb = pytest.importorskip("duckdb")
        with duckdb.connect() as here, duckdb.connect() as there:
            one, two = here.sql("SELECT 1 AS a"), there.sql("SELECT 1 AS b")
            assert _native.same_connection(one, here.sql("SELECT 2 AS c"))
            with pytest.raises(ParameterError, match="`two` must be a relation of the same connection"):
                _joins.same_engine(one, two, names=("one", "two"))

    def test_another_fault_of_duckdb_is_not_hidden(self):
        duckdb = pytest.importorskip("duckdb")
        with duckdb.connect() as here:
            here.execute("CREATE TABLE t AS SELECT 1 AS a")
            gone, kept = here.table("t"), here.sql("SELECT 1 AS b")
            here.execute("DROP TABLE t")
            with pytest.raises(duckdb.Error, match="t does not exist"):
                _native.same_connection(gone, kept)


def test_whole_keys_get_one_width_and_others_must_agree():
    small = nw.from_native(pd.DataFrame({"k": np.array([1], dtype="int16"), "t": ["a"]})).lazy()
    large = nw.from_native(pd.DataFrame({"k": np.array([1], dtype="uint32"), "t": [1]})).lazy()
    for frame in _joins.matched(small, large, ["k"], names=("small", "large")):
        assert frame.collect_schema()["k"] == nw.Int64
    with pytest.raises(ColumnError, match="`large` must have 't' of the type that `small` has, String"):
        _joins.matched(small, large, ["k", "t"], names=("small", "large"))
    assert _joins.matched(small, small, ["t"], names=("a", "b")) == (small, small)


def test_whole_numbers_of_pandas_become_nullable():
    frame = pd.DataFrame(
        {"k": [1, 2], "u": np.array([1, 2], dtype="uint8"), "x": [0.5, 1.0], "other": [1, 2]}
    )
    got = _joins.nullable(nw.from_native(frame).lazy(), ["k", "u", "x"]).to_native()
    assert got.dtypes.astype(str).tolist() == ["Int64", "Int64", "float64", "int64"]
    text = nw.from_native(pd.DataFrame({"k": ["a"]})).lazy()
    assert _joins.nullable(text, ["k"]) is text


def test_attached_keys_get_their_type_back(engine):
    frame = pd.DataFrame(
        {"k": pd.array([1, None, 3], dtype="Int64"), "empty": pd.array([None] * 3, dtype="Int64")}
    )
    rows = _frames.scan(engine(frame), {"k": "key", "empty": "key"})
    local = _frames.collect(rows)
    assert local["k"].dtype == float
    back = _joins.attach(local, rows, typed=["k", "empty"])
    if not rows.implementation.is_pandas():
        assert back.collect_schema()["k"] == rows.collect_schema()["k"]
    assert sorted(_frames.collect(back)["k"].dropna()) == [1, 3]


def test_relations_of_one_connection_are_known_as_such():
    """Two data frames registered on one connection look alike to DuckDB, unless they are named."""
    duckdb = pytest.importorskip("duckdb")
    connection, other = duckdb.connect(), duckdb.connect()
    left = connection.from_df(pd.DataFrame({"a": [1]}))
    right = connection.from_df(pd.DataFrame({"a": [2]}))
    assert _native.same_connection(left, right)
    assert _native.same_connection(left, left)
    assert not _native.same_connection(left, other.from_df(pd.DataFrame({"a": [2]})))


def test_a_local_frame_leaves_nothing_behind_on_a_connection():
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.execute("CREATE TABLE kept AS SELECT 1 AS a")
    handed = _native.on_connection(pd.DataFrame({"b": [1, 2]}), connection.table("kept"))
    assert handed.filter("b > 1").fetchall() == [(2,)]
    assert connection.sql("SHOW TABLES").fetchall() == [("kept",)]
