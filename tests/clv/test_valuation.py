"""What-if, company value and break-even retention: directions, inversions, errors."""

import json
import math

import pytest

from crmkit import clv
from crmkit.errors import ParameterError


def test_what_if_keeps_horizon_and_timing():
    base = clv.margin_multiple(retention=0.8, discount=0.1, growth=0.02, periods=4, immediate=True)
    result = clv.what_if(base, discount=0.2)
    assert (result.after.periods, result.after.immediate, result.after.growth) == (4, True, 0.02)
    q = 0.8 * 1.02 / 1.2
    assert float(result.after) == pytest.approx(1 + q + q**2 + q**3)
    assert result.difference == pytest.approx(float(result.after) - float(base))
    assert result.difference < 0


def test_what_if_on_a_value():
    base = clv.lifetime_value(400, retention=0.8, discount=0.12)
    assert float(clv.what_if(base, margin=440)) == pytest.approx(0.10)
    assert float(clv.what_if(base, growth=0.05)) == pytest.approx(0.32 / 0.28 - 1)
    both = clv.what_if(base, margin=200, retention=0.9)
    assert round(float(both.after), 2) == 818.18
    assert repr(both) == "WhatIf(1000 → 818.1818, -18.18 %)"
    assert json.loads(json.dumps(both.to_dict()))["after"]["multiple"]["retention"] == 0.9


def test_what_if_from_nothing():
    nothing = clv.lifetime_value(0, retention=0.8, discount=0.12)
    assert math.isnan(float(clv.what_if(nothing, margin=1)))


def test_what_if_refuses():
    base = clv.margin_multiple(retention=0.8, discount=0.1)
    with pytest.raises(ParameterError, match="`margin` must be left out"):
        clv.what_if(base, margin=1)
    with pytest.raises(ParameterError, match="given, or another rate"):
        clv.what_if(base)
    with pytest.raises(ParameterError, match="`base` must be a MarginMultiple or a LifetimeValue"):
        clv.what_if(2.5, retention=0.9)
    with pytest.raises(ParameterError, match="`retention`"):
        clv.what_if(base, retention=2)


def test_company_value_of_groups():
    total = clv.company_value([1, 3], [10.0, 2.0])
    assert (total.value, total.customers, total.average) == (16, 4, 4)
    assert float(total) == 16
    assert repr(total) == "CompanyValue(16.00; 4 customers, 4.00 on average)"
    assert total.to_dict() == {"value": 16.0, "customers": 4.0, "average": 4.0}
    assert math.isnan(clv.company_value(0, 5).average)
    with pytest.raises(ParameterError, match="as long as `customers`, 2"):
        clv.company_value([1, 2], [3.0])
    with pytest.raises(ParameterError, match="`customers`"):
        clv.company_value(-1, 3.0)


@pytest.mark.parametrize("immediate", [False, True])
@pytest.mark.parametrize("growth", [0.0, 0.04, -0.3])
@pytest.mark.parametrize("periods", [None, 2, 9])
def test_break_even_inverts_the_value(immediate, growth, periods):
    options = {"discount": 0.12, "growth": growth, "periods": periods, "immediate": immediate}
    found = clv.break_even_retention(100, 130, **options)
    assert 0 < float(found) < 1
    assert float(clv.lifetime_value(100, retention=float(found), **options)) == pytest.approx(130)


def test_break_even_limits():
    # margins of 100 for ever, all customers staying, at 12 %: 833.33 is the most there is
    assert float(clv.break_even_retention(100, 833.33, discount=0.12)) == pytest.approx(1, abs=1e-5)
    assert math.isnan(float(clv.break_even_retention(100, 833.34, discount=0.12)))
    assert math.isnan(float(clv.break_even_retention(100, 201, discount=0, periods=2)))
    assert float(clv.break_even_retention(100, 200, discount=0, periods=2)) == pytest.approx(1)
    # an immediate margin that covers the cost needs no retention, and one that shrinks away has no more
    assert float(clv.break_even_retention(100, 100, discount=0.1, immediate=True)) == 0
    assert math.isnan(float(clv.break_even_retention(100, 101, discount=0.1, growth=-1, immediate=True)))
    assert float(clv.break_even_retention(100, 0, discount=0.1)) == 0


def test_break_even_repr_and_errors():
    found = clv.break_even_retention(100, 250, discount=0.12)
    assert repr(found) == "BreakEvenRetention(0.8; margin 100 against a cost of 250, discount 0.12)"
    assert "not reachable" in repr(clv.break_even_retention(1, 250, discount=0.12))
    assert found.to_dict()["cost"] == 250
    with pytest.raises(ParameterError, match=r"`margin` must be a finite number .*above 0"):
        clv.break_even_retention(0, 1, discount=0.1)
    with pytest.raises(ParameterError, match="`cost`"):
        clv.break_even_retention(1, -1, discount=0.1)
