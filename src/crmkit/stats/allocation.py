"""Share an amount of money by weights so that nothing is lost: largest remainders in whole minor units.

Two forms of one rule, which agree to the cent: :func:`apportion` and :func:`allocate` for one amount and
an array of weights, :func:`allocate_pools` for many amounts (pools) at once inside a dataframe engine.

Every share is rounded down to whole minor units (cents); the units left over go, one each, to the shares
with the largest fractional parts. Fractional parts are compared after rounding to 1e-9, equal ones in the
order of position (array) or of the target's key (engine). Weights are first put on a whole-number grid of
about 2**-36 of the largest one, so their total does not depend on the order in which it is summed: every
engine, and every order of the rows, gives the same cents.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, SupportsFloat

import narwhals as nw

from crmkit import _params

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BITS = 36
_LIMIT = 10**15
_GRID = 1e9
_LEAST = 1e-305


def apportion(units: int, weights: "npt.ArrayLike") -> "npt.NDArray[np.int64]":
    """Share a whole number of units by weights, by largest remainder.

    Parameters
    ----------
    units : int
        What is shared, between -10**15 and 10**15. A negative number is shared like its positive and negated.
    weights : array_like of float
        Weights ≥ 0 with a positive total, one a share; up to 90 million. Below 1e-305 they count as 0.

    Returns
    -------
    numpy.ndarray of int64
        The shares, in the order of the weights; their sum is `units`.

    Raises
    ------
    ParameterError
        If `units` is not a whole number in its range, or a weight is missing, negative or infinite, or all
        weights are zero.

    Notes
    -----
    A zero weight receives nothing. Equal fractional parts are served in the order of position. Weights count
    in steps of 2**-36 of the largest one, so shares of more than 10**10 units may be off by some units.

    References
    ----------
    Balinski, M. L. and Young, H. P. (1982), *Fair Representation*: the method of Hamilton.

    Examples
    --------
    >>> apportion(100, [1, 1, 1])
    array([34, 33, 33])
    """
    import numpy as np

    whole = _params.integer("units", units, low=-_LIMIT, high=_LIMIT)
    w = _weights(weights)
    scale = 2.0 ** (_BITS - np.clip(np.floor(np.log2(w.max()) + 0.5), -985, 1000))
    grid = np.floor(w * scale + 0.5).astype(np.int64)
    quota = abs(whole) * (grid / float(grid.sum()))
    share = np.floor(quota)
    fraction = np.floor((quota - share) * _GRID + 0.5)
    out: npt.NDArray[np.int64] = share.astype(np.int64)
    out[np.argsort(-fraction, kind="stable")[: abs(whole) - int(out.sum())]] += 1
    return out if whole >= 0 else -out


def _weights(weights: "npt.ArrayLike") -> "npt.NDArray[np.float64]":
    import numpy as np

    try:
        w = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        _params.fail("weights", "an array of numbers", weights)
    if w.ndim != 1 or not w.size:
        _params.fail("weights", "a one-dimensional array with at least one weight", f"shape {w.shape}")
    bad = ~(np.isfinite(w) & (w >= 0))
    if bad.any():
        found = f"{int(bad.sum())} of {w.size} that are not, the first {float(w[bad][0])!r}"
        _params.fail("weights", "finite numbers of at least 0", found)
    if w.max() < _LEAST:
        _params.fail("weights", "numbers with a positive total", f"{w.size} weights of zero")
    return w


def allocate(total: SupportsFloat, weights: "npt.ArrayLike", *, digits: int = 2) -> "npt.NDArray[np.float64]":
    """Share an amount of money by weights so that the shares add up to it exactly.

    Parameters
    ----------
    total : float, int or decimal.Decimal
        The amount, with at most `digits` decimals; negative for a correction. At most 10**15 minor units.
    weights : array_like of float
        Weights ≥ 0 with a positive total, one a share.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    numpy.ndarray of float64
        The shares, each the float nearest to its decimal number; in minor units they add up to `total`.

    Raises
    ------
    ParameterError
        If the total has more decimals than `digits`, a weight is missing, negative or infinite, or all
        weights are zero.

    Notes
    -----
    A total with more decimals is refused, not rounded, because rounding it would lose money. Equal fractional
    parts are served in the order of position.

    References
    ----------
    Activity-based costing: an activity of 121 000 ("analyse claims") of which one group causes 80 %.

    Examples
    --------
    >>> allocate(121_000, [80, 20])
    array([96800., 24200.])
    >>> allocate(-100, [1, 1, 1])
    array([-33.34, -33.33, -33.33])
    """
    places = minor_digits(digits)
    value = _params.number("total", total)
    scaled = float(total.scaleb(places)) if isinstance(total, Decimal) else value * 10**places
    if abs(scaled) > _LIMIT:
        _params.fail("total", f"at most {_LIMIT:.0e} minor units", total)
    units = round(scaled)
    if abs(scaled - units) > _tolerance(scaled):
        _params.fail(
            "total", f"an amount with at most {places} decimals: round it first or raise `digits`", total
        )
    return apportion(units, weights) / 10.0**places


def _tolerance(scaled: float) -> float:
    return 1e-3 + abs(scaled) * 1e-15


def minor_digits(digits: int) -> int:
    """Check the number of decimals of a minor unit.

    Parameters
    ----------
    digits : int
        Decimals, 0 to 9.

    Returns
    -------
    int
        The number.

    Raises
    ------
    ParameterError
        If it is not a whole number from 0 to 9.

    Examples
    --------
    >>> minor_digits(2)
    2
    """
    return _params.integer("digits", digits, low=0, high=9)


def to_units(amount: nw.Expr, digits: int) -> nw.Expr:
    """Express an amount of money as a whole number of minor units.

    Parameters
    ----------
    amount : narwhals.Expr
        A float column.
    digits : int
        Decimals of the minor unit.

    Returns
    -------
    narwhals.Expr
        The nearest whole number, int64.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"cost": [0.1 + 0.2]}))
    >>> frame.select(to_units(nw.col("cost"), 2))["cost"].to_list()
    [30]
    """
    return (amount * 10.0**digits + 0.5).floor().cast(nw.Int64)


def to_money(units: nw.Expr, digits: int) -> nw.Expr:
    """Express a whole number of minor units as an amount of money.

    Parameters
    ----------
    units : narwhals.Expr
        A column of whole numbers, of any integer type an engine sums to.
    digits : int
        Decimals of the minor unit.

    Returns
    -------
    narwhals.Expr
        The amount, float64.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"units": [1999]}))
    >>> frame.select(to_money(nw.col("units"), 2))["units"].to_list()
    [19.99]
    """
    return quotient(units.cast(nw.Int64), 10.0**digits)


def quotient(numerator: nw.Expr, divisor: float) -> nw.Expr:
    """Divide a column by a number, rounded as IEEE 754 asks, on every engine.

    Parameters
    ----------
    numerator : narwhals.Expr
        A column of finite numbers.
    divisor : float
        What it is divided by, not 0.

    Returns
    -------
    narwhals.Expr
        The quotient, float64.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"rank": [49]}))
    >>> frame.select(quotient(nw.col("rank"), 49))["rank"].to_list()
    [1.0]
    """
    x = numerator.cast(nw.Float64)
    # a divisor as long as the column: polars turns division by a scalar into a product, and 49 (1/49) < 1
    return x / (x * 0.0 + float(divisor))


def size_check(column: str, digits: int) -> dict[str, nw.Expr]:
    """Say which amounts are too large, or infinite, to be counted in minor units: one of `money_checks`."""
    too_large = (nw.col(column) * 10.0**digits).abs() > _LIMIT
    return {f"with a {column} above {_LIMIT:.0e} minor units": too_large}


def money_checks(column: str, digits: int) -> dict[str, nw.Expr]:
    """List what makes an amount unfit for exact allocation, for ``_frames.refuse``.

    Parameters
    ----------
    column : str
        A float column of money.
    digits : int
        Decimals of the minor unit.

    Returns
    -------
    dict of str to narwhals.Expr
        Conditions, keyed by what they mean.

    Examples
    --------
    >>> list(money_checks("cost", 2))
    ['with no cost', 'with a cost above 1e+15 minor units', 'with a cost of more than 2 decimals']
    """
    amount = nw.col(column)
    scaled = amount * 10.0**digits
    # beyond the limit the fraction of a float means nothing: those rows are left to the check before
    capped = nw.when(scaled.abs() <= _LIMIT).then(scaled).otherwise(0.0)
    off = (capped - (capped + 0.5).floor()).abs() - capped.abs() * 1e-15
    return {
        f"with no {column}": amount.is_null(),
        **size_check(column, digits),
        f"with a {column} of more than {digits} decimals": off > 1e-3,
    }


def allocate_pools(
    pools: nw.LazyFrame[Any],
    drivers: nw.LazyFrame[Any],
    *,
    pool: list[str],
    target: list[str],
    columns: tuple[str, str],
    digits: int,
    split: Sequence[str] = (),
) -> nw.LazyFrame[Any]:
    """Share the amount of every pool among its targets by weight, inside the engine.

    Parameters
    ----------
    pools : narwhals.LazyFrame
        One row a pool: the columns `pool`, the amount, and any others, which are carried along.
    drivers : narwhals.LazyFrame
        Weights ≥ 0: the columns `pool`, `target` and the weight; rows of one pool and target are added up.
    pool : list of str
        Columns that identify a pool, in both frames.
    target : list of str
        Columns that identify who receives a share; they also order equal fractional parts.
    columns : tuple of str
        The names of the amount and of the weight.
    digits : int
        Decimals of the minor unit.
    split : sequence of str, optional
        Further key columns of `pools`, which the weights do not have: they hold for each of its parts.

    Returns
    -------
    narwhals.LazyFrame
        One row a pool and target: `target`, the columns of `pools`, the weight, `rate` (amount for one
        unit of weight), the amount, `units` (the amount in whole minor units) and `unassigned`. A pool
        without a positive weight is one row with a null target.

    Notes
    -----
    The caller has checked that keys are not null, pools are unique, amounts pass :func:`money_checks` and
    weights are finite and not negative. Nothing is collected.

    Examples
    --------
    >>> import pandas as pd
    >>> pools = nw.from_native(pd.DataFrame({"activity": ["claims"], "cost": [100.0]})).lazy()
    >>> drivers = pd.DataFrame({"activity": "claims", "customer_id": list("abc"), "quantity": 1.0})
    >>> names = {"pool": ["activity"], "target": ["customer_id"], "columns": ("cost", "quantity")}
    >>> rows = allocate_pools(pools, nw.from_native(drivers).lazy(), **names, digits=2)
    >>> rows.collect()["cost"].to_list()
    [33.34, 33.33, 33.33]
    """
    amount, weight = columns
    keys = [*pool, *split]
    sized = pools.with_columns(_units=to_units(nw.col(amount).abs(), digits))
    weighed = _on_grid(drivers, pool, target, weight).join(sized.select(*keys, "_units"), on=pool)
    shares = _shares(weighed, keys, target).select(*keys, *target, weight, "_weight", "_share")
    rows = sized.join(shares, on=keys, how="left")
    unassigned = nw.col("_share").is_null()
    share = nw.col("_share").fill_null(0).cast(nw.Int64)
    magnitude = nw.when(unassigned).then(nw.col("_units")).otherwise(share)
    units = nw.when(nw.col(amount) < 0).then(0 - magnitude).otherwise(magnitude)
    carried = [name for name in pools.collect_schema().names() if name not in (*keys, amount)]
    return rows.with_columns(units=units.cast(nw.Int64)).select(
        *target,
        *keys,
        *carried,
        weight,
        (nw.col(amount) / nw.col("_weight")).alias("rate"),
        to_money(nw.col("units"), digits).alias(amount),
        "units",
        unassigned.alias("unassigned"),
    )


def _on_grid(
    drivers: nw.LazyFrame[Any], pool: list[str], target: list[str], weight: str
) -> nw.LazyFrame[Any]:
    """Add up the weights of one pool and target, as they are and as whole numbers of a grid for each pool."""
    largest = drivers.group_by(pool).agg(_largest=nw.col(weight).max())
    positive = nw.when(nw.col("_largest") > 0).then(nw.col("_largest")).otherwise(1.0)
    exponent = (positive.log(2) + 0.5).floor().clip(-985.0, 1000.0)
    grids = largest.with_columns(_power=_BITS - exponent).with_columns(_scale=nw.lit(2.0) ** nw.col("_power"))
    grid = (nw.col(weight) * nw.col("_scale") + 0.5).floor().cast(nw.Int64)
    rows = drivers.join(grids.select(*pool, "_scale"), on=pool).with_columns(_grid=grid)
    summed = rows.group_by([*pool, *target]).agg(nw.col(weight).sum(), nw.col("_grid").sum())
    summed = summed.with_columns(nw.col("_grid").cast(nw.Int64))
    totals = {"_total": nw.col("_grid").sum().over(*pool), "_weight": nw.col(weight).sum().over(*pool)}
    return summed.with_columns(**totals).filter(nw.col("_total") > 0)


def _shares(weighed: nw.LazyFrame[Any], pool: list[str], target: list[str]) -> nw.LazyFrame[Any]:
    """Round the quotas down and hand the units left over to the largest fractional parts of each pool."""
    total = nw.col("_total").cast(nw.Int64).cast(nw.Float64)
    exact = nw.col("_units").cast(nw.Float64) * (nw.col("_grid").cast(nw.Float64) / total)
    rows = weighed.with_columns(_quota=exact).with_columns(_floor=nw.col("_quota").floor())
    # negated because a window orders upwards
    fraction = 0 - ((nw.col("_quota") - nw.col("_floor")) * _GRID + 0.5).floor()
    rows = rows.with_columns(_floor=nw.col("_floor").cast(nw.Int64), _order=fraction)
    rank = nw.col("_floor").cum_count().over(*pool, order_by=["_order", *target])
    rows = rows.with_columns(_rank=rank, _given=nw.col("_floor").sum().over(*pool))
    left = nw.col("_units") - nw.col("_given").cast(nw.Int64)
    extra = nw.when(nw.col("_rank").cast(nw.Int64) <= left).then(1).otherwise(0)
    return rows.with_columns(_share=(nw.col("_floor") + extra).cast(nw.Int64))
