"""Traced functions: values, effects, bursts, errors, threads, forks."""

import os
import threading
import time

import numpy as np
import pytest

from fastkeras import engine
from fastkeras.engine import Function, TensorSpec, Variable, primitive

add, tanh, matmul = primitive("add"), primitive("tanh"), primitive("matmul")
concatenate = primitive("concatenate")


def array(*shape):
    return np.random.RandomState(0).rand(*shape).astype("float32")


def test_result_has_the_structure_of_the_python_function():
    f = Function(lambda x: {"twice": x + x, "pair": (x * 3.0, None, "text")})
    result = f(array(2, 3))
    np.testing.assert_allclose(result["twice"].numpy(), 2 * array(2, 3))
    assert result["pair"][1:] == (None, "text")


def test_python_runs_once_per_signature():
    runs = []
    f = Function(lambda x: runs.append(1) or x + 1.0)
    for shape in ((2,), (2,), (3,), (2,)):
        f(array(*shape))
    assert len(runs) == 2


def test_threads_that_are_set_later_share_the_work(set_threads):
    rng = np.random.RandomState(0)
    x, w = (rng.normal(size=(256, 256)).astype("float32") for _ in range(2))
    product = Function(lambda x, w: x @ w)
    results, memory = [], []
    for threads in (1, 2, 1):
        set_threads(threads)
        results.append(product(x, w).numpy())
        memory.append(product.compile(x, w).memory_bytes)  # a copy of a panel for each thread
    assert memory[0] == memory[2] < memory[1]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_numbers_are_assigned_in_the_dtype_of_the_variable():
    assert Variable(0.0, dtype="float64").assign(0.1).numpy() == 0.1
    assert Variable([0, 0], dtype="int64").assign([2**53 + 1, 2]).numpy().tolist() == [2**53 + 1, 2]
    exact = Variable(0.0, dtype="float64")
    Function(lambda: exact.assign(0.1))()
    assert exact.numpy() == 0.1


def test_assignments_are_effects_and_later_reads_see_them():
    v = Variable(np.zeros(3, "float32"))

    def step(x):
        before = v.value
        v.assign_add(x)
        return before, v * 2.0

    f = Function(step)
    x = array(3)
    f(x)
    before, after = f(x)
    np.testing.assert_allclose(before.numpy(), x)
    np.testing.assert_allclose(after.numpy(), 4 * x)
    np.testing.assert_allclose(v.numpy(), 2 * x)


def test_results_are_taken_while_the_rest_still_runs():
    x, w = array(384, 384), array(384, 384) / 384

    def step(x):
        first, later = matmul(x, w), []
        for _ in range(150):
            later.append(matmul(later[-1] if later else first, w))
        # Traced at the end, made when there is what they are made of.
        twice, joined = first * 2.0, concatenate(later[3], later[5], axis=0)
        return twice, joined, later[7], None, later[-1]

    compiled = Function(step).compile(x)
    places = [compiled.describe().index(f"@output {i}") for i in range(4)]
    assert places == sorted(places)
    taken, times = [], []

    def take(number, result):
        times.append(time.perf_counter() - start)
        taken.append((number, result.numpy().copy()))
        result.numpy()[...] = number  # nothing in the run reads it any more

    start = time.perf_counter()
    results = compiled.run([x], take)
    assert times[2] < 0.8 * (time.perf_counter() - start)
    assert [number for number, _ in taken] == [0, 1, 2, 3] and results[3] is None
    expected = compiled.run([x])
    for (number, values), result, want in zip(taken, results[:3] + results[4:], expected[:3] + expected[4:]):
        np.testing.assert_array_equal(values, want.numpy())
        assert (result.numpy() == number).all()


def test_results_that_nobody_makes_are_taken_too():
    v = Variable(np.float32(3))
    same = array(2)
    taken = []
    Function(lambda x: (x, v.value, engine.convert_to_tensor(same), x)).compile(same).run(
        [same], lambda number, result: taken.append((number, result.numpy().sum()))
    )
    np.testing.assert_allclose(taken, [(0, same.sum()), (1, 3), (2, same.sum()), (3, same.sum())])


def test_an_error_ends_a_run_whose_results_are_taken():
    compiled = Function(lambda x: (x + 1.0, x * 2.0)).compile(array(3))

    def refuse(number, result):
        raise KeyError(number)

    with pytest.raises(KeyError, match="0"):
        compiled.run([array(3)], refuse)
    np.testing.assert_array_equal(compiled.run([array(3)], lambda *_: None)[1].numpy(), 2 * array(3))
    huge = Function(lambda x: primitive("cumsum")(primitive("broadcast_to")(x, shape=(1 << 46,)), axis=0)[-1:])
    with pytest.raises(MemoryError):  # in the thread of the run
        huge.compile(array(1)).run([array(1)], lambda *_: None)


def test_variables_can_be_swapped():
    a, b = Variable(np.float32(1)), Variable(np.float32(2))

    def swap(x):
        old = a.value
        a.assign(b.value)
        b.assign(old)
        return x

    Function(swap)(array(1))
    assert (float(a), float(b)) == (2.0, 1.0)


