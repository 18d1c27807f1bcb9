#!/usr/bin/env bash
# Everything that only a GPU can tell, in one call under eight minutes: the checks of gpu_checks.py, the training step
# against the published one, and whole trainings. Writes JSON (and the figure, where matplotlib is) to
# benchmarks/results/.
#
# The machine needs Python with torch (CUDA), numpy, pyarrow, scipy and nvidia-ml-py. What else `model` imports, pydantic
# and platformdirs and their small dependencies, may come along in build/gpu-site: prepare it with `make gpu-site` on a
# machine that reaches a package index, for the GPU machine's Python (`make gpu-site GPU_PYTHON=3.12`). Whatever is
# installed on the GPU machine itself comes first. If something is missing, this says what, and stops.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
export PYTHONUNBUFFERED=1 CUBLAS_WORKSPACE_CONFIG=:4096:8
PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

missing() {
    "$python" -c '
import importlib.util as find
need = "torch numpy pyarrow scipy pynvml pydantic pydantic_core platformdirs".split()
print(*(name for name in need if find.find_spec(name) is None))'
}

export PYTHONPATH
if [[ -n $(missing) && -d build/gpu-site ]]; then
    # A .pth-like order: the folder comes last, so that it only fills gaps.
    PYTHONPATH+=:$("$python" -c 'import site; print(":".join(site.getsitepackages()))'):$PWD/build/gpu-site
fi
lacking=$(missing)
if [[ -n $lacking ]]; then
    echo "missing here: $lacking (see the head of benchmarks/gpu.sh)" >&2
    exit 1
fi
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || { echo "no usable GPU" >&2; exit 1; }

failed=0
step() {  # step SECONDS COMMAND...: never longer than that, and the next one runs whatever happened
    local limit_s=$1
    shift
    echo "== $* (${SECONDS} s so far)"
    timeout --kill-after=5 "$limit_s" "$@" || { echo "== failed with $?: $*" >&2; failed=1; }
}

step 120 "$python" benchmarks/gpu_checks.py
step 150 "$python" benchmarks/train_step.py --neurons 443 1203 13741 --batches 128 256 512 --budget-s 1.5 --name train_step-cuda
step 190 "$python" benchmarks/gpu_training.py
echo "== ${SECONDS} s"
exit "$failed"
