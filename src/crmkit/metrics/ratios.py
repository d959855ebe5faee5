"""Divide sales by what they came from: lead to qualified, lead to close, quote to close.

All three are one calculation with other dates: rows enter (a lead is created, a quote is sent), some count in
the base, and to some of those the event happens. A definition names these dates; one skeleton does the rest.

"The same period" has two readings. With ``basis="cohort"`` the rows that entered in a period are followed to
`as_of`; the ratio of a young cohort can still rise, by its `open` rows at most. With ``basis="period"`` the
events dated in a period are divided by the bases dated in it, whichever rows they are.
"""

from dataclasses import dataclass
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.metrics import _cohorts
from crmkit.metrics._cohorts import Breakdown
from crmkit.stats.intervals import normal_quantile


@dataclass(frozen=True, slots=True)
class _Definition:
    """Which dates make a ratio."""

    table: str
    entered: str  # places a row in its cohort
    base: str  # makes it count in the denominator
    event: str  # makes it count in the numerator
    counted: str  # column of the numerator
    ends: tuple[str, ...]  # settle a row without the event; columns that may be absent


def lead_to_qualified(
    leads: FrameT,
    *,
    as_of: Any,
    by: str | list[str] | None = None,
    period: str | None = None,
    basis: str = "cohort",
    confidence: float = 0.95,
) -> FrameT:
    """Compute the share of leads that sales accepted (SQL ÷ leads).

    Parameters
    ----------
    leads : DataFrame
        One row a lead: `created_at`, `qualified_at`, and, if there, `won_at` and `lost_at`.
    as_of : date
        The last day that counts, as a whole: what is dated later has not happened yet.
    by : str or list of str, optional
        Columns to break the ratio down by: channel, campaign, region, salesperson, any other.
    period : {"day", "week", "month", "quarter", "year"}, optional
        Calendar period to break it down by.
    basis : {"cohort", "period"}, default "cohort"
        Cohort: of the leads created in the period, how many were qualified up to `as_of`. Period: how many
        leads were qualified in the period, divided by how many were created in it.
    confidence : float, default 0.95
        Nominal coverage of the interval, at least 0.5 and below 1.

    Returns
    -------
    DataFrame
        One row a group, of the kind of `leads`: the columns of `by`, `period` (its first day), `n` (leads),
        `qualified`, `open` (of `n`: neither qualified, won nor lost yet), `ratio` (0.25 is 25 %), `lower`,
        `upper`, `method` of the interval, `as_of` and `excluded` (rows left out). Sorted by group.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no row to count, for example because `as_of` is before the data.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    Excluded are leads without `created_at`, created after `as_of`, or with an event on a day before they were
    created. They stand in the period of the date that the base is counted by, and in a row with a null
    `period` where that date is missing or after `as_of`. A null in a `by` column is a group of its own.
    No lead in a group gives null with ``n = 0``. On the basis "period" the ratio may exceed one, and has no
    interval then; below one its interval treats the two counts as cases of one base, which is approximate.
    Periods without any lead or event have no row.

    References
    ----------
    Wilson (1927), JASA 22, 209–212, for the interval.

    Examples
    --------
    Of 1 000 leads 250 were qualified:

    >>> import pandas as pd
    >>> day = pd.Timestamp("2024-03-01")
    >>> leads = pd.DataFrame({"created_at": day, "qualified_at": [day] * 250 + [pd.NaT] * 750})
    >>> table = lead_to_qualified(leads, as_of="2024-03-31")
    >>> table[["n", "qualified", "open", "ratio", "lower", "upper"]].round(4)
          n  qualified  open  ratio   lower   upper
    0  1000        250   750   0.25  0.2242  0.2778
    """
    definition = _Definition(
        "leads", "created_at", "created_at", "qualified_at", "qualified", ("won_at", "lost_at")
    )
    return _tabulate(leads, definition, (as_of, by, period), basis, confidence)


