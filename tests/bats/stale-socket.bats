#!/usr/bin/env bats
# Whether a daemon takes a socket's path depends on the file that is there.

load helper
load users

# try_udsd [OPTION...]: runs a daemon that is expected to give up; its messages are in $output.
try_udsd() {
    run timeout 30 "$UDSD" "$@" 3>&-
}

@test "a stale socket is replaced" {
    start_udsd
    kill_udsd
    [ -S "$S" ]
    start_udsd
    [ "$(printf 'PING\r\n' | nc -N -U "$S")" = $'+PONG\r' ]
    stop_udsd
}

@test "a live socket is refused with its owner's pid, and keeps working" {
    start_udsd
    local inode
    inode=$(stat -c %i "$S")
    try_udsd --listen "$S"
    assert_failure 78
    assert_output --partial "$S: a running server (pid $UDSD_PID) is using this socket"
    [ "$(stat -c %i "$S")" = "$inode" ]
    [ "$(printf 'PING\r\n' | nc -N -U "$S")" = $'+PONG\r' ]
}

@test "a live socket of another program is refused with its pid" {
    background nc -lkU "$S"
    local holder=$!
    wait_until is_listening "$S"
    try_udsd --listen "$S"
    assert_failure 78
    assert_output --partial "$S: a running server (pid $holder) is using this socket"
    [ -S "$S" ]
}

@test "a live abstract socket is refused with its owner's pid" {
    local name="@udsd-test-$$-$BATS_TEST_NUMBER"
    start_udsd --listen "$name"
    try_udsd --listen "$name"
    assert_failure 78
    assert_output --partial "$name: a running server (pid $UDSD_PID) is using this socket"
}

@test "a file that is not a socket is never touched" {
    echo precious >"$S"
    try_udsd --listen "$S"
    assert_failure 78
    assert_output --partial "$S: is not a socket"
    [ "$(cat "$S")" = precious ]

    rm "$S"
    mkdir "$S"
    try_udsd --listen "$S"
    assert_failure 78
    [ -d "$S" ]

    rmdir "$S"
    ln -s "$DIR/elsewhere" "$S"
    try_udsd --listen "$S"
    assert_failure 78
    [ -L "$S" ]
    [ ! -e "$DIR/elsewhere" ]
}

@test "two daemons started at the same instant: exactly one wins, 50 times in a row" {
    run "$PYTHON" "$TOOLS/start-race.py" "$UDSD" "$S" 50
    assert_success
}

@test "a daemon that starts while another one ends either serves or gives up, and keeps its socket" {
    run "$PYTHON" "$TOOLS/start-race.py" "$UDSD" "$S" 40 dying
    assert_success
}

# try_window MODE ROUNDS: how often the user nobody tried to connect and succeeded, in $tried and $got_in.
try_window() {
    printf '[listener bus]\nlisten = %s\nsocket_mode = %s\n' "$S" "$1" >"$DIR/conf"
    run "$PYTHON" "$TOOLS/start-window.py" "$UDSD" "$DIR/conf" "$S" "$2"
    assert_success
    read -r tried got_in <<<"$output"
}

@test "no moment of a start or an end lets other users in" {
    need_root
    try_window 0600 100
    [ "$tried" -ge 1000 ]
    [ "$got_in" -eq 0 ]
    try_window 0660 10
    [ "$got_in" -eq 0 ]
    # The check itself works:
    try_window 0666 10
    [ "$got_in" -gt 0 ]
}

@test "errors in the path are reported clearly" {
    local long
    long=$DIR/$(printf 'x%.0s' {1..110})
    try_udsd --listen "$long"
    assert_failure 78
    assert_output --partial "$long"
    assert_output --partial "the limit is 107 bytes"

    try_udsd --listen "$DIR/missing/s"
    assert_failure 78
    assert_output --partial "$DIR/missing/s"
    assert_output --partial "No such file or directory"

    try_udsd --listen "127.0.0.1:99999"
    assert_failure 78
    assert_output --partial "port"
}

@test "no permission for the directory: exit 77" {
    need_root
    mkdir -m 755 "$DIR/private"
    cp "$UDSD" "$DIR/udsd"
    run as_nobody timeout 30 "$DIR/udsd" --listen "$DIR/private/s" 3>&-
    assert_failure 77
    assert_output --partial "$DIR/private/s"
    assert_output --partial "Permission denied"
}

