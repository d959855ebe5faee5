"""Draw funnels, ratios with their intervals, and the curves of concentration and profit."""

from typing import TYPE_CHECKING

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.plot import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 400
_CURVE = {"customer_share": "number", "cumulative_profit": "number", "cumulative_profit_share": "number"}


def funnel_chart(stages: object, *, what: str = "leads", width: float = style.WIDE) -> "Figure":
    """Draw the stages of a funnel as bars, each with its share of the first and the interval of that share.

    Parameters
    ----------
    stages : DataFrame
        A row a stage in order: ``stage``, ``reached``, ``overall_rate``, ``overall_lower`` and
        ``overall_upper``, as `crmkit.metrics.funnel` gives them.
    what : str, default "leads"
        What is counted, for the axis.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A horizontal bar a stage, from the top; whiskers are the intervals.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no stage.

    Examples
    --------
    >>> import crmkit
    >>> stages = crmkit.metrics.funnel_from_counts({"leads": 10, "opportunities": 4, "wins": 1})
    >>> [float(bar.get_width()) for bar in funnel_chart(stages).axes[0].patches]
    [10.0, 4.0, 1.0]
    """
    numbers = dict.fromkeys(("reached", "overall_rate", "overall_lower", "overall_upper"), "number")
    table = _collected(stages, {"stage": "label", **numbers}, "stages")
    rate, lower, upper = (table[f"overall_{end}"] for end in ("rate", "lower", "upper"))
    base = float(table["reached"].iloc[0])
    drawn, axes = style.figure(width, 0.5 * len(table) + 0.8)
    style.plain(axes, grid="x")
    place = range(len(table))
    axes.barh(place, table["reached"].astype(float), height=0.62, color=style.BLUE)
    spread = [base * (rate - lower), base * (upper - rate)]
    axes.errorbar(
        table["reached"], place, xerr=spread, fmt="none", ecolor=style.ORANGE, elinewidth=2, capsize=3
    )
    for at, (reached, share, end) in enumerate(zip(table["reached"], rate, upper, strict=True)):
        axes.annotate(
            f"{style.number(reached)} · {_percent(share)}",
            (max(reached, base * end), at),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=style.INK,
        )
    _rows(axes, list(table["stage"]))
    axes.set_xlim(0, (base or 1) * (1.28 if width > 5 else 1.55))
    style.amounts(axes.xaxis)
    axes.set_xlabel(what)
    return drawn


def ratio_chart(
    ratios: object,
    *,
    group: str,
    what: str = "ratio",
    average: float | None = None,
    width: float = style.WIDE,
) -> "Figure":
    """Draw a ratio for each group as a dot on its interval.

    Parameters
    ----------
    ratios : DataFrame
        A row a group: its name, ``ratio``, ``lower``, ``upper`` and ``n``.
    group : str
        Column with the names.
    what : str, default "ratio"
        What the ratio is, for the axis.
    average : float, optional
        The ratio of all groups together; a line.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A dot and a whisker a group, in the order of the table; groups without a base have none.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no group.

    Examples
    --------
    >>> import pandas as pd
    >>> ratios = pd.DataFrame({"channel": ["web", "fair"], "ratio": [0.2, 0.1], "lower": [0.1, 0.05],
    ...                        "upper": [0.3, 0.2], "n": [50, 60]})
    >>> [text.get_text() for text in ratio_chart(ratios, group="channel").axes[0].get_yticklabels()]
    ['web (n 50)', 'fair (n 60)']
    """
    numbers = dict.fromkeys(("ratio", "lower", "upper", "n"), "number")
    table = _collected(ratios, {group: "label", **numbers}, "ratios")
    drawn, axes = style.figure(width, 0.34 * len(table) + 0.9)
    style.plain(axes, grid="x")
    if average is not None:
        axes.axvline(average, color=style.ORANGE, linewidth=1.4, linestyle="--", label="all")
        axes.legend(frameon=False, fontsize=9, loc="lower right")
    spread = [table["ratio"] - table["lower"], table["upper"] - table["ratio"]]
    place = range(len(table))
    axes.errorbar(
        table["ratio"], place, xerr=spread, fmt="o", color=style.BLUE, markersize=6, elinewidth=2, capsize=3
    )
    names = table[group].astype("str").where(table[group].notna(), "(none)")
    _rows(axes, [f"{name} (n {style.number(n)})" for name, n in zip(names, table["n"], strict=True)])
    axes.set_xlim(left=0)
    style.shares(axes.xaxis)
    axes.set_xlabel(what)
    return drawn


