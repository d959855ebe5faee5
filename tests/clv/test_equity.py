"""Values of customers and of the base, against sums, integrals and drawn parameters that share no code."""

import functools
import json

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import gamma as gamma_law

from crmkit import clv
from crmkit.datasets import load_cdnow
from crmkit.errors import ColumnError, CRMKitError, CRMKitWarning, DataError, ParameterError

DELTA = np.log(1.15) / (365.25 / 7)
SETTING = clv.Assumptions(
    annual_rate=0.15, margin=0.3, cost_to_serve=1.5, retention_cost=2.0, acquisition_cost=20.0
)
COUNTS = "1203 728 512 357 234 129 335 284 225 173 119 240 181 155 78 322 255 129 613 277 1091 3464"
WEIGHTS = [int(count) for count in COUNTS.split()]
DONORS = {
    "frequency": [6, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 4, 3, 2, 1, 3, 2, 1, 2, 1, 1, 0],
    "recency": [6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1, 0],
    "n_periods": [6] * 22,
    "weight": WEIGHTS,
}
KINDS = {
    "BG": clv.BetaGeoNBD(),
    "MBG": clv.ModifiedBetaGeoNBD(),
    "Pareto": clv.ParetoNBD(),
    "CNBD": clv.ModifiedBetaGeoCNBD(k=2),
}


@pytest.fixture(scope="module")
def summary():
    return clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")


@pytest.fixture(scope="module")
def models(summary):
    return {name: model.fit(summary) for name, model in KINDS.items()}


@pytest.fixture(scope="module")
def spend(summary):
    return clv.GammaGamma().fit(summary)


@pytest.fixture(scope="module")
def few(summary):
    busy = summary.sort_values("frequency").tail(2)
    return pd.concat([summary.head(4), busy])


@pytest.fixture(scope="module")
def donors():
    return clv.BetaGeoBetaBinomial(unit="year").fit(DONORS)


def summed(model, frame, ends):
    """Discounted purchases as a sum over short spells of what is expected in each."""
    found = np.zeros((len(frame), len(ends)))
    for column, end in enumerate(ends):
        table = model.expected_purchases(frame, horizon=float(end))
        found[:, column] = table["expected_purchases"]
    middle = (ends[1:] + ends[:-1]) / 2
    return np.diff(found, axis=1) @ np.exp(-DELTA * middle)


