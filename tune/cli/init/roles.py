"""What an option is for, by its name: the seed, the epochs, a folder, a checkpoint, the machine, or a setting."""

import re
from collections.abc import Iterable
from enum import Enum

from tune.cli.init.options import Option


class Role(Enum):
    """What a study has to say by an option; SETTING: nothing, it may be searched."""

    SEED = "seed"
    EPOCHS = "epochs"
    RUN = "run"
    CHECKPOINT = "checkpoint"
    RESUME = "resume"
    CONFIG = "config"
    MACHINE = "machine"
    SETTING = "setting"


_FOLDER = r"(dir|directory|folder|path|root)"
_COUNTED = r"((num|n|nb|max|total|data|dataloader|loader|local|master|node|main)_?)*"
# In the order in which they are asked; the last word of a dotted name, in lower case, dashes as underscores.
_NAMES: tuple[tuple[Role, str], ...] = (
    (Role.SEED, r"((random|rng|global|manual|torch|train|training)_?)?seed|random_state"),
    (Role.EPOCHS, r"((n|num|nb|max|total|train|training|number_of)_?)*epochs?"),
    (Role.RESUME, r"(auto_?)?(resume|restore|load)(_?(from|path|file|ckpt|checkpoint|model))*|ckpt_path"),
    (Role.CHECKPOINT, rf"(checkpoints?|ckpts?|snapshots?)(_?({_FOLDER}|file|out|output))?"),
    (Role.CHECKPOINT, r"(save|model)_?(ckpt|checkpoint|path|file)"),
    (Role.RUN, rf"(default_)?(out|outputs?|save|logs?|logging|run|results?|work|exp|experiment|root)_?{_FOLDER}"),
    (Role.RUN, rf"tensorboard_?{_FOLDER}|out|output"),
    (Role.CONFIG, r"(config|cfg|conf)(_?(file|path|yaml|json))?"),
    (Role.MACHINE, rf"{_COUNTED}(workers|threads|process(es)?|procs|gpus?|nodes|devices?|cores|cpus?|rank|port)"),
    (
        Role.MACHINE,
        r"(log|print|save|eval|val|valid|validate|test|report|checkpoint|ckpt|plot)_?(every|freq|steps)(_.*)?",
    ),
    (Role.MACHINE, r".*_(interval|every|freq|frequency|period|id)|verbos(e|ity)|debug|quiet|progress|no_progress.*"),
    (Role.MACHINE, r"(no_|use_)?(cuda|gpu|cpu|mps)|world_size|accelerator|prefetch.*|timeout.*|profile.*|wandb.*"),
    (Role.MACHINE, r"keep_last.*|save_total_limit|dry_run|download"),
)
_NUMBERS = (Role.SEED, Role.EPOCHS)


def role_of(option: Option) -> Role:
    """Returns what one option is for, by its name and the kind of its values."""
    name = option.name.rpartition(".")[2].lower().replace("-", "_")
    for role, pattern in _NAMES:
        if re.fullmatch(pattern, name) and _can_be(option, role):
            return role
    return Role.SETTING


def by_role(options: Iterable[Option]) -> tuple[dict[Role, Option], list[Option]]:
    """Returns the option for each role that a study fills, and the rest in the program's order.

    Where several could be it, the one of the plainest name is: `seed` and not `train_seed`.
    """
    filled: dict[Role, Option] = {}
    rest = list(options)
    for option in sorted(rest, key=lambda one: len(one.name)):
        role = role_of(option)
        if role not in (Role.SETTING, Role.MACHINE):
            filled.setdefault(role, option)
    return filled, [option for option in rest if option not in filled.values()]


def _can_be(option: Option, role: Role) -> bool:
    """Says whether the kind of an option's values allows for a role."""
    if role is Role.MACHINE:
        return True
    if role in _NUMBERS:
        return option.kind in ("int", "float", "text") and not option.switch
    if role is Role.RESUME:
        return option.kind in ("text", "bool")
    return option.kind == "text"
