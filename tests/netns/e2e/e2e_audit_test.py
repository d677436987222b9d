#!/usr/bin/env python3
"""Policies in audit mode and by type of ICMP, with the real programs and real sockets."""
import socket
import subprocess
import unittest

import main
from node import BUILD, PATIENCE, Node, until
from traffic import FAMILIES, V4, listen, make, ping, udp

AUDIT = {"weft.io/mode": "audit"}
CLOSED = {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"]}
SHORT = 0.3  # seconds that something must not happen


class AuditTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(main.name_of("audit"))
        cls.addClassCleanup(cls.node.clean)
        cls.node.make()
        cls.a, cls.b = cls.node.pod("a"), cls.node.pod("b")

    def apply(self, name, spec, annotations=None, kind="NetworkPolicy", version="networking.k8s.io/v1"):
        metadata = {"name": name, "annotations": annotations or {}}
        status, answer = self.node.api("POST", "/v1/policies", {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
        self.assertEqual(status, 200, answer)
        self.addCleanup(lambda: self.node.api("DELETE", f"/v1/policies/{kind}/default/{name}"))

    def status(self, name):
        return next(one for one in self.node.api("GET", "/v1/policies/status")[1] if one["name"] == name)

    def flow_of(self, query, wanted):
        def found():
            return next((one for one in self.node.flows(f"last=2000&{query}") if "flow" in one and wanted(one)), None)
        return until(f"a flow of {query}", found)

    def command(self, *arguments):
        done = subprocess.run([f"{BUILD}/cli/weft", "--run-dir", f"{self.node.state}/run", *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    def is_dropped(self, family, kind):
        """A message of this type from a to b is dropped, and its flow says so."""
        name = "ICMPv4" if family == V4 else "ICMPv6"
        with make(self.a.netns, family, socket.SOCK_RAW, socket.IPPROTO_ICMP if family == V4 else socket.IPPROTO_ICMPV6) as raw:
            raw.connect((self.b.address(family), 0))
            raw.send(bytes((kind, 0, 0, 0, 0, 1, 0, 1)))
        line = self.flow_of(f"verdict=dropped&protocol={name.lower()}", lambda one: one["flow"]["l4"][name].get("type") == kind)
        self.assertEqual((line["flow"]["drop_reason_desc"], line["weft"]["policies"][0]["name"]), ("POLICY_DENIED", "pings"))

    def test_a_default_deny_in_audit_mode_forwards_tells_and_counts(self):
        for family in FAMILIES:
            with self.subTest(family=family.name):
                self.watched = "watched4" if family == V4 else "watched6"  # what is put back within a minute counts on
                self.apply(self.watched, CLOSED, AUDIT)
                server, port = listen(self.b.netns, family, socket.SOCK_DGRAM)
                client = make(self.a.netns, family, socket.SOCK_DGRAM)
                with server, client:
                    client.connect((self.b.address(family), port))
                    client.send(b"one")
                    data, peer = server.recvfrom(64)
                    server.sendto(data, peer)
                    self.assertEqual(client.recv(64), b"one")
                    line = self.flow_of(f"destination_port={port}&verdict=audit", lambda one: True)
                    self.assertEqual(line["flow"]["verdict"], "AUDIT")
                    self.assertEqual(line["flow"]["event_type"]["type"], 5)
                    audit = line["weft"]["audit"]
                    self.assertEqual((audit["verdict"], audit["reason"], audit["rule"]["audit"]), ("DROPPED", "POLICY_DENIED", True))
                    self.assertEqual([one["name"] for one in audit["policies"]], [self.watched])
                    self.assertNotIn("rule", line["weft"], "nothing that is enforced decided")
                    self.explains(port)
                    self.goes_on_after_a_restart(client, server)
                    self.is_enforced_at_last(client, server, port)

    def explains(self, port):
        status, answer = self.node.api("POST", "/v1/explain", {"source": "a", "destination": "b", "port": port, "protocol": "UDP"})
        self.assertEqual((status, answer["verdict"], answer["audit"]["verdict"]), (200, "allowed", "denied"), answer)
        self.assertEqual((answer["kernel"]["audit"], answer["kernel"]["agrees"]), ("denied", True), answer)
        code, text = self.command("explain", "a", "b", f"{port}/udp")
        self.assertEqual(code, 0)
        self.assertIn("with the policies in audit mode: denied", text)
        self.assertIn("audit", self.command("policy", "list")[1])

    def goes_on_after_a_restart(self, client, server):
        rule = next(one for one in self.status(self.watched)["rules"] if one["default_deny"])
        self.assertEqual((rule["packets"], rule["connections"]), (2, 1))
        before = self.node.settled_state()
        self.node.kill("weftd")
        self.node.start_weftd()
        self.assertEqual(self.node.settled_state(), before)
        client.send(b"two")
        self.assertEqual(server.recv(64), b"two")
        rule = next(one for one in self.status(self.watched)["rules"] if one["default_deny"])
        self.assertEqual((rule["packets"], rule["connections"]), (3, 1))
        self.assertEqual(self.status(self.watched)["mode"], "audit")

    def is_enforced_at_last(self, client, server, port):
        self.apply(self.watched, CLOSED)
        client.send(b"three")
        server.settimeout(SHORT)
        with self.assertRaises(TimeoutError):
            server.recv(64)
        self.flow_of(f"destination_port={port}&verdict=dropped", lambda one: True)
        self.node.api("DELETE", f"/v1/policies/NetworkPolicy/default/{self.watched}")
        client.send(b"four")
        server.settimeout(PATIENCE)
        self.assertEqual(server.recv(64), b"four", "the same connection")

    def test_without_events_connections_are_counted(self):
        self.apply("quiet", dict(CLOSED, ingress=[{}]), {"weft.io/log": "false"})
        server, port = listen(self.b.netns, V4, socket.SOCK_DGRAM)
        other, told = listen(self.b.netns, V4, socket.SOCK_DGRAM)
        client = make(self.a.netns, V4, socket.SOCK_DGRAM)
        with server, other, client:
            client.sendto(b"one", (self.b.v4, port))
            self.assertEqual(server.recv(64), b"one")
            rule = next(one for one in self.status("quiet")["rules"] if one["path"] == "spec.ingress[0]")
            self.assertEqual((rule["connections"], rule["packets"], rule["logged"]), (1, 1, False))
            self.node.api("DELETE", "/v1/policies/NetworkPolicy/default/quiet")
            client.sendto(b"two", (self.b.v4, told))
            self.flow_of(f"destination_port={told}", lambda one: True)
        self.assertEqual(self.node.flows(f"last=2000&destination_port={port}"), [], "and a later one is there")

    def test_types_of_icmp(self):
        self.apply("pings", {"endpointSelector": {"matchLabels": {"app": "b"}}, "log": {"value": "pings of b"}, "ingress": [
            {"icmps": [{"fields": [{"type": "EchoRequest"}, {"family": "IPv6", "type": 128}]}]}]}, None, "CiliumNetworkPolicy", "cilium.io/v2")
        for family in FAMILIES:
            with self.subTest(family=family.name):
                ping(family, self.a.netns, self.b.address(family))
                line = self.flow_of(f"protocol={'icmpv4' if family == V4 else 'icmpv6'}", lambda one: one["weft"].get("rule"))
                self.assertEqual((line["weft"]["rule"]["path"], line["flow"]["policy_log"]), ("spec.ingress[0]", ["pings of b"]))
                self.is_dropped(family, 13 if family == V4 else 160)
                with self.assertRaises(TimeoutError):
                    with make(self.a.netns, family, socket.SOCK_STREAM) as client:
                        client.settimeout(SHORT)
                        client.connect((self.b.address(family), 9))
        self.assertEqual(self.command("explain", "a", "b", "icmp/EchoRequest")[0], 0)
        self.assertEqual(self.command("explain", "a", "b", "icmp/13")[0], 4)
        for family in FAMILIES:
            udp(family, self.b.netns, self.a.netns, self.a.address(family))


if __name__ == "__main__":
    main.main()
