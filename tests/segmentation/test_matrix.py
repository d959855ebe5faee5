"""Matrices as data: what is refused, what can be replaced, and the same cells by SQL."""

import dataclasses
import itertools
import json

import pandas as pd
import pytest

from crmkit.errors import DataError, ParameterError
from crmkit.segmentation import (
    CPA,
    MATRICES,
    SHAPIRO,
    Axis,
    Cell,
    ConfidenceLimits,
    Matrix,
    bivariate_matrix,
    classify,
)


def test_unfit_matrices_are_refused():
    axes = SHAPIRO.axes
    with pytest.raises(ParameterError, match="`axes` must be at least two axes with distinct columns"):
        Matrix("m", (axes[0], axes[0]), SHAPIRO.cells, "s")
    with pytest.raises(ParameterError, match="`cells` must be one cell for each of"):
        Matrix("m", axes, SHAPIRO.cells[:3], "s")
    with pytest.raises(ParameterError, match="cells with distinct names"):
        Matrix("m", axes, tuple(Cell(cell.levels, "same", "") for cell in SHAPIRO.cells), "s")
    with pytest.raises(ParameterError, match="`levels` must be at least two distinct names"):
        Axis("x", "x", ("low", "low"))
    for cuts in [(1.0, 2.0), (float("nan"),), ()]:
        with pytest.raises(ParameterError, match="`cuts` must be (1 finite numbers|a finite number)"):
            Axis("x", "x", cuts=cuts)
    with pytest.raises(ParameterError, match="`levels` must be one of"):
        SHAPIRO.cell("high", "medium")


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=list(MATRICES))
def test_declared_matrices_say_what_to_do_and_where_they_come_from(matrix):
    assert matrix.source
    assert all(cell.name and cell.strategy for cell in matrix.cells)


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=list(MATRICES))
def test_conventions_are_marked_on_the_cells_that_are_ones(matrix):
    ours = {cell.convention for cell in matrix.cells}
    assert matrix.convention == (ours != {"none"})
    rows = matrix.table()
    assert [row["cell"] for row in rows] == [cell.name for cell in matrix.cells]
    assert all(row["convention"] in ("none", "strategy", "cell") for row in rows)
    assert {tuple(row[axis.label] for axis in matrix.axes) for row in rows} == {
        cell.levels for cell in matrix.cells
    }


def test_published_cells_are_not_marked_as_ours():
    assert {name for name, matrix in MATRICES.items() if not matrix.convention} == {"bcg", "cpa"}


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=list(MATRICES))
def test_places_follow_the_levels_of_the_axes(matrix):
    places = matrix.places()
    assert len(set(places)) == len(matrix.cells)
    first = [axis.levels.index(level) for axis, level in zip(matrix.axes, places[0].levels, strict=True)]
    assert first == [0] * len(matrix.axes)
    order = [
        [axis.levels.index(level) for axis, level in zip(matrix.axes, cell.levels, strict=True)]
        for cell in places
    ]
    assert order == sorted(order)


def test_conventions_can_be_replaced():
    mine = CPA.with_cells(Cell(("no", "no"), "release", "hand over to a partner"))
    assert mine.cell("no", "no").name == "release"
    assert mine.cell("yes", "yes") == CPA.cell("yes", "yes")
    assert CPA.cell("no", "no").name == "sack"
    moved = mine.with_columns({"current_profit": "profit"})
    base = pd.DataFrame({"profit": [-1.0], "future_potential": [0.0]})
    assert classify(base, moved, cuts={"future_potential": 1.0})["cell"].tolist() == ["release"]
    with pytest.raises(ParameterError, match="`cells` must be Cell objects at the levels"):
        CPA.with_cells(Cell(("no", "maybe"), "x", "y"))
    with pytest.raises(ParameterError, match="cells with distinct names"):
        CPA.with_cells(Cell(("no", "no"), "invest", "y"))
    for wrong in ({"profit": "p"}, "profit"):
        with pytest.raises(ParameterError, match="`columns` must be a mapping of the axes"):
            CPA.with_columns(wrong)


