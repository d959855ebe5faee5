"""Spend, value, equity and the holdout on all seven engines, against formulas and loops in plain Python.

The models are the published ones, so that nothing has to be fitted; only cells may cross into Python.
"""

import datetime as dt
import json
from functools import partial

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import hyperu

from crmkit import clv
from crmkit.datasets import load_cdnow
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.testing import ENGINES, LAZY, assert_frames_match, assert_parity, available, to_engine, to_pandas
from crmkit.testing.engines import crossed_rows

PARETO = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}
SETTING = clv.Assumptions(
    annual_rate=0.15, margin=0.3, cost_to_serve=1.5, retention_cost=2.0, acquisition_cost=20.0
)
DELTA = float(np.log(1.15)) / (365.25 / 7)


def summary():
    """Customers who share histories, in segments of which one has no name."""
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(
        {
            "frequency": [0, 1, 2, 2, 7],
            "recency": [0.0, 3.0, 30.5, 8.0, 200 / 7],
            "T": [39.0, 31.5, 39.0, 38.25, 216 / 7],
            "monetary_value": [0.0, 12.5, 35.25, 80.1, 22.345],
            "unit": "week",
            "as_of": "1997-09-30",
        }
    ).iloc[rng.integers(0, 5, 60)]
    frame["customer_id"] = np.arange(60)
    frame["region"] = rng.choice(["north", "south", None], 60)
    frame["tier"] = rng.integers(1, 3, 60)
    frame["is_new"] = rng.random(60) < 0.3
    return frame.reset_index(drop=True)


SUMMARY = summary()


def at(model, params):
    """A fitted model moved to given parameters, by its model file."""
    state = json.loads(model.to_json())
    state["state"]["point"] = [float(np.log(value)) for value in params.values()]
    return type(model).from_json(json.dumps(state))


@pytest.fixture(scope="module")
def model():
    return at(clv.ParetoNBD().fit(history()), PARETO)


@pytest.fixture(scope="module")
def spend():
    return at(clv.GammaGamma().fit(history()), SPEND)


def history():
    """Enough customers for a fit that ends inside."""
    rng = np.random.default_rng(1)
    count = 600
    rate, life = rng.gamma(0.6, 1 / 8, count), rng.exponential(1 / rng.gamma(0.8, 1 / 12, count))
    times = [np.cumsum(rng.exponential(1 / one, 60)) for one in rate]
    bought = [one[one < min(39, left)] for one, left in zip(times, life, strict=True)]
    spent = 93.75 / rng.gamma(3.5, 1, count)
    return pd.DataFrame(
        {
            "frequency": [len(one) for one in bought],
            "recency": [one.max(initial=0) for one in bought],
            "T": 39.0,
            "monetary_value": [
                rng.gamma(6 * len(one), mean / (6 * len(one))) if len(one) else 0.0
                for one, mean in zip(bought, spent, strict=True)
            ],
            "unit": "week",
        }
    )


def alive(x, t_x, age):
    """P(alive): 1/(1 + the odds of having left in (t_x, T)), by numeric integration over the time."""
    r, alpha, s, beta = PARETO.values()

    def density(left):
        return (
            s
            * (alpha + age) ** (r + x)
            * (beta + age) ** s
            / ((alpha + left) ** (r + x) * (beta + left) ** (s + 1))
        )

    return 1 / (1 + quad(density, t_x, age, epsabs=0, epsrel=1e-13)[0])


def value(row):
    """Discounted purchases, spend and value of a customer, written from the papers."""
    r, alpha, s, beta = PARETO.values()
    p, q, v = SPEND.values()
    x, t_x, age, mean = row["frequency"], row["recency"], row["T"], row["monetary_value"]
    z = DELTA * (beta + age)
    left = (beta + age) * hyperu(1, 2 - s, z)  # E[1/(μ + δ)] with μ ~ Gamma(s, β + T)
    purchases = alive(x, t_x, age) * (r + x) / (alpha + age) * left
    spent = p * (v + x * mean) / (p * x + q - 1)
    return purchases, spent, purchases * (0.3 * spent - 1.5) - 2.0


