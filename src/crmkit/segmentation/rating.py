"""Score customers on a rating sheet, and measure how far the raters agree.

Ratings are a long table – customer, attribute, rating, and the rater where there are several – on any engine;
the sheets stand in :mod:`crmkit.segmentation.rating_catalogue`. A score becomes an axis of a matrix.
"""

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError, DataError
from crmkit.segmentation.rating_sheet import RatingSheet
from crmkit.stats import agreement, allocation

_ROLES = {"customer_id": "key", "attribute": "label", "rating": "number", "rater": "label"}
_POLICIES = ("raise", "skip")
_SHOWN = 5
_DIGITS = 1e9  # a score of 3 must lie on a cut at 3, whatever the order of the sums


def rate(
    ratings: FrameT,
    sheet: RatingSheet,
    *,
    missing: str | float = "raise",
    by: str | Sequence[str] | None = None,
    name: str = "score",
) -> FrameT:
    """Compute each customer's score on a rating sheet: the weighted mean of its ratings.

    Parameters
    ----------
    ratings : DataFrame
        One row a rating: ``customer_id``, ``attribute`` (a name on the sheet), ``rating`` (on its scale) and,
        where several people rate the same attribute, ``rater``.
    sheet : RatingSheet
        Attributes, weights and scale, such as ``RATING_SHEETS["strategic_importance"]``.
    missing : {"raise", "skip"} or float, default "raise"
        What an attribute does that a rater of the customer has not rated. "raise": an error. "skip": it is
        left out, and the weights of the others are scaled up. A number on the scale stands in for it.
    by : str or sequence of str, optional
        Further columns to score apart, such as "rater".
    name : str, default "score"
        Name of the column with the score, such as the axis of the matrix it is made for.

    Returns
    -------
    DataFrame
        The same kind of frame, one row a customer (and `by`), sorted by them: the score (on the scale of the
        sheet; null where no attribute with weight is rated), its standard error (``score_error``, after
        `name`; null with fewer than two raters), ``answered`` (attributes with a rating),
        ``weight_answered`` (their share of the importance, 0 to 1), ``ratings`` (ratings used) and
        ``raters`` (1 where the table has no such column).

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a row lacks its customer, attribute or rater, a rating is off the scale, an attribute is not on
        the sheet, an attribute is rated twice by one rater, or one is missing under "raise".
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    Several ratings of an attribute count by their mean; a neutral value stands in for each rater who gave
    none. Ratings of a reversed attribute are mirrored on the scale. A null rating is none. Raters who share
    the attributes among them are one rater: leave the column out. Scores are rounded to nine decimals, so
    that a score on a cut point lies on it. An empty table gives an empty one.

    The standard error is that of a mean over raters: the standard deviation of the raters' own scores, by the
    same rule for what is missing, over the root of their number. It is what `classify` takes as `errors`.

    References
    ----------
    Weighted attribute ratings as in the directional policy matrices of McKinsey and General Electric.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import RATING_SHEETS
    >>> marks = [("a", "critical goods", 5), ("a", "volume", 4), ("a", "hard to replace", 2),
    ...          ("b", "critical goods", 1), ("b", "volume", 3)]
    >>> ratings = pd.DataFrame(marks, columns=["customer_id", "attribute", "rating"])
    >>> scored = rate(ratings, RATING_SHEETS["relationship_value"], missing="skip")
    >>> scored[["customer_id", "score", "answered", "weight_answered", "raters"]]
      customer_id     score  answered  weight_answered  raters
    0           a  3.666667         3             0.75       1
    1           b  2.000000         2             0.50       1

    A second rater gives one mark less throughout: half a mark is the standard error of the mean.

    >>> lower = ratings.assign(rating=ratings["rating"] - 1, rater="lower")
    >>> both = pd.concat([ratings.assign(rater="upper"), lower]).query("customer_id == 'a'")
    >>> rate(both, RATING_SHEETS["relationship_value"], missing="skip")[["score", "score_error"]].round(3)
       score  score_error
    0  3.167          0.5
    """
    _check_sheet(sheet)
    neutral = _neutral(missing, sheet)
    extra = [column for column in _params.names("by", by) if column != "customer_id"]
    keys = ["customer_id", *extra]
    _check_names(name, extra)
    rows, raters = _read(ratings, sheet, extra)
    voters = rows.group_by(keys).agg(raters=nw.col(raters).n_unique()) if raters else None
    scored = _scored(_lines(rows, keys, voters), keys, neutral)
    if missing == "raise":
        _refuse_gaps(scored, sheet)
    if voters is None:
        scored = scored.with_columns(_error=nw.lit(None, nw.Float64))
    else:
        scored = scored.join(_errors(rows, keys, raters, neutral), on=keys, how="left")
    counts = [nw.col(one).cast(nw.Int64) for one in ("answered", "ratings", "raters")]
    weight = _rounded(nw.col("weight_answered"))
    result = scored.with_columns(*counts, _score=_rounded(nw.col("_score")), weight_answered=weight)
    scores = (nw.col("_score").alias(name), nw.col("_error").alias(f"{name}_error"))
    given = result.select(*keys, *scores, "answered", "weight_answered", "ratings", "raters")
    return _frames.give(given, like=ratings, sort=keys)


