"""HGQ2's quantizers against ours: modes, types, and what has no type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.cast import cast_codes, quantize
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding
from lenetgen.codegen.frontend.quantizers import (
    OVERFLOWS,
    ROUNDINGS,
    FormatError,
    covering,
    import_hgq,
    parameter_format,
    tensor_format,
)

from .hgq_networks import EACH, WHOLE, act, quantizer

BITS = [(1, 2, 3), (0, 3, 2), (1, 0, 4), (1, -2, 6), (0, 4, -1), (1, 3, -1), (0, -1, 2)]


def _built(config: Any, shape: tuple[int, ...] = (5,)) -> Any:
    layer = import_hgq().quantizer.Quantizer(config)
    layer.build((None, *shape) if config.place == "datalane" else shape)
    return layer


def _run(layer: Any, values: np.ndarray) -> np.ndarray:
    """What HGQ2 makes of a vector."""
    return np.asarray(layer(values.astype(np.float32)[None], training=False), np.float64)[0]


@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_modes_are_ap_fixed_modes(rounding: str, overflow: str) -> None:
    """Every quarter step of four times the range, so ties and values outside on both sides."""
    seen = set()
    for k, i, f in BITS:
        layer = _built(act(rounding, overflow, k, i, f))
        fmt = tensor_format(layer)
        assert (fmt.signed, fmt.width, fmt.fraction_bits) == (bool(k), k + i + f, f)
        assert fmt.rounding.name == rounding.removeprefix("S_") and fmt.overflow.name == overflow
        count = 1 << (i + f + 4)
        codes = np.arange(-count, count + 1)
        theirs = _run(layer, codes * 2.0 ** -(f + 2)) * 2.0**f
        ours = cast_codes(codes, f + 2, fmt)
        np.testing.assert_array_equal(theirs, ours, f"k={k} i={i} f={f}")
        for other in Rounding:
            for last in Overflow:
                changed = FixedPoint(fmt.signed, fmt.width, fmt.integer_bits, other, last)
                if (cast_codes(codes, f + 2, changed) != theirs).any():
                    seen.add((other, last))
    others = {(other, last) for other in Rounding for last in Overflow}
    assert others - seen == {(ROUNDINGS[rounding], OVERFLOWS[overflow])}


def test_table_names_all_of_hgq2s_modes() -> None:
    import_hgq()
    from quantizers.fixed_point import _fixed_point_ops as theirs

    plain = {name for name in ROUNDINGS if not name.startswith("S_")}
    assert plain == set(theirs.round_mode_registry)
    # The registry also lists Python's names of the functions.
    assert set(OVERFLOWS) | {"WRAP_SM", "WRAP_SM_FN"} == set(theirs.saturation_mode_registry)


def test_kbi_counts_the_sign_apart() -> None:
    layer = _built(quantizer("kbi", "datalane", "RND", "SAT", b0=7, i0=2, **WHOLE))
    assert str(tensor_format(layer)) == "ap_fixed<8,3,AP_RND,AP_SAT>"


def test_a_scaler_moves_the_point() -> None:
    layer = _built(act("RND", "SAT", 1, 2, 3, scaler=0.25))
    fmt = tensor_format(layer)
    assert str(fmt) == "ap_fixed<6,1,AP_RND,AP_SAT>"
    values = np.arange(-400, 401) * 2.0**-8
    theirs = _run(layer, values)
    np.testing.assert_array_equal(theirs, quantize(values, fmt) * float(fmt.step))


@pytest.mark.parametrize(
    ("config", "text"),
    [
        pytest.param(lambda: act("RND", "WRAP_SM", 1, 2, 3), "overflow_mode 'WRAP_SM'", id="mode"),
        pytest.param(lambda: act("RND", "SAT", 1, 2, 3, scaler=3.0), "scaler=3.0", id="scaler"),
        pytest.param(
            lambda: act("RND", "SAT", 1, 1, 3, affine=(0.25, 0.5)), "affine=(0.25", id="affine"
        ),
        pytest.param(
            lambda: import_hgq().quantizer.QuantizerConfig("dummy", "datalane"),
            "q_type 'dummy' is not supported; supported are kif, kbi",
            id="kind",
        ),
        pytest.param(lambda: act("RND", "SAT", 0, 2, -2), "no bits left", id="nothing"),
        pytest.param(lambda: act("RND", "SAT_SYM", 1, 2, -2), "a sign and no other bit", id="sign"),
        pytest.param(lambda: act("RND", "SAT", 1, 40, 23), "it has 64 bits", id="wide"),
    ],
)
def test_no_type(config: Any, text: str) -> None:
    layer = _built(config())
    with pytest.raises(FormatError) as caught:
        tensor_format(layer)
    assert text in str(caught.value)


def test_a_type_per_element_of_an_activation_is_told() -> None:
    layer = _built(act("RND", "SAT", 1, 2, 3, homogeneous_axis=(0,)))
    assert str(tensor_format(layer)) == "ap_fixed<6,3,AP_RND,AP_SAT>"  # all the same: one type
    layer.quantizer._f.assign(np.array([[3, 3, 4, 3, 3]], np.float32))
    with pytest.raises(FormatError, match=r"f=3..4 in shape \(1, 5\)\); supported is one type"):
        tensor_format(layer)


def test_parameters_with_types_of_their_own_share_the_finest_point() -> None:
    layer = _built(quantizer("kbi", "weight", "TRN", "SAT_SYM", b0=4, i0=1, **EACH), (4,))
    layer.quantizer._b.assign(np.array([2, 4, 5, 0], np.float32))
    values = np.asarray(layer(np.array([1.3, -0.8, 0.7, 0.9], np.float32)), np.float64)
    np.testing.assert_array_equal(values, [1.0, -0.875, 0.6875, 0.0])
    fmt = parameter_format(layer, values)
    assert str(fmt) == "ap_fixed<6,2,AP_TRN,AP_SAT_SYM>"
    assert (quantize(values, fmt) / 16 == values).all()


def test_weights_that_outgrow_a_wrapping_quantizer_keep_their_values() -> None:
    """HGQ2 does not wrap weights: it only rounds them."""
    layer = _built(quantizer("kbi", "weight", "RND", "WRAP", b0=4, i0=1, **WHOLE), (2,))
    values = np.asarray(layer(np.array([5.3, -0.75], np.float32)), np.float64)
    np.testing.assert_array_equal(values, [5.25, -0.75])
    assert str(parameter_format(layer, values)) == "ap_fixed<6,4,AP_RND>"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.0, 0.0], "ap_fixed<1,1>"),
        ([0.25, 0.5], "ap_ufixed<2,0>"),
        ([96.0], "ap_ufixed<2,7>"),
        ([-0.5, 0.25], "ap_fixed<2,0>"),
        ([-0.5], "ap_fixed<1,0>"),
        ([2.0**-30, -1.0], "ap_fixed<31,1>"),
    ],
)
def test_covering(values: list[float], text: str) -> None:
    assert str(covering(np.array(values))) == text


def test_covering_has_a_limit() -> None:
    with pytest.raises(FormatError, match="its values span 63 bits; supported are 62"):
        covering(np.array([1.0, 2.0**-62]))
