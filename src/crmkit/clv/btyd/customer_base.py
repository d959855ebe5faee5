"""Predict for the whole base and for customers to come, with the chance of the process simulated."""

from typing import Any, Literal

import numpy as np

from crmkit import _params
from crmkit._frames import FrameT
from crmkit.clv.btyd import _cells, _predictive, _scoring
from crmkit.clv.btyd.predictions import CustomerPredictions
from crmkit.stats.intervals import Interval, nominal

COVARIATE_OPTIONS: dict[str, Any] = {
    "unit": Literal["day", "week", "month", "quarter", "year"] | None,
    "purchase": str | list[str] | None,
    "dropout": str | list[str] | None,
    "equal": bool,
    "penalty": float,
}


class CustomerBaseModel(CustomerPredictions):
    """Predict with a fitted model of the customer base; the models differ in their formulas only."""

    @property
    def coefficients_(self) -> dict[str, float]:
        """Return the coefficients of the covariates by name.

        Returns
        -------
        dict
            "process:covariate" → estimate; empty without covariates. A coefficient of 0.1 stands for a rate
            exp(0.1) = 1.105 times as high when the covariate rises by 1.
        """
        self._require_fitted()
        return dict(zip(self._layout.names, self._point[len(self._names) :].tolist(), strict=True))

    def predict_interval(
        self,
        frame: FrameT,
        *,
        horizon: float | str,
        random_state: "int | np.random.Generator",
        confidence: float = 0.9,
        draws: int = 1000,
    ) -> FrameT:
        """Give the range that each customer's number of purchases over a horizon will fall in.

        Parameters
        ----------
        frame : DataFrame
            One row a customer, with the columns that the model was fitted on, of any engine.
        horizon : float or str
            Length of time from the end of the data on, in the model's unit, or the name of a column.
        random_state : int or numpy.random.Generator
            Seed of the simulation.
        confidence : float, default 0.9
            Coverage of the range, at least 0.5 and below 1; at least that, because purchases are whole.
        draws : int, default 1000
            Number of simulated futures, at least 100.

        Returns
        -------
        DataFrame
            The frame, of the same kind, with ``purchases_lower`` and ``purchases_upper``.

        Raises
        ------
        ColumnError
            If a column is missing or of the wrong type.
        DataError
            If rows contradict themselves or are in another unit of time.
        ParameterError
            If an argument is outside its range.

        Notes
        -----
        The range holds the chance of the process and the uncertainty of the parameters, which are drawn from
        their asymptotic normal distribution in logarithms. Customers with the same history share a range.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> import pandas as pd
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> busy = pd.DataFrame({"frequency": [26], "recency": [216 / 7], "T": [31]})
        >>> model = clv.ParetoNBD().fit(summary)
        >>> found = model.predict_interval(busy, horizon=52, random_state=1)
        >>> bool(found["purchases_lower"].item() < 25 < found["purchases_upper"].item())
        True
        """
        coverage = nominal(confidence)
        count = _params.integer("draws", draws, low=100)
        generator = _params.generator(random_state)
        cells, roles, (time,) = _scoring.cells_of(self, frame, {"horizon": horizon})
        lower, upper = _predictive.quantiles(
            self, cells, time, confidence=coverage, draws=count, generator=generator
        )
        return _cells.give(frame, roles, cells, {"purchases_lower": lower, "purchases_upper": upper})

    def predict_total(
        self,
        frame: Any,
        *,
        horizon: float | str,
        random_state: "int | np.random.Generator",
        confidence: float = 0.95,
        draws: int = 1000,
    ) -> Interval:
        """Predict how often all customers together buy over a horizon.

        Parameters
        ----------
        frame : DataFrame
            One row a customer, or as many as a column ``weight`` says, with the columns that the model was
            fitted on, of any engine.
        horizon : float or str
            Length of time from the end of the data on, in the model's unit, or the name of a column.
        random_state : int or numpy.random.Generator
            Seed of the simulation.
        confidence : float, default 0.95
            Coverage of the interval, at least 0.5 and below 1.
        draws : int, default 1000
            Number of simulated futures, at least 100.

        Returns
        -------
        Interval
            The expected total, the predictive interval of the total (process and parameters) and the number
            of customers.

        Raises
        ------
        ColumnError
            If a column is missing or of the wrong type.
        DataError
            If rows contradict themselves or are in another unit of time.
        ParameterError
            If an argument is outside its range.

        Examples
        --------
        What was bought in CDNOW's 39 weeks after the calibration: 1 882 purchases.

        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> total = clv.ParetoNBD().fit(summary).predict_total(summary, horizon=39, random_state=1)
        >>> round(float(total)), total.lower < 1882 < total.upper
        (1666, True)
        """
        coverage = nominal(confidence)
        count = _params.integer("draws", draws, low=100)
        generator = _params.generator(random_state)
        cells, _, (time,) = _scoring.cells_of(self, frame, {"horizon": horizon}, weighted=True)
        expected = _scoring.evaluate(self, self._function("expected"), cells.rows, [time])
        drawn = _predictive.totals(self, cells, time, draws=count, generator=generator)
        lower, upper = np.quantile(drawn, [(1 - coverage) / 2, (1 + coverage) / 2]).tolist()
        customers = float(cells.weight.sum())
        return Interval(
            float(cells.weight @ expected), lower, upper, customers, coverage, "simulated futures"
        )

    def purchases_of_new_customer(self, *, horizon: float, confidence: float = 0.95) -> Interval:
        """Expect how often a customer buys again in the time after the first purchase.

        Parameters
        ----------
        horizon : float
            Length of time from the first purchase on, in the model's unit, at least 0.
        confidence : float, default 0.95
            Nominal coverage of the interval for the expectation, at least 0.5 and below 1.

        Returns
        -------
        Interval
            The expected number of repeat purchases, of a customer whose covariates are 0.

        Raises
        ------
        ParameterError
            If an argument is outside its range.
        CRMKitError
            If the model is not fitted.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> round(float(clv.ParetoNBD().fit(summary).purchases_of_new_customer(horizon=52)), 3)
        1.473
        """
        self._require_fitted()
        time = np.array([float(_scoring.time(self, "horizon", horizon))])
        formula = self._function("expected_new")
        return _scoring.of_new_customer(self, formula, time, confidence=confidence)

    def discounted_purchases_of_new_customer(
        self, *, annual_rate: float, confidence: float = 0.95
    ) -> Interval:
        """Expect a customer's repeat purchases after the first, over all time and discounted to it.

        Parameters
        ----------
        annual_rate : float
            Discount rate a year, above 0 (0.15 is 15 %); compounded continuously in the model's unit.
        confidence : float, default 0.95
            Nominal coverage of the interval for the expectation, at least 0.5 and below 1.

        Returns
        -------
        Interval
            The discounted expected transactions; the first purchase is not among them.

        Raises
        ------
        ParameterError
            If an argument is outside its range.
        DataError
            If the unit of time is unknown.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> model = clv.ParetoNBD().fit(summary)
        >>> round(float(model.discounted_purchases_of_new_customer(annual_rate=0.15)), 1)
        4.0
        """
        delta = _scoring.annual_to_unit(self, annual_rate)
        formula = self._function("discounted_new")
        return _scoring.of_new_customer(self, formula, delta, confidence=confidence)
