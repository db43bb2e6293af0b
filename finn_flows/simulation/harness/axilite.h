// The registers of a part, through s_axilite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "simulated_part.h"

class AxiLite {
  public:
    // `falling` and `rising` are the halves of a cycle; `fail` does not come back.
    AxiLite(simulated_part& model, std::function<void()> falling, std::function<void()> rising,
            std::function<void(const char*)> fail)
        : m_model(model),
          m_falling(std::move(falling)),
          m_rising(std::move(rising)),
          m_fail(std::move(fail)) {
        m_model.s_axilite_bready = 1;
        m_model.s_axilite_rready = 1;
        m_model.s_axilite_wstrb = 15;
    }

    uint32_t identity() { return read(REGISTER_IDENTITY); }

    // Triples (layer, address, data), one write a cycle. Address and data go through one register
    // each, so a change of layer, and an address that is not the one behind the last, is a write of
    // its own.
    void configure(const std::vector<uint32_t>& triples) {
        std::vector<std::pair<uint8_t, uint32_t>> writes;
        for (size_t i = 0; i + 2 < triples.size(); i += 3) {
            const uint32_t layer = triples[i], address = triples[i + 1];
            if (!m_configured || layer != m_layer) writes.emplace_back(REGISTER_LAYER, layer);
            if (!m_configured || address != m_address) writes.emplace_back(REGISTER_ADDRESS, address);
            writes.emplace_back(REGISTER_DATA, triples[i + 2]);
            m_configured = true;
            m_layer = layer;
            m_address = address + 1;
        }
        write(writes);
    }

  private:
    static constexpr int PATIENCE = 1000;  // cycles without an answer
    static constexpr uint8_t REGISTER_IDENTITY = 0x00, REGISTER_LAYER = 0x08,
                             REGISTER_ADDRESS = 0x0C, REGISTER_DATA = 0x10;

    void write(const std::vector<std::pair<uint8_t, uint32_t>>& writes) {
        size_t addresses = 0, data = 0, answers = 0;
        int silent = 0;
        while (answers < writes.size()) {
            m_model.s_axilite_awvalid = addresses < writes.size();
            m_model.s_axilite_wvalid = data < writes.size();
            if (addresses < writes.size()) m_model.s_axilite_awaddr = writes[addresses].first;
            if (data < writes.size()) m_model.s_axilite_wdata = writes[data].second;
            m_falling();
            const size_t before = addresses + data + answers;
            addresses += m_model.s_axilite_awvalid && m_model.s_axilite_awready;
            data += m_model.s_axilite_wvalid && m_model.s_axilite_wready;
            if (m_model.s_axilite_bvalid) {
                if (m_model.s_axilite_bresp != 0) m_fail("s_axilite answered a write with an error");
                ++answers;
            }
            m_rising();
            silent = addresses + data + answers == before ? silent + 1 : 0;
            if (silent > PATIENCE) m_fail("s_axilite does not take a write");
        }
        m_model.s_axilite_awvalid = 0;
        m_model.s_axilite_wvalid = 0;
    }

    uint32_t read(uint8_t address) {
        bool taken = false;
        m_model.s_axilite_araddr = address;
        for (int i = 0; i < PATIENCE; ++i) {
            m_model.s_axilite_arvalid = !taken;
            m_falling();
            const bool answered = m_model.s_axilite_rvalid;
            const uint32_t answer = m_model.s_axilite_rdata;
            taken |= m_model.s_axilite_arvalid && m_model.s_axilite_arready;
            m_rising();
            if (answered) {
                m_model.s_axilite_arvalid = 0;
                return answer;
            }
        }
        m_fail("s_axilite does not answer a read");
        return 0;
    }

    simulated_part& m_model;
    std::function<void()> m_falling, m_rising;
    std::function<void(const char*)> m_fail;
    bool m_configured = false;
    uint32_t m_layer = 0, m_address = 0;
};
