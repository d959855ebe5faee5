"""Say what a fitted model learned: parameters, how sure they are, how well it fits, and its model file."""

import math
from collections.abc import Mapping
from datetime import date
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from crmkit import _params, _persist
from crmkit.clv.btyd import covariates
from crmkit.clv.btyd._design import Acting, Layout, lay_out
from crmkit.clv.btyd._special import Floats
from crmkit.clv.btyd.covariates import Coding
from crmkit.errors import CRMKitError
from crmkit.stats.intervals import normal_quantile

if TYPE_CHECKING:
    import pandas as pd

_FARTHEST = 300.0  # of a logarithm: twice as far would not be a number any more
_STATE: dict[str, Any] = {
    "point": list[float],
    "covariance": list[list[float]] | None,
    "log_likelihood": float,
    "n_customers": float,
    "n_cells": int,
    "unit": str | None,
    "as_of": str | None,
    "longest": float,
    "runaway": dict[str, int],
    "codings": dict[str, Coding],
}


def _square(rows: list[list[float]]) -> bool:
    return {len(row) for row in rows} == {len(rows)}


def is_day(text: str | None) -> bool:
    """Say whether a text is a day as "2024-12-31"; None is no day that is known."""
    try:
        return text is None or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _covers(covariance: Floats | None, size: int) -> bool:
    """Say whether a matrix can be the covariance of so many numbers; None can."""
    if covariance is None:
        return True
    if covariance.shape != (size, size) or not np.allclose(covariance, covariance.T, rtol=1e-9, atol=0):
        return False
    spread = np.linalg.eigvalsh(covariance)
    return bool(spread[0] >= -1e-9 * spread[-1])


