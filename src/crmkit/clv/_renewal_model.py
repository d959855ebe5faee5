"""Predict renewals with a fitted contract model: who stays, and for how long."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from crmkit import _params, _persist
from crmkit.clv import _renewals, _retention
from crmkit.clv.btyd._scoring import bounds
from crmkit.clv.btyd._special import Floats
from crmkit.clv.btyd.estimates import Estimates
from crmkit.stats.intervals import Interval, normal_quantile

if TYPE_CHECKING:
    import pandas as pd

_STEP = 1e-4  # of a logarithm: central differences then err by about 1e-8
_METHOD = "delta method on the logit"
Function = Callable[[Floats], Floats]


class RenewalModel(Estimates):
    """Say how many of those with a contract renew it, period by period."""

    at_risk_: list[float]
    churned_: list[float]

    @classmethod
    def _also_learned(cls) -> dict[str, Any]:
        return {"at_risk": list[float], "churned": list[float]}

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a model that `to_json` wrote.

        Parameters
        ----------
        text : str
            The JSON text.

        Returns
        -------
        ShiftedBetaGeometric or BetaDiscreteWeibull
            The fitted model.

        Raises
        ------
        DataError
            If the text is not such a model, or its parts do not fit together.

        Examples
        --------
        >>> from crmkit import clv
        >>> regular = {"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]}
        >>> model = clv.ShiftedBetaGeometric().fit_survivors(regular)
        >>> clv.ShiftedBetaGeometric.from_json(model.to_json()).params_ == model.params_
        True
        """
        model = super().from_json(text)
        if len(model.at_risk_) != len(model.churned_):
            _persist.refuse(cls.__name__, "its counts of renewals differ in length")
        return model

    @property
    def observed_(self) -> "pd.DataFrame":
        """Return the renewals that the model was fitted on.

        Returns
        -------
        pandas.DataFrame
            One row a renewal: ``period`` (1 for the first), ``at_risk`` (customers up for it), ``churned``
            (those who left), ``retention_rate`` and ``survival`` (their product so far, Kaplan–Meier).
        """
        import pandas as pd

        self._require_fitted()
        at_risk, churned = np.array(self.at_risk_), np.array(self.churned_)
        rate = 1 - churned / at_risk
        columns = {"at_risk": at_risk, "churned": churned, "retention_rate": rate, "survival": rate.cumprod()}
        return pd.DataFrame({"period": np.arange(1, len(rate) + 1), **columns})

    def retention_curve(
        self, *, periods: int | Sequence[int], renewed: int = 0, confidence: float | None = None
    ) -> "pd.DataFrame":
        """Project survival, retention rate and churn probability, period by period.

        Parameters
        ----------
        periods : int or sequence of int
            How many periods from now on, or a list of those that are wanted (1 is the coming renewal).
        renewed : int, default 0
            How many times the customers have renewed already; 0 is a new customer.
        confidence : float, optional
            Nominal coverage of intervals, at least 0.5 and below 1; None gives none.

        Returns
        -------
        pandas.DataFrame
            One row a period: ``period``, ``survival`` (share of today's customers left after this renewal),
            ``retention_rate`` (share of those still there who renew), ``churn_probability`` (share of today's
            customers lost at this renewal) and, with a confidence, ``…_lower`` and ``…_upper`` of each.

        Raises
        ------
        CRMKitError
            If the model is not fitted.
        ParameterError
            If an argument is outside its range.

        Notes
        -----
        Each customer keeps her own churn probability. The retention rate of a cohort rises all the same,
        because those who are likely to leave leave first. Intervals are of the delta method on the logit;
        NaN at a boundary.

        Examples
        --------
        Seven years of regular customers, and what the model expects of the next five.

        >>> from crmkit import clv
        >>> regular = {"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]}
        >>> model = clv.ShiftedBetaGeometric().fit_survivors(regular)
        >>> model.retention_curve(periods=[1, 7, 12]).round(3)
           period  survival  retention_rate  churn_probability
        0       1     0.627           0.627              0.373
        1       7     0.239           0.911              0.023
        2      12     0.170           0.945              0.010
        """
        import pandas as pd

        self._require_fitted()
        wanted = _periods(periods)
        now = _params.integer("renewed", renewed, low=0, high=_renewals.LONGEST)
        functions: dict[str, Function] = {
            "survival": lambda params: _retention.survival(params, wanted, now),
            "retention_rate": lambda params: _retention.retention_rate(params, wanted + now),
            "churn_probability": lambda params: _retention.churn_probability(params, wanted, now),
        }
        table = pd.DataFrame({"period": wanted.astype(np.int64)})
        for name, function in functions.items():
            for column, values in self._columns_of(name, function, 0.0, 1.0, confidence).items():
                table[column] = values
        return table

    def expected_tenure(self, *, horizon: int, renewed: int = 0, confidence: float = 0.95) -> Interval:
        """Expect how many periods a customer stays within a horizon.

        Parameters
        ----------
        horizon : int
            Number of periods from now on that count, at least 1.
        renewed : int, default 0
            How many times the customer has renewed already.
        confidence : float, default 0.95
            Nominal coverage, at least 0.5 and below 1.

        Returns
        -------
        Interval
            Periods from now on, the one that has just begun included: from 1 to the horizon; NaN ends at a
            boundary.

        Raises
        ------
        CRMKitError
            If the model is not fitted.
        ParameterError
            If an argument is outside its range.

        Notes
        -----
        Σ S(renewed + t)/S(renewed) over t = 0 … horizon − 1. Without a horizon it is infinite where α ≤ 1,
        as it often is: a few customers stay for ever.

        Examples
        --------
        >>> from crmkit import clv
        >>> regular = {"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]}
        >>> model = clv.ShiftedBetaGeometric().fit_survivors(regular)
        >>> round(float(model.expected_tenure(horizon=7)), 2), sum(regular["survivors"][:7]) / 1000
        (3.38, 3.358)
        """
        self._require_fitted()
        last = _params.integer("horizon", horizon, low=1, high=_renewals.LONGEST)
        now = _params.integer("renewed", renewed, low=0, high=_renewals.LONGEST)

        def tenure(params: Floats) -> Floats:
            return np.array([_retention.restricted_tenure(params, last, now)])

        return self._interval(tenure, 1.0, float(last), confidence)

    def _interval(self, function: Function, low: float, high: float, confidence: float) -> Interval:
        estimate, lower, upper = (float(one[0]) for one in self._bounded(function, low, high, confidence))
        return Interval(estimate, lower, upper, self.n_customers_, confidence, _METHOD)

    def _columns_of(
        self, name: str, function: Function, low: float, high: float, confidence: float | None
    ) -> dict[str, Floats]:
        """Return a prediction as columns: itself and, with a confidence, its ends."""
        if confidence is None:
            return {name: function(np.exp(self._point))}
        found = self._bounded(function, low, high, confidence)
        return dict(zip((name, f"{name}_lower", f"{name}_upper"), found, strict=True))

    def _bounded(
        self, function: Function, low: float, high: float, confidence: float
    ) -> tuple[Floats, Floats, Floats]:
        """Return estimates between low and high with the ends of delta-method intervals on the logit."""
        z = normal_quantile(confidence)
        estimate = function(np.exp(self._point))
        if self._covariance is None:
            nothing = np.full_like(estimate, np.nan)
            return estimate, nothing, nothing
        steps = np.diag(np.full(self._point.size, _STEP))
        slopes = np.stack(
            [
                (function(np.exp(self._point + h)) - function(np.exp(self._point - h))) / (2 * _STEP)
                for h in steps
            ]
        )
        width = max(high - low, 1e-300)
        variance = np.einsum("in,ij,jn->n", slopes, self._covariance, slopes)
        spread = z * np.sqrt(np.maximum(variance, 0)) / width
        lower, upper = bounds(np.clip((estimate - low) / width, 0, 1), spread, share=True)
        return estimate, low + width * lower, low + width * upper


def _periods(periods: int | Sequence[int]) -> Floats:
    """Return the periods asked for: 1 … n for a number, the list itself for a list."""
    if isinstance(periods, str) or not hasattr(periods, "__len__"):
        last = _params.integer("periods", periods, low=1, high=_renewals.LONGEST)
        return np.arange(1.0, last + 1)
    listed = _params.several("periods", periods, "period")
    return np.array([_params.integer("periods", one, low=1, high=_renewals.LONGEST) for one in listed], float)
