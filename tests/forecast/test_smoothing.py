"""Simple exponential smoothing against statsmodels, a loop in plain Python and a simulation."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats
from statsmodels.tsa.holtwinters import SimpleExpSmoothing

from crmkit import forecast
from crmkit.errors import CRMKitError, DataError, ParameterError
from crmkit.testing import assert_parity


def local_levels(count, size, seed):
    """Simulate series whose level takes a share α of each shock; return values, next value and α."""
    rng = np.random.default_rng(seed)
    alpha = rng.uniform(0.05, 0.9, count)
    shocks = rng.normal(0, 10, (count, size + 1))
    values, level = np.empty((count, size + 1)), np.full(count, 100.0)
    for t in range(size + 1):
        values[:, t] = level + shocks[:, t]
        level = level + alpha * shocks[:, t]
    return values[:, :-1], values[:, -1], alpha


def long_form(values, dropped=None):
    """Lay series × time out in rows; drop the first `dropped[s]` values of series s."""
    count, size = values.shape
    frame = pd.DataFrame(
        {
            "series_id": np.repeat(np.arange(count), size),
            "period": np.tile(pd.date_range("2020-01-06", periods=size, freq="W-MON"), count),
            "value": values.ravel(),
        }
    )
    if dropped is None:
        return frame
    return frame[np.tile(np.arange(size), count) >= np.repeat(dropped, size)]


def one_step(y, alpha, level):
    """Walk through one series: errors and last level."""
    errors = []
    for value in y:
        errors.append(value - level)
        level = alpha * value + (1 - alpha) * level
    return np.array(errors), level


def statsmodels_fit(y, initial):
    options = (
        {"initialization_method": "known", "initial_level": y[0]}
        if initial == "first"
        else {"initialization_method": "estimated"}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SimpleExpSmoothing(y, **options).fit()


@pytest.mark.parametrize("initial", ["first", "estimated"])
def test_statsmodels_agrees(initial):
    values, _, _ = local_levels(12, 60, 3)
    dropped = np.arange(12) * 3
    fitted = forecast.SimpleSmoothing(initial=initial).fit(long_form(values, dropped))
    same = 0
    for row in fitted.series_.itertuples():
        y = values[row.series_id, dropped[row.series_id] :]
        peer = statsmodels_fit(y, initial)
        errors, level = one_step(y, row.alpha, row.initial_level)
        assert row.level == pytest.approx(level, rel=1e-12)
        assert row.sigma == pytest.approx(np.sqrt(np.sum(errors**2) / (len(y) - 2)), rel=1e-9)
        assert np.sum(errors**2) <= peer.sse * (1 + 1e-9)
        if peer.sse <= np.sum(errors**2) * (1 + 1e-6):  # else it stopped in another valley, a worse one
            same += 1
            assert row.alpha == pytest.approx(peer.params["smoothing_level"], abs=2e-3)
            assert row.level == pytest.approx(peer.forecast(1)[0], rel=1e-4)
    assert same >= 10


@pytest.mark.parametrize("initial", ["first", "estimated"])
def test_no_weight_does_better(initial):
    values, _, _ = local_levels(6, 25, 8)
    fitted = forecast.SimpleSmoothing(initial=initial).fit(long_form(values)).series_
    for y, row in zip(values, fitted.itertuples(), strict=True):
        best = np.sum(one_step(y, row.alpha, row.initial_level)[0] ** 2)
        for alpha in np.linspace(0, 1, 2001):
            start = y[0]
            if initial == "estimated":
                start = (
                    scipy.optimize.minimize_scalar(
                        lambda level, y=y, a=alpha: np.sum(one_step(y, a, level)[0] ** 2), tol=1e-3
                    ).x
                    if alpha in (0, 0.25, 0.5, 0.75, 1)
                    else row.initial_level
                )
            assert np.sum(one_step(y, alpha, start)[0] ** 2) >= best * (1 - 1e-9)


def test_given_weight_and_estimated_start():
    values, _, _ = local_levels(3, 8, 1)
    fitted = forecast.SimpleSmoothing(alpha=0.4, initial="estimated").fit(long_form(values)).series_
    for y, row in zip(values, fitted.itertuples(), strict=True):
        # the errors are linear in the first level: ordinary least squares
        design = 0.6 ** np.arange(len(y))
        errors, _ = one_step(y, 0.4, 0.0)
        start = np.linalg.lstsq(design[:, None], errors, rcond=None)[0][0]
        assert row.initial_level == pytest.approx(start)
        assert row.level == pytest.approx(one_step(y, 0.4, start)[1])


def test_forecast_on_every_engine():
    values, _, _ = local_levels(3, 20, 5)
    frame = long_form(values, np.array([0, 6, 18]))
    rows = []
    for s in range(3):
        y = values[s, [0, 6, 18][s] :]
        errors, level = one_step(y, 0.3, y[0])
        sigma = np.sqrt(np.sum(errors**2) / (len(y) - 1))
        for h in (1, 2, 3):
            half = scipy.stats.t.ppf(0.9, len(y) - 1) * sigma * np.sqrt(1 + (h - 1) * 0.3**2)
            rows.append(
                (s, frame["period"].max() + pd.Timedelta(weeks=h), h, level, level - half, level + half)
            )
    columns = ["series_id", "period", "step", "forecast", "lower", "upper"]
    expected = pd.DataFrame(rows, columns=columns).assign(
        method="simple exponential smoothing", n=np.repeat([20, 14, 2], 3)
    )
    assert_parity(
        lambda panel: forecast.SimpleSmoothing(alpha=0.3).fit(panel).predict(horizon=3, confidence=0.8),
        frame,
        expected=expected,
        keys=["series_id", "step"],
        crossing=len(frame) + 9,
    )


def test_short_series():
    frame = long_form(np.array([[4.0, 6, 5, 7]] * 4), np.array([0, 1, 2, 3]))
    estimated = forecast.SimpleSmoothing().fit(frame).predict()
    assert estimated["forecast"].notna().tolist() == [True, True, False, False]
    assert estimated["lower"].notna().tolist() == [True, True, False, False]
    assert estimated["n"].tolist() == [4, 3, 2, 1]
    given = forecast.SimpleSmoothing(alpha=0.5).fit(frame).predict()
    assert given["forecast"].tolist() == [6.0, 6.25, 6.0, 7.0]
    assert given["lower"].notna().tolist() == [True, True, True, False]


@pytest.mark.parametrize("alpha", [0, 1])
@pytest.mark.parametrize("initial", ["first", "estimated"])
def test_extreme_weights(alpha, initial):
    y = np.array([[3.0, 8, 4, 9, 1]])
    row = forecast.SimpleSmoothing(alpha=alpha, initial=initial).fit(long_form(y)).series_.iloc[0]
    # weight 1 is the last value; weight 0 never learns: the first level stays, its best is the mean
    assert row["level"] == pytest.approx({0: 3.0 if initial == "first" else 5.0, 1: 1.0}[alpha])


@pytest.mark.parametrize("level", [7.5, 0.1, 0.0, -1e9])
@pytest.mark.parametrize("initial", ["first", "estimated"])
def test_constant_series_has_a_forecast_but_no_interval(level, initial):
    model = forecast.SimpleSmoothing(initial=initial).fit(long_form(np.full((2, 6), level)))
    got = model.predict(horizon=2)
    assert got["forecast"].tolist() == pytest.approx([level] * 4, rel=1e-12)
    assert got[["lower", "upper"]].isna().all(axis=None)


def test_rows_after_as_of_are_refused():
    frame = long_form(np.arange(8.0).reshape(2, 4))  # Mondays 6 to 27 January 2020
    model = forecast.SimpleSmoothing(alpha=0.5)
    with pytest.raises(DataError, match="2 of 8 rows are dated after as_of, 2020-01-26"):
        model.fit(frame, as_of="2020-01-26")
    known = model.fit(frame, as_of="2020-01-27").predict()
    pd.testing.assert_frame_equal(known, forecast.SimpleSmoothing(alpha=0.5).fit(frame).predict())
    late = frame.assign(period=frame["period"] + pd.Timedelta(hours=23))
    assert model.fit(late, as_of="2020-01-27").series_["n"].tolist() == [4, 4]
    with pytest.raises(ParameterError, match="`as_of` must be a date"):
        model.fit(frame, as_of=20200127)


def test_scale_and_shift_pass_through():
    values, _, _ = local_levels(4, 30, 6)
    one = forecast.SimpleSmoothing(initial="estimated").fit(long_form(values))
    two = forecast.SimpleSmoothing(initial="estimated").fit(long_form(values * 1000 + 5e6))
    np.testing.assert_allclose(two.series_["alpha"], one.series_["alpha"], atol=1e-6)
    np.testing.assert_allclose(two.series_["level"], one.series_["level"] * 1000 + 5e6, rtol=1e-9)


def test_empty_panel():
    frame = long_form(np.ones((1, 3))).iloc[:0]
    got = forecast.SimpleSmoothing().fit(frame).predict()
    assert list(got.columns)[:3] == ["series_id", "period", "step"]
    assert len(got) == 0


def test_json_round_trip():
    values, _, _ = local_levels(5, 12, 2)
    frame = long_form(values, np.array([0, 0, 11, 10, 4])).assign(region="N", flag=True)
    for by in ("series_id", ["region", "series_id", "flag"]):
        model = forecast.SimpleSmoothing(initial="estimated").fit(frame, by=by)
        back = forecast.SimpleSmoothing.from_json(model.to_json())
        assert (back.alpha, back.initial, back.by_, back.period_) == (None, "estimated", model.by_, "week")
        pd.testing.assert_frame_equal(back.predict(horizon=4), model.predict(horizon=4))
        assert back.to_json() == model.to_json()
    single = forecast.SimpleSmoothing(alpha=0.5).fit(frame[frame["series_id"] == 0], by=[])
    again = forecast.SimpleSmoothing.from_json(single.to_json())
    pd.testing.assert_frame_equal(again.predict(), single.predict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": [1]}, "columns differ in length"),
        ({"keys": [[1, 2], [1, 2]]}, "keys do not fit"),
        ({"last": ["yesterday", "2024-01-01"]}, "a date that is none"),
        ({"period": "hour"}, "period"),
        ({"alpha": ["x", 0.5]}, "alpha"),
        ({"alpha": [0.5, -1.0]}, "a weight alpha is not between 0 and 1"),
        ({"sigma": [1.0, -1.0]}, "a standard deviation sigma is below 0"),
        ({"n": [4, 0]}, "a number of periods n is not between 1 and"),
        ({"n": [4, 2**70]}, "a number of periods n is not between 1 and"),
        ({"keys": [[0], [0]]}, "a series stands in it twice"),
        ({"by": ["x", "x"], "keys": [[0, 1], [1, 1]]}, "keys do not fit"),
    ],
)
def test_damaged_json(change, message):
    model = forecast.SimpleSmoothing().fit(long_form(np.arange(8.0).reshape(2, 4)))
    text = json.loads(model.to_json())
    text["state"] |= change
    with pytest.raises(DataError, match=message):
        forecast.SimpleSmoothing.from_json(json.dumps(text))


def test_a_weight_outside_its_range_in_a_file():
    model = forecast.SimpleSmoothing(alpha=0.5).fit(long_form(np.arange(8.0).reshape(2, 4)))
    text = json.loads(model.to_json())
    text["params"]["alpha"] = 1.5
    with pytest.raises(DataError, match="alpha is not between 0 and 1"):
        forecast.SimpleSmoothing.from_json(json.dumps(text))


@pytest.mark.parametrize("bad", [{"alpha": 1.5}, {"alpha": "high"}, {"initial": "last"}])
def test_bad_parameters(bad):
    with pytest.raises(ParameterError, match=f"`{next(iter(bad))}`"):
        forecast.SimpleSmoothing(**bad).fit(long_form(np.ones((1, 4))))


def test_bad_horizon_and_level():
    model = forecast.SimpleSmoothing().fit(long_form(np.ones((1, 4))))
    for horizon in (0, 10_001, 10**18):
        with pytest.raises(ParameterError, match="`horizon` must be an integer at least 1 and at most 10000"):
            model.predict(horizon=horizon)
    assert len(model.predict(horizon=10_000)) == 10_000
    for confidence in (1, 0.49, 0, 95):
        with pytest.raises(
            ParameterError, match="`confidence` must be a finite number at least 0.5 and below 1"
        ):
            model.predict(confidence=confidence)
    assert model.predict(confidence=0.5)["forecast"].tolist() == [1.0]


def test_horizon_ends_while_engines_have_dates():
    values = pd.DataFrame({"period": pd.date_range("2020", periods=4, freq="YS"), "value": [1.0, 3, 2, 4]})
    model = forecast.SimpleSmoothing(alpha=0.5).fit(values)
    assert model.predict(horizon=9999 - 2023)["period"].max().year == 9999
    with pytest.raises(
        ParameterError, match="`horizon` must be a number of periods that end by the year 9999"
    ):
        model.predict(horizon=10_000 - 2023)


def test_unfitted_model():
    model = forecast.SimpleSmoothing(alpha=0.2)
    assert repr(model) == "SimpleSmoothing(alpha=0.2, initial='first')"
    for call in (model.predict, model.to_json):
        with pytest.raises(CRMKitError, match="fitted"):
            call()


@pytest.mark.verify
def test_interval_covers_and_weight_is_recovered():
    values, following, alpha = local_levels(3000, 80, 9)
    model = forecast.SimpleSmoothing().fit(long_form(values))
    got = model.predict(confidence=0.9)
    inside = (following >= got["lower"].to_numpy()) & (following <= got["upper"].to_numpy())
    assert abs(inside.mean() - 0.9) < 0.02
    assert abs(np.median(model.series_["alpha"].to_numpy() - alpha)) < 0.02
