"""`python -m fastkeras script.py [arguments]`: runs an unmodified Keras or tf.keras script on fastkeras."""

import os
import runpy
import signal
import sys
import types

USAGE = """usage: python -m fastkeras script.py [arguments]
       python -m fastkeras -m module [arguments]
       python -m fastkeras -c command [arguments]

Runs a script with `import keras`, `import tensorflow as tf` and `tf.keras` meaning fastkeras.
"""


def main(arguments):
    """Run what the command line says; returns the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    first, *rest = arguments
    if first in ("-m", "-c") and not rest or first.startswith("-") and first not in ("-m", "-c", "-"):
        print(USAGE, end="", file=sys.stderr)
        return 2
    from fastkeras.compat import install

    install()
    try:
        if first == "-m":
            sys.argv = rest
            sys.path[0] = os.getcwd()
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif first == "-c":
            _run(rest[0], "<string>", ["-c", *rest[1:]], os.getcwd())
        elif first == "-":
            _run(sys.stdin.read(), "<stdin>", arguments, os.getcwd())
        else:
            try:
                with open(first, "rb") as file:
                    source = file.read()
            except OSError as error:
                print(f"python -m fastkeras: can't open file {first!r}: {error}", file=sys.stderr)
                return 2
            _run(source, first, arguments, os.path.dirname(os.path.abspath(first)))
    except SystemExit:
        raise
    except BaseException as error:
        return _report(error)
    return 0


def _run(source, filename, argv, folder):
    """Execute source as Python would execute a script: in a module `__main__` of its own."""
    module = types.ModuleType("__main__")
    module.__builtins__ = __builtins__
    if os.path.exists(filename):
        module.__file__ = filename
    sys.modules["__main__"] = module
    sys.argv = argv
    sys.path[0] = folder
    exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)


def _report(error):
    """Show an error as Python would, with the user's lines first; returns the exit code."""
    traceback = error.__traceback__
    while traceback.tb_next and _is_ours(traceback.tb_frame.f_code.co_filename):
        traceback = traceback.tb_next
    if _is_ours(traceback.tb_frame.f_code.co_filename):  # a syntax error: no line of the user's has run
        traceback = None
    sys.excepthook(type(error), error.with_traceback(traceback), traceback)
    if isinstance(error, KeyboardInterrupt):  # die of the signal, so that a shell loop stops as well
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return 1


def _is_ours(filename):
    return filename == __file__ or filename.startswith("<frozen ") or filename == runpy.__file__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
