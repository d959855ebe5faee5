"""Smooth many series exponentially at once, each with its own weight, and forecast them with intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import narwhals as nw

from crmkit import _params, _persist, periods
from crmkit.errors import CRMKitError
from crmkit.forecast import series
from crmkit.stats.intervals import nominal

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

INITIAL = ("first", "estimated")
_LEARNED = ("alpha", "initial_level", "level", "sigma")
_MOST_PERIODS = 10**9
_Key = str | int | float | bool | None
_PARAMS = {"alpha": float | None, "initial": Literal["first", "estimated"]}
_STATE = {
    "by": list[str],
    "period": Literal["day", "week", "month", "quarter", "year"],
    "keys": list[list[_Key]],
    "last": list[str],
    "n": list[int],
} | dict.fromkeys(_LEARNED, list[float | None])


class SimpleSmoothing:
    """Simple exponential smoothing: the level moves towards each new value by a share α of the surprise.

    Parameters
    ----------
    alpha : float, optional
        The weight α of the newest value, 0 to 1, for all series. None estimates it for each series by the
        least sum of squared one-step errors.
    initial : {"first", "estimated"}, default "first"
        The level before the first value: that value itself, or the one with the least squared errors.

    Attributes
    ----------
    series_ : pandas.DataFrame
        One row a series: its names, ``last`` (start of its last period), ``n`` (values), ``alpha``,
        ``initial_level``, ``level`` (at the end) and ``sigma`` (standard deviation of the one-step errors).
    by_ : list of str
        The columns that name the series.
    period_ : str
        The calendar period.

    Notes
    -----
    level_t = α y_t + (1 − α) level_{t−1}, and level_t is the forecast of every later period. σ² is the sum of
    squared errors over n − 1, less 1 more where α is estimated. A series that leaves σ² nothing to stand
    on has no interval, nor has one with σ = 0, such as a constant: errors that never were say nothing about
    those to come. Where α is to be estimated, fewer than three values give a null forecast: two say nothing
    about α. Values must not be null: see `to_series`.

    References
    ----------
    Hyndman, R. J., Koehler, A. B., Ord, J. K. and Snyder, R. D. (2008), Forecasting with Exponential
    Smoothing, Springer, sections 5.1 and 6.3.

    Examples
    --------
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"period": pd.date_range("2002", periods=7, freq="YS"),
    ...                       "value": [4830, 4930, 4870, 5210, 5330, 5660, 5440]})
    >>> model = SimpleSmoothing(alpha=0.5).fit(sales)
    >>> model.predict(horizon=2)[["step", "forecast", "lower", "upper"]].round(1)
       step  forecast   lower   upper
    0     1    5431.6  4776.7  6086.4
    1     2    5431.6  4699.4  6163.7
    """

    series_: "pd.DataFrame"
    by_: list[str]
    period_: str

    def __init__(self, *, alpha: float | None = None, initial: str = "first") -> None:
        self.alpha = alpha
        self.initial = initial

    def __repr__(self) -> str:
        return f"SimpleSmoothing(alpha={self.alpha!r}, initial={self.initial!r})"

    def fit(
        self,
        panel: object,
        *,
        by: str | Sequence[str] | None = None,
        period: str | None = None,
        as_of: "str | dt.date | None" = None,
    ) -> Self:
        """Learn the weight and the level of each series.

        Parameters
        ----------
        panel : DataFrame
            Series in long form: ``period`` (a date in each period), ``value``, and the columns that name the
            series.
        by : str or list of str, optional
            Columns that name the series; None takes ``series_id`` if it is there, else there is one series.
        period : {"day", "week", "month", "quarter", "year"}, optional
            The calendar period; None finds the one in which the rows follow each other.
        as_of : str or date, optional
            The last day that may be known: rows dated after it are refused. None allows every row.

        Returns
        -------
        SimpleSmoothing
            The model itself.

        Raises
        ------
        ColumnError, DataError
            If a column is missing; if values are null, periods are missing or double, or rows are dated
            after `as_of`.
        ParameterError
            If an argument is outside its range, or the calendar period cannot be found.

        Examples
        --------
        >>> import pandas as pd
        >>> flat = pd.DataFrame({"period": pd.date_range("2024", periods=4, freq="MS"), "value": 5.0})
        >>> SimpleSmoothing().fit(flat).series_["level"].tolist()
        [5.0]
        """
        import numpy as np

        given = None if self.alpha is None else _params.share("alpha", self.alpha)
        free = _params.choice("initial", self.initial, INITIAL) == "estimated"
        regular = series.read(panel, by=by, period=period, as_of=as_of)
        y, n = regular.values, regular.n
        alpha = np.full(len(n), given) if given is not None else estimate_alpha(y, free=free)
        sse, initial, level = smooth(y, alpha[:, None], free=free)
        freedom = n - 1 - (given is None)
        sigma = np.sqrt(sse[:, 0] / np.where(freedom > 0, freedom, np.nan))
        known = np.isfinite(alpha)
        learned = dict(zip(_LEARNED, (alpha, initial[:, 0], level[:, 0], sigma), strict=True))
        self.series_ = regular.keys.assign(
            last=periods.starts(regular.last, regular.period),
            n=n,
            **{name: np.where(known, column, np.nan) for name, column in learned.items()},
        )
        self.by_, self.period_ = list(regular.keys.columns), regular.period
        self._like: Any = nw.from_native(panel).head(0).to_native()  # type: ignore[call-overload]
        return self

    def predict(self, *, horizon: int = 1, confidence: float = 0.95) -> Any:
        """Forecast every series from its last level.

        Parameters
        ----------
        horizon : int, default 1
            Number of periods to forecast, 1 to 10 000, none beyond the year 9999.
        confidence : float, default 0.95
            Coverage that the interval aims at, at least 0.5 and below 1.

        Returns
        -------
        DataFrame
            The columns of `by`, ``period`` (first day), ``step`` (periods ahead), ``forecast``, ``lower``,
            ``upper``, ``method`` and ``n`` (values of the series), of the kind that the model was fitted on;
            pandas if it was read from JSON.

        Raises
        ------
        CRMKitError
            If the model is not fitted.
        ParameterError
            If an argument is outside its range.

        Notes
        -----
        The interval is level ± t·σ·√(1 + (h − 1)α²) with Student's t on the degrees of freedom of σ². It
        holds if the one-step errors are independent and normal with one variance: a trend or a season left in
        the series breaks that.

        Examples
        --------
        >>> import pandas as pd
        >>> flat = pd.DataFrame({"period": pd.date_range("2024", periods=4, freq="MS"), "value": 5.0})
        >>> SimpleSmoothing().fit(flat).predict()[["period", "forecast", "n"]]
              period  forecast  n
        0 2024-05-01       5.0  4
        """
        import numpy as np
        from scipy.special import stdtrit

        self._require_fitted()
        coverage = nominal(confidence)
        alpha, _, point, sigma = (self.series_[[name]].to_numpy(dtype=float) for name in _LEARNED)
        n = self.series_[["n"]].to_numpy()
        freedom = np.maximum(n - 1 - (self.alpha is None), 1)
        last = periods.numbers(self.series_["last"].to_numpy(dtype="datetime64[us]"), self.period_)
        panel = series.Panel(self.series_[self.by_], np.empty((len(n), 0)), last, self.period_)
        ahead = series.steps_ahead(horizon, panel)
        spread = series.spread_or_none(sigma, point) * np.sqrt(1 + (ahead - 1) * alpha**2)
        half = stdtrit(freedom, (1 + coverage) / 2) * spread
        columns = {"step": ahead, "forecast": point, "lower": point - half, "upper": point + half}
        local = panel.rows(ahead, columns | {"method": "simple exponential smoothing", "n": n})
        return series.give(local, self.by_, self._like)

    def _require_fitted(self) -> None:
        if not hasattr(self, "series_"):
            msg = "SimpleSmoothing must be fitted before this. Call fit(panel) first."
            raise CRMKitError(msg)

    def to_json(self) -> str:
        """Write the fitted model as JSON text.

        Returns
        -------
        str
            The text that `from_json` reads.

        Raises
        ------
        DataError
            If a column that names the series holds something other than text, numbers and flags.

        Examples
        --------
        >>> import pandas as pd
        >>> flat = pd.DataFrame({"period": pd.date_range("2024", periods=4, freq="MS"), "value": 5.0})
        >>> "alpha" in SimpleSmoothing().fit(flat).to_json()
        True
        """
        self._require_fitted()
        columns = {name: _without_nan(self.series_[name]) for name in _LEARNED}
        names = [_without_nan(self.series_[name]) for name in self.by_]
        state = {
            "by": self.by_,
            "period": self.period_,
            "keys": [list(row) for row in zip(*names, strict=True)] if names else [[]] * len(self.series_),
            "last": self.series_["last"].dt.strftime("%Y-%m-%d").tolist(),
            "n": self.series_["n"].tolist(),
        }
        params = {"alpha": self.alpha, "initial": self.initial}
        return _persist.dump("SimpleSmoothing", 1, params=params, state=state | columns)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a model that `to_json` wrote.

        Parameters
        ----------
        text : str
            The JSON text.

        Returns
        -------
        SimpleSmoothing
            The fitted model; its forecasts come as pandas frames.

        Raises
        ------
        DataError
            If the text is not such a model, or its parts do not fit together.

        Examples
        --------
        >>> import pandas as pd
        >>> flat = pd.DataFrame({"period": pd.date_range("2024", periods=4, freq="MS"), "value": 5.0})
        >>> text = SimpleSmoothing().fit(flat).to_json()
        >>> SimpleSmoothing.from_json(text).predict()["forecast"].tolist()
        [5.0]
        """
        import pandas as pd

        params, state = _persist.load(text, "SimpleSmoothing", 1, params=_PARAMS, state=_STATE)
        if why := _fault(params, state):
            _persist.refuse("SimpleSmoothing", why)
        count, model = len(state["keys"]), cls(**params)
        model.by_, model.period_ = state["by"], state["period"]
        model.series_ = pd.DataFrame(state["keys"], columns=state["by"], index=range(count)).assign(
            last=_dates(state["last"]),
            n=state["n"],
            **{name: pd.Series(state[name], dtype=float) for name in _LEARNED},
        )
        model._like = pd.DataFrame()
        return model


