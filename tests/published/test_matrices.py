"""The published cells of the customer matrices (reference §7), and their directions."""

import math

import pandas as pd
import pytest

from crmkit.segmentation import (
    BCG,
    CPA,
    FIOCCA_ACCOUNTS,
    FIOCCA_KEY_ACCOUNTS,
    MATRICES,
    MCKINSEY_GE,
    SATISFACTION_LOYALTY,
    SHAPIRO,
    TURNBULL_ZOLKIEWSKI,
    VOLUME_LOYALTY,
    classify,
    relative_share,
)


def place(matrix, cuts, *scores):
    (row,) = classify(pd.DataFrame([scores], columns=matrix.columns), matrix, cuts=cuts).to_dict("records")
    return row


def test_all_of_them_are_declared():
    sizes = {name: (len(matrix.axes), len(matrix.cells)) for name, matrix in MATRICES.items()}
    assert sizes == {
        "shapiro": (2, 4),
        "fiocca_accounts": (2, 4),
        "fiocca_key_accounts": (2, 9),
        "turnbull_zolkiewski": (3, 8),
        "mckinsey_ge": (2, 9),
        "bcg": (2, 4),
        "volume_loyalty": (2, 4),
        "cpa": (2, 4),
        "satisfaction_loyalty": (2, 4),
    }


@pytest.mark.parametrize(
    ("price", "cost", "cell"),
    [
        (100, 90, "carriage trade"),
        (100, 10, "passive"),
        (10, 90, "aggressive"),
        (10, 10, "bargain basement"),
    ],
)
def test_shapiro(price, cost, cell):
    assert place(SHAPIRO, 50, price, cost)["cell"] == cell


@pytest.mark.parametrize(
    ("profit", "potential", "cell"),
    [(500, 900, "invest"), (500, 1, "nurture"), (-500, 900, "re-engineer"), (-500, 1, "sack")],
)
def test_customer_portfolio_groups(profit, potential, cell):
    assert place(CPA, {"future_potential": 100}, profit, potential)["cell"] == cell


@pytest.mark.parametrize(
    ("importance", "difficulty", "cell"),
    [(5, 5, "key, difficult"), (5, 1, "key, easy"), (1, 5, "non-key, difficult"), (1, 1, "non-key, easy")],
)
def test_fiocca_step_1(importance, difficulty, cell):
    assert place(FIOCCA_ACCOUNTS, 3, importance, difficulty)["cell"] == cell


@pytest.mark.parametrize(
    ("attractiveness", "strength", "strategy"),
    [
        (5, 5, "hold"),
        (5, 3, "improve"),
        (5, 1, "improve"),
        (3, 5, "hold"),
        (3, 3, "improve"),
        (3, 1, "withdraw"),
        (1, 5, "hold"),
        (1, 3, "withdraw"),
        (1, 1, "withdraw"),
    ],
)
def test_fiocca_step_2(attractiveness, strength, strategy):
    row = place(FIOCCA_KEY_ACCOUNTS, (2, 4), attractiveness, strength)
    assert row["cell"].startswith(f"{strategy} (")
    assert row["strategy"].startswith(f"{strategy}: ")


@pytest.mark.parametrize(
    ("price", "cost", "value", "strategy"),
    [
        (9, 1, 9, "protect"),
        (9, 9, 9, "partner, and price the service"),
        (1, 9, 9, "invest, and renegotiate"),
        (1, 1, 9, "develop"),
        (9, 1, 1, "harvest"),
        (9, 9, 1, "charge for the service, or standardise it"),
        (1, 9, 1, "re-price, or release"),
        (1, 1, 1, "let the customer serve himself"),
    ],
)
def test_turnbull_and_zolkiewski(price, cost, value, strategy):
    row = place(TURNBULL_ZOLKIEWSKI, 5, price, cost, value)
    flat = place(SHAPIRO, 5, price, cost)["cell"]
    assert row["cell"] == f"{flat}, {'high' if value > 5 else 'low'} value"
    assert row["strategy"] == strategy


@pytest.mark.parametrize(
    ("attractiveness", "fit", "strategy"),
    [
        (5, 5, "protect and invest"),
        (5, 3, "invest to build"),
        (5, 1, "build selectively"),
        (3, 5, "build selectively"),
        (3, 3, "manage for earnings"),
        (3, 1, "expand with care or harvest"),
        (1, 5, "protect and refocus"),
        (1, 3, "manage for earnings"),
        (1, 1, "divest"),
    ],
)
def test_mckinsey_ge(attractiveness, fit, strategy):
    row = place(MCKINSEY_GE, (2, 4), attractiveness, fit)
    assert row["cell"].startswith(f"{strategy} (")
    assert row["strategy"].startswith(f"{strategy}: ")


@pytest.mark.parametrize(
    ("growth", "own", "largest", "cell"),
    [
        (15, 30, 20, "stars"),
        (2, 30, 20, "cash cows"),
        (15, 10, 20, "question marks"),
        (2, 10, 20, "dogs"),
        (15, 20, 20, "stars"),
    ],
)
def test_bcg_relative_share_is_that_to_the_largest_competitor_cut_at_one(growth, own, largest, cell):
    product = pd.DataFrame(
        {"market_growth": [growth], "market_share": [own], "largest_competitor_share": [largest]}
    )
    (row,) = classify(relative_share(product), BCG, cuts={"market_growth": 10}).to_dict("records")
    assert row["cell"] == cell
    assert row["relative_share"] == own / largest
    if row["nearest_axis"] == "relative_share":
        assert row["boundary_distance"] == pytest.approx(math.log(own / largest), abs=1e-15)


@pytest.mark.parametrize(
    ("value", "loyalty", "cell"),
    [(9, 9, "patrons"), (9, 1, "pitfall"), (1, 9, "premium"), (1, 1, "neglected")],
)
def test_volume_loyalty(value, loyalty, cell):
    assert place(VOLUME_LOYALTY, 5, value, loyalty)["cell"] == cell


@pytest.mark.parametrize(
    ("satisfaction", "loyalty", "cell"),
    [
        (9, 9, "satisfied and loyal"),
        (9, 1, "satisfied but disloyal"),
        (1, 9, "unsatisfied but loyal"),
        (1, 1, "unsatisfied and disloyal"),
    ],
)
def test_satisfaction_and_loyalty(satisfaction, loyalty, cell):
    assert place(SATISFACTION_LOYALTY, 5, satisfaction, loyalty)["cell"] == cell
