#include "hubble-lite/json_writer.hpp"

#include <fmt/format.h>

#include <ctime>
#include <iterator>

namespace weft::hubble {

namespace {

// Length of the valid UTF-8 sequence at the start of `text`; 0 if there is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
    const bool beyond = (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f);
    return overlong || beyond ? 0 : length;
}

void append_escaped(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const char c = text.front();
        const std::size_t length = utf8_length(text);
        if (length == 0)
            out += "\xEF\xBF\xBD";
        else if (c == '"' || c == '\\')
            out.append({'\\', c});
        else if (static_cast<unsigned char>(c) < 0x20)
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        else
            out.append(text.substr(0, length));
        text.remove_prefix(length == 0 ? 1 : length);
    }
}

}  // namespace

void JsonWriter::separate() {
    if (!first_ && !after_key_) out_ += ',';
    first_ = after_key_ = false;
}

JsonWriter& JsonWriter::open(char c) {
    separate();
    out_ += c;
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::close(char c) {
    out_ += c;
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    plain(name);
    out_ += ':';
    after_key_ = true;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
    separate();
    out_ += '"';
    append_escaped(out_, text);
    out_ += '"';
    return *this;
}

JsonWriter& JsonWriter::plain(std::string_view text) {
    separate();
    out_ += '"';
    out_ += text;
    out_ += '"';
    return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
    separate();
    const fmt::format_int text(value);
    out_.append(text.data(), text.size());
    return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value) {
    separate();
    const fmt::format_int text(value);
    out_.append(text.data(), text.size());
    return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
    separate();
    out_ += value ? "true" : "false";
    return *this;
}

void append_time(std::string& out, std::int64_t ns) {
    const std::int64_t fraction = ((ns % 1'000'000'000) + 1'000'000'000) % 1'000'000'000;
    const std::time_t seconds = (ns - fraction) / 1'000'000'000;
    // Flows of the same second follow each other: gmtime_r is the dearest part of a line.
    thread_local std::time_t cached_seconds = -1;
    thread_local std::string cached;
    if (seconds != cached_seconds) {
        tm parts{};
        gmtime_r(&seconds, &parts);
        cached = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                             parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
        cached_seconds = seconds;
    }
    out += cached;
    if (fraction % 1'000'000 == 0) {
        if (fraction != 0) fmt::format_to(std::back_inserter(out), ".{:03}", fraction / 1'000'000);
    } else if (fraction % 1000 == 0) {
        fmt::format_to(std::back_inserter(out), ".{:06}", fraction / 1000);
    } else {
        fmt::format_to(std::back_inserter(out), ".{:09}", fraction);
    }
    out += 'Z';
}

}  // namespace weft::hubble
