"""Simulate the purchases to come: the noise of the process on top of the uncertainty of the parameters."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crmkit.clv.btyd import _scoring
from crmkit.clv.btyd._cells import Cells
from crmkit.clv.btyd._special import Floats

if TYPE_CHECKING:
    from crmkit.clv.btyd.customer_base import CustomerBaseModel

_AT_ONCE = 4_000_000  # numbers of purchases held in memory together
_CROWD = 20_000  # customers from which the noise of their sum is normal to any digit that matters


def quantiles(
    model: "CustomerBaseModel",
    cells: Cells,
    horizon: Any,
    *,
    confidence: float,
    draws: int,
    generator: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Return the ends of each cell's predictive interval; parameters are drawn once for all cells."""
    points = _scoring.draws_of_params(model, draws, generator)
    cells, horizon, order = _sorted(model, cells, horizon)
    data, z = model._data(cells.rows), model._layout.matrix(cells.rows)
    count = len(data[0])
    ends = np.empty((2, count))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    step = max(1, _AT_ONCE // draws)
    for start in range(0, count, step):
        rows = slice(start, start + step)
        part = [one[rows] for one in data]
        time = horizon[rows] if np.ndim(horizon) else horizon
        bought = np.stack([_draw(model, point, z[rows], part, time, generator) for point in points])
        ends[:, order[rows]] = np.quantile(bought, tails, axis=0, method="inverted_cdf")
    return ends[0], ends[1]


def _sorted(
    model: "CustomerBaseModel", cells: Cells, horizon: Any
) -> tuple[Cells, Any, npt.NDArray[np.intp]]:
    """Sort cells by what is drawn from them, so that a seed tells the draws in any order of the rows."""
    data, z = model._data(cells.rows), model._layout.matrix(cells.rows)
    keys = [*data, *z.T, *([horizon] if np.ndim(horizon) else [])]
    order = np.lexsort(keys[::-1])
    found = Cells(cells.rows.iloc[order], cells.count[order], cells.weight[order])
    return found, horizon[order] if np.ndim(horizon) else horizon, order


def totals(
    model: "CustomerBaseModel", cells: Cells, horizon: Any, *, draws: int, generator: np.random.Generator
) -> Floats:
    """Draw the purchases of all customers together.

    Few customers are drawn one by one. For many, the sum is normal around its mean given the parameters; its
    variance is that of two draws a cell, whose half squared difference has the right mean.
    """
    points = _scoring.draws_of_params(model, draws, generator)
    cells, horizon, _ = _sorted(model, cells, horizon)
    whole = bool((cells.weight == np.floor(cells.weight)).all())
    if whole and cells.weight.sum() <= _CROWD:
        each = np.repeat(np.arange(len(cells.weight)), cells.weight.astype(int))
        cells = Cells(cells.rows.iloc[each], cells.count[each], np.ones(len(each)))
        horizon = horizon[each] if np.ndim(horizon) else horizon
    data, z = model._data(cells.rows), model._layout.matrix(cells.rows)
    found = np.empty(draws)
    for number, point in enumerate(points):
        first = _draw(model, point, z, data, horizon, generator)
        if whole and cells.weight.max(initial=0) <= 1 and len(first) <= _CROWD:
            found[number] = first.sum()
            continue
        second = _draw(model, point, z, data, horizon, generator)
        expected = model._function("expected")(_scoring.params_at(model, point, z), *data, horizon)
        variance = cells.weight @ (first - second) ** 2 / 2
        found[number] = cells.weight @ expected + np.sqrt(variance) * generator.standard_normal()
    return found


def _draw(
    model: "CustomerBaseModel",
    point: Floats,
    z: Floats,
    data: list[Floats],
    horizon: Any,
    generator: np.random.Generator,
) -> Floats:
    params = _scoring.params_at(model, point, z)
    bought: Floats = model._function("draw")(params, *data, horizon, generator).astype(float)
    return bought
