"""cluster/rayjob.yaml is a RayJob that KubeRay accepts, lets nobody in without a token, and is meant for going on."""

import copy
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.fakes.kuberay import RAY_JOB

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]


@pytest.fixture
def manifest() -> dict[str, Any]:
    """The manifest as parsed."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "cluster" / "rayjob.yaml").read_text())
    return loaded


def strict(schema: Any) -> Any:
    """The schema as the API server applies it when it validates fields strictly: what is not named is refused."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema.get("type"), str):
        made.setdefault("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields", False)))
    return made


def published() -> dict[str, Any]:
    """KubeRay's own schema for `ray.io/v1`, where KUBERAY_CRD names its ray.io_rayjobs.yaml."""
    place = os.environ.get("KUBERAY_CRD")
    if place is None:
        pytest.skip("KUBERAY_CRD does not name KubeRay's ray.io_rayjobs.yaml")
    definition = yaml.load(Path(place).read_text(), Loader=yaml.CSafeLoader)
    (version,) = (one for one in definition["spec"]["versions"] if one["name"] == "v1")
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object", "additionalProperties": True}  # any object's
    return schema


def containers(manifest: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each container of the cluster, with the specification of its pod."""
    cluster = manifest["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        for container in pod["containers"]:
            yield pod, container


def test_kuberay_knows_every_field(manifest: dict[str, Any]) -> None:
    """Each field has a name, a place and a type that KubeRay and Kubernetes have; this holds them as we use them."""
    jsonschema.validate(manifest, strict(RAY_JOB))


def test_kuberays_published_schema_accepts_it(manifest: dict[str, Any]) -> None:
    """The whole of what KubeRay publishes accepts it, field by field."""
    jsonschema.validate(manifest, strict(published()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "backoffLimits"), 5),
        (("spec", "backoffLimit"), "5"),
        (("spec", "submissionMode"), "K8sMode"),
        (("spec", "rayClusterSpec", "authOptions", "mode"), "tokens"),
        (("spec", "rayClusterSpec", "headGroupSpec", "rayStartParams", "num-cpus"), 0),
        (("spec", "rayClusterSpec", "headGroupSpec", "template", "spec", "volume"), []),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_slip_would_be_noticed(manifest: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """A misspelt field, a wrong type and an unknown value are all refused."""
    wrong = copy.deepcopy(manifest)
    place = wrong
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, strict(RAY_JOB))


def test_nobody_gets_in_without_the_token(manifest: dict[str, Any]) -> None:
    """The cluster is in token mode, and no token stands in the file."""
    assert manifest["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert "auth_token" not in (ROOT / "cluster" / "rayjob.yaml").read_text().lower()


def test_it_goes_on_where_it_stopped(manifest: dict[str, Any]) -> None:
    """A process that failed is started again, with the study in a folder that outlives and serves every pod."""
    spec = manifest["spec"]
    assert spec["backoffLimit"] >= 1
    assert spec["shutdownAfterJobFinishes"] is True
    command = shlex.split(spec["entrypoint"])
    results = command[command.index("--results") + 1]
    claims = set()
    for pod, container in containers(manifest):
        (mount,) = (one for one in container["volumeMounts"] if results.startswith(f"{one['mountPath']}/"))
        (volume,) = (one for one in pod["volumes"] if one["name"] == mount["name"])
        claims.add(volume["persistentVolumeClaim"]["claimName"])
    assert len(claims) == 1


def test_its_command_is_one_of_ours(manifest: dict[str, Any]) -> None:
    """The entrypoint is a command line that latent-tune takes, for a study that exists."""
    from tune.cli.parser import build_parser

    program, *arguments = shlex.split(manifest["spec"]["entrypoint"])
    assert program == "latent-tune"
    assert (ROOT / build_parser().parse_args(arguments).study).is_file()


def test_all_run_the_same_image_and_only_the_workers_have_gpus(manifest: dict[str, Any]) -> None:
    """Ray refuses nodes of another version; the head, which trains nothing, offers no slot."""
    head, *workers = [container for _, container in containers(manifest)]
    assert {worker["image"] for worker in workers} == {head["image"]}
    assert all("nvidia.com/gpu" in worker["resources"]["limits"] for worker in workers)
    assert "nvidia.com/gpu" not in head["resources"]["limits"]
    params = manifest["spec"]["rayClusterSpec"]["headGroupSpec"]["rayStartParams"]
    assert params == {"num-cpus": "0", "num-gpus": "0"}
