"""State what a matrix is: axes cut into levels, and for every combination of levels a cell with its strategy.

A matrix is data, so that one engine classifies with all of them and a user's own is made the same way:
:mod:`crmkit.segmentation.matrix_catalogue` declares the published ones,
:func:`crmkit.segmentation.bivariate_matrix` makes one of any two columns, and `Matrix.with_cells` replaces a
convention by a company's own.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from crmkit import _params, _persist, _sql
from crmkit.errors import ParameterError
from crmkit.segmentation.matrix_axis import Axis

CONVENTIONS = ("none", "strategy", "cell")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a matrix: where it lies, its name, and what to do with its customers.

    Parameters
    ----------
    levels : tuple of str
        One level of each axis, in the order of the axes.
    name : str
        Name of the cell.
    strategy : str
        How to treat the customers in it.
    convention : {"none", "strategy", "cell"}, default "none"
        What of it is crmkit's own reading and not the source's: nothing, the strategy, or name and strategy.

    Raises
    ------
    ParameterError
        If `levels` is no tuple of texts, `name` or `strategy` no text, or `convention` none of these.

    Examples
    --------
    >>> Cell(("high", "low"), "passive", "protect").name
    'passive'
    """

    levels: tuple[str, ...]
    name: str
    strategy: str
    convention: str = "none"

    def __post_init__(self) -> None:
        levels = isinstance(self.levels, tuple) and all(isinstance(level, str) for level in self.levels)
        if not levels:
            _params.fail("levels", "a tuple with the name of one level for each axis", self.levels)
        _params.column("name", self.name)
        if not isinstance(self.strategy, str):
            _params.fail("strategy", "a text", self.strategy)
        _params.choice("convention", self.convention, CONVENTIONS)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A customer matrix: two or more axes and a cell for every combination of their levels.

    Parameters
    ----------
    name : str
        Name of the matrix.
    axes : tuple of Axis
        The axes, with distinct columns.
    cells : tuple of Cell
        One cell for each combination of levels.
    source : str
        Where the matrix comes from.

    Raises
    ------
    ParameterError
        If there are fewer than two axes, or a combination of levels has no cell or more than one, or two
        cells have one name.

    Examples
    --------
    >>> from crmkit.segmentation import SHAPIRO
    >>> SHAPIRO.cell("high", "low").name
    'passive'
    """

    name: str
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    source: str

    def __post_init__(self) -> None:
        for name, parts, kind in (("axes", self.axes, Axis), ("cells", self.cells, Cell)):
            if not isinstance(parts, tuple) or not all(isinstance(part, kind) for part in parts):
                _params.fail(name, f"a tuple of {kind.__name__}", parts)
        columns = self.columns
        if len(columns) < 2 or len(set(columns)) < len(columns):
            _params.fail("axes", "at least two axes with distinct columns", columns)
        expected = sorted(itertools.product(*(axis.levels for axis in self.axes)))
        found = sorted(cell.levels for cell in self.cells)
        if found != expected:
            _params.fail("cells", f"one cell for each of {expected}", found)
        names = [cell.name for cell in self.cells]
        if len(set(names)) < len(names):
            _params.fail("cells", "cells with distinct names", names)

    @property
    def columns(self) -> list[str]:
        """The columns of the axes, in their order."""
        return [axis.column for axis in self.axes]

    @property
    def convention(self) -> bool:
        """Whether a name or a strategy is crmkit's own reading; `Cell.convention` says which."""
        return any(cell.convention != "none" for cell in self.cells)

    def cell(self, *levels: str) -> Cell:
        """Find the cell at a combination of levels.

        Parameters
        ----------
        *levels : str
            One level of each axis, in the order of the axes.

        Returns
        -------
        Cell
            The cell.

        Raises
        ------
        ParameterError
            If the levels are not those of the axes.

        Examples
        --------
        >>> from crmkit.segmentation import CPA
        >>> [CPA.cell(now, later).name for now in ("yes", "no") for later in ("yes", "no")]
        ['invest', 'nurture', 're-engineer', 'sack']
        """
        for cell in self.cells:
            if cell.levels == levels:
                return cell
        return _params.fail("levels", f"one of {sorted(cell.levels for cell in self.cells)}", levels)

    def places(self) -> list[Cell]:
        """List the cells by the levels of their axes, lowest first, the last axis changing fastest.

        Returns
        -------
        list of Cell
            Every cell once.

        Examples
        --------
        >>> from crmkit.segmentation import CPA
        >>> [cell.name for cell in CPA.places()]
        ['sack', 're-engineer', 'nurture', 'invest']
        """
        return [self.cell(*levels) for levels in itertools.product(*(axis.levels for axis in self.axes))]

    def with_cells(self, *cells: Cell) -> "Matrix":
        """Replace cells, each by the one given for the same levels.

        Parameters
        ----------
        *cells : Cell
            The new cells.

        Returns
        -------
        Matrix
            A new matrix; the other cells stay.

        Raises
        ------
        ParameterError
            If the levels of a cell are not those of the axes, or names are then not distinct.

        Examples
        --------
        >>> from crmkit.segmentation import CPA
        >>> CPA.with_cells(Cell(("no", "no"), "release", "hand over to a partner")).cell("no", "no").name
        'release'
        """
        known = {cell.levels: cell for cell in self.cells}
        for cell in cells:
            if not isinstance(cell, Cell) or cell.levels not in known:
                _params.fail("cells", f"Cell objects at the levels {sorted(known)}", cell)
            known[cell.levels] = cell
        return dataclasses.replace(self, cells=tuple(known.values()))

    def with_axes(self, *axes: Axis) -> "Matrix":
        """Replace axes, each by the one given for the same column: with other cuts, or another scale.

        Parameters
        ----------
        *axes : Axis
            The new axes, with the levels of those they replace.

        Returns
        -------
        Matrix
            A new matrix; the other axes stay.

        Raises
        ------
        ParameterError
            If the column or the levels of an axis are not those of one of the matrix.

        Examples
        --------
        Relationship value as account managers rated it, "high" or "low":

        >>> from crmkit.segmentation import TURNBULL_ZOLKIEWSKI
        >>> rated = Axis("relationship_value", "relationship value", scale="ordinal")
        >>> [axis.scale for axis in TURNBULL_ZOLKIEWSKI.with_axes(rated).axes]
        ['linear', 'linear', 'ordinal']
        """
        known = {axis.column: axis for axis in self.axes}
        for axis in axes:
            if not isinstance(axis, Axis) or axis.column not in known:
                _params.fail("axes", f"Axis objects of the columns {self.columns}", axis)
            if set(axis.levels) != set(known[axis.column].levels):
                _params.fail("axes", f"an Axis of the levels {known[axis.column].levels}", axis.levels)
            known[axis.column] = axis
        return dataclasses.replace(self, axes=tuple(known.values()))

    def with_columns(self, columns: Mapping[str, str]) -> "Matrix":
        """Read axes from other columns.

        Parameters
        ----------
        columns : mapping of str to str
            The new column for each axis that is to change, by its present one.

        Returns
        -------
        Matrix
            A new matrix.

        Raises
        ------
        ParameterError
            If a column is not one of the axes'.

        Examples
        --------
        >>> from crmkit.segmentation import SHAPIRO
        >>> SHAPIRO.with_columns({"cost_to_serve": "service_cost_rate"}).columns
        ['net_price', 'service_cost_rate']
        """
        if not isinstance(columns, Mapping) or not set(columns) <= set(self.columns):
            _params.fail("columns", f"a mapping of the axes {self.columns}", columns)
        axes = (dataclasses.replace(axis, column=columns.get(axis.column, axis.column)) for axis in self.axes)
        return dataclasses.replace(self, axes=tuple(axes))

    def table(self) -> list[dict[str, str]]:
        """List the cells as rows: a column for each axis, then cell, strategy and convention.

        Returns
        -------
        list of dict
            One row a cell, ready for ``pandas.DataFrame``.

        Examples
        --------
        >>> from crmkit.segmentation import CPA
        >>> CPA.table()[3]["cell"], CPA.table()[3]["profitable now"]
        ('sack', 'no')
        """
        labels = [axis.label for axis in self.axes]
        return [
            {
                **dict(zip(labels, cell.levels, strict=True)),
                "cell": cell.name,
                "strategy": cell.strategy,
                "convention": cell.convention,
            }
            for cell in self.cells
        ]

    def to_json(self) -> str:
        """Write the matrix as JSON text: axes with their cuts, cells, strategies and source.

        Returns
        -------
        str
            JSON that `from_json` reads.

        Examples
        --------
        >>> from crmkit.segmentation import CPA
        >>> Matrix.from_json(CPA.to_json()) == CPA
        True
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return _persist.dump("Matrix", 1, params=fields, state={})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a matrix that `to_json` wrote.

        Parameters
        ----------
        text : str
            The JSON text.

        Returns
        -------
        Matrix
            The matrix.

        Raises
        ------
        DataError
            If the text is not such a file, or its axes and cells make no matrix.

        Examples
        --------
        >>> from crmkit.segmentation import CPA
        >>> Matrix.from_json(CPA.to_json()).columns
        ['current_profit', 'future_potential']
        """
        hints = {"name": str, "axes": tuple[Axis, ...], "cells": tuple[Cell, ...], "source": str}
        try:
            params, _ = _persist.load(text, "Matrix", 1, params=hints, state={})
            return cls(**params)
        except ParameterError as error:
            _persist.refuse("Matrix", f"what it holds makes none: {error}".rstrip("."))

    def to_sql(
        self, *, cuts: Mapping[str, Sequence[float]], what: str = "cell", dialect: str = "ansi"
    ) -> str:
        """Write the classification as a SQL expression over the columns of the axes.

        Parameters
        ----------
        cuts : mapping of str to sequence of float
            Cut points of every axis, as `matrix_cuts` gives them; an ordinal axis needs none.
        what : {"cell", "strategy"}, default "cell"
            Which text the expression gives.
        dialect : {"ansi", "bigquery", "duckdb", "mysql", "postgres", "spark"}, default "ansi"
            The SQL to write.

        Returns
        -------
        str
            A CASE expression; null where an axis is null, or an ordinal one holds what is no level.

        Raises
        ------
        ParameterError
            If an axis has no cuts or the wrong number of them, or `what` or `dialect` is unknown.

        Examples
        --------
        >>> from crmkit.segmentation import CPA
        >>> print(CPA.to_sql(cuts={"current_profit": [0], "future_potential": [5]}).splitlines()[1])
          WHEN "current_profit" >= 0.0e0 AND "future_potential" >= 5.0e0 THEN 'invest'
        """
        _params.choice("what", what, ("cell", "strategy"))
        rules = []
        for cell in self.cells:
            tests = [
                test
                for axis, level in zip(self.axes, cell.levels, strict=True)
                for test in _level_tests(axis, level, cuts)
            ]
            rules.append((tests, cell.name if what == "cell" else cell.strategy))
        return _sql.case(rules, dialect)


def _level_tests(axis: Axis, level: str, cuts: Mapping[str, Sequence[float]]) -> list[_sql.Condition]:
    """Say by comparisons that a column is in a level."""
    if axis.ordinal:
        return [_sql.Condition(axis.column, "=", level)]
    points = list(cuts.get(axis.column, ()))
    if len(points) != len(axis.levels) - 1:
        _params.fail("cuts", f"{len(axis.levels) - 1} cut points for the axis '{axis.column}'", points)
    place = axis.levels.index(level)
    from_, below = points[:place][-1:], points[place:][:1]
    ends = [(">=", point) for point in from_] + [("<", point) for point in below]
    return [_sql.Condition(axis.column, sign, float(point), nan=True) for sign, point in ends]
