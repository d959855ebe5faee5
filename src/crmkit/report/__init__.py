"""Report on a folder of tables: one offline HTML page, and the same numbers as JSON.

>>> from crmkit import report
>>> report.report("company/", as_of="2024-12-31", out="report.html")    # doctest: +SKIP

`load` reads and checks the folder, `assembly` computes what its tables allow, a module of `sections` for each
analysis, and `page` writes the result.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.report.assembly import build as build
    from crmkit.report.company import Assumptions as Assumptions
    from crmkit.report.document import Report as Report
    from crmkit.report.load import check_folder as check_folder, load_folder as load_folder
    from crmkit.report.page import report as report

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "assembly": ("build",),
        "company": ("Assumptions",),
        "document": ("Report",),
        "load": ("check_folder", "load_folder"),
        "page": ("report",),
    },
)
