// Lines in Hubble's form: golden lines, names and numbers of every drop reason, hostile text.
#include "hubble-lite/flow_json.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "common/json.hpp"
#include "hubble-lite/json_writer.hpp"
#include "sample.hpp"

namespace weft::hubble::test {
namespace {

std::string line_of(const Record& record, const std::string& node = "node-1") {
    std::string out;
    append_line(out, record, node);
    return out;
}

Json parsed(const Record& record) {
    const std::string line = line_of(record);
    EXPECT_TRUE(line.ends_with("\n"));
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
    auto json = parse_json(line);
    EXPECT_TRUE(json) << line;
    return json ? *json : Json();
}

TEST(json, forwarded_tcp_golden) {
    EXPECT_EQ(
        line_of(named(sample_event())),
        R"({"flow":{"time":"2023-11-14T22:13:20.123Z","verdict":"FORWARDED","IP":{"source":"10.244.0.9","destination":"10.244.0.17",)"
        R"("ipVersion":"IPv4"},"l4":{"TCP":{"source_port":40000,"destination_port":80,"flags":{"SYN":true}}},"source":{"ID":17,"identity":260,)"
        R"("namespace":"shop","labels":["k8s:app=web","k8s:io.kubernetes.pod.namespace=shop"],"pod_name":"web-1"},"destination":{"ID":18,)"
        R"("identity":261,"namespace":"shop","labels":["k8s:app=db","k8s:io.kubernetes.pod.namespace=shop"],"pod_name":"db-0"},"Type":"L3_L4",)"
        R"("node_name":"node-1","event_type":{"type":4},"trace_observation_point":"TO_ENDPOINT","traffic_direction":"INGRESS","is_reply":false,)"
        R"("interface":{"index":7},"egress_allowed_by":[{"name":"web-out","namespace":"shop","kind":"NetworkPolicy"}],)"
        R"("ingress_allowed_by":[{"name":"db-in","namespace":"shop","kind":"NetworkPolicy"}],"Summary":"TCP Flags: SYN"},"node_name":"node-1",)"
        R"("time":"2023-11-14T22:13:20.123Z","weft":{"event":"new","hook":"from_pod","rule":{"id":4,"direction":"ingress","default_deny":false,)"
        R"("kind":"NetworkPolicy","namespace":"shop","name":"db-in","index":1,"path":"spec.ingress[1]","tier":"NetworkPolicy"},"policies":[{"name":"db-in","namespace":"shop","kind":"NetworkPolicy"}],)"
        R"("rules":{"egress":{"id":3,"direction":"egress","default_deny":false,"kind":"NetworkPolicy","namespace":"shop","name":"web-out","index":0,"path":"spec.egress[0]","tier":"NetworkPolicy"},)"
        R"("ingress":{"id":4,"direction":"ingress","default_deny":false,"kind":"NetworkPolicy","namespace":"shop","name":"db-in","index":1,"path":"spec.ingress[1]","tier":"NetworkPolicy"}},)"
        R"("protocol":6,"packets":1,"bytes":74,"generation":9}})"
        "\n");
}

TEST(json, dns_golden) {
    Record record = named(sample_event({"10.244.0.17", "10.244.0.9", 53, 40000, 17}));
    record.event.header.type = WEFT_EVENT_DNS;
    record.event.flags |= WEFT_EVENT_REPLY;
    DnsMessage dns;
    dns.query = "www.example.com.";
    dns.type = 1;
    dns.answer = true;
    dns.ttl = 30;
    dns.latency_ns = 1234567;
    dns.addresses = {IpAddr::parse("192.0.2.7").value(), IpAddr::parse("192.0.2.8").value()};
    dns.all_addresses = 2;
    dns.matched = true;
    record.dns = std::make_shared<const DnsMessage>(dns);
    const Json said = parsed(record);
    EXPECT_EQ(said["flow"]["Type"], "L7");
    EXPECT_EQ(said["flow"]["event_type"], Json::parse(R"({"type":129})"));
    EXPECT_EQ(said["flow"]["l7"],
              Json::parse(R"({"type":"RESPONSE","latency_ns":"1234567","dns":{"query":"www.example.com.",
        "ips":["192.0.2.7","192.0.2.8"],"ttl":30,"qtypes":["A"],"rrtypes":["A"]}})"));
    EXPECT_EQ(said["flow"]["Summary"], R"(DNS Answer "192.0.2.7,192.0.2.8" TTL: 30 (www.example.com. A))");
    EXPECT_EQ(said["flow"]["is_reply"], true);
    EXPECT_EQ(said["weft"]["event"], "dns");
    DnsMessage question;
    question.query = "\"\xff.";
    question.type = 28;
    record.dns = std::make_shared<const DnsMessage>(question);
    const Json asked = parsed(record);
    EXPECT_EQ(asked["flow"]["l7"]["type"], "REQUEST");
    EXPECT_EQ(asked["flow"]["l7"]["dns"]["qtypes"], Json::parse(R"(["AAAA"])"));
    EXPECT_FALSE(asked["flow"]["l7"].contains("latency_ns"));
    dns.addresses.clear();
    dns.rcode = 3;
    dns.ttl = 0;
    record.dns = std::make_shared<const DnsMessage>(dns);
    const Json refused = parsed(record);
    EXPECT_EQ(refused["flow"]["l7"]["dns"]["rcode"], 3);
    EXPECT_EQ(refused["flow"]["Summary"], "DNS Answer RCode: Non-Existent Domain (www.example.com. A)");
}

TEST(json, dropped_by_default_golden) {
    Record record = named(dropped_event(WEFT_DROP_POLICY_DENIED, WEFT_INGRESS, {"fd00::9", "fd00::11", 5353, 53, 17}));
    record.rule[WEFT_INGRESS] = std::make_shared<Rule>(
        Rule{4, false, true, -1, {{"NetworkPolicy", "shop", "a"}, {"NetworkPolicy", "shop", "b"}}});
    record.source = record.destination = nullptr;
    record.event.source_endpoint = 0;
    record.event.source_identity = 2;
    record.event.packets = 12;
    EXPECT_EQ(
        line_of(record),
        R"({"flow":{"time":"2023-11-14T22:13:20.123Z","verdict":"DROPPED","drop_reason":133,"IP":{"source":"fd00::9","destination":"fd00::11",)"
        R"("ipVersion":"IPv6"},"l4":{"UDP":{"source_port":5353,"destination_port":53}},"source":{"identity":2},"destination":{"ID":18,"identity":261},)"
        R"("Type":"L3_L4","node_name":"node-1","event_type":{"type":1,"sub_type":133},"traffic_direction":"INGRESS",)"
        R"("drop_reason_desc":"POLICY_DENIED","interface":{"index":7},"Summary":"UDP"},"node_name":"node-1","time":"2023-11-14T22:13:20.123Z",)"
        R"("weft":{"event":"drop","hook":"from_pod","rule":{"id":4,"direction":"ingress","default_deny":true},"policies":[{"name":"a",)"
        R"("namespace":"shop","kind":"NetworkPolicy"},{"name":"b","namespace":"shop","kind":"NetworkPolicy"}],"reason":"POLICY_DENIED",)"
        R"("reason_text":"no policy allows it and a policy isolates the pod","protocol":17,"packets":12,"bytes":74,"generation":9}})"
        "\n");
}

TEST(json, lost_events_golden) {
    Record record;
    record.lost = LostSource::kKernelRing;
    record.lost_count = 5;
    record.time_ns = 1'700'000'000'000'000'001;
    EXPECT_EQ(
        line_of(record),
        R"({"lost_events":{"source":"PERF_EVENT_RING_BUFFER","num_events_lost":"5"},"node_name":"node-1","time":"2023-11-14T22:13:20.000000001Z"})"
        "\n");
    record.lost = LostSource::kFlowRing;
    EXPECT_EQ(parsed(record)["lost_events"]["source"], "HUBBLE_RING_BUFFER");
}

TEST(json, each_protocol_in_both_families) {
    struct Case {
        std::uint8_t protocol;
        const char* name;
        std::uint16_t first, second;
        const char* first_key;
        const char* summary;
    };
    const Case cases[] = {{6, "TCP", 1, 2, "source_port", "TCP Flags: SYN"},
                          {17, "UDP", 1, 2, "source_port", "UDP"},
                          {132, "SCTP", 1, 2, "source_port", "SCTP"},
                          {1, "ICMPv4", 8, 0, "type", "ICMPv4 EchoRequest"},
                          {58, "ICMPv6", 129, 0, "type", "ICMPv6 EchoReply"},
                          {1, "ICMPv4", 3, 4, "type", "ICMPv4 DestinationUnreachable(4)"},
                          {1, "ICMPv4", 42, 1, "type", "ICMPv4 42(1)"}};
    for (const auto& row : cases)
        for (const auto& [source, destination, version] :
             {std::tuple{"10.0.0.1", "10.0.0.2", "IPv4"}, {"2001:db8::1", "2001:db8::2", "IPv6"}}) {
            const Json flow =
                parsed(named(sample_event({source, destination, row.first, row.second, row.protocol})))["flow"];
            EXPECT_EQ(flow["IP"], (Json{{"source", source}, {"destination", destination}, {"ipVersion", version}}));
            ASSERT_TRUE(flow["l4"].contains(row.name)) << flow;
            EXPECT_EQ(flow["l4"][row.name][row.first_key], row.first);
            EXPECT_EQ(flow["Summary"], row.summary);
        }
    const Json other = parsed(named(sample_event({.protocol = 47})))["flow"];
    EXPECT_FALSE(other.contains("l4"));
    EXPECT_EQ(other["Summary"], "IP protocol 47");
}

TEST(json, every_drop_reason_has_hubbles_name_and_number) {
    for (const auto& reason : drop_reasons()) {
        const Json line = parsed(named(dropped_event(static_cast<std::uint8_t>(reason.code))));
        EXPECT_EQ(line["flow"]["verdict"], "DROPPED");
        EXPECT_EQ(line["flow"]["drop_reason_desc"], reason.hubble_name);
        EXPECT_EQ(line["flow"]["drop_reason"], reason.hubble_code);
        EXPECT_EQ(line["flow"]["event_type"], (Json{{"type", 1}, {"sub_type", reason.hubble_code}}));
        EXPECT_FALSE(line["flow"].contains("is_reply"));
        EXPECT_EQ(line["weft"]["reason"], reason.name);
    }
}

TEST(json, a_denying_rule_is_named_on_its_side_only) {
    const Json line = parsed(named(dropped_event(WEFT_DROP_POLICY_DENY, WEFT_EGRESS)));
    EXPECT_EQ(line["flow"]["egress_denied_by"][0]["name"], "web-out");
    for (const char* absent : {"ingress_denied_by", "egress_allowed_by", "ingress_allowed_by"})
        EXPECT_FALSE(line["flow"].contains(absent)) << absent;
    EXPECT_EQ(line["weft"]["rule"]["name"], "web-out");
    EXPECT_FALSE(line["weft"].contains("rules"));
}

TEST(json, a_rule_carries_its_place_tier_and_priority) {
    Record record = named(sample_event());
    record.rule[WEFT_INGRESS] = std::make_shared<Rule>(
        Rule{4, false, false, 2, {{"ClusterNetworkPolicy", "", "guard"}}, "spec.ingress[2]", "Admin", 0});
    const Json wanted = {{"id", 4},
                         {"direction", "ingress"},
                         {"default_deny", false},
                         {"kind", "ClusterNetworkPolicy"},
                         {"name", "guard"},
                         {"index", 2},
                         {"path", "spec.ingress[2]"},
                         {"tier", "Admin"},
                         {"priority", 0}};
    EXPECT_EQ(parsed(record)["weft"]["rule"], wanted);
    EXPECT_EQ(parsed(record)["weft"]["rules"]["ingress"], wanted);
}

weft_event audited_event(std::uint8_t reason) {
    weft_event event = sample_event();
    event.flags = WEFT_EVENT_AUDITED;
    event.audit_rule[WEFT_EGRESS] = 3;
    event.audit_rule[WEFT_INGRESS] = 5;
    event.audit_reason = reason;
    event.audit_direction = WEFT_INGRESS;
    return event;
}

Record audited(std::uint8_t reason) {
    Record record = named(audited_event(reason));
    record.audit_rule = std::make_shared<Rule>(Rule{.id = 5,
                                                    .default_deny = true,
                                                    .policies = {{"NetworkPolicy", "shop", "watched"}},
                                                    .tier = "NetworkPolicy",
                                                    .audit = true,
                                                    .log = "watched"});
    return record;
}

TEST(json, a_connection_that_would_be_dropped_is_an_audit_verdict) {
    const Json line = parsed(audited(WEFT_DROP_POLICY_DENIED));
    EXPECT_EQ(line["flow"]["verdict"], "AUDIT");
    EXPECT_EQ(line["flow"]["event_type"], (Json{{"type", 5}}));
    EXPECT_FALSE(line["flow"].contains("trace_observation_point"));
    EXPECT_FALSE(line["flow"].contains("drop_reason"));
    EXPECT_EQ(line["flow"]["ingress_allowed_by"][0]["name"], "db-in") << "what is enforced let it pass";
    EXPECT_FALSE(line["flow"].contains("ingress_denied_by"));
    EXPECT_EQ(line["flow"]["policy_log"], Json::array({"watched"}));
    EXPECT_EQ(line["weft"]["rule"]["name"], "db-in");
    const Json wanted = {
        {"verdict", "DROPPED"},
        {"reason", "POLICY_DENIED"},
        {"reason_text", "no policy allows it and a policy isolates the pod"},
        {"rule",
         {{"id", 5}, {"direction", "ingress"}, {"default_deny", true}, {"tier", "NetworkPolicy"}, {"audit", true}}},
        {"policies", Json::array({{{"name", "watched"}, {"namespace", "shop"}, {"kind", "NetworkPolicy"}}})}};
    EXPECT_EQ(line["weft"]["audit"], wanted);
}

TEST(json, what_would_pass_too_is_forwarded_and_so_is_a_close) {
    const Json line = parsed(audited(WEFT_FORWARDED));
    EXPECT_EQ(line["flow"]["verdict"], "FORWARDED");
    EXPECT_EQ(line["flow"]["event_type"]["type"], 4);
    EXPECT_EQ(line["weft"]["audit"]["verdict"], "FORWARDED");
    EXPECT_FALSE(line["weft"]["audit"].contains("reason"));
    Record closed = audited(WEFT_DROP_POLICY_DENY);
    closed.event.header.type = WEFT_EVENT_CLOSE;
    EXPECT_EQ(parsed(closed)["flow"]["verdict"], "FORWARDED");
    EXPECT_EQ(parsed(closed)["weft"]["audit"]["verdict"], "DROPPED");
    EXPECT_FALSE(parsed(named(sample_event()))["weft"].contains("audit"));
}

TEST(json, the_texts_of_policies_stand_in_their_flows_once) {
    Record record = named(sample_event());
    for (const std::size_t direction : {WEFT_EGRESS, WEFT_INGRESS}) {
        auto rule = *record.rule[direction];
        rule.log = "team-a";
        record.rule[direction] = std::make_shared<Rule>(rule);
    }
    EXPECT_EQ(parsed(record)["flow"]["policy_log"], Json::array({"team-a"}));
    EXPECT_FALSE(parsed(named(sample_event()))["flow"].contains("policy_log"));
}

TEST(json, an_unknown_rule_is_a_number) {
    Record record = named(sample_event());
    record.rule = {};
    const Json line = parsed(record);
    EXPECT_EQ(line["weft"]["rule"], (Json{{"id", 4}, {"direction", "ingress"}}));
    EXPECT_FALSE(line["flow"].contains("ingress_allowed_by"));
}

TEST(json, observation_points_and_event_types) {
    weft_event event = sample_event();
    event.destination_endpoint = 0;
    EXPECT_EQ(parsed(named(event))["flow"]["trace_observation_point"], "TO_STACK");
    event.destination_identity = WEFT_IDENTITY_HOST;
    EXPECT_EQ(parsed(named(event))["flow"]["event_type"], (Json{{"type", 4}, {"sub_type", 2}}));
    event.header.type = WEFT_EVENT_CHANGED;
    EXPECT_EQ(parsed(named(event))["flow"]["event_type"], (Json{{"type", 5}}));
}

TEST(json, flags_of_the_event) {
    weft_event event = sample_event();
    event.header.type = WEFT_EVENT_CLOSE;
    event.flags = WEFT_EVENT_REPLY | WEFT_EVENT_AGED | WEFT_EVENT_SNAT;
    event.rewrite_address = event.destination;
    event.rewrite_port = htons(33000);
    event.packets = 1ULL << 40;
    const Json line = parsed(named(event));
    EXPECT_EQ(line["flow"]["is_reply"], true);
    EXPECT_EQ(line["weft"]["aged"], true);
    EXPECT_EQ(line["weft"]["snat"], (Json{{"address", "10.244.0.17"}, {"port", 33000}}));
    EXPECT_EQ(line["weft"]["packets"], 1ULL << 40);
}

TEST(json, text_is_escaped_and_repaired) {
    const std::pair<std::string, std::string> rows[] = {{"a\"b\\c", "a\"b\\c"},
                                                        {"line\nfeed\x01", "line\nfeed\x01"},
                                                        {"schön", "schön"},
                                                        {"\xff"
                                                         "x",
                                                         "\xEF\xBF\xBDx"},
                                                        {"\xc0\xaf", "\xEF\xBF\xBD\xEF\xBF\xBD"},
                                                        {"\xed\xa0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
                                                        {"\xe2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"}};
    for (const auto& [text, expected] : rows) {
        std::string out;
        JsonWriter(out).string(text);
        const auto back = parse_json(out);
        ASSERT_TRUE(back) << out;
        EXPECT_EQ(back->get<std::string>(), expected);
    }
}

TEST(json, times_have_as_many_digits_as_protojson) {
    const std::pair<std::int64_t, const char*> rows[] = {{0, "1970-01-01T00:00:00Z"},
                                                         {1'500'000'000, "1970-01-01T00:00:01.500Z"},
                                                         {1'000'001'000, "1970-01-01T00:00:01.000001Z"},
                                                         {1'000'000'001, "1970-01-01T00:00:01.000000001Z"},
                                                         {-1, "1969-12-31T23:59:59.999999999Z"}};
    for (const auto& [ns, text] : rows) {
        std::string out;
        append_time(out, ns);
        EXPECT_EQ(out, text);
    }
}

}  // namespace
}  // namespace weft::hubble::test
