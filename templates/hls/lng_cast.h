// lng_cast.h: the cast into the result's type, nothing else.
#ifndef LNG_CAST_H_
#define LNG_CAST_H_

#include "lng_types.h"

template <int WORDS, class X, class Y, int N>
void lng_cast(hls::stream<lng_vec<X, N> >& in, hls::stream<lng_vec<Y, N> >& out) {
cast_words:
    for (int w = 0; w < WORDS; w++) {
#pragma HLS PIPELINE II=1
        const lng_vec<X, N> x = in.read();
        lng_vec<Y, N> y;
        for (int i = 0; i < N; i++) {
#pragma HLS UNROLL
            y.v[i] = x.v[i];
        }
        out.write(y);
    }
}

#endif  // LNG_CAST_H_
