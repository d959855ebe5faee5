"""Folders of CSV and Parquet files: what is read, and every problem with it."""

import builtins
import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest

from crmkit import report
from crmkit.errors import CRMKitError, DataError
from crmkit.report.load import read_folder

ORDERS = "customer_id,order_date,amount\n007,2024-01-31,9.5\n8,2024-02-01,-1\n"
LEADS = "lead_id,created_at,won_at\na,2024-01-31,\nb,2024-02-01,2024-03-01\n"


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("_DOT_", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


def lines(home):
    return [str(one) for one in report.check_folder(home)]


def test_tables_are_read_by_name(folder):
    home = folder(orders_DOT_csv=ORDERS, leads_DOT_csv="\ufeff" + LEADS)
    tables = report.load_folder(home)
    assert set(tables) == {"orders", "leads"}
    assert tables["orders"]["customer_id"].tolist() == ["007", "8"]
    assert tables["orders"]["amount"].tolist() == [9.5, -1.0]
    assert tables["leads"]["won_at"].notna().tolist() == [False, True]
    assert lines(home) == []


def test_files_are_not_changed(folder):
    home = folder(orders_DOT_csv=ORDERS)
    before = hashlib.sha256((home / "orders.csv").read_bytes()).hexdigest()
    report.load_folder(home)
    assert hashlib.sha256((home / "orders.csv").read_bytes()).hexdigest() == before


def test_foreign_names_are_mapped(folder):
    home = folder(
        sales_DOT_csv="cust;ts;net;note\n007;31.1.2024;9,5;hello\n",
        crmkit_DOT_toml="""
        [report]
        title = "Sales"
        [orders]
        file = "sales.csv"
        separator = ";"
        decimal = ","
        date_format = "%d.%m.%Y"
        [orders.columns]
        customer_id = "cust"
        order_date = "ts"
        amount = "net"
        """,
    )
    read = read_folder(home)
    assert read.page == {"title": "Sales"}
    assert read.problems == read.unused == ()
    assert list(read.tables["orders"]) == ["customer_id", "order_date", "amount", "note"]
    assert read.tables["orders"].iloc[0].tolist() == ["007", pd.Timestamp("2024-01-31"), 9.5, "hello"]


def test_parquet_and_csv_agree(tmp_path):
    typed = pd.DataFrame(
        {
            "customer_id": [7, 8],
            "order_date": pd.to_datetime(["2024-01-31T22:30Z", "2024-02-01T00:00Z"]),
            "amount": [9.5, -1.0],
        }
    )
    typed.to_parquet(tmp_path / "orders.parquet")
    (tmp_path / "crmkit.toml").write_text("[orders]\ntz = 'Europe/Helsinki'\n")
    read = report.load_folder(tmp_path)["orders"]
    (tmp_path / "orders.parquet").unlink()
    (tmp_path / "orders.csv").write_text(
        "customer_id,order_date,amount\n7,2024-02-01T00:30:00+02:00,9.5\n8,2024-02-01T02:00:00+02:00,-1\n"
    )
    pd.testing.assert_frame_equal(read, report.load_folder(tmp_path)["orders"])
    assert read["customer_id"].tolist() == ["7", "8"]


def test_a_parquet_index_with_a_name_is_a_column(tmp_path):
    frame = pd.DataFrame({"customer_id": [7], "region": ["N"]}).set_index("customer_id")
    frame.to_parquet(tmp_path / "customers.parquet")
    assert report.load_folder(tmp_path)["customers"]["customer_id"].tolist() == ["7"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("orders.csv", b"", "orders.*: orders.csv is empty (0 bytes)"),
        ("orders.csv", b" \n", "orders.*: orders.csv is empty (2 bytes)"),
        ("orders.csv", b"a,b\n\0\1", "orders.*: orders.csv is not a text file: it holds zero bytes"),
        ("orders.csv", ORDERS.encode("utf-16"), "orders.*: orders.csv is not a text file"),
        (
            "orders.csv",
            b"customer_id,order_date,amount\nJ\xe4rvi,2024-01-01,2\n",
            "orders.*: orders.csv is not UTF-8 text: byte 0xe4 in line 2. Save it as UTF-8",
        ),
        (
            "orders.csv",
            "customer_id,amount,amount\n7,1,2\n",
            "has the column amount more than once",
        ),
        (
            "orders.csv",
            "customer_id;amount\n7;1\n",
            "fields are separated by ';'. Say so in crmkit.toml",
        ),
        ("orders.csv", ORDERS + "1,2,3,4,5\n", "orders.csv is not a table: "),
        ("orders.csv", "customer_id,order_date,amount\n7,2024-01-01,2,9\n", "orders.csv is not a table: "),
        ("orders.csv", "customer_id,order_date,amount\n", "orders.*: the table is empty"),
        (
            "orders.csv",
            "customer_id,order_date\n7,2024-01-01\n",
            "orders.amount: is missing. The file has: customer_id, order_date",
        ),
        (
            "orders.csv",
            "customer_id,order_date, Amount\n7,2024-01-01,5\n",
            "orders.amount: is missing (did you mean ' Amount'?). The file has: customer_id, order_date, ",
        ),
        (
            "orders.csv",
            "customer_id,order_date,amount\n7,2024-01-01,2,9\n",
            "a row has more fields than the header. Quote what holds a separator",
        ),
        (
            "orders.csv",
            ORDERS + "9,2024-02-30,1\n",
            "orders.order_date: 1 row of 3 without a date that can be read (expected as 2024-12-31), "
            "for example '2024-02-30'",
        ),
        ("orders.csv", ORDERS + ",2024-02-03,1\n", "orders.customer_id: 1 row without a value"),
        ("orders.csv", ORDERS + "7,,1\n", "orders.order_date: 1 row without a date"),
        ("orders.csv", ORDERS + "7,2024-01-01,inf\n", "orders.amount: 1 row with an infinite number"),
        ("leads.csv", LEADS + "b,2024-01-01,\n", "leads.lead_id: 1 row with the key of an earlier row"),
        ("customers.csv", "customer_id,age\n7,-3\n", "customers.age: 1 row below 0, for example -3.0"),
        (
            "orders.parquet",
            b"PAR1 not really",
            "orders.parquet is not a Parquet file that can",
        ),
        ("orders.parquet", b"", "orders.*: orders.parquet is empty (0 bytes)"),
        (
            "order.csv",
            ORDERS,
            "or leads.parquet. Found: order.csv (did you mean orders.csv?). Say in crmkit.toml which table",
        ),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    found = lines(tmp_path)
    assert len(found) == 1, found
    assert message in found[0]
    with pytest.raises(DataError) as caught:
        report.load_folder(tmp_path)
    assert str(caught.value) == found[0]


def test_every_problem_is_listed(folder):
    home = folder(
        orders_DOT_csv="customer_id,order_date,amount\n,soon,much\n7,2024-01-01,2\n",
        leads_DOT_csv="",
        quotes_DOT_csv="quote_id,quoted_at,amount\nq,2024-01-01,-5\n",
    )
    assert [one.split(":")[0] for one in lines(home)] == [
        "orders.order_date",
        "orders.amount",
        "orders.customer_id",
        "leads.*",
        "quotes.amount",
    ]


def test_two_files_of_one_table(tmp_path):
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "orders.parquet").write_text("x")
    assert lines(tmp_path) == ["orders.*: has two files, orders.csv and orders.parquet: remove one of them"]


def test_mapping_problems(folder):
    home = folder(
        orders_DOT_csv="customer,order_date,amount,net\n7,2024-01-01,2,3\n",
        crmkit_DOT_toml="""
        [orders.columns]
        customer_id = "custmer"
        amount = "net"
        cost = "net"
        """,
    )
    assert lines(home) == [
        "orders.customer_id: is mapped to 'custmer' (did you mean 'customer'?). "
        "The file has: customer, order_date, amount, net",
        "orders.amount: is mapped to 'net' and in the file itself",
        "orders.net: is mapped to more than one column",
    ]


def test_two_columns_may_change_places(folder):
    home = folder(
        quotes_DOT_csv="quote_id,quoted_at,amount,discount\nq,2024-01-01,1,2\n",
        crmkit_DOT_toml='[quotes.columns]\namount = "discount"\ndiscount = "amount"\n',
    )
    assert report.load_folder(home)["quotes"][["amount", "discount"]].iloc[0].tolist() == [2, 1]


def test_settings_with_problems_stop_the_reading(folder):
    home = folder(orders_DOT_csv="", crmkit_DOT_toml="[ordrs]\n")
    assert lines(home) == [
        "crmkit.toml: has a table [ordrs] that crmkit does not know. Did you mean 'orders'?"
    ]


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret.csv").write_text(ORDERS)
    (home / "orders.csv").symlink_to(tmp_path / "secret.csv")
    assert lines(home) == ["orders.*: orders.csv is a link to a file outside the folder"]


def test_a_directory_with_the_name_of_a_table(tmp_path):
    (tmp_path / "orders.csv").mkdir()
    assert lines(tmp_path) == ["orders.*: orders.csv is not a file"]


def test_unused_files_are_named(folder):
    home = folder(orders_DOT_csv=ORDERS, lead_DOT_csv="x", notes_DOT_csv="x", readme_DOT_txt="x")
    assert read_folder(home).unused == ("lead.csv (did you mean leads.csv?)", "notes.csv")


def test_a_folder_must_exist(tmp_path):
    with pytest.raises(CRMKitError, match="`folder` must be an existing folder"):
        report.check_folder(tmp_path / "no")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "orders.parquet").write_bytes(b"PAR1")
    real = builtins.__import__

    def no_pyarrow(name, *rest, **more):
        if name == "pyarrow":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", no_pyarrow)
    with pytest.raises(ImportError, match=r"run pip install 'crmkit\[arrow\]'"):
        report.check_folder(tmp_path)


