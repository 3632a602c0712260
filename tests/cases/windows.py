"""Windows over images: convolutions, pooling, their gradients."""

import numpy as np

from cases.case import Case, add


def convolved(x, w, strides, dilation, pads, groups=1):
    """Tap by tap: the inputs that a tap meets, times its matrix."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), *((pads[2 * i], pads[2 * i + 1]) for i in range(rank)), (0, 0)])
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape, dilation, strict=False)]
    out = [max(0, (n - s) // t + 1) for n, s, t in zip(x.shape[1:], spans, strides, strict=False)]
    y = np.zeros((x.shape[0], *out, groups, w.shape[-1] // groups))
    w = w.reshape(*w.shape[:-1], groups, -1)
    for tap in np.ndindex(*w.shape[:rank]):
        met = tuple(
            slice(t * d, t * d + (n - 1) * s + 1 if n else 0, s)
            for t, d, n, s in zip(tap, dilation, out, strides, strict=True)
        )
        part = x[(slice(None), *met)]
        part = part.reshape(*part.shape[:-1], groups, -1)
        y += np.einsum("...gc,cgf->...gf", part, w[tap])
    return y.reshape(*y.shape[:-2], -1)


def _transpose_of(linear, shape, dy):
    """The x-gradient of sum(linear(x) dy), column by column."""
    dx = np.zeros(shape)
    for i in range(dx.size):
        unit = np.zeros(shape)
        unit.flat[i] = 1
        dx.flat[i] = (linear(unit) * dy).sum()
    return dx


def _depthwise(x, w, strides, dilation, pads):
    channels, multiplier = w.shape[-2:]
    w = w.reshape(*w.shape[:-2], 1, channels * multiplier)
    return convolved(x, w, strides, dilation, pads, groups=channels)


def windows_of(x, size, strides, pads):
    """The elements of every window, NaN outside: (windows..., channels, elements)."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), *((pads[2 * i], pads[2 * i + 1]) for i in range(rank)), (0, 0)], constant_values=np.nan)
    view = np.lib.stride_tricks.sliding_window_view(x, size, axis=tuple(range(1, rank + 1)))
    view = view[(slice(None), *(slice(None, None, s) for s in strides))]
    return view.reshape(*view.shape[: rank + 2], -1)


def convolution(x, w, note, strides, dilation, pads, groups=1, large=None, rtol=4):
    """Rows for conv and the gradients of image and kernel."""
    attrs = {"strides": strides, "dilation": dilation, "pads": pads, "groups": groups}
    rank = len(x) - 2
    y = convolved(np.zeros(x), np.zeros(w), **attrs).shape
    more = {"twice": True, "rtol": rtol, "note": note, "domain": (-1, 1)}

    def input_grad(dy, w, shape, **attrs):
        return _transpose_of(lambda u: convolved(u, w, **attrs), x, dy)

    def kernel_grad(x, dy, kernel, **attrs):
        return _transpose_of(lambda u: convolved(x, u, **attrs), w, dy)

    def input_grad_of(dy, w):  # of any size, where strides and dilation are one
        from fastkeras.engine import primitive

        sizes = [
            n + k - 1 - sum(pads[2 * i : 2 * i + 2])
            for i, (n, k) in enumerate(zip(dy.shape[1:-1], w.shape[:-2], strict=True))
        ]
        return primitive("conv_input_grad")(dy, w, shape=sizes, **attrs)

    y_large = large and (large[0][0], *convolved(np.zeros((1, *large[0][1:])), np.zeros(large[1]), **attrs).shape[1:])
    add(
        Case("conv", [x, w], convolved, attrs, large=large and list(large), **more),
        Case("conv_input_grad", [y, w], input_grad, {**attrs, "shape": list(x[1:-1])},
             large=large and [y_large, large[1]], call=input_grad_of if max(strides + dilation) == 1 else None, **more),
        Case("conv_kernel_grad", [x, y], kernel_grad, {**attrs, "kernel": list(w[:rank])},
             large=large and [large[0], y_large], **more),
    )  # fmt: skip