class Estimates:
    """Hold the estimates of a model fitted by maximum likelihood in the logarithms of its parameters."""

    _names: ClassVar[tuple[str, ...]]
    _acting: ClassVar[Acting] = {}
    _options: ClassVar[dict[str, Any]] = {"unit": Literal["day", "week", "month", "quarter", "year"] | None}
    _limits: ClassVar[Mapping[str, str]] = {}
    _discrete: ClassVar[bool] = False  # whether time is a number of opportunities

    log_likelihood_: float
    n_customers_: float
    n_cells_: int
    unit_: str | None
    as_of_: str | None
    _point: Floats
    _covariance: Floats | None
    _layout: Layout
    _runaway: dict[str, int]
    _longest: float

    def __repr__(self) -> str:
        usual = signature(type(self)).parameters
        given = ", ".join(
            f"{name}={one!r}" for name, one in self.get_params().items() if one != usual[name].default
        )
        if not hasattr(self, "_point"):
            return f"{type(self).__name__}({given})"
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.params_.items())
        fit = f"log-likelihood {self.log_likelihood_:.1f}, {self.n_customers_:.10g} customers"
        return f"{type(self).__name__}({given}) fitted: {values}; {fit}"

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002  scikit-learn's call
        """Return the arguments of the model, for scikit-learn's `clone` and searches.

        Parameters
        ----------
        deep : bool, default True
            Of no effect: no argument is itself a model.

        Returns
        -------
        dict
            Argument → value.

        Examples
        --------
        >>> from crmkit import clv
        >>> clv.ShiftedBetaGeometric(unit="year").get_params()
        {'unit': 'year'}
        """
        return {name: getattr(self, name) for name in self._options}

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the model; it has to be fitted again.

        Parameters
        ----------
        **params : object
            Arguments by name.

        Returns
        -------
        Estimates
            The model itself.

        Raises
        ------
        ParameterError
            If the model has no such argument.

        Examples
        --------
        >>> from crmkit import clv
        >>> clv.ShiftedBetaGeometric().set_params(unit="year")
        ShiftedBetaGeometric(unit='year')
        """
        for name, value in params.items():
            if name not in self._options:
                _params.fail("params", f"arguments of {type(self).__name__}", name)
            setattr(self, name, value)
        vars(self).pop("_point", None)
        return self

    @property
    def params_(self) -> dict[str, float]:
        """Return the parameters of the paper by name.

        Returns
        -------
        dict
            Name → estimate. With covariates it is that of a customer whose covariates are all 0.
        """
        self._require_fitted()
        return {name: math.exp(self._point[place]) for place, name in enumerate(self._names)}

    @property
    def boundary_(self) -> str | None:
        """Say whether the likelihood is highest at a boundary.

        Returns
        -------
        str or None
            Which parameters run to 0 or to infinity, and what that means; None at an interior maximum.
        """
        self._require_fitted()
        if not self._runaway:
            return None
        ways = [f"{name} → {'∞' if sign > 0 else '0'}" for name, sign in self._runaway.items()]
        meaning = self._limits.get(", ".join(ways), "the data cannot tell these parameters apart")
        return (
            f"{type(self).__name__}: the likelihood rises towards a boundary, {', '.join(ways)}: {meaning}. "
            "Predictions use the values reached; standard errors and intervals do not exist there."
        )

    @property
    def covariance_(self) -> "pd.DataFrame":
        """Return the covariance matrix of parameters and coefficients.

        Returns
        -------
        pandas.DataFrame
            Names × names: the inverse of the observed information, carried from logarithms to the parameters
            by the delta method. NaN at a boundary.
        """
        import pandas as pd

        names = self._all_names()
        size = len(names)
        logs = np.full((size, size), np.nan) if self._covariance is None else self._covariance
        scale = np.concatenate([np.exp(self._point[: len(self._names)]), np.ones(len(self._layout.names))])
        return pd.DataFrame(logs * np.outer(scale, scale), index=names, columns=names)

    @property
    def standard_errors_(self) -> dict[str, float]:
        """Return the standard errors of parameters and coefficients.

        Returns
        -------
        dict
            Name → standard error, the root of the diagonal of `covariance_`; NaN at a boundary.
        """
        covariance = self.covariance_
        roots = np.sqrt(np.diag(covariance.to_numpy()))
        return dict(zip(covariance.columns, roots.tolist(), strict=True))

    @property
    def aic_(self) -> float:
        """Return Akaike's information criterion.

        Returns
        -------
        float
            2k − 2 ln L, for k estimated numbers.
        """
        return 2 * len(self._all_names()) - 2 * self.log_likelihood_

    @property
    def bic_(self) -> float:
        """Return the Bayesian information criterion.

        Returns
        -------
        float
            k ln n − 2 ln L, for k estimated numbers and n customers.
        """
        return len(self._all_names()) * math.log(self.n_customers_) - 2 * self.log_likelihood_

    def confidence_intervals(self, *, confidence: float = 0.95) -> "pd.DataFrame":
        """Give every parameter and coefficient its interval.

        Parameters
        ----------
        confidence : float, default 0.95
            Nominal coverage, at least 0.5 and below 1.

        Returns
        -------
        pandas.DataFrame
            One row a name: ``parameter``, ``estimate``, ``standard_error``, ``lower``, ``upper``. The
            interval of a parameter is symmetric in its logarithm, that of a coefficient in itself. NaN at
            a boundary.

        Raises
        ------
        ParameterError
            If the confidence is outside its range.
        CRMKitError
            If the model is not fitted.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> clv.BetaGeoNBD().fit(summary).confidence_intervals().round(3)
          parameter  estimate  standard_error  lower  upper
        0         r     0.243           0.013  0.219  0.268
        1     alpha     4.414           0.378  3.731  5.221
        2         a     0.793           0.186  0.501  1.255
        3         b     2.426           0.705  1.372  4.289
        """
        import pandas as pd

        z = normal_quantile(confidence)
        covariance = self.covariance_.to_numpy()
        names, p = self._all_names(), len(self._names)
        spread = z * np.sqrt(np.diag(covariance if self._covariance is None else self._covariance))
        lower, upper = self._point - spread, self._point + spread
        ends = [np.concatenate([np.exp(end[:p]), end[p:]]) for end in (self._point, lower, upper)]
        columns = {"estimate": ends[0], "standard_error": np.sqrt(np.diag(covariance))}
        return pd.DataFrame({"parameter": names, **columns, "lower": ends[1], "upper": ends[2]})

    def to_json(self) -> str:
        """Write the fitted model as JSON text.

        Returns
        -------
        str
            The text that `from_json` reads: arguments, estimates with their covariance, the unit of time and
            the data window.

        Raises
        ------
        CRMKitError
            If the model is not fitted.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> '"unit": "week"' in clv.BetaGeoNBD().fit(summary).to_json()
        True
        """
        self._require_fitted()
        state = {
            "point": self._point,
            "covariance": self._covariance,
            "log_likelihood": self.log_likelihood_,
            "n_customers": self.n_customers_,
            "n_cells": self.n_cells_,
            "unit": self.unit_,
            "as_of": self.as_of_,
            "longest": self._longest,
            "runaway": self._runaway,
            "codings": self._layout.codings,
        } | {name: getattr(self, f"{name}_") for name in self._also_learned()}
        return _persist.dump(type(self).__name__, 1, params=self.get_params(), state=state)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a model that `to_json` wrote.

        Parameters
        ----------
        text : str
            The JSON text.

        Returns
        -------
        LikelihoodModel
            The fitted model.

        Raises
        ------
        DataError
            If the text is not such a model, or its parts do not fit together.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> model = clv.BetaGeoNBD().fit(summary)
        >>> clv.BetaGeoNBD.from_json(model.to_json()).params_ == model.params_
        True
        """
        also = cls._also_learned()
        params, state = _persist.load(text, cls.__name__, 1, params=cls._options, state=_STATE | also)
        model = cls(**params)
        model._require_codings(state["codings"])
        model._layout = model._lay_out(state["codings"])
        model._point, rows = np.array(state["point"]), state["covariance"]
        model._covariance = None if rows is None else np.array(rows) if _square(rows) else np.empty((0, 0))
        model._runaway, model._longest = state["runaway"], state["longest"]
        model._require_consistent(state)
        for learned in ("log_likelihood", "n_customers", "n_cells", "unit", "as_of", *also):
            setattr(model, f"{learned}_", state[learned])
        return model

    def _require_codings(self, codings: Mapping[str, Coding]) -> None:
        """Refuse a model file whose codings are not those of the covariates asked for."""
        asked = {process: covariates.parse(process, getattr(self, process)) for process in self._acting}
        due = {process: one[0] for process, one in asked.items() if one[0]}
        if {process: coding.terms for process, coding in codings.items()} != due:
            _persist.refuse(type(self).__name__, "its codings are not those of its covariates")
        for process, coding in codings.items():
            columns = {column for term in coding.terms for column in term}
            orderly = all(list(one) == sorted(set(one)) for one in coding.levels.values())
            if not asked[process][1] <= set(coding.levels) <= columns or not orderly:
                _persist.refuse(type(self).__name__, f"its levels of {process} are not those of categories")

    def _require_consistent(self, state: Mapping[str, Any]) -> None:
        """Refuse a model file whose numbers do not fit together."""
        names = [*self._names, *self._layout.names]
        size, covariance, unit = len(names), self._covariance, getattr(self, "unit", None)
        logs = self._point[: len(self._names)]
        reasons = {
            f"it has {len(self._point)} numbers where {size} are due": len(self._point) != size,
            f"its parameters are beyond e^±{_FARTHEST:g}": bool((np.abs(logs) > _FARTHEST).any()),
            f"its covariance is not a covariance matrix of {size} × {size}": not _covers(covariance, size),
            "its boundary names other parameters": not set(self._runaway) <= set(names)
            or not set(self._runaway.values()) <= {-1, 1},
            "it has a covariance at a boundary, or none elsewhere": (covariance is None)
            != bool(self._runaway),
            "its unit is another one than asked for": unit is not None and unit != state["unit"],
            "its as_of is not a date such as 2024-12-31": not is_day(state["as_of"]),
            "it has no customers": state["n_customers"] <= 0 or state["n_cells"] < 1 or state["longest"] < 0,
        }
        for reason, holds in reasons.items():
            if holds:
                _persist.refuse(type(self).__name__, reason)

    @classmethod
    def _also_learned(cls) -> dict[str, Any]:
        """Return what a model learns beside its parameters: name → type."""
        return {}

    def _lay_out(self, codings: Mapping[str, Coding]) -> Layout:
        equal = _params.flag("equal", getattr(self, "equal", False))
        penalty = _params.number("penalty", getattr(self, "penalty", 0.0), low=0)
        return lay_out(self._names, self._acts(), codings, equal=equal, penalty=penalty)

    def _acts(self) -> Acting:
        return self._acting

    def _all_names(self) -> list[str]:
        self._require_fitted()
        return [*self._names, *self._layout.names]

    def _require_fitted(self) -> None:
        if not hasattr(self, "_point"):
            msg = f"{type(self).__name__} must be fitted before this. Call fit(summary) first."
            raise CRMKitError(msg)
