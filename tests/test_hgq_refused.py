"""HGQ2 models that can't be exact, and files that only look like HGQ2's."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import convert, load, load_model
from lenetgen.codegen.frontend.config_check import check_config, uses_hgq
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.frontend.quantizers import import_hgq
from lenetgen.codegen.frontend.registry import SUPPORTED
from lenetgen.codegen.pipeline import to_float_graph
from lenetgen.codegen.precision import own
from lenetgen.models.zoo import model_file

from .hgq_networks import act, kernel, quantizer, save

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)

Q8 = ("RND", "SAT", 0, 0, 8)


def _model(*layers: Any, shape: tuple[int, ...] = (6, 6, 1)) -> Any:
    keras = import_keras()
    return keras.Sequential([keras.Input(shape), *layers], name="net")


def _conv(name: str = "conv", **more: Any) -> Any:
    settings = {"iq_conf": act(*Q8), **more}
    return import_hgq().layers.QConv2D(2, 3, name=name, **settings)


def _dense(name: str = "fc", **more: Any) -> Any:
    settings = {"iq_conf": act(*Q8), **more}
    return import_hgq().layers.QDense(3, name=name, **settings)


def _split(layer: Any) -> Any:
    """The same layer, whose input elements got types of their own."""

    def change(model: Any) -> None:
        bits = model.get_layer(layer.name).iq.quantizer._f
        bits.assign(np.asarray(bits) - (np.arange(np.prod(bits.shape)).reshape(bits.shape) % 3 > 1))

    return change


def _layers() -> Any:
    return import_keras().layers


REFUSED: dict[str, tuple[Callable[[], list[Any]], str]] = {
    "float_layer": (
        lambda: [_conv(), _layers().Flatten(), _layers().Dense(3, name="fc")],
        "layer fc: it has no quantizers and other layers have; quantize all layers or none",
    ),
    "normalization": (
        lambda: [_conv(), _layers().BatchNormalization(name="bn"), _layers().Flatten(), _dense()],
        "layer bn: its normalization can't be folded: before it conv (Conv2D) is quantized "
        "already; after it fc_iq (Cast) is quantized already",
    ),
    "mean_of_nine": (
        lambda: [
            _conv(),
            _layers().AveragePooling2D(3, name="mean"),
            _layers().Flatten(),
            _dense(),
        ],
        "layer mean: a mean of 3x3 pixels is not exact in Keras; "
        "supported between quantizers are 1, 2, 4, 8, ... pixels",
    ),
    "no_input_quantizer": (
        lambda: [_conv(enable_iq=False), _layers().Flatten(), _dense()],
        "layer 'conv' (QConv2D): no quantizer stands between the pixels and it; supported is",
    ),
    "pool_before_quantizer": (
        lambda: [_layers().MaxPooling2D(2, name="pool"), _conv(), _layers().Flatten(), _dense()],
        "layer 'pool' (MaxPooling2D): no quantizer stands between the pixels and it",
    ),
    "activation": (
        lambda: [_conv(activation="tanh"), _layers().Flatten(), _dense()],
        "layer 'conv' (QConv2D): activation 'tanh' is not ",
    ),
    "quantized_softmax": (
        lambda: [_conv(), _layers().Flatten(), _dense(activation="softmax", enable_oq=True)],
        "layer 'fc' (QDense): an output quantizer behind softmax is not supported",
    ),
    "kernel_without_bits": (
        lambda: [_conv(kq_conf=import_hgq().quantizer.QuantizerConfig("dummy", "weight"))],
        "layer 'conv' (QConv2D): its kernel quantizer: q_type 'dummy' is not supported; "
        "supported are kif, kbi",
    ),
    "folded_range": (
        lambda: [_conv(), _layers().Flatten(), _dense(iq_conf=act("RND", "WRAP_SM", 1, 2, 3))],
        "layer 'fc' (QDense): its input quantizer: overflow_mode 'WRAP_SM' is not supported; "
        "supported are WRAP, SAT, SAT_SYM",
    ),
    "other_layer": (
        lambda: [_conv(), import_hgq().layers.QBatchNormalization(name="bn")],
        "layer 'bn' (QBatchNormalization) is not supported; supported are Activation, ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name: str) -> None:
    make, text = REFUSED[name]
    with pytest.raises(UserError) as caught:
        own(to_float_graph(convert(_model(*make()))))
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)


def test_a_type_per_element_is_refused_behind_the_pixels() -> None:
    each = quantizer("kif", "datalane", "RND", "SAT", k0=0, i0=0, f0=4)
    model = _model(_conv(), _layers().Flatten(), _dense(iq_conf=each))
    convert(model)  # all types are the same still
    _split(model.get_layer("fc"))(model)
    with pytest.raises(UserError) as caught:
        convert(model)
    assert str(caught.value) == (
        "layer 'fc' (QDense): its input quantizer: its elements have types of their own "
        "(k=0..0, i=0..0, f=3..4 in shape (1, 32)); "
        "supported is one type for all: heterogeneous_axis=()"
    )


def test_a_type_per_pixel_is_refused() -> None:
    each = quantizer("kif", "datalane", "RND", "SAT", k0=0, i0=0, f0=4)
    model = _model(_conv(iq_conf=each), _layers().Flatten(), _dense())
    _split(model.get_layer("conv"))(model)
    with pytest.raises(UserError, match="its input quantizer treats pixels of one channel diff"):
        convert(model)


def test_hgq_missing_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = save(_model(_conv(), _layers().Flatten(), _dense()), tmp_path / "q.keras")
    monkeypatch.setitem(sys.modules, "hgq", None)
    with pytest.raises(UserError, match=r"HGQ2, which can't be imported .*pip install HGQ2$"):
        load_model(path)


def test_other_models_do_not_import_hgq(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError("imported")

    monkeypatch.setattr(load, "import_hgq", fail)
    load_model(model_file("lenet5"))


def test_a_lambda_beside_quantizers_is_refused(tmp_path: Path) -> None:
    double = _layers().Lambda(lambda x: x * 2, output_shape=(4, 4, 2), name="double")
    path = save(_model(_conv(), double, _layers().Flatten(), _dense()), tmp_path / "l.keras")
    with pytest.raises(UserError, match=r"layer 'double' \(Lambda\) is not supported"):
        load_model(path)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The configuration of a quantized model."""
    path = tmp_path_factory.mktemp("config") / "q.keras"
    with zipfile.ZipFile(save(_model(_conv(), _layers().Flatten(), _dense()), path)) as archive:
        return archive.read("config.json").decode()


