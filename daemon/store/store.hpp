// What the daemon must remember across a restart: addresses, endpoints, numbers, objects in force. SQLite in WAL mode.
//
// A transaction that returned survives the death of the daemon, at whatever instruction it comes. synchronous=OFF: what
// is in the run directory is valid only as long as the node is up, so that nothing needs to survive the machine. Not
// thread-safe (the daemon's lock).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "daemon/endpoint/endpoint.hpp"
#include "daemon/store/database.hpp"
#include "policy/image.hpp"

namespace weft::store {

// An address that belongs to an endpoint, or is cooling down until a time.
struct AddressRow {
    IpAddr address;
    std::uint32_t endpoint = 0;  // 0: cooling down
    std::int64_t until = 0;      // CLOCK_BOOTTIME seconds; 0 while it belongs to an endpoint
};

struct NumberRow {
    int kind = 0;  // policy::NumberKind
    std::string key;
    std::uint32_t number = 0;
};

// An object in force: as it was given (or what matters of it), and by whom.
struct ObjectRow {
    policy::PolicyName name;
    std::string source;
    std::string text;
};

class Store {
  public:
    // Makes the database, or opens the one that is there. Error kInvalid when its schema is of another version.
    static Result<Store> open(const std::filesystem::path& path);

    // The endpoint with its addresses, in one transaction. Error kExists when the attachment, the number or an
    // address is in use.
    Result<void> add_endpoint(const endpoint::Endpoint& endpoint);
    // Changes its record (not its addresses).
    Result<void> update_endpoint(const endpoint::Endpoint& endpoint);
    // Removes it; its addresses cool down until then (0: free at once). Addresses that have cooled by `now` are
    // forgotten, twice a minute at most: all that are cooling down are looked at.
    Result<void> remove_endpoint(std::uint32_t id, std::int64_t until, std::int64_t now);
    Result<std::vector<endpoint::Endpoint>> endpoints();
    Result<std::vector<AddressRow>> addresses();

    Result<void> write_numbers(const std::vector<NumberRow>& given, const std::vector<NumberRow>& freed);
    Result<std::vector<NumberRow>> numbers();

    Result<void> put_object(const ObjectRow& row);
    Result<void> erase_object(const policy::PolicyName& name);
    Result<std::vector<ObjectRow>> objects();

    // One for all that `work` writes; may be nested (Database::transaction).
    Result<void> transaction(const std::function<Result<void>()>& work) { return database_.transaction(work); }

  private:
    explicit Store(Database database) : database_(std::move(database)) {}
    Result<Statement*> statement(const char* sql);
    Result<void> put_addresses(const endpoint::Endpoint& endpoint);

    Database database_;
    std::map<const char*, Statement> statements_;  // by the literal's address: each is prepared once
    std::optional<std::int64_t> forgot_;           // when cooled addresses were last forgotten
};

}  // namespace weft::store
