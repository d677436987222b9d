#include "common/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>

namespace weft {

Result<void> log_init(std::string_view program, std::string_view level) {
    constexpr std::string_view kLevels[] = {"trace", "debug", "info", "warn", "error"};
    if (std::ranges::find(kLevels, level) == std::end(kLevels))
        return fail(ErrorCode::kInvalid, "'{}' is not a log level: use trace, debug, info, warn or error", level);
    auto logger =
        std::make_shared<spdlog::logger>(std::string(program), std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %n: %v");
    logger->set_level(spdlog::level::from_str(std::string(level)));
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
    return {};
}

}  // namespace weft
