"""The optimizers of Keras 2, which Keras 3 names only to say that they are gone."""


class Optimizer:
    """Raises ImportError when called.

    >>> import fastkeras as keras
    >>> keras.optimizers.legacy.Adam()
    Traceback (most recent call last):
    ...
    ImportError: `keras.optimizers.legacy` is not supported in Keras 3. Use the class of the same name in ...
    """

    def __init__(self, *args, **kwargs):
        raise ImportError(
            "`keras.optimizers.legacy` is not supported in Keras 3. Use the class of the same name in "
            "`keras.optimizers` instead."
        )


Adagrad = Adam = Ftrl = RMSprop = SGD = Optimizer
