#include <sys/stat.h>

#include <thread>

#include "daemon/watch/directory.hpp"
#include "tests/unit/daemon_fixture.hpp"

namespace weft {
namespace {

using test::deny_all;

struct DaemonWatch : testing::Test {
    test::Folder folder;
    std::filesystem::path objects = folder.path() / "objects";
    test::FakeKernel kernel;
    test::Parts parts{folder.path(), kernel};
    watch::Directory directory{objects, parts.objects};

    void SetUp() override { std::filesystem::create_directories(objects); }
    void put(const std::string& name, std::string_view text) const {
        std::ofstream(objects / ("." + name)) << text;
        std::filesystem::rename(objects / ("." + name), objects / name);
    }
    std::set<std::string> names() {
        std::set<std::string> out;
        parts.reconciler.read([&](const reconcile::View& view) {
            for (const auto& [name, source] : view.state.sources()) out.insert(name.name);
        });
        return out;
    }
    bool becomes(const std::set<std::string>& wanted) {
        for (int i = 0; i < 500 && names() != wanted; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return names() == wanted;
    }
    std::string error_of(const std::string& name) {
        for (const auto& file : directory.status())
            if (file.name == name && file.error) return file.error->text();
        return "";
    }
    void load() {
        const auto done = parts.reconciler.submit(
            [&](reconcile::State& state, Rollback& undo) { return directory.load(state, undo); });
        ASSERT_TRUE(done) << done.error().text();
        ASSERT_TRUE(directory.start());
    }
};

TEST_F(DaemonWatch, FollowsFiles) {
    put("a.json", deny_all("a"));
    load();
    EXPECT_TRUE(becomes({"a"}));
    put("b.json", deny_all("b"));
    EXPECT_TRUE(becomes({"a", "b"}));
    put("b.json", deny_all("c"));
    EXPECT_TRUE(becomes({"a", "c"}));
    std::filesystem::remove(objects / "a.json");
    EXPECT_TRUE(becomes({"c"}));
    std::ofstream(objects / "d.json") << deny_all("d");  // written in place
    EXPECT_TRUE(becomes({"c", "d"}));
    std::filesystem::rename(objects / "d.json", objects / "d.txt");
    EXPECT_TRUE(becomes({"c"}));
}

TEST_F(DaemonWatch, BadFileIsReportedAndChangesNothing) {
    put("a.json", deny_all("a"));
    load();
    put("a.json",
        R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"a"},"spec":{"podSelector":{},"ingres":[]}})");
    for (int i = 0; i < 500 && error_of("a.json").empty(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_NE(error_of("a.json").find("$.spec.ingres"), std::string::npos) << error_of("a.json");
    EXPECT_EQ(names(), std::set<std::string>{"a"});
    put("a.json", deny_all("a2"));
    EXPECT_TRUE(becomes({"a2"}));
    for (int i = 0; i < 500 && !error_of("a.json").empty(); ++i)  // cleared after the objects are in force
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(error_of("a.json"), "");
}

TEST_F(DaemonWatch, WhatIsNoFileIsReported) {
    load();
    std::filesystem::create_directory(objects / "folder.json");
    std::filesystem::create_symlink("nothing", objects / "link.json");
    ASSERT_EQ(mkfifo((objects / "pipe.json").c_str(), 0600), 0);
    for (const auto& [name, why] : {std::pair{"folder.json", "not a regular file"},
                                    {"link.json", "No such file"},
                                    {"pipe.json", "not a regular file"}}) {
        for (int i = 0; i < 500 && error_of(name).empty(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        EXPECT_NE(error_of(name).find(why), std::string::npos) << name << ": " << error_of(name);
        std::filesystem::remove(objects / name);
        for (int i = 0; i < 500 && !error_of(name).empty(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        EXPECT_EQ(error_of(name), "");
    }
}

TEST_F(DaemonWatch, BadFileAfterARestartKeepsWhatItGave) {
    put("a.json", deny_all("a"));
    put("gone.json", deny_all("gone"));
    load();
    ASSERT_TRUE(becomes({"a", "gone"}));
    directory.stop();
    put("a.json", "{");
    std::filesystem::remove(objects / "gone.json");
    // As a daemon that was killed leaves it: the first one still holds its database.
    const auto later = folder.path() / "later";
    std::filesystem::create_directories(later);
    for (const char* name : {"weft.db", "weft.db-wal"}) std::filesystem::copy_file(folder.path() / name, later / name);
    test::FakeKernel second;
    test::Parts again(later, second);
    watch::Directory other(objects, again.objects);
    const auto done =
        again.reconciler.submit([&](reconcile::State& state, Rollback& undo) { return other.load(state, undo); });
    ASSERT_TRUE(done);
    std::set<std::string> left;
    again.reconciler.read([&](const reconcile::View& view) {
        for (const auto& [name, source] : view.state.sources()) left.insert(name.name);
    });
    EXPECT_EQ(left, std::set<std::string>{"a"});
    ASSERT_EQ(other.status().size(), 1U);
    EXPECT_TRUE(other.status()[0].error);
}

TEST_F(DaemonWatch, ConflictEndsWhenTheOtherIsGone) {
    put("a.json", deny_all("same"));
    load();
    ASSERT_TRUE(becomes({"same"}));
    put("b.json", "[" + deny_all("same") + "," + deny_all("b") + "]");
    for (int i = 0; i < 500 && error_of("b.json").empty(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_NE(error_of("b.json").find("file:a.json"), std::string::npos) << error_of("b.json");
    EXPECT_EQ(names(), std::set<std::string>{"same"}) << "atomic: b is not in force either";
    std::filesystem::remove(objects / "a.json");
    EXPECT_TRUE(becomes({"b", "same"}));
}

TEST_F(DaemonWatch, DirectoryMayComeLaterAndBeReplaced) {
    std::filesystem::remove(objects);
    load();
    std::filesystem::create_directories(folder.path() / "next");
    std::ofstream(folder.path() / "next" / "a.yaml") << deny_all("a");  // JSON is YAML
    std::filesystem::rename(folder.path() / "next", objects);
    EXPECT_TRUE(becomes({"a"}));
    std::filesystem::rename(objects, folder.path() / "old");
    std::filesystem::create_directories(objects);
    put("b.json", deny_all("b"));
    EXPECT_TRUE(becomes({"b"}));
}

TEST_F(DaemonWatch, RefusedByTheKernelIsTriedAgain) {
    load();
    kernel.refuse = 1;
    put("a.json", deny_all("a"));
    EXPECT_TRUE(becomes({"a"}));
    EXPECT_EQ(error_of("a.json"), "");
}

}  // namespace
}  // namespace weft
