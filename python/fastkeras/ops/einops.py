"""rearrange: reshape and transpose by a pattern of names."""

import re

from fastkeras.engine import convert_to_tensor, op, primitive
from fastkeras.ops._common import prod, reshape_to


def _groups(side, pattern):
    """ "b (h w) c" as [["b"], ["h", "w"], ["c"]]."""
    tokens = re.findall(r"\([^()]*\)|[^\s()]+", side)
    if "".join(tokens).replace(" ", "") != side.replace(" ", ""):
        raise ValueError(f"[rearrange] parentheses must close and not nest. Received: pattern={pattern!r}")
    return [t[1:-1].split() if t.startswith("(") else [t] for t in tokens]


def _spelled_out(groups, names):
    return [g for group in groups for g in ([[n] for n in names] if group == ["..."] else [group])]


@op
def rearrange(tensor, pattern, **axes_lengths):
    """`tensor` reshaped and transposed as `pattern` says, "b h w c -> b (h w) c"; sizes of names may be given.

    >>> import fastkeras as keras
    >>> keras.ops.rearrange(keras.ops.ones((2, 6)), "b (h w) -> w b h", h=2).shape
    (3, 2, 2)
    """
    x = convert_to_tensor(tensor)
    left, arrow, right = pattern.partition("->")
    before, after = _groups(left, pattern), _groups(right, pattern)
    dots = [f".{i}" for i in range(x.ndim - len(before) + 1)] if ["..."] in before else []
    before, after = _spelled_out(before, dots), _spelled_out(after, dots)
    names, wanted = [n for g in before for n in g], [n for g in after for n in g]
    if not arrow or sorted(names) != sorted(wanted) or len(set(names)) != len(names) or len(before) != x.ndim:
        raise ValueError(
            "[rearrange] the pattern must name every dimension of the tensor once on both sides. "
            f"Received: pattern={pattern!r} for shape {x.shape}"
        )
    sizes = {n: int(s) for n, s in axes_lengths.items()}
    for group, size in zip(before, x.shape, strict=True):
        unknown = [n for n in group if n not in sizes]
        known = prod(sizes[n] for n in group if n in sizes)
        if len(unknown) > 1 or (known == 0 or size % known if unknown else size != known):
            raise ValueError(
                f"[rearrange] the sizes of a group must multiply to its dimension, one of them may be left out. "
                f"Received: ({' '.join(group)}) for {size}, {axes_lengths}"
            )
        sizes |= {n: size // known for n in unknown}
    x = reshape_to(x, shape=[sizes[n] for n in names])
    x = primitive("transpose")(x, perm=[names.index(n) for n in wanted])
    return reshape_to(x, shape=[prod(sizes[n] for n in group) for group in after])
