// One function a verb. Each answers what goes to standard output (nothing: an empty object is not written), or a coded
// error; when it fails, nothing of it is left behind.
#pragma once

#include <optional>

#include "cni/call.hpp"
#include "cni/config.hpp"
#include "cni/error.hpp"

namespace weft::cni {

struct Request {
    Call call;
    Config config;

    Attachment attachment() const { return {call.container_id, call.ifname}; }
};

using Answer = Outcome<std::optional<Json>>;

// Makes the interface; the host end is up last. A second ADD for one container and interface is error 100 and leaves
// the first as it is.
Answer cmd_add(const Request& request);
// Idempotent. Needs neither the namespace nor weftd, which learns of it later if it is away.
Answer cmd_del(const Request& request);
// Compares what is there with prevResult and with what weftd knows. Error 103 names each difference.
Answer cmd_check(const Request& request);
// Removes every attachment of this network that is not in cni.dev/valid-attachments.
Answer cmd_gc(const Request& request);
Answer cmd_status(const Request& request);

}  // namespace weft::cni
