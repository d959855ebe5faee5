"""Draw how the value of a customer hangs on the retention rate."""

from typing import TYPE_CHECKING

from crmkit import _frames
from crmkit.plot import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def retention_curve(
    values: object,
    *,
    retention: float,
    interval: tuple[float, float] | None = None,
    unit: str | None = None,
    what: str = "lifetime value",
    width: float = style.WIDE,
) -> "Figure":
    """Draw lifetime values against the retention rates that they come from.

    Parameters
    ----------
    values : DataFrame
        ``retention`` (0 to 1) and ``lifetime_value``, as `crmkit.clv.lifetime_value_table` gives them.
    retention : float
        The rate that was observed; marked.
    interval : tuple of float, optional
        Ends of its interval; shaded.
    unit : str, optional
        Unit of the values, such as EUR.
    what : str, default "lifetime value"
        What the values are, for the axis.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A curve, a line at the observed rate and a band for its interval.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmkit
    >>> rates = pd.DataFrame({"margin": 100.0, "retention": [0.6, 0.7, 0.8, 0.9]})
    >>> values = crmkit.clv.lifetime_value_table(rates, discount=0.12)
    >>> retention_curve(values, retention=0.8, unit="EUR").axes[0].get_xlabel()
    'retention rate a year'
    """
    roles = {"retention": "number", "lifetime_value": "number"}
    table = _frames.collect(_frames.scan(values, roles, table="values")).sort_values("retention")
    drawn, axes = style.figure(width, 2.9)
    if interval:
        axes.axvspan(*interval, color=style.SKY, alpha=0.5, linewidth=0, label="its 95 % interval")
    axes.axvline(retention, color=style.ORANGE, linewidth=1.6, linestyle="--", label="observed retention")
    axes.plot(table["retention"], table["lifetime_value"], color=style.BLUE, linewidth=2)
    style.shares(axes.xaxis)
    style.amounts(axes.yaxis)
    axes.set_ylim(bottom=min(0.0, float(table["lifetime_value"].min())))
    axes.set_xlabel("retention rate a year")
    axes.set_ylabel(style.unit_label(what, unit))
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return drawn
