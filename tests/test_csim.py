"""Golden model and compiled C++ agree in every stream, for machine integers and exact widths."""

from __future__ import annotations

import re
import subprocess
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen import emit_hls
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding, quantized
from lenetgen.codegen.ir import (
    AvgPool2D,
    Cast,
    Const,
    Conv2D,
    Dense,
    Graph,
    InputTable,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Tensor,
    WeightedOp,
    Window,
)
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import LayerPrecision, Precision
from lenetgen.codegen.schedule import Fold, Schedule
from lenetgen.sim import csim
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.golden.model import kernel_for

S8 = quantized(8, 4)
FLAT = Window((1, 1))


@dataclass
class Net:
    """Builds a chain of layers with random parameters, their types and folds."""

    seed: str
    shape: tuple[int, ...]
    ops: list[Op] = field(default_factory=list)
    types: dict[str, LayerPrecision] = field(default_factory=dict)
    folds: dict[str, Fold] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(zlib.crc32(self.seed.encode()))
        self.tensor = Tensor("pixels", self.shape)

    def _add(self, op: type[Op], shape: tuple[int, ...], types: LayerPrecision, **k: Any) -> Net:
        name = f"l{len(self.ops)}_{op.__name__.lower()}"
        out = Tensor(f"{name}_out", shape)
        self.ops.append(op(name=name, x=self.tensor.name, out=out, **k))
        self.types[name] = types
        self.tensor = out
        return self

    def _weights(self, *shape: int, gain: float) -> dict[str, Const]:
        scale = gain / np.sqrt(np.prod(shape[:-1]))
        return {
            "weights": Const(self.rng.normal(0, scale, shape)),
            "bias": Const(self.rng.normal(0, 0.3, shape[-1])),
        }

    def conv(
        self,
        outputs: int,
        window: Window,
        result: FixedPoint | None = S8,
        fold: tuple[int, int] = (1, 1),
        weight: FixedPoint = S8,
        bias: FixedPoint = S8,
        gain: float = 2.0,
    ) -> Net:
        height, width, channels = self.tensor.image_shape
        shape = (*window.positions(height, width), outputs)
        parameters = self._weights(*window.size, channels, outputs, gain=gain)
        types = LayerPrecision(weight, bias, result)
        self._add(Conv2D, shape, types, window=window, **parameters)
        self.folds[self.ops[-1].name] = Fold(*fold)
        return self

    def dense(
        self,
        outputs: int,
        result: FixedPoint | None = S8,
        fold: tuple[int, int] = (1, 1),
        weight: FixedPoint = S8,
        bias: FixedPoint = S8,
        gain: float = 2.0,
    ) -> Net:
        parameters = self._weights(self.tensor.size, outputs, gain=gain)
        self._add(Dense, (outputs,), LayerPrecision(weight, bias, result), **parameters)
        self.folds[self.ops[-1].name] = Fold(*fold)
        return self

    def pool(self, op: type[Op], window: Window, result: FixedPoint | None = None) -> Net:
        height, width, channels = self.tensor.image_shape
        shape = (*window.positions(height, width), channels)
        return self._add(op, shape, LayerPrecision(None, None, result), window=window)

    def relu(self, result: FixedPoint) -> Net:
        return self._add(Relu, self.tensor.shape, LayerPrecision(None, None, result))

    def cast(self, result: FixedPoint) -> Net:
        return self._add(Cast, self.tensor.shape, LayerPrecision(None, None, result))

    def table(self, result: FixedPoint) -> Net:
        channels = self.shape[2] if len(self.shape) == 3 else 1
        table = Const(self.rng.uniform(-4, 4, (channels, 256)))
        return self._add(InputTable, self.shape, LayerPrecision(None, None, result), table=table)

    def same(self, size: tuple[int, int], stride: tuple[int, int] = (1, 1)) -> Window:
        return Window.same(size, stride, self.tensor.image_shape[:2])

    def typed(self) -> tuple[Graph, Schedule]:
        graph = Graph("net", Tensor("pixels", self.shape), tuple(self.ops))
        if not isinstance(self.ops[0], InputTable):
            graph = to_float_graph(graph)
        types = {op.name: self.types[op.name] for op in graph.ops}
        folds = {op.name: self.folds[op.name] for op in graph.ops if isinstance(op, WeightedOp)}
        return to_typed_graph(graph, Precision("test", types)), Schedule(folds, 1)

    def images(self, count: int) -> np.ndarray:
        """Random pixels and the corners: all 0, all 255, one pixel set."""
        images = self.rng.integers(0, 256, (count, *self.shape), dtype=np.uint8)
        images[0], images[1], images[2] = 0, 255, 0
        images[2].flat[-1] = 255
        return images