def valued():
    found = [value(row) for row in SUMMARY.to_dict("records")]
    names = ["discounted_purchases", "expected_spend", "customer_value"]
    return SUMMARY.assign(**dict(zip(names, map(list, zip(*found, strict=True)), strict=True)))


def test_expected_spend(spend):
    expected = valued().drop(columns=["discounted_purchases", "customer_value"])
    assert_parity(spend.expected_spend, SUMMARY, expected=expected, keys=["customer_id"], crossing=5)


@pytest.mark.parametrize("engine", ["polars_lazy", "duckdb"])
def test_expected_spend_of_customers_without_a_mean(spend, engine):
    pytest.importorskip(engine.split("_")[0])
    never = SUMMARY.assign(monetary_value=SUMMARY["monetary_value"].where(SUMMARY["frequency"] > 0))
    found = to_pandas(spend.expected_spend(to_engine(never, engine)))
    assert len(found) == len(never)


def test_fit_of_spend():
    frame = history()
    local = clv.GammaGamma().fit(frame)
    one = pd.DataFrame({"x": [1.0]})
    expected = one.assign(**local.params_, excluded=local.n_excluded_, customers=local.n_customers_)

    def fitted(table):
        from crmkit import _frames, _joins

        model = clv.GammaGamma().fit(table)
        found = pd.DataFrame({"x": [1.0]}).assign(
            **{name: np.round(value, 6) for name, value in model.params_.items()},
            excluded=model.n_excluded_,
            customers=model.n_customers_,
        )
        return _frames.give(_joins.attach(found, to=_frames.lazy(table)), like=table)

    expected[["p", "q", "v"]] = expected[["p", "q", "v"]].round(6)
    cells = frame.drop_duplicates(["frequency", "monetary_value"])
    assert_parity(fitted, frame, expected=expected, keys=["x"], crossing=len(cells))


def test_customer_value(model, spend):
    function = partial(clv.customer_value, model=model, spend=spend, assumptions=SETTING)
    assert_parity(function, SUMMARY, expected=valued(), keys=["customer_id"], crossing=5)


SUMS = ["customers", "lifetime_margin", "retention_cost", "acquisition_cost", "customer_equity"]


def equity(by):
    rows = valued()
    costs = rows.assign(
        customers=1,
        lifetime_margin=rows["customer_value"] + 2.0,
        retention_cost=2.0,
        acquisition_cost=20.0 * rows["is_new"],
        customer_equity=rows["customer_value"] - 20.0 * rows["is_new"],
    )
    if by:
        return costs.groupby(by, dropna=False)[SUMS].sum().reset_index()
    return costs[SUMS].sum().to_frame().T


@pytest.mark.parametrize("by", [[], ["region", "tier"]])
def test_customer_equity(model, spend, by):
    def function(frame):
        found = clv.customer_equity(frame, model=model, spend=spend, assumptions=SETTING, by=by or None)
        return nw.from_native(found).drop("customer_equity_lower", "customer_equity_upper").to_native()

    cells = SUMMARY[["frequency", "recency", "is_new", *by]].drop_duplicates()
    engines = ENGINES if by else [one for one in ENGINES if one != "spark"]
    assert_parity(
        function,
        SUMMARY,
        expected=equity(by),
        keys=by or ["customers"],
        crossing=len(cells),
        engines=engines,
    )


@pytest.mark.parametrize("engine", ["polars", "polars_lazy", "pyarrow", "duckdb"])
def test_segments_keep_their_type(model, spend, engine):
    pl = pytest.importorskip("polars")
    if available(engine) is not None:
        pytest.skip(available(engine))
    given = {"model": model, "spend": spend, "assumptions": SETTING, "by": "tier"}
    tiers = SUMMARY.assign(tier=SUMMARY["tier"].where(SUMMARY["tier"] > 1).astype("Int64"))
    found = clv.customer_equity(to_engine(tiers, engine), **given)
    column = nw.from_native(found).lazy().select("tier").collect("polars").to_native()["tier"]
    assert (column.to_list(), column.dtype) == ([2, None], pl.Int64)


