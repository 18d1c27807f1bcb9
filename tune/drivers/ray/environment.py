"""What Ray reads from the environment when it is imported; nothing here imports it."""

import os
import secrets

_TUNE = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the ledger has every result
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # and what there is to resume
    "TUNE_RESULT_BUFFER_LENGTH": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's would end the run before the trials in flight are saved
    "RAY_AIR_NEW_OUTPUT": "0",  # the live view is ours
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

_TOKEN = secrets.token_hex(32)


def set_environment(address: str | None) -> None:
    """Prepares the environment for importing `tune.drivers.ray.driver`.

    Ray lets in whoever reaches its ports, and listens to the whole network. A Ray that is started for one study on
    one machine listens on loopback and wants a token that nobody else knows and that dies with it. A cluster that
    runs elsewhere brings its own token (RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token).
    """
    for name, value in _TUNE.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if address is None:
        os.environ["RAY_AUTH_TOKEN"] = _TOKEN
        # Ray's name for: bind to 127.0.0.1.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
