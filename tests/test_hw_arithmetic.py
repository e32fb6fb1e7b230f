"""lng_requantize, lng_overflow, lng_round_up, lng_divide, lng_average against exact integers.

All parameter sets are instances in one top module; every input code of the narrow ones is played.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from lenetgen.codegen.cast import cast_codes, overflow_codes, round_quotient
from lenetgen.codegen.emit_verilog import library_folder
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding
from lenetgen.codegen.reciprocal import reciprocal
from lenetgen.codegen.rtl_stage import OVERFLOW_CODE, ROUNDING_CODE

from .rtl_batch import Batch, Dut, Play, Record, to_words

pytestmark = pytest.mark.verilator

Codes = npt.NDArray[np.int64]
MODES = tuple(itertools.product(Rounding, Overflow, (True, False)))
NARROW = 9  # bits of the input whose codes are all played
WIDE = 62
AVERAGE_LATENCY = 4
DIVIDE_LATENCY = 3


@dataclass(frozen=True)
class Case:
    """An instance: its parameters, and what it should compute."""

    module: str
    in_width: int
    to: FixedPoint
    shift: int = 0
    relu: bool = False
    limit: int = 0
    leak: int = 0
    up: int = 0
    divisors: tuple[int, ...] = ()

    @property
    def parameters(self) -> dict[str, int | str]:
        out: dict[str, int | str] = {"IN_WIDTH": self.in_width, "OUT_WIDTH": self.to.width}
        cast = {"ROUNDING": ROUNDING_CODE[self.to.rounding]}
        limit = {"OUT_SIGNED": int(self.to.signed), "OVERFLOW": OVERFLOW_CODE[self.to.overflow]}
        if self.module == "lng_overflow":
            return out | limit
        if self.module == "lng_requantize":
            act = {"RELU": int(self.relu), "LIMIT": f"{self.in_width}'d{self.limit}"}
            act |= {"NEGATIVE_SHIFT": self.leak}
            return out | limit | cast | act | {"SHIFT": self.shift}
        if self.module == "lng_divide":
            divide = self._division()
            return out | cast | {k: v[0] if isinstance(v, list) else v for k, v in divide.items()}
        division: dict[str, int | str] = {}
        for name, value in self._division().items():
            bits = 64 if name == "MULTIPLIER" else 32
            if isinstance(value, list):
                number = sum(v << (bits * i) for i, v in enumerate(value))
                division[name + "S"] = f"{bits * len(value)}'h{number:x}"
            else:
                division[name] = value
        counts = len(self.divisors)
        more = {"COUNTS": counts, "SELECT_WIDTH": max((counts - 1).bit_length(), 1)}
        return out | limit | cast | division | more

    def _division(self) -> dict[str, int | list[int]]:
        """Reciprocals good for every x of ``in_width`` bits."""
        low, high = -1 << (self.in_width - 1) << self.up, (1 << (self.in_width - 1)) - 1 << self.up
        offsets = [-(low // divisor) for divisor in self.divisors]
        largest = max(high + o * d for o, d in zip(offsets, self.divisors, strict=True))
        n_width = max(largest.bit_length(), max(self.divisors).bit_length())
        pairs = [reciprocal(divisor, (1 << n_width) - 1) for divisor in self.divisors]
        shift = max(pair.shift for pair in pairs)
        multipliers = [pair.multiplier << (shift - pair.shift) for pair in pairs]
        return {
            "UP": self.up,
            "N_WIDTH": n_width,
            "MULTIPLIER_WIDTH": max(m.bit_length() for m in multipliers),
            "RECIPROCAL_SHIFT": shift,
            "DIVISOR": list(self.divisors),
            "OFFSET_QUOTIENT": offsets,
            "MULTIPLIER": multipliers,
        }

    def instance(self, index: int, low: int) -> str:
        """Verilog reading x and sel, writing the bits from ``low`` on of y."""
        values = ", ".join(f".{name}({value})" for name, value in self.parameters.items())
        y = f"y[{low + self.to.width - 1}:{low}]"
        x = f"x[{self.in_width - 1}:0]"
        ports = {
            "lng_average": f".clk(clk), .ce(ce), .sum({x}), .select(sel[SEL]), .mean({y})",
            "lng_divide": f".clk(clk), .ce(ce), .x({x}), .y({y})",
        }.get(self.module, f".x({x}), .y({y})")
        select = max((len(self.divisors) - 1).bit_length(), 1)
        ports = ports.replace("SEL", f"{select - 1}:0")
        return f"{self.module} #({values}) u_{index} ({ports});"

    def expected(self, codes: Codes, select: Codes) -> Codes:
        """What it should make of the low bits of ``codes``."""
        half = 1 << (self.in_width - 1)
        x = (codes.astype(object) + half) % (2 * half) - half
        if self.leak:
            top = np.minimum(x, self.limit) if self.limit else x
            x = np.where(x < 0, x, top * (1 << self.leak))
        elif self.relu:
            x = np.clip(x, 0, self.limit or None)
        if self.module == "lng_overflow":
            return overflow_codes(x, self.to).astype(np.int64)
        if self.module == "lng_requantize":
            return cast_codes(x, self.to.fraction_bits + self.shift, self.to).astype(np.int64)
        divisors = np.array(self.divisors, dtype=object)[select % len(self.divisors)]
        quotient = round_quotient(x * (1 << self.up), divisors, self.to.rounding)
        if self.module == "lng_divide":
            return quotient.astype(np.int64)
        return overflow_codes(quotient, self.to).astype(np.int64)


def _format(width: int, mode: tuple[Rounding, Overflow, bool]) -> FixedPoint:
    return FixedPoint(mode[2], width, 3, mode[0], mode[1])


def _requantize_cases(rng: np.random.Generator) -> list[Case]:
    """Every mode with shifts from multiplying to dropping everything; one-bit types."""
    cases = []
    for mode in MODES:
        for _ in range(6):
            width = int(rng.integers(1, NARROW + 1))
            shift = int(rng.integers(-3, width + 4))
            out, relu = int(rng.integers(1, 9)), bool(rng.random() < 0.25)
            limit = int(rng.integers(0, half)) if relu and (half := 1 << (width - 1)) > 1 else 0
            cases.append(Case("lng_requantize", width, _format(out, mode), shift, relu, limit))
            if relu:
                leak = int(rng.integers(1, 5))
                last = Case("lng_requantize", width, _format(out, mode), shift + leak, relu)
                cases.append(replace(last, limit=limit, leak=leak))
        cases.append(Case("lng_requantize", NARROW, _format(5, mode), 3))
        cases.append(Case("lng_requantize", 4, _format(1, mode), int(rng.integers(0, 5))))
        cases.append(Case("lng_requantize", 1, _format(3, mode), int(rng.integers(-2, 4))))
    for overflow, signed in itertools.product(Overflow, (True, False)):
        for width, out in itertools.product((2, 3, 6), (1, 2, 3, 7)):
            to = _format(out, (Rounding.TRN, overflow, signed))
            cases.append(Case("lng_overflow", width, to))
    return cases


def _wide_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for mode in MODES:
        for _ in range(2):
            width, out = int(rng.integers(20, WIDE + 1)), int(rng.integers(1, WIDE + 1))
            shift = int(rng.integers(-8, 70))
            cases.append(Case("lng_requantize", width, _format(out, mode), shift))
    return cases


def _divide_cases(rng: np.random.Generator) -> list[Case]:
    """Small and padded windows, powers of two, divisors above every numerator."""
    cases = []
    for rounding, divisor in itertools.product(Rounding, (1, 2, 3, 6, 7, 25, 300)):
        width, up = int(rng.integers(2, NARROW + 1)), int(rng.integers(0, 4))
        to = FixedPoint(True, width + up + 2, 3, rounding, Overflow.WRAP)
        cases.append(Case("lng_divide", width, to, up=up, divisors=(divisor,)))
    for rounding, divisor in itertools.product(Rounding, (2, 12)):  # ties
        to = FixedPoint(True, NARROW + 2, 3, rounding, Overflow.WRAP)
        cases.append(Case("lng_divide", NARROW, to, divisors=(divisor,)))
    return cases


def _average_cases(rng: np.random.Generator, width: int) -> list[Case]:
    cases = []
    for mode in MODES:
        count = int(rng.choice([1, 2, 4]))  # so that every select means a divisor
        divisors = tuple(int(d) for d in rng.choice(np.arange(1, 26), count, replace=False))
        down = int(rng.integers(0, 3))
        up = 0 if down else int(rng.integers(0, 3))
        to = _format(int(rng.integers(1, 9)), mode)
        divisors = tuple(d << down for d in divisors)
        cases.append(Case("lng_average", width, to, up=up, divisors=divisors))
    return cases


@dataclass(frozen=True)
class Group:
    """Cases with the same latency on the same input words: select above x."""

    name: str
    cases: list[Case]
    codes: Codes
    selects: Codes
    in_width: int
    latency: int

    def dut(self) -> Dut:
        lows = np.cumsum([0] + [case.to.width for case in self.cases]).tolist()
        body = "".join(
            case.instance(index, low) + "\n"
            for index, (case, low) in enumerate(zip(self.cases, lows, strict=False))
        )
        module = f"""
            wire ce;
            wire [{self.in_width - 1}:0] x = NAME_s_data[{self.in_width - 1}:0];
            wire [1:0] sel = NAME_s_data[{self.in_width + 1}:{self.in_width}];
            wire [{lows[-1] - 1}:0] y;
            assign NAME_m_data = y;
            lng_pipe_control #(.DEPTH({self.latency})) u_control (.clk(clk), .rst(NAME_rst),
                .s_axis_tvalid(NAME_s_valid), .s_axis_tready(NAME_s_ready),
                .m_axis_tvalid(NAME_m_valid), .m_axis_tready(NAME_m_ready), .ce(ce));
            {body}"""
        text = f"generate if (1) begin : NAME\n{module}\nend endgenerate\n"
        return Dut(self.name, self.in_width + 2, lows[-1], text)

    def play(self) -> Play:
        words = [
            (int(code) & ((1 << self.in_width) - 1)) | int(select) << self.in_width
            for code, select in zip(self.codes, self.selects, strict=True)
        ]
        data = to_words(words, self.in_width + 2)
        return Play(data, len(words), gap=20, stall=20, burst=3)

    def check(self, record: Record) -> None:
        assert record.finished
        assert not any(record.faults)
        bits = np.unpackbits(record.out.words, axis=1, bitorder="little").astype(np.int64)
        assert len(bits) == len(self.codes)
        low = 0
        for case in self.cases:
            weights = np.int64(1) << np.arange(case.to.width, dtype=np.int64)
            weights[-1] *= -1 if case.to.signed else 1
            got = bits[:, low : low + case.to.width] @ weights
            low += case.to.width
            want = case.expected(self.codes, self.selects)
            wrong = np.flatnonzero(got != want)
            assert not len(wrong), (
                f"{case}: {len(wrong)} wrong, x {self.codes[wrong[0]]}: "
                f"{got[wrong[0]]} instead of {want[wrong[0]]}"
            )


def _all_codes(width: int) -> Codes:
    return np.arange(1 << width, dtype=np.int64)


def _corner_codes(rng: np.random.Generator, width: int) -> Codes:
    """Powers of two and their neighbours, with both signs; numbers of every size."""
    powers = np.int64(1) << np.arange(width - 1, dtype=np.int64)
    near = np.concatenate([powers + d for d in (-1, 0, 1)] + [powers + (powers >> 1)])
    sizes = rng.integers(1, width, 1500)
    values = rng.integers(0, 1 << 62, 1500) >> (62 - sizes)
    codes = np.concatenate([near, values])
    return np.concatenate([codes, -codes])


@pytest.fixture(scope="module")
def groups() -> dict[str, Group]:
    rng = np.random.default_rng(20240)
    narrow, wide = _all_codes(NARROW), _corner_codes(rng, WIDE)
    repeated = np.tile(narrow, 4)  # once with each divisor
    selects = np.repeat(np.arange(4), len(narrow))
    middle = np.concatenate([_corner_codes(rng, 22)] * 2)
    random_selects = rng.integers(0, 4, len(middle))
    none = np.zeros(len(narrow), dtype=np.int64)
    division = _divide_cases(rng)
    found = [
        Group("requantize", _requantize_cases(rng), narrow, none, NARROW, 0),
        Group("wide", _wide_cases(rng), wide, np.zeros(len(wide), np.int64), WIDE, 0),
        Group("divide", division, narrow, none, NARROW, DIVIDE_LATENCY),
        Group("average", _average_cases(rng, NARROW), repeated, selects, NARROW, AVERAGE_LATENCY),
        Group("deep", _average_cases(rng, 22), middle, random_selects, 22, AVERAGE_LATENCY),
    ]
    return {group.name: group for group in found}


@pytest.fixture(scope="module")
def records(
    groups: dict[str, Group], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Record]:
    folder = tmp_path_factory.mktemp("arithmetic")
    names = (
        "lng_requantize lng_overflow lng_round_up lng_divide lng_average lng_resize"
        " lng_pipe_control"
    )
    files: list[Path] = [library_folder() / f"{name}.v" for name in names.split()]
    batch = Batch(folder, [group.dut() for group in groups.values()], files)
    return batch.play({name: group.play() for name, group in groups.items()})


@pytest.mark.parametrize("name", ["requantize", "wide", "divide", "average", "deep"])
def test_every_code(name: str, groups: dict[str, Group], records: dict[str, Record]) -> None:
    groups[name].check(records[name])


def test_every_mode_is_there(groups: dict[str, Group]) -> None:
    for name in ("requantize", "wide", "average", "deep"):
        modes = {
            (case.to.rounding, case.to.overflow, case.to.signed) for case in groups[name].cases
        }
        assert modes == set(MODES), name
