// The API server's rules for names (k8s.io/apimachinery/pkg/util/validation). Each function answers with what is wrong,
// as a phrase for people; empty when the text is valid.
#pragma once

#include <string>
#include <string_view>

namespace weft::policy {

std::string dns_label_problem(std::string_view text);      // namespaces: RFC 1123 label, at most 63 characters
std::string dns_subdomain_problem(std::string_view text);  // pods, policies: labels joined by dots, at most 253
std::string port_name_problem(std::string_view text);      // IANA service name, at most 15
std::string label_key_problem(std::string_view text);      // [subdomain/]name
std::string label_value_problem(std::string_view text);

}  // namespace weft::policy
