"""Splitting orders in time, against plain Python that reads row by row."""

import datetime as dt
from collections import defaultdict
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1

from crmkit import clv
from crmkit.clv.bridge import quiet
from crmkit.datasets import load_cdnow
from crmkit.errors import ColumnError, CRMKitError, DataError, ParameterError
from crmkit.testing import assert_frames_match

CALIBRATION, HOLDOUT = dt.date(2024, 2, 14), dt.date(2024, 4, 24)  # Wednesdays: weeks are cut in two
COUNTS = "1203 728 512 357 234 129 335 284 225 173 119 240 181 155 78 322 255 129 613 277 1091 3464"
WEIGHTS = [int(count) for count in COUNTS.split()]
UNITS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12}


def floor(day, merge):
    if merge == "week":
        return day - dt.timedelta(days=day.weekday())
    return day.replace(day=1) if merge == "month" else day


def occasions(rows, merge, returns):
    """Customer → the days of the purchases that rows make, and what each brought."""
    days = defaultdict(lambda: defaultdict(list))
    for row in rows:
        amount = float(row.amount)
        if not (returns == "drop" and amount < 0):
            days[row.customer_id][floor(row.order_date.date(), merge)].append(amount)
    bought = {}
    for customer, found in days.items():
        kept = {
            day: sum(amounts)
            for day, amounts in sorted(found.items())
            if returns != "net" or min(amounts) >= 0 or round(sum(amounts), 9) > 0
        }
        if kept:
            bought[customer] = kept
    return bought


def oracle(frame, merge="day", returns="net", unit="week"):
    rows = list(frame.itertuples())
    known = occasions([r for r in rows if r.order_date.date() <= CALIBRATION], merge, returns)
    after = occasions([r for r in rows if CALIBRATION < r.order_date.date() <= HOLDOUT], merge, returns)
    table = []
    for customer, found in sorted(known.items()):
        (first, _), *later = found.items()
        last = later[-1][0] if later else first
        table.append(
            {
                "customer_id": customer,
                "frequency": len(later),
                "recency": (last - first).days / UNITS[unit],
                "T": (floor(CALIBRATION, merge) - first).days / UNITS[unit],
                "monetary_value": float(np.mean([spent for _, spent in later])) if later else 0.0,
                "unit": unit,
                "as_of": f"{CALIBRATION:%Y-%m-%d}",
                "holdout_purchases": len(after.get(customer, {})),
                "holdout_duration": (HOLDOUT - CALIBRATION).days / UNITS[unit],
                "holdout_monetary_value": float(np.mean([*after.get(customer, {0: 0.0}).values()])),
            }
        )
    return pd.DataFrame(table)


def random_orders(seed=4, rows=700):
    rng = np.random.default_rng(seed)
    minutes = rng.integers(0, 150 * 1440, rows).astype("timedelta64[m]")
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{number:02d}" for number in rng.integers(0, 90, rows)],
            "order_date": np.datetime64("2024-01-01", "us") + minutes,
            "amount": np.round(rng.normal(20, 25, rows), 2),
        }
    )
    undone = frame.head(60).assign(amount=-frame["amount"].head(60))
    undone["order_date"] += np.timedelta64(3, "D")
    return pd.concat([frame, undone, undone.head(5)], ignore_index=True)


ORDERS = random_orders()
SPLIT = {"calibration_end": CALIBRATION, "holdout_end": HOLDOUT}


@pytest.mark.parametrize("returns", ["net", "drop", "keep"])
@pytest.mark.parametrize("merge", ["day", "week", "month"])
def test_against_plain_python(merge, returns):
    before = ORDERS.copy()
    found = clv.holdout_summary(ORDERS, **SPLIT, merge=merge, returns=returns)
    pd.testing.assert_frame_equal(ORDERS, before)
    assert_frames_match(found, oracle(ORDERS, merge, returns), keys=["customer_id"])
    assert found["holdout_purchases"].dtype == np.int64


@pytest.mark.parametrize("unit", ["day", "month"])
def test_units_of_time(unit):
    found = clv.holdout_summary(ORDERS, **SPLIT, unit=unit)
    assert_frames_match(found, oracle(ORDERS, unit=unit), keys=["customer_id"])


def orders(*rows):
    customers, days, amounts = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "customer_id": customers,
            "order_date": pd.to_datetime(list(days), format="ISO8601"),
            "amount": amounts,
        }
    )