def test_a_variable_read_by_python_does_not_change_under_a_run():
    v = Variable(array(5))
    kept = v.value
    f = Function(lambda x: v.assign(v * x).value)
    f(np.float32(2) * np.ones(5, "float32"))
    np.testing.assert_array_equal(kept.numpy(), array(5))
    np.testing.assert_array_equal(v.numpy(), 2 * array(5))


def test_results_can_be_inputs_constants_and_variables():
    v = Variable(array(2))
    f = Function(lambda x: (x, engine.convert_to_tensor(7.0), v.value, primitive("reshape")(x, shape=(4,))))
    x, seven, value, flat = f(array(2, 2))
    np.testing.assert_array_equal(x.numpy(), array(2, 2))
    np.testing.assert_array_equal(flat.numpy(), array(2, 2).ravel())
    assert float(seven) == 7.0
    np.testing.assert_array_equal(value.numpy(), array(2))


@pytest.mark.parametrize("order", [None, "shuffled"])
def test_a_burst_feeds_the_rows_and_writes_the_rows(order):
    x = array(20, 3)
    total = Variable(np.zeros(3, "float32"))

    def step(batch):
        total.assign_add(primitive("sum")(batch, axes=(0,), keepdims=False))
        return batch * 10.0

    compiled = Function(step).compile(TensorSpec((4, 3)))
    out = np.zeros_like(x)
    indices = None if order is None else np.random.RandomState(1).permutation(20)
    compiled.run_steps([x], steps=5, batch_size=4, indices=indices, outputs=[out])
    np.testing.assert_allclose(out, 10 * (x if indices is None else x[indices]), rtol=1e-6)
    np.testing.assert_allclose(total.numpy(), x.sum(0), rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_next_batch_is_gathered_while_a_step_runs(threads, set_threads):
    """Batches of 60 KB, which workers gather between the loops of the step before; several bursts at once."""
    set_threads(threads)
    x, labels, weights = array(304, 900), np.arange(304, dtype="int32"), array(900, 200)
    wrong = []

    def work(seed):
        total = Variable(np.zeros(900, "float32"))

        def step(batch, label):
            total.assign_add(primitive("sum")(batch, axes=(0,), keepdims=False))
            return matmul(batch, weights), label

        compiled = Function(step).compile(TensorSpec((16, 900)), TensorSpec((16,), "int32"))
        indices = np.random.RandomState(seed).permutation(304)
        expected = np.concatenate([matmul(x[rows], weights) for rows in indices.reshape(19, 16)])
        for _ in range(20):
            out, found = np.zeros((304, 200), "float32"), np.zeros(304, "int32")
            compiled.run_steps([x, labels], steps=19, batch_size=16, indices=indices, outputs=[out, found])
            if not (np.array_equal(out, expected) and np.array_equal(found, labels[indices])):
                wrong.append(seed)
        if not np.allclose(total.numpy(), 20 * x.sum(0), rtol=1e-4):
            wrong.append(total)

    callers = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert not wrong


@pytest.mark.parametrize(
    ("sources", "arguments", "message"),
    [
        ([array(20, 2)], {}, "source 0 must be a C-ordered float32"),
        ([array(20, 3).astype("float64")], {}, "source 0"),
        ([array(19, 3)], {}, "at least 20 rows"),
        ([array(20, 3)], {"indices": np.full(20, 20)}, "at least 21 rows"),
        ([array(20, 3)], {"indices": np.full(20, -1)}, "must not be negative"),
        ([array(20, 3)], {"indices": np.arange(3)}, "indices must hold"),
        ([array(20, 3)], {"outputs": [np.zeros((19, 3), "float32")]}, "output 0"),
        ([], {}, "takes 1 arrays"),
    ],
)
def test_a_burst_refuses_arrays_that_do_not_fit(sources, arguments, message):
    compiled = Function(lambda x: x + 1.0).compile(TensorSpec((4, 3)))
    with pytest.raises(ValueError, match=message):
        compiled.run_steps(sources, steps=5, batch_size=4, **arguments)


def test_symbolic_tensors_have_no_value():
    for use in (float, bool, np.asarray, lambda t: t.numpy()):
        with pytest.raises(TypeError, match="traced|no value"):
            Function(lambda x: use(x))(array(1))  # noqa: B023


def test_a_tensor_kept_from_a_trace_is_refused():
    kept = []
    Function(lambda x: kept.append(x) or x + 1.0)(array(2))
    with pytest.raises(ValueError, match="outside of the trace"):
        kept[0] + 1.0


def test_a_failed_trace_leaves_nothing_behind():
    v = Variable(np.float32(1))

    def broken(x):
        v.assign(v * 0.0)
        raise KeyError("user's mistake")

    f = Function(broken)
    for _ in range(2):
        with pytest.raises(KeyError):
            f(array(2))
    assert float(v) == 1.0
    assert not engine.tracing()


def test_variables_made_inside_a_trace_start_at_once():
    made = []

    def fn(x):
        if not made:
            made.append(Variable(np.float32(3)))
        return x * made[0]

    f = Function(fn)
    np.testing.assert_allclose(f(array(2)).numpy(), 3 * array(2))
    np.testing.assert_allclose(f(array(2)).numpy(), 3 * array(2))


def test_memory_is_planned_and_reused():
    def chain(x):
        for _ in range(50):
            x = primitive("sum")(tanh(x), axes=(1,), keepdims=True) + x
        return x

    compiled = Function(chain).compile(TensorSpec((64, 256)))
    one = 64 * 256 * 4
    assert one <= compiled.memory_bytes < 6 * one


def test_elementwise_chains_are_one_program_and_exact():
    def chain(x, row, column):
        y = tanh(x * row + 1.0) - column
        z = y * y
        return z, y

    x, row, column = array(7, 33), array(33), array(7, 1)
    f = Function(chain)
    z, y = f(x, row, column)
    assert f.compile(x, row, column).describe().count("tile[") == 1
    eager_z, eager_y = chain(*map(engine.convert_to_tensor, (x, row, column)))
    np.testing.assert_array_equal(y.numpy(), eager_y.numpy())
    np.testing.assert_array_equal(z.numpy(), eager_z.numpy())


def test_fused_groups_never_wait_for_each_other():
    # Two chains that cross through reductions: fusing both wholly would make a cycle.
    def crossed(x):
        a = tanh(x)
        b = x * 2.0
        sa, sb = primitive("sum")(a, axes=(0,), keepdims=True), primitive("sum")(b, axes=(0,), keepdims=True)
        return (b + sa) * b, (a + sb) * a

    f = Function(crossed)
    x = array(4, 5)
    for traced, eager in zip(f(x), crossed(engine.convert_to_tensor(x))):
        np.testing.assert_allclose(traced.numpy(), eager.numpy(), rtol=1e-6)


def layered(weights):
    def fn(x):
        for w in weights:
            x = tanh(matmul(x, w))
        return x

    return fn


def test_threads_share_a_function():
    weights = [Variable(array(64, 64) / 64) for _ in range(3)]
    f = Function(layered(weights))
    x = array(32, 64)
    expected = f(x).numpy()
    wrong = []

    def work():
        for _ in range(200):
            if not np.array_equal(f(x).numpy(), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_same_bits_for_any_number_of_threads(set_threads):
    weights = [Variable(array(300, 300) / 300) for _ in range(2)]
    f = Function(layered(weights))
    x = array(257, 300)
    results = []
    for n in (1, 2, 3):
        set_threads(n)
        results.append(f(x).numpy())
    for r in results[1:]:
        np.testing.assert_array_equal(r, results[0])


def in_a_child(work):
    """Whether `work()` is true in a fork of this process."""
    child = os.fork()
    if child == 0:
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
def test_a_forked_child_and_its_child_compute_with_threads(set_threads):
    weights = [Variable(array(300, 300) / 300) for _ in range(2)]
    f = Function(layered(weights))
    x = array(256, 300)
    set_threads(2)
    expected = f(x).numpy()

    def same():
        before = len(os.listdir("/proc/self/task"))
        right = all(np.array_equal(f(x).numpy(), expected) for _ in range(20))
        return before == 1 and right and len(os.listdir("/proc/self/task")) >= 2

    assert in_a_child(same)
    assert in_a_child(lambda: same() and in_a_child(same))
    np.testing.assert_array_equal(f(x).numpy(), expected)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forks_while_another_thread_computes(set_threads):
    weights = [Variable(array(300, 300) / 300) for _ in range(2)]
    f = Function(layered(weights))
    g = Function(layered([Variable(array(300, 300) / 300)]))
    x = array(256, 300)
    set_threads(2)
    expected, stop = g(x).numpy(), threading.Event()

    def work():
        while not stop.is_set():
            f(x)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert all(in_a_child(lambda: np.array_equal(g(x).numpy(), expected)) for _ in range(5))
    finally:
        stop.set()
        thread.join()


def test_callers_with_different_numbers_of_threads(set_threads):
    f = Function(layered([Variable(array(300, 300) / 300)]))
    x = array(512, 300)
    expected = f(x).numpy()
    wrong = []

    def work(n):
        for i in range(30):
            set_threads(1 + (n + i) % 5)
            if not np.array_equal(f(x).numpy(), expected):
                wrong.append(n)

    callers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert not wrong


def test_denormal_mode_of_the_host_is_left_alone():
    tiny = np.float32(1e-40)
    Function(lambda x: x * 0.5)(array(4))
    assert tiny * np.float32(1.0) == tiny


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_steps_side_by_side_write_their_own_rows(threads, set_threads):
    weights = [Variable(array(30, 30) / 30) for _ in range(2)]
    x = array(1003, 30)
    f = Function(layered(weights))
    expected = np.concatenate([f(x[i : i + 17]).numpy() for i in range(0, 1003, 17)])
    compiled = f.compile(TensorSpec((17, 30)))
    set_threads(threads)
    wrong = []

    def work():
        for _ in range(20):
            out = np.zeros_like(x)
            compiled.run_steps([x], steps=59, batch_size=17, outputs=[out])
            if not np.array_equal(out, expected):
                wrong.append(1)

    callers = [threading.Thread(target=work) for _ in range(3)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert not wrong
