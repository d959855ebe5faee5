"""Read customers for the pictures of models: groups with their number, and what a model is called."""

import textwrap
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.plot import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from crmkit.clv.btyd.customer_base import CustomerBaseModel
    from crmkit.clv.btyd.estimates import Estimates

COUNT = "_crmkit_customers"
DASHES: tuple[Any, ...] = ("--", (0, (1, 1)), "-.", (0, (5, 1)), (0, (3, 1, 1, 1)))  # of up to five models
# Of legends: size in points, widths in this size (a handle tells dashes from dots), inches kept free.
_LEGEND, _HANDLE, _LETTER, _MARGIN = 9, 2.6, 0.6, 0.8
_PAPERS = {
    "BetaGeoNBD": "BG/NBD",
    "ModifiedBetaGeoNBD": "MBG/NBD",
    "ParetoNBD": "Pareto/NBD",
    "BetaGeoBetaBinomial": "BG/BB",
    "ModifiedBetaGeoCNBD": "MBG/CNBD-k",
    "GammaGamma": "Gamma\u2013Gamma",
}


def named(model: "Estimates") -> str:
    """Return what papers call a model, with the end of its data."""
    until = f", data to {model.as_of_}" if model.as_of_ else ""
    return f"{_PAPERS[type(model).__name__]} fitted to {style.number(model.n_customers_)} customers{until}"


def age_column(model: "CustomerBaseModel") -> str:
    """Return the column that holds how long a customer has been one."""
    return "n_periods" if type(model).__name__ == "BetaGeoBetaBinomial" else "T"


def time_unit(model: "CustomerBaseModel", *, opportunities: str = "opportunities") -> str | None:
    """Return the plural of the model's unit of time for the label of an axis."""
    if age_column(model) == "n_periods":
        return opportunities
    return f"{model.unit_}s" if model.unit_ else None


def checked(models: "Mapping[str, CustomerBaseModel]") -> "dict[str, CustomerBaseModel]":
    """Return the models that are compared: not more than colours, of one kind of age."""
    if not isinstance(models, Mapping) or not 0 < len(models) < len(style.SERIES):
        limit = len(style.SERIES) - 1
        _params.fail("models", f"a mapping of 1 to {limit} names to fitted models", models)
    if len({age_column(model) for model in models.values()}) > 1:
        _params.fail("models", "all of customers with T, or all with n_periods", list(models))
    return dict(models)


def groups(
    frame: object, columns: Sequence[str], models: "Mapping[str, CustomerBaseModel]"
) -> "pd.DataFrame":
    """Count customers by columns of numbers, in the engine; with covariates every row stays one."""
    roles = dict.fromkeys(columns, "number") | {"weight": "number", "unit": "label"}
    given = any(model.coefficients_ for model in models.values())
    rows = _frames.scan(frame, roles, table="summary", optional=("weight", "unit"), keep=given)
    present = rows.collect_schema().names()
    weighted, keys = "weight" in present, [*columns, *(["unit"] if "unit" in present else [])]
    missing = {f"have no value in '{name}'": nw.col(name).is_null() for name in columns}
    _frames.refuse(rows, missing, table="summary")
    if given:
        table = _frames.collect(rows)
        table = table.assign(**{COUNT: table["weight"].astype(float) if weighted else 1.0})
    else:
        total = nw.col("weight").sum() if weighted else nw.len()
        counted = rows.group_by(*keys).agg(total.alias(COUNT)).sort(*keys)
        table = _frames.collect(counted).astype({COUNT: float})
    if not table[COUNT].sum() > 0:
        msg = "`summary` must have at least one customer to draw. Found none."
        raise DataError(msg)
    return table


def counted(customers: float, models: "Mapping[str, CustomerBaseModel]") -> str:
    """Say how many customers a picture shows and when their data end, if the models know."""
    known = {model.as_of_ for model in models.values()}
    until = known.pop() if len(known) == 1 else None
    return f"{style.number(customers)} customers" + (f", data to {until}" if until else "")


def titled(axes: "Axes", text: str, *, narrow: bool = False) -> None:
    """Put a small title above the axes, at the left."""
    lines = text.split("\n")
    written = "\n".join(textwrap.fill(line, 40) if narrow else line for line in lines)
    axes.set_title(written, loc="left", fontsize=9.5, color=style.INK, pad=8)


def legend_above(axes: "Axes", columns: int) -> None:
    """Put the legend between title and axes, where no data can be, in at most so many columns that fit."""
    _, labels = axes.get_legend_handles_labels()
    page: Any = axes.get_figure()
    columns = _columns(labels, columns, page.get_figwidth())
    axes.legend(
        frameon=False,
        fontsize=_LEGEND,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        borderpad=0,
        borderaxespad=0.2,
        handlelength=_HANDLE,
        columnspacing=1.2,
    )
    rows = -(-len(labels) // columns)
    axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=9.5, color=style.INK, pad=6 + 15 * rows)


def _columns(labels: Sequence[str], most: int, width: float) -> int:
    """Return how many columns of a legend, filled one after the other, fit beside an axis label."""
    for columns in range(min(most, len(labels)), 1, -1):
        longest = [max(map(len, some)) for some in np.array_split(labels, columns)]
        needed = sum(_LETTER * letters + _HANDLE + 2 for letters in longest) * _LEGEND / 72
        if needed <= width - _MARGIN:
            return columns
    return 1


def dated(axes: "Axes", first: Any, last: Any, count: int) -> None:
    """Put at most about so many ticks on an axis of dates, at months or years, in short times at days."""
    dates: Any = import_module("matplotlib.dates")  # whose calls have no types
    days = max(float((last - first) / np.timedelta64(1, "D")), 1.0)
    months = [step for step in (1, 2, 3, 6) if days / 30.4 <= step * count]
    if days < 90:
        locator, form = dates.DayLocator(interval=-int(-days // count)), "%d %b %y"
    elif months:
        locator, form = dates.MonthLocator(bymonth=range(1, 13, months[0])), "%b %y"
    else:
        locator, form = dates.YearLocator(base=-int(-days // (365 * count))), "%Y"
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.DateFormatter(form))
