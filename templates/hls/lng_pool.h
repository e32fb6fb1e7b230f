// lng_pool.h: the largest element under every window, channel by channel.
#ifndef LNG_POOL_H_
#define LNG_POOL_H_

#include "lng_types.h"

template <class T>
inline T lng_larger(const T& a, const T& b) {
#pragma HLS INLINE
    return b > a ? b : a;
}

// Windows come from lng_window, which fills places outside the image with the least number there
// is, so that padding never wins.
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
                best = lng_larger(best, window.v[t * C + c]);
            }
            word.v[c] = best;
        }
        out.write(word);
    }
}

// Windows that tile the rows of an image (stride = size, no padding) which arrives G::pixels pixels
// a word, row after row without a gap: a row may end inside a word. Each word is reduced along the
// row, then against the rows before. Words that complete windows leave, one a cycle at most.
template <class G, class T>
void lng_flat_max(
    hls::stream<lng_vec<T, G::pixels * G::channels> >& in,
    hls::stream<lng_vec<T, G::pixels / G::columns * G::channels> >& out) {
    static const int WORDS = (G::height * G::width + G::pixels - 1) / G::pixels;
    static const int POOLED = G::pixels / G::columns;  // of a word, reduced along the row
    static const int ROW = G::width / G::columns;
    static const int BEFORE = (G::rows - 1) * ROW;  // kept of the rows before
    static const int USED = G::height / G::rows * G::rows;  // rows under a window

    lng_vec<T, G::channels> line[BEFORE + POOLED];
#pragma HLS ARRAY_PARTITION variable=line complete dim=0

    int x = 0, y = 0, phase = 0;  // of the word's first pooled pixel; phase: y modulo G::rows
flat_max_words:
    for (int w = 0; w < WORDS; w++) {
#pragma HLS PIPELINE II=1
        const lng_vec<T, G::pixels * G::channels> word = in.read();
        for (int i = 0; i < BEFORE; i++) {
#pragma HLS UNROLL
            line[i] = line[i + POOLED];
        }
        lng_vec<T, POOLED * G::channels> pooled;
        for (int p = 0; p < POOLED; p++) {
#pragma HLS UNROLL
            for (int k = 0; k < G::channels; k++) {
#pragma HLS UNROLL
                T best = word.v[p * G::columns * G::channels + k];
                for (int c = 1; c < G::columns; c++) {
#pragma HLS UNROLL
                    best = lng_larger(best, word.v[(p * G::columns + c) * G::channels + k]);
                }
                line[BEFORE + p].v[k] = best;
            }
        }
        for (int p = 0; p < POOLED; p++) {
#pragma HLS UNROLL
            for (int k = 0; k < G::channels; k++) {
#pragma HLS UNROLL
                T best = line[p].v[k];
                for (int r = 1; r < G::rows; r++) {
#pragma HLS UNROLL
                    best = lng_larger(best, line[p + r * ROW].v[k]);
                }
                pooled.v[p * G::channels + k] = best;
            }
        }
        const int next = phase == G::rows - 1 ? 0 : phase + 1;
        const bool here = phase == G::rows - 1 && y < USED;
        const bool below = x + POOLED > ROW && next == G::rows - 1 && y + 1 < USED;
        if (here || below) {
            out.write(pooled);
        }
        x += POOLED;
        if (x >= ROW) {
            x -= ROW;
            y++;
            phase = next;
        }
    }
}

// Of what lng_flat_max sends the complete groups of G::group pooled pixels, one a cycle. A group
// never lies across the end of a row.
template <class G, class T>
void lng_flat_groups(
    hls::stream<lng_vec<T, G::pixels / G::columns * G::channels> >& in,
    hls::stream<lng_vec<T, G::group * G::channels> >& out) {
    static const int POOLED = G::pixels / G::columns;
    static const int ROW = G::width / G::columns;
    static const int GROUPS = ROW / G::group;
    static const int SKIP = (G::rows - 1) * ROW;  // pooled pixels that complete no window

    lng_vec<T, POOLED * G::channels> word;
    int at = SKIP % POOLED;  // of the next group in its word
    bool fresh = true;       // that word has not been read yet
flat_group_rows:
    for (int r = 0; r < G::height / G::rows; r++) {
    flat_groups:
        for (int g = 0; g < GROUPS; g++) {
#pragma HLS LOOP_FLATTEN
#pragma HLS PIPELINE II=1
            if (fresh) {
                word = in.read();
            }
            lng_vec<T, G::group * G::channels> group;
            for (int i = 0; i < G::group * G::channels; i++) {
#pragma HLS UNROLL
                group.v[i] = word.v[at * G::channels + i];
            }
            out.write(group);
            const bool last = g == GROUPS - 1;
            at += G::group + (last ? SKIP % POOLED : 0);
            fresh = at >= POOLED || (last && SKIP >= POOLED);
            if (at >= POOLED) {
                at -= POOLED;
            }
        }
    }
}

#endif  // LNG_POOL_H_
