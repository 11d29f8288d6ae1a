#!/usr/bin/env bats
# The configuration file, the command line, and reloading.

load helper

@test "--check-config reports every mistake with file, line, key and what was expected" {
    cat >"$DIR/conf" <<'EOF'
[udsd]
log_level = loud
shutdown_timeout = 5
[limits]
queue_limit = 8X
max_clients = 0
colour = blue
[listener bus]
mode = fast
socket_mode = 0999
socket_group = no-such-group-here
[nonsense]
a = b
just words
[channel alerts.*] publish = root
EOF
    run "$UDSD" --config "$DIR/conf" --check-config
    assert_failure 78
    assert_line "$DIR/conf:2: log_level: 'loud' is not a log level (error, warning, info or debug)"
    assert_line "$DIR/conf:3: shutdown_timeout: '5' is not a duration (try 5s; units are ms, s, m, h and d)"
    assert_line "$DIR/conf:5: queue_limit: '8X' is not a size (try 8M; units are K, M and G)"
    assert_line "$DIR/conf:6: max_clients: '0' is out of range; expected 1 to 1000000"
    assert_line "$DIR/conf:7: colour: unknown key in [limits]"
    assert_line "$DIR/conf:9: mode: 'fast' is not a mode (route, echo, line, length or whole)"
    assert_line "$DIR/conf:10: socket_mode: '0999' is not an octal file mode up to 0777 (try 0660)"
    assert_line "$DIR/conf:11: socket_group: there is no group 'no-such-group-here'"
    assert_line --partial "[listener bus]: 'listen' is missing"
    assert_line "$DIR/conf:12: [nonsense]: unknown section; expected [udsd], [limits], [store], [admin], [listener NAME], [channel PATTERN], [service PATTERN] or [stream PATTERN]"
    assert_line "$DIR/conf:14: 'just words' is neither 'key = value' nor a [section]"
    assert_line "$DIR/conf:15: 'publish = root' stands after [channel alerts.*]; expected it on a line of its own"
}

@test "every user and group that does not exist is named" {
    printf '%s\n' '[listener bus]' "listen = $S" '[channel a]' 'publish = no-such-user, root, @no-such-group' \
        'subscribe = no-such-user, uid:x, @no-such-group' '[stream a]' 'retry_delay = 1s,2s' >"$DIR/conf"
    run "$UDSD" --config "$DIR/conf" --check-config
    assert_failure 78
    assert_line "$DIR/conf:4: publish: there is no user 'no-such-user', no group 'no-such-group'"
    assert_line --partial "$DIR/conf:5: subscribe: 'uid:x' is not "
    assert_line "$DIR/conf:7: retry_delay: '1s,2s' is not a duration (try 5s; units are ms, s, m, h and d; blanks separate durations)"
    printf '%s\n' '[listener bus]' "listen = $S" '[channel a]' \
        "publish = $(seq -s ', ' -f 'no-%g' 1000)" >"$DIR/conf"
    run "$UDSD" --config "$DIR/conf" --check-config
    assert_failure 78
    assert_output --partial "there is no user 'no-1', no user 'no-2'"
}

@test "the key that was meant is named, and so is the reason why a file cannot be read" {
    printf '%s\n' '[listener bus]' "lisen = $S" "listen = $S" '[limits]' 'max_client = 3' >"$DIR/conf"
    run "$UDSD" --config "$DIR/conf" --check-config
    assert_failure 78
    assert_line "$DIR/conf:2: lisen: unknown key in [listener bus]; did you mean 'listen'?"
    assert_line "$DIR/conf:5: max_client: unknown key in [limits]; did you mean 'max_clients'?"
    run "$UDSD" --config "$DIR" --check-config
    assert_failure 78
    assert_output "$DIR: cannot be read: Is a directory"
}

@test "two listeners with the same address are a mistake; # begins a comment after a value" {
    printf '[listener a]\nlisten = %s # here\n[listener b]\nlisten = %s\n' "$S" "$S" >"$DIR/conf"
    run "$UDSD" --config "$DIR/conf" --check-config
    assert_failure 78
    assert_output "$DIR/conf:4: listen: '$S' is the address of [listener a] already"
}

