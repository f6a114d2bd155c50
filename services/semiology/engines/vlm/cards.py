"""The models of a site: one base and its adapters, who answers which sign, and whether they are what they claim.

A folder holds one folder per model with ``card.json``, the canary's clip and, for the process that runs the model, the
weights. Beside a model server only card and clip are needed: the served name carries the digest, and the canary tells.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.catalogue import Catalogue, Sign
from schemas.errors import InvalidRequestError
from schemas.model_card import CARD_FILE, Canary, ModelCard, ModelRole, parse_card
from schemas.segmentation import ViewKind
from services.runtime import logs
from services.runtime.weights import WEIGHT_FILES, load_card
from services.semiology.engines.vlm.pictures import Clip, whole_clip
from services.semiology.engines.vlm.reader import LabelScore, Reader

ADAPTER_CONFIG = "adapter_config.json"
VISION_PARTS = ("visual", "vision")
"""Names of modules that look; model servers apply adapters to the part that speaks, and ignore the rest silently."""
_HEADER_BYTES = 8

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """One card and where it lies."""

    card: ModelCard
    """What it is."""
    folder: Path
    """Card, canary clip and maybe weights."""

    @property
    def has_weights(self) -> bool:
        """Whether the weights lie beside the card."""
        return any(path.suffix in WEIGHT_FILES for path in self.folder.iterdir())


@dataclass(frozen=True, slots=True)
class Models:
    """The base with its adapters."""

    base: Model
    """Answers what no adapter answers."""
    adapters: tuple[Model, ...] = ()
    """In the order of their folders' names."""

    @property
    def all(self) -> tuple[Model, ...]:
        """Base first."""
        return (self.base, *self.adapters)

    def for_sign(self, sign: Sign) -> ModelCard | None:
        """Whose answer counts for a sign: an adapter that lists it, else the base; none when neither claims it.

        Of several adapters the one that the catalogue names (`Sign.adapter`). A sign that people enter is judged only
        by a model that lists it; what is heard is not judged from pictures.
        """
        if sign.heard:
            return None
        listing = [model.card for model in self.adapters if sign.id in model.card.signs]
        chosen = listing if len(listing) < 2 else [card for card in listing if _is_named(card, sign.adapter)]
        if len(chosen) > 1 or (listing and not chosen):
            names = ", ".join(card.name for card in listing)
            raise InvalidRequestError(
                f"{names} all answer for {sign.id!r}; one of them must be named {sign.adapter!r}, as the catalogue "
                f"asks (or end in it after a hyphen)."
            )
        if chosen:
            return chosen[0]
        base = self.base.card
        claimed = sign.id in base.signs if base.signs else not sign.human_entered
        return base if claimed else None


def size_of(card: ModelCard, base: ModelCard, view: ViewKind, catalogue: Catalogue) -> tuple[int, int]:
    """Pinned width and height in pixels at which a view is shown: the card's, else the base's, else the catalogue's.

    Raises `InvalidRequestError` for a view that nobody pinned.
    """
    for one in (card, base):
        for size in one.sizes:
            if size.view is view:
                return size.width_px, size.height_px
    for pinned in catalogue.views:
        if pinned.kind is view:
            return pinned.width_px, pinned.height_px
    raise InvalidRequestError(
        f"No pixel size is pinned for the view {view.value!r}, neither on a card nor in the catalogue."
    )


def read_models(folder: Path, catalogue: Catalogue) -> Models:
    """The cards of base and adapters in a folder, held to each other; models with other roles are left alone.

    Weights are not read, see `check_weights`. Raises `InvalidRequestError` with the offending value.
    """
    if not folder.name or not folder.is_dir():
        raise InvalidRequestError(f"ICTOGRAM_VLM_WEIGHTS is no folder: {folder.name!r}; docs/models.md says more.")
    found = [model for path in sorted(folder.iterdir()) if (model := _model(path)) is not None]
    bases = [model for model in found if model.card.role is ModelRole.VLM]
    if len(bases) != 1:
        names = ", ".join(model.folder.name for model in bases) or "none"
        raise InvalidRequestError(f"ICTOGRAM_VLM_WEIGHTS holds exactly one base model (role vlm); found: {names}.")
    models = Models(bases[0], tuple(model for model in found if model.card.role is ModelRole.ADAPTER))
    for adapter in models.adapters:
        _check_base(adapter.card, models.base.card)
    _check_signs(models, catalogue)
    return models


def check_weights(models: Models, *, needed: bool) -> None:
    """Holds weights to their cards. `needed`: they have to be there (in process); else those that are there count.

    Raises `InvalidRequestError` for other weights than the card's, and for adapters that a server would not apply.
    """
    for model in models.all:
        if not (needed or model.has_weights):
            continue
        load_card(model.folder, model.card.role)
        if model is not models.base:
            where = f"The adapter {model.card.name!r}"
            _check_modules(where, lora_modules(model.folder))
            _check_config(where, model.folder)


