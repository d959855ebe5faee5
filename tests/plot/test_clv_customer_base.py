"""Pictures of how models of the customer base fit: what is drawn is read back and counted by hand."""

import itertools

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


def heights(figure):
    return [[bar.get_height() for bar in bars] for bars in figure.axes[0].containers]


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


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


def test_a_model_at_a_boundary_is_drawn(holdout):
    alike = pd.DataFrame({"frequency": [0, 1, 2, 3] * 5, "recency": [0.0, 5, 6, 8] * 5, "T": 10.0})
    with pytest.warns(CRMKitWarning, match="boundary"):
        model = clv.BetaGeoNBD(unit="week").fit(alike)
    assert plot.purchase_counts_chart(alike, models={"BG/NBD": model}).axes[0].get_title(loc="left") == (
        "20 customers"
    )


@pytest.mark.parametrize("width", [3.7, 7.4])
def test_labels_of_many_numbers_do_not_touch(holdout, models, width):
    figure = plot.purchase_counts_chart(holdout, models=models, highest=30, width=width)
    figure.draw_without_rendering()
    labels = figure.axes[0].get_xticklabels()
    boxes = [text.get_window_extent() for text in labels]
    assert all(left.x1 + 2 < right.x0 for left, right in itertools.pairwise(boxes))
    assert labels[-1].get_text() == "30+"
    assert len(heights(figure)[0]) == 31


def test_opportunities_end_the_numbers(donors):
    """Six opportunities had bars of "7+", which nobody can reach."""
    figure = plot.purchase_counts_chart(donors, models={"BG/BB": clv.BetaGeoBetaBinomial().fit(donors)})
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == [*"0123456"]
    assert [len(bars) for bars in heights(figure)] == [7, 7]
    cut = plot.purchase_counts_chart(
        donors, models={"BG/BB": clv.BetaGeoBetaBinomial().fit(donors)}, highest=5
    )
    assert cut.axes[0].get_xticklabels()[-1].get_text() == "5+"
