"""What Inception networks share: convolutions with their normalisation, branches side by side."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly


def conv(x, filters, kernel, padding="same", stride=1, name=None):
    x = layers.Conv2D(filters, kernel, strides=stride, padding=padding, use_bias=False, name=name)(x)
    x = assembly.batch_norm(x, name and f"{name}_bn", scale=False)
    return assembly.relu(x, name and f"{name}_ac")


def chain(x, *convolutions):
    """One convolution after the other, each as arguments of `conv`."""
    for convolution in convolutions:
        x = conv(x, *convolution)
    return x


def stem(x):
    """The first convolutions: an eighth of the image, 192 channels."""
    x = chain(x, (32, 3, "valid", 2), (32, 3, "valid"), (64, 3))
    x = chain(halved(x), (80, 1, "valid"), (192, 3, "valid"))
    return halved(x)


def averaged(x, filters):
    return conv(layers.AveragePooling2D(3, strides=1, padding="same")(x), filters, 1)


def halved(x):
    return layers.MaxPooling2D(3, strides=2)(x)


def joined(name, *branches):
    return layers.Concatenate(axis=1 if assembly.channels_first() else -1, name=name)(branches)
