"""The simulated company's clock: days since its start, seasons, and what is seen by `as_of`.

Every moment is a float, days since `start`; it becomes a date only when a table is written.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from crmkit.datasets._company_truth import TRUTH

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Texts: TypeAlias = Any  # a pandas array of strings, whose type differs between pandas 2 and 3

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Calendar:
    """The time from `start` to `as_of`; `clock` is the seasonal time passed at each midnight."""

    start: np.datetime64
    days: int
    clock: Floats

    @classmethod
    def between(cls, start: dt.datetime, as_of: dt.datetime) -> "Calendar":
        """Set the clock of a company that is seen from `start` to `as_of`."""
        first, days = np.datetime64(start, "D"), (as_of.date() - start.date()).days
        dates = first + np.arange(days + 1)
        months = dates.astype("datetime64[M]").astype(np.int64) % 12
        weekdays = (dates.astype(np.int64) + 3) % 7
        season = TRUTH["season"]
        pace = np.array(season["month"])[months] * np.array(season["weekday"])[weekdays]
        return cls(first, days, np.concatenate([[0.0], np.cumsum(pace)]))

    def to_clock(self, moment: Floats) -> Floats:
        """Return the seasonal time at a moment."""
        return np.interp(moment, np.arange(len(self.clock)), self.clock)

    def from_clock(self, clock: Floats) -> Floats:
        """Return the moment at which the seasonal time is reached."""
        return np.interp(clock, self.clock, np.arange(len(self.clock)))

    def seen(self, moment: Floats) -> Floats:
        """Return the moments up to `as_of`; what comes later is not known yet (NaN)."""
        return np.where(moment <= self.days, moment, np.nan)

    def date(self, moment: npt.ArrayLike) -> npt.NDArray[np.datetime64]:
        """Return dates to the second, NaT where the moment is NaN."""
        seconds = np.floor(np.asarray(moment, dtype=float) * 86_400 + 1e-4)
        known = np.isfinite(seconds)
        passed = np.where(known, seconds, 0).astype("timedelta64[s]")
        dates = (self.start.astype("datetime64[s]") + passed).astype("datetime64[us]")
        return np.where(known, dates, np.datetime64("NaT"))

    def moment(self, dates: "pd.Series[Any]") -> Floats:
        """Return dates as moments, NaN where there is none."""
        days = (dates - pd.Timestamp(self.start)) / pd.Timedelta(days=1)
        return np.asarray(days, dtype=np.float64)


def working_hours(rng: np.random.Generator, moment: Floats) -> Floats:
    """Move moments to between 8 and 18 o'clock of their day."""
    return np.floor(moment) + rng.uniform(8 / 24, 18 / 24, len(moment))


def keys(prefix: str, count: int) -> Texts:
    """Return `count` keys such as C000001, digit by digit because a loop over strings is slow."""
    width = max(6, len(str(count)))
    number = np.arange(1, count + 1)[:, None]
    digits = number // 10 ** np.arange(width - 1, -1, -1) % 10 + ord("0")
    letters = np.hstack([np.full((count, 1), ord(prefix)), digits]).astype(np.uint32)
    return text(letters.view(f"U{width + 1}").ravel().astype(object))


def text(names: npt.NDArray[np.object_]) -> Texts:
    """Return the text array that pandas makes of strings; taking from it beats making it again."""
    return pd.Series(names).array


def pick(names: Texts | Sequence[str], codes: Ints) -> Texts:
    """Return the names that the codes stand for, a missing one for -1."""
    known: Texts = text(np.array(names, dtype=object)) if isinstance(names, list | tuple) else names
    return known.take(codes, allow_fill=True)


def draw(rng: np.random.Generator, shares: dict[str, float] | Sequence[float], count: int) -> Ints:
    """Draw codes with the given shares, which sum to one."""
    weights = list(shares.values()) if isinstance(shares, dict) else list(shares)
    return rng.choice(len(weights), count, p=weights).astype(np.int64)


def values(named: dict[str, Any], names: Sequence[str]) -> Floats:
    """Return the parameters of the names, in their order."""
    return np.array([named[name] for name in names], dtype=float)
