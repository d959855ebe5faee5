"""Value contracts with a fitted model: discounted lifetimes of new customers and of those who renewed."""

from typing import Any

import narwhals as nw
import numpy as np

from crmkit import _frames, _params, periods
from crmkit._frames import FrameT
from crmkit.clv import _renewals, _retention
from crmkit.clv._renewal_model import RenewalModel
from crmkit.clv.btyd import _cells
from crmkit.clv.btyd._special import Floats
from crmkit.errors import ParameterError
from crmkit.stats.intervals import Interval

_LARGEST = 1.7e308


class ContractModel(RenewalModel):
    """Say what contracts are worth that are renewed, or not, at the end of each period."""

    def discounted_lifetime(self, *, annual_rate: float, confidence: float = 0.95) -> Interval:
        """Expect the discounted number of periods that a new customer pays for.

        Parameters
        ----------
        annual_rate : float
            Discount rate a year, above 0 (0.1 is 10 %), whatever the contract period.
        confidence : float, default 0.95
            Nominal coverage, at least 0.5 and below 1.

        Returns
        -------
        Interval
            DEL: times the margin of a period it is the value of a new customer, the margin of her first
            period, paid now, included. NaN ends at a boundary.

        Raises
        ------
        CRMKitError
            If the model is not fitted.
        ParameterError
            If an argument is outside its range, or the model has no unit.

        Notes
        -----
        DEL = Σ S(t)/(1 + d)ᵗ over t = 0, 1, … = ₂F₁(1, β; α + β; 1/(1 + d)) where c = 1, with the rate d of
        one contract period.

        References
        ----------
        Fader, P. S. and Hardie, B. G. S. (2010). Customer-base valuation in a contractual setting: the perils
        of ignoring heterogeneity. Marketing Science 29(1), 85-93.

        Examples
        --------
        >>> from crmkit import clv
        >>> from scipy.special import hyp2f1
        >>> regular = {"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]}
        >>> model = clv.ShiftedBetaGeometric(unit="year").fit_survivors(regular)
        >>> model.discounted_lifetime(annual_rate=0.1)
        Interval(3.6949, 95% from 3.472 to 3.93; n 1000, delta method on the logit)
        >>> alpha, beta = model.params_.values()
        >>> round(float(hyp2f1(1, beta, alpha + beta, 1 / 1.1)), 4)
        3.6949
        """
        delta = self._rate(annual_rate)

        def lifetime(params: Floats) -> Floats:
            residual = _retention.residual_lifetimes(params, 0, delta)
            return np.asarray(1 + np.exp(-delta) * residual)

        return self._interval(lifetime, 1.0, 1 / -np.expm1(-delta), confidence)

    def discounted_residual_lifetime(
        self, customers: FrameT, *, annual_rate: float, confidence: float | None = None
    ) -> FrameT:
        """Expect the discounted number of periods that each customer still pays for.

        Parameters
        ----------
        customers : DataFrame
            One row a customer, of any engine: ``tenure`` (how many times she has renewed; 0 in her first
            period) and, optionally, ``churned``.
        annual_rate : float
            Discount rate a year, above 0 (0.1 is 10 %), whatever the contract period.
        confidence : float, optional
            Nominal coverage of an interval, at least 0.5 and below 1; None gives none.

        Returns
        -------
        DataFrame
            The frame, of the same kind, with ``discounted_residual_lifetime`` and, with a confidence,
            ``…_lower`` and ``…_upper``, null at a boundary. It is 0 for those who have churned.

        Raises
        ------
        ColumnError
            If a column is missing or of the wrong type.
        CRMKitError
            If the model is not fitted.
        DataError
            If a tenure is missing or does not count renewals.
        ParameterError
            If an argument is outside its range, or the model has no unit.

        Notes
        -----
        DERL is valued at the end of the running period, just before the customer decides: the coming payment
        counts in full if she renews, what she has paid already does not count. For a customer who has renewed
        n − 1 times it is (β + n − 1)/(α + β + n − 1) · ₂F₁(1, β + n; α + β + n; 1/(1 + d)) where c = 1.

        References
        ----------
        Fader, P. S. and Hardie, B. G. S. (2010). Customer-base valuation in a contractual setting: the perils
        of ignoring heterogeneity. Marketing Science 29(1), 85-93.

        Examples
        --------
        Customers who have renewed more often are worth more.

        >>> import pandas as pd
        >>> from crmkit import clv
        >>> regular = {"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]}
        >>> model = clv.ShiftedBetaGeometric(unit="year").fit_survivors(regular)
        >>> base = pd.DataFrame({"tenure": [0, 1, 6]})
        >>> model.discounted_residual_lifetime(base, annual_rate=0.1).round(3)
           tenure  discounted_residual_lifetime
        0       0                         2.964
        1       1                         4.103
        2       6                         6.576
        """
        return self._score(customers, "discounted_residual_lifetime", annual_rate, confidence)

    def contract_value(
        self,
        customers: FrameT,
        *,
        margin: float | str,
        annual_rate: float,
        confidence: float | None = None,
    ) -> FrameT:
        """Value each customer's contract as margin times discounted expected residual lifetime.

        Parameters
        ----------
        customers : DataFrame
            One row a customer, of any engine: ``tenure`` and, optionally, ``churned``.
        margin : float or str
            Margin of one contract period, received when the customer renews, after the cost to serve and to
            retain; or the name of a column that holds it.
        annual_rate : float
            Discount rate a year, above 0 (0.1 is 10 %), whatever the contract period.
        confidence : float, optional
            Nominal coverage of an interval, at least 0.5 and below 1; None gives none.

        Returns
        -------
        DataFrame
            The frame, of the same kind, with ``contract_value`` and, with a confidence, ``…_lower`` and
            ``…_upper``: the value at the end of the running period, just before the customer decides.

        Raises
        ------
        ColumnError
            If a column is missing or of the wrong type.
        CRMKitError
            If the model is not fitted.
        DataError
            If a tenure is missing or does not count renewals, or a margin is infinite.
        ParameterError
            If an argument is outside its range, or the model has no unit.

        Notes
        -----
        A null margin gives a null value. The margin of the running period has been received and does not
        count.

        Examples
        --------
        >>> import pandas as pd
        >>> from crmkit import clv
        >>> regular = {"period": range(8), "survivors": [1000, 631, 468, 382, 326, 289, 262, 241]}
        >>> model = clv.ShiftedBetaGeometric(unit="year").fit_survivors(regular)
        >>> base = pd.DataFrame({"tenure": [0, 6], "fee": [100.0, 80.0]})
        >>> model.contract_value(base, margin="fee", annual_rate=0.1).round(2)
           tenure    fee  contract_value
        0       0  100.0          296.44
        1       6   80.0          526.05
        """
        if isinstance(margin, str):
            each: Any = nw.col(margin).cast(nw.Float64)
            with _renewals.naming("customers"):
                rows = _frames.scan(customers, {margin: "number"}, table="summary")
                checks = {f"have an infinite '{margin}'": each.abs() > _LARGEST}
                _frames.refuse(rows, checks, table="summary")
            scored = self._score(customers, "contract_value", annual_rate, confidence)
            opened = _frames.scan(scored, {margin: "number"}, keep=True)
        else:
            each = _params.number("margin", margin)
            opened = _frames.lazy(self._score(customers, "contract_value", annual_rate, confidence))
        value, one, other = (f"contract_value{end}" for end in ("", "_lower", "_upper"))
        named = (value,) if confidence is None else (value, one, other)
        opened = opened.with_columns(**{name: nw.col(name) * each for name in named})
        if confidence is not None:  # a loss is the larger, the longer the customer stays
            turned, a, b = nw.col(one) > nw.col(other), nw.col(one), nw.col(other)
            lower, upper = nw.when(turned).then(b).otherwise(a), nw.when(turned).then(a).otherwise(b)
            opened = opened.with_columns(**{one: lower, other: upper})
        return _frames.give(opened, like=customers)

    def _score(self, frame: FrameT, column: str, annual_rate: float, confidence: float | None) -> FrameT:
        """Add the discounted expected residual lifetime of each customer under a name."""
        delta = self._rate(annual_rate)
        with _renewals.naming("customers"):
            cells, roles = _renewals.tenures(frame)
        tenure, gone = cells.rows["tenure"].to_numpy(dtype=float), np.zeros(len(cells.rows), dtype=bool)
        if "churned" in roles:
            gone = cells.rows["churned"].to_numpy().astype(bool)
        renewed = np.where(gone, 0.0, tenure).astype(np.intp)
        highest = int(renewed.max(initial=0))

        def lifetimes(params: Floats) -> Floats:
            return _retention.residual_lifetimes(params, highest, delta)

        found = self._columns_of(column, lifetimes, 0.0, 1 / -np.expm1(-delta), confidence)
        scores = {name: np.where(gone, 0.0, values[renewed]) for name, values in found.items()}
        return _cells.give(frame, roles, cells, scores)

    def _rate(self, annual_rate: float) -> float:
        """Convert an annual rate to a continuous one per contract period."""
        self._require_fitted()
        rate = _params.number("annual_rate", annual_rate, low=0, open_low=True)
        if self.unit_ is None:
            msg = (
                "An annual rate needs the length of a contract period. Got no unit: make the model as "
                f"{type(self).__name__}(unit='month'), or what the period is."
            )
            raise ParameterError(msg)
        return periods.continuous_rate(rate, unit=self.unit_)
