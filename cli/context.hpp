// What a command of `weft` has: the world around the process, the addresses of the daemons, the output's form.
#pragma once

#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "common/json.hpp"
#include "common/result.hpp"

namespace weft::cli {

// Exit codes (docs/cli.md).
enum ExitCode {
    kOk = 0,
    kFailed = 1,       // the daemon refused, or the input is wrong
    kUsage = 2,        // the command line is wrong
    kUnreachable = 3,  // the daemon (or hubble-lite) does not answer
    kDenied = 4,       // `weft explain`: the traffic would be denied
};

struct Io {
    std::function<std::optional<std::string>(const char* name)> env;
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
};

struct Context {
    Io& io;
    std::string socket;  // weftd's
    std::string hubble;  // hubble-lite's, http://HOST:PORT
    bool json = false;
    bool unreachable = false;  // set when a daemon did not answer
};

// Runs `weft` with these arguments (without the program's name).
int run(const std::vector<std::string>& arguments, Io io);

}  // namespace weft::cli
