"""Call a lead marketing- or sales-qualified by rules over its engagement.

A rule is a text such as ``"downloads >= 1 or visits >= 3"``: comparisons of a column with a number or a
quoted text, or names of true-or-false columns, joined by ``and``, ``or`` and parentheses. It is parsed, never
executed as Python, and becomes an expression that runs in the engine of the table.
"""

import ast
import math
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any, NoReturn

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ADDED = ("mql", "sql", "lead_stage")


def qualify(leads: FrameT, *, mql: str, sql: str) -> FrameT:
    """Mark leads as marketing-qualified (MQL) and sales-qualified (SQL) by rules.

    Parameters
    ----------
    leads : DataFrame
        One row a lead, with its engagement: downloads, visits, a basket, whatever the rules name.
    mql : str
        Rule for a lead that has engaged, such as ``"downloads >= 1 or visits >= 3"``.
    sql : str
        Rule for a lead that is ready to buy, such as ``"asked_for_quote or basket_value > 100"``.

    Returns
    -------
    DataFrame
        The same kind of frame with all its columns and `mql`, `sql` (true or false) and `lead_stage`: "SQL"
        for a lead that meets that rule, whether or not it meets the other, else "MQL", else "none".

    Raises
    ------
    ColumnError
        If a rule names a column that is missing or of another type, or the table has one of the new columns.
    ParameterError
        If a rule is not of the form above.

    Notes
    -----
    A comparison with a null or NaN is not met, nor is a null flag, on every engine. There is no ``not``,
    which would meet them: write the opposite comparison. A column compared with a number must be numeric, one
    compared with a text must be text, one on its own must be true or false. A table without rows gives a
    table without rows.

    References
    ----------
    The usual stages of demand generation: a lead engages (MQL) before it is ready to buy (SQL).

    Examples
    --------
    >>> import pandas as pd
    >>> leads = pd.DataFrame(
    ...     {"visits": [1, 4, 9], "downloads": [0, 0, 2], "basket_value": [None, 0.0, 120.0]}
    ... )
    >>> qualify(leads, mql="downloads >= 1 or visits >= 3", sql="basket_value > 100 and visits >= 5")
       visits  downloads  basket_value    mql    sql lead_stage
    0       1          0           NaN  False  False       none
    1       4          0           0.0   True  False        MQL
    2       9          2         120.0   True   True        SQL
    """
    rows = _frames.lazy(leads, table="leads")
    present = rows.collect_schema().names()
    taken = [name for name in _ADDED if name in present]
    if taken:
        msg = (
            f"`leads` must not have the column {', '.join(taken)}, which the result adds: rename or drop it."
        )
        raise ColumnError(msg)
    roles: dict[str, str] = {}
    rules = {"mql": _parse("mql", mql, roles), "sql": _parse("sql", sql, roles)}
    _frames.scan(leads, roles, table="leads")
    _require_text(rows, [name for name, role in roles.items() if role == "label"])
    marked = rows.with_columns(**rules)
    label = nw.when(nw.col("mql")).then(nw.lit("MQL")).otherwise(nw.lit("none"))
    stage = nw.when(nw.col("sql")).then(nw.lit("SQL")).otherwise(label)
    return _frames.give(marked.with_columns(lead_stage=stage), like=leads)


def _parse(name: str, rule: Any, roles: dict[str, str]) -> nw.Expr:
    """Turn a rule into an expression; `roles` collects the columns that it needs."""
    try:
        tree = ast.parse(rule.strip(), mode="eval")
        return _condition(tree.body, roles)
    except (SyntaxError, ValueError, AttributeError, RecursionError):
        _refuse(name, rule)


def _refuse(name: str, rule: Any) -> NoReturn:
    form = "comparisons such as 'downloads >= 1 or visits >= 3', joined by and, or and parentheses"
    _params.fail(name, form, rule)


def _condition(node: ast.expr, roles: dict[str, str]) -> nw.Expr:
    if isinstance(node, ast.BoolOp):
        join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        return reduce(join, (_condition(value, roles) for value in node.values))
    if isinstance(node, ast.Name):
        _need(node.id, "flag", roles)
        return nw.col(node.id).cast(nw.Boolean).fill_null(False)
    if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and len(node.ops) == 1:
        return _comparison(node.left.id, node.ops[0], ast.literal_eval(node.comparators[0]), roles)
    raise ValueError


def _comparison(name: str, op: ast.cmpop, value: Any, roles: dict[str, str]) -> nw.Expr:
    compare = _COMPARE.get(type(op))
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if compare is None or not (number or isinstance(value, str)):
        raise ValueError
    _need(name, "number" if number else "label", roles)
    column = nw.col(name).cast(nw.Float64 if number else nw.String)
    met = compare(column, float(value) if number else value)
    # NaN is the largest number to some engines and null to others: it is neither here.
    known = column <= math.inf if number else ~nw.col(name).is_null()
    rule: nw.Expr = (met & known).fill_null(False)
    return rule


def _require_text(rows: nw.LazyFrame[Any], names: list[str]) -> None:
    """Refuse to compare other types with a text: engines write numbers and dates as different texts."""
    schema = rows.collect_schema()
    for name in names:
        if not isinstance(schema[name], nw.String | nw.Categorical | nw.Enum | nw.Object | nw.Unknown):
            msg = (
                f"`leads` must have texts in '{name}' to compare it with one. Got the type {schema[name]} "
                "instead: compare a number with a number, or convert the column."
            )
            raise ColumnError(msg)


def _need(name: str, role: str, roles: dict[str, str]) -> None:
    if roles.setdefault(name, role) != role:
        raise ValueError
