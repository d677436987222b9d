#include "tests/bench/policy_node.hpp"

#include <fcntl.h>
#include <sched.h>

#include <stdexcept>

namespace weft::bench {

namespace {

template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::filesystem::path fresh_folder(const std::string& name) {
    const auto path = std::filesystem::path("/run") / ("wt-" + name);  // as weftd's: in memory
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
    return path;
}

}  // namespace

PolicyNode::PolicyNode(const std::string& name)
    : folder_(fresh_folder(name)),
      world_(name, datapath::Sizes{}),
      netns_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    for (std::uint32_t number = 1; number <= 2; ++number) devices_.push_back(world_.add_pod(number).ifindex);
    store_ = std::make_unique<store::Store>(must(store::Store::open(folder_ / "weft.db")));
    numbers_ = must(store::StoredNumbers::load(*store_));
    ipam_ = std::make_unique<ipam::Ipam>(
        must(ipam::Ipam::make({must(Cidr::parse("10.244.0.0/22")), must(Cidr::parse("fd00:10:244::/64")), {}, 1})));
    applier_ = std::make_unique<maps::Applier>(must(maps::Applier::open(world_.pins())));
    enforcer_ = std::make_unique<reconcile::MapsEnforcer>(*applier_);
    reconciler_ = std::make_unique<reconcile::Reconciler>(*store_, *numbers_, *enforcer_, feed_);
    objects_ = std::make_unique<reconcile::Objects>(*reconciler_, *store_);
    registry_ = std::make_unique<endpoint::Registry>(*reconciler_, *store_, *ipam_);
    must(reconciler_->submit([&](reconcile::State& state, Rollback& undo) -> Result<void> {
        policy::NodeFacts facts;
        facts.host_addresses = {must(IpAddr::parse("192.0.2.1")), must(IpAddr::parse("2001:db8::1"))};
        facts.pod_ranges = ipam_->ranges();
        state.set_facts(facts, undo);
        return {};
    }));
}

PolicyNode::~PolicyNode() {
    registry_.reset();
    objects_.reset();
    reconciler_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
}

void PolicyNode::enter() const {
    if (setns(netns_.get(), CLONE_NEWNET) != 0) throw std::runtime_error("enter the bench's network namespace");
}

Result<void> PolicyNode::load(const std::vector<policy::Object>& objects) {
    WEFT_CHECK(objects_->apply(objects, std::string(reconcile::kApiSource)));
    return collect();
}

Result<void> PolicyNode::apply(const std::string& text) {
    WEFT_TRY(json, parse_json(text));
    WEFT_TRY(objects, reconcile::parse_document(JsonView(json)));
    WEFT_CHECK(objects_->apply(objects, std::string(reconcile::kApiSource)));
    return {};
}

Result<void> PolicyNode::erase(const std::string& kind, const std::string& in, const std::string& name) {
    WEFT_CHECK(objects_->erase({kind, in, name}, std::string(reconcile::kApiSource)));
    return {};
}

Result<endpoint::Endpoint> PolicyNode::add(const std::string& id, const std::string& in, const policy::Labels& labels) {
    endpoint::Endpoint wanted;
    wanted.attachment = {id, "eth0"};
    wanted.network = "weft";
    wanted.netns = "/proc/self/ns/net";
    wanted.host_ifname = "weft-" + id.substr(0, 8);
    wanted.host_ifindex = added_ < devices_.size() ? devices_[added_] : static_cast<std::uint32_t>(100000 + added_);
    wanted.mac = {0x0a, 0, 0, 0, 0, 1};
    wanted.pod_namespace = in;
    wanted.pod_name = id;
    wanted.labels = labels;
    ++added_;
    return registry_->add(wanted);
}

Result<void> PolicyNode::remove(const std::string& id) {
    WEFT_CHECK(registry_->remove({id, "eth0"}));
    return {};
}

Result<void> PolicyNode::collect() {
    return reconciler_->collect();
}

}  // namespace weft::bench
