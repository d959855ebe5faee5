"""Estimate how long leads take to close, when some are still open and others can no longer be won.

Only open leads are censored. A lost lead is a competing outcome: taking it for censored, as one minus
Kaplan–Meier does, says that all leads would be won in the end if one waited.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import DataError
from crmkit.metrics import _cohorts
from crmkit.metrics._cohorts import Breakdown
from crmkit.periods import day_number
from crmkit.stats.intervals import normal_quantile

if TYPE_CHECKING:
    import pandas as pd

_OUTCOMES = ("won", "lost")
_EPOCH = dt.date(1970, 1, 1).toordinal()


def time_to_close(
    leads: FrameT,
    *,
    as_of: Any,
    by: str | list[str] | None = None,
    horizon_days: int | None = None,
    confidence: float = 0.95,
) -> FrameT:
    """Estimate the share of leads won and lost up to each day after they were created.

    Parameters
    ----------
    leads : DataFrame
        One row a lead: `created_at`, `won_at`, and, if there, `lost_at`.
    as_of : date
        The last day of the observation, as a whole: what is dated later has not happened yet.
    by : str or list of str, optional
        Columns to draw a curve each by.
    horizon_days : int, optional
        Last day of the curve, at least 0; all days observed when left out.
    confidence : float, default 0.95
        Nominal coverage at each day, at least 0.5 and below 1.

    Returns
    -------
    DataFrame
        One row a group, outcome and day on which a lead closed or its observation ended, of the kind of
        `leads`: the columns of `by`, `outcome` ("won", "lost"), `days` since creation, `n` (leads of the
        group), `at_risk` (open just before), `n_event`, `n_censored` (on that day), `incidence` (share with
        this outcome by then), `std_error`, `lower`, `upper`, `method`, `as_of`, `excluded`. Sorted.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a lead was closed on a day before it was created, or there is no lead to follow.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    Days are calendar days: closed on the day of creation is day 0. A lead that was lost and won later is won.
    Leads without `created_at` or created after `as_of` are excluded; a group of those only has no curve.
    Only counts by group, day and outcome leave the engine.

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5, 141–150; the intervals are those of
    :func:`crmkit.stats.survival.cumulative_incidence`.

    Examples
    --------
    Four leads were lost, then one was won: 20 % won, where one minus Kaplan–Meier would say 100 %.

    >>> import pandas as pd
    >>> day = pd.to_datetime(["2024-03-02", "2024-03-03", "2024-03-04", "2024-03-05", "2024-03-06"])
    >>> leads = pd.DataFrame({
    ...     "created_at": pd.Timestamp("2024-03-01"),
    ...     "lost_at": day.where(day.day < 6),
    ...     "won_at": day.where(day.day == 6),
    ... })
    >>> curve = time_to_close(leads, as_of="2024-12-31")
    >>> curve.loc[curve["days"] == 5, ["outcome", "days", "at_risk", "incidence"]].round(4)
      outcome  days  at_risk  incidence
    4    lost     5        1        0.8
    9     won     5        1        0.2
    """
    from crmkit.stats.survival import cumulative_incidence

    last = math.inf if horizon_days is None else _params.integer("horizon_days", horizon_days, low=0)

    def curve(cells: "pd.DataFrame") -> "pd.DataFrame":
        table = cumulative_incidence(
            cells["days"], cells["outcome"], weights=cells["cases"], causes=_OUTCOMES, confidence=confidence
        )
        table = table.rename(columns={"event": "outcome", "time": "days"}).assign(method="Aalen-Johansen")
        table["days"] = table["days"].astype("int64")
        return table[table["days"] <= last]

    columns = ["outcome", "days", "n", "at_risk", "n_event", "n_censored", "incidence", "std_error"]
    columns += ["lower", "upper", "method", "as_of", "excluded"]
    normal_quantile(confidence)
    return _by_group(leads, _cohorts.breakdown(as_of, by, adds=columns), curve, columns)


def mean_time_to_close(
    leads: FrameT,
    *,
    as_of: Any,
    horizon_days: int,
    by: str | list[str] | None = None,
    confidence: float = 0.95,
) -> FrameT:
    """Estimate the mean days to close within a horizon, corrected for leads that are still open.

    Parameters
    ----------
    leads : DataFrame
        One row a lead: `created_at`, `won_at`, and, if there, `lost_at`.
    as_of : date
        The last day of the observation, as a whole: what is dated later has not happened yet.
    horizon_days : int
        Days after creation up to which the mean is taken, at least 1.
    by : str or list of str, optional
        Columns to break the mean down by.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    DataFrame
        Three rows a group, of the kind of `leads`: the columns of `by`, `outcome` ("closed": either way, the
        open ones counting the horizon; "won", "lost": those with this outcome by the horizon), `n` (leads of
        the group), `n_event` (with this outcome by the horizon), `mean_days`, `lower`, `upper`,
        `horizon_days`, `method`, `as_of`, `excluded`. Sorted by group.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a lead was closed on a day before it was created, there is no lead to follow, or, without `by`, the
        horizon lies beyond what has been observed.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    The mean of closed leads alone would be too short: the slow ones are still open. A mean without a horizon
    would need the end of every lead. It is null in a group of `by` that has not been observed up to the
    horizon, and for an outcome that has not happened; the interval is null where one event alone decides.

    References
    ----------
    Irwin (1949), Journal of Hygiene 47, 188–189; see :func:`crmkit.stats.survival.restricted_mean`.

    Examples
    --------
    >>> import pandas as pd
    >>> start = pd.Timestamp("2024-03-01")
    >>> leads = pd.DataFrame({
    ...     "created_at": start,
    ...     "won_at": [start + pd.Timedelta(days=10), start + pd.Timedelta(days=30), pd.NaT, pd.NaT],
    ...     "lost_at": [pd.NaT, pd.NaT, start + pd.Timedelta(days=20), pd.NaT],
    ... })
    >>> table = mean_time_to_close(leads, as_of=start + pd.Timedelta(days=40), horizon_days=40)
    >>> table[["outcome", "n", "n_event", "mean_days", "lower", "upper"]].round(2)
      outcome  n  n_event  mean_days  lower  upper
    0  closed  4        3       25.0  14.04  35.96
    1    lost  4        1       20.0    NaN    NaN
    2     won  4        2       20.0   6.14  33.86
    """
    horizon = _params.integer("horizon_days", horizon_days, low=1)
    normal_quantile(confidence)
    columns = ["outcome", "n", "n_event", "mean_days", "lower", "upper", "horizon_days"]
    columns += ["method", "as_of", "excluded"]
    cut = _cohorts.breakdown(as_of, by, adds=columns)

    def means(cells: "pd.DataFrame") -> "pd.DataFrame":
        return _means(cells, horizon, confidence, grouped=bool(cut.by))

    return _by_group(leads, cut, means, columns)


def _means(cells: "pd.DataFrame", horizon: int, confidence: float, *, grouped: bool) -> "pd.DataFrame":
    """Compute the three restricted means; nan for one group of several that was not observed so long."""
    import pandas as pd

    from crmkit.stats.survival import restricted_mean

    oldest = cells["days"].max()
    is_open = cells["outcome"].isna()
    observed = horizon <= oldest or not (is_open & (cells["days"] == oldest)).any()
    rows = []
    for outcome, cause in (("closed", None), ("won", "won"), ("lost", "lost")):
        within = (cells["days"] <= horizon) & (~is_open if cause is None else cells["outcome"] == cause)
        row = {"outcome": outcome, "n_event": int(cells["cases"][within].sum())}
        ends = dict.fromkeys(("mean_days", "lower", "upper"), math.nan)
        if observed or not grouped:
            mean = restricted_mean(
                cells["days"],
                cells["outcome"],
                weights=cells["cases"],
                cause=cause,
                horizon=horizon,
                confidence=confidence,
            )
            ends = {"mean_days": mean.estimate, "lower": mean.lower, "upper": mean.upper}
        rows.append({**row, **ends})
    return pd.DataFrame(rows).assign(horizon_days=horizon, method="restricted mean")


def _by_group(
    leads: FrameT, cut: Breakdown, estimate: "Callable[[pd.DataFrame], pd.DataFrame]", columns: list[str]
) -> FrameT:
    """Count leads by group, day and outcome in the engine, estimate each group in Python, give it back."""
    import pandas as pd

    roles = {"created_at": "date", "won_at": "date", "lost_at": "date"}
    labels = dict.fromkeys(cut.by, "label")
    rows = _frames.scan(leads, {**labels, **roles}, table="leads", optional=["lost_at"])
    cells = _frames.collect(_cells(rows, cut))
    _check(cells, cut)
    tables = []
    for keys, group in _groups(cells, cut.by):
        placed = group[group["outcome"] != "excluded"]
        placed = placed.assign(outcome=placed["outcome"].where(placed["outcome"] != "open", None))
        if not placed.empty:
            excluded = int(group["cases"].sum() - placed["cases"].sum())
            counts = {"n": int(placed["cases"].sum()), "excluded": excluded}
            tables.append(estimate(placed).assign(**keys, **counts, as_of=pd.Timestamp(cut.as_of)))
    local = pd.concat(tables, ignore_index=True)[[*cut.by, *columns]]
    order = [*cut.by, "outcome", *(["days"] if "days" in columns else [])]
    return _frames.give(_joins.attach(local, rows, typed=cut.by), like=leads, sort=order)


def _cells(rows: nw.LazyFrame[Any], cut: Breakdown) -> nw.LazyFrame[Any]:
    """Count the leads by group, days from creation to the end of observation, and outcome."""
    placed = cut.passed("created_at", rows).fill_null(False)
    end = nw.lit(cut.as_of.toordinal() - _EPOCH, nw.Int64)
    outcome = nw.lit("open")
    for name in ("lost", "won"):  # a lead lost and won later is won
        if f"{name}_at" in rows.collect_schema().names():
            past = cut.passed(f"{name}_at", rows)
            end = nw.when(past).then(day_number(nw.col(f"{name}_at"))).otherwise(end)
            outcome = nw.when(past).then(nw.lit(name)).otherwise(outcome)
    marked = rows.select(
        *cut.by,
        days=nw.when(placed).then(end - day_number(nw.col("created_at"))),
        outcome=nw.when(placed).then(outcome).otherwise(nw.lit("excluded")),
    )
    return marked.group_by([*cut.by, "days", "outcome"]).agg(nw.len().alias("cases"))


def _check(cells: "pd.DataFrame", cut: Breakdown) -> None:
    leads, early = cells["cases"].sum(), cells.loc[cells["days"] < 0, "cases"].sum()
    if not (cells["outcome"] != "excluded").any():
        _cohorts.refuse(int(leads), cut, table="leads", entered="created_at")
    if early:
        msg = (
            f"`leads` must be closed after they are created. Found {early} of {leads} rows closed on a day "
            "before created_at: correct or filter these rows first."
        )
        raise DataError(msg)


def _groups(cells: "pd.DataFrame", by: list[str]) -> "Iterator[tuple[dict[str, Any], pd.DataFrame]]":
    if not by:
        yield {}, cells
        return
    for keys, group in cells.groupby(by, dropna=False, sort=False):
        yield dict(zip(by, keys, strict=True)), group
