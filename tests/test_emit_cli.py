"""``lenetgen emit`` as a user calls it: results, and one clear line for every mistake."""

import hashlib
import json
from pathlib import Path

import pytest
from lenetgen.cli.main import main
from lenetgen.models.zoo import checkpoint
from lenetgen.sim.package import load

pytestmark = pytest.mark.slow


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["emit", *words])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("precision", ["mixed", "q4.4", "auto"])
def test_bundled_model(tmp_path: Path, capsys: pytest.CaptureFixture[str], precision: str) -> None:
    out = tmp_path / "design"
    status, text, _ = _run(capsys, "--precision", precision, "--out", str(out), "--json")
    assert status == 0
    result = json.loads(text)
    package = load(out)
    assert result["interval_cycles"] == package.timing.interval
    assert result["latency_cycles"] == package.timing.latency
    assert result["multipliers"] == package.design.schedule.multipliers <= 186
    assert list(result["layers"]) == ["conv1", "pool1", "conv2", "pool2", "fc1", "fc2", "fc3"]
    assert package.precision == precision
    weights = package.design.graph.ops[0].weights.format  # type: ignore[attr-defined]
    assert weights.width == 8


def test_goal_is_met_by_the_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "design"
    status, text, _ = _run(capsys, "--target-cycles", "4000", "--out", str(out), "--json")
    assert status == 0
    result = json.loads(text)
    assert 3000 < result["interval_cycles"] <= 4000
    assert result["multipliers"] < 120


def test_dump_ir(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, _ = _run(capsys, "--out", str(tmp_path / "d"), "--dump-ir", str(tmp_path / "ir"))
    assert status == 0
    names = sorted(path.name for path in (tmp_path / "ir").iterdir())
    assert names[0] == "00_frontend.txt" and names[-1] == "11_drop_dead_channels.txt"
    assert "acc=ap_fixed" in (tmp_path / "ir" / names[-1]).read_text()


MISTAKES = {
    "missing": (["nothing.keras"], "nothing.keras"),
    "unknown-name": (["lenet6"], "lenet5"),
    "folder": (["."], "."),
    "text": (["text.keras"], "text.keras"),
    "truncated": (["cut.keras"], "cut.keras"),
    "preset": (["--precision", "q3.3"], "q8.8, q6.6, q4.4, mixed, auto"),
    "toml": (["--precision", "missing.toml"], "missing.toml"),
    "cycles": (["--target-cycles", "100"], "smallest possible value is 784"),
    "no-cycles": (["--target-cycles", "0"], "smallest possible value is 784"),
    "multipliers": (
        ["--target-cycles", "1000", "--max-dsp", "20", "--max-lut", "9000"],
        "nearest design that fits takes",
    ),
    "latency": (["--target-cycles", "784", "--target-latency", "800"], "quickest design found"),
    "negative-budget": (["--fit", "--max-lut", "-5"], "--max-lut -5: a number of 0 or more"),
    "negative-dsp": (["--max-dsp", "-1"], "--max-dsp -1: a number of 0 or more"),
    "no-latency": (["--target-latency", "0"], "smallest possible value is 792"),
    "latency-of-the-input": (
        ["--target-latency", "105", "--pixels-per-clock", "8"],
        "98 words of input pass 7 layers, each at least a cycle; the smallest possible value is "
        "106",
    ),
    "fewer-than-windows": (
        ["--target-cycles", "97", "--pixels-per-clock", "8"],
        "smallest possible value is 100",
    ),
    "no-budget": (["--fit", "--max-lut", "0"], "0 are allowed"),
    "no-multipliers": (["--max-dsp", "4"], "the smallest possible value is 5, or add --fit"),
    "limit-without-goal": (["--max-bram", "3"], "--max-bram 3: a limit needs a goal"),
    "unknown-part-size": (["--fit", "--part", "xc7a35tcpg236-1"], "xc7z020"),
    "two-goals": (["--fit", "--target-cycles", "900"], "--fit"),
    "part": (["--part", "xc9z"], "xc7z020clg400-1"),
    "clock": (["--clock-mhz", "0"], "clock"),
    "name": (["--name", "module"], "--name 'module'"),
    "dataset": (["--precision", "auto", "--dataset", "imagenet"], "mnist"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mistake: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.keras").write_text("not a model")
    content = checkpoint("lenet5").read_bytes()
    Path("cut.keras").write_bytes(content[: len(content) // 2])
    out = tmp_path / "design"
    out.mkdir()
    (out / "design.json").write_text("an earlier design")
    before = _digest(tmp_path)
    words, expected = MISTAKES[mistake]
    status, text, error = _run(capsys, *words, "--out", str(out))
    assert status == 2
    assert text == ""
    lines = error.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("lenetgen: ")
    assert expected in lines[0]
    assert _digest(tmp_path) == before


def test_unwritable_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for out in ("/proc/lenetgen", str(tmp_path)):
        (tmp_path / "mine").write_text("x")
        status, _, error = _run(capsys, "--out", out)
        assert status == 2
        assert error.startswith(f"lenetgen: --out {out}: ") and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
