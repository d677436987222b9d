// weftd: parse, start, serve until SIGTERM or SIGINT. The kernel's state stays when it ends.
#include <malloc.h>
#include <pthread.h>
#include <signal.h>

#include <cstdio>
#include <iostream>
#include <thread>

#include "common/log.hpp"
#include "daemon/node/daemon.hpp"
#include "daemon/node/uninstall.hpp"

namespace {

// Blocked in every thread; one waits for them.
sigset_t stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

int fail_with(const weft::Error& error) {
    spdlog::error("{}", error.text());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    const auto parsed = weft::node::parse_command_line(argc, argv);
    if (parsed.exit_code) return *parsed.exit_code;
    if (const auto log = weft::log_init("weftd", parsed.config.log_level); !log) {
        std::fprintf(stderr, "weftd: %s\n", log.error().text().c_str());
        return 2;
    }
    if (parsed.config.uninstall) {
        const auto done = weft::node::uninstall(parsed.config, std::cout);
        return done ? 0 : fail_with(done.error());
    }
    mallopt(M_ARENA_MAX, 2);  // many threads, little concurrency: arenas would only hold memory
    signal(SIGPIPE, SIG_IGN);
    const sigset_t stop = stop_signals();
    pthread_sigmask(SIG_BLOCK, &stop, nullptr);
    auto daemon = weft::node::Daemon::start(parsed.config);
    if (!daemon) return fail_with(daemon.error());
    std::thread waiter([&] {
        int signal = 0;
        sigwait(&stop, &signal);
        spdlog::info("signal {}: stopping, the kernel's state stays", signal);
        (*daemon)->stop();
    });
    const auto served = (*daemon)->serve();
    pthread_kill(waiter.native_handle(), SIGTERM);  // when serving ended by itself
    waiter.join();
    return served ? 0 : fail_with(served.error());
}
