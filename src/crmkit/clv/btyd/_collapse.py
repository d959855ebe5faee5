"""Find the distinct rows of arrays in memory, and each row's place among them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Column = npt.NDArray[Any]

_MOST_CODES = 4_000_000  # a table of counts of this length costs less than a hash table
_SMALL = 10_000  # whole numbers up to this are looked up as they are
_BLOCK = 1 << 15  # rows whose temporary arrays stay in the cache


@dataclass(frozen=True, slots=True)
class Distinct:
    """Hold the distinct rows and how often each occurs; a row has a code, the code a place among them."""

    columns: dict[str, Column]
    count: npt.NDArray[np.float64]
    of_code: npt.NDArray[np.intp]
    code: Integers

    def sums(self, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sum the weights of the rows that are alike."""
        sums = np.bincount(self.code, weights=weight, minlength=len(self.of_code))
        used = np.empty(len(self.count), dtype=np.intp)
        present = np.flatnonzero(self.of_code >= 0)
        used[self.of_code[present]] = present
        return np.asarray(sums[used], dtype=np.float64)

    def spread(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Give every row the value of its place."""
        return values[self.of_code[self.code]]


def collapse(columns: Mapping[str, Column]) -> Distinct:
    """Find the distinct rows by a table of all combinations where there are few, else by hashing."""
    numbered = [_number(column) for column in columns.values()]
    size = math.prod(max(len(values), 1) for values, _ in numbered)
    if size > max(_MOST_CODES, 2 * len(next(iter(columns.values())))):
        return _hashed(columns, numbered)
    code = _coded(list(columns.values()), numbered)
    count = np.bincount(code, minlength=size)
    present = np.flatnonzero(count)
    of_code = np.full(size, -1, dtype=np.intp)
    of_code[present] = np.arange(len(present))
    found, rest = {}, present
    for name, (values, _) in reversed(list(zip(columns, numbered, strict=True))):
        rest, number = np.divmod(rest, max(len(values), 1))
        found[name] = values[number]
    return Distinct({name: found[name] for name in columns}, count[present].astype(float), of_code, code)


def _number(column: Column) -> tuple[Column, Integers | None]:
    """Return the values that a column can have, and each row's number, or None where it is value − least."""
    import pandas as pd

    if column.dtype.kind in "if" and len(column):
        low, high = column.min(), column.max()
        if low > -_SMALL and high < _SMALL and _whole(column):
            return np.arange(int(low), int(high) + 1).astype(column.dtype), None
    number, values = pd.factorize(column, use_na_sentinel=False)
    return np.asarray(values), number.astype(np.int64, copy=False)


def _whole(column: Column) -> bool:
    if column.dtype.kind == "i":
        return True
    blocks = (column[start : start + _BLOCK] for start in range(0, len(column), _BLOCK))
    return all(bool((block.astype(np.int32) == block).all()) for block in blocks)


def _coded(columns: Sequence[Column], numbered: Sequence[tuple[Column, Integers | None]]) -> Integers:
    """Write each row's numbers as one, digit by digit."""
    count = len(columns[0])
    code = np.zeros(count, dtype=np.int64)
    for start in range(0, count, _BLOCK):
        rows = slice(start, start + _BLOCK)
        here = code[rows]
        for column, (values, number) in zip(columns, numbered, strict=True):
            here *= len(values)
            here += column[rows].astype(np.int64) - int(values[0]) if number is None else number[rows]
    return code


def _hashed(columns: Mapping[str, Column], numbered: Sequence[tuple[Column, Integers | None]]) -> Distinct:
    """Find the distinct rows among more combinations than a table could hold."""
    import pandas as pd

    count = len(next(iter(columns.values())))
    code, size = np.zeros(count, dtype=np.int64), 1
    for column, (values, number) in zip(columns.values(), numbered, strict=True):
        if size * len(values) > 2**62:  # keep the codes dense, so that no product overflows
            code, used = pd.factorize(code)
            size = len(used)
        size *= len(values)
        code = code * len(values) + (column.astype(np.int64) - int(values[0]) if number is None else number)
    place, used = pd.factorize(code)
    first = np.empty(len(used), dtype=np.intp)
    first[place[::-1]] = np.arange(count - 1, -1, -1)
    found = {name: column[first] for name, column in columns.items()}
    return Distinct(found, np.bincount(place).astype(float), np.arange(len(used)), place)


def as_they_are(columns: Mapping[str, Column]) -> Distinct:
    """Take every row as distinct."""
    places = np.arange(len(next(iter(columns.values()))))
    return Distinct(dict(columns), np.ones(len(places)), places, places)
