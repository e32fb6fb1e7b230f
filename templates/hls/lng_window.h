// lng_window.h: sliding windows over an image that arrives word by word, row after row.
//
// Elements of a window are in the order row, column, channel; those outside the image are `fill`:
// padding is made here, by masking, and never travels through a stream.
//
// G names the geometry:
//   height, width, channels                    of the image
//   rows, columns                              of the window
//   stride_y, stride_x                         of the window
//   pad_top, pad_bottom, pad_left, pad_right   around the image
//   out_rows, out_columns                      how many windows there are
//   pixels                                     in a word of the stream
#ifndef LNG_WINDOW_H_
#define LNG_WINDOW_H_

#include "lng_types.h"

// Line buffer. In: words of `pixels` pixels, which divide the width. Out: a patch for every word
// that completes windows, as wide as the windows of a whole word; with one pixel a word, a window.
template <class G, class T>
void lng_window(
    hls::stream<lng_vec<T, G::pixels * G::channels> >& in,
    hls::stream<lng_vec<T, G::rows * (G::columns + G::pixels - 1) * G::channels> >& out,
    const T fill) {
    static const int SPAN = G::columns + G::pixels - 1;  // columns of a patch
    static const int LINES = G::rows > 1 ? G::rows - 1 : 1;
    static const int WORDS = G::width / G::pixels;  // of a row
    static const int STEPS = WORDS + (G::pad_right + G::pixels - 1) / G::pixels;
    static const int FIRST_Y = G::rows - 1 - G::pad_top;  // last image row of the first window
    static const int FIRST_X = G::columns - 1 - G::pad_left;
    static const int LAST_X = FIRST_X + (G::out_columns - 1) * G::stride_x;

    lng_vec<T, G::pixels * G::channels> lines[LINES][WORDS];
#pragma HLS ARRAY_PARTITION variable=lines complete dim=1
#pragma HLS BIND_STORAGE variable=lines type=ram_s2p
    lng_vec<T, G::channels> taps[G::rows][SPAN];
#pragma HLS ARRAY_PARTITION variable=taps complete dim=0

    int next_y = FIRST_Y;  // image row that completes the next windows
    int at = FIRST_X;      // their last column, counted from this word's first pixel

image_rows:
    for (int y = 0; y < G::height + G::pad_bottom; y++) {
    image_words:
        for (int x = 0; x < STEPS; x++) {
#pragma HLS PIPELINE II=1
            // The patch moves one word to the right.
            for (int r = 0; r < G::rows; r++) {
                for (int c = 0; c + 1 < G::columns; c++) {
                    taps[r][c] = taps[r][c + G::pixels];
                }
            }
            // Its new columns: the lines above, and the new word; each line moves up by one.
            if (x < WORDS) {
                lng_vec<T, G::pixels * G::channels> word;
                if (y < G::height) {
                    word = in.read();
                }
                for (int r = 0; r < G::rows; r++) {
                    const lng_vec<T, G::pixels * G::channels> row =
                        r + 1 < G::rows ? lines[r + 1 < G::rows ? r : 0][x] : word;
                    if (r > 0) {
                        lines[r > 0 ? r - 1 : 0][x] = row;
                    }
                    for (int p = 0; p < G::pixels; p++) {
                        for (int k = 0; k < G::channels; k++) {
                            taps[r][G::columns - 1 + p].v[k] = row.v[p * G::channels + k];
                        }
                    }
                }
            }
            if (y == next_y && at < G::pixels && x * G::pixels + at <= LAST_X) {
                lng_vec<T, G::rows * SPAN * G::channels> patch;
                for (int r = 0; r < G::rows; r++) {
                    for (int c = 0; c < SPAN; c++) {
                        const int image_y = y - (G::rows - 1) + r;
                        const int image_x = x * G::pixels - (G::columns - 1) + c;
                        const bool inside = image_y >= 0 && image_y < G::height &&
                                            image_x >= 0 && image_x < G::width;
                        for (int k = 0; k < G::channels; k++) {
                            patch.v[(r * SPAN + c) * G::channels + k] =
                                inside ? taps[r][c].v[k] : fill;
                        }
                    }
                }
                out.write(patch);
            }
            for (int p = 0; p < G::pixels; p++) {
#pragma HLS UNROLL
                if (at == p) {
                    at += G::stride_x;
                }
            }
            at -= G::pixels;
            if (x == STEPS - 1) {
                at = FIRST_X;
                if (y == next_y) {
                    next_y += G::stride_y;
                }
            }
        }
    }
}

