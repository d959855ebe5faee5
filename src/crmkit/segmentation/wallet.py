"""Measure the share of a customer's wallet: what it buys here of all it buys, and what is left to win."""

import narwhals as nw

from crmkit import _frames, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError

_ADDED = ("share_of_wallet", "headroom", "headroom_share")


def share_of_wallet(frame: FrameT, *, here: str = "bought_here", total: str = "bought_in_all") -> FrameT:
    """Compute each customer's share of wallet and the headroom that is left.

    Parameters
    ----------
    frame : DataFrame
        One row a customer; other columns are kept.
    here : str, default "bought_here"
        Column with what the customer buys from this supplier in a period, in money or units.
    total : str, default "bought_in_all"
        Column with what it buys of the category from all suppliers, in the same period and unit.

    Returns
    -------
    DataFrame
        The rows of `frame`, of the same kind, with ``share_of_wallet`` (0 to 1), ``headroom`` (total less
        here, in the unit of the columns) and ``headroom_share`` (0 to 1).

    Raises
    ------
    ColumnError
        If a column is missing or not numeric, or the frame has one of the new columns already.
    DataError
        If a number is negative or infinite, or more is bought here than in all.
    ParameterError
        If `here` or `total` is no column name, or they are the same.

    Notes
    -----
    Null where either number is null. The shares are null, and the headroom 0, for a customer who buys
    nothing. Headroom is what could be won, not what it is worth: that depends on the margin and on what it
    costs the customer to switch.

    References
    ----------
    Jones buys five pairs of shoes a year, one of them here, Smith two, both here; a supplier with 15 % of a
    customer's spending has 85 % left to win.

    Examples
    --------
    >>> import pandas as pd
    >>> shoppers = pd.DataFrame({"customer_id": ["Jones", "Smith"], "bought_here": [1, 2],
    ...                          "bought_in_all": [5, 2]})
    >>> share_of_wallet(shoppers)[["customer_id", "share_of_wallet", "headroom", "headroom_share"]]
      customer_id  share_of_wallet  headroom  headroom_share
    0       Jones              0.2         4             0.8
    1       Smith              1.0         0             0.0
    """
    names = [_params.column("here", here), _params.column("total", total)]
    if here == total:
        _params.fail("total", "another column than `here`", total)
    double = sorted(set(_frames.lazy(frame).collect_schema().names()) & set(_ADDED))
    if double:
        found = ", ".join(map(repr, double))
        msg = f"`frame` must not have the column {found}, which the result adds: rename it."
        raise ColumnError(msg)
    rows = _frames.scan(frame, dict.fromkeys(names, "number"), keep=True)
    own, whole = nw.col(here), nw.col(total)
    checks: dict[str, nw.Expr] = {}
    for name in names:
        checks[f"with a negative or infinite {name}"] = (nw.col(name) < 0) | (
            nw.col(name).cast(nw.Float64) == float("inf")
        )
    _frames.refuse(rows, {**checks, f"with a {here} above the {total}": own > whole}, table="frame")
    headroom = whole - own
    buys = whole.cast(nw.Float64)
    safe = nw.when(buys > 0).then(buys).otherwise(1.0)
    result = rows.with_columns(
        share_of_wallet=nw.when(buys > 0).then(own.cast(nw.Float64) / safe),
        headroom=headroom,
        headroom_share=nw.when(buys > 0).then(headroom.cast(nw.Float64) / safe),
    )
    return _frames.give(result, like=frame)
