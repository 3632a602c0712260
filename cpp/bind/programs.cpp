// Programs, threads, instruction sets.
#include <condition_variable>
#include <future>
#include <mutex>

#include "bind/convert.h"
#include "core/parallel.h"
#include "graph/program.h"
#include "simd/dispatch.h"

namespace fk::bind {
namespace {

// Arrays and tensors as feeds, without a copy where their layout allows it.
std::vector<Tensor> to_feeds(const Program& program, const py::sequence& values) {
    const auto& types = program.feed_types();
    check(values.size() == types.size(), "[program] the program takes ", types.size(),
          " arrays. Received: ", values.size());
    std::vector<Tensor> feeds(types.size());
    for (size_t i = 0; i < feeds.size(); ++i) {
        feeds[i] = to_tensor(values[i], true);
        if (!(*feeds[i] == types[i]) || feeds[i]->symbolic())
            fail("[program] array ", i, " must be ", name_of(types[i].dtype), types[i].shape,
                 ". Received: ", name_of(feeds[i]->dtype), feeds[i]->shape);
    }
    return feeds;
}

// Which outputs of a run in another thread are there.
class Progress {
public:
    explicit Progress(size_t outputs) : made_(outputs) {}
    void made(size_t output) {
        const std::lock_guard lock(mutex_);
        made_[output] = true;
        changed_.notify_one();
    }
    void ended() {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        changed_.notify_one();
    }
    // False when the run has ended without it: it has failed.
    bool wait_for(size_t output) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return made_[output] || ended_; });
        return made_[output];
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<bool> made_;
    bool ended_ = false;
};

template <class F>
auto without_gil(const F& wait) {
    const WithoutGil release;
    return wait();
}

// body() in a thread of its own. Whoever waits for it lets go of the GIL, which the thread may need to free an array.
class Beside {
public:
    template <class F>
    explicit Beside(F body)
        : done_(std::async(std::launch::async, [body, threads = num_threads()] {
              use_threads(threads);
              body();
          })) {}
    ~Beside() {
        if (done_.valid()) without_gil([&] { done_.wait(); });
    }
    void join() {  // throws what body() threw
        without_gil([&] { done_.wait(); });
        done_.get();
    }

private:
    std::future<void> done_;
};

// Calls take(i, results[i]) for one output after the other, as soon as it is there and while the rest still runs.
void run_beside(Program& program, const std::vector<const void*>& in, const std::vector<void*>& out,
                const std::vector<Tensor>& results, const py::object& take) {
    Progress progress(out.size());
    Beside run([&] {
        try {
            program.run(in, out, [&](size_t output) { progress.made(output); });
        } catch (...) {
            progress.ended();
            throw;
        }
    });
    for (size_t i = 0; i < results.size(); ++i) {
        if (!without_gil([&] { return progress.wait_for(i); })) break;
        take(i, results[i]);
    }
    run.join();
}

std::vector<Tensor> run(Program& program, const py::sequence& values, const py::object& take) {
    const std::vector<Tensor> feeds = to_feeds(program, values);
    std::vector<Tensor> results;
    std::vector<const void*> in;
    std::vector<void*> out;
    for (const Tensor& t : feeds) in.push_back(t->data);
    for (const TensorType& t : program.output_types()) out.push_back(results.emplace_back(make_tensor(t))->data);
    if (!take.is_none()) {
        run_beside(program, in, out, results, take);
        return results;
    }
    const WithoutGil release;
    program.run(in, out);
    return results;
}

// The rows of `array` that a burst may touch, checked against the type of one step's batch.
std::byte* rows_of(py::array array, const TensorType& type, int64_t needed, bool write, const char* what,
                   size_t number) {
    const bool fits = array.ndim() == type.shape.rank() && array.ndim() > 0 && (array.flags() & py::array::c_style) &&
                      array.dtype().equal(numpy_dtype(type.dtype)) && (!write || array.writeable()) &&
                      std::equal(type.shape.begin() + 1, type.shape.end(), array.shape() + 1) &&
                      array.shape(0) >= needed;
    if (!fits)
        fail("[run_steps] ", what, " ", number, " must be a C-ordered ", name_of(type.dtype), " array with at least ",
             needed, " rows of a batch of shape ", type.shape, ". Received: ", std::string(py::str(array.dtype())),
             " array of shape ", std::string(py::str(array.attr("shape"))));
    return static_cast<std::byte*>(const_cast<void*>(array.data()));
}

