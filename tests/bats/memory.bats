#!/usr/bin/env bats
# The memory that clients can make the daemon use is bounded, and given back when they leave.

load helper
load users

@test "1,000 clients that use as much memory as they can: it stays within the limits, and is given back" {
    need_root
    cat >"$DIR/conf" <<EOF
[listener bus]
listen      = $S
socket_mode = 0666
[listener echo]
listen      = $DIR/e
mode        = echo
socket_mode = 0666
[limits]
max_clients               = 1100
max_message               = 64K
max_subscriptions         = 100
max_subscriptions_per_uid = 20000
queue_limit               = 128K
queue_limit_per_uid       = 24M
slow_timeout              = 2s
[channel flood.drop]
slow = drop
EOF
    start_with_config
    local check=1
    ! is_sanitized || check=0
    run "$PYTHON" "$TOOLS/memory.py" "$S" "$DIR/e" "$UDSD_PID" "${UDSD_MEMORY_SECONDS:-10}" "$check" 3>&- 8>&-
    assert_success
    printf '# %s\n' "${lines[@]}" >&3
    "$UDSCTL" ping
}
