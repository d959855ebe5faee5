"""CDNOW: the published counts, and no import of lifetimes."""

import subprocess
import sys
from importlib.machinery import ModuleSpec

import pandas as pd
import pytest

from crmkit import tables
from crmkit.datasets import cdnow, load_cdnow
from crmkit.errors import DataError, ParameterError


@pytest.fixture(scope="module")
def master():
    return load_cdnow()


@pytest.fixture(scope="module")
def sample():
    return load_cdnow(sample=True)


def test_the_whole_set_has_the_published_counts(master):
    assert list(master) == ["customer_id", "order_date", "quantity", "amount"]
    assert len(master) == 69_659
    assert master["customer_id"].nunique() == 23_570
    assert master["quantity"].sum() == 167_881
    assert round(master["amount"].sum(), 2) == 2_500_315.63
    assert (master["amount"] == 0).sum() == 80
    assert master["order_date"].agg(["min", "max"]).tolist() == [
        pd.Timestamp("1997-01-01"),
        pd.Timestamp("1998-06-30"),
    ]


def test_every_customer_first_bought_in_the_first_quarter(master):
    assert master.groupby("customer_id")["order_date"].min().max() == pd.Timestamp("1997-03-25")


def test_types_and_order(master):
    assert master["order_date"].dtype.kind == "M"
    assert master["customer_id"].dtype.kind == "i"
    assert master["quantity"].dtype.kind == "i"
    assert master["amount"].dtype == float
    assert master["customer_id"].is_monotonic_increasing
    assert list(master.index[:3]) == [0, 1, 2]
    assert not master.isna().any().any()


def test_the_sample_is_part_of_the_whole_set(master, sample):
    assert len(sample) == 6_919
    assert sample["customer_id"].nunique() == 2_357
    part = master[master["customer_id"].isin(sample["customer_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, sample)
    assert (sample["amount"] == 0).sum() == 8


def test_repeat_days_of_the_calibration_period(sample):
    days = sample[sample["order_date"] <= "1997-09-30"].groupby("customer_id")["order_date"].nunique()
    assert (days - 1).sum() == 2_457
    assert (days > 1).sum() == 946


def test_it_is_an_orders_table(sample):
    pd.testing.assert_frame_equal(tables.orders(sample), sample)


def test_lifetimes_is_not_imported():
    code = (
        "import sys, crmkit; crmkit.datasets.load_cdnow(sample=True); "
        "print(any(name.split('.')[0] == 'lifetimes' for name in sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_the_room_is_imported_lazily():
    code = "import sys, crmkit.datasets; print({'pandas', 'numpy'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_sample_must_be_a_flag():
    with pytest.raises(ParameterError, match=r"`sample` must be True or False. Got 1 instead"):
        load_cdnow(sample=1)


def test_without_the_distribution(monkeypatch):
    monkeypatch.setattr(cdnow, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"which is not installed.*pip install 'lifetimes"):
        load_cdnow()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    spec = ModuleSpec("lifetimes", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(cdnow, "find_spec", lambda name: spec)
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def test_without_the_file(folder):
    with pytest.raises(DataError, match=r"must hold datasets/CDNOW_master.txt. Found no such file at"):
        load_cdnow()


def test_a_cut_file(folder):
    (folder / "CDNOW_sample.txt").write_text(" 00004 0001 19970101  2   29.33\n")
    with pytest.raises(DataError, match=r"CDNOW_sample.txt must hold 6919 purchases. Found 1 rows"):
        load_cdnow(sample=True)


@pytest.mark.parametrize(
    "content", [b"", b"head\n", b"head\n1 x 2 3\n", b"head\n\xff\xfe\x00\n", b"h\n1 2 3 4 5 6\n"]
)
def test_a_damaged_file(folder, content):
    (folder / "CDNOW_master.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"CDNOW_master.txt must hold 69659 purchases"):
        load_cdnow()
