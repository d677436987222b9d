#include "daemon/store/store.hpp"

namespace weft::store {

namespace {

constexpr int kSchemaVersion = 1;
constexpr std::int64_t kForgetSeconds = 30;

constexpr const char* kSchema = R"(
CREATE TABLE endpoints(id INTEGER PRIMARY KEY, container_id TEXT NOT NULL, ifname TEXT NOT NULL, record TEXT NOT NULL,
                       UNIQUE(container_id, ifname));
CREATE TABLE addresses(address TEXT PRIMARY KEY, endpoint INTEGER REFERENCES endpoints(id), until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX addresses_of_endpoint ON addresses(endpoint);
CREATE TABLE numbers(kind INTEGER NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;
CREATE TABLE objects(kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL, object TEXT NOT NULL,
                     PRIMARY KEY(kind, namespace, name)) WITHOUT ROWID;
)";

constexpr const char* kInsertEndpoint =
    "INSERT INTO endpoints(id, container_id, ifname, record) VALUES(?1, ?2, ?3, ?4)";
constexpr const char* kUpdateEndpoint = "UPDATE endpoints SET record = ?2 WHERE id = ?1";
constexpr const char* kDeleteEndpoint = "DELETE FROM endpoints WHERE id = ?1";
constexpr const char* kSelectEndpoints = "SELECT id, record FROM endpoints ORDER BY id";
// A cooling address may be taken over (asked for by name, or its time is over); one that belongs to an endpoint never.
constexpr const char* kDropCooling = "DELETE FROM addresses WHERE address = ?1 AND endpoint IS NULL";
constexpr const char* kInsertAddress = "INSERT INTO addresses(address, endpoint, until) VALUES(?1, ?2, 0)";
constexpr const char* kCoolAddresses = "UPDATE addresses SET endpoint = NULL, until = ?2 WHERE endpoint = ?1";
constexpr const char* kForgetCooled = "DELETE FROM addresses WHERE endpoint IS NULL AND until <= ?1";
constexpr const char* kSelectAddresses = "SELECT address, endpoint, until FROM addresses ORDER BY until";
constexpr const char* kPutNumber = "INSERT OR REPLACE INTO numbers(kind, key, number) VALUES(?1, ?2, ?3)";
constexpr const char* kDeleteNumber = "DELETE FROM numbers WHERE kind = ?1 AND key = ?2";
constexpr const char* kSelectNumbers = "SELECT kind, key, number FROM numbers";
constexpr const char* kPutObject =
    "INSERT OR REPLACE INTO objects(kind, namespace, name, source, object) VALUES(?1, ?2, ?3, ?4, ?5)";
constexpr const char* kDeleteObject = "DELETE FROM objects WHERE kind = ?1 AND namespace = ?2 AND name = ?3";
constexpr const char* kSelectObjects = "SELECT kind, namespace, name, source, object FROM objects";

Result<int> schema_version(Database& database) {
    WEFT_TRY(query, database.prepare("PRAGMA user_version"));
    int version = 0;
    WEFT_CHECK(query.each([&](Statement& row) { version = static_cast<int>(row.integer(0)); }));
    return version;
}

}  // namespace

Result<Store> Store::open(const std::filesystem::path& path) {
    WEFT_TRY(database, Database::open(path));
    // Small pages, since a change writes whole ones; before WAL, which fixes their size. Nobody else reads it while
    // weftd runs, so the locks and the index of the log stay in this process.
    WEFT_CHECK(database.execute(
        "PRAGMA page_size=1024; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA "
        "foreign_keys=ON; PRAGMA cache_size=-1024"));
    WEFT_TRY(version, schema_version(database));
    if (version == 0) {
        const auto made = database.transaction([&]() -> Result<void> {
            return database.execute(fmt::format("{} PRAGMA user_version={}", kSchema, kSchemaVersion));
        });
        if (!made) return std::unexpected(made.error());
    } else if (version != kSchemaVersion) {
        return fail(ErrorCode::kInvalid,
                    "{} has schema version {}, this weftd knows {}: start the weftd that wrote it, or drain the node "
                    "and run 'weftd uninstall'",
                    path.string(), version, kSchemaVersion);
    }
    return Store(std::move(database));
}

Result<Statement*> Store::statement(const char* sql) {
    if (const auto at = statements_.find(sql); at != statements_.end()) return &at->second;
    WEFT_TRY(prepared, database_.prepare(sql));
    return &statements_.emplace(sql, std::move(prepared)).first->second;
}

Result<void> Store::put_addresses(const endpoint::Endpoint& endpoint) {
    WEFT_TRY(drop, statement(kDropCooling));
    WEFT_TRY(insert, statement(kInsertAddress));
    for (const auto& ip : endpoint.ips) {
        WEFT_CHECK(drop->bind(1, ip.text()).run());
        WEFT_CHECK(insert->bind(1, ip.text()).bind(2, endpoint.id).run());
    }
    return {};
}

Result<void> Store::add_endpoint(const endpoint::Endpoint& endpoint) {
    return database_.join([&]() -> Result<void> {
        WEFT_TRY(insert, statement(kInsertEndpoint));
        WEFT_CHECK(insert->bind(1, endpoint.id)
                       .bind(2, endpoint.attachment.container_id)
                       .bind(3, endpoint.attachment.ifname)
                       .bind(4, to_line(to_json(endpoint)))
                       .run());
        return put_addresses(endpoint);
    });
}

Result<void> Store::update_endpoint(const endpoint::Endpoint& endpoint) {
    WEFT_TRY(update, statement(kUpdateEndpoint));
    return update->bind(1, endpoint.id).bind(2, to_line(to_json(endpoint))).run();
}

Result<void> Store::remove_endpoint(std::uint32_t id, std::int64_t until, std::int64_t now) {
    return database_.join([&]() -> Result<void> {
        WEFT_TRY(cool, statement(kCoolAddresses));
        WEFT_CHECK(cool->bind(1, id).bind(2, until).run());
        if (!forgot_ || now - *forgot_ >= kForgetSeconds) {
            WEFT_TRY(forget, statement(kForgetCooled));
            WEFT_CHECK(forget->bind(1, now).run());
            forgot_ = now;
        }
        WEFT_TRY(remove, statement(kDeleteEndpoint));
        return remove->bind(1, id).run();
    });
}

Result<std::vector<endpoint::Endpoint>> Store::endpoints() {
    std::vector<endpoint::Endpoint> out;
    Result<void> problem;
    WEFT_TRY(query, statement(kSelectEndpoints));
    WEFT_CHECK(query->each([&](Statement& row) {
        const auto id = static_cast<std::uint32_t>(row.integer(0));
        auto json = parse_json(row.text(1));
        auto parsed = json ? endpoint::parse_endpoint(JsonView(*json))
                           : Result<endpoint::Endpoint>(std::unexpected(json.error()));
        if (parsed && parsed->id == id)
            out.push_back(std::move(*parsed));
        else if (problem)
            problem = fail(ErrorCode::kInvalid, "the record of endpoint {} cannot be read: {}", id,
                           parsed ? "another number" : parsed.error().text());
    }));
    if (!problem) return std::unexpected(problem.error());
    return out;
}

Result<std::vector<AddressRow>> Store::addresses() {
    std::vector<AddressRow> out;
    Result<void> problem;
    WEFT_TRY(query, statement(kSelectAddresses));
    WEFT_CHECK(query->each([&](Statement& row) {
        const auto address = IpAddr::parse(row.text(0));
        if (!address)
            problem = std::unexpected(address.error());
        else
            out.push_back({*address, row.is_null(1) ? 0 : static_cast<std::uint32_t>(row.integer(1)), row.integer(2)});
    }));
    if (!problem) return std::unexpected(problem.error());
    return out;
}

Result<void> Store::write_numbers(const std::vector<NumberRow>& given, const std::vector<NumberRow>& freed) {
    if (given.empty() && freed.empty()) return {};
    return database_.join([&]() -> Result<void> {
        WEFT_TRY(remove, statement(kDeleteNumber));
        for (const auto& row : freed) WEFT_CHECK(remove->bind(1, row.kind).bind(2, row.key).run());
        WEFT_TRY(put, statement(kPutNumber));
        for (const auto& row : given) WEFT_CHECK(put->bind(1, row.kind).bind(2, row.key).bind(3, row.number).run());
        return {};
    });
}

Result<std::vector<NumberRow>> Store::numbers() {
    std::vector<NumberRow> out;
    WEFT_TRY(query, statement(kSelectNumbers));
    WEFT_CHECK(query->each([&](Statement& row) {
        out.push_back({static_cast<int>(row.integer(0)), row.text(1), static_cast<std::uint32_t>(row.integer(2))});
    }));
    return out;
}

Result<void> Store::put_object(const ObjectRow& row) {
    WEFT_TRY(put, statement(kPutObject));
    return put->bind(1, row.name.kind)
        .bind(2, row.name.namespace_)
        .bind(3, row.name.name)
        .bind(4, row.source)
        .bind(5, row.text)
        .run();
}

Result<void> Store::erase_object(const policy::PolicyName& name) {
    WEFT_TRY(remove, statement(kDeleteObject));
    return remove->bind(1, name.kind).bind(2, name.namespace_).bind(3, name.name).run();
}

Result<std::vector<ObjectRow>> Store::objects() {
    std::vector<ObjectRow> out;
    WEFT_TRY(query, statement(kSelectObjects));
    WEFT_CHECK(query->each([&](Statement& row) {
        out.push_back({{row.text(0), row.text(1), row.text(2)}, row.text(3), row.text(4)});
    }));
    return out;
}

}  // namespace weft::store
