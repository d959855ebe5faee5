"""Write rules as quoted SQL: identifiers, literals, conditions and CASE expressions in six dialects.

Nothing that comes from data reaches SQL unquoted. A rule is a conjunction of `Condition` objects, each
of which is true or not true, never unknown: a null satisfies a condition only where ``or_null`` says so. So
a CASE made of rules that share no row gives every row exactly one answer.

Dialects differ in four points: the quote of identifiers (backticks in spark, mysql, bigquery), the escape of
quotes and backslashes in texts, whether a float may be NaN and how one asks, and line breaks in texts.
Texts are compared by the collation of the database: MySQL's default ignores case, which no quoting changes.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from crmkit import _params

DIALECTS = ("ansi", "bigquery", "duckdb", "mysql", "postgres", "spark")
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
LISTS = ("in", "not in")
NULLS = ("is null", "is not null")

_IS_NAN = {
    "bigquery": "IS_NAN({})",
    "duckdb": "isnan({})",
    "postgres": "CAST({} AS double precision) = 'NaN'",
    "spark": "isnan({})",
}
_BACKSLASHED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"}
_ESCAPES: dict[str, dict[str, str]] = {
    "bigquery": _BACKSLASHED,
    "mysql": {"\\": "\\\\", "'": "''"},
    # Spark replaces ${name} in the text of a query before it parses it.
    "spark": {**_BACKSLASHED, "$": "\\u0024"},
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of a column: `operator` is a comparison, "in", "not in", "is null" or "is not null".

    `value` is a scalar, or a tuple for the two list operators. `or_null` lets nulls pass. `nan` says that the
    column holds floats, whose NaN then counts as null, in the dialects that have NaN.
    """

    column: str
    operator: str
    value: object = None
    or_null: bool = False
    nan: bool = False


def identifier(name: str, dialect: str = "ansi") -> str:
    """Quote a column or table name."""
    _params.choice("dialect", dialect, DIALECTS)
    unusable = "${" if dialect == "spark" else "\x00"
    if not isinstance(name, str) or not name or "\x00" in name or unusable in name:
        _params.fail("name", f"a name that {dialect} can quote", name)
    if dialect == "bigquery":
        return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
    quote = "`" if dialect in ("mysql", "spark") else '"'
    return quote + name.replace(quote, 2 * quote) + quote


def literal(value: object, dialect: str = "ansi") -> str:
    """Write a value as SQL: text, number, flag, date, naive datetime or null.

    Floats keep an exponent, because without one the engines read a decimal, which is not the same number.
    """
    _params.choice("dialect", dialect, DIALECTS)
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return _text(value, dialect)
    if isinstance(value, dt.datetime) and value.tzinfo is None and value == value:
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, int | float | Decimal) and math.isfinite(value):
        return _number(value)
    return _params.fail("value", "a text, a finite number, a flag, a date, a naive datetime or None", value)


def _number(value: float | Decimal) -> str:
    if isinstance(value, float):
        digits = repr(float(value))
        return digits if "e" in digits else f"{digits}e0"
    return format(value, "f") if isinstance(value, Decimal) else str(int(value))


def _text(value: str, dialect: str) -> str:
    if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        _params.fail("value", "a text without NUL characters and lone surrogates", value)
    escapes = _ESCAPES.get(dialect, {"'": "''"})
    return "'" + "".join(escapes.get(letter, letter) for letter in value) + "'"


def condition(test: Condition, dialect: str = "ansi") -> str:
    """Write one condition; it stands in brackets where it must."""
    column = identifier(test.column, dialect)
    nan = _IS_NAN[dialect].format(column) if test.nan and dialect in _IS_NAN else ""
    null = f"{column} IS NULL" + (f" OR {nan}" if nan else "")
    if test.operator == "is null":
        return f"({null})" if nan else null
    body = f"{column} IS NOT NULL" if test.operator == "is not null" else _body(test, column, dialect)
    if test.or_null:
        return f"({body} OR {null})"
    # Engines that have NaN sort it above every number.
    above = nan and test.operator in (">", ">=", "<>", "not in", "is not null")
    return f"({body} AND NOT {_bracket(nan)})" if above else body


def _bracket(text: str) -> str:
    return f"({text})" if " " in text else text


def _body(test: Condition, column: str, dialect: str) -> str:
    operator = _params.choice("operator", test.operator, (*COMPARISONS, *LISTS, *NULLS))
    if operator in COMPARISONS:
        if test.value is None:
            _params.fail("value", "a scalar for a comparison: nulls are tested with 'is null'", None)
        return f"{column} {operator} {literal(test.value, dialect)}"
    values = test.value
    if not isinstance(values, tuple) or not values or None in values:
        _params.fail("value", "a tuple of at least one value and no None for a list operator", values)
    return f"{column} {operator.upper()} ({', '.join(literal(one, dialect) for one in values)})"


def conjunction(tests: Sequence[Condition], dialect: str = "ansi") -> str:
    """Write conditions joined by AND; no condition at all is TRUE."""
    return " AND ".join(condition(test, dialect) for test in tests) or "TRUE"


def case(
    rules: Sequence[tuple[Sequence[Condition], object]], dialect: str = "ansi", *, otherwise: object = None
) -> str:
    """Write rules and their answers as a CASE expression; rows that no rule covers get `otherwise`."""
    lines = [
        f"  WHEN {conjunction(tests, dialect)} THEN {literal(answer, dialect)}" for tests, answer in rules
    ]
    if not lines:
        _params.fail("rules", "a list of at least one rule", list(rules))
    ending = [] if otherwise is None else [f"  ELSE {literal(otherwise, dialect)}"]
    return "\n".join(["CASE", *lines, *ending, "END"])