def rater_agreement(ratings: FrameT, sheet: RatingSheet) -> FrameT:
    """Measure, attribute by attribute, whether the raters put the customers in the same order.

    Parameters
    ----------
    ratings : DataFrame
        One row a rating: ``customer_id``, ``attribute``, ``rating`` and ``rater``.
    sheet : RatingSheet
        The sheet that was rated.

    Returns
    -------
    DataFrame
        The same kind of frame, one row an attribute in the order of the sheet: ``attribute``, ``raters``,
        ``customers`` (rated by all of them), ``excluded`` (customers not rated by all), ``kendall_w`` (0 to
        1), ``chi_square`` and ``p_value`` (of so large a W by chance). The last three are null with fewer
        than two raters or customers, or where no rater tells customers apart.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a row lacks its customer, attribute or rater, a rating is off the scale, an attribute is not on
        the sheet, or an attribute of a customer is rated twice by one rater.
    ParameterError
        If `sheet` is no RatingSheet.

    Notes
    -----
    Kendall's W with the correction for ties, which few marks on a short scale make frequent; its
    distribution is that of chi-square only for about eight customers and more (see
    :func:`crmkit.stats.kendall_w` for random orders). From a lazy frame one row an attribute is fetched.

    References
    ----------
    See :func:`crmkit.stats.kendall_w`.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import Attribute, RatingSheet
    >>> sheet = RatingSheet("prestige", (Attribute("prestige", "known by all"),))
    >>> ratings = pd.DataFrame({"customer_id": list("abc") * 2, "attribute": "prestige",
    ...                         "rater": ["x"] * 3 + ["y"] * 3, "rating": [1, 3, 5, 2, 3, 4]})
    >>> rater_agreement(ratings, sheet).round(4)
      attribute  raters  customers  excluded  kendall_w  chi_square  p_value
    0  prestige       2          3         0        1.0         4.0   0.1353
    """
    import pandas as pd
    from scipy import special

    _check_sheet(sheet)
    rows, raters = _read(ratings, sheet, [], rater=True)
    found = _frames.collect(_concordances(rows.filter(~nw.col("rating").is_null()), raters))
    by_name = {str(row["attribute"]): row for row in found.fillna(0).to_dict("records")}
    lines = []
    for attribute in sheet.attributes:
        row = by_name.get(attribute.name, {})
        m, n = int(row.get("raters", 0)), int(row.get("customers", 0))
        w = float("nan")
        if m > 1 and n > 1:
            w = agreement.coefficient(float(row["squares"]), float(row["ties"]), raters=m, items=n)
        chi_square = m * (n - 1) * w
        p = float(special.chdtrc(n - 1, max(chi_square, 0.0))) if w == w else w
        lines.append((attribute.name, m, n, int(row.get("rated", 0)) - n, w, chi_square, p))
    names = ["attribute", "raters", "customers", "excluded", "kendall_w", "chi_square", "p_value"]
    local = pd.DataFrame(lines, columns=names)
    return _frames.give(_nulled(_joins.attach(local, to=rows), names[4:]), like=ratings)


def _nulled(rows: nw.LazyFrame[Any], names: list[str]) -> nw.LazyFrame[Any]:
    """Make null of the NaN that a local frame brings into engines that tell the two apart."""
    if rows.implementation.is_pandas():
        return rows
    return rows.with_columns(*(nw.when(~nw.col(one).is_nan()).then(nw.col(one)).alias(one) for one in names))


def _check_sheet(sheet: object) -> None:
    if not isinstance(sheet, RatingSheet):
        _params.fail("sheet", "a RatingSheet, such as RATING_SHEETS['five_forces']", sheet)


def _check_names(name: object, extra: list[str]) -> None:
    """Refuse names that the result or the way to it needs."""
    added = ["answered", "weight_answered", "ratings", "raters"]
    if {_params.column("name", name), f"{name}_error"} & {"customer_id", *extra, *added}:
        _params.fail("name", f"a column name other than {['customer_id', *extra, *added]}", name)
    taken = [one for one in extra if one in ("attribute", "rating", *added) or one.startswith("_")]
    if taken:
        rule = f"columns other than {['attribute', 'rating', *added]} that do not begin with an underscore"
        _params.fail("by", rule, taken)


