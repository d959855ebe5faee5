"""One stage of activity-based costing: the checks of its two tables, and the sharing out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import narwhals as nw

from crmkit import _frames, _params
from crmkit.errors import ColumnError, DataError
from crmkit.stats import allocation

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 1.7e308
WORKING = (  # columns of the calculation, here and in `stats.allocation`
    *("_rows", "_units", "_weight", "_share", "_scale", "_grid", "_total", "_largest", "_power"),
    *("_quota", "_floor", "_order", "_rank", "_given"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """The names of one stage: what is shared out, to whom, in proportion to what."""

    pool: list[str]
    target: list[str]
    amount: str
    weight: str
    digits: int


def breakdown(by: str | list[str] | None, reserved: tuple[str, ...]) -> list[str]:
    """Return the columns to break down by, none of which may be one that the function uses itself."""
    return free("by", _params.names("by", by), reserved)


def free(name: str, columns: list[str], reserved: tuple[str, ...]) -> list[str]:
    """Return columns none of which bears a name that the result, or the calculation, uses itself."""
    if set(columns) & {*reserved, *WORKING}:
        _params.fail(name, f"columns other than {', '.join((*reserved, *WORKING))}", columns)
    return columns


def share_out(
    pools: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], stage: Stage, *, names: tuple[str, str]
) -> nw.LazyFrame[Any]:
    """Check the two tables of a stage and share the amounts out."""
    pools, drivers = matched(pools, drivers, stage.pool, names=names)
    pools = pools.with_columns(nw.col(stage.amount).cast(nw.Float64))
    drivers = _nullable(drivers, stage.target).with_columns(nw.col(stage.weight).cast(nw.Float64))
    repeats = pools.group_by(stage.pool).agg(_rows=nw.len())
    _frames.refuse(
        pools.join(repeats, on=stage.pool, how="left"),
        {
            **_null_keys(stage.pool),
            f"with a repeated {' and '.join(stage.pool)}": nw.col("_rows") > 1,
            **allocation.money_checks(stage.amount, stage.digits),
        },
        table=names[0],
    )
    quantity = nw.col(stage.weight)
    _frames.refuse(
        drivers,
        {
            **_null_keys([*stage.target, *stage.pool]),
            f"with no {stage.weight}": quantity.is_null(),
            f"with a negative {stage.weight}": quantity < 0,
            f"with an infinite {stage.weight}": quantity > _LARGEST,
        },
        table=names[1],
    )
    _refuse_unknown(pools, drivers, stage.pool, names=names)
    shares = allocation.allocate_pools(
        pools,
        drivers,
        pool=stage.pool,
        target=stage.target,
        columns=(stage.amount, stage.weight),
        digits=stage.digits,
    )
    return shares.drop("units")


def _nullable(frame: nw.LazyFrame[Any], columns: list[str]) -> nw.LazyFrame[Any]:
    """Let whole numbers of pandas be null: the row of an unassigned pool would turn them into floats."""
    if not frame.implementation.is_pandas():
        return frame
    native = cast("pd.DataFrame", frame.collect().to_native())
    whole = [name for name in columns if str(native[name].dtype).startswith(("int", "uint"))]
    return nw.from_native(native.astype(dict.fromkeys(whole, "Int64"))).lazy() if whole else frame


def _null_keys(keys: list[str]) -> dict[str, nw.Expr]:
    return {f"with no {name}": nw.col(name).is_null() for name in keys}


def _refuse_unknown(
    pools: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], pool: list[str], *, names: tuple[str, str]
) -> None:
    """Raise a DataError that counts and names the pools that only the drivers know."""
    unknown = drivers.join(pools.select(pool), on=pool, how="anti").group_by(pool).agg(_rows=nw.len())
    first = _frames.collect(unknown.sort(*pool).head(3))
    if first.empty:
        return
    count, rows = _frames.collect(unknown.select(nw.len().alias("n"), nw.col("_rows").sum())).iloc[0]
    examples = ", ".join(" ".join(map(str, key)) for key in first[pool].itertuples(index=False))
    more = ", …" if count > len(first) else ""
    msg = (
        f"`{names[1]}`: {int(rows)} rows name {int(count)} {' and '.join(pool)} that `{names[0]}` does not "
        f"have ({examples}{more}). Add them there with their amount, or filter these rows."
    )
    raise DataError(msg)


def same_engine(first: object, second: object, *, names: tuple[str, str]) -> None:
    """Raise a ParameterError unless two frames belong to the same engine, so that they can be joined."""
    _frames.lazy(first, table=names[0])
    _frames.lazy(second, table=names[1])
    kinds = [type(frame).__module__.partition(".")[0] for frame in (first, second)]
    if kinds[0] != kinds[1]:
        _params.fail(names[1], f"a frame of {kinds[0]}, as `{names[0]}` is", type(second))
    if all(hasattr(frame, "set_alias") for frame in (first, second)):
        _same_connection(first, second, names)


def _same_connection(first: Any, second: Any, names: tuple[str, str]) -> None:
    """Raise a ParameterError unless two DuckDB relations belong to one connection."""
    try:
        first.limit(0).cross(second.limit(0))
    except Exception as error:
        if type(error).__name__ != "InvalidInputException":  # its module is imported in `_frames` alone
            raise
        _params.fail(names[1], f"a relation of the same connection as `{names[0]}`", "one of another")


def matched(
    first: nw.LazyFrame[Any], second: nw.LazyFrame[Any], keys: list[str], *, names: tuple[str, str]
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Give the keys of two tables one type, so that they can meet, or raise a ColumnError."""
    left, right = first.collect_schema(), second.collect_schema()
    whole = [name for name in keys if left[name].is_integer() and right[name].is_integer()]
    for name in keys:
        if left[name] != right[name] and name not in whole:
            msg = (
                f"`{names[1]}` must have '{name}' of the type that `{names[0]}` has, {left[name]}. "
                f"Got {right[name]} instead: convert one of them."
            )
            raise ColumnError(msg)
    if not whole:
        return first, second
    wide = [nw.col(name).cast(nw.Int64) for name in whole]
    return first.with_columns(*wide), second.with_columns(*wide)
