"""Golden model, C++ simulation, RTL co-simulation, first-difference locator."""
