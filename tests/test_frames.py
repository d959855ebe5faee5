"""The engine floor: opening, checking, collecting, attaching and giving back, on all seven inputs."""

import datetime as dt
import time
from decimal import Decimal

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from crmkit import _frames, _joins
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.testing import assert_parity, to_pandas

MESSY = pd.DataFrame(
    {
        "customer_id": ["b", None, "a", "b"],
        "band": pd.Categorical(["young", "old", None, "old"], categories=["young", "old", "unused"]),
        "amount": [1.5, np.nan, -2.0, 4.0],
        "paid": [Decimal("1.10"), Decimal("2.20"), None, Decimal("0.01")],
        "n": [3, 1, 2, 2],
        "day": [dt.date(2024, 1, 31), dt.date(2024, 2, 29), None, dt.date(2023, 12, 31)],
        "vip": [True, False, True, False],
    },
    index=[9, 9, 1, 0],
)
ROLES = {
    "customer_id": "key",
    "band": "label",
    "amount": "number",
    "paid": "number",
    "n": "number",
    "vip": "flag",
}


@pytest.mark.parametrize("nan", ["null", "value"])
def test_scan_gives_the_same_values_on_every_engine(nan):
    expected = MESSY[list(ROLES)].astype({"band": object, "paid": float}).replace({np.nan: None})
    assert_parity(
        lambda frame: _frames.give(_frames.scan(frame, ROLES), like=frame),
        MESSY.drop(columns="day"),
        expected=expected,
        keys=["n", "vip"],
        nan=nan,
    )


def test_dates_become_naive_timestamps(engine):
    days = pd.DataFrame({"day": pd.to_datetime(["2024-01-31", None])})
    got = _frames.collect(_frames.scan(engine(days), {"day": "date"}))
    assert got["day"].dropna().tolist() == [pd.Timestamp("2024-01-31")]


def test_date_type_is_a_date():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"day": [dt.date(2024, 1, 31)]})
    assert _frames.scan(frame, {"day": "date"}).collect_schema()["day"] == nw.Datetime("us")


def test_grouping_keeps_the_null_group_and_counts_are_plain_integers():
    def counted(frame):
        rows = _frames.scan(frame, {"band": "label", "n": "number"})
        cells = rows.group_by("band").agg(nw.len().alias("rows"), nw.col("n").sum())
        return _frames.give(cells, like=frame, sort=["band"])

    expected = pd.DataFrame({"band": ["old", "young", None], "rows": [2, 1, 1], "n": [3, 3, 2]})
    assert_parity(counted, MESSY.drop(columns="day"), expected=expected, keys=["band"])


def test_sorted_results_put_null_last(engine):
    result = _frames.give(
        _frames.scan(engine(MESSY.drop(columns="day")), {"band": "label"}),
        like=None or engine(MESSY.drop(columns="day")),
        sort=["band"],
    )
    assert to_pandas(result)["band"].astype(object).where(lambda s: s.notna(), None).tolist() == [
        "old",
        "old",
        "young",
        None,
    ]


def test_attached_rows_join_in_the_engine(engine):
    frame = _frames.scan(engine(MESSY.drop(columns="day")), {"band": "label", "n": "number"})
    local = pd.DataFrame(
        {
            "band": ["old", "young"],
            "rank": [1, 2],
            "since": pd.to_datetime(["2024-01-01", None]),
            "w": [0.5, None],
        }
    )
    joined = _frames.collect(frame.join(_joins.attach(local, frame), on="band", how="inner"))
    assert sorted(joined["rank"]) == [1, 1, 2]
    assert joined["since"].notna().sum() == 2
    assert joined["w"].sum() == 1.0


def test_missing_column_names_the_nearest_and_the_mapping(engine):
    frame = engine(pd.DataFrame({"custmer_id": [1], "x": [2]}))
    with pytest.raises(
        ColumnError, match=r"'customer_id' \(did you mean 'custmer_id'\?\).*Present: custmer_id, x"
    ):
        _frames.scan(frame, {"customer_id": "key"}, table="orders")
    with pytest.raises(ColumnError, match=r"crmkit\.tables\.orders"):
        _frames.scan(frame, {"customer_id": "key"}, table="orders")


