"""Predict for each customer of a frame: purchases to come, who is alive, how long till the next purchase."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from crmkit import _params
from crmkit._frames import FrameT
from crmkit.clv.btyd import _cells, _scoring
from crmkit.clv.btyd._special import Floats, Params
from crmkit.clv.btyd.estimation import LikelihoodModel


class CustomerPredictions(LikelihoodModel):
    """Answer the same questions with every model, each by its own formulas."""

    # A factor on how fast customers leave or buy: which parameter it multiplies, and with which exponent.
    _levers: ClassVar[Mapping[str, tuple[int, int]]] = {}

    # Formulas and parameters that treat living customers as ones without history; where there are levers.
    _from_now: Callable[..., tuple[ModuleType, Params]]

    def _stays(self, params: Params, *data: Floats) -> Floats:
        """Return the probability of not having left by the end of the data, to which `_from_now` applies."""
        stays: Floats = self._function("alive")(params, *data)
        return stays

    def expected_purchases(
        self, frame: FrameT, *, horizon: float | str, confidence: float | None = None
    ) -> FrameT:
        """Expect how often each customer buys over a horizon.

        Parameters
        ----------
        frame : DataFrame
            One row a customer, with the columns that the model was fitted on, of any engine.
        horizon : float or str
            Length of time from the end of the data on, in the model's unit, at least 0; or the name of a
            column that holds it.
        confidence : float, optional
            Nominal coverage of an interval for the expectation, at least 0.5 and below 1; None gives none.

        Returns
        -------
        DataFrame
            The frame, of the same kind, with ``expected_purchases`` and, with a confidence,
            ``expected_purchases_lower`` and ``expected_purchases_upper``.

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
        The interval says how sure the expectation is, by the delta method on its logarithm; how much a
        customer's purchases scatter around it says `predict_interval`.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> model = clv.BetaGeoNBD().fit(summary)
        >>> busy = {"frequency": [26], "recency": [216 / 7], "T": [31]}
        >>> import pandas as pd
        >>> model.expected_purchases(pd.DataFrame(busy), horizon=52)["expected_purchases"].round(3).tolist()
        [25.757]
        """
        return _scoring.add(
            self,
            frame,
            "expected_purchases",
            self._function("expected"),
            horizons={"horizon": horizon},
            confidence=confidence,
        )

    def probability_alive(
        self, frame: FrameT, *, ahead: float | str = 0, confidence: float | None = None
    ) -> FrameT:
        """Give the probability that each customer has not left, now or at a time ahead.

        Parameters
        ----------
        frame : DataFrame
            One row a customer, with the columns that the model was fitted on, of any engine.
        ahead : float or str, default 0
            Time after the end of the data, in the model's unit, at least 0; or the name of a column.
        confidence : float, optional
            Nominal coverage of an interval for the probability; None gives none.

        Returns
        -------
        DataFrame
            The frame, of the same kind, with ``probability_alive`` and, with a confidence,
            ``probability_alive_lower`` and ``probability_alive_upper``.

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
        In the BG/NBD model a customer can leave only after a repeat purchase, so that it is 1 for everyone
        without one; the modified BG/NBD and the Pareto/NBD do not have that flaw.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> import pandas as pd
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> busy = pd.DataFrame({"frequency": [26], "recency": [216 / 7], "T": [31]})
        >>> clv.ParetoNBD().fit(summary).probability_alive(busy)["probability_alive"].round(4).tolist()
        [0.9979]
        """
        if isinstance(ahead, str) or _params.number("ahead", ahead, low=0) > 0:
            later = self._function("alive_later")
            times = {"ahead": ahead}
            return _scoring.add(
                self, frame, "probability_alive", later, horizons=times, confidence=confidence, share=True
            )
        now = self._function("alive")
        return _scoring.add(self, frame, "probability_alive", now, confidence=confidence, share=True)

    def discounted_purchases(
        self,
        frame: FrameT,
        *,
        annual_rate: float,
        horizon: float | str | None = None,
        confidence: float | None = None,
    ) -> FrameT:
        """Expect each customer's purchases to come, discounted to the end of the data.

        Parameters
        ----------
        frame : DataFrame
            One row a customer, with the columns that the model was fitted on, of any engine.
        annual_rate : float
            Discount rate a year, above 0 (0.15 is 15 %); compounded continuously in the model's unit.
        horizon : float or str, optional
            Length of time from the end of the data on, in the model's unit, or the name of a column; None
            takes all time to come.
        confidence : float, optional
            Nominal coverage of an interval; None gives none.

        Returns
        -------
        DataFrame
            The frame, of the same kind, with ``discounted_purchases`` (without a horizon the discounted
            expected residual transactions) and, with a confidence, its ``_lower`` and ``_upper``.

        Raises
        ------
        ColumnError
            If a column is missing or of the wrong type.
        DataError
            If rows contradict themselves, or the unit of time is another one or unknown.
        ParameterError
            If an argument is outside its range.

        References
        ----------
        Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer
        base analysis. Journal of Marketing Research 42(4), 415-430.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> worth = clv.ParetoNBD().fit(summary).discounted_purchases(summary, annual_rate=0.15)
        >>> worth["discounted_purchases"].round(2).head(2).tolist()
        [6.51, 0.49]
        """
        formula, times = _scoring.discounting(self, annual_rate, horizon)
        return _scoring.add(
            self, frame, "discounted_purchases", formula, horizons=times, confidence=confidence
        )

    def time_to_next_purchase(self, frame: FrameT) -> FrameT:
        """Expect how long each customer who is alive and stays takes to buy again.

        Parameters
        ----------
        frame : DataFrame
            One row a customer, with the columns that the model was fitted on, of any engine.

        Returns
        -------
        DataFrame
            The frame, of the same kind, with ``mean_time_to_next_purchase`` and
            ``median_time_to_next_purchase`` from the end of the data on, in the model's unit. The mean is
            infinite where the history does not rule out rates near 0.

        Raises
        ------
        ColumnError
            If a column is missing or of the wrong type.
        DataError
            If rows contradict themselves or are in another unit of time.

        Notes
        -----
        Both hold given that the customer is alive and does not leave first: without that condition the mean
        is infinite for everyone. `probability_alive` says how far the condition carries.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> import pandas as pd
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> busy = pd.DataFrame({"frequency": [26], "recency": [216 / 7], "T": [31]})
        >>> clv.ParetoNBD().fit(summary).time_to_next_purchase(busy).iloc[0, 3:].round(2).tolist()
        [1.63, 1.1]
        """
        cells, roles, _ = _scoring.cells_of(self, frame)
        scores = {
            f"{kind}_time_to_next_purchase": _scoring.evaluate(
                self, self._function(f"waiting_{kind}"), cells.rows, []
            )
            for kind in ("mean", "median")
        }
        return _cells.give(frame, roles, cells, scores)

    def purchase_distribution(self, frame: FrameT, *, horizon: float | str, highest: int = 10) -> FrameT:
        """Give the probability of every number of purchases over a horizon, for each customer.

        Parameters
        ----------
        frame : DataFrame
            One row a customer, with the columns that the model was fitted on, of any engine.
        horizon : float or str
            Length of time from the end of the data on, in the model's unit, or the name of a column.
        highest : int, default 10
            The last number with a row of its own, 1 to 1 000; what lies above is the rest to 1.

        Returns
        -------
        DataFrame
            Of the same kind, `highest` + 1 rows a customer: the columns of the frame, ``purchases`` (0, 1, …)
            and ``probability``.

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
        >>> from crmkit import clv, datasets
        >>> import pandas as pd
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> once = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [39.0]})
        >>> table = clv.ParetoNBD().fit(summary).purchase_distribution(once, horizon=39, highest=2)
        >>> table[["purchases", "probability"]].round(3)
           purchases  probability
        0          0        0.931
        1          1        0.046
        2          2        0.015
        """
        import pandas as pd

        top = _params.integer("highest", highest, low=1, high=1000)
        cells, roles, values = _scoring.cells_of(self, frame, {"horizon": horizon})
        counts = self._function("counts")

        def formula(*arguments: Any) -> Any:
            return counts(*arguments, top)

        found = _scoring.evaluate(self, formula, cells.rows, values, width=top + 1)
        table = found.reshape(-1, top + 1)
        long = pd.DataFrame(
            {
                "cell": np.repeat(np.arange(len(table)), top + 1),
                "purchases": np.tile(np.arange(top + 1), len(table)),
                "probability": table.ravel(),
            }
        )
        return _cells.give_long(frame, roles, cells, long)
