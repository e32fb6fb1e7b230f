"""Figures of the studies: texts that don't overlap, the same bytes each time, the right front.

What is checked is the SVG itself: every text with its place and size, every marker.
"""

from __future__ import annotations

import html
import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import FixedPoint
from lenetgen.codegen.ir import WeightedOp
from lenetgen.models.studies import figures
from lenetgen.models.studies.drawing import look
from lenetgen.models.studies.label_places import GAP, Box, Label, place
from lenetgen.models.studies.scatter import front
from lenetgen.models.weight_use import weight_histogram

from .figure_data import FIGURES, Draw, layers, points, run
from .small_networks import small_design


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The SVG of every figure."""
    folder = tmp_path_factory.mktemp("figures")
    for name, draw in FIGURES.items():
        draw(folder / f"{name}.svg")
    return {name: (folder / f"{name}.svg").read_text(encoding="utf-8") for name in FIGURES}


TEXT = re.compile(
    r"<!-- (?P<text>.*?) -->\n"
    r'<g (?:style="[^"]*" )?transform="translate\((?P<x>\S+) (?P<y>\S+)\)'
    r'(?: rotate\((?P<turn>\S+)\))? scale\((?P<scale>\S+) \S+\)">'
)


def texts(svg: str) -> list[tuple[str, np.ndarray]]:
    """Every text with the corners (4, 2) of its ink, in points, y downwards."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    found = []
    for match in TEXT.finditer(svg):
        font = FontProperties(family="DejaVu Sans", size=100 * float(match["scale"]))
        text = html.unescape(match["text"])
        measure = TextToPath().get_text_width_height_descent
        width, height, descent = measure(text, font, ismath=False)
        angle = np.deg2rad(float(match["turn"] or 0))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        top = descent - height
        corners = np.array([[0, top], [width, top], [width, descent], [0, descent]])
        place = (float(match["x"]), float(match["y"]))
        found.append((text, corners @ turn + place))
    return found


