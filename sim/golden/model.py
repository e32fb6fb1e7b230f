"""Runs a typed graph on batches of raw pixels; every result is the exact integer.

Input: a typed graph and uint8 images (batch, *input shape). Output: int64 logits, or every
tensor's codes. It measures nothing and knows no emitter.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ...codegen.ir import (
    AvgPool2D,
    Cast,
    Conv2D,
    Dense,
    Graph,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
)
from . import elementwise, pool, weighted
from .arithmetic import Kernel, integers

CHUNK = 64  # images per step: a chunk's windows stay in the second-level cache


@singledispatch
def kernel_for(op: Op, x: Tensor) -> Kernel:
    """Return the function that computes ``op`` on a batch."""
    raise NotImplementedError(f"{op.kind} has no golden function")


kernel_for.register(Conv2D, weighted.conv2d)
kernel_for.register(Dense, weighted.dense)
kernel_for.register(MaxPool2D, pool.max_pool)
kernel_for.register(AvgPool2D, pool.average_pool)
kernel_for.register(Relu, elementwise.relu)
kernel_for.register(Cast, elementwise.cast)
kernel_for.register(InputTable, elementwise.input_table)
kernel_for.register(Lookup, elementwise.lookup)


class GoldenModel:
    """Bit-exact model of a typed graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._kernels = [kernel_for(op, graph.source(op)) for op in graph.ops]

    def run(
        self, images: npt.NDArray[np.uint8], progress: Callable[[int], None] | None = None
    ) -> npt.NDArray[np.int64]:
        """Logits, int64 (batch, outputs), of uint8 ``images`` (batch, *input shape).

        ``progress`` is called with the number of images of each finished chunk.
        """
        self._check(images)
        starts = range(0, len(images), CHUNK)
        result = np.empty((len(images), self.graph.output.size), dtype=np.int64)

        def work(start: int) -> int:
            part = images[start : start + CHUNK]
            codes: npt.NDArray[Any] = part
            for kernel in self._kernels:
                codes = kernel(codes)
            result[start : start + len(part)] = codes.reshape(len(part), -1)
            return len(part)

        with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool_:
            for count in pool_.map(work, starts):
                if progress is not None:
                    progress(count)
        return result

    def trace(self, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int64]]:
        """Every tensor's codes by tensor name, int64 (batch, *shape), the input included."""
        self._check(images)
        codes: npt.NDArray[Any] = images
        result = {self.graph.input.name: integers(images)}
        for op, kernel in zip(self.graph.ops, self._kernels, strict=True):
            codes = kernel(codes.copy())
            result[op.out.name] = integers(codes).reshape(len(images), *op.out.shape)
        return result

    def _check(self, images: npt.NDArray[np.uint8]) -> None:
        if images.dtype != np.uint8 or images.shape[1:] != self.graph.input.shape:
            raise ValueError(
                f"images are {images.dtype} {images.shape[1:]}, expected uint8 "
                f"{self.graph.input.shape}"
            )
