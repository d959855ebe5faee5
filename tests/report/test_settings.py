"""crmkit.toml: what is read, and every way in which it can be wrong."""

import pytest

from crmkit.report.settings import Settings, TableSettings, read_settings, stays_inside


@pytest.fixture
def write(tmp_path):
    def write(text, *files):
        for file in files:
            (tmp_path / file).write_text("x\n1\n")
        (tmp_path / "crmkit.toml").write_text(text, encoding="utf-8")
        return read_settings(tmp_path)

    return write


def texts(settings):
    return [str(one) for one in settings.problems]


def test_a_folder_without_the_file_has_the_defaults(tmp_path):
    assert read_settings(tmp_path) == Settings()
    assert read_settings(tmp_path).table("orders") == TableSettings()


def test_every_key_is_read(write):
    settings = write(
        """
        [report]
        title = "Year 2024"
        currency = "EUR"
        discount = 0.1
        gross_margin = 1
        simulated = true
        [orders]
        file = "sales.csv"
        tz = "Europe/Helsinki"
        date_format = "%d.%m.%Y"
        separator = ";"
        decimal = ","
        [orders.columns]
        customer_id = "cust"
        """,
        "sales.csv",
    )
    assert settings.problems == ()
    assert settings.page == {
        "title": "Year 2024",
        "currency": "EUR",
        "discount": 0.1,
        "gross_margin": 1,
        "simulated": True,
    }
    assert settings.table("orders") == TableSettings(
        "sales.csv", "Europe/Helsinki", "%d.%m.%Y", ";", ",", {"customer_id": "cust"}
    )
    assert settings.table("leads") == TableSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[order]\n",
            r"crmkit.toml: has a table \[order\] that crmkit does not know. Did you mean",
        ),
        ("[qqqq]\n", r"has a table \[qqqq\] that crmkit does not know. Known: report, customers, "),
        ("orders = 1\n", r"`orders` must be a table, \[orders\]"),
        ("report = 1\n", r"`report` must be a table, \[report\]"),
        ("[report]\ntitel = 'x'\n", r"a key \[report\] titel that .* Did you mean 'title'"),
        ("[report]\ntitle = 1\n", r"\[report\] title must be a text. Got 1 instead"),
        ("[report]\nsimulated = 1\n", r"\[report\] simulated must be true or false. Got 1"),
        ("[report]\ndiscount = true\n", r"\[report\] discount must be a number. Got True"),
        ("[orders]\nfiel = 'x.csv'\n", r"a key \[orders\] fiel that .* Did you mean 'file'"),
        ("[orders]\ntz = 3\n", r"\[orders\] tz must be a text. Got 3"),
        (
            "[orders]\ntz = 'Helsinki'\n",
            r"tz must be an IANA time zone such as .* Got 'Helsinki'",
        ),
        ("[orders]\nseparator = ', '\n", r"\[orders\] separator must be one character, such as .* Got ', '"),
        ("[orders]\nfile = 'x.xlsx'\n", r"\[orders\] file must end in .csv or .parquet. Got 'x.xlsx'"),
        ("[orders]\nfile = 'x.csv'\n", r"\[orders\] file 'x.csv' does not exist"),
        ("[orders]\nfile = '../x.csv'\n", r"\[orders\] file must be inside the folder. Got '../x.csv'"),
        ("[orders]\nfile = '/etc/x.csv'\n", r"\[orders\] file must be inside the folder. Got '/etc/x.csv'"),
        ("[orders.columns]\ncust = 'x'\n", r"a column cust of \[orders.columns\] that crmkit does not know"),
        ("[orders.columns]\namount = 3\n", r"\[orders.columns\] must map canonical names to names"),
        ("[orders]\ncolumns = 'x'\n", r"\[orders.columns\] must map canonical names to names"),
        ("[orders\n", r"crmkit.toml: is not a TOML file: "),
        ('[orders]\nseparator = "\\n"\n', r"\[orders\] separator must be one character, such as"),
        ("[orders]\nseparator = 'x'\n", r"\[orders\] separator must be one character, such as"),
        ("[orders]\ndecimal = '1'\n", r"\[orders\] decimal must be '.' or ','. Got '1'"),
        ("[orders]\nthousands = 'k'\n", r"\[orders\] thousands must be one of '.', ',', ' ', "),
        ("[orders]\nthousands = '.'\n", r"\[orders\] thousands and decimal must differ. Got '.' for both"),
        ("[orders]\nignore = 'age'\n", r"\[orders\] ignore must be a list of columns of the file. Got 'age'"),
        ("[orders]\ndate_format = '%Q'\n", r"\[orders\] date_format must be the format of a date, such as"),
        ("[orders]\ndate_format = 'mixed'\n", r"\[orders\] date_format must be the format of a date"),
        ("[orders]\ndate_format = '%H:%M'\n", r"\[orders\] date_format must be the format of a date"),
        ("[orders]\ndate_format = '%d.%m.'\n", r"\[orders\] date_format must be the format of a date"),
        (f"[orders]\nfile = '{'a' * 5000}.csv'\n", r"\[orders\] file 'a{80}…' does not exist"),
        ("[report]\ndiscount = nan\n", r"\[report\] `discount` must be a finite number at least 0. Got nan"),
        ("[report]\ngross_margin = 1.2\n", r"\[report\] `gross_margin` must be .* Got 1.2"),
        ("[report]\ncosts_from = 'soon'\n", r"\[report\] `costs_from` must be a date such as .* Got 'soon'"),
        ("[report]\ncurrency = '€'\n", r"\[report\] `currency` must be the ISO code of .* Got '€'"),
    ],
)
def test_what_is_wrong_is_a_problem(write, text, message):
    settings = write(text)
    assert len(settings.problems) == 1
    assert settings.tables == {}
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(texts(settings)[0])


@pytest.mark.parametrize(
    "form", ["%d.%m.%Y", "%m/%d/%y %I:%M %p", "%Y-%m-%dT%H:%M:%S%z", "%Y%m%d", "%b %Y", "%Y"]
)
def test_formats_of_dates(write, form):
    assert write(f"[orders]\ndate_format = '{form}'\n").problems == ()


@pytest.mark.parametrize("kind", ["a folder", "a link to nothing", "a link to itself"])
def test_settings_that_are_no_file(tmp_path, kind):
    """Taken for absent, they would leave every table with the defaults and say nothing."""
    path = tmp_path / "crmkit.toml"
    if kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere" if kind == "a link to nothing" else "crmkit.toml")
    assert texts(read_settings(tmp_path)) == ["crmkit.toml: is not a file"]


def test_all_problems_are_listed(write):
    assert len(write("[order]\n[report]\nx = 1\n[leads]\ny = 2\ntz = 3\n").problems) == 4


def test_text_that_is_not_utf8_is_a_problem(tmp_path):
    (tmp_path / "crmkit.toml").write_bytes(b"[report]\ntitle = '\xe4'\n")
    assert "is not a TOML file" in texts(read_settings(tmp_path))[0]


def test_links_must_stay_inside(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret.toml").write_text("")
    (home / "crmkit.toml").symlink_to(tmp_path / "secret.toml")
    assert "outside the folder" in texts(read_settings(home))[0]


@pytest.mark.parametrize("file", ["..", "a/../b", "..\\b", "/x", "C:\\x", "\\\\host\\x", "a\0b"])
def test_paths_that_leave(tmp_path, file):
    assert not stays_inside(tmp_path, file)


@pytest.mark.parametrize("file", ["a.csv", "sub/a.csv", "..a.csv"])
def test_paths_that_stay(tmp_path, file):
    assert stays_inside(tmp_path, file)
