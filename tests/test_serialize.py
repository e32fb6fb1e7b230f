import copy

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.ir import Activation
from lenetgen.codegen.serialize import fingerprint, from_parts, to_parts
from lenetgen.models.random_networks import random_network

from .small_networks import small_typed_graph


@pytest.mark.parametrize("number", range(12))
def test_round_trip(number: int) -> None:
    graph = random_network(number).graph
    assert from_parts(*to_parts(graph)) == graph


@pytest.mark.parametrize(
    "text",
    [
        "linear",
        "relu",
        "relu(max=6.0)",
        "relu(max=1e-05)",
        "relu(shift=3)",
        "relu(max=6.0,shift=16)",
    ],
)
def test_activations_have_names(text: str) -> None:
    assert Activation.parse(text).value == text


@pytest.mark.parametrize(
    "text", ["relu()", "relu(shift=0)", "relu(max=6.0shift=3)", "relu(,shift=3)", "relu(max=6)"]
)
def test_no_other_names_are_read(text: str) -> None:
    with pytest.raises(ValueError, match="is no activation"):
        Activation.parse(text)


def test_fingerprint_sees_every_weight_and_type() -> None:
    graph = small_typed_graph()
    assert fingerprint(graph) == fingerprint(small_typed_graph())
    assert fingerprint(graph) != fingerprint(small_typed_graph("q4.4"))
    description, arrays = to_parts(graph)
    for name in arrays:
        changed = {key: values.copy() for key, values in arrays.items()}
        changed[name].flat[-1] ^= 1
        assert fingerprint(from_parts(description, changed)) != fingerprint(graph)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("layers", 0, "kind"), "Conv3D"),
        (("layers", 0, "name"), "../x"),
        (("layers", 0, "output", "type"), "ap_float<8>"),
        (("layers", 0, "output", "shape"), [9, 8, 3]),
        (("layers", 0, "window", "size"), [3]),
        (("layers", 0, "activation"), "softplus"),
        (("layers", 0, "activation"), "relu(max=0.1)"),
        (("input", "low"), "x"),
        (("layers",), 3),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_damaged_description_is_refused(place: tuple[object, ...], value: object) -> None:
    description, arrays = to_parts(small_typed_graph())
    damaged = copy.deepcopy(description)
    target = damaged
    for key in place[:-1]:
        target = target[key]  # type: ignore[index]
    target[place[-1]] = value  # type: ignore[index]
    with pytest.raises(UserError, match=r"design\.json"):
        from_parts(damaged, arrays)


def test_damaged_arrays_are_refused() -> None:
    description, arrays = to_parts(small_typed_graph())
    with pytest.raises(UserError, match="fc1_weights"):
        from_parts(description, {k: v for k, v in arrays.items() if k != "fc1_weights"})
    with pytest.raises(UserError, match="outside"):
        from_parts(description, {**arrays, "fc1_weights": arrays["fc1_weights"] + 5000})
    with pytest.raises(UserError, match="integers"):
        from_parts(description, {**arrays, "fc1_bias": arrays["fc1_bias"].astype(np.float64)})
