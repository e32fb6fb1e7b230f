// lng_relu.h: max(x, 0), perhaps limited, then the cast into the result's type.
#ifndef LNG_RELU_H_
#define LNG_RELU_H_

#include "lng_types.h"

template <int WORDS, class X, class Y, int N>
void lng_relu(hls::stream<lng_vec<X, N> >& in, hls::stream<lng_vec<Y, N> >& out) {
relu_words:
    for (int w = 0; w < WORDS; w++) {
#pragma HLS PIPELINE II=1
        const lng_vec<X, N> x = in.read();
        lng_vec<Y, N> y;
        for (int i = 0; i < N; i++) {
#pragma HLS UNROLL
            const X positive = x.v[i] < X(0) ? X(0) : x.v[i];
            y.v[i] = positive;
        }
        out.write(y);
    }
}

template <int WORDS, class X, class Y, int N>
void lng_relu(hls::stream<lng_vec<X, N> >& in, hls::stream<lng_vec<Y, N> >& out, const X limit) {
limited_relu_words:
    for (int w = 0; w < WORDS; w++) {
#pragma HLS PIPELINE II=1
        const lng_vec<X, N> x = in.read();
        lng_vec<Y, N> y;
        for (int i = 0; i < N; i++) {
#pragma HLS UNROLL
            const X positive = x.v[i] < X(0) ? X(0) : x.v[i];
            const X limited = positive > limit ? limit : positive;
            y.v[i] = limited;
        }
        out.write(y);
    }
}

#endif  // LNG_RELU_H_
