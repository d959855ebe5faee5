"""Follow leads through stages: how many reach each one, and where the others stay or are lost.

A funnel is any list of date columns, in order: interest, desire, action; qualify, develop, propose, close.
Leads belong to the cohort of the first stage, and are counted with the rules of the ratios.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import DataError
from crmkit.metrics import _cohorts
from crmkit.stats.intervals import normal_quantile

if TYPE_CHECKING:
    import pandas as pd

_COUNTS = ("n", "previous", "reached", "implied", "open", "lost")
_RATES = ("step_rate", "step_lower", "step_upper", "overall_rate", "overall_lower", "overall_upper")
_COLUMNS = ["stage", "order", *_COUNTS, *_RATES, "method", "as_of", "excluded"]


def funnel(
    leads: FrameT,
    *,
    as_of: Any,
    stages: Sequence[str] = ("created_at", "qualified_at", "quoted_at", "won_at"),
    by: str | list[str] | None = None,
    period: str | None = None,
    confidence: float = 0.95,
) -> FrameT:
    """Count how many leads reach each stage, with the rates from stage to stage.

    Parameters
    ----------
    leads : DataFrame
        One row a lead, with the date at which it reached each stage, and, if there, `lost_at`.
    as_of : date
        The last day that counts, as a whole: what is dated later has not happened yet.
    stages : sequence of str, default ("created_at", "qualified_at", "quoted_at", "won_at")
        Two or more date columns, first stage first.
    by : str or list of str, optional
        Columns to break the funnel down by.
    period : {"day", "week", "month", "quarter", "year"}, optional
        Calendar period of the first stage to break it down by.
    confidence : float, default 0.95
        Nominal coverage of the intervals, at least 0.5 and below 1.

    Returns
    -------
    DataFrame
        One row a group and stage, of the kind of `leads`: the columns of `by`, `period` (its first day),
        `stage`, `order` (from 1), `n` (leads that entered), `previous` (that reached the stage before),
        `reached`, `implied` (of those, without a date of this stage), `open` and `lost` (of those, gone no
        further), `step_rate` (reached ÷ previous), `step_lower`, `step_upper`, `overall_rate` (reached ÷ n),
        `overall_lower`, `overall_upper`, `method`, `as_of`, `excluded` (rows left out). Sorted by group.

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
    A lead that reached a later stage has reached the earlier ones, also where their dates are missing, as
    when a sale is made without a quote; `implied` counts these. So stages never grow, and at every stage
    but the last reached = next reached + open + lost. The end of the funnel is the end: nothing is open or
    lost there. The first stage has no previous one and null step rates. Excluded are leads without a date
    of the first stage, or one after `as_of` (both in the row with a null `period`), or with a later stage or
    a loss on a day before it. A group of excluded leads only has ``n = 0`` and null rates.

    References
    ----------
    Wilson (1927), JASA 22, 209–212, for the intervals.

    Examples
    --------
    Ten leads, four opportunities, two proposals, one win:

    >>> import pandas as pd
    >>> def dates(count):
    ...     return pd.to_datetime(["2024-03-01"] * count + [None] * (10 - count))
    >>> leads = pd.DataFrame({
    ...     "created_at": dates(10), "qualified_at": dates(4), "quoted_at": dates(2), "won_at": dates(1)
    ... })
    >>> funnel(leads, as_of="2024-12-31")[["stage", "reached", "open", "step_rate", "overall_rate"]]
              stage  reached  open  step_rate  overall_rate
    0    created_at       10     6        NaN           1.0
    1  qualified_at        4     2        0.4           0.4
    2     quoted_at        2     1        0.5           0.2
    3        won_at        1     0        0.5           0.1
    """
    normal_quantile(confidence)
    steps = _params.names("stages", stages)
    if len(steps) < 2:
        _params.fail("stages", "two or more date columns", stages)
    cut = _cohorts.breakdown(as_of, by, period, adds=_COLUMNS)
    rows = _cohorts.place(leads, cut, [*steps, "lost_at"], table="leads", optional=["lost_at"])
    cells = _cohorts.count(rows, cut, _conditions(rows, steps), dated=steps[0])
    _cohorts.require_rows(cells, cut, table="leads", entered=steps[0])
    table = _rated(_long(cells, rows, steps), confidence)
    table = table.with_columns(
        excluded=nw.col("_rows") - nw.col("_placed"), as_of=_frames.moment(cut.as_of, table)
    )
    return _frames.give(table.select(*cut.keys, *_COLUMNS), like=leads, sort=[*cut.keys, "order"])


def funnel_from_counts(counts: Mapping[str, int], *, confidence: float = 0.95) -> "pd.DataFrame":
    """Compute the rates of a funnel whose stages are already counted.

    Parameters
    ----------
    counts : mapping of str to int
        Stage → how many reached it, first stage first; two or more, none larger than the one before.
    confidence : float, default 0.95
        Nominal coverage of the intervals, at least 0.5 and below 1.

    Returns
    -------
    pandas.DataFrame
        One row a stage: `stage`, `order` (from 1), `n` (that entered), `previous`, `reached`, `step_rate`,
        `step_lower`, `step_upper`, `overall_rate`, `overall_lower`, `overall_upper`, `method`.

    Raises
    ------
    DataError
        If a stage is larger than the one before.
    ParameterError
        If a count is not a whole number of at least 0, or an argument is outside its range.

    Notes
    -----
    Rates of a stage that nobody reached the one before of are null.

    References
    ----------
    Wilson (1927), JASA 22, 209–212, for the intervals.

    Examples
    --------
    >>> table = funnel_from_counts({"leads": 10, "opportunities": 4, "proposals": 2, "wins": 1})
    >>> table[["stage", "reached", "step_rate", "overall_rate"]]
               stage  reached  step_rate  overall_rate
    0          leads       10        NaN           1.0
    1  opportunities        4        0.4           0.4
    2      proposals        2        0.5           0.2
    3           wins        1        0.5           0.1
    """
    import pandas as pd

    normal_quantile(confidence)
    if not isinstance(counts, Mapping) or len(counts) < 2:
        _params.fail("counts", "a mapping of two or more stages to their counts", counts)
    reached = [_params.integer(f"counts[{stage!r}]", count, low=0) for stage, count in counts.items()]
    grown = [
        f"{stage} ({now} after {before})"
        for stage, now, before in zip(list(counts)[1:], reached[1:], reached, strict=False)
        if now > before
    ]
    if grown:
        msg = f"`counts` must not grow from stage to stage. Found {', '.join(grown)}: count the same leads."
        raise DataError(msg)
    local = pd.DataFrame({"stage": list(counts), "order": range(1, len(reached) + 1), "n": reached[0]})
    local["previous"] = pd.Series(reached).shift()
    local["reached"] = reached
    table = _rated(_frames.lazy(local), confidence)
    return _frames.collect(table.select("stage", "order", *_COUNTS[:3], *_RATES, "method"))


def _conditions(rows: nw.LazyFrame[Any], steps: list[str]) -> dict[str, nw.Expr]:
    """Say of each row which stages it reached, by a date of its own or a later one, and where it was lost."""
    placed = nw.col("_placed")
    conditions = {"_placed": placed}
    may_be_lost = "lost_at" in rows.collect_schema().names()
    for number, step in enumerate(steps, start=1):
        later = steps[number:]
        conditions[f"_reached{number}"] = placed & _cohorts.happened(step, *later)
        here = _cohorts.happened(step).fill_null(False)
        if later:
            beyond = _cohorts.happened(*later)
            conditions[f"_implied{number}"] = placed & beyond & ~here
            if may_be_lost:
                gone = [placed, here | beyond, ~beyond.fill_null(False), _cohorts.happened("lost_at")]
                conditions[f"_lost{number}"] = reduce(and_, gone)
    return conditions


def _long(cells: nw.LazyFrame[Any], rows: nw.LazyFrame[Any], steps: list[str]) -> nw.LazyFrame[Any]:
    """Turn the counts of a group, one column a stage, into one row a stage."""
    import pandas as pd

    present = cells.collect_schema().names()
    numbers = range(1, len(steps) + 1)
    local = pd.DataFrame({"stage": steps, "order": numbers})
    table = cells.join(_joins.attach(local, rows), how="cross")

    def pick(count: str, shift: int = 0) -> nw.Expr:
        chosen: nw.Expr = nw.lit(0, nw.Int64)
        for number in numbers:
            name = f"_{count}{number + shift}"
            if name in present:
                chosen = nw.when(nw.col("order") == number).then(nw.col(name)).otherwise(chosen)
        return chosen

    table = table.with_columns(
        n=nw.col("_reached1"),
        previous=nw.when(nw.col("order") > 1).then(pick("reached", -1)),
        reached=pick("reached"),
        implied=pick("implied"),
        lost=pick("lost"),
        _next=pick("reached", 1),
    )
    last = nw.col("order") == len(steps)
    stay = nw.col("reached") - nw.col("_next") - nw.col("lost")
    return table.with_columns(open=nw.when(last).then(nw.lit(0, nw.Int64)).otherwise(stay))


def _rated(table: nw.LazyFrame[Any], confidence: float) -> nw.LazyFrame[Any]:
    step, overall = _RATES[:3], _RATES[3:]
    table = _cohorts.rate(table, "reached", "previous", confidence=confidence, names=step)
    table = _cohorts.rate(table, "reached", "n", confidence=confidence, names=overall)
    return table.with_columns(method=nw.when(nw.col("n") > 0).then(nw.lit("Wilson")))
