"""Gini coefficient and top shares against pairs counted one by one and sorted lists."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import bands, inequality


def base(customers=60, seed=3):
    rng = np.random.default_rng(seed)
    money = np.round(rng.gamma(0.7, 100.0, customers), 2)
    return pd.DataFrame({"customer_id": np.arange(customers), "revenue": money, "profit": money - 20})


def half_relative_mean_difference(values):
    pairs = [abs(one - other) for one, other in itertools.product(values, repeat=2)]
    return float(np.mean(pairs) / (2 * np.mean(values)))


@pytest.mark.parametrize("value", ["revenue", "profit"])
def test_gini_is_half_the_relative_mean_difference(value, engine):
    frame = base()
    got = inequality.gini(engine(frame), value=value, random_state=1, n_resamples=200)
    assert got.estimate == pytest.approx(half_relative_mean_difference(frame[value]))
    assert got.lower < got.estimate < got.upper
    assert (got.n, got.method) == (60, "percentile bootstrap")


def test_gini_of_known_bases():
    one = pd.DataFrame({"customer_id": range(4), "revenue": [0.0, 0.0, 0.0, 7.0]})
    values = inequality._values(one, "revenue")
    assert inequality._gini(values) == 0.75
    equal = inequality.gini(one.assign(revenue=5.0), random_state=1)
    assert equal.estimate == 0
    assert math.isnan(equal.lower)
    # 1, 2, 3, 4: mean difference 1.25, mean 2.5
    assert inequality._gini(np.array([4.0, 1.0, 3.0, 2.0])) == pytest.approx(0.25)


def test_the_interval_covers_the_resamples_it_is_made_of():
    frame = base()
    rng = np.random.default_rng(11)
    values = np.sort(frame["revenue"].to_numpy())
    drawn = [half_relative_mean_difference(values[rng.integers(0, 60, 60)]) for _ in range(300)]
    got = inequality.gini(frame, random_state=11, n_resamples=300, confidence=0.9)
    assert (got.lower, got.upper) == pytest.approx(tuple(np.quantile(drawn, [0.05, 0.95])))
    better = inequality.gini(frame, random_state=11, n_resamples=300, method="bca")
    assert better.method == "BCa bootstrap"


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_top_share_is_what_pareto_reads(share, engine):
    frame = base()
    got = inequality.top_share(engine(frame), share=share, random_state=2, n_resamples=100)
    best = sorted(frame["profit"], reverse=True)[: math.floor(share * 60 + 0.5)]
    assert got.estimate == pytest.approx(sum(best) / frame["profit"].sum())
    table = bands.pareto(frame, cuts=(share,))
    assert got.estimate == pytest.approx(table["value_share"].iloc[0])


def test_a_share_of_nobody_is_nothing():
    assert float(inequality.top_share(base(4), share=0.1, value="revenue", random_state=1)) == 0


def test_intervals_know_neither_order_nor_scale():
    frame = base()
    shuffled = frame.sample(frac=1, random_state=4).assign(profit=lambda table: table["profit"] * 4)
    for function in (inequality.gini, inequality.top_share):
        one = function(frame, value="profit", random_state=7, n_resamples=100)
        other = function(shuffled, value="profit", random_state=7, n_resamples=100)
        assert one.to_dict() == pytest.approx(other.to_dict())


def test_where_losses_eat_the_profit_there_is_a_figure_and_no_interval():
    # Kanthal: the best 5 % make 150 % of the profit, 40 % are profitable, the worst 10 % lose 120 %
    kanthal = pd.DataFrame(
        {"customer_id": range(100), "profit": [300.0] * 5 + [20.0] * 35 + [0.0] * 50 + [-120.0] * 10}
    )
    best = inequality.top_share(kanthal, share=0.05, random_state=1)
    assert best.estimate == 1.5
    assert np.isnan([best.lower, best.upper]).all()
    assert best.method == "none: resamples without a positive total"
    spread = inequality.gini(kanthal, value="profit", random_state=1)
    gaps = np.abs(np.subtract.outer(kanthal["profit"].to_numpy(), kanthal["profit"].to_numpy()))
    assert spread.estimate == pytest.approx(gaps.mean() / (2 * kanthal["profit"].mean()))


def test_unfit_bases_are_refused():
    with pytest.raises(DataError, match="must have a positive total of 'revenue'.* Found 0 for 60 customers"):
        inequality.gini(base().assign(revenue=0.0), random_state=1)
    with pytest.raises(DataError, match="must have a positive total of 'profit'.* Found -60 for 60"):
        inequality.top_share(base().assign(profit=-1.0), random_state=1)
    with pytest.raises(DataError, match="60 of 60 rows with no revenue"):
        inequality.gini(base().assign(revenue=np.nan), random_state=1)
    with pytest.raises(DataError, match="1 of 1 rows with a repeated customer_id"):
        inequality.gini(base().assign(customer_id=1), random_state=1)
    with pytest.raises(DataError, match="a sample must have rows"):
        inequality.gini(base(0), random_state=1)
    with pytest.raises(ColumnError, match="must have the column 'sales'"):
        inequality.gini(base(), value="sales", random_state=1)
    with pytest.raises(ParameterError, match="`share` must be a finite number above 0 and at most 1"):
        inequality.top_share(base(), share=0, random_state=1)
    with pytest.raises(ParameterError, match="`random_state`"):
        inequality.gini(base(), random_state=None)
