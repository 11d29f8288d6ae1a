#!/usr/bin/env bats
# Builds that leave something out: without udsctl, its top or its JSON, and without the library that this needs.

load helper

setup_file() {
    ! is_sanitized || return 0
    # pkg-config as on a machine that lacks the libraries in $HIDDEN.
    cat >"$BATS_FILE_TMPDIR/pkg-config" <<'SH'
#!/bin/sh
for hidden in $HIDDEN; do
    case " $* " in *" $hidden "*) exit 1 ;; esac
done
exec pkg-config "$@"
SH
    chmod +x "$BATS_FILE_TMPDIR/pkg-config"
}

# build_without "LIBRARY..." TARGET OPTION...: builds into $B, quickly and with all warnings as errors.
build_without() {
    ! is_sanitized || skip "sanitizers make no difference"
    B=$DIR/build
    HIDDEN=$1 PKG_CONFIG=$BATS_FILE_TMPDIR/pkg-config meson setup "$B" "$TOP" --buildtype=plain --werror \
        -Dtests=false "${@:3}" >"$DIR/setup" || { cat "$DIR/setup" && return 1; }
    ninja -C "$B" $2 >"$DIR/ninja" 3>&- || { cat "$DIR/ninja" && return 1; }
    UDSCTL=$B/cli/udsctl
}

# refuses ARGUMENT...: udsctl does not know this here, and says so.
refuses() {
    run "$UDSCTL" "$@"
    assert_failure 64
}

has_no_json() {
    refuses stats --json
    assert_output "udsctl: --json: this udsctl was built without JSON"
    refuses stats --format json
    assert_output "udsctl: stats: --format json: this udsctl was built without JSON"
    refuses recv --json news
    refuses recv --format %j news
    assert_output --partial "'%j' is unknown"
    run "$UDSCTL" stats
    assert_success
    assert_output --partial deliveries
}

has_no_top() {
    refuses top
    assert_output --partial "unknown verb 'top'"
    run "$UDSCTL" --help
    refute_line --regexp '^  top '
}

# links LIBRARY
links() {
    ldd "$UDSCTL" | grep -qF "lib$1"
}

passes_messages() {
    receive news
    "$UDSCTL" send news hello
    wait_until contains "$DIR/out" hello
}

@test "without JSON" {
    build_without jansson cli/udsctl -Djson=false
    start_udsd
    has_no_json
    passes_messages
    links ncursesw
    ! links jansson
    run "$UDSCTL" --help
    assert_line --regexp '^  top '
}

@test "without top" {
    build_without ncursesw cli/udsctl -Dtop=false
    start_udsd
    has_no_top
    passes_messages
    links jansson
    ! links ncurses
    run "$UDSCTL" ping --json
    assert_success
}

@test "without JSON and top" {
    build_without "jansson ncursesw" cli/udsctl -Djson=false -Dtop=false
    start_udsd
    has_no_json
    has_no_top
    passes_messages
    ! links jansson
    ! links ncurses
}

@test "without udsctl" {
    build_without "jansson ncursesw" all -Dudsctl=false
    DESTDIR=$DIR/root meson install -C "$B" --no-rebuild --quiet
    [ -x "$DIR/root/usr/local/bin/udsd" ]
    run find "$DIR/root" -name '*udsctl*'
    assert_output ''
    UDSD=$B/daemon/udsd
    start_udsd
    assert_equal "$(printf 'PING\r\n' | nc -N -U "$S")" $'+PONG\r'
}

@test "a library that is missing is named" {
    ! is_sanitized || skip "sanitizers make no difference"
    run build_without jansson cli/udsctl
    assert_failure
    assert_output --partial '"jansson"'
}
