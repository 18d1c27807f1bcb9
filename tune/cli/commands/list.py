"""`latent-tune list`."""

import argparse
import json
import time

from tune.views.console import Terminal
from tune.views.terminal.studies import list_studies, print_studies


def main(options: argparse.Namespace) -> None:
    """Says how every study in a folder stands.

    Raises:
        UserMistake: If there is no such folder.
    """
    found = list_studies(options.folder, time.time, connect=options.connect)
    if options.json:
        print(json.dumps(found.as_json(), indent=2, allow_nan=False))
    else:
        print_studies(found, Terminal())
