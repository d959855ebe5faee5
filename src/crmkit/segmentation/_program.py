"""Solve the linear program of treatments and choose among its dual solutions the price of one more unit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crmkit.errors import ConvergenceError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
_ZERO = 1e-9
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Solution:
    """What the program gives back: customers and reduced costs a row, and the prices of the limits."""

    customers: Floats
    reduced_cost: Floats
    budget_price: float
    cell_prices: list[float]
    capacity_prices: list[float]


@dataclass(frozen=True, slots=True)
class _Scaled:
    """The program in shares of each cell, all coefficients at most 1: max e·f, A f ≤ b, f ≥ 0.

    The rows of A are the budget, the cells, the capacities.
    """

    e: Floats
    A: "csr_array[Any]"
    b: Floats
    effect: float
    money: float
    people: float


def solve(
    *,
    effect: Floats,
    cost: Floats,
    size: Floats,
    cell: NDArray[np.integer[Any]],
    cap: NDArray[np.integer[Any]],
    budget: float | None,
    capacity: list[float],
) -> Solution:
    """Maximise the effect; `cell` and `cap` number the cell and capacity of each row, −1 is no capacity."""
    size = _reachable(cost, size, cell, budget)
    scaled = _scaled(effect, cost, size, cell, cap, budget, capacity)
    f = _run(-scaled.e, A_ub=scaled.A, b_ub=scaled.b, method="highs-ipm")
    f = np.round(f, _DIGITS)
    dual = _least_price(scaled, f)
    cells = int(cell.max()) + 1
    people = np.zeros(cells)
    people[cell] = size
    pi = float(dual[0]) * scaled.effect / scaled.money
    w = dual[1 + cells :] * scaled.effect / scaled.people
    rest = effect - cost * pi - np.append(w, 0.0)[cap]  # what a customer brings beyond money and place
    u = dual[1 : 1 + cells] * scaled.effect / np.where(people > 0, people, 1.0)
    empty = people == 0  # one more customer in an empty cell gets its best treatment, if any pays
    best = np.zeros(cells)
    np.maximum.at(best, cell, rest)
    u[empty] = best[empty]
    reduced = np.maximum(u[cell] - rest, 0.0)
    reduced[reduced < _ZERO * (1 + np.abs(effect))] = 0.0
    return Solution(f * size, reduced, pi, u.tolist(), w.tolist())


def _reachable(cost: Floats, size: Floats, cell: NDArray[np.integer[Any]], budget: float | None) -> Floats:
    """Cut cells down to twice what the budget could treat: a limit that never binds, but keeps the scale."""
    if not budget:
        return size
    least = np.full(int(cell.max()) + 1, np.inf)
    np.minimum.at(least, cell, cost)
    most = 2 * np.divide(budget, least, out=np.full(len(least), np.inf), where=least > 0)
    reached: Floats = np.minimum(size, most[cell])
    return reached


def _scaled(
    effect: Floats,
    cost: Floats,
    size: Floats,
    cell: NDArray[np.integer[Any]],
    cap: NDArray[np.integer[Any]],
    budget: float | None,
    capacity: list[float],
) -> _Scaled:
    from scipy.sparse import csr_array

    n, cells = len(effect), int(cell.max()) + 1
    top = [float(np.abs(one).max(initial=0.0)) or 1.0 for one in (effect * size, cost * size, size)]
    row, column = np.arange(n), np.flatnonzero(cap >= 0)
    rows = np.concatenate([np.zeros(n, dtype=int), 1 + cell, 1 + cells + cap[column]])
    columns = np.concatenate([row, row, column])
    values = np.concatenate([cost * size / top[1], np.ones(n), size[column] / top[2]])
    A = csr_array((values, (rows, columns)), shape=(1 + cells + len(capacity), n))
    enough = float((cost * size).sum()) / top[1] + 1.0
    limit = enough if budget is None else min(budget / top[1], enough)
    b = np.concatenate([[limit], np.ones(cells), np.array(capacity, dtype=float) / top[2]])
    return _Scaled(effect * size / top[0], A, b, *top)


def _least_price(scaled: _Scaled, f: Floats) -> Floats:
    """Find the optimal dual with the least price of the budget, by complementary slackness.

    Every limit with something left has no price, every treatment in use earns exactly what it takes.
    """
    used = scaled.A @ f
    slack = scaled.b - used > _ZERO * (1 + scaled.b)
    bounds = [(0.0, 0.0) if left else (0.0, None) for left in slack]
    at = scaled.A.T.tocsr()
    active = np.flatnonzero(f > _ZERO)
    rest = np.flatnonzero(f <= _ZERO)
    objective = np.zeros(len(scaled.b))
    objective[0] = 1.0
    return _run(
        objective,
        A_ub=-at[rest],
        b_ub=-scaled.e[rest],
        A_eq=at[active] if len(active) else None,
        b_eq=scaled.e[active] if len(active) else None,
        bounds=bounds,
        method="highs",
    )


def _run(objective: Floats, *, bounds: Any = (0, None), **program: Any) -> Floats:
    """Run HiGHS, or raise the ConvergenceError that says what it answered."""
    from scipy.optimize import linprog

    found = linprog(objective, bounds=bounds, **program)
    if found.status != 0:
        msg = f"The program of treatments must have an optimum. HiGHS answered: {found.message}"
        raise ConvergenceError(msg)
    return np.asarray(found.x, dtype=np.float64)
