// lng_pool.h: the largest element under every window, channel by channel.
//
// Windows come from lng_window, which fills places outside the image with the least number there
// is, so that padding never wins.
#ifndef LNG_POOL_H_
#define LNG_POOL_H_

#include "lng_types.h"

template <int POSITIONS, int TAPS, class T, int C>
void lng_max(hls::stream<lng_vec<T, TAPS * C> >& in, hls::stream<lng_vec<T, C> >& out) {
max_positions:
    for (int w = 0; w < POSITIONS; w++) {
#pragma HLS PIPELINE II=1
        const lng_vec<T, TAPS * C> window = in.read();
        lng_vec<T, C> word;
    max_channels:
        for (int c = 0; c < C; c++) {
#pragma HLS UNROLL
            T best = window.v[c];
            for (int t = 1; t < TAPS; t++) {
#pragma HLS UNROLL
                if (window.v[t * C + c] > best) {
                    best = window.v[t * C + c];
                }
            }
            word.v[c] = best;
        }
        out.write(word);
    }
}

#endif  // LNG_POOL_H_
