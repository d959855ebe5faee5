"""Read the CDNOW purchases, the data set on which models of repeat buying are published."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from crmkit import _params
from crmkit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_FILES = {False: "CDNOW_master.txt", True: "CDNOW_sample.txt"}
_ROWS = {False: 69_659, True: 6_919}


def load_cdnow(*, sample: bool = False) -> "pd.DataFrame":
    """Load the purchases of the customers who first bought at CDNOW in the first quarter of 1997.

    Parameters
    ----------
    sample : bool, default False
        False: all 23 570 customers, 69 659 rows. True: the 1/10 sample, 2 357 customers, 6 919 rows.

    Returns
    -------
    pandas.DataFrame
        A canonical orders table, one row a purchase, sorted by customer and date:
        ``customer_id`` (int, the same in both sets), ``order_date`` (from 1997-01-01 to 1998-06-30),
        ``quantity`` (number of CDs), ``amount`` (US dollars).

    Raises
    ------
    DataError
        If the lifetimes distribution is not installed, or lacks the file or rows of it.

    Notes
    -----
    Real purchases. 80 rows of the whole set (8 of the sample) have an amount of 0, and some customers bought
    several times a day. The files come with the lifetimes distribution; lifetimes itself is not imported.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2001). Forecasting repeat sales at CDNOW: a case study. Interfaces
    31(3), S94-S107. The sample is the one of Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting
    your customers" the easy way: an alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284.

    Examples
    --------
    The sample's first 39 weeks hold the 2 457 repeat days of the published models:

    >>> orders = load_cdnow(sample=True)
    >>> days = orders[orders["order_date"] <= "1997-09-30"].drop_duplicates(["customer_id", "order_date"])
    >>> days["customer_id"].nunique(), len(days) - days["customer_id"].nunique()
    (2357, 2457)
    """
    import pandas as pd

    path = _file(_FILES[_params.flag("sample", sample)])
    names = ["customer_id", *(["sample_id"] if sample else []), "order_date", "quantity", "amount"]
    try:
        raw = pd.read_csv(path, sep=r"\s+", header=None, skiprows=0 if sample else 1, names=names)
        dates = pd.to_datetime(raw["order_date"].astype(str), format="%Y%m%d")
    except (ValueError, OSError) as error:
        raise _damaged(path, str(error)) from error
    if len(raw) != _ROWS[sample]:
        raise _damaged(path, f"{len(raw)} rows")
    orders = raw.assign(order_date=dates)[["customer_id", "order_date", "quantity", "amount"]]
    return orders.sort_values(list(orders.columns), ignore_index=True)


def _file(name: str) -> Path:
    """Find a data file of the installed lifetimes distribution without importing it."""
    spec = find_spec("lifetimes")
    if spec is None or not spec.submodule_search_locations:
        msg = "CDNOW needs the data files of the lifetimes distribution, which is not installed. "
        raise DataError(msg + "Run pip install 'lifetimes>=0.11.3'.")
    path = Path(next(iter(spec.submodule_search_locations)), "datasets", name)
    if not path.is_file():
        msg = (
            f"The installed lifetimes distribution must hold datasets/{name}. Found no such file at {path}. "
        )
        raise DataError(msg + "Reinstall it: pip install --force-reinstall 'lifetimes>=0.11.3'.")
    return path


def _damaged(path: Path, found: str) -> DataError:
    return DataError(
        f"{path.name} must hold {_ROWS[path.name == _FILES[True]]} purchases. Found {found}. "
        "Reinstall lifetimes: pip install --force-reinstall 'lifetimes>=0.11.3'."
    )
