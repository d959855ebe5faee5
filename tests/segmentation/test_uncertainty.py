"""Probabilities of cells: exact against scipy on every engine, on the line, and what is refused."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats as oracle

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import (
    SHAPIRO,
    Axis,
    Cell,
    ConfidenceLimits,
    Matrix,
    cell_probabilities,
    classify,
)
from crmkit.testing import assert_parity

LEVELS = (("low", "medium", "high"), ("few", "many"))
SIX = Matrix(
    name="six cells",
    axes=(Axis("x", "x", LEVELS[0]), Axis("ratio", "ratio", LEVELS[1], cuts=(1.0,), scale="log")),
    cells=tuple(
        Cell(both, f"{both[0]}-{both[1]}", f"treat as {both}")
        for both in reversed(list(itertools.product(*LEVELS)))
    ),
    source="a test",
)
CUTS = {"x": (4.0, 9.0)}
ERRORS = {"x": "x_se", "ratio": ConfidenceLimits("lower", "upper", confidence=0.9)}


def scored(rows=40, seed=5):
    rng = np.random.default_rng(seed)
    ratio = np.exp(rng.normal(0, 1, rows))
    half = np.exp(rng.uniform(0.05, 2, rows))
    table = pd.DataFrame(
        {
            "customer_id": [f"c{i:02d}" for i in range(rows)],
            "x": np.round(rng.uniform(0, 13, rows), 3),
            "x_se": np.round(rng.uniform(0.01, 6, rows), 3),
            "ratio": ratio,
            "lower": ratio / half,
            "upper": ratio * half**0.5,
        }
    )
    table.loc[0, ["x", "x_se"]] = [4.0, 0.0]
    table.loc[1, ["x", "x_se"]] = [8.999, 0.0]
    table.loc[2, ["ratio", "lower", "upper"]] = 1.0
    table.loc[3, "x_se"] = 1e-9
    table.loc[4, ["x", "x_se"]] = [9.0, 5.0]
    table.loc[5, "x"] = np.nan
    table.loc[6, "x_se"] = np.nan
    table.loc[7, ["ratio", "upper"]] = np.nan
    table.loc[8, ["x", "x_se"]] = [-20.0, 2.0]
    table.loc[9, ["x", "x_se"]] = [60.0, 1.25]
    return table


def axis_probabilities(x, se, cuts):
    """Probability of each level by scipy, from whichever tail keeps the digits."""
    if se == 0:
        level = sum(x >= cut for cut in cuts)
        return [float(level == j) for j in range(len(cuts) + 1)]
    z = [-math.inf, *((cut - x) / se for cut in cuts), math.inf]
    up = [oracle.norm.sf(low) - oracle.norm.sf(high) for low, high in itertools.pairwise(z)]
    down = [oracle.norm.cdf(high) - oracle.norm.cdf(low) for low, high in itertools.pairwise(z)]
    return [u if b > 0 else d for u, d, b in zip(up, down, z[:-1], strict=True)]


def by_hand(table):
    rows = []
    for row in table.to_dict("records"):
        width = (math.log(row["upper"]) - math.log(row["lower"])) / (2 * oracle.norm.ppf(0.95))
        first = axis_probabilities(row["x"], row["x_se"], CUTS["x"])
        second = axis_probabilities(math.log(row["ratio"]), width, [0.0])
        known = row["x"] == row["x"] and row["ratio"] == row["ratio"]
        mine = (sum(row["x"] >= cut for cut in CUTS["x"]), int(row["ratio"] >= 1))
        for cell in SIX.cells:
            i, j = LEVELS[0].index(cell.levels[0]), LEVELS[1].index(cell.levels[1])
            sure = known and row["x_se"] == row["x_se"] and row["upper"] == row["upper"]
            rows.append(
                (
                    row["customer_id"],
                    cell.name,
                    first[i] * second[j] if sure else None,
                    known and mine == (i, j),
                )
            )
    return pd.DataFrame(rows, columns=["customer_id", "cell", "probability", "assigned"])


def test_probabilities_on_every_engine_are_those_of_scipy():
    table = scored()
    expected = by_hand(table)
    local = cell_probabilities(table, SIX, errors=ERRORS, cuts=CUTS)
    assert local[["customer_id", "cell", "assigned"]].equals(expected[["customer_id", "cell", "assigned"]])
    np.testing.assert_allclose(
        local["probability"], expected["probability"].astype(float), rtol=1e-9, atol=1e-15
    )
    assert_parity(
        lambda frame: cell_probabilities(frame, SIX, errors=ERRORS, cuts=CUTS),
        table,
        expected=local,
        keys=["customer_id", "cell"],
        crossing=1,
    )


def test_classify_gives_the_probability_of_the_cell_on_every_engine():
    table = scored()
    plain = classify(table, SIX, cuts=CUTS)
    long = by_hand(table)
    mine = long[long["assigned"]].set_index("customer_id")["probability"]
    expected = plain.assign(cell_probability=table["customer_id"].map(mine).astype(float))
    assert expected["cell_probability"].isna().sum() == 3
    assert_parity(
        lambda frame: classify(frame, SIX, cuts=CUTS, errors=ERRORS),
        table,
        expected=expected,
        keys=["customer_id"],
        crossing=2,
    )


def test_normal_tail_is_that_of_scipy():
    z = np.linspace(0, 9, 901)
    base = pd.DataFrame({"customer_id": range(901), "net_price": -z, "cost_to_serve": -1.0, "se": 1.0})
    found = cell_probabilities(base, SHAPIRO, errors={"net_price": "se"}, cuts=0.0)
    tail = found[found["cell"] == "passive"].set_index("customer_id")["probability"]
    np.testing.assert_allclose(tail, oracle.norm.sf(z), rtol=1e-12, atol=1e-16)


def test_a_customer_on_the_line_is_seen_on_the_line():
    base = pd.DataFrame(
        {"customer_id": ["line", "corner"], "net_price": [9.0, 5.0], "cost_to_serve": 5.0, "se": 1.0}
    )
    errors = {"net_price": "se", "cost_to_serve": "se"}
    placed = classify(base, SHAPIRO, cuts=5.0, errors=errors)
    assert placed["cell_probability"].tolist() == pytest.approx([0.5, 0.25], abs=1e-4)
    assert placed["boundary_distance"].tolist() == [0.0, 0.0]
    long = cell_probabilities(base, SHAPIRO, errors=errors, cuts=5.0)
    corner = long[long["customer_id"] == "corner"]["probability"]
    assert corner.tolist() == pytest.approx([0.25] * 4, abs=1e-12)


def test_confidence_limits_are_those_of_the_standard_error():
    z = oracle.norm.ppf(0.975)
    base = pd.DataFrame({"customer_id": [1], "net_price": [6.0], "cost_to_serve": [9.0], "se": [0.7]})
    base = base.assign(lower=6 - 0.7 * z, upper=6 + 0.7 * z)
    by_error, by_limits = (
        cell_probabilities(base, SHAPIRO, errors={"net_price": given}, cuts=5.0)["probability"]
        for given in ("se", ConfidenceLimits("lower", "upper"))
    )
    assert by_error.tolist() == pytest.approx(by_limits.tolist(), rel=1e-12)


def test_several_columns_name_a_customer():
    base = pd.DataFrame({"a": [2, 1], "b": ["x", "x"], "net_price": 6.0, "cost_to_serve": 9.0, "se": 1.0})
    found = cell_probabilities(base, SHAPIRO, errors={"net_price": "se"}, cuts=5.0, key=["a", "b"])
    assert list(found.columns) == ["a", "b", "cell", "probability", "assigned"]
    assert found["a"].tolist() == [1] * 4 + [2] * 4
    assert cell_probabilities(base.head(0), SHAPIRO, errors={"net_price": "se"}, cuts=5.0, key="a").empty


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({}, "a mapping of axes"),
        ({"price": "se"}, r"a mapping of axes \(net_price, cost_to_serve\)"),
        ("se", "a mapping of axes"),
        ({"net_price": 1.0}, "columns of standard errors or ConfidenceLimits"),
    ],
)
def test_unknown_axes_and_unfit_errors(errors, message):
    base = pd.DataFrame({"customer_id": [1], "net_price": [6.0], "cost_to_serve": [9.0], "se": [0.7]})
    for call in (classify, cell_probabilities):
        with pytest.raises(ParameterError, match=message):
            call(base, SHAPIRO, errors=errors, cuts=5.0)


def test_unfit_rows_are_refused():
    table = scored()

    def found(**columns):
        return cell_probabilities(table.assign(**columns), SIX, errors=ERRORS, cuts=CUTS)

    with pytest.raises(DataError, match="40 of 40 rows with a negative x_se"):
        found(x_se=-1.0)
    with pytest.raises(DataError, match="40 of 40 rows with an infinite x_se"):
        found(x_se=np.inf)
    with pytest.raises(DataError, match="rows with a lower above the upper"):
        found(lower=1e6)
    with pytest.raises(DataError, match="with a lower that is not positive, on a logarithmic axis"):
        found(lower=0.0)
    with pytest.raises(DataError, match="with a ratio that is not positive, on a logarithmic axis"):
        found(ratio=-1.0)
    with pytest.raises(DataError, match="40 of 40 rows with a customer_id that another row has too"):
        found(customer_id=1)
    with pytest.raises(DataError, match="40 of 40 rows without customer_id"):
        found(customer_id=np.nan)
    with pytest.raises(ColumnError, match="'cell', which the result adds"):
        cell_probabilities(table, SIX, errors=ERRORS, cuts=CUTS, key="cell")
    with pytest.raises(ParameterError, match="`key` must be at least one column name"):
        cell_probabilities(table, SIX, errors=ERRORS, cuts=CUTS, key=[])
