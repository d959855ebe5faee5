"""Allocation of treatments: greedy and brute force, the dual by its identity and by differences, limits."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import optimize

from crmkit.errors import ColumnError, ConvergenceError, DataError, ParameterError
from crmkit.segmentation import CPA, cell_counts, plan_treatments

COLUMNS = ["cell", "treatment", "effect", "unit_cost"]


def case(seed, cells=3, treatments=3):
    rng = np.random.default_rng(seed)
    rows = [
        (f"cell{c}", f"treat{t}", float(rng.integers(-3, 30)), float(rng.integers(0, 9)))
        for c in range(cells)
        for t in range(treatments)
    ]
    sizes = {f"cell{c}": int(rng.integers(1, 4)) for c in range(cells)}
    return pd.DataFrame(rows, columns=COLUMNS), sizes


def optimum(effects, sizes, budget, capacity):
    """Solve the program as it is written, with another algorithm."""
    names = list(sizes)
    A = [effects["unit_cost"].to_numpy()]
    b = [budget]
    A += [(effects["cell"] == name).to_numpy(dtype=float) for name in names]
    b += [sizes[name] for name in names]
    for name, most in (capacity or {}).items():
        A.append((effects["treatment"] == name).to_numpy(dtype=float))
        b.append(most)
    return -optimize.linprog(-effects["effect"], A_ub=np.array(A), b_ub=b, method="highs-ds").fun


def check_plan(plan, effects, sizes, budget, capacity):
    """Assert that a plan is feasible, and optimal by duality."""
    lines, cells = plan.assignment, plan.cells
    assert (lines["customers"] >= 0).all()
    assert plan.spent <= (math.inf if budget is None else budget + 1e-6)
    assert (cells["treated"] <= cells["customers"] + 1e-6).all()
    assert cells["customers"].tolist() == [sizes[name] for name in cells["cell"]]
    for name, most in (capacity or {}).items():
        assert lines.loc[lines["treatment"] == name, "customers"].sum() <= most + 1e-6
    assert plan.effect == pytest.approx((lines["customers"] * effects["effect"]).sum(), abs=1e-6)
    assert cells["effect"].sum() == pytest.approx(plan.effect, abs=1e-6)
    assert cells["cost"].sum() == pytest.approx(plan.spent, abs=1e-6)
    prices = [plan.shadow_price, *plan.capacity_prices.values(), *cells["customer_price"]]
    assert min(prices) >= -1e-9
    worth = (cells["customers"] * cells["customer_price"]).sum()
    worth += sum(most * plan.capacity_prices[name] for name, most in (capacity or {}).items())
    assert worth + plan.shadow_price * (budget or 0) == pytest.approx(plan.effect, abs=1e-6)
    used = lines["customers"] > 1e-6
    assert lines.loc[used, "reduced_cost"].abs().max() == pytest.approx(0, abs=1e-6) or not used.any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 60), st.none() | st.integers(0, 5))
def test_equals_another_algorithm_and_its_own_dual(seed, budget, most):
    effects, sizes = case(seed)
    capacity = None if most is None else {"treat1": most}
    plan = plan_treatments(effects, budget=budget, customers=sizes, capacity=capacity)
    check_plan(plan, effects, sizes, budget, capacity)
    assert float(plan) == pytest.approx(optimum(effects, sizes, budget, capacity), abs=1e-6)
    more = optimum(effects, sizes, budget + 1e-3, capacity)
    assert plan.shadow_price == pytest.approx((more - plan.effect) / 1e-3, abs=1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_whole_customers_by_brute_force(seed):
    effects, sizes = case(seed, cells=2, treatments=2)
    budget = 12
    best = 0.0
    choices = [
        [pair for pair in itertools.product(range(n + 1), repeat=2) if sum(pair) <= n] for n in sizes.values()
    ]
    for chosen in itertools.product(*choices):
        x = np.array([count for pair in chosen for count in pair])
        if x @ effects["unit_cost"] <= budget:
            best = max(best, float(x @ effects["effect"]))
    plan = plan_treatments(effects, budget=budget, customers=sizes)
    # one limit in force splits at most one customer
    assert best <= plan.effect + 1e-9 <= best + effects["effect"].max() + 1e-6
    fractions = plan.assignment["customers"] % 1
    assert ((fractions > 1e-6) & (fractions < 1 - 1e-6)).sum() <= 2


def test_one_treatment_is_a_fractional_knapsack():
    rng = np.random.default_rng(3)
    n = 400
    effects = pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "treatment": "visit",
            "effect": rng.uniform(1, 100, n),
            "unit_cost": rng.uniform(5, 20, n),
        }
    )
    plan = plan_treatments(effects, budget=1500, key="customer_id")
    money, won, price = 1500.0, 0.0, 0.0
    best = effects.assign(ratio=effects["effect"] / effects["unit_cost"]).sort_values(
        "ratio", ascending=False
    )
    for row in best.itertuples():
        part = min(1.0, money / row.unit_cost)
        won, money = won + part * row.effect, money - part * row.unit_cost
        if part < 1:
            price = row.ratio
            break
    assert plan.effect == pytest.approx(won)
    assert plan.shadow_price == pytest.approx(price)
    assert plan.spent == pytest.approx(1500)


def simple():
    return pd.DataFrame(
        [
            ("a", "visit", 9.0, 3.0),
            ("a", "call", 4.0, 1.0),
            ("b", "call", 2.0, 1.0),
            ("b", "gift", -1.0, 0.0),
        ],
        columns=COLUMNS,
    )


def test_no_budget():
    plan = plan_treatments(simple(), budget=0, customers={"a": 10, "b": 10})
    assert (plan.effect, plan.spent) == (0, 0)
    assert plan.shadow_price == pytest.approx(4)  # a first call for a
    assert plan.assignment["customers"].sum() == 0


def test_more_budget_than_needed():
    sizes = {"a": 10, "b": 10}
    for budget in (40, 1000, None):  # 40 is spent to the last unit, and one more would do nothing
        plan = plan_treatments(simple(), budget=budget, customers=sizes)
        assert plan.effect == pytest.approx(110)
        assert plan.spent == pytest.approx(40)
        assert plan.shadow_price == pytest.approx(0)
        assert plan.cells["customer_price"].tolist() == pytest.approx([9, 2])
        check_plan(
            plan,
            plan.assignment.merge(simple(), on=["cell", "treatment"], suffixes=("_all", "")),
            sizes,
            budget,
            None,
        )
    assert "of" not in repr(plan).split(",")[0]
    unused = plan.assignment.set_index(["cell", "treatment"])["reduced_cost"]
    assert unused[("a", "call")] == pytest.approx(5)
    assert unused[("b", "gift")] == pytest.approx(3)


def test_price_at_a_kink_is_that_of_one_more_unit():
    sizes = {"a": 10, "b": 10}
    value = [plan_treatments(simple(), budget=b, customers=sizes).effect for b in range(45)]
    for budget in range(44):
        plan = plan_treatments(simple(), budget=budget, customers=sizes)
        assert plan.shadow_price == pytest.approx(value[budget + 1] - value[budget], abs=1e-6)


def test_capacity_has_a_price():
    sizes = {"a": 10, "b": 10}
    plan = plan_treatments(simple(), budget=None, customers=sizes, capacity={"visit": 4, "gift": 3})
    assert plan.capacity_prices == {"visit": pytest.approx(5), "gift": 0}
    assert plan.effect == pytest.approx(4 * 9 + 6 * 4 + 20)
    none = plan_treatments(simple(), budget=None, customers=sizes, capacity={"visit": 0, "call": 0})
    assert none.effect == 0


def test_scale_does_not_matter():
    effects, sizes = case(5)
    small = plan_treatments(effects, budget=20, customers=sizes)
    large = effects.assign(effect=effects["effect"] * 1e-6, unit_cost=effects["unit_cost"] * 1e6)
    big = plan_treatments(large, budget=20e6, customers=sizes)
    assert big.effect == pytest.approx(small.effect * 1e-6)
    assert big.shadow_price == pytest.approx(small.shadow_price * 1e-12)
    shuffled = plan_treatments(effects.sample(frac=1, random_state=1), budget=20, customers=sizes)
    assert shuffled.effect == pytest.approx(small.effect)


@pytest.mark.parametrize("many", [1e4, 1e7, 1e9, 1e12])
def test_a_small_budget_in_a_huge_base_is_kept(many):
    effects = pd.DataFrame(
        [("all", "mail", 1.0, 1.0), ("key", "mail", 5.0, 1.0)],
        columns=["cell", "treatment", "effect", "unit_cost"],
    )
    plan = plan_treatments(effects, budget=10, customers={"all": many, "key": 1})
    assert plan.assignment["customers"].tolist() == pytest.approx([9, 1])
    assert (plan.effect, plan.spent, plan.shadow_price) == pytest.approx((14, 10, 1))
    assert plan.cells["customer_price"].tolist() == pytest.approx([0, 4])
    assert plan.cells["untreated"].tolist() == pytest.approx([many - 9, 0])


def test_any_engine_and_counted_cells(engine):
    classified = pd.DataFrame({"cell": ["invest"] * 5 + ["nurture"] * 3 + ["sack", None]})
    effects = pd.DataFrame(
        [("invest", "visit", 9.0, 3.0), ("nurture", "call", 2.0, 1.0), ("re-engineer", "call", 8.0, 1.0)],
        columns=COLUMNS,
    )
    plan = plan_treatments(engine(effects), budget=12, customers=engine(cell_counts(classified, CPA)))
    cells = plan.cells.set_index("cell")
    assert cells["customers"].to_dict() == {"invest": 5, "nurture": 3, "re-engineer": 0, "sack": 1}
    assert cells["treated"].to_dict() == {"invest": 4, "nurture": 0, "re-engineer": 0, "sack": 0}
    assert plan.shadow_price == pytest.approx(3)
    assert cells.loc["re-engineer", "customer_price"] == pytest.approx(5)
    assert plan.to_dict()["cells"][0]["cell"] == "invest"
    assert plan.to_dict()["budget"] == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit_cost": -1.0}, "1 of 4 rows with a negative unit_cost"),
        ({"effect": math.nan}, "1 of 4 rows with a missing or infinite value"),
        ({"effect": math.inf}, "1 of 4 rows with a missing or infinite value"),
        ({"treatment": None}, "1 of 4 rows with a missing or infinite value"),
        ({"treatment": "call"}, "1 of 4 rows that repeat a cell and treatment"),
    ],
)
def test_unfit_effects_are_refused(change, message):
    effects = simple()
    for column, value in change.items():
        effects.loc[0, column] = value
    with pytest.raises(DataError, match=message):
        plan_treatments(effects, budget=1)


def test_unfit_arguments_are_refused():
    effects = simple()
    with pytest.raises(DataError, match="Found no row"):
        plan_treatments(effects.head(0), budget=1)
    with pytest.raises(ParameterError, match="`budget` must be a finite number at least 0"):
        plan_treatments(effects, budget=-1)
    with pytest.raises(ParameterError, match="`capacity` must be a mapping of treatments among"):
        plan_treatments(effects, budget=1, capacity={"mail": 3})
    with pytest.raises(ParameterError, match=r"`capacity\['call'\]` must be a finite number at least 0"):
        plan_treatments(effects, budget=1, capacity={"call": -3})
    with pytest.raises(DataError, match=r"Found 1 missing \['b'\] and 1 that are none \['a'\]"):
        plan_treatments(effects, budget=1, customers={"a": -1})
    with pytest.raises(DataError, match="one row for each cell. Found 1 that repeat"):
        plan_treatments(effects, budget=1, customers=pd.DataFrame({"cell": ["a", "a"], "customers": [1, 2]}))
    with pytest.raises(ColumnError, match="must have the column 'segment'"):
        plan_treatments(effects, budget=1, key="segment")
    with pytest.raises(ParameterError, match="`key` must be a column other than"):
        plan_treatments(effects, budget=1, key="treatment")


def test_a_solver_that_fails_is_heard(monkeypatch):
    failed = optimize.OptimizeResult(status=4, message="numerical trouble")
    monkeypatch.setattr(optimize, "linprog", lambda *_, **__: failed)
    with pytest.raises(ConvergenceError, match="HiGHS answered: numerical trouble"):
        plan_treatments(simple(), budget=1)
