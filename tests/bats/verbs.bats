#!/usr/bin/env bats
# The verbs of udsctl for operators: they show and control the daemon.

load helper
load users

# json EXPRESSION: evaluates a Python expression; `objects` is the list of JSON objects, one per line, on stdin.
json() {
    "$PYTHON" -c "import json, sys; objects = [json.loads(line) for line in sys.stdin]; print(($1))"
}

@test "stats: a table, and JSON with rates" {
    start_udsd
    receive news
    "$UDSCTL" send news one two three
    run "$UDSCTL" stats
    assert_success
    assert_line --regexp '^messages +3 '
    assert_line --regexp '^  reached nobody +0 '
    assert_line --regexp '^deliveries +3 '
    assert_line --regexp '^clients +2$'
    refute_output --partial $'\033'
    run json "objects[0]['messages_published'], objects[0]['connected_clients'], len(objects), 'messages_published' in objects[0]['rates']" \
        < <("$UDSCTL" stats --json)
    assert_output '(3, 2, 1, True)'
}

@test "stats counts messages that reached nobody" {
    start_configured '[channel full]' 'slow = drop' '[limits]' 'queue_limit = 4K'
    "$UDSCTL" send news one two
    receive news full
    "$UDSCTL" send news three
    run "$UDSCTL" stats
    assert_line --regexp '^messages +3 '
    assert_line --regexp '^  reached nobody +2 '
    assert_equal "$(info messages_unreceived)" 2
    # Nor does a message that its only receiver misses, since it is too slow.
    kill -STOP "$RECV"
    run --separate-stderr bash -c 'head -c 3000000 /dev/zero | tr "\0" x | fold -w 1000 | "$1" send --summary full' - "$UDSCTL"
    assert_success
    local lost
    lost=$(sed -E 's/.* ([0-9]+) reached nobody.*/\1/' <<<"$stderr")
    [ "$lost" -gt 0 ]
    assert_equal "$(info messages_unreceived)" $((lost + 2))
    kill -CONT "$RECV"
}

@test "stats --watch shows what happens between readings" {
    start_udsd
    receive news
    background "$UDSCTL" stats --watch=200ms --json >"$DIR/stats"
    wait_until has_lines "$DIR/stats" 1
    "$UDSCTL" send news one two
    wait_until has_lines "$DIR/stats" "$(($(wc -l <"$DIR/stats") + 2))"
    head -n -1 "$DIR/stats" >"$DIR/whole"
    run json "max(o['rates']['messages_published'] for o in objects[1:]) > 2, objects[-1]['messages_published']" <"$DIR/whole"
    assert_output '(True, 2)'
    run "$UDSCTL" stats --watch=100ms -n 2
    assert_success
    assert_equal "$(grep -c '^messages ' <<<"$output")" 2
    # A verb without arguments takes the word behind its option, and a number alone is in seconds, as everywhere.
    local words
    for words in '-w 1' '--watch 1' '-w 1s' '-w1'; do
        # shellcheck disable=SC2086 # an option and its argument
        run "$UDSCTL" stats -n 1 $words
        assert_success
    done
    run "$UDSCTL" stats -w 0
    assert_failure 64
    run "$UDSCTL" stats -w 1 2
    assert_failure 64
    assert_output --partial "unexpected argument '2'"
    # It ends when the connection does.
    rm "$DIR/stats"
    background "$UDSCTL" stats --watch=1h >"$DIR/stats" 2>"$DIR/err"
    local watch=$!
    wait_until has_lines "$DIR/stats" 1
    stop_udsd
    wait_exit "$watch"
    assert_equal "$status" 69
}

