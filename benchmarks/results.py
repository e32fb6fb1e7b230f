"""Measure the named designs and write what the documents state: ``make results``.

Every preset is emitted, played through RTL with the whole MNIST test set, synthesised, and a few
frames go through its gates. The figures are kept in ``results/designs.json``, a design at a time:
an interrupted run goes on where it was. The studies lie beside it (``results/NAME/study.json``);
one that is missing is run, which takes an hour or two. ``docs/results.md`` and a table of the
README are written from these files alone (``--render`` only writes them).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lenetgen.cli.presets import PRESETS
from lenetgen.codegen.render import to_json, write_text
from lenetgen.models.studies import STUDIES, study
from lenetgen.models.studies.runner import read, render

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "designs.json"
PAGE = ROOT / "docs" / "results.md"
README = ROOT / "README.md"
MARKS = ("<!-- results: make results writes this table -->\n", "<!-- end of results -->\n")
IMAGES = 10_000
GATE_IMAGES = 3
CLOCK_MHZ = 200
PORT_BYTES = 1.2e9  # per second: a 64-bit AXI HP port, measured by others (UG585 allows more)
RESOURCES = {"lut": "LUT", "ff": "FF", "dsp": "DSP48E1", "bram36": "BRAM36"}
# a figure: the most it may be (accuracy: the least); shares are percent of the XC7Z020
Reach = dict[str, float]
REACH: dict[str, Reach] = {
    "balanced": {"interval": 784, "latency": 1300, "share": 85},
    "fast": {"interval": 100, "latency": 400, "share": 85, "accuracy": 99.0},
    "small": {"interval": 4000, "accuracy": 99.0, "lut": 7770, "dsp": 122, "bram36": 37.5},
    "tiny": {"accuracy": 97.8, "lut": 3464, "dsp": 0, "bram36": 0},
}
NAMES = {"interval": "cycles per frame", "latency": "latency", "share": "largest share, %"}


def lenetgen(*words: str) -> dict[str, Any]:
    """The JSON of a command; a difference (exit code 1) is a result too. Progress: stderr."""
    command = [sys.executable, "-m", "lenetgen", *words, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)
    result = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result


def measure(preset: str, work: Path) -> dict[str, Any]:
    """All figures of one preset."""
    folder = str(work / f"lenet5-{preset}")
    print(f"{preset}: emit, regress {IMAGES} images, synth", file=sys.stderr)
    emitted = lenetgen("emit", "--preset", preset, "--out", folder)
    played = lenetgen("regress", folder, "--dataset", "mnist", "--images", str(IMAGES))
    gates = lenetgen("synth", folder, "--gate-level", str(GATE_IMAGES))
    total = gates["total"]
    run = played["rtl"][0]
    return {
        "model": emitted["name"],
        "precision": emitted["precision"],
        "cycles": played["cycles"],
        "images": run["images"],
        "wrong_images": run["wrong_images"],
        "regression_ok": played["ok"],
        "accuracy": round(100 * played["correct"] / played["images"], 2),
        "ties": played["ties"],
        "measured": {key: total[key] for key in RESOURCES},
        "percent": {key: total["percent"][key] for key in RESOURCES},
        "estimate": emitted["estimate"]["total"],
        "logic_ns": round(gates["timing"]["worst"]["delay_ns"], 2),
        "gate_level": {key: gates["gate_level"][key] for key in ("images", "wrong_images")},
        "tool": gates["tool"],
    }


def interval(design: dict[str, Any]) -> int:
    """Measured cycles from frame to frame."""
    return int(design["cycles"]["interval"]["measured"])


def misses(name: str, design: dict[str, Any]) -> list[str]:
    """What of the design's reach is missed, in words."""
    figures = {
        **design["measured"],
        "accuracy": design["accuracy"],
        "interval": interval(design),
        "latency": design["cycles"]["latency"]["measured"],
        "share": max(design["percent"].values()),
    }
    found = []
    for key, limit in REACH.get(name, {}).items():
        missed = figures[key] < limit if key == "accuracy" else figures[key] > limit
        if missed:
            label = NAMES.get(key) or RESOURCES.get(key, key)
            found.append(f"{label} {figures[key]:,g}, wanted {limit:,g}")
    return found


def _cell(design: dict[str, Any], key: str) -> str:
    return f"{design['measured'][key]:,g} ({design['percent'][key]:.1f} %)"


