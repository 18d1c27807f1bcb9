#!/bin/bash
# One host's part of a Ray cluster, in the foreground: SIGTERM ends it, and nothing of it stays behind.
# Started by cluster/job.sh, on the first host as the head and on every other to join it.
#
#   node.sh head ADDRESS FOLDER TOKEN_FILE CPUS          ADDRESS: of this host, as the others reach it
#   node.sh join ADDRESS:PORT FOLDER TOKEN_FILE CPUS     CPUS: of the job on this host; - is what Slurm says here
#
# Ray's own `ray symmetric-run` starts a cluster in one call, but not here: it refuses a host on which another job runs
# Ray, its `ray stop` at the end kills that job's Ray as well, and a signal ends it without a word to the study.
set -euo pipefail
umask 077

role=$1 address=$2 folder=$3 token=$4 cpus=$5
[ "$cpus" != - ] || cpus=$SLURM_CPUS_ON_NODE

export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$token
export RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0 # the study has saved what it wants to, and a batch system kills in seconds
unset RAY_ADDRESS RAY_AUTH_TOKEN # of the shell from which it was submitted

# Any port will do, and other jobs on this host may hold the usual ones. The folder has a name that nobody can guess
# (its path stays short, because Ray puts sockets below it).
options=(--block --disable-usage-stats "--num-cpus=$cpus" --min-worker-port=0 --max-worker-port=0
    --dashboard-agent-listen-port=0)
if [ "$role" = head ]; then
    # The one port that Ray does not choose by itself, of a server that nobody here uses and that cannot be left out.
    unused=$(python -c 'import socket; print(socket.create_server(("", 0)).getsockname()[1])')
    options+=(--head "--node-ip-address=$address" --port=0 "--ray-client-server-port=$unused"
        --include-dashboard=false "--temp-dir=$folder")
else
    options+=("--address=$address")
fi
made=$([ -e "$folder" ] || echo "$folder") # what is there already is another's

# Batch systems send these to warn of the time limit, some of them to every process. What is ignored stays so in Ray.
trap '' USR1 USR2
ray start "${options[@]}" &
ray=$!
trap 'kill -TERM "$ray" 2>/dev/null || true' TERM INT HUP
while kill -0 "$ray" 2>/dev/null; do
    wait "$ray" || true # a signal ends the wait, not Ray
done
[ -z "$made" ] || rm -rf -- "$made"
