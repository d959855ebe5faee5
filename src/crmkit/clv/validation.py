"""Judge models by what customers bought after the data that the models saw."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmkit import _params
from crmkit.clv._valuer import customer_model, is_weighted
from crmkit.clv.btyd import _cells, _reading, _scoring
from crmkit.clv.btyd._special import Floats
from crmkit.errors import DataError
from crmkit.stats.intervals import normal_quantile
from crmkit.stats.ranking import area_under_curve, normalised_gini

if TYPE_CHECKING:
    from crmkit.clv.btyd.customer_base import CustomerBaseModel

_ACTUAL, _DURATION = "holdout_purchases", "holdout_duration"
CRITERIA = {"mae": -1, "rmse": -1, "bias_share": 0, "gini": 1, "auc": 1, "crps": -1}
_NUMBERS = 4_000_000  # of a table of probabilities held in memory together
_TAIL = 1e-6
_LONGEST = 10_000


def validate(frame: object, *, models: Mapping[str, "CustomerBaseModel"]) -> pd.DataFrame:
    """Compare what models predicted with what customers bought, beside two forecasts that need no model.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, or as many as a column ``weight`` says, as `holdout_summary` makes it, of any
        engine: what the models read, ``holdout_purchases`` and ``holdout_duration``.
    models : mapping of str to fitted model
        The models by the name that the table gives them.

    Returns
    -------
    pandas.DataFrame
        One row a model, then "historical rate" (purchases go on as before, x / T) and "nobody buys":
        ``model``, ``customers``, ``actual`` and ``predicted`` (purchases of all together), ``mae``, ``rmse``,
        ``bias_share`` (predicted / actual − 1), ``gini`` (normalised), ``auc`` (of buying at all), ``crps``
        (continuous ranked probability score of the predicted distribution; of a single number its mae).

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If rows contradict themselves or are in another unit of time.
    ParameterError
        If there is no model.

    Notes
    -----
    No criterion serves all ends. Most customers buy nothing, so that "nobody buys" comes close on the mean
    absolute error, which aims at the median; the squared error and the bias judge totals, gini and auc whom
    to contact, crps the whole distribution. `best_by_criterion` says which model each prefers. Customers with
    the same prediction count as mixed evenly in gini and auc; a sort that leaves them in the order of the
    file moves gini by up to 0.0002 on CDNOW.

    References
    ----------
    Gneiting, T. and Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and estimation. Journal
    of the American Statistical Association 102(477), 359-378, section 4.2.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> table = clv.holdout_summary(
    ...     datasets.load_cdnow(sample=True), calibration_end="1997-09-30", holdout_end="1998-06-30"
    ... )
    >>> models = {"BG/NBD": clv.BetaGeoNBD().fit(table), "Pareto/NBD": clv.ParetoNBD().fit(table)}
    >>> validate(table, models=models)[["model", "mae", "rmse", "bias_share", "gini"]].round(4)
                 model     mae    rmse  bias_share    gini
    0           BG/NBD  0.7855  1.6080     -0.1215  0.6624
    1       Pareto/NBD  0.7545  1.6028     -0.1150  0.6726
    2  historical rate  1.0237  2.2119      0.5569  0.6657
    3      nobody buys  0.7985  2.2064     -1.0000  0.0000
    """
    if not isinstance(models, Mapping) or not models:
        _params.fail("models", "a mapping of at least one name to a fitted model", models)
    for model in models.values():
        customer_model("models", model)
    cells = _gathered(frame, list(models.values()))
    actual = cells.rows[_ACTUAL].to_numpy(dtype=float)
    time = cells.rows[_DURATION].to_numpy(dtype=float)
    rows = []
    for name, model in models.items():
        predicted = _scoring.evaluate(model, model._function("expected"), cells.rows, [time])
        rows.append({"model": name, **_measured(actual, predicted, cells.weight, _crps(model, cells, time))})
    for name, predicted in _without_model(next(iter(models.values())), cells.rows, time).items():
        score = float(cells.weight @ np.abs(predicted - actual) / cells.weight.sum())
        rows.append({"model": name, **_measured(actual, predicted, cells.weight, score)})
    return pd.DataFrame(rows)


def best_by_criterion(validation: pd.DataFrame) -> pd.DataFrame:
    """Say which model of a validation each criterion prefers, and what the criterion is good for.

    Parameters
    ----------
    validation : pandas.DataFrame
        What `validate` returns.

    Returns
    -------
    pandas.DataFrame
        One row a criterion: ``criterion``, ``model`` (null where the criterion is defined for none),
        ``value``, ``margin`` (distance to the next best) and ``use``.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If there is no model.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"model": ["a", "nobody buys"], "mae": [0.7, 0.6], "rmse": [1.0, 2.0],
    ...                       "bias_share": [0.1, -1.0], "gini": [0.6, 0.0], "auc": [0.8, 0.5],
    ...                       "crps": [0.5, 0.6]})
    >>> best_by_criterion(table)[["criterion", "model"]].head(2)
      criterion        model
    0       mae  nobody buys
    1      rmse            a
    """
    from crmkit import _frames

    _frames.require(list(validation.columns), ["model", *CRITERIA], table="frame")
    if not len(validation):
        msg = "`validation` must have at least one model. Found none."
        raise DataError(msg)
    rows = []
    table = validation.reset_index(drop=True)
    for criterion, sign in CRITERIA.items():
        values = table[criterion]
        quality = (sign * values if sign else -values.abs()).sort_values(ascending=False)
        best = quality.index[0]
        margin = quality.iloc[0] - quality.iloc[1] if len(quality) > 1 else np.nan
        named = None if np.isnan(values[best]) else table["model"][best]
        rows.append((criterion, named, values[best], margin, _USES[criterion]))
    return pd.DataFrame(rows, columns=["criterion", "model", "value", "margin", "use"])


_USES = {
    "mae": "the typical customer; rewards predicting nothing where most buy nothing",
    "rmse": "the expectation of each customer",
    "bias_share": "the total of the base: stock, budget, cash",
    "gini": "whom to treat first, by how much they buy",
    "auc": "whom to contact, by whether they buy at all",
    "crps": "the whole distribution; differences in the third digit decide nothing",
}


def calibration_table(frame: object, *, model: "CustomerBaseModel", groups: int = 10) -> pd.DataFrame:
    """Compare predicted with actual purchases in groups of customers, from the lowest prediction up.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, or as many as a column ``weight`` says, as `holdout_summary` makes it, of any
        engine.
    model : fitted model of the customer base
        The model to judge.
    groups : int, default 10
        Number of groups of about equal size, 2 to 1 000; customers with the same prediction stay together.

    Returns
    -------
    pandas.DataFrame
        One row a group: ``group`` (1 is the lowest), ``customers``, ``predicted`` and ``actual`` (means per
        customer), ``actual_lower`` and ``actual_upper`` (95 % of the mean, normal;
        null for a group of one).

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If rows contradict themselves or are in another unit of time.
    ParameterError
        If an argument is outside its range.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> table = clv.holdout_summary(
    ...     datasets.load_cdnow(sample=True), calibration_end="1997-09-30", holdout_end="1998-06-30"
    ... )
    >>> deciles = calibration_table(table, model=clv.ParetoNBD().fit(table))
    >>> int(deciles["customers"].sum()), bool(deciles["actual"].iloc[-1] > deciles["actual"].iloc[0])
    (2357, True)
    """
    customer_model("model", model)
    count = _params.integer("groups", groups, low=2, high=1000)
    cells = _gathered(frame, [model])
    time = cells.rows[_DURATION].to_numpy(dtype=float)
    predicted = _scoring.evaluate(model, model._function("expected"), cells.rows, [time])
    levels, place = np.unique(predicted, return_inverse=True)
    weight = np.bincount(place, weights=cells.weight, minlength=len(levels))
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    group = np.minimum((middle * count).astype(int), count - 1)[place]
    actual = cells.rows[_ACTUAL].to_numpy(dtype=float)
    size, sums, squares, mean = (
        np.bincount(group, weights=cells.weight * one, minlength=count)
        for one in (np.ones_like(actual), actual, actual**2, predicted)
    )
    used = size > 0
    size, sums, squares, mean = size[used], sums[used], squares[used], mean[used]
    freedom = np.where(size > 1, size - 1, np.nan)  # one customer says nothing of how others differ
    spread = normal_quantile(0.95) * np.sqrt(np.maximum(squares / size - (sums / size) ** 2, 0) / freedom)
    return pd.DataFrame(
        {
            "group": np.arange(1, len(size) + 1),
            "customers": size,
            "predicted": mean / size,
            "actual": sums / size,
            "actual_lower": np.maximum(sums / size - spread, 0),
            "actual_upper": sums / size + spread,
        }
    )


def _gathered(frame: object, models: list["CustomerBaseModel"]) -> _cells.Cells:
    roles = {_ACTUAL: "number", _DURATION: "number"}
    for model in models:
        roles |= _scoring.roles_of(model, frame)
    cells = _cells.gather(frame, roles, weighted=is_weighted(frame))
    actual, time = (cells.rows[name].to_numpy(dtype=float) for name in (_ACTUAL, _DURATION))
    checks = _reading.lacking(cells.rows, [_ACTUAL, _DURATION])
    checks[f"have '{_ACTUAL}' that are not a whole number of at least 0"] = (actual < 0) | (
        actual > np.floor(actual)
    )
    checks[f"have no positive '{_DURATION}'"] = time <= 0
    if any(model._discrete for model in models):
        checks[f"have a '{_DURATION}' that is no whole number of opportunities"] = time > np.floor(time)
    for model in models:
        checks |= _scoring.checks_of(model, cells.rows)
        _scoring.require_unit(model, cells.rows)
    cells.refuse(checks)
    if not cells.weight.sum() > 0:
        msg = "`summary` must have at least one customer. Found none."
        raise DataError(msg)
    return cells


def _without_model(model: "CustomerBaseModel", rows: pd.DataFrame, time: Floats) -> dict[str, Floats]:
    data = model._data(rows)
    rate = np.divide(data[0], data[2], out=np.zeros_like(time), where=data[2] > 0)
    return {"historical rate": rate * time, "nobody buys": np.zeros_like(time)}


def _measured(actual: Floats, predicted: Floats, weight: Floats, crps: float) -> dict[str, Any]:
    customers, total = weight.sum(), weight @ actual
    error = predicted - actual
    return {
        "customers": customers,
        "actual": total,
        "predicted": weight @ predicted,
        "mae": weight @ np.abs(error) / customers,
        "rmse": np.sqrt(weight @ error**2 / customers),
        "bias_share": weight @ predicted / total - 1 if total else np.nan,
        "gini": normalised_gini(actual, predicted, weight=weight),
        "auc": area_under_curve(actual > 0, predicted, weight=weight),
        "crps": crps,
    }


def _crps(model: "CustomerBaseModel", cells: _cells.Cells, time: Floats) -> float:
    """Return the mean of Σ_k (F(k) − 1{y ≤ k})² over k = 0, 1, …, up to where nothing is left of a tail.

    Few customers need a long table of F: those whose tail is not in the last one get a longer one.
    """
    actual = cells.rows[_ACTUAL].to_numpy(dtype=float)
    counts, total = model._function("counts"), 0.0
    due, highest = np.arange(len(actual)), 64
    while len(due):
        longer = []
        for rows in np.array_split(due, len(due) * (highest + 1) // _NUMBERS + 1):
            found = _scoring.evaluate(
                model, lambda *given, top=highest: counts(*given, top), cells.rows.iloc[rows], [time[rows]]
            )
            reached = np.cumsum(found, axis=1)
            steps = np.arange(highest + 1) >= actual[rows, None]
            done = (actual[rows] <= highest) & ((1 - reached[:, -1] < _TAIL) | (highest > _LONGEST))
            total += float((cells.weight[rows] * done) @ ((reached - steps) ** 2).sum(axis=1))
            longer.append(rows[~done])
        due, highest = np.concatenate(longer), 4 * highest
    return total / float(cells.weight.sum())
