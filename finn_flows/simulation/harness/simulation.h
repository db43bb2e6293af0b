// The part, cycle by cycle.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "axilite.h"
#include "messages.h"
#include "options.h"
#include "simulated_part.h"
#include "stalls.h"
#include "statistics.h"
#include "verilated.h"
#ifdef TRACE_FST
#include "verilated_fst_c.h"
using TraceFile = VerilatedFstC;
#elif defined(TRACE_VCD)
#include "verilated_vcd_c.h"
using TraceFile = VerilatedVcdC;
#endif

class Simulation {
  public:
    Simulation(VerilatedContext& context, const Options& options)
        : m_options(options),
          m_context(context),
          m_model(&context, ""),
          m_registers(
              m_model, [this] { falling(); }, [this] { rising(); },
              [this](const char* rule) { fail(rule); }),
          m_stall_input(options.seed * 2 + 1, options.stall_input),
          m_stall_output(options.seed * 2 + 2, options.stall_output),
          m_image(options.keep_full ? options.input_words : 0),
          m_totals(options.streams + 2) {
#if defined(TRACE_FST) || defined(TRACE_VCD)
        if (!options.trace.empty()) {
            m_context.traceEverOn(true);
            m_model.trace(&m_trace, 99);
        }
#endif
    }

    ~Simulation() {
#if defined(TRACE_FST) || defined(TRACE_VCD)
        if (m_tracing) m_trace.close();
#endif
    }

    int run() {
        open_trace_if(m_options.trace_image < 0);
        reset();
        m_identity = m_registers.identity();
        m_begun = std::chrono::steady_clock::now();
        for (;;) {
            if (m_words_left == 0 && (!m_offering || m_filling) && !(m_waiting && due())) {
                m_waiting = false;
                if (m_ended) break;
                if (!m_options.eager || !due() || m_input.message_waits()) {
                    next_message();
                    continue;
                }
            }
            cycle();
        }
        m_model.final();
        return 0;
    }

  private:
    static constexpr int RESET_CYCLES = 16;
    static constexpr uint64_t PERIOD = 10000;  // picoseconds: only traces show it
    static constexpr uint64_t TRACE_CYCLES_BEHIND = 16;  // a window shows what follows its image
    static constexpr size_t WINDOWS_KEPT = 1024;  // images whose streams are counted one by one
    static constexpr size_t CHUNKS = sizeof(simulated_part::stream_tvalid) / 4;

    uint64_t due() const { return m_images_in - m_last_out.size(); }

    void next_message() {
        char tag[4];
        uint32_t length = 0;
        if (!m_input.header(tag, length)) {
            m_ended = m_waiting = true;
        } else if (std::memcmp(tag, "IMAG", 4) == 0) {
            const uint64_t image_bytes = m_options.input_words * 8;
            if (length % image_bytes != 0 || m_filling) fail("protocol");
            m_words_left = length / 8;
            m_images_in += length / image_bytes;
        } else if (std::memcmp(tag, "CONF", 4) == 0) {
            std::vector<uint32_t> writes(length / 4);
            m_input.payload(writes.data(), writes.size() * 4);
            m_model.s_axis_0_tvalid = 0;
            m_model.m_axis_0_tready = 0;
            const uint64_t begun = m_cycle;
            m_registers.configure(writes);
            m_configuration_cycles += m_cycle - begun;
        } else if (std::memcmp(tag, "WAIT", 4) == 0) {
            m_waiting = true;
        } else if (std::memcmp(tag, "ENDS", 4) == 0) {
            uint32_t images = 0;
            m_input.payload(&images, 4);
            observe(images);
        } else if (std::memcmp(tag, "STAT", 4) == 0) {
            send("STAT", statistics());
        } else {
            fail("protocol");
        }
    }

    // -- time -------------------------------------------------------------------------------------

    void falling() {
        m_model.ap_clk = 0;
        m_model.eval();
        dump(PERIOD / 2);
    }
    void rising() {
        m_model.ap_clk = 1;
        m_model.eval();
        ++m_cycle;
        dump(0);
        // Somebody must still listen.
        if ((m_cycle & 0xFFFF) == 0) {
            pollfd descriptor{STDOUT_FILENO, 0, 0};
            if (poll(&descriptor, 1, 0) > 0 && (descriptor.revents & (POLLERR | POLLHUP))) _exit(1);
        }
    }

    void reset() {
        m_model.ap_rst_n = 0;
        for (int i = 0; i < RESET_CYCLES; ++i) {
            falling();
            rising();
        }
        m_model.ap_rst_n = 1;
    }

