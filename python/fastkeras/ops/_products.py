"""Products of vectors, matrices and tensors: matmul, einsum and what is made of them."""

import string

import numpy as np

from fastkeras.engine import cast, op, primitive
from fastkeras.ops._common import (
    broadcast,
    floating_together,
    integer_constant,
    is_float,
    normalize_axes,
    normalize_axis,
    part,
    prod,
    reshape_to,
    together,
)
from fastkeras.ops._diagonals import diagonal
from fastkeras.ops._shapes import flip, moveaxis

_matmul, _multiply, _sum = primitive("matmul"), primitive("multiply"), primitive("sum")
_transpose, _subtract = primitive("transpose"), primitive("subtract")


@op
def matmul(x1, x2):
    """Matrix product over the last two dimensions, the others broadcast; 1-D tensors are a row, a column.

    Products of int8 are int32.

    >>> import fastkeras as keras
    >>> keras.ops.matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
    [[11.0]]
    """
    return _matmul(x1, x2)


# --- einsum ---------------------------------------------------------------------------------------------------------


def _parse(subscripts, operands):
    """Labels per operand and of the result, an ellipsis spelled out with unused letters."""
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    inputs = inputs.split(",")
    if len(inputs) != len(operands):
        raise ValueError(
            f"[einsum] subscripts must name every operand. Received: {subscripts!r} for {len(operands)} operands"
        )
    free = [c for c in string.ascii_letters if c not in text]
    dots = max(
        [x.ndim - len(s.replace("...", "")) for s, x in zip(inputs, operands, strict=True) if "..." in s], default=0
    )
    dots = "".join(free[: max(dots, 0)])
    labels = []
    for s, x in zip(inputs, operands, strict=True):
        missing = x.ndim - len(s.replace("...", ""))
        labels.append(s.replace("...", dots[len(dots) - missing :] if missing > 0 else ""))
        if len(labels[-1]) != x.ndim or not labels[-1].isascii() or (labels[-1] and not labels[-1].isalpha()):
            raise ValueError(f"[einsum] subscripts must fit the operands. Received: {s!r} for shape {x.shape}")
    if arrow:
        output = output.replace("...", dots)
    else:
        joined = "".join(s.replace("...", "") for s in inputs)
        output = dots + "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
    if len(set(output)) != len(output) or not set(output) <= set("".join(labels)):
        raise ValueError(
            f"[einsum] the output must use labels of the inputs, each once. Received: subscripts={subscripts!r}"
        )
    return labels, output


def _without_repeats(x, labels):
    """Diagonals where a label is repeated within one operand."""
    for label in sorted(set(labels)):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = diagonal(x, axis1=first, axis2=second)
            labels = "".join(c for i, c in enumerate(labels) if i not in (first, second)) + label
    return x, labels


def _sum_out(x, labels, keep):
    gone = [i for i, c in enumerate(labels) if c not in keep]
    if gone:
        x = cast(_sum(x, axes=gone, keepdims=False), x.dtype)  # products of uint8 are uint8, those of bool are bool
        labels = "".join(c for c in labels if c in keep)
    return x, labels


def _ordered(x, labels, order):
    return x if labels == order else _transpose(x, perm=[labels.index(c) for c in order])


def _contract(a, a_labels, b, b_labels, keep, output=""):
    """The product of two operands, summed over the labels that are not in `keep`, its matrices turned where that is all
    that `output` asks for."""
    gone, common = {*a_labels, *b_labels} - keep, {*a_labels} & {*b_labels}
    if a.dtype == "int8" and not (gone and gone <= common):  # all but matrix products, which are int32
        a, b = cast(a, "int32"), cast(b, "int32")
    a, a_labels = _sum_out(a, a_labels, keep | set(b_labels))
    b, b_labels = _sum_out(b, b_labels, keep | set(a_labels))
    sizes = {}
    for c, n in [*zip(a_labels, a.shape, strict=True), *zip(b_labels, b.shape, strict=True)]:
        known = sizes.setdefault(c, n)
        if n != known and 1 not in (n, known):
            raise ValueError(f"[einsum] a label must stand for one size. Received: {c!r} for {known} and {n}")
        sizes[c] = max(n, known) if 0 not in (n, known) else 0
    a = broadcast(a, shape=[sizes[c] for c in a_labels])
    b = broadcast(b, shape=[sizes[c] for c in b_labels])
    shared = [c for c in a_labels if c in b_labels]
    batch = "".join(c for c in shared if c in keep)
    summed = "".join(c for c in shared if c not in keep)
    rows = "".join(c for c in a_labels if c not in b_labels)
    columns = "".join(c for c in b_labels if c not in a_labels)
    if output == batch + columns + rows:
        a, a_labels, rows, b, b_labels, columns = b, b_labels, columns, a, a_labels, rows
    if not summed or not (is_float(a.dtype) or a.dtype == "int8"):  # no sum, or there is no matrix product
        order = batch + rows + columns + summed
        a = reshape_to(
            _ordered(a, a_labels, batch + rows + summed), shape=[sizes[c] if c in a_labels else 1 for c in order]
        )
        b = reshape_to(
            _ordered(b, b_labels, batch + columns + summed), shape=[sizes[c] if c in b_labels else 1 for c in order]
        )
        return _sum_out(_multiply(a, b), order, keep)

    def size(labels):
        return prod(sizes[c] for c in labels)

    # The layout an operand already has, transposed for the product or not, saves a copy.
    turn_a, turn_b = a_labels == batch + summed + rows, b_labels == batch + columns + summed
    a = a if turn_a else _ordered(a, a_labels, batch + rows + summed)
    b = b if turn_b else _ordered(b, b_labels, batch + summed + columns)
    lead = [size(batch)] if batch else []
    a = reshape_to(a, shape=lead + ([size(summed), size(rows)] if turn_a else [size(rows), size(summed)]))
    b = reshape_to(b, shape=lead + ([size(columns), size(summed)] if turn_b else [size(summed), size(columns)]))
    order = batch + rows + columns
    return reshape_to(_matmul(a, b, transpose_a=turn_a, transpose_b=turn_b), shape=[sizes[c] for c in order]), order


