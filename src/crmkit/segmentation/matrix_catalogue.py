"""Declare the published customer matrices as data: axes, cells, strategies, and where each comes from.

A matrix is data, so that one engine classifies with all of them and a user's own is made the same way; see
:mod:`crmkit.segmentation.matrices`.
"""

import itertools
from dataclasses import dataclass

from crmkit import _params


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a matrix: a numeric column and the levels it is cut into.

    Parameters
    ----------
    column : str
        Column of the customers' table.
    label : str
        What the axis measures, in words.
    levels : tuple of str
        Names of the levels, from the lowest to the highest, at least two.
    cuts : tuple of float, optional
        Where the levels begin, one fewer than levels, increasing; None if they are given at the call.

    Raises
    ------
    ParameterError
        If levels or cuts do not fit together.

    Examples
    --------
    >>> Axis("current_profit", "profit now", ("no", "yes"), cuts=(0.0,)).levels
    ('no', 'yes')
    """

    column: str
    label: str
    levels: tuple[str, ...] = ("low", "high")
    cuts: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        texts = isinstance(self.levels, tuple) and all(isinstance(level, str) for level in self.levels)
        if not texts or len(self.levels) < 2 or len(set(self.levels)) < len(self.levels):
            _params.fail("levels", "at least two distinct names, from the lowest to the highest", self.levels)
        if self.cuts is None:
            return
        numbers = isinstance(self.cuts, tuple | list) and all(map(_params.is_number, self.cuts))
        fitting = numbers and len(self.cuts) == len(self.levels) - 1
        if not fitting or any(first >= second for first, second in itertools.pairwise(self.cuts)):
            _params.fail("cuts", f"{len(self.levels) - 1} finite numbers in increasing order", self.cuts)


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

    Examples
    --------
    >>> Cell(("high", "low"), "passive", "protect").name
    'passive'
    """

    levels: tuple[str, ...]
    name: str
    strategy: str


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
    convention : bool, default False
        Whether the names or strategies of its cells are crmkit's own reading rather than the source's.

    Raises
    ------
    ParameterError
        If there are fewer than two axes, or a combination of levels has no cell or more than one, or two
        cells have one name.

    Examples
    --------
    >>> SHAPIRO.cell("high", "low").name
    'passive'
    """

    name: str
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    source: str
    convention: bool = False

    def __post_init__(self) -> None:
        for name, parts, kind in (("axes", self.axes, Axis), ("cells", self.cells, Cell)):
            if not isinstance(parts, tuple) or not all(isinstance(part, kind) for part in parts):
                _params.fail(name, f"a tuple of {kind.__name__}", parts)
        columns = [axis.column for axis in self.axes]
        if len(columns) < 2 or len(set(columns)) < len(columns):
            _params.fail("axes", "at least two axes with distinct columns", columns)
        expected = sorted(itertools.product(*(axis.levels for axis in self.axes)))
        found = sorted(cell.levels for cell in self.cells)
        if found != expected:
            _params.fail("cells", f"one cell for each of {expected}", found)
        names = [cell.name for cell in self.cells]
        if len(set(names)) < len(names):
            _params.fail("cells", "cells with distinct names", names)

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
        >>> CPA.cell("yes", "no").name
        'nurture'
        >>> [CPA.cell(now, later).name for now in ("yes", "no") for later in ("yes", "no")]
        ['invest', 'nurture', 're-engineer', 'sack']
        """
        for cell in self.cells:
            if cell.levels == levels:
                return cell
        return _params.fail("levels", f"one of {sorted(cell.levels for cell in self.cells)}", levels)


SHAPIRO = Matrix(
    name="Shapiro: price and cost to serve",
    axes=(Axis("net_price", "net price realised"), Axis("cost_to_serve", "cost to serve")),
    cells=(
        Cell(("high", "high"), "carriage trade", "keep the service and the price that pays for it"),
        Cell(("high", "low"), "passive", "protect: keep the relationship easy and watch competitors' prices"),
        Cell(("low", "high"), "aggressive", "renegotiate: charge for services or serve at lower cost"),
        Cell(("low", "low"), "bargain basement", "keep it simple: standard offer, self-service"),
    ),
    source=(
        "Shapiro, Rangan, Moriarty and Ross (1987), 'Manage Customers for Profits (Not Just Sales)', Harvard "
        "Business Review 65(5). The cells are theirs, the wording of the strategies is crmkit's."
    ),
    convention=True,
)

CPA = Matrix(
    name="Customer portfolio analysis: profit now and in future",
    axes=(
        Axis("current_profit", "profitable now", ("no", "yes"), cuts=(0.0,)),
        Axis("future_potential", "potential in future", ("no", "yes")),
    ),
    cells=(
        Cell(("yes", "yes"), "invest", "invest in the relationship"),
        Cell(("yes", "no"), "nurture", "find out with the customer why the outlook is poor, and mend it"),
        Cell(
            ("no", "yes"), "re-engineer", "serve at lower cost: less service, other channels, intermediaries"
        ),
        Cell(("no", "no"), "sack", "do not spend on it: let go or price to profit"),
    ),
    source="The groups of customer portfolio analysis in the CRM value chain: Buttle (2004).",
)

MATRICES = {"shapiro": SHAPIRO, "cpa": CPA}
