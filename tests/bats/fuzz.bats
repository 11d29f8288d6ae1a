#!/usr/bin/env bats
# Each fuzzer over its seeds, over all that it has ever found, and for a few seconds more.

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

@test "the parser of requests takes whatever clients send, in any reads" {
    fuzz request
}

@test "the parser of replies takes whatever servers send, in any reads" {
    fuzz reply
}

@test "lines and counted pieces are cut into the same messages, in any reads" {
    fuzz frame
}

@test "patterns match what Redis's match, and the index finds those that do" {
    fuzz glob
}

@test "a configuration file is accepted and printed, or each mistake has its line" {
    fuzz config
}

@test "the bus withstands whatever its clients say and do" {
    fuzz session
}
