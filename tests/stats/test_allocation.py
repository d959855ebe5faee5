"""Largest-remainder allocation against exact fractions."""

from decimal import Decimal
from fractions import Fraction

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ParameterError
from crmkit.stats import allocation


def by_fractions(units, weights):
    """Share by the textbook rule in exact arithmetic."""
    w = [Fraction(x) for x in weights]
    quotas = [Fraction(abs(units)) * x / sum(w) for x in w]
    shares = [q.numerator // q.denominator for q in quotas]
    order = sorted(range(len(w)), key=lambda i: (shares[i] - quotas[i], i))
    for i in order[: abs(units) - sum(shares)]:
        shares[i] += 1
    return [share if units >= 0 else -share for share in shares]


@pytest.mark.parametrize(
    ("units", "weights", "expected"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (10, [6, 3, 1], [6, 3, 1]),
        (1, [0, 0, 5], [0, 0, 1]),
        (1, [2, 3], [0, 1]),
        (2, [1, 1, 1, 1], [1, 1, 0, 0]),
        (0, [1, 2], [0, 0]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (7, [0.1, 0.2, 0.4], [1, 2, 4]),
        (10**15, [1], [10**15]),
        (5, [1e-300, 1e-300], [3, 2]),
        (5, [1e300, 1e300], [3, 2]),
    ],
)
def test_apportion_by_hand(units, weights, expected):
    assert allocation.apportion(units, weights).tolist() == expected


@pytest.mark.parametrize("seed", range(20))
def test_apportion_agrees_with_exact_fractions(seed):
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 50, rng.integers(1, 40)) + (np.arange(1) == 0)
    units = int(rng.integers(-(10**7), 10**7))
    assert allocation.apportion(units, weights).tolist() == by_fractions(units, weights.tolist())


def test_a_seat_apportionment_with_published_result():
    # the textbook example of the largest-remainder method (Hare quota): 100 000 votes, 10 seats
    votes = [47_000, 16_000, 15_800, 12_000, 6_100, 3_100]
    assert allocation.apportion(10, votes).tolist() == [5, 2, 1, 1, 1, 0]


def test_a_million_shares_add_up_to_the_cent():
    weights = np.random.default_rng(7).lognormal(sigma=3, size=10**6)
    shares = allocation.allocate(Decimal("98765432.10"), weights)
    cents = np.rint(shares * 100).astype(np.int64)
    assert cents.sum() == 9_876_543_210
    exact = 9_876_543_210 * weights / weights.sum()
    assert np.abs(cents - exact).max() < 1.001


@pytest.mark.parametrize(
    ("total", "digits", "expected"),
    [
        (0.1 + 0.2, 2, [0.15, 0.15]),
        (100, 0, [50, 50]),
        (Decimal("0.000000003"), 9, [2e-9, 1e-9]),
        (-0.01, 2, [-0.01, 0.0]),
    ],
)
def test_allocate_gives_the_nearest_floats(total, digits, expected):
    assert allocation.allocate(total, [1, 1], digits=digits).tolist() == expected


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([], "at least one weight"),
        ([[1.0, 2.0]], "one-dimensional"),
        ([1.0, -2.0, -3.0], "Got '2 of 3 that are not, the first -2.0'"),
        ([1.0, float("nan")], "1 of 2"),
        ([1.0, float("inf")], "1 of 2"),
        ([0.0, 0.0], "positive total. Got '2 weights of zero'"),
    ],
)
def test_unfit_weights_are_refused(weights, message):
    with pytest.raises(ParameterError, match=message):
        allocation.apportion(10, weights)


def test_unfit_totals_are_refused():
    with pytest.raises(ParameterError, match="`total` must be an amount with at most 2 decimals"):
        allocation.allocate(33.333, [1, 1])
    with pytest.raises(ParameterError, match=r"at most 1e\+15 minor units"):
        allocation.allocate(1e14, [1, 1])
    with pytest.raises(ParameterError, match="`total` must be a finite number"):
        allocation.allocate(float("nan"), [1])
    with pytest.raises(ParameterError, match="`units` must be an integer"):
        allocation.apportion(1.5, [1])
    with pytest.raises(ParameterError, match="`digits`"):
        allocation.allocate(1, [1], digits=10)


def test_quotients_are_the_nearest_floats_on_every_engine(engine):
    cents = pd.DataFrame({"cents": range(1, 2001)})
    from crmkit import _frames

    rows = _frames.scan(engine(cents), {"cents": "number"})
    got = _frames.collect(rows.select("cents", money=allocation.to_money(nw.col("cents"), 2))).sort_values(
        "cents"
    )
    assert got["money"].tolist() == [cents / 100 for cents in range(1, 2001)]


def test_the_pool_form_agrees_with_the_array_form(engine):
    from crmkit import _frames

    rng = np.random.default_rng(3)
    weights = rng.integers(0, 10_000, 97)
    people = [f"c{i:03d}" for i in range(97)]
    drivers = pd.DataFrame({"pool": "p", "who": people, "weight": weights}).sample(frac=1, random_state=1)
    pools = pd.DataFrame({"pool": ["p"], "amount": [-123_456.79]})
    opened = (
        _frames.scan(engine(pools), {"pool": "key", "amount": "number"}),
        _frames.scan(engine(drivers), {"pool": "key", "who": "key", "weight": "number"}),
    )
    shares = allocation.allocate_pools(
        *opened, pool=["pool"], target=["who"], columns=("amount", "weight"), digits=2
    )
    got = _frames.collect(shares).sort_values("who")
    assert got["units"].tolist() == by_fractions(-12_345_679, weights.tolist())
    assert got["amount"].tolist() == allocation.allocate(-123_456.79, weights).tolist()
    assert got["rate"].tolist() == pytest.approx([-123_456.79 / weights.sum()] * 97)
    assert not got["unassigned"].any()
