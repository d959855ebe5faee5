"""`segmentation.rfm` on 5 million orders of 500 000 customers, against two ways to write it in pandas."""

from typing import Any

import numpy as np
import pandas as pd

from crmkit import segmentation
from measuring import assert_equal, medians, row, simulated_orders

AS_OF = "2023-12-31"
_BINS = 5


def _tiles(values: pd.Series) -> np.ndarray:
    """Score by the middle of the rows that tie, ends forced: the same rule, written for one column."""
    _, place, count = np.unique(values.to_numpy(), return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    tile = np.ceil(_BINS * middle / len(values)).astype(np.int64)
    tile[0], tile[-1] = 1, _BINS
    return tile[place]


def _tiles_by_rank(values: pd.Series) -> np.ndarray:
    """The same rule from average ranks."""
    middle = values.rank(method="average") - 0.5
    tile = np.ceil(_BINS * middle / len(values)).astype(np.int64)
    return tile.mask(values == values.min(), 1).mask(values == values.max(), _BINS).to_numpy()


def _segments(table: pd.DataFrame) -> np.ndarray:
    """The names of the default segments, from a grid of recency by frequency."""
    names = np.full((_BINS + 1, _BINS + 1), "", dtype=object)
    for segment in segmentation.SEGMENTS:
        names[segment.r[0] : segment.r[1] + 1, segment.f[0] : segment.f[1] + 1] = segment.name
    return names[table["r"], table["f"]]


def _scored(base: pd.DataFrame, tiles: Any) -> pd.DataFrame:
    table = base.assign(r=tiles(-base["recency_days"]), f=tiles(base["frequency"]), m=tiles(base["monetary"]))
    table["rfm"] = (table["r"] * 100 + table["f"] * 10 + table["m"]).astype(str)
    table["score"] = table["r"] + table["f"] + table["m"]
    return table.assign(segment=_segments(table))


def pandas_days(orders: pd.DataFrame) -> pd.DataFrame:
    day = orders["order_date"].dt.normalize().rename("day")
    days = orders.groupby(["customer_id", day], sort=False)["amount"].sum().reset_index()
    base = days.groupby("customer_id").agg(
        last=("day", "max"), frequency=("day", "size"), monetary=("amount", "sum")
    )
    base["recency_days"] = (pd.Timestamp(AS_OF) - base.pop("last")).dt.days
    base["monetary"] = base["monetary"].round(6)
    return _scored(base.reset_index(), _tiles)


def pandas_distinct(orders: pd.DataFrame) -> pd.DataFrame:
    rows = orders.assign(day=orders["order_date"].dt.normalize())
    base = rows.groupby("customer_id").agg(last=("day", "max"), monetary=("amount", "sum"))
    base["frequency"] = rows.drop_duplicates(["customer_id", "day"]).groupby("customer_id").size()
    base["recency_days"] = (pd.Timestamp(AS_OF) - base.pop("last")).dt.days
    base["monetary"] = base["monetary"].round(6)
    return _scored(base.reset_index(), _tiles_by_rank)


def rows(orders: int = 5_000_000, customers: int = 500_000, repeat: int = 5) -> list[dict[str, Any]]:
    """Measure the promise; each output is compared with crmkit's."""
    frame = simulated_orders(orders, customers)
    functions = {
        "crmkit": lambda: segmentation.rfm(frame, as_of=AS_OF),
        "pandas groupby of days": lambda: pandas_days(frame),
        "pandas groupby and distinct days": lambda: pandas_distinct(frame),
    }
    seconds, outputs = medians(functions, repeat=repeat)
    for name in functions:
        assert_equal(outputs["crmkit"], outputs[name], key="customer_id")
    size = f"{orders:_} orders of {customers:_} customers".replace("_", " ")
    return [row(f"rfm, pandas, {size}", seconds.pop("crmkit"), seconds, 1.3)]


if __name__ == "__main__":
    for measured in rows():
        print(measured)
