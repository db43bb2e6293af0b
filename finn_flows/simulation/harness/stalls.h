// Random stalls.
#pragma once

#include <cstdint>

// splitmix64: the same stalls from the same seed everywhere.
class Stalls {
  public:
    Stalls(uint64_t seed, double probability)
        : m_state(seed), m_limit(static_cast<uint64_t>(probability * 9007199254740992.0)) {}
    bool operator()() {
        if (m_limit == 0) return false;
        uint64_t mixed = (m_state += 0x9E3779B97F4A7C15ULL);
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
        return ((mixed ^ (mixed >> 31)) >> 11) < m_limit;
    }

  private:
    uint64_t m_state, m_limit;
};
