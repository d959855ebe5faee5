"""Pictures of the rooms' results: one module a room, each function a table in and a matplotlib Figure out.

Figures are objects of their own: nothing touches pyplot, no window opens, and `to_svg` turns one into text
that can stand in a web page. Colours can be told apart by everybody and in grey print.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.plot.clv import retention_curve as retention_curve
    from crmkit.plot.forecast import forecast_chart as forecast_chart
    from crmkit.plot.metrics import (
        concentration_curve as concentration_curve,
        funnel_chart as funnel_chart,
        ratio_chart as ratio_chart,
        whale_chart as whale_chart,
    )
    from crmkit.plot.segmentation import (
        matrix_chart as matrix_chart,
        score_heatmap as score_heatmap,
        segment_bars as segment_bars,
    )
    from crmkit.plot.svg import to_svg as to_svg

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "clv": ("retention_curve",),
        "forecast": ("forecast_chart",),
        "metrics": ("concentration_curve", "funnel_chart", "ratio_chart", "whale_chart"),
        "segmentation": ("matrix_chart", "score_heatmap", "segment_bars"),
        "svg": ("to_svg",),
    },
)
