"""ImageDataGenerator: random transforms and standardisation of images, a batch in one C++ call."""

import math
import warnings

import numpy as np

from fastkeras.engine import config
from fastkeras.ops._augment import augment, parameter_row
from fastkeras.preprocessing.image.transforms import transform
from fastkeras.utils.pydataset import in_worker

_FILL_MODES = ("nearest", "constant", "reflect", "wrap")
_NOT_FITTED = (
    "This ImageDataGenerator specifies `{}`, but it hasn't been fit on any training data. Fit it first by calling "
    "`.fit(numpy_data)`."
)


class ImageDataGenerator:
    """Batches of images with random changes, the same draws of `np.random` as Keras makes.

    Args:
        featurewise_center, featurewise_std_normalization: minus the mean, by the deviation of the data that `fit` saw.
        samplewise_center, samplewise_std_normalization: the same with those of each image.
        zca_whitening, zca_epsilon: whiten with the matrix that `fit` finds.
        rotation_range: degrees, to both sides.
        width_shift_range, height_shift_range: a share of the size below 1, pixels from 1, or a list to choose from.
        brightness_range: a pair of factors.
        shear_range: degrees.
        zoom_range: a pair of factors, or the distance from 1.
        channel_shift_range: amount added to all channels.
        fill_mode: `"nearest"`, `"constant"` (`cval`), `"reflect"` or `"wrap"` beyond the border.
        horizontal_flip, vertical_flip: flip every second image?
        rescale: factor, after the transforms.
        preprocessing_function: called with an image after the transforms, before standardisation.
        validation_split: share of the data in the subset `"validation"`.
        interpolation_order: 0 takes the nearest pixel, 1 mixes four.

    Raises:
        ValueError: for values that cannot be.

    >>> import fastkeras as keras, numpy as np
    >>> generator = keras.preprocessing.image.ImageDataGenerator(rotation_range=10, rescale=1 / 255)
    >>> next(generator.flow(np.zeros((5, 8, 8, 1)), batch_size=2)).shape
    (2, 8, 8, 1)
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format=None,
        validation_split=0.0,
        interpolation_order=1,
        dtype=None,
    ):
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        self.zoom_range = _zoom_range(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode, self.cval = fill_mode, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format = data_format or config.image_data_format()
        self._validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = dtype or config.floatx()
        self._check()
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if self._channels_first else (3, 1, 2)
        self.mean = self.std = self.zca_whitening_matrix = None
        if zca_whitening:
            self._override("zca_whitening", "featurewise_center", True)
            self._override("zca_whitening", "featurewise_std_normalization", False)
        if featurewise_std_normalization:
            self._override("featurewise_std_normalization", "featurewise_center", True)
        if samplewise_std_normalization:
            self._override("samplewise_std_normalization", "samplewise_center", True)

    def _check(self):
        if self.data_format not in ("channels_first", "channels_last"):
            raise ValueError(
                '`data_format` should be `"channels_last"` (channel after row and column) or `"channels_first"` '
                f"(channel before row and column). Received: {self.data_format}"
            )
        if self._validation_split and not 0 < self._validation_split < 1:
            raise ValueError(
                f"`validation_split` must be strictly between 0 and 1.  Received: {self._validation_split}"
            )
        brightness = self.brightness_range
        if brightness is not None and not (isinstance(brightness, (tuple, list)) and len(brightness) == 2):
            raise ValueError(f"`brightness_range should be tuple or list of two floats. Received: {brightness}")
        if self.fill_mode not in _FILL_MODES:
            raise ValueError(
                f"[ImageDataGenerator] fill_mode must be one of {_FILL_MODES}. Received: fill_mode={self.fill_mode!r}"
            )
        if self.interpolation_order not in (0, 1):
            raise ValueError(
                "[ImageDataGenerator] interpolation_order must be 0 (nearest) or 1 (bilinear). Received: "
                f"interpolation_order={self.interpolation_order}"
            )

    def _override(self, by, name, value):
        if getattr(self, name) != value:
            setattr(self, name, value)
            warnings.warn(
                f"This ImageDataGenerator specifies `{by}`, which overrides setting of `{name}`.", stacklevel=3
            )

    @property
    def _channels_first(self):
        return self.data_format == "channels_first"

    @property
    def _separable(self):
        """Is all that an image needs from `np.random` known before its pixels are looked at, and all else ours?"""
        own = ("get_random_transform", "apply_transform", "standardize")
        return (
            self.preprocessing_function is None
            and self.dtype in ("float32", "float64")
            and all(getattr(type(self), name) is getattr(ImageDataGenerator, name) for name in own)
        )

    # --- drawing ---

    def get_random_transform(self, img_shape, seed=None):
        """Random parameters for an image of shape `img_shape`: a dictionary that `apply_transform` takes."""
        if seed is not None:
            np.random.seed(seed)
        parameters = dict.fromkeys(("theta", "tx", "ty", "shear"), 0)
        if self.rotation_range:
            parameters["theta"] = np.random.uniform(-self.rotation_range, self.rotation_range)
        if self.height_shift_range:
            parameters["tx"] = _random_shift(self.height_shift_range, img_shape[self.row_axis - 1])
        if self.width_shift_range:
            parameters["ty"] = _random_shift(self.width_shift_range, img_shape[self.col_axis - 1])
        if self.shear_range:
            parameters["shear"] = np.random.uniform(-self.shear_range, self.shear_range)
        parameters["zx"] = parameters["zy"] = 1
        if self._zooms:
            parameters["zx"], parameters["zy"] = np.random.uniform(*self.zoom_range, 2)
        parameters["flip_horizontal"] = (np.random.random() < 0.5) * self.horizontal_flip
        parameters["flip_vertical"] = (np.random.random() < 0.5) * self.vertical_flip
        parameters["channel_shift_intensity"] = parameters["brightness"] = None
        if self.channel_shift_range != 0:
            reach = self.channel_shift_range
            parameters["channel_shift_intensity"] = np.random.uniform(-reach, reach)
        if self.brightness_range is not None:
            parameters["brightness"] = np.random.uniform(*self.brightness_range)
        return parameters

    @property
    def _zooms(self):
        return not (self.zoom_range[0] == 1 and self.zoom_range[1] == 1)

    def _draw(self, n, img_shape):
        """The rows of parameters of n calls of `get_random_transform`, from the same numbers of `np.random`."""
        shifts = [self.height_shift_range, self.width_shift_range]
        if any(np.ndim(reach) or hasattr(reach, "__index__") for reach in shifts):
            return np.array([parameter_row(self.get_random_transform(img_shape)) for _ in range(n)]).reshape(n, 10)
        ranges = []  # (column, low, high, factor), in the order of the draws
        if self.rotation_range:
            ranges.append((0, -self.rotation_range, self.rotation_range, 1))
        for column, reach, axis in ((1, shifts[0], self.row_axis), (2, shifts[1], self.col_axis)):
            if reach:
                ranges.append((column, -reach, reach, img_shape[axis - 1] if reach < 1 else 1))
        if self.shear_range:
            ranges.append((3, -self.shear_range, self.shear_range, 1))
        if self._zooms:
            ranges += [(4, *self.zoom_range, 1), (5, *self.zoom_range, 1)]
        flips = len(ranges)
        ranges += [None, None]
        if self.channel_shift_range != 0:
            ranges.append((8, -self.channel_shift_range, self.channel_shift_range, 1))
        if self.brightness_range is not None:
            ranges.append((9, *self.brightness_range, 1))
        drawn = np.random.random_sample((n, len(ranges)))
        rows = np.empty((n, 10))
        rows[:] = (0, 0, 0, 0, 1, 1, 0, 0, np.nan, np.nan)
        for k, given in enumerate(ranges):
            if given is not None:
                column, low, high, factor = given
                rows[:, column] = (low + (high - low) * drawn[:, k]) * factor
        for k, (column, wanted) in enumerate(((6, self.horizontal_flip), (7, self.vertical_flip))):
            if wanted:
                rows[:, column] = drawn[:, flips + k] < 0.5
        return rows

    # --- changing ---

    def apply_transform(self, x, transform_parameters):
        """The image `x`, rank 3, changed as the dictionary says: keys as `get_random_transform` gives them."""
        x = np.asarray(x)
        self._check_colours(x.shape, transform_parameters.get("brightness") is not None)
        return transform(
            x, transform_parameters, self._channels_first, False, self.fill_mode, self.cval, self.interpolation_order
        )

    def random_transform(self, x, seed=None):
        """The image `x` changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def _check_colours(self, shape, brightness):
        channels = shape[self.channel_axis - 1]
        if brightness and channels not in (1, 3, 4):
            raise ValueError(
                f"[ImageDataGenerator] brightness needs 1, 3 or 4 channels. Received: an image of shape {shape}"
            )

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

    def _transform_batch(self, images, rows, parameters):
        """`images[rows]` transformed and standardised."""
        self._check_colours(images.shape[1:], self.brightness_range is not None)
        batch = augment(
            images,
            rows,
            parameters,
            self.interpolation_order,
            self.fill_mode,
            self.cval,
            channels_first=self._channels_first,
            rescale=float(self.rescale or 1),
            center=bool(self.samplewise_center),
            divide=bool(self.samplewise_std_normalization),
            alone=in_worker(),  # the other threads belong to the training
        )
        return self._standardize_by_features(batch).astype(self.dtype, copy=False)

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

    # --- batches ---

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        ignore_class_split=False,
        subset=None,
    ):
        """An endless iterator over batches `(x, y, sample_weight)` of the arrays, as many parts as are given.

        Args:
            x: images, rank 4; or a pair of images and a list of arrays that go along unchanged.
            save_to_dir: a folder that every image is written to, as `<save_prefix>_<index>_<number>.<save_format>`.
            subset: `"training"` or `"validation"`, with `validation_split`; both must hold the same classes unless
                `ignore_class_split`.

        Raises:
            ValueError: when lengths or ranks do not fit.
        """
        from fastkeras.preprocessing.image.iterators import NumpyArrayIterator

        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            ignore_class_split=ignore_class_split,
            subset=subset,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
    ):
        """An endless iterator over the images in `directory`, which has one folder for each class.

        Args:
            target_size: height and width that images are resized to, with `interpolation`.
            color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
            classes: names of the folders to take, in order; None: all, sorted.
            class_mode: targets `"categorical"` (one-hot), `"binary"` or `"sparse"` (numbers), `"input"` (the images),
                None (no targets).

        Raises:
            ValueError: for modes that there are not.
            OSError: when a batch has a file that is no image; it is named.
        """
        from fastkeras.preprocessing.image.files import DirectoryIterator

        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        **kwargs,
    ):
        """An endless iterator over the images that the column `x_col` of a pandas DataFrame names.

        Args:
            directory: where the files are; None when the names are paths.
            y_col: column of the targets; a list of columns for `class_mode="multi_output"`.
            weight_col: column of sample weights.
            class_mode: as in `flow_from_directory`, `"multi_output"`, or `"raw"` (the column as it is).
            validate_filenames: leave rows out whose file does not exist.

        Raises:
            TypeError: when a column has other values than `class_mode` needs.
        """
        from fastkeras.preprocessing.image.files import DataFrameIterator

        for name in kwargs:
            if name not in ("has_ext", "sort", "drop_duplicates"):
                raise TypeError(f"flow_from_dataframe() got an unexpected keyword argument {name!r}")
            warnings.warn(f"{name} is deprecated and has no effect.", DeprecationWarning, stacklevel=2)
        if class_mode == "other":
            warnings.warn(
                '`class_mode="other"` is deprecated, please use `class_mode="raw"`.', DeprecationWarning, stacklevel=2
            )
            class_mode = "raw"
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
            validate_filenames=validate_filenames,
        )


def _zoom_range(value):
    if isinstance(value, (float, int)):
        return [1 - value, 1 + value]
    if len(value) == 2 and all(isinstance(v, (float, int)) for v in value):
        return list(value)
    raise ValueError(f"`zoom_range` should be a float or a tuple or list of two floats. Received: {value}")


def _random_shift(reach, size):
    try:  # a list to choose from, or pixels
        shift = np.random.choice(reach) * np.random.choice([-1, 1])
    except ValueError:
        shift = np.random.uniform(-reach, reach)
    return shift * size if np.max(reach) < 1 else shift
