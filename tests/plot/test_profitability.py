"""Bars of profit and stacks of cost: the data read back from the artists, on several engines, bad input."""

import duckdb
import pandas as pd
import polars as pl
import pytest
from matplotlib.colors import to_hex

from crmkit import metrics, plot
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.plot import style


def texts(axes):
    return [one.get_text().replace("\u00a0", " ").replace("\u202f", " ") for one in axes.texts]


@pytest.fixture
def quintiles():
    """The largest and the smallest customers by volume lose, as Kanthal's did."""
    profit = [-3000.0, 6000.0, 5000.0, 4000.0, -2000.0]
    base = pd.DataFrame({"customer_id": range(5), "revenue": [9, 7, 5, 3, 1], "profit": profit})
    return metrics.pareto(base, cuts=(0.2, 0.4, 0.6, 0.8), rank_by="revenue")


def test_losses_stand_below_zero_in_another_colour(quintiles):
    (axes,) = plot.profit_bars(quintiles, ranked_by="sales volume", unit="EUR").axes
    assert [bar.get_height() for bar in axes.patches] == [-3000, 6000, 5000, 4000, -2000]
    colours = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colours == [style.ORANGE, *[style.BLUE] * 3, style.ORANGE]
    assert texts(axes) == ["−3 k\n−30 %", "6 k\n60 %", "5 k\n50 %", "4 k\n40 %", "−2 k\n−20 %"]
    names = [label.get_text().replace("\u00a0", " ") for label in axes.get_xticklabels()]
    assert names == ["0–20 %", "20–40 %", "40–60 %", "60–80 %", "80–100 %"]
    assert axes.get_xlabel() == "customers by sales volume, highest first"
    assert axes.get_ylabel() == "profit, EUR"


def test_narrow_bars_carry_shares_only(quintiles):
    (axes,) = plot.profit_bars(quintiles, width=3.7).axes
    assert texts(axes) == ["−30 %", "60 %", "50 %", "40 %", "−20 %"]
    assert axes.get_xticklabels()[0].get_text() == "0–20"
    assert axes.get_xlabel() == "% of customers by profit, highest first"


def test_bands_without_customers_have_no_bar_and_a_loss_no_shares():
    base = pd.DataFrame({"customer_id": [1, 2], "net_margin": [2.0, -5.0]})
    bands = metrics.pareto(base, cuts=(0.1, 0.5), value="net_margin")
    (axes,) = plot.profit_bars(pl.from_pandas(bands).lazy(), value="net_margin", width=3.0).axes
    assert texts(axes) == ["2", "−5"]
    assert [bar.get_height() for bar in axes.patches] == [2, -5]


def test_bars_need_customers_and_money(quintiles):
    with pytest.raises(DataError, match="Found 0, 0 without money"):
        plot.profit_bars(quintiles.head(0))
    with pytest.raises(DataError, match="Found 5, 1 without money"):
        plot.profit_bars(quintiles.assign(profit=[None, 1.0, 2.0, 3.0, 4.0]))
    with pytest.raises(ColumnError, match="net_margin"):
        plot.profit_bars(quintiles, value="net_margin")


@pytest.fixture
def costs():
    rows = [
        ("small", "delivery", 30.0),
        ("small", "delivery", 10.0),
        ("small", "visits", 15.0),
        ("large", "delivery", 50.0),
        ("large", "visits", 120.0),
        ("large", "correction", -20.0),
        (None, "management", 25.0),
    ]
    return pd.DataFrame(rows, columns=["segment", "category", "cost"])


def stack(axes):
    """Return (left end, length) of each part, by part and group."""
    rows = [label.get_text() for label in axes.get_yticklabels()]
    return {
        (rows[at], bars.get_label()): (bar.get_x(), bar.get_width())
        for bars in axes.containers
        for at, bar in enumerate(bars)
        if bar.get_width()
    }


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_parts_follow_each_other_and_credits_stand_left_of_zero(costs):
    (axes,) = plot.cost_stack(costs, group="segment", unit="EUR").axes
    assert stack(axes) == {
        ("large", "visits"): (0, 120),
        ("large", "delivery"): (120, 50),
        ("large", "correction"): (0, -20),
        ("small", "visits"): (0, 15),
        ("small", "delivery"): (15, 40),
        ("(unassigned)", "management"): (0, 25),
    }
    assert legend(axes) == ["visits", "delivery", "management", "correction"]
    assert texts(axes) == ["150", "55", "25"]
    assert axes.yaxis_inverted()
    assert axes.get_xlabel() == "cost to serve, EUR"


def test_the_margin_is_a_mark_on_the_bar(costs):
    margin = pd.Series({"large": 140.0, "small": 90.0, "dormant": 5.0})
    (axes,) = plot.cost_stack(costs, group="segment", gross_margin=margin).axes
    marks = [line for line in axes.lines if line.get_linewidth() == 2.4]
    assert [(line.get_xdata()[0], round(sum(line.get_ydata()) / 2)) for line in marks] == [(140, 0), (90, 1)]
    assert legend(axes)[-1] == "gross margin"
    assert texts(axes) == ["150 of 140", "55 of 90", "25"]
    # the text stands right of the bar, which is the longer one here, and of the mark
    assert [note.xy[0] for note in axes.texts] == [170, 90, 25]


def test_groups_in_a_given_order_with_their_own_parts_only(costs):
    (axes,) = plot.cost_stack(costs, group="segment", order=["small", "large"], width=3.7).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["small", "large"]
    assert "management" not in legend(axes)


def test_the_smallest_of_many_parts_are_one():
    parts = [*"abcdefghij", None]
    many = pd.DataFrame({"customer_id": "a", "activity": parts, "cost": range(11, 0, -1)})
    (axes,) = plot.cost_stack(many, group="customer_id", part="activity").axes
    assert legend(axes) == [*"abcdefg", "(other)"]
    assert stack(axes)["a", "(other)"] == (sum(range(5, 12)), 4 + 3 + 2 + 1)
    (axes,) = plot.cost_stack(many.tail(2), group="customer_id", part="activity").axes
    assert legend(axes) == ["j", "(no category)"]


@pytest.mark.parametrize(
    "convert",
    [pl.from_pandas, lambda frame: pl.from_pandas(frame).lazy(), duckdb.from_df],
    ids=["polars", "polars_lazy", "duckdb"],
)
def test_other_engines_add_up_where_the_rows_are(costs, convert):
    given = plot.cost_stack(convert(costs), group="segment").axes[0]
    assert stack(given) == stack(plot.cost_stack(costs, group="segment").axes[0])


def test_what_cannot_be_stacked(costs):
    with pytest.raises(DataError, match="Found 0 sums, 0 missing"):
        plot.cost_stack(costs.head(0), group="segment")
    with pytest.raises(DataError, match="1 missing"):
        plot.cost_stack(costs.assign(cost=costs["cost"].where(costs["cost"] > 0)), group="segment")
    with pytest.raises(DataError, match="Found others: 'huge'"):
        plot.cost_stack(costs, group="segment", order=["huge"])
    with pytest.raises(ParameterError, match="`order` must be a list of different groups"):
        plot.cost_stack(costs, group="segment", order=["small", "small"])
    with pytest.raises(DataError, match="Missing: 'small'"):
        plot.cost_stack(costs, group="segment", gross_margin={"large": 5})
    many = pd.DataFrame({"customer_id": range(41), "category": "all", "cost": 1.0})
    with pytest.raises(DataError, match=r"room for 40 groups. Found 41 in 'customer_id'"):
        plot.cost_stack(many, group="customer_id")
