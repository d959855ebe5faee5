"""The rules of thumb for an average customer: hand arithmetic and errors."""

import json

import pytest

from crmkit import clv
from crmkit.errors import ParameterError


def test_one_visit_of_ten_a_week():
    case = clv.average_customer_value(10, 1, years=2, margin=0.5, retention=0.6, discount=0.2)
    # 520 a year, 260 of margin, multiple 0.6 / 0.6 = 1
    assert case.simple == pytest.approx(1040)
    assert case.custom == pytest.approx(520)
    assert case.traditional == pytest.approx(520)
    assert case.corrected == pytest.approx(260)
    assert case.mean == pytest.approx(2080 / 3)
    assert "2 times as much" in case.explanation
    assert repr(case).startswith("AverageCustomerValue(260.00; published rules: simple 1040.00")
    assert json.loads(json.dumps(case.to_dict()))["multiple"]["retention"] == 0.6


def test_half_the_spend_at_twice_the_visits_is_worth_the_same():
    rest = {"years": 0.5, "margin": 0.5, "retention": 0.6, "discount": 0.2}
    assert clv.average_customer_value(5, 2, **rest).simple == pytest.approx(260)
    assert clv.average_customer_value(0.4, 0.5, **rest).simple == pytest.approx(5.2)
    assert clv.average_customer_value(5, 2, weekly_spend=0.5, **rest).simple == pytest.approx(13)


@pytest.mark.parametrize(
    "bad", [{"margin": 1.2}, {"years": 0}, {"weekly_spend": -1}, {"retention": 2}, {"discount": -1}]
)
def test_bad_arguments(bad):
    good = {"years": 2, "margin": 0.5, "retention": 0.6, "discount": 0.2}
    with pytest.raises(ParameterError, match=f"`{next(iter(bad))}`"):
        clv.average_customer_value(10, 1, **{**good, **bad})


def test_negative_spend_or_visits():
    rest = {"years": 2, "margin": 0.5, "retention": 0.6, "discount": 0.2}
    with pytest.raises(ParameterError, match="`spend_per_visit`"):
        clv.average_customer_value(-1, 1, **rest)
    with pytest.raises(ParameterError, match="`visits_per_week`"):
        clv.average_customer_value(1, -1, **rest)