def _fault(params: dict[str, Any], state: dict[str, Any]) -> str | None:
    """Say why what was read from a file is no fitted model, if it is not."""
    keys, by = state["keys"], state["by"]
    if any(len(state[name]) != len(keys) for name in ("last", "n", *_LEARNED)):
        return "its columns differ in length"
    if any(len(key) != len(by) for key in keys) or len(set(by)) < len(by):
        return "its keys do not fit `by`"
    if len({*map(tuple, keys)}) < len(keys):
        return "a series stands in it twice"
    weights = [one for one in (params["alpha"], *state["alpha"]) if one is not None]
    if not all(0 <= one <= 1 for one in weights):
        return "a weight alpha is not between 0 and 1"
    if not all(1 <= n <= _MOST_PERIODS for n in state["n"]):
        return f"a number of periods n is not between 1 and {_MOST_PERIODS}"
    if any(one is not None and one < 0 for one in state["sigma"]):
        return "a standard deviation sigma is below 0"
    return None


def _without_nan(column: "pd.Series[Any]") -> list[Any]:
    listed: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return listed


def _dates(listed: Sequence[str]) -> "npt.NDArray[np.datetime64]":
    import numpy as np

    try:
        return np.array(listed, dtype="datetime64[us]")
    except ValueError as error:
        return _persist.refuse("SimpleSmoothing", f"it has a date that is none ({error})")


