"""Functions called for one step, or one element, after the other; they are unrolled in a trace, as loops of ops are."""

from fastkeras import ops
from fastkeras.engine import config, convert_to_tensor, nest


def rnn(
    step_function,
    inputs,
    initial_states,
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
    time_major=False,
    zero_output_for_mask=False,
    return_all_outputs=True,
):
    """`output, states = step_function(inputs of a step, (*states, *constants))` over the steps of `inputs`.

    Args:
        step_function: of the inputs `(batch, ...)` of one step and a tuple of states and constants.
        inputs: `(batch, steps, ...)`, or `(steps, batch, ...)` when `time_major`; a tensor or a structure of them.
        initial_states: list of the states before the first step.
        go_backwards: are the steps read from the last to the first? The outputs come in that order.
        mask: `(batch, steps)` or `(batch, steps, 1)`; where it is false, states stay and the output is that before.
        constants: list of tensors that are passed on to every step.
        unroll: accepted as in Keras; loops are always unrolled.
        input_length: the number of steps, of all samples or one each; those beyond are masked.
        zero_output_for_mask: is the output of a masked step 0?
        return_all_outputs: without it `outputs` has one step, the last.

    Returns `(last_output, outputs, new_states)`; `outputs` is laid out as `inputs`.

    >>> from fastkeras import backend as K
    >>> total = lambda x, states: (x + states[0], [x + states[0]])
    >>> last, outputs, states = K.rnn(total, K.ones((2, 3, 1)), [K.zeros((2, 1))])
    >>> last.numpy().ravel().tolist(), outputs.shape
    ([3.0, 3.0], (2, 3, 1))
    """
    inputs = nest.map(convert_to_tensor, inputs)
    time = 0 if time_major else 1
    steps = nest.flatten(inputs)[0].shape[time]
    if not steps:
        raise ValueError(f"[rnn] there must be at least one step. Received: inputs={inputs}")
    valid = _valid_steps(mask, input_length, steps, time)
    columns = [ops.unstack(x, axis=time) for x in nest.flatten(inputs)]
    states, constants, outputs = tuple(initial_states), tuple(constants or ()), []
    for t in reversed(range(steps)) if go_backwards else range(steps):
        of_step = nest.pack_like(inputs, [column[t] for column in columns])
        output, new_states = step_function(of_step, (*states, *constants))
        if valid is not None:
            keep = outputs[-1] if outputs and not zero_output_for_mask else nest.map(ops.zeros_like, output)
            output = _where(valid[t], output, keep)
            new_states = _where(valid[t], new_states, nest.pack_like(new_states, nest.flatten(states)))
        states = tuple(new_states)
        outputs.append(output)
    of_all = nest.map(lambda *ys: ops.stack(ys, axis=time), *(outputs if return_all_outputs else outputs[-1:]))
    return outputs[-1], of_all, states


def _valid_steps(mask, input_length, steps, time):
    """For each step, which samples have it: `(batch,)`, or a scalar for all samples; None when all have all."""
    valid = None
    if mask is not None:
        mask = ops.cast(mask, "bool")
        valid = ops.unstack(ops.squeeze(mask, axis=-1) if mask.ndim == 3 else mask, axis=time)
    if input_length is not None:
        length = convert_to_tensor(input_length)
        shorter = [t < length for t in range(steps)]
        valid = shorter if valid is None else [ops.logical_and(*pair) for pair in zip(valid, shorter, strict=True)]
    return valid


def _where(valid, new, old):
    """The leaves of `new` where `valid` holds, else those of `old`."""

    def choose(a, b):
        return ops.where(ops.reshape(valid, (*valid.shape, *[1] * (a.ndim - 1))) if valid.ndim else valid, a, b)

    return nest.map(choose, new, old)


def map_fn(fn, elems, name=None, dtype=None):
    """`fn` of each element along the first axis of `elems` (a tensor or a structure of them), the results stacked.

    Args:
        dtype: that of the results, or a structure of dtypes; another one raises TypeError. None: any.
    """
    results = ops.map(fn, elems)
    if dtype is not None:
        wanted, made = nest.flatten(dtype), [y.dtype for y in nest.flatten(results)]
        if [config.standardize_dtype(d) for d in wanted] != made:
            raise TypeError(f"[map_fn] `fn` returned tensors of dtype {made}. Received: dtype={dtype}")
    return results


def foldl(fn, elems, initializer=None, name=None):
    """`fn(... fn(fn(initializer, x0), x1) ...)` over the first axis of `elems`; without initializer, from `x0` on.

    >>> from fastkeras import backend as K
    >>> float(K.foldl(lambda total, x: 10 * total + x, K.constant([1, 2, 3])))
    123.0
    """
    return _fold(fn, elems, initializer, reverse=False)


def foldr(fn, elems, initializer=None, name=None):
    """`foldl` from the last element to the first."""
    return _fold(fn, elems, initializer, reverse=True)


def _fold(fn, elems, initializer, reverse):
    columns = [ops.unstack(convert_to_tensor(x), axis=0) for x in nest.flatten(elems)]
    rows = [nest.pack_like(elems, row) for row in zip(*columns, strict=True)]
    if reverse:
        rows.reverse()
    if initializer is None:
        if not rows:
            raise ValueError(f"[fold] there must be an initializer or an element. Received: elems={elems}")
        initializer, *rows = rows
    for row in rows:
        initializer = fn(initializer, row)
    return initializer


def gradients(loss, variables):
    """Raises RuntimeError, as in tf.keras: a tensor does not know what it was computed of. See `GradientTape`."""
    raise RuntimeError(
        "`gradients` is not supported when eager execution is enabled: compute `loss` under a `GradientTape` and call "
        f"`tape.gradient(loss, variables)` instead. Received: loss={loss}"
    )
