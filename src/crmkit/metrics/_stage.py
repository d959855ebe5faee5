"""One stage of activity-based costing: the checks of its two tables, and the sharing out."""

import operator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit.errors import DataError
from crmkit.stats import allocation

_LARGEST = 1.7e308
KINDS = ["transaction", "duration", "intensity"]
WORKING = (  # columns of the calculation, here and in `stats.allocation`
    *("_rows", "_units", "_weight", "_share", "_scale", "_grid", "_total", "_largest", "_power"),
    *("_quota", "_floor", "_order", "_rank", "_given", "_rest"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """The names of one stage: what is shared out, to whom, in proportion to what.

    `split` are key columns of the pools that the drivers lack: each part is shared by the same drivers.
    """

    pool: list[str]
    target: list[str]
    amount: str
    weight: str
    digits: int
    split: list[str] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """The columns that identify a pool."""
        return [*self.pool, *self.split]


def breakdown(by: str | list[str] | None, reserved: tuple[str, ...]) -> list[str]:
    """Return the columns to break down by, none of which may be one that the function uses itself."""
    return free("by", _params.names("by", by), reserved)


def free(name: str, columns: list[str], reserved: tuple[str, ...]) -> list[str]:
    """Return columns none of which bears a name that the result, or the calculation, uses itself."""
    if set(columns) & {*reserved, *WORKING}:
        _params.fail(name, f"columns other than {', '.join((*reserved, *WORKING))}", columns)
    return columns


def sides(
    by: list[str], pools: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], table: str
) -> tuple[list[str], list[str], list[str]]:
    """Sort the columns of a breakdown: those of both tables, of the pools only, of the drivers only."""
    left, right = pools.collect_schema().names(), drivers.collect_schema().names()
    _frames.require(left, [name for name in by if name not in right], table=table)
    return (
        [name for name in by if name in left and name in right],
        [name for name in by if name not in right],
        [name for name in by if name not in left],
    )


def share_out(
    pools: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], stage: Stage, *, names: tuple[str, str]
) -> nw.LazyFrame[Any]:
    """Check the two tables of a stage and share the amounts out."""
    return shared(*checked(pools, drivers, stage, names=names), stage)


def shared(pools: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], stage: Stage) -> nw.LazyFrame[Any]:
    """Share the amounts of checked pools out in proportion to the weights."""
    shares = allocation.allocate_pools(
        pools,
        drivers,
        pool=stage.pool,
        target=stage.target,
        columns=(stage.amount, stage.weight),
        digits=stage.digits,
        split=stage.split,
    )
    return shares.drop("units")


def charged(pools: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], stage: Stage) -> nw.LazyFrame[Any]:
    """Charge weights that are money as they are; what they leave of a pool is its unassigned row."""
    money, amount, weight = stage.digits, stage.amount, stage.weight
    known = pools.select(*stage.pool)
    rows = drivers.join(known, on=stage.pool).with_columns(_units=allocation.to_units(nw.col(weight), money))
    each = rows.group_by([*stage.pool, *stage.target]).agg(nw.col("_units").sum())
    each = each.with_columns(nw.col("_units").cast(nw.Int64))
    each = each.with_columns(allocation.to_money(nw.col("_units"), money).alias(weight))
    used = each.group_by(stage.pool).agg(_given=nw.col("_units").sum())
    left = pools.join(used, on=stage.pool, how="left")
    rest = allocation.to_units(nw.col(amount), money) - nw.col("_given").fill_null(0).cast(nw.Int64)
    left = left.with_columns(_rest=rest).filter((nw.col("_rest") != 0) | nw.col("_given").is_null())
    # a join that matches nothing, for nulls of the targets' own types
    nobody = each.filter(nw.col("_units").is_null()).drop("_units")
    left = left.drop("_given").join(nobody, on=stage.pool, how="left")
    out = pools.join(each, on=stage.pool).with_columns(_rest=nw.col("_units"))
    carried = [name for name in pools.collect_schema().names() if name not in (*stage.pool, amount)]
    rates = {False: nw.lit(1.0), True: nw.lit(None, nw.Float64)}
    return nw.concat(
        [
            part.with_columns(rate=rates[flag], unassigned=nw.lit(flag)).select(
                *(*stage.target, *stage.pool, *carried, weight, "rate"),
                allocation.to_money(nw.col("_rest"), money).alias(amount),
                "unassigned",
            )
            for part, flag in ((out, False), (left, True))
        ]
    )