def test_intervals_agree(model, spend):
    given = {"model": model, "spend": spend, "assumptions": SETTING, "confidence": 0.9}
    expected = clv.customer_value(SUMMARY, **given)
    assert (expected["customer_value_lower"] < expected["customer_value"]).all()
    whole = clv.customer_equity(SUMMARY, **given)
    for engine in ENGINES:
        if available(engine) is None and engine != "spark":
            frame = to_engine(SUMMARY, engine)
            found = to_pandas(clv.customer_value(frame, **given))
            assert_frames_match(found, expected, keys=["customer_id"], label=engine)
            found = to_pandas(clv.customer_equity(frame, **given))
            assert_frames_match(found, whole, keys=["customers"], label=engine)


def orders():
    """Unsorted rows with returns, days that returns undo, and rows on either side of the split."""
    rng = np.random.default_rng(8)
    minutes = rng.integers(0, 130 * 1440, 500).astype("timedelta64[m]")
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{number:02d}" for number in rng.integers(0, 70, 500)],
            "order_date": np.datetime64("2024-01-01", "us") + minutes,
            "amount": np.round(rng.normal(20, 25, 500), 2),
        }
    )
    return pd.concat([frame, frame.head(40).assign(amount=-frame["amount"].head(40))], ignore_index=True)


ORDERS = orders()
CALIBRATION, HOLDOUT = dt.date(2024, 2, 14), dt.date(2024, 4, 24)


def week(day):
    return day - dt.timedelta(days=day.weekday())


def bought(rows, returns):
    days = {}
    for row in rows:
        if returns == "net" or row.amount >= 0:
            days.setdefault(row.customer_id, {}).setdefault(week(row.order_date.date()), []).append(
                row.amount
            )
    kept = {
        customer: {d: sum(a) for d, a in sorted(found.items()) if min(a) >= 0 or round(sum(a), 9) > 0}
        for customer, found in days.items()
    }
    return {customer: found for customer, found in kept.items() if found}


def split(returns):
    rows = list(ORDERS.itertuples())
    known = bought([r for r in rows if r.order_date.date() <= CALIBRATION], returns)
    after = bought([r for r in rows if CALIBRATION < r.order_date.date() <= HOLDOUT], returns)
    table = []
    for customer, ((first, _), *later) in sorted((one, [*found.items()]) for one, found in known.items()):
        table.append(
            {
                "customer_id": customer,
                "frequency": len(later),
                "recency": ((later[-1][0] if later else first) - first).days / 7,
                "T": (week(CALIBRATION) - first).days / 7,
                "monetary_value": sum(spent for _, spent in later) / max(len(later), 1),
                "unit": "week",
                "as_of": "2024-02-14",
                "holdout_purchases": len(after.get(customer, {})),
                "holdout_duration": 10.0,
                "holdout_monetary_value": float(np.mean([*after.get(customer, {0: 0.0}).values()])),
            }
        )
    return pd.DataFrame(table)


@pytest.mark.parametrize("returns", ["net", "drop"])
def test_holdout_summary(returns):
    function = partial(
        clv.holdout_summary, calibration_end=CALIBRATION, holdout_end=HOLDOUT, merge="week", returns=returns
    )
    engines = ENGINES if returns == "net" else [one for one in ENGINES if one != "spark"]
    assert_parity(
        function, ORDERS, expected=split(returns), keys=["customer_id"], crossing=1, engines=engines
    )


def test_orders_without_amounts(model):
    given = {"calibration_end": CALIBRATION, "holdout_end": HOLDOUT, "monetary": False}
    whole = ORDERS.assign(amount=1.0)
    expected = clv.holdout_summary(whole, **{**given, "monetary": True})
    expected = expected.drop(columns=["monetary_value", "holdout_monetary_value"])
    bare = ORDERS.drop(columns="amount")
    function = partial(clv.holdout_summary, **given)
    assert_parity(function, bare, expected=expected, keys=["customer_id"], crossing=1)
    weeks = clv.tracking(whole, model=model, calibration_end=CALIBRATION, holdout_end=HOLDOUT)
    for engine in ENGINES:
        if available(engine) is None:
            frame = to_engine(bare, engine)
            assert_frames_match(
                clv.tracking(frame, model=model, **given), weeks, keys=["period"], label=engine
            )
            with pytest.raises(ColumnError, match="'amount'.*monetary=False"):
                clv.holdout_summary(frame, calibration_end=CALIBRATION, holdout_end=HOLDOUT)


