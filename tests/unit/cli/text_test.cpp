// What people read: tables, rules, flows; and the query that `weft observe` asks.
#include <gtest/gtest.h>

#include <sstream>

#include "cli/flow_text.hpp"
#include "cli/observe.hpp"
#include "cli/table.hpp"

namespace weft::cli {
namespace {

Json json(const char* text) {
    return Json::parse(text);
}

TEST(CliTable, ColumnsAreAsWideAsTheirWidestCell) {
    Table table({"ID", "NAME", "END"});
    table.row({"1", "a-long-name", "x"});
    table.row({"1234", "é", "y"});
    std::ostringstream out;
    table.print(out);
    EXPECT_EQ(out.str(),
              "ID    NAME         END\n"
              "1     a-long-name  x\n"
              "1234  é            y\n");
}

TEST(CliTable, ControlCharactersDoNotReachTheTerminal) {
    Table table({"NAME"});
    table.row({"a\x1b[2Jb\nc"});
    std::ostringstream out;
    table.print(out);
    EXPECT_EQ(out.str(), "NAME\na?[2Jb?c\n");
}

TEST(CliTable, TextOfMembers) {
    const auto value =
        json(R"({"pod":{"name":"web","empty":""},"ips":["10.0.0.1","fd00::1"],"n":7,"none":null,"list":[]})");
    EXPECT_EQ(text(value, "pod.name"), "web");
    EXPECT_EQ(text(value, "ips"), "10.0.0.1,fd00::1");
    EXPECT_EQ(text(value, "n"), "7");
    for (const char* path : {"pod.empty", "none", "list", "absent", "pod.name.deeper", "ips.x"})
        EXPECT_EQ(text(value, path), "-") << path;
}

TEST(CliTable, RulesByName) {
    EXPECT_EQ(rule_text(json(
                  R"({"kind":"NetworkPolicy","namespace":"default","name":"web","direction":"ingress","index":2})")),
              "NetworkPolicy default/web ingress[2]");
    EXPECT_EQ(rule_text(json(R"({"default_deny":true,"policies":[{"kind":"NetworkPolicy","namespace":"a","name":"x"},
                                 {"kind":"NetworkPolicy","namespace":"a","name":"y"}]})")),
              "default deny of NetworkPolicy a/x, NetworkPolicy a/y");
    EXPECT_EQ(rule_text(json(R"({"default_deny":true})")), "default deny");
    EXPECT_EQ(rule_text(Json()), "-");
    EXPECT_EQ(labels_text(json(R"({"app":"web","tier":"front"})")), "app=web,tier=front");
    EXPECT_EQ(labels_text(json(R"({"reserved:host":""})")), "reserved:host");
    EXPECT_EQ(bytes_text(512), "512 B");
    EXPECT_EQ(bytes_text(1536), "1.5 KiB");
    EXPECT_EQ(bytes_text(39.0 * 1024 * 1024), "39.0 MiB");
}

TEST(CliFlow, ForwardedNamesThePodsAndTheRule) {
    EXPECT_EQ(flow_text(json(
                  R"({"time":"2026-01-02T03:04:05.678901Z","flow":{"verdict":"FORWARDED","Summary":"TCP Flags: SYN",
        "IP":{"source":"10.0.0.1","destination":"10.0.0.2"},"l4":{"TCP":{"source_port":4711,"destination_port":80}},
        "source":{"namespace":"default","pod_name":"a"},"destination":{"namespace":"default","pod_name":"b"}},
        "weft":{"event":"new","rule":{"kind":"NetworkPolicy","namespace":"default","name":"web","direction":"ingress","index":0}}})")),
              "03:04:05.678  FORWARDED  default/a:4711 -> default/b:80  TCP Flags: SYN  NetworkPolicy default/web "
              "ingress[0]");
}

TEST(CliFlow, DroppedSaysWhy) {
    EXPECT_EQ(
        flow_text(json(R"({"time":"2026-01-02T03:04:05Z","flow":{"verdict":"DROPPED","Summary":"UDP",
        "IP":{"source":"fd00::1","destination":"fd00::2"},"l4":{"UDP":{"source_port":1,"destination_port":53}}},
        "weft":{"event":"drop","reason":"POLICY_DENIED","rule":{"id":2,"default_deny":true},
                "policies":[{"kind":"NetworkPolicy","namespace":"n","name":"p"}]}})")),
        "03:04:05.000  DROPPED    [fd00::1]:1 -> [fd00::2]:53  UDP  policy_denied  default deny of NetworkPolicy n/p");
}

TEST(CliFlow, ClosedShowsItsCounts) {
    EXPECT_EQ(
        flow_text(json(R"({"time":"2026-01-02T03:04:05.5Z","flow":{"verdict":"FORWARDED","Summary":"ICMPv4 EchoRequest",
        "IP":{"source":"10.0.0.1","destination":"10.0.0.2"},"l4":{"ICMPv4":{"type":8}}},
        "weft":{"event":"close","packets":3,"bytes":252}})")),
        "03:04:05.500  FORWARDED  10.0.0.1 -> 10.0.0.2  ICMPv4 EchoRequest  close 3 packets, 252 bytes");
}

TEST(CliFlow, LostEventsAreALine) {
    EXPECT_EQ(
        flow_text(json(
            R"({"time":"2026-01-02T03:04:05Z","lost_events":{"source":"PERF_EVENT_RING_BUFFER","num_events_lost":"17"}})")),
        "03:04:05.000  LOST       17 events (PERF_EVENT_RING_BUFFER)");
}

TEST(CliObserve, TheLastTwentyByDefault) {
    EXPECT_EQ(flows_target({}), "/v1/flows?last=20");
    ObserveOptions follow;
    follow.follow = true;
    EXPECT_EQ(flows_target(follow), "/v1/flows?follow=true");
    follow.last = 5;
    EXPECT_EQ(flows_target(follow), "/v1/flows?last=5&follow=true");
    ObserveOptions since;
    since.since = "5m";
    EXPECT_EQ(flows_target(since), "/v1/flows?since=5m");
}

TEST(CliObserve, FiltersAreEscaped) {
    ObserveOptions options;
    options.last = 1;
    options.filters["source_pod"] = {"default/a b", "x&y=z"};
    options.filters["verdict"] = {};
    EXPECT_EQ(flows_target(options), "/v1/flows?last=1&source_pod=default%2Fa%20b&source_pod=x%26y%3Dz");
}

}  // namespace
}  // namespace weft::cli