@test "stats: metrics are OpenMetrics, and Prometheus's older format" {
    "$PYTHON" -c 'import prometheus_client' 2>/dev/null || skip "needs python3-prometheus-client"
    start_udsd
    "$UDSCTL" send news one
    "$UDSCTL" stats --format openmetrics >"$DIR/open"
    "$UDSCTL" stats --format prometheus >"$DIR/old"
    assert_equal "$(tail -n 1 "$DIR/open")" '# EOF'
    run "$PYTHON" - "$DIR" <<'EOF'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
from prometheus_client.parser import text_string_to_metric_families as old
samples = {}
for parse, name in (strict, "open"), (old, "old"):
    families = list(parse(open(f"{sys.argv[1]}/{name}").read()))
    samples[name] = {(s.name, *s.labels.items()): s.value for f in families for s in f.samples}
    assert all(f.documentation and f.type in ("counter", "gauge") for f in families)
assert set(samples["open"]) == set(samples["old"]), set(samples["open"]) ^ set(samples["old"])
print(int(samples["open"][("udsd_messages_published_total",)]), ("udsd_messages_undelivered_total", ("reason", "slow")) in samples["open"])
EOF
    assert_output '1 True'
    # In the older format the type is that of the sample's whole name.
    contains "$DIR/old" '# TYPE udsd_messages_published_total counter'
    run "$UDSCTL" stats --format openmetrics --watch
    assert_failure 64
    run "$UDSCTL" stats --format jsn
    assert_failure 64
    assert_output --partial "did you mean 'json'"
}

@test "stats has every figure of services and streams that INFO has, in each form" {
    start_udsd --store "$DIR/store"
    printf 'UDSD LATER ADD jobs 3600000 body x\r\nXADD jobs * body x\r\n' | "$UDSCTL" pipe >"$DIR/replies"
    local format
    for format in text json prometheus openmetrics; do
        "$UDSCTL" stats --format "$format" >"$DIR/$format"
    done
    printf 'INFO services streams\r\n' | nc -N -U "$S" | tr -d '\r' | sed -n 's/^\([a-z][a-z0-9_]*\):.*/\1/p' >"$DIR/fields"
    run "$PYTHON" - "$DIR" <<'EOF'
import json, re, sys
text = {form: open(f"{sys.argv[1]}/{form}").read() for form in ("text", "json", "prometheus", "openmetrics", "fields")}
fields, figures = text["fields"].split(), json.loads(text["json"])
assert len(fields) > 30, fields
print("missing:", *sorted(set(fields) - set(figures)))
# All of them are metrics, in both forms.
n = len(set(figures) - {"udsd_version", "rates"})
for form in "prometheus", "openmetrics":
    samples = dict(re.findall(r"^(udsd_\S+) (\S+)$", text[form], re.M))
    assert len(samples) == n, (form, len(samples), n)
    # Times are in seconds.
    for field, metric in ("usec", "seconds_total"), ("usec_last", "last_seconds"), ("usec_max", "longest_seconds"):
        seconds = float(samples["udsd_store_commit_" + metric])
        assert 0 < seconds < 60 and figures["store_commit_" + field] > 0, (form, metric, seconds)
    assert float(samples["udsd_store_cpu_seconds_total"]) < 60
    assert samples["udsd_stream_entries_later"] == "1" and samples["udsd_stream_entries_came_due_total"] == "0"
    assert float(samples["udsd_store_used_bytes"]) > 0
print("longest commit" in text["text"], figures["stream_entries_later"], "store_commit_usec" in figures["rates"])
EOF
    assert_output $'missing:\nTrue 1 True'
}

@test "clients: a table, filtered by user and process, and as JSON" {
    start_udsd
    receive news
    local pid=$RECV
    mkfifo "$DIR/typed"
    exec 8<>"$DIR/typed"
    background nc -U "$S" <"$DIR/typed"
    printf 'CLIENT SETNAME 123\r\nPUBLISH news x\r\n' >&8
    wait_until info_is messages_queued 1
    run "$UDSCTL" clients
    assert_success
    assert_line --index 0 --regexp '^ *ID  USER .* STATE  CHANNELS$'
    assert_line --regexp "$(id -un) +$pid +udsctl recv news .* 1 +0 +1 +0 +news$"
    assert_equal "${#lines[@]}" 3 # it does not show itself
    run json "[(o['name'], o['published'], o['username'] == '$(id -un)') for o in objects if o['name']]" \
        < <("$UDSCTL" clients --json)
    assert_output "[('123', 1, True)]"
    run "$UDSCTL" clients --pid "$pid" --ids
    assert_success
    assert_output --regexp '^[0-9]+$'
    run "$UDSCTL" clients --user 54321
    assert_success
    assert_output --regexp '^ID +USER .* STATE +CHANNELS$'
    run "$UDSCTL" clients --user 54321 --json
    assert_success
    assert_output ''
    run "$UDSCTL" clients --user no-such-user
    assert_failure 64
    assert_output "udsctl: --user: there is no user 'no-such-user'"
}

