"""A study's tables as files."""

from pathlib import Path

import pandas as pd
import pytest

from tests.behaviour.command import latent_tune
from tests.fakes.ledgers import latent_study, played
from tune.errors import UserMistake
from tune.views.results import gather
from tune.views.tables.export import write_csv
from tune.views.tables.frames import curves_frame, trials_frame


def test_the_command_writes_what_other_programs_read(tmp_path: Path) -> None:
    """CSV with a page of its columns, and Parquet in which each row has its trial's parameters."""
    results = gather(played(tmp_path / "s", latent_study(search={"trials": 4, "method": "random"})))
    said = latent_tune(tmp_path, "export", "s", "--csv", "out")
    assert said.code == 0
    assert [Path(line).name for line in said.out.split()] == [
        "trials.csv",
        "curves.csv",
        "decisions.csv",
        "README.md",
    ]
    assert pd.read_csv(tmp_path / "out" / "trials.csv")["trial"].tolist() == trials_frame(results)["trial"].tolist()
    curves = pd.read_csv(tmp_path / "out" / "curves.csv")
    assert curves["validation_loss"].tolist() == pytest.approx(
        curves_frame(results)["validation_loss"].tolist(), nan_ok=True
    )
    page = (tmp_path / "out" / "README.md").read_text()
    assert "| `low` | lower end of the 95% interval of the mean; missing with too few seeds |" in page
    assert "| `learning_rate` | a parameter of the space |" in page
    assert latent_tune(tmp_path, "export", "s", "--parquet", "all.parquet").code == 0
    joined = pd.read_parquet(tmp_path / "all.parquet")
    assert len(joined) == len(curves)
    assert {"state", "learning_rate", "use_batch_norm", "validation_loss"} <= set(joined.columns)


def test_a_place_that_cannot_be_written_is_a_mistake(tmp_path: Path) -> None:
    """It is said which, and nothing is half there."""
    results = gather(played(tmp_path / "s", latent_study(search={"trials": 2, "method": "random"})))
    (tmp_path / "file").touch()
    with pytest.raises(UserMistake, match="cannot be written: "):
        write_csv(results, tmp_path / "file" / "below")