@pytest.mark.parametrize(
    ("role", "column", "message"),
    [
        ("number", "customer_id", "must have numbers in 'customer_id'"),
        ("date", "n", "must have dates in 'n'"),
        ("flag", "customer_id", "must have true or false in 'customer_id'"),
    ],
)
def test_wrong_type(engine, role, column, message):
    with pytest.raises(ColumnError, match=message):
        _frames.scan(engine(MESSY.drop(columns="day")), {column: role})


def test_aware_dates_are_refused_with_the_remedy():
    aware = pd.DataFrame({"at": pd.to_datetime(["2024-01-01"], utc=True)})
    with pytest.raises(ColumnError, match="Got the time zone UTC: map the table with its business time zone"):
        _frames.scan(aware, {"at": "date"})


def test_object_column_of_text_is_not_numbers():
    with pytest.raises(ColumnError, match="must have numbers"):
        _frames.scan(pd.DataFrame({"x": pd.Series([Decimal(1), [1]], dtype=object)}), {"x": "number"})


def test_optional_columns_may_be_absent(engine):
    frame = _frames.scan(engine(pd.DataFrame({"a": [1]})), {"a": "key", "b": "number"}, optional=["b"])
    assert frame.collect_schema().names() == ["a"]


@pytest.mark.parametrize("thing", [None, [1, 2], {"a": [1]}, np.ones((2, 2)), "orders.csv"])
def test_only_frames_are_frames(thing):
    assert not _frames.is_frame(thing)
    with pytest.raises(
        ParameterError, match="`orders` must be a DataFrame of pandas, polars, pyarrow, DuckDB or"
    ):
        _frames.lazy(thing, table="orders")


def test_double_column_names():
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ColumnError, match="must have distinct column names. Expected unique"):
        _frames.lazy(frame)


def test_refuse_counts_all_conditions_at_once(engine):
    rows = _frames.scan(engine(MESSY.drop(columns="day")), ROLES)
    assert _frames.refuse(rows, {"are impossible": nw.col("n") > 10}, table="orders") == 4
    with pytest.raises(DataError, match="`orders`: 2 of 4 rows are large; 1 of 4 rows have no amount"):
        _frames.refuse(
            rows,
            {"are large": nw.col("amount") > 1, "have no amount": nw.col("amount").is_null()},
            table="orders",
        )


def test_empty_frames_open(engine):
    empty = MESSY.drop(columns=["day", "paid"]).iloc[:0]
    rows = _frames.scan(engine(empty), {"customer_id": "key", "amount": "number"})
    assert _frames.count_rows(rows, {"any": nw.col("amount") > 0}) == {"rows": 0, "any": 0}


def test_flags_with_nulls_stay_flags(engine):
    flags = pd.DataFrame({"n": [1, 2, 3], "vip": pd.array([True, None, False], dtype="boolean")})
    got = _frames.collect(_frames.scan(engine(flags), {"n": "number", "vip": "flag"}).sort("n"))["vip"]
    assert got.astype(object).where(got.notna(), None).tolist() == [True, None, False]


def test_a_literal_moment_keeps_its_clock_in_any_time_zone(engine, monkeypatch):
    """Spark reads a Python datetime in the zone of the Python process; a moment must not depend on it."""
    days = engine(pd.DataFrame({"at": pd.to_datetime(["2024-01-31 23:59", "2024-02-01 00:00"])}))
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        rows = _frames.scan(days, {"at": "date"})
        moment = _frames.moment(dt.datetime(2024, 2, 1), rows)
        got = _frames.collect(rows.with_columns(before=nw.col("at") < moment, moment=moment).sort("at"))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert got["before"].tolist() == [True, False]
    assert got["moment"].tolist() == [pd.Timestamp("2024-02-01")] * 2