void run_steps(Program& program, const py::sequence& sources, int64_t steps, int64_t batch, const py::object& indices,
               int64_t start, const py::object& outputs) {
    check(steps >= 1 && batch >= 1 && start >= 0,
          "[run_steps] steps and batch_size must be positive, start not negative. Received: "
          "steps=",
          steps, ", batch_size=", batch, ", start=", start);
    const auto& types = program.feed_types();
    check(sources.size() == types.size(), "[run_steps] the program takes ", types.size(),
          " arrays. Received: ", sources.size());
    Program::Burst burst;
    burst.start = start, burst.batch = batch, burst.steps = steps;
    int64_t needed = start + steps * batch;
    py::array_t<int64_t, py::array::c_style> order;
    if (!indices.is_none()) {
        order = indices.cast<py::array_t<int64_t, py::array::c_style>>();
        check(order.size() >= steps * batch,
              "[run_steps] indices must hold steps * batch_size rows. Received: ", order.size(),
              " indices, steps=", steps, ", batch_size=", batch);
        burst.indices = order.data();
        int64_t low = 0;
        needed = 0;
        for (int64_t i = 0; i < steps * batch; ++i) {
            low = std::min(low, burst.indices[i]);
            needed = std::max(needed, burst.indices[i] + 1);
        }
        check(low >= 0, "[run_steps] indices must not be negative. Received: ", low);
    }
    for (size_t i = 0; i < types.size(); ++i) {
        check(types[i].shape.rank() > 0 && types[i].shape[0] == batch,
              "[run_steps] batch_size must be the first dimension of every "
              "fed tensor. Received: batch_size=",
              batch, ", shape=", types[i].shape);
        burst.sources.push_back(rows_of(py::array::ensure(sources[i]), types[i], needed, false, "source", i));
    }
    if (!outputs.is_none()) {
        const auto list = outputs.cast<py::sequence>();
        const auto& out = program.output_types();
        check(list.size() == out.size(), "[run_steps] the program returns ", out.size(),
              " arrays. Received: ", list.size());
        for (size_t i = 0; i < out.size(); ++i)
            burst.outputs.push_back(
                rows_of(list[i].cast<py::array>(), out[i], start + steps * batch, true, "output", i));
    }
    const WithoutGil release;
    program.run_steps(burst);
}

}  // namespace

void bind_programs(py::module_& m) {
    py::class_<Program, std::shared_ptr<Program>>(m, "Program")
        .def(py::init([](const std::shared_ptr<Trace>& trace, const std::vector<Tensor>& outputs) {
                 return std::make_shared<Program>(*trace, outputs);
             }),
             py::arg("trace"), py::arg("outputs"))
        .def("run", &run, py::arg("values"), py::arg("take") = py::none())
        .def("run_steps", &run_steps, py::arg("sources"), py::kw_only(), py::arg("steps"), py::arg("batch_size"),
             py::arg("indices") = py::none(), py::arg("start") = 0, py::arg("outputs") = py::none())
        .def_property_readonly("memory_bytes", &Program::memory_bytes)
        .def("describe", &Program::describe);

    m.def("num_threads", &num_threads);
    m.def("set_num_threads", [](int64_t n) {
        check(n >= 0 && n <= kMaxThreads, "[set_num_threads] the number of threads must be from 0 to ", kMaxThreads,
              ". Received: n=", n);
        set_num_threads(int(n));
    });
    m.def("isa", [] { return std::string(isa_name()); });
    m.def("set_isa", &set_isa);
    m.def("available_isas", &available_isas);
    m.def("multiplies_bfloat16", &multiplies_bfloat16);
    m.def("multiplies_tiles", &multiplies_tiles);
    m.def("float32_product_planes", [] { return float32_product_planes.load(); });
    m.def("set_float32_product_planes", [](int planes) { float32_product_planes = planes; });
}

}  // namespace fk::bind
