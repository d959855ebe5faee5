"""Matrices: directions, cut points, distances, on every engine against plain Python."""

import itertools
import math
import statistics

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import CPA, SHAPIRO, Axis, Cell, Matrix, cell_counts, classify, matrix_cuts
from crmkit.stats import cuts as cut_rules
from crmkit.testing import assert_parity, to_pandas

NINE = Matrix(
    name="nine cells",
    axes=(Axis("x", "x", ("low", "medium", "high")), Axis("y", "y", ("low", "medium", "high"))),
    cells=tuple(
        Cell((x, y), f"{x}-{y}", f"treat as {x} {y}")
        for x, y in itertools.product(("low", "medium", "high"), repeat=2)
    ),
    source="a test",
)
ADDED = ["cell", "strategy", "nearest_axis", "boundary_distance", "boundary_sigmas"]


def customers(rows=60, seed=2):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "customer_id": [f"c{i:02d}" for i in range(rows)],
            "x": rng.integers(0, 13, rows) * 1.0,
            "y": rng.integers(-400, 400, rows) / 8,
        }
    )
    table.loc[[3, 7], "x"] = np.nan
    table.loc[[7, 11], "y"] = np.nan
    return table


def by_hand(table, matrix, cuts):
    """Place each row by comparing it with the cuts, one at a time."""
    sigmas = {axis.column: statistics.stdev(table[axis.column].dropna()) for axis in matrix.axes}
    rows = []
    for row in table.to_dict("records"):
        if any(row[name] != row[name] for name in cuts):
            rows.append([None] * 5)
            continue
        levels = tuple(
            axis.levels[sum(row[axis.column] >= c for c in cuts[axis.column])] for axis in matrix.axes
        )
        near = [
            (abs(row[name] - cut) / sigmas[name], name, row[name] - cut)
            for name in cuts
            for cut in cuts[name]
        ]
        sigma, axis, distance = min(near, key=lambda one: one[0])
        (cell,) = [cell for cell in matrix.cells if cell.levels == levels]
        rows.append([cell.name, cell.strategy, axis, distance, sigma])
    return pd.concat([table, pd.DataFrame(rows, columns=ADDED, dtype=object)], axis=1)


def test_classify_nine_cells_on_every_engine():
    table = customers()
    cuts = {"x": (4.0, 9.0), "y": (-10.5, 20.25)}
    expected = by_hand(table, NINE, cuts)
    assert_parity(
        lambda frame: classify(frame, NINE, cuts=cuts),
        table,
        expected=expected,
        keys=["customer_id"],
        crossing=2,
    )


def test_quantile_cuts_in_the_engine_are_those_of_stats(engine):
    table = customers()
    native = engine(table)
    expected = {name: cut_rules.quantile_cuts(table[name].dropna(), 3) for name in ("x", "y")}
    assert matrix_cuts(native, NINE, cuts="quantile") == expected
    placed = to_pandas(classify(native, NINE, cuts="quantile")).sort_values("customer_id")
    want = by_hand(table, NINE, expected)
    assert placed["cell"].fillna("none").tolist() == want["cell"].fillna("none").tolist()


@pytest.mark.parametrize(
    "values", [[1, 2, 3, 4], [1, 1, 1, 2], [5], [5, 5], [1, 2, 2, 2, 2, 2, 3], [-1.5, 0, 9]]
)
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_quantiles_of_few_values(values, levels):
    names = tuple("abcd"[:levels])
    cells = tuple(Cell(both, "-".join(both), "") for both in itertools.product(names, repeat=2))
    matrix = Matrix("m", (Axis("x", "x", names), Axis("y", "y", names)), cells, "a test")
    found = matrix_cuts(pd.DataFrame({"x": values, "y": values}), matrix, cuts="quantile")
    assert found["x"] == found["y"] == cut_rules.quantile_cuts(values, levels)


