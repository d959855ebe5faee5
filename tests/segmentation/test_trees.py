"""RiskTree: a scikit-learn classifier whose rules, SQL, JSON and scores all say what predict says."""

import datetime as dt
import json
import math
from decimal import Decimal

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings, strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import estimator_checks_generator
from statsmodels.stats.proportion import proportion_confint

from crmkit import _sql
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import RiskTree, one_rule
from crmkit.segmentation._cart import between
from crmkit.testing import assert_parity
from crmkit.testing.engines import available, to_engine, to_pandas

NASTY = ["it's", '"quoted"', "back\\slash", "'; DROP TABLE t; --", "${x}", "åäö", "two\nlines", ""]


def customers(rows=400, seed=7):
    """Draw a table whose class depends on a number, a text and a flag, with nulls in all three."""
    rng = np.random.default_rng(seed)
    amount = rng.choice([0.1, 0.2, 0.3, 16777216.0, 16777217.0, 1e16, -5.5, math.nan], rows)
    city = rng.choice([*NASTY, None], rows)
    member = rng.choice([True, False, None], rows)
    noise = rng.random(rows)
    bad = (amount > 0.2) ^ (city == "it's") ^ (member == True)  # noqa: E712 - element by element, with None
    frame = pd.DataFrame(
        {"amount": amount, "ci ty": city, "member": member, "visits": rng.integers(0, 9, rows)}
    )
    return frame, np.where(bad ^ (noise < 0.1), "b'ad", "good").astype(object)


def in_duckdb(rows):
    """Put rows into a table t, NaN apart from null."""
    con = duckdb.connect()
    arrow = pa.table(
        {
            "amount": rows["amount"].tolist(),
            "ci ty": [None if pd.isna(value) else value for value in rows["ci ty"]],
            "member": [None if pd.isna(value) else bool(value) for value in rows["member"]],
            "visits": rows["visits"].tolist(),
        }
    )
    assert arrow["amount"].null_count == 0
    con.execute("CREATE TABLE t AS SELECT * FROM arrow")
    return con


def scored(frame):
    """Add rows with what training never showed: unknown levels, numbers between and beyond."""
    odd = pd.DataFrame({
        "amount": [math.nan, 0.15, 16777216.5, 1e300, -1e300, 0.2000001],
        "ci ty": ["new", None, "IT'S", "it's ", "", "new"],
        "member": [None, True, False, None, True, False],
        "visits": [4, 0, 100, -1, 3, 2],
    })  # fmt: skip
    return pd.concat([frame, odd], ignore_index=True)


TREES = [RiskTree(), RiskTree(min_samples_leaf=1, max_depth=None, criterion="entropy", ccp_alpha=0.001)]


