#!/usr/bin/env bash
# Peers under the relay's load, on the same disk in the same minutes: 4 KiB, one under way for each publisher, told only
# once it is on the disk.
#
#   server/benches/peers/run.sh                 the peers before and after `cargo bench … --bench append -- 1 64`
#
# TWIZA_BENCH_DIR names a folder on the disk to be measured. Redis and NATS come from Debian (redis-server, redis-tools,
# nats-server); NATS syncs always from 2.10 on (Debian 13), and an older one is left out. The transport of a peer comes by
# `cargo install nostr-rs-relay` (its lock file is too old for today's Rust), and the library that signs for it by
# `pip install coincurve`. What is not on the PATH is left out, too. None has TLS here, as none has by default; nostr-rs-relay
# checks a signature for each event, as the relay does, and its answer does not wait for the disk (SQLite with
# synchronous=NORMAL).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
folder=$(mktemp -d "${TWIZA_BENCH_DIR:-.}/peers.XXXXXX")
children=()
stop() {
    for child in "${children[@]}"; do kill "$child" 2>/dev/null && wait "$child" || true; done
    children=()
}
trap 'stop; rm -rf "$folder"' EXIT

frame=$(head -c 4096 /dev/zero | tr '\0' 'Z')

until_open() { # port
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        sleep 0.1
    done
    echo "nothing listens at port $1" >&2
    return 1
}

redis() {
    command -v redis-server redis-benchmark >/dev/null || { echo "redis: not installed, left out"; return; }
    mkdir -p "$folder/redis"
    redis-server --port 17379 --bind 127.0.0.1 --save '' --appendonly yes --appendfsync always \
        --dir "$folder/redis" --daemonize no >/dev/null &
    children+=($!)
    until_open 17379
    for load in "1 3000" "64 40000"; do
        read -r publishers appends <<<"$load"
        redis-benchmark -p 17379 -c "$publishers" -n "$appends" --csv XADD stream '*' frame "$frame" | tail -1 |
            awk -F'"' -v publishers="$publishers" \
                '{ printf "redis %s publishers: %.0f /s, p50 %.0f us, p99 %.0f us\n", publishers, $4, $10 * 1000, $14 * 1000 }'
    done
    stop
    rm -rf "$folder/redis"
}

nats() {
    command -v nats-server >/dev/null || { echo "nats: not installed, left out"; return; }
    printf 'listen: "127.0.0.1:17422"\njetstream { store_dir: "%s", sync_interval: always }\n' "$folder/nats" >"$folder/nats.conf"
    nats-server -t -c "$folder/nats.conf" >/dev/null 2>&1 ||
        { echo "nats: $(nats-server --version) does not sync always, left out"; return; }
    nats-server -c "$folder/nats.conf" >/dev/null 2>&1 &
    children+=($!)
    until_open 17422
    python3 server/benches/peers/nats.py 17422 1 1000
    python3 server/benches/peers/nats.py 17422 64 200
    stop
    rm -rf "$folder/nats"
}

nostr() {
    command -v nostr-rs-relay >/dev/null || { echo "nostr: not installed, left out"; return; }
    python3 -c 'import coincurve' 2>/dev/null || { echo "nostr: coincurve is not installed, left out"; return; }
    mkdir -p "$folder/nostr"
    printf '[info]\nrelay_url = "ws://127.0.0.1:17080/"\n[network]\naddress = "127.0.0.1"\nport = 17080\n' >"$folder/nostr.toml"
    nostr-rs-relay --config "$folder/nostr.toml" --db "$folder/nostr" >/dev/null 2>&1 &
    children+=($!)
    until_open 17080
    python3 server/benches/peers/nostr.py 17080 1 1000
    python3 server/benches/peers/nostr.py 17080 64 100
    stop
    rm -rf "$folder/nostr"
}

redis
nats
nostr
cargo bench -q -p twiza-relay --bench append -- 1 64
redis
nats
nostr
