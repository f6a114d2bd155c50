"""Weights on disk: the card that lies beside them, and the digest that ties the two together."""

from __future__ import annotations

import hashlib
from pathlib import Path

from schemas.errors import InvalidRequestError
from schemas.model_card import CARD_FILE, ModelCard, ModelRole, parse_card

WEIGHT_FILES = (".safetensors", ".bin", ".pt", ".pth", ".onnx")
"""Files that hold weights; they alone make the digest, so that a corrected card needs no new one."""


def load_card(folder: Path, role: ModelRole) -> ModelCard:
    """The card of the weights in a folder, with its role and digest checked.

    Raises `InvalidRequestError` with the offending value: no folder, no card, another role, or other weights.
    """
    try:
        text = (folder / CARD_FILE).read_text(encoding="utf-8")
    except OSError:
        raise InvalidRequestError(
            f"There is no {CARD_FILE} in {str(folder)!r}; docs/models.md says how to write one."
        ) from None
    where = f"{folder.name}/{CARD_FILE}"
    card = parse_card(text, where)
    if card.role is not role:
        raise InvalidRequestError(f"{where} describes a {card.role.value}; a {role.value} was asked for.")
    found = digest_of(folder)
    if found != card.digest:
        raise InvalidRequestError(
            f"The weights in {folder.name!r} have the digest {found[:12]}…, their card says {card.digest[:12]}…: "
            f"card and weights must belong together."
        )
    return card


def digest_of(folder: Path) -> str:
    """SHA-256 (hex) over names and contents of the weight files of a folder, in the order of their names."""
    content = hashlib.sha256()
    found = [path for path in sorted(folder.iterdir()) if path.suffix in WEIGHT_FILES]
    if not found:
        raise InvalidRequestError(f"{folder.name!r} holds no weights ({', '.join(WEIGHT_FILES)}).")
    for path in found:
        content.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                content.update(block)
    return content.hexdigest()
