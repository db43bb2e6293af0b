// Messages on standard input and output; main.cpp says which there are.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

inline void write_all(const void* data, size_t size) {
    const char* at = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t written = write(STDOUT_FILENO, at, size);
        if (written < 0) _exit(1);  // nobody listens any more
        at += written;
        size -= static_cast<size_t>(written);
    }
}

inline void send(const char* tag, const void* payload, size_t size) {
    char header[8];
    const uint32_t length = static_cast<uint32_t>(size);
    std::memcpy(header, tag, 4);
    std::memcpy(header + 4, &length, 4);
    write_all(header, 8);
    write_all(payload, size);
}

inline void send(const char* tag, const std::string& payload) { send(tag, payload.data(), payload.size()); }

// Standard input; of a message of images only a buffer full is held at a time.
class Input {
  public:
    // False at the end of the file.
    bool header(char tag[4], uint32_t& length) {
        char bytes[8];
        if (!exactly(bytes, 8, true)) return false;
        std::memcpy(tag, bytes, 4);
        std::memcpy(&length, bytes + 4, 4);
        return true;
    }
    void payload(void* target, size_t size) { exactly(static_cast<char*>(target), size, false); }
    bool message_waits() const {
        if (m_at < m_filled) return true;
        pollfd descriptor{STDIN_FILENO, POLLIN, 0};
        return poll(&descriptor, 1, 0) > 0;
    }

  private:
    bool exactly(char* target, size_t size, bool end_allowed) {
        size_t got = 0;
        while (got < size) {
            if (m_at == m_filled) {
                const ssize_t count = read(STDIN_FILENO, m_buffer, sizeof m_buffer);
                if (count <= 0) {
                    if (end_allowed && got == 0) return false;
                    _exit(1);  // the caller is gone in the middle of a message
                }
                m_at = 0;
                m_filled = static_cast<size_t>(count);
            }
            const size_t step = std::min(size - got, m_filled - m_at);
            std::memcpy(target + got, m_buffer + m_at, step);
            m_at += step;
            got += step;
        }
        return true;
    }
    char m_buffer[1 << 16];
    size_t m_at = 0, m_filled = 0;
};