    // One cycle with the streams running.
    void cycle() {
        if (m_first_cycle == 0) m_first_cycle = m_cycle;
        if (!m_offering && (m_words_left > 0 || fills()) && !m_stall_input()) next_word();
        m_model.s_axis_0_tvalid = m_offering;
        m_model.s_axis_0_tdata = m_word;
        m_model.m_axis_0_tready = !m_stall_output();
        falling();
        bool moved = count_streams();
        if (m_offering && m_model.s_axis_0_tready) {
            if (m_word_in_image == 0 && !m_filling) {
                m_first_in.push_back(m_cycle);
                open_trace_if(m_options.trace_image == static_cast<int64_t>(m_first_in.size()) - 1);
            }
            if (++m_word_in_image == m_options.input_words) m_word_in_image = 0;
            m_offering = false;
            moved = true;
        }
        moved |= take_output();
        if (moved) {
            m_silent = 0;
        } else if (++m_silent > m_options.silent_cycles) {
            fail("deadlock");
        }
        rising();
        close_trace_if_done();
    }

    // Cycles in which images end on streams, where only they matter: nothing is compared or sent.
    void observe(size_t images) {
        m_model.s_axis_0_tvalid = 1;
        m_model.m_axis_0_tready = 1;
        m_image_ends.assign(m_options.observed.size(), {});
        std::vector<uint64_t> beats(m_options.observed.size());
        size_t unfinished = images ? m_options.observed.size() : 0;
        while (unfinished > 0) {
            falling();
            uint32_t moved = 0;
            for (size_t chunk = 0; chunk < CHUNKS; ++chunk) {
                moved |= m_model.stream_tvalid[chunk] & m_model.stream_tready[chunk];
            }
            for (size_t i = 0; i < beats.size(); ++i) {
                const auto& [stream, elements] = m_options.observed[i];
                const uint32_t taken =
                    m_model.stream_tvalid[stream / 32] & m_model.stream_tready[stream / 32];
                if (!(taken >> (stream % 32) & 1) || ++beats[i] < elements) continue;
                beats[i] = 0;
                if (m_image_ends[i].size() < images) {
                    m_image_ends[i].push_back(m_cycle);
                    unfinished -= m_image_ends[i].size() == images;
                }
            }
            m_silent = moved ? 0 : m_silent + 1;
            if (m_silent > m_options.silent_cycles) fail("deadlock");
            rising();
        }
        send("STAT", statistics());
    }

    bool fills() const { return m_waiting && m_options.keep_full && m_images_in > 0; }

    void next_word() {
        if (m_words_left > 0) {
            m_input.payload(&m_word, 8);
            --m_words_left;
            if (m_options.keep_full) m_image[m_word_in_image] = m_word;
        } else {
            m_filling = true;
            m_word = m_image[m_word_in_image];
        }
        m_offering = true;
    }

    bool take_output() {
        const bool valid = m_model.m_axis_0_tvalid, ready = m_model.m_axis_0_tready;
        const uint64_t data = m_model.m_axis_0_tdata;
        const bool last = m_model.m_axis_0_tlast;
        if (m_held) {
            if (!valid) fail("m_axis_0 took TVALID back before TREADY");
            if (data != m_held_data) fail("m_axis_0 changed TDATA before TREADY");
            if (last != m_held_last) fail("m_axis_0 changed TLAST before TREADY");
        }
        m_held = valid && !ready;
        m_held_data = data;
        m_held_last = last;
        if (!valid || !ready) return false;
        if (due() == 0 || m_first_in.size() <= m_last_out.size()) {
            fail("m_axis_0 gave a word before any word of its image went in");
        }
        const bool image_ends = m_result.size() + 1 == m_options.output_words;
        if (last != image_ends) fail(last ? "TLAST came too early" : "TLAST is missing");
        m_result.push_back(data);
        if (image_ends) {
            m_last_out.push_back(m_cycle);
            if (m_windows.size() < WINDOWS_KEPT) m_windows.push_back(m_totals);
            send("OUTP", m_result.data(), m_result.size() * 8);
            m_result.clear();
        }
        return true;
    }

    // Counts every stream's handshake of this cycle; whether anything moved inside.
    bool count_streams() {
        uint32_t any = 0;
        for (size_t chunk = 0; chunk < CHUNKS; ++chunk) {
            const uint32_t valid = m_model.stream_tvalid[chunk];
            const uint32_t ready = m_model.stream_tready[chunk];
            const uint32_t dropped = m_held_streams[chunk] & ~valid;
            if (dropped) {
                fail("a stream took TVALID back before TREADY",
                     static_cast<int>(chunk * 32) + __builtin_ctz(dropped));
            }
            m_held_streams[chunk] = valid & ~ready;
            any |= valid & ready;
            Counts* counts = &m_totals[chunk * 32];
            for (uint32_t bits = valid & ready; bits; bits &= bits - 1) {
                ++counts[__builtin_ctz(bits)].beats;
            }
            for (uint32_t bits = valid & ~ready; bits; bits &= bits - 1) {
                ++counts[__builtin_ctz(bits)].blocked;
            }
            for (uint32_t bits = ready & ~valid; bits; bits &= bits - 1) {
                ++counts[__builtin_ctz(bits)].starved;
            }
        }
        count(m_totals[m_options.streams], m_offering, m_model.s_axis_0_tready);
        count(m_totals[m_options.streams + 1], m_model.m_axis_0_tvalid, m_model.m_axis_0_tready);
        return any != 0;
    }

