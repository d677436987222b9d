// weft-cni: the CNI plugin. Everything is in run(); here the process's own world is handed over.
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cni/dispatch.hpp"

int main() {
    const auto environment = [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    mallopt(M_ARENA_MAX, 1);  // a second thread does little, and a heap of its own takes it longer than that
    std::setvbuf(stdout, nullptr, _IONBF, 0);  // one answer, written at once
    // All that is to be given back is by now; the kernel takes the rest with the process.
    std::_Exit(weft::cni::run({environment, STDIN_FILENO, stdout}));
}
