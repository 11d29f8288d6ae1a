#!/usr/bin/env bats
# A receiver that does not read holds up the publishers that wait for it, and nobody else.

load helper

@test "a receiver that never reads does not slow an unrelated pair" {
    is_sanitized && skip "CPU time of a sanitized program says nothing about the daemon"
    cat >"$DIR/conf" <<EOF
[listener bus]
listen = $S
[limits]
queue_limit  = 256K
slow_timeout = 0
[channel stuck.drop]
slow = drop
EOF
    start_with_config
    run "$PYTHON" "$TOOLS/isolation.py" "$S" "$UDSD_PID" 5 3>&- 8>&-
    assert_success
    printf '# %s\n' "${lines[@]}" >&3
    "$UDSCTL" ping
}
