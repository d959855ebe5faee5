"""CDNOW as published: Fader, Hardie and Lee (2005), and reference.md §11."""

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
