"""MBG/CNBD-k on every engine: the fit and each prediction, against sums over the purchases to come."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.special import roots_genlaguerre
from scipy.stats import nbinom

from crmkit import clv
from crmkit.testing import ENGINES, assert_parity, available, to_engine

K, WEEKS = 2, 20


@pytest.fixture(scope="module")
def summary():
    """Unsorted rows in whole weeks, many with histories that others have too."""
    rng = np.random.default_rng(1)
    n = 400
    rate, leave = rng.gamma(1.2, 1 / 3, n), rng.beta(0.8, 3, n)
    T = rng.integers(20, 23, n).astype(float)
    stays = rng.geometric(leave) - 1
    times = np.ceil(np.cumsum(rng.gamma(K, 1, (n, 60)) / rate[:, None], axis=1))
    inside = (times <= T[:, None]) & (np.arange(60) < stays[:, None])
    return pd.DataFrame(
        {
            "customer_id": rng.permutation(n),
            "frequency": inside.sum(axis=1),
            "recency": np.where(inside, times, 0).max(axis=1),
            "T": T,
            "unit": "week",
            "weeks": rng.integers(0, 3, n) * 5,
        }
    )


@pytest.fixture(scope="module")
def model(summary):
    return clv.ModifiedBetaGeoCNBD(k=K).fit(summary)


def cells(frame, *also):
    return len(frame[["frequency", "recency", "T", *also]].drop_duplicates())


def outlook(row, params):
    """Chance to be there; of 0 … K − 1 hidden events; rate ~ Gamma(shape + j, scale); b of the chances."""
    r, alpha, a, b = params
    shape, x = r + K * row.frequency, row.frequency
    silent = nbinom.pmf(np.arange(K), shape, (alpha + row.recency) / (alpha + row.T))
    there = (b + x) * silent.sum()
    return there / (a + there), silent / silent.sum(), shape, alpha + row.T, b + x + 1


def chances(row, params, weeks, highest):
    """P(at least m purchases come), m = 1 … highest, if the customer stays; P(stays through m − 1)."""
    alive, hidden, shape, scale, b = outlook(row, params)
    m = np.arange(1, highest + 1)
    come = sum(hidden[j] * nbinom.sf(K * m - j - 1, shape + j, scale / (scale + weeks)) for j in range(K))
    stay = np.cumprod((b + m - 1) / (params[2] + b + m - 1))
    return alive, come, np.concatenate([[1.0], stay[:-1]])


def purchases(row, params, weeks):
    alive, come, stay = chances(row, params, weeks, 400)
    return alive * (come * stay).sum() if weeks > 0 else 0.0


def discounted(row, params, delta):
    alive, hidden, shape, scale, b = outlook(row, params)
    m = np.arange(1, 3000)
    stay = np.concatenate([[1.0], np.cumprod((b + m - 1) / (params[2] + b + m - 1))[:-1]])
    total = 0.0
    for j in range(K):
        nodes, weights = roots_genlaguerre(60, shape + j - 1)
        step = nodes / scale / (nodes / scale + delta)
        total += hidden[j] * (weights / weights.sum()) @ (step[:, None] ** (K * m - j) @ stay)
    return alive * total


def answers(frame, column, function):
    return frame.assign(**{column: [function(row) for row in frame.itertuples()]})


def test_fits_are_the_same_on_every_engine(summary):
    frame = summary.assign(weight=1 + np.arange(len(summary)) % 2)
    local = clv.ModifiedBetaGeoCNBD(k=K).fit(frame)
    for engine in ENGINES:
        if available(engine) is None:
            found = clv.ModifiedBetaGeoCNBD(k=K).fit(to_engine(frame, engine))
            assert found.params_ == pytest.approx(local.params_, rel=1e-8), engine
            assert (found.k_, found.n_cells_, found.n_customers_) == (local.k_, cells(frame), 600.0), engine
            assert found.unit_ == "week"


def test_expected_purchases(model, summary):
    params = tuple(model.params_.values())
    expected = answers(summary, "expected_purchases", lambda row: purchases(row, params, row.weeks))
    function = partial(model.expected_purchases, horizon="weeks")
    crossing = cells(summary, "weeks")
    assert crossing < len(summary)
    assert_parity(function, summary, expected=expected, keys=["customer_id"], crossing=crossing)


def test_probability_alive(model, summary):
    params = tuple(model.params_.values())
    expected = answers(summary, "probability_alive", lambda row: outlook(row, params)[0])
    function = model.probability_alive
    assert_parity(function, summary, expected=expected, keys=["customer_id"], crossing=cells(summary))


def test_discounted_purchases(model, summary):
    params, delta = tuple(model.params_.values()), np.log(6) / (365.25 / 7)
    few = summary[summary["frequency"] > 0].head(40)
    expected = answers(few, "discounted_purchases", lambda row: discounted(row, params, delta))
    function = partial(model.discounted_purchases, annual_rate=5)
    assert_parity(function, few, expected=expected, keys=["customer_id"], crossing=cells(few))


def test_purchase_distribution(model, summary):
    params, few = tuple(model.params_.values()), summary.head(40)
    rows = []
    for row, kept in zip(few.itertuples(), few.to_dict("records"), strict=True):
        alive, come, stay = chances(row, params, WEEKS, 4)
        reached = np.concatenate([[1.0], alive * come * stay])  # at least 0, 1, … purchases
        rows += [{**kept, "purchases": m, "probability": reached[m] - reached[m + 1]} for m in range(4)]
    function = partial(model.purchase_distribution, horizon=WEEKS, highest=3)
    keys = ["customer_id", "purchases"]
    assert_parity(function, few, expected=pd.DataFrame(rows), keys=keys, crossing=cells(few))


def test_waiting_times_and_intervals_agree_with_pandas(model, summary):
    bought = summary[summary["frequency"] > 0].reset_index(drop=True)
    for function in (
        model.time_to_next_purchase,
        partial(model.probability_alive, ahead=3, confidence=0.9),
    ):
        expected = function(bought)
        assert_parity(function, bought, expected=expected, keys=["customer_id"], crossing=cells(bought))