def overlap(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two rectangles, however turned, share more than half a point."""
    for corners in (one, other):
        for axis in (corners[1] - corners[0], corners[3] - corners[0]):
            unit = axis / np.hypot(*axis)
            a, b = one @ unit, other @ unit
            if a.max() < b.min() + 0.5 or b.max() < a.min() + 0.5:
                return False
    return True


def page(svg: str) -> tuple[float, float]:
    _, _, width, height = map(float, str(ET.fromstring(svg).get("viewBox")).split())
    return width, height


@pytest.mark.parametrize("name", FIGURES)
def test_texts_are_apart_and_on_the_page(name: str, drawn: dict[str, str]) -> None:
    found = texts(drawn[name])
    assert len(found) == drawn[name].count("<!--") >= 5
    width, height = page(drawn[name])
    for text, corners in found:
        assert (corners > 0).all() and (corners < (width, height)).all(), text
    pairs = itertools.combinations(found, 2)
    assert [(a[0], b[0]) for a, b in pairs if overlap(a[1], b[1])] == []
    sizes = [float(match["scale"]) * 100 for match in TEXT.finditer(drawn[name])]
    assert min(sizes) >= 9
    assert width * 4 / 3 == pytest.approx(800, abs=1)  # pixels in a browser


def test_overlaps_are_seen() -> None:
    """The check above: upright, turned, and a corner inside the other's bounding box only."""
    box = np.array([[0.0, 0], [10, 0], [10, 4], [0, 4]])
    turned = np.array([[0.0, 0], [10, 10], [8, 12], [-2, 2]])
    assert overlap(box, np.add(box, (9, 3))) and overlap(box, turned)
    assert not overlap(box, np.add(box, (9.8, 0))) and not overlap(turned, np.add(box, (6, 0)))


@pytest.mark.parametrize("name", ["pareto", "pareto_equal", "pareto_huge", "sparsity"])
def test_labels_hide_no_marker(name: str, drawn: dict[str, str]) -> None:
    root = ET.fromstring(drawn[name])
    svg, link = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
    groups = [each for each in root.iter(f"{svg}g") if str(each.get("id")).startswith("group-")]
    spots = [
        (float(use.attrib["x"]), float(use.attrib["y"]))
        for each in groups
        for use in each.iter(f"{svg}use")
        if link in use.attrib
    ]
    written = drawn[name].split('id="label-')[1:]
    labels = [texts(part)[0] for part in written]
    expected = {"pareto": (24, 24), "pareto_equal": (9, 9), "pareto_huge": (12, 12)}
    assert (len(spots), len(labels)) == expected.get(name, (16, 8))
    square = np.array([[-3, -3], [3, -3], [3, 3], [-3, 3]])
    for (text, corners), spot in itertools.product(labels, spots):
        assert not overlap(corners, square + np.array(spot)), text


def test_same_bytes_in_another_process(drawn: dict[str, str], tmp_path: Path) -> None:
    """Whatever the hash seed and the user's own matplotlib settings."""
    (tmp_path / "matplotlibrc").write_text("font.size: 22\nsvg.fonttype: none\naxes.grid: True\n")
    names = ["pareto_one", "weights", "confusion_names", "curves_one"]
    subprocess.run(
        [sys.executable, Path(__file__).with_name("figure_data.py"), tmp_path, *names],
        check=True,
        env={"PYTHONHASHSEED": "77", "MATPLOTLIBRC": str(tmp_path), "HOME": str(tmp_path)},
    )
    for name in names:
        assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8") == drawn[name], name


@pytest.mark.parametrize("name", FIGURES)
def test_files_are_plain_small_and_white(name: str, drawn: dict[str, str]) -> None:
    svg = drawn[name]
    width, height = page(svg)
    assert len(svg.encode()) < 150_000
    assert not re.search(r"\d{4}-\d\d-\d\d|/tmp|/home|\.svg|dc:date|Matplotlib", svg)
    first = re.search(r'<path d="([^"]*)" style="fill: #ffffff"/>', svg)
    assert first is not None
    corners = {(float(a), float(b)) for a, b in re.findall(r"[ML] (\S+) (\S+)", first[1])}
    assert corners == {(0, 0), (width, 0), (0, height), (width, height)}


def test_front(rng: np.random.Generator) -> None:
    for _ in range(50):
        spots = [(float(x), float(y)) for x, y in rng.integers(0, 6, (12, 2))]
        beaten = {
            a
            for (a, (x, y)), (u, v) in itertools.product(enumerate(spots), spots)
            if u <= x and v >= y and (u, v) != (x, y)
        }
        found = front(spots)
        assert set(found) == set(range(12)) - beaten
        assert [spots[index] for index in found] == sorted(spots[index] for index in found)


def test_front_is_drawn_as_steps(tmp_path: Path) -> None:
    rows = [("a", 1, 1), ("b", 3, 5), ("c", 2, 0.5), ("d", 4, 4)]
    spots = [{"group": "g", "label": label, "x": x, "y": y} for label, x, y in rows]
    figures.pareto(spots, tmp_path / "p.svg", "x", "y")
    svg = (tmp_path / "p.svg").read_text(encoding="utf-8")
    line = re.search(r'id="front">\n<path d="([^"]*)"', svg)
    assert line is not None
    way = [(float(x), float(y)) for x, y in re.findall(r"[ML] (\S+) (\S+)", line[1])]
    (ax, ay), (bx, by) = ((float(x), float(y)) for x, y in _marks(svg)[:2])
    assert way[:4] == [(ax, ay), (bx, ay), (bx, by), way[-1]] and way[-1][1] == by < ay
    assert way[-1][0] > max(x for x, _ in _marks(svg))


def _marks(svg: str) -> list[tuple[float, float]]:
    part = svg.split('id="group-0"')[1].split("</g>\n</g>")[0]
    return [(float(x), float(y)) for x, y in re.findall(r'<use [^>]*x="(\S+)" y="(\S+)"', part)]


def test_places_keep_off_what_is_taken(rng: np.random.Generator) -> None:
    area = Box(0, 0, 500, 300)
    spots = rng.uniform((100, 100), (220, 160), (20, 2))
    labels = [Label(x, y, 4, 60 + 5 * index, 11) for index, (x, y) in enumerate(spots)]
    bar = Box(300, 0, 300, 300)
    found = place(labels, area, [bar])
    assert found is not None and found == place(labels, area, [bar])
    for label, box in zip(labels, found, strict=True):
        assert (box.right - box.left, box.top - box.bottom) == pytest.approx(
            (label.width, label.height)
        )
        assert box.left >= 0 and box.right <= 500 and box.bottom >= 0 and box.top <= 300
    markers = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in spots]
    for one, other in [
        *itertools.combinations(found, 2),
        *itertools.product(found, [*markers, bar]),
    ]:
        across = max(one.left - other.right, other.left - one.right)
        up = max(one.bottom - other.top, other.bottom - one.top)
        assert max(across, up) >= GAP - 1e-9


def test_near_without_a_leader_and_none_without_room() -> None:
    alone = Label(50, 50, 4, 30, 10)
    assert (found := place([alone], Box(0, 0, 100, 100))) is not None
    assert alone.leader(found[0]) is None and found[0].left > 50
    blocked = place([alone], Box(0, 0, 100, 100), [Box(30, 30, 70, 70)])
    assert blocked is not None and alone.leader(blocked[0]) is not None
    assert place([alone] * 30, Box(0, 0, 100, 100)) is None
    assert place([Label(5, 5, 4, 200, 10)], Box(0, 0, 100, 100)) is None