def test_a_return_after_the_calibration_takes_no_purchase_back():
    # All in one week, cut after its Wednesday: what was bought was bought.
    frame = orders(("a", "2024-01-02", 10.0), ("a", "2024-01-05", -10.0), ("a", "2024-02-10", 5.0))
    found = clv.holdout_summary(frame, calibration_end="2024-01-03", holdout_end="2024-03-01", merge="week")
    assert found[["frequency", "holdout_purchases"]].to_numpy().tolist() == [[0, 1]]


def test_nobody_buys_after_the_calibration():
    frame = orders(("a", "2024-01-02", 10.0), ("b", "2024-01-03", 10.0))
    found = clv.holdout_summary(frame, calibration_end="2024-01-03", holdout_end="2024-03-01 12:00")
    assert found["holdout_purchases"].tolist() == [0, 0]
    assert found["holdout_duration"].tolist() == [58 / 7] * 2


def test_what_the_split_leaves_out():
    frame = orders(
        ("known", "2024-01-03 23:59", 10.0),
        ("known", "2024-01-04 00:01", 10.0),
        ("known", "2024-03-01 23:59", 10.0),
        ("known", "2024-03-02 00:00", 10.0),
        ("late", "2024-01-04", 10.0),
    )
    found = clv.holdout_summary(frame, calibration_end="2024-01-03", holdout_end="2024-03-01")
    assert found["customer_id"].tolist() == ["known"]
    assert found["frequency"].tolist() == [0]
    assert found["holdout_purchases"].tolist() == [2]


def test_the_calibration_part_is_that_of_summarize():
    known = clv.summarize(ORDERS, as_of=CALIBRATION, after="drop")
    found = clv.holdout_summary(ORDERS, **SPLIT)
    pd.testing.assert_frame_equal(found[list(known.columns)], known)


def test_spend_of_the_holdout_adds_up_to_the_cent():
    sold = load_cdnow(sample=True)
    found = clv.holdout_summary(sold, calibration_end="1997-09-30", holdout_end="1998-06-30")
    held = sold[(sold["order_date"] > "1997-09-30") & sold["customer_id"].isin(found["customer_id"])]
    days = held.groupby(["customer_id", held["order_date"].dt.normalize()])["amount"].sum()
    mean = days.groupby("customer_id").mean().reindex(found["customer_id"], fill_value=0.0)
    assert found["holdout_monetary_value"].to_numpy() == pytest.approx(mean.to_numpy(), rel=1e-12)
    spent = found["holdout_purchases"] @ found["holdout_monetary_value"]
    assert round(spent, 2) == round(held["amount"].sum(), 2)


def test_spend_of_the_holdout_is_that_of_lifetimes():
    """On rows that are merged by day before, because lifetimes takes the mean of rows there."""
    sold = load_cdnow(sample=True)
    days = sold.assign(order_date=sold["order_date"].dt.normalize())
    days = days.groupby(["customer_id", "order_date"], as_index=False)["amount"].sum()
    ends = {"calibration_period_end": "1997-09-30", "observation_period_end": "1998-06-30"}
    with quiet() as lifetimes:
        named = ("customer_id", "order_date")
        theirs = lifetimes.utils.calibration_and_holdout_data(
            days, *named, **ends, monetary_value_col="amount"
        )
    ours = clv.holdout_summary(sold, calibration_end="1997-09-30", holdout_end="1998-06-30")
    assert ours["customer_id"].tolist() == theirs.index.tolist()
    for mine, other in {
        "holdout_purchases": "frequency_holdout",
        "holdout_monetary_value": "monetary_value_holdout",
        "monetary_value": "monetary_value_cal",
    }.items():
        assert ours[mine].to_numpy() == pytest.approx(theirs[other].to_numpy(), rel=1e-9), mine


@pytest.mark.parametrize(("returns", "count", "mean"), [("net", 1, 4.0), ("drop", 2, 7.5), ("keep", 2, -3.0)])
def test_returns_of_the_holdout(returns, count, mean):
    """Two days: one sold for 10 and 6 of it came back, on the other 5 were sold and 15 came back."""
    rows = zip(
        ["2024-02-01", "2024-02-01", "2024-02-09", "2024-02-09"], [10.0, -6.0, 5.0, -15.0], strict=True
    )
    frame = orders(("a", "2024-01-02", 8.0), *(("a", *row) for row in rows))
    given = {"calibration_end": "2024-01-03", "holdout_end": "2024-03-01", "returns": returns}
    found = clv.holdout_summary(frame, **given).iloc[0]
    assert (found["holdout_purchases"], found["holdout_monetary_value"]) == (count, mean)