def lead_to_close(
    leads: FrameT,
    *,
    as_of: Any,
    by: str | list[str] | None = None,
    period: str | None = None,
    basis: str = "cohort",
    lead_base: str = "generated",
    confidence: float = 0.95,
) -> FrameT:
    """Compute the share of leads that became a sale.

    Parameters
    ----------
    leads : DataFrame
        One row a lead: `created_at`, `won_at`, `qualified_at` when it is the base, and, if there, `lost_at`.
    as_of : date
        The last day that counts, as a whole: what is dated later has not happened yet.
    by : str or list of str, optional
        Columns to break the ratio down by: channel, campaign, region, salesperson, any other.
    period : {"day", "week", "month", "quarter", "year"}, optional
        Calendar period to break it down by.
    basis : {"cohort", "period"}, default "cohort"
        Cohort: of the leads created in the period, how many were won up to `as_of`. Period: how many were
        won in the period, divided by how many were created (or qualified) in it.
    lead_base : {"generated", "qualified"}, default "generated"
        What is divided by: all leads, or those that were qualified; then only their sales count.
    confidence : float, default 0.95
        Nominal coverage of the interval, at least 0.5 and below 1.

    Returns
    -------
    DataFrame
        One row a group, of the kind of `leads`: the columns of `by`, `period` (its first day), `n` (leads),
        `closed` (won), `open` (of `n`: neither won nor lost yet), `ratio` (0.1 is 10 %), `lower`, `upper`,
        `method` of the interval, `as_of` and `excluded` (rows left out). Sorted by group.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no row to count, for example because `as_of` is before the data.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    A cohort is made of the leads created in a period, with either `lead_base`. Within one cohort, and if
    every sale was qualified first, the ratio on the qualified base is never the smaller one. What is
    excluded, null and without interval is as in :func:`lead_to_qualified`. A lead lost and won later is won.

    References
    ----------
    Wilson (1927), JASA 22, 209–212, for the interval.

    Examples
    --------
    Ten leads, four of which were qualified, ended in one sale:

    >>> import pandas as pd
    >>> day = pd.Timestamp("2024-03-01")
    >>> leads = pd.DataFrame(
    ...     {"created_at": day, "qualified_at": [day] * 4 + [None] * 6, "won_at": [day] + [None] * 9}
    ... ).astype("datetime64[us]")
    >>> for base in ("generated", "qualified"):
    ...     table = lead_to_close(leads, as_of="2024-03-31", lead_base=base)
    ...     print(table[["n", "closed", "ratio"]].to_string(index=False, header=False))
    10  1  0.1
     4  1  0.25
    """
    _params.choice("lead_base", lead_base, ("generated", "qualified"))
    base = "created_at" if lead_base == "generated" else "qualified_at"
    definition = _Definition("leads", "created_at", base, "won_at", "closed", ("lost_at",))
    return _tabulate(leads, definition, (as_of, by, period), basis, confidence)


def quote_to_close(
    quotes: FrameT,
    *,
    as_of: Any,
    by: str | list[str] | None = None,
    period: str | None = None,
    basis: str = "cohort",
    confidence: float = 0.95,
) -> FrameT:
    """Compute the share of formal quotes that became a sale.

    Parameters
    ----------
    quotes : DataFrame
        One row a quote: `quoted_at`, `won_at`, and, if there, `lost_at`.
    as_of : date
        The last day that counts, as a whole: what is dated later has not happened yet.
    by : str or list of str, optional
        Columns to break the ratio down by: salesperson, a price band, any other.
    period : {"day", "week", "month", "quarter", "year"}, optional
        Calendar period to break it down by.
    basis : {"cohort", "period"}, default "cohort"
        Cohort: of the quotes sent in the period, how many were won up to `as_of`. Period: how many were won
        in the period, divided by how many were sent in it.
    confidence : float, default 0.95
        Nominal coverage of the interval, at least 0.5 and below 1.

    Returns
    -------
    DataFrame
        One row a group, of the kind of `quotes`: the columns of `by`, `period` (its first day), `n` (quotes),
        `closed` (won), `open` (of `n`: neither won nor lost yet), `ratio` (0.5 is 50 %), `lower`, `upper`,
        `method` of the interval, `as_of` and `excluded` (rows left out). Sorted by group.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there is no row to count, for example because `as_of` is before the data.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    What is excluded, null and without interval is as in :func:`lead_to_qualified`, with `quoted_at` in the
    place of `created_at`.

    References
    ----------
    Wilson (1927), JASA 22, 209–212, for the interval.

    Examples
    --------
    Cut the amounts into bands to see what the price does:

    >>> import pandas as pd
    >>> sent, won = pd.Timestamp("2024-03-01"), pd.Timestamp("2024-03-20")
    >>> quotes = pd.DataFrame({
    ...     "quoted_at": sent, "amount": [800, 900, 950, 990, 2500, 2800, 4000, 4500],
    ...     "won_at": [won, won, won, None, won, None, None, None]
    ... })
    >>> bands = pd.cut(quotes["amount"], [0, 1000, 5000], labels=["to 1000", "to 5000"])
    >>> table = quote_to_close(quotes.assign(price_band=bands), as_of="2024-04-30", by="price_band")
    >>> table[["price_band", "n", "closed", "ratio"]]
      price_band  n  closed  ratio
    0    to 1000  4       3   0.75
    1    to 5000  4       1   0.25
    """
    definition = _Definition("quotes", "quoted_at", "quoted_at", "won_at", "closed", ("lost_at",))
    return _tabulate(quotes, definition, (as_of, by, period), basis, confidence)


