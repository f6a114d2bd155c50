"""The catalogue of signs: definitions, questions, sampling, thresholds and codes as data (``signs.toml``).

`load_catalogue` reads the file that ships with the package; `parse_catalogue` reads any text of the same form. What
each field means stands at the head of ``signs.toml``.
"""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from importlib import resources

from schemas.catalogue.model import (
    Adapter,
    Catalogue,
    CodeRelation,
    ExternalCode,
    Lateralises,
    Lateralising,
    Sampling,
    SamplingKind,
    Sign,
    SignGroup,
    ViewSize,
)
from schemas.catalogue.parse import CatalogueError, parse

__all__ = [
    "Adapter",
    "Catalogue",
    "CatalogueError",
    "CodeRelation",
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
]


@cache
def load_catalogue() -> Catalogue:
    """The catalogue that ships with this version. Raises `CatalogueError` if the file breaks a rule."""
    return parse_catalogue(resources.files(__name__).joinpath("signs.toml").read_text(encoding="utf-8"))


def parse_catalogue(text: str) -> Catalogue:
    """A catalogue from TOML text; its digest is the SHA-256 of the text's UTF-8 bytes.

    Raises `CatalogueError`, which names the sign, the field, the value and the rule.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"signs.toml is not TOML: {error}") from error
    return parse(document, digest=hashlib.sha256(text.encode()).hexdigest())
