#include "daemon/api/handlers.hpp"

namespace weft::api {

namespace {

constexpr auto kHeartbeat = std::chrono::seconds(10);
constexpr std::size_t kPiece = 64U << 10;  // lines that wait are sent together, up to about this

}  // namespace

Result<Reply> stream_metadata(Context& context, const Call&) {
    Result<std::shared_ptr<reconcile::Subscription>> subscription = fail(ErrorCode::kInternal, "not subscribed");
    context.reconciler.read(
        [&](const reconcile::View& view) { subscription = context.feed.subscribe(view.state, view.image); });
    if (!subscription) return std::unexpected(subscription.error());
    Reply reply;
    reply.stream = [lines = *subscription](std::string& piece) {
        using Wait = reconcile::Subscription::Wait;
        std::string line;
        auto outcome = lines->next(line, kHeartbeat);
        if (outcome == Wait::kTimeout) piece = "{\"type\":\"heartbeat\"}\n";
        for (; outcome == Wait::kLine; outcome = lines->next(line, std::chrono::milliseconds(0))) {
            piece += line;
            if (piece.size() >= kPiece) break;
        }
        return outcome != Wait::kClosed;
    };
    return reply;
}

}  // namespace weft::api
