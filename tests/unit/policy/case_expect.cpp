#include "tests/unit/policy/case_expect.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <sstream>

namespace weft::policy::test {

namespace {

constexpr std::pair<std::string_view, std::uint8_t> kProtocols[] = {{"TCP", kTcp}, {"UDP", kUdp}, {"SCTP", kSctp}};

Result<std::uint8_t> protocol_number(std::string_view text) {
    for (const auto& [name, number] : kProtocols)
        if (name == text) return number;
    return fail(ErrorCode::kInvalid, "protocol {} is not known", text);
}

using Row = std::vector<std::string>;  // cells, one character a port

Result<Row> row_of(const Json& expect, const char* table, const std::string& source, std::size_t ports) {
    std::istringstream text(expect.at(table).at(source).get<std::string>());
    Row out{std::istream_iterator<std::string>(text), {}};
    if (out.size() != expect.at("pods").size())
        return fail(ErrorCode::kInvalid, "{} of {}: {} cells", table, source, out.size());
    for (const auto& cell : out)
        if (cell.size() != ports) return fail(ErrorCode::kInvalid, "{} of {}: cell {}", table, source, cell);
    return out;
}

Result<Probe> probe_of(const Json& expect, const CaseWorld& world, std::size_t index, const std::string& source,
                       const std::string& destination) {
    if (expect.contains("ports")) {
        const std::string text = expect.at("ports")[index];
        const auto slash = text.find('/');
        WEFT_TRY(protocol, protocol_number(text.substr(0, slash)));
        return Probe{source, destination, protocol, static_cast<std::uint16_t>(std::stoi(text.substr(slash + 1)))};
    }
    const std::string name = expect.at("probe").at("protocol");
    WEFT_TRY(protocol, protocol_number(name));
    const Json& port = expect.at("probe").at("port");
    if (port.is_number()) return Probe{source, destination, protocol, port.get<std::uint16_t>()};
    for (const auto& served : world.served(destination))
        if (served.name == port.get<std::string>() && served.protocol == name)
            return Probe{source, destination, protocol, static_cast<std::uint16_t>(served.port)};
    return fail(ErrorCode::kInvalid, "{} has no port {}", destination, to_line(port));
}

Result<void> add_cell(const Json& expect, const CaseWorld& world, std::size_t index, const std::string& source,
                      const std::string& destination, Cell cell, std::vector<Cell>& out) {
    if (!is_judged(cell.combined) && !is_judged(cell.egress) && !is_judged(cell.ingress)) {
        out.push_back(cell);
        return {};
    }
    WEFT_TRY(probe, probe_of(expect, world, index, source, destination));
    for (std::size_t address = 0; address < (world.has_ip_blocks() ? 1U : 2U); ++address) {
        probe.address = address;
        cell.probe = probe;
        out.push_back(cell);
    }
    return {};
}

// {"from", "to", "protocol", "port", "expect": "allow" or "deny"}
Result<void> add_single(const Json& probe, const CaseWorld& world, std::vector<Cell>& out) {
    WEFT_TRY(protocol, protocol_number(probe.at("protocol").get<std::string>()));
    Cell cell{Probe{probe.at("from"), probe.at("to"), protocol, probe.at("port").get<std::uint16_t>()},
              probe.at("expect") == "allow" ? '.' : 'X'};
    for (std::size_t address = 0; address < (world.has_ip_blocks() ? 1U : 2U); ++address) {
        cell.probe->address = address;
        out.push_back(cell);
    }
    return {};
}

}  // namespace

std::string_view protocol_name(std::uint8_t protocol) {
    for (const auto& [name, number] : kProtocols)
        if (number == protocol) return name;
    return "?";
}

Result<std::vector<Cell>> expected_cells(const Json& expect, const CaseWorld& world) {
    std::vector<Cell> out;
    if (expect.is_array()) {
        for (const auto& probe : expect) WEFT_CHECK(add_single(probe, world, out));
        return out;
    }
    const auto& pods = expect.at("pods");
    const std::size_t ports = expect.contains("ports") ? expect.at("ports").size() : 1;
    for (const auto& source : pods) {
        WEFT_TRY(combined, row_of(expect, "combined", source, ports));
        WEFT_TRY(egress, row_of(expect, "egress", source, ports));
        WEFT_TRY(ingress, row_of(expect, "ingress", source, ports));
        for (std::size_t column = 0; column < pods.size(); ++column)
            for (std::size_t i = 0; i < ports; ++i)
                WEFT_CHECK(add_cell(expect, world, i, source, pods[column],
                                    {{}, combined[column][i], egress[column][i], ingress[column][i]}, out));
    }
    return out;
}

}  // namespace weft::policy::test
