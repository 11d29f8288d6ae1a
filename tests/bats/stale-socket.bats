#!/usr/bin/env bats
# What stands at the socket's path decides whether a daemon takes it.

load helper
load users

# try_udsd [OPTION...]: runs a daemon that is expected to refuse; its words are in $output.
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

@test "a live socket is refused with its holder's pid, and unharmed" {
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

@test "a live abstract socket is refused with its holder's pid" {
    local name="@udsd-test-$$-$BATS_TEST_NUMBER"
    start_udsd --listen "$name"
    try_udsd --listen "$name"
    assert_failure 78
    assert_output --partial "$name: a running server (pid $UDSD_PID) is using this socket"
}

@test "what is not a socket is never touched" {
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

@test "a daemon that starts while another one ends serves or gives up, and loses its socket to nobody" {
    run "$PYTHON" "$TOOLS/start-race.py" "$UDSD" "$S" 40 dying
    assert_success
}

# try_window MODE: how often nobody tried to get in and did, in $tried and $got_in.
try_window() {
    printf '[listener bus]\nlisten = %s\nsocket_mode = %s\n' "$S" "$1" >"$DIR/conf"
    run "$PYTHON" "$TOOLS/start-window.py" "$UDSD" "$DIR/conf" "$S" "$2"
    assert_success
    read -r tried got_in <<<"$output"
}

@test "no start and no end leaves a moment in which somebody else gets in" {
    need_root
    try_window 0600 100
    [ "$tried" -ge 1000 ]
    [ "$got_in" -eq 0 ]
    try_window 0660 10
    [ "$got_in" -eq 0 ]
    # That it would be noticed:
    try_window 0666 10
    [ "$got_in" -gt 0 ]
}

@test "errors in the path are clear" {
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
    [ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
    mkdir -m 755 "$DIR/private"
    chmod a+x "$DIR" "$BATS_RUN_TMPDIR" 2>/dev/null || true
    cp "$UDSD" "$DIR/udsd"
    chmod 755 "$DIR/udsd"
    run timeout 30 setpriv --reuid 65534 --regid 65534 --clear-groups "$DIR/udsd" --listen "$DIR/private/s" 3>&-
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

@test "on exit the own socket and its lock are removed, and nobody else's" {
    start_udsd
    stop_udsd
    [ -z "$(ls -A "$DIR" | grep -v udsd.log)" ]

    start_udsd
    # In one step: where nothing stands, udsd puts its socket back.
    background nc -lkU "$S.other"
    wait_until is_listening "$S.other"
    mv "$S.other" "$S"
    stop_udsd
    [ -S "$S" ]
}

@test "the socket has its permissions from the first moment" {
    printf '[listener bus]\nlisten = %s\nsocket_mode = 0600\n' "$S" >"$DIR/conf"
    (umask 0; exec "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1 3>&-) &
    PIDS+=($!)
    wait_until is_listening "$S"
    [ "$(stat -c %a "$S")" = 600 ]
}

@test "a socket file that is removed under the daemon is put back, and clients stay connected" {
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

@test "what stands in the place of the socket file is left alone, and the socket is back when that is gone" {
    start_udsd
    printf 'a file\n' >"$DIR/other"
    mv "$DIR/other" "$S"
    wait_until contains "$LOG" "$S: the socket is put back when its directory is there and the place is free"
    [ "$(cat "$S")" = 'a file' ]
    rm "$S"
    wait_until is_listening "$S"
    [ "$(grep -c 'is put back when' "$LOG")" = 1 ]
}

@test "a socket file is put back after its whole directory was away" {
    mkdir "$DIR/run"
    S=$DIR/run/s
    start_udsd
    wait_until rm -r "$DIR/run" # the daemon may be quicker
    wait_until contains "$LOG" "is put back when"
    mkdir "$DIR/run"
    wait_until is_listening "$S"
}

@test "one socket file that cannot be put back does not keep another one away" {
    start_udsd --listen "$DIR/two"
    printf 'a file\n' >"$DIR/file"
    mv "$DIR/file" "$S"
    wait_until contains "$LOG" "is put back when"
    rm "$DIR/two"
    wait_until is_listening "$DIR/two"
    rm "$S"
    wait_until is_listening "$S"
}
