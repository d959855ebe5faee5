"""Estimate what customers spend in a transaction, from the few that each of them made."""

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from crmkit import _params
from crmkit._frames import FrameT
from crmkit.clv import _gamma_gamma
from crmkit.clv.btyd import _reading, _scoring
from crmkit.clv.btyd._cells import Cells
from crmkit.clv.btyd._collapse import collapse
from crmkit.clv.btyd._likelihood import Likelihood
from crmkit.clv.btyd._special import Floats, summed
from crmkit.clv.btyd.estimation import LikelihoodModel
from crmkit.errors import ConvergenceError
from crmkit.stats import _arrays
from crmkit.stats.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

_ALIKE = 0.015  # of log spend: with two points for a step of this width, estimates err by 1e-9


class GammaGamma(LikelihoodModel):
    """Gamma–Gamma: each transaction scatters about its customer's mean, and the means scatter over customers.

    Attributes
    ----------
    params_ : dict
        p, q, v, where v is in units of money.
    n_excluded_ : int
        Customers without a repeat purchase, who say nothing about spend.

    Notes
    -----
    Spend must not depend on how often a customer buys: check the correlation of ``frequency`` and
    ``monetary_value`` among repeat buyers first. Where q ≤ 1 the population has no mean, and a customer
    without repeat purchases an infinite expectation: a few customers dominate, and should be valued apart.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer
    base analysis. Journal of Marketing Research 42(4), 415-430. Fader, P. S. and Hardie, B. G. S. (2013). The
    gamma-gamma model of monetary value, brucehardie.com/notes/025.

    Examples
    --------
    The published estimates for CDNOW's 946 repeat buyers: p 6.25, q 3.74, v 15.44.

    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> model = clv.GammaGamma().fit(summary)
    >>> {name: round(value, 2) for name, value in model.params_.items()}
    {'p': 6.25, 'q': 3.74, 'v': 15.44}
    >>> model.n_customers_, model.n_excluded_
    (946.0, 1411.0)
    """

    _formulas: ClassVar[ModuleType] = _gamma_gamma
    _names: ClassVar[tuple[str, ...]] = _gamma_gamma.NAMES
    _columns: ClassVar[tuple[str, ...]] = ("frequency", "monetary_value")
    _scaled: ClassVar[tuple[str, ...]] = ("v",)
    _alike: ClassVar[bool] = False
    _options: ClassVar[dict[str, Any]] = {}
    _limits: ClassVar[Mapping[str, str]] = {
        "q → ∞, v → ∞": "all customers spend the same on average",
        "p → ∞, v → 0": "a customer's transactions are all alike",
    }

    n_excluded_: float

    def expected_spend(self, frame: FrameT, *, confidence: float | None = None) -> FrameT:
        """Expect what each customer spends in a transaction: between the own mean and that of all.

        Parameters
        ----------
        frame : DataFrame
            One row a customer, with ``frequency`` and ``monetary_value``, of any engine.
        confidence : float, optional
            Nominal coverage of an interval for the expectation; None gives none.

        Returns
        -------
        DataFrame
            The frame, of the same kind, with ``expected_spend`` and, with a confidence,
            ``expected_spend_lower`` and ``expected_spend_upper``, in units of money. A customer without a
            repeat purchase gets the mean of the population.

        Raises
        ------
        ColumnError
            If a column is missing or no number.
        DataError
            If rows contradict themselves; the message counts them by reason.
        ParameterError
            If the confidence is outside its range.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> import pandas as pd
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> buyers = pd.DataFrame({"frequency": [0, 2], "monetary_value": [0.0, 22.345]})
        >>> clv.GammaGamma().fit(summary).expected_spend(buyers)["expected_spend"].round(2).tolist()
        [35.17, 24.65]
        """
        return _scoring.add(self, frame, "expected_spend", self._formulas.expected, confidence=confidence)

    def spend_of_new_customer(self, *, confidence: float = 0.95) -> Interval:
        """Expect what a customer without history spends in a transaction.

        Parameters
        ----------
        confidence : float, default 0.95
            Nominal coverage of the interval, at least 0.5 and below 1.

        Returns
        -------
        Interval
            The mean of the population, p v / (q − 1).

        Raises
        ------
        CRMKitError
            If the model is not fitted.
        ParameterError
            If the confidence is outside its range.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> round(float(clv.GammaGamma().fit(summary).spend_of_new_customer()), 2)
        35.17
        """
        self._require_fitted()

        def formula(params: Any, _: Any) -> Any:
            return _gamma_gamma.expected_new(params)

        return _scoring.of_new_customer(self, formula, None, confidence=confidence)

    def spend_density(self, spend: npt.ArrayLike, *, frequency: int | None = None) -> Floats:
        """Give the density of what customers spend in a transaction on average.

        Parameters
        ----------
        spend : array_like of shape (n,)
            Amounts above 0, in units of money.
        frequency : int, optional
            The density of the mean of so many transactions, at least 1, as it is observed; None gives that of
            the customers' own means, which nobody sees.

        Returns
        -------
        ndarray of shape (n,)
            Density per unit of money. It integrates to 1 over all amounts.

        Raises
        ------
        CRMKitError
            If the model is not fitted.
        DataError
            If the amounts are no numbers.
        ParameterError
            If an amount is not above 0 or not finite, or the frequency is below 1.

        Notes
        -----
        Equations (1a) and (3) of Fader and Hardie (2013).

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> model = clv.GammaGamma().fit(summary)
        >>> model.spend_density([20, 35, 100]).round(4)
        array([0.0331, 0.0184, 0.0008])
        >>> model.spend_density([20, 35, 100], frequency=1).round(4)
        array([0.0275, 0.0153, 0.001 ])
        """
        self._require_fitted()
        amounts = _arrays.floats("spend", spend)
        if amounts.ndim != 1 or not ((amounts > 0) & (amounts < np.inf)).all():
            _params.fail("spend", "one column of finite amounts above 0", spend)
        params = tuple(self.params_.values())
        if frequency is None:
            return _gamma_gamma.density(params, 0.0, 0.0, amounts)
        often = float(_params.integer("frequency", frequency, low=1))
        return np.exp(_gamma_gamma.likelihood(params, np.full_like(amounts, often), amounts, order=0)[0])

    @classmethod
    def _also_learned(cls) -> dict[str, Any]:
        return {"n_excluded": float}

    def _checks(self, rows: "pd.DataFrame") -> _reading.Checks:
        x, spend = rows["frequency"].to_numpy(dtype=float), rows["monetary_value"].to_numpy(dtype=float)
        return {
            **_reading.lacking(rows, ["frequency"]),
            "have a frequency that is not a whole number of at least 0": (x < 0) | (x > np.floor(x)),
            "have repeat purchases but no finite monetary_value above 0": (x > 0)
            & ~((spend > 0) & (spend < np.inf)),
        }

    def _used(self, cells: Cells) -> Cells:
        import pandas as pd

        frequency = cells.rows["frequency"].to_numpy()
        bought = np.flatnonzero(frequency > 0)
        rows = pd.DataFrame({name: cells.rows[name].to_numpy()[bought] for name in self._columns}, copy=False)
        self.n_excluded_ = summed(cells.weight, frequency == 0)
        return Cells(rows, cells.count[bought], cells.weight[bought])

    def _sketch(self, whole: Likelihood) -> Likelihood:
        """Put two customers, with the mean and spread of their log spend, for all who are nearly alike."""
        (x, spend), weight = whole.data, whole.weight
        log = np.log(spend)
        alike = collapse({"x": x, "step": np.floor(log / _ALIKE)})
        customers = alike.sums(weight)
        some = np.where(customers > 0, customers, 1)
        mean = alike.sums(weight * log) / some
        spread = np.sqrt(np.maximum(alike.sums(weight * log**2) / some - mean**2, 0))
        points = np.exp(np.concatenate([mean - spread, mean + spread]))
        return replace(whole, data=[np.tile(alike.columns["x"], 2), points], weight=np.tile(customers / 2, 2))

    def _data(self, rows: "pd.DataFrame") -> list[Floats]:
        return [rows[name].to_numpy(dtype=float) for name in self._columns]

    def _require_information(self, data: list[Floats], weight: Floats) -> None:
        _, spend = data
        customers = float(weight.sum())
        if customers < 2 or np.ptp(spend) == 0:
            msg = (
                "At least 2 repeat buyers who spend differently must be in the data. Found "
                f"{customers:.10g} with {len(np.unique(spend))} different values: use a longer period."
            )
            raise ConvergenceError(msg)
