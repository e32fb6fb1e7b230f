"""Safe names: what a model calls its layers becomes identifiers of C++, Verilog, Tcl and files.

Input: any texts, in order; output: as many distinct lower-case names, each a letter followed by
letters, digits and single underscores. The same texts give the same names; nothing of a text that
could mean something to a template, a shell or a file system survives.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_LENGTH = 40  # characters; emitted names add prefixes and suffixes, tools cut at 128 or less

# C++20: keywords, alternative tokens, and identifiers with a special meaning (cppreference,
# "C++ keywords"), plus macros and type names of the headers that generated code includes.
_CPP = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t
char32_t class compl concept const consteval constexpr constinit const_cast continue co_await
co_return co_yield decltype default delete do double dynamic_cast else enum explicit export extern
false final float for friend goto if import inline int long module mutable namespace new noexcept
not not_eq nullptr operator or or_eq override private protected public register reinterpret_cast
requires return short signed sizeof static static_assert static_cast struct switch template this
thread_local throw true try typedef typeid typename union unsigned using virtual void volatile
wchar_t while xor xor_eq assert errno main std stdin stdout stderr size_t int8_t int16_t int32_t
int64_t uint8_t uint16_t uint32_t uint64_t ap_int ap_uint ap_fixed ap_ufixed hls stream unix linux
"""

# IEEE 1364-2005 annex B and IEEE 1800-2017 annex B (some tools read .v files as SystemVerilog).
_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic
before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle
checker class clocking cmos config const constraint context continue cover covergroup coverpoint
cross deassign default defparam design disable dist do edge else end endcase endchecker endclass
endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage
endprimitive endprogram endproperty endspecify endsequence endtable endtask enum event eventually
expect export extends extern final first_match for force foreach forever fork forkjoin function
generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies
import incdir include initial inout input inside instance int integer interconnect interface
intersect join join_any join_none large let liblist library local localparam logic longint
macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive
priority program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect
pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg reject_on
release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually
s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled signed small
soft solve specify specparam static string strong strong0 strong1 struct super supply0 supply1
sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit tran
tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union unique unique0 unsigned until
until_with untyped use uwire var vectored virtual void wait wait_order wand weak weak0 weak1 while
wildcard wire with within wor xnor xor
"""

# Names that generated C++, Verilog, Python and Tcl use themselves, and device names of Windows.
_OWN = """
clk rst reset aclk aresetn arst_n top axi axi_regs axis tdata tvalid tready tlast tkeep s_axis
m_axis input output image images logit logits pixel pixels frame frames weights weight bias table
layer layers acc accumulator design network model kernel test testbench tb bench golden expected
actual stimulus valid ready data last error errors count index input_scaling self none lambda con
prn aux nul com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8
lpt9
"""

RESERVED = frozenset(f"{_CPP} {_VERILOG} {_OWN}".split())


def sanitize(text: str) -> str:
    """Return ``text`` as one safe lower-case identifier; two texts may give the same one.

    Letters with accents lose them, every other character becomes an underscore; an empty result
    becomes ``layer_x``, a digit in front gets ``n`` before it, a reserved word ``_x`` behind it.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    word = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:MAX_LENGTH].strip("_")
    if not word:
        return "layer_x"
    if word[0].isdigit():
        word = f"n{word}"
    # A prefix "lng_" marks modules of the hardware library.
    if word in RESERVED or word.startswith("lng_"):
        word = f"{word}_x" if word in RESERVED else f"x_{word}"
    return word


def unique_names(texts: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return a distinct safe name for each text, none of them in ``taken``.

    A text whose safe form is used by an earlier text gets ``_2``, ``_3``, ... behind it. A text
    that is already safe keeps its name, whatever comes before it.
    """
    wanted = list(texts)
    safe = [sanitize(text) for text in wanted]
    used = set(taken)
    names: dict[int, str] = {}
    for place, (text, word) in enumerate(zip(wanted, safe, strict=True)):
        if text == word and word not in used:
            names[place] = word
            used.add(word)
    for place, word in enumerate(safe):
        if place in names:
            continue
        name, number = word, 1
        while name in used:
            number += 1
            name = f"{word}_{number}"
        names[place] = name
        used.add(name)
    return [names[place] for place in range(len(wanted))]
