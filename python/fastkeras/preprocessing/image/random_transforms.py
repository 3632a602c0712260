"""Random changes of images: how they are drawn, and what they do to one image."""

import numpy as np

from fastkeras.ops._augment import parameter_row
from fastkeras.preprocessing.image.transforms import transform


class RandomTransforms:
    """The part of ImageDataGenerator that rotates, shifts, shears, zooms, flips and colours by chance."""

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


def _random_shift(reach, size):
    try:  # a list to choose from, or pixels
        shift = np.random.choice(reach) * np.random.choice([-1, 1])
    except ValueError:
        shift = np.random.uniform(-reach, reach)
    return shift * size if np.max(reach) < 1 else shift