def pooling(x, note, **attrs):
    """Rows for both pools, their gradients by the tape."""

    def grad(dy, shape, **attrs):
        def mean(u):
            return np.nanmean(windows_of(u, **attrs), axis=-1)

        return _transpose_of(mean, x, dy)

    y = windows_of(np.zeros(x), **attrs).shape[:-1]
    add(
        Case("max_pool", [x], lambda x, **a: np.nanmax(windows_of(x, **a), axis=-1), attrs, note=note, twice=True),
        Case("average_pool", [x], lambda x, **a: np.nanmean(windows_of(x, **a), axis=-1), attrs, note=note, twice=True),
        Case("average_pool_grad", [y], grad, {**attrs, "shape": list(x[1:-1])}, note=note, twice=True),
    )


def depthwise(x, w, note, large=None, **attrs):
    y = _depthwise(np.zeros(x), np.zeros(w), **attrs).shape
    more = {"twice": True, "rtol": 4, "note": note, "domain": (-1, 1)}

    def input_grad(dy, w, shape, **attrs):
        return _transpose_of(lambda u: _depthwise(u, w, **attrs), x, dy)

    def kernel_grad(x, dy, kernel, **attrs):
        return _transpose_of(lambda u: _depthwise(x, u, **attrs), w, dy)

    add(
        Case("depthwise_conv", [x, w], _depthwise, attrs, large=large, **more),
        Case("depthwise_conv_input_grad", [y, w], input_grad, {**attrs, "shape": list(x[1:-1])}, **more),
        Case("depthwise_conv_kernel_grad", [x, y], kernel_grad, {**attrs, "kernel": list(w[:-2])},
             large=large and [large[0], large[0]], **more),
    )  # fmt: skip


convolution((2, 6, 5, 3), (3, 3, 3, 5), "valid", [1, 1], [1, 1], [0] * 4, large=((9, 31, 29, 8), (3, 3, 8, 19)))
convolution((2, 5, 6, 2), (2, 3, 2, 9), "same", [1, 1], [1, 1], [0, 1, 1, 1], large=((8, 33, 33, 16), (2, 3, 16, 16)))
convolution((2, 6, 5, 4), (3, 3, 2, 6), "strided-groups", [2, 3], [1, 1], [1, 1, 0, 2], 2)
convolution((2, 7, 7, 1), (3, 2, 1, 4), "dilated", [1, 1], [2, 3], [2, 2, 1, 2])
convolution((3, 4, 4, 5), (1, 1, 5, 7), "pointwise", [1, 1], [1, 1], [0] * 4, large=((8, 32, 32, 17), (1, 1, 17, 33)))
convolution((2, 9, 3), (4, 3, 5), "1d-causal", [1], [2], [6, 0])
convolution((2, 9, 3), (4, 3, 5), "1d", [1], [1], [3, 0], large=((4, 2001, 7), (4, 7, 20)))
convolution((2, 3, 4, 3, 2), (2, 2, 3, 2, 3), "3d", [1, 2, 1], [1, 1, 1], [0, 1, 1, 0, 1, 1])
convolution((2, 3, 4, 3, 2), (3, 2, 3, 2, 3), "3d-same", [1] * 3, [1] * 3, [1, 1, 1, 0, 1, 1],
            large=((5, 6, 7, 6, 16), (3, 2, 3, 16, 20)))  # fmt: skip
depthwise((2, 6, 5, 9), (3, 3, 9, 1), "same", [(8, 33, 31, 37), (3, 3, 37, 1)], strides=[1, 1], dilation=[1, 1],
          pads=[1, 1, 1, 1])  # fmt: skip
depthwise((2, 6, 7, 3), (3, 2, 3, 2), "strided", strides=[2, 3], dilation=[1, 1], pads=[1, 0, 0, 2])
depthwise((2, 9, 4), (2, 4, 1), "1d-dilated", strides=[1], dilation=[3], pads=[0, 3])
pooling((2, 6, 5, 9), "valid", size=[2, 2], strides=[2, 2], pads=[0] * 4)
pooling((2, 6, 7, 3), "same", size=[3, 3], strides=[2, 2], pads=[0, 1, 1, 1])
pooling((2, 7, 5), "1d", size=[3], strides=[1], pads=[0, 0])
pooling((1, 5, 4, 4, 2), "3d", size=[2, 2, 2], strides=[3, 2, 1], pads=[0] * 6)
