"""The rules of the house that a test can hold: cost of import, public API, size of modules, engines."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "crmkit").rglob("*.py"))
HEAVY = (
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "statsmodels",
    "narwhals",
    "matplotlib",
    "lifetimes",
    "jinja2",
)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_loads_nothing_heavy():
    loaded = run(
        "import sys, crmkit; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ).split()
    assert not set(HEAVY) & set(loaded)


def test_import_adds_at_most_50_ms():
    code = "import time; start = time.perf_counter(); import crmkit; print(time.perf_counter() - start)"
    assert min(float(run(code)) for _ in range(5)) <= 0.050


def test_public_api_changes_only_on_purpose():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "api.py"], capture_output=True, text=True, check=True
    )
    accepted = (ROOT / "tests" / "public_api.txt").read_text()
    assert done.stdout == accepted, "run `make api` if the change is meant"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_small_and_says_what_it_does(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":"))


def imports(path):
    """Name the packages that a module imports when it runs, not only when it is type-checked."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


ENGINES = {"polars", "duckdb", "pyspark", "pyarrow"}


@pytest.mark.parametrize(
    ("packages", "allowed"),
    [
        (ENGINES, ("_frames.py", "_joins.py", "_native.py", "testing/", "report/files.py")),
        ({"matplotlib"}, ("plot/",)),
        ({"lifetimes"}, ("clv/bridge.py",)),
        ({"statsmodels"}, ()),
    ],
    ids=["engines", "matplotlib", "lifetimes", "statsmodels"],
)
def test_packages_are_imported_where_they_belong(packages, allowed):
    culprits = [
        str(path)
        for path in SOURCES
        if packages & set(imports(path)) and not any(part in path.as_posix() for part in allowed)
    ]
    assert culprits == []


def test_lazy_packages_list_what_type_checkers_see():
    """The TYPE_CHECKING imports of each package name the same things as its lazy `__all__`."""
    for init in (path for path in SOURCES if path.name == "__init__.py"):
        tree = ast.parse(init.read_text())
        seen = {
            alias.asname
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for line in node.body
            if isinstance(line, ast.ImportFrom)
            for alias in line.names
        }
        if not seen:
            continue
        package = ".".join(["crmkit", *init.relative_to(ROOT / "src" / "crmkit").parent.parts])
        listed = run(f"import {package} as p, types; print(*[n for n in p.__all__])").split()
        modules = {path.stem for path in init.parent.glob("*.py")} | {
            p.name for p in init.parent.iterdir() if p.is_dir()
        }
        assert seen - modules == set(listed) - modules, package


def test_the_changelog_names_the_version():
    import crmkit

    assert f"## {crmkit.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_module_bears_the_name_of_a_function_its_room_exports():
    """Once imported, the module would shadow the function: `from crmkit.metrics import name` would differ."""
    for init in (path for path in SOURCES if path.name == "__init__.py"):
        modules = {path.stem for path in init.parent.iterdir() if path.suffix == ".py" or path.is_dir()}
        exported = {
            alias.asname
            for node in ast.walk(ast.parse(init.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module != "crmkit"
            for alias in node.names
        }
        assert not modules & exported, f"{init}: {modules & exported}"
