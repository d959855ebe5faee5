"""Read the columns that a tree splits on: numbers as floats, texts and flags as codes of their levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw

from crmkit import _frames
from crmkit.errors import ColumnError, DataError

if TYPE_CHECKING:
    import numpy as np

Kind = Literal["number", "text", "flag"]
Level = bool | str | None

MAX_LEVELS = 256  # more than the countries of the world; beyond it a column is an identifier, not a group


@dataclass(frozen=True, slots=True)
class Feature:
    """What a fitted tree knows about one column.

    `kind` is "number", "text" or "flag"; `levels` are the values seen of a text or flag, None last where it
    was null; `missing` says whether the column had nulls.
    """

    name: str
    kind: Kind
    levels: tuple[Level, ...]
    missing: bool


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one column: floats with NaN for null, or codes that point into `uniques`."""

    kind: Kind
    values: "np.ndarray[Any, Any]"
    uniques: tuple[Level, ...] = ()


def read_frame(frame: Any) -> list[Column]:
    """Read every column of a local pandas, polars or pyarrow frame."""
    opened = nw.from_native(frame, eager_only=True)
    return [_read(opened.get_column(name), name) for name in opened.columns]


def read_array(array: "np.ndarray[Any, Any]") -> list[Column]:
    """Read the columns of a numeric array."""
    return [Column("number", array[:, place]) for place in range(array.shape[1])]


def kind_of(dtype: nw.dtypes.DType) -> Kind | None:
    """Say what a column of a type is to a tree; None for types that do not tell, or do not suit."""
    if dtype.is_numeric():
        return "number"
    if dtype == nw.Boolean:
        return "flag"
    return "text" if dtype == nw.String or isinstance(dtype, nw.Categorical | nw.Enum) else None


def expression(feature: Feature, dtype: nw.dtypes.DType, rows: nw.LazyFrame[Any]) -> nw.Expr:
    """Express a column of an engine as the tree compares it."""
    if feature.kind == "number" and dtype == nw.Object and not _frames.holds_numbers(rows, feature.name):
        raise ColumnError(_wrong(feature, "other values"))
    found = kind_of(dtype)
    if found != feature.kind and (found is not None or dtype != nw.Object):
        raise ColumnError(_wrong(feature, found or str(dtype)))
    column = nw.col(feature.name)
    if feature.kind == "number":
        return column.cast(nw.Float64)
    if dtype in (nw.String, nw.Boolean, nw.Object):
        return column
    return nw.when(~column.is_null()).then(column.cast(nw.String))  # pandas 2 would write null as "nan"


def _wrong(feature: Feature, found: str) -> str:
    return (
        f"Column '{feature.name}' must hold {_WORDS[feature.kind]} as when the tree was fitted. "
        f"Got {_WORDS.get(found, found)} instead: convert it."
    )


def _read(series: "nw.Series[Any]", name: str) -> Column:
    dtype = series.dtype
    known = kind_of(dtype)
    if known is not None:
        return (
            _number(series.cast(nw.Float64), name)
            if known == "number"
            else _category(series.to_list(), known)
        )
    import pandas as pd

    values = series.to_list() if dtype == nw.Object else []
    present: set[type] = {type(value) for value in values if not pd.isna(value)}
    if dtype == nw.Object and present <= {bool}:
        return _category(values, "flag" if present else "text")
    if dtype == nw.Object and all(issubclass(one, Number) and not issubclass(one, bool) for one in present):
        return _number(series.cast(nw.Float64), name)
    msg = (
        f"Column '{name}' must hold numbers, texts or flags to be split on. Got the type {dtype} instead: "
        f"convert it (a date to an age in days, for example) or leave it out."
    )
    raise ColumnError(msg)


def _number(series: "nw.Series[Any]", name: str) -> Column:
    import numpy as np

    listed = series.to_numpy()
    values = listed if listed.dtype == np.float64 else np.array(series.to_list(), dtype=np.float64)
    infinite = int(np.isinf(values).sum())
    if infinite:
        msg = (
            f"Column '{name}' must be finite. {infinite} of {len(values)} rows hold infinity: "
            f"make them null or a bound."
        )
        raise DataError(msg)
    return Column("number", values)


def _category(values: list[Any], kind: Kind) -> Column:
    import pandas as pd

    codes, uniques = pd.factorize(pd.Series(values, dtype=object))
    levels: tuple[Level, ...] = tuple(uniques)
    if kind == "text":
        levels = tuple(str(level) for level in uniques)
    if (codes < 0).any():
        levels = (*levels, None)
        codes = codes.copy()
        codes[codes < 0] = len(levels) - 1
    return Column(kind, codes, levels)


def learn(columns: Sequence[Column], names: Sequence[str]) -> list[Feature]:
    """Note each column's kind and levels."""
    return [_learn(column, name) for column, name in zip(columns, names, strict=True)]


def _learn(column: Column, name: str) -> Feature:
    import numpy as np

    if column.kind == "number":
        return Feature(name, "number", (), bool(np.isnan(column.values).any()))
    known = sorted((level for level in column.uniques if level is not None), key=str)
    missing = None in column.uniques
    if len(known) > MAX_LEVELS:
        msg = (
            f"Column '{name}' must have at most {MAX_LEVELS} levels to be split on. Got {len(known)} "
            f"instead: leave identifiers out and group rare levels."
        )
        raise DataError(msg)
    return Feature(name, column.kind, (*known, *([None] if missing else [])), missing)


def encode(columns: Sequence[Column], features: Sequence[Feature]) -> list["np.ndarray[Any, Any]"]:
    """Return floats as they are and codes as places in each feature's levels, −1 for a level not known."""
    return [_encode(column, feature) for column, feature in zip(columns, features, strict=True)]


def _encode(column: Column, feature: Feature) -> "np.ndarray[Any, Any]":
    import numpy as np

    if feature.kind == "number" and column.kind == "number":
        return column.values
    empty = all(level is None for level in column.uniques)
    if column.kind == "number" or (column.kind != feature.kind and not empty):
        raise ColumnError(_wrong(feature, column.kind))
    if feature.kind == "number":
        return np.full(len(column.values), np.nan)
    places = {level: place for place, level in enumerate(feature.levels)}
    found = [places.get(level, -1) for level in column.uniques]
    codes: np.ndarray[Any, Any] = np.array(found, dtype=np.intp)[column.values]
    return codes


_WORDS: dict[str, str] = {"number": "numbers", "text": "texts", "flag": "flags"}
