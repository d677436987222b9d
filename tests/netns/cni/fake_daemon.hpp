// A weftd that holds state and nothing else: the routes that weft-cni uses, on a unix socket of its own, one thread.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/fd.hpp"
#include "common/json.hpp"

namespace weft::test {

class FakeDaemon {
  public:
    // Listens at `run_dir`/weftd.sock.
    explicit FakeDaemon(std::string run_dir, std::string bpf_dir);
    ~FakeDaemon();
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;

    struct Behaviour {
        int refuse_status = 0;                      // of the next requests: an error of this status instead of the work
        std::string refuse_code = {};               // its code
        bool hang_up = false;                       // does the work, then closes without an answer
        std::string garbage = {};                   // does the work, then sends this instead of an answer
        std::vector<std::string> differences = {};  // what check answers
        bool healthy = true;
        std::string gateway_mac = "02:77:65:66:74:01";
        bool dual_stack = true;
        unsigned mtu = 1450;
    };
    void behave(Behaviour behaviour);

    // Endpoints by "container/ifname", as posted.
    std::map<std::string, Json> endpoints() const;
    std::vector<std::string> requests() const;  // "POST /v1/endpoints"
    Json last_body() const;

  private:
    struct Reply {
        int status = 0;
        Json body;
    };
    void serve();
    void talk(int connection);
    Reply answer(const std::string& method, const std::string& target, const std::string& body);
    Reply add(const Json& body);
    Reply collect(const Json& body);

    std::string socket_path_, bpf_dir_;
    Fd listener_, stop_;
    mutable std::mutex mutex_;
    Behaviour behaviour_;
    std::map<std::string, Json> endpoints_;
    std::vector<std::string> requests_;
    Json last_body_;
    unsigned next_ = 2;
    std::thread thread_;
};

}  // namespace weft::test
