"""What the outputs of a student cost, given those of its teacher."""

from fastkeras import losses, ops, registry, tree
from fastkeras.engine import nest


def losses_of(identifiers):
    """The losses of a structure of names, functions, `Loss`es and Nones."""
    return nest.map(lambda loss: losses.get(loss) if isinstance(loss, str) else loss, identifiers)


class DistillationLoss:
    """The base of distillation losses: a subclass defines `compute_loss`."""

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        """The loss, a scalar, of two tensors or of two structures of tensors."""
        raise NotImplementedError("Subclasses must implement compute_loss")

    def validate_outputs(self, teacher_outputs, student_outputs):
        """Raises ValueError where the outputs do not fit each other: by default, where their structures differ."""
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher, student):
        """Raises ValueError for models that this loss is not for."""


class _OfEachOutput(registry.Configurable, DistillationLoss):
    """The sum of one loss per output; None leaves an output out."""

    def __init__(self, loss):
        self.loss = losses_of(loss)
        if all(each is None for each in nest.flatten(self.loss)):
            raise ValueError(f"The `loss` argument must contain at least one non-`None` value. Received: loss={loss}")

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        values = tree.map_structure(self._of_output, self.loss, teacher_outputs, student_outputs)
        return sum(value for value in nest.flatten(values) if value is not None)

    def _of_output(self, loss, teacher, student):
        return None if loss is None else ops.mean(loss(teacher, student))

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": registry.deserialize_keras_object(config["loss"])})


@registry.register("keras.distillation")
class FeatureDistillation(_OfEachOutput):
    """`mean(loss(teacher, student))` of what two layers, or the two models, put out.

    Args:
        loss: name, function or `Loss`; for several outputs a structure of these and of None.
        teacher_layer_name, student_layer_name: the layers that are compared; None: the outputs of the model.

    Raises:
        ValueError: without any loss; later, for names that the models do not have, and for subclassed models.

    >>> import fastkeras as keras
    >>> loss = keras.distillation.FeatureDistillation("mse")
    >>> float(loss.compute_loss(keras.ops.ones((2, 3)), keras.ops.zeros((2, 3))))
    1.0
    """

    def __init__(self, loss="mse", teacher_layer_name=None, student_layer_name=None):
        super().__init__(loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def validate_model_compatibility(self, teacher, student):
        named = {"teacher": (teacher, self.teacher_layer_name), "student": (student, self.student_layer_name)}
        if all(name is None for _, name in named.values()):
            return
        subclassed = [role for role, (model, _) in named.items() if getattr(model, "inputs", None) is None]
        if subclassed:
            raise ValueError(
                "FeatureDistillation with specific layer names requires Functional or Sequential models: subclassed "
                f"ones have no outputs of layers to look at. Received: {' and '.join(subclassed)} subclassed"
            )
        for role, (model, name) in named.items():
            try:
                model.get_layer(name=name) if name is not None else None
            except ValueError as error:
                raise ValueError(f"In {role} model: {error}") from error

    def validate_outputs(self, teacher_outputs, student_outputs):
        super().validate_outputs(teacher_outputs, student_outputs)
        if not nest.same_structure(self.loss, teacher_outputs):
            raise ValueError(
                "Loss structure mismatch: there must be one loss per output. "
                f"Received: loss={self.loss}, {len(nest.flatten(teacher_outputs))} outputs"
            )


@registry.register("keras.distillation")
class LogitsDistillation(_OfEachOutput):
    """`mean(loss(teacher / temperature, student / temperature))` of the logits that two models put out.

    A `KLDivergence` gets the softmax of these, and counts `temperature**2` times: then gradients are as large at any
    temperature. A function, which a name such as "kl_divergence" means, gets the quotients as they are.
    https://arxiv.org/abs/1503.02531

    Args:
        temperature: above 0; the higher it is, the more the small logits count.
        loss: name, function or `Loss`; for several outputs a structure of these and of None.

    Raises:
        ValueError: without any loss, and for a temperature that is no positive number.

    >>> import fastkeras as keras
    >>> loss = keras.distillation.LogitsDistillation(2.0, keras.losses.KLDivergence())
    >>> round(float(loss.compute_loss(keras.ops.array([[2.0, 0.0]]), keras.ops.array([[0.0, 0.0]]))), 3)
    0.444
    """

    def __init__(self, temperature=3.0, loss="kl_divergence"):
        super().__init__(loss)
        if not isinstance(temperature, (int, float)):
            raise ValueError(f"temperature must be a number. Received: temperature={temperature}")
        if temperature <= 0.0:
            raise ValueError(f"temperature must be positive. Received: temperature={temperature}")
        self.temperature = temperature

    def _of_output(self, loss, teacher, student):
        teacher, student = (ops.divide(logits, self.temperature) for logits in (teacher, student))
        if not isinstance(loss, losses.KLDivergence):
            return super()._of_output(loss, teacher, student)
        return super()._of_output(loss, ops.softmax(teacher), ops.softmax(student)) * self.temperature**2
