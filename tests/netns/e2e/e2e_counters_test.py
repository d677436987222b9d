#!/usr/bin/env python3
"""Counters of rules: exact under real traffic, whatever else changes, as long as the rule is kept."""
import socket
import threading
import unittest

import main
from node import Node
from traffic import FAMILIES, V4, listen, make

PAYLOAD = 64
HEADERS = {socket.AF_INET: 20 + 8, socket.AF_INET6: 40 + 8}


def udp_port(port):
    return {"ports": [{"protocol": "UDP", "port": port}]}


def spec(*rules):
    return {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"], "ingress": list(rules)}


class Echo:
    """One UDP flow from a to b."""

    def __init__(self, family, a, b, port):
        self.server, _ = listen(b.netns, family, socket.SOCK_DGRAM, port)
        self.client = make(a.netns, family, socket.SOCK_DGRAM)
        self.client.connect((b.address(family), port))

    def exchange(self, count):
        for _ in range(count):
            self.client.send(bytes(PAYLOAD))
            data, peer = self.server.recvfrom(2048)
            self.server.sendto(data, peer)
            self.client.recv(2048)

    def close(self):
        self.client.close()
        self.server.close()


class CountersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(main.name_of("counters"))
        cls.addClassCleanup(cls.node.clean)
        cls.node.make()
        cls.a, cls.b = cls.node.pod("a"), cls.node.pod("b")

    def apply(self, name, policy):
        body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": policy}
        status, answer = self.node.api("POST", "/v1/policies", body)
        self.assertEqual(status, 200, answer)

    def delete(self, name):
        self.assertEqual(self.node.api("DELETE", f"/v1/policies/NetworkPolicy/default/{name}")[0], 200)

    def status(self, name):
        status, answer = self.node.api("GET", "/v1/policies/status")
        self.assertEqual(status, 200, answer)
        return next(one for one in answer if one["name"] == name)

    def counted(self, name, path):
        """Packets, bytes and connections of the rule at this place."""
        rule = next(one for one in self.status(name)["rules"] if one["path"] == path)
        return rule["packets"], rule["bytes"], rule["connections"]

    def exact(self, family, packets, connections):
        return packets, packets * (PAYLOAD + HEADERS[family]), connections

    def test_counts_stay_with_the_rule(self):
        for number, family in enumerate(FAMILIES):
            with self.subTest(family=family.name):
                self.stay_with_the_rule(family, 7000 + 10 * number, f"keep{number}")

    def stay_with_the_rule(self, family, port, name):
        self.apply(name, spec(udp_port(port)))
        self.assertEqual(self.counted(name, "spec.ingress[0]"), (0, 0, 0))
        flow = Echo(family, self.a, self.b, port)
        flow.exchange(10)
        self.assertEqual(self.counted(name, "spec.ingress[0]"), self.exact(family, 20, 1), "of a live connection too")
        self.apply("other", spec(udp_port(1)))
        self.assertEqual(self.counted(name, "spec.ingress[0]"), self.exact(family, 20, 1), "another policy was made")
        flow.exchange(5)
        self.assertEqual(self.counted(name, "spec.ingress[0]"), self.exact(family, 30, 1), "the connection is decided again")
        self.apply("other", spec(udp_port(1), udp_port(2)))
        flow.exchange(1)
        self.assertEqual(self.counted(name, "spec.ingress[0]"), self.exact(family, 32, 1))
        self.apply(name, spec(udp_port(port + 1), udp_port(port)))
        self.assertEqual(self.counted(name, "spec.ingress[1]"), self.exact(family, 32, 1), "the rule stands elsewhere now")
        self.assertEqual(self.counted(name, "spec.ingress[0]"), (0, 0, 0))
        flow.exchange(1)
        second = Echo(family, self.a, self.b, port + 1)
        second.exchange(2)
        self.assertEqual(self.counted(name, "spec.ingress[1]"), self.exact(family, 34, 1))
        self.assertEqual(self.counted(name, "spec.ingress[0]"), self.exact(family, 4, 1))
        self.delete("other")
        self.apply(name, spec(udp_port(port)))
        self.assertEqual(self.counted(name, "spec.ingress[0]"), self.exact(family, 34, 1), "the other rule is gone")
        self.node.kill("weftd")
        self.node.start_weftd()
        flow.exchange(1)
        self.assertEqual(self.counted(name, "spec.ingress[0]"), self.exact(family, 36, 1), "weftd was started again")
        self.apply(name, spec(udp_port(port + 2)))
        self.assertEqual(self.counted(name, "spec.ingress[0]"), (0, 0, 0), "another rule at the same place")
        flow.close()
        second.close()
        self.delete(name)

    def test_exact_while_policies_change_under_traffic(self):
        for number, family in enumerate(FAMILIES):
            with self.subTest(family=family.name):
                self.change_under_traffic(family, 7100 + 10 * number, f"busy{number}")

    def change_under_traffic(self, family, port, name):
        """Each change flips the generation: the rule moves in its policy, and policies beside it come and go."""
        self.apply(name, spec(udp_port(port)))
        flow, sent, over = Echo(family, self.a, self.b, port), [0], threading.Event()

        def talk():
            while not over.is_set():
                flow.exchange(10)
                sent[0] += 20

        talker = threading.Thread(target=talk)
        talker.start()
        try:
            for turn in range(100):
                rules = [udp_port(port + 1), udp_port(port)] if turn % 2 else [udp_port(port)]
                self.apply(name, spec(*rules))
                self.apply("beside", spec(udp_port(1 + turn % 3)))
        finally:
            over.set()
            talker.join()
        self.assertGreater(sent[0], 100)
        self.assertEqual(self.counted(name, "spec.ingress[1]"), self.exact(family, sent[0], 1))
        flow.close()
        self.delete("beside")
        self.delete(name)

    def test_denials_count_for_the_default_deny(self):
        self.apply("closed", spec(udp_port(1)))
        server, port = listen(self.b.netns, V4, socket.SOCK_DGRAM)
        client = make(self.a.netns, V4, socket.SOCK_DGRAM)
        with server, client:
            for _ in range(7):
                client.sendto(bytes(PAYLOAD), (self.b.address(V4), port))
        denied = next(one for one in self.status("closed")["rules"] if one["default_deny"])
        self.assertEqual((denied["packets"], denied["bytes"], denied["connections"]), (7, 7 * (PAYLOAD + 28), 0))
        self.assertEqual([one["name"] for one in denied["policies"]], ["closed"])
        self.delete("closed")

    def test_status_says_why_a_policy_is_not_in_force(self):
        self.apply("nobody", {"podSelector": {"matchLabels": {"app": "nobody"}}})
        nobody = self.status("nobody")
        self.assertEqual((nobody["accepted"], nobody["programmed"], nobody["endpoints"]), (True, False, 0))
        self.assertEqual(nobody["reason"], "it selects no pod that is known")
        self.apply("somebody", {"podSelector": {}})
        somebody = self.status("somebody")
        self.assertEqual((somebody["programmed"], somebody["endpoints"], somebody["reason"]), (True, 2, ""))
        for name in ("nobody", "somebody"):
            self.delete(name)


if __name__ == "__main__":
    main.main()
