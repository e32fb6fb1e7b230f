"""Elaborate one module with given parameters: names, nets, generate blocks, deferred behaviour.

First all declarations (generate loops and branches taken as the constants say), then everything
that reads and drives, so that a block may refer to names that stand further down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .audit_eval import declared_width, evaluate, integer, kind_of, wrap
from .audit_parse import Module
from .audit_types import Constant, Finding, Net, Problem, Scope
from .audit_use import drive, read, read_all, statement

MAX_LOOP = 1 << 16
_NETS = {"Wire": "wire", "Tri": "wire", "Reg": "reg", "Integer": "integer"}


@dataclass(frozen=True)
class InstanceUse:
    """An instance to be checked: its syntax nodes and the scope its connections are read in."""

    module: str
    node: Any
    scope: Scope


@dataclass
class Elaboration:
    """A module with concrete parameters."""

    module: Module
    top: Scope = field(default_factory=Scope)
    ports: dict[str, Net] = field(default_factory=dict)
    nets: list[Net] = field(default_factory=list)
    instances: list[InstanceUse] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def report(self, line: int, message: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(self.module.file, line, self.module.name, message))


def parameter_nodes(module: Module) -> dict[str, Any]:
    """The parameters an instance may set, with their Parameter nodes, in order."""
    declarations = module.node.paramlist.params if module.node.paramlist else ()
    return {
        item.name: item
        for declaration in declarations
        for item in (declaration.list if kind_of(declaration) == "Decl" else (declaration,))
        if kind_of(item) == "Parameter"
    }


def elaborate(module: Module, parameters: Mapping[str, int | str]) -> Elaboration:
    """Elaborate ``module``; ``parameters`` replaces the defaults of the parameters named."""
    result = Elaboration(module)
    builder = _Builder(result)
    for name, node in parameter_nodes(module).items():
        builder.constant(node, result.top, parameters.get(name))
    for port in module.node.portlist.ports if module.node.portlist else ():
        builder.port(port)
    builder.declare(module.node.items or (), result.top)
    builder.behave()
    return result


class _Builder:
    """The two passes over one module."""

    def __init__(self, result: Elaboration) -> None:
        self.result = result
        self.report = result.report
        self.deferred: list[tuple[Any, Scope]] = []

    # ---- declarations ----

    def constant(self, node: Any, scope: Scope, override: int | str | None = None) -> None:
        """A parameter or localparam."""
        value: int | str = 0
        width: int | None = None
        try:
            value = evaluate(node.value, scope) if override is None else override
            if node.width is not None:
                width = declared_width(node.width, scope)[0]
            if isinstance(value, int):
                value = wrap(value, width or 32, bool(node.signed) or width is None)
        except Problem as problem:
            self.report(problem.line, problem.message)
        self.name(scope, node.name, Constant(value, width), node.lineno)

    def name(self, scope: Scope, name: str, symbol: Constant | Net, line: int) -> None:
        if name in scope.names:
            self.report(line, f"{name} is declared twice")
        scope.names[name] = symbol

    def port(self, node: Any) -> None:
        """One entry of an ANSI port list."""
        if kind_of(node) != "Ioport":
            self.report(node.lineno, f"port {node.name} is not declared in the port list")
            return
        kind = kind_of(node.second) if node.second is not None else "Wire"
        net = self.net(node.first, self.result.top, _NETS.get(kind, kind), node.lineno)
        net.direction = kind_of(node.first)
        self.result.ports[net.name] = net

    def net(self, node: Any, scope: Scope, kind: str, line: int, checked: bool = True) -> Net:
        """Declare a net, variable or memory."""
        width, lsb, words, first = 1, 0, None, 0
        try:
            width, lsb = declared_width(node.width, scope)
            dimensions = getattr(node, "dimensions", None)
            if dimensions is not None:
                if len(dimensions.lengths) != 1:
                    raise Problem(line, f"{node.name}: arrays of one dimension only")
                bounds = dimensions.lengths[0]
                ends = sorted((integer(bounds.msb, scope), integer(bounds.lsb, scope)))
                words, first = ends[1] - ends[0] + 1, ends[0]
        except Problem as problem:
            self.report(problem.line, problem.message)
        name = scope.prefix + node.name
        net = Net(name, kind, line, width, lsb, words, first, checked=checked)
        self.name(scope, node.name, net, line)
        self.result.nets.append(net)
        return net

    def declare(self, items: Iterable[Any], scope: Scope) -> None:
        """First pass: declarations, generate loops and branches; the rest is deferred."""
        for item in items:
            try:
                self.declare_one(item, scope)
            except Problem as problem:
                self.report(problem.line, problem.message)

    def declare_one(self, item: Any, scope: Scope) -> None:
        kind = kind_of(item)
        if kind == "Decl":
            self.declare(item.list, scope)
        elif kind in ("Localparam", "Parameter"):
            self.constant(item, scope)
        elif kind in _NETS:
            self.net(item, scope, _NETS[kind], item.lineno)
        elif kind == "Genvar":
            pass  # known inside its loops only
        elif kind == "GenerateStatement":
            self.declare(item.items, scope)
        elif kind == "IfStatement":
            chosen = item.true_statement if integer(item.cond, scope) else item.false_statement
            if chosen is not None:
                self.block(chosen, scope, None)
        elif kind == "ForStatement":
            self.loop(item, scope)
        elif kind == "Function":
            scope.functions[item.name] = item
            self.deferred.append((item, scope))
        elif kind in ("Assign", "Always", "Initial", "InstanceList"):
            self.deferred.append((item, scope))
        elif kind in ("Input", "Output", "Inout"):
            self.report(item.lineno, f"port {item.name} is declared outside of the port list")
        elif kind != "Pragma":
            self.report(item.lineno, f"{kind} is outside of the audited Verilog subset")

    def block(self, node: Any, scope: Scope, index: int | None, name: str = "") -> None:
        """A generate branch or one turn of a generate loop (then genvar ``name`` is ``index``)."""
        if kind_of(node) != "Block":  # else if ..., or a single item
            if kind_of(node) != "IfStatement":
                self.report(node.lineno, "generate branch without begin : name ... end")
            self.declare((node,), scope)
            return
        if not node.scope:
            self.report(node.lineno, "generate block without a name")
        label = str(node.scope or "unnamed")
        label = label if index is None else f"{label}[{index}]"
        if label in scope.children or label in scope.names:
            self.report(node.lineno, f"generate block name {label} is used twice")
        inner = Scope(scope, label)
        if index is not None:
            inner.names[name] = Constant(index)
        self.declare(node.statements, inner)

    def loop(self, node: Any, scope: Scope) -> None:
        name = node.pre.left.var.name
        turn = Scope(scope)
        value = integer(node.pre.right, scope)
        for _ in range(MAX_LOOP):
            turn.names[name] = Constant(value)
            if not integer(node.cond, turn):
                return
            self.block(node.statement, scope, value, name)
            value = integer(node.post.right, turn)
        raise Problem(node.lineno, f"generate loop of more than {MAX_LOOP} turns")

    # ---- behaviour ----

    def behave(self) -> None:
        """Second pass: who reads and drives what."""
        for item, scope in self.deferred:
            kind = kind_of(item)
            who = (id(item), id(scope))
            if kind == "Assign":
                read(item.right, scope, self.report)
                drive(item.left, scope, who, self.report, how="assign")
            elif kind == "Always":
                for sense in item.sens_list.list if item.sens_list else ():
                    if sense.sig is not None:
                        read(sense.sig, scope, self.report)
                statement(item.statement, self.locals(item.statement, scope), who, self.report)
            elif kind == "Initial":
                inner = self.locals(item.statement, scope)
                statement(item.statement, inner, who, self.report, initial=True)
            elif kind == "Function":
                self.function(item, scope)
            else:
                for instance in item.instances:
                    self.result.instances.append(InstanceUse(item.module, instance, scope))

    def locals(self, node: Any, scope: Scope) -> Scope:
        """The scope of a block: a named one may declare variables of its own."""
        if kind_of(node) != "Block" or not node.scope:
            return scope
        return Scope(scope, str(node.scope))

    def function(self, node: Any, scope: Scope) -> None:
        """A function's body: its own variables need no drivers, others are read."""
        inner = Scope(scope, node.name)
        try:
            self_width = declared_width(node.retwidth, scope)[0]
        except Problem as problem:
            self.report(problem.line, problem.message)
            self_width = 1
        result = Net(inner.prefix + node.name, "reg", node.lineno, self_width, checked=False)
        inner.names[node.name] = result
        body: list[Any] = []
        for part in node.statement:
            if kind_of(part) == "Decl":
                for item in part.list:
                    self.net(item, inner, "reg", item.lineno, checked=False)
            else:
                body.append(part)
        for part in body:
            statement(part, inner, (id(node), id(scope)), self.report)


