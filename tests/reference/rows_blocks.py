"""What real Keras computes for the ops that move blocks of images into channels and back."""

import functools

import numpy as np
from rows_nn import numbers, values_and_gradients

SHUFFLES = {  # of blocks of 2 and 3 pixels, channels last
    f"{name}_{size}": (name, size, shape)
    for size in (2, 3)
    for name, shape in (("depth_to_space", (2, 2, 3, 2 * size**2)), ("space_to_depth", (2, 2 * size, size, 3)))
}


def shuffle(name):
    def row(keras):
        op, size, shape = SHUFFLES[name]
        images, made = numbers(*shape), {}
        for data_format, x in (("channels_last", images), ("channels_first", np.moveaxis(images, -1, 1))):
            function = functools.partial(getattr(keras.ops, op), block_size=size, data_format=data_format)
            made |= {f"{data_format} {k}": v for k, v in values_and_gradients(keras, function, x).items()}
        return made

    return row


WINDOWS = {
    "plain": ((5, 6), {"kernel_size": 2}),
    "blocks": ((4, 6), {"kernel_size": (2, 3), "stride": (2, 3)}),
    "padded": ((5, 4), {"kernel_size": 3, "padding": (1, 2), "stride": (2, 1)}),
    "dilated": ((7, 6), {"kernel_size": (3, 2), "dilation": (2, 3), "padding": 1, "stride": 2}),
}


def windows(name):
    def row(keras):
        size, settings = WINDOWS[name]
        x = numbers(2, 3, *size)
        unfolded = values_and_gradients(keras, lambda x: keras.ops.unfold(x, **settings), x)
        columns = numbers(*unfolded["y"].shape, seed=1)
        made = {f"unfold {key}": value for key, value in unfolded.items()}
        if name != "dilated":  # of which Keras on JAX forgets the last line, where no window ends
            folded = values_and_gradients(keras, lambda x: keras.ops.fold(x, size, **settings), columns)
            made |= {f"fold {key}": value for key, value in folded.items()}
        return made

    return row


ROWS = {**{name: shuffle(name) for name in SHUFFLES}, **{name: windows(name) for name in WINDOWS}}