def test_unsigned_keys_keep_their_type_and_counts_become_plain_integers():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"key": pl.Series([1, 1], dtype=pl.UInt32)})
    counted = _frames.scan(frame, {"key": "key"}).group_by("key").agg(nw.len().alias("n"))
    assert _frames.give(counted, like=frame).schema == {"key": pl.UInt32, "n": pl.Int64}


def test_arrow_dates_of_pandas_are_collected():
    pa = pytest.importorskip("pyarrow")
    days = pa.table({"day": pa.array([dt.date(2024, 1, 31), None])})
    frame = days.to_pandas(types_mapper=pd.ArrowDtype)
    assert to_pandas(frame)["day"].notna().tolist() == [True, False]
    assert _frames.collect(_frames.scan(frame, {"day": "date"}))["day"][0] == pd.Timestamp("2024-01-31")


def test_text_dates_are_read_by_the_mapping(engine):
    frame = engine(pd.DataFrame({"order_date": ["2024-01-31", "2024-02-29"]}))
    with pytest.raises(
        ColumnError,
        match=r"type String instead: map the table with crmkit.tables.orders\(…\), which reads ISO dates",
    ):
        _frames.scan(frame, {"order_date": "date"}, table="orders")


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ([2002, 2003], r"pandas.to_datetime\(column, format='%Y'\)"),
        (["2002", "2003"], r"pandas.to_datetime\(column, format='%Y'\)"),
        (pd.period_range("2024-01", periods=2, freq="M"), r"column.dt.to_timestamp\(\)"),
        ([True, False], "convert the column, or map another one"),
    ],
)
def test_columns_that_are_no_dates_say_how_to_become_some(values, remedy):
    with pytest.raises(ColumnError, match=f"must have dates in 'period'. Got the type .*{remedy}"):
        _frames.scan(pd.DataFrame({"period": values}), {"period": "date"})


def test_whole_numbers_beyond_floats_of_pandas_with_arrow_types():
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"amount": pd.array([2**53, -(2**53) - 1, 2**60, None], dtype="int64[pyarrow]")})
    with pytest.raises(
        DataError, match=r"`orders` must have whole numbers within ±2\^53 in 'amount'. Found 2 of 4"
    ):
        _frames.scan(frame, {"amount": "number"}, table="orders")
    exact = _frames.scan(frame.iloc[[0, 3]], {"amount": "number"})
    assert _frames.collect(exact)["amount"][0] == 2**53


@pytest.mark.parametrize("columns", [[0, "x"], pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])])
def test_column_names_must_be_text(columns):
    frame = pd.DataFrame([[1, 2]], columns=columns)
    with pytest.raises(ColumnError, match="must have columns whose names are text"):
        _frames.scan(frame, {"x": "key"}, table="orders")


def test_a_table_without_columns():
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(ColumnError, match="must have columns whose names are text"):
        _frames.lazy(pa.table({}))


@pytest.mark.parametrize("values", [[[1], [2]], [b"a", b"b"], [1, "a"], [{"a": 1}, {"a": 2}]])
def test_keys_must_be_plain(values):
    frames = [pd.DataFrame({"x": pd.Series(values, dtype=object)})]
    if not isinstance(values[1], str):
        pl = pytest.importorskip("polars")
        frames.append(pl.DataFrame({"x": values}))
    for frame in frames:
        with pytest.raises(ColumnError, match="must have plain values such as text, numbers or dates in 'x'"):
            _frames.scan(frame, {"x": "label"})


def test_python_dates_and_decimals_of_pandas_are_plain():
    frame = pd.DataFrame({"x": [dt.date(2024, 1, 1), None], "y": [Decimal(1), None], "z": [None, None]})
    rows = _frames.scan(frame, {"x": "label", "y": "label", "z": "label"})
    assert _frames.collect(rows)["y"][0] == 1