@test "--check-config opens no socket and names the file that it checked" {
    printf '[listener a]\nlisten = %s/none/s\n' "$DIR" >"$DIR/conf"
    run "$UDSD" --config "$DIR/conf" --check-config
    assert_success
    assert_output "$DIR/conf: the configuration is valid"
    [ ! -e "$DIR/none" ]
}

@test "output that cannot be written is an error" {
    run bash -c "'$UDSD' --version >/dev/full"
    assert_failure 74
    assert_output --partial 'No space left'
}

@test "SIGHUP puts back a socket file that was removed" {
    printf '[listener a]\nlisten = %s\n' "$S" >"$DIR/conf"
    start_with_config
    rm "$S"
    kill -HUP "$UDSD_PID"
    wait_until is_listening "$S"
}

@test "a reload that cannot open a listener changes nothing and logs it" {
    printf '[listener a]\nlisten = %s\n' "$S" >"$DIR/conf"
    start_with_config
    printf '[listener b]\nlisten = %s/none/s\n[listener c]\nlisten = %s/c\n' "$DIR" "$DIR" >"$DIR/conf"
    kill -HUP "$UDSD_PID"
    wait_until contains "$LOG" 'was not reloaded'
    is_listening "$S"
}

@test "without a configuration file SIGHUP stops the daemon, as when its terminal goes away" {
    start_udsd
    kill -HUP "$UDSD_PID"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    [ ! -e "$S" ]
}

@test "a file that cannot be read is an error that names it" {
    run "$UDSD" --config "$DIR/none" --check-config
    assert_failure 78
    assert_output "$DIR/none: No such file or directory"
}

@test "--print-config refuses values of the command line that a file cannot express" {
    local value
    for value in "$DIR/a ;b" "$DIR/a #b" "$DIR/a " " $DIR/a" "$DIR/a"$'\nb'; do
        run "$UDSD" --listen "$value" --print-config
        assert_failure 78
        assert_output "udsd: --listen '$value': a configuration file cannot express this"
        run "$UDSD" --listen "$S" --mode line --channel "$value" --print-config
        assert_failure 78
    done
    "$UDSD" --listen ';x' --mode line --channel '#a;b' --print-config >"$DIR/printed"
    "$UDSD" --config "$DIR/printed" --print-config | diff "$DIR/printed" -
    contains "$DIR/printed" 'channel =#a;b'
}

@test "the sample configuration has every key with its default" {
    run "$UDSD" --config "$TOP/conf/udsd.conf" --check-config
    assert_success
    "$UDSD" --config "$TOP/conf/udsd.conf" --print-config >"$DIR/sample"
    printf '[listener bus]\nlisten = /run/udsd/udsd.sock\n' >"$DIR/minimal"
    "$UDSD" --config "$DIR/minimal" --print-config >"$DIR/defaults"
    diff "$DIR/defaults" "$DIR/sample"
    grep ' = ' "$DIR/defaults" >"$DIR/keys"
    has_lines "$DIR/keys" 20
    while read -r key _; do
        grep -qE "^$key( |=)" "$TOP/conf/udsd.conf" || fail "the sample lacks $key"
    done <"$DIR/keys"
}

@test "the sample shows the keys of streams with their defaults" {
    printf '[listener bus]\nlisten = /run/udsd/udsd.sock\n[stream jobs.*]\n' >"$DIR/minimal"
    "$UDSD" --config "$DIR/minimal" --print-config | sed -n '/^.stream/,$p' >"$DIR/defaults"
    has_lines "$DIR/defaults" 4
    sed -n '/^#.stream/,$s/^#//p' "$TOP/conf/udsd.conf" >"$DIR/uncommented"
    "$UDSD" --config "$DIR/uncommented" --print-config | sed -n '/^.stream/,$p' | diff "$DIR/defaults" -
    for key in $(sed -n 's/ =.*//p' "$DIR/defaults"); do
        grep -qE "^\.It Cm $key\$" "$TOP/man/udsd.conf.5" || fail "udsd.conf.5 lacks $key"
    done
}

