"""``cast_codes`` and ``quantize`` against the compiled ``ap_fixed`` headers that ship with hls4ml.

One shared library per half of the type pairs, compiled once; each pair comes in all 28 modes.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenetgen.codegen.cast import cast_codes, quantize
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding

MODES = list(itertools.product(Rounding, Overflow))
MODE_IDS = [f"{q.name}-{o.name}" for q, o in MODES]
PARTS = 2  # files compiled side by side
REAL_TARGETS = 10  # types whose conversion from double is compiled as well

PROGRAM = """\
#include <ap_fixed.h>
#include <cstdint>
template <class S, class D> static void cast(long n, const int64_t* in, int64_t* out) {
  for (long k = 0; k < n; ++k) { S s; s.V = in[k]; D d(s); out[k] = (int64_t)d.V; }
}
template <class D> static void real(long n, const double* in, int64_t* out) {
  for (long k = 0; k < n; ++k) { D d(in[k]); out[k] = (int64_t)d.V; }
}
typedef void (*Cast)(long, const int64_t*, int64_t*);
typedef void (*Real)(long, const double*, int64_t*);
static const Cast casts[] = {
%s};
static const Real reals[] = {
%s};
extern "C" void run_cast(int f, long n, const int64_t* in, int64_t* out) { casts[f](n, in, out); }
extern "C" void run_real(int f, long n, const double* in, int64_t* out) { reals[f](n, in, out); }
"""


_ONE, _UNSIGNED_ONE = FixedPoint(True, 1, 1), FixedPoint(False, 1, 0)
_WIDE = FixedPoint(True, 48, 10)
CORNER_PAIRS = [
    (FixedPoint(True, 4, 3), _ONE),
    (FixedPoint(False, 6, 2), _UNSIGNED_ONE),
    (_ONE, FixedPoint(False, 2, 0)),
    (_WIDE, FixedPoint(True, 32, 4)),  # every mode has its own result here
    (_WIDE, FixedPoint(True, 8, 4)),
    (FixedPoint(True, 2, 1), FixedPoint(True, 2, 1)),  # nothing to do but for SAT_SYM
    (FixedPoint(False, 16, 8), FixedPoint(True, 16, 8)),  # the sign changes, no bit does
    (FixedPoint(True, 16, 8), FixedPoint(False, 16, 8)),
    (FixedPoint(True, 5, 60), FixedPoint(True, 24, 4)),  # no bit in common
    (FixedPoint(True, 5, -60), FixedPoint(False, 24, 4)),
]


def _pairs() -> list[tuple[FixedPoint, FixedPoint]]:
    """The corner pairs, and seeded ones: every target width 1-32, signed and unsigned."""
    rng = np.random.default_rng(list(b"test_cast_headers"))
    pairs = list(CORNER_PAIRS)
    for index in range(64):
        width = 32 - index // 2
        source_width = int(rng.integers(1, 49))
        fraction = int(rng.integers(-12, 40))
        # mostly dropping some of the source's bits, sometimes none, sometimes more than all
        shift = int(rng.integers(-6, source_width + 4))
        source = FixedPoint(bool(rng.random() < 0.6), source_width, source_width - fraction - shift)
        pairs.append((source, FixedPoint(index % 2 == 0, width, width - fraction)))
    return pairs


PAIRS = _pairs()
REALS = [PAIRS[i][1] for i in range(0, len(PAIRS), len(PAIRS) // REAL_TARGETS)]


def _with_modes(fmt: FixedPoint) -> list[FixedPoint]:
    return [replace(fmt, rounding=q, overflow=o) for q, o in MODES]


def _type(fmt: FixedPoint) -> str:
    return fmt.cpp() + " "  # the blank keeps >> apart


class Headers:
    """The compiled conversions of ``PAIRS`` and ``REALS``."""

    def __init__(self, libraries: list[ctypes.CDLL]) -> None:
        self.libraries = libraries

    def cast(self, pair: int, mode: int, codes: np.ndarray) -> np.ndarray:
        """What C++ makes of int64 ``codes`` of pair's source type."""
        function = self.libraries[pair % PARTS].run_cast
        return self._call(function, pair // PARTS * len(MODES) + mode, codes.astype(np.int64))

    def real(self, target: int, mode: int, values: np.ndarray) -> np.ndarray:
        """What C++ makes of float64 ``values``."""
        function = self.libraries[target % PARTS].run_real
        return self._call(function, target // PARTS * len(MODES) + mode, values.astype(np.float64))

    def _call(self, function: Callable[..., None], index: int, values: np.ndarray) -> np.ndarray:
        out = np.empty(len(values), dtype=np.int64)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (values, out)]
        function(ctypes.c_int(index), ctypes.c_long(len(values)), *pointers)
        return out


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Headers:
    spec = importlib.util.find_spec("hls4ml")
    assert spec is not None and spec.submodule_search_locations
    include = Path(spec.submodule_search_locations[0]) / "templates" / "vivado" / "ap_types"
    folder = tmp_path_factory.mktemp("headers")
    runs = []
    for part in range(PARTS):
        casts = [
            f"cast<{_type(source)}, {_type(fmt)}>,\n"
            for source, target in PAIRS[part::PARTS]
            for fmt in _with_modes(target)
        ]
        reals = [
            f"real<{_type(f)}>,\n" for target in REALS[part::PARTS] for f in _with_modes(target)
        ]
        source_file = folder / f"part{part}.cpp"
        source_file.write_text(PROGRAM % ("".join(casts), "".join(reals)))
        command = ["g++", "-std=c++14", "-O0", "-w", "-DNDEBUG", "-shared", "-fPIC", f"-I{include}"]
        command += ["-fno-exceptions", "-fno-asynchronous-unwind-tables"]
        command += [str(source_file), "-o", str(folder / f"part{part}.so")]
        runs.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    for run in runs:
        _, errors = run.communicate()
        assert run.returncode == 0, errors
    return Headers([ctypes.CDLL(str(folder / f"part{part}.so")) for part in range(PARTS)])


def corner_codes(source: FixedPoint, target: FixedPoint) -> list[int]:
    """Extremes, and the neighbourhood of every place where a cast changes its mind."""
    points = [Fraction(code) for code in (source.min_code, -1, 0, 1, source.max_code)]
    step = target.step / source.step  # one target code in source codes
    low, high = target.min_code, target.max_code
    for code in (
        2 * low,
        low - 1,
        low,
        low + 1,
        -2,
        -1,
        0,
        1,
        2,
        high - 1,
        high,
        high + 1,
        2 * high,
    ):
        points += [(code + Fraction(part, 2)) * step for part in (-1, 0, 1)]
    near = {int(point) + delta for point in points for delta in (-2, -1, 0, 1, 2)}
    return sorted(code for code in near if source.min_code <= code <= source.max_code)


@pytest.mark.parametrize("mode", range(len(MODES)), ids=MODE_IDS)
def test_cast_equals_headers_in_all_types(headers: Headers, mode: int) -> None:
    rng = np.random.default_rng(mode)
    for index, (source, target) in enumerate(PAIRS):
        fmt = replace(target, rounding=MODES[mode][0], overflow=MODES[mode][1])
        random = rng.integers(source.min_code, source.max_code, 300, endpoint=True)
        codes = np.concatenate([np.array(corner_codes(source, target), dtype=np.int64), random])
        actual = cast_codes(codes, source.fraction_bits, fmt)
        expected = headers.cast(index, mode, codes)
        wrong = np.flatnonzero(actual != expected)
        assert not wrong.size, (
            f"{source} -> {fmt}: code {codes[wrong[0]]} gives {actual[wrong[0]]}, "
            f"the header {expected[wrong[0]]} ({wrong.size} of {codes.size} differ)"
        )


def test_modes_are_told_apart(headers: Headers) -> None:
    """The comparison above could not pass with two modes mixed up."""
    pair = CORNER_PAIRS.index((_WIDE, FixedPoint(True, 32, 4)))
    codes = np.array(corner_codes(*PAIRS[pair]))
    results = {headers.cast(pair, mode, codes).tobytes() for mode in range(len(MODES))}
    assert len(results) == len(MODES)


@given(st.data())
@settings(derandomize=True, database=None, max_examples=300, deadline=None)
def test_cast_equals_headers_property(headers: Headers, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(PAIRS) - 1), "pair")
    mode = data.draw(st.integers(0, len(MODES) - 1), "mode")
    source, target = PAIRS[index]
    any_code = st.integers(source.min_code, source.max_code)
    corner = st.sampled_from(corner_codes(source, target))
    codes = np.array(data.draw(st.lists(any_code | corner, min_size=1, max_size=40), "codes"))
    fmt = replace(target, rounding=MODES[mode][0], overflow=MODES[mode][1])
    actual = cast_codes(codes, source.fraction_bits, fmt)
    assert actual.tolist() == headers.cast(index, mode, codes).tolist(), f"{source} -> {fmt}"


@pytest.mark.parametrize("mode", range(len(MODES)), ids=MODE_IDS)
def test_quantize_equals_headers(headers: Headers, mode: int) -> None:
    rng = np.random.default_rng(mode)
    for index, target in enumerate(REALS):
        fmt = replace(target, rounding=MODES[mode][0], overflow=MODES[mode][1])
        scale = float(target.real(target.max_code + 1))
        corners = corner_codes(FixedPoint(True, target.width + 4, target.integer_bits + 2), target)
        values = np.concatenate(
            [
                rng.normal(0, scale, 150),
                rng.uniform(-1, 1, 100) * float(target.step) * 4,
                np.array(corners) * float(target.step) / 4,
                np.array([0.0, -0.0, 1.0, -1.0, np.nextafter(0.5, 0), -np.nextafter(0.5, 1)]),
            ]
        )
        actual = quantize(values, fmt)
        expected = headers.real(index, mode, values)
        wrong = np.flatnonzero(actual != expected)
        assert not wrong.size, (
            f"{fmt}: {values[wrong[0]]!r} gives {actual[wrong[0]]}, "
            f"the header {expected[wrong[0]]} ({wrong.size} of {values.size} differ)"
        )
