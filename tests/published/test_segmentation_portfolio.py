"""Golden numbers of the customer portfolio: share of wallet (reference §5), weights, agreement of raters."""

import pandas as pd
import pytest

from crmkit.errors import CRMKitWarning
from crmkit.segmentation import pairwise_weights, plan_treatments, share_of_wallet
from crmkit.stats import kendall_w


def test_jones_and_smith():
    shoppers = pd.DataFrame({"bought_here": [1, 2], "bought_in_all": [5, 2]})
    assert share_of_wallet(shoppers)["headroom"].tolist() == [4, 0]


def test_fifteen_per_cent_leave_eighty_five():
    account = pd.DataFrame({"bought_here": [15], "bought_in_all": [100]})
    assert share_of_wallet(account)["headroom_share"].tolist() == [0.85]


def test_what_americans_drink():
    upper = {
        "coffee": (9, 5, 2, 1, 1, 1 / 2),
        "wine": (1 / 3, 1 / 9, 1 / 9, 1 / 9, 1 / 9),
        "tea": (1 / 3, 1 / 4, 1 / 3, 1 / 9),
        "beer": (1 / 2, 1, 1 / 3),
        "sodas": (2, 1 / 2),
        "milk": (1 / 3,),
    }
    names = [*upper, "water"]
    pairs = {
        (one, other): value
        for i, (one, row) in enumerate(upper.items())
        for other, value in zip(names[i + 1 :], row, strict=True)
    }
    found = pairwise_weights(pairs)
    assert list(found.weights.values()) == pytest.approx(
        [0.177, 0.019, 0.042, 0.116, 0.190, 0.129, 0.327], abs=5e-4
    )
    assert found.consistency_ratio == pytest.approx(0.022, abs=5e-4)


def test_anxiety_of_twenty_people():
    marks = [
        [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
        [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
        [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2],
    ]
    found = kendall_w(marks)
    assert (found.w, found.chi_square) == (pytest.approx(0.54, abs=5e-3), pytest.approx(30.8, abs=0.05))
    assert found.p_value == pytest.approx(0.0429, abs=5e-5)


HOUSE = {  # Saaty (1990), European Journal of Operational Research 48, table 2: what to look for in a house
    "size": (5, 3, 7, 6, 6, 1 / 3, 1 / 4),
    "transportation": (1 / 3, 5, 3, 3, 1 / 5, 1 / 7),
    "neighbourhood": (6, 3, 4, 6, 1 / 5),
    "age": (1 / 3, 1 / 4, 1 / 7, 1 / 8),
    "yard": (1 / 2, 1 / 5, 1 / 6),
    "modern facilities": (1 / 5, 1 / 6),
    "general condition": (1 / 2,),
}
BRIGHTNESS = {  # Saaty (1980): four chairs at 9, 15, 21 and 28 yards from the light
    "first": (5, 6, 7),
    "second": (4, 6),
    "third": (4,),
}


def compared(upper, last):
    """Turn the upper triangle of a matrix of comparisons into pairs."""
    names = [*upper, last]
    return {
        (one, other): value
        for i, (one, row) in enumerate(upper.items())
        for other, value in zip(names[i + 1 :], row, strict=True)
    }


def test_buying_a_house_contradicts_itself_and_says_so():
    with pytest.warns(CRMKitWarning, match="consistency ratio 0.169"):
        found = pairwise_weights(compared(HOUSE, "financing"))
    assert list(found.weights.values()) == pytest.approx(
        [0.173, 0.054, 0.188, 0.018, 0.031, 0.036, 0.167, 0.333], abs=6e-4
    )
    assert found.eigenvalue == pytest.approx(9.669, abs=5e-4)
    assert found.consistency_index == pytest.approx(0.238, abs=6e-4)
    assert found.worst_pair[:2] == ("neighbourhood", "general condition")


def test_brightness_of_chairs_follows_the_inverse_square():
    with pytest.warns(CRMKitWarning, match="consistency ratio 0.14"):
        found = pairwise_weights(compared(BRIGHTNESS, "fourth"))
    assert found.eigenvalue == pytest.approx(4.39, abs=5e-3)
    law = [yards**-2 for yards in (9, 15, 21, 28)]
    shares = [one / sum(law) for one in law]
    assert list(found.weights.values()) == pytest.approx(shares, abs=0.03)


def test_three_executives_and_six_applicants():
    # Siegel (1956), Nonparametric Statistics, table 9.4: rank sums 8, 14, 11, 11, 11, 8
    found = kendall_w([[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]])
    assert found.w == pytest.approx(0.16, abs=5e-3)


def test_wyndor_glass_as_a_service_budget():
    # Hillier and Lieberman, Introduction to Operations Research: max 3 x + 5 y, x <= 4, 2 y <= 12,
    # 3 x + 2 y <= 18 gives 36 at (2, 6), with shadow prices 0, 3/2 (3 for each y) and 1
    effects = pd.DataFrame(
        {"cell": ["a", "b"], "treatment": ["door", "window"], "effect": [3.0, 5.0], "unit_cost": [3.0, 2.0]}
    )
    plan = plan_treatments(
        effects, budget=18, customers={"a": 100, "b": 100}, capacity={"door": 4, "window": 6}
    )
    assert plan.effect == pytest.approx(36)
    assert plan.assignment["customers"].tolist() == pytest.approx([2, 6])
    assert plan.shadow_price == pytest.approx(1)
    assert plan.capacity_prices == pytest.approx({"door": 0, "window": 3})
