"""Golden numbers of reference §6 (sales of 2002–2008) and of textbooks, manuals and other packages."""

import numpy as np
import pandas as pd
import pytest

from crmkit import forecast

SALES = pd.DataFrame(
    {
        "period": pd.date_range("2002", periods=7, freq="YS"),
        "value": [4830, 4930, 4870, 5210, 5330, 5660, 5440],
    }
)


@pytest.mark.parametrize(
    ("window", "first", "expected"),
    [
        (2, 2004, [4880, 4900, 5040, 5270, 5495, 5550]),
        (4, 2006, [4960, 5085, 5267.5, 5410]),
    ],
)
def test_moving_averages(window, first, expected):
    result = forecast.moving_average(SALES, window=window, history=True)
    assert result["period"].dt.year.tolist() == list(range(first, 2010))
    assert result["forecast"].tolist() == expected


def test_weighted_moving_average():
    result = forecast.weighted_moving_average(SALES, weights=[0.4, 0.3, 0.2, 0.1])
    assert result["period"].tolist() == [pd.Timestamp("2009-01-01")]
    assert result["forecast"].to_numpy() == pytest.approx([5461])


def test_window_by_error_on_common_origins():
    result = forecast.choose_window(SALES)
    assert result["window"].tolist() == [1, 2, 3, 4]
    assert result["mae"].round(1).tolist() == [223.3, 245.0, 296.7, 372.5]
    assert result["n"].tolist() == [3, 3, 3, 3]
    assert result["chosen"].tolist() == [True, False, False, False]


def test_exponential_smoothing_recursion():
    level = 4830.0
    for value in SALES["value"]:
        level = 0.3 * value + 0.7 * level
    result = forecast.SimpleSmoothing(alpha=0.3).fit(SALES).predict(horizon=2)
    np.testing.assert_allclose(result["forecast"], [level, level], rtol=1e-14)


def series(values, start="2000", freq="MS"):
    return pd.DataFrame(
        {"period": pd.date_range(start, periods=len(values), freq=freq), "value": [float(v) for v in values]}
    )


def past(table):
    """Forecasts of the periods that are known, their errors, and what comes next."""
    known = table.dropna(subset="value")
    return known["forecast"], known["value"] - known["forecast"], float(table["forecast"].iloc[-1])


# Oil production of Saudi Arabia (Hyndman and Athanasopoulos, Forecasting: principles and practice): the
# first edition's window of 1996-2007, and the second edition's revised data of 1996-2013.
OIL = [446.6565, 454.4733, 455.663, 423.6322, 456.2713, 440.5881, 425.3325, 485.1494, 506.0482]
OIL += [526.792, 514.2689, 494.211]
OIL_REVISED = [445.3641, 453.195, 454.4096, 422.3789, 456.0371, 440.3866, 425.1944, 486.2052, 500.4291]
OIL_REVISED += [521.2759, 508.9476, 488.8889, 509.8706, 456.7229, 473.8166, 525.9509, 549.8338, 542.3405]


@pytest.mark.parametrize(("alpha", "printed"), [(0.2, 484.802468), (0.6, 501.837461)])
def test_oil_in_the_tests_of_statsmodels(alpha, printed):
    """Their test_simple_exp_smoothing, from unrounded data: four decimals, as there."""
    model = forecast.SimpleSmoothing(alpha=alpha).fit(series(OIL, "1996", "YS"))
    assert round(model.predict()["forecast"].item(), 4) == round(printed, 4)


def test_oil_with_estimated_level_in_the_tests_of_statsmodels():
    model = forecast.SimpleSmoothing(initial="estimated").fit(series(OIL, "1996", "YS"))
    (found,) = model.series_.to_dict("records")
    assert round(found["alpha"], 4) == round(0.891998, 4)
    assert round(found["initial_level"], 4) == round(447.478440, 4)
    assert round(model.predict()["forecast"].item(), 4) == round(496.493543, 4)


