"""What a rating sheet is: attributes with importance weights, and the scale of the ratings.

A sheet turns judgement into a number: raters mark each attribute on the scale, the weights make one score of
the marks; see :mod:`crmkit.segmentation.rating`. Ready ones stand in
:mod:`crmkit.segmentation.rating_catalogue`.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

from crmkit import _params
from crmkit.errors import CRMKitWarning

_SUM_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line of a rating sheet.

    Parameters
    ----------
    name : str
        What stands in the `attribute` column of the ratings.
    about : str
        What a rating at the top of the scale says.
    group : str, default ""
        Part of the sheet, such as "market factors".
    reverse : bool, default False
        Whether a high rating lowers the score, as a large distance lowers the strength of a relationship.

    Raises
    ------
    ParameterError
        If the name is empty or `reverse` is not True or False.

    Examples
    --------
    >>> Attribute("geographical distance", "far apart", reverse=True).name
    'geographical distance'
    """

    name: str
    about: str
    group: str = ""
    reverse: bool = False

    def __post_init__(self) -> None:
        _params.column("name", self.name)
        _params.flag("reverse", self.reverse)


@dataclass(frozen=True, slots=True)
class RatingSheet:
    """A rating sheet: attributes with importance weights, and the scale of the ratings.

    Parameters
    ----------
    name : str
        What the score measures.
    attributes : tuple of Attribute
        The lines, with distinct names.
    weights : tuple of float, optional
        Importance of each attribute, not negative; all equal when left out. Weights that do not sum to 1 are
        divided by their sum, with a CRMKitWarning.
    scale : tuple of float, default (1, 5)
        Lowest and highest rating.
    source : str, default ""
        Where the attributes come from.

    Raises
    ------
    ParameterError
        If there is no attribute, a name is double, a weight is missing, negative or not finite, all weights
        are zero, or the scale is not two increasing numbers.

    Warns
    -----
    CRMKitWarning
        If the weights do not sum to 1.

    References
    ----------
    Each sheet of `RATING_SHEETS` names its own in `source`.

    Examples
    --------
    >>> lines = Attribute("skills", "all we need"), Attribute("cash", "ample")
    >>> RatingSheet("fit", lines, (0.7, 0.3)).shares
    (0.7, 0.3)
    """

    name: str
    attributes: tuple[Attribute, ...]
    weights: tuple[float, ...] | None = None
    scale: tuple[float, float] = (1.0, 5.0)
    source: str = ""

    def __post_init__(self) -> None:
        lines = isinstance(self.attributes, tuple) and all(isinstance(a, Attribute) for a in self.attributes)
        if not lines or not self.attributes:
            _params.fail("attributes", "a tuple of at least one Attribute", self.attributes)
        names = [attribute.name for attribute in self.attributes]
        if len(set(names)) < len(names):
            _params.fail("attributes", "attributes with distinct names", names)
        ends = self.scale
        pair = isinstance(ends, tuple | list) and len(ends) == 2 and all(map(_params.is_number, ends))
        if not pair or ends[0] >= ends[1]:
            _params.fail("scale", "the lowest and the highest rating, in increasing order", ends)
        object.__setattr__(self, "weights", _unit_weights(self.weights, names))

    def weight(self, name: str) -> float:
        """Return the weight of an attribute.

        Parameters
        ----------
        name : str
            Name of the attribute.

        Returns
        -------
        float
            Its share of the importance of all.

        Raises
        ------
        ParameterError
            If the sheet has no such attribute.

        Examples
        --------
        >>> from crmkit.segmentation import RATING_SHEETS
        >>> RATING_SHEETS["peste"].weight("political")
        0.2
        """
        names = [attribute.name for attribute in self.attributes]
        return self.shares[names.index(_params.choice("name", name, names))]

    @property
    def shares(self) -> tuple[float, ...]:
        """Return the weights in the order of the attributes; they sum to 1.

        Returns
        -------
        tuple of float
            One weight an attribute.

        Examples
        --------
        >>> from crmkit.segmentation import RATING_SHEETS
        >>> RATING_SHEETS["relationship_value"].shares
        (0.25, 0.25, 0.25, 0.25)
        """
        return self.weights or ()

    def with_weights(self, weights: Mapping[str, float]) -> "RatingSheet":
        """Make the same sheet with other importance weights.

        Parameters
        ----------
        weights : mapping of str to float
            A weight for every attribute, such as those of :func:`crmkit.segmentation.pairwise_weights`.
            Weights that do not sum to 1 are divided by their sum, with a CRMKitWarning.

        Returns
        -------
        RatingSheet
            The new sheet.

        Raises
        ------
        ParameterError
            If an attribute has no weight, a name is unknown, or a weight is negative or not finite.

        Examples
        --------
        >>> from crmkit.segmentation import RATING_SHEETS
        >>> forces = RATING_SHEETS["five_forces"]
        >>> names = [attribute.name for attribute in forces.attributes]
        >>> forces.with_weights(dict(zip(names, [0.4, 0.1, 0.1, 0.3, 0.1]))).weight("rivalry")
        0.4
        """
        names = [attribute.name for attribute in self.attributes]
        if not isinstance(weights, Mapping) or set(weights) != set(names):
            given = list(weights) if isinstance(weights, Mapping) else weights
            _params.fail("weights", f"a mapping with one weight for each of {names}", given)
        return replace(self, weights=tuple(weights[name] for name in names))

    def part(self, group: str) -> "RatingSheet":
        """Make a sheet of one group of attributes, such as the strengths and weaknesses of a SWOT sheet.

        Parameters
        ----------
        group : str
            Name of the group.

        Returns
        -------
        RatingSheet
            The lines of the group, with weights in the same proportions that sum to 1.

        Raises
        ------
        ParameterError
            If no attribute is of that group.

        Examples
        --------
        >>> from crmkit.segmentation import RATING_SHEETS
        >>> len(RATING_SHEETS["swot"].part("internal").attributes)
        7
        """
        _params.choice("group", group, dict.fromkeys(attribute.group for attribute in self.attributes))
        kept = [pair for pair in zip(self.attributes, self.shares, strict=True) if pair[0].group == group]
        total = math.fsum(weight for _, weight in kept)
        if total == 0:
            _params.fail("group", "one whose attributes have a positive weight", group)
        return replace(
            self,
            name=f"{self.name}: {group}",
            attributes=tuple(attribute for attribute, _ in kept),
            weights=tuple(weight / total for _, weight in kept),
        )


def _unit_weights(weights: tuple[float, ...] | None, names: list[str]) -> tuple[float, ...]:
    """Return weights that sum to 1, or say what is wrong with those given."""
    if weights is None:
        return (1.0 / len(names),) * len(names)
    if not isinstance(weights, tuple | list) or len(weights) != len(names):
        _params.fail("weights", f"a tuple of {len(names)} numbers, one for each of {names}", weights)
    checked = [_params.number(f"weights['{name}']", w, low=0) for name, w in zip(names, weights, strict=True)]
    total = math.fsum(checked)
    if total == 0:
        _params.fail("weights", "numbers with a positive sum", weights)
    if abs(total - 1) <= _SUM_TOLERANCE:
        return tuple(checked)
    msg = f"`weights` should sum to 1. Got the sum {total:.6g}: each was divided by it."
    warnings.warn(msg, CRMKitWarning, stacklevel=4)
    return tuple(weight / total for weight in checked)
