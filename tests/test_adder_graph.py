"""Constant products as graphs of additions: coefficients, ranges, pipeline levels."""

from __future__ import annotations

import numpy as np
import pytest
from lenetgen.codegen.adder_graph import MAX_COEFFICIENT, AdderGraph, adder_graph
from lenetgen.codegen.candidates import nonzero_digits
from lenetgen.codegen.ir import Const, Dense, Tensor

RANGES = ((0, 255), (-128, 127), (-1, 0), (0, 1), (3, 9), (-9, -3), (-100, 3))


def _matrices() -> dict[str, np.ndarray]:
    found = {
        "zeros": np.zeros((3, 2)),
        "single": np.array([[1]]),
        "negative": np.array([[-1]]),
        "power": np.array([[64]]),
        "negative_power": np.array([[-32], [0]]),
        "column_of_zeros": np.array([[3, 0, -5], [7, 0, 1]]),
        "row_of_zeros": np.array([[0, 0], [5, -3], [0, 0]]),
        "duplicates": np.array([[3, 3, -3, 6], [5, 5, -5, 10]]),
        "one_input": np.array([[1, -7, 12, 0, 255, -256]]),
        "one_output": np.array([[1], [-7], [12], [0], [255], [-256]]),
        "all_negative": -np.arange(1, 13).reshape(4, 3),
        "large": np.array([[MAX_COEFFICIENT - 1, 1 - MAX_COEFFICIENT], [1, 0]]),
    }
    rng = np.random.default_rng(5)
    for number in range(40):
        shape = (int(rng.integers(1, 12)), int(rng.integers(1, 9)))
        matrix = rng.integers(-(1 << rng.integers(1, 10)), 1 << rng.integers(1, 10), shape)
        matrix *= rng.random(shape) < rng.choice([0.2, 0.6, 1.0])
        found[f"random_{number}"] = matrix << rng.integers(0, 3, shape)
    return {name: matrix.astype(np.int64) for name, matrix in found.items()}


MATRICES = _matrices()


@pytest.fixture(scope="module")
def graphs() -> dict[str, AdderGraph]:
    made = {}
    for number, (name, matrix) in enumerate(MATRICES.items()):
        made[name] = adder_graph(matrix, *RANGES[number % len(RANGES)])
    return made


def _values(graph: AdderGraph, x: np.ndarray) -> list[np.ndarray]:
    """Every value for inputs ``x`` (n, inputs), computed adder by adder."""
    values = list(x.T)
    for adder in graph.adders:
        a, b = values[adder.a] << adder.shift_a, values[adder.b] << adder.shift_b
        values.append(a - b if adder.subtract else a + b)
    return values


def test_products_are_those_of_the_matrix(graphs: dict[str, AdderGraph]) -> None:
    rng = np.random.default_rng(9)
    for number, (name, graph) in enumerate(graphs.items()):
        matrix = MATRICES[name]
        assert np.array_equal(graph.coefficients(), matrix), name
        low, high = RANGES[number % len(RANGES)]
        x = rng.integers(low, high + 1, (50, graph.inputs))
        values = _values(graph, x)
        for index, output in enumerate(graph.outputs):
            result = np.zeros(50, np.int64)
            if output.node is not None:
                result = (-values[output.node] if output.negate else values[output.node]) << (
                    output.shift
                )
            assert np.array_equal(result, x @ matrix[:, index]), (name, index)


def test_ranges_are_exact(graphs: dict[str, AdderGraph]) -> None:
    """The bounds are reached, by the inputs at the ends of their range (with 0 in it)."""
    for number, (name, graph) in enumerate(graphs.items()):
        low, high = RANGES[number % len(RANGES)]
        low, high = min(low, 0), max(high, 0)
        forms = _values(graph, np.eye(graph.inputs, dtype=np.int64))
        for value, form in zip(graph.values, forms, strict=True):
            least = int(np.where(form > 0, low, high) @ form)
            most = int(np.where(form > 0, high, low) @ form)
            assert (value.low, value.high) == (least, most), name
            assert value.signed == (least < 0)


def test_levels_are_legal(graphs: dict[str, AdderGraph]) -> None:
    for name, graph in graphs.items():
        levels = [value.level for value in graph.values]
        assert levels[: graph.inputs] == [0] * graph.inputs
        for index, adder in enumerate(graph.adders):
            assert min(adder.shift_a, adder.shift_b) == 0, name
            own = levels[graph.inputs + index]
            assert max(levels[adder.a], levels[adder.b]) < own <= graph.depth, name
        last = graph.last_use
        assert all(level <= end <= graph.depth for level, end in zip(levels, last, strict=True))
        assert graph.depth == max(levels), name
        used = {output.node for output in graph.outputs}
        used |= {operand for adder in graph.adders for operand in (adder.a, adder.b)}
        assert set(range(graph.inputs, len(levels))) <= used, f"{name}: a dead adder"


def test_sharing_saves_additions(graphs: dict[str, AdderGraph]) -> None:
    """Never more than one addition per nonzero digit less one per output; mostly far fewer."""
    for name, graph in graphs.items():
        matrix = MATRICES[name]
        digits = sum(_digits(matrix[:, [column]]) - 1 for column in range(matrix.shape[1]))
        columns = int(matrix.any(axis=0).sum()) - matrix.shape[1]
        assert len(graph.adders) <= digits - columns, name
    assert len(graphs["duplicates"].adders) <= 3  # 3a + 5b once, the rest are shifts and signs


def _digits(matrix: np.ndarray) -> int:
    zero = Const(np.zeros(matrix.shape[1]))
    op = Dense(name="d", x="x", out=Tensor("d", (1,)), weights=Const(matrix), bias=zero)
    return nonzero_digits(op)


def test_digits_are_those_of_the_canonical_form() -> None:
    known = {0: 0, 1: 1, -1: 1, 3: 2, 7: 2, -7: 2, 11: 3, 170: 4, 255: 2, 0x555: 6}
    for value, count in known.items():
        assert _digits(np.array([[value]])) == count, value


def test_the_same_matrix_gives_the_same_graph() -> None:
    for name in ("random_3", "random_17", "duplicates"):
        assert adder_graph(MATRICES[name], -128, 127) == adder_graph(MATRICES[name], -128, 127)


def test_zeros_need_nothing(graphs: dict[str, AdderGraph]) -> None:
    graph = graphs["zeros"]
    assert graph.adders == () and graph.depth == 0 and graph.register_bits == 0
    assert all(output.node is None for output in graph.outputs)


def test_weights_too_large_for_the_solver_are_refused() -> None:
    with pytest.raises(ValueError, match=str(MAX_COEFFICIENT)):
        adder_graph(np.array([[MAX_COEFFICIENT]]), 0, 1)
