"""Draw segments: their size against their worth, the grid of scores, customers in a matrix."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from crmkit import _frames
from crmkit.errors import DataError, ParameterError
from crmkit.plot import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crmkit.segmentation.matrix_catalogue import Matrix

_VECTOR_POINTS = 1500


def segment_bars(
    segments: object, *, group: str = "segment", value: str = "revenue", width: float = style.WIDE
) -> "Figure":
    """Draw each segment's share of the customers beside its share of a value.

    Parameters
    ----------
    segments : DataFrame
        A row a segment: its name, ``customers`` (how many) and the value.
    group : str, default "segment"
        Column with the names.
    value : str, default "revenue"
        Column with the value that the segment brings.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Two horizontal bars a segment, in the order of the table.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no segment, or the totals are not positive.

    Examples
    --------
    >>> import pandas as pd
    >>> segments = pd.DataFrame({"segment": ["best", "rest"], "customers": [1, 3], "revenue": [60.0, 40.0]})
    >>> [float(bar.get_width()) for bar in segment_bars(segments).axes[0].patches]
    [0.25, 0.75, 0.6, 0.4]
    """
    table = _collected(segments, {group: "label", "customers": "number", value: "number"})
    totals = table[["customers", value]].sum()
    if not (totals > 0).all():
        found = f"{totals['customers']:g} customers and {totals[value]:g} {value}"
        msg = f"shares need positive totals. Found {found}: draw the segments that have any."
        raise DataError(msg)
    drawn, axes = style.figure(width, 0.46 * len(table) + 0.9)
    style.plain(axes, grid="x")
    place = [float(one) for one in range(len(table))]
    for shift, column, colour in ((-0.19, "customers", style.SKY), (0.19, value, style.BLUE)):
        shares = table[column] / totals[column]
        axes.barh(
            [one + shift for one in place], shares, height=0.36, color=colour, label=f"share of {column}"
        )
        for at, share in zip(place, shares, strict=True):
            text = f" {style.number(round(100 * share, 6))}\u00a0%"
            axes.text(max(share, 0), at + shift, text, va="center", fontsize=8, color=style.SOFT)
    axes.set_yticks(place, [str(one) for one in table[group]])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.margins(x=0.12)
    style.shares(axes.xaxis)
    axes.set_xlabel("share of all")
    axes.legend(
        frameon=False,
        fontsize=9,
        ncols=2 if width > 5 else 1,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        borderpad=0,
    )
    return drawn


def score_heatmap(
    cells: object, *, across: str = "recency_score", up: str = "frequency_score", width: float = style.WIDE
) -> "Figure":
    """Draw how many customers hold each pair of scores.

    Parameters
    ----------
    cells : DataFrame
        A row a pair of scores: the two scores (whole numbers from 1) and ``customers``.
    across, up : str
        Columns of the scores along the two axes.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A grid, the best scores at the top right, with the count in each cell.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no row.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"recency_score": [1, 2], "frequency_score": [1, 2], "customers": [5, 7]})
    >>> sorted(text.get_text() for text in score_heatmap(cells).axes[0].texts)
    ['0', '0', '5', '7']
    """
    import numpy as np

    table = _collected(cells, {across: "number", up: "number", "customers": "number"})
    x, y = table[across].astype(int), table[up].astype(int)
    grid = np.zeros((y.max(), x.max()))
    np.add.at(grid, (y.to_numpy() - 1, x.to_numpy() - 1), table["customers"].to_numpy(dtype=float))
    drawn, axes = style.figure(width, 0.42 * len(grid) + 0.9)
    axes.grid(visible=False)
    axes.imshow(grid, cmap="Blues", origin="lower", aspect="auto", vmin=0, vmax=grid.max() * 1.15)
    for (row, column), count in np.ndenumerate(grid):
        colour = "white" if count > 0.72 * grid.max() else style.INK
        axes.text(column, row, style.number(count), ha="center", va="center", fontsize=9, color=colour)
    axes.set_xticks(range(grid.shape[1]), [str(one + 1) for one in range(grid.shape[1])])
    axes.set_yticks(range(grid.shape[0]), [str(one + 1) for one in range(grid.shape[0])])
    axes.set_xlabel(across.replace("_", " ") + " (best at the right)")
    axes.set_ylabel(up.replace("_", " ") + " (best on top)")
    return drawn


def matrix_chart(
    classified: object,
    matrix: "Matrix",
    *,
    cuts: Mapping[str, Sequence[float]],
    unit: str | None = None,
    width: float = style.WIDE,
) -> "Figure":
    """Draw customers on the two axes of a matrix, with its lines and the names of its cells.

    Parameters
    ----------
    classified : DataFrame
        A row a customer: a column for each axis and ``cell``, as `crmkit.segmentation.classify` gives them.
    matrix : Matrix
        The matrix, with two axes: the first one is drawn upwards, the second one across.
    cuts : mapping of str to sequence of float
        Cut points of each axis, as `crmkit.segmentation.matrix_cuts` gives them.
    unit : str, optional
        Unit of both axes, such as EUR.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A dot a customer, a colour and a name a cell. More than 1 500 dots are an image inside the
        figure. The axes end at the 1st and the 97th percentile of the customers; dots beyond them lie
        on the edge.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If no customer is in a cell.
    ParameterError
        If the matrix has more than two axes.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import SHAPIRO, classify
    >>> base = pd.DataFrame({"net_price": [1.0, 9.0], "cost_to_serve": [9.0, 1.0]})
    >>> drawn = matrix_chart(classify(base, SHAPIRO, cuts=5.0), SHAPIRO, cuts=dict.fromkeys(base, (5.0,)))
    >>> drawn.axes[0].get_xlabel(), drawn.axes[0].get_ylabel()
    ('cost to serve', 'net price realised')
    """
    if len(matrix.axes) != 2:
        msg = f"`matrix` must be one of two axes. Got {len(matrix.axes)} instead: draw two of them at a time."
        raise ParameterError(msg)
    up, across = matrix.axes
    table = _collected(classified, {up.column: "number", across.column: "number", "cell": "label"})
    table = table[table["cell"].notna()]
    if table.empty:
        msg = "a matrix needs at least one customer in a cell. Found none."
        raise DataError(msg)
    ends = table[[up.column, across.column]].quantile([0.01, 0.97])
    inside = table[[up.column, across.column]].clip(ends.iloc[0], ends.iloc[1], axis=1)
    drawn, axes = style.figure(width, 0.62 * width if width > 5 else width)
    style.plain(axes, grid="both")
    many = len(table) > _VECTOR_POINTS
    for place, cell in enumerate(matrix.cells):
        here = inside[table["cell"] == cell.name]
        axes.scatter(
            here[across.column],
            here[up.column],
            s=9 if many else 16,
            alpha=0.45,
            linewidths=0,
            color=style.SERIES[place % len(style.SERIES)],
            rasterized=many,
        )
    for cut in cuts[up.column]:
        axes.axhline(cut, color=style.INK, linewidth=1)
    for cut in cuts[across.column]:
        axes.axvline(cut, color=style.INK, linewidth=1)
    _name_cells(axes, matrix, table)
    style.amounts(axes.xaxis)
    style.amounts(axes.yaxis)
    axes.set_xlabel(style.unit_label(across.label, unit))
    axes.set_ylabel(style.unit_label(up.label, unit))
    return drawn


def _name_cells(axes: "Axes", matrix: "Matrix", table: "pd.DataFrame") -> None:
    """Write name and count of each cell above the picture and below it, where no dot lies."""
    up, across = matrix.axes
    rows, columns = len(up.levels), len(across.levels)
    axes.margins(y=0.1 if rows == 2 else 0.05)
    for place, cell in enumerate(matrix.cells):
        row, column = up.levels.index(cell.levels[0]), across.levels.index(cell.levels[1])
        count = int((table["cell"] == cell.name).sum())
        axes.text(
            0.01 + 0.98 * column / (columns - 1),
            0.015 + 0.97 * row / (rows - 1),
            f"{cell.name} ({style.number(count)})",
            transform=axes.transAxes,
            ha=("left", "center", "right")[0 if column == 0 else 2 if column == columns - 1 else 1],
            va=("bottom", "center", "top")[0 if row == 0 else 2 if row == rows - 1 else 1],
            fontsize=9.5,
            fontweight="bold",
            color=style.SERIES[place % len(style.SERIES)],
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1},
        )


def _collected(frame: object, roles: dict[str, str]) -> "pd.DataFrame":
    local = _frames.collect(_frames.scan(frame, roles))
    if local.empty:
        msg = "the table must have at least one row to draw. Found none."
        raise DataError(msg)
    return local
