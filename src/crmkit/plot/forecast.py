"""Draw a series with its forecast and the band that the forecast should stay in."""

from typing import TYPE_CHECKING

from crmkit import _frames
from crmkit.errors import DataError
from crmkit.plot import style

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def forecast_chart(
    series: object,
    forecast: object,
    *,
    what: str = "value",
    unit: str | None = None,
    confidence: float = 0.95,
    width: float = style.WIDE,
) -> "Figure":
    """Draw one series and its forecast.

    Parameters
    ----------
    series : DataFrame
        ``period`` (dates) and ``value``, as `crmkit.forecast.to_series` gives them, of one series.
    forecast : DataFrame
        ``period``, ``forecast``, ``lower`` and ``upper``, as the methods of `crmkit.forecast` give them.
    what : str, default "value"
        What the values are, for the axis.
    unit : str, optional
        Their unit, such as EUR.
    confidence : float, default 0.95
        Coverage of the band, for the legend.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A line of the past, a dashed line of the forecast that starts at the last value, and its band.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a table has no rows.

    Examples
    --------
    >>> import pandas as pd
    >>> past = pd.DataFrame({"period": pd.date_range("2024", periods=3, freq="MS"), "value": [1.0, 2, 3]})
    >>> ahead = pd.DataFrame({"period": [pd.Timestamp("2024-04-01")], "forecast": [3.0], "lower": [2.0],
    ...                       "upper": [4.0]})
    >>> forecast_chart(past, ahead, what="sales", unit="EUR").axes[0].get_ylabel()
    'sales, EUR'
    """
    import numpy as np

    numbers = dict.fromkeys(("forecast", "lower", "upper"), "number")
    past = _frames.collect(_frames.scan(series, {"period": "date", "value": "number"}, table="series"))
    ahead = _frames.collect(_frames.scan(forecast, {"period": "date", **numbers}, table="forecast"))
    if past.empty or ahead.empty:
        msg = "a forecast chart needs a past and a future. Found no rows in one of them."
        raise DataError(msg)
    past, ahead = past.sort_values("period"), ahead.sort_values("period")
    drawn, axes = style.figure(width, 3.1)
    x, y = past["period"].to_numpy(), past["value"].to_numpy()
    axes.plot(x, y, color=style.BLUE, linewidth=1.8, marker="o", markersize=3, label="actual")
    when = ahead["period"].to_numpy()
    band = f"{100 * confidence:g} % band"
    axes.fill_between(
        when, ahead["lower"], ahead["upper"], color=style.SKY, alpha=0.5, linewidth=0, label=band
    )
    axes.plot(
        [x[-1], *when],
        [y[-1], *ahead["forecast"]],
        color=style.ORANGE,
        linewidth=1.8,
        linestyle="--",
        label="forecast",
    )
    _dates(axes, np.concatenate([x, when]), 4 if width < 5 else 8)
    style.amounts(axes.yaxis)
    axes.set_ylabel(style.unit_label(what, unit))
    if past["value"].min() >= 0:
        axes.set_ylim(bottom=min(0.0, float(ahead["lower"].min())) if ahead["lower"].notna().any() else 0)
    axes.legend(
        frameon=False,
        fontsize=9,
        ncols=3,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        borderpad=0,
        handlelength=1.5,
        columnspacing=1.2,
    )
    return drawn


def _dates(axes: "Axes", when: "npt.NDArray[np.datetime64]", count: int) -> None:
    """Put a few evenly spaced ticks on periods, named as finely as they are apart."""
    import numpy as np

    every = -(-len(when) // count)
    ticks = when[::every].astype("datetime64[D]")
    days = float(np.diff(when).min() / np.timedelta64(1, "D")) if len(when) > 1 else 1.0
    form = "%d %b %y" if days < 28 else "%b %y" if days < 360 else "%Y"
    axes.set_xticks(ticks, [one.strftime(form) for one in ticks.tolist()])
