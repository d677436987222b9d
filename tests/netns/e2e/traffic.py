"""Senders and receivers in any namespace, both families."""
import hashlib
import os
import socket
import struct
import threading

from node import PATIENCE, inside

V4, V6 = socket.AF_INET, socket.AF_INET6
FAMILIES = (V4, V6)
ETH_P_ALL = 3


def make(netns, family, kind, protocol=0):
    with inside(netns):
        made = socket.socket(family, kind, protocol)
    made.settimeout(PATIENCE)
    return made


def listen(netns, family, kind, port=0, address=""):
    """A bound socket (listening for TCP) and its port."""
    made = make(netns, family, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == V6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind((address, port))
    if kind == socket.SOCK_STREAM:
        made.listen(64)
    return made, made.getsockname()[1]


def receive(connection, size):
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 18))
        if not part:
            raise AssertionError(f"closed after {len(data)} of {size} bytes")
        data += part
    return bytes(data)


def tcp(family, source, destination, address):
    """One connection with a request and an answer; the client's address as the server sees it."""
    server, port = listen(destination, family, socket.SOCK_STREAM)
    client = make(source, family, socket.SOCK_STREAM)
    with server, client:
        client.connect((address, port))
        connection, peer = server.accept()
        with connection:
            connection.settimeout(PATIENCE)
            client.sendall(b"request")
            assert receive(connection, 7) == b"request"
            connection.sendall(b"answer")
            assert receive(client, 6) == b"answer"
        assert client.recv(1) == b"", "no FIN"
    return peer[0]


def udp(family, source, destination, address, size=64):
    """One datagram of this size and its echo; the client's address as the server sees it."""
    server, port = listen(destination, family, socket.SOCK_DGRAM)
    client = make(source, family, socket.SOCK_DGRAM)
    data = os.urandom(size)
    with server, client:
        client.connect((address, port))
        client.send(data)
        got, peer = server.recvfrom(65536)
        assert got == data, f"{len(got)} of {size} bytes arrived"
        server.sendto(got, peer)
        assert client.recv(65536) == data
    return peer[0]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(family, number, data):
    """An echo request for a raw socket (which fills in ICMPv6's checksum)."""
    packet = struct.pack("!BBHHH", 8 if family == V4 else 128, 0, 0, number, 1) + data
    return packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]


def ping(family, source, address, size=56):
    """One echo request and its reply, with a random payload."""
    reply, data = 0 if family == V4 else 129, os.urandom(size)
    packet = echo_request(family, int.from_bytes(os.urandom(2), "big"), data)
    with make(source, family, socket.SOCK_RAW, socket.IPPROTO_ICMP if family == V4 else socket.IPPROTO_ICMPV6) as raw:
        raw.connect((address, 0))
        raw.send(packet)
        while True:
            got = raw.recv(65536)
            if family == V4:
                got = got[(got[0] & 15) * 4:]
            if got[0] == reply and got[4:6] == packet[4:6]:
                assert got[8:] == data
                return


def bulk(family, source, destination, address, size):
    """SHA-256 of what was sent and of what arrived over one connection."""
    server, port = listen(destination, family, socket.SOCK_STREAM)
    client = make(source, family, socket.SOCK_STREAM)
    data = os.urandom(size)
    with server, client:
        client.connect((address, port))
        connection, _ = server.accept()
        with connection:
            connection.settimeout(PATIENCE)
            sender = threading.Thread(target=client.sendall, args=(data,), daemon=True)
            sender.start()
            got = receive(connection, size)
            sender.join(PATIENCE)
    return hashlib.sha256(data).hexdigest(), hashlib.sha256(got).hexdigest()


class Neighbourhood:
    """Counts ARP and neighbour discovery on eth0 of a namespace, sent or received."""

    def __init__(self, netns):
        with inside(netns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            self.socket.bind(("eth0", ETH_P_ALL))
        self.socket.setblocking(False)

    def finish(self):
        """All frames, and those that resolve addresses."""
        frames, found = 0, []
        with self.socket:
            while True:
                try:
                    frame = self.socket.recv(128)
                except BlockingIOError:
                    return frames, found
                frames += 1
                if frame[12:14] == b"\x08\x06" or (frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] in (135, 136)):
                    found.append(frame[:64].hex())
