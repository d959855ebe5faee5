"""Measure how often the customers of a base buy, with the gaps that are still open.

A gap is closed when the customer buys again. The gap since the last purchase is open: the customer has not
come back *yet*, or has left. Closed gaps alone are the short ones, the more so the younger the base.
"""

from dataclasses import asdict, dataclass

from crmkit import _params
from crmkit.segmentation import _gaps, _rhythm
from crmkit.tables import _occasions


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Hold how often the customers of a base buy, and how much that differs.

    Parameters
    ----------
    typical_gap_days : float
        Geometric mean gap between purchase days of a typical customer.
    within : float
        Standard deviation of the logarithms of gaps of one customer.
    between : float
        Standard deviation of the customers' mean logarithms.
    customers : int
        Customers with at least one closed gap.
    gaps : int
        Their closed gaps.
    open_gaps : int, default 0
        Gaps that were open, one a customer.
    leaving_first, leaving_later : float, default 0
        Share of the customers who leave for good after their first purchase, and after each later one, from 0
        to below 1.
    log_gap_error, leaving_first_error, leaving_later_error : float, optional
        Standard errors of the logarithm of the typical gap and of the two shares; None where a share was
        given or found to be 0, and for the gap where all gaps are alike or it is at the end of its range.

    Raises
    ------
    ParameterError
        If a number is negative or not finite, a spread is above 100, the typical gap is not above 0, or a
        share is 1 or more.

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
    open_gaps: int = 0
    leaving_first: float = 0.0
    leaving_later: float = 0.0
    log_gap_error: float | None = None
    leaving_first_error: float | None = None
    leaving_later_error: float | None = None

    def __post_init__(self) -> None:
        _params.number("typical_gap_days", self.typical_gap_days, low=0, open_low=True)
        for name in ("within", "between"):
            _params.number(name, getattr(self, name), low=0, high=_rhythm.WIDEST)
        for name in ("customers", "gaps", "open_gaps"):
            _params.integer(name, getattr(self, name), low=0)
        for name in ("leaving_first", "leaving_later"):
            _params.number(name, getattr(self, name), low=0, high=1, open_high=True)
        for name in ("log_gap_error", "leaving_first_error", "leaving_later_error"):
            if getattr(self, name) is not None:
                _params.number(name, getattr(self, name), low=0)

    def __float__(self) -> float:
        return float(self.typical_gap_days)

    def to_dict(self) -> dict[str, float | None]:
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


def purchase_rhythm(
    orders: object,
    *,
    as_of: object,
    leaving: float | None = None,
    returns: str = "net",
    after: str = "raise",
) -> Rhythm:
    """Measure the rhythm of a customer base: the typical gap between purchases and how it varies.

    Parameters
    ----------
    orders : DataFrame
        An orders table: ``customer_id``, ``order_date`` and ``amount``, one row an order or an order line.
    as_of : date, datetime or ISO text
        The day up to which purchases are known. It counts as a whole.
    leaving : float, optional
        Share of purchases, the first or later, after which the customer leaves for good, from 0 to below 1.
        Two shares are estimated when it is left out.
    returns : {"net", "drop", "keep"}, default "net"
        What rows with a negative amount do, as in :func:`crmkit.clv.summarize`.
    after : {"raise", "drop"}, default "raise"
        What happens to rows dated after `as_of`.

    Returns
    -------
    Rhythm
        Typical gap, the spread within and between customers, and the shares that leave, with standard errors.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range.
    DataError
        If a row lacks a customer, a date or a finite amount or is dated after `as_of`, or no customer has
        purchases on two days.

    Warns
    -----
    CRMKitWarning
        If all gaps are alike, as a single one is, or so few customers came back that the typical gap may be
        of any length.

    Notes
    -----
    Maximum likelihood. The logarithms of a customer's gaps are normal with mean μ_i and variance within²,
    μ_i is normal with mean μ and variance between², and after a purchase the customer leaves with probability
    π: one for the first purchase, which many never repeat, another for all later ones. A closed gap shows
    that the customer stayed; an open one of length c has the probability π + (1 − π) P(gap > c | the
    customer's closed gaps), a mixture cure model: it is not known whether the customer is late or gone.

    Slow customers and departed ones look alike until some have been silent for longer than nearly all gaps
    last. Before that only the shape of the distribution tells them apart, and the standard errors are large.
    Where it is known that nobody leaves, or how many, give `leaving`; with ``leaving=0`` departed customers
    count as very slow ones, and the typical gap becomes too long. A customer who fades out by and by is read
    as slow, then gone.

    The errors come from the observed information; a parameter at the end of its range (no leaving, no
    differences between customers) is held there. Where nobody has two gaps, or one customer alone has any,
    all of the variance counts as within; where nobody has two, one share holds for all purchases. From a lazy
    frame cells of customers are fetched who agree in the number of gaps, and in mean log gap and log silence
    to an eighth, with counts and sums.

    References
    ----------
    Maller, R. A. and Zhou, X. (1996), *Survival Analysis with Long-Term Survivors*, on censored times where
    some never return, and on how long one must watch. Farewell, V. T. (1982), Biometrics 38(4), 1041-1046.

    Examples
    --------
    The customers of the CDNOW sample bought for the first time within three months; 18 months later most gaps
    are open, and those who came back are no picture of the others:

    >>> from crmkit.datasets import load_cdnow
    >>> rhythm = purchase_rhythm(load_cdnow(sample=True), as_of="1998-06-30")
    >>> rhythm.customers, rhythm.gaps, rhythm.open_gaps
    (1139, 4339, 2357)
    >>> round(rhythm.typical_gap_days), round(rhythm.leaving_first, 2), round(rhythm.leaving_later, 2)
    (108, 0.4, 0.08)
    """
    if leaving is not None:
        leaving = _params.number("leaving", leaving, low=0, high=1, open_high=True)
    rules = _occasions.rules(as_of=as_of, returns=returns, after=after)
    return Rhythm(**_rhythm.estimated(_gaps.by_customer(orders, rules), leaving=leaving))
