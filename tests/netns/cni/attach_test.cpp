// datapath/loader/attach on a real device, in both modes.
#include "datapath/loader/attach.hpp"

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>

#include <array>
#include <filesystem>

#include "tests/netns/cni/sandbox.hpp"

namespace weft::test {

namespace fs = std::filesystem;
using datapath::attach;
using datapath::attached;
using datapath::AttachMode;
using datapath::detach;
using datapath::Pins;
using datapath::TcHook;

class Attach : public CniSandbox {
  protected:
    void SetUp() override {
        CniSandbox::SetUp();
        if (IsSkipped()) return;
        pins_ = Pins{bpf_dir()};
        shell("ip link add wt0.5 type veth peer name wt1");
        if (datapath::attach_mode() == AttachMode::kClsact) modes_ = {AttachMode::kClsact};
    }
    // Pins another version of from_pod.
    void replace_program() const {
        const auto path = pins_.program("from_pod");
        fs::remove(path);
        const std::array<bpf_insn, 2> code = {
            {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -1}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}}};
        const Fd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "from_pod", "GPL", code.data(), code.size(), nullptr));
        ASSERT_EQ(bpf_obj_pin(program.get(), path.c_str()), 0);
    }
    // Programs on the device's hook, of both modes.
    int count() const {
        std::uint32_t tcx = 0;
        std::uint32_t flags = 0;
        std::array<std::uint32_t, 16> ids{};
        tcx = ids.size();
        const auto index = std::stoi(shell("ip -o link show wt0.5 | cut -d: -f1"));
        if (bpf_prog_query(index, static_cast<bpf_attach_type>(46), 0, &flags, ids.data(), &tcx) != 0) tcx = 0;
        return static_cast<int>(tcx) + std::stoi(shell("tc filter show dev wt0.5 ingress | grep -c handle"));
    }
    bool is_attached() const {
        const auto answer = attached(pins_, "wt0.5", TcHook::kIngress, "from_pod");
        EXPECT_TRUE(answer) << answer.error().text();
        return answer.value_or(false);
    }

    Pins pins_;
    std::vector<AttachMode> modes_ = {AttachMode::kTcx, AttachMode::kClsact};
};

TEST_F(Attach, repeating_leaves_one_and_a_new_version_takes_its_place) {
    for (const auto mode : modes_) {
        EXPECT_FALSE(is_attached());
        for (int i = 0; i < 3; ++i) ASSERT_TRUE(attach(pins_, "wt0.5", TcHook::kIngress, "from_pod", mode));
        EXPECT_TRUE(is_attached());
        EXPECT_EQ(count(), 1);
        replace_program();
        EXPECT_FALSE(is_attached()) << "that is another program";
        ASSERT_TRUE(attach(pins_, "wt0.5", TcHook::kIngress, "from_pod", mode));
        EXPECT_TRUE(is_attached());
        EXPECT_EQ(count(), 1);
        ASSERT_TRUE(detach(pins_, "wt0.5", TcHook::kIngress, "from_pod"));
        EXPECT_EQ(count(), 0);
        EXPECT_TRUE(detach(pins_, "wt0.5", TcHook::kIngress, "from_pod")) << "nothing to remove is no error";
        EXPECT_TRUE(fs::is_empty(bpf_dir() + "/links"));
    }
}

TEST_F(Attach, one_mode_takes_over_from_the_other) {
    for (const auto first : modes_)
        for (const auto second : modes_) {
            ASSERT_TRUE(attach(pins_, "wt0.5", TcHook::kIngress, "from_pod", first));
            ASSERT_TRUE(attach(pins_, "wt0.5", TcHook::kIngress, "from_pod", second));
            EXPECT_TRUE(is_attached());
            EXPECT_EQ(count(), 1);
            EXPECT_EQ(fs::is_empty(bpf_dir() + "/links"), second == AttachMode::kClsact);
        }
}

TEST_F(Attach, device_made_anew_under_the_same_name) {
    for (const auto mode : modes_) {
        ASSERT_TRUE(attach(pins_, "wt0.5", TcHook::kIngress, "from_pod", mode));
        shell("ip link del wt0.5");
        EXPECT_FALSE(attached(pins_, "wt0.5", TcHook::kIngress, "from_pod")) << "no device";
        shell("ip link add wt0.5 type veth peer name wt1");
        EXPECT_FALSE(is_attached());
        ASSERT_TRUE(attach(pins_, "wt0.5", TcHook::kIngress, "from_pod", mode));
        EXPECT_TRUE(is_attached());
        EXPECT_EQ(count(), 1);
        shell("ip link del wt0.5");
        EXPECT_TRUE(detach(pins_, "wt0.5", TcHook::kIngress, "from_pod"));
        EXPECT_TRUE(fs::is_empty(bpf_dir() + "/links"));
        shell("ip link add wt0.5 type veth peer name wt1");
    }
}

TEST_F(Attach, renew_keeps_the_mode) {
    EXPECT_FALSE(datapath::renew(pins_, "wt0.5", TcHook::kIngress, "from_pod").value()) << "nothing is attached";
    EXPECT_EQ(count(), 0);
    for (const auto mode : modes_) {
        ASSERT_TRUE(attach(pins_, "wt0.5", TcHook::kIngress, "from_pod", mode));
        replace_program();
        EXPECT_TRUE(datapath::renew(pins_, "wt0.5", TcHook::kIngress, "from_pod").value());
        EXPECT_TRUE(is_attached());
        EXPECT_EQ(count(), 1);
        EXPECT_EQ(fs::is_empty(bpf_dir() + "/links"), mode == AttachMode::kClsact);
    }
}

TEST_F(Attach, what_is_not_there) {
    for (const auto mode : modes_) {
        EXPECT_EQ(attach(pins_, "wt0.5", TcHook::kIngress, "nothing", mode).error().code, ErrorCode::kNotFound);
        EXPECT_EQ(attach(pins_, "wt-none", TcHook::kIngress, "from_pod", mode).error().code, ErrorCode::kNotFound);
    }
    EXPECT_EQ(attached(pins_, "wt0.5", TcHook::kIngress, "nothing").error().code, ErrorCode::kNotFound);
}

}  // namespace weft::test
