"""Read customers for the pictures of models: groups with their number, and what a model is called."""

import itertools
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
    from matplotlib.legend import Legend

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


def stretch(model: "CustomerBaseModel", length: float) -> str:
    """Write a length of time in the model's unit, as "39 weeks" and "1 week"."""
    unit = time_unit(model) or "units of time"
    one = {"opportunities": "opportunity", "units of time": "unit of time"}.get(unit, unit.removesuffix("s"))
    return f"{style.number(length)} {one if length == 1 else unit}"


def required(model: "CustomerBaseModel", covariates: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the value of each covariate of a model, all of them and no others."""
    wanted = model._asked().covariates
    known = dict(covariates) if isinstance(covariates, Mapping) else {}
    if set(known) != set(wanted) or not isinstance(covariates, Mapping | None):
        values = (
            f"a mapping with each covariate of the model, {{{', '.join(f'{one!r}: …' for one in wanted)}}}"
        )
        _params.fail("covariates", values if wanted else "None, as the model has no covariates", covariates)
    return known


def compared(models: Mapping[str, Any]) -> dict[str, Any]:
    """Return the models that are compared: not more than colours."""
    if not isinstance(models, Mapping) or not 0 < len(models) < len(style.SERIES):
        limit = len(style.SERIES) - 1
        _params.fail("models", f"a mapping of 1 to {limit} names to fitted models", models)
    return dict(models)


def checked(models: "Mapping[str, CustomerBaseModel]") -> "dict[str, CustomerBaseModel]":
    """Return the models that are compared: of one kind of age."""
    chosen = compared(models)
    if len({age_column(model) for model in chosen.values()}) > 1:
        _params.fail("models", "all of customers with T, or all with n_periods", list(chosen))
    return chosen


def groups(
    frame: object, columns: Sequence[str], models: "Mapping[str, CustomerBaseModel]"
) -> "pd.DataFrame":
    """Count customers by columns of numbers, in the engine; with covariates every row stays one."""
    roles = dict.fromkeys(columns, "number") | {"weight": "number", "unit": "label"}
    given = any(model.coefficients_ for model in models.values())
    rows = _frames.scan(frame, roles, table="summary", optional=("weight", "unit"), keep=given)
    present = rows.collect_schema().names()
    weighted, keys = "weight" in present, [*columns, *(["unit"] if "unit" in present else [])]
    wrong = {f"have no value in '{name}'": nw.col(name).is_null() for name in columns}
    wrong |= {f"have a negative '{name}'": nw.col(name) < 0 for name in columns}
    _frames.refuse(rows, wrong, table="summary")
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


def capped(table: "pd.DataFrame", age: str, highest: int) -> tuple[int, str]:
    """Return the last number of purchases with a group of its own, and a plus if there can be more."""
    most = float(table[age].max()) if age == "n_periods" else np.inf
    return int(min(most, highest)), "+" if most > highest else ""


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


def legend_above(axes: "Axes", columns: int) -> "Legend":
    """Put the legend between title and axes, where no data can be, in at most so many columns that fit."""
    _, labels = axes.get_legend_handles_labels()
    page: Any = axes.get_figure()
    columns = _columns(labels, columns, page.get_figwidth())
    legend = axes.legend(
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
    return legend


def _columns(labels: Sequence[str], most: int, width: float) -> int:
    """Return how many columns of a legend, filled one after the other, fit beside an axis label."""
    for columns in range(min(most, len(labels)), 1, -1):
        longest = [max(map(len, some)) for some in np.array_split(labels, columns)]
        needed = sum(_LETTER * letters + _HANDLE + 2 for letters in longest) * _LEGEND / 72
        if needed <= width - _MARGIN:
            return columns
    return 1


def overlapping(places: Sequence[float], labels: Sequence[str], width: float) -> bool:
    """Say whether labels below an axis of numbers would touch."""
    return len(_apart(places, labels, width)) < len(labels)


def ticks(axes: "Axes", places: Sequence[float], labels: Sequence[str], width: float) -> None:
    """Put labels below an axis of numbers, as many as do not touch, the last one always."""
    kept = _apart(places, labels, width)
    axes.set_xticks([places[one] for one in kept], [labels[one] for one in kept])


def _apart(places: Sequence[float], labels: Sequence[str], width: float) -> list[int]:
    """Choose every label, every second one, … so that none touch; the last one always."""
    inch = (width - _MARGIN) / (places[-1] - places[0] + 1)
    half = [(_LETTER * max(map(len, label.split("\n"))) + 0.8) * _LEGEND / 144 for label in labels]

    def free(one: int, other: int) -> bool:
        return (places[other] - places[one]) * inch >= half[one] + half[other]

    last = len(labels) - 1
    for step in range(1, last + 1):
        kept = [*(one for one in range(0, last, step) if free(one, last)), last]
        if all(free(one, other) for one, other in itertools.pairwise(kept)):
            return kept
    return [last]


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