def connect(use: InstanceUse, child: Elaboration, parent: Elaboration) -> None:
    """Note what an instance's connections read and drive in the parent, by port direction."""
    for argument in use.node.portlist:
        port = child.ports.get(argument.portname or "")
        if port is None or argument.argname is None:
            continue
        if port.direction != "Output":
            read(argument.argname, use.scope, parent.report)
        if port.direction != "Input":
            who = (id(argument), id(use.scope))
            drive(argument.argname, use.scope, who, parent.report, how="output")


def connect_unknown(use: InstanceUse, parent: Elaboration) -> None:
    """The same for an instance of a module that isn't there: take all as read and driven."""
    arguments = [a.argname for a in use.node.portlist if a.argname is not None]
    read_all(arguments, use.scope, lambda line, message: None)
    for argument in arguments:
        drive(argument, use.scope, id(argument), lambda line, message: None, how="output")


def check_drivers(result: Elaboration) -> None:
    """Report bits without a driver and bits with two."""
    for net in result.nets:
        if net.direction == "Input":
            for _, _, line in net.drivers:
                result.report(line, f"input {net.name} is driven inside")
            continue
        if not net.checked or net.kind == "integer":
            continue
        taken: dict[object, int] = {}
        for mask, who, line in net.drivers:
            for other, bits in taken.items():
                if other != who and mask & bits:
                    what = net.bits(mask & bits)
                    result.report(line, f"{what} is driven more than once")
                    break
            taken[who] = taken.get(who, 0) | mask
        driven = net.initial
        for bits in taken.values():
            driven |= bits
        lacking = net.full & ~driven
        if lacking:
            what = "output " if net.direction == "Output" else ""
            how = "read but never driven" if lacking & net.read else "never driven"
            result.report(net.line, f"{what}{net.bits(lacking)} is {how}")