@pytest.mark.parametrize(
    ("estimator", "check"),
    [pair for tree in TREES for pair in estimator_checks_generator(tree)],
    ids=lambda value: getattr(value, "func", type(value)).__name__,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_clone_pipeline_search_and_set_output():
    X = pd.DataFrame({"a": np.arange(60.0), "b": np.tile([0.0, 1.0], 30)})
    y = (X["a"] > 30).to_numpy()
    pipeline = make_pipeline(StandardScaler(), RiskTree()).set_output(transform="pandas")
    pipeline.fit(X, y)
    assert (pipeline.predict(X) == y).all()
    assert "a > " in pipeline[-1].to_text()
    search = GridSearchCV(RiskTree(), {"max_depth": [1, 2]}, cv=3).fit(X.sample(frac=1, random_state=0), y)
    assert search.best_params_["max_depth"] in (1, 2)
    assert clone(RiskTree(max_depth=2)).get_params()["max_depth"] == 2


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("ccp_alpha", [0.0, 0.01])
def test_numbers_split_as_scikit_learn_splits_them(classes, ccp_alpha):
    rng = np.random.default_rng(classes)
    X = rng.normal(size=(500, 4)).astype(np.float32).astype(float)
    y = (X[:, 0] + rng.normal(size=500) > 0).astype(int) + (classes == 3) * (X[:, 1] > 0.5)
    options = {"max_depth": 5, "min_samples_leaf": 7, "ccp_alpha": ccp_alpha, "random_state": 0}
    oracle = DecisionTreeClassifier(**options).fit(X, y)
    tree = RiskTree(**options).fit(X, y)
    np.testing.assert_allclose(tree.predict_proba(X), oracle.predict_proba(X), rtol=1e-12)
    assert len(tree.nodes_) == oracle.tree_.node_count


def test_nulls_of_numbers_split_as_scikit_learn_splits_them():
    rng = np.random.default_rng(5)
    X = rng.integers(0, 50, size=(400, 3)).astype(float)
    y = (X[:, 0] > 20).astype(int)
    X[rng.random((400, 3)) < 0.2] = np.nan
    y ^= rng.random(400) < 0.1
    oracle = DecisionTreeClassifier(max_depth=4, min_samples_leaf=5, random_state=0).fit(X, y)
    tree = RiskTree(random_state=0).fit(X, y)
    np.testing.assert_allclose(tree.predict_proba(X), oracle.predict_proba(X), rtol=1e-12)


def test_first_split_is_the_best_of_all_by_brute_force():
    frame, y = customers(60, seed=3)
    bad = pd.Series(y == "b'ad")

    def left_over(mask):
        return sum(part.sum() * (1 - part.mean()) for part in (bad[mask], bad[~mask]) if len(part))

    halves = []
    for name in ("amount", "visits"):
        for cut in frame[name].dropna().unique():
            below = frame[name] <= cut
            halves += [below, below | frame[name].isna()]
    for name in ("ci ty", "member"):
        halves += [frame[name].map(lambda value, one=one: value is one or value == one)
                   for one in [*frame[name].dropna().unique(), None]]  # fmt: skip
    halves = [mask.astype(bool) for mask in halves if 0 < mask.sum() < len(mask)]
    tree = RiskTree(max_depth=1, min_samples_leaf=1).fit(frame, y)
    assert left_over(pd.Series(tree.apply(frame) == 1)) == pytest.approx(min(map(left_over, halves)))


def test_numbers_too_near_for_single_precision_are_told_apart():
    X = pd.DataFrame({"x": [16777216.0, 16777217.0] * 5})
    tree = RiskTree().fit(X, [0, 1] * 5)
    assert tree.predict(X).tolist() == [0, 1] * 5


def test_cells_rows_and_repeated_rows_give_one_tree():
    frame, y = customers()
    table = frame.assign(risk=y)
    weight = np.arange(len(frame)) % 4
    repeated = table.loc[table.index.repeat(weight)]
    options = {"min_samples_leaf": 9, "max_depth": 6}
    trees = [
        RiskTree(**options).fit(frame, y, sample_weight=weight),
        RiskTree(**options).fit(repeated[frame.columns], repeated["risk"]),
        RiskTree(**options).fit_table(repeated.sample(frac=1, random_state=1), target="risk"),
        RiskTree(**options).fit_table(table.assign(w=weight), target="risk", weight="w"),
    ]
    assert len({tree.to_json() for tree in trees}) == 1
    assert trees[0].rules()["n"].min() >= 9
    assert trees[0].rules()["n"].sum() == weight.sum()
    assert len(trees[0].nodes_) > 5


def test_few_cells_are_added_up_with_the_same_result():
    few = pd.DataFrame({"visits": np.arange(300) % 5, "city": np.where(np.arange(300) % 3, "a", "b")})
    y = np.arange(300) % 7 < 3
    spread = few.assign(noise=np.arange(300.0))
    one = RiskTree().fit(few, y)
    cells = few.assign(y=y).value_counts().reset_index(name="w")
    two = RiskTree().fit(cells[["visits", "city"]], cells["y"], sample_weight=cells["w"])
    assert one.to_json() == two.to_json()
    assert RiskTree().fit(spread, y).rules()["n"].sum() == 300


def test_a_leaf_of_exactly_the_least_weight_is_kept():
    tree = RiskTree(min_samples_leaf=0.3).fit([[1], [2]], [0, 1], sample_weight=[0.1 + 0.2, 0.3])
    assert len(tree.rules()) == 2
    assert len(RiskTree(min_samples_leaf=3).fit([[1], [2]], [0, 1], sample_weight=[3, 2]).rules()) == 1
    assert len(RiskTree(min_samples_leaf=2).fit([[1], [2]], [0, 1], sample_weight=[3, 2]).rules()) == 2


def test_fractional_weights_stay_fractions_in_the_rules():
    rules = RiskTree(min_samples_leaf=1).fit([[1], [2]], [0, 1], sample_weight=[1.5, 2]).rules()
    assert sorted(rules["n"]) == [1.5, 2.0]


def test_row_order_does_not_matter():
    frame, y = customers()
    order = np.random.default_rng(0).permutation(len(frame))
    one, two = RiskTree().fit(frame, y), RiskTree().fit(frame.iloc[order], y[order])
    assert one.to_json() == two.to_json()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("min_samples_leaf", [1, 15])
def test_sql_executed_in_duckdb_is_predict(seed, min_samples_leaf):
    frame, y = customers(seed=seed)
    tree = RiskTree(max_depth=None, min_samples_leaf=min_samples_leaf, random_state=seed).fit(frame, y)
    rows = scored(frame)
    con = in_duckdb(rows)
    wanted = {
        "class": tree.predict(rows).tolist(),
        "probability": tree.predict_proba(rows)[:, 1].tolist(),
        "node": tree.apply(rows).tolist(),
    }
    for null in ("", 'REPLACE (CASE WHEN isnan(amount) THEN NULL ELSE amount END AS "amount")'):
        for what, expected in wanted.items():
            query = f"SELECT {tree.to_sql(dialect='duckdb', what=what)} FROM (SELECT * {null} FROM t)"
            assert [row[0] for row in con.execute(query).fetchall()] == expected
    assert con.execute("SELECT count(*) FROM t").fetchone()[0] == len(rows)


@pytest.mark.skipif(available("spark") is not None, reason="Spark is not available")
def test_sql_executed_in_spark_is_predict():
    frame, y = customers(80)
    tree = RiskTree(max_depth=None, min_samples_leaf=3).fit(frame, y)
    rows = scored(frame)
    rows["member"] = rows["member"].astype("boolean")
    native = to_engine(rows.assign(row=range(len(rows))), "spark")
    found = native.selectExpr("row", tree.to_sql(dialect="spark") + " AS c").collect()
    assert [row.c for row in sorted(found)] == tree.predict(rows).tolist()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_thresholds_separate_the_same_way_in_sql(data):
    floats = st.floats(allow_nan=False, allow_infinity=False)
    values = data.draw(st.lists(floats, min_size=2, max_size=12, unique=True))
    y = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    beside = [math.nextafter(x, 0) for x in values]
    probes = [*values, *data.draw(st.lists(floats, max_size=5)), *beside]
    tree = RiskTree(max_depth=None, min_samples_leaf=1).fit(pd.DataFrame({"x": values}), y)
    assert tree.predict(pd.DataFrame({"x": values})).tolist() == y
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (i INTEGER, x DOUBLE)")
        con.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(probes)))
        found = con.execute(f"SELECT {tree.to_sql(dialect='duckdb')} FROM t ORDER BY i").fetchall()
    assert [row[0] for row in found] == tree.predict(pd.DataFrame({"x": probes})).tolist()


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_between_separates_two_numbers(one, other):
    assume(one != other)
    low, high = sorted((one, other))
    assert low <= between(low, high) < high


