"""Optimizers beyond the figures of tests/reference: inside a traced step, state, configs, errors."""

import sys
import warnings

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.engine import Function

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/reference")
import rows_optimizers

CLASSES = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Lamb", "Ftrl", "Lion",
           "Adafactor", "Muon", "ScheduleFreeAdamW"]  # fmt: skip
OPTIONS = {
    "plain": {},
    "clipnorm": {"clipnorm": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.3},
    "ema": {"use_ema": True, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 3, "weight_decay": 0.1},
    "all": {
        "gradient_accumulation_steps": 2,
        "clipvalue": 0.3,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "loss_scale_factor": 3.0,
    },
}


def make_variables():
    return rows_optimizers._variables(keras)


def gradients(step, variables):
    return [np.asarray(g) for g in rows_optimizers._gradients(keras, step, [v.shape for v in variables], 1.0)]


def run(make, traced, steps=7):
    variables, optimizer = make_variables(), make()
    optimizer.build(variables)

    def step(grads):
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in grads], variables)

    if traced:
        step = Function(step)
    for i in range(steps):
        step(gradients(i, variables))
    return [v.numpy() for v in [*variables, *optimizer.variables]]


def check_same(make):
    for eager, traced in zip(run(make, False), run(make, True), strict=True):
        np.testing.assert_allclose(traced, eager, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("options", ["plain", "all"])
def test_traced_step_equals_eager_step(name, options):
    check_same(lambda: getattr(keras.optimizers, name)(0.05, **OPTIONS[options]))


@pytest.mark.parametrize("options", OPTIONS)
def test_traced_options_equal_eager_options(options):
    check_same(lambda: keras.optimizers.Adam(0.05, **OPTIONS[options]))


@pytest.mark.parametrize("name", rows_optimizers._SCHEDULES)
def test_schedule_is_part_of_the_traced_step(name):
    cls, positional, named = rows_optimizers._SCHEDULES[name]
    check_same(lambda: keras.optimizers.SGD(getattr(keras.optimizers.schedules, cls)(*positional, **named)))


def test_learning_rate_is_read_by_the_compiled_step():
    variable, optimizer = keras.Variable([0.0]), keras.optimizers.SGD(1.0)
    optimizer.build([variable])
    step = Function(lambda g: optimizer.apply([g], [variable]))
    step(np.array([1.0], "float32"))
    optimizer.learning_rate = 0.25
    step(np.array([1.0], "float32"))
    assert variable.numpy() == [-1.25]
    assert float(optimizer.learning_rate) == 0.25


def test_loss_scale_skips_bad_steps_when_traced():
    def make():
        inner = keras.optimizers.Adam(0.1)
        return keras.optimizers.LossScaleOptimizer(inner, initial_scale=4.0, dynamic_growth_steps=2)

    check_same(make)
    variable, optimizer = keras.Variable([1.0]), make()
    optimizer.build([variable])
    step = Function(lambda g: optimizer.apply([g], [variable]))
    step(np.array([np.nan], "float32"))
    assert variable.numpy() == [1.0]
    assert optimizer.dynamic_scale.numpy() == 2.0
    assert int(optimizer.iterations) == 0
    step(np.array([1.0], "float32"))
    assert variable.numpy() < [1.0]
    assert int(optimizer.iterations) == 1


def test_float64_and_mixed_dtypes():
    optimizer = keras.optimizers.Adam(0.1)
    variables = [keras.Variable(np.ones(3, "float64")), keras.Variable(np.ones(2, "float32"))]
    optimizer.apply([keras.ops.convert_to_tensor(np.full(v.shape, 2.0, v.dtype)) for v in variables], variables)
    assert [v.dtype for v in variables] == ["float64", "float32"]
    for variable in variables:
        np.testing.assert_allclose(variable.numpy(), 0.9, rtol=1e-6)


def test_bfloat16_variables_are_updated_in_float32():
    variable = keras.Variable(keras.ops.cast(np.ones(3, "float32"), "bfloat16"))
    keras.optimizers.SGD(0.5).apply([keras.ops.cast(np.ones(3, "float32"), "bfloat16")], [variable])
    assert variable.dtype == "bfloat16"
    np.testing.assert_array_equal(keras.ops.cast(variable, "float32").numpy(), 0.5)


def test_subclass_in_the_manner_of_keras():
    class Momentum(keras.optimizers.Optimizer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.momentum = 0.5

        def build(self, variables):
            super().build(variables)
            self.momentums = [self.add_variable_from_reference(v, name="momentum") for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            m = self.momentums[self._get_variable_index(variable)]
            self.assign(m, m * self.momentum - gradient * learning_rate)
            self.assign_add(variable, m)

    mine = run(lambda: Momentum(learning_rate=0.1), True)
    ours = run(lambda: keras.optimizers.SGD(0.1, momentum=0.5), True)
    for a, b in zip(mine, ours, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7)


def test_overriding_the_step_of_one_variable_is_heard():
    class Doubled(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient * 2.0, variable, learning_rate)

    variable = keras.Variable([0.0])
    Doubled(1.0).apply([keras.ops.array([1.0])], [variable])
    assert variable.numpy() == [-2.0]


def test_variables_set_as_attributes_are_state():
    class Counting(keras.optimizers.SGD):
        def build(self, variables):
            super().build(variables)
            self.count = keras.Variable(0.0, trainable=False)

    optimizer = Counting(0.1)
    optimizer.build(make_variables())
    assert optimizer.variables[-1] is optimizer.count


def test_state_is_saved_and_loaded_by_position():
    first, second = (keras.optimizers.Adam(0.1, amsgrad=True) for _ in range(2))
    variables = make_variables()
    first.build(variables)
    first.apply([keras.ops.convert_to_tensor(g) for g in gradients(0, variables)])
    second.build(variables)
    store = {}
    first.save_own_variables(store)
    assert list(store) == [str(i) for i in range(2 + 3 * 3)]
    second.load_own_variables(store)
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'adam"):
        second.load_own_variables({"0": 1})
    before = [v.numpy() for v in second.variables]
    for wrong in ({**store, "10": np.zeros(9)}, {**{k: v for k, v in store.items() if k != "10"}, "x": np.zeros(1)}):
        with pytest.raises(ValueError, match="saved '10'"):
            second.load_own_variables({**wrong, "1": np.float32(7)})
    for variable, value in zip(second.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_names_of_the_state():
    optimizer = keras.optimizers.Adam(name="adam")
    with keras.name_scope("dense"):
        kernel = keras.Variable(np.ones((2, 2), "float32"), name="kernel")
    optimizer.build([kernel])
    assert [v.path for v in optimizer.variables] == [
        "adam/iteration", "adam/learning_rate", "adam/dense_kernel_momentum", "adam/dense_kernel_velocity"]  # fmt: skip
    assert optimizer.variables[0].dtype == "int64"


def test_set_weights():
    optimizer = keras.optimizers.SGD(0.1, momentum=0.5)
    with pytest.raises(ValueError, match="not yet been built"):
        optimizer.set_weights([])
    optimizer.build([keras.Variable([1.0, 2.0])])
    optimizer.set_weights([np.array(3), np.array(0.5, "float32"), np.array([1.0, 2.0], "float32")])
    assert int(optimizer.iterations) == 3
    with pytest.raises(ValueError, match="not compatible with provided"):
        optimizer.set_weights([np.array(3), np.array(0.5), np.zeros(3)])


@pytest.mark.parametrize("name", CLASSES)
def test_config_makes_the_same_optimizer(name):
    made = getattr(keras.optimizers, name)(0.25, clipnorm=1.0, name="mine")
    config = keras.optimizers.serialize(made)
    assert config["module"] == "keras.optimizers" and config["class_name"] == name
    again = keras.optimizers.deserialize(config)
    assert type(again) is type(made) and again.get_config() == made.get_config()
    assert again.get_config()["learning_rate"] == 0.25 and again.name == "mine" and again.clipnorm == 1.0


@pytest.mark.parametrize("name", rows_optimizers._SCHEDULES)
def test_config_of_schedules(name):
    cls, positional, named = rows_optimizers._SCHEDULES[name]
    schedule = getattr(keras.optimizers.schedules, cls)(*positional, **named)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()
    optimizer = keras.optimizers.get(keras.optimizers.serialize(keras.optimizers.Adam(schedule)))
    assert float(optimizer.learning_rate) == float(schedule(0))


@pytest.mark.parametrize(
    "name",
    ["adam", "Adam", "ADAMW", "sgd", "rmsprop", "nadam", "adadelta", "ftrl", "lion", "muon", "schedulefreeadamw"],
)
def test_get_by_name(name):
    assert type(keras.optimizers.get(name)).__name__.lower() == name.lower()


def test_get_refuses_what_is_no_optimizer():
    for wrong in ("nonsense", 3, keras.optimizers.Adam):
        with pytest.raises(ValueError):
            keras.optimizers.get(wrong)
    assert keras.optimizers.get(None) is None


def test_positional_arguments_are_those_of_keras():
    optimizer = keras.optimizers.Adam(0.1, 0.8, 0.9, 1e-3, True, 0.01, 1.0)
    assert (optimizer.beta_1, optimizer.amsgrad, optimizer.weight_decay, optimizer.clipnorm) == (0.8, True, 0.01, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 1}, "Argument `learning_rate` should be float"),
        ({"lr": 0.1}, "not recognized"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "Only one of `clipnorm`"),
        ({"gradient_accumulation_steps": 1}, "must be an integer >= 2"),
        ({"use_ema": True, "ema_momentum": 2.0}, "must be in the range"),
        ({"use_ema": True, "ema_overwrite_frequency": 0.5}, "must be an integer >= 1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        keras.optimizers.Adam(**arguments)


def test_wrong_hyperparameters():
    with pytest.raises(ValueError, match="momentum"):
        keras.optimizers.SGD(momentum=2.0)
    with pytest.raises(ValueError, match="weight_decay"):
        keras.optimizers.AdamW(weight_decay=None)
    with pytest.raises(ValueError, match="beta_1"):
        keras.optimizers.Lion(beta_1=0.0)
    with pytest.raises(ValueError, match="l1_regularization_strength"):
        keras.optimizers.Ftrl(l1_regularization_strength=-1.0)
    with pytest.raises(ValueError, match="clipnorm"):
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), clipnorm=1.0)


def test_gradients_that_do_not_exist():
    variables = [keras.Variable([1.0], name="first"), keras.Variable([1.0], name="second")]
    optimizer = keras.optimizers.SGD(0.5)
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['first'\]"):
        optimizer.apply([None, keras.ops.array([1.0])], variables)
    assert variables[0].numpy() == [1.0] and variables[1].numpy() == [0.5]
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None, None])
    with pytest.raises(ValueError, match="Received a list of 1 gradients"):
        optimizer.apply([keras.ops.array([1.0])])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([keras.ops.array([1.0])], [keras.Variable([1.0])])
    with pytest.raises(ValueError, match="must already be built"):
        keras.optimizers.SGD().apply([keras.ops.array([1.0])])
    assert int(optimizer.iterations) == 1


