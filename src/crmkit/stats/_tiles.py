"""Find quantile cuts inside an engine: only the few thresholds leave it."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames
from crmkit.errors import DataError
from crmkit.stats.cuts import quantile_cuts


def tile_cuts(frame: nw.LazyFrame[Any], columns: Sequence[str], k: int) -> dict[str, tuple[float, ...]]:
    """Find, for each numeric column, the thresholds of k classes that `quantile_cuts` finds.

    One query for all columns, of which at most k rows a column are collected. Nulls do not count.
    """
    if frame.implementation.is_pandas():
        local = _frames.collect(frame.select(*columns))
        if not local.notna().any().all():
            _refuse(columns)
        return {name: quantile_cuts(local[name].dropna(), k) for name in columns}
    starts = _frames.collect(_tiles(frame, columns, k))
    if starts["column"].nunique() < len(columns):
        _refuse(columns)
    found = {}
    for name in columns:
        mine = starts[starts["column"] == name]
        found[name] = tuple(float(mine.loc[mine["tile"] >= j, "start"].min()) for j in range(2, k + 1))
    return found


def _tiles(frame: nw.LazyFrame[Any], columns: Sequence[str], k: int) -> nw.LazyFrame[Any]:
    """Return column, tile, start: the least value of each class ⌈k (C − c/2) / N⌉ that has one."""
    # Not `unpivot`, which narwhals runs on DuckDB's default connection and not on the user's.
    parts = (frame.select(column=nw.lit(name), start=nw.col(name).cast(nw.Float64)) for name in columns)
    long = nw.concat(list(parts)).filter(~nw.col("start").is_null())
    value, count = nw.col("start"), nw.col("count")
    counted = long.group_by("column", "start").agg(count=nw.len())
    counted = counted.with_columns(count.cast(nw.Int64)).with_columns(
        reached=count.cum_sum().over("column", order_by="start").cast(nw.Int64),
        n=count.sum().over("column").cast(nw.Int64),
        low=value.min().over("column"),
        high=value.max().over("column"),
    )
    n = nw.col("n")
    tile = (2 * k * nw.col("reached") - k * count + 2 * n - 1) // (2 * n)
    tile = nw.when(value == nw.col("low")).then(nw.lit(1, nw.Int64)).otherwise(tile)
    tile = nw.when(value == nw.col("high")).then(nw.lit(k, nw.Int64)).otherwise(tile)
    return counted.with_columns(tile=tile.cast(nw.Int64)).group_by("column", "tile").agg(value.min())


def _refuse(columns: Sequence[str]) -> None:
    msg = (
        f"cut points need at least one value in each of {', '.join(columns)}. Found a column without any: "
        "check the filter before."
    )
    raise DataError(msg)
