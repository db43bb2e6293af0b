// The two functions of LZ4 that Verilator's FST writer calls, so that no development package of the
// system is needed. The block format is LZ4's; the search for matches is a plain greedy one.
#pragma once

#include <cstdint>
#include <cstring>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

namespace lz4_detail {

constexpr int LEAST_MATCH = 4, HASH_BITS = 13, FARTHEST = 65535;
constexpr int LITERALS_AT_END = 5, NO_MATCH_BEFORE_END = 12;  // both demanded by the format

inline uint32_t read_four(const uint8_t* at) {
    uint32_t value;
    std::memcpy(&value, at, 4);
    return value;
}

inline uint8_t* write_length(uint8_t* out, int rest) {
    for (; rest >= 255; rest -= 255) *out++ = 255;
    *out++ = static_cast<uint8_t>(rest);
    return out;
}

// Literals, then a match (none if length is 0, which ends the block).
inline uint8_t* write_sequence(uint8_t* out, const uint8_t* literals, int count, int offset,
                               int length) {
    const int extra = length ? length - LEAST_MATCH : 0;
    *out++ = static_cast<uint8_t>((count < 15 ? count : 15) << 4 | (extra < 15 ? extra : 15));
    if (count >= 15) out = write_length(out, count - 15);
    std::memcpy(out, literals, static_cast<size_t>(count));
    out += count;
    if (length) {
        *out++ = static_cast<uint8_t>(offset);
        *out++ = static_cast<uint8_t>(offset >> 8);
        if (extra >= 15) out = write_length(out, extra - 15);
    }
    return out;
}

}  // namespace lz4_detail

// Returns the number of bytes written; 0 if `capacity` is less than LZ4_compressBound(size).
inline int LZ4_compress_default(const char* source, char* target, int size, int capacity) {
    using namespace lz4_detail;
    if (capacity < LZ4_compressBound(size)) return 0;
    const uint8_t* in = reinterpret_cast<const uint8_t*>(source);
    uint8_t* out = reinterpret_cast<uint8_t*>(target);
    int seen[1 << HASH_BITS];
    std::memset(seen, -1, sizeof seen);
    int anchor = 0;
    for (int at = 0; at + NO_MATCH_BEFORE_END < size;) {
        const uint32_t here = read_four(in + at);
        int& slot = seen[here * 2654435761U >> (32 - HASH_BITS)];
        const int before = slot;
        slot = at;
        if (before < 0 || at - before > FARTHEST || read_four(in + before) != here) {
            ++at;
            continue;
        }
        int length = LEAST_MATCH;
        while (at + length < size - LITERALS_AT_END && in[before + length] == in[at + length]) {
            ++length;
        }
        out = write_sequence(out, in + anchor, at - anchor, at - before, length);
        at += length;
        anchor = at;
    }
    out = write_sequence(out, in + anchor, size - anchor, 0, 0);
    return static_cast<int>(out - reinterpret_cast<uint8_t*>(target));
}
