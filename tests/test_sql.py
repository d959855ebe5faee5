"""Rules as SQL: what is written is executed in DuckDB and must mean what it says."""

import datetime as dt
import math
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from crmkit import _sql
from crmkit._sql import Condition
from crmkit.errors import ParameterError

NASTY = [
    "it's",
    "''",
    "'; DROP TABLE people; --",
    "\\",
    "\\'",
    "\\' OR 1=1 --",
    'say "hi"',
    "`tick`",
    "a\nb\r\tc",
    "/* x */",
    "%_",
    "${spark.app.name}",
    "åäö Ω 😀",
    " ",
    "",
]
SQL_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE people (x INTEGER)")
        yield connection


def ask(con, expression, source=""):
    return con.execute(f"SELECT {expression} {source}").fetchone()[0]


@pytest.mark.parametrize("text", NASTY)
def test_texts_come_back_and_nothing_else_runs(con, text):
    assert ask(con, _sql.literal(text, "duckdb")) == text
    assert ask(con, "count(*)", "FROM people") == 0


@given(SQL_TEXT)
def test_any_text_comes_back(con, text):
    assert ask(con, _sql.literal(text, "duckdb")) == text


@pytest.mark.parametrize("name", [name for name in NASTY if name])
def test_identifiers_name_the_column_and_nothing_else(con, name):
    quoted = _sql.identifier(name, "duckdb")
    assert con.sql(f"SELECT 7 AS {quoted}").columns == [name]
    assert ask(con, quoted, f"FROM (SELECT 7 AS {quoted})") == 7


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_doubles_bit_for_bit(con, x):
    value, kind = con.execute(f"SELECT {_sql.literal(x)}, typeof({_sql.literal(x)})").fetchone()
    assert kind == "DOUBLE"
    assert value == x
    assert math.copysign(1, value) == math.copysign(1, x)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -5,
        2**62,
        Decimal("12.340"),
        dt.date(2024, 2, 29),
        dt.datetime(2024, 2, 29, 23, 30, 1, 5),
    ],
)
def test_other_literals_come_back(con, value):
    found = ask(con, _sql.literal(value, "duckdb"))
    assert found == value
    assert value is None or type(found) is type(value)


def test_numpy_and_pandas_scalars():
    assert _sql.literal(np.float64(0.5)) == "0.5e0"
    assert _sql.literal(np.int64(3)) == "3"
    assert _sql.literal(np.bool_(True)) == "TRUE"
    assert _sql.literal(np.str_("a")) == "'a'"
    assert _sql.literal(pd.Timestamp("2024-01-31")) == "TIMESTAMP '2024-01-31 00:00:00'"


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        Decimal("NaN"),
        pd.NaT,
        "a\x00b",
        "\ud800",
        b"x",
        [1],
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    ],
)
def test_what_has_no_literal_is_refused(value):
    with pytest.raises(ParameterError, match="`value` must be"):
        _sql.literal(value)


@pytest.mark.parametrize(
    ("dialect", "text", "name"),
    [
        ("ansi", "'it''s \\ $'", '"a""b`c"'),
        ("duckdb", "'it''s \\ $'", '"a""b`c"'),
        ("postgres", "'it''s \\ $'", '"a""b`c"'),
        ("mysql", "'it''s \\\\ $'", '`a"b``c`'),
        ("spark", "'it\\'s \\\\ \\u0024'", '`a"b``c`'),
        ("bigquery", "'it\\'s \\\\ $'", '`a"b\\`c`'),
    ],
)
def test_dialects_quote_as_they_must(dialect, text, name):
    assert _sql.literal("it's \\ $", dialect) == text
    assert _sql.identifier('a"b`c', dialect) == name


@pytest.mark.parametrize("name", ["", "a\x00b", None, 3])
def test_identifiers_that_cannot_be_quoted(name):
    with pytest.raises(ParameterError, match="`name` must be a name that ansi can quote"):
        _sql.identifier(name)


def test_spark_would_replace_a_variable_in_an_identifier():
    with pytest.raises(ParameterError, match="spark can quote"):
        _sql.identifier("${x}", "spark")


@pytest.mark.parametrize("function", [_sql.identifier, _sql.literal])
def test_unknown_dialect(function):
    with pytest.raises(ParameterError, match="`dialect` must be one of 'ansi'"):
        function("x", "oracle")


ROWS = [1.0, 2.0, 3.0, None, math.nan]


