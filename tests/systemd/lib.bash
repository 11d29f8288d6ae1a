# For what runs in the container of tests/systemd/boot: each case in a shell of its own, and what cases need.
# shellcheck shell=bash

PATIENCE=${UDSD_TEST_PATIENCE:-30}
SOCKET=/run/udsd/udsd.sock

# run_cases OUT CASE...: runs each of these functions; OUT/CASE.log and OUT/CASE.status tell how it went.
run_cases() {
    local out=$1 case status
    shift
    for case; do
        status=0
        # Not as a condition, which would switch errexit off.
        set +e
        (
            set -eEu
            trap 'echo "failed at line $LINENO: $BASH_COMMAND"' ERR
            DIR=$(mktemp -d)
            chmod 755 "$DIR"
            "$case"
        ) >"$out/$case.log" 2>&1 </dev/null
        status=$?
        set -e
        [ $status -eq 0 ] || journalctl --no-pager -n 40 >>"$out/$case.log"
        echo $status >"$out/$case.status"
    done
}

# wait_until COMMAND...: until it succeeds; fails after $PATIENCE seconds.
wait_until() {
    local end=$((SECONDS + PATIENCE))
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            echo "gave up waiting for: $*"
            return 1
        fi
        sleep 0.05
    done
}

contains() { # FILE TEXT
    grep -qF -- "$2" "$1" || {
        echo "no '$2' in $1:"
        tail -n 20 "$1"
        return 1
    }
}

expect() { # WANTED GIVEN
    if [ "$1" != "$2" ]; then
        echo "expected '$1', got '$2'"
        return 1
    fi
}

# fails COMMAND...: runs it with its output in $DIR/failed, and expects it to fail.
fails() {
    if "$@" >"$DIR/failed" 2>&1; then
        echo "it did not fail: $*"
        return 1
    fi
}

property() { # UNIT NAME
    systemctl show --value --property "$2" "$1"
}

property_is() { # UNIT NAME VALUE
    [ "$(property "$1" "$2")" = "$3" ]
}

status_has() { # TEXT
    [[ $(property udsd.service StatusText) = *"$1"* ]]
}

another_pid() { # PID
    local pid
    pid=$(property udsd.service MainPID)
    [ "$pid" != 0 ] && [ "$pid" != "$1" ] && property_is udsd.service SubState running
}

# Whether the service has logged it; with further options of journalctl.
journal_has() { # TEXT OPTION...
    local text=$1
    shift
    journalctl --no-pager --output cat --unit udsd.service "$@" | grep -qF -- "$text"
}

# drop_in LINE...: for udsd.service, until the end of the case.
drop_in() {
    mkdir -p /run/systemd/system/udsd.service.d
    printf '%s\n' "$@" >/run/systemd/system/udsd.service.d/test.conf
    systemctl daemon-reload
}

# clean: nothing runs, and all is configured as it is installed.
clean() {
    systemctl stop udsd.socket udsd.service
    systemctl reset-failed udsd.service udsd.socket 2>/dev/null || :
    cp "$SAMPLE" /etc/udsd/udsd.conf
    [ -d /run/systemd/system/udsd.service.d ] || [ -d /etc/systemd/system/udsd.service.d ] || return 0
    rm -rf {/run,/etc}/systemd/system/udsd.service.d
    systemctl daemon-reload
}

as() { # USER COMMAND...
    setpriv --reuid "$1" --regid "$1" --init-groups -- "${@:2}"
}

# as_session USER COMMAND...: as in a session of theirs, with a manager of their own.
as_session() {
    local uid
    uid=$(id -u "$1")
    systemctl start "user@$uid.service"
    as "$1" env XDG_RUNTIME_DIR="/run/user/$uid" HOME=/tmp "${@:2}"
}

# recipe SECTION TEXT: the example in that section of the README that has the text.
recipe() {
    local block
    while IFS= read -r -d '' block; do
        [[ $block != *"$2"* ]] || { echo "$block" && return; }
    done <"$OUT/$1"
    echo "no example with '$2' in $1"
    return 1
}

# hub COMMAND...: its answer.
hub() {
    printf '%s\r\n' "$*" | nc -N -U $SOCKET | tr -d '\r' | tail -n 1
}

# stream N COMMAND...: udsctl send passes N lines to udsctl recv while COMMAND runs; all must come, at least once.
stream() {
    local n=$1 recv send
    shift
    udsctl recv numbers >"$DIR/out" 2>/dev/null &
    recv=$!
    { seq "$((n / 2))"; wait_until test -e "$DIR/resumed"; seq "$((n / 2 + 1))" "$n"; } |
        udsctl send --wait-receiver --summary numbers 2>"$DIR/send.err" &
    send=$!
    wait_until test -s "$DIR/out"
    "$@"
    : >"$DIR/resumed"
    wait $send
    wait_until came_all "$n"
    kill $recv
    wait $recv || :
}

came_all() { # N
    [ "$(sort -nu "$DIR/out" | wc -l)" -eq "$1" ]
}
