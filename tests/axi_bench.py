"""cocotb bench of test_axi: cocotbext-axi drives the registers and both streams of the AXI top.

LENETGEN_AXI_BENCH names an .npz: frames (n, bytes) as they lie in memory, needed (bytes,) those
that must have TKEEP, logits (n, results), names and offsets of the registers.
"""

import itertools
import os
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext import axi

with np.load(os.environ["LENETGEN_AXI_BENCH"]) as archive:
    VECTORS = {name: archive[name] for name in archive.files}
FRAMES, NEEDED, LOGITS = VECTORS["frames"], VECTORS["needed"], VECTORS["logits"]
REGISTERS = dict(zip(VECTORS["names"].tolist(), VECTORS["offsets"].tolist(), strict=True))
CONSTANTS = dict(
    zip(VECTORS["constant_names"].tolist(), VECTORS["constants"].tolist(), strict=True)
)
LATENCY = int(VECTORS["latency"])
WRITABLE = {"CONTROL", "IRQ_ENABLE", "IRQ_STATUS", "PACKET_FRAMES"}
OKAY, SLVERR, DECERR = axi.AxiResp.OKAY, axi.AxiResp.SLVERR, axi.AxiResp.DECERR
DONE, ERROR = 1, 2
BUSY, IN_PACKET, IN_WAITING, OUT_WAITING = 1, 2, 4, 8


def pauses(seed: int, percent: int):
    """Whether to pause, cycle by cycle."""
    draw = random.Random(seed)
    return (draw.randrange(100) < percent for _ in itertools.count())


class Bench:
    """Masters on all interfaces, and a count of what the streams do, cycle by cycle."""

    def __init__(self, dut, percent: int) -> None:
        self.dut = dut
        common = (dut.aclk, dut.aresetn, False)
        self.lite = axi.AxiLiteMaster(axi.AxiLiteBus.from_prefix(dut, "s_axi"), *common)
        self.source = axi.AxiStreamSource(axi.AxiStreamBus.from_prefix(dut, "s_axis"), *common)
        self.sink = axi.AxiStreamSink(axi.AxiStreamBus.from_prefix(dut, "m_axis"), *common)
        self.in_stalls = self.out_stalls = 0
        self.percent = percent

    async def start(self) -> None:
        Clock(self.dut.aclk, 10, unit="ns").start()
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, 4)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 4)
        if self.percent:
            write, read = self.lite.write_if, self.lite.read_if
            channels = (write.aw_channel, write.w_channel, write.b_channel)
            channels += (read.ar_channel, read.r_channel, self.source, self.sink)
            for seed, channel in enumerate(channels):
                channel.set_pause_generator(pauses(seed, self.percent))
        cocotb.start_soon(self._count())

    async def _count(self) -> None:
        dut, edge, held = self.dut, RisingEdge(self.dut.aclk), None
        while True:
            await edge
            valid, ready = dut.m_axis_tvalid.value == 1, dut.m_axis_tready.value == 1
            self.in_stalls += dut.s_axis_tvalid.value == 1 and dut.s_axis_tready.value != 1
            self.out_stalls += valid and not ready
            word = (int(dut.m_axis_tdata.value), int(dut.m_axis_tlast.value)) if valid else None
            if held is not None and dut.aresetn.value == 1 and not self.resetting:
                assert word == held, "an offered result changed"
            held = None if ready else word
            if dut.clear.value == 1:
                assert not valid and dut.s_axis_tready.value == 0, "a word may move in a reset"

    resetting = False

    async def read(self, name: str) -> int:
        answer = await self.lite.read(REGISTERS[name], 4)
        assert answer.resp == OKAY, f"{name}: {answer.resp}"
        return int.from_bytes(answer.data, "little")

    async def write(self, name: str, value: int, expected: axi.AxiResp = OKAY) -> None:
        answer = await self.lite.write(REGISTERS[name], value.to_bytes(4, "little"))
        assert answer.resp == expected, f"{name} = {value:#x}: {answer.resp}"

    async def send(self, data: bytes, keep=None) -> None:
        await self.source.send(axi.AxiStreamFrame(bytes(data), keep))

    async def packet(self, *images: int) -> None:
        """Frames as one packet; bytes that need no TKEEP come without, and with rubbish."""
        data = np.concatenate([FRAMES[image] for image in images])
        needed = np.tile(NEEDED, len(images))
        data = np.where(needed, data, 0xA5).astype(np.uint8)
        await self.send(data.tobytes(), needed.astype(int).tolist())

    async def results(self, *images: int) -> None:
        """The next packet on m_axis is the golden results of these images."""
        packet = await self.sink.recv()
        got = np.frombuffer(bytes(packet.tdata), dtype="<i4").reshape(-1, LOGITS.shape[1])
        assert np.array_equal(got, LOGITS[list(images)]), f"{got} of {images}"

    async def counts(self, frames: int, errors: int) -> None:
        got = (await self.read("FRAME_COUNT"), await self.read("ERROR_COUNT"))
        assert got == (frames, errors), f"frames, errors: {got}, expected {frames}, {errors}"

    async def flushed(self) -> None:
        """Wait until nothing is in the core, malformed frames included."""
        await self.source.wait()
        await ClockCycles(self.dut.aclk, 2 * LATENCY + 100)
        assert await self.read("STATUS") == 0
        assert self.sink.empty(), "a result too many"


