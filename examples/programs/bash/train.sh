#!/bin/bash
# Halves a loss for ever; knows no number of epochs, and is ended in time.
rate=$1 seed=$2 epoch=0
while true; do
    epoch=$((epoch + 1))
    awk -v rate="$rate" -v seed="$seed" -v epoch="$epoch" \
        'BEGIN { printf "epoch=%d loss=%.6f\n", epoch, (rate - 0.3)^2 + (1 + seed / 10) / 2^epoch }'
done
