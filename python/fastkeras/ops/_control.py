"""Branches and loops, as functions of functions; gradients of one's own.

A trace has no branches and no loops: loops of a known length are unrolled, branches are all computed and selected.
"""

import functools

from fastkeras.engine import cast, convert_to_tensor, is_symbolic, nest, op
from fastkeras.engine.branches import Branch, merge
from fastkeras.engine.custom_gradient import with_gradient
from fastkeras.ops._common import normalize_axis, numpy_values, part
from fastkeras.ops._comparison import where
from fastkeras.ops._joining import concatenate, stack


def _select(pred, true_fn, false_fn):
    """What `true_fn` returns and assigns where the scalar `pred` holds, else what `false_fn` does."""
    with Branch() as true_branch:
        yes = true_fn()
    with Branch() as false_branch:
        no = false_fn()
    merge(pred, true_branch, false_branch)
    left, right = nest.flatten(yes), nest.flatten(no)
    same = len(left) == len(right)
    left = [None if t is None else convert_to_tensor(t) for t in left]
    right = [None if t is None else convert_to_tensor(t) for t in right]
    for a, b in zip(left, right, strict=False):
        same = same and (a is None) == (b is None) and (a is None or (a.shape, a.dtype) == (b.shape, b.dtype))
    if not same:
        raise ValueError(
            "`true_fn` and `false_fn` should return outputs of the same kind (struct, dtype and shape). "
            f"Got {yes} and {no} instead."
        )
    return nest.pack_like(yes, [None if a is None else where(pred, a, b) for a, b in zip(left, right, strict=True)])


@op
def cond(pred, true_fn, false_fn):
    """`true_fn()` where the scalar `pred` holds, else `false_fn()`.

    In a compiled function both are computed, and the results and assignments of one are kept.

    >>> import fastkeras as keras
    >>> keras.ops.cond(True, lambda: "yes", lambda: "no")
    'yes'
    """
    if not is_symbolic(pred):
        return true_fn() if bool(pred) else false_fn()
    return _select(cast(pred, "bool"), true_fn, false_fn)


def custom_gradient(f):
    """A function that returns the first of `f(*args)`, `(outputs, grad)`, and whose gradient is `grad(upstream)`.

    `grad` gets the gradients of the outputs and returns one per argument; it may also be `grad(*args, upstream)`.

    >>> import fastkeras as keras
    >>> halved = keras.ops.custom_gradient(lambda x: (x * 1, lambda upstream: upstream * 0.5))
    >>> x = keras.Variable(3.0)
    >>> with keras.GradientTape() as tape:
    ...     y = halved(x)
    >>> float(tape.gradient(y, x))
    0.5
    """

    @functools.wraps(f)
    def run(*args, **kwargs):
        outputs, grad = f(*args, **kwargs)
        return with_gradient(grad, args, nest.map(convert_to_tensor, outputs))

    return run


@op
def switch(index, branches, *operands):
    """`branches[index](*operands)`, the index clamped to the branches there are; in a compiled function as `cond`.

    >>> import fastkeras as keras
    >>> int(keras.ops.switch(1, [lambda x: x + 1, lambda x: x * 10], keras.ops.array(2)))
    20
    """
    if not branches:
        raise ValueError("[switch] there must be at least one branch. Received: none")
    last = len(branches) - 1
    if not is_symbolic(index):
        return branches[min(max(int(index), 0), last)](*operands)

    def from_branch(i):
        if i == last:
            return branches[last](*operands)
        return _select(index <= i, lambda: branches[i](*operands), lambda: from_branch(i + 1))

    return from_branch(0)


