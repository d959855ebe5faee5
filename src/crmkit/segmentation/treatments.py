"""Spend a service budget where it works best: which treatment for how many customers of each cell.

A linear program over cells and treatments (or customers and treatments), solved by HiGHS through scipy. Its
dual says what one more unit of the budget, of a treatment's capacity or one more customer would bring.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.segmentation import _program

if TYPE_CHECKING:
    import pandas as pd

_TAKEN = ["treatment", "customers", "cost", "effect", "reduced_cost", "unit_cost", "treated", "untreated"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TreatmentPlan:
    """Hold the best use of a service budget and what more of it would bring.

    Parameters
    ----------
    effect : float
        Total effect of the plan.
    spent : float
        Money it costs.
    budget : float or None
        Money there is; None for no limit.
    shadow_price : float
        Effect that one more unit of money would bring; 0 where the budget is not the limit.
    capacity_prices : dict of str to float
        Effect that one more customer of each limited treatment would bring.
    assignment : pandas.DataFrame
        One row a cell and treatment: the cell, ``treatment``, ``customers`` (who get it), ``cost``,
        ``effect`` and ``reduced_cost`` (by how much the effect on one customer would have to rise before
        the treatment is worth its money and place; 0 where it is used).
    cells : pandas.DataFrame
        One row a cell: the cell, ``customers``, ``treated``, ``untreated``, ``cost``, ``effect`` and
        ``customer_price`` (effect that one more customer in the cell would bring).

    Examples
    --------
    >>> import pandas as pd
    >>> effects = pd.DataFrame({"cell": ["invest"], "treatment": ["visit"], "effect": [9.0],
    ...                         "unit_cost": [3.0]})
    >>> plan_treatments(effects, budget=300, customers={"invest": 40})
    TreatmentPlan(effect 360; spent 120 of 300, shadow price 0; 40 of 40 customers treated)
    """

    effect: float
    spent: float
    budget: float | None
    shadow_price: float
    capacity_prices: dict[str, float]
    assignment: "pd.DataFrame"
    cells: "pd.DataFrame"

    def __float__(self) -> float:
        return float(self.effect)

    def __repr__(self) -> str:
        limit = "" if self.budget is None else f" of {self.budget:.10g}"
        treated, there = (float(self.cells[name].sum()) for name in ("treated", "customers"))
        return (
            f"TreatmentPlan(effect {self.effect:.6g}; spent {self.spent:.6g}{limit}, shadow price "
            f"{self.shadow_price:.4g}; {treated:.6g} of {there:.6g} customers treated)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain dictionaries and lists, ready for JSON.

        Returns
        -------
        dict
            One item a field, the tables as lists of rows.

        Examples
        --------
        >>> import pandas as pd
        >>> effects = pd.DataFrame({"cell": ["sack"], "treatment": ["none"], "effect": [0.0],
        ...                         "unit_cost": [0.0]})
        >>> plan_treatments(effects, budget=10).to_dict()["spent"]
        0.0
        """
        tables = {name: getattr(self, name).to_dict("records") for name in ("assignment", "cells")}
        names = ("effect", "spent", "budget", "shadow_price")
        return {
            **{name: getattr(self, name) for name in names},
            "capacity_prices": dict(self.capacity_prices),
            **tables,
        }


