"""Pictures of how models of the customer base fit: what is drawn is read back and counted by hand."""

import re

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit import clv, datasets, plot
from crmkit.errors import CRMKitWarning, DataError, ParameterError

DATES = {"calibration_end": "1997-09-30", "holdout_end": "1998-06-30"}


@pytest.fixture(scope="module")
def orders():
    return datasets.load_cdnow(sample=True)


@pytest.fixture(scope="module")
def holdout(orders):
    return clv.holdout_summary(orders, **DATES)


@pytest.fixture(scope="module")
def models(holdout):
    return {"BG/NBD": clv.BetaGeoNBD().fit(holdout), "Pareto/NBD": clv.ParetoNBD().fit(holdout)}


@pytest.fixture(scope="module")
def donors():
    """Donors of the BG/BB paper who first gave in 1995."""
    table = {
        "frequency": [6, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 4, 3, 2, 1, 3, 2, 1, 2, 1, 1, 0],
        "recency": [6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1, 0],
        "n_periods": [6] * 22,
        "weight": [
            *(1203, 728, 512, 357, 234, 129, 335, 284, 225, 173, 119),
            *(240, 181, 155, 78, 322, 255, 129, 613, 277, 1091, 3464),
        ],
    }
    return pd.DataFrame(table)


def heights(figure):
    return [[bar.get_height() for bar in bars] for bars in figure.axes[0].containers]


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
    assert axes.get_title(loc="left").endswith("calibration to 2024-01-14 and holdout to 2024-01-28")
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


def test_counts_add_up_and_zeros_are_those_of_the_negative_binomial(holdout, models):
    figure = plot.purchase_counts_chart(holdout, models=models)
    actual, bg, pareto = heights(figure)
    assert actual == [
        *holdout["frequency"].value_counts().reindex(range(7)),
        (holdout["frequency"] > 6).sum(),
    ]
    assert [sum(bg), sum(pareto)] == pytest.approx([2357, 2357])
    # Nobody leaves before the first repeat purchase in BG/NBD, and the purchase rates are gamma.
    r, alpha = models["BG/NBD"].params_["r"], models["BG/NBD"].params_["alpha"]
    assert bg[0] == pytest.approx(((alpha / (alpha + holdout["T"])) ** r).sum())
    assert legend(figure) == ["actual", "BG/NBD", "Pareto/NBD"]
    assert figure.axes[0].get_xticklabels()[-1].get_text() == "7+"
    assert figure.axes[0].get_title(loc="left").endswith("customers, data to 1997-09-30")


def test_counts_on_other_engines_and_with_weights(holdout, models):
    plain = heights(plot.purchase_counts_chart(holdout, models=models, highest=3))
    small = holdout.groupby(["frequency", "recency", "T", "unit"], as_index=False).size()
    weighted = small.rename(columns={"size": "weight"})
    connection = duckdb.connect()  # held, because older DuckDB closes it with the last reference
    relation = connection.from_df(weighted)
    for frame in (pl.from_pandas(holdout).lazy(), weighted, relation):
        assert heights(plot.purchase_counts_chart(frame, models=models, highest=3)) == [
            pytest.approx(row) for row in plain
        ]


def test_many_ages_are_drawn_as_few(models):
    spread = pd.DataFrame({"frequency": 0, "recency": 0.0, "T": np.linspace(10, 39, 3000)})
    bars = heights(plot.purchase_counts_chart(spread, models={"BG/NBD": models["BG/NBD"]}))[1]
    r, alpha = models["BG/NBD"].params_["r"], models["BG/NBD"].params_["alpha"]
    assert bars[0] == pytest.approx(((alpha / (alpha + spread["T"])) ** r).sum(), rel=1e-5)
    assert sum(bars) == pytest.approx(3000)


def test_counts_with_covariates(holdout):
    split = holdout.assign(group=np.where(holdout["customer_id"] % 2, "odd", "even"), weight=1)
    model = clv.ParetoNBD(purchase="group").fit(split)
    figure = plot.purchase_counts_chart(split, models={"with": model}, highest=2)
    assert [sum(bars) for bars in heights(figure)] == pytest.approx([2357, 2357])
    conditional = plot.conditional_purchases_chart(split, models={"with": model}, highest=2)
    assert len(conditional.axes[0].get_xticks()) == 3


