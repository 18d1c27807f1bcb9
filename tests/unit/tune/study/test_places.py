"""`storage.shared`: what it may say."""

import pytest

from tune.errors import FileMistakes
from tune.study.document import Document
from tune.study.places import inside, without_options
from tune.study.study import build_study

STUDY = {"name": "q", "space": {"x": {"uniform": [0, 1]}}, "seeds": [1], "rungs": [{"epochs": 1, "seeds": 1}]}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("lab", "must be an absolute path"),
        ("~/lab", "must be an absolute path"),
        ("http://bucket/x", "must be an absolute path"),
        ("s3:///x", "has no bucket"),
        ("file://lab/x", "three slashes"),
        ("s3://AKIA:hunter2@bucket/x", "holds a key or password"),
        ("s3://bucket/x?access_key=a&secret_key=hunter2", "holds a key or password"),
        ("s3://bucket/x?session_token=hunter2", "holds a key or password"),
    ],
)
def test_what_is_no_place_is_refused(place: str, said: str) -> None:
    """With what is allowed; a secret is refused too, and never shown."""
    with pytest.raises(FileMistakes, match=r"storage\.shared: .*" + said) as caught:
        build_study(Document("study.yaml", {**STUDY, "storage": {"shared": place}}))
    assert "hunter2" not in str(caught.value)


def test_places_keep_their_options() -> None:
    """What lies in a place is reached as the place is."""
    assert inside("s3://b/x/?scheme=http", "a", "b") == "s3://b/x/a/b?scheme=http"
    assert inside("/mnt/lab", "a") == "/mnt/lab/a"
    assert without_options("s3://b/x/?scheme=http") == "s3://b/x"
