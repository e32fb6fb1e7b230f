"""What a pragma's options mean together: dimensions, storage, streams, ports, contradictions.

Every rule is AMD's; the page is named beside it where it is not the pragma's own in UG1399.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .pragmas_scope import Name, Scope, dimensions, is_stream, words
from .pragmas_table import (
    CONTROL_MODES,
    MAX_STORAGE_LATENCY,
    OPERATIONS,
    RETURN_MODES,
    STORAGE,
    Pragma,
)

Tell = Callable[[str], None]


@dataclass
class Use:
    """A pragma where it stands; ``variables`` and ``numbers`` are what its values turned out to be.

    A variable is None where only a compiler knows it.
    """

    pragma: Pragma
    line: int
    scope: Scope
    branch: dict[int, int]
    options: dict[str, str]
    variables: dict[str, Name | None] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def option(self, name: str) -> str:
        """The option's value in lower case, or nothing."""
        return self.options.get(name, "").lower()

    def on(self, name: str) -> bool:
        """Whether the flag is set."""
        return self.option(name) == "true"

    @property
    def variable(self) -> Name | None:
        """What ``variable`` names, if that is known."""
        return self.variables.get(self.options.get("variable", ""))


def check_meaning(use: Use, top: str, tell: Tell) -> None:
    """The rules of one pragma by itself."""
    rule = _RULES.get(use.pragma.name)
    if use.pragma.name == "INTERFACE":
        _interface(use, top, tell)
    elif rule is not None:
        rule(use, tell)


def _array(use: Use, tell: Tell) -> None:
    kind = use.option("type") or "complete"
    if kind == "complete" and "factor" in use.options:
        tell("factor is for block and cyclic only")
    if kind in ("block", "cyclic") and "factor" not in use.options:
        tell(f"{kind} needs a factor")
    if use.variable is None:
        return
    dims = dimensions(use.variable, use.scope)
    if dims is None:
        return
    name, dim = use.options["variable"], use.numbers.get("dim", 1)
    if not dims:
        tell(f"{name} is no array")
    elif dim > len(dims):
        many = f"{len(dims)} dimension{'s' if len(dims) > 1 else ''}"
        tell(f"dim={dim}: {name} has {many}; allowed are 0 to {len(dims)}")


def _storage(use: Use, tell: Tell) -> None:
    kind, impl = use.option("type"), use.option("impl")
    allowed = STORAGE.get(kind, ())
    if impl and allowed and impl not in allowed:
        tell(f"{kind} can't be built of {impl}; allowed are {', '.join(allowed)}")
    latency = use.numbers.get("latency", -1)
    if latency > (0 if kind == "fifo" else MAX_STORAGE_LATENCY) or (
        latency == 0 and kind != "fifo"
    ):
        tell(f"latency={latency}: allowed are -1 and {'0' if kind == 'fifo' else '1 to 3'}")
    if use.variable is None:
        return
    name, stream = use.options["variable"], is_stream(use.variable, use.scope)
    if kind == "fifo" and stream is False and dimensions(use.variable, use.scope) == ():
        tell(f"{name} is no stream and no array")
    elif kind != "fifo" and stream:
        tell(f"{name} is a stream, which can only be type=fifo")
    elif kind != "fifo" and dimensions(use.variable, use.scope) == ():
        tell(f"{name} is no array")


def _operation(use: Use, tell: Tell) -> None:
    op, impl = use.option("op"), use.option("impl")
    allowed = OPERATIONS.get(op, ())
    if impl and allowed and impl not in allowed:
        tell(f"{op} can't be built of {impl}; allowed are {', '.join(allowed)}")


def _stream(use: Use, tell: Tell) -> None:
    if use.variable is None:
        return
    name, stream = use.options["variable"], is_stream(use.variable, use.scope)
    dims = dimensions(use.variable, use.scope)
    if stream is False and dims == ():
        tell(f"{name} is neither an hls::stream nor an array")
    elif stream and use.option("type") not in ("", "fifo"):
        tell(f"type={use.option('type')} is for arrays; {name} is an hls::stream")


def _interface(use: Use, top: str, tell: Tell) -> None:
    function = use.scope.function
    if function is None or function.name != top:
        tell(f"stands in {function.name if function else 'no function'}; only {top} has ports")
        return
    mode, port = use.option("mode"), use.options.get("port", "")
    if port == "return":
        if mode not in RETURN_MODES:
            tell(f"{mode} is for a parameter; port=return takes {', '.join(sorted(RETURN_MODES))}")
    elif mode in CONTROL_MODES:
        tell(f"{mode} is for port=return only")
    elif port and use.variables.get(port) is not None:
        found = use.variables[port]
        assert found is not None
        if found.kind != "parameter":
            tell(f"port={port} is no parameter of {top}")
        elif mode == "axis" and not is_stream(found, use.scope) and not _memory(found, use.scope):
            tell(f"port={port}: axis needs a stream, an array or a pointer")


def _memory(name: Name, scope: Scope) -> bool:
    """An array, a pointer, or something only a compiler knows."""
    return name.pointer or dimensions(name, scope) != ()


def _pipeline(use: Use, tell: Tell) -> None:
    if use.on("rewind"):
        if use.scope.kind != "loop":
            tell("rewind is for loops")
        if use.option("style") in ("frp", "flp"):
            tell(f"style={use.option('style')} and rewind exclude each other (UG1448)")
    if use.on("off") and len(use.options) > 1:
        tell("off takes no other option")


