from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from lenetgen.codegen.binary_point import Method
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.precision import Bits
from lenetgen.codegen.precision_choice import Choice, parse_choice

P999 = Method("percentile", Fraction("99.9"))


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("mixed", Choice("mixed")),
        ("model", Choice("model")),
        ("auto", Choice("auto")),
        ("auto:8:min-max", Choice("auto", method=Method.MIN_MAX)),
        ("auto:6", Choice("auto", Bits(6, 6))),
        ("auto:w4a8", Choice("auto", Bits(4, 8))),
        ("auto:mse:5:corrected", Choice("auto", Bits(5, 5), Method.MSE, corrected=True)),
        ("auto:percentile", Choice("auto", method=P999)),
        ("auto:percentile=99.9", Choice("auto", method=P999)),
        ("auto:percentile=50", Choice("auto", method=Method("percentile", Fraction(50)))),
        ("q4.4:rescaled:mse", Choice("q4.4", method=Method.MSE, rescaled=True)),
        ("q6.6:corrected", Choice("q6.6", corrected=True)),
        ("a:b/my.toml:rescaled:corrected", Choice("a:b/my.toml", rescaled=True, corrected=True)),
        ("x.toml:y.toml", Choice("x.toml:y.toml")),
    ],
)
def test_choices(text: str, choice: Choice) -> None:
    assert parse_choice(text) == choice


@pytest.mark.parametrize(
    ("text", "label", "file_label"),
    [
        ("auto:8:min-max", "auto", "auto"),
        ("auto:mse:w4a8:corrected", "auto:w4a8:mse:corrected", "auto-w4a8-mse-corrected"),
        ("auto:w4a4", "auto:4", "auto-4"),
        ("auto:percentile=99.900", "auto:percentile", "auto-percentile"),
        ("auto:percentile=99.99", "auto:percentile=99.99", "auto-percentile-99.99"),
        ("q4.4:mse:rescaled", "q4.4:rescaled:mse", "q4.4-rescaled-mse"),
        ("a:b/my.toml:corrected", "my:corrected", "my-corrected"),
    ],
)
def test_labels(text: str, label: str, file_label: str) -> None:
    choice = parse_choice(text)
    assert (choice.label, choice.file_label) == (label, file_label)
    if choice.file is None:
        assert parse_choice(label).label == label


def test_files_and_images() -> None:
    assert parse_choice("dir/my.toml:rescaled").file == Path("dir/my.toml")
    assert parse_choice("q4.4:rescaled").file is None
    needs = ["auto", "auto:4:mse", "q4.4:corrected", "my.toml:corrected"]
    without = ["q4.4", "q4.4:rescaled:mse", "my.toml", "my.toml:rescaled", "model"]
    assert [parse_choice(text).needs_images for text in needs + without] == [True] * 4 + [False] * 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q3.3", "choose one of q8.8, q6.6, q4.4, mixed, auto, model, or a file ending in .toml"),
        ("q3.3:rescaled", "choose one of q8.8, q6.6, q4.4"),
        ("", "choose one of"),
        ("auto:", "'' is no option of auto; allowed behind a colon: bits such as 6"),
        ("auto:max", "bits such as 6 or w4a8 (2..16), min-max, percentile, percentile=99.9, mse,"),
        ("auto:rescaled", "'rescaled' is no option of auto"),
        ("auto:1", "'1': allowed are 2 to 16 bits"),
        ("auto:w4a17", "'w4a17': allowed are 2 to 16 bits"),
        ("auto:percentile=49", "'percentile=49': allowed are 50 to 100"),
        ("auto:percentile=100.1", "allowed are 50 to 100"),
        ("auto:percentile=", "'percentile=' is no option of auto"),
        ("auto:6:8", "bits is given twice"),
        ("auto:mse:min-max", "method is given twice"),
        ("q4.4:corrected:corrected", "corrected is given twice"),
        ("q4.4:6", "'6' is no option of q4.4; allowed behind a colon: rescaled, min-max"),
        ("q4.4:mse", "add :rescaled"),
        ("my.toml:mse", "add :rescaled"),
        ("model:corrected", "'corrected' is no option of model; allowed behind a colon: none"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_choice(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value) and repr(text) in str(error.value)
