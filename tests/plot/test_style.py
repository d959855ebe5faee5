"""What pictures share: numbers, colours and the figure itself."""

import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from crmkit.errors import ParameterError
from crmkit.plot import style
from crmkit.plot.svg import to_svg


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (1000, "1\u202fk"),
        (-12_500, "\u221212.5\u202fk"),
        (3e6, "3\u202fM"),
        (2.5e9, "2.5\u202fbn"),
        (4e13, "4e+04\u202fbn"),
    ],
)
def test_short(value, text):
    assert style.short(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1234, "1\u202f234"), (0.25, "0.2"), (7.0, "7"), (-5, "\u22125")]
)
def test_number(value, text):
    assert style.number(value) == text


def test_unit_label():
    assert style.unit_label("sales", "EUR") == "sales, EUR"
    assert style.unit_label("sales", None) == "sales"


@pytest.mark.parametrize("label", ["$5 to $10", "over $10", r"a $\frac{$ b", "x_1^2", r"\$"])
def test_labels_are_never_formulas(label):
    """Between two dollar signs matplotlib reads a formula, and refuses one that it cannot read."""
    drawn, axes = style.figure(5, 2)
    axes.set_title(label)
    axes.set_yticks([0, 1], [label, "other"])
    axes.annotate(label, (0.5, 0.5))
    written = to_svg(drawn, name="labels", title="Labels", description="Three times one label.")
    shown = [text for text in ET.fromstring(written).itertext() if text.strip()]
    assert shown.count(label) == 3


def test_axes_are_plain():
    drawn, axes = style.figure(6, 3)
    assert tuple(drawn.get_size_inches()) == (6, 3)
    assert [side for side in axes.spines if axes.spines[side].get_visible()] == ["bottom"]


def test_width_is_checked():
    with pytest.raises(ParameterError, match="`width` must be a finite number at least 2 and at most 40"):
        style.figure(0.1, 3)


def test_missing_matplotlib_names_the_extra():
    code = """
import sys
sys.modules["matplotlib"] = None
from crmkit.plot import style
try:
    style.figure(6, 3)
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "matplotlib is not installed: run pip install 'crmkit[plot]'\n"


def test_a_figure_shows_itself_in_a_notebook():
    drawn, _ = style.figure(6, 3)
    content, size = drawn._repr_png_()
    assert content.startswith(b"\x89PNG")
    assert size == {"width": 432, "height": 216}


def test_pyplot_is_never_imported():
    code = """
import sys
import pandas as pd
from crmkit import metrics, plot
curve = metrics.whale_curve(pd.DataFrame({"customer_id": [1, 2], "profit": [2.0, 1.0]}))
plot.to_svg(plot.whale_chart(curve), name="x", title="t", description="d")
assert "matplotlib.pyplot" not in sys.modules
import matplotlib
assert matplotlib.rcParams["svg.fonttype"] == matplotlib.rcParamsDefault["svg.fonttype"]
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_room_is_lazy():
    code = "import sys, crmkit.plot; assert 'matplotlib' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
