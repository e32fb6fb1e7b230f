from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from lenetgen.cli import precision as module
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding, quantized
from lenetgen.codegen.ir import Activation, Const, Conv2D, Dense, Graph, MaxPool2D, Tensor, Window
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import from_toml, preset
from lenetgen.sim.calibrate import layer_uses
from lenetgen.sim.float_model import FloatModel
from lenetgen.sim.golden import GoldenModel


def network() -> Graph:
    rng = np.random.default_rng(5)
    x = Tensor("x", (6, 6, 1))
    conv = Conv2D(
        name="conv",
        x="x",
        out=Tensor("c", (6, 6, 3)),
        window=Window.same((3, 3), (1, 1), (6, 6)),
        weights=Const(rng.normal(0, 0.5, (3, 3, 1, 3))),
        bias=Const(np.zeros(3)),
        activation=Activation.RELU,
    )
    pool = MaxPool2D(name="pool", x="c", out=Tensor("p", (3, 3, 3)), window=Window((2, 2), (2, 2)))
    fc = Dense(
        name="fc",
        x="p",
        out=Tensor("f", (4,)),
        weights=Const(rng.normal(0, 5, (27, 4))),
        bias=Const(np.ones(4)),
    )
    return to_float_graph(Graph("net", x, (conv, pool, fc)))


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "float_graph", lambda model: network())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(module.command, list(arguments), catch_exceptions=True)


def message(result: Result) -> str:
    """The user error that main() would print."""
    assert isinstance(result.exception, UserError), result.exception
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_table_names_every_layer_and_type() -> None:
    result = run("net.keras", "--preset", "mixed")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split()[:5] == ["layer", "weight", "bias", "sum", "result"]
    assert [line.split()[0] for line in lines[1:]] == ["conv", "pool", "fc"]
    assert lines[1].split()[1:3] == ["8,4", "8,4"]
    assert lines[3].split()[1:3] == ["12,6", "12,6"]
    assert "random images" in result.stderr
    assert "…" not in result.stdout


@pytest.mark.parametrize("name", ["mixed", "auto", "q4.4", "auto:w4a6:mse", "q4.4:rescaled"])
def test_dump_can_be_checked(tmp_path: Path, name: str) -> None:
    path = tmp_path / "types.toml"
    assert run("--preset", name, "--dump", str(path)).exit_code == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["types.toml"]
    to_output = run("--preset", name, "--dump", "-")
    assert to_output.exit_code == 0
    assert to_output.stdout == path.read_text()
    assert to_output.stderr == ""
    types = from_toml(path, network())
    assert types.name == name.replace(":", "-")
    if name in ("mixed", "q4.4"):
        assert types == preset(name, network())
    checked = run("--check", str(path), "--json")
    direct = run("--preset", name, "--json")
    assert checked.exit_code == 0
    found, wanted = json.loads(checked.stdout), json.loads(direct.stdout)
    assert (found["layers"], wanted["precision"]) == (wanted["layers"], name)


def test_dump_does_not_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "types.toml"
    path.write_text("mine")
    assert "exists already; --force" in message(run("--dump", str(path)))
    assert path.read_text() == "mine"
    assert run("--dump", str(path), "--force").exit_code == 0
    assert from_toml(path, network()) == preset("mixed", network())
    assert [entry.name for entry in tmp_path.iterdir()] == ["types.toml"]
    assert (path.stat().st_mode & 0o777) & 0o600 == 0o600


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "types.toml"
    path.write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        module.write_new(path, "new", force=False)
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["types.toml"]


def test_user_errors(tmp_path: Path) -> None:
    assert "can't be written" in message(run("--dump", str(tmp_path / "none" / "types.toml")))
    assert "is a folder" in message(run("--dump", str(tmp_path)))
    assert "give one of them" in message(run("--dump", "-", "--check", "a.toml"))
    assert "must end in .toml" in message(run("--check", "types.txt"))
    assert "No such file" in message(run("--check", str(tmp_path / "none.toml")))
    assert "no data set 'nope'" in message(run("--dataset", "nope"))
    assert "choose one of q8.8, q6.6," in message(run("--preset", "q9.9"))
    assert "a TOML file holds types, no biases" in message(
        run("--preset", "q4.4:corrected", "--dump", str(tmp_path / "types.toml"))
    )
    assert list(tmp_path.iterdir()) == []


def test_json_holds_types_and_ranges() -> None:
    result = json.loads(run("--preset", "auto", "--json").stdout)
    assert list(result) == ["model", "precision", "images", "layers"]
    conv, pool, fc = result["layers"]
    assert conv["result"].startswith("ap_ufixed<8,")
    assert pool["accumulator"] is None and fc["accumulator"] == fc["result"]
    assert 0.5 < conv["range_use"] <= 1.0
    assert conv["limits"][0] == 0 and conv["seen"][0] == 0


def test_layer_uses_count(rng: np.random.Generator) -> None:
    graph = network()
    narrow = FixedPoint(True, 4, 2, Rounding.RND, Overflow.SAT)
    types = preset("q4.4", graph, "preset")
    layers = {**types.layers, "fc": types.layers["fc"].__class__(narrow, narrow, narrow)}
    typed = to_typed_graph(graph, types.__class__("narrow", layers))
    images = rng.integers(0, 256, (150, 6, 6, 1), dtype=np.uint8)
    uses = {use.name: use for use in layer_uses(graph, typed, images)}
    logits = GoldenModel(typed).run(images)
    assert uses["fc"].at_limit == np.mean((logits == 7) | (logits == -8)) > 0.1
    weights = graph.ops[2].weights.values  # type: ignore[attr-defined]
    outside = np.mean((weights > 2.0) | (weights < -2.25))
    assert uses["fc"].weights_changed == outside > 0.1
    assert uses["fc"].weights_zeroed == np.mean((weights >= -0.125) & (weights < 0.125)) > 0
    low, high = uses["fc"].seen
    assert (low, high) == FloatModel(graph).ranges(images)["fc"]
    assert uses["fc"].limits == (-2.0, 1.75)
    assert uses["fc"].use == max(high / 1.75, low / -2.0) > 1
    assert uses["conv"].at_limit == 0.0


def test_short_types() -> None:
    assert module.short(None) == ""
    assert module.short(quantized(8, 4)) == "8,4"
    assert module.short(quantized(8, 0, signed=False)) == "u8,0"
    assert module.short(FixedPoint(True, 8, 4, Rounding.TRN, Overflow.SAT)) == "8,4,TRN,SAT"


def test_help_is_fast_and_shows_an_example() -> None:
    code = (
        "import sys; from lenetgen.cli.main import cli; "
        "cli(['precision', '--help'], standalone_mode=False); "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    run_ = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Example: lenetgen precision" in run_.stdout


@pytest.mark.slow
def test_bundled_model(tmp_path: Path) -> None:
    """The command as a user starts it, default model and images included."""
    path = tmp_path / "types.toml"
    command = [sys.executable, "-m", "lenetgen", "precision", "--preset", "auto"]
    command += ["--dump", str(path)]
    run_ = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "7 layers; calibrated on " in run_.stderr
    assert path.read_text().count("[layers.") == 7
    again = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.count("\n") == 1 and "exists already" in again.stderr
