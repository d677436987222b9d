#include "daemon/store/database.hpp"

#include <sqlite3.h>

#include <array>
#include <utility>

namespace weft::store {

namespace {

std::unexpected<Error> sqlite_error(sqlite3* handle, int result, std::string_view doing) {
    const int primary = result & 0xff;
    ErrorCode code = ErrorCode::kSystem;
    if (primary == SQLITE_CONSTRAINT) code = ErrorCode::kExists;
    if (primary == SQLITE_FULL) code = ErrorCode::kExhausted;
    if (primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT) code = ErrorCode::kInvalid;
    return fail(code, "{}: {}", doing, handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(result));
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Statement& Statement::bind(int index, std::int64_t value) {
    bind_error_ |= sqlite3_bind_int64(statement_.get(), index, value);
    return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
    bind_error_ |=
        sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
}

Statement& Statement::bind_null(int index) {
    bind_error_ |= sqlite3_bind_null(statement_.get(), index);
    return *this;
}

Result<void> Statement::run() {
    return each([](Statement&) {});
}

Result<void> Statement::each(const std::function<void(Statement&)>& visit) {
    if (std::exchange(bind_error_, 0) != SQLITE_OK) return fail(ErrorCode::kInternal, "bind a database value");
    int result = sqlite3_step(statement_.get());
    for (; result == SQLITE_ROW; result = sqlite3_step(statement_.get())) visit(*this);
    sqlite3_reset(statement_.get());
    if (result != SQLITE_DONE) return sqlite_error(sqlite3_db_handle(statement_.get()), result, "database");
    return {};
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* handle) const {
    sqlite3_close_v2(handle);
}

Result<Database> Database::open(const std::filesystem::path& path) {
    sqlite3* handle = nullptr;
    const int result = sqlite3_open_v2(path.c_str(), &handle,
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(handle);  // sqlite gives a handle, to be closed, even when it fails
    if (result != SQLITE_OK) return sqlite_error(handle, result, fmt::format("open database {}", path.string()));
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, 2000);
    return database;
}

Result<void> Database::execute(const std::string& sql) {
    const int result = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) return sqlite_error(handle_.get(), result, "database");
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int result = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (result != SQLITE_OK) return sqlite_error(handle_.get(), result, fmt::format("prepare '{}'", sql));
    return Statement(statement);
}

// Prepared once: every change of the daemon takes several of them.
Result<void> Database::step(Step which) {
    static constexpr std::array<std::string_view, kSteps> kSql = {
        "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "SAVEPOINT part", "RELEASE part", "ROLLBACK TO part"};
    auto& statement = steps_.at(which);
    if (!statement) {
        WEFT_TRY(prepared, prepare(kSql.at(which)));
        statement.emplace(std::move(prepared));
    }
    return statement->run();
}

Result<void> Database::transaction(const std::function<Result<void>()>& work) {
    const bool outer = depth_ == 0;
    WEFT_CHECK(step(outer ? kBegin : kBeginPart));
    ++depth_;
    Result<void> done = work();
    --depth_;
    if (done) done = step(outer ? kCommit : kEndPart);
    if (!done && outer) static_cast<void>(step(kRollback));
    if (!done && !outer && step(kRollbackPart)) static_cast<void>(step(kEndPart));
    return done;
}

}  // namespace weft::store
