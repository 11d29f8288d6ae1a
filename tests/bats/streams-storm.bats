#!/usr/bin/env bats
# Streams under attack: storms of random commands from many connections with kill -9 in between, and single faults.

load helper

@test "a storm of random commands, kills and stops breaks nothing and loses nothing that was answered" {
    local dir
    # A path below the test's own directory may be too long for a socket.
    dir=$(mktemp -d)
    run "$PYTHON" "$TOOLS/stream-storm.py" --udsd "$UDSD" --dir "$dir" --steps "${UDSD_STREAM_STORM:-1000}" \
        3>&- 8>&-
    assert_success
    rm -rf "$dir"
    echo "# ${lines[0]}: ${lines[1]}" >&3
}

@test "a command that needs two blocks larger than the cache is answered" {
    "$PYTHON" "$TOOLS/stream-corners.py" "$UDSD" large_blocks 3>&- 8>&-
}

@test "a stream that expires while XREADGROUP looks at its keys does not end the daemon" {
    "$PYTHON" "$TOOLS/stream-corners.py" "$UDSD" expiry 3>&- 8>&-
}

@test "a reader whose group goes away while it waits for the disk does not wait for ever" {
    "$PYTHON" "$TOOLS/stream-corners.py" "$UDSD" gone_group 3>&- 8>&-
}

@test "max_bytes_per_uid bounds consumers and pending entries, and what is pending can be worked off" {
    "$PYTHON" "$TOOLS/stream-corners.py" "$UDSD" quota 3>&- 8>&-
}

@test "KEYS * shows a stream without a name" {
    "$PYTHON" "$TOOLS/stream-corners.py" "$UDSD" empty_name 3>&- 8>&-
}

@test "UDSD STREAMS keeps to the work of a pass, with many groups of a large stream" {
    "$PYTHON" "$TOOLS/stream-corners.py" "$UDSD" many_groups 3>&- 8>&-
}

@test "a reader that hangs up while it is woken in vain is noticed" {
    "$PYTHON" "$TOOLS/stream-corners.py" "$UDSD" hang_up 3>&- 8>&-
}
