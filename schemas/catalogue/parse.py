"""Reads a catalogue document and holds it to its rules, so that a slip in the data names itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from schemas.catalogue.model import (
    Aggregate,
    Catalogue,
    CodeRelation,
    Combine,
    ExternalCode,
    Lateralises,
    Lateralising,
    Sampling,
    SamplingKind,
    Sign,
    SignGroup,
    ViewSize,
)
from schemas.errors import InternalError
from schemas.segmentation import BodyPart, ViewKind
from schemas.semiology import Phase, SideRefersTo

_E = TypeVar("_E", bound=StrEnum)
_ID = re.compile(r"[a-z][a-z0-9_]{1,39}")
_CODES = {"hed": re.compile(r"HED_\d{7}"), "hpo": re.compile(r"HP:\d{7}")}
_REQUIRED = {
    "id", "title", "group", "definition", "source", "ilae_term", "question", "views", "sampling", "body_part",
    "min_source_px", "min_duration_s", "t_show", "t_state", "adapter", "side_refers_to", "phases", "rhythmic", "facial",
    "human_entered",
}  # fmt: skip
_OPTIONAL = {
    "needs_before_s", "calibration", "lateralising", "hed", "hpo", "engines", "combine", "aggregate", "least_run",
}  # fmt: skip

_BY_SIDE = {Lateralises.CONTRALATERAL, Lateralises.IPSILATERAL}

LONGEST_MIN_DURATION_S = 5.0
"""No filter may ask for more: bilateral tonic-clonic movements are the longest shortest form, and they are cut short by
recordings that end early."""


class CatalogueError(InternalError):
    """The sign catalogue breaks a rule."""


class _Entry:
    """One table of the file; every complaint names it."""

    def __init__(self, name: str, table: Mapping[str, Any]) -> None:
        self.name = name
        self.table = table

    def fail(self, field: str, rule: str) -> CatalogueError:
        return CatalogueError(f"{self.name}: {field} is {self.table.get(field)!r}; {rule}")

    def keys(self, required: set[str], optional: set[str]) -> None:
        present = set(self.table)
        if missing := sorted(required - present):
            raise CatalogueError(f"{self.name}: {missing[0]} is missing")
        if unknown := sorted(present - required - optional):
            raise CatalogueError(f"{self.name}: {unknown[0]} is not a field of the catalogue")

    def text(self, field: str, default: str | None = None) -> str:
        value = self.table.get(field, default)
        if not isinstance(value, str) or not value.strip():
            raise self.fail(field, "it must be text")
        return value

    def flag(self, field: str) -> bool:
        value = self.table[field]
        if not isinstance(value, bool):
            raise self.fail(field, "it must be true or false")
        return value

    def number(self, field: str, lo: float, hi: float, default: float | None = None) -> float:
        value = self.table.get(field, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not lo <= value <= hi:
            raise self.fail(field, f"it must be a number from {lo:g} to {hi:g}")
        return float(value)

    def choice(self, field: str, kind: type[_E], default: str | None = None) -> _E:
        try:
            return kind(self.table.get(field, default))
        except ValueError:
            raise self.fail(field, f"it must be one of {', '.join(kind)}") from None

    def choices(self, field: str, kind: type[_E]) -> tuple[_E, ...]:
        values = self.strings(field)
        try:
            return tuple(kind(value) for value in values)
        except ValueError:
            raise self.fail(field, f"each must be one of {', '.join(kind)}") from None

    def strings(self, field: str) -> tuple[str, ...]:
        values = self.table[field]
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            raise self.fail(field, "it must be a list of texts, not empty")
        if len(set(values)) != len(values):
            raise self.fail(field, "it names something twice")
        return tuple(values)

    def sub(self, field: str, table: Any) -> _Entry:
        if not isinstance(table, Mapping):
            raise self.fail(field, "it must be a table")
        return _Entry(f"{self.name}.{field}", table)


def parse(document: Mapping[str, Any], digest: str) -> Catalogue:
    """A catalogue from a parsed TOML document. Raises `CatalogueError`."""
    head = _Entry("catalogue", document.get("catalogue", {}))
    head.keys({"version", "mask_rate_hz"}, set())
    sources = tuple((str(key), str(text)) for key, text in document.get("sources", {}).items())
    signs = tuple(_sign(table, dict(sources)) for table in document.get("sign", ()))
    if not signs:
        raise CatalogueError("catalogue: it holds no sign; there must be at least one")
    _unique("id", [sign.id for sign in signs])
    _unique("title", [sign.title for sign in signs])
    _unique("question", [sign.question for sign in signs])
    codes = [code for sign in signs for code in (*sign.hed, *sign.hpo)]
    _unique("equivalent code", [code.code for code in codes if code.relation is CodeRelation.EQUIVALENT])
    views = tuple(_view(table) for table in document.get("view", ()))
    _unique("view", [view.kind for view in views])
    return Catalogue(
        version=head.text("version"),
        digest=digest,
        signs=signs,
        views=views,
        mask_rate_hz=head.number("mask_rate_hz", 0.1, 60.0),
        sources=sources,
    )


def overlaid(base: Mapping[str, Any], preset: Mapping[str, Any]) -> dict[str, Any]:
    """The document that a preset makes of the catalogue: its signs only, its fields over theirs, its view sizes.

    Raises `CatalogueError` for a sign that the catalogue does not hold: a preset changes how signs are judged, not what
    they are.
    """
    _Entry("preset", preset).keys({"preset", "sign"}, {"defaults", "view"})
    head = _Entry("preset", preset["preset"])
    head.keys({"name", "study"}, set())
    known = {table["id"]: table for table in base["sign"]}
    signs = []
    for table in preset["sign"]:
        entry = _Entry(f"preset {head.text('name')}, sign {table.get('id', '?')}", table)
        if entry.text("id") not in known:
            raise entry.fail("id", "a preset may only name signs of the catalogue")
        signs.append({**known[table["id"]], **preset.get("defaults", {}), **table})
    sizes = {table["kind"]: table for table in (*base["view"], *preset.get("view", ()))}
    version = f"{base['catalogue']['version']}+{head.text('name')}"
    return {**base, "catalogue": {**base["catalogue"], "version": version}, "sign": signs, "view": list(sizes.values())}


def _unique(what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise CatalogueError(f"catalogue: the {what} {value!r} stands there twice; it must be unique")


def _view(table: Mapping[str, Any]) -> ViewSize:
    entry = _Entry("view", table)
    entry.keys({"kind", "width_px", "height_px"}, set())
    return ViewSize(
        kind=entry.choice("kind", ViewKind),
        width_px=int(entry.number("width_px", 28, 4096)),
        height_px=int(entry.number("height_px", 28, 4096)),
    )


def _sign(table: Mapping[str, Any], sources: Mapping[str, str]) -> Sign:
    entry = _Entry(f"sign {table.get('id', '?')}", table)
    entry.keys(_REQUIRED, _OPTIONAL)
    sign = Sign(
        id=entry.text("id"),
        title=entry.text("title"),
        group=entry.choice("group", SignGroup),
        definition=entry.text("definition"),
        source=entry.strings("source"),
        ilae_term=entry.flag("ilae_term"),
        question=entry.text("question"),
        views=entry.choices("views", ViewKind),
        sampling=_sampling(entry),
        body_part=entry.choice("body_part", BodyPart),
        min_source_px=entry.number("min_source_px", 0, 4096),
        min_duration_s=entry.number("min_duration_s", 0.01, LONGEST_MIN_DURATION_S),
        needs_before_s=entry.number("needs_before_s", 0, 600, default=0.0),
        t_show=entry.number("t_show", 0.01, 0.99),
        t_state=entry.number("t_state", 0.01, 0.99),
        calibration=entry.text("calibration", default="none"),
        adapter=entry.text("adapter"),
        side_refers_to=entry.choice("side_refers_to", SideRefersTo),
        phases=entry.choices("phases", Phase),
        rhythmic=entry.flag("rhythmic"),
        facial=entry.flag("facial"),
        human_entered=entry.flag("human_entered"),
        engines=entry.strings("engines") if "engines" in table else (),
        combine=entry.choice("combine", Combine, default="first"),
        aggregate=entry.choice("aggregate", Aggregate, default="hysteresis"),
        least_run=int(entry.number("least_run", 1, 100, default=1)),
        lateralising=_lateralising(entry, sources),
        hed=_codes(entry, "hed"),
        hpo=_codes(entry, "hpo"),
    )
    _check(entry, sign, sources)
    return sign


def _check(entry: _Entry, sign: Sign, sources: Mapping[str, str]) -> None:
    for field, value in (("id", sign.id), ("adapter", sign.adapter)):
        if not _ID.fullmatch(value):
            raise entry.fail(field, "it must be lower case letters, digits and _, 2 to 40 of them, a letter first")
    if not sign.question.endswith("?"):
        raise entry.fail("question", "it must end with a question mark")
    if not sign.t_show < sign.t_state:
        raise entry.fail("t_show", f"it must be below t_state ({sign.t_state:g})")
    for key in sign.source:
        if key not in sources:
            raise entry.fail("source", f"{key!r} is not under [sources]")
    if sign.facial and not {ViewKind.FACE_CROP} & set(sign.views):
        raise entry.fail("views", "a facial sign needs the face_crop view")
    if not sign.heard and sign.min_source_px <= 0:
        raise entry.fail("min_source_px", "what is seen needs a smallest size")
    by_side = sign.lateralising is not None and sign.lateralising.value in _BY_SIDE
    if by_side and sign.side_refers_to is SideRefersTo.NONE:
        raise entry.fail("lateralising", "contralateral and ipsilateral need a side; side_refers_to is none")


def _sampling(entry: _Entry) -> Sampling:
    sub = entry.sub("sampling", entry.table["sampling"])
    sub.keys({field.name for field in dataclasses.fields(Sampling)}, set())
    window_s = sub.number("window_s", 0.5, 120)
    return Sampling(
        kind=sub.choice("kind", SamplingKind),
        window_s=window_s,
        hop_s=sub.number("hop_s", 0.1, window_s),
        fps=sub.number("fps", 0.1, 60),
    )


def _lateralising(entry: _Entry, sources: Mapping[str, str]) -> Lateralising | None:
    if "lateralising" not in entry.table:
        return None
    sub = entry.sub("lateralising", entry.table["lateralising"])
    sub.keys({"value", "source", "condition"}, {"agree", "of"})
    if sub.text("source") not in sources:
        raise sub.fail("source", "it is not under [sources]")
    counted = {"agree", "of"} & set(sub.table)
    if len(counted) == 1:
        raise CatalogueError(f"{sub.name}: agree and of go together; only {counted.pop()} is given")
    of = int(sub.number("of", 1, 1e6)) if counted else None
    return Lateralising(
        value=sub.choice("value", Lateralises),
        source=sub.text("source"),
        condition=sub.text("condition"),
        agree=int(sub.number("agree", 0, of)) if of is not None else None,
        of=of,
    )


def _codes(entry: _Entry, system: str) -> tuple[ExternalCode, ...]:
    found = []
    for table in entry.table.get(system, ()):
        sub = entry.sub(system, table)
        sub.keys({"code", "label", "relation"}, set())
        if not _CODES[system].fullmatch(sub.text("code")):
            raise sub.fail("code", f"it must look like {_CODES[system].pattern}")
        found.append(ExternalCode(sub.text("code"), sub.text("label"), sub.choice("relation", CodeRelation)))
    return tuple(found)
