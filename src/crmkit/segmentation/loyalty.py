"""Follow loyalty on the time scale: secured, at risk, lost, by each customer's own rhythm of buying.

The gaps between a customer's purchase days set its rhythm. How long it has been silent, measured by that
rhythm, and whether its gaps grow, say where it stands. A customer with few gaps borrows from the base
(:func:`purchase_rhythm`), one who bought once goes by the base alone.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.errors import DataError
from crmkit.segmentation import _gaps
from crmkit.stats import cuts as cut_rules
from crmkit.tables import _occasions

STAGES = ("secured", "at risk", "lost")
_PRIOR_GAPS = 4.0
_LEAST_VARIANCE = 1e-12
_FARTHEST = 40.0
_WIDEST = 100.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Hold how often the customers of a base buy, and how much that differs.

    Parameters
    ----------
    typical_gap_days : float
        Geometric mean gap between purchase days, each customer counting once.
    within : float
        Standard deviation of the logarithms of gaps of one customer.
    between : float
        Standard deviation of the customers' mean logarithms, beyond what chance makes of `within`.
    customers : int
        Customers with at least one gap.
    gaps : int
        Their gaps.

    Raises
    ------
    ParameterError
        If a number is negative or not finite, a spread is above 100, or the typical gap is not above 0.

    Examples
    --------
    >>> float(Rhythm(30.0, 0.5, 0.4, customers=100, gaps=700))
    30.0
    """

    typical_gap_days: float
    within: float
    between: float
    customers: int
    gaps: int

    def __post_init__(self) -> None:
        _params.number("typical_gap_days", self.typical_gap_days, low=0, open_low=True)
        for name in ("within", "between"):
            _params.number(name, getattr(self, name), low=0, high=_WIDEST)
        for name in ("customers", "gaps"):
            _params.integer(name, getattr(self, name), low=0)

    def __float__(self) -> float:
        return float(self.typical_gap_days)

    def to_dict(self) -> dict[str, float]:
        """Return the fields as a plain dictionary, ready for JSON.

        Returns
        -------
        dict
            One item a field, in the order of the class; ``Rhythm(**fields)`` makes it again.

        Examples
        --------
        >>> Rhythm(30.0, 0.5, 0.4, customers=100, gaps=700).to_dict()["within"]
        0.5
        """
        return asdict(self)


def purchase_rhythm(orders: object, *, as_of: object, returns: str = "net", after: str = "raise") -> Rhythm:
    """Measure the rhythm of a customer base: the typical gap between purchases and how it varies.

    Parameters
    ----------
    orders : DataFrame
        An orders table: ``customer_id``, ``order_date`` and ``amount``, one row an order or an order line.
    as_of : date, datetime or ISO text
        The day up to which purchases are known. It counts as a whole.
    returns : {"net", "drop", "keep"}, default "net"
        What rows with a negative amount do, as in :func:`crmkit.clv.summarize`.
    after : {"raise", "drop"}, default "raise"
        What happens to rows dated after `as_of`.

    Returns
    -------
    Rhythm
        Typical gap, and the spread within and between customers.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range.
    DataError
        If a row lacks a customer, a date or a finite amount or is dated after `as_of`, or no customer has
        purchases on two days.

    Notes
    -----
    A one-way analysis of variance of the logarithms of the gaps, customers as groups: `within`² is the mean
    square within, `between`² = (MS between − MS within) / n0 (0 if negative), with
    n0 = (K − Σk²/K)/(N − 1) for N customers with k gaps each, K in all. Where nobody has two gaps, all of the
    variance counts as within. Gaps still open at `as_of` are not in it, so that the rhythm of a base observed
    for less than a few gaps is too fast. From a lazy frame two rows are fetched.

    References
    ----------
    Searle, Casella and McCulloch (1992), Variance Components, chapter 3 (unbalanced one-way estimator).

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> rhythm = purchase_rhythm(load_cdnow(sample=True), as_of="1998-06-30")
    >>> rhythm.customers, rhythm.gaps, round(rhythm.typical_gap_days)
    (1139, 4339, 53)
    """
    rules = _occasions.rules(as_of=as_of, returns=returns, after=after)
    return _rhythm(_gaps.by_customer(orders, rules))


