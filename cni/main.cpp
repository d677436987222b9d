// weft-cni: the CNI plugin. Everything is in run(); here the process's own world is handed over.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cni/dispatch.hpp"

int main() {
    const auto environment = [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    std::setvbuf(stdout, nullptr, _IONBF, 0);  // one answer, written at once
    // All that is to be given back is by now; the kernel takes the rest with the process.
    std::_Exit(weft::cni::run({environment, STDIN_FILENO, stdout}));
}
