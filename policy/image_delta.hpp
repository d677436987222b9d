// An image and what was touched of it since its reader looked last: the reader's work follows the change.
#pragma once

#include <set>

#include "policy/image.hpp"

namespace weft::policy {

struct ImageDelta {
    // What was touched, with what stood there; nothing: no row.
    template <typename Key, typename Value>
    using Before = std::map<Key, std::optional<Value>>;

    bool whole = false;  // everything may differ: addresses, cidrs, policies and endpoints are not listed
    std::unordered_map<IpAddr, std::optional<Address>> addresses;
    Before<Cidr, Address> cidrs;
    Before<std::uint32_t, RuleInfo> rules;
    Before<std::uint32_t, IdentityLabels> identities;
    std::set<std::uint32_t> endpoints;
    // A new number of a table (one that is not here is of the table that it was of before): it is the table that `from`
    // was (0: of none), but for the rows of these classes. The chain may have several links, and its numbers may be
    // gone by now. A table with rows for a class that no address or prefix had before is here, with the class.
    struct Derived {
        std::uint32_t from = 0;
        std::set<std::uint32_t> classes;
    };
    std::map<std::uint32_t, Derived> policies;
};

// Writes the image and the delta together.
class ImageEditor {
  public:
    const Image& image() const { return image_; }
    Image& tables() { return image_; }  // policies, whose changes are told by derive()
    const ImageDelta& delta() const { return delta_; }
    Image take() { return std::move(image_); }

    void begin() { delta_ = {}; }
    // Everything is written anew.
    void begin_whole() {
        before_ = std::move(image_);
        image_ = {};
        delta_ = {};
        delta_.whole = true;
    }
    void end_whole();

    void set(const IpAddr& ip, const std::optional<Address>& row) {
        write(image_.addresses, delta_.addresses, ip, row, !delta_.whole);
    }
    void set(const Cidr& cidr, const std::optional<Address>& row) {
        write(image_.cidrs, delta_.cidrs, cidr, row, !delta_.whole);
    }
    void set_rule(std::uint32_t number, const std::optional<RuleInfo>& rule) {
        write(image_.rules, delta_.rules, number, rule, !delta_.whole);
    }
    void set_identity(std::uint32_t number, const std::optional<IdentityLabels>& labels) {
        write(image_.identities, delta_.identities, number, labels, !delta_.whole);
    }
    void set_endpoint(std::uint32_t number, const std::optional<std::array<std::uint32_t, 2>>& policies);
    void set_audits(std::uint32_t number, const std::optional<std::array<std::uint32_t, 2>>& policies);
    void derive(std::uint32_t number, std::uint32_t from, std::set<std::uint32_t> classes);
    void set_new_rules(std::vector<std::uint32_t> rules) { image_.new_rules = std::move(rules); }

  private:
    template <typename Rows, typename Before, typename Key, typename Value>
    static void write(Rows& rows, Before& before, const Key& key, const std::optional<Value>& row, bool note) {
        const auto at = rows.find(key);
        if (note) before.try_emplace(key, at == rows.end() ? std::nullopt : std::optional(at->second));
        if (!row) {
            if (at != rows.end()) rows.erase(at);
        } else if (at != rows.end()) {
            at->second = *row;
        } else {
            rows.emplace(key, *row);
        }
    }

    Image image_;
    Image before_;  // while everything is written anew: for the names
    ImageDelta delta_;
};

}  // namespace weft::policy
