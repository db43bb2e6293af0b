// What is counted, and how it is told: as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct Counts {
    uint64_t beats = 0, blocked = 0, starved = 0;
};

inline void append(std::string& text, const char* name, const std::vector<uint64_t>& values) {
    text += "\"";
    text += name;
    text += "\":[";
    for (size_t i = 0; i < values.size(); ++i) text += (i ? "," : "") + std::to_string(values[i]);
    text += "]";
}

inline void append(std::string& text, const std::vector<Counts>& counts) {
    text += "[";
    for (size_t i = 0; i < counts.size(); ++i) {
        const Counts& one = counts[i];
        text += (i ? ",[" : "[") + std::to_string(one.beats) + "," + std::to_string(one.blocked) +
                "," + std::to_string(one.starved) + "]";
    }
    text += "]";
}

// Told when everything is closed, so that whoever hears it finds complete traces.
struct BrokenRule {
    std::string description;
};