@pytest.mark.parametrize(
    ("low", "high", "cut"),
    [
        (1, 2, 1.5),
        (18, 45, 30),
        (0.1, 0.2, 0.15),
        (1169, 1170, 1169.5),
        (-3, 7, 2),
        (0.0, 5e-324, 0.0),
        (1 + 2**-52, 1 + 2**-51, 1 + 2**-52),
    ],
)
def test_between_is_short(low, high, cut):
    assert between(low, high) == cut


@pytest.mark.parametrize("classes", [2, 3])
def test_score_table_is_predict_in_every_engine(classes):
    frame, y = customers(300)
    y = np.where((classes == 3) & (frame["visits"] > 6), "third", y)
    frame["city"] = frame.pop("ci ty").replace({"${x}": "x"})
    tree = RiskTree(max_depth=5, min_samples_leaf=3).fit(frame, y)
    rows = scored(frame.rename(columns={"city": "ci ty"})).rename(columns={"ci ty": "city"})[frame.columns]
    rows["member"] = rows["member"].astype("boolean")
    rows.insert(0, "row", range(len(rows)))
    shares = tree.predict_proba(rows[frame.columns])
    expected = rows.assign(
        risk_class=tree.predict(rows[frame.columns]),
        probability=shares[:, 1] if classes == 2 else shares.max(axis=1),
        node=tree.apply(rows[frame.columns]),
    )

    def score(table):
        return nw.from_native(tree.score_table(table)).drop("member").to_native()

    for nan in ("null", "value"):
        assert_parity(score, rows, expected=expected.drop(columns="member"), keys=["row"], nan=nan)