def test_unfit_axes_and_cells_are_refused():
    with pytest.raises(ParameterError, match="`scale` must be one of 'linear', 'log'"):
        Axis("x", "x", scale="root")
    with pytest.raises(ParameterError, match="positive on the logarithmic axis 'x'"):
        Axis("x", "x", cuts=(0.0,), scale="log")
    with pytest.raises(ParameterError, match="`column` must be a column name"):
        Axis("", "x")
    with pytest.raises(ParameterError, match="`descending` must be True or False"):
        Axis("x", "x", descending=1)
    with pytest.raises(ParameterError, match="`convention` must be one of"):
        Cell(("low", "low"), "x", "y", "ours")
    with pytest.raises(ParameterError, match="`axes` must be a tuple of Axis"):
        Matrix("m", SHAPIRO.axes[0], SHAPIRO.cells, "s")
    for confidence in (0, 1, 95):
        with pytest.raises(ParameterError, match="`confidence` must be"):
            ConfidenceLimits("lower", "upper", confidence)


def test_bivariate_segmentation_of_any_two_columns():
    usage = Axis("usage", "usage", ("light", "medium", "heavy"))
    matrix = bivariate_matrix(
        usage,
        "satisfaction_score",
        names={("heavy", "high"): "fans"},
        strategies={("heavy", "low"): "repair"},
    )
    assert len(matrix.cells) == 6
    assert matrix.convention
    assert matrix.cell("heavy", "high").name == "fans"
    assert matrix.cell("heavy", "low") == Cell(
        ("heavy", "low"), "heavy usage, low satisfaction score", "repair", "cell"
    )
    base = pd.DataFrame({"usage": [1, 5, 9], "satisfaction_score": [1, 1, 9]})
    placed = classify(base, matrix, cuts={"usage": (3, 7), "satisfaction_score": 5})
    assert placed["cell"].tolist() == [
        "light usage, low satisfaction score",
        "medium usage, low satisfaction score",
        "fans",
    ]
    for wrong in ({"names": {("heavy", "x"): "a"}}, {"strategies": {("high", "heavy"): "a"}}):
        with pytest.raises(ParameterError, match="a mapping of the levels"):
            bivariate_matrix(usage, "satisfaction_score", **wrong)
    with pytest.raises(ParameterError, match="two Axis objects or column names"):
        bivariate_matrix(usage, 7)
    with pytest.raises(ParameterError, match="distinct columns"):
        bivariate_matrix("a", "a")


@pytest.mark.parametrize("name", list(MATRICES))
def test_sql_places_customers_where_classify_does(name):
    duckdb = pytest.importorskip("duckdb")
    matrix = MATRICES[name]
    values = [0.5, 1.0, 1.5, 2.0, 2.5, float("nan")]
    grid = pd.DataFrame(list(itertools.product(values, repeat=len(matrix.axes))), columns=matrix.columns)
    cuts = {axis.column: (1.0, 2.0)[: len(axis.levels) - 1] for axis in matrix.axes}
    placed = classify(grid, matrix, cuts=cuts)
    connection = duckdb.connect()
    connection.register("grid", grid.reset_index())
    for what in ("cell", "strategy"):
        text = matrix.to_sql(cuts=cuts, what=what, dialect="duckdb")
        found = [row[0] for row in connection.sql(f"SELECT {text} FROM grid ORDER BY index").fetchall()]
        assert found == [None if value != value else value for value in placed[what]]