@pytest.mark.parametrize(
    ("operator", "value", "passed"),
    [
        ("=", 2.0, {2.0}),
        ("<>", 2.0, {1.0, 3.0}),
        ("<", 2.0, {1.0}),
        ("<=", 2.0, {1.0, 2.0}),
        (">", 2.0, {3.0}),
        (">=", 2.0, {2.0, 3.0}),
        ("in", (1.0, 3.0), {1.0, 3.0}),
        ("not in", (1.0, 3.0), {2.0}),
        ("is not null", None, {1.0, 2.0, 3.0}),
    ],
)
@pytest.mark.parametrize("or_null", [False, True])
@pytest.mark.parametrize("nan", [False, True])
def test_conditions_are_true_or_not_never_unknown(con, operator, value, passed, or_null, nan):
    rows = ROWS if nan else ROWS[:-1]
    con.execute("CREATE OR REPLACE TABLE numbers (x DOUBLE)")
    con.executemany("INSERT INTO numbers VALUES (?)", [(row,) for row in rows])
    where = _sql.condition(Condition("x", operator, value, or_null=or_null, nan=nan), "duckdb")
    found = [row[0] for row in con.execute(f"SELECT x FROM numbers WHERE {where}").fetchall()]
    assert {x for x in found if x is not None and x == x} == passed
    nulls = sum(x is None or x != x for x in found)
    assert nulls == (or_null * (1 + nan))


def test_is_null(con):
    con.execute("CREATE OR REPLACE TABLE numbers AS SELECT unnest([1e0, NULL, 'NaN'::DOUBLE]) AS x")
    counts = [
        ask(con, "count(*)", f"FROM numbers WHERE {_sql.condition(test, 'duckdb')}")
        for test in (Condition("x", "is null"), Condition("x", "is null", nan=True))
    ]
    assert counts == [1, 2]


def test_nan_is_asked_for_as_the_dialect_can():
    test = Condition("x", ">", 1.5, nan=True)
    assert _sql.condition(test, "ansi") == '"x" > 1.5e0'
    assert _sql.condition(test, "mysql") == "`x` > 1.5e0"
    assert _sql.condition(test, "duckdb") == '("x" > 1.5e0 AND NOT isnan("x"))'
    assert _sql.condition(test, "spark") == "(`x` > 1.5e0 AND NOT isnan(`x`))"
    assert _sql.condition(test, "bigquery") == "(`x` > 1.5e0 AND NOT IS_NAN(`x`))"
    assert _sql.condition(test, "postgres") == (
        """("x" > 1.5e0 AND NOT (CAST("x" AS double precision) = 'NaN'))"""
    )


def test_case_gives_each_row_the_answer_of_its_rule(con):
    rules = [
        ([Condition("income", "=", "high"), Condition("city", "in", ("O'Fallon", "Åbo"))], "go's"),
        ([Condition("income", "<>", "high", or_null=True)], "no"),
    ]
    expression = _sql.case(rules, "duckdb", otherwise="rest")
    con.execute("CREATE OR REPLACE TABLE people2 (id INTEGER, income VARCHAR, city VARCHAR)")
    con.execute("""INSERT INTO people2 VALUES (1, 'high', 'O''Fallon'), (2, 'low', NULL), (3, NULL, 'Åbo'),
        (4, 'high', NULL), (5, 'high', 'Åbo')""")
    found = con.execute(f"SELECT {expression} FROM people2 ORDER BY id").fetchall()
    assert [row[0] for row in found] == ["go's", "no", "no", "rest", "go's"]
    without = con.execute(f"SELECT {_sql.case(rules, 'duckdb')} FROM people2 WHERE id = 4").fetchone()
    assert without == (None,)


def test_no_condition_is_true(con):
    assert ask(con, _sql.case([([], 1)], "duckdb")) == 1


@pytest.mark.parametrize(
    ("test", "match"),
    [
        (Condition("x", "; DROP", 1), "`operator` must be one of"),
        (Condition("x", "=", None), "nulls are tested with 'is null'"),
        (Condition("x", "in", ()), "a tuple of at least one value"),
        (Condition("x", "in", (1, None)), "no None"),
        (Condition("x", "in", "ab"), "a tuple"),
    ],
)
def test_conditions_that_mean_nothing_are_refused(test, match):
    with pytest.raises(ParameterError, match=match):
        _sql.condition(test)


def test_case_needs_a_rule():
    with pytest.raises(ParameterError, match="`rules` must be a list of at least one rule"):
        _sql.case([])
