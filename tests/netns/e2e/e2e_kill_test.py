#!/usr/bin/env python3
"""kill -9 of weftd and of hubble-lite, again and again, under traffic."""
import unittest

import main
from node import PATIENCE, Background, Node, until
from streams import PingPong, Stream
from traffic import FAMILIES, ping, tcp, udp

ROUNDS = 6


class KillTest(unittest.TestCase):
    def setUp(self):
        self.node = Node(main.name_of("kill"))
        self.addCleanup(self.node.clean)
        self.node.make()
        self.a, self.b, self.c = (self.node.pod(name) for name in "abc")
        self.node.policy("to-b", {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"],
                                  "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "a"}}}]}]})

    def new_connections(self):
        for family in FAMILIES:
            self.assertEqual(tcp(family, self.a.netns, self.b.netns, self.b.address(family)), self.a.address(family))
            outside = f"{self.node.name}-outside"
            self.assertEqual(udp(family, self.a.netns, outside, self.node.outside[family]), self.node.host[family])
            ping(family, self.node.name, self.a.address(family))
            denied = PingPong(family, self.c, self.b)
            self.assertEqual(denied.echoes(2, 0.05), 0, "the policy holds without the daemons")
            denied.close()

    def test_nothing_is_lost(self):
        before = self.node.settled_state()
        policies = self.node.api("GET", "/v1/policies")[1]
        streams = [Stream(family, self.a, self.b) for family in FAMILIES]
        pairs = [PingPong(family, self.a, self.b) for family in FAMILIES]
        lost = []

        def echo(pair):
            def work(stopping):
                while not stopping.is_set():
                    if pair.echoes(1, PATIENCE / 4) != 1:
                        lost.append(pair.number)
            return work
        echoing = [Background(echo(pair)) for pair in pairs]

        for number in range(ROUNDS):
            self.node.kill("weftd")
            if number % 2:
                self.node.kill("hubble-lite")
            self.new_connections()
            received = [stream.received for stream in streams]
            self.node.start_weftd()
            status = self.node.api("GET", "/v1/status")[1]
            self.assertEqual(status["datapath"]["loaded"], "reused", status)
            self.assertEqual(status["apply"]["writes"], 0, "a start where nothing changed writes nothing")
            if number % 2:
                self.node.start_hubble()
            until("the streams go on", lambda seen=received: all(stream.received > old for stream, old in zip(streams, seen)))
            self.new_connections()
        for one in echoing:
            one.finish()
        self.assertEqual(lost, [])
        self.assertGreater(min(pair.number for pair in pairs), 100)
        for stream in streams:
            stream.finish()

        after = self.node.kernel_state()
        for what, value in before.items():
            self.assertEqual(value, after[what], f"{what} changed")
        self.assertEqual(self.node.api("GET", "/v1/policies")[1], policies)
        for pair in pairs:
            pair.close()
        until("the denied datagrams are counted", lambda: self.drops_of("policy"))
        # Link-local: multicast listener reports and router solicitations of the pods' kernels, of no meaning here.
        self.assertEqual([one for one in self.node.dropped() if "policy" not in one and "link_local" not in one], [], "dropped for another reason")

    def drops_of(self, reason):
        return [one for one in self.node.dropped() if reason in one]

    def test_killed_while_a_policy_changes(self):
        # weftd dies right after it can have seen the file: either state holds, the connection lives, the next start completes the change.
        stream = Stream(FAMILIES[0], self.a, self.b)
        spec = {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "a"}}}], "ports": [{"port": stream.port}]}]}
        for number in range(4):
            self.node.write_policy("to-b", spec | ({"egress": []} if number % 2 == 0 else {}))
            self.node.kill("weftd")
            received = stream.received
            self.node.start_weftd()
            until("the stream goes on", lambda seen=received: stream.received > seen)
        allowed = PingPong(FAMILIES[0], self.a, self.b)
        self.assertEqual(allowed.echoes(2, 0.1), 0, "the last policy allows the stream's TCP port alone")
        allowed.close()
        stream.finish()


if __name__ == "__main__":
    main.main()
