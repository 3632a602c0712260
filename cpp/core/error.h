// Errors with a tag, the rule that was broken, and the value received.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace fk {

// std::invalid_argument becomes ValueError in Python, TypeError becomes TypeError, std::out_of_range IndexError.
struct TypeError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class Error = std::invalid_argument, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
    std::ostringstream s;
    (s << ... << parts);
    throw Error(s.str());
}

// check(axis < rank, "[squeeze] axis must be below the rank. Received: axis=", axis, ", rank=", rank);
template <class... Parts>
void check(bool ok, const Parts&... parts) {
    if (!ok) [[unlikely]]
        fail(parts...);
}

}  // namespace fk