def test_learning_rate_can_become_a_schedule_but_not_back():
    optimizer = keras.optimizers.SGD(0.5)
    count = len(optimizer.variables)
    optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    assert len(optimizer.variables) == count - 1
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.1


def test_callable_learning_rate():
    rate = keras.Variable(0.5)
    optimizer, variable = keras.optimizers.SGD(lambda: rate * 2.0), keras.Variable([0.0])
    optimizer.apply([keras.ops.array([1.0])], [variable])
    rate.assign(1.0)
    optimizer.apply([keras.ops.array([1.0])], [variable])
    assert variable.numpy() == [-3.0]
    plain = keras.optimizers.Adam(lambda: 0.5)
    plain.apply([keras.ops.array([1.0])], [keras.Variable([0.0])])
    assert plain.learning_rate == 0.5


def test_exclude_from_weight_decay():
    kept, named, listed = (keras.Variable([1.0], name=name) for name in ("kernel", "a_bias_b", "other"))
    optimizer = keras.optimizers.SGD(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_list=[listed], var_names=["bias"])
    variables = [kept, named, listed]
    optimizer.apply([keras.ops.array([0.0])] * 3, variables)
    assert [round(float(v.numpy()[0]), 5) for v in variables] == [0.9, 1.0, 1.0]
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])


