"""Figures as SVG elements: accessible, with ids of their own, the same each time."""

import re
from xml.etree import ElementTree as ET

import pytest

from crmkit.errors import ParameterError
from crmkit.plot import style, to_svg


def drawn():
    figure, axes = style.figure(4, 3)
    axes.plot([1, 2], [1, 2])
    axes.fill_between([1, 2], [0, 1], [1, 2])
    axes.set_title("a < b & c")
    return figure


def test_it_is_an_accessible_element():
    root = ET.fromstring(to_svg(drawn(), name="x", title="<b> & title", description="What is seen."))
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "x-title x-desc"
    assert root[0].text == "<b> & title"
    assert root[1].text == "What is seen."
    assert "width" not in root.attrib
    assert not root.findall(f"{space}metadata")


def test_text_stays_text_and_is_escaped():
    text = to_svg(drawn(), name="x", title="t", description="d")
    assert "a &lt; b &amp; c" in text
    assert not text.startswith("<?xml")


def test_two_pictures_share_no_id_and_their_links_work():
    ids = []
    for name in ("one", "two"):
        text = to_svg(drawn(), name=name, title="t", description="d")
        own = set(re.findall(r' id="([^"]+)"', text))
        assert set(re.findall(r"url\(#([^)]+)\)", text)) <= own
        assert set(re.findall(r'href="#([^"]+)"', text)) <= own
        ids.append(own)
    assert not ids[0] & ids[1]


def test_it_is_the_same_each_time():
    texts = {to_svg(drawn(), name="x", title="t", description="d") for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize("name", ["", "a b", 'x"onload="'])
def test_names_are_checked(name):
    with pytest.raises(ParameterError, match="`name` must be made of letters, digits and hyphens"):
        to_svg(drawn(), name=name, title="t", description="d")
