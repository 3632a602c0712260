"""KerasFileEditor: files of weights shown, compared and changed."""

import h5py
import numpy as np
import pytest

import fastkeras as keras


def network(*units):
    x = inputs = keras.Input((2,))
    for i, n in enumerate(units):
        x = keras.layers.Dense(n, name=f"layer_{i}")(x)
    return keras.Model(inputs, x)


@pytest.fixture
def editor(tmp_path):
    model = network(3, 4)
    model.save_weights(tmp_path / "old.weights.h5")
    return keras.saving.KerasFileEditor(tmp_path / "old.weights.h5")


def test_summary(editor, capsys):
    editor.add_object("optimizer", {"0": np.zeros((), "int64"), "nested [x]": {"0": np.ones(5)}})
    editor.summary()
    assert capsys.readouterr().out.splitlines() == [
        "Weights structure",
        "  > layers",
        "  │   ├─ dense ('layer_0')",
        "  │   │   ├─ 0: shape=(2, 3), dtype=float32",
        "  │   │   └─ 1: shape=(3,), dtype=float32",
        "  │   └─ dense_1 ('layer_1')",
        "  │       ├─ 0: shape=(3, 4), dtype=float32",
        "  │       └─ 1: shape=(4,), dtype=float32",
        "  └─ optimizer",
        "      ├─ 0: shape=(), dtype=int64",
        "      └─ nested [x]",
        "          └─ 0: shape=(5,), dtype=float64",
    ]


def test_a_layer_more(editor, capsys, tmp_path):
    """A file is brought to a model with another layer, as Keras compares them."""
    target = network(3, 4, 5)
    assert editor.compare(target) == {"status": "error", "error_count": 1, "match_count": 4}
    assert capsys.readouterr().out.splitlines()[1:] == [
        "...Object /layers/dense_2 present in reference model, missing from saved file",
        "    In reference model, /layers/dense_2 contains the following keys: ['0', '1']",
        "─────────────────────",
        "Found 1 error: saved file is not compatible with the reference model",
    ]
    editor.add_object("layers/dense_3", {"0": np.ones((4, 5), "float32")})
    editor.add_object("layers/einsum_dense", {"0": np.ones(2)})
    assert editor.compare(target)["error_count"] == 3
    editor.rename_object("dense_3", "dense_2")
    editor.delete_object("einsum_dense")
    editor.add_weights("dense_2", {"1": np.ones(7), "2": np.ones(1)})
    capsys.readouterr()
    assert editor.compare(target) == {"status": "error", "error_count": 2, "match_count": 5}
    assert capsys.readouterr().out.splitlines()[1:] == [
        "...Weight shape mismatch for /layers/dense_2/1",
        "    In reference model: shape=(5,)",
        "    In saved file: shape=(7,)",
        "...Weight /layers/dense_2/2 present in saved file, missing from reference model",
        "─────────────────────",
        "Found 2 errors: saved file is not compatible with the reference model",
    ]
    editor.delete_weight("layers/dense_2", "2")
    editor.add_weights("layers/dense_2", {"1": keras.ops.ones(5)})
    assert editor.compare(target) == {"status": "success", "error_count": 0, "match_count": 6}
    editor.resave_weights(tmp_path / "new.weights.h5")
    target.load_weights(tmp_path / "new.weights.h5")
    np.testing.assert_array_equal(target.layers[-1].kernel, np.ones((4, 5)))
    np.testing.assert_array_equal(target.layers[1].kernel, editor.weights_dict["layers"]["dense"]["0"])


def test_whole_models(tmp_path, capsys):
    """Of a .keras file there is more to see: the optimizer, models inside of others, dtypes of two bytes."""
    keras.config.set_dtype_policy("bfloat16")
    try:
        model = keras.Sequential([keras.Input((2,)), network(3), keras.layers.Dense(1)])
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    model.save(tmp_path / "model.keras")
    editor = keras.saving.KerasFileEditor(str(tmp_path / "model.keras"))
    assert editor.metadata["keras_version"] == keras.config.keras_version()
    assert editor.config["class_name"] == "Sequential"
    assert f"Saved with Keras {keras.config.keras_version()} - date: " in capsys.readouterr().out
    assert editor.compare(model)["match_count"] == len(model.weights) + len(model.optimizer.variables)
    editor.save(tmp_path / "all.weights.h5")
    before = [np.asarray(v, "float32") for v in (*model.weights, *model.optimizer.variables)]
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    model.load_weights(tmp_path / "all.weights.h5")
    for variable, value in zip((*model.weights, *model.optimizer.variables), before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable, "float32"), value)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda e: e.rename_object("dense", "layers/new"), "should be a leaf name"),
        (lambda e: e.rename_object("nothing", "new"), "'nothing' does not appear"),
        (lambda e: e.delete_object("0"), "'0' occurs more than once"),
        (lambda e: e.delete_object("layers/nothing"), "Path 'layers/nothing' not found"),
        (lambda e: e.delete_object("nowhere/dense"), "Path 'nowhere' not found"),
        (lambda e: e.add_object("nowhere/dense", {}), "Path 'nowhere' not found"),
        (lambda e: e.add_object("dense_2", [1]), "should be a dict"),
        (lambda e: e.add_weights("dense", np.ones(2)), "should be a dict"),
        (lambda e: e.delete_weight("dense", "2"), r"Weight 2 not found in object dense. Weights found: \['0', '1'\]"),
        (lambda e: e.save("model.keras"), "expected a `.weights.h5`"),
        (lambda e: keras.saving.KerasFileEditor("model.h5"), "Invalid filename"),
    ],
)
def test_wrong_calls(editor, edit, words):
    with pytest.raises(ValueError, match=words):
        edit(editor)


def test_hostile_files(tmp_path):
    path = tmp_path / "hostile.weights.h5"
    for link, words in ((h5py.SoftLink("/elsewhere"), "SoftLink"), (h5py.ExternalLink("x.h5", "/"), "ExternalLink")):
        with h5py.File(path, "w") as file:
            file["layers"] = link
        with pytest.raises(keras.saving.ModelFileError, match=words):
            keras.saving.KerasFileEditor(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", shape=(1 << 40,), dtype="float32", chunks=(1 << 10,))
    with pytest.raises(keras.saving.ModelFileError, match="too small"):
        keras.saving.KerasFileEditor(path)
