"""What a set of networks covers: layers, options, modes, folds, and what really happened in them.

Input: networks one by one, each with images; output: counts by section and label, to be printed,
and what occurs too rarely. What must occur is read off the IR: a new operator, or a new value of
an operator's option, is missing until some network has it.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen import ir
from ..codegen.feeds import Feed
from ..codegen.formats import FixedPoint, Overflow, Rounding
from ..codegen.ir import Conv2D, Dense, Graph, Op, Padding, Tensor, WeightedOp, WindowOp
from ..codegen.layout import pixels_per_word
from ..codegen.schedule import Fold, Layer, layouts, stage_feed
from .casts import Sums, casts_of
from .golden import GoldenModel

NOT_OPTIONS = {"name", "x", "out", "own", "accumulator"}  # no choice of the network's author
NUMBERS_OF = (int, float)  # an option of these is at its default, or is not
NOT_CHOICES = (ir.Const, ir.Window, ir.Padding, Fraction)  # counted elsewhere
MODES = "mode of a cast"
HAPPENED = "happened in a cast"
GEOMETRY = (
    "input vector",
    "input image",
    "input not square",
    "input side 1",
    "window without padding",
    "window padded on all sides",
    "window padded unevenly",
    "stride 1",
    "stride above 1",
    "stride above the window",
    "even window",
    "window over the whole image",
)
NUMBERS = (
    "result signed",
    "result unsigned",
    "result 1 bit",
    "result negative integer bits",
    "result integer bits above width",
    "weights signed",
    "weights unsigned",
    "logits exact",
    "logits cast",
    "logits not zero",
    "logits differ between images",
)
FOLDS = (
    "serial",
    "partial",
    "fully parallel",
    "outputs not divided",
    "inputs not divided",
    "several words at once",
    "words not divided",
    "hard-wired convolution",
    "hard-wired dense layer",
    "multipliers of LUTs",
    "line buffers in turns",
)
PIXELS = (1, 2, 4, 8)  # per word of the input port


def operator_kinds() -> dict[str, type[Op]]:
    """Every operator of the IR by name."""
    return {
        name: kind
        for name, kind in vars(ir).items()
        if isinstance(kind, type) and issubclass(kind, Op) and kind is not Op
    }


def option_labels(kind: type[Op]) -> list[str]:
    """What the options of an operator can be: members of an enum, given or not, a number's default.

    The fields of an option that is a data class count as options; its truth values do so for all
    operators together, as not every operator allows both.
    """
    return [label for field in _options(kind) for label in field.labels()]


@dataclass(frozen=True)
class Option:
    """A field of an operator, or of one of its fields, that takes one of few values."""

    shown: str  # the operator's name and the fields', or the data class' name and the field's
    path: tuple[str, ...]
    hint: Any
    default: Any = None

    def labels(self) -> list[str]:
        """Every value's label."""
        if _is_enum(self.hint):
            return [self._label(member.name.lower()) for member in self.hint]
        if self.hint in NUMBERS_OF:
            return [self._label(f"{self.default}"), self._label(f"not {self.default}")]
        values = ("no", "yes") if self.hint is bool else ("not given", "given")
        return [self._label(value) for value in values]

    def label(self, op: Op) -> str:
        """The label of the value ``op`` has."""
        value: Any = op
        for name in self.path:
            value = getattr(value, name)
        if isinstance(value, enum.Enum):
            return self._label(value.name.lower())
        if self.hint is bool:
            return self._label("yes" if value else "no")
        if self.hint in NUMBERS_OF:
            return self._label(f"{'' if value == self.default else 'not '}{self.default}")
        return self._label("not given" if value is None else "given")

    def _label(self, value: str) -> str:
        return f"{self.shown} {value}"


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, enum.Enum)


def _options(kind: type[Op]) -> Iterator[Option]:
    return _options_of(kind, kind.__name__, ())


