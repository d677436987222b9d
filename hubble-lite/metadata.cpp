#include "hubble-lite/metadata.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "common/log.hpp"

namespace weft::hubble {

namespace {
constexpr std::chrono::milliseconds kFirstPause{100}, kLongestPause{5000}, kStep{100};
constexpr int kSilenceSeconds = 30;  // three heartbeats
}  // namespace

void LineSplitter::take(std::string_view bytes, const std::function<void(std::string_view)>& line) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        if (!skipping_) rest_ += bytes.substr(0, end);
        if (rest_.size() > kMaxLine) {
            skipping_ = true;
            rest_.clear();
        }
        if (end == std::string_view::npos) return;
        if (!skipping_ && !rest_.empty()) line(rest_);
        rest_.clear();
        skipping_ = false;
        bytes.remove_prefix(end + 1);
    }
}

void Metadata::take_line(std::string_view line) {
    if (!stats_.metadata_connected.exchange(true)) {
        ++stats_.metadata_connects;
        spdlog::info("names come from {}", socket_path_);
    }
    if (const auto done = names_.apply(line); !done) {
        ++stats_.metadata_bad_lines;
        spdlog::warn("metadata line passed over: {}", done.error().text());
    }
}

void Metadata::stop() {
    stop_ = true;
    stream_.cancel();
}

void Metadata::run() {
    auto pause = kFirstPause;
    while (!stop_) {
        names_.begin();
        LineSplitter lines;
        const auto ended = stream_.get(socket_path_, "/v1/metadata", kSilenceSeconds, [&](std::string_view bytes) {
            lines.take(bytes, [&](std::string_view line) { take_line(line); });
            pause = kFirstPause;
        });
        if (stats_.metadata_connected.exchange(false) && !ended)
            spdlog::warn("no names for the moment: {}", ended.error().text());
        for (auto slept = kStep; slept <= pause && !stop_; slept += kStep) std::this_thread::sleep_for(kStep);
        pause = std::min(pause * 2, kLongestPause);
    }
}

}  // namespace weft::hubble
