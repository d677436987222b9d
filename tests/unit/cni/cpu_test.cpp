// Leaving a CPU: each case in a thread of its own, whose mask is its own.
#include "cni/cpu.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace weft::cni {
namespace {

cpu_set_t mask() {
    cpu_set_t out;
    CPU_ZERO(&out);
    EXPECT_EQ(sched_getaffinity(0, sizeof out, &out), 0);
    return out;
}

cpu_set_t first_of(const cpu_set_t& from) {
    std::size_t first = 0;
    while (!CPU_ISSET(first, &from)) ++first;
    cpu_set_t out;
    CPU_ZERO(&out);
    CPU_SET(first, &out);
    return out;
}

void in_thread(auto&& body) {
    std::thread(body).join();
}

TEST(LeaveCpu, GoesToAnotherAndStaysAway) {
    in_thread([] {
        const auto all = mask();
        if (CPU_COUNT(&all) < 2) GTEST_SKIP() << "one CPU";
        leave_cpu(1);
        const auto others = mask();
        EXPECT_EQ(CPU_COUNT(&others), CPU_COUNT(&all) - 1);
        EXPECT_TRUE(CPU_ISSET(static_cast<std::size_t>(sched_getcpu()), &others));
    });
}

TEST(LeaveCpu, StaysWhereThereIsNoOther) {
    in_thread([] {
        const auto one = first_of(mask());
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
        leave_cpu(1);
        const auto after = mask();
        EXPECT_TRUE(CPU_EQUAL(&after, &one));
    });
}

TEST(LeaveCpu, StaysWhereEveryCpuHasWork) {
    in_thread([] {
        const auto all = mask();
        leave_cpu(CPU_COUNT(&all) + 1);
        leave_cpu({});
        const auto after = mask();
        EXPECT_TRUE(CPU_EQUAL(&after, &all));
    });
}

TEST(LeaveCpu, RunnableThreadsAreCounted) {
    const auto runnable = runnable_threads();
    ASSERT_TRUE(runnable);
    EXPECT_GE(*runnable, 1);
}

}  // namespace
}  // namespace weft::cni
