#!/usr/bin/env bats
# udsctl in a shell: usage, exit statuses, and all forms of input and output.

load helper
load users

@test "send from arguments and recv print the same" {
    start_udsd
    background "$UDSCTL" recv -n 3 news >"$DIR/out"
    local recv=$!
    wait_until subscribed 1
    "$UDSCTL" send news one "two words" ""
    wait_exit "$recv"
    assert_equal "$status" 0
    printf 'one\ntwo words\n\n' | cmp - "$DIR/out"
}

@test "lines: empty ones and a last one without newline are messages" {
    start_udsd
    background "$UDSCTL" recv -n 3 news >"$DIR/out"
    local recv=$!
    wait_until subscribed 1
    printf 'a\n\nlast' | "$UDSCTL" send news
    wait_exit "$recv"
    printf 'a\n\nlast\n' | cmp - "$DIR/out"
}

@test "-0 separates by NUL, --whole sends all as one message, any bytes pass" {
    start_udsd
    background "$UDSCTL" recv -0 -n 3 news >"$DIR/out"
    local recv=$!
    wait_until subscribed 1
    printf 'two\nlines\0second\0' | "$UDSCTL" send -0 news
    printf '\001\377\r\n$5\r\n' | "$UDSCTL" send --whole news
    wait_exit "$recv"
    printf 'two\nlines\0second\0\001\377\r\n$5\r\n\0' | cmp - "$DIR/out"
}

@test "a message of 16 MiB passes; a larger one is refused with its number, and the others are sent" {
    start_udsd
    background "$UDSCTL" recv -n 3 big >"$DIR/out"
    local recv=$!
    wait_until subscribed 1
    head -c 16777216 /dev/zero | tr '\0' x >"$DIR/big"
    "$UDSCTL" send --whole big <"$DIR/big"
    {
        echo before
        cat "$DIR/big"
        echo x
        echo after
    } >"$DIR/in"
    run "$UDSCTL" send --queue-bytes 64M --summary big <"$DIR/in"
    assert_failure 76
    assert_output --partial "larger than max_message"
    assert_output --partial "3 messages, 2 answered, 0 not sent, 1 refused"
    wait_exit "$recv"
    tail -n 2 "$DIR/out" | cmp - <(printf 'before\nafter\n')
}

@test "the queue is bounded: udsctl send does not read standard input while it is full" {
    # Without a daemon udsctl send reads from the pipe as much as its queue holds, and little more.
    run "$PYTHON" - "$UDSCTL" <<'EOF'
import os, select, subprocess, sys
send = subprocess.Popen([sys.argv[1], "send", "--queue-bytes", "100K", "numbers"], stdin=subprocess.PIPE)
pipe, taken = send.stdin.fileno(), 0
os.set_blocking(pipe, False)
# It reads until its queue is full, however long it takes to start; then nothing for a second.
while select.select([], [pipe], [], 1 if taken >= 100000 else 20)[1] and taken < 10000000:
    taken += os.write(pipe, b"0123456\n" * 500)
send.kill()
print(taken)
EOF
    assert_success
    [ "$output" -ge 100000 ]
    [ "$output" -lt 1000000 ]
}

@test "SIGINT stops reading, sends the queue, and reports the result" {
    start_udsd
    receive news
    mkfifo "$DIR/fifo"
    # The shell ignores SIGINT for a command in the background.
    env --default-signal=INT "$UDSCTL" send --summary news <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    # Open for reading too, so that a writer never finds the FIFO without a reader.
    exec 8<>"$DIR/fifo"
    seq 10 >&8
    wait_until has_lines "$DIR/out" 10
    kill -INT "$send"
    wait_exit "$send"
    assert_equal "$status" 130
    contains "$DIR/err" '10 messages, 10 answered'

    # Without a daemon the queue cannot be sent: it reports how many messages it has.
    stop_udsd
    env --default-signal=INT "$UDSCTL" send --timeout 1s -v news <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    send=$!
    PIDS+=("$send")
    seq 5 >&8
    wait_until contains "$DIR/err" waiting
    kill -INT "$send"
    wait_exit "$send"
    assert_equal "$status" 130
    contains "$DIR/err" '5 of 5'
}