def refuse_kinds(pools: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], stage: Stage) -> None:
    """Raise a DataError for unknown kinds of driver, and for intensities that are not money of one pool."""
    kind = nw.col("driver_kind")
    checks = {f"with a driver_kind other than {', '.join(KINDS)}": ~kind.is_in(KINDS) & ~kind.is_null()}
    if stage.split:
        text = f"with the driver_kind intensity, split by {', '.join(stage.split)}, which the drivers lack"
        checks[text] = (kind == "intensity").fill_null(False)
    _frames.refuse(pools, checks, table="activities")
    direct = pools.filter((kind == "intensity").fill_null(False)).select(*stage.pool)
    checks = allocation.money_checks(stage.weight, stage.digits)
    _frames.refuse(drivers.join(direct, on=stage.pool), checks, table="drivers")


def checked(
    pools: nw.LazyFrame[Any],
    drivers: nw.LazyFrame[Any],
    stage: Stage,
    *,
    names: tuple[str, str],
    passed: nw.Expr | None = None,
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Return the two tables of a stage with keys of one type, or raise what is wrong with them."""
    pools, drivers = _joins.matched(pools, drivers, stage.pool, names=names)
    pools = pools.with_columns(nw.col(stage.amount).cast(nw.Float64))
    drivers = _joins.nullable(drivers, stage.target).with_columns(nw.col(stage.weight).cast(nw.Float64))
    repeats = pools.group_by(stage.keys).agg(_rows=nw.len())
    identity = {
        **_null_keys(stage.keys),
        f"with a repeated {' and '.join(stage.keys)}": nw.col("_rows") > 1,
    }
    if passed is not None:
        identity = {text: check & ~passed for text, check in identity.items()}
    _frames.refuse(
        pools.join(repeats, on=stage.keys, how="left"),
        {**identity, **allocation.money_checks(stage.amount, stage.digits)},
        table=names[0],
    )
    _refuse_drivers(pools, drivers, stage, names=names)
    return pools, drivers


def _refuse_drivers(
    pools: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], stage: Stage, *, names: tuple[str, str]
) -> None:
    """Raise a DataError if a row of drivers is unfit or names an unknown pool.

    One pass over the drivers, the long table, finds that nothing is wrong; further ones say what is.
    """
    checks = weight_checks(stage)
    marked = drivers.with_columns(_share=nw.when(reduce(operator.or_, checks.values())).then(1).otherwise(0))
    counted = marked.group_by(stage.pool).agg(_rows=nw.len(), _share=nw.col("_share").sum())
    known = pools.group_by(stage.pool).agg(_units=nw.len())
    met = counted.join(known, on=stage.pool, how="left")
    lost = nw.when(nw.col("_units").is_null()).then(nw.col("_rows")).otherwise(nw.col("_share"))
    wrong = _frames.collect(met.select(_share=lost).select(nw.col("_share").sum()))
    if wrong.fillna(0).iloc[0, 0]:
        _frames.refuse(drivers, checks, table=names[1])
        refuse_unknown(pools, drivers, stage.pool, names=names)


def weight_checks(stage: Stage) -> dict[str, nw.Expr]:
    """List what makes a row of drivers unfit."""
    quantity = nw.col(stage.weight)
    return {
        **_null_keys([*stage.target, *stage.pool]),
        f"with no {stage.weight}": quantity.is_null(),
        f"with a negative {stage.weight}": quantity < 0,
        f"with an infinite {stage.weight}": quantity > _LARGEST,
    }


def _null_keys(keys: list[str]) -> dict[str, nw.Expr]:
    return {f"with no {name}": nw.col(name).is_null() for name in keys}


def refuse_unknown(
    known: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], keys: list[str], *, names: tuple[str, str]
) -> None:
    """Raise a DataError that counts and names the keys that only the drivers know."""
    # grouped first: the join then meets a row a key, not a row a driver
    counted = drivers.group_by(keys).agg(_rows=nw.len())
    unknown = counted.join(known.select(keys), on=keys, how="anti")
    first = _frames.collect(unknown.sort(*keys).head(3))
    if first.empty:
        return
    count, rows = _frames.collect(unknown.select(nw.len().alias("n"), nw.col("_rows").sum())).iloc[0]
    examples = ", ".join(" ".join(map(str, key)) for key in first[keys].itertuples(index=False))
    more = ", …" if count > len(first) else ""
    what = "amount" if names[0] != "customers" else "data"
    rows_name = "1 row names" if rows == 1 else f"{int(rows)} rows name"
    key = " and ".join(keys) if count == 1 else f"values of {' and '.join(keys)}"
    add = "Add it there with its" if count == 1 else "Add them there with their"
    which = "this row" if rows == 1 else "these rows"
    msg = (
        f"`{names[1]}`: {rows_name} {int(count)} {key} that `{names[0]}` does not have ({examples}{more}). "
        f"{add} {what}, or filter {which}."
    )
    raise DataError(msg)
