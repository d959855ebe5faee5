"""The sections: their numbers against hand counts, and why they are skipped."""

import json

import pandas as pd
import pytest

from crmkit.errors import DataError, ParameterError
from crmkit.report import Assumptions, build
from crmkit.report.document import Picture
from crmkit.report.sections import customers, leads, profit, rfm, sales, value


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Draw each figure once and do not write it: test_page does."""

    def drawn(name, title, description, draw):
        return Picture(title, description, f"<svg>{len(draw(5).axes)}</svg>", "<svg/>")

    for module in (customers, leads, profit, rfm, sales, value):
        monkeypatch.setattr(module, "picture", drawn)


@pytest.fixture
def report(tables):
    return build(tables, as_of="2024-12-31", assumptions=Assumptions(currency="EUR"))


def section(report, key):
    return report.to_dict()["sections"][key]


def test_all_sections_are_there(report):
    assert [one.key for one in report.sections] == ["customers", "leads", "rfm", "sales", "value", "profit"]
    assert report.skipped == ()
    assert report.title == "Customers, sales and value"
    assert all(one.base and one.action and one.headline.endswith(".") for one in report.sections)
    assert all(
        "None" not in text and "nan" not in text for one in report.sections for text in one.base + one.action
    )


def test_customers(report):
    found = section(report, "customers")
    facts = found["facts"]
    assert (facts["customers"], facts["revenue"]) == (4, 3075.0)
    assert facts["median_revenue"] == (650 + 20) / 2
    assert facts["bought_once"]["estimate"] == 0.25
    assert facts["bought_in_last_365_days"]["estimate"] == 0.75
    assert facts["share_of_top_20_percent"] == pytest.approx(2400 / 3075)  # one customer of four
    regions = {row["who"]: row for row in found["tables"]["by_region"]}
    assert {name: row["revenue"] for name, row in regions.items()} == {
        "north": 2400,
        "south": 670,
        "(not known)": 5,
    }
    assert sum(row["revenue"] for row in found["tables"]["revenue_bands"]) == 3075
    assert "1 customer (25" in found["action"][0]


def test_leads(report):
    found = section(report, "leads")
    ratios = {key: (row["n"], row["closed"], row["open"]) for key, row in found["facts"]["ratios"].items()}
    assert ratios == {
        "lead_to_qualified": (6, 3, 1),
        "lead_to_close": (6, 1, 1),
        "qualified_to_close": (3, 1, 0),
        "quote_to_close": (3, 1, 1),
    }
    assert [row["reached"] for row in found["tables"]["funnel"]] == [6, 3, 2, 1]
    channels = {row["group"]: row["ratio"] for row in found["tables"]["by_label"]}
    assert channels == {"web": pytest.approx(1 / 3), "fair": 0, "(not known)": 0}
    within = {row["within"]: row["incidence"] for row in found["tables"]["time_to_close"]}
    fifth = pytest.approx(1 / 5)  # the lead of 30 December is censored on day 1, the others have ended
    assert within == {"30 days": 0, "90 days": fifth, "180 days": fifth}


def test_segments(report):
    found = section(report, "rfm")
    # a bought on 24 days, the last one 16 days ago, for 2 400; d once, 656 days ago, for 5
    assert found["facts"]["customers"] == 4
    assert found["facts"]["revenue"] == 3075
    table = {row["segment"]: row for row in found["tables"]["segments"]}
    assert table["champions"]["customers"] == 1
    assert table["champions"]["revenue"] == 2400
    assert sum(row["customers"] for row in table.values()) == 4
    top = found["tables"]["thresholds"][0]
    assert top["score"] == 5
    assert top["recency_days"] == 16
    assert top["monetary"] == 2400
    assert "champions" in found["headline"]


def test_sales(report):
    found = section(report, "sales")
    assert found["facts"]["months"] == 24
    assert found["facts"]["last_value"] == 100
    assert found["facts"]["last_12_months"] == 12 * 100 + 50 + 10
    assert found["facts"]["forecast"] == 100
    months = {row["period"]: row for row in found["tables"]["months"]}
    assert months["2024-06-01"]["value"] == 110
    assert months["2024-06-01"]["year_before"] == 160


def test_the_band_rests_on_the_months_that_chose_the_window_and_ends_at_zero():
    """Three wild months long ago must not widen the band of a calm year."""
    values = [900.0, 10.0, 900.0] + [100.0, 104.0] * 9
    days = pd.date_range("2023-04-01", periods=21, freq="MS")
    calm = pd.DataFrame({"customer_id": "a", "order_date": days, "amount": values})
    facts = section(build({"orders": calm}, as_of="2024-12-31"), "sales")["facts"]
    assert facts["forecast_upper"] - facts["forecast_lower"] < 20
    wild = calm.assign(amount=[1.0, 500.0, 3.0] * 7)
    assert section(build({"orders": wild}, as_of="2024-12-31"), "sales")["facts"]["forecast_lower"] == 0


def test_months_that_are_all_alike_have_no_band():
    days = pd.date_range("2023-01-01", periods=24, freq="MS")
    alike = pd.DataFrame({"customer_id": "a", "order_date": days, "amount": 100.0})
    found = section(build({"orders": alike}, as_of="2024-12-31"), "sales")
    assert found["facts"]["forecast"] == 100
    assert found["facts"]["forecast_lower"] is None
    texts = [found["headline"], *found["action"]]
    assert not any(word in text for text in texts for word in ("nan", "None", "band"))


def test_value(report):
    found = section(report, "value")
    facts = found["facts"]
    # of a, b, c, d, who bought in the year before last, a, b and c bought again
    assert facts["retention"]["n"] == 4
    assert facts["retention"]["estimate"] == 0.75
    assert facts["margin_is"] == "gross margin"
    margin = (1200 + 50 + 10) / 2 / 3
    assert facts["margin_per_customer_and_year"] == pytest.approx(margin)
    assert facts["lifetime_value"] == pytest.approx(margin * 0.75 / (1.1 - 0.75))
    assert facts["gain_from_5_points_of_retention"] == pytest.approx(
        margin * (0.8 / (1.1 - 0.8) - 0.75 / (1.1 - 0.75))
    )
    assert facts["lifetime_value_lower"] < facts["lifetime_value"] < facts["lifetime_value_upper"]
    assert facts["value_of_all"] == pytest.approx(3 * facts["lifetime_value"])
    assert "(15\u00a0Jan\u00a02023 to 1\u00a0Jan\u00a02024)" in found["base"][0]


def test_a_base_of_a_few_days_is_no_base_for_retention(tables):
    old = pd.DataFrame({"customer_id": ["a"], "order_date": [pd.Timestamp("2023-12-28")], "amount": [1.0]})
    new = tables["orders"][tables["orders"]["order_date"] >= "2024-01-01"]
    report = build({"orders": pd.concat([old, new.drop(columns="cost")])}, as_of="2024-12-31")
    reasons = {one.key: one.reason for one in report.skipped}
    assert "at least 90 days of orders more than a year old; there are 5," in reasons["value"]


def test_profit(report):
    found = section(report, "profit")
    facts = found["facts"]
    assert facts["reconciliation"] == {"allocated": 400, "unassigned": 60, "ledger": 460, "difference": 0}
    assert facts["profit"] == 3075 / 2 - 400
    # a 1200 − 100, b 325 − 100, c 10 − 200, d 2.5
    assert facts["whale_peak"]["profitable"] == 3
    assert facts["whale_peak"]["lost_after_peak"] == 190
    assert [row["customer_id"] for row in found["tables"]["largest_losses"]] == ["c"]
    assert sum(row["customers"] for row in found["tables"]["matrix"]) == 4
    assert sum(row["profit"] for row in found["tables"]["matrix"]) == pytest.approx(facts["profit"])
    activities = {row["activity"]: row["cost"] for row in found["tables"]["activities"]}
    assert activities == {"serve": 400, "rent": 60}


def test_the_numbers_are_json(report):
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert json.loads(text)["currency"] == "EUR"


def test_orders_alone_skip_the_rest_with_a_reason(tables):
    report = build({"orders": tables["orders"].drop(columns="cost")}, as_of="2024-12-31")
    assert [one.key for one in report.sections] == ["customers", "rfm", "sales", "value"]
    assert {one.key: one.reason for one in report.skipped} == {
        "leads": "there is no table leads",
        "profit": "there is no table activities",
    }
    found = section(report, "value")
    assert found["facts"]["margin_is"] == "revenue"
    assert any("revenue, not profit" in line for line in found["base"])
    assert found["action"][0].startswith("Say the gross margin")


def test_an_assumed_gross_margin(tables):
    tables["orders"] = tables["orders"].drop(columns="cost")
    without = build(tables, as_of="2024-12-31")
    reasons = {one.key: one.reason for one in without.skipped}
    assert reasons["profit"].startswith("orders have no cost of goods")
    assumed = build(tables, as_of="2024-12-31", assumptions=Assumptions(gross_margin=0.5))
    given = section(assumed, "profit")["facts"]
    assert given["profit"] == 3075 / 2 - 400
    assert any("gross margin of 50" in line for line in section(assumed, "value")["base"])


def test_costs_of_a_part_of_the_orders(tables):
    report = build(tables, as_of="2024-12-31", assumptions=Assumptions(costs_from="2024-01-01"))
    facts = section(report, "profit")["facts"]
    assert facts["costs_from"] == "2024-01-01"
    assert facts["revenue"] == 1260
    ledger = pd.DataFrame(
        {"resource": "x", "cost": [400.0, 50.0], "period": pd.to_datetime(["2024-06-01"] * 2)}
    )
    report = build(tables | {"ledger": ledger}, as_of="2024-12-31")
    found = section(report, "profit")
    assert found["facts"]["costs_from"] == "2024-06-01"
    assert found["facts"]["reconciliation"]["ledger_table"] == 450
    assert any("10.00 less than the activities" in line for line in found["base"])


def test_everything_was_returned():
    days = pd.to_datetime(["2024-03-01", "2024-03-09"])
    orders = pd.DataFrame({"customer_id": "a", "order_date": days, "amount": [10.0, -10.0]})
    report = build({"orders": orders}, as_of="2024-04-15")
    assert [(one.key, len(one.pictures)) for one in report.sections] == [("customers", 0), ("rfm", 1)]


def test_costs_after_the_orders(tables):
    report = build(tables, as_of="2024-12-31", assumptions=Assumptions(costs_from="2025-01-01"))
    reasons = {one.key: one.reason for one in report.skipped}
    assert "there are no orders in the period of the costs" in reasons["profit"]


def test_nobody_with_a_positive_revenue(tables):
    tables["orders"] = tables["orders"].assign(amount=-1.0, cost=0.0)
    report = build(tables, as_of="2024-12-31")
    reasons = {one.key: one.reason for one in report.skipped}
    assert reasons["profit"] == "no customer has a positive revenue in the period of the costs"
    assert "retention needs purchases" in reasons["value"]
    assert (
        reasons["customers"]
        == reasons["rfm"]
        == ("no row of the orders is a purchase: all are returns or have no amount")
    )


def test_every_customer_profitable_and_every_customer_a_loss(tables):
    free = tables | {"activities": tables["activities"].assign(cost=[0.0, 0.0])}
    assert section(build(free, as_of="2024-12-31"), "profit")["headline"].startswith("All 4 customers pay")
    dear = tables | {"activities": tables["activities"].assign(cost=[40_000.0, 0.0])}
    assert "and the others lose" in section(build(dear, as_of="2024-12-31"), "profit")["headline"]


def test_channels_that_differ(tables):
    day = pd.Timestamp("2024-01-10")
    rows = pd.DataFrame(
        {
            "lead_id": range(200),
            "created_at": day,
            "won_at": [day] * 90 + [None] * 10 + [day] * 5 + [None] * 95,
            "channel": ["referral"] * 100 + ["advert"] * 100,
        }
    ).astype({"won_at": "datetime64[us]"})
    found = section(build({"leads": rows}, as_of="2024-12-31"), "leads")
    assert "from advert (5" in found["action"][0]
    assert "to referral (90" in found["action"][0]
    assert set(found["facts"]["ratios"]) == {"lead_to_close"}
    assert "100 sales need about 211 leads" in found["action"][1]  # 95 of 200 won


def test_leads_without_labels_sales_or_an_end(tables):
    rows = pd.DataFrame(
        {"lead_id": [1, 2], "created_at": pd.to_datetime(["2024-01-10"] * 2), "won_at": pd.NaT}
    )
    found = section(build({"leads": rows}, as_of="2024-12-31"), "leads")
    assert "by_label" not in found["tables"]
    assert found["action"] == ["2 leads are open: decide on the oldest first."]


def test_leads_with_impossible_dates_are_left_out(tables):
    wrong = tables["leads"].assign(won_at=pd.Timestamp("2023-01-01"))
    wrong.loc[0, "won_at"] = pd.Timestamp("2024-02-20")
    found = section(build({"leads": wrong}, as_of="2024-12-31"), "leads")
    assert found["facts"]["excluded"] == 5
    assert "Left out: 5 leads with impossible dates." in found["base"][0]


def test_short_histories(tables):
    few = tables["orders"].head(3)
    report = build({"orders": few}, as_of="2023-04-10")
    reasons = {one.key: one.reason for one in report.skipped}
    assert reasons["sales"] == "a forecast needs at least 6 complete months of orders; there are 3"
    assert "value" in reasons


def test_an_unfinished_month_is_left_out_and_said(tables):
    found = section(build({"orders": tables["orders"]}, as_of="2024-12-30"), "sales")
    assert found["facts"]["months"] == 23
    assert found["facts"]["rows_in_unfinished_month"] == 1
    assert found["base"][-1] == "Left out: 1 row of the unfinished month."


def test_notes_name_late_rows_and_strangers(tables):
    tables["customers"] = tables["customers"].head(3)
    report = build(tables, as_of="2024-06-30")
    assert report.notes[0].startswith("Left out: 7 rows dated after")
    assert report.notes[1] == "The table customers lacks the customers of 1 row of orders."


def test_many_regions_are_cut_to_the_largest():
    names = [f"r{number:02d}" for number in range(12)]
    orders = pd.DataFrame(
        {
            "customer_id": names,
            "order_date": pd.Timestamp("2024-06-01"),
            "amount": [float(n + 1) for n in range(12)],
        }
    )
    people = pd.DataFrame({"customer_id": names, "region": names})
    report = build({"orders": orders, "customers": people}, as_of="2024-12-31")
    rows = section(report, "customers")["tables"]["by_region"]
    assert [row["who"] for row in rows][:2] == ["r11", "r10"]
    assert rows[-1]["who"] == "5 others"
    assert sum(row["revenue"] for row in rows) == 78
    assert sum(row["customers"] for row in rows) == 12


def test_a_customer_with_nothing_but_returns_did_not_buy(tables):
    """Online Retail: 4 372 customers have rows, 4 335 bought; both sections must say so."""
    day = pd.Timestamp("2024-12-01")
    returned = pd.DataFrame({"customer_id": ["e", "f"], "order_date": day, "amount": [-7.0, None]})
    orders = pd.concat([tables["orders"][["customer_id", "order_date", "amount"]], returned])
    report = build({"orders": orders}, as_of="2024-12-31")
    facts = section(report, "customers")["facts"]
    assert facts["customers"] == section(report, "rfm")["facts"]["customers"] == 4
    assert facts["customers_without_purchase"] == 2
    assert (facts["revenue"], facts["revenue_without_purchase"]) == (3075, -7)
    assert facts["bought_in_last_365_days"]["estimate"] == 0.75  # the return of e is no purchase
    assert any(line.startswith("Not counted: 2 customers with") for line in report.sections[0].base)


def test_the_last_year_has_365_days_whatever_the_hour():
    days = ["2024-01-01 23:59", "2024-01-02 00:00", "2024-12-31 23:59"]
    orders = pd.DataFrame({"customer_id": list("abc"), "order_date": pd.to_datetime(days), "amount": 1.0})
    facts = section(build({"orders": orders}, as_of="2024-12-31"), "customers")["facts"]
    assert facts["bought_in_last_365_days"]["estimate"] == pytest.approx(2 / 3)


def test_scores_that_ties_leave_to_nobody_ask_for_nothing():
    """Seven of ten customers bought once: no score lies between those who bought once and the others."""
    days = pd.to_datetime(["2024-03-01", "2024-04-01", "2024-05-01"])
    rows = [(f"c{number}", days[0], 10.0 + number) for number in range(7)]
    rows += [(f"c{number}", day, 10.0) for number in range(7, 10) for day in days]
    orders = pd.DataFrame(rows, columns=["customer_id", "order_date", "amount"])
    table = section(build({"orders": orders}, as_of="2024-12-31"), "rfm")["tables"]["thresholds"]
    asked = [row["frequency"] for row in table]
    assert asked.count(3) == 1
    assert set(asked) == {3, None}


def test_the_forecast_names_its_month(tables):
    """As of 10 December the month ahead of the last complete one is December itself, not next month."""
    found = build({"orders": tables["orders"]}, as_of="2024-12-10").sections[2]
    assert "in Nov\u00a02024; expect" in found.headline
    assert "in Dec\u00a02024" in found.headline
    assert found.shown[2][0] == "forecast for Dec\u00a02024"


def test_a_first_year_has_no_year_before(tables):
    orders = tables["orders"][tables["orders"]["order_date"] < "2023-09-01"]
    found = build({"orders": orders}, as_of="2023-08-31").sections[2]
    assert [heading.name for heading in found.tables[1].headings] == ["period", "value", "n"]
    assert not any("year before" in line for line in found.base)
    assert (
        found.base[-1]
        == "The orders begin on 15\u00a0Jan\u00a02023: the first month may lack its first days."
    )


def _leads(counts):
    rows = [(name, lead < won) for name, (n, won) in counts.items() for lead in range(n)]
    table = pd.DataFrame(rows, columns=["channel", "won"]).rename_axis("lead_id").reset_index()
    day = pd.Timestamp("2024-01-10")
    return table.assign(created_at=day, won_at=pd.Series(day, table.index).where(table.pop("won")))


def test_the_best_of_many_equal_channels_is_no_news():
    """Two plain 95 % intervals of twelve do not overlap here; with room for twelve comparisons they do."""
    counts = {f"c{number}": (100, 20) for number in range(10)} | {"low": (100, 12), "high": (100, 31)}
    found = section(build({"leads": _leads(counts)}, as_of="2024-12-31"), "leads")
    rows = {row["group"]: row for row in found["tables"]["by_label"]}
    assert rows["high"]["lower"] > rows["low"]["upper"]
    assert found["action"][0].startswith("Do not move budget between the channels yet")
    two = {name: counts[name] for name in ("low", "high")}
    found = section(build({"leads": _leads(two)}, as_of="2024-12-31"), "leads")
    assert found["action"][0].startswith("Move effort from low")


def test_channels_with_the_most_leads_are_shown():
    """Fifteen channels of one sale each would fill a table of the best ratios."""
    counts = {f"tiny{number}": (1, 1) for number in range(15)} | {"web": (200, 20), "fair": (100, 30)}
    report = build({"leads": _leads(counts)}, as_of="2024-12-31")
    table = report.sections[0].tables[1]
    assert {"web", "fair"} <= {row["group"] for row in table.rows}
    assert table.caption == "Leads won by channel: the 12 with the most leads of 17, the best first"


def test_a_partly_known_cost_of_goods_leaves_the_assumption_said(tables):
    orders = tables["orders"].copy()
    orders.loc[orders.index[20], "cost"] = None
    given = Assumptions(gross_margin=0.4)
    found = section(build({"orders": orders}, as_of="2024-12-31", assumptions=given), "value")
    assert found["facts"]["margin_per_customer_and_year"] == pytest.approx(0.4 * 1260 / 3)
    assert found["base"][-1] == "A gross margin of 40\u00a0% of sales is assumed."
    found = section(build({"orders": orders}, as_of="2024-12-31"), "value")
    assert "is not known for all orders" in found["base"][-1]


def test_the_row_of_the_observed_retention_is_the_value_of_the_headline():
    """One of three came back: the table must not take 33.33 % for it."""
    days = pd.to_datetime(["2023-02-01", "2023-02-02", "2023-02-03", "2023-08-01", "2024-06-01"])
    orders = pd.DataFrame({"customer_id": list("abcaa"), "order_date": days, "amount": 1e6})
    found = section(build({"orders": orders}, as_of="2024-12-31"), "value")
    row = found["tables"]["lifetime_values"][2]
    assert row["at_10_percent"] == pytest.approx(found["facts"]["lifetime_value"], rel=1e-12)


def test_a_ledger_above_the_activities_and_cells_without_customers(tables):
    ledger = pd.DataFrame({"resource": "x", "cost": [500.0]})
    found = section(build(tables | {"ledger": ledger}, as_of="2024-12-31"), "profit")
    assert any("40.00 more than the activities" in line for line in found["base"])
    free = tables | {"activities": tables["activities"].assign(cost=[0.0, 0.0])}
    found = section(build(free, as_of="2024-12-31"), "profit")
    assert "largest_losses" not in found["tables"]
    assert not any(line.startswith("0 ") for line in found["action"])


def test_missing_amounts_are_said(tables):
    tables["orders"].loc[0, "amount"] = None
    found = section(build({"orders": tables["orders"]}, as_of="2024-12-31"), "customers")
    assert found["facts"]["orders_without_amount"] == 1
    assert "1 row has no amount and counts as 0." in found["base"]


def test_nothing_can_be_computed(tables):
    with pytest.raises(
        DataError, match="no section can be computed from these tables. Who the customers are: "
    ):
        build({"customers": tables["customers"]}, as_of="2024-12-31")


def test_progress_is_told(tables):
    told = []
    build({"orders": tables["orders"]}, as_of="2024-12-31", progress=lambda *one: told.append(one))
    assert told[0] == ("Who the customers are", 0, 6)
    assert told[-1] == ("Page", 6, 6)


def test_simulated_must_be_a_flag(tables):
    with pytest.raises(ParameterError, match="`simulated` must be True or False"):
        build(tables, as_of="2024-12-31", simulated="yes")
