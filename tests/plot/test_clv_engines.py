"""Pictures of models take the frames of every engine: what is drawn is the same."""

import numpy as np
import pytest

from crmkit import clv, datasets, plot

DATES = {"calibration_end": "1997-09-30", "holdout_end": "1998-06-30"}


@pytest.fixture(scope="module")
def orders():
    return datasets.load_cdnow(sample=True).head(400)


@pytest.fixture(scope="module")
def table(orders):
    return clv.holdout_summary(orders, **DATES)


@pytest.fixture(scope="module")
def model():
    whole = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    return clv.ParetoNBD().fit(whole)


def drawn(figures):
    """Return the numbers of bars, lines and fields, rounded."""
    found = []
    for figure in figures:
        axes = figure.axes[0]
        found += [round(float(bar.get_height()), 6) for bar in axes.patches]
        ends = [value for line in axes.lines for value in line.get_ydata()]
        found += ["none" if np.isnan(value) else round(float(value), 6) for value in ends]
        found += [axes.get_title(loc="left"), *(text.get_text() for text in axes.get_xticklabels())]
    return found


def test_every_engine_draws_the_same(engine, orders, table, model):
    def pictures(history, summary):
        return [
            plot.purchase_counts_chart(summary, models={"model": model}),
            plot.conditional_purchases_chart(summary, models={"model": model}),
            plot.conditional_purchases_chart(summary, models={"model": model}, by="recency"),
            plot.probability_alive_matrix(model, summary),
            plot.alive_history(model, history, customer_id=4, as_of="1998-06-30"),
            plot.spend_chart(summary, model=spend),
            plot.value_concentration(summary, value="monetary_value"),
        ]

    spend = clv.GammaGamma().fit(table)

    assert drawn(pictures(engine(orders), engine(table))) == drawn(pictures(orders, table))
