"""Whatever the customers and the lines: one cell each, whole probabilities, no order and no scale."""

import itertools

import numpy as np
import pandas as pd
from hypothesis import given, settings, strategies as st

from crmkit.segmentation import (
    Axis,
    Cell,
    Matrix,
    cell_counts,
    cell_probabilities,
    classify,
    correlated_cell_probabilities,
    matrix_cuts,
)

COLUMNS = ("x", "y", "z")
scores = st.one_of(st.none(), st.integers(-40, 40).map(lambda n: n / 4))
errors = st.integers(0, 40).map(lambda n: n / 8)


@st.composite
def portfolios(draw):
    """A matrix of two or three axes with cuts of its own, customers, and their standard errors."""
    columns = COLUMNS[: draw(st.integers(2, 3))]
    axes, cuts = [], {}
    for column in columns:
        points = draw(st.lists(st.integers(-40, 40), min_size=1, max_size=3, unique=True))
        cuts[column] = tuple(sorted(point / 4 for point in points))
        axes.append(Axis(column, column, tuple("abcd"[: len(points) + 1])))
    cells = [Cell(levels, "-".join(levels), "") for levels in itertools.product(*(a.levels for a in axes))]
    matrix = Matrix("drawn", tuple(axes), tuple(draw(st.permutations(cells))), "a test")
    row = st.tuples(*([scores, errors] * len(columns)))
    names = [name for column in columns for name in (column, f"{column}_se")]
    rows = draw(st.lists(row, min_size=1, max_size=12))
    table = pd.DataFrame(rows, columns=names, dtype=float).assign(customer_id=range(len(rows)))
    return matrix, cuts, table


def error_names(matrix):
    return {column: f"{column}_se" for column in matrix.columns}


@settings(deadline=None, max_examples=15)
@given(portfolios())
def test_every_customer_is_in_exactly_one_cell(drawn):
    matrix, cuts, table = drawn
    placed = classify(table, matrix, cuts=cuts, errors=error_names(matrix))
    known = table[matrix.columns].notna().all(axis=1)
    assert (placed["cell"].notna() == known).all()
    counted = cell_counts(placed, matrix)
    assert counted["customers"].sum() == len(table)
    assert counted["customers"].iloc[-1] == (~known).sum()
    for row in placed[known].to_dict("records"):
        levels = row["cell"].split("-")
        for column, level in zip(matrix.columns, levels, strict=True):
            j = "abcd".index(level)
            ends = [-np.inf, *cuts[column], np.inf]
            assert ends[j] <= row[column] < ends[j + 1]
        nearest = min(abs(row[row["nearest_axis"]] - cut) for cut in cuts[row["nearest_axis"]])
        assert abs(row["boundary_distance"]) == nearest


@settings(deadline=None, max_examples=15)
@given(portfolios())
def test_probabilities_are_whole_and_agree_with_the_cell(drawn):
    matrix, cuts, table = drawn
    named = error_names(matrix)
    long = cell_probabilities(table, matrix, errors=named, cuts=cuts)
    placed = classify(table, matrix, cuts=cuts, errors=named).set_index("customer_id")
    known = table[matrix.columns].notna().all(axis=1).to_numpy()
    assert len(long) == len(table) * len(matrix.cells)
    assert long["probability"].dropna().between(0, 1).all()
    sums = long.groupby("customer_id")["probability"].sum(min_count=1)
    np.testing.assert_allclose(sums[known], 1, atol=1e-12)
    assert sums[~known].isna().all()
    mine = long[long["assigned"]].set_index("customer_id")
    assert mine["cell"].to_dict() == placed.loc[known, "cell"].to_dict()
    np.testing.assert_allclose(mine["probability"], placed.loc[mine.index, "cell_probability"])


@settings(deadline=None, max_examples=15)
@given(portfolios(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(drawn, shuffler):
    matrix, cuts, table = drawn
    order = list(range(len(table)))
    shuffler.shuffle(order)
    one = classify(table, matrix, cuts=cuts, errors=error_names(matrix))
    other = classify(table.iloc[order], matrix, cuts=cuts, errors=error_names(matrix))
    back = other.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(one, back, rtol=1e-9)
    first, second = (
        cell_probabilities(frame, matrix, errors=error_names(matrix), cuts=cuts)
        for frame in (table, table.iloc[order])
    )
    pd.testing.assert_frame_equal(first, second)


@settings(deadline=None, max_examples=15)
@given(portfolios(), st.integers(-6, 6), st.integers(-8, 8))
def test_scaling_an_axis_and_its_cuts_leaves_the_cells(drawn, power, shift):
    matrix, cuts, table = drawn
    factor = 2.0**power
    scaled = table.assign(x=(table["x"] + shift) * factor, x_se=table["x_se"] * factor)
    moved = {**cuts, "x": tuple((cut + shift) * factor for cut in cuts["x"])}
    one = classify(table, matrix, cuts=cuts, errors=error_names(matrix))
    other = classify(scaled, matrix, cuts=moved, errors=error_names(matrix))
    assert one["cell"].fillna("").tolist() == other["cell"].fillna("").tolist()
    np.testing.assert_allclose(one["cell_probability"], other["cell_probability"], atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.integers(1, 400), min_size=8, max_size=30, unique=True),
    st.sampled_from(["quantile", "break"]),
    st.integers(-3, 3),
)
def test_rules_find_the_same_levels_on_any_scale(values, rule, power):
    axes = (Axis("x", "x", ("a", "b", "c")), Axis("y", "y", ("a", "b", "c")))
    cells = tuple(Cell(both, "-".join(both), "") for both in itertools.product("abc", repeat=2))
    matrix = Matrix("nine", axes, cells, "a test")
    table = pd.DataFrame({"x": values, "y": values[::-1]}).astype(float)
    scaled = table.assign(x=table["x"] * 2.0**power)
    cuts, moved = matrix_cuts(table, matrix, cuts=rule), matrix_cuts(scaled, matrix, cuts=rule)
    assert moved["x"] == tuple(cut * 2.0**power for cut in cuts["x"])
    assert cuts["x"] == cuts["y"]
    assert classify(table, matrix, cuts=cuts)["cell"].tolist() == (
        classify(scaled, matrix, cuts=moved)["cell"].tolist()
    )


@settings(deadline=None, max_examples=15)
@given(portfolios(), st.integers(0, 2**16))
def test_simulated_probabilities_are_whole_and_repeat(drawn, seed):
    matrix, cuts, table = drawn
    R = np.eye(len(matrix.axes)).tolist()
    one, other = (
        correlated_cell_probabilities(
            table, matrix, errors=error_names(matrix), correlation=R, cuts=cuts, random_state=seed, draws=100
        )
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, other)
    known = table[matrix.columns].notna().all(axis=1).to_numpy()
    sums = one.groupby("customer_id")["probability"].sum(min_count=1)
    np.testing.assert_allclose(sums[known], 1, atol=1e-12)
    exact = (table[[f"{column}_se" for column in matrix.columns]] == 0).all(axis=1).to_numpy()
    sure = one[one["assigned"]].set_index("customer_id")["probability"]
    assert (sure[sure.index[exact[sure.index]]] == 1).all()
