"""Say how well each single column predicts a class: the best rule with one condition (1R)."""

from dataclasses import asdict, dataclass
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit.errors import DataError


@dataclass(frozen=True, slots=True)
class OneRule:
    """Hold how many rows one column classifies correctly.

    Parameters
    ----------
    column : str
        The column.
    correct : int
        Rows whose class is the most frequent one of their level.
    n : int
        All rows.
    predictions : tuple of (level, class)
        The most frequent class of each level.

    Examples
    --------
    >>> float(OneRule("income", 4, 5, (("high", "good"), ("low", "poor"))))
    0.8
    """

    column: str
    correct: int
    n: int
    predictions: tuple[tuple[Any, Any], ...]

    def __float__(self) -> float:
        return self.correct / self.n

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dictionary.

        Returns
        -------
        dict
            One item a field, in the order of the class.

        Examples
        --------
        >>> OneRule("income", 4, 5, (("high", "good"), ("low", "poor"))).to_dict()["correct"]
        4
        """
        return asdict(self)


def one_rule(frame: Any, *, column: str, target: str) -> OneRule:
    """Count the rows that one column classifies correctly when each of its levels predicts one class.

    Parameters
    ----------
    frame : DataFrame
        Any engine's frame; only the counts of its cells come to Python.
    column : str
        Column of groups: texts, categories, flags or whole numbers. Null is a level of its own.
    target : str
        Column of the class.

    Returns
    -------
    OneRule
        The count of correct rows, n, and the class that each level predicts.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If there are no rows, or a class is null.
    ParameterError
        If a name is not a column name, or both are the same.

    Notes
    -----
    Where the levels predict different classes, these are the counts on the diagonal of the cross-tabulation
    of column and class. Of two classes equally frequent in a level, the one first in order is predicted.

    References
    ----------
    Holte (1993), Very simple classification rules perform well on most commonly used datasets, Machine
    Learning 11, 63–90.

    Examples
    --------
    >>> import pandas as pd
    >>> credit = pd.DataFrame({
    ...     "debt": ["high", "low", "low", "high", "low"],
    ...     "income": ["high", "high", "high", "low", "low"],
    ...     "married": ["yes", "yes", "no", "yes", "yes"],
    ...     "risk": ["good", "good", "poor", "poor", "poor"],
    ... })
    >>> {name: one_rule(credit, column=name, target="risk").correct for name in ("income", "debt", "married")}
    {'income': 4, 'debt': 3, 'married': 3}
    """
    _params.column("column", column)
    if _params.column("target", target) == column:
        _params.fail("target", "another column than `column`", target)
    rows = _frames.scan(frame, {column: "label", target: "label"})
    if not _frames.refuse(rows, {f"have no '{target}'": nw.col(target).is_null()}, table="frame"):
        msg = "`frame` must have at least one row. Got none: check the filter that made it."
        raise DataError(msg)
    cells = _frames.collect(rows.group_by(column, target).agg(nw.len().alias("_crmkit_n")))
    levels = cells[column].astype(object).where(cells[column].notna(), None)
    found = zip(levels, cells[target], cells["_crmkit_n"], strict=True)
    best: dict[Any, tuple[int, Any]] = {}
    for level, label, count in sorted(found, key=_order):
        if level not in best or count > best[level][0]:
            best[level] = (int(count), label)
    correct = sum(count for count, _ in best.values())
    predictions = tuple((level, label) for level, (_, label) in best.items())
    return OneRule(column, correct, int(cells["_crmkit_n"].sum()), predictions)


def _order(cell: tuple[Any, ...]) -> tuple[str, ...]:
    return str(cell[0]), str(cell[1])
