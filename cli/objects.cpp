#include "cli/objects.hpp"

#include <fstream>

#include "common/yaml.hpp"

namespace weft::cli {

namespace {

constexpr std::size_t kMaxBytes = 8U << 20;  // the daemon takes no more

Result<std::string> read_all(std::istream& in) {
    std::string text(kMaxBytes + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (in.bad()) return fail(ErrorCode::kSystem, "cannot be read");
    if (text.size() > kMaxBytes) return fail(ErrorCode::kInvalid, "is larger than {} MiB", kMaxBytes >> 20);
    return text;
}

Result<std::string> read_file(Context& context, const std::string& file) {
    if (file == "-") return read_all(context.io.in);
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail_errno("open");
    return read_all(in);
}

// JSON is what begins like JSON; YAML would read it too, but says less about errors. What is no JSON may be YAML's
// short form of maps.
Result<std::vector<Json>> documents_of(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == text.npos) return fail(ErrorCode::kInvalid, "is empty");
    if (text[first] != '{' && text[first] != '[') return parse_yaml(text);
    auto json = parse_json(text);
    if (!json) {
        auto yaml = parse_yaml(text);
        return yaml ? std::move(yaml) : std::unexpected(std::move(json).error());
    }
    if (json->is_array()) return std::vector<Json>(json->begin(), json->end());
    return std::vector<Json>{std::move(*json)};
}

}  // namespace

Result<std::vector<Document>> read_documents(Context& context, const std::vector<std::string>& files) {
    std::vector<Document> all;
    for (const auto& file : files) {
        const auto name = file == "-" ? std::string("standard input") : file;
        auto text = read_file(context, file);
        auto documents = text ? documents_of(*text) : std::unexpected(text.error());
        if (!documents) return wrap(std::move(documents).error(), name);
        int number = 0;
        for (auto& document : *documents) all.push_back({name, ++number, std::move(document)});
    }
    if (all.empty()) return fail(ErrorCode::kInvalid, "there is no object in the input");
    return all;
}

Result<std::vector<Json>> read_objects(Context& context, const std::vector<std::string>& files) {
    WEFT_TRY(documents, read_documents(context, files));
    std::vector<Json> all;
    for (auto& document : documents) all.push_back(std::move(document.json));
    return all;
}

}  // namespace weft::cli
