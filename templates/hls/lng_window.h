// lng_window.h: line buffer and sliding window over an image that arrives pixel by pixel.
//
// In:  height x width words of one pixel (all channels), row by row.
// Out: one word per window position, row by row, with all elements under the window in the order
//      row, column, channel. Elements outside the image are `fill`; padding is made here, by
//      masking, and never travels through a stream.
//
// G names the geometry:
//   height, width, channels                    of the image
//   rows, columns                              of the window
//   stride_y, stride_x                         of the window
//   pad_top, pad_bottom, pad_left, pad_right   around the image
#ifndef LNG_WINDOW_H_
#define LNG_WINDOW_H_

#include "lng_types.h"

template <class G, class T>
void lng_window(hls::stream<lng_vec<T, G::channels> >& in,
                hls::stream<lng_vec<T, G::rows * G::columns * G::channels> >& out, const T fill) {
    static const int LINES = G::rows > 1 ? G::rows - 1 : 1;
    static const int FIRST_Y = G::rows - 1 - G::pad_top;  // last image row of the first window
    static const int FIRST_X = G::columns - 1 - G::pad_left;

    lng_vec<T, G::channels> lines[LINES][G::width];
#pragma HLS ARRAY_PARTITION variable=lines complete dim=1
#pragma HLS BIND_STORAGE variable=lines type=ram_s2p
    lng_vec<T, G::channels> taps[G::rows][G::columns];
#pragma HLS ARRAY_PARTITION variable=taps complete dim=0

    int next_y = FIRST_Y;  // image row and column that complete the next window
    int next_x = FIRST_X;

image_rows:
    for (int y = 0; y < G::height + G::pad_bottom; y++) {
    image_columns:
        for (int x = 0; x < G::width + G::pad_right; x++) {
#pragma HLS PIPELINE II=1
            // The window moves one column to the right.
            for (int r = 0; r < G::rows; r++) {
                for (int c = 0; c + 1 < G::columns; c++) {
                    taps[r][c] = taps[r][c + 1];
                }
            }
            // Its new column: the lines above, and the new pixel; each line moves up by one.
            if (x < G::width) {
                lng_vec<T, G::channels> pixel;
                if (y < G::height) {
                    pixel = in.read();
                }
                for (int r = 0; r + 1 < G::rows; r++) {
                    taps[r][G::columns - 1] = lines[r][x];
                }
                taps[G::rows - 1][G::columns - 1] = pixel;
                for (int r = 0; r + 1 < G::rows; r++) {
                    lines[r][x] = taps[r + 1][G::columns - 1];
                }
            }
            if (y == next_y && x == next_x) {
                lng_vec<T, G::rows * G::columns * G::channels> word;
                for (int r = 0; r < G::rows; r++) {
                    for (int c = 0; c < G::columns; c++) {
                        const int image_y = y - (G::rows - 1) + r;
                        const int image_x = x - (G::columns - 1) + c;
                        const bool inside = image_y >= 0 && image_y < G::height &&
                                            image_x >= 0 && image_x < G::width;
                        for (int k = 0; k < G::channels; k++) {
                            word.v[(r * G::columns + c) * G::channels + k] =
                                inside ? taps[r][c].v[k] : fill;
                        }
                    }
                }
                out.write(word);
                next_x += G::stride_x;
            }
            if (x == G::width + G::pad_right - 1) {
                next_x = FIRST_X;
                if (y == next_y) {
                    next_y += G::stride_y;
                }
            }
        }
    }
}

#endif  // LNG_WINDOW_H_
