"""Migration flow: the streams read back from the artists, their colours, labels apart, bad input."""

import itertools

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch, Rectangle

from crmkit import plot
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.plot import style
from crmkit.segmentation import migration


@pytest.fixture
def moves():
    before = pd.DataFrame({"customer_id": range(10), "cell": [*list("aaaabbbbb"), None]})
    after = pd.DataFrame({"customer_id": range(2, 12), "cell": [*list("abbbbabb"), None, "a"]})
    return migration(before, after)


def streams(axes):
    """Return (upper left, upper right, height, colour) of each stream."""
    found = []
    for patch in axes.patches:
        if isinstance(patch, PathPatch):
            y = patch.get_path().vertices[:, 1]
            assert y[0] - y[7] == pytest.approx(y[3] - y[4])
            found.append((y[0], y[3], y[0] - y[7], to_hex(patch.get_facecolor())))
    return found


def bars(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_streams_fill_the_bars_at_both_ends(moves):
    (axes,) = plot.migration_flow(moves, order=["a", "b"], dates=("May", "June")).axes
    found = streams(axes)
    assert len(found) == len(moves)
    assert sum(height for _, _, height, _ in found) == pytest.approx(1)
    assert sorted(height for _, _, height, _ in found) == pytest.approx(sorted(moves["customers"] / 12))
    for side, x in ((0, 0), (1, 1)):
        there = [bar for bar in bars(axes) if bar.get_x() + bar.get_width() / 2 == pytest.approx(x)]
        assert sum(bar.get_height() for bar in there) == pytest.approx(1)
        for bar in there:
            top, bottom = bar.get_y() + bar.get_height(), bar.get_y()
            inside = [one for one in found if bottom - 1e-9 <= one[side] - one[2] and one[side] <= top + 1e-9]
            assert sum(one[2] for one in inside) == pytest.approx(bar.get_height())
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["May", "June"]
    names = [text.get_text() for text in axes.texts]
    assert names[:4] == ["b 5", "a 4", "(no cell) 1", "(entered) 2"]
    assert names[4:] == ["b 6", "a 3", "(no cell) 1", "(left) 2"]


def test_colour_is_the_direction(moves):
    (axes,) = plot.migration_flow(moves, order=("a", "b")).axes
    colours = [colour for *_, colour in streams(axes)]
    up = moves[(moves["cell_before"] == "a") & (moves["cell_after"] == "b")]
    down = moves[(moves["cell_before"] == "b") & (moves["cell_after"] == "a")]
    assert colours.count(style.BLUE) == len(up) == 1
    assert colours.count(style.ORANGE) == len(down) == 1
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["improving", "declining", "stayed, entered or left"]
    (turned,) = plot.migration_flow(moves, order=["b", "a"]).axes
    assert [t.get_text() for t in turned.texts][:2] == ["a 4", "b 5"]


def test_without_an_order_colour_is_the_origin(moves):
    (axes,) = plot.migration_flow(moves).axes
    assert axes.get_legend() is None
    colours = {colour for *_, colour in streams(axes)}
    assert colours == {style.SERIES[0], style.SERIES[1], "#aeb7c0"}


def test_names_of_thin_bars_stand_apart():
    cells = [f"cell {i}" for i in range(7)]
    moves = pd.DataFrame(
        {
            "cell_before": ["big"] * 7,
            "cell_after": cells,
            "movement": "moved",
            "customers": [200_000, *[1] * 6],
        }
    )
    (axes,) = plot.migration_flow(moves).axes
    figure = axes.figure
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text() != "big 200\u202fk"]
    heights = sorted((box.y0, box.y1) for box in boxes)
    assert all(lower[1] <= upper[0] + 1 for lower, upper in itertools.pairwise(heights))
    assert "cell 0 200\u202fk" in [text.get_text() for text in axes.texts]


def test_narrow_figures_wrap_names(moves):
    long = moves.replace({"a": "bargain basement", "b": "carriage trade"})
    (axes,) = plot.migration_flow(long, width=3.7, order=["bargain basement", "carriage trade"]).axes
    assert "bargain\nbasement 4" in [text.get_text() for text in axes.texts]


def test_unfit_moves_are_refused(moves):
    with pytest.raises(ParameterError, match=r"with every cell, among them \['b'\]"):
        plot.migration_flow(moves, order=["a"])
    with pytest.raises(ParameterError, match="`dates` must be two texts"):
        plot.migration_flow(moves, dates=("May",))
    with pytest.raises(DataError, match="Found 1 of 8 rows negative or missing"):
        plot.migration_flow(moves.assign(customers=[-1, *[1] * 7]))
    with pytest.raises(DataError, match="Found 0 of 0 rows"):
        plot.migration_flow(moves.head(0))
    with pytest.raises(ColumnError, match="must have the column 'value_before'"):
        plot.migration_flow(moves, size="value_before")
