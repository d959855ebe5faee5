"""What a table must look like, declared once: columns with roles, and the checks that follow from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from crmkit import _frames, _params
from crmkit.errors import ColumnError


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
        Problem(contract.name, name, int(row[flag]), what, examples(rows, name, rule))
        for flag, (name, what, rule) in zip(flags, rules, strict=True)
        if row[flag]
    ]
    if unique:
        repeats = int(row["keys"]) + (int(row["nulls"]) > 0) - int(row["distinct"])
        if repeats:
            found.append(Problem(contract.name, unique, repeats, "with the key of an earlier row"))
    return found


def examples(rows: nw.LazyFrame[Any], name: str, rule: nw.Expr) -> tuple[str, ...]:
    """Return up to three values of the rows for which a rule holds, as text.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        The table.
    name : str
        The column.
    rule : narwhals.Expr
        The condition.

    Returns
    -------
    tuple of str
        The values, nulls left out.
    """
    first = _frames.collect(rows.filter(rule).select(name).head(3))[name]
    return tuple(map(str, first.dropna()))
