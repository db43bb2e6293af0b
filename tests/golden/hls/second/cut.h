// What crosses the cut: the same file in both parts of CnvW2A2, split 5.
#ifndef SPLIT_CUT_H
#define SPLIT_CUT_H

namespace cut {

const unsigned ROWS = 1;
const unsigned COLUMNS = 1;
const unsigned CHANNELS = 256;
const unsigned BITS = 2;  // of a value: NARROW_INT2

// 64-bit words of one image: channel fastest, then column, then row; the first value in the lowest
// bits; zeros behind the last.
const unsigned WORDS = (ROWS * COLUMNS * CHANNELS * BITS + 63) / 64;

static_assert(WORDS == 8, "the manifest of this split says 8 words");

}  // namespace cut

#endif