@test "clients: the command line, and what they are subscribed to" {
    start_udsd
    background "$UDSCTL" recv one 'two, words' -p 'three.*' >"$DIR/out"
    local first=$! long
    long=$(printf 'x%.0s' {1..50})
    background bash -c 'exec -a "$1" "$2" recv four' - "/some/where/$long" "$UDSCTL" >"$DIR/out2"
    local named=$!
    mkfifo "$DIR/typed"
    exec 8<>"$DIR/typed"
    background nc -U "$S" <"$DIR/typed" >"$DIR/many"
    printf 'SUBSCRIBE many%d\r\n' {0..99} >&8
    wait_until subscribed 104
    run "$UDSCTL" clients
    assert_line --regexp ' udsctl recv one two, words -p three\.\*  .*  3  .*  two, words,one,three\.\*$'
    assert_line --regexp " ${long:0:37}\.\.\.  .*  1  .*  four$"
    assert_line --regexp '  100  .*many99,many98,.*,\.\.\.$'
    run json "sorted(o['channels'] + ' ' + o['patterns'] for o in objects if o['pid'] == $first)" < <("$UDSCTL" clients --json)
    assert_output "['two%2C%20words,one three.*']"
    run json "[o['command'] for o in objects if o['pid'] == $named]" < <("$UDSCTL" clients --json)
    assert_output "['$long recv four']"
}

@test "channels --receivers: who receives a channel by name or pattern, with its unit and its queue" {
    start_udsd
    receive news
    local first=$RECV unit
    background "$UDSCTL" recv -p 'n*' -p 'ne*' >"$DIR/out2"
    local second=$!
    wait_until subscribed 3
    receive other
    run "$UDSCTL" channels --receivers news
    assert_success
    assert_line --index 0 --regexp '^ID +PID +USER +UNIT +PROGRAM +UNSENT +STATE$'
    assert_line --index 1 --regexp "^ *[0-9]+ +$first +$(id -un) +[^ ]+ +udsctl recv news +0$"
    assert_line --index 2 --regexp " $second +$(id -un) .* udsctl recv -p n\* -p ne\* +0$"
    assert_equal "${#lines[@]}" 3
    # The unit is the last part of the path that is named like one.
    unit=$(sed -n 's/^0:://p' "/proc/$first/cgroup" | tr / '\n' | grep -E '\.(service|scope|socket|mount|swap)$' | tail -n 1) || true
    run json "[(o['pid'], o['unit'], o['queued'], o['clogged']) for o in objects]" < <("$UDSCTL" channels --json --receivers news)
    assert_output "[($first, '${unit:--}', 0, 0), ($second, '${unit:--}', 0, 0)]"
    run json "[o['pid'] for o in objects]" < <("$UDSCTL" channels --json --receivers nobody)
    assert_output "[$second]"
    run "$UDSCTL" channels --json --receivers x
    assert_success
    assert_output ''
    run "$UDSCTL" channels --receivers x --names
    assert_failure 64
    run "$UDSCTL" channels --receivers x 'y*'
    assert_failure 64
    # What waits for a receiver that does not read.
    block_on_big_message
    run json "[o['queued'] > 1000000 for o in objects]" < <("$UDSCTL" channels --json --receivers big)
    assert_output '[True]'
}

