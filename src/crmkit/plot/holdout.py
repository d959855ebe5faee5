"""Draw what models predicted beside what customers bought after the data that the models saw."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.plot import _customers, style
from crmkit.plot._customers import COUNT, DASHES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crmkit.clv.btyd.customer_base import CustomerBaseModel

_Z = 1.959964
_BY = ("frequency", "recency", "T", "time_since_last_purchase")
_STRETCHES = 10  # of time, at most
_FEW = 5  # units of time: where all are shorter, stretches are parts of a unit
_ROUNDING = 1e-9  # 273/7 − 238/7 are 5 weeks


def conditional_purchases_chart(
    holdout: object,
    *,
    models: "Mapping[str, CustomerBaseModel]",
    by: str = "frequency",
    highest: int = 7,
    width: float = style.WIDE,
) -> "Figure":
    """Draw mean purchases in the holdout by the history in the calibration, beside what models predict.

    Parameters
    ----------
    holdout : DataFrame
        One row a customer, as `crmkit.clv.holdout_summary` makes it, of any engine.
    models : mapping of str to fitted model
        Up to five models, fitted on the calibration, by the name that the legend gives them.
    by : {"frequency", "recency", "T", "time_since_last_purchase"}, default "frequency"
        What customers are grouped by: a number of repeat purchases, or at most ten equal stretches of time
        that hold their beginning and not their end. T counts the opportunities where a model does.
    highest : int, default 7
        The last number of repeat purchases holds all above it, too; 1 to 30. For "frequency" only.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A dot with its 95 % interval (normal; none of one customer) a group, and a line a model. Under each
        group stands how many customers it has, unless the figure is narrower than five inches.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If rows lack a value or contradict themselves, or there are none.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    Customers without a repeat purchase have a recency of 0 by definition; by recency they are a group of
    their own. Their time since the last purchase is that since the only one.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> table = clv.holdout_summary(
    ...     datasets.load_cdnow(sample=True), calibration_end="1997-09-30", holdout_end="1998-06-30"
    ... )
    >>> models = {"Pareto/NBD": clv.ParetoNBD().fit(table)}
    >>> drawn = conditional_purchases_chart(table, models=models)
    >>> drawn.axes[0].get_xticklabels()[0].get_text().split()
    ['0', '(n', '1', '411)']
    >>> drawn = conditional_purchases_chart(table, models=models, by="recency")
    >>> [label.get_text().split()[0] for label in drawn.axes[0].get_xticklabels()]
    ['none', '0–5', '5–10', '10–15', '15–20', '20–25', '25–30', '30–35', '35–40']
    """
    chosen = _customers.checked(models)
    choice = _params.choice("by", by, _BY)
    limit = _params.integer("highest", highest, low=1, high=30)
    one_model = next(iter(chosen.values()))
    age = _customers.age_column(one_model)
    columns = ["frequency", "recency", age, "holdout_purchases", "holdout_duration"]
    table = _customers.groups(holdout, columns, chosen)
    predicted = {
        name: model.expected_purchases(table, horizon="holdout_duration")["expected_purchases"]
        for name, model in chosen.items()
    }
    group, names = _grouped(table, choice, age, limit)
    weight = table[COUNT].to_numpy()
    size = np.bincount(group, weights=weight, minlength=len(names))
    used = np.flatnonzero(size)

    def mean(values: Any) -> Any:
        return np.bincount(group, weights=weight * np.asarray(values, dtype=float))[used] / size[used]

    actual = mean(table["holdout_purchases"])
    freedom = np.where(size[used] > 1, size[used] - 1, np.nan)  # one says nothing of how others differ
    spread = _Z * np.sqrt(np.maximum(mean(table["holdout_purchases"] ** 2) - actual**2, 0) / freedom)
    drawn, axes = style.figure(width, 3.3)
    _dots(axes, used, actual, np.maximum(actual - spread, 0), actual + spread)
    for (name, found), colour, dashes in zip(predicted.items(), style.SERIES, DASHES, strict=False):
        mark = "_" if len(used) == 1 else ""  # no line leads through one point
        line = {"color": colour, "linewidth": 2, "linestyle": dashes, "marker": mark, "markersize": 14}
        axes.plot(used, mean(found), label=name, **line)
    _name_groups(axes, used, [names[one] for one in used], size[used], width)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(_axis_label(choice, one_model))
    axes.set_ylabel("purchases a customer\nin the holdout")
    title = _customers.counted(weight.sum(), chosen) + _over(table, one_model)
    _customers.titled(axes, title, narrow=width < 5)
    _customers.legend_above(axes, 2 if width < 5 else 6)
    return drawn


def _over(table: "pd.DataFrame", model: "CustomerBaseModel") -> str:
    """Say how long the holdout is where it is as long for all."""
    lengths = np.unique(table["holdout_duration"])
    return f", holdout of {_customers.stretch(model, float(lengths[0]))}" if len(lengths) == 1 else ""


def _grouped(table: "pd.DataFrame", by: str, age: str, highest: int) -> "tuple[Any, list[str]]":
    """Return the group of each row and what the groups are called, in order."""
    frequency = table["frequency"].to_numpy(dtype=float)
    if by == "frequency":
        top, more = _customers.capped(table, age, highest)
        return np.minimum(frequency, top).astype(int), [*map(str, range(top)), f"{top}{more}"]
    recency, end = (table[name].to_numpy(dtype=float) for name in ("recency", age))
    if by != "recency":
        return _stretches(end if by == "T" else np.maximum(end - recency, 0))
    group = np.zeros(len(table), dtype=int)
    again = frequency > 0
    names: list[str] = []
    if again.any():
        group[again], names = _stretches(recency[again])
    group[again] += 1
    return group, ["none", *names]


def _stretches(values: Any) -> "tuple[Any, list[str]]":
    """Cut times into at most ten equal stretches of 1, 2, 5, 10, … units, or tenths where all are short."""
    whole = bool((values == np.floor(values)).all())
    powers = range(0 if whole or values.max() > _FEW else -1, 12)
    sizes = (base * 10.0**power for power in powers for base in (1, 2, 5))

    def cut(size: float) -> Any:
        return np.floor(values / size + _ROUNDING).astype(int)

    size = next(one for one in sizes if np.ptp(cut(one)) < _STRETCHES)
    place = cut(size)
    low = place.min()
    starts = size * np.arange(low, place.max() + 1)
    ends = starts + size - whole
    names = [
        style.number(start) if start == end else f"{style.number(start)}–{style.number(end)}"
        for start, end in zip(starts, ends, strict=True)
    ]
    return place - low, names


def _name_groups(axes: "Axes", places: Any, names: Sequence[str], sizes: Any, width: float) -> None:
    """Write names below the groups, in wide figures with their sizes, upright if there is no other room."""
    if width > 5:
        with_sizes = [f"{name}\n(n {style.number(n)})" for name, n in zip(names, sizes, strict=True)]
        if _customers.overlapping(places, with_sizes, width):
            axes.set_xticks(places, [one.replace("\n", " ") for one in with_sizes], rotation=90)
        else:
            axes.set_xticks(places, with_sizes)
    else:
        _customers.ticks(axes, places, names, width)


def _axis_label(by: str, model: "CustomerBaseModel") -> str:
    if by == "frequency":
        return "repeat purchases in the calibration"
    discrete = _customers.age_column(model) == "n_periods"
    if by == "recency":
        unit = _customers.time_unit(model, opportunities="number of the opportunity")
        return style.unit_label("recency (age at the last purchase)", unit) + "; none: no repeat purchase"
    if by == "T" and discrete:
        return "opportunities in the calibration"
    what = "T (age at the end of the calibration)" if by == "T" else "time since the last purchase"
    return style.unit_label(what, _customers.time_unit(model))


def _dots(axes: Any, place: Any, actual: Any, lower: Any, upper: Any) -> None:
    axes.errorbar(
        place,
        actual,
        yerr=np.array([actual - lower, upper - actual]),
        fmt="o",
        color=style.INK,
        markersize=6,
        elinewidth=1.6,
        capsize=3,
        label="actual, 95 % interval",
    )


def calibration_chart(table: object, *, width: float = style.WIDE) -> "Figure":
    """Draw predicted and actual purchases of groups of customers, from the lowest prediction up.

    Parameters
    ----------
    table : DataFrame
        ``group``, ``customers``, ``predicted``, ``actual``, ``actual_lower`` and ``actual_upper``, as
        `crmkit.clv.calibration_table` gives them.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A bar a group as high as its mean prediction, with a dot and a whisker for what happened.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no group.

    Examples
    --------
    >>> import pandas as pd
    >>> groups = pd.DataFrame({"group": [1, 2], "customers": [50, 50], "predicted": [0.1, 0.9],
    ...                        "actual": [0.2, 0.8], "actual_lower": [0.1, 0.6], "actual_upper": [0.3, 1.0]})
    >>> calibration_chart(groups).axes[0].get_title(loc="left")
    '100 customers in 2 groups by prediction'
    """
    names = ("group", "customers", "predicted", "actual", "actual_lower", "actual_upper")
    rows = _frames.collect(_frames.scan(table, dict.fromkeys(names, "number"))).sort_values("group")
    if rows.empty:
        msg = "`table` must have at least one group to draw. Found none."
        raise DataError(msg)
    drawn, axes = style.figure(width, 3.1)
    place = np.arange(len(rows))
    axes.bar(place, rows["predicted"], width=0.7, color=style.SKY, linewidth=0, label="predicted")
    _dots(axes, place, *(rows[name].to_numpy(dtype=float) for name in names[3:]))
    step = -(-len(rows) // 20)
    axes.set_xticks(place[::step], [f"{one:g}" for one in rows["group"]][::step])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("group of customers, lowest prediction first")
    axes.set_ylabel("purchases a customer")
    customers = style.number(float(rows["customers"].sum()))
    _customers.titled(axes, f"{customers} customers in {len(rows)} groups by prediction")
    _customers.legend_above(axes, 2)
    return drawn
