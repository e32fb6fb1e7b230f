// lng_axis.h: the AXI4-Stream ends of the design.
#ifndef LNG_AXIS_H_
#define LNG_AXIS_H_

#include "lng_types.h"

#if defined(__has_include)
#if __has_include("ap_axi_sdata.h")
#define LNG_HAVE_AP_AXI_SDATA
#endif
#elif defined(__SYNTHESIS__)
#define LNG_HAVE_AP_AXI_SDATA
#endif

#ifdef LNG_HAVE_AP_AXI_SDATA
#include "ap_axi_sdata.h"
#else
// The fields of Vitis HLS' ap_axiu<D, 0, 0, 0>, for simulation without its headers.
template <int D, int U, int TI, int TD>
struct ap_axiu {
    ap_uint<D> data;
    ap_uint<(D + 7) / 8> keep;
    ap_uint<(D + 7) / 8> strb;
    ap_uint<1> last;
};
#endif

// One frame of WORDS words; element i of a word is bits 8i+7 to 8i. TLAST is not looked at: the
// core counts words.
template <int WORDS, class A, class T, int N>
void lng_read_frame(hls::stream<A>& in, hls::stream<lng_vec<T, N> >& out) {
read_words:
    for (int w = 0; w < WORDS; w++) {
#pragma HLS PIPELINE II=1
        const A beat = in.read();
        lng_vec<T, N> word;
        for (int i = 0; i < N; i++) {
#pragma HLS UNROLL
            const ap_uint<8> pixel = beat.data.range(8 * i + 7, 8 * i);
            word.v[i] = lng_from_code<T>(pixel);
        }
        out.write(word);
    }
}

// One element per word of BITS bits, its code sign-extended; TLAST on the last of the frame.
// The stream carries GROUPS groups of CHANNELS elements, N in a word; every group starts a word,
// and lanes of its last word that are left over carry nothing.
template <int GROUPS, int CHANNELS, int BITS, class T, int N, class A>
void lng_write_frame(hls::stream<lng_vec<T, N> >& in, hls::stream<A>& out) {
    static const int WORDS = (CHANNELS + N - 1) / N;
    lng_vec<T, N> word;
write_groups:
    for (int g = 0; g < GROUPS; g++) {
    write_words:
        for (int w = 0; w < WORDS; w++) {
        write_lanes:
            for (int i = 0; i < N; i++) {
#pragma HLS PIPELINE II=1
                if (i == 0) {
                    word = in.read();
                }
                const int channel = w * N + i;
                if (channel < CHANNELS) {
                    const ap_int<BITS> code = lng_code_of(word.v[i]);
                    A beat;
                    beat.data = code;
                    beat.keep = -1;
                    beat.strb = -1;
                    beat.last = (g == GROUPS - 1 && channel == CHANNELS - 1) ? 1 : 0;
                    out.write(beat);
                }
            }
        }
    }
}

#endif  // LNG_AXIS_H_
