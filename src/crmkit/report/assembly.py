"""Compute a report from tables: each section that they allow, and why the others are not there."""

from collections.abc import Callable, Mapping
from typing import Any

from crmkit import _params
from crmkit.errors import CRMKitError
from crmkit.report import numerals as say
from crmkit.report.company import Assumptions, Company, prepare
from crmkit.report.document import Report, Section, Skipped
from crmkit.report.sections import customers, leads, profit, rfm, sales, value

Progress = Callable[[str, int, int], None]

_SECTIONS: tuple[tuple[str, str, Callable[[Company], Section]], ...] = (
    (customers.KEY, customers.TITLE, customers.customers),
    (leads.KEY, leads.TITLE, leads.leads),
    (rfm.KEY, rfm.TITLE, rfm.segments),
    (sales.KEY, sales.TITLE, sales.sales),
    (value.KEY, value.TITLE, value.value),
    (profit.KEY, profit.TITLE, profit.profit),
)


def build(
    tables: Mapping[str, object],
    *,
    as_of: Any,
    title: str | None = None,
    assumptions: Assumptions | None = None,
    simulated: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Compute every section that the tables allow.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Name → table with canonical columns: orders, customers, leads, quotes, activities, drivers …
    as_of : date or str
        The last day that counts; rows dated later are left out and counted.
    title : str, optional
        Title of the page.
    assumptions : Assumptions, optional
        Currency, discount rate, gross margin: what no table says.
    simulated : bool, default False
        Whether the data are simulated; then the page says so.
    progress : callable, optional
        Called with (title of the section, sections done, sections in all).

    Returns
    -------
    Report
        Sections with their numbers, tables and pictures; skipped ones with the reason.

    Raises
    ------
    DataError
        If a table breaks its contract, `as_of` is before the data, or no section can be computed.
    ParameterError
        If an argument is not valid.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-15", periods=9, freq="MS")
    >>> orders = pd.DataFrame({"customer_id": list("abcdabcda"), "order_date": days, "amount": 10.0})
    >>> report = build({"orders": orders}, as_of="2024-12-31")
    >>> report.to_dict()["sections"]["customers"]["facts"]["customers"]
    4
    """
    given = Assumptions() if assumptions is None else assumptions
    _params.flag("simulated", simulated)
    company = prepare(tables, as_of=as_of, assumptions=given)
    sections, skipped = [], []
    for done, (key, name, compute) in enumerate(_SECTIONS):
        if progress is not None:
            progress(name, done, len(_SECTIONS))
        try:
            sections.append(compute(company))
        except CRMKitError as error:
            skipped.append(Skipped(key, name, str(error).rstrip(".")))
    if not sections:
        reasons = "; ".join(f"{one.title}: {one.reason}" for one in skipped)
        _refuse_empty(reasons)
    if progress is not None:
        progress("Page", len(_SECTIONS), len(_SECTIONS))
    heading = title or "Customers, sales and value"
    return Report(
        heading,
        company.as_of,
        company.currency,
        simulated,
        company.rows,
        tuple(sections),
        tuple(skipped),
        _notes(company),
    )


def _refuse_empty(reasons: str) -> None:
    from crmkit.errors import DataError

    msg = f"no section can be computed from these tables. {reasons}."
    raise DataError(msg)


def _notes(company: Company) -> tuple[str, ...]:
    """Say what else a reader must know: excluded rows, customers of one table that another lacks."""
    notes = []
    late = sum(one["excluded"] for one in company.rows)
    if late:
        notes.append(f"Left out: {say.count(late, *say.ROWS)} dated after {say.date(company.as_of)}.")
    if company.has("orders") and company.has("customers"):
        known = {*company.tables["customers"]["customer_id"]}
        strangers = ~company.tables["orders"]["customer_id"].isin(known)
        if strangers.any():
            rows = say.count(strangers.sum(), *say.ROWS)
            notes.append(f"The table customers lacks the customers of {rows} of orders.")
    return tuple(notes)
