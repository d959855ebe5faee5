"""Split orders in time: what customers did up to a date, and what they bought after it."""

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from crmkit import _frames, _params, periods
from crmkit._frames import FrameT
from crmkit.clv import _cohort
from crmkit.clv._valuer import customer_model
from crmkit.clv.summary import measures
from crmkit.tables import _occasions

if TYPE_CHECKING:
    from crmkit.clv.btyd.customer_base import CustomerBaseModel


def holdout_summary(
    orders: FrameT,
    *,
    calibration_end: object,
    holdout_end: object,
    unit: str = "week",
    merge: str = "day",
    returns: str = "net",
    monetary: bool = True,
) -> FrameT:
    """Summarise purchases up to a date, beside what each customer bought in the time after it.

    Parameters
    ----------
    orders : DataFrame
        An orders table: ``customer_id``, ``order_date`` and ``amount``, of any engine.
    calibration_end : date, datetime or ISO text
        The last day that a model may see; it counts as a whole.
    holdout_end : date, datetime or ISO text
        The last day of the time after it; later rows are left out.
    unit : {"day", "week", "month", "quarter", "year"}, default "week"
        Unit of time of ``recency``, ``T`` and ``holdout_duration``.
    merge : {"day", "week", "month", "quarter", "year"}, default "day"
        Purchases of one customer in one such period are one.
    returns : {"net", "drop", "keep"}, default "net"
        What rows with a negative amount do, as in `summarize`.
    monetary : bool, default True
        Whether to read ``amount``. Without it no return can be told from a purchase.

    Returns
    -------
    DataFrame
        The same kind of frame: the columns of `summarize` at `calibration_end`, ``holdout_purchases``,
        ``holdout_duration`` (in units) and, unless left out, ``holdout_monetary_value`` (mean amount of the
        ``holdout_purchases``; 0 where there is none). Customers who first bought later have no row.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range, or the holdout ends before it begins.
    DataError
        If a row lacks a customer, a date or a finite amount, or none is in the calibration.

    Notes
    -----
    The rows after `calibration_end` make occasions of their own, as in lifetimes: a period of `merge` that
    the date cuts in two is merged, and netted of returns, on either side. ``holdout_purchases`` times
    ``holdout_monetary_value`` is what a customer's purchases of the holdout brought; the mean is that of
    occasions, where lifetimes takes that of rows.

    Examples
    --------
    CDNOW's 39 weeks and the 39 after them, in which 1 882 purchases were made, and what they brought.

    >>> from crmkit.datasets import load_cdnow
    >>> table = holdout_summary(
    ...     load_cdnow(sample=True), calibration_end="1997-09-30", holdout_end="1998-06-30"
    ... )
    >>> int(table["holdout_purchases"].sum()), table["holdout_duration"].iloc[0]
    (1882, np.float64(39.0))
    >>> round(float(table["holdout_purchases"] @ table["holdout_monetary_value"]), 2)
    70976.39
    """
    known, whole = _sides(calibration_end, holdout_end, merge=merge, returns=returns, monetary=monetary)
    duration = (whole.as_of - known.as_of).days / periods.days_in(unit)
    if duration <= 0:
        _params.fail("holdout_end", f"a date after calibration_end {known.as_of:%Y-%m-%d}", holdout_end)
    rows = _occasions.read(orders, monetary=known.monetary)
    held = _occasions.too_late(known) & ~_occasions.too_late(whole)
    later = _cohort.bought(rows.filter(held), whole).group_by("customer_id")
    totals = later.agg(later=nw.len(), spent=nw.col("amount").sum())
    base = _occasions.by_customer(rows, known).join(totals, on="customer_id", how="left")
    also = {
        "holdout_purchases": nw.col("later").fill_null(0).cast(nw.Int64),
        "holdout_duration": nw.lit(duration),
    }
    if known.monetary:
        also["holdout_monetary_value"] = (nw.col("spent") / nw.col("later")).fill_null(0.0)
    table = measures(base.with_columns(**also), known, unit=unit, also=tuple(also))
    return _frames.give(table, like=orders, sort=["customer_id"])


