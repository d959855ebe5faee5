"""Measure what happened: ratios and funnels of leads and quotes, costs and profits of customers.

`counts` divides counts made elsewhere, `ratios` holds the three conversion ratios, `funnels` any list of
stages, `closing` the time to a sale or a loss, `qualification` the rules for MQL and SQL. `activities`,
`costing`, `time_driven` and `working_capital` say what each customer costs, `profitability` and `statement`
who earns it back, `concentration`, `bands` and `inequality` on how few that rests, `significance` who matters
all the same, and `levers` what would end a loss.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.metrics.activities import activity_costs as activity_costs, cost_drivers as cost_drivers
    from crmkit.metrics.bands import pareto as pareto, pareto_bands as pareto_bands
    from crmkit.metrics.closing import (
        mean_time_to_close as mean_time_to_close,
        time_to_close as time_to_close,
    )
    from crmkit.metrics.concentration import (
        WhalePeak as WhalePeak,
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
    from crmkit.metrics.inequality import gini as gini, top_share as top_share
    from crmkit.metrics.levers import profit_levers as profit_levers
    from crmkit.metrics.profitability import customer_profit as customer_profit
    from crmkit.metrics.qualification import qualify as qualify
    from crmkit.metrics.ratios import (
        lead_to_close as lead_to_close,
        lead_to_qualified as lead_to_qualified,
        quote_to_close as quote_to_close,
    )
    from crmkit.metrics.significance import (
        cost_magnets as cost_magnets,
        significant_customers as significant_customers,
    )
    from crmkit.metrics.statement import customer_pnl as customer_pnl, pnl_lines as pnl_lines
    from crmkit.metrics.time_driven import (
        CapacityRate as CapacityRate,
        capacity_cost_rate as capacity_cost_rate,
        capacity_use as capacity_use,
        time_driven_costs as time_driven_costs,
    )
    from crmkit.metrics.time_equations import event_minutes as event_minutes
    from crmkit.metrics.working_capital import (
        credit_costs as credit_costs,
        working_capital_costs as working_capital_costs,
    )

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "activities": ("activity_costs", "cost_drivers"),
        "bands": ("pareto", "pareto_bands"),
        "closing": ("mean_time_to_close", "time_to_close"),
        "concentration": ("WhalePeak", "whale_curve", "whale_peak"),
        "costing": ("allocate_costs", "assign_costs", "cost_to_serve", "reconcile"),
        "counts": ("Ratio", "ratio", "required_leads"),
        "funnels": ("funnel", "funnel_from_counts"),
        "inequality": ("gini", "top_share"),
        "levers": ("profit_levers",),
        "profitability": ("customer_profit",),
        "qualification": ("qualify",),
        "ratios": ("lead_to_close", "lead_to_qualified", "quote_to_close"),
        "significance": ("cost_magnets", "significant_customers"),
        "statement": ("customer_pnl", "pnl_lines"),
        "time_driven": ("CapacityRate", "capacity_cost_rate", "capacity_use", "time_driven_costs"),
        "time_equations": ("event_minutes",),
        "working_capital": ("credit_costs", "working_capital_costs"),
    },
)
