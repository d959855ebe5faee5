"""Direction of travel: by axes and by cells, by hand on every engine; the declared readings; bad input."""

import itertools

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import VOLUME_LOYALTY, VOLUME_LOYALTY_READINGS, Reading, axis_travel, cell_travel
from crmkit.testing import assert_parity

AXES = {"profit": "high", "cost": "low"}
CELLS = ["neglected", "premium", "pitfall", "patrons"]


def portfolio(seed, rows=24):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "customer_id": rng.choice([f"c{i:02d}" for i in range(30)], rows, replace=False),
            "profit": rng.integers(0, 5, rows) * 1.0,
            "cost": rng.integers(0, 5, rows),
            "cell": rng.choice(CELLS, rows),
        }
    )
    table.loc[:1, "profit"] = np.nan
    table.loc[1:2, "cell"] = None
    return table


def both_dates(before, after):
    """Yield each customer with its two rows."""
    sides = [
        {row["customer_id"]: row for row in t.astype(object).where(t.notna(), None).to_dict("records")}
        for t in (before, after)
    ]
    for customer in sorted({*sides[0], *sides[1]}):
        yield customer, sides[0].get(customer), sides[1].get(customer)


def test_axes_on_every_engine():
    before, after = portfolio(1), portfolio(2)
    lines = []
    for customer, old, new in both_dates(before, after):
        movement = "left" if new is None else "entered" if old is None else "present"
        changes = [
            None if None in (old, new) or None in (old[name], new[name]) else new[name] - old[name]
            for name in AXES
        ]
        direction = None
        if None not in changes:
            better, worse = changes[0] > 1 or changes[1] < 0, changes[0] < -1 or changes[1] > 0
            direction = ["steady", "improving", "declining", "mixed"][better + 2 * worse]
        lines.append((customer, movement, *changes, direction))
    expected = pd.DataFrame(
        lines, columns=["customer_id", "movement", "profit_change", "cost_change", "direction"]
    )
    assert set(expected["direction"].dropna()) == {"steady", "improving", "declining", "mixed"}
    assert set(expected["movement"]) == {"present", "entered", "left"}
    assert_parity(
        lambda one, two: axis_travel(one, two, axes=AXES, tolerance={"profit": 1}),
        before,
        after,
        expected=expected,
        keys=["customer_id"],
        crossing=3,
    )


def test_cells_on_every_engine():
    before, after = portfolio(3), portfolio(4)
    meaning = {(one.before, one.after): one for one in VOLUME_LOYALTY_READINGS}
    lines = []
    for customer, old, new in both_dates(before, after):
        ends = old and old["cell"], new and new["cell"]
        movement = "left" if new is None else "entered" if old is None else "moved"
        movement = "stayed" if movement == "moved" and ends[0] == ends[1] else movement
        found = meaning.get(ends)
        steady = "steady" if movement == "stayed" and ends[0] else None
        lines.append((customer, *ends, movement, found.direction if found else steady, found and found.text))
    expected = pd.DataFrame(
        lines, columns=["customer_id", "cell_before", "cell_after", "movement", "direction", "reading"]
    )
    assert set(expected["direction"].dropna()) == {"steady", "improving", "declining"}
    assert_parity(
        lambda one, two: cell_travel(one, two, readings=VOLUME_LOYALTY_READINGS),
        before,
        after,
        expected=expected,
        keys=["customer_id"],
        crossing=3,
    )


def test_order_of_cells():
    pairs = list(itertools.product("abc", repeat=2))
    ids = range(len(pairs))
    before = pd.DataFrame({"customer_id": ids, "stage": [one for one, _ in pairs]})
    after = pd.DataFrame({"customer_id": ids, "stage": [other for _, other in pairs]})
    found = cell_travel(before, after, order=["a", "b", "c"], cell="stage")
    assert found["direction"].tolist() == [
        "improving" if one < other else "declining" if one > other else "steady" for one, other in pairs
    ]
    assert found["reading"].isna().all()
    back = cell_travel(after, before, order=("a", "b", "c"), cell="stage")
    turned = {"improving": "declining", "declining": "improving", "steady": "steady"}
    assert back["direction"].tolist() == [turned[one] for one in found["direction"]]


def test_readings_follow_loyalty_first_then_value():
    value_loyalty = {"neglected": (0, 0), "premium": (0, 1), "patrons": (1, 1), "pitfall": (1, 0)}
    declared = {
        cell.name: tuple(int(level == "high") for level in cell.levels) for cell in VOLUME_LOYALTY.cells
    }
    assert declared == value_loyalty
    moves = {(one.before, one.after): one for one in VOLUME_LOYALTY_READINGS}
    assert set(moves) == set(itertools.permutations(value_loyalty, 2))
    for (before, after), reading in moves.items():
        (value, loyalty), (new_value, new_loyalty) = value_loyalty[before], value_loyalty[after]
        change = new_loyalty - loyalty or new_value - value
        assert reading.direction == ("improving" if change > 0 else "declining")
    sourced = {move for move, reading in moves.items() if not reading.convention}
    assert sourced == {("neglected", "premium"), ("premium", "pitfall")}


def test_unfit_axes_are_refused():
    table = portfolio(1)
    with pytest.raises(ParameterError, match=r"`axes\['cost'\]` must be one of 'high', 'low'"):
        axis_travel(table, table, axes={"cost": "less"})
    with pytest.raises(ParameterError, match="`axes` must be a mapping of at least one column"):
        axis_travel(table, table, axes={})
    with pytest.raises(ParameterError, match="`tolerance` must be a mapping of the axes"):
        axis_travel(table, table, axes=AXES, tolerance={"price": 1})
    with pytest.raises(ParameterError, match="`tolerance` must be a finite number at least 0"):
        axis_travel(table, table, axes=AXES, tolerance=-1)
    with pytest.raises(DataError, match="2 of 24 rows .customers. with an infinite score"):
        axis_travel(table, table.assign(profit=[np.inf, -np.inf, *[1.0] * 22]), axes=AXES)
    with pytest.raises(ColumnError, match="must have the column 'price'"):
        axis_travel(table, table, axes={"price": "high"})


def test_unfit_orders_and_readings_are_refused():
    table = portfolio(1)
    one = Reading("a", "b", "improving", "up")
    with pytest.raises(ParameterError, match="given, or `readings` instead, but not both"):
        cell_travel(table, table)
    with pytest.raises(ParameterError, match="given, or `readings` instead, but not both"):
        cell_travel(table, table, order=CELLS, readings=VOLUME_LOYALTY_READINGS)
    with pytest.raises(ParameterError, match="at least two cells"):
        cell_travel(table, table, order=["sack"])
    with pytest.raises(ParameterError, match="`readings` must be a sequence of Reading"):
        cell_travel(table, table, readings=["up"])
    with pytest.raises(ParameterError, match="one reading for each move"):
        cell_travel(table, table, readings=[one, one])
    with pytest.raises(DataError, match="with a cell_before that is none of .'premium', 'sack'"):
        cell_travel(table, table, order=["sack", "premium"])
    two = pd.DataFrame({"customer_id": [1], "cell": ["b"]})
    with pytest.raises(DataError, match="1 of 1 rows .customers. with a move that has no reading"):
        cell_travel(two, two.assign(cell="a"), readings=[one])
    with pytest.raises(ParameterError, match="`direction` must be one of 'declining', 'improving'"):
        Reading("a", "b", "steady", "")
    with pytest.raises(ParameterError, match="another cell than `before`"):
        Reading("a", "a", "improving", "")
