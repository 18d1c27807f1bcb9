"""A small training and its study, for each way of writing one."""

import keyword
import sys
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

_IMPORTED = {"latent_tune", "lightning", "numpy", "sklearn", "torch", *sys.stdlib_module_names}
"""What a file beside a study must not be called: the training would import itself."""

TEMPLATES = ("function", "torch", "lightning", "sklearn")


def template_texts(template: str, name: str, out: Path) -> dict[Path, str]:
    """Returns the files of a template with their text: the training, and beside it the study that names it.

    Args:
        template: One of TEMPLATES.
        name: Of the study; the training's file has it with underscores.
        out: The study file.
    """
    module = name.replace("-", "_")
    if not module.isidentifier() or module in _IMPORTED or keyword.iskeyword(module):
        module = f"train_{module}"
    known = Environment(  # noqa: S701 - it writes code, no page
        loader=PackageLoader("tune.cli.init"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    code, study = (known.get_template(f"{template}.{kind}.jinja") for kind in ("py", "yaml"))
    return {
        out.with_name(f"{module}.py"): code.render(),
        out: study.render(name=name, module=module),
    }
