#!/usr/bin/env bats
# Many clients, and more than there are descriptors for.

load helper

@test "5,000 clients at once" {
    [ "$(ulimit -n)" -ge 5100 ] || ulimit -n 5100 || skip "no right to 5,100 descriptors"
    start_udsd
    run "$PYTHON" "$TOOLS/many.py" "$S" 5000
    assert_success
    wait_until info_is connected_clients 1
}

@test "without descriptors new clients wait, old ones are served, and nothing spins" {
    (
        ulimit -n 64
        exec "$UDSD" --listen "$S" >>"$LOG" 2>&1 3>&-
    ) &
    UDSD_PID=$!
    PIDS+=("$UDSD_PID")
    wait_until is_listening "$S"
    run "$PYTHON" "$TOOLS/descriptors.py" "$S" "$UDSD_PID" 150
    assert_success
    contains "$LOG" 'cannot accept more than'
    # It is said once, not for each client.
    run grep -c 'cannot accept more than' "$LOG"
    [ "$output" -le 2 ]
}

@test "max_clients turns further clients away with Redis's error" {
    printf '[listener bus]\nlisten = %s\n[limits]\nmax_clients = 3\n' "$S" >"$DIR/conf"
    background "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1
    wait_until is_listening "$S"
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, wait_until
path = sys.argv[1]
def admitted():
    c = Client(path)
    try:
        return c.call("PING") == b"PONG" and c
    except Exception:
        return None
clients = []
def take():
    c = admitted()
    if c: clients.append(c)
    return len(clients) == 3
wait_until(take, "three clients")
assert Client(path).read_to_end() == b"-ERR max number of clients reached\r\n"
assert all(c.call("PING") == b"PONG" for c in clients)
clients.pop().close()
wait_until(admitted, "a place")
EOF
    assert_success
}
