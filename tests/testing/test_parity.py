"""The harness itself: it must fail when an engine differs, fetches, or changes its input."""

import narwhals as nw
import pandas as pd
import pytest

from crmkit import testing
from crmkit.errors import ParameterError
from crmkit.testing import assert_frames_match, assert_parity, crossed_rows, to_engine, to_pandas

FRAME = pd.DataFrame({"k": ["a", "b", None], "x": [1.0, None, 3.0], "n": [1, 2, 3]})


def total(frame):
    rows = nw.from_native(frame).lazy()
    result = rows.group_by("k").agg(nw.col("n").sum())
    return (
        result.to_native()
        if isinstance(nw.from_native(frame), nw.LazyFrame)
        else result.collect().to_native()
    )


EXPECTED = pd.DataFrame({"k": ["a", "b", None], "n": [1, 2, 3]})
LOCAL = [name for name in testing.ENGINES if name not in ("spark", "pyarrow")]


def test_passes_when_all_agree():
    assert_parity(total, FRAME, expected=EXPECTED, keys=["k"], engines=LOCAL)


def test_fails_on_a_wrong_value():
    with pytest.raises(AssertionError, match="pandas: n is 3, expected 4"):
        assert_parity(total, FRAME, expected=EXPECTED.assign(n=[1, 2, 4]), keys=["k"], engines=["pandas"])


@pytest.mark.parametrize("engine", testing.LAZY)
def test_fails_when_rows_are_fetched(engine):
    def greedy(frame):
        to_pandas(frame)
        return frame

    with pytest.raises(AssertionError, match=rf"{engine}: fetched \[3\] rows, allowed 0"):
        assert_parity(greedy, FRAME, expected=FRAME, keys=["n"], engines=[engine])
    assert_parity(greedy, FRAME, expected=FRAME, keys=["n"], engines=[engine], crossing=3)


@pytest.mark.parametrize("engine", ["polars", "polars_lazy", "pyarrow", "duckdb"])
def test_fails_when_nan_stands_for_null(engine):
    """As zero divided by zero would: a mean of the column is NaN in these engines, and a number in pandas."""
    if testing.available(engine) is not None:
        pytest.skip(str(testing.available(engine)))

    def careless(frame):
        return to_engine(FRAME, engine, nan="value")

    with pytest.raises(AssertionError, match=rf"{engine}: NaN where null is meant in \['x'\]"):
        assert_parity(careless, FRAME, expected=FRAME, keys=["n"], engines=[engine])
    assert_parity(careless, FRAME, expected=FRAME, keys=["n"], engines=[engine], nan="value")


@pytest.mark.parametrize("fetch", ["fetchnumpy", "fetchall", "df", "pl"])
def test_ways_out_of_duckdb_are_counted(fetch):
    duckdb = pytest.importorskip("duckdb")
    with crossed_rows() as fetched:
        getattr(duckdb.sql("SELECT 1 AS x"), fetch)()
    assert fetched == [1]


def test_fails_when_the_kind_changes():
    with pytest.raises(AssertionError, match=r"polars: .* in, .* out"):
        assert_parity(to_pandas, FRAME, expected=FRAME, keys=["n"], engines=["polars"])


def test_fails_when_an_input_is_changed():
    def rude(frame):
        frame["n"] = 0
        return frame

    with pytest.raises(AssertionError, match="pandas: an input was changed"):
        assert_parity(rude, FRAME, expected=FRAME.assign(n=0), keys=["k"], engines=["pandas"])


@pytest.mark.parametrize(
    ("got", "message"),
    [
        (FRAME[["x", "k", "n"]], "columns"),
        (FRAME.iloc[:2], "2 rows, expected 3"),
        (FRAME.assign(x=[1.0, 0.0, 3.0]), "x is 0, expected None"),
        (FRAME.assign(x=[1.0 + 1e-8, None, 3.0]), "x is 1.00000001"),
        (FRAME.assign(k=["a", "c", None]), "k is 'c', expected 'b'"),
    ],
)
def test_frames_that_differ(got, message):
    with pytest.raises(AssertionError, match=message):
        assert_frames_match(got, FRAME, keys=["n"])


def test_floats_match_to_one_in_a_billion():
    assert_frames_match(FRAME.assign(x=[1.0 + 1e-10, None, 3.0]), FRAME, keys=["n"])


@pytest.mark.parametrize("name", testing.ENGINES)
def test_every_engine_reads_back_what_was_written(name):
    if testing.available(name) is not None:
        pytest.skip(str(testing.available(name)))
    frame = FRAME.assign(
        at=pd.to_datetime(["2024-01-01 00:00", None, "2024-03-01 12:30"]), ok=[True, False, True]
    )
    assert_frames_match(to_pandas(to_engine(frame, name)), frame, keys=["n"])


def test_nan_as_a_value_differs_from_null():
    kept = to_engine(FRAME, "polars", nan="value")
    assert kept["x"].null_count() == 0
    assert kept["x"].is_nan().sum() == 1
    assert to_engine(FRAME, "polars")["x"].null_count() == 1


def test_unknown_names():
    with pytest.raises(ParameterError, match="`engine` must be one of 'pandas'"):
        to_engine(FRAME, "excel")
    with pytest.raises(ParameterError, match="`nan` must be one of"):
        to_engine(FRAME, "polars", nan="drop")


def test_an_engine_that_is_not_installed_gives_its_reason(monkeypatch):
    monkeypatch.setattr("crmkit.testing.engines.find_spec", lambda name: None)
    assert testing.available("polars") == "polars and pyarrow not installed"
    assert testing.available("pandas") is None
    assert_parity(total, FRAME, expected=EXPECTED, keys=["k"], engines=["polars"])


def test_spark_needs_java(monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("crmkit.testing.engines.which", lambda name: None)
    assert testing.available("spark") == "no Java on this machine"


def test_crossed_rows_leaves_the_engine_as_it_was():
    duckdb = pytest.importorskip("duckdb")
    with crossed_rows() as fetched:
        duckdb.sql("SELECT 1 AS x").fetchall()
    duckdb.sql("SELECT 1 AS x").fetchall()
    assert fetched == [1]