def test_models_and_their_judges_ignore_the_money_of_the_holdout():
    table = clv.holdout_summary(
        load_cdnow(sample=True), calibration_end="1997-09-30", holdout_end="1998-06-30"
    )
    plain = table.drop(columns="holdout_monetary_value")
    strange = table.assign(holdout_monetary_value="text")
    for one in (table, strange):
        for model in (clv.ParetoNBD, clv.GammaGamma):
            assert model().fit(one).params_ == model().fit(plain).params_
        model = clv.ParetoNBD().fit(one)
        for judged in (
            partial(clv.validate, models={"a": model}),
            partial(clv.calibration_table, model=model),
        ):
            pd.testing.assert_frame_equal(judged(one), judged(plain))


def test_orders_without_amounts():
    bare = ORDERS.drop(columns="amount")
    assert_frames_match(
        clv.holdout_summary(bare, **SPLIT, monetary=False),
        oracle(ORDERS, returns="keep").drop(columns=["monetary_value", "holdout_monetary_value"]),
        keys=["customer_id"],
    )
    for function in (clv.holdout_summary, partial(clv.tracking, model=clv.ParetoNBD().fit(cdnow()))):
        with pytest.raises(ColumnError, match="must have the column 'amount'.*read with monetary=False"):
            function(bare, **SPLIT)
        with pytest.raises(ColumnError, match="must have numbers in 'amount'") as caught:
            function(bare.assign(amount="1"), **SPLIT)
        assert "monetary=False" not in str(caught.value)
        with pytest.raises(ParameterError, match="`monetary` must be"):
            function(bare, **SPLIT, monetary=None)


def test_bad_splits():
    for end in ("2024-02-14", "2024-01-01"):
        with pytest.raises(
            ParameterError, match="`holdout_end` must be a date after calibration_end 2024-02-14"
        ):
            clv.holdout_summary(ORDERS, calibration_end=CALIBRATION, holdout_end=end)
    for wrong in ({"unit": "fortnight"}, {"merge": "hour"}, {"returns": "ignore"}):
        with pytest.raises(ParameterError, match=f"`{next(iter(wrong))}` must be one of"):
            clv.holdout_summary(ORDERS, **SPLIT, **wrong)
    with pytest.raises(ParameterError, match="must be a date"):
        clv.holdout_summary(ORDERS, calibration_end=None, holdout_end=HOLDOUT)
    with pytest.raises(ColumnError, match="'amount'"):
        clv.holdout_summary(ORDERS.drop(columns="amount"), **SPLIT)
    with pytest.raises(DataError, match="a row dated on or before"):
        clv.holdout_summary(ORDERS, calibration_end="2020-01-01", holdout_end=HOLDOUT)
    with pytest.raises(DataError, match="1 of 765 rows without a customer_id"):
        clv.holdout_summary(ORDERS.assign(customer_id=[None, *ORDERS["customer_id"][1:]]), **SPLIT)


def cdnow(unit="week"):
    return clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", unit=unit, after="drop")


@pytest.fixture(scope="module")
def model():
    return clv.ParetoNBD().fit(cdnow())


def followed(frame, model, merge, returns):
    """Repeat purchases so far and expected so far at the end of each week, customer by customer."""
    rows = [r for r in frame.itertuples() if r.order_date.date() <= HOLDOUT]
    known = occasions([r for r in rows if r.order_date.date() <= CALIBRATION], merge, returns)
    bought = occasions(rows, merge, returns)
    start = min(next(iter(found)) for found in known.values())
    weeks = ((HOLDOUT - start).days + 1) // 7
    table = []
    for week in range(1, weeks + 1):
        end = start + dt.timedelta(days=7 * week - 1)
        actual, expected = 0, 0.0
        for customer, found in known.items():
            first = next(iter(found))
            actual += sum(first < day <= end for day in bought.get(customer, {}))
            if end > first:
                expected += expected_new(model, (end - first).days / 7)
        table.append((week, pd.Timestamp(end), end > CALIBRATION, actual, expected))
    columns = ["period", "period_end", "in_holdout", "actual_cumulative", "expected_cumulative"]
    return pd.DataFrame(table, columns=columns)


def expected_new(model, t):
    """E[X(t)] of the Pareto/NBD model: Schmittlein, Morrison and Colombo (1987), equation 17."""
    r, alpha, s, beta = model.params_.values()
    return r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + t)) ** (s - 1))


