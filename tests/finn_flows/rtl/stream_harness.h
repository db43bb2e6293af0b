// Drives the streams of many circuits in one Verilator model; see stream_bench.py.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

using Words = std::vector<uint32_t>;

inline void put(CData &signal, const uint32_t *words) { signal = words[0]; }
inline void put(SData &signal, const uint32_t *words) { signal = words[0]; }
inline void put(IData &signal, const uint32_t *words) { signal = words[0]; }
inline void put(QData &signal, const uint32_t *words) {
    signal = words[0] | (static_cast<uint64_t>(words[1]) << 32);
}
template <std::size_t N> void put(VlWide<N> &signal, const uint32_t *words) {
    for (std::size_t i = 0; i < N; i++) signal[i] = words[i];
}
inline void get(CData signal, uint32_t *words) { words[0] = signal; }
inline void get(SData signal, uint32_t *words) { words[0] = signal; }
inline void get(IData signal, uint32_t *words) { words[0] = signal; }
inline void get(QData signal, uint32_t *words) {
    words[0] = static_cast<uint32_t>(signal);
    words[1] = static_cast<uint32_t>(signal >> 32);
}
template <std::size_t N> void get(const VlWide<N> &signal, uint32_t *words) {
    for (std::size_t i = 0; i < N; i++) words[i] = signal[i];
}

inline Words read_words(const std::string &path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    Words words(static_cast<std::size_t>(file.tellg()) / 4);
    file.seekg(0);
    file.read(reinterpret_cast<char *>(words.data()), static_cast<long>(words.size()) * 4);
    return words;
}

struct Driver {
    virtual ~Driver() = default;
    virtual void offer() = 0;    // shows the circuit the inputs of a cycle
    virtual void observe() = 0;  // sees what is transferred in it, once all signals have settled
    virtual void release() = 0;  // withdraws, after the clock, an element that was taken
    virtual bool finished() const = 0;
    virtual std::string state() const = 0;
    virtual bool write_result() const = 0;
};

