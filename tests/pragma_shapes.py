"""C++ as others write it for HLS: memory ports, dataflow in loops, classes. All of it is right."""

from __future__ import annotations

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
