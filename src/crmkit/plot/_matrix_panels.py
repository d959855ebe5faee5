"""Draw the cells of a matrix: limits with room for every cell, bubbles, names of cells and levels.

A matrix of three axes has a panel for each level of the third. Everything that is measured in fractions is
measured on the scale of the axis, so that logarithmic and descending axes need no case of their own.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmkit.plot import style

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox
    from numpy.typing import NDArray

    from crmkit.segmentation.matrix import Cell, Matrix
    from crmkit.segmentation.matrix_axis import Axis

SURE = 0.8
_INKS = (*style.SERIES, style.INK)
VECTOR_POINTS = 1500
_FEW = 200
_ROOM = {2: 0.26, 3: 0.22}
_LARGEST_BUBBLE = 700.0
_NAMED = 25


@dataclass(frozen=True, slots=True)
class Band:
    """One drawn axis: its limits, its cuts, and where the levels lie as fractions from its low end."""

    axis: "Axis"
    low: float
    high: float
    cuts: tuple[float, ...]

    def fractions(self, values: Any) -> "NDArray[np.float64]":
        """Return how far along the drawn axis values lie, 0 at its left or lower end."""
        import numpy as np

        scaled = _scaled(self.axis, np.array([self.low, self.high, *np.atleast_1d(values)], dtype=float))
        found: NDArray[np.float64] = (scaled[2:] - scaled[0]) / (scaled[1] - scaled[0])
        return 1 - found if self.axis.descending else found

    def span(self, level: int) -> tuple[float, float]:
        """Return the two ends of a level as fractions, the left or lower one first."""
        edges = self.fractions([self.low, *self.cuts, self.high])
        first, second = float(edges[level]), float(edges[level + 1])
        return min(first, second), max(first, second)


def _scaled(axis: "Axis", values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    import numpy as np

    scaled: NDArray[np.float64] = np.log(values) if axis.scale == "log" else values
    return scaled


def band(axis: "Axis", values: "pd.Series[Any]", cuts: Sequence[float], margin: float) -> Band:
    """Choose the limits of an axis: the bulk of the customers, and room for the outer levels."""
    import numpy as np

    points = _scaled(axis, np.array(cuts, dtype=float))
    scores = _scaled(axis, values.to_numpy(dtype=float))
    ends = (0.0, 1.0) if len(scores) <= _FEW else (0.01, 0.97)
    low, high = (float(end) for end in np.quantile(scores, ends))
    width = max(high, points[-1]) - min(low, points[0])
    beyond = margin * width if width > 0 else max(1.0, abs(points[0]))
    low, high = min(low, points[0]) - beyond, max(high, points[-1]) + beyond
    room = _ROOM.get(len(points) + 1, 0.15)
    for _ in range(60):
        low, high = (
            min(low, points[0] - room * (high - low)),
            max(high, points[-1] + room * (high - low)),
        )
    low, high = (float(np.exp(end)) if axis.scale == "log" else end for end in (low, high))
    return Band(axis, low, high, tuple(float(cut) for cut in cuts))


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a matrix: where it is drawn, its two axes, and whether it holds many customers."""

    axes: "Axes"
    matrix: "Matrix"
    across: Band
    up: Band
    many: bool

    def prepare(self, unit: Mapping[str, str]) -> None:
        """Set limits, scales, lines, and the names of axes and levels."""
        style.plain(self.axes, grid="both")
        for one, part in ((self.across, self.axes.xaxis), (self.up, self.axes.yaxis)):
            if one.axis.scale == "log":
                _log_ticks(self.axes, part)
            else:
                style.amounts(part)
            draw_line = self.axes.axvline if one is self.across else self.axes.axhline
            for cut in one.cuts:
                draw_line(cut, color=style.INK, linewidth=1, zorder=1.5)
            part.set_label_text(style.unit_label(one.axis.label, unit.get(one.axis.column)))
            set_limits = self.axes.set_xlim if one is self.across else self.axes.set_ylim
            set_limits(*((one.high, one.low) if one.axis.descending else (one.low, one.high)))
        self._name_levels()

    def _name_levels(self) -> None:
        """Write the levels along the top and the right side, beside the cells they belong to."""
        small: dict[str, Any] = {"fontsize": 8.5, "color": style.SOFT}
        small |= {"xycoords": "axes fraction", "textcoords": "offset points"}
        for place, level in enumerate(self.across.axis.levels):
            middle = sum(self.across.span(place)) / 2
            self.axes.annotate(level, (middle, 1), (0, 4), ha="center", va="bottom", **small)
        for place, level in enumerate(self.up.axis.levels):
            middle = sum(self.up.span(place)) / 2
            self.axes.annotate(level, (1, middle), (4, 0), ha="left", va="center", rotation=270, **small)

    def points(self, table: "pd.DataFrame") -> "tuple[pd.Series[Any], pd.Series[Any]]":
        """Return where the customers are drawn, those beyond the limits on the edge."""
        x = table[self.across.axis.column].clip(self.across.low, self.across.high)
        y = table[self.up.axis.column].clip(self.up.low, self.up.high)
        return x, y

    def dots(self, table: "pd.DataFrame") -> None:
        """Draw the customers, the largest at the back; hollow where the cell is not sure."""
        table = table.sort_values("_area", ascending=False, kind="stable")
        x, y = self.points(table)
        unsure, inks = table["cell_probability"] < SURE, colours(self.matrix)
        for cell, ink in inks.items():
            here = table["cell"] == cell
            for mine, hollow in ((here & ~unsure, False), (here & unsure, True)):
                if hollow and not mine.any():
                    continue
                self.axes.scatter(
                    x[mine],
                    y[mine],
                    s=table.loc[mine, "_area"],
                    alpha=0.9 if hollow else 0.45 if self.many else 0.6,
                    linewidths=1.1 if hollow else 0.4,
                    facecolors="white" if hollow else ink,
                    edgecolors=ink if hollow else "none" if self.many else "white",
                    rasterized=self.many,
                    zorder=2.2,
                )

    def name_cells(self, cells: "Sequence[Cell]", counts: Mapping[str, int]) -> "list[Annotation]":
        """Write name and count of each cell into its outer corner; return the texts."""
        points = self.axes.get_window_extent().width * 72 / self.axes.figure.dpi
        inks, texts = colours(self.matrix), []
        look = _letters(many=self.many, size=9.5 if len(self.up.axis.levels) == 2 else 9)
        for cell in cells:
            across = self.across.span(self.across.axis.levels.index(cell.levels[1]))
            x, ha, shift = _corner(across, ("left", "center", "right"))
            y, va, lift = _corner(
                self.up.span(self.up.axis.levels.index(cell.levels[0])), ("bottom", "top", "top")
            )
            letters = max(8, int((across[1] - across[0]) * points / 6.4))
            name = f"{short_name(self.matrix, cell.name)} ({style.number(counts.get(cell.name, 0))})"
            texts.append(
                self.axes.annotate(
                    textwrap.fill(name, letters, break_long_words=False),
                    (x, y),
                    (shift, lift),
                    ha=ha,
                    va=va,
                    color=inks[cell.name],
                    **look,
                )
            )
        return texts

    def name_dots(self, table: "pd.DataFrame", taken: "Sequence[Annotation]") -> None:
        """Write the names of the largest customers beside their bubbles, where nothing is in the way."""
        from matplotlib.patheffects import withStroke

        frame = self.axes.get_window_extent()
        boxes = [text.get_window_extent() for text in taken] + self._bubbles(table) + self._lines()
        look: dict[str, Any] = {"fontsize": 8, "color": style.INK, "zorder": 3.5}
        look["path_effects"] = [withStroke(linewidth=3, foreground="white")]
        largest = table.nlargest(_NAMED, "_area", keep="first")
        for name, area, x, y in zip(largest["_label"], largest["_area"], *self.points(largest), strict=True):
            for shift, ha, va in _sides((area / math.pi) ** 0.5):
                text = self.axes.annotate(
                    str(name), (x, y), shift, textcoords="offset points", ha=ha, va=va, **look
                )
                box = text.get_window_extent()
                if _inside(box, frame) and not any(box.overlaps(other) for other in boxes):
                    boxes.append(box)
                    break
                text.remove()

    def _bubbles(self, table: "pd.DataFrame") -> "list[Bbox]":
        """Return the squares inside the bubbles, in pixels: a name may touch a bubble, but not cross it."""
        from matplotlib.transforms import Bbox

        middle = self.axes.transData.transform(list(zip(*self.points(table), strict=True)))
        half = (table["_area"].to_numpy() / math.pi) ** 0.5 * 0.7 * self.axes.figure.dpi / 72
        return [Bbox.from_extents(*(xy - r), *(xy + r)) for xy, r in zip(middle, half, strict=True)]

    def _lines(self) -> "list[Bbox]":
        """Return the lines of the matrix, in pixels."""
        return [line.get_window_extent().padded(1) for line in self.axes.lines]