def lenet() -> Net:
    wide = quantized(12, 6)
    net = Net("lenet", (28, 28, 1))
    net.conv(6, net.same((5, 5)), fold=(4, 25)).relu(S8)
    net.pool(MaxPool2D, Window((2, 2), (2, 2)))
    net.conv(16, Window((5, 5)), fold=(16, 7)).relu(S8)
    net.pool(MaxPool2D, Window((2, 2), (2, 2)))
    for outputs, fold in ((120, (11, 3)), (84, (5, 22)), (10, (3, 4))):
        last = outputs == 10
        net.dense(outputs, None if last else wide, fold, wide, wide)
        if not last:
            net.relu(wide)
    return net


def kinds() -> Net:
    """Even, rectangular and strided windows, several channels, folds that divide nothing."""
    net = Net("kinds", (9, 7, 3)).table(quantized(9, 3))
    net.conv(5, net.same((3, 2)), quantized(7, 3), fold=(2, 4))
    net.pool(MaxPool2D, net.same((3, 3), (2, 2)))
    net.relu(FixedPoint(True, 5, 3, Rounding.RND_CONV, Overflow.SAT))
    net.conv(4, Window((2, 3), (1, 1)), fold=(3, 7))
    net.pool(AvgPool2D, net.same((3, 3)), quantized(8, 3))
    net.conv(3, net.same((2, 2), (2, 1)), fold=(2, 16))
    net.pool(MaxPool2D, Window((1, 2), (1, 1)))
    return net.dense(7, fold=(4, 2)).dense(5, fold=(2, 8)).dense(6, quantized(9, 5), fold=(4, 5))


def strided() -> Net:
    """Stride 2, windows that leave rows over, padding at one side only, convolution last."""
    net = Net("strided", (8, 11, 2))
    net.conv(3, Window((3, 3), (2, 3), Padding(2, 0, 0, 2)), fold=(3, 18))
    net.pool(AvgPool2D, net.same((2, 3), (1, 2)), FixedPoint(True, 12, 4, Rounding.RND_ZERO))
    net.conv(5, Window((1, 2), (2, 1)), quantized(33, 9), fold=(3, 2))
    net.cast(FixedPoint(True, 9, 5, Rounding.RND_CONV, Overflow.WRAP))
    return net.conv(7, Window((1, 1)), None, fold=(2, 2), weight=quantized(16, 4))


def vector() -> Net:
    """A flat input, unsigned and integer formats, negative and excess fraction bits."""
    coarse = FixedPoint(True, 6, 7, Rounding.RND_INF, Overflow.SAT_SYM)  # -1 fraction bits
    fine = FixedPoint(False, 5, -2, Rounding.TRN_ZERO, Overflow.SAT)  # 7 fraction bits
    net = Net("vector", (13,)).table(quantized(6, 4))
    net.dense(9, fine, fold=(4, 5), weight=quantized(5, -1), gain=0.3)
    net.dense(8, coarse, fold=(3, 4), weight=quantized(10, 8), bias=quantized(20, 4), gain=100)
    net.relu(FixedPoint(False, 3, 6, Rounding.RND, Overflow.SAT))
    return net.dense(1, None, fold=(1, 3)).dense(3, None, fold=(2, 1), gain=1)


def ones() -> Net:
    """Sizes of 1 everywhere; padding as large as the image."""
    net = Net("ones", (1, 1, 1)).conv(1, Window((1, 1)), fold=(1, 1))
    net.pool(MaxPool2D, net.same((3, 3)))
    net.pool(AvgPool2D, net.same((2, 2)), S8)
    return net.conv(2, net.same((3, 1)), fold=(2, 3)).dense(1, None)