def test_fit_table_grows_the_same_tree_in_every_engine(engine):
    frame, y = customers(300)
    frame["member"] = frame["member"].astype("boolean")
    table = frame.assign(risk=y, w=1.5)
    expected = RiskTree().fit(frame, y)
    assert (
        RiskTree().fit_table(engine(table.drop(columns="w")), target="risk").to_json() == expected.to_json()
    )
    names = ["amount", "member"]
    weighted = RiskTree().fit_table(engine(table), target="risk", weight="w", features=names)
    assert weighted.to_json() == RiskTree().fit(frame[names], y, np.full(300, 1.5)).to_json()


def test_categories_of_every_kind(engine):
    band = pd.Series(
        ["low", "high", None, "mid"] * 6, dtype=pd.CategoricalDtype(["low", "mid", "high", "never"])
    )
    table = pd.DataFrame({"row": range(24), "band": band, "late": band.isin(["high", "mid"]).to_numpy()})
    tree = RiskTree().fit_table(engine(table), target="late", features=["band"])
    assert tree.features_[0].levels == ("high", "low", "mid", None)
    found = to_pandas(tree.score_table(engine(table))).sort_values("row")
    assert found["risk_class"].astype(bool).tolist() == table["late"].tolist()


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "pandas_arrow"])
def test_fit_and_predict_take_local_frames_of_other_kinds(kind):
    frame, y = customers()
    frame["member"] = frame["member"].astype("boolean")
    other = to_engine(frame, kind)
    tree = RiskTree().fit(other, pl.Series(y) if kind == "polars" else y)
    assert tree.to_text() == RiskTree().fit(frame, y).to_text()
    assert (tree.predict(other) == tree.predict(frame)).all()


def test_decimals_and_whole_numbers_with_null_are_numbers():
    y = [0] * 5 + [1] * 5
    decimals = pd.DataFrame({"x": [Decimal(n) / 10 for n in range(9)] + [None]})
    assert "x > 0.45" in RiskTree().fit(decimals, y).to_text()
    whole = pd.DataFrame({"x": pd.array([*range(9), None], dtype="Int64")})
    assert "x > 4.5" in RiskTree().fit(whole, y).to_text()


def test_a_column_of_nothing_but_nulls_is_not_split_on():
    X = pd.DataFrame({"x": [math.nan] * 10, "t": pd.Series([None] * 10, dtype=object), "g": [0, 1] * 5})
    tree = RiskTree().fit(X, X["g"])
    assert tree.rules()["rule"].tolist() == ["g > 0.5", "g ≤ 0.5"]
    assert (tree.predict(X.assign(x=1.0, t="a")) == X["g"]).all()


