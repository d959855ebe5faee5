"""Forecast with averages of the latest values: equal weights, given weights, and the window that did best."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmkit import _frames, _params
from crmkit.errors import CRMKitWarning
from crmkit.forecast import series
from crmkit.stats.intervals import nominal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def moving_average(
    panel: _frames.FrameT,
    *,
    window: int,
    horizon: int = 1,
    by: str | Sequence[str] | None = None,
    period: str | None = None,
    confidence: float = 0.95,
    history: bool = False,
) -> _frames.FrameT:
    """Forecast each series with the mean of its latest values.

    Parameters
    ----------
    panel : DataFrame
        Series in long form: ``period`` (a date in each period), ``value``, and the columns that name the
        series.
    window : int
        Number of latest values that are averaged, 1 to 10 000.
    horizon : int, default 1
        Number of periods to forecast, 1 to 10 000, none beyond the year 9999.
    by : str or list of str, optional
        Columns that name the series; None takes ``series_id`` if it is there, else all rows are one series.
    period : {"day", "week", "month", "quarter", "year"}, optional
        The calendar period; None finds the one in which the rows follow each other.
    confidence : float, default 0.95
        Coverage that the interval aims at, at least 0.5 and below 1.
    history : bool, default False
        Whether to give the one-step forecasts of past periods as well.

    Returns
    -------
    DataFrame
        The columns of `by`, ``period`` (first day), ``step`` (periods ahead), ``value`` (what happened, null
        in the future), ``forecast``, ``lower``, ``upper``, ``method`` and ``n`` (values of the series).

    Raises
    ------
    ColumnError, DataError
        If a column is missing; if values are null or periods are missing or double.
    ParameterError
        If an argument is outside its range, or the calendar period cannot be found.

    Notes
    -----
    The forecast is the same for every step. The interval of step h is forecast ± t·s, where s² is the mean
    squared error of all forecasts h periods ahead that the series itself allows, m of them, and t is
    Student's quantile with m degrees of freedom. Fewer than two such errors give no interval, nor do errors
    that are all 0, as of a constant series: they say nothing about errors to come. Past periods have no
    interval. A series shorter than the window gives rows whose forecast is null.

    Examples
    --------
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"period": pd.date_range("2002", periods=7, freq="YS"),
    ...                       "value": [4830, 4930, 4870, 5210, 5330, 5660, 5440]})
    >>> moving_average(sales, window=2, history=True)["forecast"].tolist()
    [4880.0, 4900.0, 5040.0, 5270.0, 5495.0, 5550.0]
    >>> moving_average(sales, window=4, history=True)["forecast"].tolist()
    [4960.0, 5085.0, 5267.5, 5410.0]
    """
    k = _params.integer("window", window, low=1, high=series.LONGEST)
    return _forecast(
        panel,
        [1.0] * k,
        f"moving average ({k})",
        horizon,
        by=by,
        period=period,
        confidence=confidence,
        history=history,
    )


def weighted_moving_average(
    panel: _frames.FrameT,
    *,
    weights: Sequence[float],
    horizon: int = 1,
    by: str | Sequence[str] | None = None,
    period: str | None = None,
    confidence: float = 0.95,
    history: bool = False,
) -> _frames.FrameT:
    """Forecast each series with a weighted mean of its latest values.

    Parameters
    ----------
    panel : DataFrame
        Series in long form, as `moving_average` takes them.
    weights : sequence of float
        A weight for each of the latest values, the most recent one first, at least 0.
    horizon : int, default 1
        Number of periods to forecast, 1 to 10 000, none beyond the year 9999.
    by : str or list of str, optional
        Columns that name the series; None takes ``series_id`` if it is there, else all rows are one series.
    period : {"day", "week", "month", "quarter", "year"}, optional
        The calendar period; None finds the one in which the rows follow each other.
    confidence : float, default 0.95
        Coverage that the interval aims at, at least 0.5 and below 1.
    history : bool, default False
        Whether to give the one-step forecasts of past periods as well.

    Returns
    -------
    DataFrame
        The columns that `moving_average` gives.

    Raises
    ------
    ColumnError, DataError
        If a column is missing; if values are null or periods are missing or double.
    ParameterError
        If a weight is negative, all are 0, or another argument is outside its range.

    Warns
    -----
    CRMKitWarning
        If the weights do not add up to 1: they are divided by their sum.

    Notes
    -----
    Intervals and short series are treated as in `moving_average`. Weights that fall by a constant factor are
    still no exponential smoothing: see `SimpleSmoothing`.

    Examples
    --------
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"period": pd.date_range("2002", periods=7, freq="YS"),
    ...                       "value": [4830, 4930, 4870, 5210, 5330, 5660, 5440]})
    >>> weighted_moving_average(sales, weights=[0.4, 0.3, 0.2, 0.1])["forecast"].round(6).tolist()
    [5461.0]
    """
    w = _weights(weights)
    method = f"weighted moving average ({len(w)})"
    return _forecast(
        panel,
        w,
        method,
        horizon,
        by=by,
        period=period,
        confidence=confidence,
        history=history,
    )


def _weights(weights: Sequence[float]) -> list[float]:
    import warnings

    w = [_params.number("weights", one, low=0) for one in _params.several("weights", weights, "number")]
    total = sum(w)
    if total == 0:
        _params.fail("weights", "numbers of which at least one is above 0", weights)
    if abs(total - 1) > 1e-9:
        text = f"The weights add up to {total:g}, not to 1: they are divided by their sum."
        warnings.warn(text, CRMKitWarning, stacklevel=3)
    return w


def _forecast(
    panel: _frames.FrameT,
    weights: Sequence[float],
    method: str,
    horizon: int,
    *,
    by: str | Sequence[str] | None,
    period: str | None,
    confidence: float,
    history: bool,
) -> _frames.FrameT:
    import numpy as np
    import pandas as pd

    coverage = nominal(confidence)
    _params.flag("history", history)
    regular = series.read(panel, by=by, period=period)
    ahead = series.steps_ahead(horizon, regular)
    means = averages(regular.values, weights)
    half = np.column_stack([_half_width(regular.values, means, h, coverage) for h in ahead.tolist()])
    point, n = means[:, -1:], regular.n[:, None]
    local = regular.rows(
        ahead,
        {"step": ahead, "value": np.nan, "forecast": point, "lower": point - half, "upper": point + half}
        | {"method": method, "n": n},
    )
    if history:
        past = np.arange(1 - regular.values.shape[1], 1)
        columns = {"step": 1, "value": regular.values, "forecast": means[:, :-1]}
        columns |= {"lower": np.nan, "upper": np.nan}
        known = regular.rows(past, columns | {"method": method, "n": n})
        local = pd.concat([known[known["forecast"].notna()], local], ignore_index=True)
    return series.give(local, list(regular.keys.columns), panel)


def averages(values: "Floats", weights: Sequence[float]) -> "Floats":
    """Average what precedes each column, and the one after the last; NaN where too few values do."""
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view

    k, (count, width) = len(weights), values.shape
    means = np.full((count, width + 1), np.nan)
    if k <= width:
        oldest_first = np.asarray(weights, dtype=float)[::-1]
        means[:, k:] = sliding_window_view(values, k, axis=1) @ oldest_first / oldest_first.sum()
    return means


def _half_width(values: "Floats", means: "Floats", h: int, confidence: float) -> "Floats":
    """Half the interval at step h, from the errors of all forecasts h periods ahead."""
    import numpy as np
    from scipy.special import stdtrit

    width = values.shape[1]
    errors = values[:, h - 1 :] - means[:, : max(width - h + 1, 0)]
    m = np.isfinite(errors).sum(axis=1)
    enough = m >= 2
    spread = np.sqrt(np.nansum(errors**2, axis=1) / np.where(enough, m, 1))
    spread = series.spread_or_none(spread, np.nanmax(np.abs(values), axis=1, initial=0.0))
    return np.where(enough, stdtrit(np.where(enough, m, 1), (1 + confidence) / 2) * spread, np.nan)


def choose_window(
    panel: _frames.FrameT,
    *,
    windows: Sequence[int] = (1, 2, 3, 4),
    by: str | Sequence[str] | None = None,
    period: str | None = None,
) -> _frames.FrameT:
    """Compare windows of the moving average by their one-step errors on the history of each series.

    Parameters
    ----------
    panel : DataFrame
        Series in long form, as `moving_average` takes them.
    windows : sequence of int, default (1, 2, 3, 4)
        The candidates, 1 to 10 000 each.
    by : str or list of str, optional
        Columns that name the series; None takes ``series_id`` if it is there, else all rows are one series.
    period : {"day", "week", "month", "quarter", "year"}, optional
        The calendar period; None finds the one in which the rows follow each other.

    Returns
    -------
    DataFrame
        The columns of `by`, ``window``, ``mae`` (mean absolute error, in the unit of the values), ``n``
        (periods that it is taken over) and ``chosen`` (true for the window with the least error).

    Raises
    ------
    ColumnError, DataError
        If a column is missing; if values are null or periods are missing or double.
    ParameterError
        If the windows are not different whole numbers from 1 to 10 000.

    Notes
    -----
    All candidates are judged on the same periods, those that the longest window can forecast: a longer window
    cannot win because the hard years lie before its first forecast. Of windows that do equally well the
    shortest is chosen. A series not longer than the longest window has n = 0, a null error and no choice.

    Examples
    --------
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"period": pd.date_range("2002", periods=7, freq="YS"),
    ...                       "value": [4830, 4930, 4870, 5210, 5330, 5660, 5440]})
    >>> choose_window(sales).round(1)
       window    mae  n  chosen
    0       1  223.3  3    True
    1       2  245.0  3   False
    2       3  296.7  3   False
    3       4  372.5  3   False
    """
    import numpy as np

    listed = _params.several("windows", windows, "whole number")
    candidates = sorted({_params.integer("windows", one, low=1, high=series.LONGEST) for one in listed})
    if len(candidates) < len(listed):
        _params.fail("windows", "a list of different whole numbers", windows)
    regular = series.read(panel, by=by, period=period)
    errors = _absolute_errors(regular.values, candidates)
    n = np.isfinite(errors[:, -1]).sum(axis=1)
    enough = (n > 0)[:, None]
    common = np.isfinite(errors[:, -1:])
    mae = np.where(common, errors, 0.0).sum(axis=2) / np.maximum(n, 1)[:, None]
    chosen = enough & (np.arange(len(candidates)) == mae.argmin(axis=1)[:, None])
    columns: dict[str, Any] = {"window": np.array(candidates), "mae": np.where(enough, mae, np.nan)}
    local = regular.rows(np.zeros(len(candidates), dtype=int), columns | {"n": n[:, None], "chosen": chosen})
    return series.give(local.drop(columns="period"), list(regular.keys.columns), panel)


def _absolute_errors(values: "Floats", windows: Sequence[int]) -> "Floats":
    """Series × windows × time."""
    import numpy as np

    one_step = [averages(values, [1.0] * window)[:, :-1] for window in windows]
    return np.abs(values[:, None, :] - np.stack(one_step, axis=1))
