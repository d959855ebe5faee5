"""crmkit: analytical CRM on DataFrames.

Data flow from the top to the bottom; each floor uses only the floors above it::

    errors  _params  periods                      words, checks, units
    _native  _frames  _joins  _persist  _sql      engines, model files, rules as SQL
    stats                                         intervals, cuts, survival, allocation
    tables                                        customers, orders, leads … mapped once
    metrics   segmentation   forecast   clv       the four rooms
    datasets  plot  report  testing  cli          data, pictures, pages, tools

Every function takes a DataFrame first (pandas, polars, pyarrow, DuckDB or Spark) and gives the same kind
back. Submodules are imported when they are first used: ``import crmkit`` loads nothing else.

>>> import crmkit
>>> crmkit.clv.margin_multiple(retention=0.9, discount=0.12)
MarginMultiple(4.0909; retention 0.9, discount 0.12, first margin one period from now)
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit import (
        clv as clv,
        datasets as datasets,
        errors as errors,
        forecast as forecast,
        metrics as metrics,
        periods as periods,
        plot as plot,
        report as report,
        segmentation as segmentation,
        stats as stats,
        tables as tables,
        testing as testing,
    )

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    dict.fromkeys(
        (
            "clv",
            "datasets",
            "errors",
            "forecast",
            "metrics",
            "periods",
            "plot",
            "report",
            "segmentation",
            "stats",
            "tables",
            "testing",
        ),
        (),
    ),
)
