#include "daemon/node/uninstall.hpp"

#include <net/if.h>

#include <algorithm>
#include <ostream>
#include <set>

#include "daemon/node/lock.hpp"
#include "daemon/node/net.hpp"
#include "daemon/store/store.hpp"
#include "datapath/loader/attach.hpp"

namespace weft::node {

namespace {

namespace fs = std::filesystem;

// A name that weft-cni makes: "weft" and 11 hex digits.
bool is_host_end(const std::string& name) {
    return name.size() == 15 && name.starts_with("weft") && name.find_first_not_of("0123456789abcdef", 4) == name.npos;
}

// Devices that have something of ours: by the database, and by the pinned links.
std::set<std::string> pod_devices(const Config& config, const datapath::Pins& pins) {
    std::set<std::string> out;
    std::error_code error;
    const fs::path database = fs::path(config.run_dir) / "weft.db";
    if (fs::exists(database, error))
        if (auto store = store::Store::open(database))
            if (const auto endpoints = store->endpoints())
                for (const auto& endpoint : *endpoints) out.insert(endpoint.host_ifname);
    for (fs::directory_iterator at(pins.root / "links", error), end; !error && at != end; at.increment(error))
        if (const auto name = at->path().stem().string(); is_host_end(name)) out.insert(name);
    return out;
}

std::set<std::string> uplinks(const Config& config, const datapath::Pins& pins) {
    std::set<std::string> out;
    std::error_code error;
    for (fs::directory_iterator at(pins.root / "links", error), end; !error && at != end; at.increment(error))
        if (at->path().extension() == "." WEFT_PROG_FROM_NETDEV) out.insert(at->path().stem().string());
    if (config.uplink == "none") return out;
    if (config.uplink != "auto")
        out.insert(config.uplink);
    else if (const auto found = default_route_device(); found && *found)
        out.insert(**found);
    return out;
}

Result<void> remove_run_dir(const fs::path& run_dir, std::ostream& out) {
    std::error_code error;
    for (const char* name :
         {WEFT_SOCKET_NAME, "weft.db", "weft.db-wal", "weft.db-shm", "weftd.lock", WEFT_DELETE_QUEUE})
        if (fs::remove_all(run_dir / name, error) > 0 && !error) out << "removed " << (run_dir / name).string() << "\n";
    if (fs::remove(run_dir, error))
        out << "removed " << run_dir.string() << "\n";
    else if (error)
        return fail(ErrorCode::kSystem, "remove {}: {} (what is in it is not weftd's)", run_dir.string(),
                    error.message());
    return {};
}

Result<void> nothing_left(const Config& config, const std::set<std::string>& devices, std::ostream& out) {
    std::string left;
    std::error_code error;
    for (const auto& path : {config.run_dir, config.bpf_dir})
        if (fs::exists(path, error)) left += " " + path;
    for (const auto& name : devices)
        if (if_nametoindex(name.c_str()) != 0) left += " " + name;
    if (!left.empty()) return fail(ErrorCode::kSystem, "left behind:{}", left);
    out << "nothing is left: no pod device, no pinned program, map or link, no run directory\n";
    return {};
}

}  // namespace

Result<void> uninstall(const Config& config, std::ostream& out) {
    std::error_code error;
    datapath::Pins pins{config.bpf_dir};
    const auto devices = pod_devices(config, pins);
    if (fs::exists(config.run_dir, error)) WEFT_CHECK(lock_run_dir(config.run_dir));
    for (const auto& name : devices) {
        WEFT_TRY(removed, delete_device(name));
        out << "device " << name << (removed ? ": removed\n" : ": was gone already\n");
    }
    for (const auto& name : uplinks(config, pins)) {
        WEFT_CHECK(datapath::detach(pins, name, datapath::TcHook::kIngress, WEFT_PROG_FROM_NETDEV));
        WEFT_CHECK(datapath::detach(pins, name, datapath::TcHook::kEgress, WEFT_PROG_TO_NETDEV));
        out << "uplink " << name << ": detached\n";
    }
    if (fs::exists(pins.root, error)) {
        WEFT_CHECK(datapath::unload(pins));
        out << "removed " << pins.root.string() << "\n";
    }
    if (fs::exists(config.run_dir, error)) WEFT_CHECK(remove_run_dir(config.run_dir, out));
    return nothing_left(config, devices, out);
}

}  // namespace weft::node