def concentration_curve(
    curve: object, *, mark: float = 0.2, what: str = "revenue", width: float = style.WIDE
) -> "Figure":
    """Draw what share of a total the best customers make.

    Parameters
    ----------
    curve : DataFrame
        ``customer_share``, ``cumulative_profit`` and ``cumulative_profit_share``, as
        `crmkit.metrics.whale_curve` gives them, of any value that is added up.
    mark : float, default 0.2
        Share of the customers that is pointed out.
    what : str, default "revenue"
        What is added up, for the axis.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        The curve, the diagonal of equal customers, and the marked point.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there are no customers, or the total is not positive.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmkit
    >>> curve = crmkit.metrics.whale_curve(pd.DataFrame({"customer_id": [1, 2], "profit": [9.0, 1.0]}))
    >>> concentration_curve(curve, mark=0.5).axes[0].texts[0].get_text().split()
    ['50', '%', 'of', 'customers:', '90', '%', 'of', 'revenue']
    """
    share = _params.share("mark", mark)
    table = _collected(curve, _CURVE, "curve")
    if table["cumulative_profit_share"].isna().all():
        msg = "a concentration curve needs a positive total. Found none: draw the whale curve instead."
        raise DataError(msg)
    drawn, axes = style.figure(width, 3.3)
    few = _thinned(table)
    x, y = [0.0, *few["customer_share"]], [0.0, *few["cumulative_profit_share"]]
    axes.fill_between(x, y, x, color=style.SKY, alpha=0.35, linewidth=0)
    axes.plot([0, 1], [0, 1], color=style.SOFT, linewidth=1, linestyle=":")
    axes.plot(x, y, color=style.BLUE, linewidth=2)
    at = table.iloc[(table["customer_share"] - share).abs().argmin()]
    part = float(at["cumulative_profit_share"])
    axes.plot([share], [part], marker="o", color=style.ORANGE, markersize=7)
    text = f"{_percent(share)} of customers:\n{_percent(part)} of {what}"
    # the diagonal may cross the text
    plate = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1.5}
    axes.annotate(text, (share + 0.03, part - 0.04), va="top", fontsize=9.5, color=style.INK, bbox=plate)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(1.02, float(table["cumulative_profit_share"].max()) * 1.02))
    style.shares(axes.xaxis)
    style.shares(axes.yaxis)
    axes.set_xlabel("customers, best first")
    axes.set_ylabel(f"cumulative share of {what}")
    return drawn


def whale_chart(curve: object, *, unit: str | None = None, width: float = style.WIDE) -> "Figure":
    """Draw the whale curve: cumulative profit over the customers, the best first.

    Parameters
    ----------
    curve : DataFrame
        ``customer_share``, ``cumulative_profit`` and ``cumulative_profit_share``, as
        `crmkit.metrics.whale_curve` gives them.
    unit : str, optional
        Unit of the profit, such as EUR.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        The curve, what is lost after its peak shaded, a line at the total, and the peak marked. The axis is
        in money.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there are no customers.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmkit
    >>> profit = pd.DataFrame({"customer_id": list("abcd"), "profit": [80.0, 30, 20, -30]})
    >>> whale_chart(crmkit.metrics.whale_curve(profit), unit="EUR").axes[0].get_ylabel()
    'cumulative profit, EUR'
    """
    table = _collected(curve, _CURVE, "curve")
    drawn, axes = style.figure(width, 3.3)
    few = _thinned(table)
    x, y = [0.0, *few["customer_share"]], [0.0, *few["cumulative_profit"]]
    total = float(table["cumulative_profit"].iloc[-1])
    top = int(table["cumulative_profit"].argmax())
    peak_x, peak_y = float(table["customer_share"].iloc[top]), float(table["cumulative_profit"].iloc[top])
    lost = [one >= peak_x for one in x]
    axes.fill_between(x, y, peak_y, where=lost, color=style.GOLD, alpha=0.35, linewidth=0)
    axes.axhline(total, color=style.SOFT, linewidth=1, linestyle=":")
    axes.text(0.99, total, "total", ha="right", va="top", fontsize=8.5, color=style.SOFT)
    axes.axhline(0, color=style.SOFT, linewidth=0.8)
    axes.plot(x, y, color=style.BLUE, linewidth=2)
    axes.plot([peak_x], [peak_y], marker="o", color=style.ORANGE, markersize=7)
    share = f",\n{_percent(peak_y / total)} of the total" if total > 0 else ""
    side = "left" if peak_x < 0.5 else "right"
    note = axes.annotate(
        f"peak at {_percent(peak_x)} of customers{share}",
        (peak_x, peak_y),
        xytext=(0, 9),
        textcoords="offset points",
        ha=side,
        fontsize=9.5,
        color=style.INK,
    )
    note.set_in_layout(False)
    axes.set_xlim(0, 1)
    low = min(0.0, float(table["cumulative_profit"].min()))
    axes.set_ylim(low, peak_y + 0.25 * (peak_y - low) or 1)
    style.shares(axes.xaxis)
    style.amounts(axes.yaxis)
    axes.set_xlabel("customers, most profitable first")
    axes.set_ylabel(style.unit_label("cumulative profit", unit))
    return drawn


def _collected(frame: object, roles: dict[str, str], table: str) -> "pd.DataFrame":
    local = _frames.collect(_frames.scan(frame, roles, table="frame"))
    if local.empty:
        msg = f"`{table}` must have at least one row to draw. Found none."
        raise DataError(msg)
    return local.sort_values("customer_share") if "customer_share" in local else local


def _thinned(table: "pd.DataFrame") -> "pd.DataFrame":
    """Keep few enough points for a small picture, the first, the last and the peak among them."""
    step = -(-len(table) // _POINTS)
    peak = int(table["cumulative_profit"].argmax())
    keep = sorted({*range(0, len(table), step), peak, len(table) - 1})
    return table.iloc[keep]


def _rows(axes: "Axes", labels: list[str]) -> None:
    """Label horizontal bars, the first one at the top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _percent(share: float) -> str:
    return f"{style.number(round(100 * share, 6))}\u00a0%"