async def started(dut, percent: int = 0) -> Bench:
    bench = Bench(dut, percent)
    await bench.start()
    return bench


@cocotb.test()
@cocotb.parametrize(percent=[0, 70])
async def registers(dut, percent):
    """Every register: its value, the answers to reads and writes, bytes, unaligned, outside."""
    bench = await started(dut, percent)
    lite = bench.lite
    values = dict.fromkeys(REGISTERS, 0) | CONSTANTS | {"PACKET_FRAMES": 1}
    for name, offset in REGISTERS.items():
        assert await bench.read(name) == values[name], name
        await bench.write(name, 1 if name in WRITABLE else 0xFFFF_FFFF,
                          OKAY if name in WRITABLE else SLVERR)  # fmt: skip
        if name == "CONTROL":
            while await bench.read(name):
                pass
        values["IRQ_ENABLE"] = int(offset >= REGISTERS["IRQ_ENABLE"])
    for name in REGISTERS:
        assert await bench.read(name) == values[name], f"{name} after the writes"
    # what lies behind the last register
    for offset in (max(REGISTERS.values()) + 4, 0x7FC, 0xFFC):
        answer = await lite.read(offset, 4)
        assert (answer.resp, answer.data) == (DECERR, bytes(4)), f"{offset:#x}: {answer}"
        assert (await lite.write(offset, b"\xff" * 4)).resp == DECERR
    # values that are not allowed, bits that do not exist, single bytes
    place = REGISTERS["PACKET_FRAMES"]
    for wrong in (0, 0x1_0000, 0xFFFF_FFFF):
        await bench.write("PACKET_FRAMES", wrong, SLVERR)
    assert await bench.read("PACKET_FRAMES") == 1
    await bench.write("PACKET_FRAMES", 0x1234)
    assert (await lite.write(place + 1, b"\xab")).resp == OKAY  # unaligned: a byte of the word
    assert await bench.read("PACKET_FRAMES") == 0xAB34
    answer = await lite.read(place + 1, 2)
    assert (answer.resp, answer.data) == (OKAY, b"\xab\x00")
    assert (await lite.write(place, b"\x56")).resp == OKAY
    assert await bench.read("PACKET_FRAMES") == 0xAB56
    assert (await lite.write(place + 2, b"\x01")).resp == SLVERR
    assert await bench.read("PACKET_FRAMES") == 0xAB56
    await bench.write("IRQ_ENABLE", 0xFFFF_FFFF)
    assert await bench.read("IRQ_ENABLE") == DONE | ERROR
    # reads and writes at once, many in a row
    await bench.write("PACKET_FRAMES", 7)
    reads = [lite.init_read(REGISTERS["ID"], 4) for _ in range(20)]
    writes = [
        lite.init_write(REGISTERS["PACKET_FRAMES"], bytes([n + 1, 0, 0, 0])) for n in range(20)
    ]
    for event in (*reads, *writes):
        await event.wait()
    assert all(int.from_bytes(one.data.data, "little") == CONSTANTS["ID"] for one in reads)
    assert all(one.data.resp == OKAY for one in writes)
    assert await bench.read("PACKET_FRAMES") == 20


@cocotb.test()
@cocotb.parametrize(percent=[0, 30])
async def frames(dut, percent):
    """Frames in single packets while registers are read; counters equal the bench's own."""
    bench = await started(dut, percent)
    for image in range(len(FRAMES)):
        await bench.packet(image)
    for image in range(len(FRAMES)):
        await bench.results(image)
        assert await bench.read("ERROR_COUNT") == 0
    await bench.flushed()
    await bench.counts(len(FRAMES), 0)
    stalls = (await bench.read("IN_STALLS"), await bench.read("OUT_STALLS"))
    assert stalls == (bench.in_stalls, bench.out_stalls), f"{stalls}"
    assert percent == 0 or bench.out_stalls > 0


