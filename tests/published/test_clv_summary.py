"""CDNOW as published (Fader, Hardie and Lee, 2005, and reference.md §11), and the tests of other packages."""

import pandas as pd
import pytest

from crmkit import clv
from crmkit.datasets import load_cdnow


@pytest.fixture(scope="module")
def calibration():
    return clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")


def test_customers_and_repeat_purchases(calibration):
    assert len(calibration) == 2357
    assert calibration["frequency"].sum() == 2457
    assert (calibration["frequency"] > 0).sum() == 946
    assert calibration["frequency"].max() == 29


def test_weeks_are_unrounded(calibration):
    assert calibration["T"].max() == pytest.approx(272 / 7)
    assert calibration["T"].min() == pytest.approx(27)
    # the paper's first customer in the file: x = 2, t_x = 30.43, T = 38.86
    first = calibration.iloc[0]
    assert (first["frequency"], round(first["recency"], 2), round(first["T"], 2)) == (2, 30.43, 38.86)


def test_merging_by_week_loses_repeat_purchases():
    weekly = clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop", merge="week")
    assert weekly["frequency"].sum() == 2216


def test_spend_of_repeat_buyers(calibration):
    repeat = calibration.loc[calibration["frequency"] > 0, "monetary_value"]
    # Fader, Hardie and Lee (2005, RFM and CLV, JMR): mean 35.08 $ (n = 946) a repeat transaction
    assert round(repeat.mean(), 2) == pytest.approx(35.08, abs=0.02)


@pytest.fixture(scope="module")
def transactions():
    """Six customers in the tests of pymc-marketing (tests/clv/test_utils.py), after those of lifetimes."""
    rows = [
        *((1, "2015-01-01", 1), (1, "2015-02-06", 2), (2, "2015-01-01", 2)),
        *((3, "2015-01-01", 3), (3, "2015-01-02", 1), (3, "2015-01-05", 5)),
        *((4, "2015-01-16", 6), (4, "2015-02-02", 3), (4, "2015-02-05", 3), (4, "2015-02-05", 6)),
        *((5, "2015-01-16", 3), (5, "2015-01-17", 1), (5, "2015-01-18", 8), (6, "2015-02-02", 5)),
    ]
    table = pd.DataFrame(rows, columns=["customer_id", "order_date", "amount"])
    return table.assign(order_date=pd.to_datetime(table["order_date"]))


def test_summary_in_days_of_pymc_marketing(transactions):
    table = clv.summarize(transactions, as_of="2015-02-07", unit="day")
    assert table["frequency"].tolist() == [1, 0, 2, 2, 2, 0]
    assert table["recency"].tolist() == [36, 0, 4, 20, 2, 0]
    assert table["T"].tolist() == [37, 37, 37, 22, 22, 5]
    assert table["monetary_value"].tolist() == [2, 0, 3, 6, 4.5, 0]


def test_summary_in_weeks_of_pymc_marketing(transactions):
    table = clv.summarize(transactions, as_of="2015-02-07", unit="week", merge="week")
    assert table["frequency"].tolist() == [1, 0, 1, 1, 0, 0]
    assert table["recency"].tolist() == [5, 0, 1, 3, 0, 0]
    assert table["T"].tolist() == [5, 5, 5, 3, 3, 0]


def test_holdout_of_pymc_marketing(transactions):
    table = clv.holdout_summary(
        transactions, calibration_end="2015-02-01", holdout_end="2015-02-07", unit="day"
    )
    assert table["customer_id"].tolist() == [1, 2, 3, 4, 5]
    assert table["monetary_value"].tolist() == [0, 0, 3, 0, 4.5]
    assert table["holdout_monetary_value"].tolist() == [2, 0, 0, 6, 0]
    weekly = clv.holdout_summary(
        transactions, calibration_end="2015-02-01", holdout_end="2015-02-07", unit="week", merge="week"
    )
    assert weekly[["frequency", "recency", "T", "holdout_purchases"]].values.tolist() == [
        *([0, 0, 4, 1], [0, 0, 4, 0], [1, 1, 4, 0], [0, 0, 2, 1], [0, 0, 2, 0])
    ]
