"""Axes whose column holds the level itself: cells by hand on every engine, no distances, no errors."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.plot import matrix_chart
from crmkit.segmentation import (
    CPA,
    SHAPIRO,
    TURNBULL_ZOLKIEWSKI,
    Axis,
    Cell,
    Matrix,
    bivariate_matrix,
    cell_counts,
    cell_probabilities,
    classify,
    correlated_cell_probabilities,
    matrix_cuts,
    weighted_cell_probabilities,
)
from crmkit.testing import assert_parity

RATED = TURNBULL_ZOLKIEWSKI.with_axes(Axis("relationship_value", "relationship value", scale="ordinal"))
LEVELS = ("weak", "medium", "strong")
BOTH = bivariate_matrix(
    Axis("tie", "tie", LEVELS, scale="ordinal"), Axis("size", "size", ("small", "large"), scale="ordinal")
)
NAMES = {
    (True, True): "carriage trade",
    (True, False): "passive",
    (False, True): "aggressive",
    (False, False): "bargain basement",
}
NEW = ["cell", "strategy", "nearest_axis", "boundary_distance", "boundary_sigmas"]


def rated_base(customers=60, seed=3):
    rng = np.random.default_rng(seed)
    base = pd.DataFrame(
        {
            "customer_id": np.arange(customers),
            "net_price": rng.normal(100, 10, customers).round(1),
            "cost_to_serve": rng.gamma(5, 3, customers).round(1),
            "relationship_value": rng.choice(["high", "low"], customers),
            "se": rng.choice([0.0, 4.0, 6.0], customers),
        }
    )
    base.loc[[5, 9], "relationship_value"] = None
    base.loc[[7], "net_price"] = np.nan
    return base


def by_hand(base):
    """Place every customer by comparing it with the lines 100 and 15."""
    rows = []
    spread = {"net_price": base["net_price"].std(), "cost_to_serve": base["cost_to_serve"].std()}
    for row in base.to_dict("records"):
        if pd.isna(row["net_price"]) or pd.isna(row["relationship_value"]):
            rows.append({**row, **dict.fromkeys(NEW)})
            continue
        name = NAMES[row["net_price"] >= 100, row["cost_to_serve"] >= 15]
        away = {"net_price": row["net_price"] - 100, "cost_to_serve": row["cost_to_serve"] - 15}
        near = min(away, key=lambda axis: abs(away[axis]) / spread[axis])
        cell = f"{name}, {row['relationship_value']} value"
        strategy = next(one.strategy for one in TURNBULL_ZOLKIEWSKI.cells if one.name == cell)
        found = (cell, strategy, near, away[near], abs(away[near]) / spread[near])
        rows.append({**row, **dict(zip(NEW, found, strict=True))})
    return pd.DataFrame(rows)


def test_rated_relationships_are_placed_on_every_engine():
    base = rated_base()
    cuts = {"net_price": 100, "cost_to_serve": 15}
    assert_parity(
        lambda frame: classify(frame, RATED, cuts=cuts),
        base,
        expected=by_hand(base),
        keys=["customer_id"],
        crossing=3,
    )


def test_probabilities_beside_a_known_level_on_every_engine():
    base = rated_base().dropna()
    rows = []
    for row in base.to_dict("records"):
        sure = row["cost_to_serve"] >= 15
        z = (row["net_price"] - 100) / row["se"] if row["se"] else math.copysign(40, row["net_price"] - 100)
        for cell in RATED.cells:
            price, cost, value = cell.levels
            p = stats.norm.cdf(z if price == "high" else 0 - z) * ((cost == "high") == sure)
            p *= value == row["relationship_value"]
            mine = NAMES[row["net_price"] >= 100, sure] + f", {row['relationship_value']} value"
            rows.append((row["customer_id"], cell.name, float(p), mine == cell.name))
    expected = pd.DataFrame(rows, columns=["customer_id", "cell", "probability", "assigned"])
    assert_parity(
        lambda frame: cell_probabilities(
            frame, RATED, errors={"net_price": "se"}, cuts={"net_price": 100, "cost_to_serve": 15}
        ),
        base,
        expected=expected,
        keys=["customer_id", "cell"],
        crossing=2,
    )


def test_a_category_is_a_text():
    base = rated_base()
    kind = pd.CategoricalDtype(["high", "low"])
    same = classify(base.astype({"relationship_value": kind}), RATED, cuts="median")
    given = classify(base, RATED, cuts="median")
    assert same["cell"].fillna("").tolist() == given["cell"].fillna("").tolist()


def test_levels_alone_make_a_matrix_without_distances():
    base = pd.DataFrame(
        {
            "tie": ["weak", "strong", "medium", None],
            "size": ["large", "small", "large", "small"],
            "n": range(4),
        }
    )
    cells = ["weak tie, large size", "strong tie, small size", "medium tie, large size", None]
    none = dict.fromkeys(["nearest_axis", "boundary_distance", "boundary_sigmas"])
    expected = base.assign(cell=cells, strategy=["", "", "", None], **none)
    expected = expected.astype({"boundary_distance": float, "boundary_sigmas": float})
    assert_parity(lambda frame: classify(frame, BOTH), base, expected=expected, keys=["n"], crossing=3)
    assert matrix_cuts(base, BOTH) == {}
    counted = cell_counts(classify(base, BOTH), BOTH)
    assert counted["customers"].tolist()[-1] == 1
    assert counted["customers"].sum() == 4


def test_simulations_keep_a_known_level():
    base = rated_base().dropna().head(20)
    errors = {"net_price": "se", "cost_to_serve": "se"}
    cuts = {"net_price": 100, "cost_to_serve": 15}
    exact = cell_probabilities(base, RATED, errors=errors, cuts=cuts)
    drawn = correlated_cell_probabilities(
        base, RATED, errors=errors, correlation=np.eye(3).tolist(), cuts=cuts, random_state=5
    )
    assert drawn["assigned"].tolist() == exact["assigned"].tolist()
    np.testing.assert_allclose(drawn["probability"], exact["probability"], atol=0.03)
    merged = base.assign(discount=base["net_price"])
    weighted = weighted_cell_probabilities(
        merged,
        RATED,
        weights={"net_price": {"net_price": 0.5, "discount": 0.5}},
        concentration=10,
        cuts=cuts,
        random_state=5,
    )
    sure = weighted[weighted["assigned"]]
    assert (sure["probability"] == 1).all()
    assert sure["cell"].tolist() == exact.loc[exact["assigned"], "cell"].tolist()


def test_unknown_levels_are_counted_and_refused():
    base = rated_base()
    base.loc[[1, 2, 3], "relationship_value"] = ["High", "medium", ""]
    match = "'low', 'high' in 'relationship_value'. Found '', 'High', 'medium' in 3 of 60 rows: map them"
    with pytest.raises(DataError, match=match):
        classify(base, RATED, cuts="median")
    with pytest.raises(DataError, match=match):
        cell_probabilities(base, RATED, errors={"net_price": "se"}, cuts="median")
    with pytest.raises(DataError, match=match):
        weighted_cell_probabilities(
            base,
            RATED,
            weights={"net_price": {"net_price": 1.0}},
            concentration=9,
            cuts="median",
            random_state=1,
        )
    with pytest.raises(DataError, match=match):
        correlated_cell_probabilities(
            base,
            RATED,
            errors={"net_price": "se"},
            correlation=np.eye(3).tolist(),
            cuts="median",
            random_state=1,
        )


def test_what_an_ordinal_axis_cannot_have():
    base = rated_base()
    with pytest.raises(
        ColumnError, match="must have texts in 'relationship_value', the levels 'low', 'high'"
    ):
        classify(base.assign(relationship_value=3), RATED, cuts="median")
    with pytest.raises(ParameterError, match="the levels of an ordinal one have no standard error"):
        cell_probabilities(base, RATED, errors={"relationship_value": "se"}, cuts="median")
    with pytest.raises(
        ParameterError, match="`cuts` must be a mapping of the axes .* none of which is ordinal"
    ):
        classify(base, RATED, cuts={"relationship_value": 3})
    with pytest.raises(
        ParameterError, match="`weights` must be of linear axes: 'relationship_value' is ordinal"
    ):
        weighted_cell_probabilities(
            base,
            RATED,
            weights={"relationship_value": {"se": 1.0}},
            concentration=9,
            cuts="median",
            random_state=1,
        )
    with pytest.raises(ParameterError, match="`cuts` must be left out: 'x' is ordinal"):
        Axis("x", "x", cuts=(1.0,), scale="ordinal")
    nobody = base.assign(relationship_value=np.nan)
    assert classify(nobody, RATED, cuts="median")["cell"].isna().all()


def test_sql_compares_levels_as_texts():
    duckdb = pytest.importorskip("duckdb")
    axis = Axis("tie", "tie", ("it's weak", "strong"), scale="ordinal")
    cells = tuple(
        Cell((tie, price), f"{tie} {price}", "") for tie in axis.levels for price in ("low", "high")
    )
    matrix = Matrix("m", (axis, SHAPIRO.axes[0]), cells, "a test")
    base = pd.DataFrame(
        {"tie": ["it's weak", "strong", None, "it's weak"], "net_price": [1.0, 9.0, 9.0, 7.0]}
    )
    text = matrix.to_sql(cuts={"net_price": (5,)}, dialect="duckdb")
    connection = duckdb.connect()
    connection.register("base", base)
    found = connection.sql(f"SELECT {text} AS cell FROM base").df()["cell"]
    assert found.tolist()[:2] == ["it's weak low", "strong high"]
    assert found.isna().tolist() == [False, False, True, False]
    assert found.dropna().tolist() == classify(base, matrix, cuts=5)["cell"].dropna().tolist()


def test_the_picture_has_a_panel_for_each_level_and_measured_sides():
    base = rated_base()
    cuts = matrix_cuts(base, RATED, cuts="median")
    drawn = matrix_chart(classify(base, RATED, cuts=cuts), RATED, cuts=cuts)
    assert [axes.get_title() for axes in drawn.axes] == [
        "relationship value: low",
        "relationship value: high",
    ]
    flat = CPA.with_axes(Axis("future_potential", "potential", ("no", "yes"), scale="ordinal"))
    placed = classify(pd.DataFrame({"current_profit": [1.0], "future_potential": ["yes"]}), flat)
    assert placed["cell"].tolist() == ["invest"]
    with pytest.raises(ParameterError, match=r"Got the ordinal \['future_potential'\]"):
        matrix_chart(placed, flat, cuts={"current_profit": (0.0,)})
