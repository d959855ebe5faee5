"""What customers are worth: from one margin and a retention rate to models of each customer's purchases.

`margin` holds the margin multiple and lifetime values, `valuation` what is decided with them,
`rules_of_thumb` the published short cuts and what is wrong with them.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.clv.margin import (
        LifetimeValue as LifetimeValue,
        MarginMultiple as MarginMultiple,
        lifetime_value as lifetime_value,
        lifetime_value_table as lifetime_value_table,
        margin_multiple as margin_multiple,
        margin_multiple_table as margin_multiple_table,
    )
    from crmkit.clv.rules_of_thumb import (
        AverageCustomerValue as AverageCustomerValue,
        average_customer_value as average_customer_value,
    )
    from crmkit.clv.summary import (
        SummaryAudit as SummaryAudit,
        summarize as summarize,
        summary_audit as summary_audit,
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
        "margin": (
            "LifetimeValue",
            "MarginMultiple",
            "lifetime_value",
            "lifetime_value_table",
            "margin_multiple",
            "margin_multiple_table",
        ),
        "rules_of_thumb": ("AverageCustomerValue", "average_customer_value"),
        "summary": ("SummaryAudit", "summarize", "summary_audit"),
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
