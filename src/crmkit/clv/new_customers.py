"""Value customers who are still to come: one, a cohort, and what winning them may cost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crmkit import _params
from crmkit.clv._valuer import require
from crmkit.clv.btyd import _scoring
from crmkit.clv.btyd._special import Floats
from crmkit.clv.margin import Result, short
from crmkit.stats.intervals import normal_quantile

if TYPE_CHECKING:
    from crmkit.clv.btyd.customer_base import CustomerBaseModel
    from crmkit.clv.equity import Assumptions
    from crmkit.clv.spend import GammaGamma


@dataclass(frozen=True, slots=True, repr=False)
class NewCustomerValue(Result):
    """Hold what new customers are worth, and where the worth comes from.

    Parameters
    ----------
    customers : float
        Number of customers; all amounts are those of all together.
    first_purchase : float
        Margin of the first purchases, less the cost to serve them.
    repeat_purchases : float
        The same of the purchases to follow, discounted.
    retention_cost, acquisition_cost : float
        What it costs to keep and to win them.
    value : float
        The first two less the two costs; what ``float()`` gives.
    lower, upper : float
        Interval of the value; nan where a model lies at a boundary.
    break_even_acquisition_cost : float
        What winning one customer may cost before the value is 0.
    confidence : float
        Nominal coverage of the interval.

    Examples
    --------
    >>> NewCustomerValue(1.0, 9.0, 30.0, 0.0, 20.0, 19.0, 17.0, 21.0, 39.0, 0.95)
    NewCustomerValue(19, 95% from 17 to 21; break-even acquisition cost 39, customers 1)
    """

    customers: float
    first_purchase: float
    repeat_purchases: float
    retention_cost: float
    acquisition_cost: float
    value: float
    lower: float
    upper: float
    break_even_acquisition_cost: float
    confidence: float

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        ends = f"{100 * self.confidence:.6g}% from {short(self.lower)} to {short(self.upper)}"
        even = f"break-even acquisition cost {short(self.break_even_acquisition_cost)}"
        return f"NewCustomerValue({short(self.value)}, {ends}; {even}, customers {short(self.customers)})"


def value_of_new_customers(
    *,
    model: "CustomerBaseModel",
    spend: "GammaGamma",
    assumptions: "Assumptions",
    customers: float = 1,
    confidence: float = 0.95,
) -> NewCustomerValue:
    """Value customers at their first purchase, before anything is known of them.

    Parameters
    ----------
    model : fitted model of the customer base
        Says how often customers buy.
    spend : GammaGamma
        Says what they spend in a purchase.
    assumptions : Assumptions
        Discount rate, margin and costs.
    customers : float, default 1
        Number of new customers, above 0: 1 for one of them, or the size of a cohort.
    confidence : float, default 0.95
        Nominal coverage of the interval, at least 0.5 and below 1.

    Returns
    -------
    NewCustomerValue
        Value, its parts and interval, and the break-even acquisition cost of one customer.

    Raises
    ------
    CRMKitError
        If a model is not fitted.
    DataError
        If the unit of time is unknown.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    The first purchase is paid at once and not discounted. The interval holds what is not known of the
    parameters, not how single customers differ; it grows with the size of the cohort in proportion. In a
    model with covariates they are customers whose covariates are 0.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> worth = clv.value_of_new_customers(
    ...     model=clv.ParetoNBD().fit(summary),
    ...     spend=clv.GammaGamma().fit(summary),
    ...     assumptions=clv.Assumptions(annual_rate=0.15, margin=0.3, acquisition_cost=20),
    ... )
    >>> round(worth.value, 1), round(worth.break_even_acquisition_cost, 1)
    (32.5, 52.5)
    """
    require(model, spend, assumptions)
    count = _params.number("customers", customers, low=0, open_low=True)
    z = normal_quantile(confidence)
    a = assumptions
    formula, horizons = _scoring.discounting(model, a.annual_rate, a.horizon)
    (time,) = horizons.values()
    nothing = np.zeros(1)

    def purchases(point: Floats) -> float:
        params = tuple(np.exp(point[: len(model._names)]).tolist())
        return float(formula(params, nothing, nothing, nothing, time)[0])

    def spent(point: Floats) -> float:
        return float(spend._function("expected_new")(tuple(np.exp(point).tolist())))

    each, repeats = spent(spend._point), purchases(model._point)
    left = a.margin * each - a.cost_to_serve
    variance = (left**2) * _scoring.variance_of(model, purchases)
    variance += (a.margin * (1 + repeats)) ** 2 * _scoring.variance_of(spend, spent)
    even = left * (1 + repeats) - a.retention_cost
    value, half = even - a.acquisition_cost, z * np.sqrt(variance)
    return NewCustomerValue(
        customers=count,
        first_purchase=count * left,
        repeat_purchases=count * left * repeats,
        retention_cost=count * a.retention_cost,
        acquisition_cost=count * a.acquisition_cost,
        value=count * value,
        lower=count * float(value - half),
        upper=count * float(value + half),
        break_even_acquisition_cost=even,
        confidence=confidence,
    )
