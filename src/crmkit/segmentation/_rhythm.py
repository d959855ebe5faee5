"""Estimate the rhythm of a base from cells of customers: lognormal gaps, the last one open or without end."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw

from crmkit import _frames
from crmkit.errors import CRMKitWarning, DataError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Cells = Mapping[str, NDArray[Any]]

WIDEST = 100.0
_LEAST = 0.01  # spread below which the days of purchases say nothing
_GAPS = (-3.0, 15.0)  # logarithms of days: from an hour to longer than anybody lives
_CELL = 8.0  # cells to a unit of the logarithm
_EXACT = 16  # gaps up to which each number has cells of its own
_SURE = 1 - 1e-6
_STARTS = (0.05, 0.4)  # shares that leave: young bases can have a maximum on either side
_STEP = 1e-4
_REMEDY = "take a longer time, or give loyalty_stages(…) a `rhythm` that you know"


def estimated(customers: nw.LazyFrame[Any], *, leaving: float | None = None) -> dict[str, Any]:
    """Fit the rhythm by maximum likelihood; the keys are the fields of `Rhythm`."""
    cells = _cells(customers)
    repeat = cells[cells["gaps"] > 0]
    N, K = int(repeat["customers"].sum()), round(float((repeat["customers"] * repeat["gaps"]).sum()))
    if not N:
        msg = (
            "`orders` must have a customer with purchases on two days, whose gap gives a rhythm. Found none: "
            f"{_REMEDY}."
        )
        raise DataError(msg)
    bounds = _bounds(N, K, leaving)
    arrays = {str(name): column.to_numpy(dtype=float) for name, column in cells.items()}
    fitted = _fit(arrays, _start(repeat, N, K), bounds)
    errors = _errors(arrays, fitted, bounds)
    if K == N:
        fitted[4], errors[4] = fitted[3], errors[3]
    mu, log_within, between, first, later = fitted
    buyers = int(cells["customers"].sum())
    if log_within < bounds[1][0] + _STEP and between < _LEAST**2:
        errors[0] = None
        _warn(f"all gaps are alike ({K} of {N} customers), so that how gaps vary is not known")
    elif mu > _GAPS[1] - _STEP:
        _warn(f"so few customers came back ({N} of {buyers}) that the typical gap may have any length")
    return {
        "typical_gap_days": math.exp(mu),
        "within": math.exp(log_within / 2),
        "between": math.sqrt(between),
        "customers": N,
        "gaps": K,
        "open_gaps": buyers,
        "leaving_first": first,
        "leaving_later": later,
        "log_gap_error": errors[0],
        "leaving_first_error": errors[3],
        "leaving_later_error": errors[4],
    }


def _bounds(N: int, K: int, leaving: float | None) -> list[tuple[float, float]]:
    """Return the ranges of μ, ln within², between² and the two shares; one value where none is estimated."""
    share = (0.0, _SURE) if leaving is None else (leaving, leaving)
    return [
        _GAPS,
        (2 * math.log(_LEAST), 2 * math.log(WIDEST)),
        (0.0, WIDEST**2) if K > N > 1 else (0.0, 0.0),
        share,
        share if K > N else (0.0, 0.0),
    ]


def _warn(found: str) -> None:
    msg = f"The rhythm is uncertain: {found}. What helps: {_REMEDY}."
    warnings.warn(msg, CRMKitWarning, stacklevel=4)


def _cells(customers: nw.LazyFrame[Any]) -> "pd.DataFrame":
    """Count customers who are alike, with the means of what the likelihood needs and their sum of squares."""
    k = nw.col("gaps").cast(nw.Float64)
    some = nw.when(k > 0).then(k).otherwise(1.0)
    silent = nw.col("elapsed").cast(nw.Float64)
    rows = customers.with_columns(
        _k=k,
        _mean=nw.col("log_sum") / some,
        _silence=nw.when(silent > 0).then(silent).otherwise(0.5).log(),  # nobody is late on the first day
        _squares=nw.col("log_squares") - nw.col("log_sum") * nw.col("log_sum") / some,
    )
    many = (some / _EXACT).log() * _CELL + (_EXACT + 1)
    keys = {
        "_a": nw.when(k > _EXACT).then(many.floor()).otherwise(k),
        "_b": (nw.col("_mean") * _CELL).floor(),
        "_c": (nw.col("_silence") * _CELL).floor(),
    }
    rows = rows.with_columns(_mean2=nw.col("_mean") * nw.col("_mean"), **keys)
    names = {"gaps": "_k", "mean": "_mean", "mean2": "_mean2", "silence": "_silence", "squares": "_squares"}
    sums = {new: nw.col(old).sum() for new, old in names.items()}
    cells = _frames.collect(rows.group_by(list(keys)).agg(customers=nw.len(), **sums))
    cells = cells.sort_values(list(keys), ignore_index=True).drop(columns=list(keys))
    for name in ("gaps", "mean", "mean2", "silence"):
        cells[name] /= cells["customers"]
    return cells


def _start(repeat: "pd.DataFrame", N: int, K: int) -> tuple[float, float, float]:
    """Begin with the closed gaps alone, by analysis of variance: too short, but of the right size."""
    n, k, mean = repeat["customers"], repeat["gaps"], repeat["mean"]
    mu = float((n * mean).sum() / N)
    spread = max(float((n * repeat["mean2"]).sum() / N) - mu**2, 0.0)
    inner = float(repeat["squares"].sum()) / (K - N) if K > N else spread
    inner = max(inner, _LEAST**2)
    return mu, math.log(inner), max(spread - inner * float((n / k).sum()) / N, 0.01)


def _fit(cells: "Cells", start: tuple[float, float, float], bounds: list[tuple[float, float]]) -> list[float]:
    from scipy import optimize

    minimize: Any = optimize.minimize  # its stubs know no list of bounds
    best: Any = None
    for left in _STARTS:
        given = zip((*start, left, left), bounds, strict=True)
        first = [min(max(x, low), high) for x, (low, high) in given]
        found = minimize(
            lambda theta: _loss(theta, cells),
            first,
            method="L-BFGS-B",
            jac="3-point",
            bounds=bounds,
            options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
        )
        if best is None or found.fun < best.fun - 1e-10:
            best = found
    return [float(x) for x in best.x]


def _loss(theta: "Sequence[float] | NDArray[Any]", cells: "Cells") -> float:
    """Return minus the log-likelihood for each customer, with s² = within², b = between², π of leaving."""
    import numpy as np
    from scipy import special

    mu, log_s2, b, first, later = (float(x) for x in theta)
    n, k, mean = (cells[name] for name in ("customers", "gaps", "mean"))
    s2, K, again = math.exp(log_s2), (n * k).sum(), n[k > 0].sum()
    if again == K:
        later = first  # that nobody has bought three times would speak for all leaving after the second
    total = s2 + k * b
    B = k * b / total
    square = cells["mean2"] - 2 * mu * mean + mu * mu
    closed = K * log_s2 + cells["squares"].sum() / s2 + (n * (np.log(total / s2) + k * square / total)).sum()
    z = (cells["silence"] - mu - B * (mean - mu)) / np.sqrt(s2 + (1 - B) * b)
    pi = np.where(k > 0, later, first)
    gone = np.log(pi, out=np.full(len(pi), -math.inf), where=pi > 0)
    opened = np.logaddexp(np.log1p(0 - pi) + special.log_ndtr(0 - z), gone)
    stayed = again * math.log1p(0 - first) + (K - again) * math.log1p(0 - later)
    return float((closed / 2 - stayed - (n * opened).sum()) / n.sum())


def _errors(cells: "Cells", fitted: list[float], bounds: list[tuple[float, float]]) -> list[float | None]:
    """Return standard errors from the observed information; None for what lies at the end of its range."""
    import numpy as np

    inside = [
        i
        for i, (x, (low, high)) in enumerate(zip(fitted, bounds, strict=True))
        if low + _STEP < x < high - _STEP
    ]
    center = np.array(fitted)

    def at(*shifts: tuple[int, float]) -> float:
        moved = center.copy()
        for i, shift in shifts:
            moved[i] += shift
        return _loss(moved, cells)

    h = _STEP
    H = np.array(
        [
            [
                at((i, h), (j, h)) - at((i, h), (j, -h)) - at((i, -h), (j, h)) + at((i, -h), (j, -h))
                for j in inside
            ]
            for i in inside
        ]
    ) / (4 * h * h)
    found: list[float | None] = [None] * len(fitted)
    variance = np.diag(np.linalg.pinv(H * float(cells["customers"].sum())))
    for i, value in zip(inside, variance, strict=True):
        found[i] = math.sqrt(value) if value > 0 else None
    return found
