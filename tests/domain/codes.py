"""The code that makes the states of each aggregate, as a digest: `python -m tests.domain.codes`
writes it.

Snapshots hold states, and are read again where the state's `CODE` is the one that wrote them. So
whatever a state is made by is digested: its class, `initial`, `evolve`, `fold`, and all functions,
classes and values of ours that these lead to by name. Not comments, docstrings, formatting.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ticketlog.domain.aggregates import ACCOUNT_AGGREGATES, AGGREGATES
from ticketlog.domain.base import Aggregate

STORED = Path(__file__).with_name("codes.json")
OURS = "ticketlog."


def stored() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(STORED.read_text())
    return found


def codes() -> dict[str, dict[str, Any]]:
    """Kind of stream -> the CODE of its state, and the digest of what makes it."""
    return {
        kind: {"code": type(each.initial("")).CODE, "digest": digest(each)}
        for kind, each in sorted({**AGGREGATES, **ACCOUNT_AGGREGATES}.items())
    }


def digest(aggregate: Aggregate) -> str:
    texts = sorted(set(_texts(aggregate)))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:32]


def names(aggregate: Aggregate) -> list[str]:
    """The digested code, by name."""
    return sorted(text.partition(" = ")[0] for text in set(_texts(aggregate)))


def _texts(aggregate: Aggregate) -> Iterator[str]:
    """'NAME = what it is' of everything that is reached."""
    todo: list[tuple[str, Any]] = [("state", type(aggregate.initial("")))]
    todo += [(name, getattr(aggregate, name)) for name in ("initial", "evolve", "fold")]
    done: set[int] = set()
    kept: list[Any] = []
    while todo:
        name, value = todo.pop()
        if isinstance(value, str | int | bool | None):
            yield f"{name} = {value!r}"
            continue
        if id(value) in done:
            continue
        done.add(id(value))
        kept.append(value)
        if isinstance(value, FunctionType | type | MethodType):
            where = f"{value.__module__}.{value.__qualname__}"
            if not where.startswith(OURS):
                continue
            yield f"{where} = {_source(value)}"
            todo += _behind(value)
        elif isinstance(value, Mapping):
            yield f"{name} = {[_name(each) for each in value]}"
            todo += [(f"{name}.{_name(k)}", each) for k, v in value.items() for each in (k, v)]
        elif isinstance(value, tuple | list):
            todo += [(f"{name}[{at}]", each) for at, each in enumerate(value)]
        elif isinstance(value, frozenset | set):
            yield f"{name} = {sorted(map(_name, value))}"
            todo += [(name, each) for each in value]


def _name(value: Any) -> str:
    return value.__qualname__ if isinstance(value, type | FunctionType) else repr(value)


def _behind(value: Any) -> Iterator[tuple[str, Any]]:
    """The names in a function or class."""
    if isinstance(value, MethodType):
        value = value.__func__
    if isinstance(value, type):
        yield from ((base.__qualname__, base) for base in value.__bases__)
        for name, member in vars(value).items():
            if name.startswith("__annotate"):
                continue
            inner = getattr(member, "func", getattr(member, "fget", member))
            inner = getattr(inner, "__func__", inner)
            file = sys.modules[value.__module__].__file__
            if isinstance(inner, FunctionType) and inner.__code__.co_filename == file:
                yield from _behind(inner)
        return
    closed = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
    yield from ((name, cell.cell_contents) for name, cell in closed)
    for name in _named(value.__code__):
        if name in value.__globals__:
            found = value.__globals__[name]
            yield name, found
            if isinstance(found, ModuleType) and found.__name__.startswith(OURS):
                members = (m for m in _named(value.__code__) if hasattr(found, m))
                yield from ((member, getattr(found, member)) for member in members)


def _named(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _named(constant)


def _source(value: Any) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
    except (OSError, SyntaxError, TypeError):
        return ""  # Made by a library, or a lambda within an expression: what it names is followed.
    return _shape(tree)


def _shape(node: Any) -> str:
    """A syntax tree, the same in every release of Python: nothing empty, no docstrings."""
    if isinstance(node, list):
        return f"[{', '.join(map(_shape, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    body = fields.get("body")
    if isinstance(body, list):
        fields["body"] = [each for each in body if not _is_text(each)]
    shown = [f"{k}={_shape(v)}" for k, v in sorted(fields.items()) if v not in (None, [])]
    return f"{type(node).__name__}({', '.join(shown)})"


def _is_text(node: ast.AST) -> bool:
    value = getattr(node, "value", None)
    text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return isinstance(node, ast.Expr) and text


if __name__ == "__main__":
    STORED.write_text(json.dumps(codes(), indent=2) + "\n")
    sys.stdout.write(f"{STORED} is written\n")
