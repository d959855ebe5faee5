"""Run one function on every dataframe engine and compare: the harness that crmkit tests itself with.

Test your own metric on seven inputs with one call:

>>> import pandas as pd
>>> from crmkit.testing import assert_parity
>>> orders = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [1.0, 2.0, 4.0]})
>>> revenue = pd.DataFrame({"customer_id": ["a", "b"], "amount": [3.0, 4.0]})
>>> def total(frame):
...     import narwhals as nw
...     rows = nw.from_native(frame).lazy()
...     return rows.group_by("customer_id").agg(nw.col("amount").sum()).collect().to_native()
>>> assert_parity(total, orders, expected=revenue, keys=["customer_id"], engines=["pandas"])
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.testing.engines import (
        ENGINES as ENGINES,
        LAZY as LAZY,
        available as available,
        crossed_rows as crossed_rows,
        spark_session as spark_session,
        to_engine as to_engine,
        to_pandas as to_pandas,
    )
    from crmkit.testing.parity import (
        assert_frames_match as assert_frames_match,
        assert_parity as assert_parity,
    )

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "engines": (
            "ENGINES",
            "LAZY",
            "available",
            "crossed_rows",
            "spark_session",
            "to_engine",
            "to_pandas",
        ),
        "parity": ("assert_frames_match", "assert_parity"),
    },
)