template <class In, class Out> struct StreamDriver : Driver {
    std::string result_path;
    In &in_data;
    CData &in_valid, &in_ready;
    Out &out_data;
    CData &out_valid, &out_ready, &out_last, &config_we;
    IData &config_address, &config_data;
    std::size_t in_words, out_words, in_count, out_count;
    unsigned stalls_in, stalls_out, write_gaps, writes_first;
    Words inputs, writes, input_cycles, outputs;
    std::size_t sent = 0, written = 0, received = 0, surplus = 0, unstable = 0;
    long quiet = 0;
    bool started = false, accepted = false;
    uint32_t cycle = 0;
    Words waiting;
    std::mt19937 random;

    StreamDriver(const std::string &directory, int index, In &in_data, CData &in_valid,
                 CData &in_ready, Out &out_data, CData &out_valid, CData &out_ready,
                 CData &out_last, CData &config_we, IData &config_address, IData &config_data,
                 int in_width, int out_width, int outputs_wanted, unsigned stalls_in,
                 unsigned stalls_out, unsigned write_gaps, unsigned writes_first, unsigned seed)
        : result_path(directory + "/out_" + std::to_string(index) + ".bin"), in_data(in_data),
          in_valid(in_valid), in_ready(in_ready), out_data(out_data), out_valid(out_valid),
          out_ready(out_ready), out_last(out_last), config_we(config_we),
          config_address(config_address), config_data(config_data), in_words((in_width + 31) / 32),
          out_words((out_width + 31) / 32), out_count(outputs_wanted), stalls_in(stalls_in),
          stalls_out(stalls_out), write_gaps(write_gaps),
          writes_first(writes_first), random(seed * 7919 + index) {
        inputs = read_words(directory + "/in_" + std::to_string(index) + ".bin");
        writes = read_words(directory + "/writes_" + std::to_string(index) + ".bin");
        inputs.push_back(0);  // what may be read past the end
        inputs.push_back(0);
        in_count = (inputs.size() - 2) / in_words;
        in_valid = 0;
        out_ready = 0;
        config_we = 0;
    }
    bool stalled(unsigned of_256) { return random() % 256 < of_256; }
    void offer() override {
        config_we = 0;
        // The last write needed has gone through its registers by the time it is used.
        if (written >= writes_first) started = true;
        if (written < writes.size() / 2 && !stalled(write_gaps)) {
            config_we = 1;
            config_address = writes[2 * written];
            config_data = writes[2 * written + 1];
            written++;
        }
        if (!started) return;
        if (!in_valid) {
            bool show = sent < in_count && !stalled(stalls_in);
            if (show) put(in_data, &inputs[sent * in_words]);
            in_valid = show;
        }
        out_ready = !stalled(stalls_out);
    }
    void observe() override {
        if (!started) return;
        Words now(out_words);
        if (out_valid) {
            get(out_data, now.data());
            if (!waiting.empty() && waiting != now) unstable++;
        } else if (!waiting.empty()) {
            unstable++;
        }
        waiting.clear();
        if (out_valid && out_ready) {
            if (received < out_count) {
                outputs.push_back(cycle);
                outputs.push_back(out_last);
                outputs.insert(outputs.end(), now.begin(), now.end());
                received++;
            } else {
                surplus++;
            }
        } else if (out_valid) {
            waiting = now;
        }
        if (in_valid && in_ready) {
            input_cycles.push_back(cycle);
            sent++;
            accepted = true;
        }
        if (received == out_count) quiet++;
        cycle++;
    }
    void release() override {
        if (accepted) in_valid = 0;
        accepted = false;
    }
    bool finished() const override { return received == out_count && quiet > 200; }
    std::string state() const override {
        return "sent " + std::to_string(sent) + " of " + std::to_string(in_count) + ", received " +
               std::to_string(received) + " of " + std::to_string(out_count) + ", surplus " +
               std::to_string(surplus) + ", unstable " + std::to_string(unstable);
    }
    bool write_result() const override {
        std::ofstream file(result_path, std::ios::binary);
        auto put_all = [&](const Words &words) {
            file.write(reinterpret_cast<const char *>(words.data()),
                       static_cast<long>(words.size()) * 4);
        };
        Words all_inputs = input_cycles;
        all_inputs.resize(in_count, 0xFFFFFFFF);
        put_all(all_inputs);
        put_all(outputs);
        return surplus == 0 && unstable == 0;
    }
};

template <class In, class Out, class... Rest>
std::unique_ptr<Driver> make_driver(const std::string &directory, int index, In &in_data,
                                    CData &in_valid, CData &in_ready, Out &out_data,
                                    Rest &&...rest) {
    return std::make_unique<StreamDriver<In, Out>>(directory, index, in_data, in_valid, in_ready,
                                                   out_data, std::forward<Rest>(rest)...);
}

template <class Top>
int run(Top &top, std::vector<std::unique_ptr<Driver>> &drivers, unsigned long limit) {
    top.ap_rst_n = 0;
    for (int i = 0; i < 5; i++) {
        top.ap_clk = 0;
        top.eval();
        top.ap_clk = 1;
        top.eval();
    }
    top.ap_rst_n = 1;
    bool all_finished = false;
    for (unsigned long cycle = 0; cycle < limit && !all_finished; cycle++) {
        top.ap_clk = 0;
        top.eval();
        for (auto &driver : drivers) driver->offer();
        top.eval();
        all_finished = true;
        for (auto &driver : drivers) {
            driver->observe();
            all_finished = all_finished && driver->finished();
        }
        top.ap_clk = 1;
        top.eval();
        for (auto &driver : drivers) driver->release();
    }
    bool good = all_finished;
    for (std::size_t i = 0; i < drivers.size(); i++) {
        bool whole = drivers[i]->write_result();
        if (!whole || !drivers[i]->finished()) {
            std::cout << "circuit " << i << ": " << drivers[i]->state() << "\n";
            good = false;
        }
    }
    return good ? 0 : 1;
}
