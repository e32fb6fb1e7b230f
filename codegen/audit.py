"""Structural audit of Verilog: is everything connected, once, with the right width?

Elaborates each module reachable from the top with the parameters it is instantiated with (generate
loops and branches unrolled) and checks: instances name existing modules; all ports are connected by
name, each once, with the port's width; parameters exist; every net bit has exactly one driver (an
``assign``, one always block or an instance output; initial blocks may set memories); inputs are not
driven; all names are known; selects stay in range. It does not look at values, timing or clocks,
and knows the Verilog subset of ``hw/`` and the templates only: anything else is a finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .audit_eval import evaluate, kind_of, literal, width
from .audit_module import (
    Elaboration,
    InstanceUse,
    check_drivers,
    connect,
    connect_unknown,
    elaborate,
    parameter_nodes,
)
from .audit_parse import Module, parse_files
from .audit_types import Finding, Problem

MAX_DEPTH = 100


@dataclass(frozen=True)
class AuditReport:
    """What was looked at and what was found.

    ``modules`` are the reachable ones by name; ``elaborations`` counts them per parameter set;
    ``instances`` and ``nets`` are summed over the elaborations.
    """

    top: str
    modules: tuple[str, ...]
    elaborations: int
    instances: int
    nets: int
    findings: tuple[Finding, ...]


class AuditError(RuntimeError):
    """Verilog with structural defects; ``report`` lists them, the message too."""

    def __init__(self, report: AuditReport) -> None:
        lines = [f"{report.top}: {len(report.findings)} structural defects in the Verilog"]
        super().__init__("\n".join([*lines, *map(str, report.findings)]))
        self.report = report


def audit(
    files: Sequence[Path], top: str, parameters: Mapping[str, int | str] | None = None
) -> AuditReport:
    """Audit the design ``top`` (with ``parameters`` in place of defaults) made of ``files``."""
    modules, findings = parse_files(files)
    auditor = _Auditor(modules)
    if top in modules:
        auditor.module(top, dict(parameters or {}), ())
    elif not findings:
        findings.append(Finding("", 0, top, "the top module is in none of the files"))
    for result in auditor.done.values():
        findings += result.findings
    return AuditReport(
        top,
        tuple(sorted({name for name, _ in auditor.done})),
        len(auditor.done),
        sum(len(result.instances) for result in auditor.done.values()),
        sum(len(result.nets) for result in auditor.done.values()),
        tuple(sorted(set(findings))),
    )


def check(
    files: Sequence[Path], top: str, parameters: Mapping[str, int | str] | None = None
) -> AuditReport:
    """:func:`audit`, raising :class:`AuditError` if it finds anything."""
    report = audit(files, top, parameters)
    if report.findings:
        raise AuditError(report)
    return report


_Key = tuple[str, tuple[tuple[str, int | str], ...]]


class _Auditor:
    """Elaborates modules on demand, each parameter set once."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules
        self.done: dict[_Key, Elaboration] = {}

    def module(
        self, name: str, parameters: Mapping[str, int | str], path: tuple[_Key, ...]
    ) -> Elaboration:
        key = (name, tuple(sorted(parameters.items())))
        if key in self.done:
            return self.done[key]
        result = elaborate(self.modules[name], parameters)
        self.done[key] = result
        if len(path) > MAX_DEPTH:
            result.report(result.module.node.lineno, f"instances nested more than {MAX_DEPTH} deep")
            return result
        for use in result.instances:
            self.instance(use, result, (*path, key))
        check_drivers(result)
        return result

    def instance(self, use: InstanceUse, parent: Elaboration, path: tuple[_Key, ...]) -> None:
        """Check one instance against its module and note what its connections do."""
        line, label = use.node.lineno, f"instance {use.node.name}"
        if use.module not in self.modules:
            parent.report(line, f"{label}: no module {use.module}")
            connect_unknown(use, parent)
            return
        if use.node.array is not None:
            parent.report(line, f"{label}: arrays of instances are outside of the subset")
        child_module = self.modules[use.module]
        known = parameter_nodes(child_module)
        parameters: dict[str, int | str] = {}
        for argument in use.node.parameterlist or ():
            name = argument.paramname
            if name is None:
                parent.report(argument.lineno, f"{label}: parameter given by position")
            elif name not in known:
                parent.report(argument.lineno, f"{label}: {use.module} has no parameter {name}")
            elif name in parameters:
                parent.report(argument.lineno, f"{label}: parameter {name} given twice")
            else:
                try:
                    parameters[name] = evaluate(argument.argname, use.scope)
                except Problem as problem:
                    parent.report(problem.line, f"{label}: {name}: {problem.message}")
        child = self.module(use.module, parameters, path)
        self.connections(use, child, parent, label)
        connect(use, child, parent)

    def connections(
        self, use: InstanceUse, child: Elaboration, parent: Elaboration, label: str
    ) -> None:
        """Every port once, by name, with its width."""
        seen: set[str] = set()
        for argument in use.node.portlist:
            name, line = argument.portname, argument.lineno
            if name is None:
                parent.report(line, f"{label}: port connected by position")
            elif name not in child.ports:
                parent.report(line, f"{label}: {use.module} has no port {name}")
            elif name in seen:
                parent.report(line, f"{label}: port {name} connected twice")
            elif argument.argname is None:
                parent.report(line, f"{label}: port {name} left open")
            else:
                port = child.ports[name]
                try:
                    self.width(argument.argname, use, port.width)
                except Problem as problem:
                    parent.report(problem.line, f"{label}: port {name}: {problem.message}")
            seen.add(name or "")
        for name in child.ports:
            if name not in seen and None not in {a.portname for a in use.node.portlist}:
                parent.report(use.node.lineno, f"{label}: port {name} not connected")

    @staticmethod
    def width(node: object, use: InstanceUse, expected: int) -> None:
        """Raise Problem unless the expression has the port's width (a literal: fits in it)."""
        given = width(node, use.scope)
        line: int = getattr(node, "lineno", use.node.lineno)
        if given is None and kind_of(node) == "IntConst":
            value = literal(node)[1] or 0
            if value >> expected:
                raise Problem(line, f"{value} doesn't fit in {expected} bits")
        elif given is not None and given != expected:
            raise Problem(line, f"{given} bits connected to {expected}")