@cocotb.test()
async def cycles(dut):
    """An isolated frame takes the predicted latency; the core is busy in between."""
    bench = await started(dut)
    for image in (0, 1):
        await bench.packet(image)
        await bench.results(image)
        await bench.flushed()
        assert await bench.read("FRAME_CYCLES") == LATENCY
        assert await bench.read("BUSY_CYCLES") == (image + 1) * LATENCY


@cocotb.test()
@cocotb.parametrize(percent=[0, 30])
async def packets(dut, percent):
    """Three frames a packet: one TLAST each way; the number is locked while the core is busy."""
    bench = await started(dut, percent)
    await bench.write("PACKET_FRAMES", 3)
    groups = [(0, 1, 2), (3, 2, 1), (2, 0, 3)]
    for group in groups:
        await bench.packet(*group)
    while not await bench.read("STATUS") & BUSY:
        pass
    await bench.write("PACKET_FRAMES", 1, SLVERR)
    for group in groups:
        await bench.results(*group)
    await bench.flushed()
    await bench.counts(9, 0)
    await bench.write("PACKET_FRAMES", 1)
    await bench.packet(2)
    await bench.results(2)


@cocotb.test()
@cocotb.parametrize(percent=[0, 30])
async def malformed(dut, percent):
    """Short, long, with holes: dropped and counted, and the frames around them are exact."""
    bench = await started(dut, percent)
    size, width = FRAMES.shape[1], len(dut.s_axis_tkeep)
    good, errors = [], 0

    async def right(image: int) -> None:
        good.append(image)
        await bench.packet(image)

    await right(0)
    for cut in (width, size // width // 2 * width, size - width):  # whole words too few
        await bench.send(FRAMES[1][:cut].tobytes())
        errors += 1
        await right(2)
    for more in (width, size - width, size):  # too many
        await bench.send(np.concatenate([FRAMES[1], FRAMES[3][:more]]).tobytes())
        errors += 1
        await right(3)
    holes = [int(place) for place in np.flatnonzero(NEEDED)]
    for place in (holes[0], holes[len(holes) // 2], holes[-1]):
        keep = NEEDED.astype(int).tolist()
        keep[place] = 0
        await bench.send(FRAMES[1].tobytes(), keep)
        errors += 1
        await right(1)
    keep[-width:] = [0] * width  # a hole and too short
    await bench.send(FRAMES[1][:-width].tobytes(), keep[:-width])
    keep = NEEDED.astype(int).tolist() * 2
    keep[0] = 0  # a hole and too long
    await bench.send(FRAMES[[1, 1]].tobytes(), keep)
    errors += 2
    await right(0)
    for image in good:
        await bench.results(image)
    await bench.flushed()
    await bench.counts(len(good), errors)
    assert await bench.read("IRQ_STATUS") == DONE | ERROR


@cocotb.test()
async def malformed_packets(dut):
    """Packets of two frames: cut between and inside of frames, too long; then a soft reset."""
    bench = await started(dut, 20)
    await bench.write("PACKET_FRAMES", 2)
    width = len(dut.s_axis_tkeep)
    cases = [
        (FRAMES[0], 1),  # ends after its first frame, which is answered
        (np.concatenate([FRAMES[0], FRAMES[1][:width]]), 1),
        (np.concatenate([FRAMES[0], FRAMES[1], FRAMES[2][:width]]), 1),
        (np.concatenate([FRAMES[0], FRAMES[1], FRAMES[2], FRAMES[3]]), 1),
    ]
    for data, answered in cases:
        await bench.send(data.tobytes())
        await bench.source.wait()
        await ClockCycles(dut.aclk, 3 * LATENCY + 200)
        assert bench.sink.empty(), "a packet of results without all of its frames"
        assert await bench.read("STATUS") & (BUSY | IN_PACKET) == 0
        await bench.counts(answered, 1)
        await soft_reset(bench)
        await bench.packet(2, 3)
        await bench.results(2, 3)
        await bench.counts(2, 0)
        await soft_reset(bench)


async def soft_reset(bench: Bench) -> None:
    """As a driver does it: the DMA engine first, so that nothing is offered or taken."""
    bench.resetting = True
    bench.source.assert_reset(True)
    bench.sink.assert_reset(True)
    await bench.write("CONTROL", 1)
    while await bench.read("CONTROL"):
        pass
    bench.source.assert_reset(False)
    bench.sink.assert_reset(False)
    bench.sink.clear()
    bench.resetting = False


@cocotb.test()
@cocotb.parametrize(cut=["first_word", "middle", "between", "results", "answered", "flushing"])
async def soft_reset_in_mid_frame(dut, cut):
    """Whatever the core was doing: afterwards nothing of it is left, settings are as before."""
    bench = await started(dut)
    size, width = FRAMES.shape[1], len(dut.s_axis_tkeep)
    await bench.write("IRQ_ENABLE", DONE | ERROR)
    await bench.write("PACKET_FRAMES", 2)
    await bench.packet(1, 0)
    await bench.results(1, 0)
    assert await bench.read("IRQ_STATUS") == DONE
    bench.sink.pause = cut != "answered"
    if cut == "flushing":
        await bench.send(FRAMES[3][:width].tobytes())
        await bench.source.wait()
    else:
        await bench.packet(3, 1)
    words = {"first_word": 1, "middle": size // width // 2, "between": size // width}.get(cut, 0)
    words = size // width + 1 if cut == "answered" else words
    while words:
        await RisingEdge(dut.aclk)
        words -= dut.s_axis_tvalid.value == 1 and dut.s_axis_tready.value == 1
    while cut == "results" and not await bench.read("STATUS") & OUT_WAITING:
        pass
    bench.source.pause = cut == "answered"
    while cut == "answered" and await bench.read("FRAME_COUNT") < 3:
        pass  # the first frame of the packet is out, the second is still coming in
    await soft_reset(bench)
    bench.sink.pause = bench.source.pause = False
    await bench.counts(0, 0)
    for name in ("STATUS", "IRQ_STATUS", "IN_STALLS", "OUT_STALLS", "FRAME_CYCLES", "BUSY_CYCLES"):
        assert await bench.read(name) == 0, name
    assert dut.irq.value == 0
    assert await bench.read("IRQ_ENABLE") == DONE | ERROR
    assert await bench.read("PACKET_FRAMES") == 2
    await bench.packet(0, 2)
    await bench.results(0, 2)
    await bench.flushed()
    await bench.counts(2, 0)


@cocotb.test()
async def interrupts(dut):
    """Done and error: set once an event, held until cleared, on the pin only if enabled."""
    bench = await started(dut)
    assert dut.irq.value == 0
    await bench.packet(0)
    await bench.results(0)
    assert await bench.read("IRQ_STATUS") == DONE
    assert dut.irq.value == 0
    await bench.write("IRQ_ENABLE", ERROR)
    assert dut.irq.value == 0
    await bench.write("IRQ_ENABLE", DONE)
    assert dut.irq.value == 1
    await bench.write("IRQ_STATUS", ERROR)  # another bit
    assert (await bench.read("IRQ_STATUS"), dut.irq.value) == (DONE, 1)
    await bench.write("IRQ_STATUS", DONE)
    assert (await bench.read("IRQ_STATUS"), dut.irq.value) == (0, 0)
    await bench.write("IRQ_ENABLE", ERROR)
    await bench.send(FRAMES[0][: len(dut.s_axis_tkeep)].tobytes())
    await bench.flushed()
    assert (await bench.read("IRQ_STATUS"), dut.irq.value) == (ERROR, 1)
    await bench.write("PACKET_FRAMES", 2)
    await bench.write("IRQ_STATUS", ERROR)
    await bench.packet(0)  # a packet that is too short
    await bench.flushed()
    assert (await bench.read("IRQ_STATUS"), dut.irq.value) == (ERROR, 1)


@cocotb.test()
async def event_and_clear_at_once(dut):
    """A result's event in the very cycle in which software clears the bit is not lost."""
    bench = await started(dut)
    met = 0
    for wait in range(LATENCY - 8, LATENCY + 4):
        await bench.write("IRQ_STATUS", DONE)
        await bench.packet(0)
        while dut.s_axis_tvalid.value != 1 or dut.s_axis_tready.value != 1:
            await RisingEdge(dut.aclk)
        await ClockCycles(dut.aclk, wait)
        clear = bench.lite.init_write(REGISTERS["IRQ_STATUS"], bytes([DONE, 0, 0, 0]))
        expected = bool(dut.irq_status.value)
        for _ in range(30):
            await RisingEdge(dut.aclk)
            event = bool(int(dut.result_taken.value) and int(dut.m_axis_tlast.value))
            cleared = dut.write_strobe.value == 1
            met += event and cleared
            expected = event or (expected and not cleared)
        await clear.wait()
        await bench.results(0)
        assert await bench.read("IRQ_STATUS") == expected, f"cleared {wait} cycles after the start"
    assert met, "the two never met"
