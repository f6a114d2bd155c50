"""SAM 2's video predictor, built from a site's weights and fed one frame at a time. Imports torch: import it late."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import sam2
import torch
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from sam2.sam2_video_predictor import SAM2VideoPredictor

from schemas.errors import InvalidRequestError
from services.segmentation.engines.sam2.weights import Weights

_TARGET = f"{__name__}.FramePredictor"
_LAYERS = "sam2.modeling."
_AS_PUBLISHED = {
    "model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability": True,
    "model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta": 0.05,
    "model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh": 0.98,
    "model.binarize_mask_from_pts_for_mem_enc": True,
}
"""What the authors' own builder sets for inference, except filling holes, which needs a compiled CUDA extension."""


class FramePredictor(SAM2VideoPredictor):  # type: ignore[misc]
    """SAM 2 without a video of its own: whoever uses it hands over frames, and old ones may be forgotten.

    Also keeps the predicted IoU, which the video predictor computes and drops.
    """

    iou: float = 0.0
    """Predicted IoU of the last mask made."""

    def empty_state(self, rows: int, columns: int) -> dict[str, Any]:
        """What `init_state` makes, without a video: frames are put into ``images`` by number. Masks get this size."""
        state: dict[str, Any] = {
            "images": {},
            "num_frames": 1 << 40,  # only says how far forward memories may lie; the video's end is not known
            "offload_video_to_cpu": False,
            "offload_state_to_cpu": False,
            "video_height": rows,
            "video_width": columns,
            "device": self.device,
            "storage_device": self.device,
            "cached_features": {},
            "constants": {},
            "obj_id_to_idx": OrderedDict(),
            "obj_idx_to_id": OrderedDict(),
            "obj_ids": [],
        }
        names = ("point_inputs", "mask_inputs", "output_dict", "temp_output_dict", "frames_tracked")
        state.update({f"{name}_per_obj": {} for name in names})
        return state

    def follow_one(self, state: dict[str, Any], number: int, slot: int, *, backwards: bool) -> dict[str, Any]:
        """The output of one followed object in a frame, from its prompt there or from its memories."""
        outputs = state["output_dict_per_obj"][slot]
        found: dict[str, Any] | None = outputs["cond_frame_outputs"].get(number)
        if found is None:
            found, _ = self._run_single_frame_inference(
                inference_state=state, output_dict=outputs, frame_idx=number, batch_size=1, is_init_cond_frame=False,
                point_inputs=None, mask_inputs=None, reverse=backwards, run_mem_encoder=True,
            )  # fmt: skip
            outputs["non_cond_frame_outputs"][number] = found
        state["frames_tracked_per_obj"][slot][number] = {"reverse": backwards}
        return found

    def at_mask_size(self, state: dict[str, Any], output: dict[str, Any]) -> torch.Tensor:
        """(rows, columns) logits of one object's output."""
        logits: torch.Tensor = self._get_orig_video_res_output(state, output["pred_masks"])[1]
        return logits[0, 0]

    def _forward_sam_heads(self, *args: Any, **kwargs: Any) -> Any:
        outputs = super()._forward_sam_heads(*args, **kwargs)
        self.iou = float(outputs[2].max())
        return outputs


def build(weights: Weights, device: str) -> FramePredictor:
    """The network with its parameters, ready on the device.

    Raises `InvalidRequestError` for a configuration that is none, for parameters that do not fit it, and without the
    device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InvalidRequestError("The segmentation engine shall compute on cuda, but torch finds no CUDA device.")
    try:
        network: FramePredictor = instantiate(_config(weights.config).model, _recursive_=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise InvalidRequestError(f"SAM 2 cannot be made from {weights.config.name}: {error}".splitlines()[0]) from None
    try:
        network.load_state_dict(_parameters(weights.checkpoint))
    except (RuntimeError, KeyError, ValueError) as error:
        raise InvalidRequestError(
            f"The parameters in {weights.checkpoint.name} do not fit {weights.config.name}: {error}".splitlines()[0]
        ) from None
    network.to(device).eval()
    return network


def _config(path: Path) -> DictConfig:
    given = OmegaConf.load(path)
    if not isinstance(given, DictConfig):
        raise InvalidRequestError(f"{path.name} is no mapping.")
    if "name" in given:
        carried = (Path(sam2.__path__[0]) / str(given.name)).resolve()
        if not carried.is_relative_to(Path(sam2.__path__[0]).resolve()) or not carried.is_file():
            raise InvalidRequestError(f"The package sam2 carries no configuration {given.name!r}.")
        config = OmegaConf.merge(OmegaConf.load(carried), OmegaConf.from_dotlist(list(given.get("overrides", []))))
    else:
        config = given
    if not isinstance(config, DictConfig) or "model" not in config:
        raise InvalidRequestError(f"{path.name} has neither `model` nor the `name` of a configuration.")
    _only_sam2(OmegaConf.to_container(config.model), path.name)
    config.model._target_ = _TARGET
    for key, value in _AS_PUBLISHED.items():
        OmegaConf.update(config, key, value, force_add=True)
    OmegaConf.resolve(config)
    return config


def _only_sam2(node: Any, name: str) -> None:
    """A configuration names classes to call; a folder of weights must not call anything else."""
    if isinstance(node, dict):
        target = node.get("_target_", _LAYERS)
        if not str(target).startswith(_LAYERS):
            raise InvalidRequestError(f"{name} may make classes of {_LAYERS}* only; it names {target!r}.")
        for value in node.values():
            _only_sam2(value, name)
    elif isinstance(node, list):
        for value in node:
            _only_sam2(value, name)


def _parameters(checkpoint: Path) -> dict[str, Any]:
    if checkpoint.suffix == ".safetensors":
        from safetensors.torch import load_file

        found: dict[str, Any] = load_file(checkpoint)
    else:
        found = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return dict(found.get("model", found))
