"""Published figures of activity-based costing and customer profitability (reference §4)."""

import pandas as pd
import pytest

from crmkit.metrics import (
    activities,
    bands,
    concentration,
    costing,
    profitability,
    statement,
    working_capital,
)


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


def drivers_of(customers, quantities):
    """One row a customer and activity, from the quantities of each activity in the order of customers."""
    return pd.DataFrame(
        [(who, name, row[i]) for name, row in quantities.items() for i, who in enumerate(customers)],
        columns=["customer_id", "activity", "quantity"],
    )


def pools_at(rates, quantities):
    """What activities cost in all when a unit of the driver costs so much."""
    return pd.DataFrame(
        [(name, rate * sum(quantities[name])) for name, rate in rates.items()], columns=["activity", "cost"]
    )


def test_three_customers_of_ackers():
    """Exercise on scribd.com (406751903, question 1): rates, cost to serve and profit in pounds."""
    customers = ["Bobowler", "Ganzy", "Donnies"]
    pools = {"orders": 1534, "packing": 5250, "dispatch": 4312.50, "warehousing": 1007, "admin": 2242}
    quantities = {
        "orders": (13, 66, 39),
        "packing": (300, 500, 450),
        "dispatch": (300, 500, 450),
        "warehousing": (30, 40, 25),
        "admin": (13, 66, 39),
    }
    costs = costing.allocate_costs(
        pd.DataFrame({"activity": list(pools), "cost": pools.values()}), drivers_of(customers, quantities)
    )
    rates = costs.groupby("activity")["cost_driver_rate"].first()
    assert rates.round(2).to_dict() == {
        "orders": 13,
        "packing": 4.20,
        "dispatch": 3.45,
        "warehousing": 10.60,
        "admin": 19,
    }
    served = costing.cost_to_serve(costs).set_index("customer_id")["cost"]
    assert served.to_dict() == {"Bobowler": 3029, "Ganzy": 6361, "Donnies": 4955.50}
    orders = pd.DataFrame({"customer_id": customers, "amount": [120_000.0, 150_000.0, 90_000.0]})
    direct = pd.DataFrame({"customer_id": customers, "cost": [13_120.0, 18_476.0, 13_620.0]})
    table = profitability.customer_profit(
        orders, pd.concat([costs[["customer_id", "cost"]], direct]), gross_margin_rate=0.3
    ).set_index("customer_id")
    # they round the cost of Donnies to 4 956 and so print 8 424
    assert table["profit"].to_dict() == {"Bobowler": 19_851, "Ganzy": 20_163, "Donnies": 8_424.50}
    assert (100 * table["profit_margin"]).round(1).to_dict() == {
        "Bobowler": 16.5,
        "Ganzy": 13.4,
        "Donnies": 9.4,
    }


def test_dakota_office_products():
    """Kaplan's case (Harvard Business School 9-102-021): two customers of equal revenue."""
    ledger = pd.DataFrame(
        {
            "resource": ["warehouse", "personnel", "freight", "trucks", "order entry"],
            "cost": [2_000_000, 2_400_000, 450_000, 200_000, 800_000],
        }
    )
    uses = [
        *(("warehouse", "cartons", 1), ("personnel", "cartons", 90), ("personnel", "desktop", 10)),
        *(("freight", "shipping", 1), ("trucks", "desktop", 1)),
        *(("order entry", "manual orders", 20), ("order entry", "lines", 75), ("order entry", "EDI", 5)),
    ]
    pools = activities.activity_costs(
        ledger, pd.DataFrame(uses, columns=["resource", "activity", "quantity"])
    )
    # A, B and all the others
    quantities = {
        "cartons": (200, 200, 80_000 - 400),
        "shipping": (200, 150, 75_000 - 350),
        "desktop": (0, 25, 2_000 - 25),
        "manual orders": (6, 100, 16_000 - 106),
        "lines": (60, 180, 150_000 - 240),
        "EDI": (6, 0, 8_000 - 6),
    }
    costs = costing.allocate_costs(pools, drivers_of(["A", "B", "others"], quantities))
    rates = costs.groupby("activity")["cost_driver_rate"].first().to_dict()
    assert rates == {
        "cartons": 52,
        "shipping": 6,
        "desktop": 220,
        "manual orders": 10,
        "lines": 4,
        "EDI": 5,
    }
    costs = costs[costs["customer_id"] != "others"]
    caused = costs.pivot_table(index="activity", columns="customer_id", values="cost", sort=False)
    assert caused["A"].to_dict() == {
        "cartons": 10_400,
        "shipping": 1_200,
        "desktop": 0,
        "manual orders": 60,
        "lines": 240,
        "EDI": 30,
    }
    assert caused["B"].to_dict() == {
        "cartons": 10_400,
        "shipping": 900,
        "desktop": 5_500,
        "manual orders": 1_000,
        "lines": 720,
        "EDI": 0,
    }
    orders = pd.DataFrame({"customer_id": ["A", "B"], "amount": [103_000, 104_000], "cost": [85_000, 85_000]})
    # slides on scribd.com (44209881) charge 10 % a year on the average receivables
    credit = pd.DataFrame({"customer_id": ["A", "B"], "cost": [0.1 * 9_000, 0.1 * 30_000]})
    profit = profitability.customer_profit(orders, pd.concat([costs[["customer_id", "cost"]], credit]))
    assert profit.set_index("customer_id")["profit"].to_dict() == {"A": 5_170, "B": -2_520}


