"""DenseNet: every layer reads all that came before it in its block (Huang et al., 2016)."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications import imagenet_utils
from fastkeras.applications._family import image_classifier, member
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

_GROWTH = 32


def _densenet(depth, counts, hashes, example):
    """The public function of DenseNet-`depth`, with `counts` layers in its four blocks."""
    network = f"densenet{depth}"

    def features(start):
        x = layers.ZeroPadding2D(3)(start)
        x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
        x = _norm_relu(x, "conv1_")
        x = layers.ZeroPadding2D(1)(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for i, count in enumerate(counts, 2):
            if i > 2:
                x = _transition(x, f"pool{i - 1}_")
            for j in range(1, count + 1):
                x = _grown(x, f"conv{i}_block{j}_")
        return _norm_relu(x, "")

    classifier = image_classifier(features, f"densenet/{network}", hashes, pools=("avg_pool", "max_pool"))

    def build(*arguments):
        assembly.refuse_channels_first("DenseNet")
        return classifier(*arguments)

    return member(build, network, f"DenseNet{depth}: a densely connected network of {depth} layers.", example)


def _norm_relu(x, prefix):
    return assembly.relu(assembly.batch_norm(x, f"{prefix}bn", epsilon=1.001e-5), f"{prefix}relu")


def _transition(x, prefix):
    """Half the channels, half the image."""
    x = _norm_relu(x, prefix)
    x = layers.Conv2D(assembly.channels_of(x) // 2, 1, use_bias=False, name=f"{prefix}conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{prefix}pool")(x)


def _grown(x, prefix):
    """`x` with the channels that a bottleneck makes of it."""
    made = _norm_relu(x, f"{prefix}0_")
    made = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{prefix}1_conv")(made)
    made = _norm_relu(made, f"{prefix}1_")
    made = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{prefix}2_conv")(made)
    return layers.Concatenate(name=f"{prefix}concat")([x, made])


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as DenseNet reads them: (x / 255 - mean) / deviation (`imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="torch")


DenseNet121 = _densenet(
    121,
    (6, 12, 24, 16),
    ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    """>>> keras.applications.DenseNet121(include_top=False, weights=None).count_params()
    7037504""",
)
DenseNet169 = _densenet(
    169,
    (6, 12, 32, 32),
    ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    """>>> keras.applications.DenseNet169(include_top=False, weights=None).count_params()
    12642880""",
)
DenseNet201 = _densenet(
    201,
    (6, 12, 48, 32),
    ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
    """>>> keras.applications.DenseNet201(include_top=False, weights=None).count_params()
    18321984""",
)
