// Each filter row with values that match, that do not, and that are refused; a row without a case fails the test.
#include "hubble-lite/filter.hpp"

#include <gtest/gtest.h>

#include <set>

#include "sample.hpp"

namespace weft::hubble::test {
namespace {

struct Case {
    std::string name;
    std::vector<std::string> matching, other, bad;
};

// Against: TCP 10.244.0.9:40000 (shop/web-1, app=web) -> 10.244.0.17:80 (shop/db-0, app=db), dropped, POLICY_DENY.
const std::vector<Case>& cases() {
    static const std::vector<Case> rows = {
        {"verdict", {"dropped", "DROPPED"}, {"forwarded", "audit"}, {"", "maybe"}},
        {"source_pod", {"web-1", "web", "shop/web-1", "shop/"}, {"db-0", "other/web-1", "xweb"}, {"", "/", "a/b/c"}},
        {"destination_pod", {"db", "shop/db-0"}, {"web-1", "other/"}, {"", "a/b/c"}},
        {"pod", {"db-0", "web-1", "shop/"}, {"cache", "other/db-0"}, {""}},
        {"namespace", {"shop"}, {"sho", "other"}, {""}},
        {"source_ip",
         {"10.244.0.9", "10.244.0.0/24", "0.0.0.0/0"},
         {"10.244.0.17", "10.245.0.0/16", "::/0"},
         {"", "10.244", "10.0.0.0/33"}},
        {"destination_ip", {"10.244.0.17", "10.0.0.0/8"}, {"10.244.0.9"}, {"x"}},
        {"ip", {"10.244.0.9", "10.244.0.17", "10.244.0.16/28"}, {"10.244.0.18"}, {"1.2.3.4.5"}},
        {"port", {"80", "40000"}, {"81", "0"}, {"", "65536", "-1", "http", "80x"}},
        {"source_port", {"40000"}, {"80"}, {"1.5"}},
        {"destination_port", {"80"}, {"40000"}, {" 80"}},
        {"protocol", {"tcp", "TCP", "6"}, {"udp", "sctp", "icmp", "icmpv4", "icmpv6", "17"}, {"", "256", "tcpx"}},
        {"label",
         {"app=web", "app==db", "k8s:app=web", "app", "app=web,!tier", "app in (web,x)", "app notin (x,y)", "app!=web"},
         {"app=cache", "tier", "!app", "app in (x)", "app=web,app=db", "reserved:app=web"},
         {"", "=web", "app in web", "a b", "app in (a", "app=we(b"}},
        {"drop_reason",
         {"POLICY_DENY", "policy_deny", "181"},
         {"POLICY_DENIED", "TTL_EXCEEDED", "stale_or_unroutable_ip"},
         {"", "NOT_A_REASON"}},
        {"type", {"drop", "DROP"}, {"new", "changed", "close", "dns", "l7", "trace", "policy-verdict"}, {"", "l3"}},
    };
    return rows;
}

Record sample() {
    return named(dropped_event(WEFT_DROP_POLICY_DENY));
}

bool matches(const std::string& name, const std::string& value, const Record& record) {
    Filter filter;
    const auto added = filter.add(name, value);
    EXPECT_TRUE(added) << name << "=" << value << ": " << (added ? "" : added.error().text());
    return filter.matches(record);
}

TEST(filter, each_row_matches_what_it_says) {
    for (const auto& row : cases()) {
        for (const auto& value : row.matching)
            EXPECT_TRUE(matches(row.name, value, sample())) << row.name << "=" << value;
        for (const auto& value : row.other)
            EXPECT_FALSE(matches(row.name, value, sample())) << row.name << "=" << value;
        for (const auto& value : row.bad) {
            const auto added = Filter().add(row.name, value);
            ASSERT_FALSE(added) << row.name << "=" << value;
            EXPECT_EQ(added.error().code, ErrorCode::kInvalid);
            EXPECT_EQ(added.error().path, row.name);
        }
    }
}

TEST(filter, table_and_cases_name_the_same_filters) {
    std::multiset<std::string> rows, tested;
    for (const auto& row : filter_rows()) rows.insert(std::string(row.name));
    for (const auto& row : cases()) tested.insert(row.name);
    EXPECT_EQ(rows, tested);
}

TEST(filter, every_drop_reason_can_be_asked_for) {
    for (const auto& asked : drop_reasons())
        for (const auto& reason : drop_reasons()) {
            const auto record = named(dropped_event(static_cast<std::uint8_t>(reason.code)));
            EXPECT_EQ(matches("drop_reason", std::string(asked.name), record), asked.code == reason.code)
                << asked.name << " " << reason.name;
        }
}

TEST(filter, same_name_is_or_and_different_names_are_and) {
    Filter filter;
    ASSERT_TRUE(filter.add("port", "443"));
    ASSERT_TRUE(filter.add("port", "80"));
    EXPECT_TRUE(filter.matches(sample()));
    ASSERT_TRUE(filter.add("source_pod", "db"));
    EXPECT_FALSE(filter.matches(sample()));
}

TEST(filter, what_would_be_dropped_is_audit_and_a_policy_verdict) {
    weft_event event = sample_event();
    event.flags = WEFT_EVENT_AUDITED;
    event.audit_reason = WEFT_DROP_POLICY_DENIED;
    const Record would = named(event);
    for (const char* no : {"forwarded", "dropped"}) EXPECT_FALSE(matches("verdict", no, would)) << no;
    EXPECT_TRUE(matches("verdict", "AUDIT", would));
    for (const char* yes : {"policy-verdict", "new"}) EXPECT_TRUE(matches("type", yes, would)) << yes;
    EXPECT_FALSE(matches("type", "trace", would));
    event.header.type = WEFT_EVENT_CLOSE;
    EXPECT_TRUE(matches("verdict", "forwarded", named(event)));
    EXPECT_TRUE(matches("type", "trace", named(event)));
}

TEST(filter, icmp_has_no_ports) {
    EXPECT_FALSE(matches("port", "8", named(sample_event({.source_port = 8, .destination_port = 0, .protocol = 1}))));
}

TEST(filter, without_names_pods_and_labels_match_nothing) {
    Record record = sample();
    record.source = record.destination = nullptr;
    for (const auto& [name, value] : {std::pair{"pod", "web"}, {"namespace", "shop"}, {"label", "!app"}})
        EXPECT_FALSE(matches(name, value, record)) << name;
}

TEST(filter, unknown_names_and_too_many_terms_are_refused) {
    const auto unknown = Filter().add("colour", "red");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().path, "colour");
    Filter filter;
    for (std::size_t i = 0; i < Filter::kMaxTerms; ++i) ASSERT_TRUE(filter.add("port", "80"));
    EXPECT_FALSE(filter.add("port", "80"));
}

}  // namespace
}  // namespace weft::hubble::test
