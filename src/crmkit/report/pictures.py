"""Draw a picture twice, for a page and for a telephone, as SVG that names itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from crmkit.plot import style
from crmkit.plot.svg import to_svg
from crmkit.report.document import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_WIDE = 5.8  # what half of a page holds, so that its type keeps its size


def picture(name: str, title: str, description: str, draw: "Callable[[float], Figure]") -> Picture:
    """Draw a picture in both widths.

    Parameters
    ----------
    name : str
        A name that no other picture of the page has.
    title : str
        What it shows, in a few words.
    description : str
        What one should see, for those who do not.
    draw : callable
        Takes the width in inches, gives the figure.

    Returns
    -------
    Picture
        The two SVG elements.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> picture("empty", "Nothing", "An empty figure.", lambda width: Figure((width, 1))).wide[:4]
    '<svg'
    """
    wide, narrow = (
        to_svg(draw(width), name=f"{name}-{kind}", title=title, description=description)
        for kind, width in (("wide", _WIDE), ("narrow", style.NARROW))
    )
    return Picture(title, description, wide, narrow)