@test "channels: sorted, by pattern, and as JSON" {
    start_udsd
    background "$UDSCTL" recv b a news.x -p 'news.*' >"$DIR/out"
    wait_until subscribed 4
    "$UDSCTL" send news.x hello
    run "$UDSCTL" channels
    assert_success
    assert_line --index 0 --regexp '^CHANNEL  RECEIVERS '
    assert_line --index 1 --regexp '^a +1 +0 +0 '
    assert_line --index 2 --regexp '^b +1 '
    assert_line --index 3 --regexp '^news.x +1 +1 +1 +2 +0 +0 +0 +0$'
    run "$UDSCTL" channels --names 'n*'
    assert_output news.x
    run json "objects[0]['name'], objects[0]['pattern-receivers'], objects[0]['deliveries'], len(objects)" < <("$UDSCTL" channels --json 'n*')
    assert_output "('news.x', 1, 2, 1)"
}

@test "channels: a list of 59,994" {
    start_udsd
    background "$PYTHON" - "$S" <<'EOF'
import signal, sys
from resp import Client
clients = []
for c in range(6):
    client = Client(sys.argv[1])
    client.send("SUBSCRIBE", *[f"channel {c} {i}" for i in range(9999)])
    clients.append(client)
    for i in range(9999):
        client.read()
print("ready", flush=True)
signal.pause()
EOF
    wait_until subscribed 59994
    run bash -c "'$UDSCTL' channels --names --timeout 60s | wc -l"
    assert_output 59994
}

@test "kill: by id, by process and by user; it prints each client that it closed" {
    start_udsd
    receive a
    local first=$RECV
    receive b
    run "$UDSCTL" kill "$("$UDSCTL" clients --ids --pid "$first")"
    assert_success
    assert_output --regexp "^closed client [0-9]+: user $(id -un), pid $first, udsctl$"
    run json "objects[0]['pid'] == $RECV, len(objects)" < <("$UDSCTL" kill --json --pid "$RECV")
    assert_output '(True, 1)'
    # The receiver has reconnected; of two ids one does not exist.
    wait_until subscribed 2
    run "$UDSCTL" kill "$("$UDSCTL" clients --ids | head -n 1)" 4711
    assert_failure 1
    assert_line --partial 'closed client'
    assert_line 'udsctl: there is no client 4711 that you may close'
    wait_until subscribed 2
    run "$UDSCTL" kill --user "$(id -un)"
    assert_success
    assert_equal "${#lines[@]}" 2
    # An id that does not match the other options is not closed, and this is reported.
    wait_until subscribed 2
    mapfile -t ids < <("$UDSCTL" clients --ids)
    run "$UDSCTL" kill "${ids[@]}" --pid "$RECV"
    assert_failure 1
    assert_line --partial "pid $RECV, udsctl"
    assert_line --regexp "^udsctl: there is no client [0-9]+ that you may close$"
    run "$UDSCTL" kill --user 54321
    assert_failure 1
    assert_output 'udsctl: there is no such client that you may close'
    run "$UDSCTL" kill
    assert_failure 64
    run "$UDSCTL" kill x
    assert_failure 64
}

@test "monitor: the sender, channel, receivers and payload of each message" {
    start_udsd
    receive news
    background "$UDSCTL" monitor -n 2 >"$DIR/lines"
    local lines=$!
    background "$UDSCTL" monitor --json -c 'n*' -n 2 >"$DIR/json"
    local json=$!
    background "$UDSCTL" monitor --user 54321 >"$DIR/other"
    wait_until info_is monitor_clients 3
    "$UDSCTL" send other "$(printf 'hi \033[31m')"
    "$UDSCTL" send news hello $'\xff\xfe'
    wait_exit "$lines"
    assert_equal "$status" 0
    wait_exit "$json"
    assert_equal "$status" 0
    run cat "$DIR/lines"
    assert_success
    assert_line --index 0 --regexp "^[0-9:.]+ $(id -un) pid [0-9]+ client [0-9]+ publish other to 0: hi .x1b\[31m$"
    assert_line --index 1 --regexp 'publish news to 1: hello$'
    run json "[(o['channel'], o['receivers'], o.get('payload'), o.get('payload_base64'), o['bytes']) for o in objects]" <"$DIR/json"
    assert_output "[('news', 1, 'hello', None, 5), ('news', 1, None, '//4=', 2)]"
    assert_equal "$(cat "$DIR/other")" ''
}

