"""Model how long contracts last, from survivors of cohorts or from single customers, some still active.

`ShiftedBetaGeometric` gives each customer a churn probability of her own that never changes;
`BetaDiscreteWeibull` lets it also rise or fall with the length of the relation.
"""

import itertools
import warnings
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from crmkit import periods
from crmkit.clv import _renewals, _retention
from crmkit.clv._contract import ContractModel
from crmkit.clv.btyd import _optimum
from crmkit.clv.btyd._likelihood import Likelihood
from crmkit.clv.btyd._special import Floats
from crmkit.errors import CRMKitWarning

_ALIKE = "alpha → ∞, beta → ∞"
_SPREADS = (2.0, 20.0, 0.2)  # α + β to start from
_EXPONENTS = (1.0, 2.0, 0.5)  # c to start from


class FittedToRenewals(ContractModel):
    """Fit a contract model by maximum likelihood to renewals."""

    def __init__(self, *, unit: str | None = None) -> None:
        self.unit = unit

    def fit(self, customers: object) -> Self:
        """Estimate the parameters from single customers, of whom some have churned and others not yet.

        Parameters
        ----------
        customers : DataFrame or mapping of arrays
            One row a customer, of any engine: ``tenure`` (how many renewals came up for her, whole),
            ``churned`` (True if she did not renew at the last of them, False if she renewed at all and is
            still a customer) and, optionally, ``weight`` (how many customers the row stands for).

        Returns
        -------
        ShiftedBetaGeometric or BetaDiscreteWeibull
            The model itself.

        Raises
        ------
        ColumnError
            If a column is missing or of the wrong type.
        ConvergenceError
            If the data cannot tell the parameters, for example when nobody churned.
        DataError
            If rows contradict themselves; the message counts them by reason.
        ParameterError
            If the unit of the model is unknown.

        Warns
        -----
        CRMKitWarning
            If the likelihood is highest at a boundary: some parameters run to 0 or to infinity.

        Notes
        -----
        A customer who left at her first renewal has tenure 1; one who is in her first period has tenure 0 and
        says nothing. Equal rows are counted once, with their number; on lazy frames in the engine.

        Examples
        --------
        >>> import pandas as pd
        >>> from crmkit import clv
        >>> customers = pd.DataFrame({
        ...     "tenure": [1, 2, 3, 3], "churned": [True, True, True, False], "weight": [369, 163, 86, 382]})
        >>> model = clv.ShiftedBetaGeometric().fit(customers)
        >>> {name: round(value, 3) for name, value in model.params_.items()}
        {'alpha': 0.784, 'beta': 1.333}
        """
        with _renewals.naming("customers"):
            found = _renewals.from_customers(customers)
        return self._fit(found)

    def fit_survivors(self, cohorts: object) -> Self:
        """Estimate the parameters from the survivors of one or several cohorts.

        Parameters
        ----------
        cohorts : DataFrame or mapping of arrays
            One row a period, of any engine: ``period`` (0, 1, 2, … since the cohort was acquired),
            ``survivors`` (how many of it were still customers after so many renewals) and, optionally,
            ``cohort`` for several cohorts, each as long as it has been followed.

        Returns
        -------
        ShiftedBetaGeometric or BetaDiscreteWeibull
            The model itself.

        Raises
        ------
        ColumnError
            If a column is missing or of the wrong type.
        ConvergenceError
            If the data cannot tell the parameters, for example when nobody churned.
        DataError
            If a cohort lacks a period, its survivors grow in number or they are shares of it.
        ParameterError
            If the unit of the model is unknown.

        Warns
        -----
        CRMKitWarning
            If the likelihood is highest at a boundary: some parameters run to 0 or to infinity.

        Notes
        -----
        Survivors are customers, not shares: 63.1 % of a thousand are 631, and standard errors depend on it.
        All cohorts have the same parameters.

        Examples
        --------
        >>> from crmkit import clv
        >>> regular = {"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]}
        >>> clv.ShiftedBetaGeometric().fit_survivors(regular).confidence_intervals().round(3)
          parameter  estimate  standard_error  lower  upper
        0     alpha     0.704           0.066  0.587  0.845
        1      beta     1.182           0.152  0.918  1.522
        """
        with _renewals.naming("cohorts"):
            found = _renewals.from_survivors(cohorts)
        return self._fit(found)

    def _fit(self, found: _renewals.Renewals) -> Self:
        if self.unit is not None:
            periods.days_in(self.unit)
        found.require_information(self._names)
        self._layout = self._lay_out({})
        outcomes = np.stack([found.at_risk - found.churned, found.churned], axis=1)
        renewal, churned = np.nonzero(outcomes)
        data, counts = [renewal + 1.0, churned.astype(float)], outcomes[renewal, churned]
        best = _optimum.maximise(
            Likelihood(_retention.likelihood, data, counts, self._layout.design),
            self._starts(found),
            centre=np.zeros(len(self._names)),
            names=self._names,
        )
        self._point, self.log_likelihood_ = best.point, best.value
        self._runaway = {self._names[place]: sign for place, sign in sorted(best.runaway.items())}
        self._covariance = None if best.runaway else _optimum.covariance(best.hessian)
        self.at_risk_, self.churned_ = found.at_risk.tolist(), found.churned.tolist()
        self.n_customers_, self.n_cells_ = found.customers, found.rows
        self.unit_, self.as_of_, self._longest = self.unit, None, float(found.at_risk.size)
        if self.boundary_ is not None:
            warnings.warn(self.boundary_, CRMKitWarning, stacklevel=3)
        return self

    def _starts(self, found: _renewals.Renewals) -> list[Floats]:
        """Start with the first churn rate, at several degrees of heterogeneity and, with c, of duration."""
        share = (found.churned[0] + 0.5) / (found.at_risk[0] + 1)
        exponents = _EXPONENTS[: 1 if len(self._names) < 3 else None]
        return [
            np.log([share * spread, (1 - share) * spread, c])[: len(self._names)]
            for c, spread in itertools.product(exponents, _SPREADS)
        ]


