"""Give an estimate its interval: proportions, rates, functions of fitted parameters.

Every scalar result of `stats` is one :class:`Interval`. The Wilson bounds also come as numpy arrays and as
narwhals expressions, so that a table of ratios gets its intervals inside its own engine. Nothing
heavy is imported until a function needs it.
"""

import math
import numbers
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, overload

from crmkit import _params
from crmkit.errors import DataError
from crmkit.stats import _arrays, _wilson

if TYPE_CHECKING:
    import narwhals as nw
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


_ASYMMETRY = 1e-6  # of a covariance, from rounding, as a share of its largest value


@dataclass(frozen=True, slots=True, repr=False)
class Interval:
    """Hold an estimate with its confidence interval, its base and the method.

    Parameters
    ----------
    estimate : float
        The point estimate; nan where there is no base (``n = 0``).
    lower, upper : float
        The ends of the interval; nan where it is undefined.
    n : float or None
        The base of the estimate: trials, answers, exposure or rows; None where the caller gave none.
    confidence : float
        The nominal coverage, for example 0.95.
    method : str
        How the interval was made.

    Examples
    --------
    >>> Interval(0.25, 0.2241, 0.2778, 1000, 0.95, "Wilson")
    Interval(0.25, 95% from 0.2241 to 0.2778; n 1000, Wilson)
    """

    estimate: float
    lower: float
    upper: float
    n: float | None
    confidence: float
    method: str

    def __float__(self) -> float:
        return float(self.estimate)

    def __repr__(self) -> str:
        base = "" if self.n is None else f"n {self.n:.10g}, "
        ends = f"{100 * self.confidence:.6g}% from {self.lower:.4g} to {self.upper:.4g}"
        return f"Interval({self.estimate:.5g}, {ends}; {base}{self.method})"

    def to_dict(self) -> dict[str, float | str | None]:
        """Return the fields as a plain dictionary, ready for JSON.

        Returns
        -------
        dict
            One item a field, in the order of the class; None for nan.

        Examples
        --------
        >>> Interval(0.25, 0.2, 0.3, 100, 0.95, "Wilson").to_dict()["upper"]
        0.3
        """
        return {name: None if value != value else value for name, value in asdict(self).items()}


def normal_quantile(confidence: float) -> float:
    """Return the standard normal quantile that cuts off half of what the confidence leaves.

    Parameters
    ----------
    confidence : float
        Nominal coverage, at least 0.5 and below 1; a value below one half is taken for a mistyped error rate.

    Returns
    -------
    float
        The quantile z.

    Raises
    ------
    ParameterError
        If the confidence is outside its range.

    Examples
    --------
    >>> round(normal_quantile(0.95), 6)
    1.959964
    """
    return -NormalDist().inv_cdf((1 - nominal(confidence)) / 2)


def nominal(confidence: Any) -> float:
    """Return a nominal coverage after the check that every interval here has."""
    return _params.number("confidence", confidence, low=0.5, high=1, open_high=True)


@overload
def wilson_bounds(successes: float, n: float, *, confidence: float = ...) -> tuple[float, float]: ...
@overload
def wilson_bounds(
    successes: "ArrayLike", n: "ArrayLike", *, confidence: float = ...
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]": ...
def wilson_bounds(successes: Any, n: Any, *, confidence: float = 0.95) -> tuple[Any, Any]:
    """Compute the Wilson score interval of proportions.

    Parameters
    ----------
    successes : float or array_like
        Number of successes, from 0 to `n`.
    n : float or array_like
        Number of trials.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    tuple
        Lower and upper ends: two floats for two numbers, otherwise two numpy arrays.

    Raises
    ------
    ParameterError
        If a number is outside its range.
    DataError
        If an element of an array is.

    Notes
    -----
    No trials give nan, as does nan. The ends are exactly 0 for no success and exactly 1 for no failure.

    References
    ----------
    Wilson (1927), JASA 22, 209–212; Newcombe (1998), Statistics in Medicine 17, 857–872, method 3 of
    table I, whose printed example is below.

    Examples
    --------
    >>> lower, upper = wilson_bounds(81, 263)
    >>> f"{lower:.4f} to {upper:.4f}"
    '0.2553 to 0.3662'
    """
    z = normal_quantile(confidence)
    if isinstance(successes, numbers.Real) and isinstance(n, numbers.Real):
        trials = _params.number("n", n, low=0)
        x = _params.number("successes", successes, low=0, high=trials)
        return _wilson.ends(x, trials, _wilson.term(x, trials, z), z) if trials else (math.nan, math.nan)
    import numpy as np

    xs, ns = _arrays.aligned({"successes": successes, "n": n})
    wrong = (xs < 0) | (xs > ns) | np.isinf(ns)
    if wrong.any():
        msg = f"successes must lie between 0 and n. {wrong.sum()} of {wrong.size} rows do not: correct them."
        raise DataError(msg)
    with np.errstate(invalid="ignore"):
        return _wilson.ends(xs, ns, _wilson.term(xs, ns, z), z)