def test_unknown_goes_with_the_heavier_side():
    X = pd.DataFrame({"city": ["a"] * 5 + ["b"] * 8, "age": [1.0] * 13})
    tree = RiskTree().fit(X[["city"]], X["city"])
    assert tree.predict(pd.DataFrame({"city": ["z", None]})).tolist() == ["b", "b"]
    assert tree.to_sql().splitlines()[1:3] == [
        """  WHEN "city" = 'a' THEN 'a'""",
        """  WHEN ("city" <> 'a' OR "city" IS NULL) THEN 'b'""",
    ]
    turned = RiskTree().fit(X[["city"]], X["city"], sample_weight=[3] * 5 + [1] * 8)
    assert turned.to_sql().splitlines()[1:3] == [
        """  WHEN ("city" <> 'b' OR "city" IS NULL) THEN 'a'""",
        """  WHEN "city" = 'b' THEN 'b'""",
    ]
    assert turned.predict(pd.DataFrame({"city": ["z", None]})).tolist() == ["a", "a"]
    ages = pd.DataFrame({"age": [20] * 5 + [50] * 8})
    old = RiskTree().fit(ages, ages["age"] > 30)
    assert old.predict(pd.DataFrame({"age": [None, 20, 50]}, dtype="Float64")).tolist() == [True, False, True]
    assert old.predict(pd.DataFrame({"age": [None]}, dtype=object)).tolist() == [True]


def test_rules_by_hand():
    X = pd.DataFrame({
        "age": [20] * 10 + [50] * 10,
        "city": ["x"] * 10 + ["x"] * 5 + [None] * 5,
    })  # fmt: skip
    y = ["yes"] * 8 + ["no"] * 2 + ["no"] * 5 + ["yes"] * 5
    rules = RiskTree(confidence=0.9).fit(X, y).rules()
    assert list(rules) == [
        "node",
        "rule",
        "n",
        "n_no",
        "n_yes",
        "risk_class",
        "rate_of",
        "rate",
        "lower",
        "upper",
    ]
    assert (
        rules["rule"].tolist() == ["city is missing", "age ≤ 40 and city = 'x'", "age > 40 and city = 'x'"]
        or (rules["rule"].tolist() == ["age > 40 and city is missing", "age ≤ 40", "age > 40 and city = 'x'"])
        or rules["rule"].tolist() == ["city is missing", "city = 'x' and age ≤ 40", "city = 'x' and age > 40"]
    )
    assert rules["n"].tolist() == [5, 10, 5]
    assert rules["n_yes"].tolist() == [5, 8, 0]
    assert rules["rate"].tolist() == [1.0, 0.8, 0.0]
    assert rules["risk_class"].tolist() == ["yes", "yes", "no"]
    for row in rules.itertuples():
        ends = proportion_confint(row.n_yes, row.n, alpha=0.1, method="wilson")
        assert (row.lower, row.upper) == pytest.approx(ends, abs=1e-12)


def test_words_of_missing():
    ages = pd.DataFrame({"age": [1.0, 2, 3, 4, None, None] * 5})
    calm = RiskTree(max_depth=1).fit(ages, ages["age"].isna())
    assert calm.rules()["rule"].tolist() == ["age is missing", "age is not missing"]
    assert calm.to_sql() == 'CASE\n  WHEN "age" IS NOT NULL THEN FALSE\n  WHEN "age" IS NULL THEN TRUE\nEND'
    old = RiskTree().fit(ages, ~(ages["age"] < 3))
    assert old.rules()["rule"].tolist() == ["(age > 2.5 or missing)", "age ≤ 2.5"]
    young = RiskTree().fit(ages, ~(ages["age"] > 2))
    assert young.rules()["rule"].tolist() == ["(age ≤ 2.5 or missing)", "age > 2.5"]
    cities = pd.DataFrame({"city": ["a", "b", "c", None] * 5})
    known = RiskTree(max_depth=1).fit(cities, cities["city"].isna())
    assert known.rules()["rule"].tolist() == ["city is missing", "city is not missing"]
    assert "city IS NULL" in known.to_sql().replace('"', "")
    # A null that training never saw goes with the 15 rows that were not null there.
    assert known.predict(pd.DataFrame({"city": ["new", None]})).tolist() == [False, True]


