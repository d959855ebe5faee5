"""Draw what customers are worth: on what it hangs, what they spend, and how few make most of it."""

from typing import TYPE_CHECKING

import numpy as np

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.plot import _customers, style

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.figure import Figure

    from crmkit.clv.spend import GammaGamma

_POINTS = 300


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


def spend_chart(
    summary: object,
    *,
    model: "GammaGamma",
    unit: str | None = None,
    bins: int = 40,
    width: float = style.WIDE,
) -> "Figure":
    """Draw what repeat buyers spent in a purchase on average, beside what the Gamma–Gamma model expects.

    Parameters
    ----------
    summary : DataFrame
        One row a customer: ``frequency`` and ``monetary_value``, of any engine.
    model : GammaGamma
        The fitted model.
    unit : str, optional
        Unit of money, such as EUR.
    bins : int, default 40
        Number of bars, 5 to 200; they end at the 98 % point, and the title says how many customers lie above.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Bars of what was observed, a line of what the model expects to be observed, given how often each
        customer bought, and a broken line of the customers' means themselves, which nobody sees.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no repeat buyer.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    The mean of few purchases scatters more than the mean spend of customers; the two lines differ by that.
    The densities are equations (1a) and (3) of the paper.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2013). The gamma-gamma model of monetary value,
    brucehardie.com/notes/025.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> drawn = spend_chart(summary, model=clv.GammaGamma().fit(summary), unit="USD")
    >>> drawn.axes[0].get_title(loc="left")
    'mean spend of 946 repeat buyers; 18 above 126 USD not shown'
    """
    count = _params.integer("bins", bins, low=5, high=200)
    x, m, weight = _repeat_buyers(summary)
    order = np.argsort(m)
    reached = np.cumsum(weight[order]) / weight.sum()
    limit = float(m[order][np.searchsorted(reached, 0.98)])
    shown = m <= limit
    z = np.linspace(0, limit, _POINTS + 1)[1:]
    often, place = np.unique(x, return_inverse=True)
    parts = np.bincount(place, weights=weight) / weight.sum()
    observed = np.zeros_like(z)
    for part, one in zip(parts, often, strict=True):
        observed += part * model.spend_density(z, frequency=int(one))
    customers = style.number(weight.sum())
    above = f"; {style.number(weight[~shown].sum())} above {style.number(limit)} {unit or ''}".rstrip()
    drawn, axes = style.figure(width, 3.1)
    axes.hist(
        m[shown],
        bins=count,
        range=(0, limit),
        weights=weight[shown] * count / (limit * weight.sum()),
        color=style.RULE,
        edgecolor=style.SOFT,
        linewidth=0.5,
        label="observed means",
    )
    axes.plot(z, observed, color=style.BLUE, linewidth=2, label="the model's observed means")
    unseen = model.spend_density(z)
    axes.plot(z, unseen, color=style.ORANGE, linewidth=1.8, linestyle="--", label="the model's customers")
    axes.set_xlim(0, limit)
    axes.set_yticks([])
    axes.set_xlabel(style.unit_label("mean spend in a purchase", unit))
    axes.set_ylabel("density of customers")
    hidden = f"{above} not shown" if not shown.all() else ""
    _customers.titled(axes, f"mean spend of {customers} repeat buyers{hidden}", narrow=width < 5)
    _customers.legend_above(axes, 1 if width < 5 else 3)
    return drawn


def _repeat_buyers(summary: object) -> "tuple[npt.NDArray[np.float64], ...]":
    """Return frequency, mean spend and number of the customers who came back."""
    roles = {"frequency": "number", "monetary_value": "number", "weight": "number"}
    table = _frames.collect(_frames.scan(summary, roles, table="summary", optional=("weight",)))
    table = table[(table["frequency"] > 0) & (table["monetary_value"] > 0)]
    if table.empty:
        msg = "`summary` must have at least one repeat buyer with a monetary_value above 0. Found none."
        raise DataError(msg)
    weight = table["weight"] if "weight" in table else np.ones(len(table))
    return tuple(
        np.asarray(one, dtype=float) for one in (table["frequency"], table["monetary_value"], weight)
    )


def value_concentration(
    valued: object, *, value: str = "customer_value", mark: float = 0.2, width: float = style.WIDE
) -> "Figure":
    """Draw what share of the value of all customers the most valuable ones have.

    Parameters
    ----------
    valued : DataFrame
        One row a customer with a value, as `crmkit.clv.customer_value` gives it, of any engine.
    value : str, default "customer_value"
        Column of the values.
    mark : float, default 0.2
        Share of the customers that is pointed out.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        The cumulative share of value over the share of customers, the best first, and the diagonal on which
        all would be worth the same.

    Raises
    ------
    ColumnError
        If the column is missing or no number.
    DataError
        If a value is missing or infinite, there is none, or their total is not positive.
    ParameterError
        If the mark is outside 0 to 1.

    Examples
    --------
    >>> import pandas as pd
    >>> valued = pd.DataFrame({"customer_value": [60.0, 25.0, 10.0, 5.0]})
    >>> value_concentration(valued, mark=0.5).axes[0].texts[0].get_text().split()
    ['50', '%', 'of', 'customers:', '85', '%', 'of', 'value']
    """
    import pandas as pd

    from crmkit.plot.metrics import concentration_curve

    name = _params.column("value", value)
    table = _frames.collect(_frames.scan(valued, {name: "number"}, table="valued"))
    worth = np.sort(table[name].to_numpy(dtype=float))[::-1]
    bad = int((~np.isfinite(worth)).sum())
    if bad or not worth.sum() > 0:
        msg = (
            f"`valued` must have finite values with a positive total in '{name}'. Found {len(worth)} rows, "
            f"{bad} of them missing or infinite, with a total of {np.nansum(worth):.10g}."
        )
        raise DataError(msg)
    total = np.cumsum(worth)
    curve = {
        "customer_share": np.arange(1, len(worth) + 1) / len(worth),
        "cumulative_profit": total,
        "cumulative_profit_share": total / total[-1],
    }
    drawn = concentration_curve(pd.DataFrame(curve), mark=mark, what="value", width=width)
    (axes,) = drawn.axes
    axes.set_xlabel("customers, most valuable first")
    _customers.titled(axes, f"{name.replace('_', ' ')} of {style.number(len(worth))} customers")
    return drawn
