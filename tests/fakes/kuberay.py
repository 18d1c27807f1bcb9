"""The fields of KubeRay's `RayJob` (ray.io/v1, as of KubeRay 1.7) that our manifest uses, with their types.

This is not the published schema, which takes 1.4 MB: a test reads that where KUBERAY_CRD names the file
`helm-chart/kuberay-operator/crds/ray.io_rayjobs.yaml` of github.com/ray-project/kuberay.
"""

from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_FLAG: dict[str, Any] = {"type": "boolean"}
_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": _TEXT}
_QUANTITIES: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"},
}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


_CONTAINER = _object(
    "name",
    "image",
    name=_TEXT,
    image=_TEXT,
    resources=_object(requests=_QUANTITIES, limits=_QUANTITIES),
    volumeMounts=_list(_object("name", "mountPath", name=_TEXT, mountPath=_TEXT)),
)
_VOLUME = _object("name", name=_TEXT, persistentVolumeClaim=_object("claimName", claimName=_TEXT))
_POD = _object("spec", spec=_object("containers", containers=_list(_CONTAINER), volumes=_list(_VOLUME)))

_CLUSTER = _object(
    "headGroupSpec",
    rayVersion=_TEXT,
    authOptions=_object(mode={"type": "string", "enum": ["disabled", "token"]}),
    headGroupSpec=_object("template", rayStartParams=_TEXTS, template=_POD),
    workerGroupSpecs=_list(
        _object(
            "groupName",
            "template",
            groupName=_TEXT,
            replicas=_COUNT,
            minReplicas=_COUNT,
            maxReplicas=_COUNT,
            rayStartParams=_TEXTS,
            template=_POD,
        )
    ),
)

RAY_JOB: dict[str, Any] = _object(
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=_object("name", name={"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,45}[a-z0-9])?$"}),
    spec=_object(
        "entrypoint",
        "rayClusterSpec",
        submissionMode={"type": "string", "enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
        entrypoint=_TEXT,
        backoffLimit=_COUNT,
        shutdownAfterJobFinishes=_FLAG,
        ttlSecondsAfterFinished=_COUNT,
        suspend=_FLAG,
        rayClusterSpec=_CLUSTER,
    ),
)
"""A JSON Schema of the whole manifest."""