@op
def einsum(subscripts, *operands, **kwargs):
    """Einstein summation, as `numpy.einsum`: "ij,jk->ik" is a matrix product. Sums of int8 are int32.

    >>> import fastkeras as keras
    >>> keras.ops.einsum("i,j->ij", [1.0, 2.0], [3.0, 4.0]).numpy().tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    optimize = kwargs.pop("optimize", True)
    if kwargs:
        raise TypeError(f"[einsum] unknown argument. Received: {next(iter(kwargs))}={next(iter(kwargs.values()))!r}")
    operands = together(*operands)
    labels, output = _parse(subscripts, operands)
    terms = [_without_repeats(x, c) for x, c in zip(operands, labels, strict=True)]
    if len(terms) == 1:
        x, c = terms[0]
        x, c = _sum_out(cast(x, "int32") if x.dtype == "int8" else x, c, set(output))
        return _ordered(x, c, output)
    for pair in _path(labels, output, operands, optimize):
        (a, a_labels), (b, b_labels) = (terms[i] for i in pair)
        terms = [t for i, t in enumerate(terms) if i not in pair]
        keep = set(output).union(*(c for _, c in terms))
        terms.append(_contract(a, a_labels, b, b_labels, keep, output))
    return _ordered(*_sum_out(*terms[0], set(output)), output)


def _path(labels, output, operands, optimize):
    """Which two terms to contract next, until one is left; results go to the end."""
    if len(operands) == 2 or not optimize:
        return [(0, 1)] + [(0, n) for n in range(len(operands) - 2, 0, -1)]
    shapes = [np.broadcast_to(np.float32(0), x.shape) for x in operands]
    path = np.einsum_path(",".join(labels) + "->" + output, *shapes, optimize="greedy")[0][1:]
    pairs, count = [], len(operands)
    for step in path:
        # A step of more than two terms becomes a chain of pairs.
        places = sorted(step)
        while len(places) > 1:
            a, b = places[0], places[1]
            pairs.append((a, b))
            count -= 1
            places = [p - (p > a) - (p > b) for p in places[2:]] + [count - 1]
            places = sorted(places)
    return pairs


# --- products made of these -----------------------------------------------------------------------------------------


def _tensordot(x1, x2, axes1, axes2, tag):
    letters = string.ascii_letters
    one = list(letters[: x1.ndim])
    two = list(letters[x1.ndim : x1.ndim + x2.ndim])
    for a, b in zip(axes1, axes2, strict=True):
        if x1.shape[a] != x2.shape[b]:
            raise ValueError(
                f"[{tag}] sizes that are summed over must agree. "
                f"Received: shapes {x1.shape}, {x2.shape}, axes {axes1}, {axes2}"
            )
        two[b] = one[a]
    output = "".join(
        [c for i, c in enumerate(one) if i not in axes1] + [c for i, c in enumerate(two) if i not in axes2]
    )
    y, labels = _contract(x1, "".join(one), x2, "".join(two), set(output))
    return cast(_ordered(y, labels, output), x1.dtype)  # int8 where the sums of einsum are int32


@op
def tensordot(x1, x2, axes=2):
    """Sum of products over axes of both: the last n of `x1` with the first n of `x2`, or a pair of lists of axes.

    >>> import fastkeras as keras
    >>> float(keras.ops.tensordot([1.0, 2.0], [3.0, 4.0], axes=1))
    11.0
    """
    x1, x2 = together(x1, x2)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise ValueError(
                f"[tensordot] there must be that many axes. Received: axes={axes}, shapes {x1.shape}, {x2.shape}"
            )
        axes = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    first, second = (normalize_axes(a, x.ndim, "tensordot") for a, x in zip(axes, (x1, x2), strict=True))
    if len(first) != len(second):
        raise ValueError(f"[tensordot] as many axes of x1 as of x2 must be given. Received: axes={axes}")
    return _tensordot(x1, x2, first, second, "tensordot")


@op
def dot(x1, x2):
    """Product over the last axis of `x1` and the second last of `x2` (or its only one); scalars multiply.

    >>> import fastkeras as keras
    >>> float(keras.ops.dot([1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    x1, x2 = together(x1, x2)
    if not x1.ndim or not x2.ndim:
        return _multiply(x1, x2)
    return _tensordot(x1, x2, [x1.ndim - 1], [max(x2.ndim - 2, 0)], "dot")


@op
def inner(x1, x2):
    """Product over the last axes of both; scalars multiply.

    >>> import fastkeras as keras
    >>> float(keras.ops.inner([1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    x1, x2 = together(x1, x2)
    if not x1.ndim or not x2.ndim:
        return _multiply(x1, x2)
    return _tensordot(x1, x2, [x1.ndim - 1], [x2.ndim - 1], "inner")


@op
def vdot(x1, x2):
    """Product of the flattened tensors, a scalar.

    >>> import fastkeras as keras
    >>> float(keras.ops.vdot([[1.0, 2.0]], [[3.0], [4.0]]))
    11.0
    """
    x1, x2 = together(x1, x2)
    return inner(reshape_to(x1, shape=[-1]), reshape_to(x2, shape=[-1]))


@op
def outer(x1, x2):
    """All products of an element of `x1` with one of `x2`, both flattened.

    >>> import fastkeras as keras
    >>> keras.ops.outer([1, 2], [3, 4]).numpy().tolist()
    [[3, 4], [6, 8]]
    """
    x1, x2 = together(x1, x2)
    return _multiply(reshape_to(x1, shape=[-1, 1]), reshape_to(x2, shape=[1, -1]))


@op
def kron(x1, x2):
    """The Kronecker product: `x2` in place of each element of `x1`, times it.

    >>> import fastkeras as keras
    >>> keras.ops.kron([1, 2], [1, 1]).numpy().tolist()
    [1, 1, 2, 2]
    """
    x1, x2 = together(x1, x2)
    ndim = max(x1.ndim, x2.ndim)
    a, b = ([1] * (ndim - x.ndim) + list(x.shape) for x in (x1, x2))
    shape = [m * n for m, n in zip(a, b, strict=True)]
    spread_a = [n for m in a for n in (m, 1)]
    spread_b = [n for m in b for n in (1, m)]
    return reshape_to(_multiply(reshape_to(x1, shape=spread_a), reshape_to(x2, shape=spread_b)), shape=shape)


@op
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The cross product of vectors of 2 or 3 elements along an axis; two of 2 elements give the z component only.

    >>> import fastkeras as keras
    >>> keras.ops.cross([1, 0, 0], [0, 1, 0]).numpy().tolist()
    [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = together(x1, x2)
    x1, x2 = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    if x1.shape[-1] not in (2, 3) or x2.shape[-1] not in (2, 3):
        raise ValueError(
            "`x1`'s dim on `axis` and `x2`'s dim on `axis` must be either 2 or 3. "
            f"Received: x1.shape={x1.shape}, x2.shape={x2.shape}"
        )

    def component(x, i):
        if i >= x.shape[-1]:
            return None
        return reshape_to(part(x, x.ndim - 1, i, i + 1), shape=list(x.shape[:-1]))

    a, b = ([component(x, i) for i in range(3)] for x in (x1, x2))

    def minor(i, j):
        """a_i b_j - a_j b_i, a missing component being 0."""
        terms = [None if p is None or q is None else _multiply(p, q) for p, q in ((a[i], b[j]), (a[j], b[i]))]
        if terms[1] is None:
            return terms[0]
        return primitive("negative")(terms[1]) if terms[0] is None else _subtract(*terms)

    z = minor(0, 1)
    if a[2] is None and b[2] is None:
        return z
    y = primitive("concatenate")(
        *(reshape_to(c, shape=[*z.shape, 1]) for c in (minor(1, 2), minor(2, 0), z)), axis=z.ndim
    )
    return moveaxis(y, -1, normalize_axis(axisc, y.ndim, "cross"))


@op
def correlate(x1, x2, mode="valid"):
    """Cross-correlation of two vectors, `sum_n x1[n + k] x2[n]`; mode: "valid", "same" or "full".

    >>> import fastkeras as keras
    >>> keras.ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0]).numpy().tolist()
    [2.0, 3.0]
    """
    x1, x2 = floating_together(x1, x2)
    if x1.ndim != 1 or x2.ndim != 1 or not x1.size or not x2.size:
        raise ValueError(
            f"[correlate] x1 and x2 must be vectors that are not empty. Received: shapes {x1.shape}, {x2.shape}"
        )
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"[correlate] mode must be 'valid', 'same' or 'full'. Received: mode={mode}")
    if x1.size < x2.size:
        return flip(correlate(x2, x1, mode=mode))
    n, m = x1.size, x2.size
    before = {"valid": 0, "same": m // 2, "full": m - 1}[mode]
    after = {"valid": 0, "same": m - m // 2 - 1, "full": m - 1}[mode]
    padded = primitive("place")(x1, shape=[n + before + after], start=[before])
    windows = np.arange(n + before + after - m + 1)[:, None] + np.arange(m)
    windows = primitive("take")(padded, integer_constant(windows), axis=0)
    return _sum(_multiply(windows, x2), axes=[1], keepdims=False)
