#!/usr/bin/env bats
# Random stream commands: udsd answers as redis-server does, also after it was killed or stopped and started again.

load helper

@test "random stream commands are answered as by redis-server, across kill -9 and stops" {
    find_redis >/dev/null || skip "redis-server is not installed"
    # A path below the test's own directory may be too long for a socket.
    local dir
    dir=$(mktemp -d)
    run "$PYTHON" "$TOOLS/stream-random.py" --udsd "$UDSD" --redis-server "$(find_redis)" --dir "$dir" \
        --steps "${UDSD_STREAM_STEPS:-5000}" 3>&- 8>&-
    assert_success
    rm -rf "$dir"
    echo "# ${lines[0]}: ${lines[1]}" >&3
}
