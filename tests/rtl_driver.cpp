// Drives the designs of a Batch (rtl_batch.py), which fills in the table and reads the record.
//
//   driver STIMULUS RECORD CYCLES WIGGLE
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>
#include "Vtop.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }
using u64 = std::uint64_t;
using Bytes = std::vector<std::uint8_t>;

static void put(Bytes& to, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    to.insert(to.end(), bytes, bytes + size);
}

struct Log {
    Bytes bytes;
    u64 count = 0;
    void add(u64 cycle, const void* data, std::size_t size) {
        put(bytes, &cycle, 8);
        put(bytes, data, size);
        ++count;
    }
};

struct Pauses {  // with the given percentage a pause of 1..burst cycles begins
    u64 state = 1, percent = 0, burst = 1, left = 0;
    u64 random() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state >> 11;
    }
    bool now() {
        if (left) { --left; return true; }
        if (!percent || random() % 100 >= percent) return false;
        left = random() % burst;
        return true;
    }
};

struct Probe { const void* data; std::size_t size; const CData* fire; Log log; };
struct Level { const IData* value; u64 peak; };

struct Dut {
    CData* rst;
    void* s_data; std::size_t s_size; CData* s_valid; CData* s_ready;
    void* m_data; std::size_t m_size; CData* m_valid; CData* m_ready;
    std::vector<Probe> probes;
    std::vector<Level> levels;
    u64 expect = 0, count = 0, next = 0, quiet = 0, reset_left = 0, since_reset = 0;
    bool offering = false, was_reset = false;
    std::vector<std::uint32_t> holds;
    Bytes resets, words;
    Pauses gaps, stalls;
    Log taken, out;
    u64 unstable = 0, ready_follows = 0, valid_follows = 0;
    bool waiting = false;
    Bytes waiting_word;

    u64 settle = 0;

    bool satisfied() const { return next == count && since_reset >= expect; }
    void drive() {
        if (reset_left) {
            *rst = --reset_left != 0;
            *s_valid = *m_ready = 0;
            return;
        }
        const bool starts = next < count && next && holds[next] != holds[next - 1];
        const bool held = next < count && (out.count < holds[next] || (starts && quiet < settle));
        if (!offering && next < count && !held && !gaps.now()) {
            if (resets[next] && !was_reset) {
                was_reset = true;
                reset_left = 4;
                since_reset = 0;
                *rst = 1;
                *s_valid = *m_ready = 0;
                return;
            }
            offering = true;
            std::memcpy(s_data, &words[next * s_size], s_size);
        }
        *s_valid = offering;
        *m_ready = !stalls.now();
    }
    void sample(u64 cycle) {
        ++quiet;
        if (*rst) {
            waiting = false;
            return;
        }
        if (waiting && (!*m_valid || std::memcmp(waiting_word.data(), m_data, m_size))) ++unstable;
        waiting = *m_valid && !*m_ready;
        waiting_word.clear();
        if (waiting) put(waiting_word, m_data, m_size);
        for (Probe& p : probes) {
            if (!*p.fire) continue;
            p.log.add(cycle, p.data, p.size);
            quiet = 0;
        }
        for (Level& l : levels) {
            if (*l.value > l.peak) l.peak = *l.value;
        }
        if (*s_valid && *s_ready) {
            taken.add(cycle, s_valid, 1);
            ++next;
            offering = was_reset = false;
            quiet = 0;
        }
        if (*m_valid && *m_ready) {
            out.add(cycle, m_data, m_size);
            ++since_reset;
            quiet = 0;
        }
    }
};

// s_ready may not depend on s_valid within a cycle, nor m_valid on m_ready
static void wiggle(Vtop& top, std::vector<Dut>& duts) {
    std::vector<std::uint8_t> ready, valid;
    for (Dut& d : duts) {
        ready.push_back(*d.s_ready);
        valid.push_back(*d.m_valid);
        *d.s_valid ^= 1;
    }
    top.eval();
    for (std::size_t i = 0; i < duts.size(); ++i) {
        duts[i].ready_follows += *duts[i].s_ready != ready[i];
        *duts[i].s_valid ^= 1;
        *duts[i].m_ready ^= 1;
    }
    top.eval();
    for (std::size_t i = 0; i < duts.size(); ++i) {
        duts[i].valid_follows += *duts[i].m_valid != valid[i];
        *duts[i].m_ready ^= 1;
    }
    top.eval();
}

static void get(std::FILE* file, void* data, std::size_t size) {
    if (size && std::fread(data, 1, size, file) != size) std::exit(2);
}

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    const u64 limit = std::strtoull(argv[3], nullptr, 10);
    const std::unique_ptr<VerilatedContext> context{new VerilatedContext};
    const std::unique_ptr<Vtop> top{new Vtop{context.get()}};
    std::vector<Dut> duts;
@TABLES@
    std::FILE* file = std::fopen(argv[1], "rb");
    if (!file) return 2;
    for (Dut& d : duts) {
        u64 head[7];
        get(file, head, sizeof head);
        d.gaps.percent = head[0];
        d.stalls.percent = head[1];
        d.gaps.burst = d.stalls.burst = head[2];
        d.gaps.state = head[3] * 0x9E3779B97F4A7C15ull + 1;
        d.stalls.state = d.gaps.state * 0x9E3779B97F4A7C15ull + 1;
        d.expect = head[4];
        d.settle = head[5];
        d.count = head[6];
        d.holds.resize(d.count);
        get(file, d.holds.data(), 4 * d.count);
        d.resets.resize(d.count);
        get(file, d.resets.data(), d.count);
        d.words.resize(d.count * d.s_size);
        get(file, d.words.data(), d.words.size());
    }
    std::fclose(file);
    for (Dut& d : duts) *d.rst = 1;
    for (int i = 0; i < 8; ++i) {
        if (i == 6) for (Dut& d : duts) *d.rst = 0;
        top->clk = i & 1;
        top->eval();
    }
    u64 cycle = 0;
    for (; cycle < limit; ++cycle) {
        for (Dut& d : duts) d.drive();
        top->clk = 0;
        top->eval();
        if (argv[4][0] == '1') wiggle(*top, duts);
        bool busy = false;
        for (Dut& d : duts) {
            d.sample(cycle);
            busy = busy || !d.satisfied() || d.quiet < d.settle;
        }
        top->clk = 1;
        top->eval();
        if (!busy) break;
    }
    top->final();
    Bytes text;
    for (Dut& d : duts) {
        const u64 head[4] = {d.satisfied(), d.unstable, d.ready_follows, d.valid_follows};
        put(text, head, sizeof head);
        auto log = [&](const Log& l) {
            put(text, &l.count, 8);
            put(text, l.bytes.data(), l.bytes.size());
        };
        log(d.taken);
        log(d.out);
        for (Probe& p : d.probes) log(p.log);
        for (Level& l : d.levels) {
            const u64 pair[2] = {l.peak, *l.value};
            put(text, pair, sizeof pair);
        }
    }
    file = std::fopen(argv[2], "wb");
    if (!file || std::fwrite(text.data(), 1, text.size(), file) != text.size()) return 2;
    return std::fclose(file) ? 2 : 0;
}
