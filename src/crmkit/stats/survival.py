"""Estimate when and how open cases end: cumulative incidence of competing events under censoring.

A lead that was lost is not censored: it can no longer be won. One minus Kaplan–Meier, which treats it
as if it still could, overstates every outcome; the Aalen–Johansen estimate here does not, and the incidences
of all events and the share still open add up to one at every time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmkit import _params
from crmkit.errors import DataError
from crmkit.stats import _arrays
from crmkit.stats.intervals import Interval, normal_quantile, wilson_bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    _Floats = NDArray[np.float64]

_CENSORED = ("censored", "censor", "0")
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class _Counts:
    """The counts at each distinct time that every estimate here starts from."""

    t: "_Floats"  # distinct times
    n: "_Floats"  # at risk just before
    d: "_Floats"  # events at that time, one row a cause
    censored: "_Floats"
    causes: list[Any]

    def survival_before(self) -> "_Floats":
        """Share still open just before each time: S(t−) of Kaplan and Meier."""
        import numpy as np

        return np.concatenate([[1.0], np.cumprod(1 - self.d.sum(axis=0) / self.n)[:-1]])

    def hazard_ratio(self) -> "_Floats":
        """Greenwood's term d / (n (n − d)), 0 where nobody is left for it to matter."""
        import numpy as np

        d = self.d.sum(axis=0)
        left = self.n - d
        ratio: _Floats = np.divide(d, self.n * left, out=np.zeros_like(d), where=left > 0)
        return ratio


def cumulative_incidence(
    durations: "ArrayLike",
    events: "ArrayLike",
    *,
    weights: "ArrayLike | None" = None,
    causes: "Sequence[Any] | None" = None,
    confidence: float = 0.95,
) -> "pd.DataFrame":
    """Estimate the cumulative incidence of competing events (Aalen–Johansen).

    Parameters
    ----------
    durations : array_like of float
        Time from the start to the event or to the end of observation, at least 0, in any unit.
    events : array_like
        What happened then, a label or a code. 0, False, None and nan mean censored: still open.
    weights : array_like of int, optional
        How many cases each row stands for; one when left out.
    causes : sequence, optional
        The events to report, in this order, also those that never happened. All events that occur must be
        among them. The events that occur, sorted, when left out.
    confidence : float, default 0.95
        Nominal coverage at each time, at least 0.5 and below 1.

    Returns
    -------
    pandas.DataFrame
        One row an event and distinct time (also those at which cases were only censored), ordered: event,
        time, at_risk (cases open just before), n_event (this event then), n_censored (censored then),
        incidence (share with this event up to and including the time), std_error, lower, upper.

    Raises
    ------
    ParameterError
        If the confidence is outside its range or `causes` repeats an event or omits one that occurs.
    DataError
        If there are no cases, lengths differ, a duration is negative or not finite, a weight is no count, or
        an event is the text "censored" or "0".

    Notes
    -----
    Events come before censorings of the same time. Without any event and without `causes` the table is empty.
    The standard error is the delta-method one of Marubini and Valsecchi; without censoring it is the
    binomial √(p(1 − p)/n). The interval is Rothman's: Wilson's score interval on the effective number of
    cases p(1 − p)/se², hence equal to the interval of a plain proportion when nothing is censored. Where the
    incidence is 0 or 1 the effective number is the cases at risk over the share still open before.

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5, 141–150. Marubini & Valsecchi (1995),
    Analysing Survival Data from Clinical Trials and Observational Studies, chapter 10. Rothman (1978),
    Journal of Chronic Diseases 31, 557–560.

    Examples
    --------
    Four leads were lost, then one was won: 20 % won, where one minus Kaplan–Meier would say 100 %.

    >>> curve = cumulative_incidence([1, 2, 3, 4, 5], ["lost", "lost", "lost", "lost", "won"])
    >>> curve.loc[curve["time"] == 5, ["event", "at_risk", "incidence", "lower", "upper"]].round(4)
      event  at_risk  incidence   lower   upper
    4  lost        1        0.8  0.3755  0.9638
    9   won        1        0.2  0.0362  0.6245
    """
    import numpy as np
    import pandas as pd

    at = _count(durations, events, weights, causes)
    S, rows = at.survival_before(), len(at.causes)
    incidence = np.minimum(np.cumsum(S * at.d / at.n, axis=1), 1.0)
    se = np.sqrt(_variance(at, S, incidence))
    certain = (incidence < _ROUNDING) | (incidence > 1 - _ROUNDING)
    p = np.where(certain, np.round(incidence), incidence)
    se[certain] = 0.0
    effective = np.broadcast_to(at.n / S, p.shape).copy()
    effective[~certain] = (p * (1 - p))[~certain] / se[~certain] ** 2
    lower, upper = wilson_bounds(p * effective, effective, confidence=confidence)
    return pd.DataFrame(
        {
            "event": [cause for cause in at.causes for _ in at.t],
            "time": np.tile(at.t, rows),
            "at_risk": np.tile(at.n.astype(np.int64), rows),
            "n_event": at.d.astype(np.int64).ravel(),
            "n_censored": np.tile(at.censored.astype(np.int64), rows),
            "incidence": p.ravel(),
            "std_error": se.ravel(),
            "lower": np.where(p == 0, 0.0, lower).ravel(),
            "upper": np.where(p == 1, 1.0, upper).ravel(),
        }
    )


