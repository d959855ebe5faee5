"""Model files: exact round trips, and a refusal with its reason for everything that is not one."""

import json
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, strategies as st

from crmkit import _persist
from crmkit.errors import DataError


@dataclass(frozen=True, slots=True)
class Knot:
    at: float
    names: tuple[str, ...]


PARAMS = {"penalty": float, "kind": Literal["a", "b"]}
STATE = {
    "n": int,
    "flag": bool,
    "mean": float | None,
    "knots": list[Knot],
    "by_name": dict[str, float],
    "labels": list[str | bool | int | float],
    "free": list,
}
GOOD = {
    "n": 3,
    "flag": True,
    "mean": None,
    "knots": [Knot(1.5, ("x", "y"))],
    "by_name": {"k": 0.1},
    "labels": ["a", True, 2, 2.5],
    "free": [1, [None]],
}


def dump(**changes):
    return _persist.dump("Gamma", 2, params={"penalty": 0.5, "kind": "a"}, state={**GOOD, **changes})


def load(text, **options):
    return _persist.load(text, "Gamma", 2, params=PARAMS, state=STATE, **options)


def edited(**changes):
    return json.dumps(json.loads(dump()) | changes)


def with_state(**changes):
    return edited(state=json.loads(dump())["state"] | changes)


def test_envelope():
    import crmkit

    envelope = json.loads(dump())
    assert list(envelope) == ["format", "model", "schema", "crmkit", "params", "state"]
    assert envelope["format"] == "crmkit"
    assert envelope["model"] == "Gamma"
    assert envelope["schema"] == 2
    assert envelope["crmkit"] == crmkit.__version__


def test_round_trip_keeps_values_and_types():
    params, state = load(dump())
    assert params == {"penalty": 0.5, "kind": "a"}
    assert state == GOOD
    assert [type(label) for label in state["labels"]] == [str, bool, int, float]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back_bit_for_bit(x):
    _, state = load(dump(mean=x))
    assert state["mean"].hex() == x.hex()


@given(st.text())
def test_texts_come_back_and_the_file_is_ascii(text):
    written = dump(by_name={text: 1.0}, labels=[text])
    assert written.isascii()
    _, state = load(written)
    assert state["labels"] == [text]
    assert state["by_name"] == {text: 1.0}


def test_numpy_is_written_as_plain_numbers():
    text = dump(
        n=np.int64(4),
        flag=np.bool_(False),
        mean=np.float32(0.1),
        labels=np.array(["é", "b"]),
        free=np.array([[1, 2], [3, 4]]),
    )
    _, state = load(text)
    assert state["n"] == 4
    assert state["flag"] is False
    assert state["mean"] == float(np.float32(0.1))
    assert state["labels"] == ["é", "b"]
    assert state["free"] == [[1, 2], [3, 4]]


def test_whole_number_is_read_where_a_float_is_due():
    _, state = load(with_state(mean=7))
    assert state["mean"] == 7
    assert isinstance(state["mean"], float)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_not_finite_is_refused_on_writing(value):
    with pytest.raises(DataError, match=r"Gamma state.knots\[0\].at must be finite .* refit"):
        dump(knots=[Knot(value, ())])


@pytest.mark.parametrize("value", [{1, 2}, {1: "key"}, object(), b"x", np.longdouble(1)])
def test_what_json_cannot_hold_is_refused_on_writing(value):
    with pytest.raises(DataError, match=r"Gamma state.free must be numbers, texts"):
        dump(free=value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("﻿{}", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"format": "crmkit", "format": "crmkit"}', "a field appears twice"),
        ("[1]", "not a crmkit model file"),
        ('{"format": "pickle"}', "not a crmkit model file"),
        ('{"format": "crmkit"}', "the file lacks 'model', 'schema', 'crmkit', 'params', 'state'"),
        (b"{}", "it is of the type bytes, not a string"),
        (None, "it is of the type NoneType"),
        (edited(model="Beta"), "it is a 'Beta'"),
        (edited(schema=3), "wrote it with schema 3 .* reads up to schema 2: upgrade crmkit"),
        (edited(schema=1), "it has schema 1, which this version no longer reads"),
        (edited(schema=0), "its schema is 0"),
        (edited(schema="2"), "the file.schema is '2', not a whole number"),
        (edited(schema=True), "the file.schema is True, not a whole number"),
        (edited(more=1), "the file has the unknown 'more'"),
        (edited(params=[]), r"the file.params is \[\], not an object"),
        (edited(params={"penalty": 1}), "params lacks 'kind'"),
        (edited(params={"penalty": 1, "kind": "c"}), "params.kind is 'c', not one of 'a', 'b'"),
        (with_state(extra=1), "state has the unknown 'extra'"),
        (with_state(n=1.0), "state.n is 1.0, not a whole number"),
        (with_state(n=True), "state.n is True, not a whole number"),
        (with_state(flag=1), "state.flag is 1, not true or false"),
        (with_state(mean="1"), "state.mean is '1', not null"),
        (with_state(by_name={"k": None}), "state.by_name.k is None, not a finite number"),
        (with_state(by_name=[]), r"state.by_name is \[\], not an object"),
        (with_state(knots={}), r"state.knots is \{\}, not a list"),
        (with_state(knots=[1]), r"state.knots\[0\] is 1, not an object"),
        (with_state(knots=[{"at": 1, "names": [2]}]), r"state.knots\[0\].names\[0\] is 2, not a text"),
        (with_state(by_name={"k": 10**400}), "not a finite number"),
        (dump().replace("0.1", "1e999"), "state.by_name.k is inf, not a finite number"),
        (dump().replace("0.1", "NaN"), "NaN is no JSON number"),
        (dump().replace("0.1", "-Infinity"), "-Infinity is no JSON number"),
    ],
)
def test_what_is_not_such_a_file_is_refused_with_its_reason(text, reason):
    with pytest.raises(DataError, match=reason) as caught:
        load(text)
    assert "Gamma" in str(caught.value)
    assert "to_json()" in str(caught.value)


def test_migrations_run_in_order():
    def to_two(body):
        return {"params": body["params"], "state": body["state"] | {"n": len(body["state"].pop("rows"))}}

    state = json.loads(dump())["state"]
    del state["n"]
    old = edited(schema=1, state={**state, "rows": [1, 2]})
    assert load(old, migrations={1: to_two})[1]["n"] == 2
    with pytest.raises(DataError, match="no longer reads"):
        load(old, migrations={2: to_two})


def test_a_null_hint_and_long_values():
    text = json.dumps({**json.loads(dump()), "params": {}, "state": {"nothing": "x" * 5_000}})
    with pytest.raises(DataError, match="not null") as caught:
        _persist.load(text, "Gamma", 2, params={}, state={"nothing": None})
    assert len(str(caught.value)) < 300
