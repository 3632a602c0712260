// The GIL, let go of and taken.
//
// When the interpreter ends, up to Python 3.13, it ends the threads that ask for the GIL by unwinding their stacks. On
// the way destructors would free Python's objects without the GIL, or, as they must not throw, end the process. Such a
// thread stays where it is instead.
#pragma once
#include <pybind11/pybind11.h>
#include <unistd.h>

#include <cxxabi.h>

namespace fk::bind {

// f(), which may let go of the GIL and ask for it again. Nothing of f itself may need a destructor.
template <class F>
auto staying(const F& f) {
#ifdef __GLIBCXX__
    try {
        return f();
    } catch (abi::__forced_unwind&) {
        for (;;) pause();
    }
#else
    return f();
#endif
}

class WithoutGil {
public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    ~WithoutGil() {
        staying([this] { PyEval_RestoreThread(state_); });
    }
    WithoutGil(const WithoutGil&) = delete;

private:
    PyThreadState* state_;
};

class WithGil {
public:
    WithGil() : state_(staying([] { return PyGILState_Ensure(); })) {}
    ~WithGil() { PyGILState_Release(state_); }
    WithGil(const WithGil&) = delete;

private:
    PyGILState_STATE state_;
};

}  // namespace fk::bind