def test_words_of_lists_ranges_and_missing():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(
        {"city": rng.choice(list("abcdef"), 600), "age": rng.integers(18, 80, 600).astype(float)}
    )
    X.loc[rng.random(600) < 0.2, "age"] = np.nan
    y = np.where(X["city"].isin(["a", "b", "c"]), X["age"].between(30, 50), X["age"].isna())
    rules = RiskTree(max_depth=None, min_samples_leaf=1).fit(X, y).rules()
    text = " / ".join(rules["rule"])
    assert "city in ('a', 'b', 'c')" in text or "city in ('d', 'e', 'f')" in text
    assert "29.5 < age ≤ " in text
    assert "age is missing" in text
    assert set(rules["rate"]) == {0.0, 1.0}


def test_to_text_draws_the_tree():
    X = pd.DataFrame({"a": [0, 0, 1, 1] * 5, "b": [0, 1, 0, 1] * 5})
    y = ["p", "q", "r", "r"] * 5
    lines = RiskTree().fit(X, y).to_text().splitlines()
    assert lines == [
        "all: n 20, r 50% (30% to 70%)",
        "├── a ≤ 0.5: n 10, p 50% (24% to 76%)",
        "│   ├── b ≤ 0.5: n 5, p 100% (57% to 100%) → p",
        "│   └── b > 0.5: n 5, q 100% (57% to 100%) → q",
        "└── a > 0.5: n 10, r 100% (72% to 100%) → r",
    ]


def test_rules_and_sql_cover_each_row_once():
    frame, y = customers()
    tree = RiskTree(max_depth=None, min_samples_leaf=2).fit(frame, y)
    rows = scored(frame)
    con = in_duckdb(rows)
    sql = tree.to_sql(dialect="duckdb", what="node")
    conditions = [line.removeprefix("  WHEN ").rpartition(" THEN ")[0] for line in sql.split("\n  WHEN ")[1:]]
    assert len(conditions) == len(tree.rules())
    hits = " + ".join(f"CASE WHEN {one} THEN 1 ELSE 0 END" for one in conditions)
    assert con.execute(f"SELECT min({hits}), max({hits}) FROM t").fetchone() == (1, 1)


@pytest.mark.parametrize(
    "y",
    [
        ["a", "b"] * 10,
        [True, False] * 10,
        [3, 7] * 10,
        [0.0, 1.0] * 10,
        np.array(["x", "y"] * 10),
        pd.Series(["m", "n"] * 10, dtype="category"),
    ],
)
def test_json_round_trip(y):
    frame = customers(20)[0]
    for X in (frame, frame[["visits"]].to_numpy()):
        tree = RiskTree(min_samples_leaf=1, confidence=0.9).fit(X, y)
        back = RiskTree.from_json(tree.to_json())
        assert back.to_json() == tree.to_json()
        assert back.get_params() == tree.get_params()
        assert back.predict(X).tolist() == tree.predict(X).tolist()
        assert back.predict(X).dtype == tree.predict(X).dtype
        assert back.rules().equals(tree.rules())
        assert back.to_sql() == tree.to_sql()


def changed(path, value):
    frame, y = customers()
    document = json.loads(RiskTree(max_depth=2).fit(frame, y).to_json())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        (("model",), "Other", "it is a 'Other'"),
        (("state", "classes"), ["one"], "node 0 must have 1 counts"),
        (("state", "classes_dtype"), "<i8", "its classes are not of the type '<i8'"),
        (("state", "classes_dtype"), "what", "its classes are not of the type 'what'"),
        (("state", "nodes", 0, "counts"), [-1, 5], "node 0 must have 2 counts"),
        (("state", "nodes", 1, "counts"), [0, 0], "node 1 must have 2 counts"),
        (("state", "nodes", 0, "feature"), 9, "node 0 splits on column 9 of 4"),
        (("state", "nodes", 0, "left"), 0, "node 0 must stand before its children"),
        (("state", "nodes", 0, "right"), 1, "its nodes are not one tree"),
        (("state", "nodes", 0, "levels"), [77], "node 0 has no split that suits its column"),
        (("state", "nodes", 0, "feature"), 1, "node 0 has no split that suits its column"),
        (("state", "nodes"), [], "its nodes are not one tree"),
        (("state", "features", 0, "kind"), "date", "not one of 'number', 'text', 'flag'"),
        (("params", "max_depth"), "deep", "params.max_depth"),
    ],
)
def test_a_file_that_is_not_a_tree_is_refused(path, value, match):
    with pytest.raises(DataError, match=match):
        RiskTree.from_json(changed(path, value))


