"""docs/layers.md lists exactly what the registry supports."""

from __future__ import annotations

import re
from pathlib import Path

from lenetgen.codegen.frontend.layer import SUPPORTED_ACTIVATIONS
from lenetgen.codegen.frontend.quantizers import OVERFLOWS, ROUNDINGS
from lenetgen.codegen.frontend.registry import QUANTIZED, SUPPORTED


def rows(root: Path) -> dict[str, list[str]]:
    """Cells of the first table by layer name."""
    text = (root / "docs" / "layers.md").read_text()
    table = text[text.index("| Keras layer |") :].split("\n\n")[0]
    found: dict[str, list[str]] = {}
    for line in table.splitlines()[2:]:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        assert name.startswith("`") and name.endswith("`"), line
        assert name not in found
        found[name.strip("`")] = cells
    return found


def test_every_supported_layer_and_no_other(root: Path) -> None:
    table = rows(root)
    assert sorted(table) == sorted(SUPPORTED)
    assert all(len(cells) == 3 and cells[1] for cells in table.values())


def test_quantized_layers_and_modes(root: Path) -> None:
    text = (root / "docs" / "layers.md").read_text().split("## HGQ2's")[1]
    table = text[text.index("| HGQ2 layer |") :].split("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(QUANTIZED)
    table = text[text.index("| `round_mode` |") :].split("\n\n")[0]
    pairs: dict[str, str] = {}
    for line in table.splitlines()[2:]:
        cells = [re.findall(r"\w+", cell) for cell in line.strip("|").split("|")]
        pairs |= {name: cells[1][0] for name in cells[0]} | {name: cells[4][0] for name in cells[3]}
    modes = {name: mode.value for name, mode in [*ROUNDINGS.items(), *OVERFLOWS.items()]}
    assert pairs == {**modes, "WRAP_SM": "refused"}


def test_activations(root: Path) -> None:
    named = re.findall(r"`(\w+)`", rows(root)["Activation"][0])
    assert sorted(named) == sorted(SUPPORTED_ACTIVATIONS)


def test_layers_called_unsupported_are(root: Path) -> None:
    text = (root / "docs" / "layers.md").read_text()
    names = re.findall(
        r"\b(?:[A-Z][a-z0-9]+)+(?:2D|Transpose|ization)\b|Lambda", text.split("## Not")[1]
    )
    assert len(names) >= 4
    assert not SUPPORTED & set(names)