@test "^C ends a loop of a shell around udsctl, with or without a daemon" {
    run "$PYTHON" "$TOOLS/interrupted-loops.py" "$UDSCTL" "$S" 3>&- 8>&-
    assert_success
    start_udsd --store "$DIR/store"
    run "$PYTHON" "$TOOLS/interrupted-loops.py" "$UDSCTL" "$S" 3>&- 8>&-
    assert_success
}

@test "recv ends quietly when the reader of its output leaves" {
    start_udsd
    seq 100 | "$UDSCTL" send --wait-receiver --timeout 30s news 3>&- &
    PIDS+=($!)
    run bash -c "'$UDSCTL' recv news 2>'$DIR/err' | head -n 1"
    assert_success
    assert_output 1
    [ ! -s "$DIR/err" ]
}

@test "a message that begins with a dash must follow --" {
    start_udsd
    run "$UDSCTL" send news -5
    assert_failure 64
    assert_output --partial "behind '--'"
    "$UDSCTL" send news -- -5
}

@test "output that cannot be written: exit 74, with the reason" {
    start_udsd
    run bash -c "'$UDSCTL' ping >/dev/full"
    assert_failure 74
    assert_output --partial 'No space left'
    run bash -c "'$UDSCTL' --help >/dev/full"
    assert_failure 74
    assert_output --partial 'No space left'
    local words
    for words in ping --help 'stats -w50ms' 'top --batch'; do
        run timeout "$PATIENCE" bash -c "'$UDSCTL' $words >&-"
        assert_failure 74
        assert_output --partial 'Bad file descriptor'
    done
}

@test "recv --timeout ends with 75 when no message comes; a number alone is in seconds" {
    start_udsd
    run "$UDSCTL" recv --timeout 200ms news
    assert_failure 75
    run "$UDSCTL" recv --timeout 1 news
    assert_failure 75
    assert_output 'udsctl: timed out after 1s: no message came'
}

@test "recv prints each message at once" {
    start_udsd
    background "$UDSCTL" recv news >"$DIR/out"
    wait_until subscribed 1
    "$UDSCTL" send news one
    wait_until contains "$DIR/out" one
}

@test "recv on channels and patterns together" {
    start_udsd
    background "$UDSCTL" recv -n 3 -p 'w*' -p 'x?' news sport >"$DIR/out"
    local recv=$!
    wait_until subscribed 4
    "$UDSCTL" send news 1
    "$UDSCTL" send weather 2
    "$UDSCTL" send other no
    "$UDSCTL" send x1 3
    wait_exit "$recv"
    assert_equal "$(cat "$DIR/out")" $'1\n2\n3'
}

@test "ping: answered 0, no daemon 69, not a bus 76" {
    run "$UDSCTL" ping
    assert_failure 69
    start_udsd --listen "$DIR/other"
    run "$UDSCTL" ping
    assert_success
    assert_output --regexp '^PONG from .* in [0-9.]+ [mu]s$'
    stop_udsd
    start_udsd --mode echo
    run "$UDSCTL" ping
    assert_failure 76
    run "$UDSCTL" send news hello
    assert_failure 76
    assert_output --partial "udsctl pipe"
}

# PONG from SOCKET (REASON) in N us
reason_is() { # SOCKET REASON
    assert_success
    assert_equal "${output% in *}" "PONG from $1 ($2)"
}

