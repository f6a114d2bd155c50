"""What ``ictogram models`` says about a site's weights: which cards there are, and whether they tell the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from schemas.errors import IctogramError, InvalidRequestError
from schemas.model_card import CARD_FILE, parse_card
from services.runtime.weights import digest_of, load_card


@dataclass(frozen=True, slots=True)
class Checked:
    """One folder of weights."""

    folder: str
    """Its name."""
    role: str
    """What its card says it does; empty without a card."""
    served: str
    """Name under which a model server has to serve it; without a card, the digest to write into one."""
    problem: str
    """What is wrong, in one sentence; empty when card and weights belong together."""


def checked(folder: Path) -> list[Checked]:
    """Every folder of weights in a folder. Raises `InvalidRequestError` when there is none."""
    folders = [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
    if not folders:
        raise InvalidRequestError(
            f"{str(folder)!r} holds no folders of weights; docs/models.md says how to bring them."
        )
    return [_checked(path) for path in folders]


def _checked(folder: Path) -> Checked:
    role = served = ""
    try:
        if not (folder / CARD_FILE).is_file():
            return Checked(folder.name, role, digest_of(folder), f"There is no {CARD_FILE}.")
        card = parse_card((folder / CARD_FILE).read_text(encoding="utf-8"), f"{folder.name}/{CARD_FILE}")
        role, served = card.role.value, card.served_name
        load_card(folder, card.role)
    except IctogramError as error:
        return Checked(folder.name, role, served, error.message)
    return Checked(folder.name, role, served, "")


def table(rows: list[Checked]) -> Table:
    """The folders for a terminal."""
    shown = Table(box=None, pad_edge=False)
    for column in ("folder", "role", "name to serve it under, or digest", "card and weights"):
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(row.folder, row.role or "-", row.served or "-", row.problem or "belong together")
    return shown


def ask() -> None:
    """Ask the model server, set by ``ICTOGRAM_VLM_…``, every canary. Raises what `VlmEngine.load` raises."""
    from services.semiology.engines.vlm.engine import VlmEngine

    VlmEngine().load()
