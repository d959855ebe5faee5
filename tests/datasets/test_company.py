"""The simulated company: contracts, consistency, determinism and honest dates."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from crmkit import tables
from crmkit.datasets import Company, company as company_module, simulate_company
from crmkit.errors import ParameterError
from crmkit.segmentation import RATING_SHEETS

PLANS = {("opportunities", "expected_close"), ("invoices", "due_at")}


@pytest.fixture(scope="module")
def company():
    return simulate_company(customers=2_000, random_state=11)


@pytest.fixture(scope="module")
def t(company):
    return company.tables


def digest(one):
    return {name: pd.util.hash_pandas_object(frame).sum() for name, frame in one.tables.items()}


def test_every_contract_has_a_table(t):
    assert set(t) == set(tables.CONTRACTS)


@pytest.mark.parametrize("name", tables.CONTRACTS)
def test_each_table_passes_its_contract_without_renaming(t, name):
    before = t[name].copy()
    pd.testing.assert_frame_equal(getattr(tables, name)(t[name]), before)
    assert set(tables.CONTRACTS[name].roles()) <= set(before.columns), "every canonical column is there"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("start", "as_of"), [("2022-01-01", "2024-12-31"), ("2023-06-15", "2024-06-14")])
def test_the_smallest_companies_pass_too(seed, start, as_of):
    small = simulate_company(customers=20, random_state=seed, start=start, as_of=as_of)
    for name, table in small.tables.items():
        getattr(tables, name)(table)
    assert small.tables["customers"]["since"].min() >= pd.Timestamp(start)
    assert small.as_of == pd.Timestamp(as_of)


def test_the_same_seed_gives_the_same_company():
    one, two = (simulate_company(customers=200, random_state=5) for _ in range(2))
    other = simulate_company(customers=200, random_state=np.random.default_rng(6))
    assert digest(one) == digest(two)
    assert one.latent.equals(two.latent)
    same = [name for name, value in digest(other).items() if value == digest(one)[name]]
    assert same == []


def test_nothing_is_dated_after_as_of(company, t):
    for name, table in t.items():
        for column in table.select_dtypes("datetime"):
            if (name, column) not in PLANS:
                assert table[column].dropna().max() <= company.as_of, (name, column)
    open_ = t["opportunities"]["won_at"].isna() & t["opportunities"]["lost_at"].isna()
    assert (t["opportunities"].loc[open_, "expected_close"] > company.as_of).all()
    assert (t["opportunities"].loc[~open_, "expected_close"] <= company.as_of).all()


def test_every_customer_of_every_table_exists(t):
    known = set(t["customers"]["customer_id"])
    assert len(known) == 2_000
    for name, table in t.items():
        if "customer_id" in table:
            assert set(table["customer_id"].dropna()) <= known, name


@pytest.mark.parametrize(
    ("column", "owner", "others"),
    [
        ("product_id", "products", ["orders", "stock", "cases", "responses"]),
        ("campaign", "campaigns", ["orders", "leads", "messages"]),
        ("lead_id", "leads", ["quotes", "opportunities"]),
        ("order_id", "orders", ["invoices"]),
        ("activity", "activities", ["drivers"]),
    ],
)
def test_foreign_keys_exist(t, column, owner, others):
    for other in others:
        assert set(t[other][column].dropna()) <= set(t[owner][column]), other


def test_first_orders_are_the_day_the_customer_came(t):
    first = t["orders"].groupby("customer_id")["order_date"].min()
    assert first.equals(t["customers"].set_index("customer_id")["since"].rename("order_date"))


def test_won_leads_are_customers_and_their_quote_is_the_first_order(t):
    leads, quotes = t["leads"], t["quotes"]
    won = leads[leads["won_at"].notna()]
    assert won["customer_id"].notna().all()
    assert won["customer_id"].is_unique
    assert leads.loc[leads["won_at"].isna(), "customer_id"].isna().all()
    customers = won.merge(t["customers"], on="customer_id", suffixes=("", "_customer"))
    assert (customers["since"] == customers["won_at"].dt.normalize()).all()
    assert (customers["channel"] == customers["channel_customer"]).all()
    assert (customers["region"] == customers["region_customer"]).all()
    direct = t["customers"]["channel"] == "direct"
    assert direct.sum() == 2_000 - len(won)
    first = t["orders"].drop_duplicates("customer_id")[["customer_id", "order_date", "amount"]]
    both = quotes[quotes["won_at"].notna()].merge(first, on="customer_id", suffixes=("_quote", "_order"))
    assert len(both) == len(won)
    assert (both["amount_quote"] == both["amount_order"]).mean() > 0.99  # two orders may share the first day


def test_stages_of_a_lead_follow_each_other(t):
    leads = t["leads"]
    assert not (leads["won_at"].notna() & leads["lost_at"].notna()).any()
    stages = ["created_at", "qualified_at", "quoted_at", "won_at"]
    for before, after in pairwise(stages):
        reached = leads[leads[after].notna()]
        assert (reached[before] <= reached[after]).all()
    assert (leads["lost_at"].dropna() >= leads.loc[leads["lost_at"].notna(), "created_at"]).all()
    assert len(t["quotes"]) == leads["quoted_at"].notna().sum()
    assert len(t["opportunities"]) == leads["qualified_at"].notna().sum()


def test_young_leads_are_open_and_old_ones_closed(company, t):
    leads = t["leads"]
    is_open = leads["won_at"].isna() & leads["lost_at"].isna()
    age = (company.as_of - leads["created_at"]).dt.days
    assert is_open[age < 30].mean() > 0.8
    assert is_open[age > 540].mean() < 0.02


def test_orders_add_up_line_by_line(t):
    orders = t["orders"]
    bought, back = orders[orders["amount"] > 0], orders[orders["amount"] < 0]
    assert len(bought) + len(back) == len(orders)
    assert bought["order_id"].is_unique
    assert back["order_id"].is_unique
    both = back.merge(bought, on=["order_id", "customer_id", "product_id"], suffixes=("_back", ""))
    assert len(both) == len(back)
    for column in ("amount", "quantity", "cost"):
        assert (both[f"{column}_back"] == -both[column]).all()
    assert (both["order_date_back"] > both["order_date"]).all()
    assert orders["order_date"].is_monotonic_increasing
    arrived = bought[bought["delivered_at"].notna()]
    assert (arrived["delivered_at"] >= arrived["order_date"]).all()


def test_invoices_bill_orders(t):
    bought = t["orders"].query("amount > 0").set_index("order_id")
    invoices = t["invoices"].set_index("order_id")
    assert invoices.index.is_unique
    billed = bought.loc[invoices.index]
    assert (invoices["amount"] == billed["amount"]).all()
    assert (invoices["customer_id"] == billed["customer_id"]).all()
    assert (invoices["invoiced_at"] >= billed["order_date"]).all()
    paid = invoices[invoices["paid_at"].notna()]
    assert (paid["paid_at"] >= paid["invoiced_at"]).all()
    assert 0.01 < invoices["paid_at"].isna().mean() < 0.2


def test_stock_equals_made_less_sold(t):
    stock = t["stock"].sort_values(["product_id", "date"], ignore_index=True)
    assert not stock.duplicated(["product_id", "date"]).any()
    start = pd.Timestamp("2022-01-01")
    day = (t["orders"]["order_date"] - start).dt.days
    orders = t["orders"].assign(date=start + pd.to_timedelta(day // 7 * 7 + 6, unit="D"))
    sold = orders.groupby(["product_id", "date"])["quantity"].sum().rename("sold").reset_index()
    both = stock.merge(sold, on=["product_id", "date"], how="left").fillna({"sold": 0})
    moved = both.groupby("product_id")["on_hand"].diff().dropna()
    assert (moved == (both["made"] - both["sold"])[moved.index]).all()


def test_messages_lie_in_their_campaign_and_funnel(t):
    both = t["messages"].merge(t["campaigns"], on="campaign")
    assert len(both) == len(t["messages"])
    assert (both["sent_at"] >= both["started_at"]).all()
    assert (both["sent_at"] <= both["ended_at"]).all()
    assert (both["delivered_at"].isna() == both["bounced_at"].notna()).all()
    steps = ["sent_at", "delivered_at", "opened_at", "clicked_at", "ordered_at"]
    for before, after in pairwise(steps):
        reached = both[both[after].notna()]
        assert len(reached) > 0
        assert (reached[before] <= reached[after]).all(), after
    mailed = t["campaigns"].query("channel == 'e-mail'").set_index("campaign")["targets"]
    assert (mailed == t["messages"]["campaign"].value_counts()[mailed.index]).all()


def test_messages_that_led_to_an_order_and_orders_of_campaigns_are_the_same(t):
    answered = t["messages"].dropna(subset=["ordered_at"])
    ordered = t["orders"].dropna(subset=["campaign"])
    left = answered[["customer_id", "campaign", "ordered_at"]].to_numpy().tolist()
    right = ordered[["customer_id", "campaign", "order_date"]].to_numpy().tolist()
    assert sorted(left) == sorted(right)


def test_visits_that_ended_in_an_order_are_web_orders(t):
    web = t["orders"].query("channel == 'web' and amount > 0")
    ended = t["visits"][t["visits"]["ordered"]]
    assert sorted(ended["basket_value"]) == sorted(web["amount"])
    assert t["visits"]["customer_id"].isna().any()
    assert t["visits"].loc[t["visits"]["customer_id"].isna(), "ordered"].sum() == 0


def test_cases_run_forward_and_the_last_are_open(t):
    cases = t["cases"]
    done = cases["resolved_at"].notna()
    assert 0 < (~done).sum() < 0.1 * len(cases)
    assert (cases["opened_at"] <= cases["first_response_at"]).sum() == cases[
        "first_response_at"
    ].notna().sum()
    assert (cases.loc[done, "first_response_at"] <= cases.loc[done, "resolved_at"]).all()
    assert cases.loc[~done, ["contacts", "handling_minutes", "satisfaction"]].isna().all(axis=None)
    assert cases["satisfaction"].dropna().between(1, 5).all()


def test_scores_stay_on_their_scales(t):
    limits = t["responses"].groupby("question")["score"].agg(["min", "max"])
    assert limits.to_dict("index") == {
        "ces": {"min": 1, "max": 5},
        "csat": {"min": 1, "max": 5},
        "nps": {"min": 0, "max": 10},
    }


def test_meters_only_count_upwards_while_the_contract_runs(t):
    readings = t["readings"]
    steps = readings.groupby("meter_id")
    assert (steps["reading"].diff().dropna() >= 0).all()
    assert (steps["read_at"].diff().dropna() >= pd.Timedelta(0)).all()
    contracts = t["subscriptions"]
    assert set(readings["customer_id"]) == set(contracts["customer_id"])
    ended = contracts[contracts["ended_at"].notna()].set_index("customer_id")["ended_at"]
    last = readings.groupby("customer_id")["read_at"].max()
    assert (last[ended.index] <= ended).all()


def test_ledger_activities_and_drivers_reconcile_to_the_cent(company, t):
    activities = t["activities"].set_index("activity")
    ledger = (t["ledger"]["cost"] * 100).round().groupby(t["ledger"]["category"]).sum()
    pools = (activities["cost"] * 100).round().groupby(activities["category"]).sum()
    assert ledger.to_dict() == pools.to_dict()
    assert (t["ledger"]["cost"] < 0).any()
    used = t["drivers"].groupby("activity")["quantity"].sum()
    rates = pd.Series(company.truth["cost_rates"])
    assert (rates * used - activities["cost"].drop("management")).abs().max() <= 0.005 + 1e-6
    assert "management" not in set(t["drivers"]["activity"])


def test_drivers_count_what_the_other_tables_hold(t):
    used = t["drivers"].groupby("activity")["quantity"].sum()
    orders = t["orders"]
    assert used["order handling"] == (orders["amount"] > 0).sum()
    assert used["picking"] == orders.loc[orders["amount"] > 0, "quantity"].sum()
    assert used["returns handling"] == (orders["amount"] < 0).sum()
    assert used["mailings"] == len(t["messages"])
    assert used["sales contacts"] == t["interactions"]["minutes"].sum()
    assert used["customer service"] == pytest.approx(t["cases"]["handling_minutes"].sum())


def test_resources_cost_what_their_activities_cost_and_supply_more_time(company, t):
    resources, truth = t["resources"].set_index("resource"), company.truth["resources"]
    pools = t["activities"].set_index("activity")["cost"]
    minutes = {
        "sales team": t["interactions"]["minutes"].sum(),
        "service desk": t["cases"]["handling_minutes"].sum(),
    }
    for name, activity in (("sales team", "sales contacts"), ("service desk", "customer service")):
        assert resources.loc[name, "cost"] == pools[activity]
        practical = resources.loc[name, "capacity_minutes"] * truth["practical_share"]
        assert minutes[name] / practical == pytest.approx(truth["utilization"][name], abs=1e-3)


def test_ratings_show_the_value_of_the_relationship_and_the_bias_of_the_raters(company, t):
    truth, marks = company.truth["ratings"], t["ratings"]
    assert marks["rating"].dropna().isin([1, 2, 3, 4, 5]).all()
    assert marks["rating"].isna().mean() == pytest.approx(truth["missing"], abs=0.01)
    assert not marks.duplicated(["customer_id", "attribute", "rater"]).any()
    assert marks["customer_id"].nunique() == truth["share"] * 2000
    value = company.latent.set_index("customer_id")["relationship_value"]
    score = marks.groupby("customer_id")["rating"].mean()
    assert np.corrcoef(score, value[score.index])[0, 1] > 0.85
    by = marks.groupby("rater")["rating"].mean()
    bias = truth["rater_bias"]
    gap = bias["account manager"] - bias["service manager"]
    assert by["account manager"] - by["service manager"] == pytest.approx(gap, abs=0.08)


def test_the_attributes_are_those_of_the_sheet(company):
    truth = company.truth["ratings"]
    names = [attribute.name for attribute in RATING_SHEETS[truth["sheet"]].attributes]
    assert truth["attributes"] == names


def test_ages_are_those_of_the_birth_dates(company, t):
    customers = t["customers"]
    for birth, age in zip(customers["birth_date"], customers["age"], strict=True):
        birthday = (company.as_of.month, company.as_of.day) >= (birth.month, birth.day)
        assert age == company.as_of.year - birth.year - (not birthday)
    assert customers["age"].between(17, 91).all()


def test_repr_says_that_it_is_simulated(company):
    assert repr(company) == "Company(simulated, 2000 customers, 21 tables, as of 2024-12-31)"
    assert company.label == "simulated"
    assert isinstance(company, Company)


def test_truth_is_json_and_a_copy(company):
    assert json.loads(json.dumps(company.truth)) == company.truth
    company.truth["purchases"]["r"] = 99
    assert simulate_company(customers=20, random_state=1).truth["purchases"]["r"] == 0.8
    company.truth["purchases"]["r"] = 0.8


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_written_tables_can_be_read_back(tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    small = simulate_company(customers=50, random_state=3)
    folder = small.write(tmp_path / "a" / "b", format=kind)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*(f"{name}.{kind}" for name in small.tables), "truth.json"]
    )
    about = json.loads((folder / "truth.json").read_text())
    assert about == {"label": "simulated", "as_of": "2024-12-31T00:00:00", "truth": small.truth}
    if kind == "csv":
        orders = pd.read_csv(folder / "orders.csv", parse_dates=["order_date"])
    else:
        orders = pd.read_parquet(folder / "orders.parquet")
    assert orders["amount"].tolist() == small.tables["orders"]["amount"].tolist()
    assert orders["order_date"].tolist() == small.tables["orders"]["order_date"].tolist()


def test_parquet_without_pyarrow(tmp_path, monkeypatch, company):
    monkeypatch.setattr(company_module, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pyarrow is not installed: run pip install 'crmkit\[arrow\]'"):
        company.write(tmp_path / "x", format="parquet")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"customers": 19}, "`customers` must be an integer at least 20. Got 19"),
        ({"random_state": -1}, "`random_state` must be a non-negative integer"),
        ({"random_state": None}, "`random_state` must be"),
        ({"start": "soon"}, "`start` must be a date"),
        ({"as_of": "2022-12-31"}, "`as_of` must be at least 365 days after `start`. Got '2022-12-31'"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ParameterError, match=message):
        simulate_company(**{"random_state": 1, **arguments})


def test_unknown_format(company, tmp_path):
    with pytest.raises(ParameterError, match="`format` must be one of 'csv', 'parquet'. Got 'xls'"):
        company.write(tmp_path, format="xls")


def test_the_simulator_uses_no_room():
    code = (
        "import sys, crmkit; crmkit.datasets.simulate_company(customers=20, random_state=1); "
        "print(sorted(n for n in sys.modules if n.startswith('crmkit.') and 'datasets' not in n))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['crmkit._lazy', 'crmkit._params', 'crmkit.errors']"
