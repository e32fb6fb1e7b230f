// lng_trace.h: in simulation with LNG_TRACE every layer's stream is copied; else nothing happens.
#ifndef LNG_TRACE_H_
#define LNG_TRACE_H_

#if defined(LNG_TRACE) && !defined(__SYNTHESIS__)

#include <vector>

#include "lng_types.h"

// The codes of all streams in the order of the layers, since somebody cleared it.
extern std::vector<int64_t> lng_trace_codes;

template <class T, int N>
void lng_trace(hls::stream<lng_vec<T, N> >& stream, int groups, int channels) {
    for (int g = 0; g < groups; g++) {
        for (int c = 0; c < channels; c += N) {
            const lng_vec<T, N> word = stream.read();
            for (int i = 0; i < N && c + i < channels; i++) {
                lng_trace_codes.push_back(int64_t(lng_code_of(word.v[i])));
            }
            stream.write(word);
        }
    }
}

#define LNG_TRACE_STREAM(stream, groups, channels) lng_trace(stream, groups, channels);

#else

#define LNG_TRACE_STREAM(stream, groups, channels)

#endif

#endif  // LNG_TRACE_H_