def test_cuts_that_come_back_go_in_again():
    this_year, next_year = customers(seed=1), customers(seed=2)
    cuts = matrix_cuts(this_year, NINE, cuts="quantile")
    assert matrix_cuts(next_year, NINE, cuts=cuts) == cuts
    same = classify(this_year, NINE, cuts=cuts)
    pd.testing.assert_frame_equal(same, classify(this_year, NINE, cuts="quantile"))


def test_integers_and_every_customer_in_one_cell():
    grid = pd.DataFrame(list(itertools.product(range(10), range(10))), columns=["net_price", "cost_to_serve"])
    placed = classify(grid, SHAPIRO, cuts="median")
    assert placed["cell"].value_counts().to_dict() == {
        "carriage trade": 25,
        "passive": 25,
        "aggressive": 25,
        "bargain basement": 25,
    }
    assert list(placed.columns) == ["net_price", "cost_to_serve", *ADDED]


def test_equal_values_have_no_spread():
    flat = pd.DataFrame({"net_price": [7.0, 7.0], "cost_to_serve": [1.0, 3.0]})
    placed = classify(flat, SHAPIRO, cuts={"net_price": 6.5, "cost_to_serve": 2})
    assert placed["nearest_axis"].tolist() == ["net_price", "net_price"]
    assert placed["boundary_sigmas"].tolist() == [0.5, 0.5]
    one = classify(flat.head(1), SHAPIRO, cuts=3.0)
    assert one["boundary_distance"].tolist() == [-2.0]
    assert classify(flat.head(0), SHAPIRO, cuts=3.0).empty


def test_cpa_has_its_own_cut_for_profit():
    base = pd.DataFrame({"current_profit": [-1.0, 0.0], "future_potential": [9.0, 9.0]})
    assert classify(base, CPA, cuts={"future_potential": "zero"})["cell"].tolist() == [
        "re-engineer",
        "invest",
    ]
    with pytest.raises(ParameterError, match="given for the axis 'future_potential'"):
        classify(base, CPA)
    assert matrix_cuts(base, CPA, cuts="zero") == {"current_profit": (0.0,), "future_potential": (0.0,)}


def test_cell_counts_on_every_engine():
    table = customers()
    cuts = {"x": (4.0, 9.0), "y": (-10.5, 60.0)}
    placed = by_hand(table, NINE, cuts)[["cell", "x"]]
    names = [*(cell.name for cell in NINE.cells), None]
    mine = [placed[placed["cell"].isna() if name is None else placed["cell"] == name] for name in names]
    expected = pd.DataFrame(
        {
            "cell": names,
            "strategy": [*(cell.strategy for cell in NINE.cells), None],
            "customers": [len(rows) for rows in mine],
            "customer_share": [len(rows) / 60 for rows in mine],
            "x": [rows["x"].sum() for rows in mine],
        }
    )
    assert expected["customers"].sum() == 60
    assert expected["customers"].tolist()[-1] == 3
    assert 0 in expected["customers"].tolist()
    assert_parity(
        lambda frame: cell_counts(frame, NINE, value="x"),
        placed,
        expected=expected,
        keys=["cell"],
        crossing=1,
    )


def test_cell_counts_of_nobody():
    counted = cell_counts(pd.DataFrame({"cell": pd.Series([], dtype="str")}), CPA)
    assert counted["customers"].tolist() == [0] * 5
    assert counted["customer_share"].isna().all()
    with pytest.raises(DataError, match="1 of 2 rows in a cell that the matrix does not have"):
        cell_counts(pd.DataFrame({"cell": ["sack", "hold"]}), CPA)


@pytest.mark.parametrize(
    ("cuts", "message"),
    [
        (None, "given for the axis 'x'"),
        ("mean", "`cuts` must be one of 'quantile', 'median', 'break', 'zero'"),
        ("median", "'quantile', 'break' or 2 numbers for the axis 'x'"),
        (5.0, "2 cut points for the 3 levels of 'x'"),
        ((9.0, 4.0), "strictly increasing"),
        ({"z": 1.0}, "a mapping of the axes"),
        ({"x": (1, 2)}, "given for the axis 'y'"),
    ],
)
def test_unfit_cuts_are_refused(cuts, message):
    with pytest.raises(ParameterError, match=message):
        classify(customers(), NINE, cuts=cuts)