@test "ping and --verbose say why udsctl uses this socket" {
    local own=$DIR/udsd/udsd.sock before
    mkdir "$DIR/udsd"
    start_udsd --listen "$own"
    run "$UDSCTL" ping
    reason_is "$S" UDSD_SOCKET
    run "$UDSCTL" --socket "$own" ping
    reason_is "$own" --socket
    unset UDSD_SOCKET
    export XDG_RUNTIME_DIR=$DIR
    run "$UDSCTL" ping
    reason_is "$own" "this user's hub"
    before=$(info total_connections_received)
    run --separate-stderr "$UDSCTL" -v send news hello
    assert_success
    assert_equal "${stderr%%$'\n'*}" "udsctl: using $own (this user's hub)"
    # The look at the socket was no connection.
    assert_equal "$(info total_connections_received)" $((before + 2))
    run "$UDSCTL" ping --json
    assert_equal "$(jq -r '.socket + " " + .reason' <<<"$output")" "$own this user's hub"
}

# udsctl as in a machine with the service: in a mount namespace with another /run.
with_run() { # DIRECTORY COMMAND...
    unshare --mount --propagation private sh -c 'mkdir -p /run && mount --bind "$0" /run && exec "$@"' "$@"
}

@test "a user's hub that was killed hides no running service" {
    need_root
    unshare --mount true || skip "no mount namespace can be made"
    local run=$DIR/run
    mkdir -p "$run/udsd" "$run/mine/udsd"
    start_udsd --listen "$run/udsd/udsd.sock"
    "$UDSD" --listen "$run/mine/udsd/udsd.sock" 2>"$DIR/own.log" 3>&- &
    local own=$!
    wait_until is_listening "$run/mine/udsd/udsd.sock"
    unset UDSD_SOCKET
    export XDG_RUNTIME_DIR=/run/mine
    run with_run "$run" "$UDSCTL" ping
    reason_is /run/mine/udsd/udsd.sock "this user's hub"
    kill -KILL $own
    wait $own || true
    [ -S "$run/mine/udsd/udsd.sock" ]
    run with_run "$run" "$UDSCTL" ping
    reason_is /run/udsd/udsd.sock "the service; nobody listens on /run/mine/udsd/udsd.sock"
    rm "$run/mine/udsd/udsd.sock"
    run with_run "$run" "$UDSCTL" ping
    reason_is /run/udsd/udsd.sock "the service"
    # Without the service, the user's own hub is what is missing.
    "$UDSD" --listen "$run/mine/udsd/udsd.sock" 2>"$DIR/own.log" 3>&- &
    own=$!
    wait_until is_listening "$run/mine/udsd/udsd.sock"
    kill -KILL $own
    wait $own || true
    stop_udsd
    run with_run "$run" "$UDSCTL" ping
    assert_failure 69
    assert_output --partial "/run/mine/udsd/udsd.sock: Connection refused; is it running? systemctl --user status udsd"
}

@test "no permission to connect: exit 77 at once" {
    need_root
    cp "$UDSCTL" "$DIR/udsctl"
    start_udsd
    run as_nobody timeout 10 "$DIR/udsctl" --socket "$S" send news hello
    assert_failure 77
    assert_output --partial "$S"
}

@test "usage errors: exit 64, with the nearest word" {
    run "$UDSCTL" snd news
    assert_failure 64
    assert_output --partial "did you mean 'send'"
    run "$UDSCTL" send --wait-reciever news x
    assert_failure 64
    assert_output --partial "did you mean '--wait-receiver'"
    run "$UDSCTL" send -t 5 news x
    assert_failure 64
    assert_output "udsctl: send: unknown option '-t'; did you mean '--timeout'? Else arguments that begin with '-' go behind '--'"
    run "$UDSCTL" send -r news x
    assert_failure 64
    assert_output "udsctl: send: unknown option '-r'; arguments that begin with '-' go behind '--'"
    run "$UDSCTL" foo
    assert_failure 64
    assert_output "udsctl: unknown verb 'foo'; try 'udsctl --help'"
    run "$UDSCTL" send
    assert_failure 64
    run "$UDSCTL" recv
    assert_failure 64
    run "$UDSCTL" send --timeout soon news x
    assert_failure 64
    run "$UDSCTL" send --timeout 18446744073709552 news x
    assert_failure 64
    run "$UDSCTL" send --queue-bytes lots news x
    assert_failure 64
    run "$UDSCTL" --socket "$(printf 'x/%.0s' {1..100})" ping
    assert_failure 64
    assert_output --partial "107"
}

