#!/usr/bin/env bats
# Everything at once: clients of all kinds run while they and the daemon are stopped, killed, restarted and reloaded.

load helper

@test "chaos: no answered message is lost, and every missing message is accounted for" {
    local options=()
    [ -z "${UDSD_TEST_SEED:-}" ] || options+=(--seed "$UDSD_TEST_SEED")
    ! is_sanitized || options+=(--slow-machine)
    # A path below the test's own directory may be too long for a socket.
    local dir
    dir=$(mktemp -d)
    run "$PYTHON" "$TOOLS/chaos.py" --udsd "$UDSD" --udsctl "$UDSCTL" --dir "$dir" \
        --seconds "${UDSD_CHAOS_SECONDS:-20}" "${options[@]}" 3>&- 8>&-
    assert_success
    rmdir "$dir"
    echo "# ${lines[0]}" >&3
}
