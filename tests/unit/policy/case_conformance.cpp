#include "tests/unit/policy/case_conformance.hpp"

namespace weft::policy::test {

namespace {

// One entry a port that the pod listens on, with the name that its spec gives it.
Json containers(const Json& listed) {
    Json out = Json::array();
    for (const auto& container : listed)
        for (const auto& listens : container.at("listens")) {
            const std::string text = listens;
            const auto slash = text.find('/');
            Json entry{{"protocol", text.substr(0, slash)}, {"port", std::stoi(text.substr(slash + 1))}};
            for (const auto& port : container.at("ports"))
                if (port.at("containerPort") == entry.at("port") && port.at("protocol") == entry.at("protocol"))
                    entry["portName"] = port.at("name");
            out.push_back(entry);
        }
    return out;
}

Json node_of(const std::string& name, const Json& pod) {
    return {{"apiVersion", "v1"},
            {"kind", "Node"},
            {"metadata", {{"name", name}, {"labels", {{"kubernetes.io/os", "linux"}}}}},
            {"status",
             {{"addresses", Json::array({Json{{"type", "InternalIP"}, {"address", pod.at("ip")}},
                                         Json{{"type", "InternalIP"}, {"address", pod.at("ip6")}}})}}}};
}

Json world_of(const Json& base) {
    Json out{{"namespaces", base.at("namespaces")}, {"pods", Json::array()}, {"nodes", Json::array()}};
    int pods = 0, nodes = 0;
    for (const auto& entry : base.at("pods")) {
        Json pod = entry;
        pod["containers"] = containers(base.at("containersOf").at(entry.at("containers").get<std::string>()));
        if (entry.at("hostNetwork")) {
            ++nodes;
            pod["ip"] = fmt::format("172.18.0.{}", 10 + nodes);
            pod["ip6"] = fmt::format("fd00:172:18::{}", 10 + nodes);
            out["nodes"].push_back(node_of(fmt::format("node-{}", nodes), pod));
        } else {
            ++pods;
            pod["ip"] = fmt::format("10.244.1.{}", pods);
            pod["ip6"] = fmt::format("fd00:10:244::1:{}", pods);
        }
        out["pods"].push_back(pod);
    }
    return out;
}

// "${podIP:namespace/pod}" becomes the pod's address.
void fill_addresses(Json& value, const Json& world) {
    if (value.is_structured()) {
        for (auto& part : value) fill_addresses(part, world);
        return;
    }
    if (!value.is_string()) return;
    std::string text = value;
    for (const auto& pod : world.at("pods")) {
        const auto place =
            fmt::format("${{podIP:{}/{}}}", pod.at("namespace").get<std::string>(), pod.at("name").get<std::string>());
        if (const auto at = text.find(place); at != text.npos)
            text.replace(at, place.size(), pod.at("ip").get<std::string>());
    }
    value = text;
}

}  // namespace

Json case_of_conformance(const Json& test, const Json& base) {
    Json out{{"id", test.at("id")}, {"world", world_of(base)}, {"steps", Json::array()}};
    Json before = test.at("setup");
    for (const auto& subtest : test.at("subtests"))
        for (const auto& given : subtest.at("steps")) {
            Json step = given;
            before.insert(before.end(), step["actions"].begin(), step["actions"].end());
            step["actions"] = before;
            before = Json::array();
            fill_addresses(step["actions"], out.at("world"));
            out["steps"].push_back(step);
        }
    return out;
}

}  // namespace weft::policy::test
