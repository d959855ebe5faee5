"""Simple exponential smoothing of many series, fitted and forecast: crmkit, statsforecast, statsmodels.

Runs in an environment of its own, because statsforecast needs pandas 2.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import SimpleExponentialSmoothingOptimized
from statsmodels.tsa.holtwinters import SimpleExpSmoothing

from crmkit.forecast import SimpleSmoothing
from measuring import medians, row

LENGTH = 104


def simulated_panel(series: int) -> pd.DataFrame:
    """Make weekly series with a level that wanders."""
    rng = np.random.default_rng(0)
    level = 100 + np.cumsum(rng.normal(0, 2, (series, LENGTH)), axis=1)
    weeks = pd.date_range("2022-01-03", periods=LENGTH, freq="7D")
    return pd.DataFrame(
        {
            "series_id": np.repeat(np.arange(series), LENGTH),
            "period": np.tile(weeks, series),
            "value": (level + rng.normal(0, 5, level.shape)).ravel(),
        }
    )


def with_statsmodels(panel: pd.DataFrame) -> np.ndarray:
    """Fit each series on its own, with the first value as the first level."""
    values = panel["value"].to_numpy().reshape(-1, LENGTH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = [
            SimpleExpSmoothing(y, initialization_method="known", initial_level=y[0]).fit() for y in values
        ]
    return np.array([fit.forecast(1)[0] for fit in fits])


def rows(series: int = 2_000, repeat: int = 5) -> list[dict[str, Any]]:
    """Measure fit and one-step forecast; forecasts of the two exact optimisers must agree."""
    panel = simulated_panel(series)
    renamed = panel.rename(columns={"series_id": "unique_id", "period": "ds", "value": "y"})
    models = StatsForecast([SimpleExponentialSmoothingOptimized()], freq="7D")
    functions = {
        "crmkit": lambda: SimpleSmoothing().fit(panel, period="week").predict(horizon=1),
        "statsforecast": lambda: models.forecast(df=renamed, h=1),
    }
    seconds, outputs = medians(functions, repeat=repeat)
    few = panel[panel["series_id"] < 200]
    loop, loops = medians({"statsmodels": lambda: with_statsmodels(few)}, repeat=3)
    ours = outputs["crmkit"].sort_values("series_id")["forecast"].to_numpy()
    theirs = outputs["statsforecast"].sort_values("unique_id").iloc[:, -1].to_numpy()
    np.testing.assert_allclose(ours[:200], loops["statsmodels"], rtol=1e-2)
    np.testing.assert_allclose(ours, theirs, rtol=5e-2)
    size = f"{series} series of {LENGTH} weeks"
    return [
        row(f"SimpleSmoothing, {size}", seconds["crmkit"], {"statsforecast": seconds["statsforecast"]}, None),
        row(
            f"SimpleSmoothing, {size}",
            seconds["crmkit"],
            {"statsmodels loop": loop["statsmodels"] * series / 200},
            None,
        ),
    ]
