"""Treatments for each customer: by hand on every engine, within the plan's cost, bad input."""

import math

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import assign_treatments, plan_treatments
from crmkit.testing import assert_parity

EFFECTS = pd.DataFrame(
    [("a", "visit", 9.0, 3.0), ("a", "call", 4.0, 1.0), ("b", "call", 2.0, 1.0), ("b", "mail", 0.5, 0.1)],
    columns=["cell", "treatment", "effect", "unit_cost"],
)


def base(seed=1, rows=30):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "customer_id": rng.permutation(rows),
            "cell": rng.choice(["a", "b", "c"], rows),
            "profit": rng.integers(0, 6, rows) * 1.0,
        }
    )
    table.loc[:1, "profit"] = np.nan
    table.loc[2, "cell"] = None
    return table


def sizes(table):
    return {**dict.fromkeys("ab", 0), **table["cell"].value_counts().to_dict()}


@pytest.mark.parametrize("budget", [17.5, 29.0])
def test_lists_on_every_engine(budget):
    table = base()
    plan = plan_treatments(EFFECTS, budget=budget, customers=sizes(table))
    want = dict.fromkeys(table["customer_id"])
    for cell in "ab":
        mine = table[table["cell"] == cell]
        queue = sorted(
            zip(mine["profit"], mine["customer_id"], strict=True),
            key=lambda pair: (-pair[0] if pair[0] == pair[0] else math.inf, pair[1]),
        )
        lines = plan.assignment[plan.assignment["cell"] == cell]
        for name in ("visit", "call", "mail"):  # in both cells the effect falls in this order
            for _ in range(math.floor(lines.loc[lines["treatment"] == name, "customers"].sum() + 1e-6)):
                want[queue.pop(0)[1]] = name
    expected = table.assign(treatment=[want[one] for one in table["customer_id"]])
    assert expected["treatment"].notna().sum() > 5
    assert_parity(
        lambda frame: assign_treatments(frame, plan, priority="profit"),
        table,
        expected=expected,
        keys=["customer_id"],
        crossing=2,
    )


@pytest.mark.parametrize("budget", [0.05, 7.77, 20.0, 1000.0])
def test_the_list_stays_within_the_plan(budget):
    table = base(seed=3)
    plan = plan_treatments(EFFECTS, budget=budget, customers=sizes(table))
    listed = assign_treatments(table, plan).merge(EFFECTS, on=["cell", "treatment"])
    assert listed["unit_cost"].sum() <= plan.spent + 1e-4
    assert listed["effect"].sum() >= plan.effect - EFFECTS["effect"].max() - 1e-4


def test_without_a_priority_the_order_is_that_of_the_key():
    table = pd.DataFrame({"customer_id": ["z", "y", "x"], "segment": "a"})
    effects = EFFECTS.rename(columns={"cell": "segment"}).head(1)
    plan = plan_treatments(effects, budget=3, customers={"a": 3}, key="segment")
    found = assign_treatments(table, plan, key="segment")
    assert found["treatment"].fillna("-").tolist() == ["-", "-", "visit"]
    nothing = plan_treatments(effects, budget=0, customers={"a": 3}, key="segment")
    assert assign_treatments(table, nothing, key="segment")["treatment"].isna().all()


def test_effects_of_each_customer():
    rng = np.random.default_rng(0)
    effects = pd.DataFrame(
        {"customer_id": np.arange(50), "treatment": "call", "effect": rng.random(50), "unit_cost": 1.0}
    )
    plan = plan_treatments(effects, budget=12, key="customer_id")
    listed = assign_treatments(effects[["customer_id"]], plan, key="customer_id")
    best = effects.nlargest(12, "effect")["customer_id"]
    assert set(listed.loc[listed["treatment"].notna(), "customer_id"]) == set(best)


def test_unfit_arguments_are_refused():
    table, plan = base(), plan_treatments(EFFECTS, budget=9)
    with pytest.raises(ParameterError, match="`plan` must be a TreatmentPlan"):
        assign_treatments(table, EFFECTS)
    with pytest.raises(ParameterError, match="`key` must be the column of the plan, 'cell'"):
        assign_treatments(table, plan, key="segment")
    with pytest.raises(ColumnError, match="must not have the column 'treatment'"):
        assign_treatments(table.assign(treatment="x"), plan)
    with pytest.raises(DataError, match="1 of 30 rows with an infinite profit"):
        assign_treatments(table.assign(profit=[math.inf, *[1.0] * 29]), plan, priority="profit")
    with pytest.raises(DataError, match="1 of 30 rows .customers. that stand in it more than once"):
        assign_treatments(pd.concat([table, table.head(1)]), plan)
    with pytest.raises(DataError, match="1 of 30 rows without a customer_id"):
        assign_treatments(table.astype({"customer_id": float}).replace({"customer_id": {0.0: np.nan}}), plan)
