#include "hubble-lite/metrics.hpp"

#include <fmt/format.h>

#include <iterator>

#include "hubble-lite/filter_values.hpp"

namespace weft::hubble {

namespace {

class Text {
  public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    // `labels` as `a="b",c="d"`; all values are names of ours and need no escape.
    void value(std::string_view labels, std::uint64_t number) {
        if (labels.empty())
            fmt::format_to(std::back_inserter(out_), "{} {}\n", name_, number);
        else
            fmt::format_to(std::back_inserter(out_), "{}{{{}}} {}\n", name_, labels, number);
    }
    void one(std::string_view name, std::string_view type, std::string_view help, std::uint64_t number) {
        family(name, type, help);
        value({}, number);
    }
    std::string take() { return std::move(out_); }

  private:
    std::string name_, out_;
};

void kernel_counts(Text& text, const KernelCounters& kernel, __u64 weft_metric::*member, std::string_view what) {
    text.family(fmt::format("weft_forwarded_{}_total", what), "counter",
                fmt::format("Forwarded {}, counted in the kernel.", what));
    for (std::uint8_t hook = 0; hook < WEFT_HOOK_COUNT; ++hook)
        text.value(fmt::format("hook=\"{}\"", hook_name(hook)), kernel.packets[WEFT_FORWARDED][hook].*member);
    text.family(fmt::format("weft_dropped_{}_total", what), "counter",
                fmt::format("Dropped {}, counted in the kernel.", what));
    for (const auto& reason : drop_reasons())
        for (std::uint8_t hook = 0; hook < WEFT_HOOK_COUNT; ++hook)
            text.value(fmt::format("reason=\"{}\",hook=\"{}\"", lower(reason.name), hook_name(hook)),
                       kernel.packets[reason.code][hook].*member);
}

void events(Text& text, const Stats& stats, const KernelCounters& kernel) {
    text.family("hubble_lite_flows_total", "counter", "Flows read from the kernel, by verdict and event.");
    for (std::uint8_t type = WEFT_EVENT_NEW; type <= WEFT_EVENT_LAST; ++type)
        text.value(fmt::format("verdict=\"{}\",type=\"{}\"", type == WEFT_EVENT_DROP ? "dropped" : "forwarded",
                               event_name(type)),
                   stats.events[type] - stats.audits[type]);
    for (const std::uint8_t type : {WEFT_EVENT_NEW, WEFT_EVENT_CHANGED})
        text.value(fmt::format("verdict=\"audit\",type=\"{}\"", event_name(type)), stats.audits[type]);
    text.family("hubble_lite_lost_events_total", "counter",
                "Events lost: no room in the kernel's ring buffer (since the datapath was loaded), or overwritten here "
                "before a client had read them.");
    text.value(fmt::format("source=\"{}\"", to_string(LostSource::kKernelRing)), kernel.lost[WEFT_LOST_RING_FULL]);
    text.value(fmt::format("source=\"{}\"", to_string(LostSource::kFlowRing)), stats.lost_flow_ring);
    text.one("hubble_lite_limited_events_total", "counter",
             "Drop events held back on purpose; the next event of their kind carries their packets.",
             kernel.lost[WEFT_LOST_DROP_LIMIT]);
    text.one("hubble_lite_limited_dns_events_total", "counter",
             "DNS messages that no event tells of: more than a CPU may tell of in a second.",
             kernel.lost[WEFT_LOST_DNS_LIMIT]);
    text.family("hubble_lite_undecoded_events_total", "counter", "Events that were refused, by what was wrong.");
    for (std::size_t i = 0; i < kDecodeErrors; ++i)
        text.value(fmt::format("why=\"{}\"", to_string(static_cast<DecodeError>(i))), stats.undecoded[i]);
}

void dns(Text& text, const KernelCounters& kernel) {
    constexpr std::string_view kOutcomes[WEFT_DNS_COUNTS] = {"question",  "read",     "", "unasked", "malformed",
                                                             "truncated", "too_many", "", "unread"};
    text.family("weft_dns_messages_total", "counter",
                "DNS messages of pods whose policies speak of names, by what became of them; counted in the kernel.");
    for (std::size_t i = 0; i < WEFT_DNS_COUNTS; ++i)
        if (!kOutcomes[i].empty()) text.value(fmt::format("outcome=\"{}\"", kOutcomes[i]), kernel.dns[i]);
    text.one("weft_dns_addresses_total", "counter", "Addresses that DNS answers entered or kept.",
             kernel.dns[WEFT_DNS_ADDRESSES]);
    text.one("weft_dns_no_place_total", "counter",
             "Questions, names, addresses and connections of DNS without a place.", kernel.dns[WEFT_DNS_NO_PLACE]);
}

void state(Text& text, const Stats& stats, const Ring& ring, Names& names) {
    text.one("hubble_lite_ring_flows", "gauge", "Flows in memory.", ring.size());
    text.one("hubble_lite_ring_capacity", "gauge", "Flows that fit into memory.", ring.capacity());
    text.one("hubble_lite_clients", "gauge", "Clients reading flows now.", stats.clients);
    text.one("hubble_lite_clients_refused_total", "counter", "Clients refused because there were too many.",
             stats.clients_refused);
    text.one("hubble_lite_source_open", "gauge", "1 while the kernel's events can be read.", stats.source_open ? 1 : 0);
    text.one("hubble_lite_metadata_connected", "gauge", "1 while weftd sends names.", stats.metadata_connected ? 1 : 0);
    text.one("hubble_lite_metadata_connects_total", "counter", "Connections made to weftd.", stats.metadata_connects);
    text.one("hubble_lite_metadata_bad_lines_total", "counter", "Lines from weftd that were refused.",
             stats.metadata_bad_lines);
    const auto counts = names.counts();
    text.family("hubble_lite_names", "gauge", "Names known, those kept after their deletion included.");
    text.value("kind=\"endpoint\"", counts.endpoints);
    text.value("kind=\"identity\"", counts.identities);
    text.value("kind=\"rule\"", counts.rules);
    text.family("hubble_lite_build_info", "gauge", "Always 1.");
    text.value("version=\"" WEFT_VERSION "\"", 1);
}

}  // namespace

std::string metrics_text(const Stats& stats, const Ring& ring, Names& names) {
    Text text;
    const KernelCounters kernel = stats.kernel();
    kernel_counts(text, kernel, &weft_metric::packets, "packets");
    kernel_counts(text, kernel, &weft_metric::bytes, "bytes");
    events(text, stats, kernel);
    dns(text, kernel);
    state(text, stats, ring, names);
    return text.take();
}

}  // namespace weft::hubble
