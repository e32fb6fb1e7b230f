"""What the emitted C++ says: pragmas, types, files. That it computes right: ``test_csim.py``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen import emit_hls
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding
from lenetgen.codegen.ir import (
    AvgPool2D,
    Const,
    Conv2D,
    Dense,
    Graph,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
    Window,
)
from lenetgen.codegen.layout import result_word_bits
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import LayerPrecision, Precision, preset
from lenetgen.codegen.schedule import Fold, Schedule

BANNER = "lenetgen 0, model 123\ndo not edit"
FOLDS = {"conv": Fold(2, 7), "fc": Fold(3, 8)}


def _chain(name: str, tensor: Tensor, ops: list[tuple[type[Op], tuple[int, ...], dict]]) -> Graph:
    done: list[Op] = []
    x = tensor
    for cls, shape, fields in ops:
        out = Tensor(f"t{len(done)}", shape)
        done.append(cls(x=x.name, out=out, **fields))
        x = out
    return Graph(name, tensor, tuple(done))


def _graph() -> Graph:
    weights = np.arange(3 * 3 * 2 * 5).reshape(3, 3, 2, 5) / 64 - 0.7
    dense = np.arange(40 * 4).reshape(40, 4) / 128 - 0.6
    same = Window.same((3, 3), (1, 1), (4, 8))
    none = Const(np.zeros(4))
    conv = {"weights": Const(weights), "bias": Const(np.full(5, 0.25)), "window": same}
    half = Window((2, 2), (2, 2))
    graph = _chain(
        "net",
        Tensor("pixels", (4, 8, 2)),
        [
            (Conv2D, (4, 8, 5), {"name": "conv", **conv}),
            (Relu, (4, 8, 5), {"name": "relu"}),
            (MaxPool2D, (2, 4, 5), {"name": "pool", "window": half}),
            (AvgPool2D, (2, 4, 5), {"name": "mean", "window": Window.same((2, 2), (1, 1), (2, 4))}),
            (Dense, (4,), {"name": "fc", "weights": Const(dense), "bias": none}),
        ],
    )
    graph = to_float_graph(graph)
    return to_typed_graph(graph, preset("mixed", graph))


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, emit_hls.HlsFiles]:
    out = tmp_path_factory.mktemp("emitted")
    return out, emit_hls.emit(_graph(), Schedule(FOLDS, 1), "tiny", BANNER, out)


def _pragmas(text: str) -> list[str]:
    return re.findall(r"^#pragma HLS (.*)$", text, re.MULTILINE)


def test_convolution_carries_the_schedules_factors(emitted: tuple[Path, object]) -> None:
    text = (emitted[0] / "hls/layers/conv.h").read_text()
    pragmas = _pragmas(text)
    assert pragmas.count("UNROLL factor=2") == 2  # sums and casts
    assert pragmas.count("UNROLL factor=7") == 1
    assert pragmas.count("PIPELINE II=1") == 1
    assert pragmas.count("DATAFLOW") == 1
    assert "ARRAY_PARTITION variable=sums complete dim=1" in pragmas
    assert "ARRAY_PARTITION variable=codes complete dim=2" in pragmas
    assert "ARRAY_RESHAPE variable=conv_weights complete dim=2" in pragmas
    assert "ARRAY_RESHAPE variable=conv_weights complete dim=3" in pragmas
    assert "BIND_STORAGE variable=conv_weights type=rom_1p impl=lutram" in pragmas
    # 18 inputs in steps of 7, 5 outputs in groups of 2: the last ones are not full
    assert "g < 3;" in text
    assert "k < 3;" in text
    assert "codes[1][21]" in text


def test_dense_gathers_whole_words(emitted: tuple[Path, object]) -> None:
    """SIMD 8 of words of 5 lanes: one word at a time would be 5; 8 // 5 = 1 word, 5 lanes."""
    text = (emitted[0] / "hls/layers/fc.h").read_text()
    assert _pragmas(text).count("UNROLL factor=3") == 2
    assert _pragmas(text).count("UNROLL factor=5") == 1
    assert "w < 8;" in text


def test_top_is_a_dataflow_between_axi_streams(emitted: tuple[Path, object]) -> None:
    pragmas = _pragmas((emitted[0] / "hls/tiny.cpp").read_text())
    assert pragmas[:5] == [
        "INTERFACE axis port=pixels",
        "INTERFACE axis port=logits",
        "INTERFACE ap_ctrl_hs port=return",
        "INTERFACE ap_ctrl_none port=return",
        "DATAFLOW",
    ]
    assert len([pragma for pragma in pragmas if pragma.startswith("STREAM")]) == 5
    header = (emitted[0] / "hls/tiny.h").read_text()
    assert "typedef ap_axiu<16, 0, 0, 0> tiny_pixel_t;" in header
    assert "typedef ap_axiu<32, 0, 0, 0> tiny_logit_t;" in header


