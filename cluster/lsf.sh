#!/bin/bash
# A study as an LSF job on any number of hosts. From a directory that every host sees:
#
#   bsub -n 4 -R 'span[ptile=1]' -gpu num=1 -q gpu_a100 -W 4:00 -wa USR2 -wt 3 -Q 75 -o latent-tune-%J.log \
#       cluster/lsf.sh search_spaces/x.yaml [options]
#
# Three minutes before its time is up (-wa, -wt) the study saves its trials, and the job is queued again under the same
# number (-Q 75), until the study is finished (docs/batch.md).

here=$(dirname -- "$(readlink -f -- "$0")")
job=$LSB_JOBID
# Each host, and how many slots of it are ours: "host1 4 host2 4".
read -ra granted <<<"$LSB_MCPU_HOSTS"
hosts=() slots=()
for ((i = 0; i < ${#granted[@]}; i += 2)); do
    hosts+=("${granted[i]}") slots+=("${granted[i + 1]}")
done
cpus=${slots[0]}

# shellcheck disable=SC2317 # job.sh calls it
start_elsewhere() {
    local i pids=()
    trap 'kill -TERM "${pids[@]}" 2>/dev/null || true' TERM INT HUP
    for ((i = 1; i < ${#hosts[@]}; i++)); do
        blaunch "${hosts[i]}" "$@" "${slots[i]}" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait_for "$i"; done
}

queue_again() {
    [[ " ${LSB_EXIT_REQUEUE:-} " == *" 75 "* ]] && return
    echo "bsub was not told to queue this job again: add -Q 75" >&2
    return 1
}

# shellcheck source=cluster/job.sh
. "$here/job.sh"
