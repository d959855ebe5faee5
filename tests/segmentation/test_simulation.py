"""Simulated probabilities: against the bivariate normal, the Dirichlet's moments and enumeration."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as oracle

from crmkit.errors import DataError, ParameterError
from crmkit.segmentation import (
    BCG,
    MCKINSEY_GE,
    SHAPIRO,
    TURNBULL_ZOLKIEWSKI,
    ConfidenceLimits,
    cell_probabilities,
    correlated_cell_probabilities,
    weighted_cell_probabilities,
)
from crmkit.testing import assert_parity

ERRORS = {"net_price": "price_se", "cost_to_serve": "cost_se"}


def customers(rows=12):
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "customer_id": [f"c{i:02d}" for i in range(rows)],
            "net_price": rng.uniform(3, 7, rows),
            "cost_to_serve": rng.uniform(3, 7, rows),
            "price_se": rng.uniform(0.5, 2, rows),
            "cost_se": rng.uniform(0.5, 2, rows),
            "size": rng.integers(1, 6, rows).astype(float),
            "growth": rng.integers(1, 6, rows).astype(float),
            "company_fit": rng.integers(1, 6, rows).astype(float),
        }
    )
    table.loc[1, ["net_price", "growth"]] = np.nan
    table.loc[2, "cost_se"] = np.nan
    return table


def correlated(frame, rho=0.6, **settings):
    return correlated_cell_probabilities(
        frame, SHAPIRO, errors=ERRORS, correlation=rho, cuts=5.0, random_state=7, **settings
    )


def test_correlated_errors_are_those_of_the_bivariate_normal():
    table = customers()
    found = correlated(table, draws=40_000).set_index(["customer_id", "cell"])
    assert found.loc["c01", "probability"].isna().all()
    assert not found.loc["c01", "assigned"].any()
    assert found.loc["c02", "probability"].isna().all()
    assert found.loc["c02", "assigned"].sum() == 1
    for row in table.drop(index=[1, 2]).to_dict("records"):
        s, t = row["price_se"], row["cost_se"]
        joint = oracle.multivariate_normal(
            [row["net_price"], row["cost_to_serve"]], [[s * s, 0.6 * s * t], [0.6 * s * t, t * t]]
        )
        exact = joint.cdf([5, 5])
        mine = found.loc[(row["customer_id"], "bargain basement")]
        assert abs(mine["probability"] - exact) < 4.5 * max(mine["simulation_error"], 1e-4)
        assert mine["simulation_error"] == pytest.approx(
            (mine["probability"] * (1 - mine["probability"]) / 40_000) ** 0.5
        )


def test_without_correlation_the_simulation_meets_the_exact_product():
    table = customers()
    drawn = correlated(table, rho=0.0, draws=40_000)
    exact = cell_probabilities(table, SHAPIRO, errors=ERRORS, cuts=5.0)
    assert drawn[["customer_id", "cell", "assigned"]].equals(exact[["customer_id", "cell", "assigned"]])
    assert (drawn["probability"] - exact["probability"]).abs().max() < 0.015


def test_perfectly_correlated_errors_and_logarithmic_axes():
    base = pd.DataFrame(
        {
            "customer_id": [1],
            "market_growth": [5.0],
            "relative_share": [1.0],
            "se": [1.0],
            "low": [0.5],
            "high": [2.0],
        }
    )
    errors = {"market_growth": "se", "relative_share": ConfidenceLimits("low", "high")}
    found = correlated_cell_probabilities(
        base, BCG, errors=errors, correlation=1.0, cuts={"market_growth": 5.0}, random_state=1
    ).set_index("cell")["probability"]
    assert found["stars"] + found["dogs"] == 1
    assert found["stars"] == pytest.approx(0.5, abs=0.02)


def test_three_axes_of_which_one_is_certain():
    table = customers().assign(relationship_value=1.0).drop(index=[1, 2])
    R = [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]
    found = correlated_cell_probabilities(
        table, TURNBULL_ZOLKIEWSKI, errors=ERRORS, correlation=R, cuts=5.0, random_state=7, draws=500
    )
    valued = found["cell"].str.endswith("high value")
    assert (found.loc[valued, "probability"] == 0).all()
    np.testing.assert_allclose(found.groupby("customer_id")["probability"].sum(), 1)


def test_draws_are_shared_so_that_order_and_company_do_not_matter():
    table = customers()
    whole = correlated(table, draws=300).set_index(["customer_id", "cell"])["probability"]
    part = correlated(table.iloc[[9, 4, 6]], draws=300).set_index(["customer_id", "cell"])["probability"]
    assert part.index.get_level_values(0).tolist() == ["c04"] * 4 + ["c06"] * 4 + ["c09"] * 4
    pd.testing.assert_series_equal(part, whole.loc[["c04", "c06", "c09"]])
    pd.testing.assert_series_equal(
        correlated(table, draws=300).set_index(["customer_id", "cell"])["probability"], whole
    )


WEIGHTS = {"segment_attractiveness": {"size": 0.7, "growth": 0.3}}


def weighted(frame, c=25.0, **settings):
    settings = {"weights": WEIGHTS, "cuts": (2.5, 3.5), "draws": 2_000, **settings}
    return weighted_cell_probabilities(frame, MCKINSEY_GE, concentration=c, random_state=11, **settings)


def test_both_simulations_on_every_engine():
    table = customers()
    for call in (correlated, weighted):
        expected = call(table, draws=200)
        assert_parity(
            lambda frame, call=call: call(frame, draws=200),
            table,
            expected=expected,
            keys=["customer_id", "cell"],
            crossing=20,
        )


def test_weights_follow_the_beta_distribution_of_two_attributes():
    """With two attributes the weight of the first one is Beta(0.7 c, 0.3 c)."""
    table = customers().drop(index=1)
    found = weighted(table, draws=20_000).set_index(["customer_id", "cell"])
    names = {cell.levels: cell.name for cell in MCKINSEY_GE.cells}
    for row in table.to_dict("records"):
        a, b = row["size"], row["growth"]
        fit = "low" if row["company_fit"] < 2.5 else "medium" if row["company_fit"] < 3.5 else "high"
        high = float(a >= 3.5)
        if a != b:
            w = (3.5 - b) / (a - b)
            beta = oracle.beta(0.7 * 25, 0.3 * 25)
            high = beta.sf(w) if a > b else beta.cdf(w)
        mine = found.loc[(row["customer_id"], names[("high", fit)]), "probability"]
        assert mine == pytest.approx(high, abs=0.015)


def test_firmer_weights_leave_the_cell_of_the_given_weights():
    table = customers().drop(index=1)
    score = 0.7 * table["size"] + 0.3 * table["growth"]
    clear = ((score - 2.5).abs() > 0.05) & ((score - 3.5).abs() > 0.05)
    sure = weighted(table[clear], c=1e6)
    assert (sure.loc[sure["assigned"], "probability"] == 1).all()
    assert sure.groupby("customer_id")["assigned"].sum().eq(1).all()


def test_a_customer_rated_alike_everywhere_keeps_his_cell_on_the_line():
    line = pd.DataFrame({"customer_id": [1], "a": [3.3], "b": [3.3], "c": [3.3], "company_fit": [3.3]})
    weights = {"segment_attractiveness": {"a": 0.1, "b": 0.2, "c": 0.7}}
    found = weighted(line, c=5, weights=weights, cuts=(2.0, 3.3))
    assert found.loc[found["probability"] == 1, "cell"].tolist() == ["protect and invest (high, high)"]


def test_an_attribute_without_weight_stays_without():
    table = customers().drop(index=1)
    found = weighted(table, weights={"segment_attractiveness": {"size": 1.0, "growth": 0.0}})
    assert set(found["probability"]) == {0.0, 1.0}


def test_cuts_by_a_rule_are_read_from_the_weighted_scores():
    table = customers().drop(index=1)
    score = 0.7 * table["size"] + 0.3 * table["growth"]
    found = weighted(table, c=1e9, cuts={"segment_attractiveness": "quantile", "company_fit": (2.5, 3.5)})
    thirds = found[found["assigned"]]["cell"].str.extract(r"\((\w+),")[0].to_numpy()
    assert (score.to_numpy()[thirds == "low"].max()) < score.to_numpy()[thirds == "medium"].min()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": {}}, "a mapping of the axes"),
        ({"weights": {"price": {"size": 1.0}}}, "a mapping of the axes"),
        (
            {"weights": {"company_fit": {"size": 0.5, "growth": 0.4}}},
            "of attributes of 'company_fit'.* that sum to 1",
        ),
        ({"weights": {"company_fit": {"size": 1.5, "growth": -0.5}}}, "not negative"),
        ({"weights": {"company_fit": {"size": "1"}}}, "weights of attributes of 'company_fit'"),
        ({"weights": {"company_fit": ["size"]}}, "weights of attributes of 'company_fit'"),
        ({"c": 0.5}, "`concentration` must be a finite number at least 1"),
        ({"draws": 10}, "`draws` must be an integer at least 100"),
    ],
)
def test_unfit_weights_are_refused(settings, message):
    with pytest.raises(ParameterError, match=message):
        weighted(customers(), **settings)


def test_weights_of_a_logarithmic_axis_and_infinite_ratings_are_refused():
    with pytest.raises(ParameterError, match="of linear axes: 'relative_share' is logarithmic"):
        weighted_cell_probabilities(
            customers(), BCG, weights={"relative_share": {"size": 1.0}}, concentration=5, random_state=1
        )
    with pytest.raises(DataError, match="12 of 12 rows with an infinite size"):
        weighted(customers().assign(size=np.inf))


@pytest.mark.parametrize(
    "rho",
    ["high", 1.5, [[1.0, 0.5]], [[1.0, 0.5], [0.4, 1.0]], [[2.0, 0.5], [0.5, 1.0]], float("nan"), None],
)
def test_unfit_correlations_are_refused(rho):
    with pytest.raises(ParameterError, match="`correlation` must be"):
        correlated(customers(), rho=rho)


def test_one_correlation_is_not_enough_for_three_axes():
    with pytest.raises(ParameterError, match="a symmetric matrix of those of 3 axes"):
        correlated_cell_probabilities(
            customers().assign(relationship_value=1.0),
            TURNBULL_ZOLKIEWSKI,
            errors=ERRORS,
            correlation=0.5,
            cuts=5.0,
            random_state=7,
        )