// The windows of lng_window's patches, one a cycle.
template <class G, class T>
void lng_split_windows(
    hls::stream<lng_vec<T, G::rows * (G::columns + G::pixels - 1) * G::channels> >& in,
    hls::stream<lng_vec<T, G::rows * G::columns * G::channels> >& out) {
    static const int SPAN = G::columns + G::pixels - 1;
    static const int FIRST = (G::columns - 1 - G::pad_left) % G::pixels;

    lng_vec<T, G::rows * SPAN * G::channels> patch;
    int at = FIRST;     // of the next window in its patch
    bool fresh = true;  // that patch has not been read yet
window_rows:
    for (int r = 0; r < G::out_rows; r++) {
    window_columns:
        for (int c = 0; c < G::out_columns; c++) {
#pragma HLS LOOP_FLATTEN
#pragma HLS PIPELINE II=1
            if (fresh) {
                patch = in.read();
            }
            lng_vec<T, G::rows * G::columns * G::channels> window;
            for (int row = 0; row < G::rows; row++) {
                for (int i = 0; i < G::columns * G::channels; i++) {
                    window.v[row * G::columns * G::channels + i] =
                        patch.v[(row * SPAN + at) * G::channels + i];
                }
            }
            out.write(window);
            at += G::stride_x % G::pixels;
            fresh = at >= G::pixels || G::stride_x >= G::pixels;
            if (at >= G::pixels) {
                at -= G::pixels;
            }
            if (c == G::out_columns - 1) {
                at = FIRST;
                fresh = true;
            }
        }
    }
}

// All windows of a word at once: one window a pixel (stride 1, as many windows as pixels). Rows may
// end inside a word, at most one in each. Pixels shift through one line, every tap is a fixed place
// of it; row and column of each window mask the padding.
template <class G, class T>
void lng_flat_window(
    hls::stream<lng_vec<T, G::pixels * G::channels> >& in,
    hls::stream<lng_vec<T, G::pixels * G::rows * G::columns * G::channels> >& out,
    const T fill) {
    static const int P = G::pixels;
    static const int WORDS = (G::height * G::width + P - 1) / P;
    // pixels that a window needs after and before its own, and the words they span
    static const int AHEAD = (G::rows - 1 - G::pad_top) * G::width + G::columns - 1 - G::pad_left;
    static const int BEHIND = G::pad_top * G::width + G::pad_left;
    static const int LAG = (AHEAD + P - 1) / P;
    static const int LINE = LAG + 1 + (BEHIND + P - 1) / P;  // in words
    static const int START = (LINE - 1 - LAG) * P;  // place of the window word's first pixel

    lng_vec<T, G::channels> line[LINE * P];
#pragma HLS ARRAY_PARTITION variable=line complete dim=0

    int x = 0, y = 0;  // of the window word's first pixel
flat_words:
    for (int w = 0; w < WORDS + LAG; w++) {
#pragma HLS PIPELINE II=1
        for (int i = 0; i < (LINE - 1) * P; i++) {
#pragma HLS UNROLL
            line[i] = line[i + P];
        }
        if (w < WORDS) {
            const lng_vec<T, P * G::channels> word = in.read();
            for (int i = 0; i < P * G::channels; i++) {
#pragma HLS UNROLL
                line[(LINE - 1) * P + i / G::channels].v[i % G::channels] = word.v[i];
            }
        }
        if (w >= LAG) {
            lng_vec<T, P * G::rows * G::columns * G::channels> windows;
        flat_windows:
            for (int p = 0; p < P; p++) {
#pragma HLS UNROLL
                const bool over = x + p >= G::width;
                const int window_x = over ? x + p - G::width : x + p;
                const int window_y = over ? y + 1 : y;
                for (int t = 0; t < G::rows * G::columns; t++) {
#pragma HLS UNROLL
                    const int down = t / G::columns - G::pad_top;
                    const int right = t % G::columns - G::pad_left;
                    const bool inside = window_y + down >= 0 && window_y + down < G::height &&
                                        window_x + right >= 0 && window_x + right < G::width;
                    for (int k = 0; k < G::channels; k++) {
#pragma HLS UNROLL
                        windows.v[(p * G::rows * G::columns + t) * G::channels + k] =
                            inside ? line[START + p + down * G::width + right].v[k] : fill;
                    }
                }
            }
            out.write(windows);
            x += P;
            if (x >= G::width) {
                x -= G::width;
                y++;
            }
        }
    }
}

#endif  // LNG_WINDOW_H_
