#!/usr/bin/env bats
# kill -9 of the daemon loses nothing of what it has answered about streams. See tests/tools/stream-kill.py.

load helper

# UDSD_STREAM_KILLS: how often.
kill_under_load() { # OPTION...
    run "$PYTHON" "$TOOLS/stream-kill.py" --dir "$DIR/hub" --kills "${UDSD_STREAM_KILLS:-8}" "$@" 3>&- 8>&-
    assert_success
    echo "# ${lines[1]}" >&3
}

@test "entries and groups survive kills under load as the clients were told" {
    kill_under_load --udsd "$UDSD"
}

@test "the same holds with many clients" {
    kill_under_load --udsd "$UDSD" --clients 25
}

@test "the ledger agrees with redis-server that syncs its log" {
    find_redis >/dev/null || skip "redis-server is not installed"
    kill_under_load --redis "$(find_redis)"
}