def wilson_exprs(
    successes: "nw.Expr", n: "nw.Expr", *, confidence: float = 0.95
) -> "tuple[nw.Expr, nw.Expr]":
    """Build the Wilson score interval as narwhals expressions.

    Parameters
    ----------
    successes, n : narwhals.Expr
        Columns of counts; use the result in ``with_columns``, after the aggregation.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    tuple of narwhals.Expr
        Lower and upper ends.

    Raises
    ------
    ParameterError
        If the confidence is outside its range.

    Notes
    -----
    No trials (or null counts) give null. No engine divides by zero: Spark would refuse the query.

    References
    ----------
    See :func:`wilson_bounds`.

    Examples
    --------
    >>> import narwhals as nw
    >>> import pandas as pd
    >>> counts = nw.from_native(pd.DataFrame({"won": [0, 81], "leads": [20, 263]}))
    >>> lower, upper = wilson_exprs(nw.col("won"), nw.col("leads"))
    >>> counts.with_columns(lower=lower, upper=upper).to_native().round(4)
       won  leads   lower   upper
    0    0     20  0.0000  0.1611
    1   81    263  0.2553  0.3662
    """
    import narwhals as nw

    z = normal_quantile(confidence)
    base = nw.when(n > 0).then(n)
    lower, upper = _wilson.expressions(successes, base, _wilson.term(successes, base, z), z)
    return lower, nw.when(n > 0).then(upper)


