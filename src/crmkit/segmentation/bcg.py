"""Prepare and read a product portfolio: relative share, and the balance of a customer's products."""

from collections.abc import Sequence

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.segmentation import _cells
from crmkit.segmentation._axis_cuts import check_matrix, infinite
from crmkit.segmentation.matrix import Matrix


def relative_share(frame: FrameT) -> FrameT:
    """Compute the market share of each product relative to that of its largest competitor.

    Parameters
    ----------
    frame : DataFrame
        One row a product, with ``market_share`` (the own one) and ``largest_competitor_share``, both in one
        unit; sales in the market do as well. Other columns are kept.

    Returns
    -------
    DataFrame
        The rows of `frame`, of the same kind, with `relative_share`: 1 is parity, above it the product leads.

    Raises
    ------
    ColumnError
        If a column is missing or not numeric, or the frame has ``relative_share`` already.
    DataError
        If a share is negative or infinite.

    Notes
    -----
    Null where a share is missing or there is no competitor: the largest competitor's share cannot be left
    out, because the share of the market alone does not say who leads. Lazy frames stay lazy.

    References
    ----------
    Henderson (1970), 'The Product Portfolio', BCG Perspectives.

    Examples
    --------
    >>> import pandas as pd
    >>> shares = pd.DataFrame({"market_share": [30, 10], "largest_competitor_share": [15, 40]})
    >>> relative_share(shares)["relative_share"].tolist()
    [2.0, 0.25]
    """
    names = ("market_share", "largest_competitor_share")
    rows = _frames.scan(frame, dict.fromkeys(names, "number"), keep=True)
    if "relative_share" in rows.collect_schema().names():
        msg = "`frame` must not have the column 'relative_share', which the result adds: rename it."
        raise ColumnError(msg)
    checks = {f"with a negative {name}": nw.col(name) < 0 for name in names}
    checks |= infinite(*names)
    _frames.refuse(rows.select(*names), checks, table="frame")
    own, other = (nw.col(name).cast(nw.Float64) for name in names)
    return _frames.give(rows.with_columns(relative_share=own / nw.when(other > 0).then(other)), like=frame)


def portfolio_balance(
    classified: FrameT,
    matrix: Matrix,
    *,
    value: str = "revenue",
    owner: str = "customer_id",
    balanced: Sequence[str] | None = None,
) -> FrameT:
    """Share the value of each owner's portfolio out over the cells of a matrix.

    Parameters
    ----------
    classified : DataFrame
        One row a product of an owner: the owner, its `cell` as `classify` gives it, and the value.
    matrix : Matrix
        The matrix that was used, such as `BCG`.
    value : str, default "revenue"
        Numeric column to share out, not negative.
    owner : str, default "customer_id"
        Column that names the owner of a product.
    balanced : sequence of str, optional
        Cells in which a balanced portfolio has some value: question marks, stars and cash cows in the BCG
        matrix.

    Returns
    -------
    DataFrame
        One row for each owner and cell, empty cells included, of the kind of `classified`, sorted by owner
        and in the order of the matrix: the owner, `cell`, `products`, the value and `value_share` of the
        owner's total. The last row of an owner, with a null cell, holds the products that have no place. With
        `balanced` also `balanced`: whether the owner has some value in each of those cells.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If an owner or a value is missing, a value is negative or infinite, or a cell is not in the matrix.
    ParameterError
        If `matrix` is none, or `balanced` names a cell that it does not have.

    Notes
    -----
    The shares of an owner sum to 1; they are null where the total is zero. Lazy frames stay lazy.

    References
    ----------
    A customer with question marks, stars and cash cows of its own has a future to buy for; one that lives on
    cash cows alone has not: Henderson (1970), 'The Product Portfolio', BCG Perspectives.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import BCG
    >>> products = pd.DataFrame({"customer_id": ["a", "a", "b"], "cell": ["stars", "cash cows", "cash cows"],
    ...                          "revenue": [25.0, 75.0, 60.0]})
    >>> shares = portfolio_balance(products, BCG, balanced=["stars", "cash cows"])
    >>> shares[shares["products"] > 0][["customer_id", "cell", "value_share", "balanced"]]
      customer_id       cell  value_share  balanced
    0           a      stars         0.25      True
    1           a  cash cows         0.75      True
    6           b  cash cows         1.00     False
    """
    import pandas as pd

    check_matrix(matrix)
    needed = _needed(matrix, balanced)
    owner, value = _params.column("owner", owner), _params.column("value", value)
    rows = _cells.open_cells(classified, matrix, {owner: "key", value: "number"})
    rows = rows.with_columns(_rows=nw.lit(1, nw.Int64), _value=nw.col(value).cast(nw.Float64))
    checks = {
        f"without {owner}": nw.col(owner).is_null(),
        f"without {value}": nw.col(value).is_null(),
        f"with a negative {value}": nw.col(value) < 0,
        **infinite(value),
        _cells.UNKNOWN: nw.col("_place") == 0,
    }
    _frames.refuse(rows, checks, table="frame")
    found = rows.group_by(owner, "_place").agg(nw.col("_rows").sum(), nw.col("_value").sum())
    totals = rows.group_by(owner).agg(nw.col("_value").sum().alias("_total"))
    texts = [*(cell.name for cell in matrix.cells), None]
    numbers = range(1, len(texts) + 1)
    names = _joins.attach(pd.DataFrame({"_place": numbers, "cell": texts}), to=rows)
    grid = nw.concat([totals.with_columns(_place=nw.lit(number, nw.Int64)) for number in numbers])
    table = grid.join(names, on="_place").join(found, on=[owner, "_place"], how="left")
    amount, total = nw.col("_value").fill_null(0.0), nw.col("_total")
    table = table.with_columns(
        products=nw.col("_rows").fill_null(0).cast(nw.Int64),
        _value=amount,
        value_share=amount / nw.when(total > 0).then(total),
    )
    if balanced is not None:
        there = nw.col("cell").is_in(needed) & (nw.col("_value") > 0)
        table = table.with_columns(_there=nw.when(there).then(1).otherwise(0))
        table = table.with_columns(balanced=nw.col("_there").sum().over(owner) == len(needed))
    added = [] if balanced is None else ["balanced"]
    table = table.sort(owner, "_place").with_columns(nw.col("_value").alias(value))
    return _frames.give(
        table.select(owner, "cell", "products", value, "value_share", *added), like=classified
    )


def _needed(matrix: Matrix, balanced: Sequence[str] | None) -> list[str]:
    names = [cell.name for cell in matrix.cells]
    needed = [] if balanced is None else _params.several("balanced", balanced, "cell")
    if not set(needed) <= set(names):
        _params.fail("balanced", f"a list of cells of the matrix ({', '.join(names)})", balanced)
    return sorted(set(needed))