def test_quantizers_pass_the_check(config: str) -> None:
    check_config(json.loads(config), SUPPORTED)
    assert uses_hgq(json.loads(config))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("hgq>QuantizerConfig", "evil>QuantizerConfig", id="registered elsewhere"),
        pytest.param("hgq>QuantizerConfig", "hgq>QuantizerConfigScope", id="another name"),
        pytest.param('"hgq.quantizer.config"', '"evil.config"', id="module elsewhere"),
        pytest.param('"class_name": "MinMax"', '"class_name": "Evil"', id="unknown setting"),
        pytest.param('"class_name": "MonoL1"', '"class_name": "__lambda__"', id="function"),
        pytest.param('"hgq.layers.conv"', '"evil"', id="layer's module"),
        pytest.param('"class_name": "QConv2D"', '"class_name": "QConv1D"', id="another layer"),
        pytest.param('"hgq>QConv2D"', "null", id="layer without a package"),
    ],
)
def test_what_only_looks_like_hgq_is_refused(config: str, old: str, new: str) -> None:
    assert old in config
    with pytest.raises(UserError, match="is not supported"):
        check_config(json.loads(config.replace(old, new)), SUPPORTED)


def test_kernel_bits_are_read_through_the_quantizer() -> None:
    """What Keras multiplies with is what we get, also where a quantizer zeroes weights."""
    model = _model(
        _conv(kq_conf=kernel("TRN", "SAT_SYM", 2, -3), use_bias=False),
        _layers().Flatten(),
        _dense(),
    )
    graph = convert(model)
    op = next(op for op in graph.ops if op.name == "conv")
    expected = np.asarray(model.get_layer("conv").qkernel, np.float64)
    np.testing.assert_array_equal(op.weights.values, expected)
    assert not op.bias.values.any()