def _variance(at: _Counts, S: "_Floats", incidence: "_Floats") -> "_Floats":
    """Evaluate Marubini and Valsecchi's equation at every time: the sums over earlier times expanded."""
    import numpy as np

    def total(terms: "_Floats") -> "_Floats":
        return np.cumsum(terms, axis=1)

    F, r, share = incidence, at.hazard_ratio(), S / at.n
    of_open = F**2 * np.cumsum(r) - 2 * F * total(F * r) + total(F**2 * r)
    of_cause = total(share**2 * at.d * (at.n - at.d) / at.n)
    jumps = share * at.d / at.n
    both = F * total(jumps) - total(F * jumps)
    return np.maximum(of_open + of_cause - 2 * both, 0.0)


def restricted_mean(
    durations: "ArrayLike",
    events: "ArrayLike",
    *,
    horizon: float,
    cause: Any = None,
    weights: "ArrayLike | None" = None,
    confidence: float = 0.95,
) -> Interval:
    """Estimate the mean time to an event within a horizon, corrected for censoring.

    Parameters
    ----------
    durations, events : array_like
        As for :func:`cumulative_incidence`.
    horizon : float
        Time τ up to which the mean is taken, above 0, in the unit of the durations; not beyond the last
        duration while cases are still open then.
    cause : object, optional
        None: the mean of min(T, τ) over all cases, to whichever event comes first; open cases count τ.
        A label: the mean T of the cases that have this event by τ.
    weights : array_like of int, optional
        How many cases each row stands for; one when left out.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    Interval
        The mean in the unit of the durations, kept between 0 and τ; `n` is the number of all cases, `method`
        names the horizon. Nan throughout when a cause is asked for and no case has it by τ; nan ends when the
        estimated variance is 0, as with one event or none.

    Raises
    ------
    ParameterError
        If an argument is outside its range.
    DataError
        If the data break a rule of :func:`cumulative_incidence`, or the horizon lies beyond the observed.

    Notes
    -----
    A mean without a horizon would need the end of every case; of open cases nobody knows it. The variance
    is the delta-method one on the hazards; for ``cause=None`` it is Greenwood's form. The interval is normal.

    References
    ----------
    Irwin (1949), Journal of Hygiene 47, 188–189; Klein & Moeschberger (2003), Survival Analysis, 2nd ed.,
    section 4.5.

    Examples
    --------
    >>> restricted_mean([10, 20, 30, 40], ["won", "lost", "won", None], horizon=40)
    Interval(25, 95% from 14.04 to 35.96; n 4, restricted to 40)
    >>> restricted_mean([10, 20, 30, 40], ["won", "lost", "won", None], horizon=40, cause="won")
    Interval(20, 95% from 6.141 to 33.86; n 4, restricted to 40)
    """
    import math

    import numpy as np

    z, tau = normal_quantile(confidence), _params.number("horizon", horizon, low=0, open_low=True)
    at = _count(durations, events, weights, None)
    cases, method = float(at.n[0]), f"restricted to {tau:g}"
    if tau > at.t[-1] and at.censored[-1] > 0:
        msg = (
            f"the horizon must lie within what was observed. Found {tau:g}, but {at.censored[-1]:.0f} cases "
            f"are still open at {at.t[-1]:g}, the last duration: choose an earlier horizon."
        )
        raise DataError(msg)
    before = at.t <= tau
    at = _Counts(at.t[before], at.n[before], at.d[:, before], at.censored[before], at.causes)
    if cause is None:
        estimate, a, ahead, d = _mean_open(at, tau)
    elif cause in at.causes and at.d[at.causes.index(cause)].any():
        estimate, a, ahead, d = _mean_of_cause(at, at.causes.index(cause))
    else:
        return Interval(math.nan, math.nan, math.nan, cases, confidence, method)
    # Binomial variances and covariance of the hazards at each time, through their derivatives.
    terms = a**2 * d * (at.n - d) / at.n**3 - 2 * a * ahead * d / at.n**2 + ahead**2 * at.hazard_ratio()
    half = z * math.sqrt(max(float(np.sum(terms)), 0.0))
    if half <= _ROUNDING * tau:
        return Interval(estimate, math.nan, math.nan, cases, confidence, method)
    return Interval(estimate, max(estimate - half, 0.0), min(estimate + half, tau), cases, confidence, method)


