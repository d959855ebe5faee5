"""The margin multiple against sums written out, simulated customers and exact arithmetic."""

import json

import mpmath
import numpy as np
import pandas as pd
import pytest

from crmkit import clv
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.testing import assert_parity


def summed(r, i, g, n, immediate):
    """Add the discounted expected margins one by one, in 40 digits."""
    with mpmath.workdps(40):
        r, i, g = mpmath.mpf(r), mpmath.mpf(i), mpmath.mpf(g)
        if immediate:
            return mpmath.fsum(r**t * (1 + g) ** t / (1 + i) ** t for t in range(n))
        return mpmath.fsum(r**t * (1 + g) ** (t - 1) / (1 + i) ** t for t in range(1, n + 1))


@pytest.mark.parametrize("immediate", [False, True])
@pytest.mark.parametrize("growth", [-1.0, -0.2, 0.0, 0.06])
@pytest.mark.parametrize("periods", [1, 2, 3, 7, 10, 64, 101])
def test_horizon_equals_the_sum(immediate, growth, periods):
    got = clv.margin_multiple(
        retention=0.85, discount=0.11, growth=growth, periods=periods, immediate=immediate
    )
    assert float(got) == pytest.approx(float(summed(0.85, 0.11, growth, periods, immediate)), rel=1e-13)


@pytest.mark.parametrize("immediate", [False, True])
@pytest.mark.parametrize("growth", [0.0, 0.05, -0.3])
def test_endless_form_is_the_limit_of_the_sum(immediate, growth):
    got = clv.margin_multiple(retention=0.9, discount=0.12, growth=growth, immediate=immediate)
    assert float(got) == pytest.approx(float(summed(0.9, 0.12, growth, 800, immediate)), rel=1e-12)


def test_exact_where_growth_cancels_discount():
    assert float(clv.margin_multiple(retention=1, discount=0.1, growth=0.1, periods=30)) == pytest.approx(
        30 / 1.1, rel=1e-14
    )
    near = clv.margin_multiple(retention=1, discount=0.1, growth=0.1 - 1e-10, periods=30)
    assert float(near) == pytest.approx(float(summed(1, 0.1, 0.1 - 1e-10, 30, False)), rel=1e-14)


def test_edges_of_retention():
    assert float(clv.margin_multiple(retention=0, discount=0.1)) == 0
    assert float(clv.margin_multiple(retention=0, discount=0.1, immediate=True)) == 1
    assert float(clv.margin_multiple(retention=0, discount=0.1, periods=4, immediate=True)) == 1
    assert float(clv.margin_multiple(retention=1, discount=0.1)) == pytest.approx(10)


def test_simulated_customers_agree():
    rng = np.random.default_rng(7)
    r, i, g, n = 0.8, 0.12, 0.03, 400_000
    lives = rng.geometric(1 - r, n) - 1  # margins received from t = 1 on
    t = np.arange(1, lives.max() + 1)
    paid = np.concatenate([[0.0], np.cumsum((1 + g) ** (t - 1) / (1 + i) ** t)])[lives]
    error = 4 * paid.std() / np.sqrt(n)
    assert abs(float(clv.margin_multiple(retention=r, discount=i, growth=g)) - paid.mean()) < error


def test_more_is_worth_more():
    def worth(**changed):
        rates = {"retention": 0.8, "discount": 0.1, "growth": 0.0, "periods": 5}
        return float(clv.margin_multiple(**{**rates, **changed}))

    base = worth()
    assert worth(retention=0.9) > base
    assert worth(growth=0.05) > base
    assert worth(periods=None) > base
    assert worth(discount=0.2) < base


def test_repr_and_dict():
    multiple = clv.margin_multiple(retention=0.9, discount=0.12)
    assert repr(multiple) == (
        "MarginMultiple(4.0909; retention 0.9, discount 0.12, first margin one period from now)"
    )
    assert json.loads(json.dumps(multiple.to_dict())) == {
        "multiple": float(multiple),
        "retention": 0.9,
        "discount": 0.12,
        "growth": 0.0,
        "periods": None,
        "immediate": False,
    }
    longer = clv.margin_multiple(retention=0.5, discount=0, growth=0.1, periods=3, immediate=True)
    assert repr(longer).endswith("growth 0.1, 3 periods, first margin now)")
    with pytest.raises(AttributeError):
        multiple.retention = 1
    value = clv.lifetime_value(10, retention=0.5, discount=0)
    assert repr(value).startswith("LifetimeValue(10.00; margin 10 × MarginMultiple(1; retention 0.5")
    assert value.to_dict()["multiple"]["retention"] == 0.5


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"retention": 1.1}, "`retention` must be a finite number at least 0 and at most 1. Got 1.1"),
        ({"retention": -0.1}, "`retention`"),
        ({"discount": -0.1}, "`discount`"),
        ({"discount": float("nan")}, "`discount`"),
        ({"growth": -1.5}, "`growth`"),
        ({"growth": 0.5}, r"below 1 \+ discount.*Got 0.8 × 1.5 = 1.2 against 1.1.*horizon"),
        ({"periods": 0}, "`periods`"),
        ({"periods": 2.5}, "`periods`"),
        ({"immediate": 1}, "`immediate`"),
    ],
)
def test_bad_rates(rates, message):
    with pytest.raises(ParameterError, match=message):
        clv.margin_multiple(**{"retention": 0.8, "discount": 0.1, **rates})


