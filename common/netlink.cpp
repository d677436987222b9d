#include "common/netlink.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace weft {

namespace {

struct Acknowledgement {
    nlmsghdr header;
    nlmsgerr error;  // followed by the request, which is of no interest here
};

// The kernel's ENODEV is a device that is not there, and so is ENXIO.
std::unexpected<Error> refused(int error, std::string_view doing) {
    return fail_errno(error == ENODEV || error == ENXIO ? ENOENT : error, doing);
}

// The kernel's IF_OPER_UP (RFC 2863). <linux/if.h> names it, and cannot stand beside <net/if.h>.
constexpr std::uint8_t kOperationalUp = 6;

struct LinkState {
    bool carrier = false, running = false;
};

template <typename T>
T read_as(std::string_view bytes) {
    T value{};
    std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
    return value;
}

// Of a link message's attributes.
LinkState link_state(std::string_view attributes) {
    LinkState out;
    while (attributes.size() >= sizeof(rtattr)) {
        const auto head = read_as<rtattr>(attributes);
        if (head.rta_len < sizeof head || head.rta_len > attributes.size()) break;
        const auto value = attributes.substr(sizeof head, head.rta_len - sizeof head);
        if (head.rta_type == IFLA_OPERSTATE) out.running = read_as<std::uint8_t>(value) == kOperationalUp;
        if (head.rta_type == IFLA_CARRIER) out.carrier = read_as<std::uint8_t>(value) != 0;
        attributes.remove_prefix(std::min<std::size_t>(RTA_ALIGN(head.rta_len), attributes.size()));
    }
    return out;
}

}  // namespace

void NetlinkRequests::append(std::string_view bytes) {
    bytes_.append(bytes);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));  // 4 bytes, as NLA_ALIGN
}

void NetlinkRequests::begin(std::uint16_t type, std::uint16_t flags, std::string_view body, std::string doing,
                            int expected_errno) {
    steps_.push_back({bytes_.size(), std::move(doing), expected_errno});
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
    append({reinterpret_cast<const char*>(&header), sizeof header});
    append(body);
}

void NetlinkRequests::put(std::uint16_t attribute, std::string_view bytes) {
    const nlattr header{static_cast<std::uint16_t>(sizeof header + bytes.size()), attribute};
    append({reinterpret_cast<const char*>(&header), sizeof header});
    append(bytes);
}

std::size_t NetlinkRequests::open(std::uint16_t attribute, std::string_view body) {
    const auto at = bytes_.size();
    put(attribute, body);
    return at;
}

void NetlinkRequests::close(std::size_t opened) {
    const auto length = static_cast<std::uint16_t>(bytes_.size() - opened);
    std::memcpy(bytes_.data() + opened + offsetof(nlattr, nla_len), &length, sizeof length);
}

Result<NetlinkSocket> NetlinkSocket::open() {
    NetlinkSocket out;
    out.fd_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!out.fd_) return fail_errno("open a netlink socket");
    return out;
}

Result<int> NetlinkSocket::index_of(std::string_view ifname) const {
    ifreq request{};
    if (ifname.size() >= sizeof request.ifr_name) return refused(ENODEV, fmt::format("find the device {}", ifname));
    ifname.copy(request.ifr_name, ifname.size());
    if (ioctl(fd_.get(), SIOCGIFINDEX, &request) != 0) return refused(errno, fmt::format("find the device {}", ifname));
    return request.ifr_ifindex;
}

Result<bool> NetlinkSocket::has_index(int index) const {
    ifreq request{};
    request.ifr_ifindex = index;
    if (ioctl(fd_.get(), SIOCGIFNAME, &request) == 0) return true;
    if (errno == ENODEV || errno == ENXIO) return false;
    return fail_errno(fmt::format("look for the device {}", index));
}

Result<bool> NetlinkSocket::has_settled(int index) {
    const auto doing = [&] { return fmt::format("ask for the state of the device {}", index); };
    struct {
        nlmsghdr header;
        ifinfomsg link;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.header.nlmsg_seq = sequence_++;
    request.link.ifi_index = index;
    if (::send(fd_.get(), &request, sizeof request, 0) < 0) return fail_errno(doing());
    // What does not fit is cut off: the states stand among the first attributes.
    alignas(nlmsghdr) std::array<char, 4096> buffer;
    for (;;) {
        const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(doing());
        const std::string_view answer(buffer.data(), static_cast<std::size_t>(got));
        const auto header = read_as<nlmsghdr>(answer);
        if (header.nlmsg_seq != request.header.nlmsg_seq) continue;  // not an answer to this
        if (header.nlmsg_type == NLMSG_ERROR)
            return refused(-read_as<nlmsgerr>(answer.substr(std::min(answer.size(), sizeof header))).error, doing());
        const auto state = link_state(answer.substr(std::min(answer.size(), sizeof request)));
        return state.running || !state.carrier;
    }
}

Result<void> NetlinkSocket::wait_until_running(std::string_view ifname) {
    WEFT_TRY(index, index_of(ifname));
    for (int turn = 0; turn < 250; ++turn) {
        WEFT_TRY(settled, has_settled(index));
        if (settled) return {};
        usleep(200);
    }
    return {};
}

// Completes the headers. Only the last message asks for an acknowledgement: the kernel answers in order, and an error
// in any case.
void NetlinkRequests::seal(std::uint32_t first_sequence) {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const bool last = i + 1 == steps_.size();
        nlmsghdr header{};
        std::memcpy(&header, bytes_.data() + steps_[i].at, sizeof header);
        header.nlmsg_len = static_cast<std::uint32_t>((last ? bytes_.size() : steps_[i + 1].at) - steps_[i].at);
        header.nlmsg_seq = first_sequence + static_cast<std::uint32_t>(i);
        if (last) header.nlmsg_flags |= NLM_F_ACK;
        std::memcpy(bytes_.data() + steps_[i].at, &header, sizeof header);
    }
}

Result<void> NetlinkSocket::run(NetlinkRequests requests) {
    const auto& steps = requests.steps_;
    if (steps.empty()) return {};
    requests.seal(sequence_);
    if (::send(fd_.get(), requests.bytes_.data(), requests.bytes_.size(), 0) < 0)
        return fail_errno("send to the kernel's routing netlink");
    Result<void> done;
    for (std::size_t answered = 0; answered < steps.size();) {
        Acknowledgement answer{};
        const auto got = ::recv(fd_.get(), &answer, sizeof answer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("read the answer of the kernel's routing netlink");
        const std::size_t which = answer.header.nlmsg_seq - sequence_;
        if (static_cast<std::size_t>(got) < sizeof answer || answer.header.nlmsg_type != NLMSG_ERROR ||
            which >= steps.size())
            continue;  // not an answer to this
        const int error = -answer.error.error;
        if (error != 0 && error != steps[which].expected_errno && done) done = refused(error, steps[which].doing);
        answered = which + 1;
    }
    sequence_ += static_cast<std::uint32_t>(steps.size());
    return done;
}

}  // namespace weft