def modes(overflow: Overflow) -> Callable[[], Net]:
    """Every rounding in a convolution and in an average, whose values overflow."""

    def build() -> Net:
        net = Net(f"modes {overflow}", (4, 5, 3))
        net.conv(2, net.same((2, 2)), quantized(9, 3), fold=(2, 2), gain=6)
        for index, rounding in enumerate(Rounding):
            signed = overflow is Overflow.SAT_SYM or index % 3 != 2
            net.conv(2, FLAT, FixedPoint(signed, 7, 3, rounding, overflow), (1, 2), gain=3)
            window = net.same(((1, 3), (2, 2), (3, 2))[index % 3])
            net.pool(AvgPool2D, window, FixedPoint(True, 5 + index % 3, 2, rounding, overflow))
        return net.conv(2, FLAT, None)

    return build


NETS = {
    "lenet": lenet,
    "kinds": kinds,
    "strided": strided,
    "vector": vector,
    "ones": ones,
    **{f"modes_{mode.name.lower()}": modes(mode) for mode in Overflow},
}


OPTIMIZED = {"lenet"}  # the others are compiled without: compiling is what takes the time
EXACT = [name for name in NETS if not name.startswith("modes") or name == "modes_sat_sym"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_every_stream_equals_golden(name: str, tmp_path: Path) -> None:
    net = NETS[name]()
    graph, schedule = net.typed()
    emit_hls.emit(graph, schedule, name, "test", tmp_path)
    images = net.images(40)
    golden = GoldenModel(graph).trace(images)
    level = 3 if name in OPTIMIZED else 0

    def build(exact: bool) -> csim.CsimBinary:
        return csim.compile(tmp_path, exact, trace=True, optimize=0 if exact else level)

    with ThreadPoolExecutor(2) as pool:
        builds = list(pool.map(build, (False, True) if name in EXACT else (False,)))
    for binary in builds:
        assert (binary.path.parent / "csim.log").read_text() == "", "compiler warnings"
        trace = csim.run(binary, images, trace=True)
        assert isinstance(trace, dict)
        assert list(trace) == list(golden)
        for tensor, codes in golden.items():
            np.testing.assert_array_equal(trace[tensor], codes, f"{tensor} exact={binary.exact}")
    for op in graph.ops:
        assert len(np.unique(golden[op.out.name])) > 1, f"{op.name} is constant: it shows nothing"


def test_the_nets_tell_all_modes_apart() -> None:
    """With any other mode in its place, some value of the nets above would be another."""
    seen: set[tuple[type[Op], Any, Any]] = set()
    for overflow in Overflow:
        net = modes(overflow)()
        graph, _ = net.typed()
        values = GoldenModel(graph).trace(net.images(40))
        for op in graph.ops:
            x, fmt = graph.source(op), op.out.fmt
            others = [replace(fmt, rounding=mode) for mode in Rounding]
            others += [replace(fmt, overflow=mode) for mode in Overflow]
            for other in others:
                changed = replace(op, out=replace(op.out, format=other))
                result = kernel_for(changed, x)(values[x.name].copy())
                if not np.array_equal(result, values[op.out.name]):
                    was, now = (fmt.rounding, other.rounding)
                    if was is now:
                        seen.add((type(op), fmt.overflow, other.overflow))
                    else:
                        seen.add((type(op), was, now))
    wanted = {
        (op, was, now)
        for op in (Conv2D, AvgPool2D)
        for kind in (Rounding, Overflow)
        for was, now in product(kind, kind)
        if was is not now
    }
    assert not wanted - seen


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Graph, np.ndarray]:
    """An emitted small design with its vectors, and images."""
    net = Net("small", (3, 4, 2)).conv(3, Window((2, 2)), fold=(2, 5))
    net.dense(4, None, fold=(3, 3))
    graph, schedule = net.typed()
    out = tmp_path_factory.mktemp("small")
    emit_hls.emit(graph, schedule, "small", "test", out)
    images = net.images(9)
    emit_hls.write_vectors(out, images, GoldenModel(graph).run(images))
    return out, graph, images


