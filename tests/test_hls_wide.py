"""C++ that follows the schedule: several pixels a word, every feed, hard-wired layers.

The networks are those of ``test_rtl_wide.py``; all of one build share a g++ run.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen import emit_hls, pragmas
from lenetgen.codegen.design import Design
from lenetgen.codegen.feeds import Feed
from lenetgen.codegen.ir import AvgPool2D, Conv2D, Dense, MaxPool2D, Op
from lenetgen.models.random_networks import random_images
from lenetgen.sim.compare import compare
from lenetgen.sim.rtl_networks import Network

from .rtl_zoo import Net
from .wide_networks import WIDE, Wide, plan

# Compiled with machine integers and with exact widths: together every port, feed and engine.
MACHINE = ("w_lenet_28", "w_odd_4", "w_same_9", "w_pools_12", "w_pool_first_7", "w_valid_8")
MACHINE += ("w_below_a_word", "w_ends_wide_7", "w_average_6")
EXACT = ("w_lenet_2", "w_pools_9", "w_narrow_row", "w_average_7", "w_vector", "w_dense", "w_column")
EXACT += ("w_valid_7", "w_overlap_8", "w_relu", "padded", "strided", "skipping")
FRAMES = 12


def _padded(net: Net) -> Net:
    """Windows that begin and end outside the image, in words of four."""
    return net.conv(3, (3, 3), (2, 4), same=True).dense(2, (1, 1))


def _strided(net: Net) -> Net:
    """Some words complete two windows, some one."""
    return net.conv(2, (2, 5), (1, 3), stride=(1, 3), same=True).dense(2, (1, 1))


def _skipping(net: Net) -> Net:
    """A stride beyond the word and the window: some words complete no window."""
    return net.max((3, 3), (2, 5), same=True).dense(3, (1, 1))


ROWS = {"padded": (_padded, (5, 8, 2), 4), "strided": (_strided, (4, 16, 1), 4)}
ROWS |= {"skipping": (_skipping, (5, 12, 2), 2)}


def _rows(name: str) -> Wide:
    layers, shape, pixels = ROWS[name]
    graph, _ = layers(Net(name, shape)).build()
    return plan(graph, pixels, np.random.default_rng(len(name)), 0)


def _network(name: str) -> Network:
    wide = _rows(name) if name in ROWS else WIDE[name]()
    images = random_images(wide.graph, FRAMES, len(name))
    return Network.of(name, wide.graph, wide.folds, images, wide.pixels)


@pytest.fixture(scope="module")
def networks() -> dict[str, Network]:
    return {name: _network(name) for name in (*WIDE, *ROWS)}


def _emitted(design: Design, folder: Path) -> dict[str, str]:
    emit_hls.emit(design.graph, design.schedule, design.name, "test", folder)
    hls = folder / "hls"
    files = [path for path in hls.rglob("*") if path.suffix in (".h", ".cpp")]
    return {path.relative_to(hls).as_posix(): path.read_text() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "names"), [("csim", MACHINE), ("csim-exact", EXACT)])
def test_every_stream_equals_golden(
    networks: dict[str, Network], engine: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    """Lanes behind a frame's last pixel hold no zeros: csim's main fills them with 165."""
    chosen = [networks[name] for name in names]
    assert [str(finding) for finding in compare(chosen, tmp_path, engines=(engine,))] == []
    for network in chosen:
        for codes in network.expected.values():
            assert len(np.unique(codes)) > 1, network.name


def test_the_compiled_networks_have_every_feed_and_engine(networks: dict[str, Network]) -> None:
    for names in (MACHINE, EXACT):
        designs = [networks[name].design for name in names]
        assert {design.schedule.pixels for design in designs} >= {2, 4}
        assert any(_dead_lanes(design) for design in designs)
    both = [networks[name].design for name in (*MACHINE, *EXACT)]
    stages = [stage for design in both for stage in design.stages]
    assert {design.schedule.pixels for design in both} >= {2, 4, 8}

    def feeds(kind: type[Op], constant: bool) -> set[Feed]:
        return {
            stage.feed
            for stage in stages
            if isinstance(stage.op, kind) and (stage.adders is not None) == constant
        }

    assert feeds(Conv2D, True) == set(Feed)
    assert feeds(Conv2D, False) >= {Feed.PIXELS, Feed.ROWS, Feed.NARROW}
    assert feeds(MaxPool2D, False) == set(Feed)
    assert feeds(AvgPool2D, False) >= {Feed.ROWS, Feed.NARROW}
    assert feeds(Dense, True) == feeds(Dense, False) == {Feed.PIXELS}
    rows = [stage.window for stage in stages if stage.feed is Feed.ROWS and stage.window]
    assert any(window.padding.left and window.padding.right for window in rows)
    assert {window.stride[1] for window in rows} >= {1, 3, 5}


def _dead_lanes(design: Design) -> bool:
    return design.source.words * design.source.lanes != design.graph.input.size


def test_pragmas_of_every_network_pass(networks: dict[str, Network], tmp_path: Path) -> None:
    for name, network in networks.items():
        texts = _emitted(network.design, tmp_path / name)
        assert pragmas.find_defects(texts, name).findings == ()


def test_the_port_carries_the_pixels_of_a_word(
    networks: dict[str, Network], tmp_path: Path
) -> None:
    texts = _emitted(networks["w_odd_4"].design, tmp_path)  # 10 x 9 pixels of 2 channels
    header = texts["w_odd_4.h"]
    assert "typedef ap_axiu<64, 0, 0, 0> w_odd_4_pixel_t;" in header
    assert "AXI4-Stream in: 23 words a frame" in header
    assert "The last 4 lanes of a frame's last word are not looked at." in header
    assert "IMAGES: 180 bytes a frame." in texts["csim_w_odd_4.cpp"]


def test_a_hard_wired_layer_is_the_additions_of_the_verilog(
    networks: dict[str, Network], tmp_path: Path
) -> None:
    network = networks["w_lenet_28"]
    texts = _emitted(network.design, tmp_path)
    assert "weights/conv2d_0.h" not in texts
    for stage in network.design.stages:
        if stage.adders is None:
            continue
        text = texts[f"layers/{stage.op.name}.h"]
        nodes = re.findall(r"^    const lng_node<(\d+), (true|false)>::type n\d+ = ", text, re.M)
        values = stage.adders.values[stage.adders.inputs :]
        assert nodes == [(str(one.bits), "true" if one.signed else "false") for one in values]
        assert " * " not in text[text.index("_add(\n") : text.index("// ", text.index("_add(\n"))]
        assert "lng_product" not in text and "_weights" not in text
        assert "ARRAY_PARTITION variable=codes complete dim=0" in text
        assert text.count("#pragma HLS PIPELINE II=1") == 1
        assert "UNROLL factor" not in text  # all loops behind the pipeline: whole
    flat = texts["layers/conv2d_0.h"]
    assert "lng_flat_window<conv2d_0_window>(x, windows," in flat
    assert "for (int v = 0; v < 28; v++)" in flat  # 8 x 28 windows, 8 a cycle
    assert "for (int p = 0; p < 8; p++)" in flat
    pool = texts["layers/maxpool2d_1.h"]
    assert "lng_flat_max<" in pool and "lng_flat_groups<" in pool
    assert "static const int group = 2;" in pool
    assert "lng_split_windows<" in texts["layers/conv2d_2.h"]
    assert "v < 24;" in texts["layers/conv2d_2.h"]  # 2 x 12 windows, one a cycle


def test_multipliers_of_luts_are_bound(networks: dict[str, Network], tmp_path: Path) -> None:
    seen = set()
    for name, network in networks.items():
        texts = _emitted(network.design, tmp_path / name)
        for stage in network.design.stages:
            if stage.fold is not None and not stage.fold.constant:
                text = texts[f"layers/{stage.op.name}.h"]
                bound = "BIND_OP variable=product op=mul impl=fabric" in text
                assert bound == stage.fold.lut
                seen.add(bound)
    assert seen == {False, True}
