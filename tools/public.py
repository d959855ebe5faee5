"""Walk the public API: every name that a package of crmkit lists, and the public methods of its classes."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

PACKAGES = (
    "clv",
    "datasets",
    "errors",
    "forecast",
    "metrics",
    "periods",
    "plot",
    "report",
    "segmentation",
    "stats",
    "tables",
    "testing",
)


def names() -> Iterator[tuple[str, Any]]:
    """Yield (qualified name, object) for all functions, classes and constants."""
    for package in PACKAGES:
        module = import_module(f"crmkit.{package}")
        listed = getattr(module, "__all__", None)
        for name in sorted(listed or _own(module)):
            thing = getattr(module, name)
            if not inspect.ismodule(thing):
                yield f"crmkit.{package}.{name}", thing


def methods(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that crmkit itself gives a class."""
    own = {}
    for owner in reversed(cls.__mro__):
        if owner.__module__.startswith("crmkit."):
            own.update(vars(owner))
    for name, thing in sorted(own.items()):
        if not name.startswith("_") and (
            inspect.isfunction(thing) or isinstance(thing, property | classmethod)
        ):
            yield name, thing


def _own(module: Any) -> list[str]:
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
    ]