def test_unfit_tables_are_refused():
    table = customers()
    with pytest.raises(ColumnError, match="must not have the column 'cell', which the result adds"):
        classify(table.assign(cell=1), NINE, cuts="quantile")
    with pytest.raises(ColumnError, match="must not have the column '_x_0', '_z_1_1'"):
        classify(table.assign(_x_0=1, _z_1_1=2), NINE, cuts="quantile")
    with pytest.raises(ParameterError, match="`matrix` must be a Matrix"):
        classify(table, "shapiro", cuts=1.0)
    with pytest.raises(ColumnError, match="must have the column 'net_price'"):
        classify(table, SHAPIRO, cuts=1.0)
    with pytest.raises(DataError, match="1 of 1 rows with an infinite net_price .beyond 1e150."):
        classify(pd.DataFrame({"net_price": [-1e160], "cost_to_serve": [1.0]}), SHAPIRO, cuts=5)
    with pytest.raises(DataError, match="1 of 60 rows with an infinite x"):
        classify(table.assign(x=[np.inf, *[1.0] * 59]), NINE, cuts="quantile")
    with pytest.raises(DataError, match="at least one value in each of x"):
        matrix_cuts(table.assign(x=np.nan), NINE, cuts="quantile")


def test_breaks_are_found_in_the_engine(engine):
    table = customers().assign(
        x=[1.0, 2.0, 2.0, 9.0, 10.0, np.nan] * 10, y=[0.5, 7.0, 7.25, 30.0, 30.5, 31.0] * 10
    )
    assert matrix_cuts(engine(table), NINE, cuts="break") == {"x": (2.0, 9.0), "y": (7.0, 30.0)}


def test_breaks_of_a_logarithmic_axis_are_those_of_the_ratios():
    axes = (Axis("x", "x", scale="log"), Axis("y", "y"))
    cells = tuple(Cell(both, "-".join(both), "") for both in itertools.product(("low", "high"), repeat=2))
    matrix = Matrix("ratios", axes, cells, "a test")
    values = [0.01, 0.02, 1.0, 1.5, 2.0, 2.5, 3.0]
    found = matrix_cuts(pd.DataFrame({"x": values, "y": values}), matrix, cuts="break")
    assert found == {"x": (1.0,), "y": (1.5,)}
    logs = np.log(values)
    splits = [(sum(np.var(part) * len(part) for part in np.split(logs, [k])), values[k]) for k in range(1, 7)]
    assert min(splits)[1] == found["x"][0]
    with pytest.raises(DataError, match="1 of 7 rows with a x that is not positive, on a logarithmic axis"):
        matrix_cuts(pd.DataFrame({"x": [0.0, *values[1:]], "y": values}), matrix, cuts="break")
    with pytest.raises(ParameterError, match="positive on the logarithmic axis 'x'"):
        matrix_cuts(pd.DataFrame({"x": values, "y": values}), matrix, cuts={"x": "zero", "y": 1})
    placed = classify(pd.DataFrame({"x": [4.0, 0.25], "y": [9.0, 9.0]}), matrix, cuts={"x": 1.0, "y": 1.0})
    assert placed["nearest_axis"].tolist() == ["x", "x"]
    assert placed["boundary_distance"].tolist() == pytest.approx([math.log(4), -math.log(4)])
    with pytest.raises(DataError, match="1 of 2 rows with a x that is not positive"):
        classify(pd.DataFrame({"x": [4.0, -1.0], "y": [9.0, 9.0]}), matrix, cuts=1.0)


def test_too_few_values_for_a_break():
    with pytest.raises(DataError, match="3 classes need at least 3 distinct values. Found 2"):
        matrix_cuts(pd.DataFrame({"x": [1, 2], "y": [1, 2]}), NINE, cuts="break")