def _unroll(use: Use, tell: Tell) -> None:
    if use.on("skip_exit_check") and "factor" not in use.options:
        tell("skip_exit_check needs a factor")
    if use.on("off") and "factor" in use.options:
        tell("off takes no factor")


def _range(use: Use, tell: Tell) -> None:
    low, high = use.numbers.get("min"), use.numbers.get("max")
    if use.pragma.name == "LATENCY" and not use.options:
        tell("min or max is missing")
    if low is not None and high is not None and low > high:
        tell(f"min={low} is above max={high}")
    average = use.numbers.get("avg")
    if average is not None and high is not None and not (low or 0) <= average <= high:
        tell(f"avg={average} is not between min and max")


def _dependence(use: Use, tell: Tell) -> None:
    if "variable" in use.options and "class" in use.options:
        tell("variable and class exclude each other")
    if "distance" in use.options and use.option("dependent") != "true":
        tell("distance is for dependent=true")


def _reset(use: Use, tell: Tell) -> None:
    found = use.variable
    if found is not None and (
        found.kind == "parameter"
        or (not found.static and any(found.name in at.names for at in use.scope.inside()))
    ):
        tell(f"{found.name} is neither static nor global")


def _instantiate(use: Use, tell: Tell) -> None:
    if use.variable is not None and use.variable.kind != "parameter":
        tell(f"{use.options['variable']} is no parameter of the function")


def _allocation(use: Use, tell: Tell) -> None:
    name = use.options.get("instances", "")
    if use.option("type") != "operation" and name:
        found = use.scope.find(name.split("<")[0].split("::")[-1])
        if found is None or found.kind != "function":
            tell(f"instances={name} is no function declared here")


_RULES: dict[str, Callable[[Use, Tell], None]] = {
    "ALLOCATION": _allocation,
    "ARRAY_PARTITION": _array,
    "ARRAY_RESHAPE": _array,
    "BIND_OP": _operation,
    "BIND_STORAGE": _storage,
    "DEPENDENCE": _dependence,
    "FUNCTION_INSTANTIATE": _instantiate,
    "LATENCY": _range,
    "LOOP_TRIPCOUNT": _range,
    "PIPELINE": _pipeline,
    "RESET": _reset,
    "STREAM": _stream,
    "UNROLL": _unroll,
}

_ONCE = words(
    "DATAFLOW INLINE LATENCY LOOP_FLATTEN LOOP_MERGE LOOP_TRIPCOUNT OCCURRENCE "
    "PERFORMANCE PIPELINE PROTOCOL TOP UNROLL EXPRESSION_BALANCE"
)
_ONCE_A_VARIABLE = words(
    "AGGREGATE BIND_STORAGE DISAGGREGATE FUNCTION_INSTANTIATE RESET STABLE STREAM"
)
_ARRAYS = frozenset(("ARRAY_PARTITION", "ARRAY_RESHAPE"))
_TOGETHER_ON_A_PORT = ({"m_axi", "s_axilite"}, {"s_axilite", *CONTROL_MODES})


def conflicts(use: Use, tell: Tell) -> None:
    """``use`` against the pragmas that stand in the same braces, or name the same variable."""
    for scope in use.scope.inside():
        for other in scope.uses:
            assert isinstance(other, Use)
            if all(use.branch.get(key, value) == value for key, value in other.branch.items()):
                message = _conflict(use, other)
                if message:
                    tell(f"{message} in line {other.line}")


def _conflict(use: Use, other: Use) -> str:
    name, before = use.pragma.name, other.pragma.name
    same = use.variable is not None and use.variable is other.variable
    if name == before and name in _ONCE and use.scope is other.scope:
        return f"stands beside another {name}"
    if name == before and name in _ONCE_A_VARIABLE and same:
        return f"{use.options['variable']} has another {name}"
    if {name, before} == {"AGGREGATE", "DISAGGREGATE"} and same:
        return f"{use.options['variable']} also has {before}"
    if name in _ARRAYS and before in _ARRAYS and same:
        dims = use.numbers.get("dim", 1), other.numbers.get("dim", 1)
        if dims[0] == dims[1] or 0 in dims:
            return f"dimension {dims[0]} of {use.options['variable']} also has {before}"
    if use.scope is other.scope and {name, before} == {"DATAFLOW", "PIPELINE"}:
        return f"excludes {before}"
    if use.scope is other.scope and {name, before} == {"PIPELINE", "UNROLL"}:
        unroll, pipeline = (use, other) if name == "UNROLL" else (other, use)
        if "factor" not in unroll.options and not unroll.on("off") and not pipeline.on("off"):
            return f"a loop that is unrolled as a whole has no pipeline; see {before}"
    if name == before == "INTERFACE" and use.options.get("port") == other.options.get("port"):
        modes = {use.option("mode"), other.option("mode")}
        if len(modes) == 1 or len(modes & CONTROL_MODES) > 1:
            return f"port={use.options.get('port')} has another mode"
        if not any(modes <= allowed for allowed in _TOGETHER_ON_A_PORT):
            return f"port={use.options.get('port')} can't be {' and '.join(sorted(modes))}"
    return ""