# all_accounted_for N: whether N messages were shown in $DIR/lines or reported as not shown in $DIR/err.
all_accounted_for() {
    local missed
    missed=$(awk '/too slow: [0-9]+ messages are not shown$/ { n += $4 } END { print n + 0 }' "$DIR/err")
    [ "$(($(wc -l <"$DIR/lines") + missed))" -eq "$1" ]
}

@test "monitor: a slow monitor reports how many messages it missed, and publishers do not wait" {
    start_configured '[limits]' 'queue_limit = 64K'
    background "$UDSCTL" monitor >"$DIR/lines" 2>"$DIR/err"
    local monitor=$!
    wait_until info_is monitor_clients 1
    kill -STOP "$monitor"
    run bash -c "seq -f '%0100.0f' 20000 | '$UDSCTL' send --timeout 20s news"
    assert_success
    info_is messages_dropped 0
    kill -CONT "$monitor"
    wait_until contains "$DIR/err" 'messages are not shown'
    wait_until all_accounted_for 20000
}

@test "reload: success, and a mistake in the file" {
    start_configured
    run "$UDSCTL" reload
    assert_success
    assert_output reloaded
    echo 'mode = fast' >>"$DIR/conf"
    run "$UDSCTL" reload
    assert_failure 76
    assert_output --partial "udsctl: the configuration was not reloaded: $DIR/conf:3: mode: 'fast' is not a mode"
}

@test "check: a line and an exit status for monitoring systems" {
    run "$UDSCTL" check
    assert_failure 2
    assert_output "UDSD CRITICAL - cannot connect to $S: No such file or directory; is it running?"
    start_udsd
    run "$UDSCTL" check
    assert_success
    assert_output --regexp '^UDSD OK - answered in [0-9.]+ ms \| latency=0\.[0-9]+s;0\.1;1;0$'
    kill -STOP "$UDSD_PID"
    run "$UDSCTL" check --timeout 100ms
    assert_failure 2
    assert_output "UDSD CRITICAL - timed out: no answer from $S: it hangs, waits for its disk, or has a mode that never answers (line, length, whole)"
    # It answers while the check waits, after more than the warning time.
    "$UDSCTL" check --warning 1ms --critical 1h >"$DIR/out" 3>&- &
    local check=$!
    wait_until bash -c "(($(date +%s%N) + 0 < \$(date +%s%N) - 50000000))"
    kill -CONT "$UDSD_PID"
    wait_exit "$check"
    assert_equal "$status" 1
    contains "$DIR/out" 'UDSD WARNING - '
}

# checks_as_unknown TEXT OPTION...: check prints one line with this text, nothing else, and its status is UNKNOWN.
checks_as_unknown() {
    run --separate-stderr "$UDSCTL" check "${@:2}"
    assert_failure 3
    assert_equal "${#lines[@]}" 1
    [[ $output == 'UDSD UNKNOWN - '*"$1"* ]] || fail "$output"
    [ -z "$stderr" ]
}

@test "check: every wrong usage is one line and the status UNKNOWN" {
    start_udsd
    checks_as_unknown '--warning is longer' --warning 2s --critical 1s
    checks_as_unknown "'x' is not a duration" --timeout x
    checks_as_unknown "did you mean '--warning'" --wrning 5s
    checks_as_unknown 'needs an argument' --warning
    checks_as_unknown "unexpected argument 'extra'" jobs extra
    checks_as_unknown 'needs --lag or --pending-age' jobs
    checks_as_unknown '--lag needs a number' --lag many
    checks_as_unknown '--socket' --socket ''
    checks_as_unknown '107' --socket "$(printf '%0200d' 1)"
    UDSD_SOCKET=nosuchhost.invalid:77 checks_as_unknown UDSD_SOCKET
    run --separate-stderr "$UDSCTL" --timeout 5 check
    assert_failure 3
    assert_output --partial 'UDSD UNKNOWN - '
    # Of an unset variable without quotes.
    run "$UDSCTL" -s check </dev/null
    assert_failure 3
    assert_output "UDSD UNKNOWN - --socket got the verb 'check' as its value: is a variable unset? (a socket of this name is ./check)"
    run -64 "$UDSCTL" -s ping </dev/null
    assert_output --partial "is a variable unset?"
    # In seconds, as other plugins take them.
    run "$UDSCTL" check --warning 2 --critical 3
    assert_success
    assert_output --regexp ';2;3;0$'
}