@pytest.mark.parametrize("kind", KINDS)
def test_finite_horizon_is_a_sum_over_days(models, few, kind):
    model = models[kind]
    days = np.linspace(0, 60, 61)
    found = model.discounted_purchases(few, annual_rate=0.15, horizon=60)["discounted_purchases"]
    assert found.to_numpy() == pytest.approx(summed(model, few, days), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_infinite_horizon_is_a_sum_till_nothing_is_left(models, few, kind):
    model = models[kind]
    ends = np.concatenate([[0], np.geomspace(0.05, 12_000, 120)])
    found = model.discounted_purchases(few, annual_rate=0.15)["discounted_purchases"]
    assert found.to_numpy() == pytest.approx(summed(model, few, ends), rel=2e-3)


def test_a_longer_horizon_tends_to_all_time(models, few):
    whole = models["BG"].discounted_purchases(few, annual_rate=0.15)["discounted_purchases"]
    before = -1.0
    for horizon, near in ((0, 1), (52, 1), (520, 0.3), (20_000, 1e-6)):
        part = models["BG"].discounted_purchases(few, annual_rate=0.15, horizon=horizon)
        share = (part["discounted_purchases"] / whole).to_numpy()
        assert (share > before).all() or horizon == 0
        assert share == pytest.approx(1, abs=near)
        before = share


def test_opportunities_are_discounted_one_by_one(donors):
    frame = pd.DataFrame(DONORS)
    steps = np.array([donors.expected_purchases(frame, horizon=n)["expected_purchases"] for n in range(401)])
    terms = np.diff(steps, axis=0) * 1.1 ** -np.arange(1.0, 401)[:, None]
    for horizon in (0, 1, 5, 400):
        found = donors.discounted_purchases(frame, annual_rate=0.1, horizon=horizon)["discounted_purchases"]
        assert found.to_numpy() == pytest.approx(terms[:horizon].sum(axis=0), rel=1e-9, abs=1e-12)
    whole = donors.discounted_purchases(frame, annual_rate=0.1)["discounted_purchases"]
    assert whole.to_numpy() == pytest.approx(terms.sum(axis=0), rel=1e-9)


def test_annual_rates_do_not_depend_on_the_unit_of_time(summary, models):
    days = summary.assign(unit="day", recency=summary["recency"] * 7, T=summary["T"] * 7)
    daily = clv.ParetoNBD().fit(days)
    one = models["Pareto"].discounted_purchases(summary, annual_rate=0.15)["discounted_purchases"]
    other = daily.discounted_purchases(days, annual_rate=0.15)["discounted_purchases"]
    assert other.to_numpy() == pytest.approx(one.to_numpy(), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_value_by_hand(models, spend, few, kind):
    before = few.copy()
    found = clv.customer_value(few, model=models[kind], spend=spend, assumptions=SETTING)
    pd.testing.assert_frame_equal(few, before)
    purchases = models[kind].discounted_purchases(few, annual_rate=0.15)["discounted_purchases"]
    spent = spend.expected_spend(few)["expected_spend"]
    assert list(found.columns[-3:]) == ["discounted_purchases", "expected_spend", "customer_value"]
    assert list(found.index) == list(few.index)
    assert found["discounted_purchases"].tolist() == pytest.approx(purchases.tolist(), rel=1e-12)
    assert found["expected_spend"].tolist() == pytest.approx(spent.tolist(), rel=1e-12)
    by_hand = purchases * (0.3 * spent - 1.5) - 2
    assert found["customer_value"].tolist() == pytest.approx(by_hand.tolist(), rel=1e-12)


def test_a_finite_horizon_counts_less_and_none_nothing_but_the_cost(models, spend, few):
    setting = clv.Assumptions(annual_rate=0.15, retention_cost=3.0, horizon=0)
    found = clv.customer_value(few, model=models["BG"], spend=spend, assumptions=setting, confidence=0.9)
    for name in ("customer_value", "customer_value_lower", "customer_value_upper"):
        assert found[name].tolist() == [-3.0] * len(few)


def surer(model, factor):
    """The same model with a smaller covariance, and what its parameters are drawn from."""
    state = json.loads(model.to_json())
    covariance = np.array(state["state"]["covariance"]) / factor
    state["state"]["covariance"] = covariance.tolist()
    return state, covariance


def drawn(model, factor, count, seed):
    state, covariance = surer(model, factor)
    fitted = type(model).from_json(json.dumps(state))
    points = np.random.default_rng(seed).multivariate_normal(state["state"]["point"], covariance, count)
    others = []
    for point in points:
        state["state"]["point"] = point.tolist()
        others.append(type(model).from_json(json.dumps(state)))
    return fitted, others


@pytest.mark.parametrize("kind", ["Pareto", "BG"])
def test_intervals_are_those_of_drawn_parameters(models, spend, summary, kind):
    sample = summary.head(40).assign(segment=np.arange(40) % 2)
    model, models_drawn = drawn(models[kind], 100, 200, 1)
    money, moneys_drawn = drawn(spend, 100, 200, 2)
    z = 1.6448536269514722
    equity = clv.customer_equity(
        sample, model=model, spend=money, assumptions=SETTING, by="segment", confidence=0.9
    )
    values = clv.customer_value(sample, model=model, spend=money, assumptions=SETTING, confidence=0.9)
    simulated = np.array(
        [
            clv.customer_value(sample, model=one, spend=other, assumptions=SETTING)["customer_value"]
            for one, other in zip(models_drawn, moneys_drawn, strict=True)
        ]
    )
    half = (values["customer_value_upper"] - values["customer_value_lower"]) / 2
    assert half.to_numpy() == pytest.approx(z * simulated.std(axis=0), rel=0.2)
    ratio = half / (z * simulated.std(axis=0))
    assert ratio.mean() == pytest.approx(1, abs=0.06)
    for segment in (0, 1):
        totals = simulated[:, sample["segment"].to_numpy() == segment].sum(axis=1)
        one = equity.iloc[segment]
        found = (one["customer_equity_upper"] - one["customer_equity_lower"]) / 2
        assert found == pytest.approx(z * totals.std(), rel=0.12)
        # Errors of customers add up: the sum is less sure than independent customers would make it.
        assert totals.std() > 1.5 * np.sqrt((simulated.std(axis=0) ** 2)[sample["segment"] == segment].sum())


def test_equity_is_the_sum_of_values_less_the_cost_of_new_ones(models, spend, summary):
    frame = summary.head(300).assign(
        is_new=np.arange(300) % 3 == 0, region=np.array(["n", "s", "w"])[np.arange(300) % 7 % 3]
    )
    before = frame.copy()
    given = {"model": models["MBG"], "spend": spend, "assumptions": SETTING}
    values = clv.customer_value(frame, **given)["customer_value"]
    whole = clv.customer_equity(frame, **given).iloc[0]
    parts = clv.customer_equity(frame, **given, by="region")
    pd.testing.assert_frame_equal(frame, before)
    assert whole["customer_equity"] == pytest.approx(values.sum() - 100 * 20, rel=1e-9)
    assert (whole["customers"], whole["retention_cost"], whole["acquisition_cost"]) == (300, 600, 2000)
    assert whole["lifetime_margin"] == pytest.approx(values.sum() + 600, rel=1e-9)
    assert parts["region"].tolist() == ["n", "s", "w"]
    for name in ("customers", "lifetime_margin", "retention_cost", "acquisition_cost", "customer_equity"):
        assert parts[name].sum() == pytest.approx(whole[name], rel=1e-9)
    by_hand = frame.assign(value=values - 20 * frame["is_new"]).groupby("region")["value"].sum()
    assert parts["customer_equity"].tolist() == pytest.approx(by_hand.tolist(), rel=1e-9)
    two = clv.customer_equity(frame, **given, by=["region", "is_new"])
    assert two["acquisition_cost"].gt(0).tolist() == two["is_new"].tolist()
    assert two["customer_equity"].sum() == pytest.approx(whole["customer_equity"], rel=1e-9)


def test_acquisition_costs_of_those_who_are_won_are_sunk(models, spend, few):
    given = {"model": models["BG"], "spend": spend, "assumptions": SETTING}
    assert clv.customer_equity(few, **given)["acquisition_cost"].item() == 0
    assert clv.customer_equity(few.assign(is_new=False), **given)["acquisition_cost"].item() == 0
    assert clv.customer_equity(few.assign(is_new=True), **given)["acquisition_cost"].item() == 120


def test_a_weight_is_so_many_customers(models, spend, summary):
    frame = summary.head(50).assign(is_new=np.arange(50) % 2 == 0, segment=np.arange(50) % 4)
    weighted = frame.assign(weight=np.arange(50) % 3 + 1)
    repeated = frame.loc[np.repeat(frame.index, np.arange(50) % 3 + 1)]
    given = {"model": models["Pareto"], "spend": spend, "assumptions": SETTING}
    for by in (None, "segment"):
        one = clv.customer_equity(weighted, **given, by=by)
        pd.testing.assert_frame_equal(one, clv.customer_equity(repeated, **given, by=by), rtol=1e-12)
    changes = {"dearer": {"margin": 0.4}}
    pd.testing.assert_frame_equal(
        clv.equity_what_if(weighted, **given, changes=changes),
        clv.equity_what_if(repeated, **given, changes=changes),
        rtol=1e-12,
    )
    with pytest.raises(DataError, match="no finite weight"):
        clv.customer_equity(frame.assign(weight=-1.0), **given)


def test_segments_that_lack_a_name_are_one(models, spend, few):
    frame = few.assign(region=["n", None, "n", None, "s", "s"])
    found = clv.customer_equity(frame, model=models["BG"], spend=spend, assumptions=SETTING, by="region")
    assert found["region"].fillna("?").tolist() == ["n", "s", "?"]
    assert found["customers"].tolist() == [2, 2, 2]


def test_segments_of_what_the_models_read(models, spend, few):
    found = clv.customer_equity(
        few, model=models["BG"], spend=spend, assumptions=SETTING, by=["unit", "frequency"]
    )
    assert found["customers"].sum() == len(few)
    assert found["frequency"].is_monotonic_increasing
    nobody = clv.customer_equity(few.head(0), model=models["BG"], spend=spend, assumptions=SETTING)
    assert nobody.iloc[0].tolist() == [0] * 7


def test_a_boundary_gives_values_without_intervals(spend, few):
    rng = np.random.default_rng(3)
    alike = pd.DataFrame({"frequency": rng.poisson(3, 300), "recency": 39.0, "T": 39.0, "unit": "week"})
    alike.loc[alike["frequency"] == 0, "recency"] = 0.0
    with pytest.warns(CRMKitWarning, match="boundary"):
        model = clv.ParetoNBD().fit(alike)
    given = {"model": model, "spend": spend, "assumptions": SETTING}
    values = clv.customer_value(few, **given, confidence=0.9)
    assert np.isfinite(values["customer_value"]).all()
    assert values[["customer_value_lower", "customer_value_upper"]].isna().all().all()
    equity = clv.customer_equity(few, **given, by="frequency")
    assert np.isfinite(equity["customer_equity"]).all()
    assert equity[["customer_equity_lower", "customer_equity_upper"]].isna().all().all()
    worth = clv.value_of_new_customers(**given)
    assert np.isfinite(worth.value)
    assert np.isnan([worth.lower, worth.upper]).all()


def test_a_spend_without_a_mean_is_infinite_without_an_interval(models, spend, few):
    state = json.loads(spend.to_json())
    state["state"]["point"] = np.log([2.0, 0.8, 10.0]).tolist()
    heavy = clv.GammaGamma.from_json(json.dumps(state))
    given = {"model": models["BG"], "spend": heavy, "assumptions": SETTING}
    values = clv.customer_value(few, **given, confidence=0.9)
    never = few["frequency"].to_numpy() == 0
    assert (values["customer_value"] == np.inf).tolist() == never.tolist()
    assert values["customer_value_upper"].isna().tolist() == never.tolist()
    assert clv.customer_equity(few, **given)["customer_equity"].item() == np.inf


def lever(models, spend, frame, kind, **change):
    table = clv.equity_what_if(
        frame,
        model=models[kind],
        spend=spend,
        assumptions=clv.Assumptions(annual_rate=0.15),
        changes={"x": change},
    )
    return table.iloc[1]


@pytest.mark.parametrize("kind", ["BG", "MBG", "Pareto"])
def test_levers_that_change_nothing_and_their_direction(models, spend, summary, kind):
    frame = summary.head(200)
    for change in ({"dropout": 1}, {"purchase_rate": 1.0}, {"dropout": 1, "purchase_rate": 1}, {}):
        assert lever(models, spend, frame, kind, **change)["change_share"] == pytest.approx(0, abs=1e-9)
    now = lever(models, spend, frame, kind, horizon=52)["customer_equity"]
    assert lever(models, spend, frame, kind, horizon=52, dropout=1)["customer_equity"] == pytest.approx(now)
    assert lever(models, spend, frame, kind, dropout=0.9)["change"] > 0
    assert lever(models, spend, frame, kind, dropout=1.1)["change"] < 0
    assert lever(models, spend, frame, kind, purchase_rate=1.1)["change"] > 0


def test_levers_of_opportunities_have_a_direction(donors, spend):
    frame = pd.DataFrame(DONORS).assign(monetary_value=20.0)
    given = {"model": donors, "spend": spend, "assumptions": clv.Assumptions(annual_rate=0.1)}
    changes = {"same": {"dropout": 1}, "stay": {"dropout": 0.9}, "buy": {"dropout": 1, "purchase_rate": 1.1}}
    table = clv.equity_what_if(frame, **given, changes=changes).set_index("scenario")["customer_equity"]
    assert table["same"] < table["stay"]
    assert table["same"] < table["buy"]


@pytest.mark.parametrize("horizon", [None, 5])
def test_levers_of_opportunities_that_change_nothing(donors, spend, horizon):
    frame = pd.DataFrame(DONORS).assign(monetary_value=20.0)
    setting = clv.Assumptions(annual_rate=0.1, horizon=horizon)
    table = clv.equity_what_if(
        frame, model=donors, spend=spend, assumptions=setting, changes={"same": {"dropout": 1}}
    )
    assert table["change_share"][1] == pytest.approx(0, abs=1e-9)


def years_left(law, factor, u):
    return 1 / (factor * law.ppf(u) + DELTA)


def test_pareto_levers_are_integrals_over_rates(models, spend, few):
    # Alive, a customer has λ ~ Gamma(r + x, α + T) and μ ~ Gamma(s, β + T), and buys λ/(μ + δ) more.
    model = models["Pareto"]
    r, alpha, s, beta = model.params_.values()
    alive = model.probability_alive(few)["probability_alive"].to_numpy()
    spent = spend.expected_spend(few)["expected_spend"].to_numpy()
    for factor, rate in ((0.5, 1.0), (1.3, 1.2)):
        total = 0.0
        for row in range(len(few)):
            x, age = few["frequency"].iloc[row], few["T"].iloc[row]
            law = gamma_law(s, scale=1 / (beta + age))
            at = functools.partial(years_left, law, factor)
            years = quad(at, 0, 1, limit=200)[0]
            total += alive[row] * rate * (r + x) / (alpha + age) * years * spent[row]
        found = lever(models, spend, few, "Pareto", dropout=factor, purchase_rate=rate)
        assert found["customer_equity"] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize(("kind", "survived"), [("BG", 0), ("MBG", 1)])
def test_geometric_levers_are_means_over_rates_and_chances(models, spend, few, kind, survived):
    # Alive, λ ~ Gamma(r + x, α + T) and p has odds a factor times those of Beta(a, b + x): λ/(λp + δ) more.
    model = models[kind]
    r, alpha, a, b = model.params_.values()
    rng = np.random.default_rng(5)
    alive = model.probability_alive(few)["probability_alive"].to_numpy()
    spent = spend.expected_spend(few)["expected_spend"].to_numpy()
    factor, total, count = 0.7, 0.0, 400_000
    for row in range(len(few)):
        x, age = few["frequency"].iloc[row], few["T"].iloc[row]
        rate = rng.gamma(r + x, 1 / (alpha + age), count)
        leave = rng.beta(a * factor, b + x + survived, count)
        total += alive[row] * spent[row] * np.mean(rate / (rate * leave + DELTA))
    found = lever(models, spend, few, kind, dropout=factor)
    assert found["customer_equity"] == pytest.approx(total, rel=5e-3)


def test_levers_of_a_model_with_covariates(summary, spend):
    frame = summary.head(400).assign(web=np.arange(400) % 2)
    model = clv.ParetoNBD(purchase="web", penalty=1.0).fit(frame)
    found = clv.equity_what_if(
        frame,
        model=model,
        spend=spend,
        assumptions=clv.Assumptions(annual_rate=0.15),
        changes={"same": {"dropout": 1}, "stay": {"dropout": 0.8}},
    )
    assert found["change_share"][1] == pytest.approx(0, abs=1e-9)
    assert found["change"][2] > 0


def test_what_if_of_money(models, spend, few):
    frame = few.assign(is_new=[True, False] * 3)
    changes = {
        "margin": {"margin": 0.33},
        "serve": {"cost_to_serve": 0},
        "keep": {"retention_cost": 0},
        "win": {"acquisition_cost": 30},
        "rate": {"annual_rate": 0.1},
        "year": {"horizon": 52, "margin": 0.5},
    }
    given = {"model": models["CNBD"], "spend": spend}
    table = clv.equity_what_if(frame, **given, assumptions=SETTING, changes=changes)
    assert table["scenario"].tolist() == ["as it is", *changes]
    fields = SETTING.to_dict()
    for row, change in enumerate([{}, *changes.values()]):
        own = clv.customer_equity(frame, **given, assumptions=clv.Assumptions(**(fields | change)))
        assert table["customer_equity"][row] == pytest.approx(own["customer_equity"].item(), rel=1e-12)
    assert table["change"][3] == pytest.approx(6 * 2)
    assert table["change"][4] == pytest.approx(-3 * 10)
    assert table["change_share"].to_numpy() == pytest.approx(table["change"] / table["customer_equity"][0])
    nothing = clv.equity_what_if(frame.head(0), **given, assumptions=SETTING, changes={})
    assert nothing["change_share"].isna().tolist() == [True]


def test_scenarios_that_are_none(models, spend, few):
    given = {"frame": few, "model": models["BG"], "spend": spend, "assumptions": SETTING}
    for changes in (5, None, {"x": 5}, [("x", {"margin": 1})]):
        with pytest.raises(ParameterError, match="`changes` must be a mapping of scenarios to mappings"):
            clv.equity_what_if(**given, changes=changes)
    with pytest.raises(
        ParameterError, match="`changes` must be one of 'annual_rate'.*'dropout', 'purchase_rate'"
    ):
        clv.equity_what_if(**given, changes={"x": {"retention": 0.9}})
    for factor in (0, -1, "half", np.inf):
        with pytest.raises(ParameterError, match="`dropout` must be a finite number above 0"):
            clv.equity_what_if(**given, changes={"x": {"dropout": factor}})
    with pytest.raises(ParameterError, match="`annual_rate` must be"):
        clv.equity_what_if(**given, changes={"x": {"annual_rate": 0}})
    without = given | {"model": models["CNBD"]}
    with pytest.raises(ParameterError, match="`changes` must be one of.*'horizon'. Got 'dropout'"):
        clv.equity_what_if(**without, changes={"x": {"dropout": 0.9}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("annual_rate", 0),
        ("annual_rate", "15 %"),
        ("margin", None),
        ("margin", np.inf),
        ("cost_to_serve", -1),
        ("retention_cost", -0.1),
        ("acquisition_cost", np.nan),
        ("horizon", -1),
        ("horizon", "long"),
    ],
)
def test_assumptions_outside_their_range(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` must be a finite number"):
        clv.Assumptions(**({"annual_rate": 0.1} | {name: value}))


def test_assumptions_say_what_they_are():
    assert clv.Assumptions(annual_rate=0.1, horizon=5).to_dict() == {
        "annual_rate": 0.1,
        "margin": 1.0,
        "cost_to_serve": 0.0,
        "retention_cost": 0.0,
        "acquisition_cost": 0.0,
        "horizon": 5,
    }


CALLS = {
    "customer_value": clv.customer_value,
    "customer_equity": clv.customer_equity,
    "equity_what_if": lambda frame, **given: clv.equity_what_if(frame, **given, changes={}),
    "value_of_new_customers": lambda frame, **given: clv.value_of_new_customers(**given),
}


@pytest.mark.parametrize("name", CALLS)
def test_models_that_are_none(models, spend, few, name):
    given = {"model": models["BG"], "spend": spend, "assumptions": SETTING}
    for wrong in (None, spend, "BG"):
        with pytest.raises(ParameterError, match="`model` must be a fitted model of the customer base"):
            CALLS[name](few, **(given | {"model": wrong}))
    for wrong in (None, models["BG"]):
        with pytest.raises(ParameterError, match="`spend` must be a fitted GammaGamma"):
            CALLS[name](few, **(given | {"spend": wrong}))
    for wrong in (None, {"annual_rate": 0.1}):
        with pytest.raises(ParameterError, match="`assumptions` must be Assumptions"):
            CALLS[name](few, **(given | {"assumptions": wrong}))
    for unfitted in ({"model": clv.ParetoNBD()}, {"spend": clv.GammaGamma()}):
        with pytest.raises(CRMKitError, match="must be fitted"):
            CALLS[name](few, **(given | unfitted))


@pytest.mark.parametrize("name", CALLS)
def test_an_annual_rate_needs_a_unit(summary, spend, name):
    bare = summary.drop(columns="unit")
    given = {"model": clv.BetaGeoNBD().fit(bare), "spend": spend, "assumptions": SETTING}
    with pytest.raises(DataError, match="An annual rate needs the unit of time"):
        CALLS[name](bare, **given)


def test_rows_and_arguments_that_are_refused(models, spend, few, donors):
    given = {"model": models["BG"], "spend": spend, "assumptions": SETTING}
    broken = few.assign(
        frequency=[0, 0, 1.5, 1, 3, 3],
        recency=[0, 1.0, 2, 2, 99, 3],
        monetary_value=[0, 0, 1, -3.0, 5, np.nan],
        is_new=pd.Series([True, None, False, True, None, True], dtype="boolean", index=few.index),
    )
    for call in (clv.customer_equity, CALLS["equity_what_if"]):
        with pytest.raises(DataError) as caught:
            call(broken, **given)
        for part in (
            "1 of 6 rows have a frequency that is not a whole number",
            "1 of 6 rows have a recency above 0 but no repeat purchase",
            "1 of 6 rows have a recency above T",
            "2 of 6 rows have repeat purchases but no finite monetary_value above 0",
            "2 of 6 rows have no value in 'is_new'",
        ):
            assert part in str(caught.value)
    with pytest.raises(DataError, match="must be in the unit of the model, 'week'"):
        clv.customer_value(few.assign(unit="day"), **given)
    with pytest.raises(ColumnError, match="'monetary_value'"):
        clv.customer_value(few.drop(columns="monetary_value"), **given)
    with pytest.raises(ColumnError, match="'region'"):
        clv.customer_equity(few, **given, by="region")
    with pytest.raises(ColumnError, match="'is_new'"):
        clv.customer_equity(few.assign(is_new="yes"), **given)
    with pytest.raises(ParameterError, match="`by` must be columns with other names than the sums"):
        clv.customer_equity(few.assign(customers="a"), **given, by=["unit", "customers"])
    with pytest.raises(ParameterError, match="`by` must be a column name"):
        clv.customer_equity(few, **given, by=3)
    for call in (clv.customer_equity, clv.customer_value):
        for confidence in (0.3, 1, "high"):
            with pytest.raises(ParameterError, match="`confidence` must be"):
                call(few, **given, confidence=confidence)
    frame = pd.DataFrame(DONORS).assign(monetary_value=20.0)
    setting = clv.Assumptions(annual_rate=0.1, horizon=2.5)
    with pytest.raises(ParameterError, match="`horizon` must be an integer"):
        clv.customer_value(frame, model=donors, spend=spend, assumptions=setting)
