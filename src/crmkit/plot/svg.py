"""Turn a figure into an SVG element that can stand in a web page: with a title, and names of its own."""

import io
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from crmkit import _params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"


def to_svg(figure: "Figure", *, name: str, title: str, description: str) -> str:
    """Turn a figure into one SVG element.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The picture.
    name : str
        A name that no other picture of the page has: letters, digits and hyphens. It starts every id.
    title : str
        What a screen reader says first.
    description : str
        What the picture shows, for those who do not see it.

    Returns
    -------
    str
        The element, without an XML declaration, the same text each time. Its text stays text.

    Raises
    ------
    ParameterError
        If the name has other characters.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> text = to_svg(Figure(figsize=(1, 1)), name="empty", title="Nothing", description="An empty figure.")
    >>> text[:4], "<title" in text
    ('<svg', True)
    """
    import matplotlib as mpl

    if not name.replace("-", "").isalnum():
        _params.fail("name", "made of letters, digits and hyphens", name)
    written = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return _accessible(written.getvalue(), name, title, description)


def _accessible(content: bytes, name: str, title: str, description: str) -> str:
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(content)  # noqa: S314 - matplotlib wrote it a moment ago
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    _rename_ids(root, name)
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(place, element)
    width, height = root.get("viewBox", "0 0 1 1").split()[2:]
    for attribute in ("width", "height"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    root.set("style", f"max-width:{float(width) * 4 / 3:.0f}px;aspect-ratio:{width}/{height}")
    return ET.tostring(root, encoding="unicode")


def _rename_ids(root: ET.Element, name: str) -> None:
    """Start every id with the name: all pictures of a page share one space of ids."""
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key.endswith("href") and value.startswith("#"):
                element.set(key, f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))
