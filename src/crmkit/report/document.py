"""What a report consists of: sections with a headline, figures in numbers, tables, pictures and an action.

`assembly` fills these classes, `page` writes them as HTML and JSON. They hold numbers, not texts: both
outputs come from the same ones.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crmkit.report import numerals

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of a table.

    Parameters
    ----------
    name : str
        Name of the column in the data and in JSON.
    label : str
        What stands above it on the page.
    form : {"text", "integer", "decimal", "money", "share", "rate", "date", "month"}, default "text"
        How its values are written.
    ends : tuple of str, optional
        Columns with the lower and the upper end of an interval, written behind the value.
    spare : bool, default False
        Whether a telephone may leave the column out, for want of room.

    Examples
    --------
    >>> Heading("ratio", "lead to close", "share", ends=("lower", "upper")).form
    'share'
    """

    name: str
    label: str
    form: str = "text"
    ends: tuple[str, str] | None = None
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a section.

    Parameters
    ----------
    name : str
        Name in JSON.
    caption : str
        What it shows, with its base.
    headings : tuple of Heading
        The columns, from the left.
    rows : list of dict
        Column → value, plain Python values.
    wide : bool, default False
        Whether it needs the whole width of the page.

    Examples
    --------
    >>> Table("sizes", "Sizes.", (Heading("n", "customers", "integer"),), [{"n": 3}]).rows
    [{'n': 3}]
    """

    name: str
    caption: str
    headings: tuple[Heading, ...]
    rows: list[dict[str, Any]]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a section, drawn twice: for a page and for a telephone.

    Parameters
    ----------
    title : str
        What it shows, in a few words.
    description : str
        What one should see, for those who do not.
    wide, narrow : str
        SVG elements.

    Examples
    --------
    >>> Picture("Sales", "Sales rise.", "<svg/>", "<svg/>").title
    'Sales'
    """

    title: str
    description: str
    wide: str
    narrow: str


@dataclass(frozen=True, slots=True)
class Section:
    """One analysis.

    Parameters
    ----------
    key : str
        Name in JSON and in links.
    title : str
        What is analysed.
    headline : str
        The finding, as a sentence.
    base : tuple of str
        What it rests on: n, period, as_of, what was excluded, method.
    facts : mapping
        The numbers, in JSON under these names.
    shown : tuple of tuple
        The few that stand in large type: (label, text, note).
    tables : tuple of Table
        Tables.
    pictures : tuple of Picture
        Pictures.
    action : tuple of str
        What to do.

    Examples
    --------
    >>> Section("sales", "Sales", "Sales rise.", ("n 3",), {"n": 3}).facts["n"]
    3
    """

    key: str
    title: str
    headline: str
    base: tuple[str, ...]
    facts: Mapping[str, Any]
    shown: tuple[tuple[str, str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    action: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """An analysis that the tables did not allow.

    Parameters
    ----------
    key, title : str
        As in `Section`.
    reason : str
        What is missing.

    Examples
    --------
    >>> Skipped("leads", "Ratios and funnel", "there is no table leads").reason
    'there is no table leads'
    """

    key: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that a page says.

    Parameters
    ----------
    title : str
        Title of the page.
    as_of : datetime.date
        The day up to which the tables were used, that day included.
    currency : str or None
        ISO code of all money.
    simulated : bool
        Whether the data are simulated; then every page says so.
    rows : tuple of dict
        A row a table: ``table``, ``rows``, ``excluded``, ``first`` and ``last`` date, ``note``.
    sections : tuple of Section
        What was computed.
    skipped : tuple of Skipped
        What was not, and why.
    notes : tuple of str
        What else a reader must know.

    Examples
    --------
    >>> Report("Empty", dt.date(2024, 12, 31), None, False, ()).to_dict()["as_of"]
    '2024-12-31'
    """

    title: str
    as_of: dt.date
    currency: str | None
    simulated: bool
    rows: tuple[Mapping[str, Any], ...]
    sections: tuple[Section, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return every number of the page as plain values, ready for JSON.

        Returns
        -------
        dict
            The report; ``sections`` maps the key of each section to its facts and tables.

        Examples
        --------
        >>> Report("Empty", dt.date(2024, 12, 31), None, True, ()).to_dict()["simulated"]
        True
        """
        sections = {
            one.key: {
                "title": one.title,
                "headline": one.headline,
                "base": one.base,
                "facts": one.facts,
                "tables": {table.name: table.rows for table in one.tables},
                "action": one.action,
            }
            for one in self.sections
        }
        plain: dict[str, Any] = numerals.plain(
            {
                "title": self.title,
                "as_of": self.as_of,
                "currency": self.currency,
                "simulated": self.simulated,
                "tables": list(self.rows),
                "sections": sections,
                "skipped": {one.key: one.reason for one in self.skipped},
                "notes": self.notes,
            }
        )
        return plain


def rows_of(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows of a pandas frame as plain dictionaries.

    Parameters
    ----------
    frame : pandas.DataFrame
        A small table.

    Returns
    -------
    list of dict
        One a row, None for what is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> rows_of(pd.DataFrame({"n": [1], "share": [float("nan")]}))
    [{'n': 1, 'share': None}]
    """
    records = frame.to_dict("records")
    return [{str(name): numerals.plain(value) for name, value in one.items()} for one in records]
