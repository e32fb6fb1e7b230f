// lng_relu.h: max(x, 0), perhaps limited or leaky, then the cast into the result's type.
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

// Below zero x / 2^K, which type A holds exactly.
template <int K, class A, class X>
inline A lng_leak(const X& x) {
#pragma HLS INLINE
    typedef typename lng_sum<A>::type code_t;
    const code_t code = lng_code_of(x);
    return lng_from_code<A>(code < 0 ? code : code_t(code << K));
}

template <int WORDS, int K, class A, class X, class Y, int N>
void lng_leaky_relu(hls::stream<lng_vec<X, N> >& in, hls::stream<lng_vec<Y, N> >& out) {
leaky_relu_words:
    for (int w = 0; w < WORDS; w++) {
#pragma HLS PIPELINE II=1
        const lng_vec<X, N> x = in.read();
        lng_vec<Y, N> y;
        for (int i = 0; i < N; i++) {
#pragma HLS UNROLL
            y.v[i] = lng_leak<K, A>(x.v[i]);
        }
        out.write(y);
    }
}

template <int WORDS, int K, class A, class X, class Y, int N>
void lng_leaky_relu(hls::stream<lng_vec<X, N> >& in, hls::stream<lng_vec<Y, N> >& out,
                    const X limit) {
limited_leaky_relu_words:
    for (int w = 0; w < WORDS; w++) {
#pragma HLS PIPELINE II=1
        const lng_vec<X, N> x = in.read();
        lng_vec<Y, N> y;
        for (int i = 0; i < N; i++) {
#pragma HLS UNROLL
            const X limited = x.v[i] > limit ? limit : x.v[i];
            y.v[i] = lng_leak<K, A>(limited);
        }
        out.write(y);
    }
}

#endif  // LNG_RELU_H_
