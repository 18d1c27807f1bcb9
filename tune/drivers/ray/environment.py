"""What Ray finds around it: the environment of this process, and what of the user's code is sent to a cluster's nodes.

Nothing here imports Ray, which reads the environment when it is imported.

Nodes need not have latent-tune installed. Ray takes its code and the study's from here once, keeps it at the cluster's
head, and unpacks it on each node that trains. What the code imports in turn (Ray, torch and the other packages of
`constraints.txt`) must be installed there.
"""

import json
import os
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tune.study.user_code import find_module

_TUNE = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the ledger has every result
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # and what there is to resume
    "TUNE_RESULT_BUFFER_LENGTH": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's would end the run before the trials in flight are saved
    "RAY_AIR_NEW_OUTPUT": "0",  # the live view is ours
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

_TOKEN = secrets.token_hex(32)
_CODE = ("*.py", "*.sh", "*.so", "*.json", "*.toml", "*.yaml", "*.yml")
# Whatever has a dot in its name is left out (recordings, archives, `.venv`, `.git`), unless it is code or settings; and
# results are no code. A folder that can be imported has no dot. Ray leaves out what .gitignore excludes as well.
_EXCLUDES = ["*.?*", *(f"!{pattern}" for pattern in _CODE), "results/", "__pycache__/", "node_modules/"]
_SUBMITTED = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Where `ray job submit` leaves the runtime environment that it was given."""


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


def runtime_env(modules: Collection[str], here: Path) -> dict[str, Any]:
    """Returns Ray's runtime environment for a study on a cluster that runs elsewhere.

    It holds the code below the working directory and, where they lie elsewhere, the package `tune` and what the
    study imports. A working directory or modules that `ray job submit` has sent are left as they are.

    Args:
        modules: What the study imports, by dotted names.
        here: The working directory, from which trainers may be imported.
    """
    submitted = _submitted()
    made: dict[str, Any] = {}
    if "working_dir" not in submitted:
        environments = [f"/{found.parent.name}/" for found in here.glob("*/pyvenv.cfg")]
        # What lies there is found first by those who take it: a `tune` of the user's would be taken for this package.
        theirs = [] if _place("tune").is_relative_to(here) else ["/tune.py", "/tune/"]
        made |= {"working_dir": str(here), "excludes": [*_EXCLUDES, *environments, *theirs]}
    if "py_modules" not in submitted:
        places = {_place(name) for name in ("tune", *(name.partition(".")[0] for name in modules))}
        inside = {place for place in places if "working_dir" in made and place.is_relative_to(here)}
        made |= {"py_modules": [str(place) for place in sorted(places - inside)]} if places - inside else {}
    return made


def _place(module: str) -> Path:
    """Returns the folder of a package, or the file of a module, as it is imported here."""
    spec = find_module(module, ours=module == "tune")
    assert spec is not None, module  # the trainer has been loaded by now
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    assert spec.origin is not None, module
    return Path(spec.origin).resolve()


def _submitted() -> dict[str, Any]:
    found = json.loads(os.environ.get(_SUBMITTED) or "{}")
    environment: dict[str, Any] = found.get("runtime_env") or {}
    return environment
