"""What a study or training file names to train, as the trainer that it is to everybody else."""

from pathlib import Path

from tune.adapters.function import function_trainer
from tune.adapters.program.trainer import program_trainer
from tune.study.program.section import Program
from tune.study.trained_by import TRAINER, TrainedBy
from tune.trainer import TrainerClass, load_function, load_trainer, source_of


def load(named: TrainedBy) -> TrainerClass:
    """Returns the trainer of a study or training file.

    Raises:
        UserMistake: If it cannot be imported, or is not what it is named as.
    """
    if named.program is not None:
        return program_trainer(named.program, named.name)
    if named.function is not None:
        return function_trainer(load_function(named.function), named.function)
    return load_trainer(named.trainer or TRAINER)


def sources(named: TrainedBy) -> dict[str, Path]:
    """Returns the files in which the code of what trains begins; other modules are found by their imports.

    Returns:
        By the dotted name of a module; files of a program that are none by their path as it is named there.
    """
    if named.program is not None:
        return _files(named.program)
    name = named.function or named.trainer or TRAINER
    file = source_of(name)
    return {} if file is None else {name.partition(":")[0]: file}


def _files(program: Program) -> dict[str, Path]:
    """Returns what a program's command and configuration name of files in the working directory."""
    found: dict[str, Path] = {}
    for word in program.named_files:
        path, module = Path(word), Path(*word.split(".")).with_suffix(".py")
        if path.is_file():
            found[path.stem if path.suffix == ".py" else word] = path
        elif module.is_file():  # python -m package.module
            found[word] = module
    return found
