"""Rematerialization: what a function computes on the way is not kept for its gradient, but computed again."""

import collections
import contextlib
import functools
import threading

from fastkeras.engine import nest
from fastkeras.engine.branches import Reads
from fastkeras.engine.custom_gradient import as_another, record_rule
from fastkeras.engine.stateless import Losses, StatelessScope
from fastkeras.engine.tape import GradientTape, not_recording, taping
from fastkeras.engine.tensor import Tensor, is_symbolic, primitive
from fastkeras.engine.variable import AutocastScope, autocast_dtype

RematMode = collections.namedtuple("RematMode", ["mode", "output_size_threshold", "layer_names"])

_MODES = ("full", "activations", "larger_than", "list_of_layers", None)
_barrier = primitive("barrier")
_local = threading.local()

# Functions that give a context in which this thread is as it was when they were called: a call may depend on that.
surroundings = [lambda: AutocastScope(autocast_dtype())]


class RematScope:
    """Layers and operations made inside compute again, for their gradients, what they would keep from their call.

    What a layer gets and gives is kept all the same: memory falls where much lies between, in a block that is one
    layer or a nested model.

    Args:
        mode: "full" for all of them; "activations" for the activation functions of layers; "larger_than" for those
            whose outputs have more elements than `output_size_threshold`; "list_of_layers" for the layers in
            `layer_names`; None for none.
        output_size_threshold: integer, for "larger_than".
        layer_names: list of strings, for "list_of_layers".

    Raises:
        ValueError: for another mode.

    Reference: Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016).

    >>> import fastkeras as keras
    >>> with keras.RematScope(mode="list_of_layers", layer_names=["block"]):
    ...     block = keras.Sequential([keras.layers.Dense(8, "gelu"), keras.layers.Dense(4)], name="block")
    >>> model = keras.Sequential([keras.Input((4,)), block, keras.layers.Dense(1)])
    """

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        if mode not in _MODES:
            raise ValueError(
                f"Invalid mode '{mode}'. Supported modes are: 'full', 'activations', 'larger_than', "
                "'list_of_layers', or  None."
            )
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = layer_names or []

    def __enter__(self):
        _scopes().append(self)
        return self

    def __exit__(self, *exception):
        _scopes().pop()


def _scopes():
    if not hasattr(_local, "scopes"):
        _local.scopes = []
    return _local.scopes


def current_remat_mode():
    """The settings of the innermost RematScope of this thread, or None."""
    scopes = _scopes()
    return RematMode(scopes[-1].mode, scopes[-1].output_size_threshold, scopes[-1].layer_names) if scopes else None


def remat(f):
    """The function `f`, which is computed again for its gradient instead of keeping what it computed on the way.

    Both times it sees the same values of variables, seeds among them; what it assigns is assigned once.

    Args:
        f: a function of tensors, or a layer.

    Reference: Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016).

    >>> import fastkeras as keras
    >>> x = keras.Variable(2.0)
    >>> cubed = keras.remat(lambda x: x * x * x)
    >>> with keras.GradientTape() as tape:
    ...     y = cubed(x.value)
    >>> float(tape.gradient(y, x))
    12.0
    """

    @functools.wraps(f, updated=())
    def run(*args, **kwargs):
        return _Call(f, (args, kwargs)).first() if taping() else f(*args, **kwargs)

    return run


class _Call:
    """One call of a function while tapes record, and the rule of its gradients."""

    def __init__(self, function, arguments):
        self.function, self.arguments = function, arguments
        self.given = [x for x in nest.flatten(arguments) if type(x) is Tensor]
        self.surroundings = [surrounding() for surrounding in surroundings]

    def first(self):
        """The results, of which the tapes keep nothing but themselves and what the function got."""
        args, kwargs = self.arguments
        with Reads() as reads, Losses() as added, not_recording():
            results = self.function(*args, **kwargs)
        reads.watch()
        self.read = reads.found
        sources = _floats(self.given, self.read)
        if any(v._trainable and v._read() is not value for v, value in self.read):
            raise ValueError(
                "[remat] a trainable variable cannot be assigned inside: it would have no gradient. "
                f"Received: function={self.function}"
            )
        known = {id(x) for x in sources}
        # As other tensors, lest a loss looks for what the tapes do not know: the logits before a softmax.
        results = nest.map(lambda x: _like(as_another(x), x) if id(x) in known or is_symbolic(x) else x, results)
        leaves = [*nest.flatten(results), *added.losses]
        numbers = {id(x): i for i, x in enumerate(leaves) if type(x) is Tensor and id(x) not in known and _is_float(x)}
        self.made = list(numbers.values())
        record_rule(self, sources, [leaves[i] for i in self.made])
        return results

    def __call__(self, flowing):
        """The gradients of the sources, `flowing` being those of what was made."""
        after = [x for x in flowing if is_symbolic(x)]
        given = {id(x): _like(_behind(x, after), x) for x in self.given}
        # Weights need no barrier: what is computed of them meets what was given. Numbers drawn at random may not.
        read = [(v, value if _is_float(value) else _behind(value, after)) for v, value in self.read]
        sources = _floats(given.values(), read)
        args, kwargs = nest.map(lambda x: given.get(id(x), x), self.arguments)
        changed = [(v, value) for v, value in read if v._read() is not value]
        with contextlib.ExitStack() as contexts:
            for surrounding in self.surroundings:
                contexts.enter_context(surrounding)
            scope = contexts.enter_context(_Again(changed, collect_losses=True))
            tape = contexts.enter_context(GradientTape(watch_accessed_variables=False))
            tape.watch(sources)
            leaves = nest.flatten(self.function(*args, **kwargs)) + scope.losses
        return tape.gradient([leaves[i] for i in self.made], sources, flowing)


class _Again(StatelessScope):
    takes_losses = True


def _behind(x, after):
    """`x`, in a trace as a value that is not there before those of `after`, lest both computations become one."""
    for y in after if is_symbolic(x) else ():
        x = _barrier(x, y)
    return x


def _like(x, original):
    if getattr(original, "_keras_mask", None) is not None and x is not original:
        x._keras_mask = original._keras_mask
    return x


def _is_float(x):
    return "float" in x.dtype


def _floats(given, read):
    return [x for x in (*given, *(value for _, value in read)) if _is_float(x)]
