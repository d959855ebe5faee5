"""Segments, scores and matrices: the data read back from the artists."""

import pandas as pd
import pytest

from crmkit import plot
from crmkit.errors import DataError, ParameterError
from crmkit.segmentation import SHAPIRO, Axis, Cell, Matrix, classify


def test_segment_bars():
    segments = pd.DataFrame({"segment": ["best", "rest"], "customers": [1, 3], "sales": [60.0, 40.0]})
    (axes,) = plot.segment_bars(segments, value="sales").axes
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75, 0.6, 0.4]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "share of customers",
        "share of sales",
    ]
    assert axes.yaxis_inverted()


def test_segment_bars_need_totals():
    segments = pd.DataFrame({"segment": ["a"], "customers": [1], "revenue": [0.0]})
    with pytest.raises(DataError, match="positive totals. Found 1 customers and 0 revenue"):
        plot.segment_bars(segments)
    with pytest.raises(DataError, match="at least one row"):
        plot.segment_bars(segments.head(0))


def test_heatmap_has_the_best_at_the_top_right():
    cells = pd.DataFrame({"recency_score": [3, 1], "frequency_score": [2, 1], "customers": [1500, 20]})
    (axes,) = plot.score_heatmap(cells).axes
    assert axes.images[0].get_array().tolist() == [[20, 0, 0], [0, 0, 1500]]
    assert axes.images[0].origin == "lower"
    assert "best at the right" in axes.get_xlabel()


@pytest.fixture
def base():
    return pd.DataFrame({"net_price": [9.0, 9.0, 1.0, 1.0, None], "cost_to_serve": [8.0, 2.0, 8.0, 2.0, 1.0]})


def test_matrix_dots_lines_and_names(base):
    cuts = {"net_price": (5.0,), "cost_to_serve": (5.0,)}
    (axes,) = plot.matrix_chart(classify(base, SHAPIRO, cuts=cuts), SHAPIRO, cuts=cuts, unit="EUR").axes
    assert [len(dots.get_offsets()) for dots in axes.collections] == [1, 1, 1, 1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("cost to serve, EUR", "net price realised, EUR")
    names = {text.get_text(): text.get_position() for text in axes.texts}
    assert names["carriage trade (1)"] == pytest.approx((0.99, 0.985))
    assert names["bargain basement (1)"] == pytest.approx((0.01, 0.015))
    assert next(tuple(line.get_ydata()) for line in axes.lines) == (5.0, 5.0)


def test_many_dots_become_an_image(base):
    many = pd.concat([base] * 500, ignore_index=True)
    cuts = {"net_price": (5.0,), "cost_to_serve": (5.0,)}
    figure = plot.matrix_chart(classify(many, SHAPIRO, cuts=cuts), SHAPIRO, cuts=cuts)
    assert all(dots.get_rasterized() for dots in figure.axes[0].collections)
    assert "<image" in plot.to_svg(figure, name="x", title="t", description="d")


def test_three_levels_are_named_in_the_middle():
    levels = ("low", "medium", "high")
    cells = tuple(Cell((a, b), f"{a} {b}", "-") for a in levels for b in levels)
    axes_ = (Axis("x", "x", levels, (1.0, 2.0)), Axis("y", "y", levels, (1.0, 2.0)))
    matrix = Matrix("nine", axes_, cells, "test")
    placed = classify(pd.DataFrame({"x": [0.0, 1.5, 3.0], "y": [0.0, 1.5, 3.0]}), matrix)
    (axes,) = plot.matrix_chart(placed, matrix, cuts={"x": (1.0, 2.0), "y": (1.0, 2.0)}).axes
    assert len(axes.texts) == 9
    assert (
        next(text for text in axes.texts if text.get_text().startswith("medium medium")).get_ha() == "center"
    )


def test_nobody_in_a_cell(base):
    cuts = {"net_price": (5.0,), "cost_to_serve": (5.0,)}
    placed = classify(base, SHAPIRO, cuts=cuts)
    with pytest.raises(DataError, match="at least one customer in a cell"):
        plot.matrix_chart(placed[placed["cell"].isna()], SHAPIRO, cuts=cuts)


def test_only_two_axes_can_be_drawn(base):
    levels = ("low", "high")
    axes = tuple(Axis(name, name) for name in "abc")
    cells = tuple(Cell((a, b, c), a + b + c, "-") for a in levels for b in levels for c in levels)
    with pytest.raises(ParameterError, match="two axes. Got 3"):
        plot.matrix_chart(base, Matrix("three", axes, cells, "test"), cuts={})
