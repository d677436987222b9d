#include "cni/result.hpp"

#include <charconv>

namespace weft::cni {

namespace {

Json interface_json(const Interface& interface, Version version) {
    Json out = {{"name", interface.name}, {"mac", interface.mac}};
    if (!interface.sandbox.empty()) out["sandbox"] = interface.sandbox;
    if (version >= Version::k1_1_0 && interface.mtu != 0) out["mtu"] = interface.mtu;
    return out;
}

Json ip_json(const Ip& ip, Version version) {
    Json out = {{"address", ip.address.text()}, {"gateway", ip.gateway.text()}, {"interface", ip.interface}};
    if (version < Version::k1_0_0) out["version"] = ip.address.ip.is_v4() ? "4" : "6";
    return out;
}

Result<Interface> parse_interface(const JsonView& view) {
    Interface out;
    WEFT_TRY(name, view.member("name"));
    WEFT_TRY(text, name.string());
    WEFT_TRY(mac, view.string_or("mac", ""));
    WEFT_TRY(sandbox, view.string_or("sandbox", ""));
    out.name = std::move(text);
    out.mac = std::move(mac);
    out.sandbox = std::move(sandbox);
    return out;
}

Result<Ip> parse_ip(const JsonView& view, std::size_t interfaces) {
    Ip out;
    WEFT_TRY(address, view.member("address"));
    WEFT_TRY(text, address.string());
    auto parsed = InterfaceAddress::parse(text);
    if (!parsed) return address.error(parsed.error().message);
    out.address = *parsed;
    WEFT_TRY(gateway, view.find("gateway"));
    if (gateway) {
        WEFT_TRY(gateway_text, gateway->string());
        auto ip = IpAddr::parse(gateway_text);
        if (!ip) return gateway->error(ip.error().message);
        out.gateway = *ip;
    }
    WEFT_TRY(interface, view.find("interface"));
    out.interface = interfaces;  // none named
    if (interface) {
        WEFT_TRY(index, interface->integer(0, static_cast<std::int64_t>(interfaces) - 1));
        out.interface = static_cast<std::size_t>(index);
    }
    return out;
}

}  // namespace

Result<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
    WEFT_TRY(prefix, Cidr::parse(text));
    WEFT_TRY(ip, IpAddr::parse(text.substr(0, text.find('/'))));
    return InterfaceAddress{ip, prefix.length};
}

Json to_json(const AddResult& result, Version version) {
    Json out = {{"cniVersion", text_of(version)},
                {"interfaces", Json::array()},
                {"ips", Json::array()},
                {"routes", Json::array()},
                {"dns", result.dns.is_object() ? result.dns : Json::object()}};
    for (const auto& interface : result.interfaces) out["interfaces"].push_back(interface_json(interface, version));
    for (const auto& ip : result.ips) {
        out["ips"].push_back(ip_json(ip, version));
        if (ip.interface >= result.interfaces.size()) out["ips"].back().erase("interface");  // none was named
    }
    for (const auto& route : result.routes)
        out["routes"].push_back({{"dst", route.destination.text()}, {"gw", route.gateway.text()}});
    return out;
}

Result<AddResult> parse_result(const JsonView& view) {
    AddResult out;
    WEFT_TRY(interfaces, view.find("interfaces"));
    if (interfaces) {
        WEFT_TRY(entries, interfaces->array());
        for (const auto& entry : entries) {
            WEFT_TRY(interface, parse_interface(entry));
            out.interfaces.push_back(std::move(interface));
        }
    }
    WEFT_TRY(ips, view.find("ips"));
    if (ips) {
        WEFT_TRY(entries, ips->array());
        for (const auto& entry : entries) {
            WEFT_TRY(ip, parse_ip(entry, out.interfaces.size()));
            out.ips.push_back(ip);
        }
    }
    return out;
}

}  // namespace weft::cni
