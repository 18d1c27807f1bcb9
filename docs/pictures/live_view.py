"""Takes the picture of the live view in these docs: the demo as it runs, in a real terminal.

    python docs/pictures/live_view.py            # half of `make demo` long; needs tmux

writes live-view.svg beside this file. The study is left where it stands, in a folder that is removed.
"""

import io
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).with_name("live-view.svg")
COLUMNS, LINES = 112, 32
AFTER_S = 100
SESSION = "latent-tune-picture"


def tmux(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs a command of tmux."""
    return subprocess.run(["tmux", *arguments], check=check, capture_output=True, text=True)


def main() -> None:
    """Runs the demo in tmux, copies the screen, and draws it."""
    with TemporaryDirectory() as results:
        study = [sys.executable, "-m", "tune.cli", "run", "quickstart", "--results", results]
        tmux("new-session", "-d", "-s", SESSION, "-x", str(COLUMNS), "-y", str(LINES), shlex.join(study))
        try:
            time.sleep(AFTER_S)
            screen = tmux("capture-pane", "-e", "-p", "-t", SESSION).stdout
        finally:
            tmux("send-keys", "-t", SESSION, "C-c")
            while tmux("has-session", "-t", SESSION, check=False).returncode == 0:
                time.sleep(0.5)
    lines = screen.rstrip().splitlines()
    first = next(place for place, line in enumerate(lines) if " elapsed" in line)
    paper = Console(file=io.StringIO(), record=True, width=COLUMNS, height=LINES, force_terminal=True)
    paper.print(Text.from_ansi("\n".join(lines[first:])), soft_wrap=True)
    svg = paper.export_svg(title="latent-tune run quickstart", unique_id="live-view")
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)  # nothing is fetched from elsewhere
    PICTURE.write_text(svg, encoding="utf-8")
    print(PICTURE)


if __name__ == "__main__":
    main()
