"""Prepare tables for a report: pandas, checked, with text keys, and nothing dated after as_of."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmkit import _frames, _params, periods
from crmkit.errors import DataError
from crmkit.report import numerals
from crmkit.report.load import refuse
from crmkit.report.settings import TableSettings
from crmkit.report.values import typed
from crmkit.tables import CONTRACTS, Contract, problems

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a report takes for granted, because no table says it.

    Parameters
    ----------
    currency : str, optional
        ISO code of all money, such as EUR.
    discount : float, default 0.10
        Discount rate a year, at least 0.
    gross_margin : float, optional
        Gross margin as a share of sales, for orders without the cost of their goods; 0 to 1.
    costs_from : date or str, optional
        First day of the period that the cost tables cover. Left out, it is the first period of the ledger,
        or the first order where there is none.

    Raises
    ------
    ParameterError
        If a number is outside its range, or the currency is no ISO code.

    Examples
    --------
    >>> Assumptions(discount=0.08).discount
    0.08
    """

    currency: str | None = None
    discount: float = 0.10
    gross_margin: float | None = None
    costs_from: dt.date | str | None = None

    def __post_init__(self) -> None:
        if self.currency is not None:
            _params.currency("currency", self.currency)
        _params.number("discount", self.discount, low=0)
        if self.gross_margin is not None:
            _params.share("gross_margin", self.gross_margin)
        if self.costs_from is not None:
            _params.date("costs_from", self.costs_from)


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    r"""The tables of a company as they stood at the end of a day.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name → table with canonical columns, without rows dated after `as_of`.
    as_of : datetime.datetime
        The day, included.
    assumptions : Assumptions
        What is taken for granted.
    rows : tuple of dict
        A row a table: ``table``, ``rows``, ``excluded``, ``first``, ``last``.

    Examples
    --------
    >>> Company({}, dt.datetime(2024, 12, 31), Assumptions(currency="EUR"), ()).money(1200)
    '1\u202f200\xa0EUR'
    """

    tables: "Mapping[str, pd.DataFrame]"
    as_of: dt.datetime
    assumptions: Assumptions
    rows: tuple[Mapping[str, Any], ...]

    @property
    def currency(self) -> str | None:
        """ISO code of all money."""
        return self.assumptions.currency

    def table(self, name: str, *columns: str) -> "pd.DataFrame":
        """Return a table that has these columns and rows, or raise `Missing` with what there is not."""
        if name not in self.tables:
            msg = f"there is no table {name}"
            raise Missing(msg)
        found = self.tables[name]
        absent = [one for one in columns if one not in found]
        if absent:
            msg = f"the table {name} has no column {', '.join(absent)}"
            raise Missing(msg)
        if found.empty:
            msg = f"the table {name} has no rows up to {numerals.date(self.as_of)}"
            raise Missing(msg)
        return found

    def has(self, name: str, *columns: str) -> bool:
        """Say whether a table with these columns and at least one row is there."""
        return name in self.tables and {*columns} <= {*self.tables[name]} and not self.tables[name].empty

    def buyers(self, orders: "pd.DataFrame") -> "pd.DataFrame":
        """Measure recency, frequency and money of each customer who bought, by one rule for all sections.

        A day that has returns and a sum of 0 or less is no purchase.
        """
        from crmkit.segmentation import rfm_table

        known = orders[orders["amount"].notna()]
        if known.empty:
            return known.reindex(columns=["customer_id", "recency_days", "frequency", "monetary"])
        return rfm_table(known, as_of=self.as_of)

    def money(self, value: Any) -> str:
        """Write an amount with the currency."""
        return numerals.money(value, self.currency)


class Missing(DataError):  # noqa: N818 - it says why a section is not there and never leaves the package
    """A section cannot be computed from the tables; the text says why."""


def prepare(tables: Mapping[str, object], *, as_of: Any, assumptions: Assumptions) -> Company:
    """Check the tables and leave out what is dated after as_of.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Name → table with canonical columns, of any engine.
    as_of : date or str
        The last day that counts.
    assumptions : Assumptions
        What is taken for granted.

    Returns
    -------
    Company
        The tables as pandas frames, with text keys.

    Raises
    ------
    DataError
        If a table breaks its contract, or `as_of` is before all dated rows.
    ParameterError
        If a table is unknown or `as_of` is no date.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.to_datetime(["2024-12-30", "2025-01-02"])
    >>> orders = pd.DataFrame({"customer_id": [7, 8], "order_date": days, "amount": [1.0, 2.0]})
    >>> company = prepare({"orders": orders}, as_of="2024-12-31", assumptions=Assumptions())
    >>> company.rows[0]["rows"], company.rows[0]["excluded"]
    (1, 1)
    """
    day = periods.floor(_params.date("as_of", as_of), "day")
    for name in tables:
        _params.choice("tables", name, CONTRACTS)
    if not tables:
        _params.fail("tables", "at least one table, such as orders", {})
    local = {name: _local(frame, CONTRACTS[name]) for name, frame in tables.items()}
    refuse(tuple(one for name, frame in local.items() for one in problems(frame, CONTRACTS[name])))
    end = periods.shift(day, "day", 1)
    kept, rows = {}, []
    for name, frame in local.items():
        kept[name], row = _until(frame, _row_date(CONTRACTS[name], frame), end)
        rows.append({"table": name, **row})
    _refuse_early(rows, day)
    return Company(kept, day, assumptions, tuple(rows))


def _local(frame: object, contract: Contract) -> "pd.DataFrame":
    opened = _frames.lazy(frame, table=contract.name)
    present = opened.collect_schema().names()
    _frames.require(present, contract.required(), table=contract.name)
    rows = _frames.scan(frame, contract.roles(present), table=contract.name)
    return typed(_frames.collect(rows), contract, TableSettings())[0]


def _row_date(contract: Contract, frame: "pd.DataFrame") -> str | None:
    """Return the column that dates a row: the first required date, or a ledger's period."""
    dates = [one for one in contract.columns if one.role == "date" and one.name in frame]
    required = [one.name for one in dates if one.required]
    if required:
        return required[0]
    return next((one.name for one in dates if one.name in ("period", "since")), None)


def _until(
    frame: "pd.DataFrame", date: str | None, end: dt.datetime
) -> "tuple[pd.DataFrame, dict[str, Any]]":
    if date is None:
        return frame, {"rows": len(frame), "excluded": 0, "first": None, "last": None}
    late = frame[date] >= end
    kept = frame[~late].reset_index(drop=True)
    first, last = frame[date].min(), kept[date].max()
    return kept, {"rows": len(kept), "excluded": int(late.sum()), "first": first, "last": last}


def _refuse_early(rows: list[dict[str, Any]], day: dt.datetime) -> None:
    dated = [one for one in rows if not numerals.missing(one["first"])]
    if dated and not any(one["rows"] for one in dated):
        first = min(dated, key=lambda one: one["first"])
        msg = (
            f"as_of {day:%Y-%m-%d} is before the data: the first row of {first['table']} is dated "
            f"{first['first']:%Y-%m-%d}. Choose a later day."
        )
        raise DataError(msg)
