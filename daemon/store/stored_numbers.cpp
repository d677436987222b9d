#include "daemon/store/stored_numbers.hpp"

namespace weft::store {

Result<std::unique_ptr<StoredNumbers>> StoredNumbers::load(Store& store) {
    std::unique_ptr<StoredNumbers> out(new StoredNumbers(store));
    WEFT_TRY(rows, store.numbers());
    for (const auto& row : rows) {
        if (row.kind < 0 || row.kind > static_cast<int>(policy::NumberKind::kNameList))
            return fail(ErrorCode::kInvalid, "the database has a number of unknown kind {}", row.kind);
        if (auto restored = out->restore(static_cast<policy::NumberKind>(row.kind), row.key, row.number); !restored)
            return wrap(restored.error(), "read numbers from the database");
    }
    return out;
}

void StoredNumbers::given(policy::NumberKind kind, const std::string& key, std::uint32_t number) {
    changed_[{kind, key}] = number;
}

void StoredNumbers::freed(policy::NumberKind kind, const std::string& key) {
    changed_[{kind, key}] = 0;
}

std::vector<std::uint32_t> StoredNumbers::new_rules() const {
    std::vector<std::uint32_t> out;
    for (const auto& [key, number] : changed_)
        if (key.first == policy::NumberKind::kRule && number != 0) out.push_back(number);
    return out;
}

Result<void> StoredNumbers::write() {
    std::vector<NumberRow> put, erased;
    for (const auto& [key, number] : changed_)
        (number != 0 ? put : erased).push_back({static_cast<int>(key.first), key.second, number});
    return store_.write_numbers(put, erased);
}

}  // namespace weft::store
