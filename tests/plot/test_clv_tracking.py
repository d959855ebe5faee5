"""Purchases of a cohort over time: unit and dates are those of the table."""

import re

import pandas as pd
import polars as pl
import pytest

from crmkit import clv, datasets, plot
from crmkit.errors import DataError, ParameterError


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


@pytest.fixture
def tracked():
    return pd.DataFrame(
        {
            "period_end": pd.date_range("2024-01-07", periods=4, freq="7D"),
            "in_holdout": [False, False, True, True],
            "actual": [3.0, 5, 4, 2],
            "expected": [3.5, 4.5, 4, 3],
            "actual_cumulative": [3.0, 8, 12, 14],
            "expected_cumulative": [3.5, 8, 12, 15],
        }
    )


@pytest.mark.parametrize("width", [4.0, 7.4])
@pytest.mark.parametrize("name", ["{}", "BG/NBD {}", "model of the customer base, number {}"])
def test_legends_stay_on_the_page(tracked, width, name):
    """Six entries in one row were cut off and squeezed the picture."""
    figure = plot.tracking_chart({name.format(one): tracked for one in range(5)}, width=width)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_legend().get_window_extent().x1 <= figure.bbox.x1
    assert axes.get_window_extent().width > 0.8 * figure.bbox.width


def test_tracking_of_one_model(tracked):
    figure = plot.tracking_chart(tracked.sample(frac=1, random_state=1))
    (axes,) = figure.axes
    actual, expected, end = axes.lines
    assert actual.get_ydata().tolist() == [3, 5, 4, 2]
    assert expected.get_ydata().tolist() == [3.5, 4.5, 4, 3]
    assert end.get_xdata()[0] == pd.Timestamp("2024-01-14")
    assert legend(figure) == ["actual", "expected"]
    assert axes.get_ylabel() == "repeat purchases a week"
    assert axes.get_title(loc="left").endswith(
        "calibration in whole weeks to 2024-01-14, holdout to 2024-01-28"
    )
    assert axes.get_ylim()[0] == 0


def test_tracking_of_several_models_added_up(tracked):
    figure = plot.tracking_chart(
        {"one": tracked, "other": pl.from_pandas(tracked)}, cumulative=True, width=3.7
    )
    (axes,) = figure.axes
    assert axes.lines[2].get_ydata().tolist() == [3.5, 8, 12, 15]
    assert len({line.get_color() for line in axes.lines[:3]}) == 3
    assert legend(figure) == ["actual", "one", "other"]
    assert "\n" in axes.get_title(loc="left")


def test_tracking_without_a_holdout_has_no_line(tracked):
    (axes,) = plot.tracking_chart(tracked.head(2), period="month").axes
    assert len(axes.lines) == 2
    assert axes.get_title(loc="left") == "repeat purchases of the cohort"


@pytest.mark.parametrize(
    ("periods", "freq", "label"),
    [(12, "MS", r"\w{3} 2\d"), (10, "YS", r"20\d\d"), (10, "D", r"\d\d Jan 24")],
)
def test_ticks_are_as_fine_as_the_time_is_long(tracked, periods, freq, label):
    rows = tracked.head(1).merge(
        pd.DataFrame({"when": pd.date_range("2024", periods=periods, freq=freq)}), "cross"
    )
    figure = plot.tracking_chart(rows.assign(period_end=rows["when"]), width=3.7)
    figure.canvas.draw()
    names = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert 2 < len(names) <= 7
    assert all(re.fullmatch(label, name) for name in names)


def test_tracking_needs_a_table(tracked):
    with pytest.raises(DataError, match="at least one period"):
        plot.tracking_chart(tracked.head(0))
    with pytest.raises(ParameterError, match="a table or 1 to 5 of them"):
        plot.tracking_chart({})


@pytest.mark.parametrize(
    ("freq", "label"),
    [("D", "day"), ("7D", "week"), ("ME", "month"), ("QE", "quarter"), ("YE", "year"), ("14D", "period")],
)
def test_the_label_names_the_unit_of_the_table(tracked, freq, label):
    """A table of days was labelled "a week"."""
    rows = tracked.assign(period_end=pd.date_range("2024-01-31", periods=4, freq=freq))
    assert plot.tracking_chart(rows).axes[0].get_ylabel() == f"repeat purchases a {label}"
    assert f"in whole {label}s to" in plot.tracking_chart(rows, cumulative=True).axes[0].get_title(loc="left")
    given = plot.tracking_chart(rows, period="fortnight").axes[0]
    assert given.get_ylabel() == "repeat purchases a fortnight"


def test_one_period_has_no_length_and_two_lengths_no_common_axis(tracked):
    assert plot.tracking_chart(tracked.head(1)).axes[0].get_ylabel() == "repeat purchases a period"
    days = tracked.assign(period_end=pd.date_range("2024-01-07", periods=4))
    with pytest.raises(ParameterError, match="periods of one length. Got {'one': 'week', 'two': 'day'}"):
        plot.tracking_chart({"one": tracked, "two": days})


@pytest.mark.parametrize(
    ("unit", "whole", "last"),
    [
        ("day", "days to 1997-09-26", "1998-06-30"),
        ("week", "weeks to 1997-09-23", "1998-06-30"),
        ("month", "months to 1997-08-31", "1998-06-01"),
    ],
)
def test_the_title_states_no_date_that_the_table_does_not_hold(unit, whole, last):
    """A week that the end of the calibration cuts is of the holdout; the title dated that end too early."""
    orders = datasets.load_cdnow(sample=True)
    model = clv.BetaGeoNBD().fit(clv.summarize(orders, as_of="1997-09-26", after="drop", unit=unit))
    table = clv.tracking(orders, model=model, calibration_end="1997-09-26", holdout_end="1998-06-30")
    (axes,) = plot.tracking_chart(table).axes
    assert axes.get_ylabel() == f"repeat purchases a {unit}"
    title = axes.get_title(loc="left")
    assert title.endswith(f"; calibration in whole {whole}, holdout to {last}")
    assert axes.lines[2].get_xdata()[0] == table.loc[~table["in_holdout"], "period_end"].iloc[-1]
