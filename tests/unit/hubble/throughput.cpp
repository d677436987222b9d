// How fast hubble-lite is without a kernel: events decoded, named and stored a second; lines written a second.
#include <ctime>

#include <cstdio>

#include "hubble-lite/flow_json.hpp"
#include "hubble-lite/observer.hpp"
#include "sample.hpp"

using namespace weft;
using namespace weft::hubble;

namespace {

class Repeat : public EventSource {
  public:
    Result<std::size_t> consume(const Visit& visit) override {
        for (std::size_t i = 0; i < kEvents; ++i) visit(events_[i % 2]);
        return kEvents;
    }
    Result<KernelCounters> counters() override { return KernelCounters{}; }
    static constexpr std::size_t kEvents = 200'000;

  private:
    std::vector<std::byte> events_[2] = {test::bytes_of(test::sample_event()),
                                         test::bytes_of(test::dropped_event(WEFT_DROP_POLICY_DENIED))};
};

double cpu_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

}  // namespace

int main() {
    Repeat source;
    Names names;
    Ring ring(65536);
    Stats stats;
    for (
        const char* line :
        {R"({"type":"endpoint","op":"add","id":17,"namespace":"shop","pod":"web-1","labels":{"app":"web"},"identity":260,"ips":["10.244.0.9"]})",
         R"({"type":"endpoint","op":"add","id":18,"namespace":"shop","pod":"db-0","labels":{"app":"db"},"identity":261,"ips":["10.244.0.17"]})",
         R"({"type":"rule","op":"add","id":3,"direction":"egress","kind":"NetworkPolicy","namespace":"shop","name":"out"})",
         R"({"type":"rule","op":"add","id":4,"direction":"ingress","kind":"NetworkPolicy","namespace":"shop","name":"in"})"})
        if (!names.apply(line)) return 1;
    Observer observer(source, names, ring, stats);
    observer.drain();
    for (int run = 0; run < 3; ++run) {
        double begin = cpu_seconds();
        for (int i = 0; i < 5; ++i) observer.drain();
        double seconds = cpu_seconds() - begin;
        std::printf("events decoded, named, stored: %.0f a second, %.0f ns each\n", 5.0 * Repeat::kEvents / seconds,
                    seconds / (5.0 * Repeat::kEvents) * 1e9);
        std::string text;
        std::size_t lines = 0, bytes = 0;
        begin = cpu_seconds();
        Ring::Read read;
        for (std::uint64_t at = ring.tail(); at < ring.head(); at += read.records.size()) {
            ring.read(at, read);
            text.clear();
            for (const auto& record : read.records) append_line(text, record, "node-1");
            lines += read.records.size();
            bytes += text.size();
        }
        seconds = cpu_seconds() - begin;
        std::printf("lines written: %.0f a second, %.0f ns each, %zu bytes each\n",
                    static_cast<double>(lines) / seconds, seconds / static_cast<double>(lines) * 1e9, bytes / lines);
    }
    return 0;
}
