"""Images per second of ImageDataGenerator(rotation_range=10, zoom_range=0.1).flow beside Keras's, in one process.

    KERAS_BACKEND=jax python bench/augmentation.py [threads]

Rounds of both sides alternate; the best of each and their ratio are shown. Needs an environment with keras, scipy and
fastkeras.
"""

import sys
import time
import warnings

import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasGenerator

from fastkeras import config
from fastkeras.preprocessing.image import ImageDataGenerator

SETTINGS = {"rotation_range": 10, "zoom_range": 0.1}
# images, shape, batches that Keras makes in a round
WORKLOADS = {"60,000 of 28x28x1": (60_000, (28, 28, 1), 60), "2,000 of 128x128x3": (2_000, (128, 128, 3), 5)}
ROUNDS = 5


def images_per_second(iterator, batches):
    start = time.perf_counter()
    for _ in range(batches):
        next(iterator)
    return batches * iterator.batch_size / (time.perf_counter() - start)


def main():
    warnings.simplefilter("ignore")
    if len(sys.argv) > 1:
        config.set_num_threads(int(sys.argv[1]))
    print(f"{config.num_threads()} thread(s), {config.isa()}; images/s")
    for name, (count, shape, batches) in WORKLOADS.items():
        x = np.random.RandomState(0).uniform(0, 255, (count, *shape)).astype("float32")
        flows = [
            cls(**SETTINGS).flow(x, np.zeros(count), batch_size=32) for cls in (ImageDataGenerator, KerasGenerator)
        ]
        best = [0.0, 0.0]
        for _ in range(ROUNDS):
            for i, flow in enumerate(flows):
                best[i] = max(best[i], images_per_second(flow, batches if i else batches * 10))
        print(f"{name:20} fastkeras {best[0]:10,.0f}   Keras {best[1]:8,.0f}   ratio {best[0] / best[1]:6.1f}")


if __name__ == "__main__":
    main()
