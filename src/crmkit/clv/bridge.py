"""Carry models over from lifetimes, or let lifetimes fit them: the only module that imports it."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmkit import _params
from crmkit.clv.btyd._special import Floats
from crmkit.errors import ConvergenceError

if TYPE_CHECKING:
    from crmkit.clv.btyd.estimation import LikelihoodModel

_OPTION = "mode.chained_assignment"
FITTERS = {
    "BetaGeoNBD": "BetaGeoFitter",
    "ModifiedBetaGeoNBD": "ModifiedBetaGeoFitter",
    "ParetoNBD": "ParetoNBDFitter",
    "BetaGeoBetaBinomial": "BetaGeoBetaBinomFitter",
    "GammaGamma": "GammaGammaFitter",
}
# Else lifetimes draws them from numpy's global random state.
_STARTS: dict[str, Any] = {"ParetoNBD": {"initial_params": np.ones(4)}}


def from_lifetimes(fitter: Any, *, unit: str | None = None) -> "LikelihoodModel":
    """Turn a fitted model of lifetimes into the crmkit model with the same parameters.

    Parameters
    ----------
    fitter : fitted lifetimes fitter
        A BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter, BetaGeoBetaBinomFitter or GammaGammaFitter.
    unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of time of its data, which lifetimes does not keep; annual rates need it.

    Returns
    -------
    LikelihoodModel
        A fitted crmkit model: predictions are those of the same parameters, standard errors and covariance
        come from crmkit's exact Hessian at them.

    Raises
    ------
    ParameterError
        If it is another kind of object, or not fitted.

    Notes
    -----
    Nothing is fitted again; call ``fit`` for the maximum of the likelihood, of which lifetimes can stop
    short.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> from crmkit.clv.bridge import quiet
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> buyers = summary[summary["frequency"] > 0]
    >>> with quiet() as lifetimes:
    ...     spend = lifetimes.GammaGammaFitter().fit(buyers["frequency"], buyers["monetary_value"])
    >>> {name: round(value, 2) for name, value in from_lifetimes(spend).params_.items()}
    {'p': 6.25, 'q': 3.74, 'v': 15.44}
    """
    named = {fitted: name for name, fitted in FITTERS.items()}
    kind = type(fitter).__name__
    if kind not in named or not hasattr(fitter, "params_") or not hasattr(fitter, "data"):
        _params.fail("fitter", f"a fitted {', '.join(sorted(named))} of lifetimes", fitter)
    model: Any = getattr(import_module("crmkit.clv"), named[kind])()
    if unit is not None and "unit" in model._options:
        model.unit = unit
    data = fitter.data.rename(columns={"weights": "weight"})
    point = np.log([float(fitter.params_[name]) for name in model._names])
    fitted: LikelihoodModel = model._fit(data, "crmkit", point)
    return fitted


def estimate(model: "LikelihoodModel", data: list[Floats], weight: Floats) -> Floats:
    """Return the logarithms of the parameters that lifetimes finds for the same data."""
    name = type(model).__name__
    if name not in FITTERS or model._asked().covariates:
        _params.fail("engine", "'crmkit' for a model or covariates that lifetimes does not know", "lifetimes")
    with quiet() as lifetimes:
        fitter = getattr(lifetimes, FITTERS[name])()
        try:
            with redirect_stdout(io.StringIO()):  # it prints where it failed
                fitter.fit(*(pd.Series(one) for one in data), weights=weight, **_STARTS.get(name, {}))
        except lifetimes.utils.ConvergenceError as error:
            msg = f"lifetimes did not converge. {' '.join(str(error).split())} Fit with engine='crmkit'."
            raise ConvergenceError(msg) from error
    return np.log([float(fitter.params_[one]) for one in model._names])


@contextmanager
def quiet() -> Iterator[Any]:
    """Import lifetimes and run it with the warnings and pandas options of the caller put back after it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas may have retired the option since
        before = pd.get_option(_OPTION)
        try:
            yield import_module("lifetimes")
        finally:
            pd.set_option(_OPTION, before)