def test_bottled_water_of_horngren():
    """Horngren, Cost Accounting, Spring Distribution: discounts from the list price of 14.40 and profit."""
    customers = list("PQRST")
    cases, prices = [2_080, 8_750, 60_800, 31_800, 3_900], [14.40, 14.16, 13.20, 13.92, 12.96]
    quantities = {
        "orders": (15, 25, 30, 25, 30),
        "visits": (2, 3, 6, 2, 3),
        "miles": (10 * 14, 30 * 4, 60 * 3, 40 * 8, 20 * 40),
        "cases": tuple(cases),
        "expedited": (0, 0, 0, 0, 1),
    }
    rates = {"orders": 100, "visits": 80, "miles": 2, "cases": 0.50, "expedited": 300}
    costs = costing.allocate_costs(pools_at(rates, quantities), drivers_of(customers, quantities))
    orders = pd.DataFrame(
        {
            "customer_id": customers,
            "amount": [round(count * price, 2) for count, price in zip(cases, prices, strict=True)],
            "cost": [count * 12 for count in cases],
            "discount": [
                round(count * (14.40 - price), 2) for count, price in zip(cases, prices, strict=True)
            ],
        }
    )
    table = statement.customer_pnl(orders, costs).set_index("customer_id")
    assert table["discounts"].tolist() == [0, 2_100, 72_960, 15_264, 5_616]
    assert table["net_margin"].tolist() == [2_012, 11_545, 38_720, 41_856, -3_346]
    assert profitability.customer_profit(orders, costs)["profit"].tolist() == table["net_margin"].tolist()


def test_darwin_company_of_drury():
    """Drury, Management and Cost Accounting: 10 % a year until they pay, after 90, 30, 10 and 10 days."""
    customers = list("ABYZ")
    sales = [1_000_000.0, 1_000_000.0, 500_000.0, 2_000_000.0]
    quantities = {
        "sales orders": (200, 100, 50, 30),
        "sales visits": (20, 10, 5, 5),
        "kilometres": (30_000, 10_000, 2_500, 1_250),
        "special deliveries": (20, 5, 0, 0),
    }
    rates = {"sales orders": 300, "sales visits": 200, "kilometres": 1, "special deliveries": 500}
    costs = costing.allocate_costs(pools_at(rates, quantities), drivers_of(customers, quantities))
    sold = pd.Timestamp("2023-01-01")
    invoices = pd.DataFrame(
        {
            "customer_id": customers,
            "amount": sales,
            "invoiced_at": sold,
            "paid_at": [sold + pd.Timedelta(days=days) for days in (90, 30, 10, 10)],
        }
    )
    credit = working_capital.credit_costs(invoices, as_of="2023-12-31", annual_rate=0.10)
    assert credit["cost"].tolist() == [24_657.53, 8_219.18, 1_369.86, 5_479.45]
    margins = [90_000.0, 120_000.0, 70_000.0, 200_000.0]
    orders = pd.DataFrame(
        {
            "customer_id": customers,
            "amount": sales,
            "cost": [sale - margin for sale, margin in zip(sales, margins, strict=True)],
        }
    )
    both = pd.concat([costs[["customer_id", "cost"]], credit[["customer_id", "cost"]]])
    profit = profitability.customer_profit(orders, both)["profit"]
    assert profit.tolist() == [-38_657.53, 67_280.82, 50_130.14, 183_270.55]
