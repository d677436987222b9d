#include <csignal>
#include <cstdlib>
#include <iostream>

#include "cli/context.hpp"

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_DFL);  // `weft observe -f | head` ends quietly
    std::ios::sync_with_stdio(false);
    const auto env = [](const char* name) -> std::optional<std::string> {
        const char* value = std::getenv(name);
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    return weft::cli::run({argv + 1, argv + argc}, {env, std::cin, std::cout, std::cerr});
}
