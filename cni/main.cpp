// weft-cni: the CNI plugin. Everything is in run(); here the process's own world is handed over.
#include <unistd.h>

#include <cstdlib>

#include "cni/dispatch.hpp"

int main() {
    const auto environment = [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    return weft::cni::run({environment, STDIN_FILENO, stdout});
}