def _log_ticks(axes: "Axes", part: Any) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    (axes.set_xscale if part is axes.xaxis else axes.set_yscale)("log")
    part.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    part.set_minor_locator(NullLocator())
    part.set_major_formatter(lambda value, _: style.short(value))


def _corner(span: tuple[float, float], names: tuple[str, str, str]) -> tuple[float, str, float]:
    """Return where along one axis the name of a cell stands, how it is aligned, and the inset in points.

    The outer end of an outer level, the middle of an inner one; names stand below the line of an inner level.
    """
    low, high = span
    if low < 0.01:
        return low, names[0], 4.0
    if high > 0.99 or names[1] == "top":
        return high, names[2], -4.0
    return (low + high) / 2, names[1], 0.0


def _letters(*, many: bool, size: float) -> dict[str, Any]:
    """Return how the names of cells are written: on a box where dots lie thick, else with a white edge."""
    from matplotlib.patheffects import withStroke

    look: dict[str, Any] = {"fontsize": size, "fontweight": "bold", "linespacing": 1.1, "zorder": 4}
    look |= {"xycoords": "axes fraction", "textcoords": "offset points"}
    if many:
        return look | {"bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}}
    return look | {"path_effects": [withStroke(linewidth=3, foreground="white")]}


def _inside(box: "Bbox", frame: "Bbox") -> bool:
    return bool(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1)


def _sides(radius: float) -> list[tuple[tuple[float, float], str, str]]:
    """List where a name may stand: beside, above and below its bubble."""
    out = radius + 2
    return [
        ((out, 0), "left", "center"),
        ((-out, 0), "right", "center"),
        ((0, out), "center", "bottom"),
        ((0, -out), "center", "top"),
    ]


def short_name(matrix: "Matrix", name: str) -> str:
    """Return the name of a cell without the levels that the picture shows beside it."""
    return name.partition(" (")[0] if len(matrix.axes) == 2 else name.partition(", ")[0]


def colours(matrix: "Matrix") -> dict[str, str]:
    """Return the colour of each cell by its name; cells that are called alike are of one colour."""
    heads = list(dict.fromkeys(short_name(matrix, cell.name) for cell in matrix.cells))
    inks = {head: _INKS[place % len(_INKS)] for place, head in enumerate(heads)}
    return {cell.name: inks[short_name(matrix, cell.name)] for cell in matrix.cells}


def areas(values: "pd.Series[Any] | None", rows: int) -> "NDArray[np.float64]":
    """Return the area of each bubble in square points: in proportion to its value, or one for all."""
    import numpy as np

    if values is None:
        return np.full(rows, 9.0 if rows > VECTOR_POINTS else 22.0 if rows > _FEW else 40.0)
    amount = values.fillna(0).to_numpy(dtype=float)
    largest = _LARGEST_BUBBLE if rows <= _FEW else _LARGEST_BUBBLE / 4
    found: NDArray[np.float64] = np.maximum(4.0, largest * amount / amount.max())
    return found


def legend(axes: "Axes", table: "pd.DataFrame", size: str | None) -> None:
    """Explain bubble sizes and hollow dots above the picture, where there are any."""
    handles: list[Any] = []
    if size is not None:
        largest = float(table[size].max())
        for share in (0.1, 0.5):
            area = table["_area"].max() * share
            text = style.short(float(f"{largest * share:.2g}"))
            handles.append(
                axes.scatter([], [], s=area, color=style.SOFT, alpha=0.5, linewidths=0, label=text)
            )
    if (table["cell_probability"] < SURE).any():
        handles.append(
            axes.scatter(
                [],
                [],
                s=40,
                facecolors="white",
                edgecolors=style.SOFT,
                label=f"less than {100 * SURE:.0f}\u00a0% sure of the cell",
            )
        )
    if handles:
        axes.figure.legend(
            handles=handles,
            title=None if size is None else size.replace("_", " "),
            title_fontsize=8.5,
            alignment="left",
            frameon=False,
            fontsize=8.5,
            ncols=len(handles),
            loc="outside upper left",
            borderpad=0,
            columnspacing=1.4,
            handletextpad=0.8,
        )
