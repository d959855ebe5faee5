"""BG/BB on the donors of Fader, Hardie and Shang (2010): estimates, tables and what BTYD prints for them."""

import numpy as np
import pandas as pd
import pytest

from crmkit import clv
from crmkit.clv.btyd import _beta_binomial as beta_binomial

# Frequency, recency, donors; six years to 2001.
LINES = """
6 6 1203 | 5 6 728 | 4 6 512 | 3 6 357 | 2 6 234 | 1 6 129 | 5 5 335 | 4 5 284 | 3 5 225 | 2 5 173 | 1 5 119
4 4 240 | 3 4 181 | 2 4 155 | 1 4 78 | 3 3 322 | 2 3 255 | 1 3 129 | 2 2 613 | 1 2 277 | 1 1 1091 | 0 0 3464
"""
# As they print them: repeat transactions 2002-2006 and chance to be alive in 2002, by frequency, from the
# earliest year of the last transaction that is possible to 2001.
TO_COME = {
    0: [0.07],
    1: [0.09, 0.31, 0.59, 0.84, 1.02, 1.15],
    2: [0.12, 0.54, 1.06, 1.44, 1.67],
    3: [0.22, 1.03, 1.80, 2.19],
    4: [0.58, 2.03, 2.71],
    5: [1.81, 3.23],
    6: [3.75],
}
ALIVE = {
    0: [0.11],
    1: [0.07, 0.25, 0.48, 0.68, 0.83, 0.93],
    2: [0.07, 0.30, 0.59, 0.80, 0.93],
    3: [0.10, 0.44, 0.77, 0.93],
    4: [0.20, 0.70, 0.93],
    5: [0.52, 0.93],
    6: [0.93],
}


@pytest.fixture(scope="module")
def donors():
    rows = [
        [int(part) for part in one.split()] for line in LINES.strip().splitlines() for one in line.split("|")
    ]
    return pd.DataFrame(rows, columns=["frequency", "recency", "weight"]).assign(n_periods=6)


@pytest.fixture(scope="module")
def giving(donors):
    return clv.BetaGeoBetaBinomial(unit="year").fit(donors)


def by_frequency(donors, values):
    table = donors.assign(value=np.round(values, 2)).sort_values(["frequency", "recency"])
    return table.groupby("frequency")["value"].agg(list).to_dict()


def test_estimates(giving):
    rounded = {name: round(value, 3) for name, value in giving.params_.items()}
    assert rounded == {"alpha": 1.204, "beta": 0.75, "gamma": 0.657, "delta": 2.783}
    assert round(giving.log_likelihood_, 1) == -33225.6
    assert (giving.n_customers_, giving.n_cells_) == (11_104, 22)


def test_donations_of_a_new_donor(giving):
    printed = [0.4985, 0.9233, 1.2969, 1.6323, 1.9381, 2.2202, 2.4826, 2.7285, 2.9603, 3.1798, 3.3887]
    found = [round(float(giving.purchases_of_new_customer(horizon=n)), 4) for n in range(1, 12)]
    assert found == printed
    assert float(giving.purchases_of_new_customer(horizon=10)) == pytest.approx(3.179895, rel=1e-4)


def test_donations_of_a_new_donor_in_btyd():
    """At the rounded estimates that its manual takes."""
    params = (1.20, 0.75, 0.66, 2.78)
    printed = [0.4973166, 0.9207078, 1.2927317, 1.6266289, 1.9309062]
    printed += [2.2113893, 2.4722624, 2.7166434, 2.9469256, 3.1649902]
    found = [round(float(beta_binomial.expected_new(params, float(n))), 7) for n in range(1, 11)]
    assert found == printed


def test_donations_of_the_base(giving, donors):
    """Hardie's spreadsheet: 12 884.2 in the five years to come; donors by their donations from 1996 on."""
    weight = donors["weight"]
    later = giving.expected_purchases(donors, horizon=5)["expected_purchases"]
    assert round(float(later @ weight), 1) == 12884.2
    new = pd.DataFrame({"frequency": [0], "recency": [0], "n_periods": [0]})
    chances = giving.purchase_distribution(new, horizon=6, highest=6)["probability"]
    counts = (chances * weight.sum()).round(1).tolist()
    assert counts == [3454.9, 1888.7, 1348.9, 1113.4, 1017.9, 1027.2, 1253.1]
    totals = [weight.sum() * float(giving.purchases_of_new_customer(horizon=n)) for n in range(12)]
    printed = [5535.8, 4717.1, 4147.6, 3724.7, 3395.9, 3131.7, 2913.8, 2730.5, 2573.8, 2437.9, 2318.7]
    assert np.diff(totals) == pytest.approx(printed, abs=0.15)


@pytest.mark.parametrize(
    ("by", "printed"),
    [
        ("frequency", [0.07287, 0.32488, 0.70894, 1.33366, 2.03120, 2.78448, 3.75251]),
        ("recency", [0.07287, 0.08570, 0.17984, 0.40411, 0.85108, 1.72632, 3.02719]),
    ],
)
def test_mean_donations_to_come(giving, donors, by, printed):
    later = giving.expected_purchases(donors, horizon=5)["expected_purchases"] * donors["weight"]
    found = later.groupby(donors[by]).sum() / donors.groupby(by)["weight"].sum()
    assert found.tolist() == pytest.approx(printed, abs=5e-5)


def test_donations_to_come(giving, donors):
    found = giving.expected_purchases(donors, horizon=5)["expected_purchases"]
    assert by_frequency(donors, found) == TO_COME
    assert by_frequency(donors, giving.probability_alive(donors)["probability_alive"]) == ALIVE


def test_two_donors_of_btyd(giving):
    rows = pd.DataFrame({"frequency": [0, 4], "recency": [0, 5], "n_periods": 6})
    found = giving.expected_purchases(rows, horizon=10)["expected_purchases"]
    assert found.tolist() == pytest.approx([0.1302169, 3.627858], rel=1e-4)