@pytest.mark.parametrize(("merge", "returns"), [("day", "net"), ("week", "drop"), ("day", "keep")])
def test_tracking_against_a_loop(model, merge, returns):
    found = clv.tracking(ORDERS, model=model, **SPLIT, merge=merge, returns=returns)
    expected = followed(ORDERS, model, merge, returns)
    assert_frames_match(found[expected.columns], expected, keys=["period"])
    for kind in ("actual", "expected"):
        assert found[kind].cumsum().to_numpy() == pytest.approx(found[f"{kind}_cumulative"].to_numpy())
    assert (found["expected"] > 0).all()


def test_tracking_without_amounts(model):
    found = clv.tracking(ORDERS.drop(columns="amount"), model=model, **SPLIT, monetary=False)
    pd.testing.assert_frame_equal(found, clv.tracking(ORDERS, model=model, **SPLIT, returns="keep"))


def test_tracking_in_months(model):
    monthly = clv.ParetoNBD().fit(cdnow("month"))
    found = clv.tracking(ORDERS, model=monthly, **SPLIT)
    assert len(found) == 3
    assert found["period_end"].dt.strftime("%m-%d").tolist() == ["01-30", "02-29", "03-31"]
    closed = clv.tracking(ORDERS, model=monthly, calibration_end="2024-01-30", holdout_end="2024-03-31")
    assert closed["in_holdout"].tolist() == [False, True]  # the month's last day is known as a whole
    weekly = clv.tracking(ORDERS, model=model, **SPLIT)
    by_day = weekly.set_index("period_end")["actual_cumulative"]
    assert by_day[:"2024-01-30"].iloc[-1] <= found["actual_cumulative"][0] <= by_day["2024-01-31":].iloc[0]


def test_tracking_of_the_calibration_alone_and_of_less_than_a_period(model):
    found = clv.tracking(ORDERS, model=model, calibration_end=CALIBRATION, holdout_end=CALIBRATION)
    assert len(found) == 6
    assert not found["in_holdout"].any()
    frame = orders(("a", "2024-01-02", 10.0))
    assert clv.tracking(frame, model=model, calibration_end="2024-01-03", holdout_end="2024-01-05").empty
    quiet = clv.tracking(frame, model=model, calibration_end="2024-01-03", holdout_end="2024-01-17")
    assert quiet["actual"].tolist() == [0, 0]


def test_bad_tracking(model):
    with pytest.raises(ParameterError, match="`holdout_end` must be a date not before calibration_end"):
        clv.tracking(ORDERS, model=model, calibration_end=CALIBRATION, holdout_end="2024-02-13")
    with pytest.raises(DataError, match="Found returns only"):
        clv.tracking(orders(("a", "2024-01-02", -10.0)), model=model, **SPLIT)
    with pytest.raises(CRMKitError, match="must be fitted"):
        clv.tracking(ORDERS, model=clv.ParetoNBD(), **SPLIT)
    for wrong in (None, clv.GammaGamma()):
        with pytest.raises(ParameterError, match="`model` must be a fitted model of the customer base"):
            clv.tracking(ORDERS, model=wrong, **SPLIT)


def test_models_that_cannot_be_tracked():
    table = cdnow()
    donors = {
        "frequency": [6, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 4, 3, 2, 1, 3, 2, 1, 2, 1, 1, 0],
        "recency": [6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1, 0],
        "n_periods": [6] * 22,
        "weight": WEIGHTS,
    }
    for model in (
        clv.ParetoNBD().fit(table.drop(columns="unit")),
        clv.BetaGeoBetaBinomial(unit="week").fit(donors),
    ):
        with pytest.raises(ParameterError, match="fitted in continuous time, on data whose unit"):
            clv.tracking(ORDERS, model=model, **SPLIT)


# --- covariates -------------------------------------------------------------------------------------------

FITTED = cdnow().assign(
    age=lambda table: np.arange(len(table)) % 7,
    channel=lambda table: np.array(["shop", "web", "mail"])[table["customer_id"] % 3],
)
PEOPLE = pd.DataFrame({"customer_id": sorted(set(ORDERS["customer_id"]))}).assign(
    age=lambda people: people.index % 5, channel=lambda people: np.resize(["web", "shop"], len(people))
)


def pareto(model, person, t):
    """Schmittlein, Morrison and Colombo (1987), equation 17, with the rates of the customer's own kind."""
    r, alpha, s, beta = (model.params_[name] for name in ("r", "alpha", "s", "beta"))
    effect = model.coefficients_
    alpha *= np.exp(-effect["purchase:age"] * person.age)
    beta *= np.exp(-effect["dropout:channel[shop]"] * (person.channel == "shop"))
    beta *= np.exp(-effect["dropout:channel[web]"] * (person.channel == "web"))
    return r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + t)) ** (s - 1))