def test_certain_retention_without_discount_is_infinite():
    with pytest.raises(ParameterError, match="infinity"):
        clv.margin_multiple(retention=1, discount=0)
    assert float(clv.margin_multiple(retention=1, discount=0, periods=12)) == 12


def test_table_options():
    table = clv.margin_multiple_table([0.5, 1.0], [0.0, 0.1], growth=0.1)
    assert (table.index.name, table.columns.name) == ("retention", "discount")
    assert np.isinf(table.loc[1.0]).all()
    assert table.loc[0.5, 0.1] == pytest.approx(0.5 / (1.1 - 0.55))
    finite = clv.margin_multiple_table([1.0], [0.1], growth=0.1, periods=3, immediate=True)
    assert finite.iloc[0, 0] == pytest.approx(3)
    with pytest.raises(ParameterError, match="`retentions`"):
        clv.margin_multiple_table([])
    with pytest.raises(ParameterError, match="`discounts`"):
        clv.margin_multiple_table([0.5], [-1.0])


CUSTOMERS = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d", "e"],
        "margin": [400, 200, -50, 10, 0],
        "retention": [0.8, 0.9, 0.5, np.nan, 0.0],
    }
)


@pytest.mark.parametrize("nan", ["null", "value"])
@pytest.mark.parametrize("periods", [None, 1, 5])
def test_table_of_customers_on_every_engine(nan, periods):
    n = periods or 400
    worth = [
        None if np.isnan(r) else m * float(summed(r, 0.12, 0.02, n, False))
        for m, r in zip(CUSTOMERS["margin"], CUSTOMERS["retention"], strict=True)
    ]
    assert_parity(
        lambda frame: clv.lifetime_value_table(frame, discount=0.12, growth=0.02, periods=periods),
        CUSTOMERS,
        expected=CUSTOMERS.assign(lifetime_value=worth),
        keys=["customer_id"],
        crossing=1,
        nan=nan,
    )


def test_one_retention_for_all_rows():
    rows = CUSTOMERS.drop(columns="retention")
    worth = rows["margin"] * float(summed(0.7, 0.1, 0, 6, True))
    assert_parity(
        lambda frame: clv.lifetime_value_table(frame, discount=0.1, retention=0.7, periods=6, immediate=True),
        rows,
        expected=rows.assign(lifetime_value=worth),
        keys=["customer_id"],
        crossing=1,
    )


def test_table_of_customers_refuses():
    with pytest.raises(ColumnError, match="'retention'"):
        clv.lifetime_value_table(CUSTOMERS.drop(columns="retention"), discount=0.1)
    with pytest.raises(ColumnError, match="numbers in 'margin'"):
        clv.lifetime_value_table(CUSTOMERS.assign(margin="much"), discount=0.1)
    with pytest.raises(DataError, match="1 of 5 rows have a retention that is not between 0 and 1"):
        clv.lifetime_value_table(CUSTOMERS.assign(retention=[0.1, 0.2, 1.2, 0, 0]), discount=0.5)
    with pytest.raises(DataError, match=r"2 of 5 rows .* infinite"):
        clv.lifetime_value_table(CUSTOMERS.assign(retention=[1, 1, 0, 0, 0]), discount=0.0)
    with pytest.raises(ParameterError, match="infinity"):
        clv.lifetime_value_table(CUSTOMERS, retention=1, discount=0.0)


def test_empty_table():
    empty = clv.lifetime_value_table(CUSTOMERS.iloc[:0], discount=0.1)
    assert list(empty.columns) == [*CUSTOMERS.columns, "lifetime_value"]
    assert len(empty) == 0


def test_value_is_linear_in_margin():
    one = float(clv.lifetime_value(1, retention=0.7, discount=0.1, growth=0.01, periods=9, immediate=True))
    assert float(
        clv.lifetime_value(-37.5, retention=0.7, discount=0.1, growth=0.01, periods=9, immediate=True)
    ) == pytest.approx(-37.5 * one)
    with pytest.raises(ParameterError, match="`margin`"):
        clv.lifetime_value(float("inf"), retention=0.7, discount=0.1)