def test_looks_differ() -> None:
    assert len({look(index) for index in range(35)}) == 35
    assert len({look(index).marker for index in range(7)}) == 7


def test_histograms_of_a_network(tmp_path: Path) -> None:
    """What ``models.weight_use`` returns, as objects and as JSON; a type gives its whole range."""
    graph = small_design().graph
    ops = [op for op in graph.ops if isinstance(op, WeightedOp)]
    found = [weight_histogram(op, FixedPoint.parse("Q4.4")) for op in ops]
    figures.weight_histogram(found, tmp_path / "a.svg")
    figures.weight_histogram([each.as_dict() for each in found], tmp_path / "b.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    titles = " ".join(part for part, _ in texts(text))
    for op in ops:
        assert f"{op.name}, ap_fixed<8,4,AP_RND,AP_SAT>: −8 to 7.9375 by 0.0625, " in titles


def test_range_used_and_saturation(drawn: dict[str, str]) -> None:
    values = layers()[0]["values"]
    part = 100 * (values.max() - values.min()) / 16
    assert f"{part:.3g} % used" in drawn["weights"]
    assert "by 2⁻¹⁰" in drawn["weights"]  # the fine grid: a band, its step in words
    assert drawn["weights"].count("url(#h") == 4  # left and right of one layer, and of its grid


NAN = float("nan")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        pytest.param(lambda p: figures.pareto([], p, "x", "y"), "no points to draw", id="empty"),
        pytest.param(
            lambda p: figures.pareto([{**points()[0], "y": NAN}], p, "x", "y"),
            "point 'float32': y is nan, not a finite number",
            id="nan",
        ),
        pytest.param(
            lambda p: figures.pareto([{**points()[0], "x": 0}], p, "x", "y", log=True),
            "x is 0, a logarithmic axis needs more than 0",
            id="log_zero",
        ),
        pytest.param(
            lambda p: figures.pareto([{**points()[0], "error": -1}], p, "x", "y"),
            "error is -1, it can't be negative",
            id="negative_error",
        ),
        pytest.param(
            lambda p: figures.pareto([{"x": 1, "y": 1, "label": "a"}], p, "x", "y"),
            "number 0 of the points has no 'group'",
            id="no_group",
        ),
        pytest.param(
            lambda p: figures.ablation_bars([{"label": "a", "value": "b"}], p, "x"),
            "row 'a': value is 'b', not a finite number",
            id="word",
        ),
        pytest.param(
            lambda p: figures.ablation_bars([{"label": "a", "value": 1, "claimed": NAN}], p, "x"),
            "claimed is nan",
            id="claimed_nan",
        ),
        pytest.param(
            lambda p: figures.confusion([[1, 2]], p), "shape (1, 2), not a square", id="not_square"
        ),
        pytest.param(
            lambda p: figures.confusion([[1, -2], [0, 1]], p), "whole numbers from 0", id="minus"
        ),
        pytest.param(
            lambda p: figures.confusion([[1, NAN], [0, 1]], p), "whole numbers", id="nan_count"
        ),
        pytest.param(
            lambda p: figures.confusion(np.eye(21), p), "21 classes, at most 20", id="classes"
        ),
        pytest.param(
            lambda p: figures.confusion(np.eye(3), p, classes=["a"]), "1 classes for 3", id="names"
        ),
        pytest.param(
            lambda p: figures.sparsity_curves([{"group": "g", "x": 30, "y": 0.9}], p),
            "both are 0..1",
            id="percent",
        ),
        pytest.param(
            lambda p: figures.training_curves([{"label": "a", "epochs": []}], p),
            "no epochs of run 'a'",
            id="no_epochs",
        ),
        pytest.param(
            lambda p: figures.training_curves([run("a", 2, 8.0)], p), "outside 0..1", id="accuracy"
        ),
        pytest.param(
            lambda p: figures.weight_histogram([{**layers()[0], "values": [NAN]}], p),
            "weights must be finite",
            id="nan_weight",
        ),
        pytest.param(
            lambda p: figures.weight_histogram([{**layers()[0], "step": 0}], p),
            "a grid from -8 to 7.9375 by 0",
            id="step",
        ),
        pytest.param(
            lambda p: figures.weight_histogram([{**layers()[2], "edges": [0, 1]}], p),
            "rising edges, one more than there are counts",
            id="edges",
        ),
    ],
)
def test_bad_input(draw: Draw, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        draw(tmp_path / "figure.svg")
    assert not list(tmp_path.iterdir())
