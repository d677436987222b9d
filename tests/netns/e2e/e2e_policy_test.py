#!/usr/bin/env python3
"""A policy dropped into the objects directory and taken out again, under traffic of established connections."""
import time
import unittest

import main
from node import Node, until
from streams import PingPong, Stream
from traffic import FAMILIES, V4

class PolicyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(main.name_of("policy"))
        cls.addClassCleanup(cls.node.clean)
        cls.node.make()
        cls.a, cls.b = cls.node.pod("a"), cls.node.pod("b")

    def check_flows(self, stream, policy):
        """hubble-lite has the connection as forwarded first, as dropped by the policy after."""
        def seen():
            flows = [one for one in self.node.flows(f"last=5000&destination_port={stream.port}&protocol=tcp") if "flow" in one]
            verdicts = [one["flow"]["verdict"] for one in flows]
            return flows if "DROPPED" in verdicts else None
        flows = until("the drop is in /v1/flows", seen)
        self.assertEqual(flows[0]["flow"]["verdict"], "FORWARDED")
        self.assertEqual((flows[0]["flow"]["source"]["pod_name"], flows[0]["flow"]["destination"]["pod_name"]), ("a", "b"))
        drop = next(one for one in flows if one["flow"]["verdict"] == "DROPPED")
        self.assertEqual([one["name"] for one in drop["weft"]["policies"]], [policy], drop)
        self.assertEqual(drop["flow"]["drop_reason_desc"], "POLICY_DENIED")

    def stops_and_goes_on(self, family, policy, spec):
        stream, pair = Stream(family, self.a, self.b), PingPong(family, self.a, self.b)
        until("the stream runs", lambda: stream.received > 50)
        self.assertEqual(pair.echoes(20, 30), 20)
        self.node.policy(policy, spec)
        # In force now: what is in the receiver's socket buffer may still be read, nothing else arrives.
        time.sleep(0.2)
        before, sent = stream.received, stream.sent
        self.assertEqual(pair.echoes(5, 0.1), 0)
        until("the sender goes on", lambda: stream.sent > sent + 20)
        self.assertEqual(stream.received, before, "the connection goes on under a policy that denies it")
        self.check_flows(stream, policy)
        self.node.policy(policy, None)
        until("the same connection goes on", lambda: stream.received > before + 50)
        self.assertEqual(pair.echoes(20, 30), 20)
        stream.finish()
        pair.close()

    def test_ingress(self):
        for family in FAMILIES:
            with self.subTest(family=family.name):
                self.stops_and_goes_on(family, "deny-to-b", {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"]})

    def test_egress(self):
        for family in FAMILIES:
            with self.subTest(family=family.name):
                self.stops_and_goes_on(family, "deny-from-a", {"podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Egress"]})

    def test_a_policy_that_allows_the_connection_does_not_touch_it(self):
        stream = Stream(V4, self.a, self.b)
        self.node.policy("only-a", {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"],
                                    "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "a"}}}]}]})
        before = stream.received
        until("the connection goes on", lambda: stream.received > before + 50)
        self.assertNotIn("DROPPED", [one["flow"]["verdict"] for one in self.node.flows(f"last=5000&port={stream.port}") if "flow" in one])
        self.node.policy("only-a", None)
        stream.finish()


if __name__ == "__main__":
    main.main()
