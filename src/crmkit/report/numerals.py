"""Write numbers for people: thousands apart, no more digits than they carry, the same in every country.

A narrow space parts thousands, a no-break space stands before a unit, a true minus marks what is below zero.
"""

import datetime as dt
import math
from typing import Any

ROWS, CUSTOMERS = ("row", "rows"), ("customer", "customers")
THIN, SPACE, MINUS, NONE = "\u202f", "\u00a0", "\u2212", "–"


def integer(value: Any) -> str:
    """Write a whole number, or a dash for nothing.

    Parameters
    ----------
    value : float or None
        The number.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> integer(1234567.4), integer(None)
    ('1\u202f234\u202f567', '–')
    """
    return decimal(value, 0)


def count(number: Any, one: str, more: str) -> str:
    r"""Write how many there are with the words that agree with it.

    Parameters
    ----------
    number : int
        How many.
    one, more : str
        The words behind 1 and behind any other number.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> count(1, "customer is", "customers are"), count(1200, "customer is", "customers are")
    ('1 customer is', '1\u202f200 customers are')
    """
    return f"{integer(number)} {one if number == 1 else more}"


def decimal(value: Any, digits: int = 1) -> str:
    """Write a number with some decimals, or a dash for nothing.

    Parameters
    ----------
    value : float or None
        The number.
    digits : int, default 1
        Decimals.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> decimal(-0.04, 1), decimal(-12.34, 1)
    ('0.0', '−12.3')
    """
    if missing(value):
        return NONE
    text = f"{abs(value):,.{digits}f}".replace(",", THIN)
    negative = value < 0 and any(one in text for one in "123456789")
    return MINUS + text if negative else text


def share(value: Any) -> str:
    r"""Write a share as per cent, with a decimal below ten per cent.

    Parameters
    ----------
    value : float or None
        The share; 1 is all.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> share(0.4), share(0.0412), share(2.2)
    ('40\xa0%', '4.1\xa0%', '220\xa0%')
    """
    if missing(value):
        return NONE
    return f"{_per_cent(value)}{SPACE}%"


def rate(value: Any) -> str:
    r"""Write a share that others are computed from, as per cent with a decimal.

    Parameters
    ----------
    value : float or None
        The share; 1 is all.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> rate(0.35447)
    '35.4\xa0%'
    """
    return NONE if missing(value) else f"{decimal(100 * value, 1)}{SPACE}%"


def _per_cent(value: float) -> str:
    percent = 100 * float(value)
    close = abs(percent) < 9.95 or 99 < percent < 99.95
    return decimal(percent, 1 if close and not percent.is_integer() else 0)


def interval(lower: Any, upper: Any, n: Any) -> str:
    r"""Write the 95 % interval of a share with the base of the share.

    Parameters
    ----------
    lower, upper : float or None
        The ends.
    n : float
        The base.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> interval(0.2242, 0.2778, 100)
    '95\xa0% interval 22 to 28\xa0%, n\xa0100'
    """
    if missing(lower) or missing(upper):
        return f"no interval, n{SPACE}{integer(n)}"
    return f"95{SPACE}% interval {_per_cent(lower)} to {share(upper)}, n{SPACE}{integer(n)}"


def money(value: Any, currency: str | None = None) -> str:
    r"""Write an amount: whole units, and two decimals below a hundred.

    Parameters
    ----------
    value : float or None
        The amount.
    currency : str, optional
        Its ISO code.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> money(1234.5, "EUR"), money(12.345), money(0)
    ('1\u202f234\xa0EUR', '12.35', '0')
    """
    if missing(value):
        return NONE
    small = abs(value) < 99.995 and not float(value).is_integer()
    return decimal(value, 2 if small else 0) + (f"{SPACE}{currency}" if currency else "")


def date(value: Any) -> str:
    r"""Write a date, 31 Dec 2024, or a dash for nothing.

    Parameters
    ----------
    value : date or None
        The date.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> import datetime
    >>> date(datetime.date(2024, 12, 31))
    '31\xa0Dec\xa02024'
    """
    if missing(value):
        return NONE
    month = _MONTHS[value.month - 1]
    return f"{value.day}{SPACE}{month}{SPACE}{value.year}"


def month(value: Any) -> str:
    r"""Write the month of a date, Dec 2024, or a dash for nothing.

    Parameters
    ----------
    value : date or None
        The date.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> import datetime
    >>> month(datetime.date(2024, 12, 31))
    'Dec\xa02024'
    """
    return NONE if missing(value) else date(value).split(SPACE, 1)[1]


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def missing(value: Any) -> bool:
    """Say whether there is nothing to write: None, NaN, NaT, infinite.

    Parameters
    ----------
    value : object
        What should be written.

    Returns
    -------
    bool
        True for nothing.

    Examples
    --------
    >>> missing(float("nan")), missing(0)
    (True, False)
    """
    if value is None or value != value:
        return True
    if isinstance(value, dt.date | str):
        return False
    return not math.isfinite(value)


def plain(value: Any) -> Any:
    """Turn a value into what JSON holds: numpy and pandas values to Python's, dates to ISO, NaN to None.

    Parameters
    ----------
    value : object
        A scalar, or dictionaries and lists of them.

    Returns
    -------
    object
        The same in plain Python.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"n": np.int64(3), "share": float("nan"), "at": [np.datetime64("2024-01-31")]})
    {'n': 3, 'share': None, 'at': ['2024-01-31']}
    """
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if hasattr(value, "strftime"):
        return None if missing(value) else value.strftime("%Y-%m-%d")
    if isinstance(value, str | bool):
        return value
    if missing(value):
        return None
    return value if isinstance(value, int) else float(value)
