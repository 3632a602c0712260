"""Changes of a single image: an array of rank 3 whose channels come first or last."""

import numpy as np

from fastkeras.ops._augment import augment, parameter_row


def transform(x, parameters, channels_first=False, transposed=False, fill_mode="nearest", cval=0.0, order=1):
    """The image `x` changed as the dictionary `parameters` says, in its own dtype."""
    dtype = x.dtype
    wide = x if dtype in ("float32", "float64") else x.astype("float32" if dtype.itemsize <= 2 else "float64")
    settings = {"channels_first": channels_first, "transposed": transposed}
    y = augment(np.ascontiguousarray(wide)[None], [0], [parameter_row(parameters)], order, fill_mode, cval, **settings)
    if dtype.kind in "iu":  # SciPy rounds halves away from zero
        limits = np.iinfo(dtype)
        y = np.clip(np.trunc(y + np.copysign(0.5, y)), limits.min, limits.max)
    return y[0].astype(dtype, copy=False)


def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    order=1,
):
    """`x` rotated, shifted, sheared and zoomed about its centre, in that order of matrices.

    Args:
        x: an array of rank 3.
        theta, shear: degrees.
        tx, ty: pixels along the columns' and the rows' axis (the other way round where `col_axis < row_axis`).
        zx, zy: factors; 0.5 shows half as much.
        row_axis, col_axis, channel_axis: 0, 1 and 2 in some order; channels come first or last.
        fill_mode: `"nearest"`, `"constant"` (with `cval`), `"reflect"` or `"wrap"` beyond the border.
        order: 0 takes the nearest pixel, 1 mixes four.

    Raises:
        ValueError: for other axes, ranks, fill modes and orders.

    >>> import numpy as np
    >>> apply_affine_transform(np.arange(4.0).reshape(1, 1, 4), tx=1)[0, 0].tolist()
    [1.0, 2.0, 3.0, 3.0]
    """
    axes = (row_axis, col_axis, channel_axis)
    if len(set(axes)) != 3:
        raise ValueError("'row_axis', 'col_axis', and 'channel_axis' must be distinct")
    if set(axes) != {0, 1, 2}:
        raise ValueError(f"Invalid axis' indices: {set(axes) - {0, 1, 2}}")
    x = np.asarray(x)
    if x.ndim != 3:
        raise ValueError("Input arrays must be multi-channel 2D images.")
    if channel_axis == 1:
        raise ValueError("Channels are allowed and the first and last dimensions.")
    parameters = {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    return transform(x, parameters, channel_axis == 0, col_axis < row_axis, fill_mode, cval, order)


def apply_channel_shift(x, intensity, channel_axis=0):
    """`x + intensity`, clipped to the least and greatest value of `x`.

    >>> import numpy as np
    >>> apply_channel_shift(np.array([[[0.0, 5.0]]]), 2).tolist()
    [[[2.0, 5.0]]]
    """
    if not -np.ndim(x) <= channel_axis < np.ndim(x):
        raise ValueError(f"[apply_channel_shift] channel_axis must be an axis of x. Received: {channel_axis}")
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(x, brightness, scale=True):
    """The image in bytes with every value times `brightness`; alpha stays.

    Values outside of 0..255 are spread over it first; with `scale` all are, and stay so.

    >>> import numpy as np
    >>> apply_brightness_shift(np.array([[[10.0], [200.0]]]), 0.5, scale=False).ravel().tolist()
    [5.0, 100.0]
    """
    from fastkeras.engine import config
    from fastkeras.utils.images import array_to_img, img_to_array

    if scale:
        x = img_to_array(array_to_img(x, scale=True))
    x = np.asarray(x, dtype=config.floatx())
    return transform(x, {"brightness": brightness}, config.image_data_format() == "channels_first")


def random_rotation(
    x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """`x` rotated by an angle drawn from [-rg, rg) degrees with `np.random`."""
    theta = np.random.uniform(-rg, rg)
    return apply_affine_transform(
        x, theta, 0, 0, 0, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_shift(
    x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """`x` shifted by up to the share `hrg` of its height and `wrg` of its width."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x, 0, tx, ty, 0, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_shear(
    x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """`x` sheared by an angle drawn from [-intensity, intensity) degrees."""
    shear = np.random.uniform(-intensity, intensity)
    return apply_affine_transform(
        x, 0, 0, 0, shear, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_zoom(
    x, zoom_range, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """`x` zoomed along each axis by a factor drawn from the two numbers `zoom_range`.

    Raises:
        ValueError: when `zoom_range` is not a pair.
    """
    if len(zoom_range) != 2:
        raise ValueError(f"`zoom_range` should be a tuple or list of two floats. Received: {zoom_range}")
    zx, zy = (1, 1) if tuple(zoom_range) == (1, 1) else np.random.uniform(zoom_range[0], zoom_range[1], 2)
    return apply_affine_transform(
        x, 0, 0, 0, 0, zx, zy, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_channel_shift(x, intensity_range, channel_axis=0):
    """`apply_channel_shift` by an amount drawn from [-intensity_range, intensity_range)."""
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis=channel_axis)


def random_brightness(x, brightness_range, scale=True):
    """`apply_brightness_shift` by a factor drawn from the two numbers `brightness_range`.

    Raises:
        ValueError: when `brightness_range` is not a pair.
    """
    if len(brightness_range) != 2:
        raise ValueError(f"`brightness_range should be tuple or list of two floats. Received: {brightness_range}")
    return apply_brightness_shift(x, np.random.uniform(brightness_range[0], brightness_range[1]), scale)
