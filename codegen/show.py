"""A graph as readable text, for ``--dump-ir`` and for error reports."""

from __future__ import annotations

from .ir import Activation, Graph, Lookup, Relu, Tensor, WeightedOp, WindowOp


def show(graph: Graph) -> str:
    """One line per tensor: name, shape, operator, geometry, types and ranges."""
    lines = [f"graph {graph.name}", f"  {_tensor(graph.input)} = input"]
    for op in graph.ops:
        text = f"  {_tensor(op.out)} = {op.kind} {op.x}"
        if isinstance(op, WindowOp):
            pad = op.window.padding
            text += (
                f" window={op.window.size} stride={op.window.stride}"
                f" pad=({pad.top},{pad.bottom},{pad.left},{pad.right})"
            )
        if isinstance(op, WeightedOp):
            text += f" weights={op.weights.shape}:{op.weights.format or 'float'}"
            text += f" bias={op.bias.format or 'float'} activation={op.activation.value}"
            if op.accumulator is not None:
                acc = op.accumulator
                text += f" acc={acc.format} [{acc.low}, {acc.high}]"
        if isinstance(op, Relu) and op.activation != Activation.RELU:
            text += f" activation={op.activation.value}"
        if isinstance(op, Lookup):
            text += f" function={op.function.value}"
        lines.append(text)
    return "\n".join(lines) + "\n"


def _tensor(tensor: Tensor) -> str:
    text = f"%{tensor.name}: {'x'.join(map(str, tensor.shape))}"
    if tensor.format is not None:
        text += f" {tensor.format} [{tensor.low}, {tensor.high}]"
    return text