@test "the manuals name every option and every key" {
    "$UDSD" --help | grep -oE '^  --[a-z-]+' | tr -d ' -' >"$DIR/options"
    has_lines "$DIR/options" 7
    while read -r option; do
        tr -d ' -' <"$TOP/man/udsd.1" | grep -q "^.ItFl$option" || fail "udsd.1 lacks --$option"
    done <"$DIR/options"
    "$UDSD" --config "$TOP/conf/udsd.conf" --print-config | grep ' = ' >"$DIR/keys"
    has_lines "$DIR/keys" 20
    while read -r key _; do
        grep -qE "^\.It Cm $key\$" "$TOP/man/udsd.conf.5" || fail "udsd.conf.5 lacks $key"
    done <"$DIR/keys"
}

@test "a mistyped option is refused with a suggestion" {
    run "$UDSD" --lisen x
    assert_failure 64
    assert_output --partial "unknown option '--lisen'"
    assert_output --partial "did you mean '--listen'"
    run "$UDSD" --mode echo
    assert_failure 64
    run "$UDSD" --listen
    assert_failure 64
    run "$UDSD" --listen "$S" --mode fast
    assert_failure 64
    run "$UDSD" stray
    assert_failure 64
    assert_line "udsd: unexpected argument 'stray'; a file is for --config, an address for --listen"
    run "$UDSD" --listen 127.0.0.1
    assert_failure 78
    assert_output --partial "--listen '127.0.0.1': the port is missing"
}

@test "SIGHUP adds and removes listeners and changes limits, and clients stay" {
    printf '[listener one]\nlisten = %s\n' "$S" >"$DIR/conf"
    start_with_config
    background "$UDSCTL" recv -n 1 news >"$DIR/out"
    local recv=$!
    wait_until subscribed 1

    cat >"$DIR/conf" <<EOF
[udsd]
log_level = debug
[listener two]
listen = $DIR/two
mode   = echo
[listener three]
listen = $DIR/three
[limits]
max_message = 1K
EOF
    kill -HUP "$UDSD_PID"
    wait_until is_listening "$DIR/two"
    wait_until is_listening "$DIR/three"
    wait_until test ! -e "$S"
    S=$DIR/three
    run "$UDSCTL" --socket "$S" send news "$(printf 'x%.0s' {1..2000})"
    assert_failure 76
    "$UDSCTL" --socket "$S" send news hello
    wait_exit "$recv"
    assert_equal "$(cat "$DIR/out")" hello
}

# reload: the reply to UDSD RELOAD.
reload() {
    printf 'UDSD RELOAD\r\n' | nc -N -U "$S" | tr -d '\r'
}

@test "UDSD RELOAD does what SIGHUP does, and replies when the new configuration is in force" {
    printf '[listener one]\nlisten = %s\n' "$S" >"$DIR/conf"
    start_with_config
    printf '[listener two]\nlisten = %s\n' "$DIR/two" >>"$DIR/conf"
    assert_equal "$(reload)" +OK
    is_listening "$DIR/two"
    # The reply names the first mistake, and nothing changes.
    printf '[listener two]\nlisten = %s\n[limits]\nqueue_limit = 8X\nmax_message = none\n' "$S" >"$DIR/conf"
    assert_equal "$(reload)" "-ERR the configuration was not reloaded: $DIR/conf:4: queue_limit: '8X' is not a size \
(try 8M; units are K, M and G) (and 1 more, see the log)"
    contains "$LOG" "max_message: 'none' is not a size"
    is_listening "$DIR/two"
    # The same holds for a listener that cannot be opened.
    printf '[listener two]\nlisten = %s\n[listener x]\nlisten = %s/nowhere/s\n' "$S" "$DIR" >"$DIR/conf"
    run reload
    assert_success
    assert_output --regexp "^-ERR the configuration was not reloaded: $DIR/nowhere.*: No such file or directory"
    is_listening "$DIR/two"
}

@test "UDSD RELOAD without a file is an error" {
    start_udsd
    assert_equal "$(reload)" '-ERR the configuration was not reloaded: with --listen and without --config no file is read'
    run "$UDSD" --listen "$S" --check-config
    assert_success
    assert_output 'no file, only the command line: the configuration is valid'
}

