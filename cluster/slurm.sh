#!/bin/bash
# A study as a Slurm job on any number of hosts. From a directory that every host sees:
#
#   sbatch --nodes=4 --gpus-per-node=1 --cpus-per-task=4 --time=4:00:00 cluster/slurm.sh search_spaces/x.yaml [options]
#
# Two minutes before its time is up the study saves its trials, and the job is queued again under the same number, until
# the study is finished (docs/batch.md). Options on sbatch's command line go before those here.
#
#SBATCH --job-name=latent-tune
#SBATCH --ntasks-per-node=1
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --no-kill
#SBATCH --output=latent-tune-%j.log
#SBATCH --open-mode=append

# Slurm runs a copy of this file; the files beside it are where the original lies.
original=$(scontrol show job "$SLURM_JOB_ID" | sed -n 's/^ *Command=//p')
here=$(dirname -- "${original%%/slurm.sh*}/slurm.sh")
job=$SLURM_JOB_ID cpus=$SLURM_CPUS_ON_NODE
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")

# shellcheck disable=SC2317 # job.sh calls it
start_elsewhere() {
    local others=$((${#hosts[@]} - 1))
    # One that fails is no reason to end the others.
    exec srun --nodes="$others" --ntasks="$others" --ntasks-per-node=1 --exclude="${hosts[0]}" --no-kill \
        --kill-on-bad-exit=0 --wait=0 --cpu-bind=none --input=none "$@" -
}

queue_again() { scontrol requeue "$SLURM_JOB_ID"; }

# shellcheck source=cluster/job.sh
. "$here/job.sh"
