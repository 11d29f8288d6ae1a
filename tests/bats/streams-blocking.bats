#!/usr/bin/env bats
# Clients that wait for entries of streams. See tests/tools/stream-blocked.py.

load helper

run_blocked() { # OPTION...
    local options=()
    [ -z "${UDSD_TEST_SEED:-}" ] || options+=(--seed "$UDSD_TEST_SEED")
    run "$PYTHON" "$TOOLS/stream-blocked.py" --dir "$DIR/hub" "$@" "${options[@]}" 3>&- 8>&-
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
