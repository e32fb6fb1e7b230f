"""The batch of designs under test, where the tests look for it."""

from lenetgen.sim.rtl_batch import (
    Batch,
    Dut,
    Level,
    Play,
    Probe,
    Record,
    Stream,
    Words,
    lanes,
    to_integers,
    to_words,
)

__all__ = [
    "Batch",
    "Dut",
    "Level",
    "Play",
    "Probe",
    "Record",
    "Stream",
    "Words",
    "lanes",
    "to_integers",
    "to_words",
]
