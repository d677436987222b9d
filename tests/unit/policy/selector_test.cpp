#include "policy/selector.hpp"

#include <gtest/gtest.h>

#include <random>

#include "policy/names.hpp"
#include "policy/pod_set_index.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

TEST(Names, Tables) {
    const std::string long63(63, 'a'), long64(64, 'a');
    for (const auto& good : {std::string("a"), std::string("a-1"), long63})
        EXPECT_EQ(dns_label_problem(good), "") << good;
    for (const auto& bad : {std::string(), std::string("-a"), std::string("a-"), std::string("A"), std::string("a.b"),
                            long64, std::string("a\0b", 3)})
        EXPECT_NE(dns_label_problem(bad), "") << bad;
    for (const auto* good : {"a", "a.b", "0.1-2.z"}) EXPECT_EQ(dns_subdomain_problem(good), "") << good;
    for (const auto* bad : {"", ".", "a.", ".a", "a..b", "a_b", "a.-b"})
        EXPECT_NE(dns_subdomain_problem(bad), "") << bad;
    EXPECT_EQ(dns_subdomain_problem(std::string(253, 'a')), "");
    EXPECT_NE(dns_subdomain_problem(std::string(254, 'a')), "");
    for (const auto* good : {"http", "a", "8080-tcp", "serve-80-tcp", "123456789012345"}) {
        const bool digits = std::string_view(good).find_first_not_of("0123456789") == std::string_view::npos;
        EXPECT_EQ(port_name_problem(good).empty(), !digits) << good;
    }
    for (const auto* bad : {"", "80", "a--b", "-a", "a-", "A", "a_b", "a234567890123456"})
        EXPECT_NE(port_name_problem(bad), "") << bad;
    for (const auto& good : {std::string("app"), std::string("App_1.x"), std::string("example.com/app"), "a/" + long63})
        EXPECT_EQ(label_key_problem(good), "") << good;
    for (const auto& bad :
         {std::string(), std::string("/a"), std::string("a/"), std::string("a/b/c"), std::string("A.com/x"),
          "a/" + long64, std::string("-a"), std::string("a b"), std::string(254, 'a') + "/x"})
        EXPECT_NE(label_key_problem(bad), "") << bad;
    for (const auto& good : {std::string(), std::string("v"), std::string("V1.2_3-x"), long63})
        EXPECT_EQ(label_value_problem(good), "") << good;
    for (const auto& bad : {std::string("-"), std::string("a "), std::string("a/b"), std::string("a="), long64})
        EXPECT_NE(label_value_problem(bad), "") << bad;
}

LabelSelector selector(const std::string& text) {
    const Json value = json(text);
    return LabelSelector::parse(JsonView(value)).value();
}

TEST(LabelSelector, Operators) {
    const Labels web{{"app", "web"}, {"tier", ""}};
    struct Row {
        const char* selector;
        bool matches;
        const char* text;
    };
    const Row rows[] = {
        {R"({})", true, "<all>"},
        {R"({"matchLabels":{"app":"web"}})", true, "app=web"},
        {R"({"matchLabels":{"app":"db"}})", false, "app=db"},
        {R"({"matchLabels":{"tier":""}})", true, "tier="},
        {R"({"matchLabels":{"none":""}})", false, "none="},
        {R"({"matchExpressions":[{"key":"app","operator":"In","values":["web","db"]}]})", true, "app in (db,web)"},
        {R"({"matchExpressions":[{"key":"app","operator":"NotIn","values":["web"]}]})", false, "app notin (web)"},
        {R"({"matchExpressions":[{"key":"env","operator":"NotIn","values":["web"]}]})", true, "env notin (web)"},
        {R"({"matchExpressions":[{"key":"tier","operator":"Exists"}]})", true, "tier"},
        {R"({"matchExpressions":[{"key":"tier","operator":"DoesNotExist","values":[]}]})", false, "!tier"},
        {R"({"matchExpressions":[{"key":"env","operator":"DoesNotExist"}]})", true, "!env"},
        {R"({"matchLabels":{"app":"web"},"matchExpressions":[{"key":"env","operator":"Exists"}]})", false,
         "app=web,env"},
        {R"({"matchLabels":null,"matchExpressions":null})", true, "<all>"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(selector(row.selector).matches(web), row.matches) << row.selector;
        EXPECT_EQ(selector(row.selector).text(), row.text);
    }
}

TEST(LabelSelector, CanonicalFormDoesNotDependOnTheWriting) {
    const auto a = selector(
        R"({"matchLabels":{"b":"2","a":"1"},"matchExpressions":[{"key":"c","operator":"In","values":["y","x","y"]}]})");
    const auto b = selector(
        R"({"matchExpressions":[{"key":"c","operator":"In","values":["x","y"]},{"key":"a","operator":"In","values":["1"]},
                               {"key":"b","operator":"In","values":["2"]},{"key":"a","operator":"In","values":["1"]}]})");
    EXPECT_EQ(a, b);
    EXPECT_EQ(a.text(), "a=1,b=2,c in (x,y)");
}

