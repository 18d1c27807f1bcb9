"""What a tracker says, as people may see it: without passwords and keys."""

import os
import re
from urllib.parse import quote

from tune.ledger.database.connection import value_without_password

_SECRETS = ("WANDB_API_KEY", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_USERS = re.compile(r"(?<=://)[^/\s@'\"]+@")
_SHORTEST = 4
"""A password of fewer characters is a word that stands elsewhere as well."""


def without_secrets(text: str) -> str:
    """Returns text without the passwords of its URLs, and without the keys that the environment holds for trackers."""
    shown = _USERS.sub("***@", str(value_without_password(text)))
    for secret in (os.environ.get(name, "") for name in _SECRETS):
        if len(secret) >= _SHORTEST:
            shown = shown.replace(secret, "***").replace(quote(secret, safe=""), "***")
    return shown
