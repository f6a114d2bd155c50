"""The gate: nothing leaves that R4 or the house rules forbid.

Three passes: the rules of a transaction Bundle, those of every resource and each of its elements, and the resource
models of ``fhir.resources`` (its R4B release, which describes the resources that we write as R4 does). Rules are named
as R4 names them (``obs-6``, ``bdl-7``, ...); those of our own start with ``house-``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from gateway.fhir.rules import BINDINGS, FORBIDDEN, SINGLE_CHOICE, TARGETS, WRITES
from schemas.errors import InvalidRequestError

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LITERAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_UNSIGNED = {"size"}


class InvalidResourceError(InvalidRequestError):
    """A FHIR resource breaks a rule."""

    def __init__(self, rule: str, path: str, message: str) -> None:
        super().__init__(f"{path}: {message} ({rule})", details={"rule": rule, "path": path})
        self.rule = rule
        self.path = path


def check(bundle: dict[str, Any], held_by_receiver: frozenset[str] = frozenset()) -> None:
    """Refuse a Bundle that breaks a rule.

    ``held_by_receiver`` are relative references, such as ``Organization/emu``, that need not be in the Bundle. Raises
    `InvalidResourceError`, which names the rule and the path and shows no content.
    """
    _bundle(bundle)
    entries = [entry["resource"] for entry in bundle["entry"]]
    known = {f"{resource['resourceType']}/{resource['id']}" for resource in entries} | held_by_receiver
    for index, resource in enumerate(entries):
        _resource(f"Bundle.entry[{index}].resource", resource, known)
    _model(bundle)


class _Element(NamedTuple):
    """One element of a resource."""

    path: str
    """Below the resource, with indices: ``.component[0].code``."""
    bare: str
    """With the resource's type and without indices: ``Observation.component.code``."""
    node: Any
    """What stands there."""


def _elements(resource: dict[str, Any]) -> Iterator[_Element]:
    pending = [_Element("", str(resource["resourceType"]), resource)]
    while pending:
        element = pending.pop()
        yield element
        if isinstance(element.node, dict):
            pending += [
                _Element(f"{element.path}.{key}", f"{element.bare}.{key}", value)
                for key, value in reversed(element.node.items())
            ]
        elif isinstance(element.node, list):
            items = list(enumerate(element.node))
            pending += [_Element(f"{element.path}[{n}]", element.bare, value) for n, value in reversed(items)]


def _fail(rule: str, path: str, message: str) -> InvalidResourceError:
    return InvalidResourceError(rule, path, message)


def _element(path: str, node: Any) -> None:
    """Rules of any element, whatever it is in."""
    if node is None or node in ({}, [], "") or (isinstance(node, str) and not node.strip()):
        raise _fail("ele-1", path, "it is empty; leave it out")
    if isinstance(node, float) and not math.isfinite(node):
        raise _fail("decimal", path, "it is no number that JSON could hold")
    if not isinstance(node, dict):
        return
    if "url" in node and path.rpartition(".")[2].startswith("extension["):
        values = [key for key in node if key.startswith("value")]
        if len(values) + ("extension" in node) != 1:
            raise _fail("ext-1", path, "an extension has one value or extensions, not both")
    if "code" in node and "value" in node and "system" not in node:
        raise _fail("qty-3", path, "a quantity with a code needs the code's system")
    if isinstance(node.get("start"), str) and isinstance(node.get("end"), str) and _later(node["start"], node["end"]):
        raise _fail("per-1", path, "it ends before it starts")
    if "low" in node and "high" in node and node["low"].get("value", 0) > node["high"].get("value", 0):
        raise _fail("rng-2", path, "its low is above its high")
    if "data" in node and "contentType" not in node:
        raise _fail("att-1", path, "data needs a contentType")
    for name in _UNSIGNED & set(node):
        if not isinstance(node[name], int) or not 0 <= node[name] < 2**31:
            raise _fail("unsignedInt", f"{path}.{name}", "it must be a whole number from 0 to 2147483647")


def _later(start: str, end: str) -> bool:
    from datetime import datetime

    try:
        return datetime.fromisoformat(start) > datetime.fromisoformat(end)
    except (ValueError, TypeError):
        return False


def _resource(path: str, resource: dict[str, Any], known: AbstractSet[str]) -> None:
    """Rules of a resource: of its elements one by one, then of the whole."""
    kind = resource["resourceType"]
    if "contained" in resource:
        raise _fail("house-no-contained", f"{path}.contained", "resources are referenced, never contained")
    for element in _elements(resource):
        where = path + element.path
        _element(where, element.node)
        _forbidden(where, kind, element.node)
        _binding(where, element)
        _reference(where, element, known)
    for choice in SINGLE_CHOICE.get(kind, ()):
        _one_of(path, resource, choice)
    if kind == "Observation":
        _observation(path, resource)


def _forbidden(path: str, kind: str, node: Any) -> None:
    for name in FORBIDDEN.get(kind, ()):
        if isinstance(node, dict) and name in node:
            raise _fail(f"house-no-{name}", f"{path}.{name}", "we never send it")


