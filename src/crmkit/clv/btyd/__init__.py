"""Models of how customers buy till they leave, as pure functions of their parameters and one class on top.

A module ``_name`` holds the formulas of one model: the likelihood with its derivatives, and what it says of
the future. `estimation` fits any of them, `estimates` says how sure the parameters are, `predictions` and
`customer_base` apply them to frames; a module named after a model gives it its public face.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.clv.btyd.beta_binomial import BetaGeoBetaBinomial as BetaGeoBetaBinomial
    from crmkit.clv.btyd.beta_geo import (
        BetaGeoNBD as BetaGeoNBD,
        ModifiedBetaGeoNBD as ModifiedBetaGeoNBD,
    )
    from crmkit.clv.btyd.comparison import (
        LikelihoodRatioTest as LikelihoodRatioTest,
        likelihood_ratio_test as likelihood_ratio_test,
    )
    from crmkit.clv.btyd.pareto import ParetoNBD as ParetoNBD
    from crmkit.clv.btyd.regular import ModifiedBetaGeoCNBD as ModifiedBetaGeoCNBD

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "beta_binomial": ("BetaGeoBetaBinomial",),
        "beta_geo": ("BetaGeoNBD", "ModifiedBetaGeoNBD"),
        "comparison": ("LikelihoodRatioTest", "likelihood_ratio_test"),
        "pareto": ("ParetoNBD",),
        "regular": ("ModifiedBetaGeoCNBD",),
    },
)
