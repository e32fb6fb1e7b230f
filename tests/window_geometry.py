"""Windows over images as test benches of lng_window and its relatives, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from lenetgen.codegen.ir import Window

from .rtl_batch import Dut

PACES = {
    "full": {},
    "gaps": {"gap": 35, "burst": 3},
    "stalls": {"stall": 35, "burst": 3},
    "both": {"gap": 25, "stall": 25, "burst": 6},
    "bursts": {"gap": 4, "stall": 4, "burst": 90},
}
STREAM = """
    .clk(clk), .rst(NAME_rst),
    .s_axis_tdata(NAME_s_data), .s_axis_tvalid(NAME_s_valid), .s_axis_tready(NAME_s_ready),
    .m_axis_tdata(NAME_m_data), .m_axis_tvalid(NAME_m_valid), .m_axis_tready(NAME_m_ready)"""


def values_of(**parameters: int | str) -> str:
    """The parameter list of an instance."""
    return ", ".join(f".{name}({value})" for name, value in parameters.items())


@dataclass(frozen=True)
class Geometry:
    """A window over an image; pixels of ``bits`` bits."""

    image: tuple[int, int]
    window: Window
    bits: int = 6
    pad: int = 0

    @property
    def outputs(self) -> int:
        rows, columns = self.window.positions(*self.image)
        return rows * columns

    @property
    def pixels(self) -> int:
        """Pixels of the image."""
        return self.image[0] * self.image[1]

    def dut(self, name: str, module: str = "lng_window", pixels: int = 1, **more: int | str) -> Dut:
        """An instance of ``module`` that reads ``pixels`` a word."""
        (rows, columns), stride, pad = self.window.size, self.window.stride, self.window.padding
        out = self.window.positions(*self.image)
        values = values_of(
            DATA_WIDTH=self.bits, HEIGHT=self.image[0], WIDTH=self.image[1],
            ROWS=rows, COLUMNS=columns, STRIDE_Y=stride[0], STRIDE_X=stride[1],
            PAD_TOP=pad.top, PAD_LEFT=pad.left, OUT_HEIGHT=out[0], OUT_WIDTH=out[1],
            PAD_VALUE=f"{self.bits}'d{self.pad}", **({"PIXELS": pixels} if pixels > 1 else {}),
        )  # fmt: skip
        bits = rows * columns * self.bits
        ports = STREAM.replace("(NAME_m_data)", f"(NAME_m_data[{bits - 1}:0])")
        ports += f", .m_axis_tuser(NAME_m_data[{bits + rows + columns - 1}:{bits}])"
        values += "".join(f", .{key}({value})" for key, value in more.items())
        verilog = f"{module} #({values}) NAME ({ports});"
        return Dut(name, self.bits * pixels, bits + rows + columns, verilog)

    def expected(self, frames: npt.NDArray[np.int64]) -> list[int]:
        """The windows of (frames, height, width) pixels as integers, mask above the pixels."""
        stride, pad = self.window.stride, self.window.padding
        out = []
        for frame in frames:
            for y in range(self.window.positions(*self.image)[0]):
                for x in range(self.window.positions(*self.image)[1]):
                    out.append(
                        self._window(frame, y * stride[0] - pad.top, x * stride[1] - pad.left)
                    )
        return out

    def _window(self, frame: npt.NDArray[np.int64], top: int, left: int) -> int:
        (rows, columns), (height, width) = self.window.size, self.image
        word = 0
        for r in range(rows):
            for c in range(columns):
                inside = 0 <= top + r < height and 0 <= left + c < width
                pixel = int(frame[top + r, left + c]) if inside else self.pad
                word |= pixel << ((r * columns + c) * self.bits)
        row_mask = sum((0 <= top + r < height) << r for r in range(rows))
        column_mask = sum((0 <= left + c < width) << c for c in range(columns))
        return word | (row_mask | column_mask << rows) << (rows * columns * self.bits)


def valid(
    height: int, width: int, size: tuple[int, int], stride: tuple[int, int] = (1, 1)
) -> Geometry:
    """Without padding."""
    return Geometry((height, width), Window(size, stride))


def same(
    height: int, width: int, size: tuple[int, int], stride: tuple[int, int] = (1, 1), pad: int = 0
) -> Geometry:
    """As many positions as the stride allows; ``pad``: what padding reads as."""
    return Geometry((height, width), Window.same(size, stride, (height, width)), pad=pad)
