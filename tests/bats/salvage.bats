#!/usr/bin/env bats
# A store that is damaged: udsd says so and does not start; what can be read is saved by udsd --salvage.

load helper

# damage_page NUMBER FILE: zeros a page.
damage_page() {
    dd if=/dev/zero of="$2" bs=4096 seek="$1" count=1 conv=notrunc status=none
}

# start_with_store DIRECTORY
start_with_store() {
    start_udsd --store "$1"
}

# page_of TABLE: the first page of the table; the database must not be in use.
page_of() {
    "$PYTHON" - "$1" "$DIR/store/store.db" <<'END'
import sqlite3
import sys
print(sqlite3.connect(sys.argv[2]).execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", sys.argv[1:2]).fetchone()[0] - 1)
END
}

@test "a damaged index: the daemon does not start, and says how to save the store; all entries are saved" {
    start_with_store "$DIR/store"
    local i
    for i in {1..1000}; do
        echo "XADD jobs $i-1 number $i text $(printf 'x%.0s' {1..100})"
    done | redis-cli -s "$S" >/dev/null
    redis-cli -s "$S" XGROUP CREATE jobs workers 0
    stop_udsd
    cp -r "$DIR/store" "$DIR/whole"
    damage_page "$(page_of block_index)" "$DIR/store/store.db"
    run -78 "$UDSD" --listen "$S" --store "$DIR/store" 3>&-
    assert_output --partial 'the database is damaged'
    assert_output --partial 'udsd --salvage'
    cp "$DIR/store/store.db" "$DIR/before"
    run -0 "$UDSD" --salvage "$DIR/store" --store "$DIR/new"
    assert_output --regexp '^/.*/new: saved [0-9]+ blocks and [0-9]+ records; found [0-9]+ damaged places?$'
    cmp "$DIR/before" "$DIR/store/store.db"
    start_with_store "$DIR/new"
    assert_equal "$(redis-cli -s "$S" XLEN jobs)" 1000
    assert_equal "$(redis-cli -s "$S" XRANGE jobs - + | grep -c '^[0-9]*-1$')" 1000
    assert_equal "$(redis-cli -s "$S" XINFO GROUPS jobs | sed -n 2p)" workers
}

@test "of a file that is cut off the rest is saved; of one without its beginning --salvage says that there is nothing" {
    start_with_store "$DIR/store"
    local i what
    for i in {1..1000}; do
        echo "XADD jobs $i-1 number $i text $(printf 'x%.0s' {1..100})"
    done | redis-cli -s "$S" >/dev/null
    stop_udsd
    truncate -s -4096 "$DIR/store/store.db"
    cp "$DIR/store/store.db" "$DIR/before"
    run -78 "$UDSD" --listen "$S" --store "$DIR/store" 3>&-
    assert_output --partial 'udsd --salvage'
    run -0 "$UDSD" --salvage "$DIR/store" --store "$DIR/new"
    cmp "$DIR/before" "$DIR/store/store.db"
    start_with_store "$DIR/new"
    run redis-cli -s "$S" XLEN jobs
    ((output >= 900 && output <= 1000))
    assert_equal "$(redis-cli -s "$S" XRANGE jobs - + | grep -c '^[0-9]*-1$')" "$output"
    stop_udsd
    for what in beginning short tables empty; do
        cp "$DIR/before" "$DIR/store/store.db"
        case $what in
        beginning) dd if=/dev/zero of="$DIR/store/store.db" bs=100 count=1 conv=notrunc status=none ;;
        short) truncate -s 2000 "$DIR/store/store.db" ;;
        tables) sed -i 's/CREATE TABLE block/CREATE TUBLE block/' "$DIR/store/store.db" ;;
        empty) truncate -s 0 "$DIR/store/store.db" ;;
        esac
        cp "$DIR/store/store.db" "$DIR/before-$what"
        run -74 "$UDSD" --salvage "$DIR/store" --store "$DIR/none"
        assert_output "udsd: $DIR/store/store.db: nothing can be read from it; only a backup helps, see udsd(1)"
        cmp "$DIR/before-$what" "$DIR/store/store.db"
    done
}

@test "--salvage: needs a new store, and one that nobody uses" {
    run -64 "$UDSD" --salvage "$DIR/store"
    assert_line --partial 'the new store is missing: --store DIRECTORY'
    run -74 "$UDSD" --salvage "$DIR/nowhere" --store "$DIR/new"
    assert_output "udsd: $DIR/nowhere: there is no store: No such file or directory"
    [ ! -e "$DIR/nowhere" ]
    [ ! -e "$DIR/new" ]
    start_with_store "$DIR/store"
    redis-cli -s "$S" XADD jobs '*' a b
    run -74 "$UDSD" --salvage "$DIR/store" --store "$DIR/new"
    assert_output --partial "a running server (pid $UDSD_PID) is using this store"
    stop_udsd
    run -0 "$UDSD" --salvage "$DIR/store" --store "$DIR/new"
    assert_output --partial 'found 0 damaged places'
    run -74 "$UDSD" --salvage "$DIR/store" --store "$DIR/new"
    assert_output --partial 'there is a store already'
    ln -s "$DIR/store" "$DIR/link"
    run -74 "$UDSD" --salvage "$DIR/store" --store "$DIR/link"
    assert_output "udsd: $DIR/link: is the damaged store itself"
}
