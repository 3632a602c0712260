"""Optimizer steps: one kernel runs over all variables. Tensors come and go in lists, all float32 or all float64."""

import itertools

from fastkeras.engine import primitive

_adam, _sgd, _rmsprop = primitive("adam_update"), primitive("sgd_update"), primitive("rmsprop_update")


def _update(run, params, grads, slots, rate, **attributes):
    """The lists that `run` makes of params and slots."""
    n = len(params)
    if n == 0:
        return tuple([] for _ in range(1 + len(slots)))
    results = run(*params, *grads, *itertools.chain.from_iterable(slots), rate, n=n, **attributes)
    results = list(results) if isinstance(results, (list, tuple)) else [results]
    return tuple(results[i : i + n] for i in range(0, len(results), n))


def adam_update(params, grads, ms, vs, *rest, beta_1, beta_2, epsilon, amsgrad=False):
    """New params, ms, vs: `m += (g - m) (1 - beta_1); v += (g^2 - v) (1 - beta_2); p -= alpha m / (sqrt(v) + epsilon)`.

    `rest` is the scalar `alpha = lr sqrt(1 - beta_2^t) / (1 - beta_1^t)`; with amsgrad the list of the largest v so
    far, whose root is taken and which is returned too, stands before it.

    >>> import fastkeras as keras
    >>> zero, one = keras.ops.zeros((1,)), keras.ops.ones((1,))
    >>> p, m, v = adam_update([one], [one], [zero], [zero], one, beta_1=0.5, beta_2=0.75, epsilon=0.0)
    >>> p[0].numpy().tolist(), m[0].numpy().tolist(), v[0].numpy().tolist()
    ([0.0], [0.5], [0.25])
    """
    *slots, alpha = rest
    own = {"beta_1": float(beta_1), "beta_2": float(beta_2), "epsilon": float(epsilon), "amsgrad": bool(amsgrad)}
    return _update(_adam, params, grads, [ms, vs, *slots], alpha, **own)


def sgd_update(params, grads, *rest, momentum=0.0, nesterov=False):
    """New params: `p -= lr g`; or, given the velocities, new params and velocities: `m = momentum m - lr g; p += m`.

    `rest` is the velocities, if any, and the scalar `lr`. With nesterov, `p += momentum m - lr g`.

    >>> import fastkeras as keras
    >>> one = keras.ops.ones((1,))
    >>> p, m = sgd_update([one], [one], [one], one * 0.5, momentum=0.5)
    >>> p[0].numpy().tolist(), m[0].numpy().tolist()
    ([1.0], [0.0])
    """
    *slots, lr = rest
    return _update(_sgd, params, grads, slots, lr, momentum=float(momentum), nesterov=bool(nesterov))


def rmsprop_update(params, grads, vs, *rest, rho, epsilon, momentum=0.0, centered=False):
    """New params and vs by `v = rho v + (1 - rho) g^2; p -= step` with `step = lr g / sqrt(v + epsilon)`.

    `rest` is the velocities m where momentum > 0 (`m = momentum m + step` takes the place of the step), the mean
    gradients a where centered (`a = rho a + (1 - rho) g`, and `v - a^2` takes the place of v in the step), and the
    scalar `lr`; m and a are returned too.

    >>> import fastkeras as keras
    >>> zero, one = keras.ops.zeros((1,)), keras.ops.ones((1,))
    >>> p, v = rmsprop_update([one], [one], [zero], one, rho=0.75, epsilon=0.0)
    >>> p[0].numpy().tolist(), v[0].numpy().tolist()
    ([-1.0], [0.25])
    """
    *slots, lr = rest
    own = {"rho": float(rho), "epsilon": float(epsilon), "momentum": float(momentum), "centered": bool(centered)}
    return _update(_rmsprop, params, grads, [vs, *slots], lr, **own)
