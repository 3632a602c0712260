"""What fastkeras says to the user, and asks."""

import sys


def print_msg(message, line_break=True):
    """Write to stdout, or to the logger `fastkeras` when interactive logging is off."""
    from fastkeras import config

    if not config.is_interactive_logging_enabled():
        _logger().info("%s", message)
        return
    text = f"{message}\n" if line_break else str(message)
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:  # a terminal without box drawing: Keras 2's bar
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(text.replace("━", "=").encode(encoding, errors="ignore").decode(encoding))
    sys.stdout.flush()


def log_warning(message, *arguments):
    """Tell the logger `fastkeras` of something that is no error."""
    _logger().warning(message, *arguments)


def _logger():
    import logging  # here: most programs never get this far

    return logging.getLogger("fastkeras")


def ask_to_proceed_with_overwrite(filepath):
    """Ask whether an existing file may be replaced; True means yes."""
    answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n]").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    if answer == "n":
        return False
    print_msg("[TIP] Next time specify overwrite=True!")
    return True
