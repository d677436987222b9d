#!/usr/bin/env python3
"""Policies by DNS names with the real programs, a resolver and real sockets, weftd running or not."""
import socket
import struct
import subprocess
import unittest

import main
from node import BUILD, PATIENCE, Background, Node, until
from traffic import FAMILIES, V4, listen, make, receive, tcp

SHORT = 0.3  # seconds that something must not happen
A, CNAME, AAAA = 1, 5, 28


def wire_name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def question(name, kind, number):
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + wire_name(name) + struct.pack("!2H", kind, 1)


def answer(asked, addresses, alias=None):
    """What a resolver says: the addresses behind the question's name, or behind what it is an alias for."""
    end = asked.index(b"\0", 12) + 5
    records, owner = [], b"\xc0\x0c"
    if alias:
        target = wire_name(alias)
        records.append(owner + struct.pack("!2HIH", CNAME, 1, 300, len(target)) + target)
        owner = struct.pack("!H", 0xC000 | (end + 12))
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else V4
        data = socket.inet_pton(family, address)
        records.append(owner + struct.pack("!2HIH", A if family == V4 else AAAA, 1, 300, len(data)) + data)
    return asked[:2] + struct.pack("!5H", 0x8180, 1, len(records), 0, 0) + asked[12:end] + b"".join(records)


PARTS = {"parts": 7, "bytes": 1}  # first labels of names whose answers by TCP come in segments of so many bytes


