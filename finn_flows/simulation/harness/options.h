// The command line; part_process.py writes it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

struct Options {
    uint64_t input_words = 0, output_words = 0;
    unsigned streams = 0;
    uint64_t silent_cycles = 0;
    uint64_t seed = 0;
    double stall_input = 0, stall_output = 0;
    bool eager = false, keep_full = false;
    std::string trace;
    int64_t trace_image = -1;
    std::vector<std::pair<unsigned, uint64_t>> observed;  // stream, elements per image
};

inline Options parse(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string name = arguments[i];
        if (name[0] == '+') continue;  // for $value$plusargs
        if (name == "--eager" || name == "--keep-full") {
            (name == "--eager" ? options.eager : options.keep_full) = true;
            continue;
        }
        if (++i == count) break;
        const char* value = arguments[i];
        if (name == "--input-words") options.input_words = std::strtoull(value, nullptr, 10);
        else if (name == "--output-words") options.output_words = std::strtoull(value, nullptr, 10);
        else if (name == "--streams") options.streams = std::strtoul(value, nullptr, 10);
        else if (name == "--silent-cycles") options.silent_cycles = std::strtoull(value, nullptr, 10);
        else if (name == "--seed") options.seed = std::strtoull(value, nullptr, 10);
        else if (name == "--stall-input") options.stall_input = std::strtod(value, nullptr);
        else if (name == "--stall-output") options.stall_output = std::strtod(value, nullptr);
        else if (name == "--observe") {
            char* rest = nullptr;
            const unsigned long stream = std::strtoul(value, &rest, 10);
            options.observed.emplace_back(stream, std::strtoull(rest + 1, nullptr, 10));
        }
        else if (name == "--trace") options.trace = value;
        else if (name == "--trace-image") options.trace_image = std::strtoll(value, nullptr, 10);
        else {
            std::fprintf(stderr, "unknown option %s\n", name.c_str());
            std::exit(2);
        }
    }
    return options;
}
