"""Count how many customers were up for each renewal and how many left, from survivors or single contracts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crmkit import _frames
from crmkit.clv.btyd import _cells
from crmkit.clv.btyd._reading import as_frame
from crmkit.clv.btyd._special import Floats
from crmkit.errors import ConvergenceError, CRMKitError, DataError

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 100_000
Counts = npt.NDArray[Any]  # numpy counts rows in whole numbers
Checks = dict[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Renewals:
    """Hold the customers up for renewal 1, 2, … and those of them who left, by how many rows they came."""

    at_risk: Floats
    churned: Floats
    customers: float
    rows: int

    def require_information(self, names: tuple[str, ...]) -> None:
        """Raise the ConvergenceError that says why no likelihood of these data has a maximum."""
        lost, seen = self.churned.sum(), int((self.at_risk > 0).sum())
        found = ""
        if lost == 0:
            found = f"none of {self.customers:.10g} customers churned: follow them for longer"
        elif lost == self.churned[0] == self.at_risk[0]:
            found = f"all {lost:.10g} customers churned at their first renewal: count shorter periods"
        elif seen < len(names):
            found = (
                f"customers were seen at {seen} of the {len(names)} renewals that {len(names)} parameters "
                f"({', '.join(names)}) need: follow them for longer"
            )
        elif lost == self.churned[0]:
            found = (
                f"all {lost:.10g} customers who churned did so at their first renewal, and later ones say "
                "nothing of the rest: follow them for longer"
            )
        if found:
            msg = f"The likelihood has no maximum, since {found}."
            raise ConvergenceError(msg)


@contextmanager
def naming(argument: str) -> Iterator[None]:
    """Let errors name an argument, where what reads it speaks of a summary.

    Not by the name of the table: no contract of `crmkit.tables` maps the columns of contracts.
    """
    try:
        yield
    except CRMKitError as error:
        raise type(error)(str(error).replace("`summary`", f"`{argument}`", 1)) from None


def from_customers(customers: object) -> Renewals:
    """Count the renewals that each customer was up for, and the last one of those who churned."""
    frame = as_frame(customers)
    roles = {"tenure": "number", "churned": "flag"}
    weighted = _cells.WEIGHT in _frames.lazy(frame, table="summary").collect_schema().names()
    cells = _cells.gather(frame, roles, weighted=weighted)
    _refuse_empty(len(cells.rows))
    unknown = cells.rows["churned"].isna().to_numpy()
    churned = np.where(unknown, False, cells.rows["churned"].to_numpy()).astype(bool)
    tenure = cells.rows["tenure"].to_numpy(dtype=float)
    checks = {**_tenure_checks(tenure), "have no value in 'churned'": unknown}
    checks["have churned at tenure 0, before any renewal"] = churned & (tenure == 0)
    cells.refuse(checks)
    last, weight = tenure.astype(np.intp), cells.weight
    left = np.bincount(last, weights=weight * churned)
    at_risk = np.bincount(last, weights=weight)[::-1].cumsum()[::-1]
    return _trimmed(at_risk[1:], left[1:], float(weight.sum()), int(cells.count.sum()))


def tenures(frame: object) -> tuple[_cells.Cells, dict[str, str]]:
    """Gather customers by their tenure and, where that is given, by whether they have churned."""
    present = _frames.lazy(frame, table="summary").collect_schema().names()
    roles = {"tenure": "number"} | ({"churned": "flag"} if "churned" in present else {})
    cells = _cells.gather(frame, roles)
    checks = _tenure_checks(cells.rows["tenure"].to_numpy(dtype=float))
    if "churned" in roles:
        checks["have no value in 'churned'"] = cells.rows["churned"].isna().to_numpy()
    cells.refuse(checks)
    return cells, roles


def _tenure_checks(tenure: Floats) -> Checks:
    """Say which rows have no tenure that counts renewals."""
    return {
        "have no value in 'tenure'": np.isnan(tenure),
        "have a tenure that is not a whole number of at least 0": (tenure < 0)
        | ((tenure != np.floor(tenure)) & ~np.isnan(tenure)),
        f"have a tenure above {LONGEST} periods": tenure > LONGEST,
    }


def from_survivors(cohorts: object) -> Renewals:
    """Count renewals from the survivors of each cohort after 0, 1, 2, … periods."""
    roles = {"period": "number", "survivors": "number", "cohort": "label"}
    scanned = _frames.scan(as_frame(cohorts), roles, table="summary", optional=["cohort"])
    rows = _frames.collect(scanned)
    _refuse_empty(len(rows))
    if "cohort" not in rows:
        rows = rows.assign(cohort=0)
    _refuse_rows(rows)
    rows = rows.sort_values(["cohort", "period"])
    period, survivors = (rows[name].to_numpy(dtype=float) for name in ("period", "survivors"))
    first = ~rows["cohort"].duplicated().to_numpy()
    before = np.where(first, np.nan, np.roll(survivors, 1))
    _refuse_cohorts(rows["cohort"], first, period, before < survivors, _shares(first, survivors))
    at = period[~first].astype(np.intp)
    lost = (before - survivors)[~first]
    at_risk, left = (np.bincount(at, weights=w, minlength=2)[1:] for w in (before[~first], lost))
    return _trimmed(at_risk, left, float(survivors[first].sum()), len(rows))


def _refuse_rows(rows: "pd.DataFrame") -> None:
    survivors = rows["survivors"].to_numpy(dtype=float)
    checks = {
        f"have no value in '{name}'": rows[name].isna().to_numpy()
        for name in ("period", "survivors", "cohort")
    }
    checks["have survivors below 0 or infinite"] = (survivors < 0) | np.isinf(survivors)
    cells = _cells.Cells(rows, np.ones(len(rows)), np.ones(len(rows)))
    cells.refuse(checks)


def _shares(first: Any, survivors: Floats) -> Any:
    """Say which survivors are parts of one customer, which is what shares of a cohort look like."""
    size = survivors[first][np.cumsum(first) - 1]
    return (size <= 1) & (survivors != np.floor(survivors))


def _refuse_cohorts(cohort: "pd.Series[Any]", first: Any, period: Floats, grows: Any, shares: Any) -> None:
    """Raise a DataError for cohorts whose periods are not 0, 1, 2, … or whose survivors do not fall."""
    starts = np.flatnonzero(first)
    place = np.arange(len(period)) - starts[np.cumsum(first) - 1]
    correct = "complete or correct the table"
    rules = {
        "the periods 0, 1, 2, … each once": (period != place, correct),
        "survivors that never grow in number": (grows, correct),
        "survivors that are numbers of customers, not shares": (
            shares,
            "multiply shares by the number of customers that the cohort began with",
        ),
    }
    for rule, (broken, remedy) in rules.items():
        found = cohort[broken].unique().tolist()
        if found:
            which = f" in cohort {found[0]!r}" if len(starts) > 1 else ""
            where = period[broken][0]
            msg = (
                f"`summary` must have {rule}, in every cohort. Found {len(found)} of {len(starts)} cohorts "
                f"that do not, first at period {where:g}{which}: {remedy}."
            )
            raise DataError(msg)


def _refuse_empty(rows: int) -> None:
    if not rows:
        msg = "`summary` must have at least one row. Found none."
        raise DataError(msg)


def _trimmed(at_risk: Counts, churned: Counts, customers: float, rows: int) -> Renewals:
    """Drop the renewals that nobody was up for; one stays, so that there is something to look at."""
    seen = max(int((at_risk > 0).sum()), 1)
    at_risk, churned = np.append(at_risk, 0.0)[:seen], np.append(churned, 0.0)[:seen]
    return Renewals(at_risk, churned, customers, rows)