def _rounded(value: nw.Expr) -> nw.Expr:
    return allocation.quotient((value * _DIGITS + 0.5).floor(), _DIGITS)


def _neutral(missing: object, sheet: RatingSheet) -> float | None:
    """Return the value that stands in for a missing rating, if it is one."""
    low, high = sheet.scale
    if isinstance(missing, str) or not _params.is_number(missing):
        if not isinstance(missing, str) or missing not in _POLICIES:
            _params.fail("missing", f"'raise', 'skip' or a number from {low:g} to {high:g}", missing)
        return None
    return _params.number("missing", missing, low=low, high=high)


def _read(
    ratings: object, sheet: RatingSheet, extra: list[str], *, rater: bool = False
) -> tuple[nw.LazyFrame[Any], str]:
    """Open and check the ratings; return them mirrored where reversed, with weights, and the rater column."""
    import pandas as pd

    roles = {**_ROLES, **dict.fromkeys(extra, "label")}
    rows = _frames.scan(ratings, roles, table="ratings", optional=() if rater else ("rater",))
    schema = rows.collect_schema()
    if not isinstance(schema["attribute"], nw.String | nw.Object | nw.Unknown):
        msg = f"`ratings` must have texts in 'attribute'. Got the type {schema['attribute']}: map the names."
        raise ColumnError(msg)
    apart = "rater" in schema.names()
    low, high = sheet.scale
    rating = nw.col("rating").cast(nw.Float64)
    declared = pd.DataFrame(
        {
            "attribute": [attribute.name for attribute in sheet.attributes],
            "_weight": sheet.shares,
            "_turn": [-1.0 if attribute.reverse else 1.0 for attribute in sheet.attributes],
        }
    )
    rows = rows.with_columns(rating=rating)
    rows = rows.join(_joins.attach(declared, to=rows), on="attribute", how="left")
    _refuse_rows(rows, sheet, ["rater"] * apart, extra)
    turned = nw.when(nw.col("_turn") > 0).then(nw.col("rating")).otherwise(low + high - nw.col("rating"))
    rows = rows.with_columns(rating=turned)
    return rows, "rater" if apart and "rater" not in extra else ""


def _refuse_rows(rows: nw.LazyFrame[Any], sheet: RatingSheet, rater: list[str], extra: list[str]) -> None:
    """Raise the DataError that counts every kind of unusable row."""
    low, high = sheet.scale
    rating, unknown = nw.col("rating"), nw.col("_weight").is_null() & ~nw.col("attribute").is_null()
    checks = {
        **{
            f"without {'an' if one == 'attribute' else 'a'} {one} in '{one}'": nw.col(one).is_null()
            for one in ("customer_id", "attribute", *rater)
        },
        f"with a rating off the scale from {low:g} to {high:g} in 'rating'": (rating < low) | (rating > high),
    }
    wrong = {f"wrong_{number}": condition for number, condition in enumerate(checks.values())}
    counts = _frames.count_rows(rows, {**wrong, "unknown": unknown})
    if counts["unknown"]:
        found = _frames.collect(rows.filter(unknown).group_by("attribute").agg(nw.len()).sort("attribute"))
        shown = ", ".join(repr(str(one)) for one in found["attribute"].head(_SHOWN))
        names = ", ".join(repr(attribute.name) for attribute in sheet.attributes)
        msg = (
            f"`ratings` must have attributes of the sheet '{sheet.name}' in 'attribute'. Found {shown} in "
            f"{counts['unknown']} of {counts['rows']} rows. The sheet has {names}: map or filter them."
        )
        raise DataError(msg)
    if any(counts[one] for one in wrong):
        _frames.refuse(rows, checks, table="ratings")
    cells = rows.group_by(["customer_id", "attribute", *dict.fromkeys([*rater, *extra])]).agg(_n=nw.len())
    double = f"rated more than once{' by one rater' if rater else ': add a column rater if several rate'}"
    _frames.refuse(cells, {f"(customer and attribute) {double}": nw.col("_n") > 1}, table="ratings")


def _lines(rows: nw.LazyFrame[Any], keys: list[str], voters: nw.LazyFrame[Any] | None) -> nw.LazyFrame[Any]:
    """Sum up the ratings of each attribute, with the number of raters that it should have."""
    marks = {"_sum": nw.col("rating").sum(), "_count": nw.col("rating").count()}
    lines = rows.group_by([*keys, "attribute", "_weight"]).agg(**marks)
    return lines.with_columns(raters=nw.lit(1)) if voters is None else lines.join(voters, on=keys)