@pytest.mark.slow
def test_run_splits_images_and_tells_progress(small: tuple[Path, Graph, np.ndarray]) -> None:
    out, graph, images = small
    binary = csim.compile(out, optimize=0)
    golden = GoldenModel(graph).run(images)
    for processes in (1, 2, 5):
        told: list[int] = []
        logits = csim.run(binary, images, processes=processes, progress=told.append)
        np.testing.assert_array_equal(logits, golden)
        assert sum(told) == len(images)
        assert len(told) == processes
    empty = csim.run(binary, images[:0])
    assert isinstance(empty, np.ndarray)
    assert empty.shape == (0, 4)
    with pytest.raises(ValueError, match="expected uint8"):
        csim.run(binary, images[:, :2])


@pytest.mark.slow
def test_an_earlier_build_is_used_until_a_source_changes(
    small: tuple[Path, Graph, np.ndarray],
) -> None:
    out, graph, images = small
    binary = csim.compile(out, optimize=0)
    stamp = binary.path.stat().st_mtime_ns
    assert csim.compile(out, optimize=0) == binary
    assert binary.path.stat().st_mtime_ns == stamp
    assert csim.compile(out, exact=True, optimize=0).path != binary.path

    weights = out / "hls" / "weights" / "l1_dense.h"
    text = weights.read_text()
    changed = re.sub(
        r"(\{\{)(-?\d+)", lambda found: f"{found[1]}{-int(found[2]) - 1}", text, count=1
    )
    assert changed != text
    weights.write_text(changed)
    try:
        other = csim.compile(out, optimize=0)
        assert other.path != binary.path
        logits = csim.run(other, images)
        assert not np.array_equal(logits, GoldenModel(graph).run(images))
    finally:
        weights.write_text(text)


@pytest.mark.slow
def test_bench_returns_one_exactly_if_a_logit_differs(
    small: tuple[Path, Graph, np.ndarray], tmp_path: Path
) -> None:
    out, _, images = small
    hls = out / "hls"
    bench = tmp_path / "tb"
    sources = [str(hls / "small.cpp"), str(hls / "tb_small.cpp")]
    flags = ["-std=c++14", "-Wno-unknown-pragmas", "-isystem", str(csim.headers())]
    flags += ["-DLNG_EXACT_CODES", "-DLNG_EXACT_ROM"]  # every type as synthesis sees it
    subprocess.run(["g++", *flags, *sources, "-o", str(bench)], check=True)

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([str(bench), *arguments], cwd=hls, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    assert run() == (0, f"{len(images)} frames, 0 differences\n")
    wrong = tmp_path / "expected.txt"
    lines = (hls / "data" / "expected.txt").read_text().splitlines()
    logits = lines[3].split()
    logits[2] = str(int(logits[2]) - 1)
    wrong.write_text("\n".join([*lines[:3], " ".join(logits), *lines[4:]]) + "\n")
    code, said = run("stimulus.txt", str(wrong))
    assert code == 1
    assert said.startswith("frame 3 logit 2: ")
    wrong.write_text("\n".join(lines[:-1]) + "\n")
    assert run("stimulus.txt", str(wrong))[0] == 1
    wrong.write_text("")
    assert run(str(wrong), str(wrong))[0] == 1
    assert run("absent.txt")[0] == 1


def test_missing_compiler_is_said(
    small: tuple[Path, Graph, np.ndarray], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"needs g\+\+"):
        csim.compile(small[0])


def test_compiler_errors_keep_their_log(tmp_path: Path) -> None:
    net = Net("broken", (2,)).table(S8).dense(1, None)
    graph, schedule = net.typed()
    emit_hls.emit(graph, schedule, "broken", "test", tmp_path)
    (tmp_path / "hls" / "types.h").write_text("#error no types today\n")
    with pytest.raises(UserError, match="no types today"):
        csim.compile(tmp_path)
    assert [log.name for log in tmp_path.glob(".build/csim/*/*")] == ["csim.log"]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"top": "x"}'])
def test_damaged_description_is_a_users_error(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "hls").mkdir()
        (tmp_path / "hls" / "csim.json").write_text(text)
    with pytest.raises(UserError, match=r"csim\.json: not there or damaged"):
        csim.compile(tmp_path)
