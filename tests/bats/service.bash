# For tests of the service under a real systemd: what runs in the container leaves its results in $OUT.

# prepare_boot: makes $OUT. For setup_file.
prepare_boot() {
    export OUT=$BATS_FILE_TMPDIR/out
    mkdir "$OUT"
    # The container's /tmp is its own, and other users must get there.
    chmod 755 "$BATS_FILE_TMPDIR" "$OUT"
}

# boot CASES: runs these cases of tests/systemd; where it cannot run, the reason is in $OUT/reason.
boot() {
    local status=0
    "$TOP/tests/systemd/boot" --ro "$TOP/tests/systemd" "$OUT" "$TOP/tests/systemd/$1" "$OUT" \
        >"$OUT/said" 3>&- || status=$?
    [ $status -ne 77 ] || mv "$OUT/said" "$OUT/reason"
}

skip_if_impossible() {
    [ ! -f "$OUT/reason" ] || skip "$(cat "$OUT/reason")"
}

# result_of CASE: how it went in the container.
result_of() {
    skip_if_impossible
    if [ ! -f "$OUT/$1.status" ]; then
        tail -n 20 "$OUT/output" "$OUT/journal" "$OUT/console" >&2
        return 1
    fi
    cat "$OUT/$1.log"
    [ "$(cat "$OUT/$1.status")" -eq 0 ]
}
