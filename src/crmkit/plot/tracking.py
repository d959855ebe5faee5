"""Draw the purchases of a cohort over time beside what models expected."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from crmkit import _frames, _params, periods
from crmkit.errors import DataError
from crmkit.plot import _customers, style
from crmkit.plot._customers import DASHES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRACKED = ("actual", "expected", "actual_cumulative", "expected_cumulative")
_NEAR = 0.09  # relative: months have 28 to 31 days


def tracking_chart(
    tracked: object,
    *,
    cumulative: bool = False,
    period: str | None = None,
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
    period : str, optional
        What a row stands for, such as "week"; None reads it from the days between the ends of the periods.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A line of what happened, a broken line a model, and a line at the end of the last period that lies in
        the calibration as a whole.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a table has no rows.
    ParameterError
        If there is no table, more than five, or their periods are of different lengths.

    Notes
    -----
    A period that the end of the calibration cuts in two counts as holdout, as in the table. The table does
    not hold that end itself: the dates of the title are those of the last whole periods before and after it.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> orders = datasets.load_cdnow(sample=True)
    >>> model = clv.ParetoNBD().fit(clv.summarize(orders, as_of="1997-09-30", after="drop"))
    >>> tracked = clv.tracking(orders, model=model, calibration_end="1997-09-30", holdout_end="1998-06-30")
    >>> tracking_chart(tracked).axes[0].get_ylabel()
    'repeat purchases a week'
    """
    added = "_cumulative" if _params.flag("cumulative", cumulative) else ""
    tables = _tracked(tracked)
    word = _period(tables) if period is None else period
    first = next(iter(tables.values()))
    drawn, axes = style.figure(width, 3.1)
    when = first["period_end"].to_numpy()
    axes.plot(when, first[f"actual{added}"], color=style.SOFT, linewidth=1.6, label="actual")
    for (name, table), colour, dashes in zip(tables.items(), style.SERIES, DASHES, strict=False):
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
    _customers.dated(axes, when[0], when[-1], 4 if width < 5 else 8)
    style.amounts(axes.yaxis)
    axes.set_ylabel("repeat purchases since the start" if added else f"repeat purchases a {word}")
    title = f"repeat purchases of the cohort{_marked(axes, first, word)}"
    _customers.titled(axes, title, narrow=width < 5)
    _customers.legend_above(axes, 2 if width < 5 else 6)
    return drawn


def _marked(axes: "Axes", table: "pd.DataFrame", period: str) -> str:
    """Mark where the calibration's last whole period ends, and say so for the title."""
    seen = table.loc[~table["in_holdout"].astype(bool), "period_end"]
    if not 0 < len(seen) < len(table):
        return ""
    end = seen.iloc[-1]
    axes.axvline(end, color=style.ORANGE, linewidth=1.2)
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
    last = table["period_end"].iloc[-1]
    return f"; calibration in whole {period}s to {end:%Y-%m-%d}, holdout to {last:%Y-%m-%d}"


def _period(tables: "Mapping[str, pd.DataFrame]") -> str:
    """Return what a row stands for by the days between the ends of the periods, the same in all tables."""
    found = {}
    for name, table in tables.items():
        apart = np.diff(table["period_end"].to_numpy()) / np.timedelta64(1, "D")
        days = float(np.median(apart)) if len(apart) else np.nan
        near = (unit for unit, length in periods.DAYS.items() if abs(days / length - 1) < _NEAR)
        found[name] = next(near, "period")
    if len(set(found.values())) > 1:
        _params.fail("tracked", "tables with periods of one length", found)
    return found.popitem()[1]


def _tracked(tracked: object) -> "dict[str, pd.DataFrame]":
    given = tracked if isinstance(tracked, Mapping) else {"expected": tracked}
    if not 0 < len(given) <= len(DASHES):
        _params.fail("tracked", f"a table or 1 to {len(DASHES)} of them", tracked)
    roles = {"period_end": "date", "in_holdout": "flag", **dict.fromkeys(_TRACKED, "number")}
    tables = {}
    for name, one in given.items():
        table = _frames.collect(_frames.scan(one, roles)).sort_values("period_end")
        if table.empty:
            msg = "`tracked` must have at least one period to draw. Found none."
            raise DataError(msg)
        tables[name] = table
    return tables
