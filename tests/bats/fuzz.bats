#!/usr/bin/env bats
# Runs each fuzzer on its seeds, on all inputs that ever failed, and then for a few seconds.

load helper

setup() {
    common_setup
    [ -n "${UDSD_FUZZ:-}" ] || skip "./dev test runs the fuzzers, if there is clang with libclang-rt-dev"
}

fuzz() { # NAME
    FUZZ_DIR=$DIR FUZZ_SEED=${UDSD_TEST_SEED:-0} run "$TOP/tests/fuzz/run" "$UDSD_FUZZ" "$1" 3
    echo "$output"
    if [ "$status" -ne 0 ]; then
        cp "$DIR/$1"-* "$UDSD_FUZZ"
        echo "the input is in $UDSD_FUZZ"
    fi
    assert_success
}

@test "the parser of requests copes with any bytes, however reads split them" {
    fuzz request
}

@test "the parser of replies copes with any bytes, however reads split them" {
    fuzz reply
}

@test "lines and length-prefixed pieces become the same messages, however reads split them" {
    fuzz frame
}

@test "patterns match as Redis's do, and the index finds every pattern that matches" {
    fuzz glob
}

@test "any configuration file is accepted and printed again, or each mistake is reported with its line" {
    fuzz config
}

@test "the bus withstands any commands and any timing of its clients" {
    fuzz session
}

@test "blocks of streams: what is taken from a disk can be read, changed and stored again" {
    fuzz stream-block
}

@test "clients that wait for entries of streams: none is forgotten, whatever happens in between" {
    fuzz blocked
}
