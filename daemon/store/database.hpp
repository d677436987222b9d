// SQLite behind Result<T>: a connection, prepared statements and a transaction that is rolled back unless committed.
//
// One thread at a time. A statement is reset when its row is read to the end or it goes out of scope of run()/next().
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace weft::store {

class Statement {
  public:
    // Binds parameter `index` (from 1).
    Statement& bind(int index, std::int64_t value);
    Statement& bind(int index, std::string_view text);
    Statement& bind_null(int index);

    // Runs a statement that gives no rows. Error kExists when it breaks a uniqueness constraint.
    Result<void> run();
    // Runs a query: `visit` reads the columns of each row.
    Result<void> each(const std::function<void(Statement&)>& visit);

    std::int64_t integer(int column) const;
    std::string text(int column) const;
    bool is_null(int column) const;

  private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int bind_error_ = 0;
};

class Database {
  public:
    static Result<Database> open(const std::filesystem::path& path);

    Result<void> execute(const std::string& sql);
    Result<Statement> prepare(std::string_view sql);
    // Runs `work` between BEGIN IMMEDIATE and COMMIT; rolls back if it fails or the commit does. Within another one it
    // is a savepoint: its failure takes back its own part only, when the outer `work` passes over it.
    Result<void> transaction(const std::function<Result<void>()>& work);
    // A transaction unless within one: then `work` is a part of that, whose own work fails when this does.
    Result<void> join(const std::function<Result<void>()>& work) { return depth_ == 0 ? transaction(work) : work(); }

  private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    explicit Database(sqlite3* handle) : handle_(handle) {}
    enum Step { kBegin, kCommit, kRollback, kBeginPart, kEndPart, kRollbackPart, kSteps };
    Result<void> step(Step which);

    std::unique_ptr<sqlite3, Close> handle_;
    std::array<std::optional<Statement>, kSteps> steps_;  // closed before the handle
    int depth_ = 0;
};

}  // namespace weft::store
