#!/usr/bin/env bats
# The daemon's commands, fields, errors and limits are those of udsd-protocol(7), and the manual's examples work; what
# administrators alone may do stands in udsd(1).

load helper
load users

MANUAL=$TOP/man/udsd-protocol.7

documented() { # MANUAL
    "$PYTHON" "$TOOLS/documented.py" "$1" "$S"
}

# refused LINE SED-SCRIPT: the manual changed by this script fails the check, with this line.
refused() {
    sed -E "$2" "$MANUAL" >"$DIR/changed.7"
    run cmp -s "$MANUAL" "$DIR/changed.7"
    assert_failure 1
    run documented "$DIR/changed.7"
    assert_failure 1
    assert_line "$1"
}

example() { # NUMBER
    "$PYTHON" "$TOOLS/manual.py" "$MANUAL" "$1"
}

@test "commands, fields, parameters and errors are those of the manual" {
    start_udsd --store "$DIR/store"
    run documented "$MANUAL"
    assert_success
    assert_output ''
}

@test "the check finds items that the manual lacks" {
    start_udsd --store "$DIR/store"
    refused "commands: 'TIME' is not in the manual" '/^\.It Ic TIME$/d'
    refused "commands: 'PUBLISH channel message' is not in the manual" 's/^(\.It Ic PUBLISH Ar channel) message$/\1/'
    refused "commands: 'CLIENT KILL (address|[ID id] [TYPE (NORMAL|PUBSUB)] [ADDR address] [LADDR address] [USER username] [UID uid] [MAXAGE seconds] [SKIPME (YES|NO)])' is not in the manual" \
        '/^\.Op Cm UID Ar uid$/d'
    refused "INFO Stats: 'commands_waited' is not in the manual" '/^\.It Cm commands_waited$/d'
    refused "INFO Errorstats: 'errorstat_code' is not in the manual" '/^\.It Cm errorstat_/d'
    refused "CLIENT LIST: 'ssub' is not in the manual" '/^\.It Cm ssub$/d'
    refused "UDSD CHANNELS: 'dropped' is not in the manual" '/^\.It Cm dropped$/d'
    refused "CONFIG GET: 'save' is not in the manual" '/^\.It Cm save$/d'
    refused "protocol errors: 'too big request' is not in the manual" '/^\.It Sy too big request$/d'
    refused "error codes: 'MISCONF' is not in the manual" '/^\.It Sy MISCONF$/d'
    refused "error codes: 'TRYAGAIN' is not in the manual" '/^\.It Sy TRYAGAIN$/d'
    refused "limits: 'max_streams' is not in the manual" 's/^\.Cm max_streams$/many/'
}

@test "the check finds items that only the manual has" {
    start_udsd
    refused "commands: 'GET key' is only in the manual" 's/^\.It Ic TIME$/.It Ic GET Ar key\n&/'
    refused "INFO Stats: 'lost' is only in the manual" 's/^\.It Cm commands_waited$/.It Cm lost\n&/'
    refused "CLIENT LIST: 'cpu' is only in the manual" 's/^\.It Cm lib-ver$/.It Cm cpu\n&/'
    refused "UDSD CLIENTS: 'cpu' is only in the manual" 's/^\.It Cm pid$/.It Cm cpu\n&/'
    refused "CONFIG GET: 'hz' is only in the manual" 's/^\.It Cm save$/.It Cm hz\n&/'
    refused "error codes: 'WRONGTYPE' is only in the manual" 's/^\.It Sy MISCONF$/.It Sy WRONGTYPE\n&/'
    refused "UDSD CLIENTS: the fields stand in another order" 's/^\.It Cm (uid|gid)$/.It Cm X\1/; s/Xuid/gid/; s/Xgid/uid/'
}

@test "udsd(1) lists the commands of administrators, and others are refused exactly those" {
    "$PYTHON" "$TOOLS/sources.py" >"$DIR/table"
    [ "$(wc -l <"$DIR/table")" -gt 20 ]
    "$PYTHON" "$TOOLS/manual.py" "$TOP/man/udsd.1" --items DESCRIPTION Administrators | sort >"$DIR/listed"
    diff "$DIR/table" "$DIR/listed"
    # A client of a TCP listener is no administrator.
    start_hub_with tcp <<<"[store]
directory = $DIR/store"
    "$PYTHON" "$TOOLS/refused.py" "$PORT" >"$DIR/refused"
    diff "$DIR/table" "$DIR/refused"
}

@test "the manual's receiver in Python and publisher in C talk to each other" {
    start_udsd
    example 0 >"$DIR/receive.py"
    example 1 >"$DIR/publish.c"
    cc -Wall -Wextra -Werror -o "$DIR/publish" "$DIR/publish.c"
    background "$PYTHON" "$DIR/receive.py" "$S" news weather >"$DIR/out"
    wait_until subscribed 2
    run "$DIR/publish" "$S" news 'hello, world'
    assert_success
    assert_output 1
    run "$DIR/publish" "$S" weather ''
    assert_output 1
    run "$DIR/publish" "$S" nobody hears
    assert_output 0
    wait_until has_lines "$DIR/out" 2
    run cat "$DIR/out"
    assert_output $'news hello, world\nweather '
    # They report an error of the daemon.
    run "$DIR/publish" "$S" "$(printf '%01025d' 0)" x
    assert_failure 76
    assert_output --partial "the name has 1025 bytes"
    run "$PYTHON" "$DIR/receive.py" "$S" "$(printf '%01025d' 0)"
    assert_failure 1
    assert_output --partial "the name has 1025 bytes"
}

@test "the manual's line for a shell publishes" {
    start_udsd
    background "$UDSCTL" recv news >"$DIR/out"
    wait_until subscribed 1
    example 2 | sed "s|/run/udsd/udsd.sock|$S|" >"$DIR/publish.sh"
    run sh "$DIR/publish.sh"
    assert_success
    assert_output $':1\r'
    wait_until contains "$DIR/out" 'hello, world'
}
