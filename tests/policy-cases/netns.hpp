// Network namespaces by name, as `ip netns` has them, and programs and sockets inside of them. Single-threaded:
// entering one moves the calling thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace weft::test {

class Netns {
  public:
    // Makes it, with `lo` up.
    static Result<Netns> make(const std::string& name);
    Netns(Netns&&) noexcept = default;
    Netns& operator=(Netns&&) noexcept = default;
    ~Netns();

    std::string path() const;
    int fd() const { return fd_.get(); }
    // Every named one that begins with `prefix`: what an earlier run left.
    static void remove_all(const std::string& prefix);

  private:
    Netns(std::string name, Fd fd) : name_(std::move(name)), fd_(std::move(fd)) {}
    std::string name_;
    Fd fd_;  // none: moved from
};

// The thread is inside for the lifetime. Failing to come back ends the program: nothing further may run in the wrong
// namespace.
class Inside {
  public:
    explicit Inside(const Netns& netns);
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside();

  private:
    Fd back_;
};

struct Finished {
    int status = -1;  // exit code, or 128 + signal
    std::string output;
};

// Runs a program in a namespace until it ends. `environment`: NAME=VALUE, added to ours.
Result<Finished> run_inside(const Netns& netns, const std::string& program, const std::vector<std::string>& environment,
                            const std::string& input);
// Starts one that ends with us; its output goes to `log`. Gives its process id.
Result<pid_t> start_inside(const Netns& netns, const std::vector<std::string>& command, const std::string& log);

}  // namespace weft::test
