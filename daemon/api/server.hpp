// HTTP over the unix socket. Mode 0600 from the first moment; a bounded number of threads serves requests, streams
// among them.
#pragma once

#include <filesystem>
#include <memory>

#include "daemon/api/context.hpp"

namespace weft::api {

class Server {
  public:
    // Binds `socket`. A socket that nobody answers on is replaced. Error kExists when somebody does.
    static Result<std::unique_ptr<Server>> bind(const std::filesystem::path& socket, Context& context);
    ~Server();

    // Serves until stop(), which may be called from any thread.
    Result<void> serve();
    void stop();

  private:
    struct Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace weft::api
