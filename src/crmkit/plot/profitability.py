"""Draw who earns and what it costs: profit in bands of customers, cost to serve by category."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.plot import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BANDS = ("from_share", "to_share", "customers")
_MOST, _COLOURS = 40, (*style.SERIES[:5], style.SKY, style.GOLD, "#aeb7c0")
_UNASSIGNED, _UNNAMED, _OTHER = "(unassigned)", "(no category)", "(other)"


def profit_bars(
    bands: object,
    *,
    value: str = "profit",
    ranked_by: str = "profit",
    unit: str | None = None,
    width: float = style.WIDE,
) -> "Figure":
    """Draw the profit of bands of customers, such as the quintiles of sales volume.

    Parameters
    ----------
    bands : DataFrame
        A row a band: ``from_share``, ``to_share`` (0 to 1), ``customers`` and the value, as
        `crmkit.metrics.pareto` gives them.
    value : str, default "profit"
        Column with the money of each band.
    ranked_by : str, default "profit"
        What the customers are ranked by, for the axis, such as "sales volume".
    unit : str, optional
        Unit of the money, such as EUR.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A bar a band that has customers, the highest band at the left, losses below zero and in another
        colour, with the money and its share of the total.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If no band has customers, or the money of one is missing.

    Examples
    --------
    Sales volume in quintiles: the middle earns, the largest and the smallest customers lose.

    >>> import pandas as pd
    >>> import crmkit
    >>> base = pd.DataFrame({"customer_id": range(5), "revenue": [9, 7, 5, 3, 1],
    ...                      "profit": [-20.0, 60, 50, 30, -20]})
    >>> bands = crmkit.metrics.pareto(base, cuts=(0.2, 0.4, 0.6, 0.8), rank_by="revenue")
    >>> drawn = profit_bars(bands, ranked_by="sales volume")
    >>> [float(bar.get_height()) for bar in drawn.axes[0].patches]
    [-20.0, 60.0, 50.0, 30.0, -20.0]
    """
    roles = {**dict.fromkeys(_BANDS, "number"), value: "number"}
    table = _frames.collect(_frames.scan(bands, roles)).sort_values("from_share")
    table = table[table["customers"] > 0]
    missing = int(table[value].isna().sum())
    if table.empty or missing:
        msg = f"bars need bands with customers and their money. Found {len(table)}, {missing} without money."
        raise DataError(msg)
    amounts = [float(one) for one in table[value]]
    drawn, axes = style.figure(width, 3.2)
    colours = [style.BLUE if one >= 0 else style.ORANGE for one in amounts]
    axes.bar(range(len(table)), amounts, width=0.68, color=colours)
    axes.axhline(0, color=style.SOFT, linewidth=0.8)
    narrow = width / len(table) < 0.9
    _write_amounts(axes, amounts, narrow=narrow)
    axes.set_xticks(range(len(table)), _band_names(table, sign="" if narrow else "\u00a0%"))
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.margins(y=0.2)
    style.amounts(axes.yaxis)
    axes.set_xlabel(f"{'% of ' if narrow else ''}customers by {ranked_by}, highest first")
    axes.set_ylabel(style.unit_label(value.replace("_", " "), unit))
    return drawn


def _write_amounts(axes: "Axes", amounts: list[float], *, narrow: bool) -> None:
    """Write the money of each band at the end of its bar, and its share of a positive total."""
    total = sum(amounts)
    for at, amount in enumerate(amounts):
        share = f"{style.number(round(100 * amount / total))}\u00a0%" if total > 0 else ""
        parts = [style.short(amount), share]
        shown = parts[-1:] if narrow and share else [one for one in parts if one]
        axes.annotate(
            "\n".join(shown),
            (at, amount),
            xytext=(0, 3 if amount >= 0 else -3),
            textcoords="offset points",
            ha="center",
            va="bottom" if amount >= 0 else "top",
            fontsize=8.5,
            color=style.INK,
        )


def _band_names(table: "pd.DataFrame", *, sign: str) -> list[str]:
    """Name the bands by the shares of customers where they begin and end."""
    ends = [[style.number(round(100 * one, 6)) for one in table[name]] for name in ("from_share", "to_share")]
    return [f"{one}\u2013{other}{sign}" for one, other in zip(*ends, strict=True)]


def cost_stack(
    costs: object,
    *,
    group: str,
    part: str = "category",
    order: Sequence[Any] | None = None,
    gross_margin: "Mapping[Any, float] | pd.Series[float] | None" = None,
    unit: str | None = None,
    width: float = style.WIDE,
) -> "Figure":
    """Draw the cost to serve of groups of customers as bars made of its categories.

    Parameters
    ----------
    costs : DataFrame
        Allocated costs: the group, the part and ``cost`` in money; rows add up. The result of
        `crmkit.metrics.allocate_costs` or `crmkit.metrics.cost_to_serve` with a column for the group.
    group : str
        Column with the groups, such as "segment", or "customer_id" for a few customers; null is
        unassigned cost.
    part : str, default "category"
        Column with the parts of a bar, such as "activity".
    order : sequence, optional
        The groups to draw, from the top. Left out, all, the most costly first.
    gross_margin : mapping or Series, optional
        Gross margin of groups, in the money of the costs: a mark on the bar. Where the bar goes beyond the
        mark, the group loses money. Groups that are not drawn may be in it.
    unit : str, optional
        Unit of the money, such as EUR.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A horizontal bar a group with its total, and of how much margin. The largest parts come first; of more
        than eight the smallest are one part, "(other)". Negative parts, such as corrections, stand left of
        zero.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no group or more than 40, a cost is missing, `order` names another group, or
        `gross_margin` lacks one.
    ParameterError
        If `order` repeats a group.

    Examples
    --------
    >>> import pandas as pd
    >>> costs = pd.DataFrame({"segment": ["a", "a", "b"], "category": ["pre-sale", "post-sale", "pre-sale"],
    ...                       "cost": [60.0, 40.0, 30.0]})
    >>> drawn = cost_stack(costs, group="segment", gross_margin={"a": 90, "b": 70})
    >>> [text.get_text() for text in drawn.axes[0].get_legend().get_texts()]
    ['pre-sale', 'post-sale', 'gross margin']
    """
    sums = _sums(costs, group, part)
    sums = _chosen(sums, order)
    if len(sums) > _MOST:
        msg = f"a stack has room for {_MOST} groups. Found {len(sums)} in '{group}': name some in `order`."
        raise DataError(msg)
    drawn, axes = style.figure(width, 0.36 * len(sums) + 1.25)
    style.plain(axes, grid="x")
    _draw_parts(axes, sums)
    marks = _marks(gross_margin, sums)
    for at, amount in marks.items():
        name = "gross margin" if at == min(marks) else None
        ends = [at - 0.42, at + 0.42]
        axes.plot([amount, amount], ends, color=style.INK, linewidth=2.4, label=name, zorder=3)
    _write_totals(axes, sums, marks)
    axes.axvline(0, color=style.SOFT, linewidth=0.8)
    axes.set_yticks(range(len(sums)), [str(name) for name in sums.index])
    axes.set_ylim(len(sums) - 0.4, -0.6)
    low, high = sorted(axes.dataLim.intervalx)
    room = (0.2 if marks else 0.1) * (1 if width > 5 else 2)
    axes.set_xlim(min(low, 0.0), high + room * (high - low))
    style.amounts(axes.xaxis)
    axes.set_xlabel(style.unit_label("cost to serve", unit))
    handles, names = axes.get_legend_handles_labels()
    last = len(handles) - bool(marks)  # lines come before bars
    axes.legend(
        handles[-last:] + handles[:-last],
        names[-last:] + names[:-last],
        frameon=False,
        fontsize=9 if width > 5 else 8,
        ncols=4 if width > 5 else 2,
        columnspacing=1.5 if width > 5 else 1,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        borderpad=0,
        handlelength=1.2,
    )
    return drawn


def _sums(costs: object, group: str, part: str) -> "pd.DataFrame":
    """Add the costs up in the engine: a row a group, the most costly first, and a column a part."""
    rows = _frames.scan(costs, {group: "label", part: "label", "cost": "number"})
    rows = rows.with_columns(_missing=nw.when(nw.col("cost").is_null()).then(1).otherwise(0))
    sums = rows.group_by(group, part).agg(nw.col("cost").sum(), nw.col("_missing").sum())
    local = _frames.collect(sums)
    missing = int(local["_missing"].sum())
    if local.empty or missing:
        msg = (
            f"a stack needs at least one cost, and none missing. Found {len(local)} sums, {missing} missing."
        )
        raise DataError(msg)
    for name, other in ((group, _UNASSIGNED), (part, _UNNAMED)):
        local[name] = local[name].astype(object).where(local[name].notna(), other)
    table = local.pivot_table(index=group, columns=part, values="cost", aggfunc="sum", fill_value=0.0)
    return table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def _chosen(sums: "pd.DataFrame", order: Sequence[Any] | None) -> "pd.DataFrame":
    """Take the groups to draw and their parts, the largest first, the smallest in one."""
    if order is not None:
        sums = sums.loc[_listed(order, sums)]
    sums = sums.loc[:, (sums != 0).any()]
    sums = sums[sums.sum().sort_values(ascending=False, kind="stable").index]
    if sums.shape[1] > len(_COLOURS):
        kept = len(_COLOURS) - 1
        sums = sums.iloc[:, :kept].assign(**{_OTHER: sums.iloc[:, kept:].sum(axis=1)})
    return sums


def _listed(order: Sequence[Any], sums: "pd.DataFrame") -> list[Any]:
    listed = list(order)
    if len(set(listed)) < len(listed) or not listed:
        _params.fail("order", "a list of different groups", order)
    unknown = [one for one in listed if one not in sums.index]
    if unknown:
        msg = f"`order` must name groups that have costs. Found others: {', '.join(map(repr, unknown[:5]))}."
        raise DataError(msg)
    return listed


def _draw_parts(axes: "Axes", sums: "pd.DataFrame") -> None:
    """Stack the parts from zero, costs to the right and credits to the left."""
    place = range(len(sums))
    right, left = [0.0] * len(sums), [0.0] * len(sums)
    for name, colour in zip(sums, _COLOURS, strict=False):
        amounts = [float(one) for one in sums[name]]
        starts = [right[at] if one >= 0 else left[at] for at, one in enumerate(amounts)]
        axes.barh(place, amounts, left=starts, height=0.66, color=colour, label=str(name), edgecolor="white")
        right = [one + max(amount, 0.0) for one, amount in zip(right, amounts, strict=True)]
        left = [one + min(amount, 0.0) for one, amount in zip(left, amounts, strict=True)]


def _marks(
    gross_margin: "Mapping[Any, float] | pd.Series[float] | None", sums: "pd.DataFrame"
) -> dict[int, float]:
    """Find the place of each group that has a gross margin."""
    if gross_margin is None:
        return {}
    given = dict(gross_margin.items())
    lacking = [one for one in sums.index if one not in given and one != _UNASSIGNED]
    if lacking:
        found = ", ".join(map(repr, lacking[:5]))
        msg = f"`gross_margin` must have every group that is drawn. Missing: {found}."
        raise DataError(msg)
    return {at: float(given[name]) for at, name in enumerate(sums.index) if name in given}


def _write_totals(axes: "Axes", sums: "pd.DataFrame", marks: dict[int, float]) -> None:
    """Write what each bar adds up to, and of how much gross margin, to the right of both."""
    for at, (total, end) in enumerate(zip(sums.sum(axis=1), sums.clip(lower=0).sum(axis=1), strict=True)):
        margin = f" of {style.short(round(marks[at], 2))}" if at in marks else ""
        axes.annotate(
            style.short(round(float(total), 2)) + margin,
            (max(float(end), marks.get(at, 0.0)), at),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=style.SOFT,
        )