class ShiftedBetaGeometric(FittedToRenewals):
    """Model contract durations when each customer churns with a probability of her own (sBG).

    Parameters
    ----------
    unit : {"day", "week", "month", "quarter", "year"}, optional
        Length of a contract period; needed for annual discount rates only.

    Attributes
    ----------
    params_ : dict
        ``alpha`` and ``beta`` of the beta distribution of churn probabilities, mean alpha/(alpha + beta).
    log_likelihood_ : float
        Log-likelihood of the data.
    n_customers_ : float
        Customers in the data, weights included.
    at_risk_, churned_ : list of float
        Customers up for renewal 1, 2, … and those of them who left.
    unit_ : str or None
        Length of a contract period.

    See Also
    --------
    BetaDiscreteWeibull : The same with churn that depends on the length of the relation.

    Notes
    -----
    At the end of each period a customer leaves with probability θ, the same every time, and θ ~ Beta(α, β)
    over the customers. Hence S(t) = B(α, β + t)/B(α, β), and the retention rate
    r_t = (β + t − 1)/(α + β + t − 1) rises with t although no customer changes. Where retention falls, or
    churn is the same for all, the likelihood is highest at α, β → ∞: `boundary_` says so.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2007). How to project customer retention. Journal of Interactive
    Marketing 21(1), 76-90: the two data sets below, with α .704, β 1.182 and α .668, β 3.806.

    Examples
    --------
    >>> from crmkit import clv
    >>> regular = {"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]}
    >>> clv.ShiftedBetaGeometric().fit_survivors(regular)
    ShiftedBetaGeometric() fitted: alpha 0.7041, beta 1.182; log-likelihood -1680.3, 1000 customers
    >>> high_end = {"period": range(8), "survivors": [1000, 869, 743, 653, 593, 551, 517, 491]}
    >>> model = clv.ShiftedBetaGeometric().fit_survivors(high_end)
    >>> {name: round(value, 3) for name, value in model.params_.items()}, round(model.log_likelihood_, 2)
    ({'alpha': 0.668, 'beta': 3.806}, -1611.16)
    """

    _names: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    _limits: ClassVar[Mapping[str, str]] = {
        _ALIKE: "all customers churn with the same probability (a geometric distribution), or churn grows "
        "with tenure, which BetaDiscreteWeibull allows",
        "alpha → 0, beta → 0": "customers leave at the first renewal or never",
    }


class BetaDiscreteWeibull(FittedToRenewals):
    """Model contract durations when churn differs between customers and with tenure (BdW).

    Parameters
    ----------
    unit : {"day", "week", "month", "quarter", "year"}, optional
        Length of a contract period; needed for annual discount rates only.

    Attributes
    ----------
    params_ : dict
        ``alpha`` and ``beta`` of the beta distribution of first-period churn, and ``c``: above 1 each
        customer's churn probability grows with tenure, below 1 it falls.
    log_likelihood_ : float
        Log-likelihood of the data.
    n_customers_ : float
        Customers in the data, weights included.
    at_risk_, churned_ : list of float
        Customers up for renewal 1, 2, … and those of them who left.
    unit_ : str or None
        Length of a contract period.

    See Also
    --------
    ShiftedBetaGeometric : The special case c = 1.

    Notes
    -----
    A customer survives t renewals with probability (1 − θ)^(t^c), a discrete Weibull distribution, and
    θ ~ Beta(α, β): S(t) = B(α, β + t^c)/B(α, β). The paper calls the parameters γ, δ and c. They need data of
    several renewals; compare `aic_` or `bic_` with those of `ShiftedBetaGeometric`.

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Liu, Y., Davin, J. and Steenburgh, T. (2018). "How to project customer
    retention" revisited: the role of duration dependence. Journal of Interactive Marketing 43, 1-16.

    Examples
    --------
    Four renewals of the customers of the high end, and how many are expected after twelve: 394 stayed.

    >>> from crmkit import clv
    >>> high_end = {"period": range(5), "survivors": [1000, 869, 743, 653, 593]}
    >>> model = clv.BetaDiscreteWeibull().fit_survivors(high_end)
    >>> {name: round(value, 2) for name, value in model.params_.items()}
    {'alpha': 0.26, 'beta': 1.72, 'c': 1.58}
    >>> model.retention_curve(periods=[12])["survival"].round(3).tolist()
    [0.389]
    """

    _names: ClassVar[tuple[str, ...]] = ("alpha", "beta", "c")
    _limits: ClassVar[Mapping[str, str]] = {
        _ALIKE: "all customers are alike (a discrete Weibull distribution)",
        "alpha → ∞": "all customers are alike (a discrete Weibull distribution)",
    }
