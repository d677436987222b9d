#!/usr/bin/env python3
"""Policies of the node itself, with the real programs and real sockets."""
import contextlib
import socket
import unittest

import main
from node import PATIENCE, Node, until
from traffic import FAMILIES, listen, make, ping, tcp, udp

SHORT = 0.3  # seconds that something must not happen
KIND = "CiliumClusterwideNetworkPolicy"


def ports(*numbers):
    return [{"ports": [{"port": str(number), "protocol": protocol} for number in numbers for protocol in ("TCP", "UDP")]}]


class NodePolicyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(main.name_of("node-policy"))
        cls.addClassCleanup(cls.node.clean)
        cls.node.make()
        cls.a = cls.node.pod("a")
        cls.outside = f"{cls.node.name}-outside"

    def apply(self, name, spec, annotations=None):
        body = {"apiVersion": "cilium.io/v2", "kind": KIND, "metadata": {"name": name, "annotations": annotations or {}}, "spec": {"nodeSelector": {}, **spec}}
        status, answer = self.node.api("POST", "/v1/policies", body)
        self.assertEqual(status, 200, answer)
        self.addCleanup(lambda: self.node.api("DELETE", f"/v1/policies/{KIND}/-/{name}"))

    def connects(self, family, source, address, port, patience=PATIENCE):
        with make(source, family, socket.SOCK_STREAM) as client:
            client.settimeout(patience)
            try:
                client.connect((address, port))
            except TimeoutError:
                return False
            return True

    def dropped(self, port, direction):
        def found():
            return next((one for one in self.node.flows(f"last=2000&verdict=dropped&destination_port={port}") if "flow" in one), None)
        line = until(f"a dropped flow to port {port}", found)
        self.assertEqual(line["flow"]["traffic_direction"], direction, line)
        return line

    def test_from_outside_and_from_pods(self):
        for family in FAMILIES:
            with self.subTest(family=family.name), contextlib.ExitStack() as stack:
                (open_, port), (closed, other) = (listen(self.node.name, family, socket.SOCK_STREAM) for _ in range(2))
                stack.enter_context(open_)
                stack.enter_context(closed)
                self.apply("open", {"ingress": [{"fromEntities": ["world"], "toPorts": ports(port)}]})
                host = self.node.host[family]
                self.assertTrue(self.connects(family, self.outside, host, port))
                self.assertFalse(self.connects(family, self.outside, host, other, SHORT))
                line = self.dropped(other, "INGRESS")
                self.assertEqual((line["weft"]["policies"][0]["name"], line["flow"]["destination"]["labels"]), ("open", ["reserved:host"]))
                self.assertFalse(self.connects(family, self.a.netns, host, port, SHORT), "a pod is not the world")
                self.assertEqual(tcp(family, self.node.name, self.outside, self.node.outside[family]), host, "what the node opens")
                self.assertEqual(tcp(family, self.a.netns, self.outside, self.node.outside[family]), host, "what it forwards")
                self.assertTrue(self.connects(family, self.node.name, host, other), "itself")
                self.agrees(self.node.outside[family], host, other, "denied")
                self.agrees(self.node.outside[family], "reserved:host", port, "allowed")

    def agrees(self, source, destination, port, verdict):
        status, answer = self.node.api("POST", "/v1/explain", {"source": source, "destination": destination, "port": port})
        self.assertEqual((status, answer["verdict"], answer["kernel"]["agrees"]), (200, verdict, True), answer)

    def test_to_outside_and_to_pods(self):
        for family in FAMILIES:
            with self.subTest(family=family.name), contextlib.ExitStack() as stack:
                (open_, port), (closed, other) = (listen(self.outside, family, socket.SOCK_STREAM) for _ in range(2))
                stack.enter_context(open_)
                stack.enter_context(closed)
                self.apply("out", {"egress": [{"toEntities": ["world"], "toPorts": ports(port)}]})
                self.assertTrue(self.connects(family, self.node.name, self.node.outside[family], port))
                self.assertFalse(self.connects(family, self.node.name, self.node.outside[family], other, SHORT))
                self.assertEqual(self.dropped(other, "EGRESS")["flow"]["source"]["labels"], ["reserved:host"])
                with self.assertRaises(TimeoutError):
                    with make(self.node.name, family, socket.SOCK_STREAM) as client:
                        client.settimeout(SHORT)
                        client.connect((self.a.address(family), 80))
                self.assertEqual(udp(family, self.outside, self.node.name, self.node.host[family]), self.node.outside[family], "answers to what comes in")
                self.assertEqual(tcp(family, self.a.netns, self.node.name, self.node.host[family]), self.a.address(family), "and to a pod")
                ping(family, self.outside, self.node.host[family])
                self.assertEqual(tcp(family, self.a.netns, self.outside, self.node.outside[family]), self.node.host[family], "what it forwards")

    def test_a_connection_follows_the_policies_without_weftd_too(self):
        for family in FAMILIES:
            with self.subTest(family=family.name):
                server, port = listen(self.node.name, family, socket.SOCK_DGRAM)
                client = make(self.outside, family, socket.SOCK_DGRAM)
                with server, client:
                    client.connect((self.node.host[family], port))

                    def echoes(server=server, client=client):
                        client.settimeout(SHORT)
                        server.settimeout(SHORT)
                        client.send(b"ping")
                        try:
                            data, peer = server.recvfrom(64)
                            server.sendto(data, peer)
                            return client.recv(64) == b"ping"
                        except TimeoutError:
                            return False
                    self.assertTrue(echoes())
                    self.apply("udp", {"ingress": [{"fromEntities": ["world"], "toPorts": ports(port)}]})
                    self.assertTrue(echoes())
                    self.apply("no-udp", {"ingressDeny": [{"fromEntities": ["world"], "toPorts": ports(port)}]})
                    self.assertFalse(echoes())
                    self.node.settled_state()
                    self.node.kill("weftd")
                    self.assertFalse(echoes())
                    self.node.start_weftd()
                    self.assertEqual(self.node.api("GET", "/v1/status")[1]["apply"]["writes"], 0)
                    self.assertFalse(echoes())
                    self.node.api("DELETE", f"/v1/policies/{KIND}/-/no-udp")
                    self.assertTrue(echoes())
                    self.node.api("DELETE", f"/v1/policies/{KIND}/-/udp")
                    self.assertTrue(echoes())

    def test_status_and_audit(self):
        self.apply("watched", {"ingress": [{"fromEntities": ["cluster"]}]}, {"weft.io/mode": "audit"})
        status = next(one for one in self.node.api("GET", "/v1/policies/status")[1] if one["name"] == "watched")
        self.assertEqual((status["programmed"], status["endpoints"], status["pods"], status["mode"]), (True, 1, 0, "audit"))
        for family in FAMILIES:
            server, port = listen(self.node.name, family, socket.SOCK_STREAM)
            with server:
                self.assertTrue(self.connects(family, self.outside, self.node.host[family], port))
            line = until("a flow that would be denied", lambda p=port: next(
                (one for one in self.node.flows(f"last=2000&verdict=audit&destination_port={p}") if "flow" in one), None))
            self.assertEqual([one["name"] for one in line["weft"]["audit"]["policies"]], ["watched"])


if __name__ == "__main__":
    main.main()
