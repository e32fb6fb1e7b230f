"""Whole networks in a batch, where the tests look for them."""

from lenetgen.sim.rtl_networks import Network, make_batch, problems, record_of, timing_problems

__all__ = ["Network", "make_batch", "problems", "record_of", "timing_problems"]
