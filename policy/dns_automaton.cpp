#include "policy/dns_automaton.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "policy/digest.hpp"

namespace weft::policy {

namespace {

bool is_label_character(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// One place of a pattern: what leads on from it.
struct PatternPlace {
    enum Kind : std::uint8_t { kByte, kDot, kStar, kLabels, kEverything, kEnd } kind = kEnd;
    unsigned char byte = 0;
    std::uint32_t pattern = 0;
};

// The patterns as places, one after the other, each with kEnd behind.
std::vector<PatternPlace> places_of(std::span<const std::string> patterns, std::vector<std::uint32_t>& begins) {
    std::vector<PatternPlace> out;
    for (std::uint32_t number = 0; number < patterns.size(); ++number) {
        std::string_view rest = patterns[number];
        begins.push_back(static_cast<std::uint32_t>(out.size()));
        if (rest == "*") {
            out.push_back({PatternPlace::kEverything, 0, number});
            rest = {};
        } else if (rest.starts_with("**.")) {
            out.push_back({PatternPlace::kLabels, 0, number});
            rest.remove_prefix(2);
        }
        for (const char c : rest) {
            const auto kind = c == '.' ? PatternPlace::kDot : c == '*' ? PatternPlace::kStar : PatternPlace::kByte;
            out.push_back({kind, static_cast<unsigned char>(c), number});
        }
        out.push_back({PatternPlace::kEnd, 0, number});
    }
    return out;
}

using PlaceSet = std::vector<std::uint32_t>;  // ascending

struct SetHash {
    std::size_t operator()(const PlaceSet& set) const { return hash_words(set); }
};

// How many places all states together may stand for: memory of the construction.
constexpr std::size_t kMaxPlaces = 4U << 20;

class Construction {
  public:
    explicit Construction(std::span<const std::string> patterns) : places_(places_of(patterns, begins_)) {
        choose_columns();
        out_.classes.emplace_back();
        class_numbers_.emplace(PlaceSet{}, 0U);
    }

    Result<DnsAutomaton> run(std::size_t patterns) {
        add({});
        PlaceSet first;
        for (const auto place : begins_) enter(place, first);
        out_.start = add(std::move(first));
        for (std::size_t state = 1; state < sets_.size(); ++state) {
            for (std::uint32_t column = 0; column < out_.columns; ++column) {
                const auto next = add(step(*sets_[state], column));
                if (sets_.size() > kMaxDnsStates || sets_.size() * out_.columns > kMaxDnsCells ||
                    places_used_ > kMaxPlaces)
                    return fail(ErrorCode::kExhausted,
                                "the {} patterns of DNS names need an automaton of more than {} states of {} columns "
                                "(at most {} states, {} cells)",
                                patterns, sets_.size() - 1, out_.columns, kMaxDnsStates, kMaxDnsCells);
                out_.next[state * out_.columns + column] = static_cast<std::uint16_t>(next);
            }
        }
        return std::move(out_);
    }

  private:
    // Bytes that no pattern tells apart share a column: 0 what no label of a pattern has, 1 the dot, 2 the rest of what
    // `*` stands for.
    void choose_columns() {
        out_.dot = 1;
        out_.columns = 3;
        for (unsigned c = 0; c < 256; ++c)
            if (is_label_character(static_cast<unsigned char>(c))) out_.column_of[c] = 2;
        for (const auto& place : places_)
            if (place.kind == PatternPlace::kByte && out_.column_of[place.byte] == 2)
                out_.column_of[place.byte] = static_cast<std::uint8_t>(out_.columns++);
    }

    // The place, and those that it leads to by nothing.
    void enter(std::uint32_t place, PlaceSet& set) const {
        set.push_back(place);
        if (places_[place].kind == PatternPlace::kStar || places_[place].kind == PatternPlace::kLabels ||
            places_[place].kind == PatternPlace::kEverything)
            enter(place + 1, set);
    }

    PlaceSet step(const PlaceSet& from, std::uint32_t column) const {
        PlaceSet to;
        for (const auto place : from) {
            const auto& at = places_[place];
            const bool in_label = column >= 2;
            if ((at.kind == PatternPlace::kByte && column == out_.column_of[at.byte]) ||
                (at.kind == PatternPlace::kDot && column == 1))
                enter(place + 1, to);
            else if ((at.kind == PatternPlace::kStar && in_label) ||
                     (at.kind == PatternPlace::kLabels && column != 0) || at.kind == PatternPlace::kEverything)
                enter(place, to);
        }
        std::ranges::sort(to);
        const auto rest = std::ranges::unique(to);
        to.erase(rest.begin(), rest.end());
        return to;
    }

    std::uint32_t add(PlaceSet set) {
        const auto [at, is_new] = states_.try_emplace(std::move(set), static_cast<std::uint32_t>(sets_.size()));
        if (!is_new) return at->second;
        sets_.push_back(&at->first);
        places_used_ += at->first.size();
        out_.next.resize(sets_.size() * out_.columns, 0);
        out_.class_of.push_back(class_of(at->first));
        return at->second;
    }

    std::uint32_t class_of(const PlaceSet& set) {
        std::vector<std::uint32_t> patterns;
        for (const auto place : set)
            if (places_[place].kind == PatternPlace::kEnd) patterns.push_back(places_[place].pattern);
        const auto [at, is_new] = class_numbers_.try_emplace(patterns, static_cast<std::uint32_t>(out_.classes.size()));
        if (is_new) out_.classes.push_back(std::move(patterns));
        return at->second;
    }

    std::vector<std::uint32_t> begins_;
    std::vector<PatternPlace> places_;
    std::unordered_map<PlaceSet, std::uint32_t, SetHash> states_;
    std::vector<const PlaceSet*> sets_;  // by state
    std::map<std::vector<std::uint32_t>, std::uint32_t> class_numbers_;
    std::size_t places_used_ = 0;
    DnsAutomaton out_;
};

}  // namespace

std::uint32_t DnsAutomaton::classify(std::string_view name) const {
    if (columns == 0) return 0;
    std::uint32_t state = start;
    for (const char c : name) {
        const auto column = c == '.' ? dot : column_of[static_cast<unsigned char>(c)];
        state = next[state * columns + column];
    }
    return class_of[state];
}

Result<DnsAutomaton> build_dns_automaton(std::span<const std::string> patterns) {
    if (patterns.empty()) return DnsAutomaton{};
    return Construction(patterns).run(patterns.size());
}

}  // namespace weft::policy
