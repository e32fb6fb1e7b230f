// lng_reshape.h: the same elements in wider words.
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

#endif  // LNG_RESHAPE_H_
