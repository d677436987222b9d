// Work done by a thread of its own while its caller does something else.
#pragma once

#include <pthread.h>

#include <functional>

namespace weft {

class Aside {
  public:
    // Starts `work`. Where no thread can be had, `work` is done by wait(), by the caller.
    explicit Aside(std::function<void()> work);
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;
    ~Aside() { wait(); }

    void wait();  // until it is done; what `work` wrote is seen after it

  private:
    static void* run(void* self);

    std::function<void()> work_;
    pthread_t thread_{};
    bool started_ = false;
    bool done_ = false;
};

}  // namespace weft
