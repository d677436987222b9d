// A folder of the test's own, and the daemon's parts on top of a fake kernel that holds state.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/endpoint/registry.hpp"
#include "daemon/ipam/ipam.hpp"
#include "daemon/reconcile/objects.hpp"

namespace weft::test {

class Folder {
  public:
    Folder() {
        const auto* info = testing::UnitTest::GetInstance()->current_test_info();
        path_ = std::filesystem::temp_directory_path() /
                fmt::format("wt-{}.{}.{}", info->test_suite_name(), info->name(), getpid());
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const { return path_; }
    void write(const std::string& name, std::string_view text) const {
        std::ofstream(path_ / ("." + name)) << text;
        std::filesystem::rename(path_ / ("." + name), path_ / name);
    }

  private:
    std::filesystem::path path_;
};

// Enforces by remembering; refuses the next calls when told.
class FakeKernel : public reconcile::Enforcer {
  public:
    Result<maps::ApplyReport> apply(const policy::Image& wanted, const std::vector<maps::LocalEndpoint>& devices,
                                    const maps::NodeSettings&, const policy::ImageDelta*) override {
        if (before_apply) before_apply();
        if (refuse > 0) {
            --refuse;
            return fail(ErrorCode::kSystem, "the kernel refused");
        }
        if (refusal) return std::unexpected(*std::exchange(refusal, std::nullopt));
        if (max_endpoints != 0 && devices.size() > max_endpoints)
            return fail(ErrorCode::kExhausted, "no more than {} endpoints", max_endpoints);
        ++applies;
        image = wanted;
        endpoints = devices;
        maps::ApplyReport report;
        report.writes = 1;
        report.generation = static_cast<std::uint32_t>(applies);
        return report;
    }
    std::optional<std::uint64_t> untidy() const override { return std::nullopt; }
    Result<void> grace_period() const override { return {}; }
    Result<void> collect(std::uint64_t) override { return {}; }

    std::function<void()> before_apply;
    int refuse = 0;
    std::optional<Error> refusal;  // of the next call
    std::size_t max_endpoints = 0;
    std::size_t applies = 0;
    policy::Image image;
    std::vector<maps::LocalEndpoint> endpoints;
};

// The parts as the daemon wires them; the kernel outlives it, as the real one does.
struct Parts {
    Parts(const std::filesystem::path& folder, FakeKernel& kernel)
        : store(store::Store::open(folder / "weft.db").value()),
          numbers(store::StoredNumbers::load(store).value()),
          ipam(ipam::Ipam::make(
                   {Cidr::parse("10.244.0.0/24").value(), Cidr::parse("fd00:10:244::/64").value(), {}, 3600})
                   .value()),
          reconciler(store, *numbers, kernel, feed),
          objects(reconciler, store),
          registry(reconciler, store, ipam) {
        restored = reconciler.submit([&](reconcile::State& state, Rollback& undo) -> Result<void> {
            WEFT_CHECK(objects.restore(state, undo));
            return registry.restore(state, undo);
        });
    }

    store::Store store;
    std::unique_ptr<store::StoredNumbers> numbers;
    ipam::Ipam ipam;
    reconcile::Feed feed{"node"};
    reconcile::Reconciler reconciler;
    reconcile::Objects objects;
    endpoint::Registry registry;
    Result<std::uint64_t> restored = std::uint64_t{0};
};

// A pod whose "namespace" is a file that exists, so that a restart finds it.
inline endpoint::Endpoint pod(const std::string& id, const std::string& name = "", policy::Labels labels = {}) {
    endpoint::Endpoint out;
    out.attachment = {id, "eth0"};
    out.network = "weft";
    out.netns = "/proc/self/ns/net";
    out.host_ifname = "weft-" + id.substr(0, 8);
    out.host_ifindex = 7;
    out.mac = {2, 0, 0, 0, 0, 1};
    out.pod_namespace = "default";
    out.pod_name = name;
    if (!labels.empty()) out.labels = std::move(labels);
    return out;
}

inline std::vector<policy::Object> objects_of(std::string_view text) {
    const Json json = parse_json(text).value();
    return reconcile::parse_document(JsonView(json)).value();
}

inline std::string deny_all(const std::string& name) {
    return fmt::format(
        R"({{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{{"name":"{}","namespace":"default"}},)"
        R"("spec":{{"podSelector":{{}},"policyTypes":["Ingress"]}}}})",
        name);
}

}  // namespace weft::test
