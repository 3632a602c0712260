#include "graph/op.h"

#include <algorithm>
#include <unordered_map>

namespace fk {

void Attrs::set(std::string_view name, Attr value) {
    const auto at = std::lower_bound(items_.begin(), items_.end(), name,
                                     [](const Item& i, std::string_view n) { return i.first < n; });
    if (at != items_.end() && at->first == name)
        at->second = std::move(value);
    else
        items_.emplace(at, name, std::move(value));
}

template <class T>
const T& Attrs::get(std::string_view name, const char* kind) const {
    const Attr* attr = find(name);
    if (!attr) fail<TypeError>("[attribute] ", name, " is missing");
    if (const T* value = std::get_if<T>(attr)) return *value;
    fail<TypeError>("[attribute] ", name, " must be ", kind);
}

int64_t Attrs::integer(std::string_view name) const { return get<int64_t>(name, "an integer"); }
bool Attrs::flag(std::string_view name) const { return get<bool>(name, "True or False"); }
const std::string& Attrs::text(std::string_view name) const { return get<std::string>(name, "a string"); }

double Attrs::number(std::string_view name) const {
    const Attr* attr = find(name);
    if (attr && std::holds_alternative<int64_t>(*attr)) return double(std::get<int64_t>(*attr));
    if (attr && std::holds_alternative<bool>(*attr)) return double(std::get<bool>(*attr));
    return get<double>(name, "a number");
}

std::vector<int64_t> Attrs::integers(std::string_view name) const {
    const Attr* attr = find(name);
    if (attr && std::holds_alternative<int64_t>(*attr)) return {std::get<int64_t>(*attr)};
    return get<std::vector<int64_t>>(name, "a list of integers");
}

std::vector<double> Attrs::numbers(std::string_view name) const {
    const Attr* attr = find(name);
    if (attr && std::holds_alternative<std::vector<int64_t>>(*attr)) {
        const auto& ints = std::get<std::vector<int64_t>>(*attr);
        return {ints.begin(), ints.end()};
    }
    return get<std::vector<double>>(name, "a list of numbers");
}

// Function-local, so that it exists before the first record of any translation unit registers.
static std::unordered_map<std::string, Op>& registry() {
    static auto* ops = new std::unordered_map<std::string, Op>;
    return *ops;
}

const Op& register_op(Op op) {
    const auto [it, fresh] = registry().try_emplace(op.name, op);
    if (!fresh) fail<std::logic_error>("[op] the name ", op.name, " is registered twice");
    return it->second;
}

const Op& find_op(const std::string& name) {
    const auto it = registry().find(name);
    check(it != registry().end(), "[op] there is no primitive of this name. Received: ", name);
    return it->second;
}

std::vector<std::string> op_names() {
    std::vector<std::string> names;
    for (const auto& [name, op] : registry()) names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace fk
