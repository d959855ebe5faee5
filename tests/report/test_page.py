"""The page: escaped, self-contained, accessible, atomic, and the same numbers as its JSON."""

import builtins
import json
import re

import pandas as pd
import pytest

from crmkit import report
from crmkit.errors import DataError, ParameterError
from crmkit.report import document, page


@pytest.fixture(scope="module")
def written(make_tables, tmp_path_factory):
    tables, tmp_path = make_tables(), tmp_path_factory.mktemp("page")
    tables["customers"].loc[0, "region"] = "<script>alert('x')</script>"
    tables["leads"].loc[0, "channel"] = "<img src=x onerror=alert(1)>"
    tables["activities"].loc[0, "category"] = "</table><b>"
    given = report.Assumptions(currency="EUR")
    built = report.report(
        tables, as_of="2024-12-31", out=tmp_path / "r.html", title="A <i>title</i> & more", assumptions=given
    )
    return built, (tmp_path / "r.html").read_text(encoding="utf-8"), tmp_path


def test_hostile_values_are_escaped(written):
    _, html, _ = written
    assert "<script" not in html
    assert "&lt;script&gt;alert(" in html
    assert "<img" not in html.replace("<image", "")
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "</table><b>" not in html
    assert "A &lt;i&gt;title&lt;/i&gt; &amp; more" in html


def test_nothing_comes_from_elsewhere(written):
    _, html, _ = written
    links = re.findall(r'(?:src|href|data|action)="([^"]*)"', html)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert set(re.findall(r"https?://[^\s\"'<]+", html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in html
    assert not re.search(r"<[^>]*\son\w+=", html)
    assert "@import" not in html
    assert "url(" not in re.sub(r"url\(#", "", html)


def test_ids_are_unique_and_pictures_named(written):
    built, html, _ = written
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    pictures = sum(len(one.pictures) for one in built.sections)
    assert html.count('role="img"') == 2 * pictures
    assert html.count("<desc") == 2 * pictures
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_json_has_the_same_numbers(written):
    built, html, folder = written
    numbers = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    assert numbers == json.loads(json.dumps(built.to_dict()))
    assert numbers["sections"]["customers"]["facts"]["revenue"] == 3075
    assert "3\u202f075" in html
    assert sorted(one.name for one in folder.iterdir()) == ["r.html", "r.json"]


def test_simulated_data_are_labelled_everywhere(tables, tmp_path):
    report.report(tables, as_of="2024-12-31", out=tmp_path / "r.html", simulated=True)
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<strong>Simulated data.</strong>" in html
    assert "(simulated data)</title>" in html
    assert html.count("· simulated data") == 1 + html.count("<section")
    assert json.loads((tmp_path / "r.json").read_text())["simulated"] is True


def test_real_data_are_not(written):
    assert "imulated data" not in written[1]


def test_numbers_of_a_column_have_equal_decimals(tables, tmp_path):
    report.report(tables, as_of="2024-12-31", out=tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    table = html[html.index("Customers and revenue by region") :]
    shares = re.findall(r"([\d.]+)\u00a0%", table[: table.index("</table>")])
    assert {len(one.partition(".")[2]) for one in shares[1::2]} == {1}  # 78.0, 21.8 and 0.2 % of the revenue


def test_a_folder_with_settings(tables, tmp_path):
    for name in ("orders", "customers"):
        tables[name].to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "crmkit.toml").write_text(
        '[report]\ntitle = "Year"\ncurrency = "EUR"\ndiscount = 0.2\n'
        "simulated = true\ncosts_from = 2024-01-01\n"
    )
    built = report.report(tmp_path, as_of="2024-12-31", out=tmp_path / "r.html")
    assert (built.title, built.currency, built.simulated) == ("Year", "EUR", True)
    facts = {one.key: one.facts for one in built.sections}
    assert facts["value"]["discount"] == 0.2
    assert facts["customers"]["revenue"] == 3075
    assert built.notes == ()
    (tmp_path / "order.csv").write_text("x")
    other = report.report(
        str(tmp_path), as_of="2024-12-31", out=tmp_path / "r.html", title="Other", simulated=False
    )
    assert (other.title, other.simulated) == ("Other", False)
    assert "order.csv (did you mean orders.csv?)" in other.notes[0]
    assert "order.csv (did you mean orders.csv?)" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_errors_leave_no_file_and_change_none(tables, tmp_path):
    (tmp_path / "orders.csv").write_text("customer_id,order_date,amount\n,x,y\n")
    page = tmp_path / "r.html"
    page.write_text("old")
    before = sorted(one.name for one in tmp_path.iterdir())
    with pytest.raises(DataError, match=r"orders.order_date: .*\norders.amount: .*\norders.customer_id"):
        report.report(tmp_path, as_of="2024-12-31", out=page)
    with pytest.raises(DataError, match="before the data"):
        report.report(tables, as_of="1999-12-31", out=page)
    assert page.read_text() == "old"
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_a_failed_write_leaves_nothing_behind(tables, tmp_path, monkeypatch):
    def full(path, target):
        raise OSError(f"no space for {target.name}")

    (tmp_path / "r.html").write_text("old")
    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match=r"no space for r\.html"):
        report.report({"orders": tables["orders"]}, as_of="2024-12-31", out=tmp_path / "r.html")
    assert [one.name for one in tmp_path.iterdir()] == ["r.html"]
    assert (tmp_path / "r.html").read_text() == "old"


def test_a_folder_in_the_place_of_the_json(tmp_path):
    (tmp_path / "r.json").mkdir()
    with pytest.raises(ParameterError, match="`out` must be a file, not a folder"):
        report.report({}, as_of="2024-12-31", out=tmp_path / "r.html")


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("r.txt", "`out` must be a file name that ends in .html"),
        ("no/r.html", "`out` must be in a folder that"),
    ],
)
def test_the_target_is_checked_first(tmp_path, out, message):
    with pytest.raises(ParameterError, match=message):
        report.report({}, as_of="2024-12-31", out=tmp_path / out)


