"""Waits until so many nodes have joined a Ray cluster; exit code 1 if it takes too long: ADDRESS NODES SECONDS."""

import sys
import time

import ray

address, wanted, patience_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
ray.init(address=address, log_to_driver=False, configure_logging=False)
end = time.monotonic() + patience_s
while (joined := sum(node["Alive"] for node in ray.nodes())) < wanted and time.monotonic() < end:
    time.sleep(0.5)
print(f"{joined} of {wanted} nodes in the Ray cluster at {address}")
sys.exit(joined < wanted)