def table(designs: dict[str, Any]) -> list[str]:
    """The figures of all designs as a Markdown table."""
    head = ["`--preset`", "cycles per frame", "latency", *RESOURCES.values(), "logic, ns"]
    head += ["accuracy", "RTL = golden"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for name, design in designs.items():
        same = design["images"] - design["wrong_images"]
        row = [f"`{name}`", f"{interval(design):,}"]
        row += [f"{design['cycles']['latency']['measured']:,}"]
        row += [_cell(design, key) for key in RESOURCES]
        row += [f"{design['logic_ns']:.2f}", f"{design['accuracy']:.2f} %"]
        row += [f"{same:,} of {design['images']:,}"]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def rates(designs: dict[str, Any]) -> list[str]:
    """Frames per second: the core at a clock, and what a port can feed."""
    lines = [
        f"| `--preset` | core at {CLOCK_MHZ} MHz, unrouted | one AXI HP port of 1.2 GB/s feeds |",
        "| --- | --- | --- |",
    ]
    for name, design in designs.items():
        core = CLOCK_MHZ * 1e6 / interval(design)
        lines.append(
            f"| `{name}` | {core:,.0f} frames/s | {PORT_BYTES / 784:,.0f} frames/s of 784 bytes |"
        )
    return lines


def page(designs: dict[str, Any]) -> str:
    """The chapter on the designs."""
    tool = next(iter(designs.values()))["tool"]
    lines = [
        "# Results",
        "",
        "Written by `make results` from `results/designs.json`; no figure here is typed by hand.",
        "",
        "## Designs with a name",
        "",
        *table(designs),
        "",
        f"Resources and logic delays: {tool}, XC7Z020, out of context, logic only, no routing; in",
        "brackets the share of the part. Cycles are those of the simulated RTL, equal to the",
        "predicted ones. Accuracy and RTL = golden: the MNIST test set, every logit compared.",
        "Accuracies less than 0.24 points apart are noise.",
        "",
        "| `--preset` | what | estimate: LUT, FF, DSP, BRAM | gate level | reach |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, design in designs.items():
        guess = design["estimate"]
        numbers = ", ".join(f"{guess[key]:,g}" for key in ("lut", "ff", "dsp", "bram"))
        gate = design["gate_level"]
        gates = f"{gate['images'] - gate['wrong_images']} of {gate['images']} images"
        missed = "; ".join(misses(name, design)) or "met"
        lines.append(f"| `{name}` | {PRESETS[name].help} | {numbers} | {gates} | {missed} |")
    lines += ["", *rates(designs), "", "A row again, with its figures:", "", "```"]
    lines += [
        "lenetgen emit --preset fast --out build/lenet5-fast",
        f"lenetgen regress build/lenet5-fast --dataset mnist --images {IMAGES}",
        f"lenetgen synth build/lenet5-fast --gate-level {GATE_IMAGES}",
        "```",
    ]
    return "\n".join(lines) + "\n"


def chapter(name: str) -> list[str]:
    """A study's report as a chapter: headings one deeper, figures found from ``docs``."""
    folder = RESULTS.parent / name
    lines = (folder / "study.md").read_text(encoding="utf-8").splitlines()
    links = f"](../{folder.relative_to(ROOT).as_posix()}/"
    return [("#" + line if line.startswith("#") else line).replace("](", links) for line in lines]


def document(designs: dict[str, Any]) -> str:
    """``docs/results.md``: the designs, then the studies there are."""
    there = [name for name in STUDIES if (RESULTS.parent / name / "study.md").exists()]
    chapters = [line for name in there for line in ["", *chapter(name)]]
    return page(designs) + "".join(f"{line}\n" for line in chapters)


def readme(text: str, designs: dict[str, Any]) -> str:
    """The README with its table between the marks replaced."""
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return before + MARKS[0] + "\n" + "\n".join(table(designs)) + "\n\n" + MARKS[1] + after


def load_results() -> dict[str, Any]:
    """What has been measured, in the order of the presets."""
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return {name: found[name] for name in PRESETS if name in found}


def main() -> None:
    """Measure what is missing (or named), then write the documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", help="measure these anew")
    parser.add_argument("--render", action="store_true", help="only write the documents")
    parser.add_argument("--work", type=Path, default=ROOT / "build")
    options = parser.parse_args()
    unknown = [name for name in options.presets if name not in PRESETS]
    if unknown:
        parser.error(f"no preset {unknown[0]!r}; there are: {', '.join(PRESETS)}")
    designs = load_results()
    wanted = options.presets or [name for name in PRESETS if name not in designs]
    for name in () if options.render else wanted:
        designs[name] = measure(name, options.work)
        write_text(RESULTS, to_json({key: designs[key] for key in PRESETS if key in designs}))
    for name in STUDIES:
        folder = RESULTS.parent / name
        if not options.render and not (folder / "study.json").exists():
            lenetgen("study", name, "--out", str(folder))
        elif (folder / "study.json").exists():
            render(study(name), read(folder, study(name)), folder)
    designs = load_results()
    write_text(PAGE, document(designs))
    write_text(README, readme(README.read_text(encoding="utf-8"), designs))


if __name__ == "__main__":
    main()
