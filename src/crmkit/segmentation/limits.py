"""Say how sure the scores of an axis are: a column of standard errors, or the two limits of an interval."""

from collections.abc import Mapping
from dataclasses import dataclass

import narwhals as nw

from crmkit import _params
from crmkit.segmentation._axis_cuts import infinite
from crmkit.segmentation.matrix import Matrix
from crmkit.stats.intervals import nominal


@dataclass(frozen=True, slots=True)
class ConfidenceLimits:
    """Name the columns of a confidence interval, from which the standard error of a score is read.

    Parameters
    ----------
    lower, upper : str
        Columns of the two limits.
    confidence : float, default 0.95
        Their coverage, between 0 and 1.

    Raises
    ------
    ParameterError
        If a name is none, or the confidence is outside its range.

    Notes
    -----
    The standard error is the width of the interval over twice the normal quantile; on a logarithmic axis the
    width is that of the logarithms. The score itself stays where it is, also in a lopsided interval.

    Examples
    --------
    >>> ConfidenceLimits("lower", "upper", confidence=0.9).upper
    'upper'
    """

    lower: str
    upper: str
    confidence: float = 0.95

    def __post_init__(self) -> None:
        _params.column("lower", self.lower)
        _params.column("upper", self.upper)
        nominal(self.confidence)


Errors = Mapping[str, str | ConfidenceLimits]


def error_columns(matrix: Matrix, errors: Errors) -> dict[str, str | ConfidenceLimits]:
    """Check which axes have a standard error, and return them."""
    fitting = isinstance(errors, Mapping) and errors and set(errors) <= set(matrix.columns)
    kinds = fitting and all(isinstance(given, str | ConfidenceLimits) for given in errors.values())
    if not kinds:
        axes = ", ".join(matrix.columns)
        requirement = f"a mapping of axes ({axes}) to columns of standard errors or ConfidenceLimits"
        _params.fail("errors", requirement, errors)
    ordinal = [axis.column for axis in matrix.axes if axis.ordinal and axis.column in errors]
    if ordinal:
        requirement = "of axes that are measured: the levels of an ordinal one have no standard error"
        _params.fail("errors", requirement, ordinal)
    return dict(errors)


def error_roles(errors: Errors) -> dict[str, str]:
    """List the columns that the standard errors are read from, as `_frames.scan` wants them."""
    names: list[str] = []
    for given in errors.values():
        names += [given] if isinstance(given, str) else [given.lower, given.upper]
    return dict.fromkeys(names, "number")


def unfit_errors(matrix: Matrix, errors: Errors) -> dict[str, nw.Expr]:
    """Say which standard errors and limits are refused, by what is wrong with them."""
    checks = infinite(*error_roles(errors))
    for axis in matrix.axes:
        given = errors.get(axis.column)
        if isinstance(given, str):
            checks[f"with a negative {given}"] = nw.col(given) < 0
        elif given is not None:
            text = f"with a {given.lower} above the {given.upper}"
            checks[text] = nw.col(given.lower) > nw.col(given.upper)
            if axis.scale == "log":
                text = f"with a {given.lower} that is not positive, on a logarithmic axis"
                checks[text] = nw.col(given.lower) <= 0
    return checks