def _options_of(kind: Any, owner: str, path: tuple[str, ...]) -> Iterator[Option]:
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        place = (*path, field.name)
        if field.name in NOT_OPTIONS or hint in NOT_CHOICES:
            continue
        shown = " ".join((owner, *place))
        if hint is bool and path:
            yield Option(f"{kind.__name__} {field.name}", place, hint)
        elif hint is bool or types.NoneType in typing.get_args(hint) or _is_enum(hint):
            yield Option(shown, place, hint)
        elif hint in NUMBERS_OF and field.default is not dataclasses.MISSING:
            yield Option(shown, place, hint, field.default)
        elif dataclasses.is_dataclass(hint):
            yield from _options_of(hint, owner, place)


class Coverage:
    """Counts by section and label: networks, but elements in the section ``HAPPENED``."""

    def __init__(self) -> None:
        self.networks = 0
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)

    @staticmethod
    def expected() -> dict[str, tuple[str, ...]]:
        """Every label of every section."""
        kinds = operator_kinds()
        modes = [mode.value for mode in (*Rounding, *Overflow)]
        ties = [f"{mode.value} tie" for mode in Rounding if mode not in TRUNCATING]
        dropped = [f"{mode.value} drops bits" for mode in TRUNCATING]
        overflows = [f"{mode.value} overflow" for mode in Overflow]
        return {
            "operator": tuple(kinds),
            "option": tuple(
                dict.fromkeys(label for kind in kinds.values() for label in option_labels(kind))
            ),
            MODES: tuple(modes),
            HAPPENED: (*ties, *dropped, *overflows),
            "numbers": NUMBERS,
            "geometry": GEOMETRY,
            "fold": FOLDS,
            "feed": _feed_labels(),
        }

    def missing(self, least: int = 2) -> list[str]:
        """``section: label (count)`` of everything seen less than ``least`` times."""
        return [
            f"{section}: {label} ({self.counts[section][label]})"
            for section, labels in self.expected().items()
            for label in labels
            if self.counts[section][label] < least
        ]

    def rows(self) -> list[tuple[str, str, int]]:
        """(section, label, count), in order, what was never seen included."""
        return [
            (section, label, self.counts[section][label])
            for section, labels in self.expected().items()
            for label in labels
        ]

    def add(
        self,
        source: Graph,
        graph: Graph,
        folds: Mapping[str, Fold],
        images: npt.NDArray[np.uint8],
        pixels: int = 1,
    ) -> None:
        """Count a network: as the front end gives it, typed, folded, and run on ``images``.

        ``pixels`` per word of the input port.
        """
        self.networks += 1
        seen: set[tuple[str, str]] = set()
        for op in (*source.ops, *graph.ops):
            seen.add(("operator", op.kind))
            seen |= {("option", option.label(op)) for option in _options(type(op))}
        seen |= {("geometry", label) for label in _geometry(source, graph)}
        seen |= {("numbers", label) for label in _numbers(graph)}
        seen |= {("fold", label) for label in _folds(graph, folds, pixels)}
        seen |= {("feed", label) for label in _feeds(graph, folds, pixels)}
        codes = GoldenModel(graph).trace(images)
        logits = codes[graph.output.name].reshape(len(images), -1)
        if logits.any():
            seen.add(("numbers", "logits not zero"))
        if len(np.unique(logits, axis=0)) > 1:
            seen.add(("numbers", "logits differ between images"))
        for op in graph.ops:
            for sums in casts_of(op, graph.source(op), codes[op.x]):
                seen |= {(MODES, sums.to.rounding.value), (MODES, sums.to.overflow.value)}
                self.counts[HAPPENED].update(happened(sums))
        for section, label in seen:
            self.counts[section][label] += 1


TRUNCATING = (Rounding.TRN, Rounding.TRN_ZERO)


def happened(sums: Sums) -> dict[str, int]:
    """How many elements a cast rounded from a tie (or cut), and how many left the range."""
    fmt = sums.to
    rest = sums.numerators % sums.denominators
    special = rest > 0 if fmt.rounding in TRUNCATING else 2 * rest == sums.denominators
    word = "drops bits" if fmt.rounding in TRUNCATING else "tie"
    rounded = sums.rounded()
    outside = (rounded < fmt.min_cast_code) | (rounded > fmt.max_code)
    return {
        f"{fmt.rounding.value} {word}": int(np.count_nonzero(special)),
        f"{fmt.overflow.value} overflow": int(np.count_nonzero(outside)),
    }


