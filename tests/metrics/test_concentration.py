"""The whale curve and its peak, by hand and against sorted pandas columns."""

import math

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError
from crmkit.metrics import concentration
from crmkit.testing import assert_parity, to_pandas


def base(customers=83, seed=9):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": rng.permutation([f"c{i:03d}" for i in range(customers)]),
            "revenue": rng.integers(0, 50, customers) * 100.0,
            "profit": rng.integers(-40, 60, customers) / 4,
        }
    )


def test_whale_curve_on_every_engine():
    profit = base()
    ordered = profit.sort_values(["profit", "customer_id"], ascending=[False, True])
    running = ordered["profit"].cumsum()
    expected = pd.DataFrame(
        {
            "rank": np.arange(1, 84),
            "customer_id": ordered["customer_id"].to_numpy(),
            "profit": ordered["profit"].to_numpy(),
            "customer_share": np.arange(1, 84) / 83,
            "cumulative_profit": running.to_numpy(),
            "cumulative_profit_share": (running / profit["profit"].sum()).to_numpy(),
        }
    )
    assert_parity(concentration.whale_curve, profit, expected=expected, keys=["rank"], crossing=3)


def test_the_curve_ends_at_everything_and_peaks_where_the_peak_says():
    profit = base()
    curve = concentration.whale_curve(profit)
    peak = concentration.whale_peak(profit)
    assert curve["customer_share"].iloc[-1] == 1
    assert curve["cumulative_profit_share"].iloc[-1] == 1
    top = curve["cumulative_profit"].idxmax()
    assert curve.loc[top, "rank"] == peak.profitable
    assert curve.loc[top, "cumulative_profit"] == peak.peak_profit
    assert curve.loc[top, "cumulative_profit_share"] == pytest.approx(float(peak))
    assert curve.loc[top, "customer_share"] == peak.customer_share
    assert peak.lost_after_peak == -profit["profit"].clip(upper=0).sum()


def test_profit_may_have_another_name():
    profit = base()
    renamed = profit.rename(columns={"profit": "net_margin"})
    curve = concentration.whale_curve(renamed, value="net_margin")
    assert curve.rename(columns={"net_margin": "profit"}).equals(concentration.whale_curve(profit))
    assert concentration.whale_peak(renamed, value="net_margin") == concentration.whale_peak(profit)


def test_whale_peak_by_hand(engine):
    profit = pd.DataFrame({"customer_id": [1, 2, 3, 4, 5], "profit": [50.0, 0.0, -20.0, 70.5, -0.5]})
    peak = concentration.whale_peak(engine(profit))
    assert peak.to_dict() == {
        "customers": 5,
        "profitable": 2,
        "total_profit": 100.0,
        "peak_profit": 120.5,
        "customer_share": 0.4,
        "profit_share": 1.205,
        "lost_after_peak": 20.5,
    }
    assert repr(peak) == "WhalePeak(120.5 % of profit from 40.0 % of 5 customers; 20 lost after the peak)"


def test_without_profit_there_are_no_shares(engine):
    losses = pd.DataFrame({"customer_id": ["a", "b"], "profit": [10.0, -10.0]})
    curve = to_pandas(concentration.whale_curve(engine(losses))).sort_values("rank")
    assert curve["cumulative_profit"].tolist() == [10.0, 0.0]
    assert curve["cumulative_profit_share"].isna().all()
    peak = concentration.whale_peak(engine(losses))
    assert peak.profit_share is None
    assert math.isnan(float(peak))
    assert repr(peak) == "WhalePeak(10 from 50.0 % of 2 customers; 10 lost after the peak)"


def test_without_customers_there_is_no_peak():
    none = base().head(0)
    assert concentration.whale_curve(none).empty
    peak = concentration.whale_peak(none)
    assert (peak.customers, peak.customer_share, peak.profit_share) == (0, None, None)
    assert repr(peak) == "WhalePeak(no customers)"


def test_noise_of_floats_is_no_profit():
    nothing = pd.DataFrame({"customer_id": [1], "profit": [0.1 + 0.2 - 0.3]})
    assert concentration.whale_peak(nothing).profitable == 0


def test_unfit_tables_are_refused():
    profit = base(4)
    with pytest.raises(DataError, match="`profit`: 4 of 4 rows with no profit"):
        concentration.whale_curve(profit.assign(profit=np.nan))
    with pytest.raises(DataError, match="1 of 1 rows with a repeated customer_id"):
        concentration.whale_peak(profit.assign(customer_id="c"))
    with pytest.raises(ColumnError, match="must have the column 'profit'"):
        concentration.whale_curve(profit.drop(columns="profit"))
