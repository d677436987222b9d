#include <unistd.h>

#include <fstream>

#include "daemon/api/handlers.hpp"

namespace weft::api {

namespace {

std::uint64_t resident_kib() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0, resident = 0;
    statm >> size >> resident;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

Json datapath_status(const Context& context, const reconcile::Counters& counters) {
    const FlowCounts flows = context.flows();
    return {{"mode", context.node.attach_mode},
            {"object", context.node.object_digest},
            {"loaded", context.node.loaded},
            {"uplink", context.node.uplink},
            {"mtu", context.node.mtu},
            {"bpf_dir", context.pins.root.string()},
            {"generation", counters.generation},
            {"epoch", counters.epoch},
            {"flows", {{"ipv4", flows.live4}, {"ipv6", flows.live6}, {"aged", flows.aged}, {"error", flows.error}}}};
}

Json apply_status(const reconcile::Counters& counters) {
    return {{"applies", counters.applies},       {"failures", counters.failures}, {"writes", counters.writes},
            {"compile_us", counters.compile_us}, {"apply_us", counters.apply_us}, {"last_error", counters.last_error}};
}

Json sources_status(const Context& context, const reconcile::State& state) {
    std::map<std::string, std::size_t> counts;
    for (const auto& [name, source] : state.sources()) ++counts[source];
    std::map<std::string, Json> out;
    for (const auto& [source, count] : counts) out[source] = {{"name", source}, {"objects", count}, {"error", nullptr}};
    if (context.directory != nullptr) {
        for (const auto& file : context.directory->status()) {
            const auto source = watch::source_of_file(file.name);
            if (!out.contains(source)) out[source] = {{"name", source}, {"objects", 0}, {"error", nullptr}};
            if (file.error)
                out[source]["error"] = {{"code", to_string(file.error->code)},
                                        {"message", file.error->message},
                                        {"path", file.error->path}};
        }
    }
    Json list = Json::array();
    for (auto& [name, source] : out) list.push_back(std::move(source));
    return list;
}

}  // namespace

Result<Reply> get_status(Context& context, const Call&) {
    const auto uptime =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - context.started);
    Json out{{"version", WEFT_VERSION},
             {"node", context.node.node_name},
             {"run_dir", context.node.run_dir},
             {"uptime_seconds", uptime.count()},
             {"memory_kib", resident_kib()},
             {"metadata", {{"subscribers", context.feed.subscribers()}, {"cut_off", context.feed.cut_off()}}}};
    context.reconciler.read([&](const reconcile::View& view) {
        out["datapath"] = datapath_status(context, view.counters);
        out["ipam"] = context.ipam.status(ipam::boot_seconds());
        out["endpoints"] = view.state.endpoints().size();
        out["policies"] = view.state.world().policies.size();
        out["namespaces"] = view.state.world().namespaces.size();
        out["identities"] = view.image.identities.size();
        out["revision"] = view.counters.revision;
        out["apply"] = apply_status(view.counters);
        out["sources"] = sources_status(context, view.state);
    });
    return json_reply(out);
}

Result<Reply> get_health(Context& context, const Call&) {
    for (const char* program : {WEFT_PROG_FROM_POD, WEFT_PROG_TO_POD, WEFT_PROG_FROM_NETDEV, WEFT_PROG_TO_NETDEV}) {
        const auto pin = context.pins.program(program);
        if (access(pin.c_str(), F_OK) != 0)
            return fail(ErrorCode::kUnavailable, "{} is gone, no pod can be added; restart weftd", pin.string());
    }
    return json_reply({{"status", "ok"}});
}

}  // namespace weft::api
