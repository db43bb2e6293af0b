// Plays AXI4-Lite accesses against axilite_configuration; see test_axilite_configuration.py.
//
// Input: lines "W address data strobes" and "R address", all hexadecimal; argument 1 is the seed,
// argument 2 how many of 256 cycles each channel hesitates. Output: "C layer address data cycle" for
// each configuration write, "B response cycle" for each answered write, "D data" for each read,
// "I images" at the end.
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <random>
#include <vector>

#include "Vaxilite_configuration.h"

struct Access {
    char kind;
    unsigned address, data, strobes;
};

int main(int, char **arguments) {
    std::mt19937 random(std::stoul(arguments[1]));
    unsigned hesitation = std::stoul(arguments[2]);
    auto hesitates = [&] { return random() % 256 < hesitation; };
    std::vector<Access> accesses;
    char kind;
    while (std::cin >> kind) {
        Access access{kind, 0, 0, 0};
        std::cin >> std::hex >> access.address;
        if (kind == 'W') std::cin >> access.data >> access.strobes;
        accesses.push_back(access);
    }
    Vaxilite_configuration top;
    auto clock = [&] {
        top.ap_clk = 1;
        top.eval();
        top.ap_clk = 0;
        top.eval();
    };
    top.ap_clk = 0;
    top.ap_rst_n = 0;
    top.s_axilite_awvalid = top.s_axilite_wvalid = top.s_axilite_arvalid = 0;
    for (int i = 0; i < 3; i++) clock();
    top.ap_rst_n = 1;
    // Writes in a row may overlap; a read waits until the writes before it have been answered.
    std::size_t addresses = 0, data = 0, answered = 0, read = 0;
    bool reading = false;
    for (unsigned cycle = 0; cycle < 100000; cycle++) {
        auto next_write = [&](std::size_t from) {
            return from < accesses.size() && accesses[from].kind == 'W';
        };
        if (addresses == answered && data == answered && answered < accesses.size() &&
            accesses[answered].kind == 'R' && !reading && !hesitates()) {
            top.s_axilite_araddr = accesses[answered].address;
            top.s_axilite_arvalid = 1;
            reading = true;
        }
        if (!top.s_axilite_awvalid && !reading && next_write(addresses) && !hesitates()) {
            top.s_axilite_awaddr = accesses[addresses].address;
            top.s_axilite_awvalid = 1;
        }
        if (!top.s_axilite_wvalid && !reading && next_write(data) && !hesitates()) {
            top.s_axilite_wdata = accesses[data].data;
            top.s_axilite_wstrb = accesses[data].strobes;
            top.s_axilite_wvalid = 1;
        }
        top.s_axilite_bready = !hesitates();
        top.s_axilite_rready = !hesitates();
        top.eval();
        bool took_address = top.s_axilite_awvalid && top.s_axilite_awready;
        bool took_data = top.s_axilite_wvalid && top.s_axilite_wready;
        bool took_read = top.s_axilite_arvalid && top.s_axilite_arready;
        if (top.s_axilite_bvalid && top.s_axilite_bready) {
            std::printf("B %x %u\n", top.s_axilite_bresp, cycle);
            answered++;
        }
        if (top.s_axilite_rvalid && top.s_axilite_rready) {
            std::printf("D %x\n", top.s_axilite_rdata);
            reading = false;
            answered++;
            addresses++;
            data++;
            read++;
        }
        if (top.config_we) {
            std::printf("C %x %x %x %u\n", top.config_layer, top.config_address, top.config_d0,
                        cycle);
        }
        addresses += took_address;
        data += took_data;
        clock();
        if (took_address) top.s_axilite_awvalid = 0;
        if (took_data) top.s_axilite_wvalid = 0;
        if (took_read) top.s_axilite_arvalid = 0;
        if (answered == accesses.size()) break;
    }
    // A last write reaches the configuration port a cycle after it was taken.
    for (int i = 0; i < 3; i++) {
        top.eval();
        if (top.config_we) {
            std::printf("C %x %x %x 0\n", top.config_layer, top.config_address, top.config_d0);
        }
        clock();
    }
    std::printf("I %x\n", top.images_per_transfer);
    return answered == accesses.size() ? 0 : 1;
}
