// weftd's socket and hubble-lite's port, with answers that a test sets and a record of what was asked.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weft::cli::test {

struct Asked {
    std::string method, target, body;
};

struct Answer {
    int status = 200;
    std::string body;
};

class FakeServer {
  public:
    // A path: a unix socket; empty: a free port of 127.0.0.1.
    explicit FakeServer(const std::string& socket_path);
    ~FakeServer();
    // "GET /v1/status" -> what is answered. Everything else is 404.
    std::map<std::string, Answer> answers;
    std::vector<Asked> asked;  // read after the run
    std::string url() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace weft::cli::test