def test_one_column_can_have_several_problems(folder):
    found = lines(folder(orders_DOT_csv="customer_id,order_date,amount\n1,2024-01-01,x\n2,2024-01-02,inf\n"))
    assert found == [
        "orders.amount: 1 row of 2 without a number that can be read (expected as 1234.5; set decimal and "
        "thousands in crmkit.toml), for example 'x'",
        "orders.amount: 1 row with an infinite number, for example inf",
    ]


def test_a_column_can_be_ignored(folder):
    """Complete Journey: age is a band, 45-54, and no file can be changed for want of a number."""
    people = "customer_id,age\n7,45-54\n"
    assert "without a number" in lines(folder(customers_DOT_csv=people))[0]
    home = folder(customers_DOT_csv=people, crmkit_DOT_toml='[customers]\nignore = ["age"]\n')
    assert list(report.load_folder(home)["customers"]) == ["customer_id"]
    home = folder(customers_DOT_csv=people, crmkit_DOT_toml='[customers]\nignore = ["edad"]\n')
    assert lines(home) == ["customers.edad: is ignored but not there. The file has: customer_id, age"]


@pytest.mark.parametrize("target", ["nowhere.csv", "orders.csv"])
def test_links_to_nothing_and_to_themselves(folder, target):
    home = folder(leads_DOT_csv=LEADS)
    (home / "orders.csv").symlink_to(target)
    assert lines(home) == ["orders.*: orders.csv is not a file"]


def test_the_settings_of_the_documentation_are_read(folder):
    page = Path(__file__).parents[2] / "docs" / "report.md"
    (settings,) = re.findall("```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    home = folder(
        sales_2024_DOT_csv="cust;ts;net;age\n007;31.12.2024;1.234,50;45-54\n",
        crmkit_DOT_toml=settings,
    )
    orders = report.load_folder(home)["orders"]
    assert orders.to_dict("records") == [
        {"customer_id": "007", "order_date": pd.Timestamp("2024-12-31"), "amount": 1234.5}
    ]
