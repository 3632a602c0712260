#include "graph/op.h"

#include <algorithm>
#include <unordered_map>

namespace fk {

template <class T>
static const T& get(const std::map<std::string, Attr>& items, const std::string& name, const char* kind) {
    const auto it = items.find(name);
    if (it == items.end()) fail<TypeError>("[attribute] ", name, " is missing");
    if (const T* value = std::get_if<T>(&it->second)) return *value;
    fail<TypeError>("[attribute] ", name, " must be ", kind);
}

int64_t Attrs::integer(const std::string& name) const { return get<int64_t>(items_, name, "an integer"); }
bool Attrs::flag(const std::string& name) const { return get<bool>(items_, name, "True or False"); }
const std::string& Attrs::text(const std::string& name) const { return get<std::string>(items_, name, "a string"); }

double Attrs::number(const std::string& name) const {
    const auto it = items_.find(name);
    if (it != items_.end() && std::holds_alternative<int64_t>(it->second)) return double(std::get<int64_t>(it->second));
    if (it != items_.end() && std::holds_alternative<bool>(it->second)) return double(std::get<bool>(it->second));
    return get<double>(items_, name, "a number");
}

std::vector<int64_t> Attrs::integers(const std::string& name) const {
    const auto it = items_.find(name);
    if (it != items_.end() && std::holds_alternative<int64_t>(it->second)) return {std::get<int64_t>(it->second)};
    return get<std::vector<int64_t>>(items_, name, "a list of integers");
}

std::vector<double> Attrs::numbers(const std::string& name) const {
    const auto it = items_.find(name);
    if (it != items_.end() && std::holds_alternative<std::vector<int64_t>>(it->second)) {
        const auto& ints = std::get<std::vector<int64_t>>(it->second);
        return {ints.begin(), ints.end()};
    }
    return get<std::vector<double>>(items_, name, "a list of numbers");
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
