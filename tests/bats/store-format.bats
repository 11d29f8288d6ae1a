#!/usr/bin/env bats
# Stores that earlier daemons have written are read. tests/data has one of each format, as SQL; what is in them, and how
# they are made, is in tests/tools/store-format.py.

load helper
load streams

format() {
    run "$PYTHON" "$TOOLS/store-format.py" "$@"
    assert_success
}

@test "a store that a daemon writes has all that the store of a format must have, after a restart" {
    start_store
    format fill "$S"
    stop_udsd
    start_store
    format check "$S" "$UID"
    stop_udsd
    # Whoever makes a new format adds its store, and does not replace the old one.
    format version "$DIR/store/store.db"
    local number=${lines[0]} tables=$output
    [ -f "$TOP/tests/data/store-$number.sql" ] || fail "there is no file for the format $number"
    "$PYTHON" "$TOOLS/store-format.py" build "$DIR/there.db" <"$TOP/tests/data/store-$number.sql"
    format version "$DIR/there.db"
    assert_output "$tables"
}

@test "the store of each format is read, and has all that was in it" {
    local file
    for file in "$TOP"/tests/data/store-*.sql; do
        rm -rf "$DIR/store"
        mkdir "$DIR/store"
        "$PYTHON" "$TOOLS/store-format.py" build "$DIR/store/store.db" <"$file"
        start_store
        refute contains "$LOG" damaged
        format check "$S" 0
        # What it writes from now on stands beside it.
        assert_equal "$(ask XADD jobs 9-0 message 9)" $'$3\n9-0'
        kill_udsd
        start_store
        refute contains "$LOG" damaged
        assert_equal "$(ask XLEN jobs)" :8
        stop_udsd
    done
}
