#include "common/aside.hpp"

#include <sched.h>

#include <utility>

namespace weft {

void* Aside::run(void* self) {
    static_cast<Aside*>(self)->work_();
    return nullptr;
}

namespace {

// Every CPU that this process may use but the one it runs on. The kernel would often start the thread on that one,
// where it waits until its caller sleeps: on a virtual machine it takes an idle CPU for a busy one.
void keep_off_this_cpu(pthread_attr_t& attributes) {
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0 || CPU_COUNT(&cpus) < 2) return;
    CPU_CLR(sched_getcpu(), &cpus);
    pthread_attr_setaffinity_np(&attributes, sizeof cpus, &cpus);
}

}  // namespace

Aside::Aside(std::function<void()> work) : work_(std::move(work)) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    keep_off_this_cpu(attributes);
    started_ = pthread_create(&thread_, &attributes, run, this) == 0;
    pthread_attr_destroy(&attributes);
}

void Aside::wait() {
    if (std::exchange(done_, true)) return;
    if (started_)
        pthread_join(thread_, nullptr);
    else
        work_();
}

}  // namespace weft