def test_counts_of_opportunities(donors):
    model = clv.BetaGeoBetaBinomial().fit(donors)
    actual, expected = heights(plot.purchase_counts_chart(donors, models={"BG/BB": model}, highest=6))
    assert actual == [3464, 1823, 1430, 1085, 1036, 1063, 1203]
    # Figure of the paper: the model fits the histogram to within about 3 %.
    assert expected == pytest.approx(actual, rel=0.06)


@pytest.mark.parametrize("draw", [plot.purchase_counts_chart, plot.conditional_purchases_chart])
def test_models_that_cannot_be_compared(draw, holdout, models, donors):
    with pytest.raises(ParameterError, match="mapping of 1 to 5 names"):
        draw(holdout, models={})
    with pytest.raises(ParameterError, match="all of customers with T, or all with n_periods"):
        draw(holdout, models=models | {"BG/BB": clv.BetaGeoBetaBinomial().fit(donors)})
    with pytest.raises(DataError, match="1 of 2 rows have no value in 'frequency'"):
        draw(holdout.head(2).assign(frequency=[np.nan, 1]), models=models)
    with pytest.raises(DataError, match="at least one customer"):
        draw(holdout.head(0), models=models)
    with pytest.raises(DataError, match="unit of the model"):
        draw(holdout.assign(unit="day"), models=models)


def test_conditional_purchases_are_means_by_frequency(holdout, models):
    figure = plot.conditional_purchases_chart(holdout, models=models, highest=4)
    (axes,) = figure.axes
    group = holdout["frequency"].clip(upper=4)
    means = holdout.groupby(group)["holdout_purchases"].mean()
    dots = axes.containers[0].lines[0]
    assert dots.get_ydata().tolist() == pytest.approx(means.tolist())
    predicted = models["BG/NBD"].expected_purchases(holdout, horizon=39)["expected_purchases"]
    line = next(line for line in axes.lines if line.get_label() == "BG/NBD")
    assert line.get_ydata().tolist() == pytest.approx(predicted.groupby(group).mean().tolist())
    assert axes.get_xticklabels()[-1].get_text() == "4+\n(n 193)"
    assert axes.get_title(loc="left").endswith("data to 1997-09-30, holdout of 39 weeks")
    assert (
        plot.conditional_purchases_chart(holdout, models=models, width=3.7)
        .axes[0]
        .get_xticklabels()[-1]
        .get_text()
        == "7+"
    )


def test_conditional_purchases_over_different_times(holdout, models):
    split = holdout.assign(holdout_duration=np.where(holdout["frequency"] > 2, 20.0, 39.0))
    assert "holdout" not in plot.conditional_purchases_chart(split, models=models).axes[0].get_title(
        loc="left"
    )


def test_calibration_bars_and_dots(holdout, models):
    table = clv.calibration_table(holdout, model=models["Pareto/NBD"], groups=25)
    (axes,) = plot.calibration_chart(table.sample(frac=1, random_state=1)).axes
    bars, dots = axes.containers
    assert [bar.get_height() for bar in bars] == pytest.approx(table["predicted"].tolist())
    assert dots.lines[0].get_ydata().tolist() == pytest.approx(table["actual"].tolist())
    assert len(axes.get_xticks()) <= 20
    assert axes.get_title(loc="left").startswith("2\u202f357 customers in ")
    with pytest.raises(DataError, match="at least one group"):
        plot.calibration_chart(table.head(0))


def test_a_model_at_a_boundary_is_drawn(holdout):
    alike = pd.DataFrame({"frequency": [0, 1, 2, 3] * 5, "recency": [0.0, 5, 6, 8] * 5, "T": 10.0})
    with pytest.warns(CRMKitWarning, match="boundary"):
        model = clv.BetaGeoNBD(unit="week").fit(alike)
    assert plot.purchase_counts_chart(alike, models={"BG/NBD": model}).axes[0].get_title(loc="left") == (
        "20 customers"
    )
