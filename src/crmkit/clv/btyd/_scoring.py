"""Evaluate a fitted model on the cells of a frame, with intervals from the uncertainty of its parameters."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit import _params
from crmkit._frames import FrameT
from crmkit.clv.btyd import _cells, _reading
from crmkit.clv.btyd._special import Floats, Params
from crmkit.errors import ColumnError, DataError
from crmkit.stats.intervals import Interval, normal_quantile

if TYPE_CHECKING:
    import pandas as pd

    from crmkit.clv.btyd.estimates import Estimates
    from crmkit.clv.btyd.estimation import LikelihoodModel
    from crmkit.clv.btyd.predictions import CustomerPredictions

_STEP = 1e-4  # of a logarithm: central differences then err by about 1e-8
_NUMBERS = 4_000_000  # of a prediction that are held in memory together
_NODES, _CROWDING = 40, 5  # of the rule for a finite horizon: 4e-9 where t is 1e9 times α + T
_LONGEST = 1e100  # of a horizon, in any unit: squares of it are still numbers
_ENDLESS = 40.0  # discounted to e^(−40), the rest is lost in rounding
Formula = Callable[..., Floats]


def cells_of(
    model: "LikelihoodModel",
    frame: object,
    horizons: Mapping[str, Any] | None = None,
    *,
    weighted: bool = False,
) -> tuple[_cells.Cells, dict[str, str], list[Any]]:
    """Gather the cells of a frame: histories, covariates and, where a horizon is a column, the horizon.

    With `weighted` the column of weights, where there is one, says how many customers a row is.
    """
    given = horizons or {}
    named = [value for value in given.values() if isinstance(value, str)]
    roles = roles_of(model, frame) | dict.fromkeys(named, "number")
    present = _reading.schema(frame)
    for name, value in given.items():
        if isinstance(value, str) and value not in present:
            wanted = f"a number{_of_units(model)}, or the name of a column of the frame"
            msg = f"`{name}` must be {wanted}. Got {value!r} instead."
            raise ColumnError(msg)
    weighted = weighted and _cells.WEIGHT in present
    cells = _cells.gather(frame, roles, weighted=weighted)
    checks = _reading.lacking(cells.rows, named) | checks_of(model, cells.rows)
    for name in named:
        checks[f"have a negative value in '{name}'"] = (cells.rows[name] < 0).to_numpy()
        checks[f"have a value above {_LONGEST:g} in '{name}'"] = (cells.rows[name] > _LONGEST).to_numpy()
        if model._discrete:
            split = cells.rows[name] != np.floor(cells.rows[name])
            checks[f"have a number of opportunities that is not whole in '{name}'"] = split.to_numpy()
    cells.refuse(checks)
    require_unit(model, cells.rows)
    values = [
        cells.rows[one].to_numpy(dtype=float) if isinstance(one, str) else time(model, name, one)
        for name, one in given.items()
    ]
    return cells, roles, values


def time(model: "LikelihoodModel", name: str, value: Any) -> float:
    """Return a length of time, which is a number of opportunities where the model counts them."""
    if name == "annual_rate":
        return _params.number(name, value, low=0)
    if model._discrete:
        return _params.integer(name, value, low=0)
    if not _params.is_number(value) or not 0 <= value <= _LONGEST:
        _params.fail(name, f"a finite number{_of_units(model)}, 0 to {_LONGEST:g}", value)
    return float(value)


def _of_units(model: "LikelihoodModel") -> str:
    return " of opportunities" if model._discrete else f" of {model.unit_}s" if model.unit_ else ""


def roles_of(model: "LikelihoodModel", frame: object) -> dict[str, str]:
    """Return the columns that a fitted model reads, with their roles."""
    model._require_fitted()
    present = _reading.schema(frame)
    about = {"unit": "label"} if "unit" in present else {}
    return model._asked().roles(present, model._layout.codings) | about


def checks_of(model: "LikelihoodModel", rows: "pd.DataFrame") -> _reading.Checks:
    """Say which rows a fitted model cannot read."""
    unit = [name for name in ("unit",) if name in rows]
    return _reading.lacking(rows, [*model._asked().covariates, *unit]) | model._checks(rows)


def require_unit(model: "LikelihoodModel", rows: "pd.DataFrame") -> None:
    """Raise a DataError if rows are in another unit of time than the model, or in several."""
    found = sorted(set(rows["unit"].dropna())) if "unit" in rows else []
    strange = [one for one in found if one != model.unit_]
    if strange and (model.unit_ is not None or len(found) > 1):
        wanted = "one unit" if model.unit_ is None else f"the unit of the model, {model.unit_!r}"
        msg = (
            f"`summary` must be in {wanted}. Found {', '.join(map(repr, strange))} in 'unit': summarize the "
            "orders in one unit, that of the model."
        )
        raise DataError(msg)


def evaluate(
    model: "LikelihoodModel", formula: Formula, rows: "pd.DataFrame", values: list[Any], *, width: int = 1
) -> Floats:
    """Return formula(params, *data, *values), `width` numbers a cell."""
    data, z = model._data(rows), model._layout.matrix(rows)
    return _at(model, model._point, formula, data, z, values, width=width)


def _at(
    model: "LikelihoodModel",
    point: Floats,
    formula: Formula,
    data: list[Floats],
    z: Floats,
    values: list[Any],
    *,
    width: int = 1,
) -> Floats:
    params = model._layout.design.params(point, z)
    step = max(1, _NUMBERS // width)
    found = [
        formula(*_part((params, *data, *values), slice(start, start + step)))
        for start in range(0, len(data[0]), step)
    ]
    return np.concatenate(found) if found else np.empty(0)


def _part(arguments: tuple[Any, ...], rows: slice) -> Iterator[Any]:
    for one in arguments:
        if isinstance(one, tuple):
            yield tuple(_part(one, rows))
        else:
            yield one[rows] if np.ndim(one) else one


def with_interval(
    model: "LikelihoodModel",
    formula: Formula,
    rows: "pd.DataFrame",
    values: list[Any],
    *,
    confidence: float,
    share: bool,
) -> tuple[Floats, Floats, Floats]:
    """Return estimate, lower and upper end by the delta method in logarithms, or for shares in logits."""
    z = normal_quantile(confidence)
    estimate = evaluate(model, formula, rows, values)
    if model._covariance is None:
        nothing = np.full_like(estimate, np.nan)
        return estimate, nothing, nothing
    with np.errstate(invalid="ignore"):  # an infinite expectation has no slope, and NaN ends
        found = slopes(model, formula, rows, values)
        spread = np.sqrt(np.maximum(np.einsum("in,ij,jn->n", found, model._covariance, found), 0))
        return (estimate, *bounds(estimate, z * spread, share=share))


def slopes(model: "LikelihoodModel", formula: Formula, rows: "pd.DataFrame", values: list[Any]) -> Floats:
    """Return the derivatives of a prediction in every coefficient, coefficients × cells."""
    data, z = model._data(rows), model._layout.matrix(rows)

    def at(point: Floats) -> Floats:
        return _at(model, point, formula, data, z, values)

    return np.stack([(at(up) - at(down)) / (2 * _STEP) for up, down in _steps(model._point)])


def _steps(point: Floats) -> Iterator[tuple[Floats, Floats]]:
    for step in np.diag(np.full(len(point), _STEP)):
        yield point + step, point - step


def bounds(estimate: Floats, half: Floats, *, share: bool) -> tuple[Floats, Floats]:
    """Return the ends of an interval that stays above 0, and for shares below 1."""
    room = estimate * (1 - estimate) if share else estimate
    relative = np.divide(half, room, out=np.zeros_like(half), where=room > 0)
    if share:
        with np.errstate(over="ignore", invalid="ignore"):  # an infinite factor is a bound of 1, or of 0
            odds, factor = estimate / np.where(estimate < 1, 1 - estimate, 1), np.exp(relative)
            lower, upper = odds / (odds + factor), odds * factor / (1 + odds * factor)
        inside = room > 0
        upper = np.where(np.isfinite(factor), upper, 1.0)
        return np.where(inside, lower, estimate), np.where(inside, upper, estimate)
    with np.errstate(over="ignore"):
        return estimate * np.exp(-relative), estimate * np.exp(relative)


def add(
    model: "LikelihoodModel",
    frame: FrameT,
    column: str,
    formula: Formula,
    *,
    horizons: Mapping[str, Any] | None = None,
    confidence: float | None = None,
    share: bool = False,
) -> FrameT:
    """Add a prediction, and with a confidence its interval, to a frame of any engine."""
    cells, roles, values = cells_of(model, frame, horizons)
    if confidence is None:
        return _cells.give(frame, roles, cells, {column: evaluate(model, formula, cells.rows, values)})
    found = with_interval(model, formula, cells.rows, values, confidence=confidence, share=share)
    names = (column, f"{column}_lower", f"{column}_upper")
    return _cells.give(frame, roles, cells, dict(zip(names, found, strict=True)))


def of_new_customer(model: "Estimates", formula: Formula, value: Any, *, confidence: float) -> Interval:
    """Evaluate formula(params, value) with its interval, for a customer whose covariates are all 0."""
    z = normal_quantile(confidence)

    def at(point: Floats) -> float:
        params = tuple(np.exp(point[: len(model._names)]).tolist())
        return float(np.squeeze(formula(params, value)))

    estimate = at(model._point)
    spread = z * np.sqrt([variance_of(model, at)])
    low, high = bounds(np.array([estimate]), spread, share=False)
    method = "delta method on the logarithm"
    return Interval(estimate, float(low[0]), float(high[0]), model.n_customers_, confidence, method)


def variance_of(model: "Estimates", function: Callable[[Floats], float]) -> float:
    """Return the variance of a function of the coefficients by the delta method; nan at a boundary."""
    if model._covariance is None:
        return float("nan")
    slopes = [(function(up) - function(down)) / (2 * _STEP) for up, down in _steps(model._point)]
    return max(float(np.array(slopes) @ model._covariance @ slopes), 0.0)


def draws_of_params(model: "LikelihoodModel", draws: int, generator: np.random.Generator) -> Floats:
    """Draw coefficients from their asymptotic normal distribution; at a boundary all are the estimate."""
    if model._covariance is None:
        return np.tile(model._point, (draws, 1))
    return generator.multivariate_normal(model._point, model._covariance, size=draws, method="eigh")


def params_at(model: "LikelihoodModel", point: Floats, z: Floats) -> Params:
    """Return the parameters of every cell for one draw of the coefficients."""
    return model._layout.design.params(point, z)


def discounting(
    model: "CustomerPredictions",
    annual_rate: float,
    horizon: Any,
    *,
    levers: Mapping[str, float] | None = None,
) -> tuple[Formula, dict[str, Any]]:
    """Return the formula of discounted purchases and what it takes: a rate, or where it is finite a time."""
    delta = annual_to_unit(model, annual_rate)
    if horizon is None:
        return _pulled(model, "discounted", levers), {"annual_rate": delta}
    if not isinstance(horizon, str):
        horizon = time(model, "horizon", horizon)
    expected = _pulled(model, "expected", levers)
    if model._discrete:
        return _discounted_steps(expected, delta), {"horizon": horizon}
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    u = (nodes + 1) / 2
    share, weight = u**_CROWDING, weights * _CROWDING / 2 * u ** (_CROWDING - 1)

    def formula(params: Params, *arguments: Any) -> Floats:
        # By parts: ∫ e^(−δs) dE(s) = e^(−δt) E(t) + δ ∫ e^(−δs) E(s) ds, with the nodes crowded towards 0.
        *data, t = arguments
        t = np.minimum(t, _ENDLESS / delta)
        found = np.exp(-delta * t) * expected(params, *data, t)
        for part, mass in zip(share, weight, strict=True):
            found = found + delta * t * mass * np.exp(-delta * t * part) * expected(params, *data, t * part)
        return np.asarray(found)

    return formula, {"horizon": horizon}


def _discounted_steps(expected: Formula, delta: float) -> Formula:
    """Return Σ e^(−δj)·(E(j) − E(j − 1)) over the opportunities j up to a horizon."""

    def formula(params: Params, *arguments: Any) -> Floats:
        *data, t = arguments
        found: Floats = np.zeros_like(data[0])
        before = found
        last = min(np.max(t, initial=0), np.ceil(_ENDLESS / delta))
        for step in range(1, int(last) + 1):
            reached = expected(params, *data, np.minimum(step, t))
            found, before = found + np.exp(-delta * step) * (reached - before), reached
        return found

    return formula


def _pulled(model: "CustomerPredictions", name: str, levers: Mapping[str, float] | None) -> Formula:
    """Return a formula of the future in which levers act on those who are alive, from now on."""
    if not levers:
        return model._function(name)  # type: ignore[no-any-return]

    def formula(params: Params, *arguments: Any) -> Floats:
        *data, time = arguments
        formulas, updated = model._from_now(params, *data)
        moved = list(updated)
        for lever, factor in levers.items():
            place, sign = model._levers[lever]
            moved[place] = moved[place] * factor**sign
        nothing = np.zeros_like(data[0])
        future = getattr(formulas, name)(tuple(moved), nothing, nothing, nothing, time)
        return np.asarray(model._stays(params, *data) * future)

    return formula


def annual_to_unit(model: "LikelihoodModel", annual_rate: float) -> float:
    """Convert an annual discount rate to the model's unit of time, continuously compounded."""
    from crmkit import periods

    model._require_fitted()
    rate = _params.number("annual_rate", annual_rate, low=0, open_low=True)
    if model.unit_ is None:
        msg = (
            "An annual rate needs the unit of time of the data. Found none: pass unit='week' (or what it "
            f"is) to {type(model).__name__}, or keep the column 'unit' of summarize."
        )
        raise DataError(msg)
    return periods.continuous_rate(rate, unit=model.unit_)
