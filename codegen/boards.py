"""The boards a block design can be made for: part, board files, processing system settings.

Data with its sources; what Tcl is made of it is the templates' business (``templates/vivado``).
Settings are the least that boots from what is on the board: clocks, DDR3, boot flash, SD card,
serial port, Ethernet, USB. Names are those of the PS7 configuration (Xilinx UG585, PG082).

Sources:
- PYNQ-Z2: Xilinx/PYNQ, ``boards/Pynq-Z2/petalinux_bsp/hardware_project/pynqz2.tcl``.
- Arty Z7-20: Digilent/vivado-boards, ``new/board_files/arty-z7-20/A.0/preset.xml``. The settings
  are those of the PYNQ-Z2 to the last digit: the two boards share the design around the Zynq.
- Zedboard: the settings Vivado writes for its preset "ZedBoard", as many public block designs
  quote them (for example cahz/orca, ``systems/zedboard/orca_system_tcm.tcl``).
- FCLK: UG585, "PL clocks" (a PLL divided by two numbers of six bits); 0.1 to 250 MHz is the range
  of the PS7 configuration.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import UserError

FCLK_RANGE = (0.1, 250.0)  # MHz
MAX_DIVISOR = 63
TOLERANCE = 1e-4  # of the frequency asked for: 33.333 means 33.33...


@dataclass(frozen=True)
class Board:
    """A Zynq-7000 board.

    ``board_parts``: patterns of ``get_board_parts``, best first; vendors renamed their boards.
    ``io_pll_mhz`` feeds FCLK0. ``ddr_bytes`` of memory start at address 0. ``ps7``: PS7 settings
    without ``CONFIG.``, used where the board files are missing.
    """

    name: str
    title: str
    part: str
    board_parts: tuple[str, ...]
    io_pll_mhz: float
    ddr_bytes: int
    ps7: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fclk:
    """A clock that the processing system makes for the fabric: ``mhz`` = PLL / ``divisors``."""

    mhz: float
    divisors: tuple[int, int]


# What all three boards have on the same MIO pins.
_COMMON = (
    ("PCW_PRESET_BANK0_VOLTAGE", "LVCMOS 3.3V"),
    ("PCW_PRESET_BANK1_VOLTAGE", "LVCMOS 1.8V"),
    ("PCW_QSPI_PERIPHERAL_ENABLE", "1"),
    ("PCW_QSPI_QSPI_IO", "MIO 1 .. 6"),
    ("PCW_QSPI_GRP_SINGLE_SS_ENABLE", "1"),
    ("PCW_QSPI_GRP_FBCLK_ENABLE", "1"),
    ("PCW_SD0_PERIPHERAL_ENABLE", "1"),
    ("PCW_SD0_SD0_IO", "MIO 40 .. 45"),
    ("PCW_SD0_GRP_CD_ENABLE", "1"),
    ("PCW_SD0_GRP_CD_IO", "MIO 47"),
    ("PCW_SDIO_PERIPHERAL_FREQMHZ", "50"),
    ("PCW_ENET0_PERIPHERAL_ENABLE", "1"),
    ("PCW_ENET0_ENET0_IO", "MIO 16 .. 27"),
    ("PCW_ENET0_GRP_MDIO_ENABLE", "1"),
    ("PCW_ENET0_GRP_MDIO_IO", "MIO 52 .. 53"),
    ("PCW_USB0_PERIPHERAL_ENABLE", "1"),
    ("PCW_USB0_USB0_IO", "MIO 28 .. 39"),
    ("PCW_GPIO_MIO_GPIO_ENABLE", "1"),
    ("PCW_UIPARAM_DDR_ENABLE", "1"),
    ("PCW_UIPARAM_DDR_MEMORY_TYPE", "DDR 3"),
    ("PCW_UIPARAM_DDR_TRAIN_WRITE_LEVEL", "1"),
    ("PCW_UIPARAM_DDR_TRAIN_READ_GATE", "1"),
    ("PCW_UIPARAM_DDR_TRAIN_DATA_EYE", "1"),
)


def _delays(board: tuple[str, ...], strobe: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Trace delays in ns of the four byte lanes: of the data, and of their strobes to the clock."""
    lanes = enumerate(zip(board, strobe, strict=True))
    return tuple(
        pair
        for lane, (delay, skew) in lanes
        for pair in (
            (f"PCW_UIPARAM_DDR_BOARD_DELAY{lane}", delay),
            (f"PCW_UIPARAM_DDR_DQS_TO_CLK_DELAY_{lane}", skew),
        )
    )


