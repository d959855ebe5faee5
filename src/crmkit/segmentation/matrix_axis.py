"""State what an axis of a matrix is: a column, and the levels that it is cut into or already holds."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from crmkit import _params

SCALES = ("linear", "log", "ordinal")


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a matrix: a numeric column and the levels it is cut into, or a column of levels.

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
    scale : {"linear", "log", "ordinal"}, default "linear"
        Whether differences or ratios count. On a logarithmic axis values and cuts are positive, and distances
        are natural logarithms of ratios. On an ordinal axis the column holds the names of the levels, as
        somebody has rated them: it has no cuts and knows no distances.
    descending : bool, default False
        Whether the axis is drawn from high to low, as the field draws relative market share.

    Raises
    ------
    ParameterError
        If levels, cuts and scale do not fit together.

    Examples
    --------
    >>> Axis("current_profit", "profit now", ("no", "yes"), cuts=(0.0,)).levels
    ('no', 'yes')
    >>> Axis("relationship_value", "relationship value", scale="ordinal").cuts is None
    True
    """

    column: str
    label: str
    levels: tuple[str, ...] = ("low", "high")
    cuts: tuple[float, ...] | None = None
    scale: str = "linear"
    descending: bool = False

    def __post_init__(self) -> None:
        _params.column("column", self.column)
        texts = isinstance(self.levels, tuple) and all(isinstance(level, str) for level in self.levels)
        if not texts or len(self.levels) < 2 or len(set(self.levels)) < len(self.levels):
            _params.fail("levels", "at least two distinct names, from the lowest to the highest", self.levels)
        _params.choice("scale", self.scale, SCALES)
        _params.flag("descending", self.descending)
        if self.cuts is None:
            return
        if self.ordinal:
            _params.fail("cuts", f"left out: '{self.column}' is ordinal and holds its levels", self.cuts)
        numbers = isinstance(self.cuts, tuple | list) and all(map(_params.is_number, self.cuts))
        fitting = numbers and len(self.cuts) == len(self.levels) - 1
        if not fitting or any(first >= second for first, second in itertools.pairwise(self.cuts)):
            _params.fail("cuts", f"{len(self.levels) - 1} finite numbers in increasing order", self.cuts)
        check_scale(self, self.cuts)
        object.__setattr__(self, "cuts", tuple(map(float, self.cuts)))

    @property
    def ordinal(self) -> bool:
        """Whether the column holds the names of the levels."""
        return self.scale == "ordinal"


def check_scale(axis: Axis, cuts: Sequence[float]) -> None:
    """Refuse cut points that a logarithmic axis cannot have."""
    if axis.scale == "log" and min(cuts) <= 0:
        _params.fail("cuts", f"positive on the logarithmic axis '{axis.column}'", tuple(cuts))
