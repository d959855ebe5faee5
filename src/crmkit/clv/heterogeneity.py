"""Say in money what one retention rate for all customers gets wrong."""

from typing import TYPE_CHECKING

import numpy as np

from crmkit import _params
from crmkit.clv import _retention
from crmkit.clv.margin import margin_multiple

if TYPE_CHECKING:
    import pandas as pd

    from crmkit.clv._contract import ContractModel


def constant_retention_error(
    model: "ContractModel", *, margin: float, annual_rate: float, retention: float | None = None
) -> "pd.DataFrame":
    """Compare the margin multiple, with one retention rate, to what customers who differ are worth.

    Parameters
    ----------
    model : fitted ShiftedBetaGeometric or BetaDiscreteWeibull
        Knows how retention differs, from the renewals it was fitted on.
    margin : float
        Margin of one contract period, in units of money.
    annual_rate : float
        Discount rate a year, above 0.
    retention : float, optional
        The one retention rate a period, 0 to 1; None takes all renewals over all customers up for one.

    Returns
    -------
    pandas.DataFrame
        One row a number of renewals so far, 0 to the longest observed: ``renewed``, ``customers`` (who got
        that far), ``value`` (expected margins from the next renewal on, a customer), ``constant_value`` (the
        margin multiple), ``error`` (the second less the first), ``error_total`` (times customers).

    Raises
    ------
    CRMKitError
        If the model is not fitted.
    ParameterError
        If an argument is outside its range, or the model has no unit.

    Notes
    -----
    Those who are easily lost leave first, so that retention rises with tenure. One rate measured over the
    first renewals misses that: it underrates those who stayed most, the old customers. Both columns count the
    first margin one period from now, as the margin multiple r/(1 + i − r) does.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2010). Customer-base valuation in a contractual setting: the perils of
    ignoring heterogeneity. Marketing Science 29(1), 85-93.

    Examples
    --------
    >>> from crmkit import clv
    >>> regular = {"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]}
    >>> model = clv.ShiftedBetaGeometric(unit="year").fit_survivors(regular)
    >>> table = clv.constant_retention_error(model, margin=100, annual_rate=0.1)
    >>> table[["renewed", "value", "constant_value", "error"]].iloc[[0, 7]].round(1)
       renewed  value  constant_value  error
    0        0  269.5           237.4  -32.1
    7        7  622.0           237.4 -384.6
    """
    import pandas as pd

    from crmkit.clv._contract import ContractModel

    if not isinstance(model, ContractModel):
        _params.fail("model", "a fitted ShiftedBetaGeometric or BetaDiscreteWeibull", model)
    money = _params.number("margin", margin)
    delta = model._rate(annual_rate)
    seen = model.observed_
    at_risk, churned = seen["at_risk"].to_numpy(dtype=float), seen["churned"].to_numpy(dtype=float)
    rate = 1 - churned.sum() / at_risk.sum() if retention is None else _params.share("retention", retention)
    params = np.array(list(model.params_.values()))
    value = money * np.exp(-delta) * _retention.residual_lifetimes(params, len(at_risk), delta)
    constant = money * float(margin_multiple(retention=float(rate), discount=float(np.expm1(delta))))
    customers = np.append(at_risk, at_risk[-1] - churned[-1])
    return pd.DataFrame(
        {
            "renewed": np.arange(len(at_risk) + 1),
            "customers": customers,
            "value": value,
            "constant_value": constant,
            "error": constant - value,
            "error_total": customers * (constant - value),
        }
    )
