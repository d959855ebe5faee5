"""Data to try everything on: real purchases of CDNOW, and a simulated company whose truth is known."""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.datasets.cdnow import load_cdnow as load_cdnow
    from crmkit.datasets.company import Company as Company, simulate_company as simulate_company

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "cdnow": ("load_cdnow",),
        "company": ("Company", "simulate_company"),
    },
)
