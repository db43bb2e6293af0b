// split5_first: conv0, conv1, pool1, conv2, conv3, pool3, conv4, conv5 of CnvW2A2.
#ifndef SPLIT_KERNEL_H
#define SPLIT_KERNEL_H

#include <ap_int.h>

// 64-bit words of one image, in and out.
const unsigned INPUT_WORDS = 384;
const unsigned OUTPUT_WORDS = 8;

// More in one call would make a loop counter of 32 bits overflow.
const unsigned MOST_IMAGES = 37282;

// What the kernel returns.
const unsigned STATUS_DONE = 0;
const unsigned STATUS_NO_SUCH_MEMORY = 1;
const unsigned STATUS_TOO_MANY_IMAGES = 2;

// doInit: write val into one memory, and do nothing else. targetLayer: 2 * layer for weights, one
// more for thresholds; targetMem: PE; targetInd: line; targetThresh: which threshold of the row, or
// which 64 bits of the line of weights. Otherwise: numReps images from in to out.
unsigned split5_first(ap_uint<64> *in, ap_uint<64> *out, bool doInit,
    unsigned targetLayer, unsigned targetMem, unsigned targetInd, unsigned targetThresh,
    ap_uint<64> val, unsigned numReps);

#endif