    static void count(Counts& counts, bool valid, bool ready) {
        counts.beats += valid && ready;
        counts.blocked += valid && !ready;
        counts.starved += ready && !valid;
    }

    // -- what is told -----------------------------------------------------------------------------

    std::string statistics() const {
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - m_begun;
        std::string text = "{\"cycles\":" + std::to_string(m_cycle) +
                           ",\"configuration_cycles\":" + std::to_string(m_configuration_cycles) +
                           ",\"first_cycle\":" + std::to_string(m_first_cycle) +
                           ",\"seconds\":" + std::to_string(seconds.count()) +
                           ",\"identity\":" + std::to_string(m_identity) + ",";
        append(text, "first_in", m_first_in);
        text += ",";
        append(text, "last_out", m_last_out);
        text += ",\"totals\":";
        append(text, m_totals);
        text += ",\"at_image_end\":[";
        for (size_t i = 0; i < m_windows.size(); ++i) {
            if (i) text += ",";
            append(text, m_windows[i]);
        }
        text += "],\"image_ends\":[";
        for (size_t i = 0; i < m_image_ends.size(); ++i) {
            text += i ? ",[" : "[";
            for (size_t k = 0; k < m_image_ends[i].size(); ++k) {
                text += (k ? "," : "") + std::to_string(m_image_ends[i][k]);
            }
            text += "]";
        }
        return text + "]}";
    }

    [[noreturn]] void fail(const char* rule, int stream = -1) {
        std::string text = "{\"rule\":\"" + std::string(rule) +
                           "\",\"cycle\":" + std::to_string(m_cycle) +
                           ",\"image\":" + std::to_string(m_last_out.size()) +
                           ",\"word\":" + std::to_string(m_result.size());
        if (stream >= 0) text += ",\"stream\":" + std::to_string(stream);
        std::vector<uint64_t> blocked, starved;
        for (unsigned i = 0; i < m_options.streams; ++i) {
            const bool valid = m_model.stream_tvalid[i / 32] >> (i % 32) & 1;
            const bool ready = m_model.stream_tready[i / 32] >> (i % 32) & 1;
            if (valid && !ready) blocked.push_back(i);
            if (!valid) starved.push_back(i);
        }
        if (m_offering && !m_model.s_axis_0_tready) blocked.push_back(m_options.streams);
        if (!m_model.m_axis_0_tvalid) starved.push_back(m_options.streams + 1);
        text += ",";
        append(text, "blocked", blocked);
        text += ",";
        append(text, "empty", starved);
        throw BrokenRule{text + "}"};
    }

    // -- traces -----------------------------------------------------------------------------------

#if defined(TRACE_FST) || defined(TRACE_VCD)
    void open_trace_if(bool now) {
        if (!now || m_options.trace.empty() || m_tracing) return;
        m_trace.open(m_options.trace.c_str());
        if (!m_trace.isOpen()) fail("the trace file cannot be written");
        m_tracing = true;
    }
    void dump(uint64_t offset) {
        if (m_tracing) m_trace.dump(m_cycle * PERIOD + offset);
    }
    void close_trace_if_done() {
        if (!m_tracing || m_options.trace_image < 0) return;
        const size_t image = static_cast<size_t>(m_options.trace_image);
        if (m_last_out.size() > image && m_cycle > m_last_out[image] + TRACE_CYCLES_BEHIND) {
            m_trace.close();
            m_tracing = false;
        }
    }
    TraceFile m_trace;
    bool m_tracing = false;
#else
    void open_trace_if(bool) {}
    void dump(uint64_t) {}
    void close_trace_if_done() {}
#endif

    const Options& m_options;
    VerilatedContext& m_context;
    simulated_part m_model;
    AxiLite m_registers;
    Input m_input;
    Stalls m_stall_input, m_stall_output;
    std::chrono::steady_clock::time_point m_begun;

    uint64_t m_cycle = 0, m_first_cycle = 0, m_configuration_cycles = 0, m_silent = 0;
    uint32_t m_identity = 0;

    uint64_t m_words_left = 0;  // of the current message of images
    uint64_t m_images_in = 0, m_word_in_image = 0, m_word = 0;
    bool m_offering = false, m_filling = false, m_waiting = false, m_ended = false;
    std::vector<uint64_t> m_image;  // the last one, to be offered again

    std::vector<uint64_t> m_result;  // words of the image that is coming out
    bool m_held = false, m_held_last = false;
    uint64_t m_held_data = 0;
    uint32_t m_held_streams[CHUNKS] = {};

    std::vector<uint64_t> m_first_in, m_last_out;  // cycle of each image
    std::vector<Counts> m_totals;                  // streams inside, then s_axis_0 and m_axis_0
    std::vector<std::vector<Counts>> m_windows;    // m_totals at each image's last word
    std::vector<std::vector<uint64_t>> m_image_ends;  // of each observed stream
};
