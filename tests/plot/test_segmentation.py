"""Segments, scores and matrices: the data read back from the artists."""

import pandas as pd
import pytest

from crmkit import plot
from crmkit.errors import DataError, ParameterError
from crmkit.plot import _matrix_panels
from crmkit.segmentation import (
    BCG,
    MCKINSEY_GE,
    SHAPIRO,
    TURNBULL_ZOLKIEWSKI,
    Axis,
    Cell,
    Matrix,
    classify,
)


def test_segment_bars():
    segments = pd.DataFrame({"segment": ["best", "rest"], "customers": [1, 3], "sales": [60.0, 40.0]})
    (axes,) = plot.segment_bars(segments, value="sales").axes
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75, 0.6, 0.4]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "share of customers",
        "share of sales",
    ]
    assert axes.yaxis_inverted()
    axes.figure.canvas.draw()
    ends = [axes.transData.transform((bar.get_width(), 0))[0] for bar in axes.patches]
    starts = [text.get_window_extent().x0 for text in axes.texts]
    # a page drops a leading space: the gap must not be one
    assert all(start - end > 2 for end, start in zip(ends, starts, strict=True))
    assert not any(text.get_text().startswith(" ") for text in axes.texts)


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
    names = {text.get_text(): text.xy for text in axes.texts}
    assert names["carriage trade (1)"] == pytest.approx((1, 1))
    assert names["bargain basement (1)"] == pytest.approx((0, 0))
    assert [text for text in names if "(" not in text] == ["low", "high"]
    ends = [(tuple(line.get_xdata()), tuple(line.get_ydata())) for line in axes.lines]
    assert ends == [((5.0, 5.0), (0, 1)), ((0, 1), (5.0, 5.0))]


def test_many_dots_become_an_image(base):
    many = pd.concat([base] * 500, ignore_index=True)
    cuts = {"net_price": (5.0,), "cost_to_serve": (5.0,)}
    figure = plot.matrix_chart(classify(many, SHAPIRO, cuts=cuts), SHAPIRO, cuts=cuts)
    assert all(dots.get_rasterized() for dots in figure.axes[0].collections)
    assert "<image" in plot.to_svg(figure, name="x", title="t", description="d")


def nine(names="{0} {1}"):
    levels = ("low", "medium", "high")
    cells = tuple(Cell((a, b), names.format(a, b), "-") for a in levels for b in levels)
    axes_ = (Axis("x", "x", levels, (1.0, 2.0)), Axis("y", "y", levels, (1.0, 2.0)))
    return Matrix("nine", axes_, cells, "test")


NINE_CUTS = {"x": (1.0, 2.0), "y": (1.0, 2.0)}


def test_three_levels_are_named_in_the_middle():
    matrix = nine()
    placed = classify(pd.DataFrame({"x": [0.0, 1.5, 3.0], "y": [0.0, 1.5, 3.0]}), matrix)
    (axes,) = plot.matrix_chart(placed, matrix, cuts=NINE_CUTS).axes
    names = [text for text in axes.texts if "(" in text.get_text()]
    assert len(names) == 9
    inner = next(text for text in names if text.get_text().replace("\n", " ") == "medium medium (1)")
    assert inner.get_ha() == "center"
    assert inner.get_va() == "top"


def test_cells_that_are_called_alike_are_of_one_colour():
    matrix = nine("hold ({0}, {1})")
    assert {_matrix_panels.short_name(matrix, cell.name) for cell in matrix.cells} == {"hold"}
    assert len(set(_matrix_panels.colours(matrix).values())) == 1
    inks = _matrix_panels.colours(MCKINSEY_GE)
    assert len(set(inks.values())) == 7


def test_every_cell_has_room_whatever_the_customers():
    matrix = nine()
    placed = classify(pd.DataFrame({"x": [1.5, 1.6], "y": [1.5, 1.4]}), matrix)
    (axes,) = plot.matrix_chart(placed, matrix, cuts=NINE_CUTS).axes
    for low, high in (axes.get_xlim(), axes.get_ylim()):
        assert 1 - low >= 0.2 * (high - low)
        assert high - 2 >= 0.2 * (high - low)
    one = classify(pd.DataFrame({"net_price": [5.0], "cost_to_serve": [5.0]}), SHAPIRO, cuts=5.0)
    (axes,) = plot.matrix_chart(one, SHAPIRO, cuts={"net_price": (5.0,), "cost_to_serve": (5.0,)}).axes
    assert axes.get_xlim()[0] < 5 < axes.get_xlim()[1]


def test_bubbles_are_as_large_as_their_value(base):
    cuts = {"net_price": (5.0,), "cost_to_serve": (5.0,)}
    sold = base.assign(revenue=[100.0, 50.0, 25.0, 0.0, 9.0], customer=list("abcde"))
    placed = classify(sold, SHAPIRO, cuts=cuts)
    figure = plot.matrix_chart(placed, SHAPIRO, cuts=cuts, size="revenue", label="customer")
    (axes,) = figure.axes
    areas = [dots.get_sizes()[0] for dots in axes.collections[:4]]
    assert areas[:3] == pytest.approx([700, 350, 175])
    assert areas[3] == 4
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == ["10", "50"]
    assert key.get_title().get_text() == "revenue"
    assert {text.get_text() for text in axes.texts} >= set("abcd")
    for revenue, found in ((-1.0, "4 negative values"), (0.0, "maximum of 0"), (None, "maximum of nan")):
        with pytest.raises(DataError, match=found):
            plot.matrix_chart(
                placed.assign(revenue=revenue).astype({"revenue": float}), SHAPIRO, cuts=cuts, size="revenue"
            )


