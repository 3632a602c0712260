"""fit, evaluate and predict: what they accept, call, return, refuse and survive."""

import signal

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers, ops

X = np.random.RandomState(0).normal(size=(50, 4)).astype("float32")
Y = X[:, :1] * 2 + 1
CLASSES = np.random.RandomState(1).randint(0, 3, size=50)


def regression(**arguments):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
    return model


def classifier(**arguments):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", **arguments})
    return model


def twins(model, **arguments):
    """A second model with the same weights."""
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    if arguments:
        twin.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
    return twin


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def _note(self, hook, *arguments):
        logs = arguments[-1]
        self.calls.append((hook, *arguments[:-1], tuple(sorted(logs)) if logs else ()))


for _hook in ("train_begin", "train_end", "test_begin", "test_end", "predict_begin", "predict_end"):
    setattr(Recorder, f"on_{_hook}", lambda self, logs=None, hook=_hook: self._note(hook, logs))
for _hook in (
    "epoch_begin",
    "epoch_end",
    *(f"{m}_batch_{e}" for m in ("train", "test", "predict") for e in ("begin", "end")),
):
    setattr(Recorder, f"on_{_hook}", lambda self, index, logs=None, hook=_hook: self._note(hook, index, logs))


# --- data


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.astype("float64"),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: ops.convert_to_tensor(x),
        lambda x: np.flip(np.flip(x)),
    ],
    ids=["float64", "fortran", "strided", "tensor", "flipped"],
)
def test_forms_of_arrays(form):
    model = regression()
    twin = twins(model, loss="mse")
    expected = model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    given = form(X)
    assert twin.fit(given, form(Y), epochs=2, shuffle=False, verbose=0).history["loss"] == expected
    np.testing.assert_array_equal(twin.predict(given, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "int64", "uint64", "bool"])
