"""Published figures of activity-based costing and customer profitability (reference §4)."""

import pandas as pd
import pytest

from crmkit.metrics import activities, bands, concentration, costing, profitability


def test_two_customers_of_equal_margin():
    orders = pd.DataFrame({"customer_id": [1, 2], "amount": [5000, 5000], "cost": [4000, 4000]})
    costs = pd.DataFrame({"customer_id": [2], "cost": [750]})
    profit = profitability.customer_profit(orders, costs).set_index("customer_id")["profit"]
    assert profit.to_dict() == {1: 1000.0, 2: 250.0}
    assert profit[1] / profit[2] == 4


def test_analysing_claims():
    activities = pd.DataFrame({"activity": ["analyse claims"], "cost": [121_000]})
    drivers = pd.DataFrame(
        {"customer_id": ["group", "rest"], "activity": "analyse claims", "quantity": [80, 20]}
    )
    costs = costing.allocate_costs(activities, drivers)
    assert costs.set_index("customer_id")["cost"].to_dict() == {"group": 96_800.0, "rest": 24_200.0}


def test_coopers_and_lybrand_retail_base():
    values = [29 / 4] * 4 + [55 / 26] * 26 + [16 / 70] * 70
    profit = pd.DataFrame({"customer_id": range(100), "profit": values}).sample(frac=1, random_state=0)
    table = bands.pareto(profit, cuts=(0.04, 0.30), digits=9)
    assert table["customers"].tolist() == [4, 26, 70]
    assert (100 * table["value_share"]).tolist() == pytest.approx([29, 55, 16], abs=1e-6)


def kanthal_base():
    """Build 100 customers with a profit of 1 000: 40 profitable, the best 5 and worst 10 as published."""
    best, good, worst = [300.0] * 5, [25.0] * 35, [-120.0] * 10
    small_losses = [-3.5] * 50
    return pd.DataFrame({"customer_id": range(100), "profit": best + good + small_losses + worst})


def test_kanthal_base_is_read_back():
    profit = kanthal_base().sample(frac=1, random_state=0)
    assert profit["profit"].sum() == pytest.approx(1000)
    peak = concentration.whale_peak(profit)
    assert peak.customer_share == 0.40
    assert float(peak) == pytest.approx(2.375)
    table = bands.pareto(profit, cuts=(0.05, 0.40, 0.90))
    assert table["value_share"].iloc[0] == pytest.approx(1.50)
    assert table["value_share"].iloc[-1] == pytest.approx(-1.20)
    curve = concentration.whale_curve(profit).set_index("customer_share")["cumulative_profit_share"]
    assert curve.idxmax() == 0.40
    assert curve.max() >= 2.20
    assert curve[0.05] == pytest.approx(1.50)
    assert curve[1.0] - curve[0.90] == pytest.approx(-1.20)


def test_peak_is_at_least_220_percent_where_nobody_else_loses():
    # 220 % is what the worst 10 % lose and the total together: the other half of the losers lose nothing.
    profit = pd.DataFrame(
        {"customer_id": range(100), "profit": [300] * 5 + [20] * 35 + [0] * 50 + [-120] * 10}
    )
    peak = concentration.whale_peak(profit)
    assert (peak.customer_share, float(peak), peak.lost_after_peak) == (0.40, 2.20, 1200)


def test_top_and_bottom_volume_quintile_lose():
    # Two of the three biggest customers are among the worst; the small ones cost more than they bring.
    volume = [1000, 900, 800, 700, 600, 500, 400, 300, 200, 100]
    profits = [-90, -60, 80, 50, 40, 30, 20, 10, -5, -15]
    base = pd.DataFrame({"customer_id": range(10), "profit": profits, "revenue": volume})
    table = bands.pareto(base, cuts=(0.2, 0.4, 0.6, 0.8), rank_by="revenue")
    assert table["profit"].tolist() == [-150, 130, 70, 30, -20]


def test_eighty_percent_from_the_best_twenty():
    profit = pd.DataFrame({"customer_id": range(10), "profit": [2.5] * 8 + [40] * 2})
    table = bands.pareto(profit)
    assert table["customers"].tolist() == [2, 8]
    assert table["value_share"].tolist() == [0.8, 0.2]


def test_kanthal_exercise_from_drivers():
    orders = pd.DataFrame({"customer_id": ["A"], "amount": [10_000.0]})
    activities = pd.DataFrame({"activity": ["order", "non-stocked order"], "cost": [3 * 750.0, 2 * 2250.0]})
    drivers = pd.DataFrame(
        {"customer_id": "A", "activity": ["order", "non-stocked order"], "quantity": [3, 2]}
    )
    costs = costing.allocate_costs(activities, drivers)
    assert costs.set_index("activity")["cost_driver_rate"].to_dict() == {
        "order": 750,
        "non-stocked order": 2250,
    }
    (row,) = profitability.customer_profit(orders, costs, gross_margin_rate=0.5).to_dict("records")
    assert row["gross_margin"] == 5000
    assert row["cost_to_serve"] == 2250 + 4500
    assert row["profit"] == -1750
    assert row["profit_margin"] == -0.175


def test_classic_pen_company_in_two_stages():
    # Kaplan's case of four pens (Harvard Business School 9-198-117); fringe benefits are 40 % of labour
    ledger = pd.DataFrame(
        {
            "resource": ["indirect labour", "computer", "machines", "fringes of direct labour"],
            "cost": [28_000.0, 10_000.0, 14_000.0, 8_000.0],
        }
    )
    uses = [
        *[("indirect labour", name, share) for name, share in (("run", 50), ("set up", 40), ("parts", 10))],
        *[("computer", name, share) for name, share in (("run", 80), ("parts", 20))],
        ("machines", "machine", 1),
        ("fringes of direct labour", "labour", 1),
    ]
    pools = activities.activity_costs(
        ledger, pd.DataFrame(uses, columns=["resource", "activity", "quantity"])
    )
    assert pools.set_index("activity")["cost"].to_dict() == {
        "run": 22_000,
        "set up": 11_200,
        "parts": 4_800,
        "machine": 14_000,
        "labour": 8_000,
    }
    drivers = {
        "run": (50, 50, 38, 12),
        "set up": (200, 50, 228, 48),
        "parts": (1, 1, 1, 1),
        "machine": (5_000, 4_000, 900, 100),
        "labour": (1_000, 800, 180, 20),
    }
    pens = ["blue", "black", "red", "purple"]
    caused = pd.DataFrame(
        [(pen, name, units[i]) for name, units in drivers.items() for i, pen in enumerate(pens)],
        columns=["customer_id", "activity", "quantity"],
    )
    costs = costing.allocate_costs(pools, caused)
    rates = costs.groupby("activity")["cost_driver_rate"].first().round(2)
    assert rates.to_dict() == {"run": 146.67, "set up": 21.29, "parts": 1_200, "machine": 1.40, "labour": 4}
    served = costing.cost_to_serve(costs).set_index("customer_id")["cost"]
    assert served.round().to_dict() == {"blue": 23_792, "black": 18_398, "red": 13_608, "purple": 4_202}
    assert served.sum() == pytest.approx(60_000, abs=1e-6)