def beta_geometric(model, person, t):
    """Fader, Hardie and Lee (2005), equation 9."""
    r, alpha, a, b = (model.params_[name] for name in ("r", "alpha", "a", "b"))
    alpha *= np.exp(-model.coefficients_["purchase:age"] * person.age)
    factor = hyp2f1(r, b, a + b - 1, t / (alpha + t))
    return (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + t)) ** r * factor)


KINDS = {
    "Pareto/NBD": (clv.ParetoNBD(purchase="age", dropout="channel"), pareto),
    "BG/NBD": (clv.BetaGeoNBD(purchase="age"), beta_geometric),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tracking_with_covariates_against_a_loop(kind):
    model, formula = KINDS[kind]
    model.fit(FITTED)
    found = clv.tracking(ORDERS, model=model, **SPLIT, covariates=PEOPLE)
    known = occasions([r for r in ORDERS.itertuples() if r.order_date.date() <= CALIBRATION], "day", "net")
    first = {customer: min(days) for customer, days in known.items()}
    people = [one for one in PEOPLE.itertuples() if one.customer_id in first]
    assert len(people) < len(PEOPLE)
    for row in found.iloc[[0, 5, -1]].itertuples():
        ages = [(one, (row.period_end.date() - first[one.customer_id]).days / 7) for one in people]
        expected = sum(formula(model, one, age) for one, age in ages if age > 0)
        assert row.expected_cumulative == pytest.approx(expected, rel=1e-9)
    counted = ["period", "period_end", "in_holdout", "actual", "actual_cumulative"]
    plain = clv.tracking(ORDERS, model=clv.ParetoNBD().fit(cdnow()), **SPLIT)
    pd.testing.assert_frame_equal(found[counted], plain[counted])


def test_covariates_may_come_with_more_columns_and_customers_and_in_any_order(model):
    kind = clv.ParetoNBD(purchase="age", dropout="channel").fit(FITTED)
    expected = clv.tracking(ORDERS, model=kind, **SPLIT, covariates=PEOPLE)
    more = pd.concat([PEOPLE, PEOPLE.tail(1).assign(customer_id="stranger", age=None)])
    more = more.sample(frac=1, random_state=1).assign(T=1.0, first_day="x")
    found = clv.tracking(ORDERS, model=kind, **SPLIT, covariates=more)
    pd.testing.assert_frame_equal(found, expected)
    # A model without covariates has no use for them.
    plain = clv.tracking(ORDERS, model=model, **SPLIT)
    pd.testing.assert_frame_equal(clv.tracking(ORDERS, model=model, **SPLIT, covariates=PEOPLE), plain)


def test_bad_covariates():
    model = clv.ParetoNBD(purchase="age", dropout="channel").fit(FITTED)
    follow = partial(clv.tracking, ORDERS, model=model, **SPLIT)
    with pytest.raises(
        ParameterError, match="`covariates` must be a frame with customer_id and age, channel"
    ):
        follow()
    with pytest.raises(ParameterError, match="`covariates` must be a DataFrame of pandas"):
        follow(covariates={"customer_id": [1]})
    with pytest.raises(ColumnError, match="`covariates` must have the column 'channel'"):
        follow(covariates=PEOPLE.drop(columns="channel"))
    with pytest.raises(ColumnError, match="`covariates` must have numbers in 'age'"):
        follow(covariates=PEOPLE.assign(age="old"))
    with pytest.raises(ColumnError, match="`covariates` must have 'customer_id' of the type"):
        follow(covariates=PEOPLE.assign(customer_id=range(len(PEOPLE))))
    with pytest.raises(
        DataError, match="`covariates`: 1 of 90 rows .customers. that stand in it more than once"
    ):
        follow(covariates=pd.concat([PEOPLE, PEOPLE.head(1)]))
    with pytest.raises(DataError, match="purchase up to 2024-02-14. Found none for 2 of 77: add them"):
        follow(covariates=PEOPLE[2:])
    with pytest.raises(DataError, match="`covariates`: 1 of 77 rows have no value in 'age'"):
        follow(covariates=PEOPLE.assign(age=[None, *PEOPLE["age"][1:]]))
    with pytest.raises(DataError, match="'channel' must be one of the 3 values that the model was fitted on"):
        follow(covariates=PEOPLE.assign(channel="fax"))
