"""The catalogue of signs: definitions, questions, sampling, thresholds and codes as data (``signs.toml``).

`load_catalogue` reads the file that ships with the package; `parse_catalogue` reads any text of the same form. What
each field means stands at the head of ``signs.toml``.
"""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from importlib import resources
from typing import Any

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
from schemas.catalogue.parse import CatalogueError, overlaid, parse

__all__ = [
    "Aggregate",
    "Catalogue",
    "CatalogueError",
    "CodeRelation",
    "Combine",
    "ExternalCode",
    "Lateralises",
    "Lateralising",
    "Sampling",
    "SamplingKind",
    "Sign",
    "SignGroup",
    "ViewSize",
    "load_catalogue",
    "parse_catalogue",
    "presets",
]


@cache
def load_catalogue(preset: str = "") -> Catalogue:
    """The catalogue that ships with this version, or a preset of it: a published study's protocol on our questions.

    Raises `CatalogueError` if there is no such preset or a file breaks a rule.
    """
    return parse_catalogue(_text("signs.toml"), _text(f"presets/{preset}.toml") if preset else "")


def presets() -> tuple[str, ...]:
    """Names of the presets that ship with this version."""
    files = resources.files(__name__).joinpath("presets").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def _text(name: str) -> str:
    file = resources.files(__name__).joinpath(name)
    if not file.is_file():
        raise CatalogueError(f"there is no catalogue file {name!r}; presets are {', '.join(presets())}")
    return file.read_text(encoding="utf-8")


def parse_catalogue(text: str, preset: str = "") -> Catalogue:
    """A catalogue from TOML text, with a preset's text laid over it; the digest is the SHA-256 of both in UTF-8.

    Raises `CatalogueError`, which names the sign, the field, the value and the rule.
    """
    document = _toml(text, "signs.toml")
    if preset:
        document = overlaid(document, _toml(preset, "the preset"))
    return parse(document, digest=hashlib.sha256((text + preset).encode()).hexdigest())


def _toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name} is not TOML: {error}") from error