def _mean_open(at: _Counts, tau: float) -> "tuple[float, _Floats, _Floats, _Floats]":
    """Integrate the share still open up to τ; `ahead` is the part of the integral after each time."""
    import numpy as np

    edges = np.concatenate([at.t, [tau]])
    steps = np.diff(edges)
    S = at.survival_before()
    after = S * (1 - at.d.sum(axis=0) / at.n)
    area = after * steps
    ahead = np.cumsum(area[::-1])[::-1]
    first = float(edges[0])
    return first + float(area.sum()), np.zeros_like(area), ahead, np.zeros_like(area)


def _mean_of_cause(at: _Counts, row: int) -> "tuple[float, _Floats, _Floats, _Floats]":
    """Average the times at which the incidence of one cause jumps."""
    import numpy as np

    S, d = at.survival_before(), at.d[row]
    jumps = S * d / at.n
    share = float(jumps.sum())
    mean = float(np.sum(at.t * jumps)) / share
    excess = (at.t - mean) * jumps / share
    ahead = np.cumsum(excess[::-1])[::-1] - excess
    return mean, S * (at.t - mean) / share, ahead, d


def _count(
    durations: "ArrayLike",
    events: "ArrayLike",
    weights: "ArrayLike | None",
    causes: "Sequence[Any] | None",
) -> _Counts:
    """Count events and censorings at each distinct time."""
    import numpy as np

    time = _arrays.finite("durations", durations)
    w = _arrays.counts(weights, time.size)
    label, censored = _labels(events, time.size)
    if (time < 0).any():
        msg = (
            f"durations must be at least 0. {(time < 0).sum()} of {time.size} are negative: check the dates."
        )
        raise DataError(msg)
    if not w.any():
        msg = "an incidence needs at least one case. Found 0: check the filter before."
        raise DataError(msg)
    seen = sorted(set(label[~censored & (w > 0)]), key=lambda x: (str(type(x)), x))
    listed = seen if causes is None else list(_params.several("causes", causes, "event"))
    if len(set(listed)) < len(listed) or not set(seen) <= set(listed):
        _params.fail("causes", f"distinct and contain all events that occur ({seen})", causes)
    t, place = np.unique(time[w > 0], return_inverse=True)

    def total(rows: "NDArray[np.bool_]") -> "_Floats":
        sums: _Floats = np.bincount(place, weights=(w * rows)[w > 0], minlength=t.size).astype(float)
        return sums

    everyone = total(np.ones(time.size, dtype=bool))
    d = np.array([total(~censored & (label == cause)) for cause in listed]).reshape(-1, t.size)
    return _Counts(t, np.cumsum(everyone[::-1])[::-1], d, total(censored), listed)


def _labels(events: "ArrayLike", rows: int) -> "tuple[NDArray[np.object_], NDArray[np.bool_]]":
    import numpy as np
    import pandas as pd

    label = np.array(events, dtype=object)
    if label.shape != (rows,):
        msg = f"events must be one for each of {rows} durations. Found shape {label.shape}: pass two columns."
        raise DataError(msg)
    label[pd.isna(label)] = 0
    named = [one for one in label if isinstance(one, str) and one.strip().lower() in _CENSORED]
    if named:
        msg = (
            f"events must say by 0, False, None or nan that a case is still open. Found {named[0]!r} in "
            f"{len(named)} of {rows}, which would count as an event: replace it."
        )
        raise DataError(msg)
    return label, np.asarray(label == 0, dtype=bool)