_DIGILENT = (
    ("PCW_CRYSTAL_PERIPHERAL_FREQMHZ", "50"),
    ("PCW_APU_PERIPHERAL_FREQMHZ", "650"),
    ("PCW_UART0_PERIPHERAL_ENABLE", "1"),
    ("PCW_UART0_UART0_IO", "MIO 14 .. 15"),
    ("PCW_ENET0_RESET_ENABLE", "1"),
    ("PCW_ENET0_RESET_IO", "MIO 9"),
    ("PCW_USB0_RESET_ENABLE", "1"),
    ("PCW_USB0_RESET_IO", "MIO 46"),
    ("PCW_UIPARAM_DDR_PARTNO", "MT41J256M16 RE-125"),
    ("PCW_UIPARAM_DDR_BUS_WIDTH", "16 Bit"),
    ("PCW_UIPARAM_DDR_FREQ_MHZ", "525"),
    *_delays(("0.223", "0.212", "0.085", "0.092"), ("0.040", "0.058", "-0.009", "-0.033")),
    *_COMMON,
)

_ZEDBOARD = (
    ("PCW_CRYSTAL_PERIPHERAL_FREQMHZ", "33.333333"),
    ("PCW_APU_PERIPHERAL_FREQMHZ", "666.666667"),
    ("PCW_UART1_PERIPHERAL_ENABLE", "1"),
    ("PCW_UART1_UART1_IO", "MIO 48 .. 49"),
    ("PCW_SD0_GRP_WP_ENABLE", "1"),
    ("PCW_SD0_GRP_WP_IO", "MIO 46"),
    ("PCW_UIPARAM_DDR_PARTNO", "MT41J128M16 HA-15E"),
    ("PCW_UIPARAM_DDR_BUS_WIDTH", "32 Bit"),
    ("PCW_UIPARAM_DDR_FREQ_MHZ", "533.333313"),
    ("PCW_UIPARAM_DDR_USE_INTERNAL_VREF", "1"),
    *_delays(("0.41", "0.411", "0.341", "0.358"), ("0.025", "0.028", "0.001", "0.001")),
    *_COMMON,
)

BOARDS = {
    board.name: board
    for board in (
        Board(
            "pynq-z2",
            "TUL PYNQ-Z2",
            "xc7z020clg400-1",
            ("tul.com.tw:pynq-z2:part0:*", "www.tul.com.tw:pynq-z2:part0:*"),
            1000.0,
            512 << 20,
            _DIGILENT,
        ),
        Board(
            "zedboard",
            "Avnet/Digilent Zedboard",
            "xc7z020clg484-1",
            (
                "avnet.com:zedboard:part0:*",
                "em.avnet.com:zed:part0:*",
                "digilentinc.com:zedboard:part0:*",
            ),
            1000.0,
            512 << 20,
            _ZEDBOARD,
        ),
        Board(
            "arty-z7-20",
            "Digilent Arty Z7-20",
            "xc7z020clg400-1",
            ("digilentinc.com:arty-z7-20:part0:*",),
            1000.0,
            512 << 20,
            _DIGILENT,
        ),
    )
}


def find_board(name: str) -> Board:
    """The board called ``name``; ``UserError`` if there is none."""
    try:
        return BOARDS[name]
    except KeyError:
        raise UserError(
            f"--board {name!r}: no such board; choose one of {', '.join(BOARDS)}"
        ) from None


def fclk(board: Board, mhz: float) -> Fclk:
    """FCLK0 of ``board`` at ``mhz``; ``UserError`` with the nearest it can make otherwise."""
    least, most = FCLK_RANGE
    if not least <= mhz <= most:
        raise UserError(
            f"--clock-mhz {mhz:g}: FCLK0 of {board.name} makes {least:g} to {most:g} MHz"
        )
    ratio = board.io_pll_mhz / mhz
    products = sorted(
        (first * second, (first, second))
        for first in range(1, MAX_DIVISOR + 1)
        for second in range(1, first + 1)
        if board.io_pll_mhz / (first * second) <= most
    )
    product, divisors = min(products, key=lambda item: (abs(item[0] - ratio), item[1][1]))
    made = board.io_pll_mhz / product
    if abs(made - mhz) <= TOLERANCE * mhz:
        return Fclk(made, divisors)
    numbers = sorted({item[0] for item in products})
    below = [board.io_pll_mhz / n for n in numbers if n >= ratio][:1]
    above = [board.io_pll_mhz / n for n in numbers if n < ratio][-1:]
    near = " and ".join(f"{value:.6g}" for value in below + above)
    raise UserError(
        f"--clock-mhz {mhz:g}: FCLK0 of {board.name} is {board.io_pll_mhz:g} MHz over a whole "
        f"number; the nearest are {near} MHz"
    )
