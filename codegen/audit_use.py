"""Who reads and who drives which bits: expressions, assignments and statements of one module."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .audit_eval import count, is_indexed, kind_of, look_up, select_range, width
from .audit_types import Net, Problem, Scope

Report = Callable[[int, str], None]
_SYSTEM_FUNCTIONS = {"clog2", "signed", "unsigned"}


def base_of(node: Any) -> Any:
    """The Identifier under part and bit selects."""
    while kind_of(node) in ("Partselect", "Pointer", "Lvalue", "Rvalue"):
        node = node.var
    return node


def selected(node: Any, scope: Scope, report: Report) -> tuple[Net | None, int]:
    """Net and mask a (selected) name stands for; the whole net if an index is not constant.

    Reads the indices. The net is None for a constant; raises Problem for an unknown name.
    """
    kind = kind_of(node)
    if kind in ("Lvalue", "Rvalue"):
        return selected(node.var, scope, report)
    if kind == "Identifier":
        found = look_up(node, scope)
        return (found, found.full) if isinstance(found, Net) else (None, 0)
    net, mask = selected(node.var, scope, report)
    constant = True
    indices = [node.ptr] if kind == "Pointer" else [node.msb, node.lsb]
    for index in indices:
        if not _is_constant(index, scope):
            read(index, scope, report)
            constant = kind == "Partselect" and not is_indexed(node)
            if constant:
                raise Problem(node.lineno, "part select with a variable bound")
    if net is None:
        return None, 0
    if not constant:
        return net, mask
    low, bits = select_range(node, scope)
    if kind_of(node.var) == "Identifier":
        first, size = (net.lsb, net.width) if net.words is None else (net.first_word, net.words)
        if net.words is not None and kind == "Partselect":
            raise Problem(node.lineno, f"part select of memory {net.name}")
        low -= first
        if low < 0 or low + bits > size:
            raise Problem(node.lineno, f"select outside of {net.name}, which has {size}")
        return net, ((1 << bits) - 1) << low
    if net.words is None:
        raise Problem(node.lineno, f"two selects on {net.name}")
    if low < net.lsb or low + bits > net.lsb + net.width:
        raise Problem(node.lineno, f"select outside of the words of {net.name}")
    return net, mask  # some bits of a word


def _is_constant(node: Any, scope: Scope) -> bool:
    if kind_of(node) == "Identifier":
        return not isinstance(look_up(node, scope), Net)
    return all(_is_constant(child, scope) for child in node.children())


def read(node: Any, scope: Scope, report: Report) -> None:
    """Note all bits an expression reads; report unknown names and impossible selects."""
    kind = kind_of(node)
    try:
        if kind in ("Identifier", "Partselect", "Pointer"):
            if kind_of(base_of(node)) != "Identifier":
                raise Problem(node.lineno, "select of an expression")
            net, mask = selected(node, scope, report)
            if net is not None:
                if net.words is not None and kind == "Identifier":
                    raise Problem(node.lineno, f"memory {net.name} without an index")
                net.read |= mask
            return
        if kind in ("Concat", "Repeat"):
            width(node, scope)  # for what it raises
        if kind == "SystemCall" and node.syscall not in _SYSTEM_FUNCTIONS:
            raise Problem(node.lineno, f"${node.syscall} in an expression")
        if kind == "Repeat":
            count(node, scope)
            return read(node.value, scope, report)
        if kind == "FunctionCall":
            _check_call(node, scope)
            return read_all(node.args, scope, report)
    except Problem as problem:
        report(problem.line, problem.message)
        return
    read_all(node.children(), scope, report)


def read_all(nodes: Iterable[Any], scope: Scope, report: Report) -> None:
    """:func:`read` for each of ``nodes``."""
    for node in nodes:
        read(node, scope, report)


def _check_call(node: Any, scope: Scope) -> None:
    name = node.name.name
    function = scope.find_function(name)
    if function is None:
        raise Problem(node.lineno, f"unknown function {name}")
    inputs = sum(
        kind_of(item) == "Input"
        for declaration in function.statement
        if kind_of(declaration) == "Decl"
        for item in declaration.list
    )
    if inputs != len(node.args):
        raise Problem(node.lineno, f"function {name} has {inputs} inputs, given {len(node.args)}")


def drive(
    node: Any, scope: Scope, who: object, report: Report, *, how: str, initial: bool = False
) -> None:
    """Note the bits an assignment target takes; ``how`` is ``assign``, ``always`` or ``output``."""
    kind = kind_of(node)
    if kind == "Lvalue":
        return drive(node.var, scope, who, report, how=how, initial=initial)
    if kind in ("Concat", "LConcat"):
        for item in node.list:
            drive(item, scope, who, report, how=how, initial=initial)
        return None
    try:
        if kind not in ("Identifier", "Partselect", "Pointer"):
            raise Problem(node.lineno, f"{kind} as the target of an assignment")
        net, mask = selected(node, scope, report)
        if net is None:
            raise Problem(node.lineno, f"assignment to constant {base_of(node).name}")
        if how == "always" and net.kind == "wire":
            raise Problem(node.lineno, f"assignment to wire {net.name} in a block")
        if how != "always" and net.kind != "wire":
            what = "continuous assignment" if how == "assign" else "instance output"
            raise Problem(node.lineno, f"{what} drives {net.kind} {net.name}")
        if initial:
            net.initial |= mask
        else:
            net.drivers.append((mask, who, node.lineno))
    except Problem as problem:
        report(problem.line, problem.message)
    return None


def statement(
    node: Any, scope: Scope, who: object, report: Report, *, initial: bool = False
) -> None:
    """Note what a procedural statement reads and drives, its branches all alike."""

    def inner(child: Any) -> None:
        if child is not None:
            statement(child, scope, who, report, initial=initial)

    kind = kind_of(node)
    if kind == "Block":
        for child in node.statements:
            inner(child)
    elif kind in ("BlockingSubstitution", "NonblockingSubstitution"):
        read(node.right, scope, report)
        drive(node.left, scope, who, report, how="always", initial=initial)
    elif kind == "IfStatement":
        read(node.cond, scope, report)
        inner(node.true_statement)
        inner(node.false_statement)
    elif kind in ("CaseStatement", "CasezStatement", "CasexStatement"):
        read(node.comp, scope, report)
        for case in node.caselist:
            read_all(case.cond or (), scope, report)
            inner(case.statement)
    elif kind == "ForStatement":
        inner(node.pre)
        read(node.cond, scope, report)
        inner(node.post)
        inner(node.statement)
    elif kind == "SingleStatement":
        inner(node.statement)
    elif kind == "SystemCall":
        _task(node, scope, report)
    else:
        report(node.lineno, f"{kind} is outside of the audited Verilog subset")


def _task(node: Any, scope: Scope, report: Report) -> None:
    """A system task: ``$readmemh(file, memory)`` sets the memory, others read their arguments."""
    if node.syscall in ("readmemh", "readmemb") and len(node.args) >= 2:
        name, memory = node.args[0], node.args[1]
        read(name, scope, report)
        try:
            net, mask = selected(memory, scope, report)
            if net is None or net.words is None:
                raise Problem(node.lineno, f"${node.syscall} into something that is no memory")
            net.initial |= mask
        except Problem as problem:
            report(problem.line, problem.message)
    else:
        read_all(node.args, scope, report)
