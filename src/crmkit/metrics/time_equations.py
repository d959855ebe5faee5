"""Estimate how long each event takes from a time equation: a base time and what adds to it.

An equation is a text such as ``"0.5 + 6.5 * special_packaging + 0.2 * (carrier == 'air')"``: minutes, times
numeric columns, true-or-false columns or comparisons in parentheses, joined by ``+`` and ``*``. It is parsed,
never executed as Python, and becomes an expression that runs in the engine of the table. A table of its terms
says the same.
"""

import ast
import operator
from collections.abc import Mapping
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.metrics import qualification

LONGEST = 1e9
_FORM = "minutes and drivers such as '8 + 2 * lines + 5 * (channel == \"fax\")'"


def event_minutes(events: FrameT, *, equation: str | Mapping[str, float]) -> FrameT:
    """Estimate the minutes of each event by a time equation.

    Parameters
    ----------
    events : DataFrame
        One row an event, with the columns that the equation names: numbers, flags, or texts to compare.
    equation : str or mapping of str to float
        The equation as a text, or its terms: minutes for each driver or condition, where "1" is the base.

    Returns
    -------
    DataFrame
        The same kind of frame with all its columns and `minutes`.

    Raises
    ------
    ColumnError
        If the equation names a column that is missing or of another type, or the table has `minutes` already.
    DataError
        If a column of the equation is null, or the minutes are negative or above 1e9.
    ParameterError
        If the equation is not of the form above.

    Notes
    -----
    A flag or a comparison that is met counts 1, else 0, so its minutes come on top only where it is met.
    Nothing is guessed for a null: it is refused. A table without rows gives a table without rows.

    References
    ----------
    Kaplan, R. S. and Anderson, S. R. (2004), "Time-Driven Activity-Based Costing", *Harvard Business Review*
    82(11): packaging takes 0.5 minutes, 6.5 more for a special package and 0.2 more if it goes by air.

    Examples
    --------
    >>> import pandas as pd
    >>> packages = pd.DataFrame({"special": [False, True, True], "carrier": ["road", "road", "air"]})
    >>> event_minutes(packages, equation="0.5 + 6.5 * special + 0.2 * (carrier == 'air')")
       special carrier  minutes
    0    False    road      0.5
    1     True    road      7.0
    2     True     air      7.2
    >>> terms = {"1": 0.5, "special": 6.5, "carrier == 'air'": 0.2}
    >>> event_minutes(packages, equation=terms)["minutes"].tolist()
    [0.5, 7.0, 7.2]
    """
    rows = _frames.lazy(events, table="events")
    schema = rows.collect_schema()
    if "minutes" in schema.names():
        msg = "`events` must not have the column 'minutes', which the result adds: rename or drop it."
        raise ColumnError(msg)
    roles: dict[str, str] = {}
    minutes = _parse(equation, {name for name, dtype in schema.items() if dtype == nw.Boolean}, roles)
    known = _frames.scan(events, roles) if roles else rows
    # a text is compared as a text: numbers and dates are written differently by the engines
    texts = [name for name, role in roles.items() if role == "label"]
    wrong = [name for name in texts if schema[name].is_numeric() or schema[name].is_temporal()]
    if wrong:
        found = ", ".join(f"{schema[name]} in '{name}'" for name in wrong)
        msg = f"`events` must have texts in the columns that are compared with one. Got {found} instead."
        raise ColumnError(msg)
    if roles:
        nulls = {f"with no {name}": nw.col(name).is_null() for name in roles}
        _frames.refuse(known, nulls, table="events")
    timed = rows.with_columns(minutes=minutes)
    checks = {
        "with negative minutes": nw.col("minutes") < 0,
        f"with more than {LONGEST:.0e} minutes": nw.col("minutes") > LONGEST,
    }
    _frames.refuse(timed, checks, table="events")
    return _frames.give(timed, like=events)


def _parse(equation: Any, flags: set[str], roles: dict[str, str]) -> nw.Expr:
    """Turn an equation into an expression; `roles` collects the columns that it needs."""
    try:
        if isinstance(equation, Mapping):
            terms = [_term(minutes, driver, flags, roles) for driver, minutes in equation.items()]
            return sum(terms[1:], start=terms[0])
        return _value(ast.parse(equation.strip(), mode="eval").body, flags, roles)
    except (SyntaxError, ValueError, TypeError, AttributeError, IndexError, RecursionError):
        _params.fail("equation", _FORM, equation)


def _term(minutes: Any, driver: str, flags: set[str], roles: dict[str, str]) -> nw.Expr:
    """Express one row of a table of terms: so many minutes for each unit of a driver."""
    if not _params.is_number(minutes):
        raise ValueError
    return _value(ast.parse(driver.strip(), mode="eval").body, flags, roles) * float(minutes)


def _value(node: ast.expr, flags: set[str], roles: dict[str, str]) -> nw.Expr:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
        join = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}[type(node.op)]
        joined: nw.Expr = join(_value(node.left, flags, roles), _value(node.right, flags, roles))
        return joined
    if isinstance(node, ast.Constant):
        number: Any = node.value
        if not _params.is_number(number):
            raise ValueError
        return nw.lit(float(number))
    if isinstance(node, ast.Name) and node.id not in flags:
        if roles.setdefault(node.id, "number") != "number":
            raise ValueError
        return nw.col(node.id).cast(nw.Float64)
    met = qualification._condition(node, roles)
    return nw.when(met).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
