#!/usr/bin/env bats
# udsd replies as redis-server does, to every sequence of tests/differential/corpus.

load helper

# differential [OPTION]... [FILE]...: compares both servers; prints the command that repeats it.
differential() {
    echo "repeat with: tests/differential/run $*"
    run "$PYTHON" "$TOP/tests/differential/run" --udsd "$UDSD" "$@"
}

@test "RESP2, each step in one piece" {
    differential --protocol 2 --whole
    assert_success
}

@test "RESP2, split at random" {
    differential --protocol 2 --split
    assert_success
}

@test "RESP3, each step in one piece" {
    differential --protocol 3 --whole
    assert_success
}

@test "RESP3, split at random" {
    differential --protocol 3 --split
    assert_success
}

@test "two redis-servers reply alike" {
    ! is_sanitized || skip "nothing of udsd runs"
    differential --itself
    assert_success
}

@test "a difference is found" {
    differential --protocol 2 --whole --max-message 1M protocol/bulk-length-limit.seq connection/ping.seq
    assert_failure
    assert_output --partial 'RESP2, whole: protocol/bulk-length-limit.seq'
    assert_output --partial "Protocol error: invalid bulk length"
    assert_line 'RESP2, whole: 2 files, 1 differ'
}

@test "a listed difference that never occurs is found" {
    cat "$TOP/tests/differential/differences.toml" - >"$DIR/differences.toml" <<'EOT'

[[difference]]
name = "left over"
why = "It was fixed."
files = ["*"]
request = "PING"
redis = '^\+PONG$'
udsd = '^\+pong$'
EOT
    differential --protocol 2 --whole --differences "$DIR/differences.toml"
    assert_failure
    assert_line "RESP2, whole: the difference 'left over' never occurs"
}

@test "a server that dies is found" {
    differential --protocol 2 --whole --udsd /bin/false connection/ping.seq
    assert_failure
    assert_output --partial 'udsd ended with status 1'
}
