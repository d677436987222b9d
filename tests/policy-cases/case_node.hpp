// A node for policy cases: the real weftd in a network namespace, pods' namespaces wired by the real weft-cni, objects
// through weftd's API. Everything is named after the node and removed before and after.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/ip_addr.hpp"
#include "common/json.hpp"
#include "datapath/loader/pins.hpp"
#include "policy/image.hpp"
#include "tests/policy-cases/netns.hpp"

namespace weft::test {

struct CaseNodeOptions {
    std::string name;      // "wt-cases-NAME"
    std::string programs;  // the build folder, with daemon/weftd and cni/weft-cni
};

class CaseNode {
  public:
    // Returns when weftd serves. Errors: kExists when another process has a node of that name.
    static Result<CaseNode> start(const CaseNodeOptions& options);
    CaseNode(CaseNode&&) noexcept = default;
    CaseNode& operator=(CaseNode&&) = delete;
    ~CaseNode();

    datapath::Pins pins() const { return {.root = "/sys/fs/bpf/" + options_.name}; }
    const Netns& pod(const std::string& key) const { return pods_.at(key).netns; }

    // A namespace and a CNI ADD that asks for exactly these addresses. `key`: "namespace/name".
    Result<void> add_pod(const std::string& key, std::span<const IpAddr> addresses);
    // A namespace that stands for another node: a link to ours, and these addresses.
    Result<void> add_node(const std::string& key, std::span<const IpAddr> addresses);
    // CNI DEL; the namespace is gone when no socket holds it any more.
    Result<void> remove_pod(const std::string& key);
    // Both return once it is enforced.
    Result<void> put(const Json& objects);
    Result<void> erase(const policy::PolicyName& name);

  private:
    struct PodEntry {
        std::string container;  // empty: another node
        Netns netns;
    };
    CaseNode(CaseNodeOptions options, Fd lock, Netns netns)
        : options_(std::move(options)), lock_(std::move(lock)), netns_(std::move(netns)) {}
    Result<void> start_daemon();
    Result<void> wait_until_it_serves() const;
    Result<void> shell(const Netns& netns, const std::string& line) const;
    Result<Json> cni(const std::string& verb, const std::string& key, const PodEntry& pod,
                     std::span<const IpAddr> addresses) const;
    Result<void> api(std::string_view method, const std::string& target, const std::string& body) const;
    std::string state() const { return "/tmp/" + options_.name; }

    CaseNodeOptions options_;
    Fd lock_;
    Netns netns_;
    pid_t daemon_ = -1;
    std::map<std::string, PodEntry> pods_;
    int containers_ = 0, nodes_ = 0;
};

}  // namespace weft::test
