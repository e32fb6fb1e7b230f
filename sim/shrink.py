"""Makes a failing network small: fewer layers, elements, images, weights, plainer types and folds.

Input: a ``Case`` and a function that says which of several cases fail; output: the smallest failing
case found. Cases are tried many at a time, since they share one build.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from ..codegen.formats import Overflow, Rounding
from ..codegen.ir import Const, Op, Padding, WeightedOp, Window, WindowOp
from ..codegen.schedule import Fold
from ..codegen.verify import IRError
from .compare import Finding, compare
from .rtl_networks import Network
from .shrink_case import (
    Case,
    constants,
    defaults,
    legal_folds,
    resized,
    result_types,
    retyped,
    span,
    with_window,
)

Fails = Callable[[Sequence[Case]], list[bool]]
Move = Callable[[Case], Case]
T = TypeVar("T")

TOGETHER = 16  # cases per build
ROUNDS = 12


class Judge:
    """Says which cases fail as a finding did: in the same engine and at the same step."""

    def __init__(self, folder: Path, finding: Finding) -> None:
        self.folder = folder
        self.finding = finding
        self.builds = 0

    def fails(self, cases: Sequence[Case]) -> list[bool]:
        """Whether each case fails."""
        bad = {one.network for one in self.findings(cases)}
        return [f"case_{number}" in bad for number in range(len(cases))]

    def findings(self, cases: Sequence[Case]) -> list[Finding]:
        """What differs in the cases, which are called case_0, case_1 and so on."""
        if not cases:
            return []
        self.builds += 1
        networks = [
            Network.of(f"case_{number}", case.graph, case.folds, case.images, case.pixels)
            for number, case in enumerate(cases)
        ]
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            found = compare(networks, Path(scratch), engines=(self.finding.engine,))
        return [one for one in found if one.step == self.finding.step]


def shrink(
    case: Case,
    fails: Fails,
    *,
    rounds: int = ROUNDS,
    together: int = TOGETHER,
    progress: Callable[[Case], None] | None = None,
) -> Case:
    """The smallest case found that still fails; ``case`` itself fails.

    Every round tries all moves on the best case so far, and those that keep it failing once more
    one on top of the other. ``progress`` is told each new best case.
    """
    best = case
    for _ in range(rounds):
        found = _round(best, fails, together)
        if found is None:
            break
        best = found
        if progress is not None:
            progress(best)
    return best


def _round(best: Case, fails: Fails, together: int) -> Case | None:
    """A smaller failing case, or None if no move makes one."""
    moves = [(move, small) for move in _moves(best) if (small := _apply(move, best)) is not None]
    for start in range(0, len(moves), together):
        part = moves[start : start + together]
        failing = _failing(part, fails)
        if not failing:
            continue
        failing.sort(key=lambda pair: pair[1].size)
        chain = [failing[0][1]]
        for move, _ in failing[1:]:
            small = _apply(move, chain[-1])
            if small is not None:
                chain.append(small)
        if len(chain) == 1:
            return chain[0]
        wrong = fails(chain[1:])
        return min([chain[0], *_chosen(chain[1:], wrong)], key=lambda one: one.size)
    return None


def _failing(part: list[tuple[Move, Case]], fails: Fails) -> list[tuple[Move, Case]]:
    return _chosen(part, fails([small for _, small in part]))


def _chosen(items: Sequence[T], wanted: Sequence[bool]) -> list[T]:
    return [item for item, keep in zip(items, wanted, strict=True) if keep]


def _apply(move: Move, case: Case) -> Case | None:
    """The moved case if it is legal and smaller."""
    try:
        small = move(case)
    except (IRError, UserError, ValueError):
        return None
    return small if small.size < case.size else None


def _moves(case: Case) -> Iterator[Move]:
    """All moves, the ones that take most away first."""
    yield from _spans(case)
    yield from _all_at_once(case)
    yield from _frames(case)
    yield from _sizes(case)
    yield from _plainer(case)
    yield from _zeros(case)


def _spans(case: Case) -> Iterator[Move]:
    """Every run of layers alone, short ones first."""
    count = len(case.graph.ops)
    for length in range(1, count):
        for first in range(count - length + 1):
            yield partial(span, first=first, last=first + length - 1)


def _all_at_once(case: Case) -> Iterator[Move]:
    """Sizes of one, serial folds, a pixel a word everywhere: often the bug does not mind."""
    names = [op.name for op in case.graph.ops if isinstance(op, WeightedOp)]
    yield partial(resized, outputs=dict.fromkeys(names, 1))
    yield partial(_with_folds, folds=dict.fromkeys(names, Fold(1, 1)))
    yield partial(_with_port, pixels=1)
    yield partial(_with_port, pixels=case.pixels // 2)
    yield partial(resized, shape=tuple(1 for _ in case.graph.input.shape))


def _with_folds(case: Case, folds: Mapping[str, Fold]) -> Case:
    return replace(case, folds=legal_folds(case.graph, {**case.folds, **folds}, case.pixels))


def _with_port(case: Case, pixels: int) -> Case:
    if pixels < 1:
        raise IRError("no word without a pixel")
    return replace(case, folds=legal_folds(case.graph, case.folds, pixels), pixels=pixels)


def _frames(case: Case) -> Iterator[Move]:
    """One image, two in a row, half of them."""
    count = len(case.images)
    half = count // 2
    pieces = [(at, at + 1) for at in range(count)] + [(at, at + 2) for at in range(0, count, 2)]
    for first, last in [*pieces[:8], (0, half), (half, count)]:
        if 0 < last - first < count:
            yield partial(_with_frames, first=first, last=last)


def _with_frames(case: Case, first: int, last: int) -> Case:
    if last > len(case.images):
        raise IRError(f"there are {len(case.images)} images, none is number {last - 1}")
    return replace(case, images=case.images[first:last])


def _sizes(case: Case) -> Iterator[Move]:
    """One dimension smaller: the input's, a layer's outputs, a window's."""
    for axis, length in enumerate(case.graph.input.shape):
        for less in _less(length):
            yield partial(_with_side, axis=axis, length=less)
    for op in case.graph.ops:
        if isinstance(op, WeightedOp):
            count = op.weights.shape[-1]
            for less in (*_less(count), -1, -(count // 2)):
                if count > 1:
                    yield partial(resized, outputs={op.name: less})
        if isinstance(op, WindowOp):
            for window in _smaller_windows(op.window):
                yield partial(resized, windows={op.name: window})


def _with_side(case: Case, axis: int, length: int) -> Case:
    shape = case.graph.input.shape
    sides = [min(length, side) if at == axis else side for at, side in enumerate(shape)]
    return resized(case, tuple(sides))


def _less(length: int) -> list[int]:
    return sorted({1, length // 2, length - 1} - {0, length})


def _smaller_windows(window: Window) -> Iterator[Window]:
    rows, columns = window.size
    for size in ((1, columns), (rows, 1), (rows - 1, columns), (rows, columns - 1)):
        if min(size) >= 1 and size != window.size:
            yield with_window(window, size)
    if window.stride != (1, 1):
        yield replace(window, stride=(1, 1))
    if window.padding != Padding():
        yield replace(window, padding=Padding())


def _plainer(case: Case) -> Iterator[Move]:
    """Narrower folds, truncation and wrapping, the first member of every enumeration."""
    for op in case.graph.ops:
        if isinstance(op, WeightedOp):
            wide = case.folds[op.name]
            yield partial(_with_folds, folds={op.name: Fold(1, wide.simd)})
            yield partial(_with_folds, folds={op.name: Fold(wide.pe, 1)})
            yield partial(_with_folds, folds={op.name: Fold(wide.pe, wide.simd)})
        yield partial(_with_mode, name=op.name, rounding=Rounding.TRN)
        yield partial(_with_mode, name=op.name, overflow=Overflow.WRAP)
        for label, plain in defaults(op).items():
            yield partial(_with_op, name=op.name, new={label: plain})


def _with_mode(
    case: Case, name: str, rounding: Rounding | None = None, overflow: Overflow | None = None
) -> Case:
    types = result_types(case.graph)
    fmt = types.get(name)
    if fmt is None:
        raise IRError(f"{name}: not there, or its result is exact")
    types[name] = replace(fmt, rounding=rounding or fmt.rounding, overflow=overflow or fmt.overflow)
    return retyped(case, list(case.graph.ops), case.graph.input, types)


def _with_op(case: Case, name: str, new: Mapping[str, Any]) -> Case:
    ops: list[Op] = [replace(op, **new) if op.name == name else op for op in case.graph.ops]
    return retyped(case, ops, case.graph.input, result_types(case.graph))


def _zeros(case: Case) -> Iterator[Move]:
    """Fewer non-zero pixels and parameters; parameters of one."""
    halves = (slice(None), slice(0, None, 2), slice(1, None, 2))
    for part in halves:
        yield partial(_with_pixels, part=part)
    for op in case.graph.ops:
        for label in constants(op):
            for part in halves:
                yield partial(_with_constant, name=op.name, label=label, zeros=part)
            yield partial(_with_constant, name=op.name, label=label, zeros=None)


def _with_pixels(case: Case, part: slice) -> Case:
    return replace(case, images=_without(case.images, part))


def _without(values: npt.NDArray[Any], part: slice) -> npt.NDArray[Any]:
    """A copy in which that part of the non-zero elements is zero."""
    result = values.copy()
    flat = result.reshape(-1)
    flat[np.flatnonzero(flat)[part]] = 0
    return result


def _with_constant(case: Case, name: str, label: str, zeros: slice | None) -> Case:
    """That part of a parameter's non-zero codes set to zero; None: all of them to 1 or -1."""
    const = next((constants(op)[label] for op in case.graph.ops if op.name == name), None)
    if const is None or const.format is None:
        raise IRError(f"{name}: not there")
    codes = np.sign(const.values) if zeros is None else _without(const.values, zeros)
    codes = np.clip(codes, const.format.min_code, const.format.max_code)
    return _with_op(case, name, {label: Const(codes, const.format)})