def _model(folder: Path) -> Model | None:
    if not (folder / CARD_FILE).is_file():
        return None
    card = parse_card((folder / CARD_FILE).read_text(encoding="utf-8"), f"{folder.name}/{CARD_FILE}")
    return Model(card, folder) if card.role in {ModelRole.VLM, ModelRole.ADAPTER} else None


def _check_base(card: ModelCard, base: ModelCard) -> None:
    where = f"The adapter {card.name!r}"
    if card.base != base.digest:
        raise InvalidRequestError(f"{where} belongs to the base {card.base[:12]}, not to {base.digest[:12]}.")
    if not card.signs:
        raise InvalidRequestError(f"{where} lists no signs: its card says which ones it answers for.")


def _check_modules(where: str, modules: Sequence[str]) -> None:
    """An adapter of the vision tower is accepted by model servers and silently does nothing."""
    seeing = [name for name in modules if any(part in name for part in VISION_PARTS)]
    if seeing or not modules:
        what = f"changes the vision tower ({seeing[0]})" if seeing else "changes no module"
        raise InvalidRequestError(
            f"{where} {what}; only the language model may be adapted, or servers ignore it silently."
        )


def _check_config(where: str, folder: Path) -> None:
    config: dict[str, Any] = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    unsupported = {
        "use_dora": bool(config.get("use_dora")),
        "bias": config.get("bias", "none") != "none",
        "modules_to_save": bool(config.get("modules_to_save")),
    }
    wrong = [name for name, found in unsupported.items() if found]
    if wrong:
        raise InvalidRequestError(f"{where} uses {', '.join(wrong)}, which model servers do not apply.")


def lora_modules(folder: Path) -> tuple[str, ...]:
    """Names of the tensors of an adapter, read from the head of its safetensors files; no weights are loaded."""
    names: list[str] = []
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_HEADER_BYTES), "little")
            names += [name for name in json.loads(file.read(length)) if name != "__metadata__"]
    return tuple(names)


def _check_signs(models: Models, catalogue: Catalogue) -> None:
    """Refuses two adapters for one sign; a sign that this catalogue (a preset, say) has not is only not asked."""
    for sign in catalogue.signs:
        models.for_sign(sign)
    for model in models.all:
        unknown = [sign for sign in model.card.signs if sign not in catalogue.by_id]
        if unknown:
            log.info("signs of a card that the catalogue does not hold", model=model.card.name, signs=unknown)


def _is_named(card: ModelCard, word: str) -> bool:
    return card.name == word or card.name.endswith(f"-{word}")


def check_canaries(models: Models, reader: Reader) -> None:
    """Asks every model its canary. Raises `InvalidRequestError` when one answers otherwise than its card says.

    An adapter must also differ from the base on the same question: one that is loaded but not applied does not.
    """
    base = models.base
    for model in models.all:
        canary = model.card.canary
        assert canary is not None
        clip = whole_clip(_clip_path(model, canary))
        found = _asked(reader, clip, canary, model.card)
        if model is not base:
            plain = _asked(reader, clip, canary, base.card)
            _check_effect(model.card, canary, found, plain)
        if abs(found.yes - canary.yes) > canary.tolerance:
            raise InvalidRequestError(
                f"{model.card.name!r} answers its canary with {found.yes:.4f}; its card says {canary.yes:.4f} "
                f"± {canary.tolerance:g}: other weights, other words or another processor are loaded."
            )
        if found.answer_mass < model.card.least_answer_mass:
            raise InvalidRequestError(
                f"{model.card.name!r} gives yes and no {found.answer_mass:.3f} of its canary's first token; its card "
                f"wants {model.card.least_answer_mass:g}: the labels are not this model's."
            )


def _check_effect(card: ModelCard, canary: Canary, found: LabelScore, plain: LabelScore) -> None:
    if abs(found.yes - plain.yes) <= canary.tolerance:
        raise InvalidRequestError(
            f"The adapter {card.name!r} does nothing: its canary gives {found.yes:.4f} with it and {plain.yes:.4f} "
            f"without it (tolerance {canary.tolerance:g})."
        )
    if canary.base_yes is not None and abs(plain.yes - canary.base_yes) > canary.tolerance:
        raise InvalidRequestError(
            f"The base answers the canary of {card.name!r} with {plain.yes:.4f}; the adapter's card says "
            f"{canary.base_yes:.4f} ± {canary.tolerance:g}: it was made with another base or other words."
        )


def _clip_path(model: Model, canary: Canary) -> Path:
    path = model.folder / canary.clip
    if path.parent != model.folder or not path.is_file():
        raise InvalidRequestError(f"The canary's clip {canary.clip!r} lies not beside the card of {model.card.name!r}.")
    return path


def _asked(reader: Reader, clip: Clip, canary: Canary, card: ModelCard) -> LabelScore:
    return reader.score(clip, [canary.question], card)[0]


def training_of(models: Models) -> str:
    """What base and adapters learned from, for whoever reads the finding."""
    return " ".join(_sentences(models.all))


def _sentences(models: Iterable[Model]) -> list[str]:
    return list(dict.fromkeys(f"{model.card.name}: {model.card.training.rstrip('.')}." for model in models))
