"""Tracing and compiled functions: a Python function of tensors becomes a Program."""

import threading

import numpy as np

from fastkeras import _core
from fastkeras.engine import nest
from fastkeras.engine.branches import Assignments, note_assignments
from fastkeras.engine.config import DTYPES, WIDENED, standardize_dtype

tracing = _core.tracing


class TensorSpec:
    """Shape and dtype of a tensor, without a value."""

    __slots__ = ("shape", "dtype")

    def __init__(self, shape, dtype="float32"):
        self.shape = tuple(shape)
        self.dtype = standardize_dtype(dtype)

    def __repr__(self):
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype})"

    def __eq__(self, other):
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self):
        return hash((self.shape, self.dtype))


def init_scope():
    """Leaves the trace: what happens inside runs at once, even while a function is being traced."""
    return _core.TraceScope(None)


def _is_array(x):
    return isinstance(x, (np.ndarray, _core.Tensor, TensorSpec))


# One-letter codes of NumPy's dtypes -> what the values become; a look-up is ten times faster than dtype.name.
_DTYPE_OF = {np.dtype(name).char: WIDENED.get(name, name) for name in (*DTYPES, *WIDENED) if name != "bfloat16"}
_DTYPE_OF |= {np.dtype("longlong").char: "int64", np.dtype("ulonglong").char: "int64"}


def _spec(x):
    """What distinguishes an argument in a signature: shape and dtype of arrays, the value of anything else."""
    if isinstance(x, np.ndarray):
        dtype = x.dtype
        return (x.shape, _DTYPE_OF.get(dtype.char) or standardize_dtype(dtype.name))
    return (x.shape, x.dtype) if _is_array(x) else (x,)


def _symbolic_arguments(trace, flat):
    return [trace.feed(*_spec(x)) if _is_array(x) else x for x in flat]


def abstract_eval(fn, *args, **kwargs):
    """The structure that `fn` returns, with a TensorSpec in place of each tensor; nothing is computed or assigned."""
    trace = _core.Trace()
    flat = nest.flatten((args, kwargs))
    with _core.TraceScope(trace), Assignments():
        args, kwargs = nest.pack_like((args, kwargs), _symbolic_arguments(trace, flat))
        result = fn(*args, **kwargs)
    return nest.map(lambda t: TensorSpec(t.shape, t.dtype) if isinstance(t, _core.Tensor) else t, result)


class Compiled:
    """A function compiled for one signature."""

    def __init__(self, fn, args):
        trace = _core.Trace()
        flat = nest.flatten(args)
        with _core.TraceScope(trace), Assignments() as assigned:
            result = fn(*nest.pack_like(args, _symbolic_arguments(trace, flat)))
            leaves = nest.flatten(result)
            tensors = [_core.to_tensor(t) if isinstance(t, _core.Variable) else t for t in leaves]
        self._assigned = list(assigned.variables.values())
        self._arrays = [i for i, x in enumerate(flat) if _is_array(x)]
        self._results = [i for i, t in enumerate(tensors) if isinstance(t, _core.Tensor)]
        self._constants = tensors
        self._structure = result
        self._single = isinstance(result, _core.Tensor)
        self._program = _core.Program(trace, [tensors[i] for i in self._results])

    def __call__(self, *args):
        return self.run(nest.flatten(args))

    def run(self, flat, take=None):
        """The results for the flattened arguments.

        With `take` they are made in a thread of their own, while `take(i, tensor)` is called here for the tensors among
        the flattened results, one after the other, each as soon as nothing in the run touches it any more.
        """
        note_assignments(self._assigned)
        results = self._program.run([flat[i] for i in self._arrays], take)
        if self._single:
            return results[0]
        leaves = list(self._constants)
        for i, result in zip(self._results, results):
            leaves[i] = result
        return nest.pack_like(self._structure, leaves)

    def run_steps(self, sources, *, steps, batch_size, indices=None, start=0, outputs=None):
        """Runs a burst of steps; see HACKING.md."""
        note_assignments(self._assigned)
        self._program.run_steps(
            sources, steps=steps, batch_size=batch_size, indices=indices, start=start, outputs=outputs
        )

    @property
    def structure(self):
        """What the function returns, with a TensorSpec in place of each tensor."""
        return nest.map(lambda t: TensorSpec(t.shape, t.dtype) if isinstance(t, _core.Tensor) else t, self._structure)

    @property
    def memory_bytes(self):
        """Bytes that a run needs besides its variables, arguments and results; known before the first run."""
        return self._program.memory_bytes

    def describe(self):
        """The schedule, one line per kernel, with the place of every value."""
        return self._program.describe()


class Function:
    """A function of nested arrays, traced and compiled once per signature.

    Assignments to variables inside are effects of each run. Python code inside runs only while tracing.

    >>> import numpy as np, fastkeras as keras
    >>> double = keras.engine.Function(lambda x: x + x)
    >>> double(np.array([1.0, 2.0], "float32")).numpy()
    array([2., 4.], dtype=float32)
    """

    def __init__(self, fn, name=None):
        self.fn = fn
        self.name = name or getattr(fn, "__name__", "function")
        self._cache = {}
        self._lock = threading.RLock()

    def __call__(self, *args):
        if tracing():
            return self.fn(*args)
        args = [_to_array(a) for a in args]
        flat = nest.flatten(args)
        return self._lookup(args, flat).run(flat)

    def compile(self, *args):
        """The compiled function for the signature of `args` (arrays, tensors or TensorSpecs)."""
        args = [_to_array(a) for a in args]
        return self._lookup(args, nest.flatten(args))

    def _lookup(self, args, flat):
        # Kernels are cut, and have memory, for the threads of the time they are compiled.
        key = (_core.num_threads(), _core.float32_product_planes(), _form(args), tuple([_spec(x) for x in flat]))
        compiled = self._cache.get(key)
        if compiled is None:
            with self._lock:
                compiled = self._cache.get(key)
                if compiled is None:
                    compiled = self._cache[key] = Compiled(self.fn, args)
        return compiled

    def clear(self):
        """Forgets the compiled programs."""
        self._cache.clear()


def _form(structure):
    """The hashable form of a structure; most arguments are plain tuples of leaves."""
    if isinstance(structure, dict):
        return ("dict", *((key, _form(structure[key])) for key in sorted(structure)))
    if isinstance(structure, (list, tuple)):
        return (type(structure), *map(_form, structure))
    return None


def _to_array(x):
    if isinstance(x, (np.ndarray, _core.Tensor, TensorSpec, str, bool, type(None))):
        return x
    if nest.is_nested(x):
        return nest.map(_to_array, x)
    return _core.to_tensor(x)
