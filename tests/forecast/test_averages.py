"""Moving averages of many series against loops in plain Python, and the choice of the window."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from crmkit import forecast
from crmkit.errors import ColumnError, CRMKitWarning, DataError, ParameterError
from crmkit.testing import assert_frames_match, assert_parity, to_engine, to_pandas

RNG = np.random.default_rng(11)


def shops():
    """Three series of different length and end; the last is too short for most windows."""
    parts = []
    for shop, size, start in (("a", 9, "2023-01-01"), ("b", 6, "2023-07-01"), ("c", 2, "2023-11-01")):
        dates = pd.date_range(start, periods=size, freq="MS")
        parts.append(pd.DataFrame({"shop": shop, "period": dates, "value": RNG.integers(5, 50, size)}))
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0, ignore_index=True)


SHOPS = shops()


def by_hand(frame, weights, horizon, level, method):
    """Forecast each series with loops; weights most recent first."""
    rows = []
    for shop, group in frame.sort_values("period").groupby("shop"):
        y, k = group["value"].tolist(), len(weights)

        def mean(end, y=y, k=k):
            return sum(w * y[end - 1 - j] for j, w in enumerate(weights)) / sum(weights) if end >= k else None

        for h in range(1, horizon + 1):
            errors = [y[end + h - 1] - mean(end) for end in range(k, len(y) - h + 1)]
            point = mean(len(y))
            half = None
            if len(errors) >= 2:
                half = scipy.stats.t.ppf((1 + level) / 2, len(errors)) * np.sqrt(np.mean(np.square(errors)))
            rows.append(
                {
                    "shop": shop,
                    "period": group["period"].max() + pd.DateOffset(months=h),
                    "step": h,
                    "value": None,
                    "forecast": point,
                    "lower": None if half is None else point - half,
                    "upper": None if half is None else point + half,
                    "method": method,
                    "n": len(y),
                }
            )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("window", [1, 3, 7])
def test_moving_average_on_every_engine(window):
    assert_parity(
        lambda frame: forecast.moving_average(frame, window=window, horizon=3, by="shop"),
        SHOPS,
        expected=by_hand(SHOPS, [1] * window, 3, 0.95, f"moving average ({window})"),
        keys=["shop", "step"],
        crossing=len(SHOPS) + 9,
    )


def test_weights_are_most_recent_first():
    got = forecast.weighted_moving_average(
        SHOPS, weights=[0.6, 0.3, 0.1], horizon=2, by="shop", confidence=0.8
    )
    expected = by_hand(SHOPS, [0.6, 0.3, 0.1], 2, 0.8, "weighted moving average (3)")
    assert_frames_match(got, expected, keys=["shop", "step"])


def test_history_holds_the_past_forecasts():
    got = forecast.moving_average(SHOPS, window=2, by="shop", history=True)
    past = got[got["value"].notna()]
    assert past.groupby("shop").size().to_dict() == {"a": 7, "b": 4}
    ordered = SHOPS.sort_values("period").set_index("period")
    for shop, rows in past.groupby("shop"):
        y = ordered[ordered["shop"] == shop]["value"]
        rolled = y.rolling(2).mean().shift(1).dropna()
        assert rows["forecast"].tolist() == rolled.tolist()
        assert rows["value"].tolist() == y[rolled.index].tolist()
        assert rows["period"].tolist() == rolled.index.tolist()
    assert past[["lower", "upper"]].isna().all(axis=None)
    assert (past["step"] == 1).all()
    assert got["value"].isna().sum() == 3


def test_short_series_gives_a_row_without_forecast():
    got = forecast.moving_average(SHOPS, window=3, by="shop").set_index("shop").loc["c"]
    assert pd.isna(got["forecast"])
    assert pd.isna(got["lower"])
    assert got["n"] == 2
    assert got["period"] == pd.Timestamp("2024-01-01")


def test_window_one_is_the_last_value_and_scale_passes_through():
    one = forecast.moving_average(SHOPS, window=1, by="shop", horizon=2)
    last = SHOPS.sort_values("period").groupby("shop")["value"].last()
    assert one.groupby("shop")["forecast"].unique().str[0].to_dict() == last.to_dict()
    scaled = forecast.moving_average(
        SHOPS.assign(value=SHOPS["value"] * -3.0 + 7), window=1, by="shop", horizon=2
    )
    np.testing.assert_allclose(scaled["upper"], one["lower"] * -3 + 7)


def test_weights_that_do_not_add_up():
    with pytest.warns(CRMKitWarning, match="add up to 4, not to 1"):
        got = forecast.weighted_moving_average(SHOPS, weights=[3, 1], by="shop")
    same = forecast.weighted_moving_average(SHOPS, weights=[0.75, 0.25], by="shop")
    np.testing.assert_allclose(got["forecast"], same["forecast"])


@pytest.mark.parametrize("weights", [[], [0, 0], [-0.5, 1.5], "12", [np.nan]])
def test_bad_weights(weights):
    with pytest.raises(ParameterError, match="`weights`"):
        forecast.weighted_moving_average(SHOPS, weights=weights, by="shop")


@pytest.mark.parametrize(
    "bad",
    [
        {"window": 0},
        {"window": 10**18},
        {"window": 10_001},
        {"horizon": 0},
        {"horizon": 10**18},
        {"horizon": 10_001},
        {"confidence": 1},
        {"confidence": 0.49},
        {"history": "yes"},
        {"by": 3},
    ],
)
def test_bad_arguments(bad):
    with pytest.raises(ParameterError, match=f"`{next(iter(bad))}`"):
        forecast.moving_average(SHOPS, **{"window": 2, "by": "shop", **bad})


@pytest.mark.parametrize("level", [7.5, 0.1, 0.0, -3e7])
def test_constant_series_has_a_forecast_but_no_interval(level):
    got = forecast.weighted_moving_average(
        SHOPS.assign(value=level), weights=[0.5, 0.3, 0.2], by="shop", horizon=2, confidence=0.5
    )
    got = got[got["shop"] != "c"]
    assert got["forecast"].tolist() == pytest.approx([level] * 4, rel=1e-12)
    assert got[["lower", "upper"]].isna().all(axis=None)


def test_the_calendar_may_be_given():
    one = pd.DataFrame({"period": pd.to_datetime(["2024-04-01"]), "value": [6.0]})
    for got in (
        forecast.moving_average(one, window=1, period="quarter"),
        forecast.weighted_moving_average(one, weights=[1], period="quarter"),
    ):
        assert got["period"].tolist() == [pd.Timestamp("2024-07-01")]
    chosen = forecast.choose_window(one, windows=[1], period="quarter")
    assert chosen["n"].tolist() == [0]


def test_the_longest_window_and_horizon():
    got = forecast.moving_average(SHOPS, window=10_000, horizon=10_000, by="shop")
    assert len(got) == 30_000
    assert got["forecast"].isna().all()


def test_bad_panels():
    with pytest.raises(ColumnError, match="'value'"):
        forecast.moving_average(SHOPS.drop(columns="value"), window=1)
    with pytest.raises(DataError, match="have no value"):
        forecast.choose_window(SHOPS.assign(value=SHOPS["value"].where(SHOPS.index > 0)), by="shop")


def test_empty_panel_on_every_engine():
    empty = SHOPS.iloc[:0]
    expected = by_hand(SHOPS, [1], 1, 0.95, "x").iloc[:0]
    assert_parity(
        lambda frame: forecast.moving_average(frame, window=2, by="shop", history=True),
        empty,
        expected=expected,
        keys=["shop"],
    )
    assert list(forecast.choose_window(empty, by="shop").columns) == ["shop", "window", "mae", "n", "chosen"]


def chosen_by_hand(frame, windows):
    rows = []
    for shop, group in frame.sort_values("period").groupby("shop"):
        y = group["value"].tolist()
        origins = range(max(windows), len(y))
        maes = {
            w: np.mean([abs(y[t] - np.mean(y[t - w : t])) for t in origins]) if len(origins) else None
            for w in windows
        }
        best = min(windows, key=lambda w: (maes[w], w)) if len(origins) else None
        rows += [
            {"shop": shop, "window": w, "mae": maes[w], "n": len(origins), "chosen": w == best}
            for w in windows
        ]
    return pd.DataFrame(rows)


def test_chosen_window_on_every_engine():
    assert_parity(
        lambda frame: forecast.choose_window(frame, windows=(3, 1, 2), by="shop"),
        SHOPS,
        expected=chosen_by_hand(SHOPS, [1, 2, 3]),
        keys=["shop", "window"],
        crossing=len(SHOPS) + 9,
    )


def test_one_series_needs_no_name():
    one = SHOPS[SHOPS["shop"] == "a"].drop(columns="shop")
    got = forecast.choose_window(to_engine(one, "duckdb"), windows=[1, 2])
    expected = chosen_by_hand(one.assign(shop="a"), [1, 2]).drop(columns="shop")
    assert_frames_match(to_pandas(got), expected, keys=["window"])


def test_equal_errors_choose_the_shortest_window():
    flat = SHOPS.assign(value=4)
    got = forecast.choose_window(flat, windows=[2, 3], by="shop")
    assert got[got["chosen"]][["shop", "window"]].values.tolist() == [["a", 2], ["b", 2]]


@pytest.mark.parametrize("windows", [[], [1, 1], [0, 1], [1.5], "12", [10**18], [10_001]])
def test_bad_windows(windows):
    with pytest.raises(ParameterError, match="`windows`"):
        forecast.choose_window(SHOPS, windows=windows, by="shop")


@pytest.mark.verify
def test_interval_covers_independent_values():
    rng = np.random.default_rng(5)
    count, size = 4000, 60
    values = rng.normal(100, 10, (count, size + 1))
    frame = pd.DataFrame(
        {
            "series_id": np.repeat(np.arange(count), size),
            "period": np.tile(pd.date_range("2020-01-01", periods=size), count),
            "value": values[:, :-1].ravel(),
        }
    )
    got = forecast.moving_average(frame, window=5, confidence=0.9).sort_values("series_id")
    inside = (values[:, -1] >= got["lower"]) & (values[:, -1] <= got["upper"])
    assert abs(inside.mean() - 0.9) < 0.02
