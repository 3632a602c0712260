"""DeviceMesh and TensorLayout: names for the axes along which devices and tensors are laid out."""

import math

import numpy as np


class DeviceMesh:
    """Devices in a grid whose axes have names.

    Args:
        shape: tuple of ints.
        axis_names: one name per axis.
        devices: names of devices, as many as the grid has places; by default those of `list_devices()`.

    Raises:
        ValueError: when these do not fit together.

    >>> import fastkeras as keras
    >>> keras.distribution.DeviceMesh((1,), ["batch"])
    <DeviceMesh shape=(1,), axis_names=['batch']>
    """

    def __init__(self, shape, axis_names, devices=None):
        if not shape or not axis_names:
            raise ValueError(f"Shape and axis_names cannot be empty. Received: shape={shape}, axis_names={axis_names}")
        if len(shape) != len(axis_names):
            raise ValueError(
                f"Shape and axis_names should have same size. Received: shape={shape}, axis_names={axis_names}"
            )
        if devices is None:
            from fastkeras.distribution.devices import list_devices

            devices = list_devices()
        devices = np.array(devices)
        if math.prod(shape) != devices.size:
            raise ValueError(
                f"Shape does not match the number of devices. Received: shape={shape}; devices.shape={devices.shape}"
            )
        self.shape, self.axis_names, self.devices = shape, axis_names, devices.reshape(shape)

    def __repr__(self):
        return f"<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>"


class TensorLayout:
    """Along which axis of a mesh each axis of a tensor is split; None for one that is not.

    >>> import fastkeras as keras
    >>> keras.distribution.TensorLayout(("batch", None)).axes
    ('batch', None)
    """

    def __init__(self, axes, device_mesh=None):
        self.axes, self._device_mesh = tuple(axes), None
        if device_mesh is not None:
            self.device_mesh = device_mesh

    @property
    def device_mesh(self):
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, device_mesh):
        if self._device_mesh is not None:
            raise ValueError(f"Cannot override device mesh value. Existing value is {self._device_mesh}")
        known, named = set(device_mesh.axis_names), set(self.axes) - {None}
        if named - known:
            raise ValueError(f"Invalid axis names for Layout. Valid axis names: {known}, Got {named}")
        self._device_mesh = device_mesh

    def __repr__(self):
        return f"<TensorLayout axes={self.axes}, device_mesh={self.device_mesh}>"
