// lng_map.h: a function of every element: activation, cast, table.
//
// F::of(x, lane) is the result for the element in a lane of a word.
#ifndef LNG_MAP_H_
#define LNG_MAP_H_

#include "lng_types.h"

template <class F, int WORDS, class X, class Y, int N>
void lng_map(hls::stream<lng_vec<X, N> >& in, hls::stream<lng_vec<Y, N> >& out) {
map_words:
    for (int w = 0; w < WORDS; w++) {
#pragma HLS PIPELINE II=1
        const lng_vec<X, N> x = in.read();
        lng_vec<Y, N> y;
        for (int i = 0; i < N; i++) {
#pragma HLS UNROLL
            y.v[i] = F::of(x.v[i], i);
        }
        out.write(y);
    }
}

#endif  // LNG_MAP_H_