def test_pragmas_name_variables_of_their_file(emitted: tuple[Path, object]) -> None:
    for path in sorted((emitted[0] / "hls").rglob("*.*")):
        text = path.read_text()
        code = re.sub(r"^#pragma.*$", "", text, flags=re.MULTILINE)
        for name in re.findall(r"^#pragma HLS .*variable=(\w+)", text, re.MULTILINE):
            assert re.search(rf"\b{name}\b", code), f"{path.name}: {name}"


def test_every_layer_has_its_types(emitted: tuple[Path, object]) -> None:
    text = (emitted[0] / "hls/types.h").read_text()
    found = re.findall(r"^typedef (ap_\S+) (\w+);$", text, re.MULTILINE)
    types = {name: cpp for cpp, name in found}
    graph = _graph()
    conv, fc = graph.ops[0], graph.ops[-1]
    assert isinstance(conv, Conv2D)
    assert isinstance(fc, Dense)
    assert conv.accumulator is not None
    assert fc.accumulator is not None
    assert types == {
        "input_t": "ap_ufixed<8,0>",
        "conv_weight_t": "ap_fixed<8,4,AP_RND,AP_SAT>",
        "conv_bias_t": "ap_fixed<8,4,AP_RND,AP_SAT>",
        "conv_accum_t": str(conv.accumulator.format),
        "conv_result_t": "ap_fixed<8,4,AP_RND,AP_SAT>",
        "pool_result_t": "ap_fixed<8,4,AP_RND,AP_SAT>",
        "mean_result_t": "ap_fixed<8,4,AP_RND,AP_SAT>",
        "fc_weight_t": "ap_fixed<12,6,AP_RND,AP_SAT>",
        "fc_bias_t": "ap_fixed<12,6,AP_RND,AP_SAT>",
        "fc_accum_t": str(fc.accumulator.format),
        "fc_result_t": str(fc.accumulator.format),
    }


def test_files_are_listed_and_carry_the_banner(
    emitted: tuple[Path, emit_hls.HlsFiles], tmp_path: Path
) -> None:
    out, files = emitted
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    listed = [*files.sources, *files.headers, *files.tb, *files.csim]
    assert sorted(listed) == sorted(there)
    for name in listed:
        text = (out / name).read_text()
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 100, name
        assert "{{" not in text or "/weights/" in name
        if not Path(name).name.startswith("lng_") and not name.endswith(".json"):
            assert text.startswith("// lenetgen 0, model 123\n// do not edit\n"), name
    again = tmp_path / "again"
    assert emit_hls.emit(_graph(), Schedule(FOLDS, 1), "tiny", BANNER, again) == files
    for name in listed:
        assert (again / name).read_bytes() == (out / name).read_bytes(), name


def test_vectors_are_lines_of_numbers(tmp_path: Path) -> None:
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3, 1)
    emit_hls.write_vectors(tmp_path, images, np.array([[-5, 7], [1 << 40, 0]]))
    assert (tmp_path / emit_hls.STIMULUS).read_text() == "0 1 2 3 4 5\n6 7 8 9 10 11\n"
    assert (tmp_path / emit_hls.EXPECTED).read_text() == "-5 7\n1099511627776 0\n"


@pytest.mark.parametrize(
    ("fmt", "bits"),
    [
        (FixedPoint(True, 32, 8), 32),
        (FixedPoint(True, 33, 8), 64),
        (FixedPoint(False, 31, 8), 32),
        (FixedPoint(False, 32, 8), 64),
    ],
    ids=str,
)
def test_output_words_hold_every_code_signed(fmt: FixedPoint, bits: int) -> None:
    assert result_word_bits(fmt) == bits


def test_names_that_are_no_identifiers_are_refused(tmp_path: Path) -> None:
    for name in ("a b", "../x", "1a", "{{7*7}}", ""):
        with pytest.raises(ValueError, match="identifier"):
            emit_hls.emit(_graph(), Schedule(FOLDS, 1), name, BANNER, tmp_path)
    assert not list(tmp_path.iterdir())


def _small(*ops: tuple[type[Op], tuple[int, ...], dict], shape: tuple[int, ...]) -> Graph:
    graph = _chain("small", Tensor("pixels", shape), list(ops))
    wide = FixedPoint(True, 40, 10, Rounding.RND, Overflow.SAT)
    types = {op.name: LayerPrecision(wide, wide, wide) for op in graph.ops}
    return to_typed_graph(graph, Precision("wide", types))


def test_limits_are_users_errors(tmp_path: Path) -> None:
    deep = _small((Relu, (1, 1, 513), {"name": "relu"}), shape=(1, 1, 513))
    with pytest.raises(UserError, match="a word has 513 lanes of 8 bits"):
        emit_hls.emit(deep, Schedule({}, 1), "small", BANNER, tmp_path)

    mean = _small(
        (AvgPool2D, (1, 1, 1), {"name": "mean", "window": Window((2, 2))}), shape=(2, 2, 1)
    )
    op = mean.ops[0]
    fine = replace(op.out, format=FixedPoint(True, 80, 10))
    with pytest.raises(UserError, match="layer mean: its exact mean needs"):
        emit_hls.emit(
            mean.with_ops([replace(op, out=fine)]), Schedule({}, 1), "small", BANNER, tmp_path
        )
