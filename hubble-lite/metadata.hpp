// Keeps Names fed by weftd's metadata stream; connects again with growing pauses for as long as it runs.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "hubble-lite/http.hpp"
#include "hubble-lite/names.hpp"
#include "hubble-lite/stats.hpp"

namespace weft::hubble {

// Cuts a byte stream into lines. A line longer than kMaxLine is passed over whole.
class LineSplitter {
  public:
    static constexpr std::size_t kMaxLine = 1U << 20;
    void take(std::string_view bytes, const std::function<void(std::string_view)>& line);

  private:
    std::string rest_;
    bool skipping_ = false;
};

class Metadata {
  public:
    Metadata(std::string socket_path, Names& names, Stats& stats)
        : socket_path_(std::move(socket_path)), names_(names), stats_(stats) {}
    void run();
    void stop();  // from any thread, for good

  private:
    void take_line(std::string_view line);

    std::atomic<bool> stop_ = false;
    HttpStream stream_;

    std::string socket_path_;
    Names& names_;
    Stats& stats_;
};

}  // namespace weft::hubble
