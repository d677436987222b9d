// run() with a world of the test's own: variables, input, output.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>

#include "cni/dispatch.hpp"
#include "common/fd.hpp"

namespace weft::cni {

struct Said {
    int status = -1;
    std::string text;
    Json output;
    unsigned code() const { return output.is_object() ? output.value("code", 0U) : 0; }
    std::string msg() const { return output.is_object() ? output.value("msg", "") : ""; }
    std::string details() const { return output.is_object() ? output.value("details", "") : ""; }
};

using Variables = std::map<std::string, std::string>;

inline Said say(const Variables& variables, const std::string& input) {
    Fd file(memfd_create("stdin", MFD_CLOEXEC));
    if (write(file.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size())) std::abort();
    lseek(file.get(), 0, SEEK_SET);
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* output = open_memstream(&text, &size);
    Said out;
    out.status = run({[&](std::string_view name) -> std::optional<std::string> {
                          const auto found = variables.find(std::string(name));
                          return found == variables.end() ? std::nullopt : std::optional(found->second);
                      },
                      file.get(), output});
    std::fclose(output);
    out.text.assign(text, size);
    std::free(text);
    out.output = Json::parse(out.text, nullptr, false);
    return out;
}

// A run directory where nobody listens.
inline constexpr const char* kNowhere = "/tmp/wt-cni-unit-nowhere";

inline Json base_config() {
    return {
        {"cniVersion", "1.1.0"}, {"name", "weft"}, {"type", "weft-cni"}, {"run_dir", kNowhere}, {"bpf_dir", kNowhere}};
}

inline Variables all_variables(const std::string& command) {
    return {{"CNI_COMMAND", command},
            {"CNI_CONTAINERID", "wt-cni-unit-0123456789abcdef"},
            {"CNI_NETNS", "/run/netns/wt-cni-unit-none"},
            {"CNI_IFNAME", "eth0"}};
}

}  // namespace weft::cni
