"""Follow loyalty on the time scale: secured, at risk, lost, by each customer's own rhythm of buying.

The gaps between a customer's purchase days set its rhythm. How long it has been silent, measured by that
rhythm, and whether its gaps grow, say where it stands. A customer with few gaps borrows from the base
(:mod:`crmkit.segmentation.rhythm`), one who bought once goes by the base alone.
"""

import math
from collections.abc import Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.segmentation import _gaps, _rhythm
from crmkit.segmentation.rhythm import Rhythm
from crmkit.stats import cuts as cut_rules
from crmkit.tables import _occasions

STAGES = ("secured", "at risk", "lost")
_PRIOR_GAPS = 4.0
_LEAST_VARIANCE = 1e-12
_FARTHEST = 40.0
_EVEN = 0.5


def loyalty_stages(
    orders: FrameT,
    *,
    as_of: object,
    rhythm: Rhythm | None = None,
    cuts: Sequence[float] = (0.8, 0.95),
    growth_sigmas: float | None = 2.0,
    returns: str = "net",
    after: str = "raise",
) -> FrameT:
    """Place each customer on the time scale of loyalty: secured, at risk or lost.

    Parameters
    ----------
    orders : DataFrame
        An orders table: ``customer_id``, ``order_date`` and ``amount``, one row an order or an order line.
    as_of : date, datetime or ISO text
        The day from which one looks back. It counts as a whole.
    rhythm : Rhythm, optional
        The rhythm of the base, from another time or a larger base; measured on `orders` when left out.
    cuts : sequence of float, default (0.8, 0.95)
        Shares of the gaps exceeded from which a customer is at risk, and from which it is lost. One who has
        left more likely than not is at risk too, and lost from the second share as a probability.
    growth_sigmas : float or None, default 2
        A customer whose gaps grow by this many standard errors is at risk although it is not overdue. None
        leaves the growth of gaps aside.
    returns : {"net", "drop", "keep"}, default "net"
        What rows with a negative amount do, as in :func:`crmkit.clv.summarize`.
    after : {"raise", "drop"}, default "raise"
        What happens to rows dated after `as_of`.

    Returns
    -------
    DataFrame
        The same kind of frame, one row a customer with a purchase, sorted by ``customer_id``:
        ``purchase_days``, ``elapsed_days`` (since the last purchase), ``mean_gap_days`` and ``gap_sd_days``
        (its own; null with no gap, or fewer than two), ``rhythm_days`` (its typical gap, drawn toward the
        base's), ``elapsed_gaps`` (elapsed days in units of it), ``share_exceeded`` (the share of its gaps
        that the silence has outlasted, 0 to 1), ``left_probability`` (that it has left for good rather than
        being late), ``gap_growth`` (relative growth of the gap with each purchase, 0.1 is 10 %; null with
        fewer than three gaps), ``growth_sigmas`` (in standard errors) and ``stage``.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range, or the cuts are not two increasing shares.
    DataError
        If a row lacks a customer, a date or a finite amount or is dated after `as_of`, or no `rhythm` is
        given and no customer has purchases on two days.

    Warns
    -----
    CRMKitWarning
        If no `rhythm` is given and that of `orders` is uncertain, as `purchase_rhythm` says.

    Notes
    -----
    Logarithms of gaps y are taken as normal: with mean μ_i and variance σ_i² for a customer, μ_i varying
    about the base's μ with the variance between². A customer with k gaps has
    B = k·between² / (k·between² + within²), μ_i = μ + B (ȳ − μ), σ_i² = (SS_i + 4 within²) / (k − 1 + 4) –
    the base counts as four gaps – and the variance of its next gap is V = σ_i² + between² (1 − B) + e^(−2
    μ_i), where the last term is one day, as dates are known to the day. With no gap B = 0 and σ_i = within:
    one-time buyers go by the base. The share exceeded is 1 / (1 + e^(−z π/√3)), z = (ln elapsed − μ_i)/√V:
    the log-logistic distribution of the same mean and variance, whose heavier tail is slower to call a
    customer lost. With the probability π of the base that a customer leaves after such a purchase, the
    probability of having left is π / (π + (1 − π)(1 − share exceeded)). The growth is the slope of y on the
    number of the gap. The cuts 0.8 and 0.95, the four gaps and the two standard errors are crmkit's
    convention.

    The base's rhythm is that of customers who have not left for good, gaps still open included
    (`purchase_rhythm`). The stages come from the teaching texts on customer loyalty, which give no numbers. A
    customer moves back to secured by buying, unless half of the customers leave after such a purchase:
    already on its day the probability of having left is π. Compare two dates with `migration`,
    ``cell="stage"``. From a lazy frame one row is fetched, and without `rhythm` the cells of
    `purchase_rhythm`.

    References
    ----------
    Gelman and Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, equation 12.1
    (partial pooling).

    Examples
    --------
    A weekly, a monthly and a one-time buyer, all silent for 40 days:

    >>> import pandas as pd
    >>> days = {"weekly": ["05-09", "05-16", "05-23"], "monthly": ["03-23", "04-22", "05-23"],
    ...         "once": ["05-23"]}
    >>> orders = pd.DataFrame([(who, f"2024-{day}", 1.0) for who in days for day in days[who]],
    ...                       columns=["customer_id", "order_date", "amount"])
    >>> orders["order_date"] = pd.to_datetime(orders["order_date"])
    >>> base = Rhythm(typical_gap_days=20, within=0.4, between=0.8, customers=500, gaps=3000)
    >>> placed = loyalty_stages(orders, as_of="2024-07-02", rhythm=base)
    >>> placed[["customer_id", "rhythm_days", "share_exceeded", "stage"]].round(2)
      customer_id  rhythm_days  share_exceeded    stage
    0     monthly        29.10            0.78  secured
    1        once        20.00            0.80  at risk
    2      weekly         7.87            1.00     lost
    """
    points = cut_rules.given_cuts(cuts)
    if len(points) != 2 or points[0] <= 0 or points[1] >= 1:
        _params.fail("cuts", "two increasing shares between 0 and 1", cuts)
    if growth_sigmas is not None:
        growth_sigmas = _params.number("growth_sigmas", growth_sigmas, low=0, open_low=True)
    if rhythm is not None and not isinstance(rhythm, Rhythm):
        _params.fail("rhythm", "a Rhythm, as purchase_rhythm(…) gives it", rhythm)
    rules = _occasions.rules(as_of=as_of, returns=returns, after=after)
    customers = _gaps.by_customer(orders, rules)
    base = Rhythm(**_rhythm.estimated(customers)) if rhythm is None else rhythm
    rows = _with_left(_measured(_pooled(customers, base)), base)
    share, left = nw.col("share_exceeded"), nw.col("left_probability")
    risky, lost = (share >= points[0]) | (left >= _EVEN), (share >= points[1]) | (left >= points[1])
    if growth_sigmas is not None:
        risky = risky | (nw.col("growth_sigmas") >= growth_sigmas).fill_null(False)
    staged = nw.when(risky).then(nw.lit(STAGES[1])).otherwise(nw.lit(STAGES[0]))
    staged = nw.when(lost).then(nw.lit(STAGES[2])).otherwise(staged)
    names = ["customer_id", "purchase_days", "elapsed_days", "mean_gap_days", "gap_sd_days", "rhythm_days"]
    names += ["elapsed_gaps", "share_exceeded", "left_probability", "gap_growth", "growth_sigmas"]
    return _frames.give(rows.select(*names, stage=staged), like=orders, sort=["customer_id"])