@test "bench: measures the daemon" {
    start_udsd
    "$UDSCTL" bench --json --timeout 30s >"$DIR/json"
    run json "[o['work'] for o in objects], objects[2]['depth'], all(o['per_second'] > 100 and o['cpu_nanoseconds'] > 0 and
        o['p50_microseconds'] <= o['p99_microseconds'] for o in objects)" <"$DIR/json"
    assert_output "(['ping', 'publish', 'publish'], 64, True)"
    # No digits that mean nothing.
    run json "[name for o in objects for name, n in o.items() if isinstance(n, float) and round(n, 1) != n]" <"$DIR/json"
    assert_output '[]'
    assert_equal "$(info pubsub_channels)" 0
}

@test "without a daemon every verb tells the user what to do" {
    local verb
    for verb in ping stats clients channels monitor 'kill 1' reload bench; do
        # shellcheck disable=SC2086 # a verb and its argument
        run "$UDSCTL" $verb
        assert_failure 69
        assert_output "udsctl: cannot connect to $S: No such file or directory; is it running?"
    done
    run "$UDSCTL" send --timeout 100ms news x
    assert_failure 75
    assert_output --partial "No such file or directory; is it running?"
    # With a service's socket the message has the command that shows its status.
    mkdir -p "$DIR/run/udsd"
    XDG_RUNTIME_DIR=$DIR/run run "$UDSCTL" -s "$DIR/run/udsd/udsd.sock" ping
    assert_failure 69
    assert_output --partial 'is it running? systemctl --user status udsd'
    if [ ! -e /run/udsd ]; then
        run "$UDSCTL" -s /run/udsd/udsd.sock ping
        assert_failure 69
        assert_output --partial 'is it running? systemctl status udsd'
    fi
}

@test "without permission every verb names the socket's owner or group" {
    need_root
    start_configured 'socket_mode = 0660' 'socket_group = adm'
    local verb
    for verb in ping stats clients channels monitor 'kill 1' reload bench 'recv x' 'send x y'; do
        # shellcheck disable=SC2086 # a verb and its arguments
        run as_nobody "$UDSCTL" $verb
        assert_failure 77
        assert_output "udsctl: cannot connect to $S: Permission denied; the socket belongs to group adm; you are not in \
it: as root, usermod -aG adm nobody, and log in again"
    done
    # Nobody is to join root's group.
    chgrp root "$S"
    run as_nobody "$UDSCTL" ping
    assert_failure 77
    assert_output --partial 'belongs to group root; set socket_group or socket_mode of the listener'
    chmod 0600 "$S"
    run as_nobody "$UDSCTL" ping
    assert_failure 77
    assert_output --partial 'only its owner, root, may connect'
}

@test "administrators' verbs refuse other users" {
    need_root
    start_hub
    local verb
    for verb in monitor reload; do
        run as_nobody "$UDSCTL" $verb
        assert_failure 77
        assert_output --partial 'administrators only'
    done
    receive news
    run as_nobody "$UDSCTL" clients
    assert_success
    assert_output --regexp '^ID +USER .* STATE +CHANNELS$'
    run as_nobody "$UDSCTL" kill 1 2 3
    assert_failure 1
}

@test "every verb reports that an echo listener is not a bus" {
    start_udsd --mode echo
    local verb
    for verb in ping stats clients channels monitor 'kill 1' reload bench 'recv x' 'send x y'; do
        # shellcheck disable=SC2086 # a verb and its arguments
        run "$UDSCTL" $verb
        assert_failure 76
        assert_output --regexp "an echo listener|in the mode echo"
        assert_output --partial "use 'udsctl pipe'"
    done
}

