"""Make a matrix of any two columns, its cells called by their levels or by names of one's own."""

import itertools
from collections.abc import Mapping, Sequence

from crmkit import _params
from crmkit.segmentation.matrix import Cell, Matrix
from crmkit.segmentation.matrix_axis import Axis


def bivariate_matrix(
    first: Axis | str,
    second: Axis | str,
    *,
    names: Mapping[tuple[str, ...], str] | None = None,
    strategies: Mapping[tuple[str, ...], str] | None = None,
) -> Matrix:
    """Make a matrix of any two columns: bivariate segmentation.

    Parameters
    ----------
    first, second : Axis or str
        The axes; a column name stands for an axis of two levels, low and high.
    names : mapping, optional
        Name of each cell that is to have its own, by its two levels; the others are called by their levels.
    strategies : mapping, optional
        What to do with the customers of a cell, by its two levels; empty for the others.

    Returns
    -------
    Matrix
        The matrix, for `classify` and all else.

    Raises
    ------
    ParameterError
        If an axis is neither, or levels are not those of the axes.

    References
    ----------
    Segments by two variables, such as occasion of use and satisfaction, are the general case of the
    published matrices.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import classify
    >>> usage = bivariate_matrix("usage", "satisfaction", names={("high", "high"): "fans"})
    >>> base = pd.DataFrame({"usage": [9, 9, 1], "satisfaction": [8, 2, 9]})
    >>> classify(base, usage, cuts=5)["cell"].tolist()
    ['fans', 'high usage, low satisfaction', 'low usage, high satisfaction']
    """
    axes = tuple(Axis(one, one.replace("_", " ")) if isinstance(one, str) else one for one in (first, second))
    if not all(isinstance(axis, Axis) for axis in axes):
        _params.fail("axes", "two Axis objects or column names", (first, second))
    named, treated = dict(names or {}), dict(strategies or {})
    places = list(itertools.product(*(axis.levels[::-1] for axis in axes)))
    for given, which in ((named, "names"), (treated, "strategies")):
        if not set(given) <= set(places):
            _params.fail(which, f"a mapping of the levels {places}", given)
    cells = tuple(
        Cell(levels, named.get(levels, _by_levels(axes, levels)), treated.get(levels, ""), "cell")
        for levels in places
    )
    return Matrix(f"{axes[0].label} and {axes[1].label}", axes, cells, "Bivariate segmentation.")


def _by_levels(axes: Sequence[Axis], levels: Sequence[str]) -> str:
    return ", ".join(f"{level} {axis.label}" for axis, level in zip(axes, levels, strict=True))
