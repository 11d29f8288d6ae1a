#!/usr/bin/env bats
# Loss of power: what the store has reported as committed is there afterwards, and each commit as a whole. The trace of a
# program that uses the store, or of the daemon itself, is replayed up to random points; see tests/tools/power-loss.py.
# UDSD_POWER_LOSS_IMAGES=N tries so many images of a store (300), UDSD_POWER_LOSS_DAEMONS=N of the daemon's (60).

load helper

setup_file() {
    # In memory, so that no disk is waited for.
    local parent=$BATS_FILE_TMPDIR
    [ ! -w /dev/shm ] || parent=/dev/shm
    STORES=$(mktemp -d "$parent/udsd-power-loss-XXXXXX")
    SEED=${UDSD_TEST_SEED:-$RANDOM}
    export STORES SEED
    mkdir "$STORES/store"
    is_sanitized || LD_PRELOAD=$BUILD/tests/power-loss/recorder.so RECORDER_TRACE=$STORES/trace \
        RECORDER_DIRECTORY=$STORES/store "$BUILD/tests/power-loss/store-work" write "$STORES/store" "$SEED" 400
}

teardown_file() {
    rm -rf "$STORES"
}

# replay IMAGES [OPTION...]
replay() {
    "$PYTHON" "$TOOLS/power-loss.py" "$STORES/trace" "$SEED" "$1" "$STORES/image" \
        "$BUILD/tests/power-loss/store-work" check DIRECTORY "$SEED" "${@:2}"
}

setup() {
    common_setup
    # The recorder takes the place of functions that the sanitizer's library takes as well.
    ! is_sanitized || skip "with a sanitizer"
}

@test "whenever the power fails: the store opens, nothing reported is missing, no commit is there in part" {
    echo "# UDSD_TEST_SEED=$SEED" >&3
    run replay "${UDSD_POWER_LOSS_IMAGES:-300}"
    echo "# $output" >&3
    assert_success
}

@test "flushes of the log, of the database or of the directory that have no effect are found out" {
    local kind
    for kind in log database directory; do
        run replay 100 --forget "$kind"
        echo "# without flushes of the $kind: ${lines[0]}" >&3
        assert_failure 1
        assert_output --regexp '[1-9][0-9]* (bad|lost)'
    done
}

# replay_daemon IMAGES [OPTION...]
replay_daemon() {
    "$PYTHON" "$TOOLS/power-loss.py" "$STORES/daemon/trace" "$SEED" "$1" "$STORES/image" \
        "$PYTHON" "$TOOLS/power-daemon.py" check "$UDSD" "$STORES/daemon" DIRECTORY "${@:2}"
}

@test "whenever the power fails: what the daemon has answered about entries, groups and producers is there, and is found missing without flushes" {
    echo "# UDSD_TEST_SEED=$SEED" >&3
    mkdir "$STORES/daemon"
    run "$PYTHON" "$TOOLS/power-daemon.py" write "$UDSD" "$BUILD/tests/power-loss/recorder.so" "$STORES/daemon" "$SEED" 300
    assert_success
    run replay_daemon "${UDSD_POWER_LOSS_DAEMONS:-60}"
    echo "# $output" >&3
    assert_success
    run replay_daemon 30 --forget log
    echo "# without flushes of the log: ${lines[0]}" >&3
    assert_failure 1
    assert_output --regexp '[1-9][0-9]* (bad|lost)'
}
