"""Read the histories of customers from a frame of any engine, collapsed to cells and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from crmkit import _frames
from crmkit.clv.btyd import _cells
from crmkit.clv.btyd.covariates import Coding, Terms
from crmkit.errors import ColumnError, DataError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

Checks = dict[str, npt.NDArray[np.bool_]]

_TIGHT = 1e-9  # relative: the same age divided twice


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold the columns that a model reads, and the terms and categories of each process's covariates."""

    columns: tuple[str, ...]
    terms: Mapping[str, tuple[Terms, frozenset[str]]]

    def roles(self, schema: nw.Schema, codings: Mapping[str, Coding] | None = None) -> dict[str, str]:
        """Give every column its role; covariates by their type, or as the codings learnt them."""
        found = dict.fromkeys(self.columns, "number")
        categories = {column for _, listed in self.terms.values() for column in listed}
        for coding in (codings or {}).values():
            categories |= set(coding.levels)
        for column in self.covariates:
            dtype = schema.get(column)
            number = codings is not None or (dtype is not None and dtype.is_numeric())
            kind = "flag" if dtype == nw.Boolean else "number" if number else "label"
            found[column] = "label" if column in categories else kind
        return found

    @property
    def covariates(self) -> list[str]:
        """Name the covariate columns, each once."""
        named = [column for terms, _ in self.terms.values() for term in terms for column in term]
        return list(dict.fromkeys(named))


def as_frame(summary: object) -> Any:
    """Return a mapping of arrays as a pandas frame, and any frame as it is."""
    import pandas as pd

    if not isinstance(summary, Mapping):
        return summary
    try:
        return pd.DataFrame(dict(summary))
    except ValueError as error:
        msg = f"`summary` must be a DataFrame, or a mapping of arrays of one length. Got a mapping: {error}."
        raise ParameterError(msg) from None


def schema(summary: object) -> nw.Schema:
    """Return the columns of a summary and their types."""
    return _frames.lazy(summary, table="summary").collect_schema()


def read(summary: object, asked: Asked, *, alike: bool = True) -> _cells.Cells:
    """Collapse the rows that a model is fitted on; `unit`, `as_of` and `weight` come along where they are."""
    present = schema(summary)
    about = {name: "label" for name in ("unit", "as_of") if name in present}
    weighted = _cells.WEIGHT in present
    if "weights" in present and not weighted:
        msg = (
            "`summary` must say in 'weight' how many customers a row is. Found 'weights', which would be "
            "ignored: rename it, or drop it if it says something else."
        )
        raise ColumnError(msg)
    cells = _cells.gather(summary, asked.roles(present) | about, weighted=weighted, alike=alike)
    if not len(cells.rows):
        msg = "`summary` must have at least one row. Found none."
        raise DataError(msg)
    cells.refuse(lacking(cells.rows, [name for name in ("unit",) if name in cells.rows]))
    return cells


def lacking(rows: "pd.DataFrame", columns: Sequence[str]) -> Checks:
    """Say which rows lack a value, or have an infinite one."""
    values = {name: rows[name] for name in columns}
    missing = {f"have no value in '{name}'": one.isna().to_numpy() for name, one in values.items()}
    numbers = {name: one.to_numpy() for name, one in values.items() if one.dtype.kind == "f"}
    return missing | {f"have an infinite value in '{name}'": np.isinf(one) for name, one in numbers.items()}


def contradictions(rows: "pd.DataFrame", columns: Sequence[str]) -> Checks:
    """Say what is wrong with rows of frequency, recency and an age."""
    x, t_x, end = (rows[name].to_numpy(dtype=float) for name in columns)
    span = columns[2]
    return {
        "have a frequency that is not a whole number of at least 0": (x < 0)
        | (x != np.floor(x)) & ~np.isnan(x),
        "have a negative recency": t_x < 0,
        f"have a negative {span}": end < 0,
        f"have a recency above {span}": t_x > end * (1 + _TIGHT),
        "have a recency above 0 but no repeat purchase (frequency 0)": (x == 0) & (t_x > 0),
        "have repeat purchases but recency 0": (x > 0) & (t_x == 0),
    }
