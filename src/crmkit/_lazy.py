"""Import a package's public names on first use, so that ``import crmkit`` costs nothing."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def attach(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Make the module-level ``__getattr__``, ``__dir__`` and ``__all__`` of a package (PEP 562).

    `modules` maps each submodule to the names it gives to the package; the submodules
    themselves are reachable too.
    """
    owner = {name: module for module, names in modules.items() for name in names}
    public = sorted({*modules, *owner})

    def getattr_(name: str) -> object:
        if name in owner:
            return getattr(import_module(f"{package}.{owner[name]}"), name)
        if name in modules:
            return import_module(f"{package}.{name}")
        msg = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(msg)

    return getattr_, lambda: public, public
