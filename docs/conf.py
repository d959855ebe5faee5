"""Build the documentation: pages in Markdown, notebooks executed, the API and the contracts generated."""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tools"))

import crmkit

project = "crmkit"
author = "crmkit developers"
copyright = "2026, crmkit developers"
version = release = crmkit.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_design",
]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}
exclude_patterns = ["_build", "jupyter_execute"]
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = "crmkit"
html_static_path = ["_static"]
html_css_files = ["crmkit.css"]
html_theme_options = {
    "show_nav_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {path.stem: [] for path in Path(__file__).parent.glob("*.md")} | {"notebooks/*": []}
html_show_sourcelink = False
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autosummary_generate = True
autodoc_typehints = "none"
suppress_warnings = ["config.cache"]

ROOMS = {
    "metrics": "Ratios, funnels, cost to serve and profitability.",
    "segmentation": "RFM, portfolio matrices and risk trees.",
    "forecast": "Averages and smoothing on one series or thousands.",
    "clv": "From orders to customer summaries, margin multiples and lifetime value.",
    "stats": "Intervals, cut points, survival and allocation: what the rooms share.",
    "tables": "The contracts of the tables, and the functions that map names to them.",
    "datasets": "CDNOW and a simulated company.",
    "plot": "Pictures as matplotlib figures.",
    "report": "The offline page.",
    "periods": "Units of time.",
    "testing": "The engine-parity harness for metrics of your own.",
    "errors": "What crmkit raises.",
}


def generate_api() -> None:
    """Write a page for each room that lists and documents all its public names."""
    import public

    folder = HERE / "api"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    listed: dict[str, list[str]] = {}
    for name, thing in public.names():
        if callable(thing):
            listed.setdefault(name.split(".")[1], []).append(name)
    lines = ["# API reference", "", "```{toctree}", ":maxdepth: 1", "", *ROOMS, "```", ""]
    (folder / "index.md").write_text("\n".join(lines))
    for room, about in ROOMS.items():
        page = [
            f"# crmkit.{room}",
            "",
            about,
            "",
            "```{eval-rst}",
            ".. autosummary::",
            "   :toctree: generated",
            "",
        ]
        page += [f"   {name}" for name in listed.get(room, [])] + ["```", ""]
        (folder / f"{room}.md").write_text("\n".join(page))


def generate_contracts() -> None:
    """Write the tables of the contracts from their declaration."""
    out, table = [], None
    for row in crmkit.tables.described():
        if row["table"] != table:
            table = row["table"]
            out += [
                "",
                f"## {table}",
                "",
                row["row"],
                "",
                "| column | role | required | limits | what it holds |",
            ]
            out.append("|---|---|---|---|---|")
        cells = (f"`{row['column']}`", row["role"], row["required"], row["limits"], row["about"])
        out.append(f"| {' | '.join(cells)} |")
    (HERE / "api" / "contracts.inc").write_text("\n".join(out) + "\n")


def copy_notebooks() -> None:
    """Bring the notebooks of the repository into the site, where they are executed."""
    target = HERE / "notebooks"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(HERE.parent / "notebooks", target)


generate_api()
generate_contracts()
copy_notebooks()
