"""Pictures of the rooms' results: one module a room, each function a table in and a matplotlib Figure out.

Figures are objects of their own: nothing touches pyplot, no window opens, and `to_svg` turns one into text
that can stand in a web page. Colours can be told apart by everybody and in grey print.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.plot.clv import (
        retention_curve as retention_curve,
        spend_chart as spend_chart,
        value_concentration as value_concentration,
    )
    from crmkit.plot.contracts import survival_chart as survival_chart
    from crmkit.plot.customer_base import purchase_counts_chart as purchase_counts_chart
    from crmkit.plot.forecast import forecast_chart as forecast_chart
    from crmkit.plot.histories import (
        alive_history as alive_history,
        expected_purchases_matrix as expected_purchases_matrix,
        probability_alive_matrix as probability_alive_matrix,
    )
    from crmkit.plot.holdout import (
        calibration_chart as calibration_chart,
        conditional_purchases_chart as conditional_purchases_chart,
    )
    from crmkit.plot.metrics import (
        concentration_curve as concentration_curve,
        funnel_chart as funnel_chart,
        ratio_chart as ratio_chart,
        whale_chart as whale_chart,
    )
    from crmkit.plot.portfolio import migration_flow as migration_flow
    from crmkit.plot.profitability import cost_stack as cost_stack, profit_bars as profit_bars
    from crmkit.plot.segmentation import (
        matrix_chart as matrix_chart,
        score_heatmap as score_heatmap,
        segment_bars as segment_bars,
    )
    from crmkit.plot.svg import to_svg as to_svg
    from crmkit.plot.tracking import tracking_chart as tracking_chart

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "clv": ("retention_curve", "spend_chart", "value_concentration"),
        "contracts": ("survival_chart",),
        "customer_base": ("purchase_counts_chart",),
        "forecast": ("forecast_chart",),
        "histories": ("alive_history", "expected_purchases_matrix", "probability_alive_matrix"),
        "holdout": ("calibration_chart", "conditional_purchases_chart"),
        "metrics": ("concentration_curve", "funnel_chart", "ratio_chart", "whale_chart"),
        "portfolio": ("migration_flow",),
        "profitability": ("cost_stack", "profit_bars"),
        "segmentation": ("matrix_chart", "score_heatmap", "segment_bars"),
        "svg": ("to_svg",),
        "tracking": ("tracking_chart",),
    },
)