def test_overwrite_with_gradient():
    variable, other = keras.Variable([1.0]), keras.Variable([1.0])
    variable.overwrite_with_gradient = True
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.apply([keras.ops.array([7.0]), keras.ops.array([1.0])], [variable, other])
    assert variable.numpy() == [7.0] and other.numpy() < [1.0]
    assert len(optimizer.variables) == 4


def test_overwrite_with_gradient_under_a_loss_scale():
    """The scale is of the loss's gradients; what overwrites is none."""
    variable = keras.Variable([1.0])
    variable.overwrite_with_gradient = True
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5))
    optimizer.apply([keras.ops.array([7.0])], [variable])
    assert variable.numpy() == [7.0]


@pytest.mark.parametrize("traced", [False, True])
def test_overwrite_with_gradient_takes_the_maximum_of_accumulated_ones(traced):
    variable, other = keras.Variable([1.0, 2.0]), keras.Variable([1.0, 2.0])
    variable.overwrite_with_gradient = True
    optimizer = keras.optimizers.SGD(1.0, gradient_accumulation_steps=2)
    optimizer.build([variable, other])
    step = Function(lambda g: optimizer.apply([g, g], [variable, other]))
    seen = []
    for gradient in ([2.0, 1.0], [1.0, 3.0], [0.5, 0.5], [0.25, 1.0]):
        if traced:
            step(np.array(gradient, "float32"))
        else:
            optimizer.apply([keras.ops.array(gradient)] * 2, [variable, other])
        seen.append((variable.numpy().tolist(), other.numpy().tolist()))
    assert seen == [
        ([1.0, 2.0], [1.0, 2.0]),
        ([2.0, 3.0], [-0.5, 0.0]),
        ([2.0, 3.0], [-0.5, 0.0]),
        ([0.5, 1.0], [-0.875, -0.75]),
    ]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Muon", "Lion", "Adagrad", "Ftrl"])