# prepare_etc: $DIR/in-etc COMMAND... runs it where $DIR/etc is /etc and $DIR/run is /run. $CONF is the default
# configuration file there, $CONF_NAME what the daemon calls it.
prepare_etc() {
    CONF_NAME=$("$UDSD" --help | grep -oE '/.*/udsd\.conf')
    CONF=$DIR$CONF_NAME
    [[ $CONF_NAME = /etc/* ]] || skip "the configuration file is $CONF_NAME"
    unshare --mount true 2>/dev/null || skip "no right to mount"
    mkdir -p "$DIR/run" "$(dirname "$CONF")"
    cp /etc/passwd /etc/group "$DIR/etc"
    printf '#!/bin/sh\nexec unshare --mount sh -c "mount --bind %s/etc /etc && mount --bind %s/run /run && %s" - "$@"\n' \
        "$DIR" "$DIR" 'exec \"\$@\"' >"$DIR/in-etc"
    chmod +x "$DIR/in-etc"
}

# start_in_etc: a daemon there without options, which listens on $S.
start_in_etc() {
    "$DIR/in-etc" "$UDSD" >>"$LOG" 2>&1 3>&- &
    adopt_udsd $!
}

@test "--check-config without a file names the one that it looked for, and fails" {
    prepare_etc
    run "$DIR/in-etc" "$UDSD" --check-config
    assert_failure 78
    assert_output "$CONF_NAME: No such file or directory"
    run "$DIR/in-etc" "$UDSD" --print-config
    assert_success
    assert_line 'listen = /run/udsd/udsd.sock'
}

@test "a reload while the configuration file is missing changes nothing and logs it" {
    prepare_etc
    printf '[listener bus]\nlisten = %s\n[channel secret]\nsubscribe =\n' "$S" >"$CONF"
    start_in_etc
    background "$UDSCTL" recv -n 1 news >"$DIR/out"
    local recv=$!
    wait_until subscribed 1

    mv "$CONF" "$CONF.new"
    kill -HUP "$UDSD_PID"
    wait_until contains "$LOG" 'was not reloaded'
    contains "$LOG" "$CONF_NAME: No such file or directory"
    assert_equal "$(reload)" "-ERR the configuration was not reloaded: $CONF_NAME: No such file or directory"
    printf 'SUBSCRIBE secret\r\n' | nc -N -U "$S" | grep -q '^-NOPERM'
    "$UDSCTL" send news hello
    wait_exit "$recv"
    [ ! -e "$DIR/run/udsd" ]

    printf '[listener two]\nlisten = %s\n' "$DIR/two" >>"$CONF.new"
    mv "$CONF.new" "$CONF"
    assert_equal "$(reload)" +OK
    is_listening "$DIR/two"
}

@test "a daemon that started without a file reads the one that appears; until then SIGHUP stops it" {
    S=$DIR/run/udsd/udsd.sock
    prepare_etc
    start_in_etc
    assert_equal "$(reload)" "-ERR the configuration was not reloaded: $CONF_NAME: No such file or directory"
    printf '[listener bus]\nlisten = %s\n' "$DIR/s" >"$CONF"
    kill -HUP "$UDSD_PID"
    S=$DIR/s
    wait_until is_listening "$S"
    wait_until test ! -e "$DIR/run/udsd/udsd.sock"
    rm "$CONF"
    kill -HUP "$UDSD_PID"
    wait_until contains "$LOG" "$CONF_NAME: No such file or directory"
    is_listening "$S"
    stop_udsd

    S=$DIR/run/udsd/udsd.sock
    start_in_etc
    kill -HUP "$UDSD_PID"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}

@test "SIGHUP with a bad file changes nothing and logs the mistake" {
    printf '[listener one]\nlisten = %s\n' "$S" >"$DIR/conf"
    start_with_config
    printf '[listener one]\nlisten = %s\nmode = fast\n' "$DIR/other" >"$DIR/conf"
    kill -HUP "$UDSD_PID"
    wait_until contains "$LOG" 'was not reloaded'
    contains "$LOG" "udsd: error: $DIR/conf:3: mode: 'fast' is not a mode"
    # Every line of a log says which program it is from.
    refute grep -v '^udsd: [a-z]*: ' "$LOG"
    is_listening "$S"
    [ ! -e "$DIR/other" ]
}
