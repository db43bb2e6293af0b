// Drives one compiled part: words of images in on standard input, words of results out on standard
// output, statistics as JSON. finn_flows/simulation/part_process.py is the other end.
//
// A message is a tag of four characters, the length of its payload as uint32, and the payload; all
// numbers little-endian.
//
//   in   CONF  uint32 triples (layer, address, data): written through s_axilite, one a cycle
//        IMAG  64-bit words of one image or several, offered back to back
//        WAIT  let time run until every image given so far has come out; with --keep-full the last
//              image is offered again and again meanwhile, and no more images may follow
//        STAT  ask for the statistics; an end of file means WAIT and leave
//        ENDS  uint32 n: whatever comes out, offer words until n images have passed each stream
//              that is observed (--observe STREAM:ELEMENTS, elements per image); answered by STAT
//   out  OUTP  64-bit words of one result, as soon as its last word has come out
//        STAT  JSON
//        FAIL  JSON: which rule was broken where; the process ends with exit code 1
//
// Time stands still while there is neither an image to offer nor a WAIT to serve, so the cycles
// measured do not depend on how fast the other end is. With --eager time runs on while results are
// due and no message has come: then results come out without a WAIT.

#include "messages.h"
#include "options.h"
#include "simulation.h"
#include "statistics.h"
#include "verilated.h"

int main(int count, char** arguments) {
    const Options options = parse(count, arguments);
    VerilatedContext context;
    context.commandArgs(count, arguments);
    try {
        return Simulation(context, options).run();
    } catch (const BrokenRule& broken) {
        send("FAIL", broken.description);
        return 1;
    }
}