class Resolver:
    """Answers on port 53 of an address, by UDP and TCP."""

    def __init__(self, netns, address, names):
        family = socket.AF_INET6 if ":" in address else V4
        self.names, self.address = names, address
        self.datagrams, self.streams = (listen(netns, family, kind, 53, address)[0] for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        for made in (self.datagrams, self.streams):
            made.settimeout(0.1)
        self.threads = [Background(serve) for serve in (self.serve_datagrams, self.serve_streams)]

    def finish(self):
        for thread in self.threads:
            thread.finish()

    def serve_datagrams(self, stopping):
        with self.datagrams:
            while not stopping.is_set():
                try:
                    asked, peer = self.datagrams.recvfrom(512)
                except TimeoutError:
                    continue
                self.datagrams.sendto(self.said(asked), peer)

    def serve_streams(self, stopping):
        with self.streams:
            while not stopping.is_set():
                try:
                    connection = self.streams.accept()[0]
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(PATIENCE)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    while head := connection.recv(2, socket.MSG_WAITALL):
                        self.say(connection, receive(connection, struct.unpack("!H", head)[0]))

    def say(self, connection, asked):
        said = self.said(asked)
        said = struct.pack("!H", len(said)) + said
        size = PARTS.get(next(self.labels(asked)), len(said))
        for at in range(0, len(said), size):
            connection.send(said[at:at + size])

    def said(self, asked):
        name = ".".join(self.labels(asked))
        kind = struct.unpack("!H", asked[asked.index(b"\0", 12) + 1:][:2])[0]
        known, alias = self.names.get(name.lower(), ([], None))
        return answer(asked, [one for one in known if (":" in one) == (kind == AAAA)], alias)

    @staticmethod
    def labels(asked):
        at = 12
        while asked[at]:
            yield asked[at + 1:at + 1 + asked[at]].decode()
            at += 1 + asked[at]


def resolve(netns, resolver, name, family, number=7):
    """Addresses that the resolver gives, asked from a namespace."""
    with make(netns, socket.AF_INET6 if ":" in resolver else V4, socket.SOCK_DGRAM) as client:
        client.connect((resolver, 53))
        client.send(question(name, A if family == V4 else AAAA, number))
        said = client.recv(4096)
    return struct.unpack("!H", said[6:8])[0]


def resolve_by_tcp(netns, resolver, names, family):
    """The numbers of addresses that the resolver gives for names, asked in one connection; lengths are sent by themselves."""
    counts = []
    with make(netns, socket.AF_INET6 if ":" in resolver else V4, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect((resolver, 53))
        for number, name in enumerate(names):
            asked = question(name, A if family == V4 else AAAA, number)
            client.send(struct.pack("!H", len(asked)))
            client.send(asked)
            said = receive(client, struct.unpack("!H", receive(client, 2))[0])
            counts.append(struct.unpack("!H", said[6:8])[0])
    return counts


class DnsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = node = Node(main.name_of("dns"))
        cls.addClassCleanup(node.clean)
        node.make()
        cls.client, cls.resolver = node.pod("client"), node.pod("resolver")
        names = {
            "www.example.com": (list(node.far.values()), None),
            "cdn.example.com": (list(node.far.values()), "edge.example.net"),
            "a.example.org": (list(node.outside.values()), None),
            "other.example.net": (list(node.far.values()), None),
            **{f"parts.{where}": (list(node.far.values()), None) for where in ("example.com", "down.example.com", "outside.example.com", "host.example.com")},
            "whole.example.com": (list(node.far.values()), None),
            "bytes.example.com": (list(node.far.values()), "edge.example.net"),
            # More than one segment: 80 addresses that nobody has, and at the end the one that is meant.
            "many.example.com": ([f"203.0.113.{i}" for i in range(80)] + [f"2001:db8:9::{i:x}" for i in range(80)] + list(node.far.values()), None),
        }
        cls.resolvers = [Resolver(netns, address, names) for netns, addresses in
                         ((cls.resolver.netns, (cls.resolver.v4, cls.resolver.v6)), (f"{node.name}-outside", node.outside.values()), (node.name, node.host.values()))
                         for address in addresses]
        for one in cls.resolvers:
            cls.addClassCleanup(one.finish)

    def names(self, *names, resolver=None):
        to = [{"toEndpoints": [{"matchLabels": {"app": "resolver"}}]}] if resolver is None else [{"toCIDR": [f"{one}/{128 if ':' in one else 32}" for one in resolver]}]
        if resolver == "host":
            to = [{"toEntities": ["host"]}]
        to[0]["toPorts"] = [{"ports": [{"port": "53", "protocol": one} for one in ("UDP", "TCP")], "rules": {"dns": [{"matchPattern": "*"}]}}]
        fqdns = [{"matchPattern" if "*" in name else "matchName": name} for name in names]
        status, said = self.node.api("POST", "/v1/policies", {
            "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "names"},
            "spec": {"endpointSelector": {"matchLabels": {"app": "client"}}, "egress": [*to, {"toFQDNs": fqdns}]}})
        self.assertEqual(status, 200, said)
        self.addCleanup(lambda: self.node.api("DELETE", "/v1/policies/CiliumNetworkPolicy/default/names"))

    def closed(self, family, address):
        with make(self.client.netns, family, socket.SOCK_STREAM) as client:
            client.settimeout(SHORT)
            with self.assertRaises(TimeoutError):
                client.connect((address, 9))

    def opened(self, family, place):
        address = {"far": self.node.far, "outside": self.node.outside}[place][family]
        self.assertEqual(tcp(family, self.client.netns, f"{self.node.name}-{place}", address), self.node.host[family])

    def resolves(self, name, family, resolver=None):
        self.assertGreater(resolve(self.client.netns, resolver or self.resolver.address(family), name, family), 0)

    def test_an_answer_opens_what_it_names_at_once(self):
        self.names("www.example.com", "*.example.org")
        for family in FAMILIES:
            with self.subTest(family=family.name):
                self.closed(family, self.node.far[family])
                self.resolves("other.example.net", family)
                self.closed(family, self.node.far[family])
                self.resolves("WWW.example.com", family)
                self.opened(family, "far")
                self.closed(family, self.node.outside[family])
                self.resolves("a.example.org", family)
                self.opened(family, "outside")

    def test_aliases_belong_to_the_question(self):
        self.names("cdn.example.com")
        for family in FAMILIES:
            self.resolves("cdn.example.com", family)
            self.opened(family, "far")

    def test_without_weftd(self):
        self.names("cdn.example.com", "a.example.org")
        self.node.kill("weftd")
        try:
            for family in FAMILIES:
                self.resolves("a.example.org", family)
                self.opened(family, "outside")
        finally:
            self.node.start_weftd()
        for family in FAMILIES:
            self.opened(family, "outside")
            self.resolves("cdn.example.com", family)
            self.opened(family, "far")

    def resolves_by_tcp(self, names, family, resolver=None):
        for count in resolve_by_tcp(self.client.netns, resolver or self.resolver.address(family), names, family):
            self.assertGreater(count, 0)

    def test_answers_by_tcp_open_what_they_name_at_once(self):
        for name in ("whole", "parts", "bytes", "many"):
            for family in FAMILIES:
                with self.subTest(name=name, family=family.name):
                    self.names(f"{name}.example.com", "a.example.org")
                    self.resolves_by_tcp(["other.example.net"], family)
                    self.closed(family, self.node.far[family])
                    self.resolves_by_tcp(["other.example.net", f"{name}.example.com", "a.example.org"], family)
                    self.opened(family, "far")
                    self.opened(family, "outside")
                    self.names("nothing.example.com")

    def test_answers_by_tcp_without_weftd(self):
        self.names("parts.down.example.com")
        for family in FAMILIES:
            self.closed(family, self.node.far[family])
        self.node.kill("weftd")
        try:
            for family in FAMILIES:
                self.resolves_by_tcp(["parts.down.example.com"], family)
                self.opened(family, "far")
        finally:
            self.node.start_weftd()

    def test_resolvers_by_tcp_outside_and_of_the_node(self):
        for place, resolver, addresses in (("outside", self.node.outside.values(), self.node.outside), ("host", "host", self.node.host)):
            self.names(f"parts.{place}.example.com", resolver=resolver)
            for family in FAMILIES:
                self.closed(family, self.node.far[family])
                self.resolves_by_tcp([f"parts.{place}.example.com"], family, addresses[family])
                self.opened(family, "far")

    def test_flows_by_tcp(self):
        self.names("bytes.example.com")
        self.resolves_by_tcp(["bytes.example.com"], V4)

        def told(kind):
            return until(f"a flow of the {kind}", lambda: next((one["flow"] for one in self.node.flows("last=2000&type=l7&protocol=tcp")
                                                                if one["flow"]["l7"]["type"] == kind and one["flow"]["l7"]["dns"]["query"] == "bytes.example.com."), None))
        asked, said = told("REQUEST"), told("RESPONSE")
        self.assertEqual((asked["source"]["pod_name"], asked["destination"]["pod_name"], asked["l4"]["TCP"]["destination_port"]), ("client", "resolver", 53))
        self.assertEqual((said["source"]["pod_name"], said["l7"]["dns"]["ips"], said["is_reply"]), ("resolver", [self.node.far[V4]], True))
        self.assertGreater(int(said["l7"]["latency_ns"]), 0)

    def test_resolvers_outside_and_of_the_node(self):
        for resolver, addresses in ((self.node.outside.values(), self.node.outside), ("host", self.node.host)):
            self.names("www.example.com", resolver=resolver)
            for family in FAMILIES:
                self.resolves("www.example.com", family, addresses[family])
                self.opened(family, "far")
            self.names("nothing.example.com", resolver=resolver)
            for family in FAMILIES:
                self.closed(family, self.node.far[family])

    def test_flows_and_what_people_ask(self):
        self.names("www.example.com")
        self.resolves("www.example.com", V4)

        def told(kind):
            return until(f"a flow of the {kind}", lambda: next((one["flow"] for one in self.node.flows("last=2000&type=l7")
                                                                if one["flow"]["l7"]["type"] == kind and one["flow"]["l7"]["dns"]["query"] == "www.example.com."), None))
        asked, said = told("REQUEST"), told("RESPONSE")
        self.assertEqual((asked["source"]["pod_name"], asked["destination"]["pod_name"], asked["l7"]["dns"]["qtypes"]), ("client", "resolver", ["A"]))
        self.assertEqual((said["source"]["pod_name"], said["l7"]["dns"]["ips"], said["l7"]["dns"]["ttl"], said["is_reply"]), ("resolver", [self.node.far[V4]], 300, True))
        self.assertGreater(int(said["l7"]["latency_ns"]), 0)
        status, why = self.node.api("POST", "/v1/explain", {"source": "client", "destination": self.node.far[V4], "port": 80})
        self.assertEqual((status, why["verdict"], why["egress"]["name"], why["kernel"]["agrees"]), (200, "allowed", "www.example.com", True), why)
        self.assertEqual(why["egress"]["rule"]["path"], "spec.egress[1]")
        command = subprocess.run([f"{BUILD}/cli/weft", "--run-dir", f"{self.node.state}/run", "explain", "client", self.node.far[V4], "80"], capture_output=True, text=True, check=False)
        self.assertEqual(command.returncode, 0, command.stderr)
        self.assertIn("known as www.example.com", command.stdout)
        rows = [row for row in self.node.rows("dns_addresses") if row["address"] == self.node.far[V4]]
        self.assertIn("www.example.com", [name["name"] for row in rows for name in row["names"]])
        counts = {row["what"]: row["count"] for row in self.node.rows("dns_counters")}
        self.assertGreater(counts["answers"], 0)
        self.assertIn('weft_dns_messages_total{outcome="read"}', self.node.hubble("/metrics")[1])


if __name__ == "__main__":
    main.main()
