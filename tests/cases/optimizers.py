"""Steps of the optimizers."""

import numpy as np

from cases.case import Case, add


def _adam(*a, n, beta_1, beta_2, epsilon, amsgrad=False):
    p, g, m, v, *hat = (a[i : i + n] for i in range(0, len(a) - 1, n))
    m = [x + (y - x) * (1 - beta_1) for x, y in zip(m, g, strict=True)]
    v = [x + (y * y - x) * (1 - beta_2) for x, y in zip(v, g, strict=True)]
    hat = [np.maximum(x, y) for x, y in zip(hat[0], v, strict=True)] if amsgrad else []
    p = [x - y * a[-1] / (np.sqrt(z) + epsilon) for x, y, z in zip(p, m, hat or v, strict=True)]
    return (*p, *m, *v, *hat)


def _sgd(*a, n, momentum, nesterov):
    p, g, *m = (a[i : i + n] for i in range(0, len(a) - 1, n))
    lr = a[-1]
    if not m:
        return tuple(x - lr * y for x, y in zip(p, g, strict=True))
    m = [momentum * x - lr * y for x, y in zip(m[0], g, strict=True)]
    steps = [momentum * x - lr * y if nesterov else x for x, y in zip(m, g, strict=True)]
    return (*(x + y for x, y in zip(p, steps, strict=True)), *m)


def _rmsprop(*a, n, rho, epsilon, momentum=0.0, centered=False):
    p, g, v, *more = (a[i : i + n] for i in range(0, len(a) - 1, n))
    v = [rho * x + (1 - rho) * y * y for x, y in zip(v, g, strict=True)]
    means = [rho * x + (1 - rho) * y for x, y in zip(more[-1], g, strict=True)] if centered else []
    spread = [x - (means[i] ** 2 if centered else 0) + epsilon for i, x in enumerate(v)]
    steps = [a[-1] * y / np.sqrt(x) for x, y in zip(spread, g, strict=True)]
    if momentum:
        steps = [momentum * x + y for x, y in zip(more[0], steps, strict=True)]
    return (*(x - y for x, y in zip(p, steps, strict=True)), *v, *(steps if momentum else []), *means)


def update(name, ref, groups, note="", **attrs):
    """Three variables of odd sizes; slots are positive."""

    def sized(*shapes):
        return [*shapes] * groups + [()]

    return Case(
        name,
        sized((7, 33), (5,), (1,)),
        ref,
        attrs={"n": 3, **attrs},
        domain=((-3, 3),) * 6 + ((0.5, 3),) * (3 * groups - 6) + ((0.01, 0.1),),
        large=sized((200, 333), (5,), (77, 111)),
        gradient=False,
        note=note,
        rtol=2,
    )


add(
    update("adam_update", _adam, 4, beta_1=0.9, beta_2=0.99, epsilon=1e-7),
    update("adam_update", _adam, 5, "amsgrad", beta_1=0.9, beta_2=0.99, epsilon=1e-7, amsgrad=True),
    update("sgd_update", _sgd, 2, momentum=0.0, nesterov=False),
    update("sgd_update", _sgd, 3, "momentum", momentum=0.9, nesterov=False),
    update("sgd_update", _sgd, 3, "nesterov", momentum=0.9, nesterov=True),
    update("rmsprop_update", _rmsprop, 3, rho=0.9, epsilon=1e-7),
    update("rmsprop_update", _rmsprop, 4, "momentum", rho=0.9, epsilon=1e-7, momentum=0.9),
    # A large epsilon: the random slots are no moments of one sequence, and v - a^2 could be negative.
    update("rmsprop_update", _rmsprop, 5, "momentum-centered", rho=0.9, epsilon=10.0, momentum=0.9, centered=True),
)
