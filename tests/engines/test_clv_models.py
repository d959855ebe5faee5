from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import nbinom

from crmkit import clv
from crmkit.errors import DataError
from crmkit.testing import ENGINES, assert_parity, available, to_engine, to_pandas
from crmkit.testing.engines import LAZY, crossed_rows

WEEKS = 20


@pytest.fixture(scope="module")
def summary():
    """Unsorted rows, half of them with histories that others have too."""
    rng = np.random.default_rng(0)
    n = 500
    rate, mortality = rng.gamma(0.9, 1 / 6, n), rng.gamma(0.6, 1 / 6, n)
    T = rng.integers(30, 33, n).astype(float)
    end = np.minimum(rng.exponential(1, n) / mortality, T)
    x = rng.poisson(rate * end)
    t_x = np.where(x > 0, np.ceil(end * rng.random(n) ** (1 / np.maximum(x, 1))), 0.0)
    return pd.DataFrame(
        {
            "customer_id": [f"c{one:03d}" for one in rng.permutation(n)],
            "frequency": x,
            "recency": np.minimum(t_x, T),
            "T": T,
            "unit": "week",
            "as_of": "2024-03-31",
            "channel": rng.choice(["shop", "web"], n),
            "age": rng.integers(3, 6, n) * 10,
            "member": rng.random(n) < 0.4,
            "weeks": rng.integers(0, 3, n) * 5,
        }
    )


@pytest.fixture(scope="module")
def model(summary):
    return clv.ParetoNBD().fit(summary)


@pytest.fixture(scope="module")
def split(summary):
    return clv.ParetoNBD(purchase="channel + age", dropout=["member"]).fit(summary)


def cells(frame, *also):
    return len(frame[["frequency", "recency", "T", *also]].drop_duplicates())


def posterior(row, params):
    """Probability alive, and what a living customer's rates are: Gamma(r + x, α + T), Gamma(s, β + T)."""
    r, alpha, s, beta = params
    stayed = (beta / (beta + row.T)) ** s * (alpha + row.T) ** -(r + row.frequency)

    def died(y):
        return s * beta**s * (beta + y) ** -(s + 1) * (alpha + y) ** -(r + row.frequency)

    alive = stayed / (stayed + quad(died, row.recency, row.T, epsabs=0, epsrel=1e-12)[0])
    return alive, (r + row.frequency, alpha + row.T, s, beta + row.T)


def purchases(row, params, time, delta=0.0):
    alive, (r, alpha, s, beta) = posterior(row, params)
    lives = quad(lambda u: np.exp(-delta * u) * (beta / (beta + u)) ** s, 0, time, epsabs=0, epsrel=1e-12)[0]
    return alive * r / alpha * lives


def distribution(row, params, time, highest):
    alive, (r, alpha, s, beta) = posterior(row, params)
    found = []
    for k in range(highest + 1):

        def until(u, k=k):
            return s / (beta + u) * (beta / (beta + u)) ** s * nbinom.pmf(k, r, alpha / (alpha + u))

        left = quad(until, 0, time, epsabs=0, epsrel=1e-12)[0]
        stays = (beta / (beta + time)) ** s * nbinom.pmf(k, r, alpha / (alpha + time))
        found.append((1 - alive) * (k == 0) + alive * (left + stays))
    return found


def answers(frame, column, function):
    return frame.assign(**{column: [function(row) for row in frame.itertuples()]})


def params_of(model, row=None):
    r, alpha, s, beta = model.params_.values()
    if row is None:
        return r, alpha, s, beta
    slopes = model.coefficients_
    alpha *= np.exp(
        -slopes["purchase:channel[web]"] * (row.channel == "web") - slopes["purchase:age"] * row.age
    )
    return r, alpha, s, beta * np.exp(-slopes["dropout:member"] * row.member)


@pytest.mark.parametrize(
    "make",
    [
        clv.ParetoNBD,
        clv.BetaGeoNBD,
        partial(clv.ParetoNBD, purchase="channel + age", dropout=["member"]),
    ],
)
def test_fits_are_the_same_on_every_engine(summary, make):
    weighted = summary.assign(weight=np.arange(len(summary)) % 3)
    for frame in (summary, weighted):
        local = make().fit(frame)
        for engine in ENGINES:
            if available(engine) is not None:
                continue
            given = to_engine(frame, engine)
            with crossed_rows() as fetched:
                found = make().fit(given)
            assert found.params_ == pytest.approx(local.params_, rel=1e-9), engine
            assert found.coefficients_ == pytest.approx(local.coefficients_, rel=1e-9), engine
            assert found.standard_errors_ == pytest.approx(local.standard_errors_, rel=1e-9), engine
            assert found.n_cells_ == local.n_cells_ < len(frame), engine
            assert (found.unit_, found.as_of_) == ("week", "2024-03-31"), engine
            assert found.n_customers_ == local.n_customers_
            if engine in LAZY:
                assert sum(fetched) <= local.n_cells_, engine


def test_expected_purchases(model, summary):
    params = params_of(model)
    expected = answers(summary, "expected_purchases", lambda row: purchases(row, params, WEEKS))
    function = partial(model.expected_purchases, horizon=WEEKS)
    crossing = cells(summary)
    assert crossing < len(summary)
    assert_parity(function, summary, expected=expected, keys=["customer_id"], crossing=crossing)


def test_expected_purchases_by_a_column(model, summary):
    params = params_of(model)
    expected = answers(summary, "expected_purchases", lambda row: purchases(row, params, row.weeks))
    function = partial(model.expected_purchases, horizon="weeks")
    crossing = cells(summary, "weeks")
    assert_parity(function, summary, expected=expected, keys=["customer_id"], crossing=crossing)


