#include "daemon/api/handlers.hpp"
#include "daemon/maps/dump.hpp"

namespace weft::api {

namespace {

// Rows of the largest map (both flow tables full) would not fit in the daemon: people get the first, and a last line
// that says so.
constexpr std::size_t kMaxRows = 65536;

}  // namespace

Result<Reply> list_maps(Context&, const Call&) {
    Json out = Json::array();
    for (const auto& map : maps::map_names()) out.push_back({{"name", map.name}, {"what", map.what}});
    return json_reply(out);
}

Result<Reply> dump_map(Context& context, const Call& call) {
    auto lines = std::make_shared<std::string>();
    std::size_t rows = 0;
    WEFT_CHECK(maps::dump(context.pins, call.path.at("name"), [&](const Json& row) {
        if (++rows <= kMaxRows) *lines += to_line(row) + "\n";
    }));
    if (rows > kMaxRows) *lines += to_line({{"truncated", rows - kMaxRows}}) + "\n";
    Reply reply;
    reply.stream = [lines](std::string& piece) {
        piece = std::move(*lines);
        return false;
    };
    return reply;
}

}  // namespace weft::api
