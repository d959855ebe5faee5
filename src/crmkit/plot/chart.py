"""A figure that shows itself: notebooks draw it without pyplot and without any magic command."""

import io

from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text

_DOTS = 144  # per inch: sharp on screens with two pixels a point


class Chart(Figure):
    """A matplotlib Figure with a picture of its own for notebooks, whose text is text and never a formula."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw the picture; a channel named "$5 to $10" keeps its dollars."""
        for text in self.findobj(Text):
            text.set_parse_math(False)
        super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Give IPython the picture and the size in points at which to show it."""
        written = io.BytesIO()
        self.savefig(written, format="png", dpi=_DOTS, facecolor="white")
        width, height = self.get_size_inches()
        return written.getvalue(), {"width": round(width * _DOTS / 2), "height": round(height * _DOTS / 2)}
