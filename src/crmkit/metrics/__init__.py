"""Measure what happened: ratios and funnels of leads and quotes, costs and profits of customers.

`counts` divides counts made elsewhere, `ratios` holds the three conversion ratios, `funnels` any list of
stages, `closing` the time to a sale or a loss, `qualification` the rules for MQL and SQL. `costing` shares
activity costs among customers, `profitability` and `concentration` say who earns them back.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.metrics.closing import (
        mean_time_to_close as mean_time_to_close,
        time_to_close as time_to_close,
    )
    from crmkit.metrics.concentration import (
        WhalePeak as WhalePeak,
        pareto as pareto,
        whale_curve as whale_curve,
        whale_peak as whale_peak,
    )
    from crmkit.metrics.costing import (
        allocate_costs as allocate_costs,
        assign_costs as assign_costs,
        cost_to_serve as cost_to_serve,
        reconcile as reconcile,
    )
    from crmkit.metrics.counts import Ratio as Ratio, ratio as ratio, required_leads as required_leads
    from crmkit.metrics.funnels import (
        funnel as funnel,
        funnel_from_counts as funnel_from_counts,
    )
    from crmkit.metrics.profitability import customer_profit as customer_profit
    from crmkit.metrics.qualification import qualify as qualify
    from crmkit.metrics.ratios import (
        lead_to_close as lead_to_close,
        lead_to_qualified as lead_to_qualified,
        quote_to_close as quote_to_close,
    )

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "closing": ("mean_time_to_close", "time_to_close"),
        "concentration": ("WhalePeak", "pareto", "whale_curve", "whale_peak"),
        "costing": ("allocate_costs", "assign_costs", "cost_to_serve", "reconcile"),
        "counts": ("Ratio", "ratio", "required_leads"),
        "funnels": ("funnel", "funnel_from_counts"),
        "profitability": ("customer_profit",),
        "qualification": ("qualify",),
        "ratios": ("lead_to_close", "lead_to_qualified", "quote_to_close"),
    },
)
