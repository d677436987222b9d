#include "datapath/loader/ring.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>

#include "common/fd.hpp"

namespace weft::datapath {

struct EventRing::Impl {
    Fd fd;
    ring_buffer* ring = nullptr;
    const Visit* visit = nullptr;

    ~Impl() { ring_buffer__free(ring); }

    static int sample(void* context, void* data, std::size_t size) {
        const auto* self = static_cast<const Impl*>(context);
        (*self->visit)({static_cast<const std::byte*>(data), size});
        return 0;
    }
};

EventRing::EventRing(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventRing::EventRing(EventRing&&) noexcept = default;
EventRing& EventRing::operator=(EventRing&&) noexcept = default;
EventRing::~EventRing() = default;

Result<EventRing> EventRing::open(const Pins& pins) {
    auto impl = std::make_unique<Impl>();
    const auto path = pins.map(WEFT_MAP_EVENTS);
    impl->fd.reset(bpf_obj_get(path.c_str()));
    if (!impl->fd) return fail_errno(fmt::format("open event ring {}", path.string()));
    impl->ring = ring_buffer__new(impl->fd.get(), &Impl::sample, impl.get(), nullptr);
    if (impl->ring == nullptr) return fail_errno(fmt::format("map event ring {}", path.string()));
    return EventRing(std::move(impl));
}

Result<std::size_t> EventRing::consume(const Visit& visit) {
    impl_->visit = &visit;
    const int count = ring_buffer__consume(impl_->ring);
    impl_->visit = nullptr;
    if (count < 0) return fail_errno(-count, "read the event ring");
    return static_cast<std::size_t>(count);
}

}  // namespace weft::datapath