def proportion(successes: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Estimate a proportion with its Wilson score interval.

    Parameters
    ----------
    successes : float
        Number of successes, from 0 to `n`.
    n : float
        Number of trials.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    Interval
        The share of successes between 0 and 1; nan throughout when ``n`` is 0.

    Raises
    ------
    ParameterError
        If an argument is outside its range.

    References
    ----------
    See :func:`wilson_bounds`.

    Examples
    --------
    >>> proportion(250, 1000)
    Interval(0.25, 95% from 0.2242 to 0.2778; n 1000, Wilson)
    """
    trials = _params.number("n", n, low=0)
    x = _params.number("successes", successes, low=0, high=trials)
    lower, upper = wilson_bounds(x, trials, confidence=confidence)
    return Interval(x / trials if trials else math.nan, lower, upper, trials, confidence, "Wilson")


def poisson_interval(count: int, *, exposure: float = 1.0, confidence: float = 0.95) -> Interval:
    """Estimate a Poisson rate with Garwood's exact interval.

    Parameters
    ----------
    count : int
        Events seen.
    exposure : float, default 1.0
        What they were seen in: customers, weeks, visits; above 0.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    Interval
        Events per unit of exposure; `n` is the exposure.

    Raises
    ------
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    The interval is conservative: it covers at least at its confidence.

    References
    ----------
    Garwood (1936), Biometrika 28, 437–442.

    Examples
    --------
    >>> poisson_interval(10)
    Interval(10, 95% from 4.795 to 18.39; n 1, Garwood)
    """
    from scipy.special import gammainccinv, gammaincinv

    confidence = nominal(confidence)
    x = _params.integer("count", count, low=0)
    base = _params.number("exposure", exposure, low=0, open_low=True)
    tail = (1 - confidence) / 2
    lower, upper = (float(gammaincinv(x, tail)) if x else 0.0), float(gammainccinv(x + 1, tail))
    return Interval(x / base, lower / base, upper / base, base, confidence, "Garwood")


def delta_method(
    function: Callable[["NDArray[np.float64]"], float],
    estimate: "ArrayLike",
    covariance: "ArrayLike",
    *,
    gradient: "ArrayLike | None" = None,
    n: float | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Estimate a scalar function of fitted parameters by the delta method.

    Parameters
    ----------
    function : callable
        Takes the vector of parameters, gives a number; smooth near the estimate.
    estimate : array_like
        Fitted parameters θ, one dimension (a number is a vector of one).
    covariance : array_like
        Their covariance matrix Σ, symmetric (a number is the variance of one parameter).
    gradient : array_like, optional
        Derivatives g of the function at the estimate; central differences when left out.
    n : float, optional
        The base to report with the result.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    Interval
        function(θ) ± z √(gᵀΣg), symmetric: not for a function near the edge of its range.

    Raises
    ------
    ParameterError
        If an argument is outside its range.
    DataError
        If shapes disagree, a value is not finite or the covariance gives a negative variance.

    References
    ----------
    Casella & Berger (2002), Statistical Inference, 2nd ed., section 5.5.4. Below their example 5.5.19: the
    odds p/(1 − p) have the variance p/(n(1 − p)³).

    Examples
    --------
    >>> p, n = 0.2, 100
    >>> odds = delta_method(lambda theta: theta[0] / (1 - theta[0]), p, p * (1 - p) / n, n=n)
    >>> odds
    Interval(0.25, 95% from 0.1275 to 0.3725; n 100, delta method)
    >>> half = normal_quantile(0.95) * (p / (n * (1 - p) ** 3)) ** 0.5
    >>> round(half, 6) == round(odds.upper - 0.25, 6)
    True
    """
    import numpy as np

    z = normal_quantile(confidence)
    base = None if n is None else _params.number("n", n, low=0)
    theta = np.atleast_1d(_arrays.floats("estimate", estimate))
    sigma = np.atleast_2d(_arrays.floats("covariance", covariance))
    slopes = _gradient(function, theta) if gradient is None else gradient
    g = np.atleast_1d(_arrays.floats("gradient", slopes))
    if theta.ndim != 1 or g.shape != theta.shape or sigma.shape != (theta.size, theta.size):
        msg = (
            f"{theta.size} parameters need a gradient of {theta.size} and a {theta.size} × {theta.size} "
            f"covariance. Found shapes {g.shape} and {sigma.shape}: pass matching arrays."
        )
        raise DataError(msg)
    if np.abs(sigma - sigma.T).max() > _ASYMMETRY * np.abs(sigma).max():
        msg = "a covariance must be symmetric. Found one that is not: pass the matrix of the fit."
        raise DataError(msg)
    value, variance = float(function(theta)), float(g @ sigma @ g)
    if not (math.isfinite(value) and math.isfinite(variance) and variance >= 0):
        msg = (
            "the delta method requires a finite value and a finite variance of at least 0. Found "
            f"{value:g} and {variance:g}: check the estimate, the covariance and the gradient."
        )
        raise DataError(msg)
    half = z * math.sqrt(variance)
    return Interval(value, value - half, value + half, base, confidence, "delta method")


def _gradient(
    function: Callable[["NDArray[np.float64]"], float], theta: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    """Differentiate by central differences, each step relative to its parameter's size."""
    import numpy as np

    steps = np.diag(np.finfo(float).eps ** (1 / 3) * np.where(theta == 0, 1.0, np.abs(theta)))
    slopes = [(function(theta + h) - function(theta - h)) / (2 * h.sum()) for h in steps]
    return np.asarray(slopes, dtype=float)