def test_validation_and_calibration(model):
    table = SUMMARY.assign(holdout_purchases=np.arange(60) % 4, holdout_duration=13.0)
    expected = clv.validate(table, models={"Pareto/NBD": model})
    groups = clv.calibration_table(table, model=model, groups=3)
    assert groups["customers"].sum() == 60
    cells = table[["frequency", "recency", "holdout_purchases"]].drop_duplicates()
    for engine in ENGINES:
        if available(engine) is None:
            frame = to_engine(table, engine)
            with crossed_rows() as fetched:
                found = clv.validate(frame, models={"Pareto/NBD": model})
            assert engine not in LAZY or sum(fetched) <= len(cells), engine
            assert_frames_match(found, expected, keys=["model"], label=engine)
            if engine != "spark":
                found = clv.calibration_table(frame, model=model, groups=3)
                assert_frames_match(found, groups, keys=["group"], label=engine)


def test_tracking(model):
    given = {"model": model, "calibration_end": CALIBRATION, "holdout_end": HOLDOUT}
    expected = clv.tracking(ORDERS, **given)
    assert expected["actual"].sum() > 100
    for engine in ENGINES:
        if available(engine) is None:
            with crossed_rows() as fetched:
                found = clv.tracking(to_engine(ORDERS, engine), **given)
            # Extremes, days of first purchases and days of later ones.
            assert engine not in LAZY or sum(fetched) <= 1 + 45 + 115, engine
            assert_frames_match(found, expected, keys=["period"], label=engine)


def test_tracking_with_covariates():
    rng = np.random.default_rng(2)

    def with_kinds(table):
        kinds = {"age": rng.integers(0, 4, len(table)), "channel": rng.choice(["web", "shop"], len(table))}
        return table.assign(**kinds, loyal=rng.random(len(table)) < 0.5)

    known = clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    model = clv.ParetoNBD(purchase=["age", "loyal"], dropout="channel").fit(with_kinds(known))
    people = with_kinds(pd.DataFrame({"customer_id": sorted(set(ORDERS["customer_id"]))}))
    given = {"model": model, "calibration_end": CALIBRATION, "holdout_end": HOLDOUT}
    expected = clv.tracking(ORDERS, **given, covariates=people)
    for engine in ENGINES:
        if available(engine) is None:
            frames = to_engine(ORDERS, engine), to_engine(people, engine)
            with crossed_rows() as fetched:
                found = clv.tracking(frames[0], **given, covariates=frames[1])
            # Counts of bad rows, extremes, days of first purchases by kind and days of later ones.
            assert engine not in LAZY or sum(fetched) <= 1 + 1 + len(people) + 115, engine
            assert_frames_match(found, expected, keys=["period"], label=engine)
            other = "polars" if engine.startswith("pandas") else "pandas"
            with pytest.raises(ParameterError, match="`covariates` must be a frame of"):
                clv.tracking(frames[0], **given, covariates=to_engine(people, other))
            with pytest.raises(DataError, match="Found none for 1 of "):
                clv.tracking(frames[0], **given, covariates=to_engine(people[1:], engine))
            blank = people.assign(channel=[None, *people["channel"][1:]])
            with pytest.raises(DataError, match="1 of [0-9]+ rows have no value in 'channel'"):
                clv.tracking(frames[0], **given, covariates=to_engine(blank, engine))


def test_what_if(model, spend):
    given = {"model": model, "spend": spend, "assumptions": SETTING, "changes": {"stay": {"dropout": 0.8}}}
    expected = clv.equity_what_if(SUMMARY, **given)
    assert expected["customer_equity"][0] == pytest.approx(equity([])["customer_equity"][0], rel=1e-9)
    for engine in ENGINES:
        if available(engine) is None:
            found = clv.equity_what_if(to_engine(SUMMARY, engine), **given)
            assert_frames_match(found, expected, keys=["scenario"], label=engine)