def test_parameters_in_a_file_are_checked():
    with pytest.raises(ParameterError, match="`ccp_alpha` must be"):
        RiskTree.from_json(changed(("params", "ccp_alpha"), -1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_depth", 0),
        ("min_samples_leaf", 0),
        ("ccp_alpha", -1),
        ("criterion", "chi2"),
        ("random_state", None),
        ("confidence", 1),
    ],
)
def test_parameters_are_checked_in_fit(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` must be"):
        RiskTree(**{name: value}).fit([[1], [2]], [0, 1])


ONE = pd.DataFrame({"x": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("X", "y", "error", "match"),
    [
        (
            ONE.assign(x=pd.to_datetime(["2024-01-01", "2024-01-02"])),
            [0, 1],
            ColumnError,
            "'x' must hold numbers",
        ),
        (ONE.assign(x=[1, "a"]), [0, 1], ColumnError, "'x' must hold numbers, texts or flags"),
        (ONE.assign(x=[1, math.inf]), [0, 1], DataError, "'x' must be finite. 1 of 2 rows"),
        (ONE, ["a", None], DataError, "`y` must not be null. 1 of 2 rows"),
        (ONE, [0.0, math.nan], DataError, "`y` must not be null. 1 of 2 rows"),
        (ONE, [0, 1, 1], ValueError, "inconsistent numbers of samples"),
        (ONE, [0.5, 0.7], ValueError, "Unknown label type"),
        (ONE.head(0), [], DataError, "at least one row and one column"),
        (ONE[[]], [0, 1], DataError, "at least one row and one column"),
        (pl.LazyFrame({"x": [1]}), [0], ParameterError, "`X` must be a local frame"),
        (
            pd.DataFrame({"id": [str(n) for n in range(257)]}),
            [0] * 257,
            DataError,
            "at most 256 levels .* Got 257",
        ),
    ],
)
def test_rows_that_cannot_be_fitted(X, y, error, match):
    with pytest.raises(error, match=match):
        RiskTree().fit(X, y)


def test_weights_that_cannot_be_fitted():
    with pytest.raises(DataError, match="at least one non-zero number. All of 2 rows"):
        RiskTree().fit(ONE, [0, 1], sample_weight=[0, 0])
    with pytest.raises(ValueError, match="[Nn]egative"):
        RiskTree().fit(ONE, [0, 1], sample_weight=[-1, 2])


def test_columns_of_another_kind_are_refused():
    numbers = RiskTree().fit(ONE, [0, 1])
    texts = RiskTree().fit(pd.DataFrame({"x": ["a", "b"]}), [0, 1])
    with pytest.raises(ColumnError, match="'x' must hold numbers as when .* Got texts"):
        numbers.predict(pd.DataFrame({"x": ["a"]}))
    with pytest.raises(ColumnError, match="'x' must hold texts as when .* Got numbers"):
        texts.predict(ONE)
    with pytest.raises(ColumnError, match="'x' must hold texts as when .* Got flags"):
        texts.predict(pd.DataFrame({"x": [True]}))
    with pytest.raises(ColumnError, match="'x' must hold texts as when .* Got numbers"):
        texts.score_table(ONE)
    with pytest.raises(ColumnError, match="'x' must hold numbers as when .* Got Datetime"):
        numbers.score_table(ONE.assign(x=pd.to_datetime(["2024-01-01", "2024-01-02"])))


def test_object_columns_of_numbers_are_scored_and_others_refused():
    tree = RiskTree(min_samples_leaf=1).fit(pd.DataFrame({"x": [1.0, 2.0, 8.0, 9.0]}), [0, 0, 1, 1])
    numbers = pd.DataFrame({"x": [Decimal(1), None, 9]}, dtype=object)
    assert tree.score_table(numbers)["probability"].tolist()[::2] == [0.0, 1.0]
    for values in (["1", "2"], [1, "many"], [1, dt.date(2024, 1, 1)]):
        with pytest.raises(ColumnError, match="'x' must hold numbers as when .* Got (texts|other values)"):
            tree.score_table(pd.DataFrame({"x": values}, dtype=object))


def test_score_table_refuses_missing_and_taken_columns():
    tree = RiskTree().fit(ONE, [0, 1])
    with pytest.raises(ColumnError, match="must have the column 'x'"):
        tree.score_table(pd.DataFrame({"y": [1]}))
    with pytest.raises(ColumnError, match="must not have the column node"):
        tree.score_table(ONE.assign(node=1))


@pytest.mark.parametrize(
    ("table", "options", "error", "match"),
    [
        ({"x": [1], "y": [None]}, {}, DataError, "1 of 1 rows have no 'y'"),
        (
            {"x": [1, 2], "y": ["a", "b"], "w": [1, -1]},
            {"weight": "w"},
            DataError,
            "null or negative 'w'",
        ),
        ({"x": [1], "z": [1]}, {}, ColumnError, "must have the column 'y'"),
        ({"x": [1], "y": ["a"]}, {"features": ["q"]}, ColumnError, "must have the column 'q'"),
    ],
)
def test_fit_table_refuses(table, options, error, match):
    with pytest.raises(error, match=match):
        RiskTree().fit_table(pd.DataFrame(table), target="y", **options)


def test_fit_table_refuses_an_empty_table():
    with pytest.raises(DataError, match="at least one row"):
        RiskTree().fit_table(pd.DataFrame({"x": [1.0], "y": ["a"]}).head(0), target="y")


def test_to_sql_refuses_unknown_options():
    tree = RiskTree().fit(ONE, [0, 1])
    with pytest.raises(ParameterError, match="`what` must be one of 'class', 'probability', 'node'"):
        tree.to_sql(what="risk_class")
    with pytest.raises(ParameterError, match="`dialect` must be one of"):
        tree.to_sql(dialect="oracle")
    assert all(tree.to_sql(dialect=dialect).startswith("CASE\n") for dialect in _sql.DIALECTS)


@pytest.mark.parametrize("method", ["rules", "to_text", "to_sql", "to_json"])
def test_unfitted(method):
    with pytest.raises(NotFittedError):
        getattr(RiskTree(), method)()


def test_inputs_are_not_changed():
    frame, y = customers()
    before, labels, weight = frame.copy(), y.copy(), np.ones(len(y))
    RiskTree().fit(frame, y, sample_weight=weight).predict(frame)
    assert frame.equals(before)
    assert (labels == y).all()
    assert (weight == 1).all()


def test_one_rule_in_every_engine(engine):
    table = pd.DataFrame({
        "band": ["a", "a", "a", "b", "b", None, None, "c"],
        "risk": ["x", "y", "y", "x", "z", "x", "x", "z"],
    })  # fmt: skip
    rule = one_rule(engine(table), column="band", target="risk")
    assert (rule.correct, rule.n) == (6, 8)
    assert set(rule.predictions) == {("a", "y"), ("b", "x"), (None, "x"), ("c", "z")}
    assert float(rule) == 0.75
    assert rule.to_dict()["column"] == "band"


def test_one_rule_refuses():
    with pytest.raises(DataError, match="1 of 1 rows have no 'y'"):
        one_rule(pd.DataFrame({"x": [1], "y": [None]}), column="x", target="y")
    with pytest.raises(DataError, match="at least one row"):
        one_rule(pd.DataFrame({"x": [1], "y": ["a"]}).head(0), column="x", target="y")
