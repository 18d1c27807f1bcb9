#!/usr/bin/env bash
# Everything that only a GPU can tell, in one call under eight minutes: the step at the published size, whole trainings,
# the checks of gpu_checks.py, the step of the lab's later models, and the step at other sizes. Writes JSON to benchmarks/results/ as it goes, and prints a
# table last; what fails does not stop the rest.
#
#     benchmarks/gpu.sh
#     benchmarks/gpu.sh --rehearse     # on a CPU, small, with stand-ins for CUDA: is every line of it sound?
#
# The machine needs this repository and Python with torch (CUDA), numpy, pyarrow and nvidia-ml-py, nothing else; if one is
# missing, this says which, and stops.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
export PYTHONUNBUFFERED=1 CUBLAS_WORKSPACE_CONFIG=:4096:8 PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

first=(--neurons 13741 --batches 256 --seeds 1 5 --budget-s 3)
lab=(--model lab --neurons 13741 --batches 256 --seeds 1 5 --budget-s 2 --no-compile --append)
unrolled=(--model unrolled --neurons 1203 --batches 256 --seeds 1 5 --budget-s 2 --no-compile --append)
others=(--neurons 443 1203 13741 --batches 128 256 512 --budget-s 1.5 --append)
case ${1:-} in
--rehearse)
    REHEARSAL_RESULTS=$(mktemp -d)
    trap 'rm -rf "$REHEARSAL_RESULTS"' EXIT
    export REHEARSE=1 REHEARSAL_RESULTS OMP_NUM_THREADS=1 PYTHONPATH=$PWD/tests/fakes/nvml:$PYTHONPATH
    export FAKE_NVML='{"gpus": 1, "total": 1000000000, "own": 500000000, "busy": 30, "milliwatts": 70000}'
    first=(--neurons 20 --batches 16 --seeds 1 2 --hidden-units 8 --budget-s 0 --rounds 1)
    later=(--neurons 20 --batches 16 --seeds 1 2 --hidden-units 8 --budget-s 0 --rounds 1 --no-compile --append)
    lab=(--model lab "${later[@]}")
    unrolled=(--model unrolled "${later[@]}")
    others=(--neurons 10 --batches 8 16 --seeds 1 2 --hidden-units 8 --budget-s 0 --rounds 1 --append)
    ;;
'') ;;
*)
    echo "usage: benchmarks/gpu.sh [--rehearse]" >&2
    exit 2
    ;;
esac

lacking=$("$python" -c '
from importlib.util import find_spec
print(*(name for name in ("torch", "numpy", "pyarrow", "pynvml") if find_spec(name) is None))') || exit 1
if [[ -n $lacking ]]; then
    echo "missing here: $lacking (see the head of benchmarks/gpu.sh)" >&2
    exit 1
fi
if [[ -z ${REHEARSE:-} ]]; then
    "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || { echo "no usable GPU" >&2; exit 1; }
fi

failed=0
step() {  # step SECONDS COMMAND...: never longer than that, and the next one runs whatever happened
    local limit_s=$1
    shift
    echo "== $* (${SECONDS} s so far)"
    timeout --kill-after=5 "$limit_s" "$@" || { echo "== failed with $?: $*" >&2; failed=1; }
}

step 90 "$python" benchmarks/train_step.py "${first[@]}" --name train_step-cuda
step 175 "$python" benchmarks/gpu_training.py
step 80 "$python" benchmarks/gpu_checks.py
step 25 "$python" benchmarks/train_step.py "${lab[@]}" --name train_step-cuda
step 25 "$python" benchmarks/train_step.py "${unrolled[@]}" --name train_step-cuda
step 80 "$python" benchmarks/train_step.py "${others[@]}" --name train_step-cuda
"$python" benchmarks/gpu_table.py || failed=1
echo "== ${SECONDS} s"
exit "$failed"
