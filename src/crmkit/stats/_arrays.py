"""Check the local arrays that the statistics take: finite numbers, and counts that weigh them."""

from typing import TYPE_CHECKING

from crmkit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def floats(name: str, values: "ArrayLike") -> "NDArray[np.float64]":
    """Return numbers as a float array of any shape."""
    import numpy as np

    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"{name} must be numbers. {error}: convert them first."
        raise DataError(msg) from None


def aligned(columns: "Mapping[str, ArrayLike]") -> "list[NDArray[np.float64]]":
    """Return columns of numbers as float arrays of one shape; a single number fills a column."""
    import numpy as np

    arrays = [floats(name, values) for name, values in columns.items()]
    try:
        return list(np.broadcast_arrays(*arrays))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays)
        msg = f"{' and '.join(columns)} must be of one length. Found the shapes {shapes}: align them first."
        raise DataError(msg) from None


def finite(name: str, values: "ArrayLike") -> "NDArray[np.float64]":
    """Return a one-dimensional float array without missing or infinite values."""
    import numpy as np

    array = floats(name, values)
    bad = int((~np.isfinite(array)).sum())
    if array.ndim != 1 or bad:
        msg = (
            f"{name} must be one column of finite numbers. Found {array.ndim} dimensions and {bad} of "
            f"{array.size} values missing or infinite: remove or impute them first."
        )
        raise DataError(msg)
    return array


def counts(weights: "ArrayLike | None", rows: int) -> "NDArray[np.int64]":
    """Return the number of units each row stands for: ones by default."""
    import numpy as np

    if weights is None:
        return np.ones(rows, dtype=np.int64)
    array = finite("weights", weights)
    wrong = int(((array < 0) | (array != np.floor(array))).sum())
    if array.size != rows or wrong:
        msg = (
            f"weights must be counts, one for each of {rows} rows. Found {array.size} weights, {wrong} of "
            "them negative or fractional: pass whole numbers."
        )
        raise DataError(msg)
    return array.astype(np.int64)