def test_integer_inputs(dtype):
    x = (np.abs(X) * 2).astype(dtype)
    model = regression()
    expected = model.predict(x.astype("float32"), verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    assert np.isfinite(model.fit(x, Y, verbose=0).history["loss"][0])


def test_generators_and_datasets():
    def batches(times):
        for _ in range(times):
            for start in range(0, 50, 10):
                yield X[start : start + 10], Y[start : start + 10]

    class Batches(keras.utils.PyDataset):
        begun = ended = 0

        def __len__(self):
            return 5

        def __getitem__(self, i):
            return X[i * 10 : i * 10 + 10], Y[i * 10 : i * 10 + 10]

        def on_epoch_begin(self):
            Batches.begun += 1

        def on_epoch_end(self):
            Batches.ended += 1

    model = regression()
    others = [twins(model), twins(model)]
    expected = model.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0).history["loss"]
    got = others[0].fit(batches(2), steps_per_epoch=5, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    got = others[1].fit(Batches(workers=2), epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert (Batches.begun, Batches.ended) == (3, 3)  # and once to see what the model is built for
    with pytest.warns(UserWarning, match="Your input ran out of data"):
        model.fit(batches(1), epochs=1, shuffle=False, verbose=0)
    with pytest.warns(UserWarning, match="ran out of data"):
        assert model.predict(((X[:3],) for _ in range(2)), verbose=0).shape == (6, 1)


class ForeignTensor:
    """A tensor of another library: only `__array__` is known of it."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def foreign(name, module, **attributes):
    """An iterable of batches of `X` and `Y` that looks like a class of another library."""

    def __iter__(self):
        self.passes += 1
        return ([ForeignTensor(X[i : i + 10]), ForeignTensor(Y[i : i + 10])] for i in range(0, 50, 10))

    return type(name, (), {"__module__": module, "__iter__": __iter__, "passes": 0, **attributes})()


def torch_loader(**attributes):
    return foreign("DataLoader", "torch.utils.data.dataloader", dataset=X, __len__=lambda self: 5, **attributes)


def tensorflow_dataset(cardinality=5):
    return foreign("DatasetV2", "tensorflow.python.data.ops.dataset_ops", cardinality=lambda self: cardinality)


@pytest.mark.parametrize(
    "make",
    [
        torch_loader,
        lambda: foreign("DataLoader", "torch.utils.data.dataloader", dataset=iter(X)),
        tensorflow_dataset,
        lambda: tensorflow_dataset(-2),
    ],
    ids=["torch", "torch-iterable", "tensorflow", "tensorflow-unknown-length"],
)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # how the end shows where there is no length
def test_batches_of_other_libraries(make):
    model = regression()
    twin = twins(model, loss="mse")
    expected = model.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0, validation_data=(X, Y)).history
    data = make()
    got = twin.fit(data, epochs=2, shuffle=False, verbose=0, validation_data=make()).history
    assert {name: pytest.approx(values, 1e-5) for name, values in expected.items()} == got
    assert data.passes == 2  # what was looked at belongs to the first
    assert twin.evaluate(make(), verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), 1e-5)
    np.testing.assert_allclose(twin.predict(make(), verbose=0), model.predict(X, verbose=0), rtol=1e-5)


def test_what_batches_of_other_libraries_leave_no_room_for():
    model = regression()
    for data, kind in ((torch_loader(), "torch DataLoader"), (tensorflow_dataset(), "tf.data.Dataset")):
        with pytest.raises(ValueError, match=f"When providing `x` as a {kind}, `y` should not be passed"):
            model.fit(data, Y)
        with pytest.warns(UserWarning, match=f"`x` was provided as a {kind}. The .* already be shuffled"):
            model.fit(data, verbose=0)
    with pytest.raises(ValueError, match="`class_weight` is not supported for torch DataLoader"):
        model.fit(torch_loader(), class_weight={0: 1.0})


def test_a_dataset_that_does_not_say_its_length_has_no_end():
    class Counting(keras.utils.PyDataset):
        def __getitem__(self, index):
            return index

    assert list(zip(range(3), Counting(), strict=False)) == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_loss_of_all_outputs_beside_losses_of_each(as_dict):
    """In the logs it goes by the names of the outputs, which in a dict are the keys."""
    inputs = keras.Input((4,))
    one, two = (layers.Dense(1, name=name)(inputs) for name in ("first", "second"))
    outputs, y = ({"a": one, "b": two}, {"a": Y, "b": Y}) if as_dict else ((one, two), (Y, Y))
    model = keras.Model(inputs, outputs)

    def everything(y_true, y_pred):
        if as_dict:
            y_true, y_pred = y_true.values(), y_pred.values()
        return sum(keras.losses.mean_absolute_error(t, p) for t, p in zip(y_true, y_pred, strict=True))

    model.compile("sgd", [everything, {"a": "mae", "b": "mae"} if as_dict else ("mae", "mae")])
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    each, all_ = (["a_loss", "b_loss"], "a_b_loss") if as_dict else (["first_loss", "second_loss"], "first_second_loss")
    assert sorted(logs) == sorted(["loss", *each, all_])
    assert logs[all_] == pytest.approx(sum(logs[name] for name in each), 1e-5)


def test_when_a_dataset_hears_of_epochs():
    """B begin, E end, digits the batches; what Keras 3.15 calls."""

    class Batches(keras.utils.PyDataset):
        def __init__(self, batches):
            super().__init__()
            self.batches, self.heard = batches, ""

        def __len__(self):
            return self.batches

        def __getitem__(self, i):
            self.heard += str(i)
            return X[:2], Y[:2]

        def on_epoch_begin(self):
            self.heard += "B"

        def on_epoch_end(self):
            self.heard += "E"

    def heard(train, expected, validation=None, epochs=2, **arguments):
        if validation is not None:
            arguments["validation_data"] = validation
        model.fit(train, epochs=epochs, shuffle=False, verbose=0, **arguments)
        assert train.heard == expected
        return validation and validation.heard

    model = regression()
    heard(Batches(3), "B0EB012EB012E")  # unbuilt: a look at the first batch
    heard(Batches(3), "EB012EB012E")
    assert heard(Batches(1), "EB0EB0E", Batches(2)) == "EB01EEB01E"
    assert heard(Batches(1), "EB0EB0EB0EB0E", Batches(2), 4, validation_freq=2) == "EB01EEB01E"
    assert heard(Batches(1), "EB0EB0E", Batches(3), validation_steps=2) == "EB01EEB01E"
    heard(Batches(4), "EB01EB23EB01E", epochs=3, steps_per_epoch=2)
    heard(Batches(3), "EB0", callbacks=[Stop()])
    for method, expected in (("evaluate", "EB012E"), ("predict", "B012E")):
        data = Batches(3)
        getattr(model, method)(data, verbose=0)
        assert data.heard == expected


class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


def test_dataframes():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = regression()
    twin = twins(model)
    expected = model.fit(X, Y, epochs=2, shuffle=False, validation_split=0.2, verbose=0).history
    found = twin.fit(frame, pandas.Series(Y[:, 0]), epochs=2, shuffle=False, validation_split=0.2, verbose=0).history
    assert found == expected


def test_predict_gives_every_row():
    model = classifier()
    whole = model.predict(X, verbose=0)
    for batch_size in (1, 7, 25, 50, 64):
        np.testing.assert_allclose(model.predict(X, batch_size=batch_size, verbose=0), whole, rtol=1e-6)
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-6)
    assert model.predict(X, batch_size=10, steps=2, verbose=0).shape == (20, 3)
    np.testing.assert_allclose(model.predict_on_batch(X), whole, rtol=1e-6)
    first = model.predict(X[:1], verbose=0)
    kept = first.copy()
    model.predict(X[1:2], verbose=0)
    np.testing.assert_array_equal(first, kept)  # a result is not written over by the next one


def test_predict_of_results_that_are_not_rows():
    class Summary(keras.Model):
        def call(self, x):
            return {"mean": ops.mean(x, axis=0, keepdims=True), "rows": x}

    result = Summary().predict(X, batch_size=20, verbose=0)
    assert result["mean"].shape == (3, 4) and result["rows"].shape == (50, 4)


# --- what is called, what comes out


def test_hooks_in_kerass_order():
    recorder = Recorder()
    model = regression(metrics=["mae"])
    model.fit(
        X[:20], Y[:20], batch_size=10, epochs=1, validation_data=(X[:10], Y[:10]), verbose=0, callbacks=[recorder]
    )
    logs = ("loss", "mae")
    assert recorder.calls == [
        ("train_begin", ()),
        ("epoch_begin", 0, ()),
        ("train_batch_begin", 0, ()),
        ("train_batch_end", 0, logs),
        ("train_batch_begin", 1, ()),
        ("train_batch_end", 1, logs),
        ("test_begin", ()),
        ("test_batch_begin", 0, ()),
        ("test_batch_end", 0, logs),
        ("test_end", logs),
        ("epoch_end", 0, ("loss", "mae", "val_loss", "val_mae")),
        ("train_end", ("loss", "mae", "val_loss", "val_mae")),
    ]
    recorder.calls.clear()
    model.predict(X[:10], verbose=0, callbacks=[recorder])
    assert [call[0] for call in recorder.calls] == [
        "predict_begin", "predict_batch_begin", "predict_batch_end", "predict_end",
    ]  # fmt: skip


def test_steps_per_execution():
    recorder = Recorder()
    model = regression(steps_per_execution=2)
    plain = twins(model, loss="mse")
    history = model.fit(X, Y, batch_size=10, shuffle=False, verbose=0, callbacks=[recorder])
    indices = [call[1] for call in recorder.calls if call[0].startswith("train_batch")]
    assert indices == [0, 1, 2, 3, 4, 5]
    assert history.history == plain.fit(X, Y, batch_size=10, shuffle=False, verbose=0).history


def test_limits_of_the_settings_are_told_of():
    config, model, recorder = keras.config, regression(), Recorder()
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    try:
        with pytest.warns(UserWarning, match="Limiting epochs to 2"):
            with pytest.warns(UserWarning, match="Limiting steps_per_epoch to 3"):
                model.fit(X, Y, batch_size=8, epochs=4, verbose=0, callbacks=[recorder])
        with pytest.warns(UserWarning, match="Limiting steps_per_epoch to 3"):
            assert model.predict(X, batch_size=8, verbose=0).shape == (24, 1)
        assert (config.max_epochs(), config.max_steps_per_epoch()) == (2, 3)
    finally:
        config.set_max_epochs(None)
        config.set_max_steps_per_epoch(None)
    hooks = [call[0] for call in recorder.calls]
    assert (hooks.count("epoch_end"), hooks.count("train_batch_end")) == (2, 6)


def test_verbose_2_lines(capsys):
    keras.utils.enable_interactive_logging()
    regression(metrics=["mae"]).fit(X, Y, epochs=2, verbose=2, validation_split=0.2)
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2"
    for part in ("2/2 - ", "/step - loss: ", " - mae: ", " - val_loss: ", " - val_mae: "):
        assert part in lines[1]


def test_eager_equals_compiled():
    model = regression(metrics=["mae"], optimizer="adam")
    eager = twins(model, run_eagerly=True, metrics=["mae"], optimizer="adam")
    compiled = model.fit(X, Y, epochs=2, shuffle=False, verbose=0, validation_split=0.2).history
    found = eager.fit(X, Y, epochs=2, shuffle=False, verbose=0, validation_split=0.2).history
    for name, values in compiled.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    np.testing.assert_allclose(eager.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_epochs_can_be_resumed():
    once, twice = regression(optimizer="adam"), None
    twice = twins(once, optimizer="adam")
    expected = once.fit(X, Y, epochs=4, shuffle=False, verbose=0)
    first = twice.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    second = twice.fit(X, Y, epochs=4, initial_epoch=2, shuffle=False, verbose=0)
    assert first + second.history["loss"] == expected.history["loss"] and second.epoch == [2, 3]


def test_stop_training_and_validation_freq():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 3

    history = (
        regression()
        .fit(X, Y, epochs=9, verbose=0, validation_data=(X, Y), validation_freq=2, callbacks=[Stop()])
        .history
    )
    assert len(history["loss"]) == 4 and len(history["val_loss"]) == 2


def test_same_seed_same_weights():
    def run():
        keras.utils.set_random_seed(3)
        keras.utils.clear_session()
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dropout(0.5), layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=2, verbose=0)
        return model.get_weights()

    for a, b in zip(run(), run(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_evaluate_forms():
    model = regression(metrics=["mae"])
    loss, mae = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == {"loss": loss, "mae": mae}
    assert isinstance(regression().evaluate(X, Y, verbose=0), float)
    assert model.metrics_names == ["loss", "compile_metrics"]
    np.testing.assert_allclose(mae, np.abs(model.predict(X, verbose=0) - Y).mean(), rtol=1e-5)
    model = regression(metrics=["mse", "mae"])
    assert list(model.evaluate(X, Y, verbose=0, return_dict=True)) == ["loss", "mae", "mse"]  # by name, as in Keras
    assert list(model.train_on_batch(X, Y, return_dict=True)) == ["loss", "mae", "mse"]


# --- refusals


def test_refusals():
    model = regression()
    with pytest.raises(ValueError, match=r"You must call `compile\(\)` before using the model."):
        keras.Sequential([keras.Input((4,)), layers.Dense(1)]).fit(X, Y)
    with pytest.raises(ValueError, match=r"Data cardinality is ambiguous.*'x' sizes: 50\n'y' sizes: 49"):
        model.fit(X, Y[:-1])
    with pytest.raises(ValueError, match="at least one sample"):
        model.fit(X[:0], Y[:0])
    with pytest.raises(ValueError, match="at least one sample"):
        model.predict(X[:0], verbose=0)
    with pytest.raises(ValueError, match="Unrecognized data type: x=a"):
        model.fit("a", "b")
    with pytest.raises(ValueError, match="When providing `x` as a generator, `y` should not be passed"):
        model.fit((b for b in [(X, Y)]), Y)
    with pytest.raises(ValueError, match="must yield at least one batch"):
        model.fit((b for b in []), shuffle=False)
    with pytest.raises(ValueError, match="the generator must return a tuple"):
        model.fit((b for b in [X]), shuffle=False)
    with pytest.raises(ValueError, match="incompatible"):
        model.fit(X[:, :3], Y, verbose=0)
    with pytest.raises(ValueError, match="which is not sufficient to split it"):
        model.fit(X[:2], Y[:2], validation_split=0.9)
    with pytest.raises(ValueError, match="cannot be specified at the same time|at the same time"):
        model.fit(X, Y, class_weight={0: 1.0}, sample_weight=np.ones(50))
    with pytest.raises(ValueError, match="Expected `validation_freq` to be a list or int"):
        model.fit(X, Y, validation_data=(X, Y), validation_freq="often", verbose=0)
    with pytest.raises(ValueError, match="Arguments not recognized"):
        model.evaluate(X, Y, workers=3)
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match="needs labels. Received: y=None"):
            call(X)
    with pytest.raises(ValueError, match="must not be negative. Received: steps=-2"):
        model.fit(X, Y, steps_per_epoch=-2)
    with pytest.raises(ValueError, match="No loss to compute"):
        regression(loss=None).fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="steps_per_execution must be a positive integer"):
        regression(steps_per_execution=0)
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])  # after all of that


def test_labels_in_a_dict_go_to_the_outputs_of_their_names():
    x = layers.Input((4,))
    outputs = [layers.Dense(n, name=name)(x) for n, name in ((3, "c"), (1, "b"), (2, "a"))]
    model = keras.Model(x, outputs)
    model.compile("sgd", loss=["mse", "mse", None])
    labels = {"c": np.zeros((50, 3)), "b": np.zeros((50, 1))}
    by_list = model.evaluate(X, [labels["c"], labels["b"]], verbose=0)
    np.testing.assert_allclose(model.evaluate(X, labels, verbose=0), by_list)
    model.compile("sgd", loss="mse")
    with pytest.raises(ValueError, match="labels in a dict must be named after the outputs"):
        model.fit(X, labels | {"z": np.zeros((50, 2))}, verbose=0)


def test_labels_are_checked():
    model = classifier()
    wrong = CLASSES.copy()
    wrong[7] = 3
    with pytest.raises(ValueError, match=r"labels must be classes in \[0, 3\). Received: y\[7\]=3"):
        model.fit(X, wrong, verbose=0)
    wrong[7] = -1
    with pytest.raises(ValueError, match=r"Received: y\[7\]=-1"):
        model.fit(X, wrong, verbose=0)
    missing = Y.copy()
    missing[9] = np.nan
    with pytest.raises(ValueError, match=r"labels must not be NaN. Received: y\[9\]"):
        regression().fit(X, missing, verbose=0)
    ignoring = classifier(loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    assert np.isfinite(ignoring.fit(X, wrong, verbose=0).history["loss"][0])


def test_compile_refusals():
    with pytest.raises(ValueError, match="Expected `metrics` argument to be a list, tuple, or dict"):
        regression(metrics="mae")
    with pytest.raises(ValueError, match="Could not interpret"):
        regression(loss="no such loss").fit(X, Y, verbose=0)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [layers.Dense(1, name="a")(inputs), layers.Dense(1, name="b")(inputs)])
    model.compile("sgd", {"a": "mse", "c": "mse"})
    with pytest.raises(ValueError, match="Expected keys .* in loss dict"):
        model.fit(X, [Y, Y], verbose=0)
    model.compile("sgd", ["mse", "mse"], loss_weights=[1.0])
    with pytest.raises(ValueError, match="`loss_weights` must match the number of losses"):
        model.fit(X, [Y, Y], verbose=0)
    with pytest.raises(ValueError, match="different structures"):
        model.compile("sgd", ["mse", "mse"])
        model.fit(X, [Y, Y, Y], verbose=0)


# --- survival


def test_exception_in_a_callback_leaves_the_model_usable():
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise RuntimeError("from the callback")

    model = regression()
    twin = twins(model)
    with pytest.raises(RuntimeError, match="from the callback"):
        model.fit(X, Y, batch_size=10, shuffle=False, verbose=0, callbacks=[Fails()])
    twin.fit(X[:30], Y[:30], batch_size=10, shuffle=False, verbose=0)
    for ours, expected in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)  # exactly the three steps that were finished
    model.fit(X, Y, verbose=0)


def test_exception_in_a_generator():
    def broken():
        yield X[:10], Y[:10]
        yield X[:10], Y[:10]
        raise OSError("disk gone")

    model = regression()
    with pytest.raises(OSError, match="disk gone"):
        model.fit(broken(), shuffle=False, verbose=0)
    model.fit(X, Y, verbose=0)


def test_failed_trace_leaves_nothing_behind():
    class Fragile(layers.Layer):
        fails = True

        def call(self, x):
            if self.fails:
                raise ArithmeticError("not yet")
            return x * 2

    layer = Fragile()
    model = keras.Sequential([layers.Dense(1), layer])
    model.compile("sgd", "mse")
    with pytest.raises((ArithmeticError, RuntimeError), match="not yet"):
        model.fit(X, Y, verbose=0)
    layer.fails = False
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_interrupt_stops_at_a_step():
    # A job in the background is born with SIGINT ignored; Python then leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                signal.raise_signal(signal.SIGINT)

    model = regression()
    twin = twins(model)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=3, shuffle=False, verbose=0, callbacks=[Interrupt()])
    signal.signal(signal.SIGINT, before)
    twin.fit(X, Y, epochs=1, shuffle=False, verbose=0)
    for ours, expected in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)
