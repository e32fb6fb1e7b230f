"""The pragma checker: emitted C++ and public shapes pass, every mutated pragma is found."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from lenetgen.codegen import emit_hls, pragmas
from lenetgen.codegen.pragmas_table import OPERATIONS, PRAGMAS, STORAGE
from lenetgen.sim.package import write

from .pragma_mutants import MUTANTS, TOP
from .pragma_shapes import PUBLIC
from .rtl_zoo import ZOO
from .small_networks import leftover_design, small_design

Texts = dict[str, str]


def _emitted(graph: object, schedule: object, name: str, folder: Path) -> Texts:
    files = emit_hls.emit(graph, schedule, name, "test", folder)  # type: ignore[arg-type]
    every = [*files.sources, *files.headers, *files.tb, *files.csim]
    return {name: (folder / name).read_text() for name in every if not name.endswith(".json")}


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    design = small_design()
    return _emitted(design.graph, design.schedule, "mini", tmp_path_factory.mktemp("mini"))


@pytest.fixture(scope="module")
def average(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """Another network: input table, average pooling, a gathered dense layer."""
    from lenetgen.codegen.schedule import make_schedule

    graph, folds = ZOO["average_tiny"]()
    folder = tmp_path_factory.mktemp("average")
    return _emitted(graph, make_schedule(graph, folds), "net", folder)


def test_emitted_files_pass(mini: Texts, average: Texts, tmp_path: Path) -> None:
    design = leftover_design()
    leftover = _emitted(design.graph, design.schedule, "leftover", tmp_path)
    for name, texts in (("mini", mini), ("net", average), ("leftover", leftover)):
        report = pragmas.find_defects(texts, name)
        assert report.findings == ()
        expected = sum(len(re.findall(r"^#pragma", text, re.M)) for text in texts.values())
        assert sum(report.pragmas.values()) == expected > 40
        assert report.files == len(texts)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_every_network_of_the_zoo_passes(name: str, tmp_path: Path) -> None:
    from lenetgen.codegen.schedule import make_schedule

    graph, folds = ZOO[name]()
    texts = _emitted(graph, make_schedule(graph, folds), "net", tmp_path)
    assert pragmas.find_defects(texts, "net").findings == ()


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_found(mini: Texts, name: str) -> None:
    file, old, new, message = MUTANTS[name]
    assert old in mini[file], mini[file]
    at = mini[file].index(old)
    texts = {**mini, file: mini[file][:at] + new + mini[file][at + len(old) :]}
    findings = pragmas.find_defects(texts, "mini").findings
    assert any(message in finding.message for finding in findings), findings
    assert {finding.file for finding in findings} == {file}
    first, last = (mini[file].count("\n", 0, place) + 1 for place in (at, at + len(old)))
    if name not in ("brace",):
        added = new.count("\n")
        assert all(first <= finding.line <= last + added + 1 for finding in findings), findings


def test_every_pragma_of_another_network_matters(average: Texts) -> None:
    """Each variable misspelt, each dimension one too many, each name cut: all are found."""
    tried = 0
    for file, text in average.items():
        for match in re.finditer(r"^#pragma HLS (\w+)(.*)$", text, re.M):
            for pattern, new in (
                (r"HLS \w", "HLS "),
                (r"variable=(\w+)", r"variable=\1x"),
                (r"port=(\w+)", r"port=\1x"),
                (r"dim=\d", "dim=5"),
                (r"factor=\d+", "factor=0"),
                (r"depth=\d+", "depth=0"),
                (r"II=\d", "II=0"),
            ):
                line, count = re.subn(pattern, new, match.group(), count=1)
                if not count:
                    continue
                tried += 1
                mutant = text[: match.start()] + line + text[match.end() :]
                findings = pragmas.find_defects({**average, file: mutant}, "net").findings
                where = text.count("\n", 0, match.start()) + 1
                assert [(finding.file, finding.line) for finding in findings][:1] == [
                    (file, where)
                ], (line, findings)
    assert tried > 60


@pytest.mark.parametrize("name", PUBLIC)
def test_shapes_of_public_code_pass(name: str) -> None:
    text = re.sub(r"(?m)^        ", "", PUBLIC[name])
    report = pragmas.find_defects({"top.cpp": text}, "top")
    assert report.findings == ()
    assert sum(report.pragmas.values()) == len(re.findall(r"#pragma|_Pragma", text))


def test_wrong_member_and_dimension_through_types() -> None:
    text = re.sub(r"(?m)^        ", "", PUBLIC["dataflow"])
    for old, new, message in (
        ("pair.right complete dim=2", "pair.right complete dim=3", "has 2 dimensions"),
        ("pair.right complete", "pair.middle complete", "pair has no member middle"),
        ("factor=2 dim=2", "factor=2 dim=3", "m has 2 dimensions"),
        ("variable=shift", "variable=in", "in is neither static nor global"),
        ("variable=middle depth", "variable=t depth", "t is not declared here"),
    ):
        assert old in text
        (finding,) = pragmas.find_defects({"a.cpp": text.replace(old, new)}, "top").findings
        assert message in finding.message
        assert finding.module in ("pass", "top")


def test_hls4mls_own_headers() -> None:
    """Code of others: all is read; findings are of kinds that we know and do not want in ours."""
    spec = importlib.util.find_spec("hls4ml")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "templates" / "vivado" / "nnet_utils"
    texts = {path.name: path.read_text() for path in sorted(folder.glob("*.h"))}
    report = pragmas.find_defects(texts, "top")
    assert sum(report.pragmas.values()) > 600
    known = (
        "stands in a block",  # if (constant) { #pragma ... }
        "of Vitis HLS any more",  # RESOURCE and DATA_PACK
        "unknown option region",
        "must stand in the body of a loop",  # UNROLL region
        "stands beside another INLINE",  # INLINE, and INLINE recursive
    )
    others = [str(f) for f in report.findings if not any(text in f.message for text in known)]
    assert others == []


def test_the_table_is_consistent() -> None:
    for name, pragma in PRAGMAS.items():
        assert name == name.upper()
        assert pragma.places
        assert pragma.source == f"UG1399, pragma HLS {name.lower()}"
        for options in (pragma.options, *(options for _, options in pragma.modes)):
            names = [option.name for option in options]
            assert len(names) == len(set(names))
            words = [word for option in options if option.bare for word in option.values]
            assert not set(words) & set(names), name
    assert all(STORAGE.values())
    assert all(OPERATIONS.values())


def test_emit_refuses_what_the_checker_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lenetgen.codegen.cycles import measure
    from lenetgen.sim.package import Options

    from .small_networks import random_images

    def emit(*args: object) -> object:
        files = original(*args)  # type: ignore[arg-type]
        path = Path(str(args[-1])) / TOP
        path.write_text(path.read_text().replace("port=pixels", "port=pixel"))
        return files

    original = emit_hls.emit
    monkeypatch.setattr(emit_hls, "emit", emit)
    design = small_design()
    options = Options(precision="mixed", model="mini")
    with pytest.raises(pragmas.PragmaError, match=r"mini.cpp:\d+: mini: INTERFACE: port=pixel"):
        write(design, measure(design), options, random_images(2, 1), tmp_path / "out")
    assert not (tmp_path / "out").exists()
