"""The pragma checker: emitted C++ and public shapes pass, every mutated pragma is found."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from lenetgen.codegen import emit_hls, pragmas
from lenetgen.codegen.pragmas_table import OPERATIONS, PRAGMAS, STORAGE
from lenetgen.sim.package import write

from .rtl_zoo import ZOO
from .small_networks import leftover_design, small_design

Texts = dict[str, str]


def _emitted(graph: object, schedule: object, name: str, folder: Path) -> Texts:
    files = emit_hls.emit(graph, schedule, name, "test", folder)  # type: ignore[arg-type]
    every = [*files.sources, *files.headers, *files.tb, *files.csim]
    return {name: (folder / name).read_text() for name in every if not name.endswith(".json")}


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    design = small_design()
    return _emitted(design.graph, design.schedule, "mini", tmp_path_factory.mktemp("mini"))


@pytest.fixture(scope="module")
def average(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """Another network: input table, average pooling, a gathered dense layer."""
    from lenetgen.codegen.schedule import make_schedule

    graph, folds = ZOO["average_tiny"]()
    folder = tmp_path_factory.mktemp("average")
    return _emitted(graph, make_schedule(graph, folds), "net", folder)


def test_emitted_files_pass(mini: Texts, average: Texts, tmp_path: Path) -> None:
    design = leftover_design()
    leftover = _emitted(design.graph, design.schedule, "leftover", tmp_path)
    for name, texts in (("mini", mini), ("net", average), ("leftover", leftover)):
        report = pragmas.find_defects(texts, name)
        assert report.findings == ()
        expected = sum(len(re.findall(r"^#pragma", text, re.M)) for text in texts.values())
        assert sum(report.pragmas.values()) == expected > 40
        assert report.files == len(texts)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_every_network_of_the_zoo_passes(name: str, tmp_path: Path) -> None:
    from lenetgen.codegen.schedule import make_schedule

    graph, folds = ZOO[name]()
    texts = _emitted(graph, make_schedule(graph, folds), "net", tmp_path)
    assert pragmas.find_defects(texts, "net").findings == ()


# file, text, replacement, what the finding says
CONV, TOP, TYPES = "hls/layers/conv1.h", "hls/mini.cpp", "hls/lng_types.h"
WINDOW, DENSE, AXIS, POOL = (
    "hls/lng_window.h",
    "hls/layers/fc1.h",
    "hls/lng_axis.h",
    "hls/lng_pool.h",
)
RESHAPE = "hls/lng_reshape.h"
LOOP = "                for (int k = 0; k < 1; k++) {\n"
MUTANTS: dict[str, tuple[str, str, str, str]] = {
    "name": (CONV, "HLS PIPELINE", "HLS PIPLINE", "did you mean PIPELINE"),
    "no_name": (CONV, "HLS DATAFLOW", "HLS", "unknown pragma (none)"),
    "prefix": (CONV, "#pragma HLS DATAFLOW", "#pragma HSL DATAFLOW", "unknown #pragma HSL"),
    "old_prefix": (CONV, "#pragma HLS DATAFLOW", "#pragma AP DATAFLOW", "obsolete"),
    "directive": (
        CONV,
        "#pragma HLS DATAFLOW",
        "#pragam HLS DATAFLOW",
        "unknown directive #pragam",
    ),
    "old_name": (
        CONV,
        "BIND_STORAGE variable=conv1_weights type=rom_1p impl=lutram",
        "RESOURCE variable=conv1_weights core=ROM_1P",
        "it has BIND_STORAGE or BIND_OP",
    ),
    "option": (CONV, "PIPELINE II=1", "PIPELINE III=1", "did you mean II"),
    "ii_zero": (CONV, "PIPELINE II=1", "PIPELINE II=0", "II=0 must be at least 1"),
    "ii_negative": (CONV, "PIPELINE II=1", "PIPELINE II=-1", "II=-1 must be at least 1"),
    "ii_text": (CONV, "PIPELINE II=1", "PIPELINE II=one", "one is not declared here"),
    "ii_variable": (CONV, "PIPELINE II=1", "PIPELINE II=v", "v is a variable, no constant"),
    "ii_no_value": (CONV, "PIPELINE II=1", "PIPELINE II", "II needs a value"),
    "ii_bare": (CONV, "PIPELINE II=1", "PIPELINE II 1", "unexpected '1'"),
    "twice": (CONV, "PIPELINE II=1", "PIPELINE II=1 II=2", "II is given twice"),
    "style": (CONV, "PIPELINE II=1", "PIPELINE II=1 style=fast", "allowed are stp, flp, frp"),
    "rewind": (CONV, "PIPELINE II=1", "PIPELINE style=flp rewind", "exclude each other"),
    "pipeline_twice": (
        CONV,
        "#pragma HLS PIPELINE II=1",
        "#pragma HLS PIPELINE II=1\n#pragma HLS PIPELINE II=1",
        "stands beside another PIPELINE",
    ),
    "pipeline_dataflow": (
        CONV,
        "#pragma HLS DATAFLOW",
        "#pragma HLS DATAFLOW\n#pragma HLS PIPELINE",
        "excludes DATAFLOW",
    ),
    "pipeline_unrolled": (
        CONV,
        "#pragma HLS PIPELINE II=1",
        "#pragma HLS PIPELINE II=1\n#pragma HLS UNROLL",
        "has no pipeline",
    ),
    "pipeline_in_if": (
        CONV,
        "                    if (last) {\n",
        "                    if (last) {\n#pragma HLS PIPELINE\n",
        "stands in a block, but must stand in the body of a loop or",
    ),
    "unroll_in_function": (
        CONV,
        "#pragma HLS DATAFLOW",
        "#pragma HLS DATAFLOW\n#pragma HLS UNROLL",
        "stands in the body of a function, but must stand in the body of a loop",
    ),
    "unroll_zero": (CONV, "UNROLL factor=5", "UNROLL factor=0", "factor=0 must be at least 1"),
    "unroll_text": (CONV, "UNROLL factor=5", "UNROLL factor=sum", "sum is a variable"),
    "unroll_misspelt": (CONV, "UNROLL factor=5", "UNROLL facter=5", "did you mean factor"),
    "unroll_skip": (WINDOW, "PIPELINE II=1", "UNROLL skip_exit_check", "needs a factor"),
    "dataflow_in_while": (
        CONV,
        "#pragma HLS DATAFLOW",
        "while (true) {\n#pragma HLS DATAFLOW\n}",
        "in a while loop, but only for loops",
    ),
    "dataflow_twice": (
        TOP,
        "#pragma HLS DATAFLOW",
        "#pragma HLS DATAFLOW\n#pragma HLS DATAFLOW",
        "stands beside another DATAFLOW",
    ),
    "outside": (
        CONV,
        "static void layer_conv1",
        "#pragma HLS INLINE\nstatic void layer_conv1",
        "stands outside of any function",
    ),
    "in_struct": (
        CONV,
        "struct conv1_window {\n",
        "struct conv1_window {\n#pragma HLS INLINE\n",
        "stands outside of any function",
    ),
    "flatten_in_function": (
        CONV,
        "#pragma HLS DATAFLOW",
        "#pragma HLS LOOP_FLATTEN\n#pragma HLS DATAFLOW",
        "must stand in the body of a loop",
    ),
    "flatten_value": (CONV, "LOOP_FLATTEN", "LOOP_FLATTEN off=maybe", "allowed are true, false"),
    "flatten_misspelt": (CONV, "LOOP_FLATTEN", "LOOP_FLATEN", "did you mean LOOP_FLATTEN"),
    "inline_in_loop": (
        TYPES,
        "#pragma HLS UNROLL\n",
        "#pragma HLS INLINE\n",
        "must stand in the body of a function",
    ),
    "inline_option": (TYPES, "HLS INLINE\n", "HLS INLINE of\n", "did you mean off"),
    "variable": (
        CONV,
        "variable=codes",
        "variable=code",
        "code is not declared here",
    ),
    "variable_later": (
        CONV,
        "    sum_t sums[2];\n#pragma HLS ARRAY_PARTITION variable=sums complete dim=1\n",
        "#pragma HLS ARRAY_PARTITION variable=sums complete dim=1\n    sum_t sums[2];\n",
        "sums is not declared here",
    ),
    "variable_of_another_function": (
        CONV,
        "variable=windows depth",
        "variable=sums depth",
        "sums is not declared here",
    ),
    "variable_of_another_file": (CONV, "variable=conv1_biases", "variable=conv2_biases", "conv2"),
    "variable_missing": (CONV, "variable=sums ", "", "variable is missing"),
    "variable_type": (CONV, "variable=sums", "variable=sum_t", "sum_t is no variable but an alias"),
    "variable_function": (
        CONV,
        "variable=sums",
        "variable=conv1_matvec",
        "is no variable but a function",
    ),
    "variable_member": (CONV, "variable=sums", "variable=conv1_window", "but a struct"),
    "no_array": (CONV, "variable=sums complete", "variable=in complete", "in is no array"),
    "dim": (
        CONV,
        "variable=sums complete dim=1",
        "variable=sums complete dim=2",
        "has 1 dimension",
    ),
    "dim_reshape": (
        CONV,
        "conv1_weights complete dim=3",
        "conv1_weights complete dim=4",
        "conv1_weights has 3 dimensions; allowed are 0 to 3",
    ),
    "dim_window": (WINDOW, "variable=lines complete dim=1", "variable=lines dim=3", "has 2 dim"),
    "dim_negative": (WINDOW, "variable=taps complete dim=0", "variable=taps dim=-1", "at least 0"),
    "dim_twice": (
        CONV,
        "conv1_weights complete dim=3",
        "conv1_weights complete dim=2",
        "dimension 2 of conv1_weights also has ARRAY_RESHAPE",
    ),
    "dim_all": (
        CONV,
        "conv1_weights complete dim=3",
        "conv1_weights complete dim=0",
        "also has ARRAY_RESHAPE",
    ),
    "partition_reshape": (
        CONV,
        "RESHAPE variable=conv1_weights complete dim=3",
        "PARTITION variable=conv1_weights complete dim=2",
        "also has ARRAY_RESHAPE",
    ),
    "partition_type": (CONV, "sums complete", "sums compleet", "did you mean complete"),
    "partition_kind": (CONV, "sums complete", "sums type=all", "allowed are block, cyclic"),
    "partition_factor": (CONV, "sums complete", "sums complete factor=2", "for block and cyclic"),
    "partition_no_factor": (CONV, "sums complete", "sums cyclic", "cyclic needs a factor"),
    "partition_types": (CONV, "sums complete", "sums complete block", "type is given twice"),
    "storage_type": (CONV, "type=rom_1p", "type=rom_1", "allowed are fifo, ram_1p"),
    "storage_impl": (CONV, "impl=lutram", "impl=lutrom", "allowed are auto, bram"),
    "storage_pair": (CONV, "impl=lutram", "impl=uram", "rom_1p can't be built of uram"),
    "storage_latency": (CONV, "impl=lutram", "impl=lutram latency=4", "latency=4: allowed"),
    "storage_no_type": (WINDOW, " type=ram_s2p", "", "type is missing"),
    "storage_scalar": (
        CONV,
        "#pragma HLS LOOP_FLATTEN",
        "#pragma HLS BIND_STORAGE variable=g type=ram_1p",
        "g is no array",
    ),
    "storage_stream": (WINDOW, "variable=lines type", "variable=in type", "in is a stream"),
    "storage_twice": (
        WINDOW,
        "#pragma HLS BIND_STORAGE variable=lines type=ram_s2p",
        "#pragma HLS BIND_STORAGE variable=lines type=ram_s2p\n"
        "#pragma HLS BIND_STORAGE variable=lines type=ram_2p",
        "lines has another BIND_STORAGE",
    ),
    "stream_depth": (CONV, "windows depth=2", "windows depth=0", "depth=0 must be at least 1"),
    "stream_negative": (TOP, "s_fc2 depth=", "s_fc2 depth=-", "must be at least 1"),
    "stream_no_stream": (
        CONV,
        "#pragma HLS LOOP_FLATTEN",
        "#pragma HLS STREAM variable=g depth=2",
        "g is neither an hls::stream nor an array",
    ),
    "stream_type": (CONV, "windows depth=2", "windows type=pipo", "is for arrays"),
    "stream_swapped": (TOP, "variable=s_pool1", "variable=s_conv1", "s_conv1 has another STREAM"),
    "stream_gone": (TOP, "variable=s_pool1", "variable=s_pool3", "s_pool3 is not declared here"),
    "port": (TOP, "axis port=pixels", "axis port=pixel", "pixel is not declared here"),
    "port_local": (
        TOP,
        '    hls::stream<input_vec_t> frame("frame");\n',
        '    hls::stream<input_vec_t> frame("frame");\n#pragma HLS INTERFACE axis port=frame\n',
        "is no parameter of mini",
    ),
    "port_twice": (TOP, "axis port=logits", "axis port=pixels", "port=pixels has another mode"),
    "port_missing": (TOP, " port=logits", "", "port is missing"),
    "mode": (TOP, "axis port=logits", "axi port=logits", "did you mean axis"),
    "mode_missing": (TOP, "axis port=logits", "port=logits", "mode is missing"),
    "mode_option": (TOP, "axis port=logits", "axis port=logits bundle=a", "unknown option bundle"),
    "mode_return": (TOP, "ap_ctrl_none port=return", "axis port=return", "axis is for a parameter"),
    "mode_port": (TOP, "ap_ctrl_hs port=return", "ap_ctrl_hs port=pixels", "port=return only"),
    "mode_two": (
        TOP,
        "#pragma HLS DATAFLOW",
        "#pragma HLS INTERFACE s_axilite port=return\n#pragma HLS INTERFACE ap_ctrl_chain "
        "port=return\n#pragma HLS DATAFLOW",
        "port=return has another mode",
    ),
    "interface_elsewhere": (
        CONV,
        "#pragma HLS DATAFLOW",
        "#pragma HLS DATAFLOW\n#pragma HLS INTERFACE axis port=x",
        "only mini has ports",
    ),
    "tripcount": (
        AXIS,
        "#pragma HLS UNROLL",
        "#pragma HLS LOOP_TRIPCOUNT min=9 max=8",
        "min=9 is above max=8",
    ),
    "tripcount_max": (AXIS, "HLS UNROLL", "HLS LOOP_TRIPCOUNT min=9", "max is missing"),
    "latency": (POOL, "HLS PIPELINE II=1", "HLS LATENCY", "min or max is missing"),
    "dependence": (
        RESHAPE,
        "HLS PIPELINE II=1",
        "HLS DEPENDENCE variable=word class=array inter false",
        "exclude each other",
    ),
    "dependence_distance": (
        RESHAPE,
        "HLS PIPELINE II=1",
        "HLS DEPENDENCE variable=word inter distance=2",
        "distance is for dependent=true",
    ),
    "allocation": (
        CONV,
        "HLS LOOP_FLATTEN",
        "HLS ALLOCATION function instances=lng_products limit=1",
        "lng_products is no function",
    ),
    "operation": (
        CONV,
        "HLS LOOP_FLATTEN",
        "HLS BIND_OP variable=sums op=mul impl=meddsp",
        "mul can't be built of meddsp",
    ),
    "reset": (WINDOW, "HLS PIPELINE II=1", "HLS RESET variable=next_x", "must stand in the body"),
    "expression": (
        CONV,
        "in.read(), codes[w]",
        "in.read(),\n#pragma HLS PIPELINE\ncodes[w]",
        "a pragma within an expression",
    ),
    "brace": (CONV, "#pragma HLS LOOP_FLATTEN\n", "{\n", "braces or parentheses"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_found(mini: Texts, name: str) -> None:
    file, old, new, message = MUTANTS[name]
    assert old in mini[file], mini[file]
    at = mini[file].index(old)
    texts = {**mini, file: mini[file][:at] + new + mini[file][at + len(old) :]}
    findings = pragmas.find_defects(texts, "mini").findings
    assert any(message in finding.message for finding in findings), findings
    assert {finding.file for finding in findings} == {file}
    first, last = (mini[file].count("\n", 0, place) + 1 for place in (at, at + len(old)))
    if name not in ("brace",):
        added = new.count("\n")
        assert all(first <= finding.line <= last + added + 1 for finding in findings), findings


def test_every_pragma_of_another_network_matters(average: Texts) -> None:
    """Each variable misspelt, each dimension one too many, each name cut: all are found."""
    tried = 0
    for file, text in average.items():
        for match in re.finditer(r"^#pragma HLS (\w+)(.*)$", text, re.M):
            for pattern, new in (
                (r"HLS \w", "HLS "),
                (r"variable=(\w+)", r"variable=\1x"),
                (r"port=(\w+)", r"port=\1x"),
                (r"dim=\d", "dim=5"),
                (r"factor=\d+", "factor=0"),
                (r"depth=\d+", "depth=0"),
                (r"II=\d", "II=0"),
            ):
                line, count = re.subn(pattern, new, match.group(), count=1)
                if not count:
                    continue
                tried += 1
                mutant = text[: match.start()] + line + text[match.end() :]
                findings = pragmas.find_defects({**average, file: mutant}, "net").findings
                where = text.count("\n", 0, match.start()) + 1
                assert [(finding.file, finding.line) for finding in findings][:1] == [
                    (file, where)
                ], (line, findings)
    assert tried > 60


PUBLIC = {
    "axi_memory": """
        #define N 64
        #define TILE (N / 4)
        extern "C" {
        void top(const int *a, const int b[N][N], int *out, int n, unsigned short &done) {
        #pragma HLS INTERFACE m_axi port=a offset=slave bundle=gmem0 depth=N*N \\
            max_read_burst_length=64
        #pragma HLS INTERFACE mode=m_axi port = out offset=slave bundle=gmem1
        #pragma HLS INTERFACE s_axilite port=a bundle=control
        #pragma HLS INTERFACE s_axilite port=n
        #pragma HLS INTERFACE s_axilite port=return bundle=control
        #pragma HLS INTERFACE bram port=b storage_type=ram_1p
        #pragma HLS interface ap_vld port=done
            int local[TILE][N], *cursor = 0;
        #pragma HLS array_partition variable=local type=cyclic factor=TILE/2 dim=1
        #pragma HLS bind_storage variable=local type=RAM_1WNR impl=LUTRAM
            for (int i = 0; i < n; i++) {
        #pragma HLS loop_tripcount min=1 max=N avg=N/2
        #pragma HLS pipeline II=2 rewind
                local[i % TILE][0] = a[i] << 2;
            }
            int i = 0;
            do {
        #pragma HLS unroll factor=2 skip_exit_check
                out[i] = local[0][i];
            } while (++i < n);
        }
        }
        """,
    "dataflow": """
        namespace impl {
        struct Pair { int left[4], right[2][3]; hls::stream<int> lane[2]; };
        typedef int row_t[8];
        using matrix_t = row_t[4];
        template <typename T, int DEPTH = 16>
        void pass(hls::stream<T> &in, hls::stream<T> &out, T (&table)[DEPTH], Pair &pair) {
        #pragma HLS INLINE off
        #pragma HLS ARRAY_PARTITION variable=table complete
        #pragma HLS ARRAY_PARTITION variable=pair.right complete dim=2
        #pragma HLS STREAM variable=pair.lane depth=DEPTH
            static T shift[DEPTH];
        #pragma HLS RESET variable=shift
            matrix_t m;
        #pragma HLS ARRAY_RESHAPE variable=m block factor=2 dim=2
        loop: while (!in.empty()) {
        #pragma HLS PIPELINE style=flp
                if (shift[0] > 3) {
        #pragma HLS OCCURRENCE cycle=4
                    out.write(in.read());
                } else switch (int(shift[0])) { case 1: break; default: { out.write(0); } }
            }
        }
        }
        void top(hls::stream<int> &a, hls::stream<int> &b, int coefficient) {
        #pragma HLS INTERFACE axis register_mode=both port=a
        #pragma HLS INTERFACE axis port=b
        #pragma HLS INTERFACE ap_none port=coefficient
        #pragma HLS STABLE variable=coefficient
        #pragma HLS INTERFACE ap_ctrl_chain port=return
            for (int frame = 0; frame < 4; frame++) {
        #pragma HLS DATAFLOW disable_start_propagation
                hls::stream<int, 4> middle[2];
        #pragma HLS STREAM variable=middle depth=3 type=fifo
                int t[16] = {1, 2, 3};
                impl::Pair pair = {{0}, {{1}}};
        #pragma HLS AGGREGATE variable=pair compact=bit
                impl::pass<int>(a, middle[0], t, pair);
            }
        }
        """,
    "class": """
        class Filter {
          public:
            Filter() : sum(0) { _Pragma("HLS ARRAY_PARTITION variable=taps complete") }
            int step(int x) {
        #pragma HLS INLINE
        #pragma HLS ARRAY_PARTITION variable=this->taps complete dim=1
        #pragma HLS ALLOCATION operation instances=mul limit=4
                const int last = 3;
                auto add = [&](int y) { sum += y; };
                for (int i = last; i > 0; --i) {
        #pragma HLS UNROLL factor = last
                    taps[i] = taps[i - 1];
                }
                int acc = x * taps[0];
        #pragma HLS BIND_OP variable=acc op=mul impl=dsp latency=3
                {
        #pragma HLS LATENCY min=1 max=4
        #pragma HLS PROTOCOL fixed
                    add(acc);
                }
                return sum;
            }
          private:
            int taps[4], sum;
        };
        int top(int x) {
        #pragma HLS PIPELINE
        #pragma HLS FUNCTION_INSTANTIATE variable=x
            static Filter filter;
        #pragma HLS DISAGGREGATE variable=filter
        #pragma HLS ARRAY_PARTITION variable=filter.taps complete
            enum { SMALL, BIG };
            return filter.step(x) ? SMALL : BIG;
        }
        """,
}


@pytest.mark.parametrize("name", PUBLIC)
def test_shapes_of_public_code_pass(name: str) -> None:
    text = re.sub(r"(?m)^        ", "", PUBLIC[name])
    report = pragmas.find_defects({"top.cpp": text}, "top")
    assert report.findings == ()
    assert sum(report.pragmas.values()) == len(re.findall(r"#pragma|_Pragma", text))


def test_wrong_member_and_dimension_through_types() -> None:
    text = re.sub(r"(?m)^        ", "", PUBLIC["dataflow"])
    for old, new, message in (
        ("pair.right complete dim=2", "pair.right complete dim=3", "has 2 dimensions"),
        ("pair.right complete", "pair.middle complete", "pair has no member middle"),
        ("factor=2 dim=2", "factor=2 dim=3", "m has 2 dimensions"),
        ("variable=shift", "variable=in", "in is neither static nor global"),
        ("variable=middle depth", "variable=t depth", "t is not declared here"),
    ):
        assert old in text
        (finding,) = pragmas.find_defects({"a.cpp": text.replace(old, new)}, "top").findings
        assert message in finding.message
        assert finding.module in ("pass", "top")


def test_hls4mls_own_headers() -> None:
    """Code of others: all is read; findings are of kinds that we know and do not want in ours."""
    spec = importlib.util.find_spec("hls4ml")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "templates" / "vivado" / "nnet_utils"
    texts = {path.name: path.read_text() for path in sorted(folder.glob("*.h"))}
    report = pragmas.find_defects(texts, "top")
    assert sum(report.pragmas.values()) > 600
    known = (
        "stands in a block",  # if (constant) { #pragma ... }
        "of Vitis HLS any more",  # RESOURCE and DATA_PACK
        "unknown option region",
        "must stand in the body of a loop",  # UNROLL region
        "stands beside another INLINE",  # INLINE, and INLINE recursive
    )
    others = [str(f) for f in report.findings if not any(text in f.message for text in known)]
    assert others == []


def test_the_table_is_consistent() -> None:
    for name, pragma in PRAGMAS.items():
        assert name == name.upper()
        assert pragma.places
        assert pragma.source == f"UG1399, pragma HLS {name.lower()}"
        for options in (pragma.options, *(options for _, options in pragma.modes)):
            names = [option.name for option in options]
            assert len(names) == len(set(names))
            words = [word for option in options if option.bare for word in option.values]
            assert not set(words) & set(names), name
    assert all(STORAGE.values())
    assert all(OPERATIONS.values())


def test_emit_refuses_what_the_checker_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lenetgen.codegen.cycles import measure
    from lenetgen.sim.package import Options

    from .small_networks import random_images

    def emit(*args: object) -> object:
        files = original(*args)  # type: ignore[arg-type]
        path = Path(str(args[-1])) / TOP
        path.write_text(path.read_text().replace("port=pixels", "port=pixel"))
        return files

    original = emit_hls.emit
    monkeypatch.setattr(emit_hls, "emit", emit)
    design = small_design()
    options = Options(precision="mixed", model="mini")
    with pytest.raises(pragmas.PragmaError, match=r"mini.cpp:\d+: mini: INTERFACE: port=pixel"):
        write(design, measure(design), options, random_images(2, 1), tmp_path / "out")
    assert not (tmp_path / "out").exists()
