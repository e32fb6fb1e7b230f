"""Typed graphs for the comparison with hls4ml, and changes to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lenetgen.codegen.ir import Graph
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset

from .small_networks import Builder


def edited(graph: Graph, name: str, **fields: Any) -> Graph:
    """The graph with one operator changed."""
    ops = [replace(op, **fields) if op.name == name else op for op in graph.ops]
    return graph.with_ops(ops)


def typed(b: Builder, precision: str = "q4.4") -> Graph:
    """What was built, quantized by a preset."""
    graph = to_float_graph(b.graph("network"))
    return to_typed_graph(graph, preset(precision, graph))
