"""Rating sheets: scores, gaps and raters by hand, on every engine; agreement against scipy; bad input."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crmkit.errors import ColumnError, CRMKitWarning, DataError, ParameterError
from crmkit.segmentation import (
    RATING_SHEETS,
    VOLUME_LOYALTY,
    Attribute,
    RatingSheet,
    classify,
    pairwise_weights,
    rate,
    rater_agreement,
)
from crmkit.testing import assert_parity

SHEET = RatingSheet(
    "importance",
    (
        Attribute("volume", "much"),
        Attribute("prestige", "known"),
        Attribute("distance", "far", "place", reverse=True),
        Attribute("noise", "loud", "place"),
    ),
    (0.5, 0.3, 0.2, 0.0),
    scale=(0, 10),
)
TURN = {"distance": 10}
COLUMNS = ["customer_id", "answered", "weight_answered", "ratings", "raters"]


def ratings(seed=4, customers=14, raters=("x", "y", "z"), missing=0.15):
    rng = np.random.default_rng(seed)
    rows = [
        (f"c{c:02d}", attribute.name, rater, float(rng.integers(0, 11)))
        for c in range(customers)
        for attribute in SHEET.attributes
        for rater in raters
    ]
    table = pd.DataFrame(rows, columns=["customer_id", "attribute", "rater", "rating"])
    table.loc[rng.random(len(table)) < missing, "rating"] = np.nan
    table.loc[table["customer_id"] == "c03", "rating"] = np.nan
    return table[rng.random(len(table)) > missing / 2].reset_index(drop=True)


def by_hand(table, keys, missing):
    """Score each customer with lists and loops."""
    lines = []
    for key, rows in table.groupby(keys, sort=True):
        voters = rows["rater"].unique()
        top = bottom = answered_weight = 0.0
        answered = used = 0
        for attribute, weight in zip(SHEET.attributes, SHEET.weights, strict=True):
            mine = rows[rows["attribute"] == attribute.name]
            marks = dict(zip(mine["rater"], mine["rating"], strict=True))
            seen = [marks[v] for v in voters if marks.get(v, math.nan) == marks.get(v, math.nan)]
            used += len(seen)
            answered += bool(seen)
            answered_weight += weight * bool(seen)
            marks = [10 - mark if attribute.reverse else mark for mark in seen]
            if missing != "skip":
                marks += [missing] * (len(voters) - len(marks))
            if marks:
                top += weight * sum(marks) / len(marks)
                bottom += weight
        score = top / bottom if bottom else None
        error = None
        if "rater" not in keys:
            alone = by_hand(rows, [*keys, "rater"], missing)["score"].astype(float)
            error = stats.sem(alone.dropna()) if alone.count() > 1 else None
        lines.append((*key, score, error, answered, answered_weight, used, len(voters)))
    return pd.DataFrame(lines, columns=[*keys, "score", "score_error", *COLUMNS[1:]])


@pytest.mark.parametrize("missing", ["skip", 4.0])
def test_scores_on_every_engine(missing):
    table = ratings()
    assert_parity(
        lambda frame: rate(frame, SHEET, missing=missing),
        table,
        expected=by_hand(table, ["customer_id"], missing),
        keys=["customer_id"],
        crossing=2,
    )


def test_scores_of_each_rater_on_every_engine():
    table = ratings(customers=6)
    assert_parity(
        lambda frame: rate(frame, SHEET, missing="skip", by="rater"),
        table,
        expected=by_hand(table, ["customer_id", "rater"], "skip"),
        keys=["customer_id", "rater"],
        crossing=2,
    )


def test_the_spread_of_the_raters_goes_into_the_classification():
    both = RatingSheet("s", (Attribute("a", ""), Attribute("b", "")), scale=(1, 5))
    marks = [("same", 4, 4, 4), ("apart", 5, 4, 3), ("alone", 4, None, None)]
    table = pd.DataFrame(
        [
            (who, one.name, f"r{number}", mark)
            for who, *given in marks
            for number, mark in enumerate(given)
            if mark is not None
            for one in both.attributes
        ],
        columns=["customer_id", "attribute", "rater", "rating"],
    )
    scored = rate(table, both, name="size").set_index("customer_id")
    assert scored.columns[:2].tolist() == ["size", "size_error"]
    assert scored["size"].tolist() == [4, 4, 4]
    assert scored.loc["same", "size_error"] == 0
    assert scored.loc["apart", "size_error"] == pytest.approx(1 / math.sqrt(3))
    assert math.isnan(scored.loc["alone", "size_error"])
    assert (
        rate(table.drop(columns="rater").drop_duplicates(["customer_id", "attribute"]), both)["score_error"]
        .isna()
        .all()
    )
    accounts = scored.reset_index().assign(value=1.0).rename(columns={"size": "loyalty"})
    placed = classify(
        accounts, VOLUME_LOYALTY, cuts={"value": 0.0, "loyalty": 3.0}, errors={"loyalty": "size_error"}
    ).set_index("customer_id")["cell_probability"]
    assert placed["same"] == 1
    assert placed["apart"] == pytest.approx(stats.norm.cdf(math.sqrt(3)))


def test_complete_ratings_need_no_policy():
    full = ratings(missing=0, customers=3, raters=("x", "y"))
    full["rating"] = full["rating"].fillna(7.0)
    scored = rate(full, SHEET, name="strategic_importance")
    pd.testing.assert_frame_equal(scored, rate(full, SHEET, missing="skip", name="strategic_importance"))
    assert scored["weight_answered"].tolist() == pytest.approx([1, 1, 1])
    assert scored["raters"].tolist() == [2, 2, 2]
    shuffled = full.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(scored, rate(shuffled, SHEET, name="strategic_importance"))


def test_gaps_are_refused_unless_a_policy_is_chosen():
    one = pd.DataFrame({"customer_id": ["a"] * 3, "attribute": ["volume", "prestige", "noise"], "rating": 6})
    with pytest.raises(DataError, match="each of the 4 attributes .* Found 1 of 1 customers with fewer"):
        rate(one, SHEET)
    assert rate(one, SHEET, missing="skip")["score"].tolist() == [6]
    assert rate(one, SHEET, missing=1)["score"].tolist() == pytest.approx([5])
    idle = one.tail(1)
    assert rate(idle, SHEET, missing="skip")["score"].isna().all()
    assert rate(idle, SHEET, missing="skip")[["answered", "weight_answered"]].to_numpy().tolist() == [[1, 0]]
    assert rate(idle, SHEET, missing=0)["score"].tolist() == [0]
    assert rate(one.head(0), SHEET).empty


def test_direction_and_scale():
    best = [("volume", 10), ("prestige", 10), ("distance", 0), ("noise", 5)]
    worst = [("volume", 0), ("prestige", 0), ("distance", 10), ("noise", 5)]
    table = pd.DataFrame(
        [("best", *row) for row in best] + [("worst", *row) for row in worst],
        columns=["customer_id", "attribute", "rating"],
    )
    assert rate(table, SHEET)["score"].tolist() == pytest.approx([10, 0])


def test_agreement_on_every_engine():
    table = ratings(seed=8, customers=12, missing=0.05)
    flat = table["attribute"] == "noise"
    table.loc[flat, "rating"] = 5.0
    lines = []
    for attribute in SHEET.attributes:
        rows = table[(table["attribute"] == attribute.name) & table["rating"].notna()]
        wide = rows.pivot(index="customer_id", columns="rater", values="rating")
        whole = wide.dropna()
        chi, p = stats.friedmanchisquare(*whole.to_numpy()) if attribute.name != "noise" else (None, None)
        w = None if chi is None else chi / (3 * (len(whole) - 1))
        lines.append((attribute.name, 3, len(whole), len(wide) - len(whole), w, chi, p))
    names = ["attribute", "raters", "customers", "excluded", "kendall_w", "chi_square", "p_value"]
    expected = pd.DataFrame(lines, columns=names)
    assert expected["excluded"].sum() > 0
    assert_parity(
        lambda frame: rater_agreement(frame, SHEET),
        table,
        expected=expected,
        keys=["attribute"],
        crossing=6,
    )


def test_agreement_of_too_few():
    one = pd.DataFrame({"customer_id": ["a", "b"], "attribute": "volume", "rating": [1, 2], "rater": "x"})
    found = rater_agreement(one, SHEET)
    assert found["attribute"].tolist() == ["volume", "prestige", "distance", "noise"]
    assert found["customers"].tolist() == [2, 0, 0, 0]
    assert found["raters"].tolist() == [1, 0, 0, 0]
    assert found["kendall_w"].isna().all()
    split = pd.DataFrame({"customer_id": ["a", "b"], "attribute": "volume", "rating": 3, "rater": ["x", "y"]})
    assert rater_agreement(split, SHEET)["excluded"].tolist() == [2, 0, 0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attribute": "volme"}, r"Found 'volme' in 1 of 2 rows. The sheet has 'volume', 'prestige'"),
        ({"rating": 10.5}, "1 of 2 rows with a rating off the scale from 0 to 10 in 'rating'"),
        ({"rating": -math.inf}, "1 of 2 rows with a rating off the scale"),
        ({"customer_id": None}, "1 of 2 rows without a customer_id"),
        ({"attribute": None}, "1 of 2 rows without an attribute"),
        ({"rater": None}, "1 of 2 rows without a rater"),
        ({"attribute": "prestige"}, r"rated more than once by one rater"),
    ],
)
def test_unfit_ratings_are_refused(change, message):
    table = pd.DataFrame(
        {"customer_id": ["a", "a"], "attribute": ["volume", "prestige"], "rating": [1.0, 2.0], "rater": "x"}
    )
    for column, value in change.items():
        table.loc[0, column] = value
    with pytest.raises(DataError, match=message):
        rate(table, SHEET, missing="skip")


def test_double_ratings_without_a_rater_are_refused():
    table = pd.DataFrame({"customer_id": ["a", "a"], "attribute": "volume", "rating": [1.0, 2.0]})
    with pytest.raises(DataError, match="1 of 1 rows .* more than once: add a column rater"):
        rate(table, SHEET, missing="skip")
    with pytest.raises(ColumnError, match="must have the column 'rater'"):
        rater_agreement(table, SHEET)
    with pytest.raises(ColumnError, match="must have texts in 'attribute'"):
        rate(table.assign(attribute=1), SHEET)


def test_unfit_arguments_are_refused():
    table = ratings()
    with pytest.raises(ParameterError, match="`missing` must be 'raise', 'skip' or a number from 0 to 10"):
        rate(table, SHEET, missing="drop")
    with pytest.raises(ParameterError, match="`missing` must be a finite number at least 0 and at most 10"):
        rate(table, SHEET, missing=11)
    with pytest.raises(ParameterError, match="`sheet` must be a RatingSheet"):
        rate(table, "swot")
    with pytest.raises(ParameterError, match="`name` must be a column name other than"):
        rate(table, SHEET, name="ratings")
    with pytest.raises(ParameterError, match="`missing` must be"):
        rate(table, SHEET, missing=np.array(["skip"]))
    with pytest.raises(ParameterError, match="`name` must be a column name other than"):
        rate(table.assign(a_error="x"), SHEET, name="a", by="a_error")
    for by in ("attribute", "rating", "_weight", "raters"):
        with pytest.raises(ParameterError, match="`by` must be columns other than"):
            rate(table, SHEET, by=by)


def test_weights():
    lines = (Attribute("a", ""), Attribute("b", ""))
    assert RatingSheet("s", lines).shares == (0.5, 0.5)
    with pytest.warns(CRMKitWarning, match="should sum to 1. Got the sum 4: each was divided"):
        assert RatingSheet("s", lines, (1, 3)).shares == (0.25, 0.75)
    sheet = RatingSheet("s", lines).with_weights({"b": 0.9, "a": 0.1})
    assert (sheet.weight("a"), sheet.weight("b")) == (0.1, 0.9)
    judged = pairwise_weights({("a", "b"): 3})
    assert RatingSheet("s", lines).with_weights(judged.weights).shares == pytest.approx((0.75, 0.25))
    place = SHEET.part("place")
    assert place.shares == (1.0, 0.0)
    assert [attribute.name for attribute in place.attributes] == ["distance", "noise"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": (0.5, -0.5)}, r"`weights\['b'\]` must be a finite number at least 0"),
        ({"weights": (0.5, math.nan)}, r"`weights\['b'\]`"),
        ({"weights": (1.0,)}, "a tuple of 2 numbers"),
        ({"weights": (0.0, 0.0)}, "numbers with a positive sum"),
        ({"scale": (5, 1)}, "`scale` must be the lowest and the highest"),
        ({"scale": 5}, "`scale` must be"),
        ({"attributes": ()}, "a tuple of at least one Attribute"),
        ({"attributes": (Attribute("a", ""), Attribute("a", ""))}, "attributes with distinct names"),
    ],
)
def test_unfit_sheets_are_refused(change, message):
    lines = (Attribute("a", ""), Attribute("b", ""))
    with pytest.raises(ParameterError, match=message):
        RatingSheet(**{"name": "s", "attributes": lines, **change})


def test_unfit_changes_of_a_sheet_are_refused():
    with pytest.raises(ParameterError, match="`weights` must be a mapping with one weight for each of"):
        SHEET.with_weights({"volume": 1})
    with pytest.raises(ParameterError, match="`weights` must be a mapping"):
        SHEET.with_weights([1, 2])
    with pytest.raises(ParameterError, match="`name` must be one of"):
        SHEET.weight("size")
    with pytest.raises(ParameterError, match="`group` must be one of"):
        SHEET.part("time")
    with pytest.raises(ParameterError, match="`name` must be a column name"):
        Attribute("", "")
    with pytest.raises(ParameterError, match="`reverse` must be True or False"):
        Attribute("a", "", reverse=1)
    idle = RatingSheet("s", (Attribute("a", "", "x"), Attribute("b", "", "y")), (1.0, 0.0))
    with pytest.raises(ParameterError, match="whose attributes have a positive weight"):
        idle.part("y")


def test_the_ready_sheets_have_the_lists_of_the_sources():
    sizes = {name: len(sheet.attributes) for name, sheet in RATING_SHEETS.items()}
    assert sizes == {
        "segment_attractiveness": 11,
        "company_fit": 10,
        "strategic_importance": 8,
        "management_difficulty": 11,
        "business_attractiveness": 16,
        "relationship_strength": 7,
        "relationship_value": 4,
        "switching_propensity": 2,
        "five_forces": 5,
        "peste": 5,
        "swot": 16,
    }
    for sheet in RATING_SHEETS.values():
        assert sheet.source
        assert sum(sheet.shares) == pytest.approx(1)
        assert all(attribute.about for attribute in sheet.attributes)
    close = pd.DataFrame(
        [
            ("near", one.name, 1 if one.reverse else 5)
            for one in RATING_SHEETS["relationship_strength"].attributes
        ],
        columns=["customer_id", "attribute", "rating"],
    )
    assert rate(close, RATING_SHEETS["relationship_strength"])["score"].tolist() == pytest.approx([5])
