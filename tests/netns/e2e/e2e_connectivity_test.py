#!/usr/bin/env python3
"""Packets of pods through the real programs: every pair of places, both families, and what is special about packets."""
import errno
import functools
import json
import socket
import struct
import unittest

import main
from node import Node, run, until
from traffic import FAMILIES, V4, V6, Neighbourhood, bulk, checksum, echo_request, listen, make, ping, receive, tcp, udp

IP_RECVERR, IPV6_RECVERR = 11, 25
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU, IP_RECVTTL = 10, 2, 14, 12
IPV6_MTU_DISCOVER, IPV6_MTU = 23, 24


def both_families(test):
    @functools.wraps(test)
    def each(self):
        for family in FAMILIES:
            with self.subTest(family=family.name):
                test(self, family)
    return each


class ConnectivityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(main.name_of("conn"))
        cls.addClassCleanup(cls.node.clean)
        cls.node.make()
        cls.a, cls.b = cls.node.pod("a"), cls.node.pod("b")

    def everything(self, family, source, destination, address, seen):
        self.assertEqual(tcp(family, source, destination, address), seen)
        self.assertEqual(udp(family, source, destination, address), seen)
        ping(family, source, address)

    def test_pod_to_pod(self):
        watch = [Neighbourhood(pod.netns) for pod in (self.a, self.b)]
        for family in FAMILIES:
            self.everything(family, self.a.netns, self.b.netns, self.b.address(family), self.a.address(family))
            self.everything(family, self.b.netns, self.a.netns, self.a.address(family), self.b.address(family))
        for watching in watch:
            frames, resolving = watching.finish()
            self.assertGreater(frames, 20, "the capture sees the traffic")
            self.assertEqual(resolving, [], "ARP or neighbour discovery in a pod")
        for family in ("-4", "-6"):
            entries = json.loads(run("ip", "-n", self.a.netns, family, "-j", "neigh", "show", "dev", "eth0").stdout)
            self.assertEqual([entry["state"] for entry in entries], [["PERMANENT"]], entries)

    @both_families
    def test_pod_to_itself(self, family):
        self.everything(family, self.a.netns, self.a.netns, self.a.address(family), self.a.address(family))

    @both_families
    def test_pod_and_host(self, family):
        self.everything(family, self.a.netns, self.node.name, self.node.host[family], self.a.address(family))
        ping(family, self.node.name, self.a.address(family))
        for seen in (tcp(family, self.node.name, self.a.netns, self.a.address(family)), udp(family, self.node.name, self.a.netns, self.a.address(family))):
            self.assertEqual(seen, self.node.host[family])

    @both_families
    def test_outside_sees_the_nodes_address(self, family):
        for place, address in (("outside", self.node.outside[family]), ("far", self.node.far[family])):
            self.everything(family, self.a.netns, f"{self.node.name}-{place}", address, self.node.host[family])

    @both_families
    def test_refused_connections_are_refused_at_once(self, family):
        for address in (self.b.address(family), self.node.host[family], self.node.outside[family]):
            with make(self.a.netns, family, socket.SOCK_DGRAM) as client:
                client.connect((address, 9))
                client.send(b"x")
                with self.assertRaises(ConnectionRefusedError):
                    client.recv(1)
            with make(self.a.netns, family, socket.SOCK_STREAM) as client, self.assertRaises(ConnectionRefusedError):
                client.connect((address, 9))

    @both_families
    def test_fragments(self, family):
        outside = f"{self.node.name}-outside"
        for size in (1472, 1473, 4000, 20000):
            self.assertEqual(udp(family, self.a.netns, self.b.netns, self.b.address(family), size), self.a.address(family))
            self.assertEqual(udp(family, self.a.netns, outside, self.node.outside[family], size), self.node.host[family])
            self.assertEqual(udp(family, self.a.netns, self.node.name, self.node.host[family], size), self.a.address(family))
        ping(family, self.a.netns, self.b.address(family), 5000)
        ping(family, self.a.netns, self.node.outside[family], 5000)

    @both_families
    def test_path_mtu_reaches_the_pod(self, family):
        # The link to `far` carries 1300: the router's ICMP error names the node's address and must be handed to the pod.
        far = f"{self.node.name}-far"
        level, discover, mtu = (socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_MTU) if family == V4 else (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_MTU)
        server, port = listen(far, family, socket.SOCK_DGRAM)
        with server, make(self.a.netns, family, socket.SOCK_DGRAM) as client:
            client.setsockopt(level, discover, IP_PMTUDISC_DO)
            client.connect((self.node.far[family], port))
            self.assertEqual(client.getsockopt(level, mtu), 1500)

            def learned():
                try:
                    client.send(bytes(1400))
                except OSError as error:
                    self.assertEqual(error.errno, errno.EMSGSIZE)
                return client.getsockopt(level, mtu) == 1300
            until("the path's MTU is known in the pod", learned)
            client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # EMSGSIZE once more, from the ICMP error
            client.send(bytes(1200))
            self.assertEqual(len(server.recv(65536)), 1200)
        sent, got = bulk(family, self.a.netns, far, self.node.far[family], 1 << 20)
        self.assertEqual(sent, got)

    @both_families
    def test_streams_arrive_intact(self, family):
        outside = f"{self.node.name}-outside"
        for source, destination, address in ((self.a.netns, self.b.netns, self.b.address(family)), (self.a.netns, outside, self.node.outside[family]),
                                             (self.a.netns, self.node.name, self.node.host[family]), (self.node.name, self.b.netns, self.b.address(family))):
            sent, got = bulk(family, source, destination, address, 10 << 20)
            self.assertEqual(sent, got, f"{source} to {destination}")

    def test_checksums_without_offload(self):
        for pod in (self.a, self.b):
            run("nsenter", f"--net=/run/netns/{pod.netns}", "ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        try:
            for family in FAMILIES:
                self.assertEqual(*bulk(family, self.a.netns, self.b.netns, self.b.address(family), 1 << 20))
                self.assertEqual(*bulk(family, self.a.netns, f"{self.node.name}-outside", self.node.outside[family], 1 << 20))
        finally:
            for pod in (self.a, self.b):
                run("nsenter", f"--net=/run/netns/{pod.netns}", "ethtool", "-K", "eth0", "tx", "on", "tso", "on", "gso", "on", "gro", "on")

    @both_families
    def test_options_and_extension_headers(self, family):
        option = {V4: (socket.IPPROTO_IP, 4, b"\x44\x0c\x05\x00" + bytes(8)),  # IP_OPTIONS: a timestamp option with room for two
                  V6: (socket.IPPROTO_IPV6, 59, b"\x00\x00\x01\x04" + bytes(4))}  # IPV6_DSTOPTS: padding
        for destination, address, seen in ((self.b.netns, self.b.address(family), self.a.address(family)),
                                           (f"{self.node.name}-outside", self.node.outside[family], self.node.host[family])):
            server, port = listen(destination, family, socket.SOCK_DGRAM)
            with server, make(self.a.netns, family, socket.SOCK_DGRAM) as client:
                client.setsockopt(*option[family])
                client.connect((address, port))
                client.send(b"with options")
                got, peer = server.recvfrom(100)
                self.assertEqual((got, peer[0]), (b"with options", seen))
                server.sendto(b"answer", peer)
                self.assertEqual(client.recv(100), b"answer")
            server, port = listen(destination, family, socket.SOCK_STREAM)
            with server, make(self.a.netns, family, socket.SOCK_STREAM) as client:
                client.setsockopt(*option[family])
                client.connect((address, port))
                connection, peer = server.accept()
                with connection:
                    client.sendall(b"with options")
                    self.assertEqual((receive(connection, 12), peer[0]), (b"with options", seen))

    def hops(self, family, source, destination, address, limit=64):
        """The TTL or hop limit with which a packet of this limit arrives; None if it does not."""
        level, set_it, receive_it, name = ((socket.IPPROTO_IP, socket.IP_TTL, IP_RECVTTL, socket.IP_TTL) if family == V4 else
                                           (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, socket.IPV6_RECVHOPLIMIT, socket.IPV6_HOPLIMIT))
        server, port = listen(destination, family, socket.SOCK_DGRAM)
        with server, make(source, family, socket.SOCK_DGRAM) as client:
            server.setsockopt(level, receive_it, 1)
            client.connect((address, port))
            client.setsockopt(level, set_it, limit)
            client.send(b"limited")
            client.setsockopt(level, set_it, 64)
            client.send(b"last")  # in order behind it
            data, ancillary, _, _ = server.recvmsg(100, 100)
            if data == b"last":
                return None
            return next(struct.unpack("i", value)[0] for at, kind, value in ancillary if (at, kind) == (level, name))

    @both_families
    def test_time_to_live(self, family):
        outside = f"{self.node.name}-outside"
        self.assertEqual(self.hops(family, self.a.netns, self.b.netns, self.b.address(family)), 63)
        self.assertEqual(self.hops(family, self.a.netns, self.b.netns, self.b.address(family), 2), 1)
        self.assertIsNone(self.hops(family, self.a.netns, self.b.netns, self.b.address(family), 1))
        self.assertEqual(self.hops(family, self.a.netns, outside, self.node.outside[family]), 63)
        self.assertIsNone(self.hops(family, self.a.netns, outside, self.node.outside[family], 1))

    def limit(self, sock, family, hops):
        sock.setsockopt(*((socket.IPPROTO_IP, socket.IP_TTL) if family == V4 else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)), hops)

    def errors(self, netns, family):
        """A raw socket that sees what ICMP brings into the namespace."""
        return make(netns, family, socket.SOCK_RAW, socket.IPPROTO_ICMP if family == V4 else socket.IPPROTO_ICMPV6)

    def time_exceeded(self, raw, family):
        """Who sent the next "time exceeded", and the packet that it quotes."""
        while True:
            got, peer = raw.recvfrom(65536)
            if family == V4:
                got = got[(got[0] & 15) * 4:]
                self.assertEqual(checksum(got + bytes(len(got) % 2)), 0, "the kernel looks at ICMPv6's before")
            if got[:2] == (b"\x0b\x00" if family == V4 else b"\x03\x00"):
                return peer[0], got[8:]

    def gateway(self, family):
        routes = json.loads(run("ip", "-n", self.a.netns, "-4" if family == V4 else "-6", "-j", "route", "show", "default").stdout)
        return routes[0]["gateway"]

    @both_families
    def test_the_sender_learns_that_the_time_to_live_ended(self, family):
        level, errors, name = (socket.IPPROTO_IP, IP_RECVERR, "ICMP") if family == V4 else (socket.IPPROTO_IPV6, IPV6_RECVERR, "ICMPv6")
        for address in (self.b.address(family), self.node.outside[family]):
            with self.subTest(to=address), make(self.a.netns, family, socket.SOCK_DGRAM) as client:
                self.limit(client, family, 1)
                client.setsockopt(level, errors, 1)
                client.connect((address, 33434))
                for _ in range(3):  # as traceroute
                    client.send(b"last")
                    with self.assertRaises(OSError) as told:
                        client.recv(100)
                    self.assertEqual(told.exception.errno, errno.EHOSTUNREACH)
                    data, ancillary, _, to = client.recvmsg(100, 200, socket.MSG_ERRQUEUE)
                    self.assertEqual((data, to[0]), (b"last", address))
                    error = next(value for at, kind, value in ancillary if (at, kind) == (level, errors))
                    number, origin, kind, code = struct.unpack("IBBB", error[:7])
                    self.assertEqual((number, origin, kind, code), (errno.EHOSTUNREACH, 2 if family == V4 else 3, 11 if family == V4 else 3, 0), name)
                    offender = error[20:24] if family == V4 else error[24:40]  # sockaddr_in, sockaddr_in6 behind 16 bytes
                    self.assertEqual(socket.inet_ntop(family, offender), self.gateway(family))

    @both_families
    def test_ping_with_one_hop(self, family):
        for address in (self.b.address(family), self.node.outside[family]):
            with self.errors(self.a.netns, family) as raw:
                self.limit(raw, family, 1)
                raw.sendto(echo_request(family, 4712, bytes(56)), (address, 0))
                sender, quote = self.time_exceeded(raw, family)
                self.assertEqual(sender, self.gateway(family))
                self.assertIn(struct.pack("!H", 4712), quote)

    @both_families
    def test_the_time_to_live_of_a_large_packet_ends(self, family):
        # Segmentation is left to the device: the datapath sees one packet of tens of kilobytes, with an unfinished checksum.
        server, port = listen(self.b.netns, family, socket.SOCK_STREAM)
        with server, make(self.a.netns, family, socket.SOCK_STREAM) as client, self.errors(self.a.netns, family) as raw:
            client.connect((self.b.address(family), port))
            connection, _ = server.accept()
            with connection:
                connection.settimeout(60)
                data = bytes(60000)
                for _ in range(30):  # its window opens
                    client.sendall(data)
                    receive(connection, len(data))
                self.limit(client, family, 1)
                client.sendall(data)
                sender, quote = self.time_exceeded(raw, family)
                self.assertEqual(sender, self.gateway(family))
                self.assertEqual(len(quote), 128)
                self.assertGreater(struct.unpack("!H", quote[2:4] if family == V4 else quote[4:6])[0], 5000, "one large packet")
                self.assertEqual(quote[20 if family == V4 else 40:][:2], struct.pack("!H", client.getsockname()[1]))
                self.limit(client, family, 64)
                receive(connection, len(data))

    @both_families
    def test_outside_learns_that_the_time_to_live_ended(self, family):
        outside = f"{self.node.name}-outside"
        server, port = listen(outside, family, socket.SOCK_DGRAM)
        with server, make(self.a.netns, family, socket.SOCK_DGRAM) as client, self.errors(outside, family) as raw:
            client.connect((self.node.outside[family], port))
            client.send(b"question")
            _, peer = server.recvfrom(100)
            self.limit(server, family, 1)
            server.sendto(b"lost answer", peer)
            sender, quote = self.time_exceeded(raw, family)
            self.assertEqual(sender, self.node.host[family])
            self.assertIn(b"lost answer", quote)
            self.limit(server, family, 64)
            server.sendto(b"answer", peer)
            self.assertEqual(client.recv(100), b"answer")

    def test_a_new_pods_flows_begin_with_its_own(self):
        def on_link():
            return sum(count for name, count in self.node.dropped().items() if 'reason="link_local"' in name)
        before = on_link()
        new = self.node.pod("new")
        self.addCleanup(self.node.cni, "DEL", "new")
        until("its stack has reported its groups and looked for routers", lambda: on_link() >= before + 2)
        for family in FAMILIES:
            udp(family, new.netns, self.b.netns, self.b.address(family))
        flows = until("its flows are told", lambda: self.node.flows("pod=default/new&type=new&last=100"))
        self.assertEqual({flow["flow"]["verdict"] for flow in flows}, {"FORWARDED"})
        self.assertEqual(self.node.flows("drop_reason=link_local&last=100"), [])

    @both_families
    def test_a_foreign_source_address_does_not_pass(self, family):
        foreign = "10.244.0.200" if family == V4 else "fd00:10:244::c8"
        run("ip", "-n", self.a.netns, "addr", "add", f"{foreign}/{32 if family == V4 else 128}", "dev", "eth0", *(["nodad"] if family == V6 else []))
        server, port = listen(self.b.netns, family, socket.SOCK_DGRAM)
        with server, make(self.a.netns, family, socket.SOCK_DGRAM) as liar, make(self.a.netns, family, socket.SOCK_DGRAM) as honest:
            liar.bind((foreign, 0))
            honest.bind((self.a.address(family), 0))
            liar.sendto(b"forged", (self.b.address(family), port))
            honest.sendto(b"true", (self.b.address(family), port))
            self.assertEqual(server.recv(100), b"true")
        run("ip", "-n", self.a.netns, "addr", "del", f"{foreign}/{32 if family == V4 else 128}", "dev", "eth0")


if __name__ == "__main__":
    main.main()
