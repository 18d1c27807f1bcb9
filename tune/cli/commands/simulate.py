"""`latent-tune simulate`."""

import argparse

from tune.errors import UserMistake
from tune.ledger.printable import printable
from tune.trainer import load_function


def main(options: argparse.Namespace) -> None:
    """Writes the built-in recording, and says where.

    Raises:
        UserMistake: If it cannot be written, or there is none like that.
    """
    asked = {name: getattr(options, name) for name in ("extent", "steps", "seed")}
    write = load_function("model.recording.flyvis:write_recording", ours=True)
    try:
        said = write(options.out, **{name: value for name, value in asked.items() if value is not None})
    except (ValueError, OSError) as error:
        raise UserMistake(f"simulate: {error}") from error
    print(printable(said))
