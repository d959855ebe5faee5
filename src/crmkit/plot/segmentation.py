"""Draw segments: their size against their worth, the grid of scores, customers in a matrix."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from crmkit import _frames
from crmkit.errors import DataError, ParameterError
from crmkit.plot import _matrix_panels, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from crmkit.segmentation.matrix import Matrix


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
            axes.annotate(
                f"{style.number(round(100 * share, 6))}\u00a0%",
                (max(share, 0), at + shift),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=style.SOFT,
            )
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
    unit: str | Mapping[str, str] | None = None,
    size: str | None = None,
    label: str | None = None,
    width: float = style.WIDE,
) -> "Figure":
    """Draw customers on the axes of a matrix, with its lines and the names of its cells.

    Parameters
    ----------
    classified : DataFrame
        A row a customer: a column for each axis and ``cell``, as `crmkit.segmentation.classify` gives them.
    matrix : Matrix
        The matrix: the first axis is drawn upwards, the second one across; a third one has a picture for each
        of its levels.
    cuts : mapping of str to sequence of float
        Cut points of each axis, as `crmkit.segmentation.matrix_cuts` gives them.
    unit : str or mapping of str to str, optional
        Unit of all axes, such as EUR, or of each by its column.
    size : str, optional
        Column with a value that is not negative, such as revenue, that the areas of the bubbles show.
    label : str, optional
        Column with names, written beside the 25 largest bubbles where there is room.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A dot a customer, a colour and a name a cell, with its count. A dot is hollow where
        ``cell_probability``, if there is such a column, is below 0.8. More than 1 500 dots are an image
        inside the figure. The axes leave room for every cell; of more than 200 customers they show the 1st to
        the 97th percentile, and dots beyond lie on the edge.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If no customer is in a cell, or sizes are negative or all zero.
    ParameterError
        If the matrix has more than three axes, one of the first two is ordinal, or an axis has no cuts.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import SHAPIRO, classify
    >>> base = pd.DataFrame({"net_price": [1.0, 9.0], "cost_to_serve": [9.0, 1.0]})
    >>> drawn = matrix_chart(classify(base, SHAPIRO, cuts=5.0), SHAPIRO, cuts=dict.fromkeys(base, (5.0,)))
    >>> drawn.axes[0].get_xlabel(), drawn.axes[0].get_ylabel()
    ('cost to serve', 'net price realised')
    """
    if len(matrix.axes) > 3:
        msg = (
            f"`matrix` must be one of two or three axes. Got {len(matrix.axes)} instead: draw a part of them."
        )
        raise ParameterError(msg)
    ordinal = [axis.column for axis in matrix.axes[:2] if axis.ordinal]
    if ordinal:
        msg = (
            f"`matrix` must have numbers on its first two axes to be drawn. Got the ordinal {ordinal}: make "
            "it the third axis, or count the cells with cell_counts(…)."
        )
        raise ParameterError(msg)
    lacking = [
        axis.column
        for axis in matrix.axes
        if not axis.ordinal and len(cuts.get(axis.column, ())) != len(axis.levels) - 1
    ]
    if lacking:
        msg = (
            f"`cuts` must be those of every axis, as matrix_cuts(…) gives them. Unfit: {', '.join(lacking)}."
        )
        raise ParameterError(msg)
    table = _customers(classified, matrix, size, label)
    units = unit if isinstance(unit, Mapping) else dict.fromkeys(matrix.columns, unit or "")
    return _draw(table, matrix, cuts, units, size, named=label is not None, width=width)


def _customers(classified: object, matrix: "Matrix", size: str | None, label: str | None) -> "pd.DataFrame":
    """Fetch what is drawn of the customers who have a cell, with the area of their dots."""
    measured = [axis.column for axis in matrix.axes if not axis.ordinal]
    roles = {**dict.fromkeys(measured, "number"), "cell": "label", "cell_probability": "number"}
    roles |= {} if size is None else {size: "number"}
    roles |= {} if label is None else {label: "label"}
    local = _frames.collect(_frames.scan(classified, roles, optional=["cell_probability"]))
    table = local[local["cell"].notna()].reset_index(drop=True)
    if table.empty:
        msg = "a matrix needs at least one customer in a cell. Found none."
        raise DataError(msg)
    if size is not None and not (table[size].min() >= 0 < table[size].max()):
        found = f"{int((table[size] < 0).sum())} negative values and a maximum of {table[size].max():g}"
        msg = f"`{size}` must not be negative, and somewhere positive, to be a size. Found {found}."
        raise DataError(msg)
    sure = table.get("cell_probability", 1.0)
    areas = _matrix_panels.areas(None if size is None else table[size], len(table))
    names = "" if label is None else table[label]
    return table.assign(cell_probability=sure, _area=areas, _label=names)


def _draw(
    table: "pd.DataFrame",
    matrix: "Matrix",
    cuts: Mapping[str, Sequence[float]],
    units: Mapping[str, str],
    size: str | None,
    *,
    named: bool,
    width: float,
) -> "Figure":
    """Draw one panel, or one for each level of the third axis."""
    up, across = (
        _matrix_panels.band(axis, table[axis.column], cuts[axis.column], margin)
        for axis, margin in zip(matrix.axes[:2], (0.1, 0.05), strict=True)
    )
    third = matrix.axes[2] if len(matrix.axes) == 3 else None
    levels: list[str | None] = [None] if third is None else list(third.levels)
    beside = width > 5
    drawn, first = style.figure(width, _height(width, len(levels), beside=beside))
    drawn.delaxes(first)
    shape = (1, len(levels)) if beside else (len(levels), 1)
    many = len(table) > _matrix_panels.VECTOR_POINTS
    counts = {str(name): int(count) for name, count in table["cell"].value_counts().items()}
    parts = []
    for axes, level in zip(drawn.subplots(*shape, squeeze=False).ravel(), levels, strict=True):
        cells = [cell for cell in matrix.cells if level is None or cell.levels[2] == level]
        here = table[table["cell"].isin([cell.name for cell in cells])]
        panel = _matrix_panels.Panel(axes, matrix, across, up, many)
        panel.prepare(units)
        panel.dots(here)
        if third is not None:
            axes.set_title(f"{third.label}: {level}", fontsize=9.5, color=style.INK, pad=18)
        parts.append((panel, cells, here))
    _matrix_panels.legend(parts[0][0].axes, table, size)
    drawn.draw_without_rendering()  # names go where the layout leaves room
    for panel, cells, here in parts:
        taken = panel.name_cells(cells, counts)
        if named and len(here):
            panel.name_dots(here, taken)
    return drawn


def _height(width: float, panels: int, *, beside: bool) -> float:
    return (0.66 * width if panels == 1 else 0.55 * width) if beside else 1.02 * width * panels


def _collected(frame: object, roles: dict[str, str]) -> "pd.DataFrame":
    local = _frames.collect(_frames.scan(frame, roles))
    if local.empty:
        msg = "the table must have at least one row to draw. Found none."
        raise DataError(msg)
    return local
