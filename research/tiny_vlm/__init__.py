"""A tiny vision-language model, really trained on phantoms: the way from pixels to findings carries information.

It is a Qwen2.5-VL of one million weights that has seen nothing but drawings. It proves the path, never accuracy.
"""

from __future__ import annotations

from pathlib import Path

CHECKPOINT = Path(__file__).parent / "checkpoint"
"""Base and adapters as ``python -m research.tiny_vlm.train`` made them: what `ICTOGRAM_VLM_WEIGHTS` may point at."""
