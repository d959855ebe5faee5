"""Costing in currencies without cents, with three decimals, and in decimals: whole units on every engine."""

from decimal import Decimal
from fractions import Fraction
from itertools import groupby

import numpy as np
import pandas as pd
import pytest

from crmkit.metrics import allocate_costs, cost_to_serve, customer_pnl, reconcile
from crmkit.testing import assert_parity, to_pandas

POOLS = {
    0: {
        "ship": Decimal(1000),
        "bill": Decimal(-7),
        "fix": Decimal(1),
        "idle": Decimal(5),
        "free": Decimal(0),
    },
    2: {"ship": Decimal("99999999.99"), "bill": Decimal("-0.07"), "fix": Decimal("0.01")},
    3: {"ship": Decimal("1234.567"), "bill": Decimal("-10.001"), "fix": Decimal("0.005")},
}


def drivers(seed):
    rng = np.random.default_rng(seed)
    count = 24
    rows = pd.DataFrame(
        {
            "customer_id": rng.integers(1, 8, count),
            "activity": rng.choice(["ship", "bill", "fix"], count),
            "quantity": rng.choice([0.0, 0.25, 1.0, 1.0, 3.5], count),
        }
    )
    tied = pd.DataFrame({"customer_id": range(1, 8), "activity": "fix", "quantity": 1.0})
    return pd.concat([rows[rows["activity"] != "fix"], tied], ignore_index=True)


def by_hand(pools, rows, digits):
    """Share each pool by largest remainder in exact fractions; equal ones go to the lower key."""
    lines = []
    ordered = rows.sort_values(["activity", "customer_id"]).to_dict("records")
    sums = {
        key: sum((Fraction(one["quantity"]) for one in some), Fraction(0))
        for key, some in groupby(ordered, key=lambda one: (one["activity"], one["customer_id"]))
    }
    for activity, cost in pools.items():
        units = abs(int(cost.scaleb(digits)))
        mine = {who: weight for (name, who), weight in sums.items() if name == activity}
        total = sum(mine.values())
        if not total:
            lines.append((None, activity, float(cost), True))
            continue
        exact = {who: units * weight / total for who, weight in mine.items()}
        whole = {who: int(share) for who, share in exact.items()}
        left = units - sum(whole.values())
        for who in sorted(exact, key=lambda one: (whole[one] - exact[one], one))[:left]:
            whole[who] += 1
        sign = -1 if cost < 0 else 1
        lines += [
            (who, activity, float(Decimal(sign * share).scaleb(0 - digits)), False)
            for who, share in whole.items()
        ]
    return pd.DataFrame(lines, columns=["customer_id", "activity", "cost", "unassigned"])


@pytest.mark.parametrize("digits", list(POOLS))
def test_costs_are_whole_units_of_any_currency(digits):
    pools, rows = POOLS[digits], drivers(digits)
    activities = pd.DataFrame({"activity": list(pools), "cost": [float(cost) for cost in pools.values()]})
    expected = by_hand(pools, rows, digits).astype({"customer_id": "Int64"})

    def costs(first, second):
        return allocate_costs(first, second, digits=digits)

    shared = costs(activities, rows)
    names = list(expected.columns)
    pd.testing.assert_frame_equal(
        shared[names].sort_values(["activity", "customer_id"], ignore_index=True),
        expected.sort_values(["activity", "customer_id"], ignore_index=True),
        check_dtype=False,
    )
    assert_parity(costs, activities, rows, expected=shared, keys=["activity", "customer_id"], crossing=9)
    assert (reconcile(shared, activities, digits=digits)["difference"] == 0).all()


def test_decimal_money_is_read_on_every_engine(engine):
    pools, rows = POOLS[2], drivers(2)
    activities = pd.DataFrame({"activity": list(pools), "cost": list(pools.values())})
    floats = activities.astype({"cost": float})
    expected = cost_to_serve(allocate_costs(floats, rows))
    served = to_pandas(cost_to_serve(allocate_costs(engine(activities), engine(rows))))
    assert served["cost"].tolist() == expected["cost"].tolist()


def test_a_statement_without_cents():
    orders = pd.DataFrame(
        {"customer_id": ["a", "a", "b"], "amount": [1000.0, -300.0, 50.0], "cost": [400.0, -120.0, 20.0]}
    )
    costs = pd.DataFrame({"customer_id": ["a", None], "cost": [333.0, 7.0]})
    expected = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "revenue": [700.0, 50.0],
            "gross_margin": [420.0, 30.0],
            "net_margin": [87.0, 30.0],
        }
    )
    found = customer_pnl(orders, costs, digits=0)
    pd.testing.assert_frame_equal(found[list(expected.columns)], expected)
    assert_parity(
        lambda first, second: customer_pnl(first, second, digits=0),
        orders,
        costs,
        expected=found,
        keys=["customer_id"],
        crossing=9,
    )
