// split5_second: dense6, dense7, dense8 of CnvW2A2.
#include "library.h"

#include "kernel.h"
#include "cut.h"

static_assert(INPUT_WORDS == cut::WORDS, "the words at the cut are those of the other part");
static_assert(256 * 2 + 0 == 64 * INPUT_WORDS, "words of an image that enters");
static_assert(10 * 10 + 28 == 64 * OUTPUT_WORDS, "words of an image that leaves");

// In global memory, so that they hold zeros, not nothing, until they are written.
static FixedPointWeights<2, ap_int<2>, 1, 65536> weights6;
static ThresholdsActivation<512, 1, 2, ap_int<10>, ap_int<2>, -1> thresholds6;
static FixedPointWeights<2, ap_int<2>, 2, 65536> weights7;
static ThresholdsActivation<256, 2, 2, ap_int<11>, ap_int<2>, -1> thresholds7;
static FixedPointWeights<1, ap_int<2>, 2, 2560> weights8;

static unsigned load(unsigned targetLayer, unsigned targetMem, unsigned targetInd,
    unsigned targetThresh, ap_uint<64> val) {
  unsigned status = STATUS_NO_SUCH_MEMORY;
  switch (targetLayer) {
    case 12:
      if (targetMem < 1 && targetInd < 65536 && targetThresh < 1) {
        weights6.m_weights[targetMem][targetInd] = val;
        status = STATUS_DONE;
      }
      break;
    case 13:
      if (targetMem < 1 && targetInd < 512 && targetThresh < 2) {
        thresholds6.m_thresholds[targetMem][targetInd][targetThresh] = val;
        status = STATUS_DONE;
      }
      break;
    case 14:
      if (targetMem < 2 && targetInd < 65536 && targetThresh < 1) {
        weights7.m_weights[targetMem][targetInd] = val;
        status = STATUS_DONE;
      }
      break;
    case 15:
      if (targetMem < 2 && targetInd < 256 && targetThresh < 2) {
        thresholds7.m_thresholds[targetMem][targetInd][targetThresh] = val;
        status = STATUS_DONE;
      }
      break;
    case 16:
      if (targetMem < 2 && targetInd < 2560 && targetThresh < 1) {
        weights8.m_weights[targetMem][targetInd] = val;
        status = STATUS_DONE;
      }
      break;
    default:
      break;
  }
  return status;
}

static void compute(ap_uint<64> *in, ap_uint<64> *out, unsigned numReps) {
#pragma HLS DATAFLOW
  hls::stream<ap_uint<64> > input_words("input_words");
#pragma HLS STREAM variable=input_words depth=128
  hls::stream<ap_uint<4> > dense6_input("dense6_input");
  hls::stream<ap_uint<2> > dense6_output("dense6_output");
#pragma HLS STREAM variable=dense6_output depth=128
  hls::stream<ap_uint<4> > dense7_input("dense7_input");
  hls::stream<ap_uint<4> > dense7_output("dense7_output");
#pragma HLS STREAM variable=dense7_output depth=128
  hls::stream<ap_uint<2> > dense8_input("dense8_input");
  hls::stream<ap_uint<20> > dense8_output("dense8_output");
#pragma HLS STREAM variable=dense8_output depth=5
  hls::stream<ap_uint<4> > output_pieces("output_pieces");
  hls::stream<ap_uint<4> > output_padded("output_padded");
  hls::stream<ap_uint<64> > output_words("output_words");
#pragma HLS STREAM variable=output_words depth=128

  // one image: 1 x 1 x 256 values of 2 bits (NARROW_INT2), 8 words
  Mem2Stream_Batch<64, 64>(
      in, input_words, numReps);
  StreamingDataWidthConverter_Batch<64, 4, 8>(
      input_words, dense6_input, numReps);
  // dense6: 512 x 256, SIMD 2, PE 1
  Matrix_Vector_Activate_Batch<256, 512, 2, 1, 1, Slice<ap_int<2> >, Slice<ap_int<2> >, Identity>(
      dense6_input, dense6_output, weights6, thresholds6, numReps, ap_resource_lut());
  StreamingDataWidthConverter_Batch<2, 4, 512>(
      dense6_output, dense7_input, numReps);
  // dense7: 512 x 512, SIMD 2, PE 2
  Matrix_Vector_Activate_Batch<512, 512, 2, 2, 1, Slice<ap_int<2> >, Slice<ap_int<2> >, Identity>(
      dense7_input, dense7_output, weights7, thresholds7, numReps, ap_resource_lut());
  StreamingDataWidthConverter_Batch<4, 2, 256>(
      dense7_output, dense8_input, numReps);
  // dense8: 10 x 512, SIMD 1, PE 2
  Matrix_Vector_Activate_Batch<512, 10, 1, 2, 1, Slice<ap_int<2> >, Slice<ap_int<10> >, Identity>(
      dense8_input, dense8_output, weights8, PassThroughActivation<ap_int<10> >(), numReps, ap_resource_lut());
  StreamingDataWidthConverter_Batch<20, 4, 5>(
      dense8_output, output_pieces, numReps);
  // 28 zero bits complete the last word
  add_padding<4, 25, 7>(
      output_pieces, output_padded, numReps);
  StreamingDataWidthConverter_Batch<4, 64, 32>(
      output_padded, output_words, numReps);
  // one image: 10 values of 10 bits (INT10), 2 words
  Stream2Mem_Batch<64, 16>(
      output_words, out, numReps);
}

unsigned split5_second(ap_uint<64> *in, ap_uint<64> *out, bool doInit,
    unsigned targetLayer, unsigned targetMem, unsigned targetInd, unsigned targetThresh,
    ap_uint<64> val, unsigned numReps) {
#pragma HLS INTERFACE s_axilite port=return bundle=control
#pragma HLS INTERFACE s_axilite port=doInit bundle=control
#pragma HLS INTERFACE s_axilite port=targetLayer bundle=control
#pragma HLS INTERFACE s_axilite port=targetMem bundle=control
#pragma HLS INTERFACE s_axilite port=targetInd bundle=control
#pragma HLS INTERFACE s_axilite port=targetThresh bundle=control
#pragma HLS INTERFACE s_axilite port=val bundle=control
#pragma HLS INTERFACE s_axilite port=numReps bundle=control
#pragma HLS INTERFACE m_axi offset=slave port=in bundle=hostmem depth=16
#pragma HLS INTERFACE s_axilite port=in bundle=control
#pragma HLS INTERFACE m_axi offset=slave port=out bundle=hostmem depth=4
#pragma HLS INTERFACE s_axilite port=out bundle=control

#pragma HLS ARRAY_PARTITION variable=weights6.m_weights complete dim=1
#pragma HLS ARRAY_PARTITION variable=thresholds6.m_thresholds complete dim=1
#pragma HLS ARRAY_PARTITION variable=thresholds6.m_thresholds complete dim=3
#pragma HLS ARRAY_PARTITION variable=weights7.m_weights complete dim=1
#pragma HLS ARRAY_PARTITION variable=thresholds7.m_thresholds complete dim=1
#pragma HLS ARRAY_PARTITION variable=thresholds7.m_thresholds complete dim=3
#pragma HLS ARRAY_PARTITION variable=weights8.m_weights complete dim=1

  unsigned status = STATUS_DONE;
  if (doInit) {
    status = load(targetLayer, targetMem, targetInd, targetThresh, val);
  } else if (numReps > MOST_IMAGES) {
    status = STATUS_TOO_MANY_IMAGES;
  } else {
    compute(in, out, numReps);
  }
  return status;
}
