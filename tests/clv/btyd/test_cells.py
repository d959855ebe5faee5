import numpy as np
import pandas as pd
import pytest

from crmkit.clv.btyd import _cells
from crmkit.errors import ColumnError, DataError

ROLES = {"frequency": "number", "recency": "number", "group": "label"}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    n = 500
    return pd.DataFrame(
        {
            "customer_id": [f"c{one}" for one in range(n)],
            "frequency": rng.integers(0, 4, n),
            "recency": rng.integers(0, 120, n) / 7,
            "group": rng.choice(["a", "b", "c"], n),
            "weight": rng.integers(0, 3, n) + 0.5,
        },
        index=rng.permutation(n) // 2,
    )


def counted(frame):
    found = frame.groupby(list(ROLES)).agg(count=("weight", "size"), weight=("weight", "sum"))
    return found.sort_index()


def as_table(cells):
    table = cells.rows.assign(count=cells.count, weight=cells.weight)
    return table.set_index(list(ROLES)).sort_index()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("most", [4_000_000, 1])
def test_cells_are_the_distinct_rows_with_their_counts(engine, rows, weighted, most, monkeypatch):
    monkeypatch.setattr("crmkit.clv.btyd._collapse._MOST_CODES", most)
    cells = _cells.gather(engine(rows.reset_index(drop=True)), ROLES, weighted=weighted)
    expected = counted(rows if weighted else rows.assign(weight=1.0))
    found = as_table(cells)
    assert len(found) == len(expected)
    assert np.allclose(found, expected, rtol=1e-12)
    assert list(cells.rows.columns) == list(ROLES)


def test_many_combinations_do_not_overflow():
    """Five columns of 10 000 values each: 1e20 combinations, more than 64 bits count."""
    rng = np.random.default_rng(2)
    n = 10_000
    frame = pd.DataFrame({f"v{one}": rng.permutation(n) + 0.5 for one in range(5)})
    frame = pd.concat([frame, frame.head(100)], ignore_index=True)
    cells = _cells.gather(frame, dict.fromkeys(frame, "number"))
    assert len(cells.rows) == n
    assert cells.count.sum() == n + 100
    keyed = cells.rows.assign(count=cells.count).set_index(list(frame))["count"]
    assert (keyed.loc[list(frame.head(100).itertuples(index=False))] == 2).all()
    scores = {"score": cells.rows.sum(axis=1).to_numpy()}
    given = _cells.give(frame, dict.fromkeys(frame, "number"), cells, scores)
    assert np.allclose(given["score"], frame.sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0, 0.0],
        [-3.0, 2.0, -3.0],
        [1e300, 1e-300, 1e300],
        [np.nan, 1.0, np.nan],
        [20_000.0, 1.0, 20_000.0],
        [2**53, 2**53 + 1, 2**53],
    ],
)
def test_equal_values_are_one_cell(values):
    frame = pd.DataFrame({"x": values})
    cells = _cells.gather(frame, {"x": "number"})
    assert sorted(cells.count) == ([3] if values[0] == values[1] else [1, 2])
    given = _cells.give(frame, {"x": "number"}, cells, {"copy": cells.rows["x"].to_numpy()})
    assert given["copy"].equals(given["x"].rename("copy")) or (given["copy"] == given["x"]).all()


@pytest.mark.parametrize("most", [4_000_000, 1])
def test_scores_come_back_to_their_rows_and_index(rows, most, monkeypatch):
    monkeypatch.setattr("crmkit.clv.btyd._collapse._MOST_CODES", most)
    before = rows.copy()
    cells = _cells.gather(rows, ROLES)
    score = cells.rows["frequency"] * 100 + cells.rows["recency"] + (cells.rows["group"] == "b") * 1e4
    given = _cells.give(rows, ROLES, cells, {"score": score.to_numpy()})
    direct = rows["frequency"] * 100 + rows["recency"] + (rows["group"] == "b") * 1e4
    assert np.allclose(given["score"], direct, rtol=1e-12)
    assert given.index.equals(rows.index)
    assert list(given.columns) == [*rows.columns, "score"]
    pd.testing.assert_frame_equal(rows, before)