def smooth(y: "Floats", alpha: "Floats", *, free: bool) -> "tuple[Floats, Floats, Floats]":
    """Smooth each series with each of its weights: sum of squared errors, first and last level.

    `y` is series × time aligned at the end, NaN before a series begins; `alpha` is series × weights. With
    `free` the first level is the one with the least squares: the errors are linear in it, with the
    coefficients (1 − α)ᵗ.
    """
    import numpy as np

    began = np.isfinite(y)
    first = np.take_along_axis(y, began.argmax(axis=1)[:, None], axis=1)
    # From its first value counted as 0, a series that has not begun has neither errors nor a level.
    centred, begun = np.where(began, y - first, 0.0).T[:, :, None], began.T[:, :, None]
    level, sse = np.zeros_like(alpha), np.zeros_like(alpha)
    decay, crossed, squared = np.ones_like(alpha), np.zeros_like(alpha), np.zeros_like(alpha)
    for now, on in zip(centred, begun, strict=True):
        error = now - level
        sse += error**2
        level += alpha * error
        if free:
            weight = decay * on
            crossed += error * weight
            squared += weight**2
            decay -= alpha * weight
    shift = crossed / squared if free else np.zeros_like(alpha)
    return sse - shift * crossed, first + shift, first + level + shift * decay


def estimate_alpha(y: "Floats", *, free: bool, points: int = 33) -> "Floats":
    """Find the weight with the least squared errors for every series at once: a grid, then finer ones.

    The sum of squares may have several valleys in α, so all of [0, 1] is seen first; each of the next grids
    spans the neighbours of the best point, until they lie 1e-8 apart.
    """
    import numpy as np

    count = y.shape[0]
    low, step = np.zeros(count), np.full(count, 1 / (points - 1))
    best = low
    while count and step[0] > 1e-8:
        grid = np.minimum(low[:, None] + step[:, None] * np.arange(points), 1.0)
        sse, _, _ = smooth(y, grid, free=free)
        best = grid[np.arange(count), sse.argmin(axis=1)]
        points = 17
        low = np.maximum(best - step, 0.0)
        step = 2 * step / (points - 1)
    return np.where(np.isfinite(y).sum(axis=1) >= 3, best, np.nan)