def _binding(path: str, element: _Element) -> None:
    if not isinstance(element.node, str):
        return
    allowed = BINDINGS.get(element.bare) or BINDINGS.get("*." + element.bare.rpartition(".")[2])
    if allowed is not None and element.node not in allowed:
        raise _fail("binding", path, f"it must be one of {', '.join(sorted(allowed))}")


def _reference(path: str, element: _Element, known: AbstractSet[str]) -> None:
    """A literal reference leads to an entry or to what the receiver holds, and to a type that R4 allows there."""
    reference = element.node
    if not isinstance(reference, dict):
        return
    allowed = TARGETS.get(element.bare)
    literal = reference.get("reference")
    if allowed is None:
        if isinstance(literal, str):
            raise _fail("house-references", path, "no reference of ours stands here")
        return
    if literal is None:
        if "identifier" not in reference and "display" not in reference:
            raise _fail("ref-1", path, "a reference needs a target, an identifier or a display")
        kind = str(reference.get("type", ""))
    else:
        match = _LITERAL.fullmatch(literal)
        if match is None:
            raise _fail("house-relative", path, "a reference must be Type/id")
        if literal not in known:
            raise _fail("bdl-resolve", path, f"{match[1]} of that id is neither in the Bundle nor with the receiver")
        kind = match[1]
    if kind not in allowed:
        told = kind or "an untyped reference"
        raise _fail("target", path, f"{told} may not stand here; R4 has {', '.join(sorted(allowed))}")


def _one_of(path: str, resource: dict[str, Any], choice: str) -> None:
    pattern = re.compile(rf"_?{choice}[A-Z]\w*")
    found = sorted({key.lstrip("_") for key in resource if pattern.fullmatch(key)})
    if len(found) > 1:
        raise _fail(f"choice-{choice}", f"{path}.{found[1]}", f"only one of {', '.join(found)} may be there")


def _observation(path: str, resource: dict[str, Any]) -> None:
    values = [key for key in resource if re.fullmatch(r"value[A-Z]\w*", key)]
    if values and "dataAbsentReason" in resource:
        raise _fail("obs-6", path, f"a dataAbsentReason stands beside {values[0]}")
    own = _codes(resource.get("code", {}))
    for index, part in enumerate(resource.get("component", ())):
        inner = f"{path}.component[{index}]"
        inner_values = [key for key in part if re.fullmatch(r"value[A-Z]\w*", key)]
        if inner_values and "dataAbsentReason" in part:
            raise _fail("obs-6", inner, f"a dataAbsentReason stands beside {inner_values[0]}")
        if not inner_values and "dataAbsentReason" not in part:
            raise _fail("us-core-3", inner, "a component needs a value or a dataAbsentReason")
        if values and own & _codes(part.get("code", {})):
            raise _fail("obs-7", inner, "it has the code of its Observation, which has a value of its own")
    if not values and not {"dataAbsentReason", "component", "hasMember"} & set(resource):
        raise _fail("us-core-2", path, "it says nothing: no value, reason, component or member")


def _codes(code: dict[str, Any]) -> set[tuple[str, str]]:
    return {(coding.get("system", ""), coding.get("code", "")) for coding in code.get("coding", ())}


def _bundle(bundle: dict[str, Any]) -> None:
    """Rules of a transaction Bundle."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise _fail("house-transaction", "Bundle", "it must be a Bundle of type transaction")
    for name in ("id", "timestamp", "entry"):
        _element(f"Bundle.{name}", bundle.get(name))
    seen: set[str] = set()
    for index, entry in enumerate(bundle.get("entry", ())):
        path = f"Bundle.entry[{index}]"
        resource = entry.get("resource", {})
        kind, own_id = resource.get("resourceType"), resource.get("id")
        if kind not in WRITES:
            raise _fail("house-resources", f"{path}.resource", f"we never write a {kind}")
        if not _ID.fullmatch(str(own_id)):
            raise _fail("id", f"{path}.resource.id", "it must be 1 to 64 letters, digits, - or .")
        address = f"{kind}/{own_id}"
        if "request" not in entry:
            raise _fail("bdl-3", path, "an entry of a transaction needs a request")
        if entry["request"] != {"method": "PUT", "url": address}:
            raise _fail("house-put", f"{path}.request", f"it must be PUT {address}")
        url = entry.get("fullUrl", "")
        if url in seen:
            raise _fail("bdl-7", f"{path}.fullUrl", "it is in the Bundle twice")
        if not url.endswith(f"/{address}"):
            raise _fail("bdl-8", f"{path}.fullUrl", f"it must end with /{address}")
        seen.add(url)


def _model(bundle: dict[str, Any]) -> None:
    """The resource models; heavy to import and therefore only when something is about to leave."""
    from fhir.resources.R4B.bundle import Bundle
    from pydantic import ValidationError

    try:
        Bundle.model_validate(bundle)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = "Bundle" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        raise _fail("model", path, f"the R4 model refuses it as {first['type']}") from None
