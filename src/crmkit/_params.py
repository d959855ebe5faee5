"""Checks of scalar arguments, all with one wording: "`name` must be X. Got Y instead."."""

import datetime as dt
import math
import numbers
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from crmkit.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np


_LARGEST_INTEGER = 2**63 - 1


def fail(name: str, requirement: str, value: object) -> NoReturn:
    """Raise the ParameterError that every check of this module raises."""
    msg = f"`{name}` must be {requirement}. Got {value!r} instead."
    raise ParameterError(msg)


def number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return `value` as a finite float inside the range, whose ends are included unless they are open."""
    above, below = ("above" if open_low else "at least"), ("below" if open_high else "at most")
    limits = [f"{above} {low:g}"] * (low > -math.inf) + [f"{below} {high:g}"] * (high < math.inf)
    requirement = f"a finite number {' and '.join(limits)}".rstrip()
    if not is_number(value):
        fail(name, requirement, value)
    x = float(value)
    if x < low or x > high or (open_low and x == low) or (open_high and x == high):
        fail(name, requirement, value)
    return x


def is_number(value: Any) -> bool:
    """Say whether a value is a finite real number; True and False are none."""
    real = isinstance(value, numbers.Real) or type(value).__name__ == "Decimal"
    try:
        return real and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def integer(name: str, value: Any, *, low: int | None = None, high: int | None = None) -> int:
    """Return `value` as an int inside the closed range; 3.0 counts as 3, True does not count."""
    bounds = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
    requirement = " ".join(["an integer", " and ".join(bounds)]).strip()
    if not is_number(value) or value != int(value):
        fail(name, requirement, value)
    n = int(value)
    if abs(n) > _LARGEST_INTEGER:  # numpy and the engines count in 64 bits
        fail(name, f"{requirement} within 64 bits", value)
    if (low is not None and n < low) or (high is not None and n > high):
        fail(name, requirement, value)
    return n


def share(name: str, value: Any, *, open_ends: bool = False) -> float:
    """Return `value` as a share between 0 and 1."""
    return number(name, value, low=0, high=1, open_low=open_ends, open_high=open_ends)


def choice(name: str, value: Any, options: Iterable[str]) -> str:
    """Return `value` if it is one of the options."""
    allowed = list(options)
    if not isinstance(value, str) or value not in allowed:
        fail(name, "one of " + ", ".join(map(repr, allowed)), value)
    return value


def flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False."""
    if not isinstance(value, bool):
        fail(name, "True or False", value)
    return value


def names(name: str, value: str | Sequence[str] | None) -> list[str]:
    """Return column names as a list: None is no column, a string is one."""
    if value is None:
        return []
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        fail(name, "a column name or a list of column names", value)
    if len(set(listed)) < len(listed):
        fail(name, "a list without repeated column names", value)
    return list(listed)


def column(name: str, value: Any) -> str:
    """Return the name of one column."""
    if not isinstance(value, str) or not value:
        fail(name, "a column name", value)
    return value


def several(name: str, value: Any, what: str) -> list[Any]:
    """Return a sequence or one-dimensional array of at least one thing as a list."""
    listed = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes) or not listed:
        fail(name, f"a list of at least one {what}", value)
    return list(listed)


def date(name: str, value: Any) -> dt.datetime:
    """Return `value` as a naive datetime: an ISO text, a date, a datetime or a pandas/numpy timestamp.

    A date without a time of day stands for its midnight.
    """
    requirement = "a date such as '2024-12-31' without a time zone"
    if value is None or isinstance(value, bool | int | float):
        fail(name, requirement, value)
    if type(value).__name__ == "datetime64":
        value = value.astype("datetime64[us]").item()
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            fail(name, requirement, value)
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, dt.datetime) and value == value and value.tzinfo is None:
        return value
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day)
    return fail(name, requirement, value)


def day(name: str, value: Any) -> dt.datetime:
    """Return the midnight at which the day of a date begins: an `as_of` counts as a whole day."""
    moment = date(name, value)
    if not dt.MINYEAR < moment.year < dt.MAXYEAR:  # the periods around it must have a date too
        fail(name, f"a date in the years {dt.MINYEAR + 1} to {dt.MAXYEAR - 1}", value)
    return dt.datetime(moment.year, moment.month, moment.day)


def currency(name: str, value: Any) -> str:
    """Return `value` if it has the form of an ISO 4217 code."""
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        fail(name, "the ISO code of a currency, such as EUR", value)
    return value


def generator(random_state: "int | np.random.Generator") -> "np.random.Generator":
    """Return a numpy Generator from a seed or a Generator; nothing else, so that every result repeats."""
    import numpy as np

    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer) or random_state < 0:
        fail("random_state", "a non-negative integer or a numpy Generator", random_state)
    return np.random.default_rng(int(random_state))