def _tabulate(
    frame: FrameT,
    definition: _Definition,
    asked: tuple[Any, str | list[str] | None, str | None],
    basis: str,
    confidence: float,
) -> FrameT:
    """Count, divide and describe: the skeleton of the three ratios."""
    normal_quantile(confidence)
    _params.choice("basis", basis, ("cohort", "period"))
    columns = ["n", definition.counted, "open", "ratio", "lower", "upper", "method", "as_of", "excluded"]
    cut = _cohorts.breakdown(*asked, adds=columns)
    dates = dict.fromkeys((definition.entered, definition.base, definition.event, *definition.ends))
    rows = _cohorts.place(frame, cut, list(dates), table=definition.table, optional=definition.ends)
    cells = _count(rows, definition, cut, basis)
    _cohorts.require_rows(cells, cut, table=definition.table, entered=definition.entered)
    names = ("ratio", "lower", "upper")
    rated = _cohorts.rate(cells, definition.counted, "n", confidence=confidence, names=names)
    result = rated.with_columns(
        open=nw.col("n") - nw.col("_settled"),
        excluded=nw.col("_rows") - nw.col("_placed"),
        as_of=_frames.moment(cut.as_of, rated),
        method=nw.when(~nw.col("lower").is_null()).then(nw.lit("Wilson")),
    )
    return _frames.give(result.select(*cut.keys, *columns), like=frame, sort=cut.keys)


def _count(rows: nw.LazyFrame[Any], definition: _Definition, cut: Breakdown, basis: str) -> nw.LazyFrame[Any]:
    """Count bases and events by group: in one table by cohort, or in two by their own periods."""
    ends = [end for end in definition.ends if end in rows.collect_schema().names()]
    placed, counted = nw.col("_placed"), definition.counted
    based = placed if definition.base == definition.entered else placed & _cohorts.happened(definition.base)
    event = based & _cohorts.happened(definition.event)
    of_base = {
        "n": based,
        "_settled": based & _cohorts.happened(definition.event, *ends),
        "_placed": placed,
    }
    if basis == "cohort" or cut.period is None:
        return _cohorts.count(rows, cut, {**of_base, counted: event}, dated=definition.entered)
    no, yes = nw.lit(False), nw.lit(True)
    of_event = {"n": no, "_settled": no, "_placed": yes, counted: yes}
    parts = [
        _cohorts.count(rows, cut, {**of_base, counted: no}, dated=definition.base),
        _cohorts.count(rows.filter(event), cut, of_event, dated=definition.event),
    ]
    # A row that never reached the base has no period on this basis: it leaves neither base nor event.
    some = (nw.col("n") > 0) | (nw.col(counted) > 0) | (nw.col("_rows") > nw.col("_placed"))
    return _cohorts.add_up(parts, cut).filter(some)
