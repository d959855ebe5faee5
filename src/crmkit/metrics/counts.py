"""Divide counts that somebody has already made: a ratio with its base and interval, the leads it requires."""

import math
from dataclasses import asdict, dataclass
from fractions import Fraction

from crmkit import _params
from crmkit.stats.intervals import nominal, wilson_bounds

_FLOAT_NOISE = Fraction(1, 10**12)


@dataclass(frozen=True, slots=True, repr=False)
class Ratio:
    """Hold a ratio of two counts with its base and its interval.

    Parameters
    ----------
    value : float
        The ratio; 1 is 100 %. Nan where the base is 0.
    numerator : int
        How many reached the event.
    n : int
        The base: how many could have.
    lower, upper : float
        The ends of the interval; nan where there is none.
    method : str or None
        How the interval was made; None where there is none.
    confidence : float
        Its nominal coverage.

    Examples
    --------
    >>> Ratio(0.25, 250, 1000, 0.2242, 0.2778, "Wilson", 0.95)
    Ratio(25.0 % of 1000; 95 % interval 22.4 to 27.8 %, Wilson)
    """

    value: float
    numerator: int
    n: int
    lower: float
    upper: float
    method: str | None
    confidence: float

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        if not self.n:
            return f"Ratio(undefined: {self.numerator} of 0)"
        ends = f"{100 * self.lower:.1f} to {100 * self.upper:.1f} %, {self.method}"
        interval = f"{100 * self.confidence:.6g} % interval {ends}" if self.method else "no interval"
        return f"Ratio({100 * self.value:.1f} % of {self.n}; {interval})"

    def to_dict(self) -> dict[str, float | str | None]:
        """Return the fields as a plain dictionary, ready for JSON.

        Returns
        -------
        dict
            One item a field, in the order of the class; None for nan.

        Examples
        --------
        >>> ratio(0, 0).to_dict()["value"] is None
        True
        """
        return {name: None if value != value else value for name, value in asdict(self).items()}


def ratio(numerator: int, denominator: int, *, confidence: float = 0.95) -> Ratio:
    """Divide two counts and give the ratio its Wilson interval.

    Parameters
    ----------
    numerator : int
        How many reached the event, at least 0.
    denominator : int
        How many could have, at least 0.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    Ratio
        The value (0.25 is 25 %) with its base and interval.

    Raises
    ------
    ParameterError
        If a count is not a whole number of at least 0, or the confidence is outside its range.

    Notes
    -----
    A base of 0 gives nan. A ratio above one, of events to bases that are not theirs, has no interval.

    References
    ----------
    Wilson (1927), JASA 22, 209–212.

    Examples
    --------
    250 of 1 000 leads were accepted by sales:

    >>> ratio(250, 1000)
    Ratio(25.0 % of 1000; 95 % interval 22.4 to 27.8 %, Wilson)
    >>> float(ratio(250, 1000))
    0.25
    """
    x, n = _params.integer("numerator", numerator, low=0), _params.integer("denominator", denominator, low=0)
    level = nominal(confidence)
    value = x / n if n else math.nan
    if not n or x > n:
        return Ratio(value, x, n, math.nan, math.nan, None, level)
    lower, upper = wilson_bounds(x, n, confidence=level)
    return Ratio(value, x, n, lower, upper, "Wilson", level)


def required_leads(qualified: int, *, ratio: float | Ratio) -> int:
    """Compute how many leads are needed for a number of qualified ones.

    Parameters
    ----------
    qualified : int
        Qualified leads wanted, at least 0; or sales wanted, with a lead-to-close ratio.
    ratio : float or Ratio
        Expected ratio, above 0 and at most 1 (25 % is 0.25).

    Returns
    -------
    int
        ⌈q / p⌉ leads.

    Raises
    ------
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    A quotient within 1e-12 of a whole number, relatively, is that number: 1 / (1 − 0.9) is 10, not 11.
    This is the expected need; for a prudent one pass the lower end of the ratio's interval.

    References
    ----------
    The definition of the lead-to-qualified ratio, solved for the leads.

    Examples
    --------
    >>> required_leads(250, ratio=0.25)
    1000
    """
    q = _params.integer("qualified", qualified, low=0)
    share = float(ratio) if isinstance(ratio, Ratio) else ratio
    p = _params.number("ratio", share, low=0, high=1, open_low=True)
    need = Fraction(q) / Fraction(p)
    whole = round(need)
    return whole if abs(need - whole) <= need * _FLOAT_NOISE else math.ceil(need)
