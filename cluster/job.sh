# shellcheck shell=bash
# shellcheck disable=SC2154,SC2317 # what the scripts that source this have set; and handlers, which only signals reach
# One batch job: a Ray cluster on the job's hosts, the study in it, and the job queued again when its time is up.
#
# cluster/slurm.sh and cluster/lsf.sh source this with the study's arguments, after they have set `job` (the job's
# number, the same whenever it is queued again), `hosts` (its hosts; this is the first), `cpus` (of the job, on this
# host) and `here` (this folder), and defined
#
#   start_elsewhere COMMAND...   runs a command, and `-` or that host's CPUs behind it, once on each other host
#   queue_again                  puts this job back into the queue; returns 1 if that is refused
#
# Exit codes: the study's own (0 done, 2 the user's mistake, 130 interrupted, 1 anything else), or 75: queued again.

set -euo pipefail
umask 077

if [ $# -eq 0 ]; then
    echo "no study given; usage: cluster/slurm.sh or lsf.sh STUDY.yaml [options of latent-tune run]" >&2
    exit 2
fi
most_runs=${LATENT_TUNE_RUNS:-50} # how often one job may run before somebody should look at it
if ! [[ $most_runs =~ ^[1-9][0-9]{0,5}$ ]]; then
    echo "LATENT_TUNE_RUNS: got '$most_runs', allowed is a number from 1 to 999999" >&2
    exit 2
fi

# The environment of the repository, where it has one; otherwise whatever `latent-tune` and `ray` the job finds.
PATH=$here/../.venv/bin:$PATH
unset RAY_ADDRESS RAY_AUTH_TOKEN RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER # of the shell from which it was submitted

start_s=120                     # how long hosts may take to start Ray
head_attempts=3                 # and how often the first may try
shared=$PWD/.latent-tune-$job   # the working directory is one that every host sees
# Ray's files lie on each host's own disk. A name that nobody can guess; short, because sockets lie below it.
scratch=/tmp/lt-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
asked=   # by whom the study was asked to stop: `limit` or `user`
driver=  # the process to stop
ray=()   # the processes that keep Ray up

say() { echo "latent-tune job $job: $*"; }

# Slurm tells this shell alone that its time is up, LSF every process of the job. Ray and the study ignore it: they are
# stopped in their order, by this shell. Under LSF that must be USR2: USR1 is one that Ray Tune listens for in the
# study's process, whatever was ignored before, and ends at once without saving anything.
ask() {
    asked=${asked:-$1}
    [ -z "$driver" ] || kill -TERM "$driver" 2>/dev/null || true
}
trap 'ask limit' USR1 USR2
trap 'ask user' TERM INT HUP
shielded() {
    trap '' USR1 USR2
    "$@"
}

# Waits until a child has ended, however many signals come meanwhile, and returns its exit code.
wait_for() {
    while kill -0 "$1" 2>/dev/null; do
        wait "$1" || true
    done
    wait "$1" # bash remembers
}

stop_ray() {
    local process patience=20
    [ ${#ray[@]} -eq 0 ] || kill -TERM "${ray[@]}" 2>/dev/null || true
    for process in "${ray[@]}"; do
        while kill -0 "$process" 2>/dev/null && ((patience-- > 0)); do sleep 1 || true; done
        kill -KILL "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    ray=()
    rm -rf -- "$scratch"
}

leave() {
    stop_ray
    if [ "$1" = 75 ]; then rm -f -- "$shared/token"; else rm -rf -- "$shared"; fi
    exit "$1"
}

# The address by which other hosts reach this one: its name may stand for 127.0.1.1 here.
address_here() {
    { getent ahostsv4 "${hosts[0]}" || true; hostname -I | tr ' ' '\n'; } |
        awk '$1 ~ /^[0-9.]+$/ && $1 !~ /^127\./ && !found {print $1; found = 1}'
}

# Ray's start fails now and then on a host that is busy, which is no reason to wait in the queue again. Says the
# cluster's address in `cluster`; there is none if the job was asked to stop meanwhile.
start_head() {
    local attempt tries
    for ((attempt = 1; attempt <= head_attempts && ${#asked} == 0; attempt++)); do
        shielded exec bash "$here/node.sh" head "$address" "$scratch" "$shared/token" "$cpus" &>"$shared/head.log" &
        ray=($!)
        for ((tries = start_s * 5; tries > 0; tries--)); do
            if [ -s "$scratch/ray_current_cluster" ]; then
                cluster=$(<"$scratch/ray_current_cluster")
                return 0
            fi
            kill -0 "${ray[0]}" 2>/dev/null || break
            sleep 0.2 || true
        done
        stop_ray
        cat -- "$shared/head.log" >&2
        say "Ray's head did not start on ${hosts[0]}, attempt $attempt of $head_attempts; what it said stands above" >&2
    done
    [ -n "$asked" ] || leave 1
}

start_others() {
    [ ${#hosts[@]} -gt 1 ] || return 0
    shielded start_elsewhere bash "$here/node.sh" join "$cluster" "$scratch" "$shared/token" &>"$shared/others.log" &
    ray+=($!)
    python "$here/joined.py" "$cluster" "${#hosts[@]}" "$start_s" & # a study starts without a host that takes too long
    driver=$! # until there is a study to stop
    wait_for "$driver" || cat -- "$shared/others.log" >&2
    driver=
}

mkdir -p -- "$shared"
runs=$(($(cat -- "$shared/runs" 2>/dev/null || echo 0) + 1))
echo "$runs" >"$shared/runs"
rm -f -- "$shared/token"
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$shared/token" # the umask makes it ours alone
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$shared/token

if [ ${#hosts[@]} -eq 1 ]; then
    address=127.0.0.1
    export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 # Ray's name for: listen on 127.0.0.1 only
else
    address=${LATENT_TUNE_HEAD_ADDRESS:-$(address_here)}
fi
if [ -z "$address" ]; then
    say "no address by which other hosts reach ${hosts[0]}; set LATENT_TUNE_HEAD_ADDRESS" >&2
    leave 2
fi
say "run $runs of at most $most_runs on ${hosts[*]}; Ray's head at $address"
start_head
[ -n "$asked" ] || start_others
code=130
if [ -z "$asked" ]; then
    shielded exec latent-tune run "$@" --address "$cluster" &
    driver=$!
    [ -z "$asked" ] || ask "$asked" # it came between these two lines
    code=0
    wait_for "$driver" || code=$?
fi
if [ "$code" != 130 ] || [ "$asked" != limit ]; then
    say "ended with exit code $code"
    leave "$code"
fi
if [ "$runs" -ge "$most_runs" ]; then
    say "its time was up in run $runs, the last allowed (LATENT_TUNE_RUNS); submit it again to go on"
    leave 130
fi
stop_ray
if queue_again; then
    say "its time is up; it is queued again, and goes on where it stopped"
    leave 75
fi
say "its time is up, and it could not be queued again; submit it again to go on"
leave 130