@test "an option whose argument was forgotten does not take the next option for it" {
    local words
    for words in 'recv -p --timeout 1s' 'recv --pattern -n 1' 'send -f --timeout 1s news' 'recv --exec --jobs 2 x' \
        'recv -p -- x' 'send --spool --summary news' 'monitor -c --json' 'clients -u --json' 'top --sort --batch' \
        'stats --format --watch' 'pipe --hello --timeout 1s' 'ping --socket --json' '--socket --verbose ping'; do
        # shellcheck disable=SC2086 # a verb and its options
        run "$UDSCTL" $words
        assert_failure 64
        assert_output --regexp "option '--[a-z]+' needs an argument: [A-Z]+; to mean '--?[a-z]*', say --[a-z]+=-"
    done
    run "$UDSD" --listen --mode echo
    assert_failure 64
    assert_output --partial "option '--listen' needs a value"
    # Other texts may begin with a hyphen, and as one word with the option anything may.
    start_udsd
    run bash -c 'echo one | "$0" send -f - --timeout 5s news' "$UDSCTL"
    assert_success
    background "$UDSCTL" recv -n 1 --format '- %p' --pattern=--timeout >"$DIR/out"
    wait_until subscribed 1
    "$UDSCTL" send -- --timeout x
    wait_until contains "$DIR/out" '- x'
}

@test "an option whose argument would replace one that was given is a mistake" {
    local words option
    for words in 'send --follow fa --follow fb news' 'send --store --id a --id a news x' \
        'send --store --delay 1s --delay 2s news x' \
        'recv --into i1 --into=i2 news' 'recv -n 1 --count 2 news' 'recv --timeout 1s --timeout 2s news' \
        'send --rejoin 0 --rejoin 0 news' 'send --rate 1 --rate 2 news' 'send --queue-bytes 1M --queue-bytes 2M news' \
        'stats -w --watch=2s' 'pipe --hello= --hello x' 'check --lag 1 --lag 2'; do
        option=$(grep -oE -- '--[a-z-]+' <<<"$words" | tail -n 1)
        # shellcheck disable=SC2086 # a verb and its options
        run timeout -k 1 10 "$UDSCTL" --socket "$DIR/none" $words
        [ "$status" -eq 64 ] || [ "$words" = 'check --lag 1 --lag 2' ] # which has exit statuses of its own
        assert_output --partial "${words%% *}: $option is given twice"
    done
    refute [ -e "$DIR/i1" ]
    # A flag, a list, and the socket, which an alias may have set.
    start_udsd
    printf x >"$DIR/x"
    background "$UDSCTL" recv -s "$DIR/none" --raw --raw -n 2 -p 'a*' --pattern 'b*' -s "$S" >"$DIR/out"
    wait_until subscribed 1
    run "$UDSCTL" --socket "$DIR/none" -v send -v --socket "$DIR/none" --socket "$S" -f "$DIR/x" --file "$DIR/x" b1
    assert_success
    wait_until has_lines "$DIR/out" 2
}

@test "the socket is found by --socket, \$UDSD_SOCKET and \$XDG_RUNTIME_DIR in this order" {
    start_udsd
    run "$UDSCTL" ping
    assert_success
    UDSD_SOCKET=$DIR/none run "$UDSCTL" --socket "$S" ping
    assert_success
    mkdir -p "$DIR/run/udsd"
    ln "$S" "$DIR/run/udsd/udsd.sock"
    unset UDSD_SOCKET
    XDG_RUNTIME_DIR=$DIR/run run "$UDSCTL" ping
    assert_success
    assert_output --partial "$DIR/run/udsd/udsd.sock"
}

