"""Map a raw table to its contract: names, dates that are no dates yet, the business time zone, the checks."""

import inspect
from collections.abc import Sequence
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw

from crmkit import _frames, _native, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.tables.contract import Contract, Problem, examples, problems


class Mapper(Protocol):
    """The call that every table function has."""

    def __call__(self, frame: FrameT, /, *, tz: str | None = None, **columns: str) -> FrameT:
        """Rename, check and localise a raw table."""
        ...


def mapper(contract: Contract) -> Mapper:
    """Make the function that maps a raw table to a contract.

    Parameters
    ----------
    contract : Contract
        The table.

    Returns
    -------
    Mapper
        ``f(frame, *, tz=None, canonical="foreign", …)`` → the same kind of frame.

    Examples
    --------
    >>> from crmkit.tables import Column
    >>> visits = mapper(Contract("visits", "A visit.", (Column("visitor_id", "key", "who", required=True),)))
    >>> import pandas as pd
    >>> list(visits(pd.DataFrame({"cookie": ["x"]}), visitor_id="cookie"))
    ['visitor_id']
    """

    def map_table(frame: FrameT, /, *, tz: str | None = None, **columns: str) -> FrameT:
        opened = _frames.lazy(frame, table=contract.name)
        present = opened.collect_schema().names()
        renames = _renames(columns, present, contract)
        if renames:
            opened = opened.rename(renames)
        opened = _localise(_read_dates(opened, contract), contract, tz)
        present = opened.collect_schema().names()
        _frames.require(present, contract.required(), table=contract.name)
        _frames.scan(opened.to_native(), contract.roles(present), table=contract.name)
        found = problems(opened.to_native(), contract)
        if found:
            msg = f"{'; '.join(map(str, found))}. Correct or filter the rows, then map the table again."
            raise DataError(msg)
        return _frames.give(opened, like=frame)

    cast("Any", map_table).__signature__ = _signature(contract)
    map_table.__name__ = map_table.__qualname__ = contract.name
    map_table.__module__ = "crmkit.tables"
    map_table.__doc__ = _docstring(contract)
    return map_table


def _renames(columns: dict[str, str], present: Sequence[str], contract: Contract) -> dict[str, str]:
    """Return foreign → canonical, after checking that the names exist and do not collide."""
    known = contract.roles()
    for canonical, foreign in columns.items():
        if canonical not in known:
            msg = f"`{contract.name}` has no column '{canonical}'. It has: {', '.join(known)}."
            raise ParameterError(msg)
        if not isinstance(foreign, str):
            _params.fail(canonical, "the name of a column", foreign)
    _frames.require(present, columns.values(), table="frame")
    foreign_names = list(columns.values())
    repeated = sorted({name for name in foreign_names if foreign_names.count(name) > 1})
    clashes = sorted(
        name
        for name, source in columns.items()
        if name in present and name != source and name not in foreign_names
    )
    if repeated or clashes:
        which = ", ".join(repeated or clashes)
        msg = f"`{contract.name}` would have two columns for {which}. Rename or drop one of them first."
        raise ColumnError(msg)
    return {source: name for name, source in columns.items() if source != name}


def _read_dates(frame: nw.LazyFrame[Any], contract: Contract) -> nw.LazyFrame[Any]:
    """Turn date columns that are still text into timestamps, or say which rows are no ISO dates.

    Python's dates, which pandas holds as objects, become timestamps too.
    """
    schema = frame.collect_schema()
    dates = [name for name, role in contract.roles(schema.names()).items() if role == "date"]
    _refuse_numbers(schema, dates, contract)
    objects = [name for name in dates if schema[name] == nw.Object]
    if objects and frame.implementation.is_pandas():
        frame = _native.object_dates(frame, objects)
    texts = {name: f"_{name}_" for name in dates if schema[name] == nw.String}
    if not texts:
        return frame
    parsed = _native.parse_dates(frame, texts)
    lost = {name: nw.col(new).is_null() & ~nw.col(name).is_null() for name, new in texts.items()}
    counts = _frames.count_rows(parsed, lost)
    found = [
        Problem(contract.name, name, counts[name], "that are no ISO dates", examples(parsed, name, rule))
        for name, rule in lost.items()
        if counts[name]
    ]
    if found:
        msg = (
            f"{'; '.join(map(str, found))}. Write dates as 2024-01-31 or 2024-01-31T10:30:00, without an "
            "offset from UTC, or convert the column, then map the table again."
        )
        raise DataError(msg)
    columns = [nw.col(texts[name]).alias(name) if name in texts else nw.col(name) for name in schema.names()]
    return parsed.select(*columns)


def _refuse_numbers(schema: nw.Schema, dates: Sequence[str], contract: Contract) -> None:
    """Raise a ColumnError for dates that are written as numbers, which nothing here can read for sure."""
    for name in dates:
        if schema[name].is_numeric():
            msg = (
                f"`{contract.name}` must have dates in '{name}'. Got the type {schema[name]} instead: read "
                "the numbers by their format first, those like 20240131 as to_datetime(…, format='%Y%m%d') "
                "does in pandas, then map the table again."
            )
            raise ColumnError(msg)


def _localise(frame: nw.LazyFrame[Any], contract: Contract, tz: str | None) -> nw.LazyFrame[Any]:
    """Turn aware dates of the contract into the business time zone's wall clock."""
    if tz is None:
        return frame
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        _params.fail("tz", "an IANA time zone such as 'Europe/Helsinki'", tz)
    schema = frame.collect_schema()
    aware = [
        name
        for name, role in contract.roles(schema.names()).items()
        if role == "date" and isinstance(schema[name], nw.Datetime) and schema[name].time_zone is not None  # type: ignore[attr-defined]  # narrowed by isinstance
    ]
    return _native.to_business_time(frame, aware, tz) if aware else frame


def _signature(contract: Contract) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    names = [inspect.Parameter(name, keyword, default=name, annotation=str) for name in contract.roles()]
    tz = inspect.Parameter("tz", keyword, default=None, annotation=str | None)
    return inspect.Signature([inspect.Parameter("frame", inspect.Parameter.POSITIONAL_ONLY), *names, tz])


def _docstring(contract: Contract) -> str:
    """Write the numpydoc of a table function from its contract."""
    lines = [
        f"Map a raw table to the canonical {contract.name} table and check it.",
        "",
        f"{contract.about} Each keyword names the column of `frame` that holds the canonical one.",
        "",
        "Parameters",
        "----------",
        "frame : DataFrame",
        "    The raw table: pandas, polars, pyarrow, DuckDB or Spark.",
    ]
    for one in contract.columns:
        need = "required" if one.required else "optional"
        lines += [f"{one.name} : str, default {one.name!r}", f"    {need}, {one.role}: {one.about}."]
    lines += [
        "tz : str, optional",
        "    Business time zone: aware timestamps become its wall clock. Naive ones are left as they are.",
        "",
        "Returns",
        "-------",
        "DataFrame",
        "    The same kind of frame with canonical names; columns outside the contract are untouched.",
        "",
        "Raises",
        "------",
        "ColumnError",
        "    If a column is missing, double, or of a type that its role does not allow.",
        "DataError",
        "    If keys are null or repeated, numbers are infinite or off their limits, or there is no row.",
    ]
    return "\n".join([*lines, ""])