@test "a listener in the mode line is not a bus, and the mode is named" {
    start_udsd --mode line --channel c --deliver yes
    run "$UDSCTL" ping
    assert_failure 76
    assert_output "udsctl: $S: this is not a udsd bus; for a listener in the mode echo or line use 'udsctl pipe'"
    run "$UDSCTL" recv c
    assert_failure 76
    assert_output "udsctl: $S: this is not a udsd bus; for a listener in the mode echo or line use 'udsctl pipe'"
}

@test "help: the text of --help, or the manual at the verb on a terminal" {
    run "$UDSCTL" help stats
    assert_success
    assert_line --index 0 'usage: udsctl stats [OPTION]...'
    run "$UDSCTL" help
    assert_success
    assert_line --partial 'monitor'
    run "$UDSCTL" help stat
    assert_failure 64
    assert_output --partial "did you mean 'stats'"
    mkdir "$DIR/bin"
    printf '#!/bin/sh\necho "man $*"\n' >"$DIR/bin/man"
    printf '#!/bin/sh\n' >"$DIR/bin/less"
    chmod +x "$DIR/bin/man" "$DIR/bin/less"
    PATH=$DIR/bin:$PATH run script -qec "$UDSCTL help stats" /dev/null
    assert_success
    assert_output --partial "man -P less -R -p '^   stats\$' udsctl"
    printf '#!/bin/sh\nexit 1\n' >"$DIR/bin/man"
    PATH=$DIR/bin:$PATH run script -qec "$UDSCTL help stats" /dev/null
    assert_success
    assert_output --partial 'usage: udsctl stats'
}

@test "the help of each verb fits a screen, and mistakes are reported with the nearest word" {
    local verb n=0
    for verb in $(verbs); do
        n=$((n + 1))
        run "$UDSCTL" "$verb" --help
        assert_success
        [ "${#lines[@]}" -le 45 ]
        [ "$(wc -L <<<"$output")" -le 80 ]
    done
    [ "$n" -ge 12 ]
    # What is too long for its column has a line of its own.
    run "$UDSCTL" recv --help
    assert_line --regexp '^      --stop-timeout DURATION$'
    run "$UDSD" --help
    [ "$(wc -L <<<"$output")" -le 80 ]
    assert_line '  udsd --listen /tmp/demo.sock'
    for verb in '' send recv; do
        run "$UDSCTL" ${verb:+"$verb"} --help
        [ "$(wc -L <<<"$output")" -le 80 ]
        assert_equal "$(sed -n '/^Examples:$/,$p' <<<"$output" | grep -c '^  .*udsctl ')" 2
    done
    run "$UDSCTL" stats --formt json
    assert_failure 64
    assert_output --partial "did you mean '--format'"
    run "$UDSCTL" cliens
    assert_failure 64
    assert_output --partial "did you mean 'clients'"
    run "$UDSCTL" monitor --pid x
    assert_failure 64
    # Words of other programs.
    local pair
    for pair in publish:send pub:send PUBLISH:send subscribe:recv sub:recv info:stats status:stats version:--version \
        psubscribe:'recv -p' stop:'systemctl stop udsd'; do
        run "$UDSCTL" "${pair%:*}"
        assert_failure 64
        assert_output "udsctl: unknown verb '${pair%:*}'; did you mean '${pair#*:}'?"
    done
}

@test "options that exclude each other, as the synopsis says, are refused" {
    local words
    for words in 'jobs --json --ids s' 'clients --json --ids' 'groups --json --names' 'groups --json --format text' \
        'groups --names --format json' 'stats --json --format prometheus'; do
        # shellcheck disable=SC2086 # words
        run "$UDSCTL" --socket "$DIR/none" $words
        assert_failure 64
        assert_output --regexp "^udsctl: ${words%% *}: --[a-z]+ and --[a-z]+ cannot be combined\$"
    done
    run "$UDSCTL" --socket "$DIR/none" send --progress --no-progress news x
    assert_failure 64
    assert_output 'udsctl: send: --progress or --no-progress, not both'
}