def test_expected_purchases_with_covariates(split, summary):
    expected = answers(
        summary, "expected_purchases", lambda row: purchases(row, params_of(split, row), WEEKS)
    )
    function = partial(split.expected_purchases, horizon=WEEKS)
    crossing = cells(summary, "channel", "age", "member")
    assert_parity(function, summary, expected=expected, keys=["customer_id"], crossing=crossing)


def test_probability_alive(model, summary):
    params = params_of(model)
    expected = answers(summary, "probability_alive", lambda row: posterior(row, params)[0])
    crossing = cells(summary)
    assert_parity(
        model.probability_alive, summary, expected=expected, keys=["customer_id"], crossing=crossing
    )


def test_discounted_purchases(model, summary):
    params, delta = params_of(model), np.log(1.2) / (365.25 / 7)
    column = "discounted_purchases"
    expected = answers(summary, column, lambda row: purchases(row, params, np.inf, delta))
    function = partial(model.discounted_purchases, annual_rate=0.2)
    assert_parity(function, summary, expected=expected, keys=["customer_id"], crossing=cells(summary))


def test_purchase_distribution(model, summary):
    params, highest = params_of(model), 2
    few = summary.head(60)
    rows = [
        {**row, "purchases": k, "probability": probability}
        for row, values in zip(
            few.to_dict("records"),
            (distribution(row, params, WEEKS, highest) for row in few.itertuples()),
            strict=True,
        )
        for k, probability in enumerate(values)
    ]
    function = partial(model.purchase_distribution, horizon=WEEKS, highest=highest)
    keys = ["customer_id", "purchases"]
    assert_parity(function, few, expected=pd.DataFrame(rows), keys=keys, crossing=cells(few))


def test_intervals_and_waiting_times_agree_with_pandas(model, summary):
    bought = summary[summary["frequency"] > 0]  # others wait without a finite mean
    for function, frame, crossing in [
        (
            partial(model.expected_purchases, horizon="weeks", confidence=0.9),
            summary,
            cells(summary, "weeks"),
        ),
        (partial(model.probability_alive, ahead=3, confidence=0.9), summary, cells(summary)),
        (model.time_to_next_purchase, bought, cells(bought)),
    ]:
        expected = function(frame.reset_index(drop=True))
        assert_parity(function, frame, expected=expected, keys=["customer_id"], crossing=crossing)


def test_simulated_intervals_are_those_of_the_seed(model, summary, engine):
    """Whatever the engine and the order of the rows."""
    function = partial(model.predict_interval, horizon=WEEKS, random_state=1, draws=400)
    expected = function(summary)
    assert_parity(function, summary, expected=expected, keys=["customer_id"], crossing=cells(summary))
    pd.testing.assert_frame_equal(function(summary.iloc[::-1]).sort_index(), expected)
    total = partial(model.predict_total, horizon=WEEKS, random_state=1, draws=400)
    local, found = total(summary), total(engine(summary.iloc[::-1]))
    assert (found.lower, found.upper) == (local.lower, local.upper)
    assert float(found) == pytest.approx(float(local), rel=1e-9)


def test_capitals_make_no_second_column(model, summary, engine):
    """DuckDB and Spark know one name, in whatever capitals."""
    scored = model.expected_purchases(engine(summary.assign(Expected_Purchases=1.0)), horizon=WEEKS)
    found = to_pandas(scored)
    local = model.expected_purchases(summary, horizon=WEEKS)
    assert found["expected_purchases"].sum() == pytest.approx(local["expected_purchases"].sum(), rel=1e-9)


def test_scoring_twice_and_missing_units(model, summary, engine):
    frame = engine(summary)
    once = model.expected_purchases(frame, horizon=1)
    twice = to_pandas(model.expected_purchases(once, horizon=WEEKS))
    assert list(twice) == [*summary, "expected_purchases"]
    local = model.expected_purchases(summary, horizon=WEEKS)
    assert twice["expected_purchases"].sum() == pytest.approx(local["expected_purchases"].sum(), rel=1e-9)
    partly = summary.assign(unit=np.where(np.arange(len(summary)) < 40, None, "week"))
    with pytest.raises(DataError, match="40 of 500 rows have no value in 'unit'"):
        model.expected_purchases(engine(partly), horizon=1)
    with pytest.raises(DataError, match="500 of 500 rows have a recency above T"):
        clv.ParetoNBD().fit(engine(summary.assign(recency=99.0)))


def test_a_relation_of_the_users_own_connection(model, summary):
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.execute("CREATE TABLE customers AS SELECT * FROM summary")
    relation = connection.table("customers")
    assert clv.ParetoNBD().fit(relation).params_ == pytest.approx(model.params_, rel=1e-8)
    scored = model.expected_purchases(relation, horizon=WEEKS, confidence=0.9)  # noqa: F841  read by DuckDB
    found = connection.sql("SELECT sum(expected_purchases), count(*) FROM scored").fetchall()[0]
    total = model.expected_purchases(summary, horizon=WEEKS)["expected_purchases"].sum()
    assert found == (pytest.approx(total, rel=1e-9), len(summary))
    connection.execute("CREATE TABLE kept AS SELECT * FROM scored WHERE expected_purchases_upper > 1")
    tables = {row[0] for row in connection.sql("SHOW TABLES").fetchall()}
    assert tables == {"customers", "kept"}
