"""What will be sold: regular series from dated rows, averages and smoothing, always with interval and base.

`series` makes the panel that every method takes, many series at once; `averages` and `smoothing` forecast it.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.forecast.averages import (
        choose_window as choose_window,
        moving_average as moving_average,
        weighted_moving_average as weighted_moving_average,
    )
    from crmkit.forecast.series import to_series as to_series
    from crmkit.forecast.smoothing import SimpleSmoothing as SimpleSmoothing

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "averages": ("choose_window", "moving_average", "weighted_moving_average"),
        "series": ("to_series",),
        "smoothing": ("SimpleSmoothing",),
    },
)