@op
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Calls `loop_vars = body(*loop_vars)` while `cond(*loop_vars)` holds, at most `maximum_iterations` times.

    In a compiled function the condition must not depend on tensors of the trace.

    >>> import fastkeras as keras
    >>> int(keras.ops.while_loop(lambda i: i < 10, lambda i: i + 1, keras.ops.array(0)))
    10
    """
    several = isinstance(loop_vars, (tuple, list))
    values, iteration = loop_vars, 0
    while maximum_iterations is None or iteration < maximum_iterations:
        go_on = cond(*values) if several else cond(values)
        if is_symbolic(go_on):
            raise NotImplementedError(
                "[while_loop] how often the loop runs must be known while a function is traced. Use fori_loop or scan "
                "with a fixed length, or run eagerly: compile(run_eagerly=True)"
            )
        if not bool(go_on):
            break
        values = body(*values) if several else body(values)
        if several and not isinstance(values, (tuple, list)):
            values = (values,)
        iteration += 1
    return type(loop_vars)(values) if type(loop_vars) in (list, tuple) else values


@op
def fori_loop(lower, upper, body_fun, init_val):
    """`val = body_fun(i, val)` for i from `lower` to `upper - 1`, both known numbers.

    >>> import fastkeras as keras
    >>> int(keras.ops.fori_loop(0, 10, lambda i, total: total + i, 0))
    45
    """
    (first,), (last,) = numpy_values("fori_loop", lower), numpy_values("fori_loop", upper)
    for i in range(int(first), int(last)):
        init_val = body_fun(i, init_val)
    return init_val


def _length(xs, tag):
    lengths = {x.shape[0] for x in nest.flatten(xs)}
    if len(lengths) != 1:
        raise ValueError(f"[{tag}] all tensors must have the same first dimension. Received: {sorted(lengths)}")
    return lengths.pop()


def _stack_all(results):
    """A list of structures of tensors as one structure of stacked tensors."""
    columns = zip(*(nest.flatten(r) for r in results), strict=True)
    stacked = [None if c[0] is None else stack(c) for c in columns]
    return nest.pack_like(results[0], stacked)


@op
def map(f, xs):
    """`f` of each element of `xs` (tensors, or a structure of them) along axis 0, the results stacked.

    >>> import fastkeras as keras
    >>> keras.ops.map(lambda x: x * x, keras.ops.arange(3)).numpy().tolist()
    [0, 1, 4]
    """
    xs = nest.map(convert_to_tensor, xs)
    n = _length(xs, "map")
    if n == 0:
        raise ValueError("[map] there must be at least one element. Received: none")
    return _stack_all([f(nest.map(lambda x: x[i], xs)) for i in range(n)])  # noqa: B023


@op
def vectorized_map(function, elements):
    """As `map`.

    >>> import fastkeras as keras
    >>> keras.ops.vectorized_map(lambda x: x + 1, keras.ops.arange(3)).numpy().tolist()
    [1, 2, 3]
    """
    return map(function, elements)


@op
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """`carry, y = f(carry, x)` for each x along axis 0 of `xs`; returns the last carry and the stacked ys.

    `unroll` is accepted as in Keras; loops are always unrolled.

    >>> import fastkeras as keras
    >>> carry, ys = keras.ops.scan(lambda c, x: (c + x, c + x), keras.ops.array(0), keras.ops.arange(1, 4))
    >>> int(carry), ys.numpy().tolist()
    (6, [1, 3, 6])
    """
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}")
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    xs = None if xs is None else nest.map(convert_to_tensor, xs)
    n = int(length) if xs is None else _length(xs, "scan")
    if length is not None and int(length) != n:
        raise ValueError(f"[scan] length must be the first dimension of xs. Received: length={length} for {n} elements")
    order = reversed(range(n)) if reverse else range(n)
    ys = []
    for i in order:
        init, y = f(init, None if xs is None else nest.map(lambda x: x[i], xs))  # noqa: B023
        ys.append(y)
    if reverse:
        ys.reverse()
    return init, (_stack_all(ys) if ys and ys[0] is not None else None)


@op
def associative_scan(f, elems, reverse=False, axis=0):
    """All prefixes of `elems` along `axis` combined by the associative `f`, in about log2(n) calls of it.

    >>> import fastkeras as keras
    >>> keras.ops.associative_scan(lambda a, b: a + b, keras.ops.arange(5)).numpy().tolist()
    [0, 1, 3, 6, 10]
    """
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    elems = nest.map(convert_to_tensor, elems)
    leaves = nest.flatten(elems)
    axis = normalize_axis(axis, leaves[0].ndim, "associative_scan")
    sizes = {x.shape[axis] for x in leaves}
    if len(sizes) != 1:
        raise ValueError(
            f"Array inputs to associative_scan must have the same first dimension. (saw: {[x.shape for x in leaves]})"
        )
    n, distance = sizes.pop(), 1
    while distance < n:
        head = nest.map(lambda x: part(x, axis, 0, n - distance), elems)  # noqa: B023
        tail = nest.map(lambda x: part(x, axis, distance, n), elems)  # noqa: B023
        if reverse:
            joined, rest = f(tail, head), nest.map(lambda x: part(x, axis, n - distance, n), elems)  # noqa: B023
            elems = nest.map(lambda a, b: concatenate([a, b], axis=axis), joined, rest)
        else:
            joined, rest = f(head, tail), nest.map(lambda x: part(x, axis, 0, distance), elems)  # noqa: B023
            elems = nest.map(lambda a, b: concatenate([a, b], axis=axis), rest, joined)
        distance *= 2
    return elems
