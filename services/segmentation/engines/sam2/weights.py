"""Whether SAM 2 can run here: packages, checkpoint, configuration and card, looked at without loading anything."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import InvalidRequestError
from schemas.model_card import ModelCard, ModelRole
from services.runtime.weights import WEIGHT_FILES, load_card
from services.segmentation.engines.sam2.settings import Sam2Settings

CONFIG_FILE = "config.yaml"
"""Beside the checkpoint: either the network's own configuration (key ``model``), or the name of one that the package
sam2 carries (key ``name``, such as ``configs/sam2.1/sam2.1_hiera_t.yaml``), with ``overrides``, a list of key=value."""
_CHECKPOINTS = (".safetensors", ".pt", ".pth")
_NEEDED = ("torch", "sam2", "hydra", "omegaconf", "safetensors")


@dataclass(frozen=True, slots=True)
class Weights:
    """What SAM 2 will run with."""

    checkpoint: Path
    """The one file that holds the network's parameters."""
    config: Path
    """See `CONFIG_FILE`."""
    card: ModelCard
    """Checked against the checkpoint."""
    detector: Path | None
    """Folder of the person detector; none where BlazePose finds people."""
    digest: str
    """SHA-256 (hex) over the checkpoint's digest, its configuration and the detector's digest."""
    losses: tuple[str, ...] = ()
    """What the detector could not be used for, in a sentence."""


def choose(settings: Sam2Settings) -> Weights:
    """The weights that the settings name. Raises `InvalidRequestError` in one sentence that says what is missing."""
    if not settings.weights:
        raise InvalidRequestError(f"{Sam2Settings.variable('weights')} names no weights.")
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidRequestError(f"The extra `vision` is not installed ({', '.join(missing)} missing).")
    folder = Path(settings.weights)
    card = load_card(folder, ModelRole.SEGMENTATION)
    found = sorted(path for path in folder.iterdir() if path.suffix in WEIGHT_FILES)
    if len(found) != 1 or found[0].suffix not in _CHECKPOINTS:
        raise InvalidRequestError(
            f"The folder {folder.name!r} holds {len(found)} weight files; one checkpoint ({', '.join(_CHECKPOINTS)}) "
            "is needed."
        )
    try:
        config = (folder / CONFIG_FILE).read_bytes()
    except OSError:
        raise InvalidRequestError(f"There is no {CONFIG_FILE} in {folder.name!r}.") from None
    losses: tuple[str, ...] = ()
    try:
        detector, detector_digest = _detector(settings)
    except InvalidRequestError as error:
        detector, detector_digest = None, "blazepose for a detector that cannot be used"
        losses = (f"People were found by their pose, because the person detector cannot be used: {error.message}",)
    digest = hashlib.sha256(f"{card.digest} {hashlib.sha256(config).hexdigest()} {detector_digest}".encode())
    return Weights(found[0], folder / CONFIG_FILE, card, detector, digest.hexdigest(), losses)


def _detector(settings: Sam2Settings) -> tuple[Path | None, str]:
    if not settings.detector_weights:
        return None, "blazepose"
    if importlib.util.find_spec("transformers") is None:
        raise InvalidRequestError("The extra `vision` is not installed (transformers missing).")
    folder = Path(settings.detector_weights)
    card = load_card(folder, ModelRole.PERSON_DETECTOR)
    digest = hashlib.sha256(card.digest.encode())
    for name in sorted(path.name for path in folder.glob("*config.json")):
        digest.update((folder / name).read_bytes())
    return folder, digest.hexdigest()
