#include "daemon/watch/object_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/fd.hpp"
#include "common/yaml.hpp"
#include "daemon/reconcile/objects.hpp"

namespace weft::watch {

namespace {

Result<std::vector<Json>> documents_of(const std::filesystem::path& name, std::string_view text) {
    if (name.extension() != ".json") return parse_yaml(text);
    WEFT_TRY(document, parse_json(text));
    std::vector<Json> out;
    out.push_back(std::move(document));
    return out;
}

Result<void> append(const JsonView& view, std::vector<policy::Object>& out) {
    WEFT_TRY(objects, policy::parse_objects(view));
    std::ranges::move(objects, std::back_inserter(out));
    return {};
}

}  // namespace

bool is_object_file(const std::filesystem::path& name) {
    const auto extension = name.extension();
    return !name.filename().string().starts_with('.') &&
           (extension == ".json" || extension == ".yaml" || extension == ".yml");
}

Result<std::vector<policy::Object>> parse_object_file(const std::filesystem::path& name, std::string_view text) {
    WEFT_TRY(documents, documents_of(name, text));
    std::vector<policy::Object> out;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        const JsonView view(documents[i], documents.size() > 1 ? fmt::format("document {}: $", i + 1) : "$");
        if (!documents[i].is_array()) {
            WEFT_CHECK(append(view, out));
            continue;
        }
        WEFT_TRY(items, view.array());
        for (const auto& item : items) WEFT_CHECK(append(item, out));
    }
    WEFT_CHECK(reconcile::check_unique(out));
    return out;
}

Result<std::string> read_file(const std::filesystem::path& path) {
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return fail_errno(fmt::format("open {}", path.string()));
    struct stat status {};
    if (fstat(fd.get(), &status) != 0) return fail_errno(fmt::format("stat {}", path.string()));
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, "{} is not a regular file", path.string());
    std::string out;
    while (out.size() <= kMaxFileBytes) {
        char buffer[65536];
        const ssize_t count = read(fd.get(), buffer, sizeof buffer);
        if (count < 0) return fail_errno(fmt::format("read {}", path.string()));
        if (count == 0) return out;
        out.append(buffer, static_cast<std::size_t>(count));
    }
    return fail(ErrorCode::kInvalid, "{} is larger than {} bytes", path.string(), kMaxFileBytes);
}

}  // namespace weft::watch
