"""The one exception that a bad model file raises."""

import contextlib


class ModelFileError(ValueError, TypeError):
    """A model file is damaged, hostile, or describes something that cannot be built here.

    It is a ValueError, and a TypeError as well: Keras raises the one or the other.
    """


@contextlib.contextmanager
def only_model_file_errors():
    """Turns whatever goes wrong while a file is read into a ModelFileError with the same words."""
    try:
        yield
    except ModelFileError:
        raise
    except RecursionError as error:
        raise ModelFileError("[load] the file nests its objects too deeply.") from error
    except MemoryError as error:
        raise ModelFileError("[load] the file asks for more memory than there is.") from error
    except Exception as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise ModelFileError(f"{text}") from error
