"""Write fitted models as plain JSON text and read them back, checked field by field.

A model file is one JSON object; the text is ASCII, so it survives any encoding::

    {"format": "crmkit", "model": "RiskTree", "schema": 1, "crmkit": "0.1.0",
     "params": {...what __init__ was given...}, "state": {...what fit learned...}}

A model needs three lines for each direction; the hints are its contract::

    def to_json(self):
        state = {"r": self.r_, "alpha": self.alpha_}
        return _persist.dump("Gamma", 1, params=self.get_params(), state=state)

    @classmethod
    def from_json(cls, text):
        params, state = _persist.load(text, "Gamma", 1, params={"penalty": float}, state=GAMMA_STATE)
        return cls(**params)._set(state)

Hints are ``float``, ``int``, ``str``, ``bool``, ``None``, unions, ``list[T]``, ``tuple[T, ...]``,
``dict[str, T]``, ``Literal`` and dataclasses of these, at any depth. numpy numbers and arrays are written as
numbers and lists; floats come back bit for bit. JSON has no NaN and no infinity, so a model that holds one
is refused on writing and on reading: "no bound" or "not known" is ``None``. A whole number is read where a
float is due, never the other way round. Nothing in a file is ever executed.
"""

import dataclasses
import json
import math
import types
from collections.abc import Callable, Mapping
from importlib import import_module
from reprlib import Repr
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from crmkit.errors import DataError

Migration = Callable[[dict[str, Any]], dict[str, Any]]

_ENVELOPE = {"format": str, "model": str, "schema": int, "crmkit": str, "params": dict, "state": dict}
_SCALARS: dict[Any, str] = {
    float: "a finite number",
    int: "a whole number",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}
_short = Repr()
_short.maxstring = _short.maxother = 60


def dump(model: str, schema: int, *, params: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """Write a model as JSON text: `params` is what ``__init__`` takes, `state` what ``fit`` learned."""
    envelope = {
        "format": "crmkit",
        "model": model,
        "schema": schema,
        "crmkit": _version(),
        "params": _plain(params, f"{model} params"),
        "state": _plain(state, f"{model} state"),
    }
    return json.dumps(envelope, allow_nan=False, indent=1)


def load(
    text: str,
    model: str,
    schema: int,
    *,
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    migrations: Mapping[int, Migration] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the params and the state of a model, checked against the type hint of each field.

    ``migrations[1]`` turns ``{"params": …, "state": …}`` of schema 1 into that of schema 2, and so on.
    """
    envelope = _envelope(text, model)
    body = {"params": envelope["params"], "state": envelope["state"]}
    for step in range(_schema(envelope, model, schema), schema):
        if migrations is None or step not in migrations:
            refuse(model, f"it has schema {step}, which this version no longer reads")
        body = migrations[step](body)
    read = {part: _fields(model, part, body[part], hints) for part, hints in _parts(params, state)}
    return read["params"], read["state"]


def refuse(model: str, reason: str) -> NoReturn:
    """Raise the DataError of a file that cannot be this model, for rules that span several fields."""
    msg = (
        f"The text must be a {model} written by its to_json(), but {reason}. "
        f"Write the model again with to_json(), or refit it."
    )
    raise DataError(msg)


def _version() -> str:
    return str(import_module("crmkit").__version__)


def _parts(params: Mapping[str, Any], state: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [("params", params), ("state", state)]


def _plain(value: Any, path: str) -> Any:
    """Turn a value into what JSON can hold, or say which part of it cannot be held."""
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        msg = f"{path} must be finite to be written as JSON. Got {value} instead: refit the model."
        raise DataError(msg)
    if isinstance(value, int):
        return int(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            one.name: _plain(getattr(value, one.name), f"{path}.{one.name}")
            for one in dataclasses.fields(value)
        }
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): _plain(one, f"{path}.{key}") for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, f"{path}[{place}]") for place, one in enumerate(value)]
    if hasattr(value, "tolist") and type(listed := value.tolist()) is not type(value):
        return _plain(listed, path)
    msg = (
        f"{path} must be numbers, texts, flags, lists or mappings with text keys to be written as JSON. "
        f"Got {type(value).__name__} instead: convert it before it is saved."
    )
    raise DataError(msg)


def _envelope(text: str, model: str) -> dict[str, Any]:
    if not isinstance(text, str):
        refuse(model, f"it is of the type {type(text).__name__}, not a string")
    try:
        found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        refuse(model, f"it is not valid JSON ({error})")
    if not isinstance(found, dict) or found.get("format") != "crmkit":
        refuse(model, "it is not a crmkit model file")
    return _fields(model, "the file", found, _ENVELOPE)


def _schema(envelope: dict[str, Any], model: str, schema: int) -> int:
    if envelope["model"] != model:
        refuse(model, f"it is a {_short.repr(envelope['model'])}")
    found = int(envelope["schema"])
    if found > schema:
        refuse(
            model,
            f"crmkit {envelope['crmkit']} wrote it with schema {found} and this is crmkit {_version()}, "
            f"which reads up to schema {schema}: upgrade crmkit",
        )
    if found < 1:
        refuse(model, f"its schema is {found}")
    return found


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "a field appears twice"
        raise ValueError(msg)
    return found


def _fields(model: str, path: str, found: Any, hints: Mapping[str, Any]) -> dict[str, Any]:
    """Check that an object has exactly the fields that the hints name, and read each."""
    if not isinstance(found, dict):
        refuse(model, f"{path} is {_short.repr(found)}, not an object")
    missing = [repr(name) for name in hints if name not in found]
    extra = [_short.repr(name) for name in found if name not in hints]
    if missing:
        refuse(model, f"{path} lacks {', '.join(missing)}")
    if extra:
        refuse(model, f"{path} has the unknown {', '.join(extra)}")
    return {name: _read(model, f"{path}.{name}", found[name], hint) for name, hint in hints.items()}


def _read(model: str, path: str, value: Any, hint: Any) -> Any:
    """Return a JSON value as its hint says, or refuse the file."""
    if hint is None or hint in _SCALARS:
        return _scalar(model, path, value, type(None) if hint is None else hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return hint(**_fields(model, path, value, get_type_hints(hint)))
    origin, inner = get_origin(hint) or hint, get_args(hint)
    if origin in (Union, types.UnionType):
        return _first(model, path, value, inner)
    if origin is Literal:
        if any(value == one and type(value) is type(one) for one in inner):
            return value
        refuse(model, f"{path} is {_short.repr(value)}, not one of {', '.join(map(repr, inner))}")
    kind = dict if origin is dict else list
    if not isinstance(value, kind):
        refuse(model, f"{path} is {_short.repr(value)}, not {'an object' if kind is dict else 'a list'}")
    if not inner:
        return value
    if isinstance(value, dict):
        return {key: _read(model, f"{path}.{key}", one, inner[1]) for key, one in value.items()}
    return origin(_read(model, f"{path}[{place}]", one, inner[0]) for place, one in enumerate(value))


def _first(model: str, path: str, value: Any, hints: tuple[Any, ...]) -> Any:
    """Read a value by the first hint of a union that accepts it; the last refusal is the answer."""
    for hint in hints[:-1]:
        try:
            return _read(model, path, value, hint)
        except DataError:
            continue
    return _read(model, path, value, hints[-1])


def _scalar(model: str, path: str, value: Any, hint: Any) -> Any:
    if hint is float and type(value) is int and abs(value) < 2**1023:
        return float(value)
    if type(value) is hint and (hint is not float or math.isfinite(value)):
        return value
    return refuse(model, f"{path} is {_short.repr(value)}, not {_SCALARS[hint]}")