def test_names_stay_apart_and_inside(base):
    cuts = {"net_price": (5.0,), "cost_to_serve": (5.0,)}
    crowd = pd.DataFrame({"net_price": [6.0] * 30, "cost_to_serve": [6.0] * 30}).assign(customer="somebody")
    figure = plot.matrix_chart(classify(crowd, SHAPIRO, cuts=cuts), SHAPIRO, cuts=cuts, label="customer")
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text() == "somebody"]
    assert 1 <= len(boxes) <= 4
    assert not any(one.overlaps(other) for one in boxes for other in boxes if one is not other)


def test_hollow_dots_are_those_near_a_line(base):
    cuts = {"net_price": (5.0,), "cost_to_serve": (5.0,)}
    unsure = base.assign(se=[8.0, 0.1, 0.1, 0.1, 0.1])
    placed = classify(unsure, SHAPIRO, cuts=cuts, errors={"net_price": "se"})
    figure = plot.matrix_chart(placed, SHAPIRO, cuts=cuts)
    drawn = [dots for dots in figure.axes[0].collections if len(dots.get_offsets())]
    faces = [tuple(dots.get_facecolor()[0][:3]) for dots in drawn]
    sizes = [len(dots.get_offsets()) for dots in figure.axes[0].collections]
    assert (1.0, 1.0, 1.0) in faces
    assert sum(sizes[:5]) == 4
    assert figure.legends[0].get_texts()[0].get_text() == "less than 80\u00a0% sure of the cell"


def test_relative_share_is_drawn_on_a_logarithmic_axis_from_high_to_low():
    products = pd.DataFrame({"market_growth": [12.0, 1.0], "relative_share": [4.0, 0.25]})
    cuts = {"market_growth": (10.0,), "relative_share": (1.0,)}
    (axes,) = plot.matrix_chart(
        classify(products, BCG, cuts=cuts), BCG, cuts=cuts, unit={"market_growth": "% a year"}
    ).axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[0] > axes.get_xlim()[1] > 0
    assert axes.get_ylabel() == "growth of the market, % a year"
    assert axes.get_xlabel() == "relative market share"
    names = {text.get_text(): text.xy for text in axes.texts}
    assert names["stars (1)"] == pytest.approx((0, 1))
    assert names["dogs (1)"] == pytest.approx((1, 0))
    drawn = axes.transData.transform([(4.0, 12.0), (0.25, 1.0)])
    assert drawn[0][0] < drawn[1][0]


def test_a_descending_logarithmic_axis_upwards():
    cells = tuple(Cell((a, b), f"{a} {b}", "-") for a in ("low", "high") for b in ("low", "high"))
    up = Axis("x", "x", scale="log", descending=True)
    matrix = Matrix("turned", (up, Axis("y", "y")), cells, "test")
    cuts = {"x": (1.0,), "y": (1.0,)}
    base = pd.DataFrame({"x": [9.0, 0.1], "y": [2.0, 0.0]})
    (axes,) = plot.matrix_chart(classify(base, matrix, cuts=cuts), matrix, cuts=cuts).axes
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


@pytest.mark.parametrize("width", [7.4, 3.7])
def test_a_third_axis_has_a_panel_for_each_level(width):
    rows = [(9.0, 1.0, 1.0), (9.0, 1.0, 1.0), (1.0, 9.0, 9.0)]
    base = pd.DataFrame(rows, columns=TURNBULL_ZOLKIEWSKI.columns)
    cuts = dict.fromkeys(base, (5.0,))
    figure = plot.matrix_chart(
        classify(base, TURNBULL_ZOLKIEWSKI, cuts=cuts).assign(who="x"), TURNBULL_ZOLKIEWSKI, cuts=cuts,
        width=width, label="who",
    )  # fmt: skip
    low, high = figure.axes
    assert (low.get_title(), high.get_title()) == ("relationship value: low", "relationship value: high")
    first, second = (
        {text.get_text().replace("\n", " ") for text in axes.texts if "(" in text.get_text()}
        for axes in (low, high)
    )
    assert first == {"passive (2)", "carriage trade (0)", "aggressive (0)", "bargain basement (0)"}
    assert "aggressive (1)" in second
    assert low.get_xlim() == high.get_xlim()


def test_cuts_of_every_axis_are_needed(base):
    placed = classify(base, SHAPIRO, cuts=5.0)
    for cuts in ({"net_price": (5.0,)}, {"net_price": (5.0,), "cost_to_serve": (1.0, 2.0)}):
        with pytest.raises(ParameterError, match="those of every axis.* Unfit: cost_to_serve"):
            plot.matrix_chart(placed, SHAPIRO, cuts=cuts)


def test_nobody_in_a_cell(base):
    cuts = {"net_price": (5.0,), "cost_to_serve": (5.0,)}
    placed = classify(base, SHAPIRO, cuts=cuts)
    with pytest.raises(DataError, match="at least one customer in a cell"):
        plot.matrix_chart(placed[placed["cell"].isna()], SHAPIRO, cuts=cuts)


def test_four_axes_cannot_be_drawn(base):
    levels = ("low", "high")
    axes = tuple(Axis(name, name) for name in "abcd")
    cells = tuple(
        Cell((a, b, c, d), a + b + c + d, "-") for a in levels for b in levels for c in levels for d in levels
    )
    with pytest.raises(ParameterError, match="two or three axes. Got 4"):
        plot.matrix_chart(base, Matrix("four", axes, cells, "test"), cuts={})