def test_oil_in_the_forecast_package_of_r():
    """ses() prints σ 29.8282; its α .8339 and level 446.5868 fit no better than the estimates here."""
    model = forecast.SimpleSmoothing(initial="estimated").fit(series(OIL_REVISED, "1996", "YS"))
    sigma = model.series_["sigma"].item()
    assert round(sigma, 4) == 29.8282
    level, squares = 446.5868, 0.0
    for value in OIL_REVISED:
        squares += (value - level) ** 2
        level += 0.8339 * (value - level)
    assert sigma**2 * 16 <= squares


def test_sales_exercise_of_wong():
    """wongsteve.com, Exponential Smoothing: mean squared error and its root."""
    model = forecast.SimpleSmoothing(alpha=0.3).fit(series([99, 88, 50, 58, 62, 60, 55, 62, 71, 65]))
    sigma = model.series_["sigma"].item()
    assert (round(sigma**2, 2), round(sigma, 1)) == (365.80, 19.1)


@pytest.mark.parametrize(
    ("values", "average", "smoothed", "best"),
    [
        ([23, 13, 21, 13, 19, 21, 17], (19.00, 14.67), (19.12, 29.01), 0.32),
        ([24, 15, 21, 13, 19, 21, 16], (18.67, 17.50), (19.32, 30.40), 0.41),
        ([24, 13, 20, 12, 19, 23, 15], (19.00, 27.50), (19.12, 42.15), 0.35),
    ],
)
def test_seven_months_of_anderson_sweeney_and_williams(values, average, smoothed, best):
    """Variants of an exercise of theirs, answered on justaaa.com: forecast and mean squared error.

    For 19.12 they print 19.13, .2 × 17 + .8 × 19.66, with 19.656 rounded on the way.
    """
    _, error, ahead = past(forecast.moving_average(series(values), window=3, history=True))
    assert (round(ahead, 2), round((error**2).mean(), 2)) == average
    model = forecast.SimpleSmoothing(alpha=0.2).fit(series(values))
    found = model.predict()["forecast"].item(), model.series_["sigma"].item() ** 2
    assert tuple(round(value, 2) for value in found) == smoothed
    assert round(forecast.SimpleSmoothing().fit(series(values)).series_["alpha"].item(), 2) == best


GASOLINE = [17, 21, 19, 23, 18, 16, 20, 18, 22, 20, 15, 22]


def test_gasoline_of_anderson_sweeney_and_williams():
    """Statistics for Business and Economics: averages of three weeks, errors, two smoothing constants."""
    forecasts, error, ahead = past(forecast.moving_average(series(GASOLINE), window=3, history=True))
    assert forecasts.tolist() == [19, 21, 20, 19, 18, 18, 20, 20, 19]
    assert ahead == 19
    assert (round(error.abs().mean(), 2), round((error**2).mean(), 2)) == (2.67, 10.22)
    table = forecast.choose_window(series(GASOLINE), windows=[1, 2, 3])
    assert round(table.loc[table["chosen"], "mae"].item(), 2) == 2.67
    assert table.loc[table["chosen"], "window"].tolist() == [3]
    for alpha, printed in ((0.2, 8.98), (0.3, 9.35)):
        sigma = forecast.SimpleSmoothing(alpha=alpha).fit(series(GASOLINE)).series_["sigma"].item()
        assert round(sigma**2, 2) == printed


def test_garden_sheds_of_heizer_and_render():
    """Operations Management: three months, also weighted by 3, 2 and 1."""
    sheds = series([10, 12, 13, 16, 19, 23, 26, 30, 28, 18, 16, 14])
    plain = forecast.moving_average(sheds, window=3, history=True)["forecast"]
    assert plain.round(2).tolist() == [
        *(11.67, 13.67, 16.00, 19.33, 22.67, 26.33, 28.00, 25.33, 20.67, 16.00)
    ]
    weighted = forecast.weighted_moving_average(sheds, weights=[3 / 6, 2 / 6, 1 / 6], history=True)
    assert weighted["forecast"].round(2).tolist() == [
        *(12.17, 14.33, 17.00, 20.50, 23.83, 27.50, 28.33, 23.33, 18.67, 15.33)
    ]
