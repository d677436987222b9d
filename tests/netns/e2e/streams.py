"""Traffic that lasts, and that notices what is lost."""
import socket

from node import Background
from traffic import listen, make

RECORD = 8  # bytes: a number, so that the receiver sees that nothing is missing, doubled or out of order


class Stream:
    """A TCP connection on which numbers go from one pod to another all the time."""

    def __init__(self, family, source, destination):
        server, self.port = listen(destination.netns, family, socket.SOCK_STREAM)
        self.client = make(source.netns, family, socket.SOCK_STREAM)
        self.client.connect((destination.address(family), self.port))
        self.connection, _ = server.accept()
        self.connection.settimeout(0.05)
        server.close()
        self.sent = self.received = 0
        self.work = [Background(self.send), Background(self.receive)]

    def send(self, stopping):
        while not stopping.is_set():
            self.client.sendall(self.sent.to_bytes(RECORD, "big"))
            self.sent += 1
            stopping.wait(0.002)
        self.client.shutdown(socket.SHUT_WR)

    def receive(self, stopping):
        pending = b""
        while True:
            try:
                part = self.connection.recv(1 << 16)
            except TimeoutError:
                continue
            if not part:
                assert pending == b"", "cut within a record"
                return
            pending += part
            while len(pending) >= RECORD:
                assert int.from_bytes(pending[:RECORD], "big") == self.received, "a record is missing"
                self.received, pending = self.received + 1, pending[RECORD:]

    def finish(self):
        """Ends the stream; everything that was sent has arrived."""
        for work in self.work:
            work.finish()
        self.client.close()
        self.connection.close()
        assert self.received == self.sent, f"{self.received} of {self.sent} records arrived"


class PingPong:
    """A pair of UDP sockets; echoes() sends numbered datagrams and returns how many came back."""

    def __init__(self, family, source, destination):
        self.server, self.port = listen(destination.netns, family, socket.SOCK_DGRAM)
        self.client = make(source.netns, family, socket.SOCK_DGRAM)
        self.client.connect((destination.address(family), self.port))
        self.number = 0

    def echoes(self, count, patience):
        self.client.settimeout(patience)
        self.server.settimeout(patience)
        back = 0
        for _ in range(count):
            self.number += 1
            try:
                self.client.send(self.number.to_bytes(8, "big"))
                while True:
                    data, peer = self.server.recvfrom(100)
                    if int.from_bytes(data, "big") == self.number:
                        break
                self.server.sendto(data, peer)
                while int.from_bytes(self.client.recv(100), "big") != self.number:
                    pass
                back += 1
            except TimeoutError:
                pass
        return back

    def close(self):
        self.server.close()
        self.client.close()