def plan_treatments(
    effects: object,
    *,
    budget: float | None,
    customers: Mapping[Any, float] | object | None = None,
    capacity: Mapping[str, float] | None = None,
    key: str = "cell",
) -> TreatmentPlan:
    """Find the assignment of treatments to cells that has the greatest effect for a budget.

    Parameters
    ----------
    effects : DataFrame
        One row a cell and treatment: the cell, ``treatment``, ``effect`` on one customer (in any unit, such
        as expected profit) and ``unit_cost`` (money for one customer, at least 0).
    budget : float or None
        Money for all treatments together, at least 0; None for no limit.
    customers : mapping or DataFrame, optional
        How many customers each cell has: a mapping, or a table with the cell and ``customers``, as
        `cell_counts` gives it (its row without a cell is left out). One each when left out, for effects by
        customer.
    capacity : mapping of str to float, optional
        The most customers that a treatment can serve, such as the visits of a sales force.
    key : str, default "cell"
        Column that names the cell; "customer_id" for effects by customer.

    Returns
    -------
    TreatmentPlan
        Assignment, effect, cost, and the prices of the budget, of capacities and of customers.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range, or `capacity` names a treatment that is not in `effects`.
    DataError
        If there is no row, a value is missing or infinite, a cost is negative, a cell and treatment stand
        twice, a number of customers is negative, or a cell of `effects` has none given.
    ConvergenceError
        If the solver finds no optimum.

    Notes
    -----
    Maximise Σ e·x under Σ c·x ≤ budget, Σ x over the treatments of a cell ≤ its customers, Σ x over the cells
    of a treatment ≤ its capacity, x ≥ 0. No treatment costs nothing and has no effect; a treatment with a
    negative effect is never chosen. Each customer gets at most one treatment. No more cells are split between
    treatments than there are limits in force, each with a fraction of a customer at the border: round it
    down to stay within the budget. Where several plans are equally good one of them is given.

    Prices are one-sided: what one more unit brings. Where the dual has several solutions, as it has when the
    budget is spent just as a treatment is complete, that is the least price of the budget among them. The
    effect equals budget × shadow price + Σ capacity × its price + Σ customers × customer price. Prices hold
    only as far as the same treatments remain at the border: plan again for a large change.

    References
    ----------
    Dantzig (1957), Operations Research 5, 266–277 (the fractional knapsack: by effect for each unit of
    money); Huangfu and Hall (2018), Mathematical Programming Computation 10, 119–142 (HiGHS).

    Examples
    --------
    >>> import pandas as pd
    >>> lines = [("invest", "visit", 100.0, 40.0), ("invest", "call", 45.0, 10.0),
    ...          ("nurture", "call", 20.0, 10.0)]
    >>> effects = pd.DataFrame(lines, columns=["cell", "treatment", "effect", "unit_cost"])
    >>> plan = plan_treatments(effects, budget=1600, customers={"invest": 50, "nurture": 30})
    >>> plan
    TreatmentPlan(effect 4316.67; spent 1600 of 1600, shadow price 1.833; 80 of 80 customers treated)
    >>> plan.assignment[["cell", "treatment", "customers", "reduced_cost"]].round(2)
          cell treatment  customers  reduced_cost
    0   invest      call      23.33           0.0
    1   invest     visit      26.67           0.0
    2  nurture      call      30.00           0.0
    """
    if budget is not None:
        budget = _params.number("budget", budget, low=0)
    if _params.column("key", key) in _TAKEN:
        _params.fail("key", f"a column other than {_TAKEN}", key)
    table = _effects(effects, key)
    sizes = _sizes(customers, table, key)
    limits = _capacities(capacity, table)
    size = table[key].map(sizes).to_numpy(dtype=float)
    solved = _program.solve(
        effect=table["effect"].to_numpy(),
        cost=table["unit_cost"].to_numpy(),
        size=size,
        cell=table[key].map({cell: place for place, cell in enumerate(sizes)}).to_numpy(dtype=int),
        cap=table["treatment"].map({one: i for i, one in enumerate(limits)}).fillna(-1).to_numpy(dtype=int),
        budget=budget,
        capacity=list(limits.values()),
    )
    return _plan(table, key, sizes, limits, budget, solved)


def _effects(effects: object, key: str) -> "pd.DataFrame":
    """Collect and check the effect table, sorted by cell and treatment."""
    roles = {key: "label", "treatment": "label", "effect": "number", "unit_cost": "number"}
    table = _frames.collect(_frames.scan(effects, roles))
    numbers = table[["effect", "unit_cost"]].astype(float)
    lost = table[[key, "treatment"]].isna().any(axis=1) | ~numbers.abs().lt(float("inf")).all(axis=1)
    found = {
        "with a missing or infinite value": int(lost.sum()),
        "with a negative unit_cost": int((numbers["unit_cost"] < 0).sum()),
        f"that repeat a {key} and treatment": int(table.duplicated([key, "treatment"]).sum()),
    }
    wrong = [f"{count} of {len(table)} rows {text}" for text, count in found.items() if count]
    if wrong or table.empty:
        reason = "; ".join(wrong) or "no row"
        msg = f"`effects` must have one complete row for each {key} and treatment. Found {reason}: mend it."
        raise DataError(msg)
    return table.assign(**numbers).sort_values([key, "treatment"], ignore_index=True)


