"""keras.datasets: small data sets, downloaded once into `~/.keras/datasets` (or `$KERAS_HOME/datasets`)."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    submodules=(
        "boston_housing",
        "california_housing",
        "cifar10",
        "cifar100",
        "fashion_mnist",
        "imdb",
        "mnist",
        "reuters",
    ),
)