@test "the manual and the completions name every verb and option; those of udsd, too" {
    local verb option file n=0
    for verb in $(verbs); do
        grep -qE "^\.(It|Ss|Nm).* $verb( |\$)" "$TOP/man/udsctl.1" || fail "udsctl.1 lacks $verb"
        for option in $("$UDSCTL" "$verb" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
            grep -qE -- "Fl (Fl |-)${option#--}( |\$)" "$TOP/man/udsctl.1" || fail "udsctl.1 lacks $option of $verb"
            for file in udsctl.bash _udsctl udsctl.fish; do
                n=$((n + 1))
                grep -qE -- "(--|-l )${option#--}" "$TOP/completions/$file" || fail "$file lacks $option of $verb"
            done
        done
    done
    [ "$n" -ge 60 ]
    for option in $("$UDSD" --help | grep -oE -- '^  (-., )?--[a-z][a-z-]+' | grep -oE -- '--.*'); do
        for file in udsd.bash _udsd udsd.fish; do
            n=$((n + 1))
            grep -qE -- "(--|-l )${option#--}( |=|\[|'|\}|\$)" "$TOP/completions/$file" || fail "$file lacks $option"
        done
    done
    [ "$n" -ge 100 ]
}

@test "-h and -V do what --help and --version do, in both programs" {
    local program
    for program in "$UDSD" "$UDSCTL" "$UDSCTL send"; do
        # shellcheck disable=SC2086 # a program and a verb
        assert_equal "$($program -h)" "$($program --help)"
        # shellcheck disable=SC2086
        assert_equal "$($program -V)" "$($program --version)"
    done
}

@test "texts that are empty because a variable is unset are refused" {
    local words word
    for words in 'send @ x' 'send -f @ news' 'recv @' 'recv news @' 'recv -p @' 'recv --exec @ news' 'monitor -c @' 'kill -u @'; do
        set --
        for word in $words; do
            set -- "$@" "${word#@}"
        done
        run "$UDSCTL" "$@"
        assert_failure 64
        assert_output --partial 'is empty; is a variable unset?'
    done
    start_udsd
    "$UDSCTL" send news '' # an empty message is one
    # Whoever says so means the channel whose name is empty.
    background "$UDSCTL" recv -n 1 -- '' >"$DIR/out"
    wait_until subscribed 1
    "$UDSCTL" send --require-receiver -- '' x
    wait_until contains "$DIR/out" x
    run "$UDSCTL" send --spool "$DIR/spool" -- '' x
    assert_failure 64
}

# verb_rows VERB: its options that take an argument, by name, from its help.
verb_rows() {
    "$UDSCTL" "$1" --help | sed -nE 's/^  +(-[a-zA-Z0], )?(--[a-z-]+) [A-Z]+.*/\2/p'
}

@test "no option and no argument of any verb takes an empty name, file, place, number or duration" {
    local verb option n=0
    for verb in $("$UDSCTL" --help | sed -nE 's/^  ([a-z]+) .*/\1/p'); do
        for option in $(verb_rows "$verb"); do
            [ "$option" != --hello ] || continue # a text
            run timeout "$PATIENCE" "$UDSCTL" "$verb" "$option" ''
            [ "$status" -eq 64 ] || [ "$verb,$status" = check,3 ] || fail "$verb $option '': $status $output"
            [[ $output == *"is empty; is a variable unset?"* || $output == *"'' is not "* ]] ||
                fail "$verb $option '': $output"
            n=$((n + 1))
        done
    done
    [ "$n" -ge 60 ]
    for verb in send recv channels streams services groups pending trim export import check backup; do
        run timeout "$PATIENCE" "$UDSCTL" "$verb" ''
        [[ $output == *"is empty; is a variable unset?"* ]] || fail "$verb '': $status $output"
    done
    run "$UDSCTL" pending a ''
    assert_output --partial 'the GROUP is empty; is a variable unset?'
    run "$UDSCTL" backup -- ''
    assert_failure 64
    assert_output 'udsctl: backup: the FILE is empty; is a variable unset?'
    run "$UDSCTL" import
    assert_output "udsctl: import: no stream; try 'udsctl import --help'"
}

@test "while there is no daemon a verb that waits says so once, without a terminal after a moment" {
    local verb
    mkfifo "$DIR/input"
    exec 8<>"$DIR/input"
    for verb in send recv 'recv --from new' pipe serve work; do
        # shellcheck disable=SC2206 # words
        local words=($verb news)
        [ "$verb" != send ] || words+=(x --timeout 0)
        [ "$verb" != pipe ] || words=(pipe)
        [[ $verb != serve && $verb != work ]] || words+=(-- cat)
        background "$UDSCTL" "${words[@]}" 2>"$DIR/err-${verb// /}" <"$DIR/input"
    done
    for verb in send recv recv--fromnew pipe serve work; do
        wait_until contains "$DIR/err-$verb" "waiting for $S: No such file or directory; is it running?"
    done
    # Others have had time by now to say it again.
    for verb in send recv recv--fromnew pipe serve work; do
        assert_equal "$(grep -c 'waiting for' "$DIR/err-$verb")" 1
    done
}

@test "verbs that end when there is nothing more wait for no daemon for ever, as a cron job must not" {
    local verb pids=() pid
    for verb in 'recv --no-wait news' "recv --no-wait --position $DIR/seen news" 'work --drain jobs -- true' 'work --drain --print jobs'; do
        # shellcheck disable=SC2086 # words
        background "$UDSCTL" $verb 2>"$DIR/err-${#pids[@]}"
        pids+=("$!")
    done
    for pid in "${!pids[@]}"; do
        wait_exit "${pids[pid]}"
        assert_equal "$status" 75
        assert_equal "$(cat "$DIR/err-$pid")" \
            "udsctl: timed out after 5s: no connection to $S: No such file or directory; is it running?"
    done
    run "$UDSCTL" recv --no-wait --timeout 100ms news
    assert_failure 75
    assert_output --partial 'timed out after 100ms'
    # Nor for one that does not answer.
    start_udsd --store "$DIR/store"
    kill -STOP "$UDSD_PID"
    run "$UDSCTL" work --drain jobs -- true
    kill -CONT "$UDSD_PID"
    assert_failure 75
    assert_output --partial "timed out after 5s: no answer from $S"
}

@test "fields that udsctl makes itself are not given with --field" {
    local name
    for name in message udsd-id udsd-x; do
        run "$UDSCTL" send --store --field "$name=x" jobs y
        assert_failure 64
        assert_output --partial "send: --field: '$name=x' has the name of a field that udsctl makes itself"
    done
}

@test "an argument that begins with a dash is told where it goes, also where an option may be meant" {
    run "$UDSCTL" send news -dash
    assert_failure 64
    assert_output "udsctl: send: unknown option '-d'; did you mean '--delay'? Else arguments that begin with '-' go behind '--'"
}

@test "trim: one place only" {
    run "$UDSCTL" trim s
    assert_output 'udsctl: trim: one of --max-entries, --older-than and --before is needed'
    run "$UDSCTL" trim --max-entries 1 --older-than 1m30s s
    assert_failure 64
    assert_output 'udsctl: trim: only one of --max-entries, --older-than and --before can be given'
}

@test "a missing channel and a path that is not a socket are reported" {
    run "$UDSCTL" send
    assert_failure 64
    assert_output "udsctl: send: no channel; try 'udsctl send --help'"
    run "$UDSCTL" --socket /etc ping
    assert_failure 69
    assert_output 'udsctl: cannot connect to /etc: Connection refused; it is not a socket'
    : >"$DIR/file"
    chmod 0 "$DIR/file"
    run "$UDSCTL" --socket "$DIR/file" ping
    assert_output --partial 'it is not a socket'
    if [ "$(id -u)" -eq 0 ]; then
        run as_nobody "$UDSCTL" --socket /etc/hostname send news x
        assert_failure 77
        assert_output 'udsctl: cannot connect to /etc/hostname: Permission denied; it is not a socket'
    fi
    run "$UDSCTL" --socket localhost ping
    assert_failure 69
    assert_output 'udsctl: cannot connect to localhost: No such file or directory; it is taken as a path, TCP is host:port'
}