def _sizes(customers: Any, table: "pd.DataFrame", key: str) -> dict[Any, float]:
    """Return how many customers each cell has, those of `effects` first."""
    wanted = list(dict.fromkeys(table[key]))
    if customers is None:
        return dict.fromkeys(wanted, 1.0)
    if isinstance(customers, Mapping):
        given = dict(customers)
    else:
        local = _frames.collect(_frames.scan(customers, {key: "label", "customers": "number"}))
        local = local[local[key].notna()]
        double = int(local[key].duplicated().sum())
        if double:
            msg = f"`customers` must have one row for each {key}. Found {double} that repeat: add them up."
            raise DataError(msg)
        given = dict(zip(local[key], local["customers"], strict=True))
    missing = [cell for cell in wanted if cell not in given]
    bad = [cell for cell, n in given.items() if not _params.is_number(n) or n < 0]
    if missing or bad:
        msg = (
            f"`customers` must have a number of at least 0 for each {key} of `effects`. Found {len(missing)} "
            f"missing {missing[:5]} and {len(bad)} that are none {bad[:5]}: complete it."
        )
        raise DataError(msg)
    return {cell: float(given[cell]) for cell in [*wanted, *(one for one in given if one not in set(wanted))]}


def _capacities(capacity: Mapping[str, float] | None, table: "pd.DataFrame") -> dict[str, float]:
    """Check the limits of treatments."""
    if capacity is None:
        return {}
    known = set(table["treatment"])
    if not isinstance(capacity, Mapping) or not set(capacity) <= known:
        _params.fail("capacity", f"a mapping of treatments among {sorted(known)}", capacity)
    return {one: _params.number(f"capacity['{one}']", most, low=0) for one, most in capacity.items()}


def _plan(
    table: "pd.DataFrame",
    key: str,
    sizes: dict[Any, float],
    limits: dict[str, float],
    budget: float | None,
    solved: _program.Solution,
) -> TreatmentPlan:
    """Lay the solution out by cell and treatment, and by cell."""
    import pandas as pd

    x = solved.customers
    assignment = pd.DataFrame(
        {
            key: table[key],
            "treatment": table["treatment"],
            "customers": x,
            "cost": x * table["unit_cost"],
            "effect": x * table["effect"],
            "reduced_cost": solved.reduced_cost,
        }
    )
    return TreatmentPlan(
        effect=float(assignment["effect"].sum()),
        spent=float(assignment["cost"].sum()),
        budget=budget,
        shadow_price=solved.budget_price,
        capacity_prices=dict(zip(limits, solved.capacity_prices, strict=True)),
        assignment=assignment,
        cells=_by_cell(assignment, key, sizes, solved.cell_prices),
    )


def _by_cell(
    assignment: "pd.DataFrame", key: str, sizes: dict[Any, float], prices: list[float]
) -> "pd.DataFrame":
    """Add the treatments of each cell up; a cell without any treatment has no price."""
    import pandas as pd

    sums = assignment.groupby(key, sort=False)[["customers", "cost", "effect"]].sum()
    sums = sums.reindex(list(sizes), fill_value=0.0)
    there = pd.Series(sizes, dtype=float).to_numpy()
    treated = sums["customers"].to_numpy()
    return pd.DataFrame(
        {
            key: list(sizes),
            "customers": there,
            "treated": treated,
            "untreated": (there - treated).clip(min=0.0),
            "cost": sums["cost"].to_numpy(),
            "effect": sums["effect"].to_numpy(),
            "customer_price": [*prices, *[0.0] * (len(sizes) - len(prices))],
        }
    )
