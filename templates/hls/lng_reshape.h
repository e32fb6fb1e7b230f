// lng_reshape.h: the same elements in wider or narrower words.
#ifndef LNG_RESHAPE_H_
#define LNG_RESHAPE_H_

#include "lng_types.h"

// Every COUNT words of FROM elements make one word of TO <= COUNT * FROM elements.
// IN_WORDS words come in; elements missing from the last word are zero.
template <int IN_WORDS, int COUNT, class T, int FROM, int TO>
void lng_gather(hls::stream<lng_vec<T, FROM> >& in, hls::stream<lng_vec<T, TO> >& out) {
    static const int OUT_WORDS = (IN_WORDS + COUNT - 1) / COUNT;
    lng_vec<T, TO> word;
gather_words:
    for (int w = 0; w < OUT_WORDS; w++) {
    gather_parts:
        for (int k = 0; k < COUNT; k++) {
#pragma HLS PIPELINE II=1
            const bool present = w * COUNT + k < IN_WORDS;
            lng_vec<T, FROM> part;
            if (present) {
                part = in.read();
            }
            for (int i = 0; i < FROM; i++) {
                if (k * FROM + i < TO) {
                    word.v[k * FROM + i] = present ? part.v[i] : T(0);
                }
            }
            if (k == COUNT - 1) {
                out.write(word);
            }
        }
    }
}

// Every word of FROM elements makes FROM / TO words. OUT_WORDS words go out; what is left of the
// last word that comes in counts for nothing.
template <int OUT_WORDS, class T, int FROM, int TO>
void lng_scatter(hls::stream<lng_vec<T, FROM> >& in, hls::stream<lng_vec<T, TO> >& out) {
    static const int COUNT = FROM / TO;
    lng_vec<T, FROM> word;
    int part = 0;  // of the word
scatter_parts:
    for (int w = 0; w < OUT_WORDS; w++) {
#pragma HLS PIPELINE II=1
        if (part == 0) {
            word = in.read();
        }
        lng_vec<T, TO> piece;
        for (int i = 0; i < TO; i++) {
#pragma HLS UNROLL
            piece.v[i] = word.v[part * TO + i];
        }
        out.write(piece);
        part = part == COUNT - 1 ? 0 : part + 1;
    }
}

#endif  // LNG_RESHAPE_H_
