"""Safe identifiers from any layer name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenetgen.codegen.names import MAX_LENGTH, RESERVED, sanitize, unique_names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("conv1", "conv1"),
        ("Conv1", "conv1"),
        ("block1/conv-2:0", "block1_conv_2_0"),
        ("", "layer_x"),
        ("   ", "layer_x"),
        ("слой", "layer_x"),
        ("Faltungsschicht_Größe", "faltungsschicht_groe"),
        ("réseau", "reseau"),
        ("2d", "n2d"),
        ("module", "module_x"),
        ("wire", "wire_x"),
        ("class", "class_x"),
        ("Class", "class_x"),
        ("clk", "clk_x"),
        ("input", "input_x"),
        ("logits", "logits_x"),
        ("image", "image_x"),
        ("con", "con_x"),
        ("lng_fifo", "x_lng_fifo"),
        ("../x", "x"),
        ("/etc/passwd", "etc_passwd"),
        ("{{7*7}}", "n7_7"),
        ("{% include 'a' %}", "include_a"),
        ("a; rm -rf $HOME `x`", "a_rm_rf_home_x"),
        ("[exec ls]", "exec_ls"),
        ("a__b___c", "a_b_c"),
        ("_conv_", "conv"),
        ("a\nb\0c", "a_b_c"),
        ("x" * 200, "x" * MAX_LENGTH),
        ("\ud800", "layer_x"),
    ],
)
def test_sanitize(text: str, name: str) -> None:
    assert sanitize(text) == name


@settings(deadline=None)
@given(st.text())
def test_any_text_gives_a_safe_name(text: str) -> None:
    name = sanitize(text)
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert name not in RESERVED
    assert len(name) <= MAX_LENGTH + 2
    assert sanitize(name) == name or len(name) > MAX_LENGTH


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "A", "a_2", "A!", "", "wire", "wire_x", "ß"]), max_size=9))
def test_names_are_distinct_and_follow_the_order(texts: list[str]) -> None:
    names = unique_names(texts)
    assert len(set(names)) == len(texts)
    assert names == unique_names(texts)
    for text, name in zip(texts, names, strict=True):
        assert name.startswith(sanitize(text)) or sanitize(text) == name


def test_a_safe_name_is_kept_whatever_comes_before() -> None:
    assert unique_names(["A", "a_2", "a!", "a"]) == ["a_3", "a_2", "a_4", "a"]
    assert unique_names(["Conv", "conv"]) == ["conv_2", "conv"]
    assert unique_names(["conv", "conv", "conv"]) == ["conv", "conv_2", "conv_3"]
    assert unique_names(["a b", "a/b"]) == ["a_b", "a_b_2"]


def test_taken_names_are_avoided() -> None:
    assert unique_names(["fc_softmax", "fc"], taken={"fc_softmax", "fc_softmax_2"}) == [
        "fc_softmax_3",
        "fc",
    ]