def _geometry(source: Graph, graph: Graph) -> Iterator[str]:
    shape = source.input.shape
    yield "input vector" if len(shape) == 1 else "input image"
    if len(shape) == 3:
        if shape[0] != shape[1]:
            yield "input not square"
        if 1 in shape[:2]:
            yield "input side 1"
    for op in graph.ops:
        if isinstance(op, WindowOp):
            yield from _window(op, graph.source(op))


def _window(op: WindowOp, x: Tensor) -> Iterator[str]:
    window, pad = op.window, op.window.padding
    pads = (pad.top, pad.bottom, pad.left, pad.right)
    if pad == Padding():
        yield "window without padding"
    if min(pads) > 0:
        yield "window padded on all sides"
    if pad.top != pad.bottom or pad.left != pad.right:
        yield "window padded unevenly"
    yield "stride 1" if window.stride == (1, 1) else "stride above 1"
    if any(step > size for step, size in zip(window.stride, window.size, strict=True)):
        yield "stride above the window"
    if any(size % 2 == 0 for size in window.size):
        yield "even window"
    if window.size == x.image_shape[:2] and x.image_shape[:2] != (1, 1):
        yield "window over the whole image"


def _numbers(graph: Graph) -> Iterator[str]:
    for op in graph.ops:
        fmt: FixedPoint = op.out.fmt
        yield "result signed" if fmt.signed else "result unsigned"
        if fmt.width == 1:
            yield "result 1 bit"
        if fmt.integer_bits < 0:
            yield "result negative integer bits"
        if fmt.integer_bits > fmt.width:
            yield "result integer bits above width"
        if isinstance(op, WeightedOp) and op.weights.format is not None:
            yield "weights signed" if op.weights.format.signed else "weights unsigned"
    last = graph.ops[-1]
    if isinstance(last, WeightedOp) and last.accumulator is not None:
        exact = last.out.fmt == last.activation.exact(last.accumulator.format)
        yield "logits exact" if exact else "logits cast"


def _feed_labels() -> tuple[str, ...]:
    """Every way a stream of several pixels a word is taken, by kind of operator."""
    ports = [f"{pixels} pixels per clock" for pixels in PIXELS]
    feeds = [f"{kind} {how.value}" for kind in ("convolution", "pool") for how in Feed]
    return (*ports, *feeds, "frame ends inside a word", "row ends inside a word")


def _feeds(graph: Graph, folds: Mapping[str, Fold], pixels: int) -> Iterator[str]:
    yield f"{pixels} pixels per clock"
    if graph.input.size // graph.input.image_shape[2] % pixels:
        yield "frame ends inside a word"
    for op, source, _ in layouts(graph, folds, pixels):
        if isinstance(op, WindowOp):
            x = graph.source(op)
            kind = "convolution" if isinstance(op, Conv2D) else "pool"
            yield f"{kind} {stage_feed(op, x, source, folds.get(op.name)).value}"
            if x.image_shape[1] % pixels_per_word(x, source):
                yield "row ends inside a word"


def _folds(graph: Graph, folds: Mapping[str, Fold], pixels: int) -> Iterator[str]:
    for op, source, _ in layouts(graph, folds, pixels):
        if not isinstance(op, WeightedOp):
            continue
        layer, fold = Layer.of(op, source), folds[op.name]
        if fold.units > 1:
            yield "line buffers in turns"
        if fold.constant:
            yield f"hard-wired {'dense layer' if isinstance(op, Dense) else 'convolution'}"
            continue
        if fold.lut:
            yield "multipliers of LUTs"
        chunks, rounds = layer.chunks(fold.simd), layer.rounds(fold.pe)
        if fold.multipliers == 1:
            yield "serial" if chunks * rounds > 1 else "fully parallel"
        elif chunks * rounds > 1:
            yield "partial"
        else:
            yield "fully parallel"
        if layer.outputs % fold.pe:
            yield "outputs not divided"
        if fold.simd < layer.lanes and layer.lanes % fold.simd:
            yield "inputs not divided"
        if fold.simd > layer.lanes:
            yield "several words at once"
            if layer.words % (layer.effective_simd(fold.simd) // layer.lanes):
                yield "words not divided"
