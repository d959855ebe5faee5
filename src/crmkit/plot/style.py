"""What all pictures share: colours, type sizes, axes without ornament, and how numbers are written.

The colours are those of Okabe and Ito, darkened where text or thin lines need contrast.
"""

import math
from typing import TYPE_CHECKING, Any

from crmkit import _params
from crmkit.errors import missing_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1f2933"
SOFT = "#5b6672"
RULE = "#d8dde3"
BLUE = "#0a5a8c"
SKY = "#9cc9e3"
ORANGE = "#c4500a"
GOLD = "#e8a33d"
SERIES = (BLUE, "#00735c", ORANGE, "#8a6500", "#9a4f7f", "#6b7480")
WIDE, NARROW = 7.4, 3.7
_BELOW = 7  # points
_THIN = "\u202f"


def figure(width: float, height: float) -> "tuple[Figure, Axes]":
    """Make an empty figure with one plain pair of axes, sizes in inches."""
    try:
        from crmkit.plot.chart import Chart
    except ImportError:
        raise missing_extra("matplotlib", "plot") from None
    _params.number("width", width, low=2, high=40)
    drawn = Chart(figsize=(width, height), layout="constrained", facecolor="none")
    axes = drawn.add_subplot()
    plain(axes)
    return drawn, axes


def plain(axes: "Axes", *, grid: str = "y") -> None:
    """Take the frame away and leave thin grid lines behind the data, along one axis."""
    axes.set_facecolor("none")
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(side == "bottom")
        axes.spines[side].set_color(SOFT)
    axes.set_axisbelow(True)
    axes.grid(visible=False)
    axes.grid(axis=grid, color=RULE, linewidth=0.7)  # type: ignore[arg-type]  # "x" or "y"
    axes.tick_params(length=0, labelsize=9, colors=INK)
    axes.tick_params(axis="x", pad=_BELOW)  # the first labels of both axes meet in the corner
    axes.xaxis.label.set(color=SOFT, size=9)
    axes.yaxis.label.set(color=SOFT, size=9)


def shares(axis: Any) -> None:
    """Write the ticks of an axis as per cent."""
    axis.set_major_formatter(lambda value, _: f"{number(100 * value)}\u00a0%")


def amounts(axis: Any) -> None:
    """Write the ticks of an axis as short numbers: 1.2 k, 3 M."""
    axis.set_major_formatter(lambda value, _: short(value))


def number(value: float) -> str:
    """Write a number with thin spaces between thousands, and a decimal only below ten."""
    digits = 0 if abs(value) >= 10 or float(value).is_integer() else 1
    return f"{value:,.{digits}f}".replace(",", _THIN).replace("-", "\u2212")


def short(value: float) -> str:
    """Write a number in thousands or millions, so that it fits beside an axis."""
    if value == 0:
        return "0"
    step = min(int(math.log10(abs(value)) / 3 + 1e-9), 3) if abs(value) >= 1000 else 0
    scaled = f"{value / 1000**step:.3g}".replace("-", "\u2212")
    return scaled + ("", "\u202fk", "\u202fM", "\u202fbn")[step]


def unit_label(what: str, unit: str | None) -> str:
    """Write the label of an axis with its unit."""
    return f"{what}, {unit}" if unit else what
