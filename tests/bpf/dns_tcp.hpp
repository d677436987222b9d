// A pod that asks its resolver by TCP, packet by packet.
#pragma once

#include "tests/bpf/dns_fixture.hpp"

namespace weft::test {

// A message behind its length, as it stands in a stream.
inline std::string framed(const std::string& message) {
    return dns16(static_cast<unsigned>(message.size())) + message;
}

class DnsTcp : public Dns {
  protected:
    struct Connection {
        World::Pod pod;
        std::uint16_t port = kPort;
        std::uint32_t asked = 0, said = 0;  // the numbers of the next bytes
    };

    PacketSpec segment(const Connection& c, bool reply, std::uint32_t number, const std::string& payload,
                       std::uint8_t flags = kAck) const {
        PacketSpec spec = datagram(c.pod, c.port);
        spec.protocol = kTcp;
        if (reply) spec = answer(spec);
        spec.tcp_flags = flags;
        spec.sequence = number;
        spec.payload = payload;
        return spec;
    }
    // One packet; every one must go on to its receiver, whatever it says.
    void send(const Connection& c, bool reply, std::uint32_t number, const std::string& payload,
              std::uint8_t flags = kAck) {
        const auto device = reply ? resolver.ifindex : c.pod.ifindex;
        ASSERT_EQ(world.run(WEFT_PROG_FROM_POD, device, build(segment(c, reply, number, payload, flags))).verdict,
                  kRedirect);
    }
    // Streams begin just before their numbers start again from 0.
    Connection connected(const World::Pod& pod, std::uint16_t port = kPort) {
        Connection c{pod, port, 0xfffffff8U, 0xfffffffdU};
        send(c, false, c.asked++, "", kSyn);
        send(c, true, c.said++, "", kSyn | kAck);
        return c;
    }
    void ask(Connection& c, const std::string& bytes) {
        send(c, false, c.asked, bytes);
        c.asked += static_cast<std::uint32_t>(bytes.size());
    }
    void reply(Connection& c, const std::string& bytes) {
        send(c, true, c.said, bytes);
        c.said += static_cast<std::uint32_t>(bytes.size());
    }
    // In segments of this size.
    void reply_in_parts(Connection& c, const std::string& bytes, std::size_t size) {
        for (std::size_t at = 0; at < bytes.size(); at += size) reply(c, bytes.substr(at, size));
    }
    void close(const Connection& c) {
        send(c, false, c.asked, "", kFin | kAck);
        send(c, true, c.said, "", kFin | kAck);
    }
    std::string asked_bytes(const std::string& name = "www.example.com", std::uint16_t id = 7) const {
        DnsMessage message = question(name);
        message.id = id;
        return framed(message.bytes());
    }
    std::string said_bytes(const std::vector<std::string>& addresses, const std::string& name = "www.example.com",
                           std::uint16_t id = 7) const {
        DnsMessage message = dns_answer(question(name), addresses);
        message.id = id;
        return framed(message.bytes());
    }
    // Addresses of the test's family for documentation.
    std::string numbered(int number) const {
        return fmt::format(fmt::runtime(v6 ? "2001:db8:2::{:x}" : "203.0.113.{}"), number);
    }
};

}  // namespace weft::test
