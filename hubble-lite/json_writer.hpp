// Writes JSON text straight into a string. A document tree for every flow would cost more than everything else here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::hubble {

class JsonWriter {
  public:
    explicit JsonWriter(std::string& out) : out_(out) {}

    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);  // `name` is ours: not escaped
    // Escaped; bytes that are not UTF-8 become U+FFFD.
    JsonWriter& string(std::string_view text);
    // For text that is known to need no escape: addresses, enum names, times.
    JsonWriter& plain(std::string_view text);
    JsonWriter& number(std::uint64_t value);
    JsonWriter& number(std::int64_t value);
    JsonWriter& boolean(bool value);
    // A member that is left out when it is 0, as proto3's JSON does.
    JsonWriter& field(std::string_view name, std::uint64_t value) {
        return value == 0 ? *this : key(name).number(value);
    }

  private:
    JsonWriter& open(char c);
    JsonWriter& close(char c);
    void separate();

    std::string& out_;
    bool first_ = true;  // nothing stands yet in the innermost object or array
    bool after_key_ = false;
};

// "2026-01-02T03:04:05.006Z": as protojson, fractions of 0, 3, 6 or 9 digits.
void append_time(std::string& out, std::int64_t ns_since_1970);

}  // namespace weft::hubble
