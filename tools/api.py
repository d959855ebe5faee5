"""Print the public API, a line a name with its signature: the snapshot in tests/public_api.txt."""

import inspect
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import public


def signature(thing: Any) -> str:
    """Return the signature with the defaults, without annotations."""
    bare = [
        one.replace(annotation=inspect.Parameter.empty)
        for one in inspect.signature(thing).parameters.values()
    ]
    return str(inspect.Signature(bare))


def lines() -> list[str]:
    """List the whole public API."""
    out = []
    for name, thing in public.names():
        if inspect.isclass(thing):
            called = signature(thing) if not issubclass(thing, Exception) else ""
            out.append(f"class {name}{called}")
            for method, function in public.methods(thing):
                bare = function.__func__ if isinstance(function, classmethod) else function
                called = "" if isinstance(bare, property) else signature(bare)
                out.append(f"  .{method}{called}")
        else:
            out.append(f"{name}{signature(thing)}" if callable(thing) else f"{name}: constant")
    return out


if __name__ == "__main__":
    print("\n".join(lines()))
