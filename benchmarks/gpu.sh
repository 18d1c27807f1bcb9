#!/usr/bin/env bash
# Everything that only a GPU can tell, in one call under eight minutes: the checks of gpu_checks.py, the training step
# against the published one, and whole trainings. Writes JSON (and the figure, where matplotlib is) to
# benchmarks/results/.
#
# The machine needs this repository and Python with torch (CUDA), numpy, pyarrow and nvidia-ml-py, nothing else; if one is
# missing, this says which, and stops.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
export PYTHONUNBUFFERED=1 CUBLAS_WORKSPACE_CONFIG=:4096:8 PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

lacking=$("$python" -c '
from importlib.util import find_spec
print(*(name for name in ("torch", "numpy", "pyarrow", "pynvml") if find_spec(name) is None))') || exit 1
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
