"""What `mpirun -n 2` runs for test_mpi.py: one of the functions below, by name."""

import json
import os
import pathlib
import signal
import sys

import numpy as np

import fastkeras as keras
from fastkeras import layers, ops
from fastkeras.training import parallel_step

RANDOM = np.random.RandomState(0)
X, Y = RANDOM.randn(103, 6).astype("float32"), RANDOM.randint(0, 3, 103)


def rank():
    return keras.distribution.DataParallel().data_shard_id


class Averaging(keras.Model):
    """A train_step of its own."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return ops.softmax(self.dense(x))

    def train_step(self, data):
        x, y = data[:2]
        with keras.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights))
        return {"loss": loss}


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 7

    def __getitem__(self, i):
        return X[i * 16 : (i + 1) * 16], Y[i * 16 : (i + 1) * 16]


def sequential():
    return keras.Sequential([keras.Input((6,)), layers.Dense(16, "relu"), layers.Dense(3, "softmax")])


def train(make, optimizer, x, y, batch_size, **arguments):
    """(weights, history) of a fit."""
    compiling = {name: arguments.pop(name) for name in ("run_eagerly",) if name in arguments}
    keras.utils.set_random_seed(3)
    model = make()
    model.build((None, 6))
    model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"], **compiling)
    history = model.fit(x, y, batch_size=batch_size, epochs=3, verbose=0, **arguments).history
    return [w.numpy() for w in model.weights], history, model.evaluate(x, y, verbose=0)


def same_weights():
    """Two processes with batches of 16 train as one does with batches of 32."""
    adam, sgd = keras.optimizers.Adam, keras.optimizers.SGD
    cases = {
        "shuffled": (sequential, adam, X, Y, {}),
        "in order, validated": (sequential, adam, X, Y, {"shuffle": False, "validation_split": 0.2}),
        "a last batch of one row": (sequential, adam, X[:97], Y[:97], {"shuffle": False}),
        "clipped": (sequential, lambda: sgd(0.1, momentum=0.9, global_clipnorm=0.1), X, Y, {}),
        "averaged": (sequential, lambda: adam(use_ema=True, ema_overwrite_frequency=2), X, Y, {}),
        "accumulating": (sequential, lambda: adam(gradient_accumulation_steps=2), X, Y, {}),
        "scheduled": (sequential, lambda: sgd(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)), X, Y, {}),
        "scaled": (sequential, lambda: keras.optimizers.LossScaleOptimizer(adam()), X, Y, {}),
        "weighted": (sequential, adam, X, Y, {"class_weight": {0: 2.0, 1: 0.5}}),
        "eager": (sequential, adam, X, Y, {"run_eagerly": True}),
        "own train_step": (Averaging, adam, X, Y, {}),
    }
    compare(cases)


def same_weights_in_buckets():
    """The same where gradients are summed in several buckets while others are still made."""
    parallel_step.BUCKET_BYTES = 256
    adam = keras.optimizers.Adam
    cases = {
        "shuffled": (sequential, adam, X, Y, {}),
        "a last batch of one row": (sequential, adam, X[:97], Y[:97], {"shuffle": False}),
        "eager": (sequential, adam, X[:97], Y[:97], {"run_eagerly": True}),
        "own train_step": (Averaging, adam, X, Y, {}),
    }
    compare({f"{name}, in buckets": case for name, case in cases.items()})
    with keras.distribution.DataParallel().scope():
        model = sequential()
        model.compile("adam", "sparse_categorical_crossentropy")
        sums = []
        on_sums(lambda *sum: sums.append(sum))
        model.train_on_batch(X[:8], Y[:8])
    # The biases and the small kernel, together 67 numbers; the large kernel; what stands behind gradients.
    step = sums.index((67, True))
    assert sums[step : step + 3] == [(67, True), (96, True), (3, False)], sums
    parallel_step.BUCKET_BYTES = 4 << 20


def on_sums(call):
    """Calls `call(size, patient)` before every sum from here on."""
    team = keras.distribution.distribution().team
    whole = team.sum

    def summed(array, patient=False):
        call(array.size, patient)
        return whole(array, patient)

    team.sum = summed


def compare(cases):
    for name, (make, optimizer, x, y, arguments) in cases.items():
        alone = train(make, optimizer, x, y, 32, **arguments)
        with keras.distribution.DataParallel().scope():
            together = train(make, optimizer, x, y, 16, **arguments)
        check(name, alone, together, history=make is sequential)


def same_weights_from_batches():
    def pairs(start, step):
        for i in range(start, 7, step):
            yield Batches()[i]

    whole = [np.concatenate(parts) for parts in zip(*(Batches()[i] for i in range(7)))]
    alone = train(sequential, keras.optimizers.Adam, *whole, 32, shuffle=False)
    pipelines = {
        "PyDataset": Batches(),
        "Dataset": keras.data.Dataset.range(7).map(lambda i: Batches()[int(i)]),
        "Dataset of arrays": keras.data.Dataset.from_tensor_slices(tuple(whole)).batch(16),
    }
    for name, data in pipelines.items():
        with keras.distribution.DataParallel().scope():
            keras.utils.set_random_seed(3)
            model = sequential()
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            history = model.fit(data, epochs=3, verbose=0, shuffle=False).history
            test = model.evaluate(data, verbose=0)
        check(name, alone, ([w.numpy() for w in model.weights], history, test))
    with keras.distribution.DataParallel().scope():
        try:
            model.fit(pairs(0, 1), verbose=0)
        except ValueError as error:
            assert "auto-sharding" in str(error)
        else:
            raise AssertionError("a generator cannot be sharded")
    with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
        before = model.optimizer.iterations.numpy()
        model.fit(pairs(rank(), 2), epochs=1, verbose=0)  # 4 batches here, 3 there
        assert model.optimizer.iterations.numpy() == before + 4


def check(name, alone, together, history=True):
    for a, b in zip(alone[0], together[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, err_msg=name)
    if history:
        for key, values in alone[1].items():
            np.testing.assert_allclose(values, together[1][key], atol=1e-5, err_msg=f"{name}: {key}")
        np.testing.assert_allclose(alone[2], together[2], atol=1e-5, err_msg=name)


def same_weights_from_train_on_batch():
    models = []
    for together in (False, True):
        keras.utils.set_random_seed(rank() if together else 0)
        model = sequential()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        if together:
            with keras.distribution.DataParallel().scope():
                logs = [model.train_on_batch(X[rank() : 20 : 2], Y[rank() : 20 : 2]) for _ in range(3)]
        else:
            logs = [model.train_on_batch(X[:20], Y[:20]) for _ in range(3)]
        models.append(([w.numpy() for w in model.weights], logs))
    for alone, together in zip(models[0][0] + models[0][1], models[1][0] + models[1][1], strict=True):
        np.testing.assert_allclose(alone, together, atol=1e-5)


def callbacks_of_the_first_process(folder):
    """They run there only, and what they change arrives everywhere."""
    seen = []

    class Meddling(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            self.model.optimizer.learning_rate = 0.25

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    keras.distribution.set_distribution(keras.distribution.DataParallel())
    keras.utils.set_random_seed(rank())  # different weights, until fit begins
    model = sequential()
    model.add(layers.BatchNormalization())
    model.compile("sgd", "mse")
    target = np.zeros((103, 3), "float32")
    file = pathlib.Path(folder) / f"{rank()}.keras"
    saving = keras.callbacks.ModelCheckpoint(str(file))
    history = model.fit(X, target, batch_size=16, epochs=9, verbose=0, callbacks=[Meddling(), saving])
    model.save(file.with_suffix(".h5.keras"))
    assert len(history.history["loss"]) == 2
    assert float(model.optimizer.learning_rate.numpy()) == 0.25
    assert len(seen) == (8 if rank() == 0 else 0)
    for weight in model.weights:
        root = keras.distribution.distribution().team.broadcast_array(weight.numpy())
        np.testing.assert_array_equal(root, weight.numpy())
    try:
        model.fit(X[:1], target[:1], verbose=0)
    except ValueError as error:
        assert "one sample per process" in str(error)
    else:
        raise AssertionError("one sample for two processes")

    class Stopping(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    before = model.optimizer.iterations.numpy()
    model.fit(X, target, batch_size=4, verbose=0, callbacks=[Stopping()])
    assert model.optimizer.iterations.numpy() == before + 3  # the batch that carries the word


def draws_differ():
    with keras.distribution.DataParallel().scope():
        model = keras.Sequential([keras.Input((64,)), layers.Dropout(0.5), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 64)), np.ones((4, 1)), verbose=0)
        own = model(np.ones((1, 64), "float32"), training=True).numpy()
        assert not np.array_equal(own, keras.distribution.distribution().team.broadcast_array(own)) or rank() == 0


def names_processes():
    assert keras.distribution.list_devices() == ["cpu:0", "cpu:1"]
    assert keras.distribution.get_device_count("cpu") == 2 and keras.distribution.list_devices("gpu") == []
    keras.distribution.initialize(num_processes=2)
    for call in (
        lambda: keras.distribution.initialize(num_processes=3),
        lambda: keras.distribution.DataParallel(devices=["cpu:0"]),
    ):
        try:
            call()
        except ValueError:
            continue
        raise AssertionError("accepted a wrong number of processes")


def training_goes_well(folder):
    names_processes()
    same_weights()
    same_weights_in_buckets()
    same_weights_from_batches()
    same_weights_from_train_on_batch()
    callbacks_of_the_first_process(folder)
    draws_differ()
    (pathlib.Path(folder) / f"well{rank()}.json").write_text(json.dumps(sorted(os.listdir(folder))))


def dies(how):
    """Process 1 ends in the middle of training."""
    number = rank()

    def batches():
        for i in range(1000):
            if number == 1 and i == 5:
                end(how)
            yield X[:8], Y[:8]

    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    model = sequential()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(batches(), verbose=0)


def dies_between_buckets(how):
    """Process 1 ends in the middle of a step, between the sums of two buckets."""
    parallel_step.BUCKET_BYTES = 256
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    model = sequential()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.train_on_batch(X[:8], Y[:8])
    on_sums(lambda size, patient: end(how) if rank() == 1 and size == 96 else None)
    model.fit(X, Y, verbose=0)


def end(how):
    if how == "raises":
        raise OSError("the disk is gone")
    if how == "exits":
        sys.exit(3)
    os.kill(os.getpid(), signal.SIGINT if how == "is interrupted" else signal.SIGKILL)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