def test_rows_may_stay_what_they_are(rows):
    cells = _cells.gather(rows, ROLES, weighted=True, alike=False)
    assert len(cells.rows) == len(rows)
    assert cells.count.tolist() == [1] * len(rows)
    assert cells.weight.tolist() == rows["weight"].tolist()
    given = _cells.give(rows, ROLES, cells, {"score": np.arange(len(rows)) * 1.0})
    assert given["score"].tolist() == list(range(len(rows)))
    assert given.index.equals(rows.index)


def test_a_second_scoring_replaces_the_first_in_every_engine(engine, rows):
    """Found in review: lazy engines kept both, as `score` and `score_right`."""
    from crmkit.testing import to_pandas

    frame = engine(rows.assign(score=7.0).reset_index(drop=True))
    cells = _cells.gather(frame, ROLES)
    given = to_pandas(_cells.give(frame, ROLES, cells, {"score": cells.rows["recency"].to_numpy() * 2}))
    assert list(given.columns) == [*rows.columns, "score"]
    assert np.allclose(given["score"], given["recency"] * 2)
    assert len(given) == len(rows)


def test_a_column_may_be_read_and_replaced(engine, rows):
    from crmkit.testing import to_pandas

    frame = engine(rows.reset_index(drop=True))
    roles = {"recency": "number"}
    cells = _cells.gather(frame, roles)
    given = to_pandas(_cells.give(frame, roles, cells, {"recency": cells.rows["recency"].to_numpy() + 1}))
    assert list(given) == list(rows)
    both = given.merge(rows[["customer_id", "recency"]], on="customer_id")
    assert np.allclose(both["recency_x"], both["recency_y"] + 1)


def test_long_tables_repeat_the_rows(engine, rows):
    from crmkit.testing import to_pandas

    frame = engine(rows.assign(step="old").reset_index(drop=True))
    cells = _cells.gather(frame, ROLES)
    n = len(cells.rows)
    long = pd.DataFrame({"cell": np.repeat(np.arange(n), 2), "step": np.tile([1, 2], n)})
    long["both"] = np.repeat(cells.rows["frequency"].to_numpy(), 2) + long["step"]
    given = to_pandas(_cells.give_long(frame, ROLES, cells, long))
    assert len(given) == 2 * len(rows)
    assert list(given) == [*rows, "step", "both"]
    assert (given["both"] == given["frequency"] + given["step"]).all()
    assert given.groupby("customer_id")["step"].sum().eq(3).all()


def test_empty_frames_have_no_cells(engine, rows):
    from crmkit.testing import to_pandas

    frame = engine(rows.head(0).astype({"customer_id": "str", "group": "str"}).reset_index(drop=True))
    for weighted in (False, True):
        cells = _cells.gather(frame, ROLES, weighted=weighted)
        assert len(cells.rows) == len(cells.count) == len(cells.weight) == 0
        given = to_pandas(_cells.give(frame, ROLES, cells, {"score": np.empty(0)}))
        assert list(given) == [*rows, "score"]
        assert given.empty


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, -np.inf])
def test_bad_weights_are_counted(engine, rows, bad):
    broken = rows.assign(weight=np.where(np.arange(len(rows)) < 4, bad, 1.0)).reset_index(drop=True)
    with pytest.raises(DataError, match="4 of 500 rows have no finite weight of at least 0"):
        _cells.gather(engine(broken), ROLES, weighted=True)


def test_conditions_are_counted_in_rows(rows):
    cells = _cells.gather(rows, ROLES)
    bad = (cells.rows["frequency"] == 2).to_numpy()
    number = int((rows["frequency"] == 2).sum())
    with pytest.raises(DataError, match=rf"`summary`: {number} of 500 rows are two\. Correct or filter"):
        cells.refuse({"are two": bad, "are ten": np.zeros(len(bad), dtype=bool)})
    with pytest.raises(DataError, match="`cohorts`: .*; "):
        cells.refuse({"are two": bad, "are not two": ~bad}, table="cohorts")
    cells.refuse({"are ten": np.zeros(len(bad), dtype=bool)})


def test_missing_columns_are_named(engine, rows):
    with pytest.raises(ColumnError, match="'recency'"):
        _cells.gather(engine(rows[["frequency", "group"]].reset_index(drop=True)), ROLES)


def test_local_frames_are_those_in_memory(engine, rows):
    from crmkit.testing.engines import crossed_rows

    frame = engine(rows.reset_index(drop=True))
    with crossed_rows() as fetched:
        cells = _cells.gather(frame, ROLES)
    if not _cells.is_local(frame):
        assert sum(fetched) == len(cells.rows)
