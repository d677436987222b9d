#!/usr/bin/env python3
"""A policy dropped into the objects directory and taken out again, under traffic of established connections."""
import socket
import time
import unittest

import main
from node import Node, until
from streams import PingPong, Stream
from traffic import FAMILIES, V4, listen, make


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


    def test_a_flow_names_the_rule_and_explain_the_same(self):
        """The whole rule of an allowed connection; of a denied one all policies that isolate the pod."""
        to_b = {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"]}
        ports = lambda *numbers: [{"ports": [{"port": number}]} for number in numbers]
        self.node.policy("one", to_b | {"ingress": ports(1)})
        self.node.policy("two", to_b | {"ingress": ports(2, 5201)})
        for family in FAMILIES:
            with self.subTest(family=family.name):
                server, _ = listen(self.b.netns, family, socket.SOCK_STREAM, 5201)
                with server, make(self.a.netns, family, socket.SOCK_STREAM) as allowed, make(self.a.netns, family, socket.SOCK_STREAM) as denied:
                    allowed.connect((self.b.address(family), 5201))
                    denied.settimeout(0.2)
                    with self.assertRaises(TimeoutError):
                        denied.connect((self.b.address(family), 5202))
                flow = self.flow_of(family, 5201, "FORWARDED")
                wanted = {"kind": "NetworkPolicy", "namespace": "default", "name": "two"}
                self.assertEqual((flow["policies"], flow["rule"]["direction"], flow["rule"]["index"], flow["rule"]["path"], flow["rule"]["default_deny"]),
                                 ([wanted], "ingress", 1, "spec.ingress[1]", False), flow)
                self.same_by_explain(family, 5201, flow)
                flow = self.flow_of(family, 5202, "DROPPED")
                self.assertEqual((flow["policies"], flow["rule"]["direction"], flow["rule"]["default_deny"]), ([wanted | {"name": "one"}, wanted], "ingress", True), flow)
                self.same_by_explain(family, 5202, flow)
        for name in ("one", "two"):
            self.node.policy(name, None)

    def flow_of(self, family, port, verdict):
        """What weft adds to the newest such flow."""
        def seen():
            flows = self.node.flows(f"last=5000&destination_port={port}&verdict={verdict}&destination_ip={self.b.address(family)}")
            return [one["weft"] for one in flows if "flow" in one and "rule" in one.get("weft", {})] or None
        return until(f"a flow to port {port} is {verdict}", seen)[-1]

    def same_by_explain(self, family, port, flow):
        question = {"source": self.a.address(family), "destination": self.b.address(family), "port": port, "protocol": "tcp"}
        status, answer = self.node.api("POST", "/v1/explain", question)
        self.assertEqual(status, 200, answer)
        rule = answer[flow["rule"]["direction"]]["rule"]
        self.assertEqual((rule["id"], rule["policies"]), (flow["rule"]["id"], flow["policies"]), answer)
        self.assertEqual(answer["kernel"]["agrees"], True, answer)


if __name__ == "__main__":
    main.main()