@test "verbs end quietly when the reader of their output leaves, and report other failures" {
    start_udsd
    background bash -c "'$UDSCTL' monitor 2>'$DIR/err' | head -n 1 >'$DIR/lines'; echo \${PIPESTATUS[0]} >'$DIR/status'"
    wait_until info_is monitor_clients 1
    "$UDSCTL" send news one
    wait_until has_lines "$DIR/lines" 1
    while [ ! -s "$DIR/status" ]; do
        "$UDSCTL" send news more
    done
    assert_equal "$(cat "$DIR/status" "$DIR/err")" 0
    run bash -c "'$UDSCTL' stats --watch=50ms | head -n 1; echo \${PIPESTATUS[0]}"
    assert_line --index 1 0
    local verb
    for verb in stats ping; do
        run bash -c "'$UDSCTL' $verb >/dev/full"
        assert_failure 74
        assert_output 'udsctl: writing to standard output: No space left on device'
    done
}

@test "a daemon that lies about lengths and numbers crashes no verb" {
    run "$PYTHON" - "$S" "$UDSCTL" <<'EOF'
import os, socket, subprocess, sys, threading
path, udsctl = sys.argv[1:]
huge = (2**64 - 1, 2**64 - 2, 2**63, 2**63 - 1, 2**32, -1, 10**30)
notice = b"time=%d.1 id=1 uid=0 pid=1 cmd=publish receivers=1 channel=%d payload=%d\nchannel\npayload"

def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text)

def message(channel, text):
    return b"*3\r\n" + bulk(b"message") + bulk(channel) + bulk(text)

def publication(*numbers):
    return b"+OK\r\n" + message(b"__udsd__:published", notice % numbers)

lies = [b"%c%d\r\n" % (kind, n) for n in huge for kind in b"$*%~>=!|:,("]
lies += [publication(1, n, 99999999) for n in huge] + [publication(1, 7, n) for n in huge]
lies += [publication(n, 7, 7) for n in huge] + [b"+OK\r\n" + message(b"__udsd__:missed", b"")]
for kind in b"*%":
    lies.append(b"%c1\r\n" % kind * 100000)
lies += [b"*1\r\n" + b"%2\r\n" + bulk(b"name") + b":1\r\n" + bulk(b"name") + b"*0\r\n", b"*1\r\n%0\r\n",
         b"*1\r\n*3\r\n" + bulk(b"name") * 3, bulk(b""), bulk(b"id=%d uid=%d pid=%d age=%d obl=%d\n" % (huge[:5])),
         bulk(b"=\n==\n id= uid=\n"), bulk(b"a:\r\n:b\r\n:\r\n"), b"*3\r\n" + bulk(b"subscribe") + bulk(b"c") + b":1\r\n" +
         b"*3\r\n" + bulk(b"message") + bulk(b"c") + b"$%d\r\n" % (2**64 - 1)]
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(100)
lie = b""

def serve():
    while True:
        client, _ = server.accept()
        try:
            if client.recv(1000):
                client.sendall(lie)
        except OSError:
            pass
        client.close()

threading.Thread(target=serve, daemon=True).start()
verbs = [["stats"], ["stats", "--json"], ["clients"], ["clients", "--json"], ["channels"], ["channels", "--json"],
         ["monitor", "-n", "1"], ["monitor", "--json", "-n", "1"], ["ping"], ["reload"], ["check"], ["kill", "-u", "0"],
         ["recv", "-n", "1", "--timeout", "20ms", "c"], ["send", "--timeout", "20ms", "c", "x"],
         ["top", "--batch", "-n", "1"]] # which ends only when it has an answer
for lie in lies:
    running = [subprocess.Popen([udsctl, *verb], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL) for verb in verbs]
    for verb, process in zip(verbs, running):
        if verb[0] == "top":
            process.terminate()
        said = process.communicate(timeout=60)[0]
        status = process.returncode
        assert 0 <= status < 128 or status in (143, -15), (verb, lie[:100], status)
        assert b"Sanitizer" not in said, (verb, lie[:100], said[:2000])
os._exit(0)
EOF
    assert_success
}
