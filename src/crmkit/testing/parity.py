"""Assert that a function gives one answer on every engine, and that the answer is the expected one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from crmkit.testing.engines import (
    ENGINES,
    LAZY,
    available,
    crossed_rows,
    nan_columns,
    same_kind,
    to_engine,
    to_pandas,
)

if TYPE_CHECKING:
    import pandas as pd

RELATIVE = 1e-9


def assert_parity(
    function: Callable[..., Any],
    *frames: "pd.DataFrame",
    expected: "pd.DataFrame",
    keys: Sequence[str],
    engines: Sequence[str] = ENGINES,
    crossing: int = 0,
    nan: str = "null",
) -> None:
    """Run a function on the same data in every engine and compare the result with an independent answer.

    Parameters
    ----------
    function : callable
        Takes as many native frames as are given, returns one native frame.
    *frames : pandas.DataFrame
        The input tables.
    expected : pandas.DataFrame
        The answer, computed some other way: every column is compared, in order.
    keys : sequence of str
        Columns by which the rows of both sides are sorted before they are compared.
    engines : sequence of str, default all seven
        Engines to run; one that is not installed is left out.
    crossing : int, default 0
        Rows that the function may fetch from a lazy engine into Python.
    nan : {"null", "value"}, default "null"
        What a missing float becomes in engines that tell null from NaN.

    Raises
    ------
    AssertionError
        If an answer, the kind of a result, an input or the number of fetched rows is not as required.

    Notes
    -----
    Text, dates, counts and flags must be equal; floats to 1e-9 relative. The inputs must be unchanged. Where
    no input has NaN as a value, no result may: engines that tell it from null would keep it in a mean.

    Examples
    --------
    >>> import pandas as pd
    >>> one = pd.DataFrame({"x": [1]})
    >>> assert_parity(lambda frame: frame, one, expected=one, keys=["x"], engines=["pandas", "polars"])
    """
    for engine in engines:
        if available(engine) is not None:
            continue
        inputs = [to_engine(frame, engine, nan=nan) for frame in frames]
        before = [to_pandas(frame) for frame in inputs]
        with crossed_rows() as fetched:
            result = function(*inputs)
        assert same_kind(result, inputs[0]), f"{engine}: {type(inputs[0])} in, {type(result)} out"
        if engine in LAZY:
            assert sum(fetched) <= crossing, f"{engine}: fetched {fetched} rows, allowed {crossing}"
        for given, now in zip(before, inputs, strict=True):
            assert given.equals(to_pandas(now)) or engine in LAZY, f"{engine}: an input was changed"
        if nan == "null":
            made = nan_columns(result)
            assert not made, f"{engine}: NaN where null is meant in {made}"
        assert_frames_match(to_pandas(result), expected, keys=keys, label=engine)


def assert_frames_match(
    got: "pd.DataFrame", expected: "pd.DataFrame", *, keys: Sequence[str], label: str = "result"
) -> None:
    """Compare two pandas frames as tables: rows by key, counts and text exactly, floats to 1e-9.

    Parameters
    ----------
    got, expected : pandas.DataFrame
        The two tables; types may differ where the values do not.
    keys : sequence of str
        Columns that identify a row.
    label : str, default "result"
        What the message of a failure starts with.

    Raises
    ------
    AssertionError
        If columns, their order, the number of rows or any value differ.

    Examples
    --------
    >>> import pandas as pd
    >>> assert_frames_match(pd.DataFrame({"x": [2, 1]}), pd.DataFrame({"x": [1.0, 2.0]}), keys=["x"])
    """
    assert list(got.columns) == list(expected.columns), f"{label}: columns {list(got.columns)}"
    assert len(got) == len(expected), f"{label}: {len(got)} rows, expected {len(expected)}\n{got}"
    left, right = _rows(got, keys), _rows(expected, keys)
    for row_got, row_expected in zip(left, right, strict=True):
        for name in expected.columns:
            one, other = row_got[name], row_expected[name]
            assert _same(one, other), f"{label}: {name} is {one!r}, expected {other!r} in {row_expected}"


def _rows(frame: "pd.DataFrame", keys: Sequence[str]) -> list[dict[str, Any]]:
    rows = [{str(name): _value(value) for name, value in row.items()} for row in frame.to_dict("records")]
    return sorted(rows, key=lambda row: [(row[key] is None, _sortable(row[key])) for key in keys])


def _sortable(value: Any) -> Any:
    return "" if value is None else str(value) if not isinstance(value, int | float) else value


def _value(value: Any) -> Any:
    import numpy as np
    import pandas as pd

    if value is None or (np.ndim(value) == 0 and pd.isna(value)):
        return None
    if isinstance(value, np.datetime64 | pd.Timestamp) or type(value).__name__ in ("date", "datetime"):
        return pd.Timestamp(value).tz_localize(None).isoformat()
    plain = value.item() if isinstance(value, np.generic) else value
    if type(plain).__name__ == "Decimal":
        return float(plain)
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


def _same(got: Any, expected: Any) -> bool:
    if isinstance(got, float) or isinstance(expected, float):
        if got is None or expected is None or isinstance(got, str) or isinstance(expected, str):
            return False
        return bool(got == expected or abs(got - expected) <= RELATIVE * max(abs(got), abs(expected), 1e-12))
    return bool(got == expected and isinstance(got, bool) == isinstance(expected, bool))