def _errors(rows: nw.LazyFrame[Any], keys: list[str], rater: str, neutral: float | None) -> nw.LazyFrame[Any]:
    """Compute the standard error of each score as that of a mean of the raters' own scores."""
    alone = [*keys, rater]
    each = _scored(_lines(rows, alone, None), alone, neutral)
    means = each.group_by(keys).agg(_mean=nw.col("_score").mean(), _n=nw.col("_score").count())
    each = each.join(means, on=keys).with_columns(_square=(nw.col("_score") - nw.col("_mean")) ** 2)
    sums = each.group_by([*keys, "_n"]).agg(nw.col("_square").sum())
    n = nw.col("_n").cast(nw.Float64)
    variance = nw.col("_square") / nw.when(n > 1).then((n - 1) * n)
    # raters who agree do so exactly, whatever the order of their sums
    noise = variance < 1 / _DIGITS**2
    return sums.select(*keys, _error=nw.when(noise).then(nw.lit(0.0)).otherwise(variance.sqrt()))


def _scored(lines: nw.LazyFrame[Any], keys: list[str], neutral: float | None) -> nw.LazyFrame[Any]:
    """Compute each customer's score, the weight that is answered, and how many ratings there are."""
    mark, weight, count = nw.col("_sum"), nw.col("_weight"), nw.col("_count")
    voters = nw.col("raters").cast(nw.Float64)
    if neutral is None:
        mean = nw.when(count > 0).then(mark / count).otherwise(0.0)
        weighed = nw.when(count > 0).then(weight).otherwise(0.0)
    else:
        given = nw.when(count > 0).then(mark).otherwise(0.0)
        mean, weighed = (given + (voters - count) * neutral) / voters, weight
    lines = lines.with_columns(
        _score=weighed * mean,
        _weighed=weighed,
        _rated=nw.when(count > 0).then(weight).otherwise(0.0),
        _any=nw.when(count > 0).then(1).otherwise(0),
    )
    sums = lines.group_by(keys).agg(
        nw.col("_score").sum(),
        nw.col("_weighed").sum(),
        weight_answered=nw.col("_rated").sum(),
        answered=nw.col("_any").sum(),
        ratings=nw.col("_count").sum(),
        raters=nw.col("raters").max(),
    )
    weighed = nw.col("_weighed")
    if neutral is None:
        return sums.with_columns(_score=nw.col("_score") / nw.when(weighed > 0).then(weighed))
    absent = 1.0 - weighed  # attributes without a row, all of them neutral
    return sums.with_columns(_score=nw.col("_score") + neutral * absent)


def _refuse_gaps(scored: nw.LazyFrame[Any], sheet: RatingSheet) -> None:
    size = len(sheet.attributes)
    gap = nw.col("ratings") < nw.col("raters") * size
    counts = _frames.count_rows(scored, {"gap": gap})
    if counts["gap"]:
        msg = (
            f"`ratings` must have a rating in 'rating' for each of the {size} attributes of the sheet "
            f"'{sheet.name}' by every rater of a customer. Found {counts['gap']} of {counts['rows']} "
            "customers with fewer: add them, or choose missing='skip' or a neutral value."
        )
        raise DataError(msg)


def _concordances(rows: nw.LazyFrame[Any], rater: str) -> nw.LazyFrame[Any]:
    """Compute for each attribute what W needs: raters, customers, squared rank sums and ties."""
    line = "attribute"
    raters = rows.group_by(line).agg(raters=nw.col(rater).n_unique())
    rated = rows.group_by(line, "customer_id").agg(_n=nw.len()).join(raters, on=line)
    complete = rated.filter(nw.col("_n") == nw.col("raters")).select(line, "customer_id")
    marks = rows.join(complete, on=[line, "customer_id"])
    tied = marks.group_by(line, rater, "rating").agg(_t=nw.len())
    tied = tied.with_columns(_t=nw.col("_t").cast(nw.Float64))
    reached = nw.col("_t").cum_sum().over(line, rater, order_by="rating")
    tied = tied.with_columns(_rank=reached - (nw.col("_t") - 1) / 2, _ties=nw.col("_t") ** 3 - nw.col("_t"))
    ranked = marks.join(tied, on=[line, rater, "rating"])
    sums = ranked.group_by(line, "customer_id").agg(nw.col("_rank").sum())
    sums = sums.with_columns(_square=nw.col("_rank") ** 2)
    squares = sums.group_by(line).agg(customers=nw.len(), squares=nw.col("_square").sum())
    totals = rated.group_by(line).agg(rated=nw.len(), raters=nw.col("raters").max())
    ties = tied.group_by(line).agg(ties=nw.col("_ties").sum())
    return totals.join(squares, on=line, how="left").join(ties, on=line, how="left")