def test_sql_needs_the_cuts_of_every_axis():
    for cuts in ({"net_price": (1,)}, {"net_price": (1,), "cost_to_serve": (1, 2)}):
        with pytest.raises(ParameterError, match="1 cut points for the axis 'cost_to_serve'"):
            SHAPIRO.to_sql(cuts=cuts)
    with pytest.raises(ParameterError, match="`what` must be one of 'cell', 'strategy'"):
        SHAPIRO.to_sql(cuts={"net_price": (1,), "cost_to_serve": (1,)}, what="price")


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=list(MATRICES))
def test_a_matrix_comes_back_from_its_file(matrix):
    text = matrix.to_json()
    back = Matrix.from_json(text)
    assert back == matrix
    assert back.to_json() == text
    assert json.loads(text)["params"]["cells"][0]["name"] == matrix.cells[0].name
    mine = matrix.with_axes(
        dataclasses.replace(matrix.axes[0], cuts=(0.1 + 0.2, 7)[: len(matrix.axes[0].levels) - 1])
    )
    assert Matrix.from_json(mine.to_json()) == mine
    assert Matrix.from_json(mine.to_json()).axes[0].cuts[0] == 0.1 + 0.2


def test_a_file_keeps_replaced_cells_scales_and_foreign_letters():
    cell = Cell(("no", "no"), "entlassen – für „immer“", "")
    mine = CPA.with_cells(cell).with_axes(Axis("future_potential", "später", ("no", "yes"), scale="ordinal"))
    back = Matrix.from_json(mine.to_json())
    assert back == mine
    assert back.cell("no", "no") == cell


def tampered(*path, value):
    """Return the file of CPA with one field changed, or left out."""
    document = json.loads(CPA.to_json())
    *way, last = path
    inner = document
    for step in way:
        inner = inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (tampered("model", value="RFMCuts"), "it is a 'RFMCuts'"),
        (tampered("schema", value=2), "reads up to schema 1: upgrade crmkit"),
        (tampered("params", "source", value=None), "params lacks 'source'"),
        (tampered("params", "author", value="x"), "params has the unknown 'author'"),
        (tampered("params", "axes", 0, "cuts", value=["0"]), r"params.axes\[0\].cuts"),
        (tampered("params", "axes", 0, "cuts", value=[0, 1]), "`cuts` must be 1 finite numbers"),
        (tampered("params", "axes", 0, "scale", value="root"), "`scale` must be one of"),
        (tampered("params", "axes", 1, "column", value="current_profit"), "distinct columns"),
        (tampered("params", "cells", 3, "name", value="invest"), "cells with distinct names"),
        (tampered("params", "cells", 3, "levels", value=["no", "perhaps"]), "one cell for each of"),
        (tampered("params", "cells", 3, value=None), "one cell for each of"),
        (tampered("params", "cells", 0, "strategy", value=7), r"cells\[0\].strategy is 7, not a text"),
        (CPA.to_json()[:-4], "it is not valid JSON"),
        (3, "it is of the type int"),
    ],
)
def test_a_tampered_file_is_refused_with_its_reason(text, reason):
    with pytest.raises(DataError, match=f"must be a Matrix written by its to_json.*{reason}"):
        Matrix.from_json(text)


def test_axes_can_be_replaced():
    cut = CPA.with_axes(Axis("future_potential", "potential", ("no", "yes"), cuts=(5,)))
    base = pd.DataFrame({"current_profit": [1.0, 1.0], "future_potential": [4.9, 5.0]})
    assert classify(base, cut)["cell"].tolist() == ["nurture", "invest"]
    assert CPA.axes[1].cuts is None
    with pytest.raises(ParameterError, match="`axes` must be Axis objects of the columns"):
        CPA.with_axes(Axis("profit", "profit", ("no", "yes")))
    with pytest.raises(ParameterError, match=r"an Axis of the levels \('no', 'yes'\)"):
        CPA.with_axes(Axis("future_potential", "potential"))


def test_unfit_cells_are_refused():
    for levels, name, strategy, message in (
        (["low", "low"], "x", "", "`levels` must be a tuple"),
        (("low", 1), "x", "", "`levels` must be a tuple"),
        (("low", "low"), None, "", "`name` must be"),
        (("low", "low"), "x", None, "`strategy` must be a text"),
    ):
        with pytest.raises(ParameterError, match=message):
            Cell(levels, name, strategy)
