"""Small HGQ2 models, trained for a few steps, whose parameters then get bits of their own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.frontend.quantizers import import_hgq

Layers = Callable[[Any, Any], list[Any]]

WHOLE = {"heterogeneous_axis": ()}  # one type for the whole tensor
EACH = {"homogeneous_axis": ()}  # a type per element


def quantizer(kind: str, place: str, rounding: str, overflow: str, **more: Any) -> Any:
    """A quantizer's settings."""
    modes = {"round_mode": rounding, "overflow_mode": overflow}
    return import_hgq().quantizer.QuantizerConfig(kind, place, **modes, **more)


def act(rounding: str, overflow: str, k: int, i: int, f: int, **more: Any) -> Any:
    """A ``kif`` quantizer of activations, one type for the whole tensor unless said otherwise."""
    axes = {} if "homogeneous_axis" in more else WHOLE
    return quantizer("kif", "datalane", rounding, overflow, k0=k, i0=i, f0=f, **axes, **more)


def kernel(rounding: str, overflow: str, b: int, i: int, **more: Any) -> Any:
    """A ``kbi`` quantizer of weights, a type per weight unless said otherwise."""
    return quantizer("kbi", "weight", rounding, overflow, b0=b, i0=i, **more)


def bias(rounding: str, overflow: str, b: int, i: int, **more: Any) -> Any:
    """A ``kbi`` quantizer of biases."""
    return quantizer("kbi", "bias", rounding, overflow, b0=b, i0=i, **more)


def lenet(k: Any, q: Any) -> list[Any]:
    """28×28×1 pixels / 255: a type per weight, plain pools and activations between."""
    return [
        q.QConv2D(
            4,
            5,
            activation="relu",
            iq_conf=act("RND", "SAT", 0, 0, 7),
            kq_conf=kernel("RND", "SAT_SYM", 5, 0),
            bq_conf=bias("RND_CONV", "SAT", 6, 1),
            name="conv1",
        ),
        k.MaxPooling2D(2, name="pool1"),  # the saturating cast behind it passes it
        q.QConv2D(
            6,
            3,
            padding="same",
            iq_conf=act("TRN", "SAT", 0, 0, 4),
            kq_conf=kernel("TRN", "SAT", 6, 1, **WHOLE),
            bq_conf=bias("RND", "WRAP", 7, 2, **WHOLE),
            name="conv2",
        ),
        k.ReLU(name="relu2"),
        k.AveragePooling2D(2, name="pool2"),
        k.Flatten(),
        k.Dropout(0.1),
        q.QDense(
            12,
            activation="relu",
            iq_conf=act("RND_CONV", "WRAP", 1, -2, 6),
            kq_conf=quantizer("kif", "weight", "RND_CONV", "SAT_SYM", i0=0, f0=4),
            name="fc1",
        ),
        q.QDense(
            10,
            iq_conf=act("RND", "SAT_SYM", 1, 0, 4),
            kq_conf=kernel("S_RND", "WRAP", 6, 1),
            enable_oq=True,
            oq_conf=act("RND_ZERO", "SAT", 1, 0, 5),
            name="fc2",
        ),
    ]


