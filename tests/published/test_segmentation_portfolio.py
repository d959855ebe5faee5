"""Golden numbers of the customer portfolio: share of wallet (reference §5), weights, agreement of raters."""

import pandas as pd
import pytest

from crmkit.segmentation import pairwise_weights, share_of_wallet
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
