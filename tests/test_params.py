"""Scalar checks: what passes comes back plain, what fails says the name, the rule and the value."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from crmkit import _params
from crmkit.errors import CRMKitError, ParameterError, missing_extra


@pytest.mark.parametrize("value", [0, 1, 0.25, np.float32(0.5), np.int64(1), Decimal("0.1")])
def test_share_takes_any_real_number(value):
    got = _params.share("p", value)
    assert type(got) is float
    assert got == float(value)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf"), "0.5", None, True, [0.5]])
def test_share_refuses(value):
    with pytest.raises(ParameterError, match=r"`p` must be a finite number at least 0 and at most 1\. Got"):
        _params.share("p", value)


def test_open_ends():
    with pytest.raises(ParameterError, match="above 0 and below 1. Got 1 instead"):
        _params.share("p", 1, open_ends=True)
    with pytest.raises(ParameterError, match="`rate` must be a finite number above -1. Got -1 instead"):
        _params.number("rate", -1, low=-1, open_low=True)


@pytest.mark.parametrize(("value", "plain"), [(3, 3), (3.0, 3), (np.int8(3), 3), (Decimal(3), 3)])
def test_integer(value, plain):
    assert _params.integer("k", value, low=1) == plain


@pytest.mark.parametrize("value", [0, 11, 2.5, float("nan"), "3", True, None])
def test_integer_refuses(value):
    with pytest.raises(ParameterError, match=r"`k` must be an integer at least 1 and at most 10\. Got"):
        _params.integer("k", value, low=1, high=10)


def test_choice_and_flag():
    assert _params.choice("basis", "cohort", ("cohort", "period")) == "cohort"
    with pytest.raises(ParameterError, match="must be one of 'cohort', 'period'. Got 'x' instead"):
        _params.choice("basis", "x", ("cohort", "period"))
    with pytest.raises(ParameterError, match="must be True or False. Got 1 instead"):
        _params.flag("immediate", 1)
    assert _params.flag("immediate", False) is False


def test_names():
    assert _params.names("by", None) == []
    assert _params.names("by", "region") == ["region"]
    assert _params.names("by", ("a", "b")) == ["a", "b"]
    with pytest.raises(ParameterError, match="without repeated"):
        _params.names("by", ["a", "a"])
    with pytest.raises(ParameterError, match="a column name or a list"):
        _params.names("by", [1])
    with pytest.raises(ParameterError, match="a column name or a list"):
        _params.names("by", 5)


@pytest.mark.parametrize(
    "value",
    [
        "2024-12-31",
        dt.date(2024, 12, 31),
        dt.datetime(2024, 12, 31),
        pd.Timestamp("2024-12-31"),
        np.datetime64("2024-12-31"),
        np.datetime64("2024-12-31", "ns"),
    ],
)
def test_date(value):
    assert _params.date("as_of", value) == dt.datetime(2024, 12, 31)


@pytest.mark.parametrize(
    "value",
    ["31.12.2024", "", None, 20241231, pd.NaT, np.datetime64("NaT"), "2024-12-31T00:00:00+02:00", True],
)
def test_date_refuses(value):
    with pytest.raises(
        ParameterError, match="`as_of` must be a date such as '2024-12-31' without a time zone"
    ):
        _params.date("as_of", value)


def test_generator():
    given = np.random.default_rng(1)
    assert _params.generator(given) is given
    assert _params.generator(7).integers(100) == np.random.default_rng(7).integers(100)
    for bad in (None, -1, True, 1.5, "seed"):
        with pytest.raises(ParameterError, match="`random_state` must be a non-negative integer or a numpy"):
            _params.generator(bad)


def test_every_error_is_a_value_error():
    assert issubclass(ParameterError, CRMKitError)
    assert issubclass(CRMKitError, ValueError)


def test_missing_extra_names_the_command():
    assert str(missing_extra("typer", "cli")) == "typer is not installed: run pip install 'crmkit[cli]'"
