#include "tests/unit/daemon_fixture.hpp"

namespace weft::store {
namespace {

endpoint::Endpoint given(std::uint32_t id, const std::string& container, const char* address) {
    auto out = test::pod(container, "web", {{"app", "web"}});
    out.id = id;
    out.ips = {IpAddr::parse(address).value()};
    return out;
}

TEST(DaemonStore, RemembersEndpointsAndAddresses) {
    const test::Folder folder;
    const auto one = given(3, "c1", "10.244.0.9");
    {
        Store store = Store::open(folder.path() / "db").value();
        ASSERT_TRUE(store.add_endpoint(one));
        ASSERT_TRUE(store.add_endpoint(given(4, "c2", "10.244.0.10")));
        ASSERT_TRUE(store.remove_endpoint(4, 100, 50));
    }
    Store store = Store::open(folder.path() / "db").value();
    EXPECT_EQ(store.endpoints().value(), std::vector{one});
    const auto rows = store.addresses().value();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].endpoint, 3U);
    EXPECT_EQ(rows[1].endpoint, 0U);
    EXPECT_EQ(rows[1].until, 100);
    ASSERT_TRUE(store.remove_endpoint(3, 0, 100));
    EXPECT_TRUE(store.addresses().value().empty()) << "cooled addresses are forgotten";
}

TEST(DaemonStore, OneAddressHasOneOwner) {
    const test::Folder folder;
    Store store = Store::open(folder.path() / "db").value();
    ASSERT_TRUE(store.add_endpoint(given(1, "c1", "10.244.0.9")));
    EXPECT_EQ(store.add_endpoint(given(2, "c2", "10.244.0.9")).error().code, ErrorCode::kExists);
    EXPECT_EQ(store.add_endpoint(given(1, "c3", "10.244.0.10")).error().code, ErrorCode::kExists);
    EXPECT_EQ(store.add_endpoint(given(5, "c1", "10.244.0.11")).error().code, ErrorCode::kExists);
    EXPECT_EQ(store.endpoints().value().size(), 1U) << "a refused add leaves nothing";
    EXPECT_EQ(store.addresses().value().size(), 1U);
}

TEST(DaemonStore, FailedTransactionLeavesNothing) {
    const test::Folder folder;
    Store store = Store::open(folder.path() / "db").value();
    const auto outer = store.transaction([&]() -> Result<void> {
        EXPECT_TRUE(store.put_object({{"NetworkPolicy", "default", "kept"}, "api", "{}"}));
        const auto inner = store.transaction([&]() -> Result<void> {
            EXPECT_TRUE(store.put_object({{"NetworkPolicy", "default", "dropped"}, "api", "{}"}));
            return fail(ErrorCode::kInvalid, "no");
        });
        EXPECT_FALSE(inner);
        return {};
    });
    ASSERT_TRUE(outer);
    ASSERT_EQ(store.objects().value().size(), 1U);
    EXPECT_EQ(store.objects().value()[0].name.name, "kept");
}

TEST(DaemonStore, AnotherSchemaIsRefused) {
    const test::Folder folder;
    { ASSERT_TRUE(Store::open(folder.path() / "db")); }
    ASSERT_TRUE(Database::open(folder.path() / "db").value().execute("PRAGMA user_version=77"));
    const auto refused = Store::open(folder.path() / "db");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
    std::ofstream(folder.path() / "garbage") << std::string(8192, 'x');
    EXPECT_FALSE(Store::open(folder.path() / "garbage"));
}

TEST(DaemonStore, NumbersSurviveOnlyWhenWritten) {
    const test::Folder folder;
    using policy::NumberKind;
    {
        Store store = Store::open(folder.path() / "db").value();
        auto numbers = StoredNumbers::load(store).value();
        EXPECT_EQ(numbers->number(NumberKind::kIdentity, "a").value(), 256U);
        EXPECT_EQ(numbers->number(NumberKind::kIdentity, "b").value(), 257U);
        const auto rolled_back = store.transaction([&]() -> Result<void> {
            EXPECT_TRUE(numbers->write());
            return fail(ErrorCode::kInvalid, "no");
        });
        EXPECT_FALSE(rolled_back);
        EXPECT_TRUE(store.numbers().value().empty());
        EXPECT_TRUE(numbers->write()) << "what was rolled back is written again";
        numbers->written();
        EXPECT_EQ(store.numbers().value().size(), 2U);
        EXPECT_EQ(numbers->number(NumberKind::kIdentity, "c").value(), 258U);  // never written
    }
    Store store = Store::open(folder.path() / "db").value();
    auto numbers = StoredNumbers::load(store).value();
    EXPECT_EQ(numbers->number(NumberKind::kIdentity, "b").value(), 257U);
    EXPECT_EQ(numbers->number(NumberKind::kIdentity, "d").value(), 258U);
    numbers->forget_unused();  // everything of the database counts as asked for once
    EXPECT_EQ(numbers->number(NumberKind::kIdentity, "b").value(), 257U);
    numbers->forget_unused();
    EXPECT_EQ(numbers->number(NumberKind::kIdentity, "e").value(), 256U) << "a's number is free";
}

TEST(DaemonStore, NewRulesAreThoseGivenSinceTheLastTransaction) {
    const test::Folder folder;
    using policy::NumberKind;
    Store store = Store::open(folder.path() / "db").value();
    using Numbers = std::vector<std::uint32_t>;
    {
        auto numbers = StoredNumbers::load(store).value();
        EXPECT_TRUE(numbers->number(NumberKind::kRule, "a"));
        EXPECT_TRUE(numbers->number(NumberKind::kClass, "a"));
        EXPECT_EQ(numbers->new_rules(), Numbers{1}) << "until they are remembered";
        ASSERT_TRUE(numbers->write());
        numbers->written();
        EXPECT_TRUE(numbers->number(NumberKind::kRule, "a"));
        EXPECT_EQ(numbers->new_rules(), Numbers{});
    }
    auto numbers = StoredNumbers::load(store).value();
    EXPECT_TRUE(numbers->number(NumberKind::kRule, "a"));
    EXPECT_TRUE(numbers->number(NumberKind::kRule, "b"));
    EXPECT_EQ(numbers->new_rules(), Numbers{2}) << "a restart makes no rule new";
}

}  // namespace
}  // namespace weft::store
