#!/usr/bin/env bats
# The completions in real shells, each on a terminal: a line is typed, then Tab and Enter, and the arguments of udsctl
# tell what the shell has made of it.

load helper

setup() {
    ! is_sanitized || skip "it is the shells that are tested"
    common_setup
}

# The channels that everything below is completed to. One is the name of a directory, some are names of verbs, one is
# a command if somebody evaluates it.
CHANNELS=(logs:app logs:db plain.x 'two words' news newt help send dirs -dash 'a=b' "it's" '$(touch evaluated)')

# Likewise, of services.
SERVICES=(upper svc:a 'svc two' '$(touch evaluated)' help)

nothing_is_wrong() {
    [ ! -e "$DIR/wrong" ] || fail "$(cat "$DIR/wrong")"
}

start_channels() {
    start_udsd
    background "$UDSCTL" recv -- "${CHANNELS[@]}"
    wait_until subscribed ${#CHANNELS[@]}
    HOME_DIR=$DIR/home
    mkdir -p "$HOME_DIR/dirs"
    echo x >"$HOME_DIR/a file"
}

# complete SHELL LINE [--list]: what udsctl's arguments are after Tab and Enter.
complete() {
    "$PYTHON" "$TOOLS/complete.py" "$1" "$TOP/completions" "$UDSCTL" "$HOME_DIR" "${@:2}"
}

# completes SHELL LINE ARGUMENT...: notes it in $DIR/wrong unless these are udsctl's arguments then.
completes() {
    local shell=$1 line=$2
    shift 2
    run complete "$shell" "$line"
    [ "$output" = "$(printf '%s\n' "$@")" ] || echo "$shell: $line<Tab> gives:" $output >>"$DIR/wrong"
    [ ! -e "$HOME_DIR/evaluated" ] || echo "$shell: $line<Tab> ran a command" >>"$DIR/wrong"
}

complete_names() { # SHELL
    completes "$1" 'udsctl recv pl' recv plain.x
    completes "$1" 'udsctl recv logs:a' recv logs:app
    completes "$1" 'udsctl recv tw' recv 'two words'
    completes "$1" "udsctl recv 'two w" recv 'two words'
    completes "$1" 'udsctl recv "logs:a' recv logs:app
    completes "$1" 'udsctl recv two\ w' recv 'two words'
    completes "$1" 'udsctl recv a=' recv a=b
    completes "$1" 'udsctl recv it' recv "it's"
    completes "$1" 'udsctl recv \$' recv '$(touch evaluated)'
    completes "$1" "udsctl recv '\$(t" recv '$(touch evaluated)'
    completes "$1" 'udsctl recv dir' recv dirs # not dirs/
    completes "$1" 'udsctl recv -- -d' recv -- -dash
    completes "$1" 'udsctl recv ne' recv new # as far as both names agree
    completes "$1" 'udsctl send pl' send plain.x
    completes "$1" 'udsctl send help pl' send help pl # a message
    completes "$1" 'udsctl channels pl' channels plain.x
    completes "$1" 'udsctl channels --receivers=pl' channels --receivers=plain.x
    completes "$1" 'udsctl monitor -c pl' monitor -c plain.x
    completes "$1" 'udsctl monitor --channel=logs:a' monitor --channel=logs:app
    completes "$1" 'udsctl kill ' kill "$("$UDSCTL" clients --ids)"
    run complete "$1" 'udsctl recv logs:' --list
    assert_output --partial app
    assert_output --partial db
}

complete_services() { # SHELL
    background "$UDSCTL" serve "${SERVICES[@]}" -- cat
    wait_until info_is services ${#SERVICES[@]}
    completes "$1" 'udsctl call upp' call upper
    completes "$1" 'udsctl call svc:' call svc:a
    completes "$1" "udsctl call 'svc t" call 'svc two'
    completes "$1" 'udsctl call \$' call '$(touch evaluated)'
    completes "$1" 'udsctl call --timeout 1s hel' call --timeout 1s help
    completes "$1" 'udsctl call upper upp' call upper upp # a text
    completes "$1" 'udsctl call pl' call pl # a channel
    completes "$1" 'udsctl call --par' call --parallel
    completes "$1" 'udsctl serve upp' serve upper
    completes "$1" 'udsctl serve upper svc:' serve upper svc:a
    completes "$1" 'udsctl serve --li' serve --lines
    completes "$1" 'udsctl services upp' services upper
    completes "$1" "udsctl --socket=$S call upp" "--socket=$S" call upper
    completes "$1" 'udsctl -s /nowhere call upp' -s /nowhere call upp
}

complete_options() { # SHELL
    completes "$1" 'udsctl sta' stats
    completes "$1" 'udsctl help cli' help clients
    completes "$1" 'udsctl stats --form' stats --format
    completes "$1" 'udsctl stats --format pro' stats --format prometheus
    completes "$1" 'udsctl stats --format=pro' stats --format=prometheus
    completes "$1" 'udsctl top --sort=unse' top --sort=unsent
    completes "$1" 'udsctl send news --summ' send news --summary
    completes "$1" 'udsctl send help --fil' send help --file
    completes "$1" 'udsctl recv send --stop-o' recv send --stop-on-error
    completes "$1" 'udsctl send --file=a' send '--file=a file'
    completes "$1" 'udsctl send --spool a' send --spool 'a file'
    completes "$1" 'udsctl --verb' --verbose
}

complete_daemon() { # SHELL
    completes "$1" 'udsd --sto' --store
    completes "$1" 'udsd --mode wh' --mode whole
    completes "$1" 'udsd --type=dg' --type=dgram
    completes "$1" 'udsd --log-level d' --log-level debug
    completes "$1" 'udsd --listen a' --listen 'a file'
    completes "$1" 'udsd --config=a' '--config=a file'
    # zsh takes the slash away again when Enter is typed, depending on its version.
    [ "$1" = zsh ] || completes "$1" 'udsd --store=di' --store=dirs/
}

# The completion asks the daemon on the command line.
complete_at_socket() { # SHELL
    unset UDSD_SOCKET
    ln -sf "$S" "$HOME_DIR/with blank"
    completes "$1" "udsctl --socket=$S recv pl" "--socket=$S" recv plain.x
    completes "$1" "udsctl --socket $S recv pl" --socket "$S" recv plain.x
    completes "$1" "udsctl -s $S recv pl" -s "$S" recv plain.x
    completes "$1" "udsctl recv -s$S pl" recv "-s$S" plain.x
    completes "$1" "udsctl recv --socket=$S logs:a" recv "--socket=$S" logs:app
    completes "$1" "udsctl recv --socket $S -p x pl" recv --socket "$S" -p x plain.x
    completes "$1" "udsctl -s 'with blank' recv pl" -s 'with blank' recv plain.x
    completes "$1" 'udsctl -s ~/with\ blank recv pl' -s "$HOME_DIR/with blank" recv plain.x
    completes "$1" 'udsctl -s /nowhere recv pl' -s /nowhere recv pl
}

@test "bash completes names, options and their values" {
    start_channels
    complete_names bash
    complete_services bash
    complete_options bash
    complete_daemon bash
    completes bash 'udsctl send -fa' send '-fa file'
    complete_at_socket bash
    nothing_is_wrong
}

# start_jobs: a stream with a group and three jobs: a dead, a waiting and a scheduled one.
start_jobs() {
    start_udsd --store "$DIR/store"
    HOME_DIR=$DIR/home
    mkdir -p "$HOME_DIR"
    echo x >"$HOME_DIR/a file"
    "$UDSCTL" send --store pics a
    "$UDSCTL" work -g painters --retries 0 --drain pics -- false 2>"$DIR/work" || true
    "$UDSCTL" send --store pics b
    "$UDSCTL" send --store --delay 1h pics c
    DEAD=$("$UDSCTL" jobs -g painters --dead --ids pics)
    LIVE=$("$UDSCTL" jobs -g painters --ids pics)
}

complete_jobs() { # SHELL
    local waiting=${LIVE%%$'\n'*} scheduled=${LIVE##*$'\n'}
    completes "$1" 'udsctl retry -g painters pics ' retry -g painters pics "$DEAD"
    completes "$1" "udsctl wait -g painters pics ${waiting%?}" wait -g painters pics "$waiting"
    completes "$1" "udsctl drop --group=painters pics $waiting ${scheduled%?}" drop --group=painters pics "$waiting" "$scheduled"
    completes "$1" 'udsctl retry pics 1' retry pics 1 # no job of the group "work"
}

@test "bash completes groups, jobs and the command of a worker" {
    start_jobs
    completes bash 'udsctl work -g pai' work -g painters
    completes bash 'udsctl jobs --group=pai' jobs --group=painters
    completes bash 'udsctl pending pics pai' pending pics painters
    complete_jobs bash
    completes bash 'udsctl work pics -- ./a' work pics -- './a file'
    completes bash 'udsctl work pics -- sha256s' work pics -- sha256sum
    completes bash 'udsctl serve x -- cat a' serve x -- cat 'a file'
    background "$UDSCTL" recv news
    wait_until subscribed 1
    local id
    id=$("$UDSCTL" clients --ids)
    completes bash "udsctl kill $id " kill "$id" # it is not offered again
    nothing_is_wrong
}

@test "zsh and fish complete groups and jobs" {
    start_jobs
    local shell
    for shell in zsh fish; do
        command -v $shell >/dev/null || continue
        completes $shell 'udsctl work -g pai' work -g painters
        complete_jobs $shell
    done
    completes zsh 'udsctl pending pics pai' pending pics painters
    nothing_is_wrong
}

@test "bash completes with other word breaks, too" {
    start_channels
    export EXTRA='COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]/}'
    completes bash 'udsctl recv logs:a' recv logs:app
    completes bash 'udsctl stats --format=pro' stats --format=prometheus
    completes bash "udsctl --socket=$S recv pl" "--socket=$S" recv plain.x
    nothing_is_wrong
}

@test "zsh completes names, options and their values" {
    command -v zsh >/dev/null || skip "zsh is not installed"
    start_channels
    complete_names zsh
    complete_services zsh
    complete_options zsh
    complete_daemon zsh
    complete_at_socket zsh
    nothing_is_wrong
}

@test "fish completes names, options and their values" {
    command -v fish >/dev/null || skip "fish is not installed"
    start_channels
    complete_names fish
    complete_services fish
    complete_options fish
    complete_daemon fish
    complete_at_socket fish
    nothing_is_wrong
}
