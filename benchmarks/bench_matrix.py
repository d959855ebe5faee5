"""`segmentation.classify` on a million customers, against two ways to write it in NumPy and pandas."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from crmkit import segmentation
from measuring import assert_equal, medians, row

Cuts = Mapping[str, tuple[float, ...]]


def _base(customers: int, columns: list[str], *, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    scores = {name: rng.uniform(1, 5, customers) for name in columns}
    return pd.DataFrame({"customer_id": np.arange(customers), **scores})


def _nearest(frame: pd.DataFrame, cuts: Cuts) -> dict[str, Any]:
    """The nearest boundary of each row: the axis, the distance, and the distance in standard deviations."""
    distances, sigmas = [], []
    for name, points in cuts.items():
        x = frame[name].to_numpy()
        nearest = x - points[0]
        for point in points[1:]:
            nearest = np.where(np.abs(x - point) < np.abs(nearest), x - point, nearest)
        distances.append(nearest)
        sigmas.append(np.abs(nearest) / np.std(x, ddof=1))
    second = sigmas[1] < sigmas[0]
    first, other = cuts
    return {
        "nearest_axis": np.where(second, other, first),
        "boundary_distance": np.where(second, distances[1], distances[0]),
        "boundary_sigmas": np.where(second, sigmas[1], sigmas[0]),
    }


def by_select(frame: pd.DataFrame, matrix: segmentation.Matrix, cuts: Cuts) -> pd.DataFrame:
    """One condition a cell, and `np.select`."""
    level = {name: sum(frame[name].to_numpy() >= point for point in points) for name, points in cuts.items()}
    here = [
        np.logical_and.reduce(
            [
                level[axis.column] == axis.levels.index(name)
                for axis, name in zip(matrix.axes, cell.levels, strict=True)
            ]
        )
        for cell in matrix.cells
    ]
    return frame.assign(
        cell=np.select(here, [cell.name for cell in matrix.cells], ""),
        strategy=np.select(here, [cell.strategy for cell in matrix.cells], ""),
        **_nearest(frame, cuts),
    )


def by_take(frame: pd.DataFrame, matrix: segmentation.Matrix, cuts: Cuts) -> pd.DataFrame:
    """The number of the cell from `np.searchsorted`, and names taken by it: fast, and rarely written."""
    levels = [np.searchsorted(points, frame[name], side="right") for name, points in cuts.items()]
    place = np.ravel_multi_index(levels, [len(axis.levels) for axis in matrix.axes])
    cells = matrix.places()
    return frame.assign(
        cell=pd.Series([cell.name for cell in cells]).array.take(place),
        strategy=pd.Series([cell.strategy for cell in cells]).array.take(place),
        **_nearest(frame, cuts),
    )


def rows(customers: int = 1_000_000, repeat: int = 5) -> list[dict[str, Any]]:
    """Measure the promise on four cells and on nine; each output is compared with crmkit's."""
    four = _rows(segmentation.SHAPIRO, (3.0,), customers, repeat)
    return four + _rows(segmentation.MCKINSEY_GE, (2.0, 4.0), customers, repeat)


def _rows(
    matrix: segmentation.Matrix, points: tuple[float, ...], customers: int, repeat: int
) -> list[dict[str, Any]]:
    """The promise is against `np.select`, the way it is written by hand; the other row informs."""
    frame = _base(customers, matrix.columns)
    cuts = dict.fromkeys(matrix.columns, points)
    functions = {
        "crmkit": lambda: segmentation.classify(frame, matrix, cuts=cuts),
        "np.select": lambda: by_select(frame, matrix, cuts),
        "np.searchsorted and take": lambda: by_take(frame, matrix, cuts),
    }
    seconds, outputs = medians(functions, repeat=repeat)
    own = seconds.pop("crmkit")
    for name in seconds:
        assert_equal(outputs["crmkit"], outputs[name], key="customer_id")
    promise = f"classify, pandas, {customers:_} customers, {len(matrix.cells)} cells".replace("_", " ")
    targets = {"np.select": 1.0, "np.searchsorted and take": None}
    return [row(promise, own, {name: seconds[name]}, target) for name, target in targets.items()]


if __name__ == "__main__":
    for measured in rows():
        print(measured)