def _pooled(customers: nw.LazyFrame[Any], base: Rhythm) -> nw.LazyFrame[Any]:
    """Add μ_i, σ_i² and V of each customer, drawn toward the base."""
    k, y, mu = nw.col("gaps").cast(nw.Float64), nw.col("log_sum"), math.log(base.typical_gap_days)
    within, between = max(base.within**2, _LEAST_VARIANCE), base.between**2
    some = nw.when(k > 0).then(k).otherwise(1.0)
    squares = nw.col("log_squares") - y * y / some
    squares = nw.when((k > 1) & (squares > 0)).then(squares).otherwise(0.0)
    freedom = nw.when(k > 1).then(k - 1).otherwise(0.0)
    rows = customers.with_columns(
        _k=k,
        _mean=y / some - mu,
        _B=k * between / (k * between + within),
        _sigma2=(squares + _PRIOR_GAPS * within) / (freedom + _PRIOR_GAPS),
    )
    rows = rows.with_columns(_mu=nw.col("_B") * nw.col("_mean") + mu)
    day = (nw.col("_mu") * -2.0).exp()
    return rows.with_columns(
        rhythm_days=nw.col("_mu").exp(),
        _own=nw.col("_sigma2") + day,
        _V=nw.col("_sigma2") + (1.0 - nw.col("_B")) * between + day,
    )


def _measured(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add what is reported of each customer: its gaps, its silence and the growth of its gaps."""
    k, gap, squares = nw.col("_k"), nw.col("gap_sum"), nw.col("gap_squares")
    elapsed = nw.col("elapsed")
    rows = rows.with_columns(elapsed_days=elapsed, _elapsed=elapsed.cast(nw.Float64))
    silent = nw.when(nw.col("_elapsed") > 0).then(nw.col("_elapsed")).otherwise(1.0)
    z = ((silent.log() - nw.col("_mu")) / nw.col("_V").sqrt()).clip(0 - _FARTHEST, _FARTHEST)
    several = nw.when(k > 1).then(k).otherwise(2.0)
    variance = (k * squares - gap * gap) / (several * (several - 1))
    width = nw.when(k > 2).then(k * (k * k - 1) / 12).otherwise(1.0)
    covered = nw.col("log_moment") - (k + 1) / 2 * nw.col("log_sum")
    rows = rows.with_columns(
        mean_gap_days=nw.when(k > 0).then(gap / nw.when(k > 0).then(k).otherwise(1.0)),
        gap_sd_days=nw.when(k > 1).then(nw.when(variance > 0).then(variance).otherwise(0.0).sqrt()),
        elapsed_gaps=nw.col("_elapsed") / nw.col("rhythm_days"),
        share_exceeded=nw.when(nw.col("_elapsed") > 0)
        .then(1.0 / ((z * (0.0 - math.pi / math.sqrt(3))).exp() + 1.0))
        .otherwise(0.0),
        _width=width,
        # rounded, because equal gaps leave a slope of nothing but noise
        _slope=nw.when(k > 2).then((covered / width * 1e9 + 0.5).floor() / 1e9),
    )
    slope = nw.col("_slope")
    return rows.with_columns(
        gap_growth=slope.exp() - 1.0, growth_sigmas=slope * (nw.col("_width") / nw.col("_own")).sqrt()
    )


def _with_left(rows: nw.LazyFrame[Any], base: Rhythm) -> nw.LazyFrame[Any]:
    """Add by Bayes' rule how likely each customer has left, given that it has not come back so far."""
    first, later = nw.lit(float(base.leaving_first)), nw.lit(float(base.leaving_later))
    prior = nw.when(nw.col("_k") > 0).then(later).otherwise(first)
    late = (1.0 - nw.col("share_exceeded")) * (1.0 - nw.col("_prior"))
    return rows.with_columns(_prior=prior).with_columns(
        left_probability=nw.col("_prior") / (nw.col("_prior") + late)
    )
