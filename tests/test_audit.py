"""The structural audit: good Verilog passes, each kind of defect is found and located."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lenetgen.codegen import audit_parse
from lenetgen.codegen.audit import AuditError, AuditReport, audit, check

ADDER = """\
`default_nettype none
module adder #(
    parameter integer WIDTH = 4,
    parameter NAME = ""
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    output wire [WIDTH:0]   sum
);
    assign sum = {1'b0, a} + {1'b0, b};
endmodule
`default_nettype wire
"""

TOP = """\
`default_nettype none
module top #(
    parameter integer LANES = 3,
    parameter integer WIDTH = 5
) (
    input  wire                       clk,
    input  wire [LANES*WIDTH-1:0]     x,
    input  wire [1:0]                 address,
    output reg  [LANES*(WIDTH+1)-1:0] y,
    output wire                       any,
    output wire [7:0]                 word
);
    localparam integer SUM = WIDTH + 1;
    localparam [SUM-1:0] ONE = { {(SUM - 1){1'b0}}, 1'b1};
    localparam integer BITS = (LANES > 1) ? $clog2(LANES) : 1;
    wire [LANES*SUM-1:0] sums;
    reg  [7:0] mem [0:3];
    reg  [7:0] word_q;
    reg  [BITS-1:0] count_q;
    function [3:0] invert;
        input [3:0] value;
        invert = ~value;
    endfunction
    initial begin
        $readmemh("rom.hex", mem);
    end
    genvar i;
    generate
        for (i = 0; i < LANES; i = i + 1) begin : gen_lane
            wire [WIDTH-1:0] lane = x[i*WIDTH +: WIDTH];
            adder #(
                .WIDTH(WIDTH),
                .NAME("lane")
            ) u_adder (
                .a(lane),
                .b(lane ^ {WIDTH{1'b1}}),
                .sum(sums[i*SUM +: SUM])
            );
            if (i % 2 == 0) begin : gen_even
                always @(posedge clk) begin
                    y[i*SUM +: SUM] <= sums[i*SUM +: SUM] + ONE;
                end
            end else begin : gen_odd
                always @(posedge clk) begin
                    y[i*SUM +: SUM] <= sums[i*SUM +: SUM];
                end
            end
        end
    endgenerate
    assign any = |y;
    always @(posedge clk) begin
        count_q <= count_q + 1'b1;
        case (address)
            2'd0: word_q <= 8'd0;
            2'd1: word_q <= {4'd0, invert(mem[1][3:0])};
            default: word_q <= mem[address];
        endcase
    end
    assign word[7:4] = word_q[7:4];
    assign word[3:0] = word_q[3:0] + { {(4 - BITS){1'b0}}, count_q};
endmodule
`default_nettype wire
"""


def run(folder: Path, top: str = TOP, adder: str = ADDER) -> AuditReport:
    files = [folder / "top.v", folder / "adder.v"]
    for path, text in zip(files, (top, adder), strict=True):
        path.write_text(text)
    return audit(files, "top")


def test_good_design_is_clean_and_counted(tmp_path: Path) -> None:
    report = run(tmp_path)
    assert report.findings == ()
    assert report.modules == ("adder", "top")
    assert (report.elaborations, report.instances) == (2, 3)
    # ports, module nets and variables, one net per lane, the function's input
    assert report.nets == 6 + 4 + 3 + 1 + 3


@pytest.mark.parametrize(("lanes", "width"), [(1, 1), (2, 9), (7, 3)])
def test_good_design_with_other_parameters(tmp_path: Path, lanes: int, width: int) -> None:
    run(tmp_path)
    files = [tmp_path / "top.v", tmp_path / "adder.v"]
    assert check(files, "top", {"LANES": lanes, "WIDTH": width}).findings == ()


# (what is replaced in TOP, by what, the finding's message, the line of TOP it must name)
MUTATIONS = [
    pytest.param(
        "                .a(lane),\n",
        "",
        "instance u_adder: port a not connected",
        id="missing-port",
    ),
    pytest.param(
        ".a(lane)",
        ".a(lane), .a(lane)",
        "instance u_adder: port a connected twice",
        id="port-twice",
    ),
    pytest.param(".a(lane)", ".a()", "instance u_adder: port a left open", id="open-port"),
    pytest.param(
        ".a(lane)", ".aa(lane)", "instance u_adder: adder has no port aa", id="unknown-port"
    ),
    pytest.param(
        ".a(lane)", ".a(lnae)", "instance u_adder: port a: unknown name lnae", id="misspelt-net"
    ),
    pytest.param(
        ".a(lane)",
        ".a({1'b0, lane})",
        "instance u_adder: port a: 6 bits connected to 5",
        id="port-too-wide",
    ),
    pytest.param(
        "wire [WIDTH-1:0] lane",
        "wire [WIDTH-2:0] lane",
        "instance u_adder: port a: 4 bits connected to 5",
        id="width-off-by-one",
    ),
    pytest.param(
        ".WIDTH(WIDTH),",
        ".WIDTH(WIDTH+1),",
        "instance u_adder: port sum: 6 bits connected to 7",
        id="wrong-parameter",
    ),
    pytest.param(
        ".NAME(", ".NAM(", "instance u_adder: adder has no parameter NAM", id="unknown-parameter"
    ),
    pytest.param(
        ".WIDTH(WIDTH),",
        ".WIDTH(WIDTH), .WIDTH(WIDTH),",
        "instance u_adder: parameter WIDTH given twice",
        id="parameter-twice",
    ),
    pytest.param("adder #(", "ader #(", "instance u_adder: no module ader", id="unknown-module"),
    pytest.param(
        ".sum(sums[i*SUM +: SUM])",
        ".sum(sums[0 +: SUM])",
        "sums[5:0] is driven more than once",
        id="overlapping-outputs",
    ),
    pytest.param(
        ".sum(sums[i*SUM +: SUM])",
        ".sum(sums[i*SUM+1 +: SUM])",
        "select outside of sums, which has 18",
        id="out-of-range",
    ),
    pytest.param(
        "for (i = 0; i < LANES;",
        "for (i = 1; i < LANES;",
        "output y[5:0] is read but never driven",
        id="lane-forgotten",
    ),
    pytest.param("assign any = |y;", "", "output any is never driven", id="undriven-output"),
    pytest.param(
        "    assign any = |y;",
        "    assign any = |y;\n    assign any = 1'b0;",
        "any is driven more than once",
        id="two-assigns",
    ),
    pytest.param(
        "    assign any = |y;",
        "    assign any = |y;\n    always @(posedge clk) count_q <= count_q;",
        "count_q is driven more than once",
        id="two-always-blocks",
    ),
    pytest.param(
        "    assign any = |y;",
        "    wire lost;\n    assign any = |y & lost;",
        "lost is read but never driven",
        id="undriven-net",
    ),
    pytest.param(
        "assign word[7:4]",
        "assign word[7:5]",
        "output word[4] is never driven",
        id="one-bit-undriven",
    ),
    pytest.param(
        "assign word[7:4] =",
        "assign word[7:3] =",
        "word[3] is driven more than once",
        id="one-bit-twice",
    ),
    pytest.param(
        "    assign any = |y;",
        "    assign any = |y;\n    assign address = 2'd0;",
        "input address is driven inside",
        id="driven-input",
    ),
    pytest.param(
        "word_q <= 8'd0;", "word <= 8'd0;", "assignment to wire word in a block", id="wire-in-block"
    ),
    pytest.param(
        "assign any = |y;",
        "assign count_q = 1'b0; assign any = |y;",
        "continuous assignment drives reg count_q",
        id="assign-to-reg",
    ),
    pytest.param("assign any = |y;", "assign any = |z;", "unknown name z", id="unknown-name"),
    pytest.param("invert(mem", "inverse(mem", "unknown function inverse", id="unknown-function"),
    pytest.param(
        "mem[1][3:0]", "mem[4][3:0]", "select outside of mem, which has 4", id="memory-index"
    ),
    pytest.param(
        "word_q <= mem[address]", "word_q <= mem", "memory mem without an index", id="bare-memory"
    ),
    pytest.param(
        'initial begin\n        $readmemh("rom.hex", mem);\n    end',
        "",
        "mem is read but never driven",
        id="uninitialised-memory",
    ),
    pytest.param(
        "{(4 - BITS){1'b0}}", "{(2 - BITS){1'b0}}", "replication of 0", id="empty-replication"
    ),
    pytest.param("begin : gen_lane", "begin", "generate block without a name", id="unnamed-block"),
    pytest.param(
        "reg  [7:0] word_q;",
        "reg word_q; reg [7:0] word_q;",
        "word_q is declared twice",
        id="twice",
    ),
    pytest.param("endgenerate", "endgenrate", "syntax error", id="syntax"),
]


@pytest.mark.parametrize(("old", "new", "message"), MUTATIONS)
def test_defects_are_found(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TOP
    bad = TOP.replace(old, new, 1)
    report = run(tmp_path, bad)
    hits = [finding for finding in report.findings if finding.message.startswith(message)]
    assert hits, "\n".join(map(str, report.findings)) or "found nothing"
    assert all(hit.file == "top.v" and hit.module in ("top", "") for hit in hits)
    lines = bad.splitlines()
    changed = {n for n, line in enumerate(lines, 1) if line not in TOP.splitlines()}
    assert all(1 <= hit.line <= len(lines) for hit in hits)
    if message.startswith(("unknown", "assignment", "continuous", "replication", "input")):
        assert {hit.line for hit in hits} == changed
    with pytest.raises(AuditError, match="structural defects") as caught:
        check([tmp_path / "top.v", tmp_path / "adder.v"], "top")
    assert str(hits[0]) in str(caught.value)


def test_positional_connections_are_refused(tmp_path: Path) -> None:
    text = TOP.replace(".a(lane)", "lane").replace(".b(lane ^ {WIDTH{1'b1}})", "lane")
    text = text.replace(".sum(sums[i*SUM +: SUM])", "sums[i*SUM +: SUM]")
    text = text.replace(".WIDTH(WIDTH),", "WIDTH,").replace('.NAME("lane")', '"lane"')
    messages = {finding.message for finding in run(tmp_path, text).findings}
    assert "instance u_adder: port connected by position" in messages
    assert "instance u_adder: parameter given by position" in messages


def test_defect_inside_an_instantiated_module_names_its_file(tmp_path: Path) -> None:
    report = run(tmp_path, adder=ADDER.replace("{1'b0, b}", "{1'b0, c}"))
    assert [str(finding) for finding in report.findings] == ["adder.v:10: adder: unknown name c"]


def test_defect_of_one_parameter_set_only_is_found(tmp_path: Path) -> None:
    text = TOP.replace("if (i % 2 == 0)", "if (i != 5)").replace(
        "y[i*SUM +: SUM] <= sums[i*SUM +: SUM];", "yy <= sums[i*SUM +: SUM];"
    )
    assert run(tmp_path, text).findings == ()
    report = audit([tmp_path / "top.v", tmp_path / "adder.v"], "top", {"LANES": 6})
    assert {finding.message for finding in report.findings} == {
        "unknown name yy",
        "output y[35:30] is read but never driven",
    }


def test_missing_top_and_double_definition(tmp_path: Path) -> None:
    run(tmp_path)
    files = [tmp_path / "top.v", tmp_path / "adder.v"]
    assert [f.message for f in audit(files, "toop").findings] == [
        "the top module is in none of the files"
    ]
    (tmp_path / "again.v").write_text(ADDER)
    (finding,) = audit([*files, tmp_path / "again.v"], "top").findings
    assert (finding.file, finding.line) == ("again.v", 2)
    assert finding.message == "module defined twice, also in adder.v line 2"


def test_parser_tables_are_cached_and_a_damaged_cache_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path)
    files = [tmp_path / "top.v", tmp_path / "adder.v"]
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(audit_parse, "_trees", {})

    def fresh() -> bytes:
        audit_parse._parser.cache_clear()
        audit_parse._trees.clear()
        assert check(files, "top").findings == ()
        (tables,) = (cache / "lenetgen" / "pyverilog").iterdir()
        return tables.read_bytes()

    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    first = fresh()
    assert fresh() == first
    (tables,) = (cache / "lenetgen" / "pyverilog").iterdir()
    for damaged in (first[: len(first) // 2], b"not a pickle"):
        tables.write_bytes(damaged)
        assert fresh() == first
    shutil.rmtree(cache)
    cache.write_text("no folder")
    audit_parse._parser.cache_clear()
    audit_parse._trees.clear()
    assert check(files, "top").findings == ()
    assert sorted(tmp_path.iterdir()) == [*before[:1], cache, *before[1:]], "litter"
    audit_parse._parser.cache_clear()


def test_endless_recursion_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "deep.v"
    path.write_text(
        "module deep #(parameter integer N = 0) (input wire a);\n"
        "    deep #(.N(N + 1)) u_deep (.a(a));\nendmodule\n"
    )
    assert any("nested more than" in finding.message for finding in audit([path], "deep").findings)


HW = sorted((Path(__file__).resolve().parent.parent / "hw").glob("*.v"))


@pytest.mark.parametrize("name", [path.stem for path in HW])
def test_library_module_is_clean(name: str) -> None:
    check(HW, name)