def test_input_is_not_changed(tables, tmp_path):
    before = {name: pd.util.hash_pandas_object(one).sum() for name, one in tables.items()}
    report.report(tables, as_of="2024-12-31", out=tmp_path / "r.html")
    assert {name: pd.util.hash_pandas_object(one).sum() for name, one in tables.items()} == before


def test_the_same_input_gives_the_same_page(tables, tmp_path):
    pages = []
    for _ in range(2):
        report.report({"orders": tables["orders"]}, as_of="2024-12-31", out=tmp_path / "r.html")
        pages.append((tmp_path / "r.html").read_bytes())
    assert pages[0] == pages[1]


def test_missing_jinja2_names_the_extra(tables, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"run pip install 'crmkit\[report\]'"):
        report.report({"orders": tables["orders"]}, as_of="2024-12-31", out=tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_a_telephone_reads_the_last_column_below_its_row(written):
    """At 390 points the column of actions would be cut off: it stands in a row of its own there."""
    _, html, _ = written
    table = html[html.index("The segments, and what to do with each") :]
    table = table[table.index("<table") : table.index("</table>")]
    assert table.startswith('<table class="long">')
    assert table.count('<tr class="below"><td colspan="8">action: ') == table.count('<th scope="row">')
    hidden = re.findall(r'<th scope="col" class="n spare">([^<]+)</th>', table)
    assert hidden == ["days since last", "purchases"]


def test_tables_that_no_section_reads_are_not_called_used(written):
    """The page lists stock, cases and other tables too, which no section of it uses."""
    _, html, _ = written
    footer = html[html.index("The tables behind this page") :]
    assert '<th scope="col" class="n">rows</th>' in footer
    assert "used" not in footer[: footer.index("</table>")]


def test_an_interval_narrower_than_a_point_shows_its_width():
    """Incident tickets: 14 684 of 15 447 are 95 %, and 95 % to 95 % says nothing."""
    ratio = document.Heading("ratio", "ratio", "share", ends=("lower", "upper"))
    wide = {"ratio": 0.28, "lower": 0.24, "upper": 0.33}
    narrow = {"ratio": 0.9506, "lower": 0.9471, "upper": 0.9539}
    empty = {"ratio": None, "lower": None, "upper": None}

    def written(*rows):
        return page._form(rows[0]["ratio"], ratio, document.Table("t", "T", (ratio,), list(rows)))

    assert written(wide, empty) == "28\u00a0%"
    assert written(wide, narrow) == "28.0\u00a0%"
