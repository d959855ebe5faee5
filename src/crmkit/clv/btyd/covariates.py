"""Code customers' characteristics as numbers: which columns, which categories, which products of them.

A formula is parsed, never executed: its factors are columns, ``C(column)`` for a category written in numbers
and ``Q("any name")``. So a model file can hold it, and every engine gives the same coding.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit import _params
from crmkit.clv.btyd._special import Floats
from crmkit.errors import DataError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

_FLAT = 1e-10  # relative: a spread, or a share of the variance, that is rounding only
Terms = tuple[tuple[str, ...], ...]


def parse(name: str, value: str | Sequence[str] | None) -> tuple[Terms, frozenset[str]]:
    """Return the terms of a formula or a list of columns, and the columns that it says are categories."""
    if value is None:
        return (), frozenset()
    if not isinstance(value, str):
        return tuple((column,) for column in _params.names(name, value)), frozenset()
    from patsy import INTERCEPT, ModelDesc, PatsyError

    try:
        described = ModelDesc.from_formula(value if "~" in value else f"~ {value}")
        factors = [
            [_column(name, value, one.code) for one in term.factors] for term in described.rhs_termlist
        ]
    except (PatsyError, SyntaxError) as error:
        msg = (
            f"`{name}` must be a formula such as 'channel + age' or a list of columns. Got {value!r}: {error}"
        )
        raise ParameterError(msg) from None
    if described.lhs_termlist:
        _params.fail(name, "a formula without a left side", value)
    if INTERCEPT not in described.rhs_termlist:
        _params.fail(name, "a formula with its intercept, the customer whose covariates are all 0", value)
    terms = tuple(tuple(column for column, _ in term) for term in factors if term)
    if not terms:
        _params.fail(name, "a formula with at least one column", value)
    if len({frozenset(term) for term in terms}) < len(terms) or any(
        len(set(one)) < len(one) for one in terms
    ):
        _params.fail(name, "a formula with each column in one form", value)
    _require_margins(name, value, terms)
    return terms, frozenset(column for term in factors for column, category in term if category)


def _column(name: str, formula: str, code: str) -> tuple[str, bool]:
    """Read one factor: `age`, `Q("age")`, or either inside `C( )`."""
    node: Any = ast.parse(code, mode="eval").body
    category = _calls(node, "C")
    node = node.args[0] if category else node
    if isinstance(node, ast.Name):
        return node.id, category
    if _calls(node, "Q") and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
        return node.args[0].value, category
    return _params.fail(
        name, f"a formula of columns, C(column) and Q('name'): make {code!r} a column first", formula
    )


def _calls(node: Any, function: str) -> bool:
    """Say whether a node is a call of a function with one argument and nothing else."""
    named = isinstance(node, ast.Call) and getattr(node.func, "id", "") == function
    return named and len(node.args) == 1 and not node.keywords


def _require_margins(name: str, formula: str, terms: Terms) -> None:
    known = {frozenset(term) for term in terms}
    for term in terms:
        if len(term) > 1 and any(frozenset(term) - {column} not in known for column in term):
            _params.fail(name, f"a formula in which {':'.join(term)} comes with its parts", formula)


@dataclass(frozen=True, slots=True)
class Coding:
    """Hold how terms become columns of numbers; the first level of a category is its reference."""

    terms: Terms
    levels: dict[str, tuple[str, ...]]

    @property
    def names(self) -> list[str]:
        """Name each column: `age`, `channel[web]`, `channel[web]:age`."""
        named: list[str] = []
        for term in self.terms:
            found = [""]
            for column in term:
                levels = self.levels.get(column)
                parts = [column] if levels is None else [f"{column}[{one}]" for one in levels[1:]]
                found = [f"{left}:{part}".lstrip(":") for left in found for part in parts]
            named += found
        return named

    def matrix(self, rows: "pd.DataFrame") -> Floats:
        """Return the numbers of each row, one column a name."""
        coded = {column: self._code(column, rows) for term in self.terms for column in term}
        columns: list[Floats] = []
        for term in self.terms:
            found = [np.ones(len(rows))]
            for column in term:
                found = [left * part for left in found for part in coded[column]]
            columns += found
        return np.column_stack(columns) if columns else np.empty((len(rows), 0))

    def _code(self, column: str, rows: "pd.DataFrame") -> list[Floats]:
        if column not in self.levels:
            return [rows[column].to_numpy(dtype=float)]
        known = self.levels[column]
        values = rows[column].astype(str).to_numpy(dtype=object)
        strange = sorted(set(values) - set(known))
        if strange:
            msg = (
                f"'{column}' must be one of the {len(known)} values that the model was fitted on. Found "
                f"{len(strange)} others, {', '.join(map(repr, strange[:3]))} for example: refit the model "
                "or map them."
            )
            raise DataError(msg)
        return [(values == one).astype(float) for one in known[1:]]


def learn(terms: Terms, categories: frozenset[str], rows: "pd.DataFrame") -> Coding:
    """Learn the levels of the categories, in alphabetical order."""
    levels = {}
    for column in sorted({column for term in terms for column in term}):
        kind = rows[column].dtype.kind
        if column in categories or kind not in "iufb":
            levels[column] = tuple(sorted(set(rows[column].astype(str))))
    coding = Coding(terms, levels)
    _require_variation(coding, rows)
    return coding


def _require_variation(coding: Coding, rows: "pd.DataFrame") -> None:
    """Refuse covariates that no data could tell apart: constant ones, and sums of others."""
    constant = [column for column, levels in coding.levels.items() if len(levels) < 2]
    z = coding.matrix(rows)
    spread = z.std(axis=0)
    constant += [
        name
        for name, one, size in zip(coding.names, spread, np.abs(z).max(axis=0), strict=True)
        if one <= _FLAT * size
    ]
    if constant:
        found = ", ".join(map(repr, constant))
        msg = f"Covariates must differ between customers. Found one value only in {found}: leave it out."
        raise DataError(msg)
    standard = (z - z.mean(axis=0)) / spread
    shares, directions = np.linalg.eigh(standard.T @ standard / max(len(z), 1))
    if len(shares) and shares[0] < _FLAT:
        named = [name for name, one in zip(coding.names, directions[:, 0], strict=True) if abs(one) > 0.1]
        found = ", ".join(map(repr, named))
        msg = f"Covariates must not determine each other. Found that {found} do: leave one out."
        raise DataError(msg)
