"""Draw what models predicted beside what customers bought after the data that the models saw."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.plot import _customers, style
from crmkit.plot._customers import COUNT, DASHES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from crmkit.clv.btyd.customer_base import CustomerBaseModel

_Z = 1.959964


def conditional_purchases_chart(
    holdout: object,
    *,
    models: "Mapping[str, CustomerBaseModel]",
    highest: int = 7,
    width: float = style.WIDE,
) -> "Figure":
    """Draw mean purchases in the holdout by repeat purchases in the calibration, beside what models predict.

    Parameters
    ----------
    holdout : DataFrame
        One row a customer, as `crmkit.clv.holdout_summary` makes it, of any engine.
    models : mapping of str to fitted model
        Up to five models, fitted on the calibration, by the name that the legend gives them.
    highest : int, default 7
        The last number of repeat purchases holds all above it, too; 1 to 30.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A dot with its 95 % interval (normal) a number of repeat purchases, and a line a model. Under each
        number stands how many customers it has.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If rows lack a value or contradict themselves, or there are none.
    ParameterError
        If an argument is outside its range.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> table = clv.holdout_summary(
    ...     datasets.load_cdnow(sample=True), calibration_end="1997-09-30", holdout_end="1998-06-30"
    ... )
    >>> drawn = conditional_purchases_chart(table, models={"Pareto/NBD": clv.ParetoNBD().fit(table)})
    >>> drawn.axes[0].get_xticklabels()[0].get_text().split()
    ['0', '(n', '1', '411)']
    """
    chosen = _customers.checked(models)
    top = _params.integer("highest", highest, low=1, high=30)
    age = _customers.age_column(next(iter(chosen.values())))
    columns = ["frequency", "recency", age, "holdout_purchases", "holdout_duration"]
    table = _customers.groups(holdout, columns, chosen)
    group = np.minimum(table["frequency"].to_numpy(dtype=float), top).astype(int)
    weight = table[COUNT].to_numpy()
    size = np.bincount(group, weights=weight, minlength=top + 1)
    used = np.flatnonzero(size)

    def mean(values: Any) -> Any:
        return np.bincount(group, weights=weight * np.asarray(values, dtype=float))[used] / size[used]

    actual = mean(table["holdout_purchases"])
    spread = _Z * np.sqrt(np.maximum(mean(table["holdout_purchases"] ** 2) - actual**2, 0) / size[used])
    drawn, axes = style.figure(width, 3.3)
    _dots(axes, used, actual, np.maximum(actual - spread, 0), actual + spread)
    for (name, model), colour, dashes in zip(chosen.items(), style.SERIES, DASHES, strict=False):
        predicted = mean(model.expected_purchases(table, horizon="holdout_duration")["expected_purchases"])
        axes.plot(used, predicted, color=colour, linewidth=2, linestyle=dashes, label=name)
    labels = [f"{one}+" if one == top else str(one) for one in used]
    if width > 5:
        labels = [f"{one}\n(n {style.number(n)})" for one, n in zip(labels, size[used], strict=True)]
    axes.set_xticks(used, labels)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("repeat purchases in the calibration")
    axes.set_ylabel("purchases a customer\nin the holdout")
    duration = np.unique(table["holdout_duration"])
    unit = _customers.time_unit(next(iter(chosen.values()))) or "units of time"
    over = f", holdout of {style.number(float(duration[0]))} {unit}" if len(duration) == 1 else ""
    _customers.titled(axes, _customers.counted(weight.sum(), chosen) + over, narrow=width < 5)
    _customers.legend_above(axes, 2 if width < 5 else 6)
    return drawn


def _dots(axes: Any, place: Any, actual: Any, lower: Any, upper: Any) -> None:
    axes.errorbar(
        place,
        actual,
        yerr=[actual - lower, upper - actual],
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
