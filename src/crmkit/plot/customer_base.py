"""Draw how well models of the customer base fit: purchases over time, their distribution, and the holdout."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.plot import _customers, style
from crmkit.plot._customers import COUNT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from crmkit.clv.btyd.customer_base import CustomerBaseModel

_AGES = 400  # a cohort is drawn as if its customers had at most so many different ages
_Z = 1.959964
_DASHES: tuple[Any, ...] = ("--", (0, (1, 1)), "-.", (0, (5, 1)), (0, (3, 1, 1, 1)))
_TRACKED = ("actual", "expected", "actual_cumulative", "expected_cumulative")


def tracking_chart(
    tracked: object,
    *,
    cumulative: bool = False,
    period: str = "week",
    width: float = style.WIDE,
) -> "Figure":
    """Draw the repeat purchases of a cohort over time beside what models expected.

    Parameters
    ----------
    tracked : DataFrame or mapping of str to DataFrame
        ``period_end``, ``in_holdout``, ``actual``, ``expected`` and the two ``…_cumulative``, as
        `crmkit.clv.tracking` gives them; for several models of the same orders name → table.
    cumulative : bool, default False
        Whether to add the purchases up since the start.
    period : str, default "week"
        What a row stands for, for the axis.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A line of what happened, a broken line a model, and a line where the calibration ends.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a table has no rows.
    ParameterError
        If there is no table, or more than five.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> orders = datasets.load_cdnow(sample=True)
    >>> model = clv.ParetoNBD().fit(clv.summarize(orders, as_of="1997-09-30", after="drop"))
    >>> tracked = clv.tracking(orders, model=model, calibration_end="1997-09-30", holdout_end="1998-06-30")
    >>> tracking_chart(tracked, cumulative=True).axes[0].get_ylabel()
    'repeat purchases since the start'
    """
    added = "_cumulative" if _params.flag("cumulative", cumulative) else ""
    tables = _tracked(tracked)
    first = next(iter(tables.values()))
    drawn, axes = style.figure(width, 3.1)
    when = first["period_end"].to_numpy()
    axes.plot(when, first[f"actual{added}"], color=style.SOFT, linewidth=1.6, label="actual")
    for (name, table), colour, dashes in zip(tables.items(), style.SERIES, _DASHES, strict=False):
        axes.plot(
            table["period_end"],
            table[f"expected{added}"],
            color=colour,
            linewidth=2,
            linestyle=dashes,
            label=name,
        )
    top = max(float(table[[f"actual{added}", f"expected{added}"]].max().max()) for table in tables.values())
    axes.set_ylim(0, 1.08 * top or 1)
    seen = first.loc[~first["in_holdout"].astype(bool), "period_end"]
    title = "repeat purchases of the cohort"
    if 0 < len(seen) < len(first):
        end = seen.iloc[-1]
        axes.axvline(end, color=style.ORANGE, linewidth=1.2)
        title += f", calibration to {end:%Y-%m-%d} and holdout to {first['period_end'].iloc[-1]:%Y-%m-%d}"
        axes.annotate(
            "holdout",
            (end, 1),
            xycoords=("data", "axes fraction"),
            xytext=(5, -3),
            textcoords="offset points",
            va="top",
            fontsize=9,
            color=style.ORANGE,
        )
    _customers.dated(axes, when[0], when[-1], 4 if width < 5 else 8)
    style.amounts(axes.yaxis)
    axes.set_ylabel("repeat purchases since the start" if added else f"repeat purchases a {period}")
    _customers.titled(axes, title, narrow=width < 5)
    _customers.legend_above(axes, 2 if width < 5 else 6)
    return drawn


def _tracked(tracked: object) -> "dict[str, pd.DataFrame]":
    given = tracked if isinstance(tracked, Mapping) else {"expected": tracked}
    if not 0 < len(given) <= len(_DASHES):
        _params.fail("tracked", f"a table or 1 to {len(_DASHES)} of them", tracked)
    roles = {"period_end": "date", "in_holdout": "flag", **dict.fromkeys(_TRACKED, "number")}
    tables = {}
    for name, one in given.items():
        table = _frames.collect(_frames.scan(one, roles)).sort_values("period_end")
        if table.empty:
            msg = "`tracked` must have at least one period to draw. Found none."
            raise DataError(msg)
        tables[name] = table
    return tables


def purchase_counts_chart(
    summary: object,
    *,
    models: "Mapping[str, CustomerBaseModel]",
    highest: int = 7,
    width: float = style.WIDE,
) -> "Figure":
    """Draw how many customers made 0, 1, 2, … repeat purchases, beside how many models expect to.

    Parameters
    ----------
    summary : DataFrame
        One row a customer, as the models were fitted on, of any engine.
    models : mapping of str to fitted model
        Up to five models by the name that the legend gives them.
    highest : int, default 7
        The last number with bars of its own holds all above it, too; 1 to 30.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A group of bars a number: what happened, then each model.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If rows lack a value or there are none.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    A model expects of a customer what it expects of a new one in the time since the first purchase; that says
    whether it describes the data it was fitted on, not whether it predicts.

    Examples
    --------
    Of CDNOW's 2 357 customers 1 411 did not come back; BG/NBD expects that of 1 408.

    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> drawn = purchase_counts_chart(summary, models={"BG/NBD": clv.BetaGeoNBD().fit(summary)})
    >>> [round(bars[0].get_height()) for bars in drawn.axes[0].containers]
    [1411, 1408]
    """
    chosen = _customers.checked(models)
    top = _params.integer("highest", highest, low=1, high=30)
    age = _customers.age_column(next(iter(chosen.values())))
    table = _customers.groups(summary, ["frequency", age], chosen)
    many = np.minimum(table["frequency"].to_numpy(dtype=float), top).astype(int)
    bars: dict[str, Any] = {"actual": np.bincount(many, weights=table[COUNT], minlength=top + 1)}
    cohort = _aged(table, age, binned=not any(model.coefficients_ for model in chosen.values()))
    bars |= {name: _expected_counts(model, cohort, top) for name, model in chosen.items()}
    drawn, axes = style.figure(width, 3.1)
    _bars(axes, bars)
    axes.set_xticks(range(top + 1), [*map(str, range(top)), f"{top}+"])
    style.amounts(axes.yaxis)
    axes.set_xlabel("repeat purchases in the calibration")
    axes.set_ylabel("customers")
    _customers.titled(axes, _of(table[COUNT].sum(), chosen))
    _customers.legend_above(axes, 2 if width < 5 else 6)
    return drawn


def _aged(table: "pd.DataFrame", age: str, *, binned: bool) -> "pd.DataFrame":
    """Turn customers into new ones with their age as horizon, in few groups of nearly the same age."""
    import pandas as pd

    ages = table[age].to_numpy(dtype=float)
    if not binned:
        return table.assign(frequency=0, recency=0.0, **{age: 0.0}, _crmkit_time=ages)
    place = pd.factorize(ages)[0]
    if place.max() >= _AGES:
        place = pd.factorize(((ages - ages.min()) / np.ptp(ages) * (_AGES - 1)).astype(int))[0]
    weight = table[COUNT].to_numpy()
    total = np.bincount(place, weights=weight)
    middle = np.bincount(place, weights=weight * ages) / np.where(total > 0, total, 1)
    whole = bool((ages == np.floor(ages)).all())
    time = np.round(middle) if whole else middle
    unit = {"unit": table["unit"].iloc[0]} if "unit" in table else {}
    return pd.DataFrame(
        {"frequency": 0, "recency": 0.0, age: 0.0, "_crmkit_time": time, COUNT: total, **unit}
    )


def _expected_counts(model: "CustomerBaseModel", cohort: "pd.DataFrame", top: int) -> Any:
    """Sum over the customers the probabilities of 0, 1, …, top − 1 and more repeat purchases."""
    found = model.purchase_distribution(cohort, horizon="_crmkit_time", highest=top)
    mass = found["probability"].to_numpy() * found[COUNT].to_numpy()
    counts: Any = np.bincount(found["purchases"].to_numpy(dtype=int), weights=mass, minlength=top + 1)
    counts[top] = cohort[COUNT].sum() - counts[:top].sum()
    return counts


def _bars(axes: Any, bars: Mapping[str, Any]) -> None:
    """Draw groups of bars side by side, the first in grey."""
    colours = [style.RULE, *style.SERIES]
    size = 0.8 / len(bars)
    for number, (name, heights) in enumerate(bars.items()):
        place = np.arange(len(heights)) + (number - (len(bars) - 1) / 2) * size
        edge = {"edgecolor": style.SOFT, "linewidth": 0.8} if number == 0 else {"linewidth": 0}
        axes.bar(place, heights, width=size * 0.94, color=colours[number], label=name, **edge)


def _of(customers: float, models: "Mapping[str, CustomerBaseModel]") -> str:
    """Say how many customers a picture shows and when their data end, if the models know."""
    known = {model.as_of_ for model in models.values()}
    until = known.pop() if len(known) == 1 else None
    return f"{style.number(customers)} customers" + (f", data to {until}" if until else "")


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
    for (name, model), colour, dashes in zip(chosen.items(), style.SERIES, _DASHES, strict=False):
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
    _customers.titled(axes, _of(weight.sum(), chosen) + over, narrow=width < 5)
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
