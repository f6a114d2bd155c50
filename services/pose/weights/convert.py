"""The two steps of `make.sh` that no converter does: `dense` and `half`. Runs in the environment that it makes.

The person detector's weights are stored as the few that are not zero, which ONNX cannot say; and converters write
weights of 16 bits as 32, which doubles the file and adds nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def dense(source: Path, target: Path) -> None:
    """Writes out all weights of a .tflite model that stores them sparse; others are copied as they are."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as tflite

    model = tflite.ModelT.InitFromPackedBuf(source.read_bytes(), 0)
    (graph,) = model.subgraphs
    sparse = [k for k, code in enumerate(model.operatorCodes) if code.builtinCode == tflite.BuiltinOperator.DENSIFY]
    stands_for = {}
    for step in graph.operators:
        if step.opcodeIndex not in sparse:
            continue
        tensor = graph.tensors[step.inputs[0]]
        last = tensor.sparsity.dimMetadata[-1]
        starts, places = (np.asarray(part.values, np.int64) for part in (last.arraySegments, last.arrayIndices))
        values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.float16)
        rows = np.zeros((len(starts) - 1, tensor.shape[-1]), np.float16)
        rows[np.repeat(np.arange(len(rows)), np.diff(starts)), places] = values
        model.buffers[tensor.buffer].data = np.frombuffer(rows.tobytes(), np.uint8)
        tensor.sparsity = None
        stands_for[step.outputs[0]] = step.inputs[0]
    graph.operators = [step for step in graph.operators if step.opcodeIndex not in sparse]
    for step in graph.operators:
        step.inputs = [stands_for.get(k, k) for k in step.inputs]
    builder = flatbuffers.Builder(1 << 22)
    builder.Finish(model.Pack(builder), b"TFL3")
    target.write_bytes(bytes(builder.Output()))


def half(source: Path, target: Path) -> None:
    """Stores the weights of an ONNX model in 16 bits, as they were before it was converted."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(source))
    for weights in model.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.size > 64:
            weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), weights.name))
    model.doc_string = model.graph.doc_string = ""  # where the converter found its input
    onnx.save(model, str(target))


if __name__ == "__main__":
    step, source, target = sys.argv[1:]
    {"dense": dense, "half": half}[step](Path(source), Path(target))