def test_a_step_called_with_a_number_for_the_rate(name):
    values = []
    for rate in (0.5, keras.ops.array(0.5)):
        variables = [keras.Variable([[1.0, 2.0], [3.0, 5.0]]), keras.Variable([1.0, 2.0])]
        optimizer = getattr(keras.optimizers, name)(0.5)
        optimizer.build(variables)
        for variable in variables:
            optimizer.update_step(keras.ops.ones(variable.shape) * 0.5, variable, rate)
        values.append([v.numpy() for v in variables])
    for a, b in zip(*values, strict=True):
        np.testing.assert_array_equal(a, b)


def test_finalize_needs_the_variables_it_was_built_for():
    optimizer = keras.optimizers.SGD(0.1, use_ema=True)
    optimizer.build([keras.Variable([1.0])])
    with pytest.raises(ValueError, match="does not match the length"):
        optimizer.finalize_variable_values([])


def test_infinite_global_norm_does_not_hide():
    variable = keras.Variable([1.0, 1.0])
    keras.optimizers.SGD(0.1, global_clipnorm=1.0).apply([keras.ops.array([np.inf, 1.0])], [variable])
    assert np.isnan(variable.numpy()).all()


def test_decay_of_keras_2_is_ignored_aloud():
    with pytest.warns(UserWarning, match="Argument `decay` is no longer supported"):
        keras.optimizers.SGD(0.1, decay=1e-6)


def test_forgotten_super():
    class Forgetful(keras.optimizers.Optimizer):
        def __init__(self):
            self.x = 1

    with pytest.raises(RuntimeError, match="forgot to call"):
        Forgetful()


def test_wrong_schedules():
    schedules = keras.optimizers.schedules
    for cls in (schedules.ExponentialDecay, schedules.InverseTimeDecay):
        with pytest.raises(ValueError, match="decay_steps"):
            cls(0.1, 0, 0.5)
    for cls in (schedules.PolynomialDecay, schedules.CosineDecay):
        with pytest.raises(ValueError, match="decay_steps"):
            cls(0.1, 0)
    with pytest.raises(ValueError, match="first_decay_steps"):
        schedules.CosineDecayRestarts(0.1, 0)
    with pytest.raises(ValueError, match="boundaries"):
        schedules.PiecewiseConstantDecay([1], [0.1])

    class Mine(schedules.LearningRateSchedule):
        pass

    with pytest.raises(NotImplementedError, match="must override `__call__"):
        Mine()(0)
    with pytest.raises(NotImplementedError, match="get_config"):
        Mine().get_config()


def test_no_warnings_in_a_normal_step():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(lambda: keras.optimizers.Adam(0.1), True, steps=1)


@pytest.mark.parametrize("name", ["variables", "var_list"])
def test_build_takes_both_names(name):
    v, optimizer = keras.Variable([1.0]), keras.optimizers.Adam()
    optimizer.build(**{name: [v]})
    made = list(optimizer.variables)
    optimizer.build([v])
    assert len(made) == 4 and optimizer.variables == made


