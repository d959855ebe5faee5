"""Draw how a customer portfolio moved: streams from the cells of one date to those of another."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.plot import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

_BAR, _GAP = 0.035, 0.035
_ENTERED, _LEFT, _UNPLACED = "(entered)", "(left)", "(no cell)"
_LONG, _INCHES, _LINE, _NARROW, _WRAP = 1e5, 0.075, 0.16, 5.0, 11
_STAYED = "#aeb7c0"
_DIRECTIONS = {"improving": style.BLUE, "declining": style.ORANGE, "stayed, entered or left": _STAYED}

Node = tuple[str, float, float, float]


def migration_flow(
    moves: object,
    *,
    order: Sequence[str] | None = None,
    size: str = "customers",
    dates: tuple[str, str] = ("before", "after"),
    width: float = style.WIDE,
) -> "Figure":
    """Draw the customers that moved between cells as streams from one date to another.

    Parameters
    ----------
    moves : DataFrame
        A row a move: ``cell_before``, ``cell_after``, ``movement`` and the size, as
        `crmkit.segmentation.migration` gives them.
    order : sequence of str, optional
        Cells from the worst to the best; the best is drawn on top, and streams are coloured by whether they
        rise or fall. Left out, cells stand in the order of their names, coloured by where streams begin.
    size : str, default "customers"
        Numeric column that the width of a stream shows, not negative.
    dates : tuple of str, default ("before", "after")
        Names of the two dates.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A bar a cell and date with its name and total, a stream a move. Those who entered or left have a bar
        of their own at the bottom.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If no move has a size, or one is negative or missing.
    ParameterError
        If `order` lacks a cell, `dates` is not two texts, or `width` is outside its range.

    Examples
    --------
    >>> import pandas as pd
    >>> moves = pd.DataFrame({"cell_before": ["sack", "invest", None],
    ...                       "cell_after": ["invest", "invest", "sack"],
    ...                       "movement": ["moved", "stayed", "entered"], "customers": [3, 9, 2]})
    >>> drawn = migration_flow(moves, order=["sack", "invest"])
    >>> [text.get_text() for text in drawn.axes[0].texts][:3]
    ['invest 9', 'sack 3', '(entered) 2']
    """
    table = _moves(moves, size)
    cells = _order(table, order)
    named = isinstance(dates, tuple | list) and len(dates) == 2 and all(isinstance(one, str) for one in dates)
    if not named:
        _params.fail("dates", "two texts", dates)
    sides = [_nodes(table, name, cells, size) for name in ("cell_before", "cell_after")]
    height = max(0.5 * max(map(len, sides)) + 1.0, 2.6)
    drawn, axes = style.figure(width, height)
    style.plain(axes, grid="x")
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    _draw_streams(axes, table, sides, cells, size, ranked=order is not None)
    bottom = min(nodes[-1][2] for nodes in sides)
    line = _LINE / (height - 0.8) * (0 - bottom)
    lowest = [
        _draw_nodes(axes, nodes, x, cells, ranked=order is not None, line=line, narrow=width < _NARROW)
        for x, nodes in enumerate(sides)
    ]
    margin = _margin(sides, width)
    axes.set_xlim(-margin, 1 + margin)
    axes.set_ylim(min(bottom, *lowest) - 0.01, 0.01)
    axes.set_xticks([0, 1], list(dates))
    axes.xaxis.tick_top()
    axes.set_yticks([])
    if order is not None:
        _legend(axes, columns=1 if width < _NARROW else 3)
    return drawn


def _moves(moves: object, size: str) -> "pd.DataFrame":
    """Collect the moves, with a name for every end."""
    roles = {"cell_before": "label", "cell_after": "label", "movement": "label", size: "number"}
    table = _frames.collect(_frames.scan(moves, roles))
    amount = table[size].astype(float)
    bad = int((~(amount >= 0)).sum())
    if bad or not amount.sum() > 0:
        msg = (
            f"streams need a size of at least 0 in '{size}', and one above. Found {bad} of {len(table)} rows "
            "negative or missing: draw the customers instead."
        )
        raise DataError(msg)
    ends = {
        "cell_before": table["movement"].map({"entered": _ENTERED}).fillna(_UNPLACED),
        "cell_after": table["movement"].map({"left": _LEFT}).fillna(_UNPLACED),
    }
    named = {
        name: table[name].astype(object).where(table[name].notna(), other) for name, other in ends.items()
    }
    return table.assign(**named, **{size: amount})[amount > 0]


def _order(table: "pd.DataFrame", order: Sequence[str] | None) -> list[str]:
    """List the ends from top to bottom: the best cell first, then who has none, then who came or went."""
    last = [_UNPLACED, _ENTERED, _LEFT]
    found = sorted({*table["cell_before"], *table["cell_after"]} - set(last))
    if order is None:
        return [*found, *last]
    listed = _params.names("order", order)
    lacking = [cell for cell in found if cell not in listed]
    if lacking:
        _params.fail("order", f"a list with every cell, among them {lacking}", order)
    return [*reversed(listed), *last]


def _nodes(table: "pd.DataFrame", name: str, cells: list[str], size: str) -> list[Node]:
    """Stack the cells of one date downwards: name, size, lower and upper end in shares of all."""
    sums = table.groupby(name)[size].sum()
    nodes: list[Node] = []
    total, top = float(sums.sum()), 0.0
    for cell in cells:
        if cell in sums.index:
            amount = float(sums[cell])
            height = amount / total
            nodes.append((cell, amount, top - height, top))
            top -= height + _GAP
    return nodes


def _draw_streams(
    axes: "Axes",
    table: "pd.DataFrame",
    sides: list[list[Node]],
    cells: list[str],
    size: str,
    *,
    ranked: bool,
) -> None:
    """Draw a band for each move, the bands of a cell in the order of their other ends so that few cross."""
    from matplotlib.patches import PathPatch

    place = {cell: number for number, cell in enumerate(cells)}
    keys = table.assign(_a=table["cell_before"].map(place), _b=table["cell_after"].map(place))
    total = float(table[size].sum())
    tops = [{cell: top for cell, _, _, top in nodes} for nodes in sides]
    right = {}
    for row in keys.sort_values(["_b", "_a"]).to_dict("records"):
        end = row["cell_after"]
        right[row["cell_before"], end] = tops[1][end]
        tops[1][end] -= row[size] / total
    for row in keys.sort_values(["_a", "_b"]).to_dict("records"):
        start, end, height = row["cell_before"], row["cell_after"], row[size] / total
        band = _band(tops[0][start], right[start, end], height)
        tops[0][start] -= height
        colour = _colour(start, end, place, ranked=ranked)
        axes.add_patch(PathPatch(band, facecolor=colour, alpha=0.55, linewidth=0))


def _colour(start: str, end: str, place: dict[str, int], *, ranked: bool) -> str:
    """Choose the colour of a stream: by its direction, or by where it begins."""
    outside = (_UNPLACED, _ENTERED, _LEFT)
    if not ranked:
        return _STAYED if start in outside else style.SERIES[place[start] % len(style.SERIES)]
    if start == end or start in outside or end in outside:
        return _STAYED
    return _DIRECTIONS["improving" if place[end] < place[start] else "declining"]


def _band(left: float, right: float, height: float) -> "Path":
    """Make the outline of a stream from its upper ends and its height."""
    from matplotlib.path import Path

    a, b, middle = _BAR / 2, 1 - _BAR / 2, 0.5
    outline = [(a, left), (middle, left), (middle, right), (b, right)]
    back = [(b, right - height), (middle, right - height), (middle, left - height), (a, left - height)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return Path([*outline, *back, (a, left)], codes)


def _draw_nodes(
    axes: "Axes",
    nodes: list[Node],
    x: int,
    cells: list[str],
    *,
    ranked: bool,
    line: float,
    narrow: bool,
) -> float:
    """Draw the bars of one date, with names and totals outside, none over another; return where they end."""
    from matplotlib.patches import Rectangle

    place = {cell: number for number, cell in enumerate(cells)}
    free = 1.0
    for cell, amount, bottom, top in nodes:
        outside = cell in (_UNPLACED, _ENTERED, _LEFT)
        colour = style.SOFT if ranked and not outside else _colour(cell, cell, place, ranked=ranked)
        axes.add_patch(Rectangle((x - _BAR / 2, bottom), _BAR, top - bottom, facecolor=colour, linewidth=0))
        label = _label(cell, amount, narrow=narrow)
        half = line * (label.count("\n") + 1) / 2
        middle = min((bottom + top) / 2, free - half)
        free = middle - half
        axes.text(
            x + (-0.03 if x == 0 else 0.03),
            middle,
            label,
            ha="right" if x == 0 else "left",
            va="center",
            fontsize=8 if narrow else 9,
            color=style.SOFT if outside else style.INK,
        )
    return free


def _label(cell: str, amount: float, *, narrow: bool) -> str:
    written = f"{cell} {style.number(amount) if amount < _LONG else style.short(amount)}"
    return textwrap.fill(written, _WRAP) if narrow else written


def _margin(sides: list[list[Node]], width: float) -> float:
    """Return the room that the longest name needs beside the streams, in units of their length."""
    labels = [_label(cell, amount, narrow=width < _NARROW) for nodes in sides for cell, amount, _, _ in nodes]
    longest = max(len(part) for label in labels for part in label.split("\n"))
    room = min(0.2 + _INCHES * longest, 0.4 * width)
    return room / (width - 2 * room)


def _legend(axes: "Axes", *, columns: int) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=colour, alpha=0.55, label=name) for name, colour in _DIRECTIONS.items()]
    axes.legend(
        handles=handles,
        frameon=False,
        fontsize=9,
        ncols=columns,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
    )
