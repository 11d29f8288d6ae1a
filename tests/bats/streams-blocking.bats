#!/usr/bin/env bats
# Clients that wait for entries of streams: how they are woken, and how they end. And: who adds to a stream receives
# messages while the disk stands still.

load helper
load streams

# blocking CASE [PORT]: in a daemon with streams; with the port of its TCP listener, over that.
blocking() {
    run "$PYTHON" "$TOOLS/stream-waiters.py" "$1" "$S" "$UDSD_PID" "${@:2}"
    assert_success
}

@test "entries wake those that wait for the stream, by number or by name" {
    start_store
    blocking wakes
}

@test "clients that follow a stream get what they asked for, together or alone" {
    start_store
    blocking followers
    blocking changes_between
}

@test "workers of a group are woken in turn; one that goes keeps no entry from the others" {
    start_store
    blocking workers
}

@test "a group that is replaced in one step is waited for all the same" {
    start_store
    blocking replaced
}

@test "a deadline is met, and never early; a transaction does not wait" {
    start_store
    blocking deadlines
}

@test "CLIENT UNBLOCK" {
    start_store
    blocking unblock
}

@test "CLIENT LIST and CLIENT KILL of a client that waits; its later commands wait in order" {
    start_store
    blocking list
}

@test "a peer that hangs up while it waits is noticed at once" {
    start_store
    blocking hang_up
}

@test "a peer that only sends no more gets its answer" {
    start_store
    blocking half_closed
}

@test "hung up and half-closed over TCP" {
    local port
    port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    start_udsd --store "$DIR/store" --listen "127.0.0.1:$port"
    blocking hang_up "$port"
    blocking half_closed "$port"
}

@test "a stop closes clients that wait" {
    start_store
    blocking stop
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}

@test "clients that wait cost no time" {
    start_store
    blocking idle
}

@test "a stream that expires ends a wait, though nobody else does anything" {
    start_store
    blocking expiry
}

@test "messages reach a client whose answers wait for the disk" {
    start_configured '[store]' "directory = $DIR/store" 'commit_delay = 60s'
    blocking overtake
}

run_blocked() { # OPTION...
    run "$PYTHON" "$TOOLS/stream-blocked.py" --dir "$DIR/hub" "$@" 3>&- 8>&-
    assert_success
    echo "# ${lines[1]}" >&3
}

@test "whatever happens to clients that wait, none is forgotten, and no entry goes to one that is gone" {
    run_blocked --udsd "$UDSD"
}

@test "redis-server forgets none either" {
    find_redis >/dev/null || skip "redis-server is not installed"
    run_blocked --redis "$(find_redis)"
}
