"""What a table must look like, declared once: columns with roles, and the checks that follow from them."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw

from crmkit import _frames, _native, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError, DataError, ParameterError


@dataclass(frozen=True, slots=True)
class Column:
    """A canonical column: its role, its unit, and what its values may be.

    Parameters
    ----------
    name : str
        The canonical name.
    role : {"key", "label", "date", "number", "flag"}
        A key is never null; a label is what one groups by; the others say their type.
    about : str
        What the column holds, in a few words.
    required : bool, default False
        Whether the table is of no use without the column.
    low, high : float, optional
        Closed limits of a number.

    Examples
    --------
    >>> Column("amount", "number", "net amount").required
    False
    """

    name: str
    role: str
    about: str
    required: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a table.

    Parameters
    ----------
    table, column : str
        Where.
    count : int
        How many rows.
    what : str
        What is wrong, to be read after the count.
    examples : tuple of str
        Up to three of the values found.

    Examples
    --------
    >>> print(Problem("orders", "amount", 2, "below 0", ("-5", "-1")))
    orders.amount: 2 rows below 0, for example -5, -1
    """

    table: str
    column: str
    count: int
    what: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Write the problem as one line."""
        example = f", for example {', '.join(self.examples)}" if self.examples else ""
        rows = f"{self.count} row{'s' * (self.count != 1)} " if self.count else ""
        return f"{self.table}.{self.column}: {rows}{self.what}{example}"


@dataclass(frozen=True, slots=True)
class Contract:
    """The declaration of one table.

    Parameters
    ----------
    name : str
        Name of the table and of its mapping function.
    about : str
        What a row is.
    columns : tuple of Column
        The canonical columns.
    unique : str, optional
        The column whose values must not repeat.

    Examples
    --------
    >>> from crmkit.tables import CONTRACTS
    >>> CONTRACTS["leads"].unique
    'lead_id'
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    unique: str | None = None

    def roles(self, present: Sequence[str] | None = None) -> dict[str, str]:
        """Return the role of each column.

        Parameters
        ----------
        present : sequence of str, optional
            Names to which the columns are limited.

        Returns
        -------
        dict
            Column → role, in the order of the contract.
        """
        return {one.name: one.role for one in self.columns if present is None or one.name in present}

    def required(self) -> list[str]:
        """Return the names of the required columns.

        Returns
        -------
        list of str
            Canonical names.
        """
        return [one.name for one in self.columns if one.required]

    def checks(self, present: Sequence[str]) -> Iterator[tuple[str, str, nw.Expr]]:
        """Yield every rule on the columns that are present.

        Parameters
        ----------
        present : sequence of str
            Names of the columns of the table.

        Yields
        ------
        tuple of str, str, narwhals.Expr
            The column, what is wrong with a row that breaks the rule, and the condition that tells such rows.
        """
        for one in self.columns:
            if one.name not in present:
                continue
            value = nw.col(one.name)
            if one.role == "key":
                yield one.name, "without a value", value.is_null()
            if one.required and one.role == "date":
                yield one.name, "without a date", value.is_null()
            if one.role == "number":
                number = value.cast(nw.Float64)
                yield one.name, "with an infinite number", number.abs() == float("inf")
                if one.low is not None:
                    yield one.name, f"below {one.low:g}", (number < one.low) & (number > float("-inf"))
                if one.high is not None:
                    yield one.name, f"above {one.high:g}", (number > one.high) & (number < float("inf"))


class Mapper(Protocol):
    """The call that every table function has."""

    def __call__(self, frame: FrameT, /, *, tz: str | None = None, **columns: str) -> FrameT:
        """Rename, check and localise a raw table."""
        ...


def problems(frame: Any, contract: Contract) -> list[Problem]:
    """List everything that breaks the contract, counted in one aggregate query.

    Parameters
    ----------
    frame : DataFrame
        A table with canonical column names, of any engine.
    contract : Contract
        What it must look like.

    Returns
    -------
    list of Problem
        Empty when the table is right. Examples are fetched only where something is wrong.

    Raises
    ------
    ParameterError
        If `frame` is not a dataframe or `contract` not a contract.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.tables import CONTRACTS
    >>> leads = pd.DataFrame({"lead_id": [1, 1], "created_at": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    >>> [str(one) for one in problems(leads, CONTRACTS["leads"])]
    ['leads.lead_id: 1 row with the key of an earlier row']
    """
    if not hasattr(contract, "checks"):
        _params.fail("contract", "a Contract, such as one of crmkit.tables.CONTRACTS", contract)
    opened = _frames.lazy(frame, table=contract.name)
    names = opened.collect_schema().names()
    absent = [name for name in contract.required() if name not in names]
    if absent:
        return [Problem(contract.name, name, 0, "is missing") for name in absent]
    columns: dict[str, str] = {}
    found: list[Problem] = []
    for name, role in contract.roles(names).items():
        try:
            _frames.scan(frame, {name: role}, table=contract.name)
            columns[name] = role
        except ColumnError as error:
            found.append(Problem(contract.name, name, 0, str(error)))
    rows = _frames.scan(frame, columns, table=contract.name)
    return found + _broken_rules(rows, contract)


def _broken_rules(rows: nw.LazyFrame[Any], contract: Contract) -> list[Problem]:
    present = rows.collect_schema().names()
    rules = list(contract.checks(present))
    flags = {f"rule_{i}": nw.when(rule).then(1).otherwise(0) for i, (_, _, rule) in enumerate(rules)}
    unique = contract.unique if contract.unique in present else None
    kept = [nw.col(unique).alias("unique_key")] if unique else []
    measures = {name: nw.col(name).sum() for name in flags}
    if unique:
        key = nw.col("unique_key")
        measures |= {"distinct": key.n_unique(), "keys": key.count(), "nulls": key.null_count()}
    counts = _frames.collect(rows.select(*kept, **flags).select(rows=nw.len(), **measures)).fillna(0)
    row = counts.iloc[0]
    if not int(row["rows"]):
        return [Problem(contract.name, "*", 0, "the table is empty")]
    found = [
        Problem(contract.name, name, int(row[flag]), what, _examples(rows, name, rule))
        for flag, (name, what, rule) in zip(flags, rules, strict=True)
        if row[flag]
    ]
    if unique:
        repeats = int(row["keys"]) + (int(row["nulls"]) > 0) - int(row["distinct"])
        if repeats:
            found.append(Problem(contract.name, unique, repeats, "with the key of an earlier row"))
    return found


def _examples(rows: nw.LazyFrame[Any], name: str, rule: nw.Expr) -> tuple[str, ...]:
    first = _frames.collect(rows.filter(rule).select(name).head(3))[name]
    return tuple(map(str, first.dropna()))


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
    """Turn date columns that are still text into timestamps, or say which rows are no ISO dates."""
    schema = frame.collect_schema()
    roles = contract.roles(schema.names())
    texts = {
        name: f"_{name}_" for name, role in roles.items() if role == "date" and schema[name] == nw.String
    }
    if not texts:
        return frame
    parsed = _native.parse_dates(frame, texts)
    lost = {name: nw.col(new).is_null() & ~nw.col(name).is_null() for name, new in texts.items()}
    counts = _frames.count_rows(parsed, lost)
    found = [
        Problem(contract.name, name, counts[name], "that are no ISO dates", _examples(parsed, name, rule))
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