def colours(k: Any, q: Any) -> list[Any]:
    """Raw pixels of 9×8×3, a type per channel; casts that wrap stand alone; exact logits."""
    return [
        k.Rescaling(1 / 127.5, -1, name="scale"),
        q.QConv2D(
            5,
            (3, 2),
            strides=(1, 2),
            padding="same",
            use_bias=False,
            iq_conf=act("RND_INF", "SAT", 1, 0, 4, homogeneous_axis=(0, 1, 2)),
            kq_conf=kernel("RND_MIN_INF", "SAT", 4, 0, k0=0, **WHOLE),
            name="conv1",
        ),
        q.QMaxPooling2D(
            2,
            strides=1,
            iq_conf=act("RND_ZERO", "SAT_SYM", 1, 1, 3, scaler=0.5),
            enable_oq=True,
            oq_conf=act("TRN_ZERO", "WRAP", 1, -2, 3),
            name="pool1",
        ),
        import_hgq().quantizer.Quantizer(act("RND", "WRAP", 0, -1, 3), name="again"),
        q.QAveragePooling2D((2, 1), iq_conf=act("TRN", "SAT", 0, 0, 2), name="mean"),
        k.Flatten(),
        q.QDense(
            6,
            activation="relu",
            iq_conf=quantizer("kbi", "datalane", "RND_MIN_INF", "SAT", b0=3, i0=-1, **WHOLE),
            kq_conf=kernel("RND", "SAT", 3, 0),
            bq_conf=bias("TRN", "SAT", 3, -1),
            name="fc1",
        ),
        k.Identity(name="nothing"),
        q.QBatchNormDense(
            4,
            iq_conf=act("RND", "SAT", 0, 1, 2),
            kq_conf=kernel("RND", "SAT_SYM", 4, 1),
            activation="softmax",
            name="fc2",
        ),
    ]


def flat(k: Any, q: Any) -> list[Any]:
    """A vector of 48 pixels / 255, read as a 6×8 image behind its quantizer."""
    return [
        import_hgq().quantizer.Quantizer(act("TRN", "SAT", 0, 0, 3), name="pixels"),
        k.Reshape((6, 8, 1)),
        q.QConv2D(3, 3, enable_iq=False, kq_conf=kernel("RND", "SAT_SYM", 4, 0), name="conv"),
        k.MaxPooling2D((2, 3), name="top"),  # the wrapping cast behind it stays there
        q.QConv2D(4, 1, iq_conf=act("RND", "WRAP", 1, -1, 5), name="mix"),
        q.QGlobalMaxPooling2D(iq_conf=act("RND", "SAT", 0, 0, 5), name="most"),
        q.QDense(3, iq_conf=act("RND", "SAT", 0, 0, 5), kq_conf=kernel("RND", "SAT", 4, 0)),
    ]


def trained(layers: Layers, shape: tuple[int, ...], seed: int, steps: int = 4) -> Any:
    """The Sequential model of ``layers`` after a few steps, then with other bits per element."""
    keras, hgq = import_keras(), import_hgq()
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input(shape), *layers(keras.layers, hgq.layers)], name="net")
    rng = np.random.default_rng(seed)
    images = rng.random((16, *shape), dtype=np.float32)
    goal = rng.normal(0, 1.0, (16, model.output_shape[-1])).astype(np.float32)
    model.compile(keras.optimizers.Adam(0.03), "mse", run_eagerly=True, jit_compile=False)
    for _ in range(steps):
        model.train_on_batch(images, goal)
    for layer in model.layers:
        for name in ("_kq", "_bq", "_iq", "_oq"):
            if (found := getattr(layer, name, None)) is not None:
                _jitter(found.quantizer, rng)
        if hasattr(layer, "quantizer"):
            _jitter(layer.quantizer, rng)
    return model


def _jitter(inner: Any, rng: np.random.Generator) -> None:
    """Move the bits of every element by up to two, where elements have bits of their own.

    Training widens what wraps around until nothing does: take up to two integer bits back.
    """
    if inner.overflow_mode == "WRAP" and not inner._is_weight:
        _, i, f = (np.asarray(value) for value in inner.kif)
        inner._i.assign(np.minimum(np.maximum(i - 2, 3 - f), i))
    for name in ("_b", "_f"):
        variable = getattr(inner, name, None)
        if variable is not None and np.prod(variable.shape) > 1:
            moved = np.asarray(variable) + rng.integers(-2, 3, variable.shape)
            variable.assign(np.maximum(moved, 0))


def save(model: Any, path: Path) -> Path:
    """Write a model file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, inside Keras
        model.save(path)
    return path
