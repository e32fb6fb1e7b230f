"""cocotb bench of test_verilator_toolchain: plays the vectors and compares every result."""

import json
import os
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge


@cocotb.test()
async def plays_all_vectors(dut):
    vectors = json.loads(Path(os.environ["VECTORS"]).read_text())
    Clock(dut.clk, 10, unit="ns").start()
    for index, (word, expected) in enumerate(vectors):
        await FallingEdge(dut.clk)
        dut.x.value = word
        await FallingEdge(dut.clk)
        await FallingEdge(dut.clk)
        got = int(dut.y.value)
        assert got == expected, f"vector {index}: {got} instead of {expected}"
    assert vectors
