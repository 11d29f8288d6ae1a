#!/usr/bin/env bats
# Many clients, and more than the daemon has descriptors for.

load helper

@test "5,000 clients at once" {
    [ "$(ulimit -n)" -ge 5100 ] || ulimit -n 5100 || skip "no right to 5,100 descriptors"
    start_udsd
    run "$PYTHON" "$TOOLS/many.py" "$S" 5000
    assert_success
    wait_until info_is connected_clients 1
}

@test "without free descriptors new clients wait, connected ones are served, and the daemon does not spin" {
    (
        ulimit -n 64
        exec "$UDSD" --listen "$S" >>"$LOG" 2>&1 3>&-
    ) &
    adopt_udsd $!
    run "$PYTHON" "$TOOLS/descriptors.py" "$S" "$UDSD_PID" 150
    assert_success
    # Logged once, not for each client.
    run grep -c 'cannot accept more than' "$LOG"
    assert_success
    [ "$output" -le 2 ]
}

@test "max_clients turns further clients away with Redis's error" {
    start_configured '[limits]' 'max_clients = 3'
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
def three_clients():
    c = admitted()
    if c: clients.append(c)
    return len(clients) == 3
wait_until(three_clients, "three clients")
assert Client(path).read_to_end() == b"-ERR max number of clients reached\r\n"
assert all(c.call("PING") == b"PONG" for c in clients)
clients.pop().close()
wait_until(admitted, "a place")
EOF
    assert_success
}