# --- several optimizers


def multi():
    return rows_optimizers._multi(keras, loss_scale_factor=2.0)


def test_multi_optimizer_in_a_traced_step():
    check_same(multi)


def test_a_function_chooses_among_optimizers():
    chosen = {name: keras.optimizers.SGD(rate) for name, rate in (("kernel", 0.5), ("bias", 0.25), ("cube", 0.125))}
    variables = make_variables()
    before = [v.numpy() for v in variables]
    optimizer = keras.optimizers.MultiOptimizer(lambda variable: chosen[variable.name])
    optimizer.apply([keras.ops.ones(v.shape) for v in variables], variables)
    assert optimizer.optimizers == list(chosen.values())
    assert [int(o.iterations) for o in (optimizer, *optimizer.optimizers)] == [1, 1, 1, 1]
    for variable, value, rate in zip(variables, before, (0.5, 0.25, 0.125), strict=True):
        np.testing.assert_allclose(variable.numpy(), value - rate, rtol=1e-6)


def test_multi_optimizer_resumes_from_a_file(tmp_path):
    optimizers = keras.optimizers.OptimizerMap(
        keras.optimizers.Adam(0.1), {".*first/.*": keras.optimizers.RMSprop(0.1)}
    )
    layers = [keras.layers.Dense(3, name="first"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.MultiOptimizer(optimizers), "mse")
    x, y = np.random.RandomState(0).normal(size=(8, 4)), np.ones((8, 1))
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [type(o) for o in loaded.optimizer.optimizers] == [keras.optimizers.RMSprop, keras.optimizers.Adam]
    for a, b in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert model.train_on_batch(x, y) == loaded.train_on_batch(x, y)
    assert model.train_on_batch(x, y) == loaded.train_on_batch(x, y)


def test_optimizer_map_is_a_mapping():
    first, second, default = (keras.optimizers.SGD() for _ in range(3))
    optimizers = keras.optimizers.OptimizerMap(default)
    optimizers["a/.*"], optimizers["a/b"] = first, second
    assert (optimizers["a/b"], optimizers["a/c"], optimizers["a"]) == (second, first, default)
    assert (list(optimizers), len(optimizers), "a/c" in optimizers) == (["a/.*", "a/b"], 2, False)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizers))
    assert [o.name for o in copy.values()] == [first.name, second.name]
    del optimizers["a/b"]
    assert optimizers["a/b"] is first
    optimizers["a/b.*"] = second
    with pytest.raises(ValueError, match=r"Multiple optimizers assigned to variable a/b.*a/b"):
        optimizers["a/b"]


def sgd_map(value):
    optimizers = keras.optimizers.OptimizerMap(keras.optimizers.SGD())
    optimizers["a"] = value


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: keras.optimizers.OptimizerMap("sgd"), TypeError, "default_optimizer=sgd"),
        (lambda: keras.optimizers.OptimizerMap(keras.optimizers.SGD(), []), TypeError, "must be a dictionary"),
        (lambda: sgd_map("sgd"), ValueError, "must be a Keras Optimizer"),
        (lambda: sgd_map(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())), ValueError, "LossScaleOpt"),
        (lambda: sgd_map(multi()), ValueError, "cannot be MultiOptimizer"),
        (
            lambda: keras.optimizers.MultiOptimizer(lambda v: None).build(make_variables()),
            ValueError,
            "Optimizer for variable kernel is not an Optimizer instance",
        ),
        (
            lambda: keras.optimizers.MultiOptimizer(lambda v: multi()).build(make_variables()),
            ValueError,
            "MultiOptimizer cannot be used inside an MultiOptimizer",
        ),
        (lambda: multi().learning_rate, AttributeError, "cannot be accessed"),
        (lambda: setattr(multi(), "learning_rate", 0.1), AttributeError, "learning_rate=0.1"),
        (lambda: multi().set_weights([]), ValueError, "not yet been built"),
    ],
)
def test_what_several_optimizers_refuse(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_gradients_of_some_variables_are_no_step():
    optimizer, variables = multi(), make_variables()
    optimizer.build(variables)
    with pytest.raises(ValueError, match="2 gradients and 3 variables"):
        optimizer.apply([keras.ops.ones(v.shape) for v in variables[:2]], variables[:2])
