"""Draw how well models of the customer base describe the data they were fitted on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit import _params
from crmkit.plot import _customers, style
from crmkit.plot._customers import COUNT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from crmkit.clv.btyd.customer_base import CustomerBaseModel

_AGES = 400  # a cohort is drawn as if its customers had at most so many different ages


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
        The last number with bars of its own holds all above it, too; 1 to 30. There are none beyond the
        number of opportunities.
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
    limit = _params.integer("highest", highest, low=1, high=30)
    age = _customers.age_column(next(iter(chosen.values())))
    table = _customers.groups(summary, ["frequency", age], chosen)
    top, more = _customers.capped(table, age, limit)
    many = np.minimum(table["frequency"].to_numpy(dtype=float), top).astype(int)
    bars: dict[str, Any] = {"actual": np.bincount(many, weights=table[COUNT], minlength=top + 1)}
    cohort = _aged(table, age, binned=not any(model.coefficients_ for model in chosen.values()))
    bars |= {name: _expected_counts(model, cohort, top) for name, model in chosen.items()}
    drawn, axes = style.figure(width, 3.1)
    _bars(axes, bars)
    _customers.ticks(axes, range(top + 1), [*map(str, range(top)), f"{top}{more}"], width)
    style.amounts(axes.yaxis)
    axes.set_xlabel("repeat purchases in the calibration")
    axes.set_ylabel("customers")
    _customers.titled(axes, _customers.counted(table[COUNT].sum(), chosen))
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