def _rhythm(customers: nw.LazyFrame[Any]) -> Rhythm:
    """Estimate the components of variance from sums over customers with gaps."""
    k, y, yy = nw.col("gaps").cast(nw.Float64), nw.col("log_sum"), nw.col("log_squares")
    repeat = customers.filter(nw.col("gaps") > 0)
    rows = repeat.with_columns(_k=k, _k2=k * k, _mean=y / k, _yy=yy, _between=y * y / k)
    sums = rows.select(
        nw.len().alias("N"),
        K=nw.col("_k").sum(),
        K2=nw.col("_k2").sum(),
        means=nw.col("_mean").sum(),
        y=nw.col("log_sum").sum(),
        yy=nw.col("_yy").sum(),
        group=nw.col("_between").sum(),
    )
    found = {name: float(value) for name, value in _frames.collect(sums).fillna(0).iloc[0].items()}
    N, K = int(found["N"]), int(found["K"])
    if not N:
        msg = (
            "`orders` must have a customer with purchases on two days, whose gap gives a rhythm. Found none: "
            "take a longer time, or pass `rhythm`."
        )
        raise DataError(msg)
    correction = found["y"] ** 2 / K
    if K == N:
        within, between = max(found["yy"] - correction, 0.0) / max(K - 1, 1), 0.0
    else:
        within = max(found["yy"] - found["group"], 0.0) / (K - N)
        n0 = (K - found["K2"] / K) / (N - 1) if N > 1 else 1.0
        mean_square = max(found["group"] - correction, 0.0) / (N - 1) if N > 1 else 0.0
        between = max((mean_square - within) / n0, 0.0)
    return Rhythm(math.exp(found["means"] / N), math.sqrt(within), math.sqrt(between), N, K)


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
        Shares of the gaps exceeded from which a customer is at risk, and from which it is lost.
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
        that the silence has outlasted, 0 to 1), ``gap_growth`` (relative growth of the gap with each
        purchase, 0.1 is 10 %; null with fewer than three gaps), ``growth_sigmas`` (in standard errors) and
        ``stage``.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range, or the cuts are not two increasing shares.
    DataError
        If a row lacks a customer, a date or a finite amount or is dated after `as_of`, or no `rhythm` is
        given and no customer has purchases on two days.

    Notes
    -----
    Logarithms of gaps y are taken as normal: with mean μ_i and variance σ_i² for a customer, μ_i varying
    about the base's μ with the variance between². A customer with k gaps has
    B = k·between² / (k·between² + within²), μ_i = μ + B (ȳ − μ), σ_i² = (SS_i + 4 within²) / (k − 1 + 4) –
    the base counts as four gaps – and the variance of its next gap is V = σ_i² + between² (1 − B) + e^(−2
    μ_i), where the last term is one day, as dates are known to the day. With no gap B = 0 and σ_i = within:
    one-time buyers go by the base. The share exceeded is 1 / (1 + e^(−z π/√3)), z = (ln elapsed − μ_i)/√V:
    the log-logistic distribution of the same mean and variance, whose heavier tail is slower to call a
    customer lost. The growth is the slope of y on the number of the gap. The cuts 0.8 and 0.95, the four gaps
    and the two standard errors are crmkit's convention.

    The base's rhythm is that of customers who came back: among one-time buyers it cannot tell those who never
    will. The stages come from the teaching texts on customer loyalty, which give no numbers. A customer moves
    back to secured by buying. Compare two dates with `migration`, ``cell="stage"``. From a lazy frame two
    rows are fetched.

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
    base = _rhythm(customers) if rhythm is None else rhythm
    rows = _measured(_pooled(customers, base), rules.last_day)
    stage = nw.when(nw.col("share_exceeded") >= points[0]).then(nw.lit(STAGES[1]))
    staged = stage.otherwise(nw.lit(STAGES[0]))
    if growth_sigmas is not None:
        growing = nw.col("growth_sigmas") >= growth_sigmas
        staged = nw.when(growing).then(nw.lit(STAGES[1])).otherwise(staged)
    staged = nw.when(nw.col("share_exceeded") >= points[1]).then(nw.lit(STAGES[2])).otherwise(staged)
    names = ["customer_id", "purchase_days", "elapsed_days", "mean_gap_days", "gap_sd_days", "rhythm_days"]
    names += ["elapsed_gaps", "share_exceeded", "gap_growth", "growth_sigmas"]
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


def _measured(rows: nw.LazyFrame[Any], last_day: int) -> nw.LazyFrame[Any]:
    """Add what is reported of each customer: its gaps, its silence and the growth of its gaps."""
    k, gap, squares = nw.col("_k"), nw.col("gap_sum"), nw.col("gap_squares")
    elapsed = (last_day - nw.col("last_day")).cast(nw.Int64)
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