@test "the longest path that a socket can have works" {
    local path=$DIR/
    path+=$(printf 'x%.0s' $(seq $((107 - ${#path}))))
    [ ${#path} -eq 107 ]
    background "$UDSD" --listen "$path" >>"$LOG" 2>&1
    local pid=$!
    wait_until is_listening "$path"
    kill -TERM "$pid"
    wait_exit "$pid"
    [ ! -e "$path" ]
}

@test "on exit a daemon removes its own socket and lock, and no other socket" {
    start_udsd
    stop_udsd
    assert_equal "$(ls -A "$DIR")" udsd.log

    start_udsd
    # In one step, since udsd puts its socket back where it finds none.
    background nc -lkU "$S.other"
    wait_until is_listening "$S.other"
    mv "$S.other" "$S"
    stop_udsd
    [ -S "$S" ]
}

@test "the umask does not widen the socket's permissions" {
    printf '[listener bus]\nlisten = %s\nsocket_mode = 0600\n' "$S" >"$DIR/conf"
    (umask 0 && exec "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1 3>&-) &
    adopt_udsd $!
    [ "$(stat -c %a "$S")" = 600 ]
}

@test "the daemon puts back a socket file that was removed, and clients stay connected" {
    start_udsd
    background "$UDSCTL" recv news >"$DIR/out"
    wait_until subscribed 1
    for _ in 1 2 3; do
        rm "$S"
        wait_until is_listening "$S"
    done
    contains "$LOG" "$S: the socket file was removed or replaced"
    "$UDSCTL" send news hello
    wait_until contains "$DIR/out" hello
}

@test "a file at the socket's place is left alone, and the socket comes back when that file is gone" {
    start_udsd
    printf 'a file\n' >"$DIR/other"
    mv "$DIR/other" "$S"
    wait_until contains "$LOG" "$S: the socket is put back when its directory is there and the place is free"
    [ "$(cat "$S")" = 'a file' ]
    rm "$S"
    wait_until is_listening "$S"
    [ "$(grep -c 'is put back when' "$LOG")" = 1 ]
}

@test "the daemon puts back a socket file after its whole directory was removed" {
    mkdir "$DIR/run"
    S=$DIR/run/s
    start_udsd
    wait_until rm -r "$DIR/run" # the daemon may put its socket back in between
    wait_until contains "$LOG" "is put back when"
    mkdir "$DIR/run"
    wait_until is_listening "$S"
}

@test "the daemon puts its socket back at its place after a directory on the way was renamed" {
    mkdir -p "$DIR/run/deep"
    S=$DIR/run/deep/s
    start_udsd
    mv "$DIR/run" "$DIR/old"
    wait_until contains "$LOG" "is put back when"
    mkdir -p "$DIR/run/deep"
    wait_until is_listening "$S"
}

@test "a socket file that cannot be put back does not delay another one" {
    start_udsd --listen "$DIR/two"
    printf 'a file\n' >"$DIR/file"
    mv "$DIR/file" "$S"
    wait_until contains "$LOG" "is put back when"
    rm "$DIR/two"
    wait_until is_listening "$DIR/two"
    rm "$S"
    wait_until is_listening "$S"
}

@test "the directory of the default socket lets others through, whatever the umask" {
    need_root
    unshare --mount true 2>/dev/null || skip "no right to mount"
    local mask
    for mask in 0000 0077; do
        run unshare --mount bash -c 'mount -t tmpfs none /run && umask "$1" && { "$2" 2>/dev/null 3>&- & } &&
            for _ in {1..500}; do [ ! -S /run/udsd/udsd.sock ] || break; sleep 0.02; done
            stat -c %a /run/udsd && kill $!' - "$mask" "$UDSD"
        assert_success
        assert_output 755
    done
}

@test "without XDG_RUNTIME_DIR a user who may not use the service's directory is pointed to --listen" {
    need_root
    cp "$UDSD" "$DIR/udsd"
    run as_nobody timeout 30 "$DIR/udsd" 3>&-
    assert_failure
    assert_output --regexp '^udsd: error: /run/udsd/udsd\.sock.*; XDG_RUNTIME_DIR is not set, choose a socket of your own with --listen$'
    XDG_RUNTIME_DIR=$DIR/none run as_nobody timeout 30 "$DIR/udsd" 3>&-
    assert_failure 78
    assert_output "udsd: error: $DIR/none/udsd/udsd.sock: cannot open its directory: No such file or directory"
}
