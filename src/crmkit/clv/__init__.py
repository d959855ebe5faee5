"""What customers are worth: from one margin and a retention rate to models of each customer's purchases.

`margin` holds the margin multiple and lifetime values, `valuation` what is decided with them,
`rules_of_thumb` the published short cuts and what is wrong with them.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.clv.bridge import from_lifetimes as from_lifetimes
    from crmkit.clv.btyd import (
        BetaGeoBetaBinomial as BetaGeoBetaBinomial,
        BetaGeoNBD as BetaGeoNBD,
        LikelihoodRatioTest as LikelihoodRatioTest,
        ModifiedBetaGeoCNBD as ModifiedBetaGeoCNBD,
        ModifiedBetaGeoNBD as ModifiedBetaGeoNBD,
        ParetoNBD as ParetoNBD,
        likelihood_ratio_test as likelihood_ratio_test,
    )
    from crmkit.clv.equity import (
        Assumptions as Assumptions,
        customer_equity as customer_equity,
        customer_value as customer_value,
        equity_what_if as equity_what_if,
    )
    from crmkit.clv.heterogeneity import constant_retention_error as constant_retention_error
    from crmkit.clv.holdout import holdout_summary as holdout_summary, tracking as tracking
    from crmkit.clv.margin import (
        LifetimeValue as LifetimeValue,
        MarginMultiple as MarginMultiple,
        lifetime_value as lifetime_value,
        lifetime_value_table as lifetime_value_table,
        margin_multiple as margin_multiple,
        margin_multiple_table as margin_multiple_table,
    )
    from crmkit.clv.new_customers import (
        NewCustomerValue as NewCustomerValue,
        value_of_new_customers as value_of_new_customers,
    )
    from crmkit.clv.retention import (
        BetaDiscreteWeibull as BetaDiscreteWeibull,
        ShiftedBetaGeometric as ShiftedBetaGeometric,
    )
    from crmkit.clv.rules_of_thumb import (
        AverageCustomerValue as AverageCustomerValue,
        average_customer_value as average_customer_value,
    )
    from crmkit.clv.spend import GammaGamma as GammaGamma
    from crmkit.clv.summary import (
        SummaryAudit as SummaryAudit,
        summarize as summarize,
        summary_audit as summary_audit,
    )
    from crmkit.clv.validation import (
        best_by_criterion as best_by_criterion,
        calibration_table as calibration_table,
        validate as validate,
    )
    from crmkit.clv.valuation import (
        BreakEvenRetention as BreakEvenRetention,
        CompanyValue as CompanyValue,
        WhatIf as WhatIf,
        break_even_retention as break_even_retention,
        company_value as company_value,
        what_if as what_if,
    )

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "bridge": ("from_lifetimes",),
        "btyd": (
            "BetaGeoBetaBinomial",
            "BetaGeoNBD",
            "LikelihoodRatioTest",
            "ModifiedBetaGeoCNBD",
            "ModifiedBetaGeoNBD",
            "ParetoNBD",
            "likelihood_ratio_test",
        ),
        "equity": ("Assumptions", "customer_equity", "customer_value", "equity_what_if"),
        "heterogeneity": ("constant_retention_error",),
        "holdout": ("holdout_summary", "tracking"),
        "margin": (
            "LifetimeValue",
            "MarginMultiple",
            "lifetime_value",
            "lifetime_value_table",
            "margin_multiple",
            "margin_multiple_table",
        ),
        "new_customers": ("NewCustomerValue", "value_of_new_customers"),
        "retention": ("BetaDiscreteWeibull", "ShiftedBetaGeometric"),
        "rules_of_thumb": ("AverageCustomerValue", "average_customer_value"),
        "spend": ("GammaGamma",),
        "summary": ("SummaryAudit", "summarize", "summary_audit"),
        "validation": ("best_by_criterion", "calibration_table", "validate"),
        "valuation": (
            "BreakEvenRetention",
            "CompanyValue",
            "WhatIf",
            "break_even_retention",
            "company_value",
            "what_if",
        ),
    },
)
