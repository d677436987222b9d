#include "policy/compile.hpp"

#include <algorithm>
#include <span>

#include "policy/placement.hpp"
#include "policy/tables.hpp"

namespace weft::policy {

struct Compiler::Parts {
    Parts(Numbers& numbers, ImageEditor& image)
        : sets(numbers),
          specs(numbers, image),
          classes(atoms, numbers),
          regions(classes.lists()),
          placement(atoms, classes, sets, regions, image),
          tables(atoms, classes, specs, numbers, image),
          image_(image) {}

    void put_policies(const World& world, const WorldChanges& changes);
    Result<void> put_pods(const World& world, const WorldChanges& changes);
    void enter_node(const World& world);
    void find_local();
    Result<void> cut_regions();
    void match_sets();
    Result<void> build_names();
    void settle();
    void release_all();

    Atoms atoms;
    LabelSets sets;
    Specs specs;
    Classes classes;
    Regions regions;
    Placement placement;
    Tables tables;
    std::uint64_t matched = 0;

  private:
    struct Edit {
        std::uint32_t set = 0, atom = 0;
        bool more = false;
    };
    void edit_matched();
    void match_born();
    void edit(std::span<const Edit> edits);

    ImageEditor& image_;
    bool some_matched_ = false;  // some label set's list may be right
};

namespace {

// map[key], or nothing.
template <typename Map>
typename Map::mapped_type find_in(const Map& map, const typename Map::key_type& key) {
    const auto at = map.find(key);
    return at == map.end() ? nullptr : at->second;
}

void name_reserved(ImageEditor& image) {
    constexpr std::pair<std::uint32_t, const char*> kNames[] = {{kIdentityUnknown, "reserved:unknown"},
                                                                {kIdentityHost, "reserved:host"},
                                                                {kIdentityWorld, "reserved:world"},
                                                                {kIdentityRemoteNode, "reserved:remote-node"},
                                                                {kIdentityKubeApiserver, "reserved:kube-apiserver"}};
    for (const auto& [identity, name] : kNames)
        image.set_identity(identity, IdentityLabels{.namespace_ = {},
                                                    .own = std::make_shared<const Labels>(Labels{{name, ""}}),
                                                    .of_namespace = {}});
}

}  // namespace

void Compiler::Parts::put_policies(const World& world, const WorldChanges& changes) {
    if (changes.groups) specs.renew_groups();
    if (changes.everything)
        for (const auto& [name, policy] : world.policies) specs.put(name, policy);
    for (const auto& name : changes.policies) specs.put(name, find_in(world.policies, name));
}

Result<void> Compiler::Parts::put_pods(const World& world, const WorldChanges& changes) {
    for (const auto& name : changes.namespaces) WEFT_CHECK(sets.relabel(world, name));
    if (changes.everything) sets.reserve(world.pods.size());
    if (changes.everything)
        for (const auto& [key, pod] : world.pods) WEFT_CHECK(sets.put(world, key, pod));
    for (const auto& key : changes.pods) WEFT_CHECK(sets.put(world, key, find_in(world.pods, key)));
    return {};
}

// The node has policies as a pod has, but no labels' set: Specs knows which are for it.
void Compiler::Parts::enter_node(const World& world) {
    constexpr std::uint32_t kSubject = 0xffffffff;  // no pod's number
    image_.tables().node_endpoint = world.node.endpoint;
    if (world.node.endpoint == 0) return;
    auto node = std::make_shared<Pod>();
    node->endpoint = world.node.endpoint;
    specs.add_local(kNodeSet);
    tables.put(kSubject, Tables::Subject{std::move(node), kNodeSet});
}

// The pods of this node among those that were touched.
void Compiler::Parts::find_local() {
    std::set<std::uint32_t> numbers(sets.touched().begin(), sets.touched().end());
    for (const auto number : numbers) {
        const auto* before = tables.find(number);
        if (before != nullptr) specs.remove_local(before->set);
        const auto& entry = sets.pod(number);
        if (entry.pod != nullptr && entry.pod->endpoint != 0) {
            specs.add_local(entry.set);
            tables.put(number, Tables::Subject{entry.pod, entry.set});
        } else if (before != nullptr) {
            tables.put(number, std::nullopt);
        }
    }
}

Result<void> Compiler::Parts::cut_regions() {
    for (const auto atom : atoms.blocks.born())
        if (atoms.blocks.held(atom)) regions.add(atom, atoms.blocks.value(atom));
    for (const auto atom : atoms.blocks.dying())
        if (std::ranges::find(atoms.blocks.born(), atom) == atoms.blocks.born().end())
            regions.remove(atom, atoms.blocks.value(atom));
    return regions.settle();
}

// The automaton of the names that policies speak of; it follows from their set alone.
Result<void> Compiler::Parts::build_names() {
    if (atoms.patterns.born().empty() && atoms.patterns.dying().empty()) return {};
    auto& dns = image_.tables().dns;
    DnsNames names;
    for (std::uint32_t atom = 0; atom < atoms.patterns.end(); ++atom)
        if (atoms.patterns.held(atom)) names.patterns.push_back(atoms.patterns.value(atom));
    std::ranges::sort(names.patterns);
    if (names.patterns.empty()) {
        dns.names = nullptr;
        return {};
    }
    if (dns.names && dns.names->patterns == names.patterns) return {};
    WEFT_TRY(automaton, build_dns_automaton(names.patterns));
    names.automaton = std::move(automaton);
    names.digest = Digest::of(fmt::format("{}", fmt::join(names.patterns, "\n")));
    dns.names = std::make_shared<const DnsNames>(std::move(names));
    return {};
}

// The pod sets that hold each label set: of the new ones by the index, of the others where pod sets came or went.
void Compiler::Parts::match_sets() {
    if (some_matched_) edit_matched();
    atoms.pod_sets.bury();
    atoms.pod_sets.build();
    match_born();
}

void Compiler::Parts::edit_matched() {
    std::vector<Edit> edits;
    std::vector<std::uint32_t> found;
    const auto find = [&](std::uint32_t atom) {
        found.clear();
        sets.find(atoms.pod_sets.value(atom), found);
        matched += found.size();
    };
    for (const auto atom : atoms.pod_sets.dying()) {
        find(atom);
        for (const auto set : found) edits.push_back({set, atom, false});
    }
    for (const auto atom : atoms.pod_sets.born()) {
        if (!atoms.pod_sets.index().held(atom)) continue;
        find(atom);
        for (const auto set : found) edits.push_back({set, atom, true});
    }
    std::ranges::stable_sort(edits, {}, &Edit::set);
    for (auto first = edits.begin(); first != edits.end();) {
        const auto last = std::find_if(first, edits.end(), [&](const Edit& one) { return one.set != first->set; });
        if (sets.set(first->set).matched) edit({first, last});
        first = last;
    }
}

// Of one label set.
void Compiler::Parts::edit(std::span<const Edit> edits) {
    auto& set = sets.set(edits.front().set);
    ListInterner::List list = classes.list(set.list);
    for (const auto& edit : edits) {
        if (edit.more)
            list.push_back(edit.atom);
        else
            std::erase(list, edit.atom);
    }
    std::ranges::sort(list);
    const auto before = set.list;
    set.list = classes.lists().acquire(list);
    classes.lists().release(before);
    placement.touch(set);
}

void Compiler::Parts::match_born() {
    PodSetIndex::Matcher matcher(atoms.pod_sets.index());
    std::vector<std::uint32_t> list;
    const NamespaceLabels* in = nullptr;
    for (const auto number : sets.born()) {
        auto& set = sets.set(number);
        if (set.pods.empty()) continue;
        if (in != &sets.namespace_of(set)) {
            in = &sets.namespace_of(set);
            matcher.enter(in->name, *in->labels);
        }
        matcher.match(*set.labels, list);
        set.list = classes.lists().acquire(list);
        set.matched = some_matched_ = true;
    }
}

void Compiler::Parts::settle() {
    sets.bury([&](std::uint32_t, const LabelSet& set) {
        image_.set_identity(set.identity, std::nullopt);
        classes.lists().release(set.list);
    });
    sets.settle();
    specs.settle();
    classes.settle();
    atoms.pod_sets.settle();
    atoms.blocks.settle();
    atoms.traits.settle();
    atoms.names.settle();
    atoms.patterns.settle();
}

void Compiler::Parts::release_all() {
    sets.release_all();
    specs.release_all();
    classes.release_all();
    tables.release_all();
}

Compiler::Compiler(Numbers& numbers) : numbers_(numbers) {}

Compiler::~Compiler() {
    if (parts_ != nullptr) parts_->release_all();
}

Result<void> Compiler::update(const World& world, const WorldChanges& changes) {
    if (parts_ != nullptr && !changes.everything) {
        image_.begin();
        auto done = run(world, changes);
        if (!done) {
            parts_->release_all();
            parts_.reset();
        }
        return done;
    }
    if (parts_ != nullptr) parts_->release_all();
    parts_.reset();
    image_.begin_whole();
    parts_ = std::make_unique<Parts>(numbers_, image_);
    parts_->regions.set_node(world.node);
    name_reserved(image_);
    auto done = run(world, WorldChanges{.everything = true, .nodes = true});
    image_.end_whole();
    if (!done) {
        parts_->release_all();
        parts_.reset();
    }
    return done;
}

Result<void> Compiler::run(const World& world, const WorldChanges& changes) {
    Parts& p = *parts_;
    if (changes.everything) p.enter_node(world);
    p.put_policies(world, changes);
    WEFT_CHECK(p.put_pods(world, changes));
    if (changes.nodes) p.placement.set_nodes(world);
    p.find_local();
    WEFT_CHECK(p.specs.select(world, p.sets, p.atoms));
    WEFT_CHECK(p.build_names());
    WEFT_CHECK(p.cut_regions());
    p.match_sets();
    WEFT_CHECK(p.placement.update(world));
    WEFT_CHECK(p.tables.update());
    p.settle();
    return {};
}

Compiler::Work Compiler::work() const {
    if (parts_ == nullptr) return {};
    return {parts_->specs.evaluations() + parts_->atoms.pod_sets.index().evaluations() + parts_->matched,
            parts_->tables.built(), parts_->tables.rows_decided()};
}

Result<Image> compile(const World& world, Numbers& numbers) {
    Compiler compiler(numbers);
    WEFT_CHECK(compiler.update(world, WorldChanges{.everything = true}));
    return compiler.editor().take();
}

}  // namespace weft::policy