TEST(LabelSelector, ErrorsNameThePlace) {
    const std::pair<const char*, const char*> rows[] = {
        {R"([])", "$"},
        {R"({"matchLabel":{}})", "$.matchLabel"},
        {R"({"matchLabels":{"a":1}})", "$.matchLabels.a"},
        {R"({"matchLabels":{"-":"x"}})", "$.matchLabels.-"},
        {R"({"matchLabels":{"a":"x y"}})", "$.matchLabels.a"},
        {R"({"matchExpressions":[{"operator":"Exists"}]})", "$.matchExpressions[0]"},
        {R"({"matchExpressions":[{"key":"a"}]})", "$.matchExpressions[0]"},
        {R"({"matchExpressions":[{"key":"a","operator":"in","values":["x"]}]})", "$.matchExpressions[0].operator"},
        {R"({"matchExpressions":[{"key":"a","operator":"In","values":[]}]})", "$.matchExpressions[0]"},
        {R"({"matchExpressions":[{"key":"a","operator":"NotIn"}]})", "$.matchExpressions[0]"},
        {R"({"matchExpressions":[{"key":"a","operator":"Exists","values":["x"]}]})", "$.matchExpressions[0].values"},
        {R"({"matchExpressions":[{"key":"a","operator":"In","values":["x","/"]}]})", "$.matchExpressions[0].values[1]"},
        {R"({"matchExpressions":[{"key":"a b","operator":"Exists"}]})", "$.matchExpressions[0].key"},
    };
    for (const auto& [text, path] : rows) {
        const Json value = json(text);
        const auto parsed = LabelSelector::parse(JsonView(value));
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
        EXPECT_EQ(parsed.error().path, path) << parsed.error().text();
    }
}

// The indices against trying each selector.
class RandomSelectors {
  public:
    explicit RandomSelectors(unsigned seed) : random_(seed) {}
    Labels labels() {
        Labels out;
        for (const auto* key : {"a", "b", "c", "d"})
            if (random_() % 2 == 0) out[key] = value();
        return out;
    }
    LabelSelector selector() {
        std::vector<Requirement> out;
        for (auto n = random_() % 4; n > 0; --n) {
            Requirement requirement{
                std::string(1, static_cast<char>('a' + random_() % 5)), static_cast<Operator>(random_() % 4), {}};
            if (requirement.op == Operator::kIn || requirement.op == Operator::kNotIn)
                for (auto values = 1 + random_() % 3; values > 0; --values) requirement.values.push_back(value());
            out.push_back(std::move(requirement));
        }
        return LabelSelector(std::move(out));
    }
    PodSet set() {
        PodSet out{.namespace_ = {}, .namespaces = selector(), .pods = selector()};
        if (random_() % 2 == 0) out.namespace_ = value();
        return out;
    }
    std::string value() { return std::string(1, static_cast<char>('x' + random_() % 3)); }

  private:
    std::mt19937 random_;
};

TEST(PodSetIndex, FindsExactlyWhatTryingEachFinds) {
    std::size_t found = 0;
    for (unsigned seed = 1; seed <= 200; ++seed) {
        RandomSelectors random(seed);
        std::vector<PodSet> sets(60);
        for (auto& set : sets) set = random.set();
        PodSetIndex index;
        std::vector<std::uint32_t> numbers;
        // Some come, are filed and go again before all are there.
        for (std::size_t i = 0; i < 30; ++i) numbers.push_back(index.acquire(sets[i]).number);
        index.build();
        for (std::size_t i = 0; i < 30; i += 2)
            if (index.release(numbers[i])) index.erase(numbers[i]);
        for (std::size_t i = 0; i < sets.size(); ++i) {
            if (i < 30 && i % 2 == 1) continue;
            const auto number = index.acquire(sets[i]).number;
            i < 30 ? numbers[i] = number : numbers.emplace_back(number);
        }
        index.build();
        PodSetIndex::Matcher matcher(index);
        std::vector<std::uint32_t> got;
        for (int i = 0; i < 20; ++i) {
            const std::string name = random.value();
            const Labels of_namespace = random.labels();
            matcher.enter(name, of_namespace);
            for (int j = 0; j < 5; ++j) {
                const Labels of_pod = random.labels();
                matcher.match(of_pod, got);
                EXPECT_TRUE(std::ranges::is_sorted(got) && std::ranges::adjacent_find(got) == got.end());
                for (std::size_t s = 0; s < sets.size(); ++s) {
                    const bool in =
                        sets[s].namespace_ ? *sets[s].namespace_ == name : sets[s].namespaces.matches(of_namespace);
                    const bool wanted = in && sets[s].pods.matches(of_pod);
                    found += wanted ? 1 : 0;
                    ASSERT_EQ(std::ranges::binary_search(got, numbers[s]), wanted)
                        << "seed " << seed << " " << sets[s].text();
                }
            }
        }
    }
    EXPECT_GT(found, 1000U);
}

TEST(PodSetIndex, EqualSetsAreOne) {
    const PodSet a{.namespace_ = "x", .namespaces = {}, .pods = selector(R"({"matchLabels":{"a":"1"}})")};
    const PodSet b{.namespace_ = {}, .namespaces = {}, .pods = a.pods};
    PodSetIndex index;
    EXPECT_EQ(index.acquire(a).number, 0U);
    EXPECT_EQ(index.acquire(b).number, 1U);
    const PodSet again = a;
    EXPECT_EQ(index.acquire(again).number, 0U);
    EXPECT_FALSE(index.release(0));
    EXPECT_TRUE(index.release(0));
    EXPECT_FALSE(index.held(0));
    EXPECT_NE(a.text(), b.text());
}

}  // namespace
}  // namespace weft::policy::test