def tracking(
    orders: object,
    *,
    model: "CustomerBaseModel",
    calibration_end: object,
    holdout_end: object,
    merge: str = "day",
    returns: str = "net",
    monetary: bool = True,
    covariates: object = None,
) -> "pd.DataFrame":
    """Compare the repeat purchases of a cohort with what a model expects, period by period.

    Parameters
    ----------
    orders : DataFrame
        An orders table: ``customer_id``, ``order_date`` and ``amount``, of any engine.
    model : fitted model of the customer base
        Its unit of time is the length of a period.
    calibration_end : date, datetime or ISO text
        Customers who first bought up to this day are followed.
    holdout_end : date, datetime or ISO text
        The day up to which they are followed.
    merge : {"day", "week", "month", "quarter", "year"}, default "day"
        Purchases of one customer in one such period are one.
    returns : {"net", "drop", "keep"}, default "net"
        What rows with a negative amount do, as in `summarize`.
    monetary : bool, default True
        Whether to read ``amount``. Without it no return can be told from a purchase.
    covariates : DataFrame, optional
        One row a customer, of the same engine: ``customer_id`` and the covariates of a model that has them.

    Returns
    -------
    pandas.DataFrame
        One row a period: ``period`` (1, 2, …), ``period_end`` (its last day), ``in_holdout``, ``actual``,
        ``expected``, ``actual_cumulative`` and ``expected_cumulative`` repeat purchases.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range, the holdout ends before the calibration, or the model does not
        know its unit of time or counts opportunities.
    DataError
        If a row lacks a customer, a date or a finite amount, none is in the calibration, or a customer has no
        covariates or two rows of them.

    Notes
    -----
    The model sees nobody's history here: each customer's expectation is that of a new customer since the
    first purchase, with the same covariates if the model has any, as the tracking plots of the literature
    have it. A last period that is not complete is left out.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> orders = datasets.load_cdnow(sample=True)
    >>> model = clv.ParetoNBD().fit(clv.summarize(orders, as_of="1997-09-30", after="drop"))
    >>> table = tracking(orders, model=model, calibration_end="1997-09-30", holdout_end="1998-06-30")
    >>> table[["period", "actual_cumulative", "expected_cumulative"]].iloc[[38, 77]].round()
        period  actual_cumulative  expected_cumulative
    38      39             2457.0               2525.0
    77      78             4339.0               4270.0

    The money of the first purchase as a covariate: the frame of the fit has what is needed.

    >>> summary = clv.summarize(orders, as_of="1997-09-30", after="drop")
    >>> spent = orders.sort_values("order_date").groupby("customer_id", as_index=False)["amount"].first()
    >>> summary = summary.merge(spent, on="customer_id")
    >>> model = clv.ParetoNBD(purchase="amount").fit(summary)
    >>> dates = {"calibration_end": "1997-09-30", "holdout_end": "1998-06-30"}
    >>> table = tracking(orders, model=model, **dates, covariates=summary)
    >>> table["expected_cumulative"].iloc[[38, 77]].round().tolist()
    [2558.0, 4328.0]
    """
    unit = _unit_of(model)
    known, whole = _sides(calibration_end, holdout_end, merge=merge, returns=returns, monetary=monetary)
    if whole.as_of < known.as_of:
        _params.fail("holdout_end", f"a date not before calibration_end {known.as_of:%Y-%m-%d}", holdout_end)
    kinds = _cohort.read_covariates(covariates, model, orders=orders)
    rows = _occasions.read(orders, monetary=known.monetary)
    first = _occasions.by_customer(rows, known).select("customer_id", "first_day")
    born = _cohort.births(first, kinds, end=f"{known.as_of:%Y-%m-%d}")
    repeated = _cohort.repeats(rows, first, whole)
    length, start = periods.days_in(unit), born["first_day"].min()
    periods_seen = int((whole.last_day - start + 1) // length)
    ends = start + length * np.arange(1, periods_seen + 1) - 1
    expected = _cohort.expected(model, born, ends, length)
    bought = repeated.cumsum().reindex(np.floor(ends), method="ffill").fillna(0).to_numpy()
    return pd.DataFrame(
        {
            "period": np.arange(1, periods_seen + 1),
            "period_end": np.floor(ends).astype("datetime64[D]").astype("datetime64[us]"),
            "in_holdout": np.floor(ends) > known.last_day,
            "actual": np.diff(bought, prepend=0.0),
            "expected": np.diff(expected, prepend=0.0),
            "actual_cumulative": bought,
            "expected_cumulative": expected,
        }
    )


def _sides(
    calibration_end: object, holdout_end: object, **how: Any
) -> tuple[_occasions.Rules, _occasions.Rules]:
    """Return the rules of the calibration, and of the calibration and the holdout together."""
    known = _occasions.rules(as_of=calibration_end, after="drop", **how)
    return known, _occasions.rules(as_of=holdout_end, after="drop", **how)


def _unit_of(model: "CustomerBaseModel") -> str:
    """Return the unit of time of a model that knows what to expect of any new customer."""
    customer_model("model", model)
    if model.unit_ is None or model._discrete:
        wanted = "fitted in continuous time, on data whose unit of time is known"
        _params.fail("model", wanted, model)
    return model.unit_
