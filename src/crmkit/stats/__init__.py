"""The statistics that rooms share: intervals, cut points, survival of open cases, allocation of money.

`intervals` gives one estimate its interval, `differences` two shares, `bootstrap` any statistic;
`cuts` makes tie-safe classes; `survival` says when open cases end, and how; `allocation` shares amounts
out so that nothing is lost.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.stats.agreement import Concordance as Concordance, kendall_w as kendall_w
    from crmkit.stats.allocation import allocate as allocate, apportion as apportion
    from crmkit.stats.bootstrap import bootstrap_interval as bootstrap_interval
    from crmkit.stats.cuts import (
        assign as assign,
        assign_expr as assign_expr,
        break_cuts as break_cuts,
        given_cuts as given_cuts,
        quantile_cuts as quantile_cuts,
    )
    from crmkit.stats.differences import (
        multinomial_difference as multinomial_difference,
        newcombe_difference as newcombe_difference,
        nps_interval as nps_interval,
    )
    from crmkit.stats.intervals import (
        Interval as Interval,
        delta_method as delta_method,
        normal_quantile as normal_quantile,
        poisson_interval as poisson_interval,
        proportion as proportion,
        wilson_bounds as wilson_bounds,
        wilson_exprs as wilson_exprs,
    )
    from crmkit.stats.ranking import area_under_curve as area_under_curve, normalised_gini as normalised_gini
    from crmkit.stats.survival import (
        cumulative_incidence as cumulative_incidence,
        restricted_mean as restricted_mean,
    )

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "agreement": ("Concordance", "kendall_w"),
        "allocation": ("allocate", "apportion"),
        "bootstrap": ("bootstrap_interval",),
        "cuts": ("assign", "assign_expr", "break_cuts", "given_cuts", "quantile_cuts"),
        "differences": ("multinomial_difference", "newcombe_difference", "nps_interval"),
        "intervals": (
            "Interval",
            "delta_method",
            "normal_quantile",
            "poisson_interval",
            "proportion",
            "wilson_bounds",
            "wilson_exprs",
        ),
        "ranking": ("area_under_curve", "normalised_gini"),
        "survival": ("cumulative_incidence", "restricted_mean"),
    },
)
