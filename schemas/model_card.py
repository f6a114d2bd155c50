"""Model cards: what a set of weights is, what it learned from, how well it did, and how to tell that it is loaded.

A card is a JSON file named ``card.json`` in the folder of the weights it describes (`schemas/model_card.schema.json` is
its published form). Weights whose digest is not the card's, and weights that fail the card's canary, are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from schemas.errors import InvalidRequestError
from schemas.segmentation import ViewKind

CARD_SCHEMA_VERSION = "1.0"
CARD_FILE = "card.json"
_STRICT = ConfigDict(extra="forbid")


class ModelRole(StrEnum):
    """What a set of weights does."""

    VLM = "vlm"
    ADAPTER = "adapter"
    AUDIO_LM = "audio_lm"
    SEGMENTATION = "segmentation"
    PERSON_DETECTOR = "person_detector"
    POSE = "pose"
    SPEECH = "speech"


class CalibrationKind(StrEnum):
    """On what the scores were calibrated."""

    NONE = "none"
    PHANTOM = "phantom"
    CLINICAL = "clinical"


@dataclass(frozen=True, slots=True)
class Calibration:
    """The set that makes a score a probability; only a clinical one does."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    kind: CalibrationKind = CalibrationKind.NONE
    """None, drawings, or patients."""
    id: str = ""
    """Name of the set."""
    n: int = 0
    """Recordings in it."""
    site: str = ""
    """Where they come from."""
    ages: str = ""
    """Of whom, such as ``18-71 years``."""


@dataclass(frozen=True, slots=True)
class CardMetric:
    """One measured figure, with always-yes beside it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    sign: str
    """Catalogue id; empty: over all."""
    name: str
    """Such as ``f1`` or ``sensitivity``."""
    value: float
    """Measured."""
    lo: float
    """Lower end of the 95 % interval."""
    hi: float
    """Upper end."""
    n: int
    """Recordings or windows it rests on."""
    data: str
    """On what, such as ``phantoms, held out``."""
    always_yes: float | None = None
    """The same figure of answering yes to everything."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A question whose answer is known to the last digit: an adapter that silently does nothing gives another."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    clip: str
    """Name of a file beside the card: the pictures, as a small video."""
    question: str
    """Asked of it, as any question is."""
    yes: float
    """The probability of yes that these weights give (`LabelScore.yes`)."""
    base_yes: float | None = None
    """What the base gives without the adapter; must differ from `yes` by more than the tolerance."""
    tolerance: float = 0.02
    """Largest difference that other hardware and batching explain."""


@dataclass(frozen=True, slots=True)
class PinnedSize:
    """The pixel size at which a view is shown."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    view: ViewKind
    """Which view."""
    width_px: int
    """Width."""
    height_px: int
    """Height."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything that must be known of a set of weights before it may judge."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    """Short name; with the first eight digits of the digest, the name under which a server serves it."""
    version: str
    """Version of the weights."""
    role: ModelRole
    """What they do."""
    digest: str
    """SHA-256 (hex) over the weight files, see `digest_of`."""
    training: str
    """What they learned from, in plain sentences; ``random weights`` when from nothing."""
    license: str
    """Under which they may be used."""
    base: str = ""
    """Digest of the base that an adapter belongs to; empty otherwise."""
    signs: tuple[str, ...] = ()
    """Signs they may answer for; empty for a base that answers for all of the catalogue, and for other roles."""
    views: tuple[ViewKind, ...] = ()
    """Views they were made for."""
    sizes: tuple[PinnedSize, ...] = ()
    """Pixel sizes they were made for; the catalogue's where none is given."""
    yes_labels: tuple[str, ...] = ("yes", "Yes", " yes", " Yes")
    """First tokens that mean yes."""
    no_labels: tuple[str, ...] = ("no", "No", " no", " No")
    """First tokens that mean no."""
    least_answer_mass: float = 0.5
    """Probability that the first token is yes or no at all, under which an answer counts for nothing."""
    metrics: tuple[CardMetric, ...] = ()
    """Measured figures."""
    calibration: Calibration = Calibration()
    """Whether scores are probabilities."""
    canary: Canary | None = None
    """How to tell that they are loaded; obligatory for those that answer questions."""
    schema_version: str = CARD_SCHEMA_VERSION
    """Version of this form."""

    @property
    def served_name(self) -> str:
        """Name under which a model server knows these weights: two versions can never be mixed up."""
        return f"{self.name}-{self.digest[:8]}"


def parse_card(text: str, where: str) -> ModelCard:
    """A card from JSON; `where` names it in errors. Raises `InvalidRequestError` with the offending field and value."""
    try:
        card = TypeAdapter(ModelCard).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the card"
        raise InvalidRequestError(f"{where}: {place}: {first['msg']} (found {first['input']!r:.80}).") from None
    _check(card, where)
    return card


def _check(card: ModelCard, where: str) -> None:
    if card.schema_version != CARD_SCHEMA_VERSION:
        raise InvalidRequestError(
            f"{where} has schema_version {card.schema_version!r}, this version reads {CARD_SCHEMA_VERSION!r}."
        )
    if card.role in {ModelRole.VLM, ModelRole.ADAPTER, ModelRole.AUDIO_LM} and card.canary is None:
        raise InvalidRequestError(f"{where}: a {card.role.value} needs a canary, or nobody can tell that it is loaded.")
    if card.role is ModelRole.ADAPTER:
        if not card.base:
            raise InvalidRequestError(f"{where}: an adapter names the digest of its base.")
        if card.canary is None or card.canary.base_yes is None:
            raise InvalidRequestError(f"{where}: an adapter's canary says what its base answers (base_yes).")
        if abs(card.canary.yes - card.canary.base_yes) <= card.canary.tolerance:
            raise InvalidRequestError(
                f"{where}: the canary gives {card.canary.yes} with and {card.canary.base_yes} without the adapter; "
                f"they must differ by more than the tolerance {card.canary.tolerance}."
            )
