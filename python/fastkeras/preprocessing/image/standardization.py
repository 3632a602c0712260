"""Images rescaled, centred, divided by their deviation and whitened."""

import math
import warnings

import numpy as np

_NOT_FITTED = (
    "This ImageDataGenerator specifies `{}`, but it hasn't been fit on any training data. Fit it first by calling "
    "`.fit(numpy_data)`."
)


class Standardization:
    """The part of ImageDataGenerator that standardises, with statistics that `fit` finds."""

    def standardize(self, x):
        """`x`, an image or a batch, rescaled, centred, divided and whitened as asked for, in place."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + 1e-6
        return self._standardize_by_features(x)

    def _standardize_by_features(self, x):
        for name, value in (
            ("featurewise_center", self.mean),
            ("featurewise_std_normalization", self.std),
            ("zca_whitening", self.zca_whitening_matrix),
        ):
            if not getattr(self, name):
                continue
            if value is None:
                warnings.warn(_NOT_FITTED.format(name), stacklevel=3)
            elif name == "featurewise_center":
                x -= value
            elif name == "featurewise_std_normalization":
                x /= value + 1e-6
            else:
                x = (x.reshape(-1, math.prod(x.shape[-3:])) @ value).reshape(x.shape)
        return x

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Finds the statistics that `featurewise_*` and `zca_whitening` need.

        Args:
            x: images, rank 4.
            augment: take the statistics of transformed images, `rounds` of each.
            seed: of the transforms.

        Raises:
            ValueError: when the rank is another.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(f"Input to `.fit()` should have rank 4. Got array with shape: {x.shape}")
        channels = x.shape[self.channel_axis]
        if channels not in (1, 3, 4):
            warnings.warn(
                "Expected input to be images (as Numpy array) following the data format convention "
                f'"{self.data_format}" (channels on axis {self.channel_axis}), i.e. expected either 1, 3 or 4 '
                f"channels on axis {self.channel_axis}. However, it was passed an array with shape {x.shape} "
                f"({channels} channels).",
                stacklevel=2,
            )
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.concatenate([[self.random_transform(image) for image in x] for _ in range(rounds)])
        shape = [1, 1, 1]
        shape[self.channel_axis - 1] = channels
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=axes).reshape(shape)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=axes).reshape(shape)
            x /= self.std + 1e-6
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))).dot(u.T)
