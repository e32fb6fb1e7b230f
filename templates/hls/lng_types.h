// lng_types.h: words of several elements, and the integer codes inside ap_fixed numbers.
//
// A number of type ap_fixed<W,I> is the integer "code" times 2^(I-W). Layers multiply and add
// codes. In synthesis, and in simulation with LNG_EXACT_CODES, codes and sums are ap_int of exactly
// the bits the type says. Otherwise simulation takes the next larger machine integer: the same
// results many times faster, as long as the widths are right, which the exact build proves.
#ifndef LNG_TYPES_H_
#define LNG_TYPES_H_

#include <stdint.h>

#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"

// One word of a stream: N elements that move together.
template <class T, int N>
struct lng_vec {
    T v[N];
};

// Width and sign of a fixed-point type.
template <class T>
struct lng_format;

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct lng_format<ap_fixed<W, I, Q, O, N> > {
    static const int width = W;
    static const bool is_signed = true;
    typedef ap_int<W> exact;
};

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct lng_format<ap_ufixed<W, I, Q, O, N> > {
    static const int width = W;
    static const bool is_signed = false;
    typedef ap_uint<W> exact;
};

#if defined(__SYNTHESIS__) || defined(LNG_EXACT_CODES)
#define LNG_NATIVE_CODES 0
#else
#define LNG_NATIVE_CODES 1
#endif

#ifndef __SYNTHESIS__
// The smallest machine integer of at least W bits.
template <int BYTES, bool S>
struct lng_machine_int;
template <> struct lng_machine_int<1, true> { typedef int8_t type; };
template <> struct lng_machine_int<2, true> { typedef int16_t type; };
template <> struct lng_machine_int<4, true> { typedef int32_t type; };
template <> struct lng_machine_int<8, true> { typedef int64_t type; };
template <> struct lng_machine_int<16, true> { typedef __int128 type; };
template <> struct lng_machine_int<1, false> { typedef uint8_t type; };
template <> struct lng_machine_int<2, false> { typedef uint16_t type; };
template <> struct lng_machine_int<4, false> { typedef uint32_t type; };
template <> struct lng_machine_int<8, false> { typedef uint64_t type; };
template <> struct lng_machine_int<16, false> { typedef unsigned __int128 type; };

template <int W, bool S>
struct lng_machine {
    static const int bytes = W <= 8 ? 1 : W <= 16 ? 2 : W <= 32 ? 4 : W <= 64 ? 8 : 16;
    typedef typename lng_machine_int<bytes, S>::type type;
};
#endif

// lng_int<W, S>::type: an integer of W bits, signed if S.
template <int W, bool S>
struct lng_int {
#if LNG_NATIVE_CODES
    typedef typename lng_machine<W, S>::type type;
#else
    typedef ap_int<W> type;
#endif
};

#if !LNG_NATIVE_CODES
template <int W>
struct lng_int<W, false> {
    typedef ap_uint<W> type;
};
#endif

// lng_node<W, S>::type: a partial sum of W bits, signed if S. Machine integers are signed and of 32
// bits at least.
template <int W, bool S>
struct lng_node {
#if LNG_NATIVE_CODES
    static const int need = S ? W : W + 1;
    typedef typename lng_int<(need < 32 ? 32 : need), true>::type type;
#else
    typedef typename lng_int<W, S>::type type;
#endif
};

// lng_code<T>::type: the code of a number of type T.
template <class T>
struct lng_code {
    typedef typename lng_int<lng_format<T>::width, lng_format<T>::is_signed>::type type;
};

// lng_stored<T>::type: a code in a constant array. Simulation keeps machine integers there, as
// g++ takes minutes over thousands of ap_int constants; small designs can define LNG_EXACT_ROM.
template <class T>
struct lng_stored {
#if defined(__SYNTHESIS__) || defined(LNG_EXACT_ROM)
    typedef typename lng_format<T>::exact type;
#else
    typedef typename lng_machine<lng_format<T>::width, lng_format<T>::is_signed>::type type;
#endif
};

// lng_sum<T>::type: what the codes of an accumulator of type T are added up in.
// Machine integers get a spare bit: a product alone may need one more than any sum does. Codes of
// an unsigned type get a sign.
template <class T>
struct lng_sum {
    static const int need = lng_format<T>::width + (lng_format<T>::is_signed ? 0 : 1);
#if LNG_NATIVE_CODES
    static const int bits = need < 32 ? 32 : 64;
#else
    static const int bits = need;
#endif
    typedef typename lng_int<bits, true>::type type;
};

// The code of x.
template <class T>
inline typename lng_code<T>::type lng_code_of(const T& x) {
#pragma HLS INLINE
#if LNG_NATIVE_CODES
    return x.V;
#else
    typename lng_code<T>::type code;
    code.range() = x.range();
    return code;
#endif
}

// The number of type T whose code is `code`.
template <class T, class C>
inline T lng_from_code(const C& code) {
#pragma HLS INLINE
    T x;
#if LNG_NATIVE_CODES
    x.V = code;
#else
    const typename lng_code<T>::type bits = code;
    x.range() = bits.range();
#endif
    return x;
}

// x * w, exact, as a summand of type S; w is a stored code of a weight of type T.
template <class S, class T, class X, class W>
inline S lng_product(const X& x, const W& w) {
#pragma HLS INLINE
#if LNG_NATIVE_CODES
    return S(x) * S(w);
#else
    const typename lng_code<T>::type weight = w;
    return x * weight;
#endif
}

// The codes of a word; those beyond its N elements are zero.
template <class T, int N, class C, int M>
inline void lng_codes_of(const lng_vec<T, N>& word, C (&codes)[M]) {
#pragma HLS INLINE
    for (int i = 0; i < M; i++) {
#pragma HLS UNROLL
        codes[i] = i < N ? lng_code_of(word.v[i < N ? i : 0]) : C(0);
    }
}

#endif  // LNG_TYPES_H_
