#!/usr/bin/env bats
# udsctl groups, pending, trim, export, import, and check of groups.

load helper
load streams

# json EXPRESSION: of the objects on standard input.
json() {
    "$PYTHON" -c 'import json, sys; objects = [json.loads(l) for l in sys.stdin]; print(eval(sys.argv[1]))' "$1"
}

# work STREAM GROUP COUNT: makes the group and gives it so many entries.
work() {
    reply_to XGROUP CREATE "$1" "$2" 0 >/dev/null
    [ "$3" -eq 0 ] || reply_to XREADGROUP GROUP "$2" me COUNT "$3" STREAMS "$1" '>' >/dev/null
}

@test "streams, channels and services: the objects have the names of the daemon's answers" {
    start_store '[stream news]' 'published = yes'
    fill jobs 1 3
    reply_to UDSD LATER ADD jobs 3600000 message x
    receive news
    background "$UDSCTL" serve upper -- cat
    wait_until info_is service_workers 1
    local verb
    for verb in streams channels services; do
        "$UDSCTL" "$verb" --json >"$DIR/$verb"
    done
    run "$PYTHON" - "$DIR" "$S" <<'EOF'
import json, sys
from resp import Client
client = Client(sys.argv[2])
for verb in "streams", "channels", "services":
    answer = client.call("UDSD", verb)[0]
    names, values = ([text.decode() if isinstance(text, bytes) else text for text in answer[i::2]] for i in (0, 1))
    shown = json.loads(open(f"{sys.argv[1]}/{verb}").readline())
    print(verb, *sorted(set(names) ^ set(shown)))
    assert shown == dict(zip(names, values)), (shown, names, values)
EOF
    assert_output $'streams\nchannels\nservices'
}

@test "groups: of one stream or all, as a table, JSON and metrics" {
    start_store
    fill a 1 5
    work a g 2
    work a idle 0
    reply_to XADD b '*' x y
    work b h 1
    run "$UDSCTL" groups
    assert_success
    assert_line --index 0 --regexp '^STREAM  GROUP  CONSUMERS  PENDING  LAG  +OLDEST  RETRIES  BACKOFF  PAUSED  LAST ID$'
    assert_line --index 1 --regexp '^a       g              1        2    3  +[0-9]+d[0-9]+h +-  +-  -       2-0$'
    assert_line --index 2 --regexp '^a       idle           0        0    5  +-  +-  +-  -       0-0$'
    assert_line --index 3 --regexp '^b       h              1        1    0  +0s  +-  +-  -       [0-9]+-0$'
    assert_equal "${#lines[@]}" 4
    run "$UDSCTL" groups b
    assert_equal "${#lines[@]}" 2
    "$UDSCTL" groups --json a >"$DIR/json"
    run json 'objects[0]' <"$DIR/json"
    assert_output "{'stream': 'a', 'name': 'g', 'consumers': 1, 'pending': 2, 'lag': 3, 'entries-read': 2, 'last-delivered-id': '2-0', 'oldest-pending-id': '1-0', 'max_deliveries': None, 'retry_delay': '', 'dead_letter': 'a.dead', 'paused': 0}"
    run json "sorted(objects[1]), objects[1]['lag']" <"$DIR/json"
    assert_output "(['consumers', 'dead_letter', 'entries-read', 'lag', 'last-delivered-id', 'max_deliveries', 'name', 'paused', 'pending', 'retry_delay', 'stream'], 5)"
    "$UDSCTL" groups --format openmetrics b >"$DIR/metrics"
    assert_equal "$(tail -n 1 "$DIR/metrics")" '# EOF'
    run grep -v '^#' "$DIR/metrics"
    assert_line 'udsd_group_consumers{stream="b",group="h"} 1'
    assert_line 'udsd_group_pending{stream="b",group="h"} 1'
    assert_line --regexp '^udsd_group_pending_age_seconds\{stream="b",group="h"\} [0-9]+\.[0-9]{3}$'
    assert_line 'udsd_group_lag{stream="b",group="h"} 0'
    assert_equal "$("$UDSCTL" groups --format json a)" "$(cat "$DIR/json")"
    run grep -c '# EOF' <("$UDSCTL" groups --format prometheus)
    assert_output 0
    # What holds for jobs that fail.
    reply_to UDSD GROUP b h SET max_deliveries 4 retry_delay '1s 2s 5m' paused 1
    run "$UDSCTL" groups b
    assert_line --index 1 --regexp '^b       h              1        1    0  +[0-9]s        3  1s..300s  paused  [0-9]+-0$'
    run json "objects[0]['max_deliveries'], objects[0]['retry_delay'], objects[0]['paused']" < <("$UDSCTL" groups --json b)
    assert_output "(4, '1s 2s 300s', 1)"
    assert_equal "$("$UDSCTL" groups --format openmetrics b | grep '^udsd_group_paused')" 'udsd_group_paused{stream="b",group="h"} 1'
    reply_to UDSD GROUP b h SET retry_delay 7s
    assert_equal "$("$UDSCTL" groups b | awk 'NR == 2 { print $8 }')" 7s
    # Quotes, backslashes, newlines and bytes that are no text in names.
    reply_to XADD $'q"\\\n' '*' x y
    work $'q"\\\n' g 0
    run "$UDSCTL" groups --format prometheus $'q"\\\n'
    assert_line 'udsd_group_lag{stream="q\"\\\n",group="g"} 1'
    run "$UDSCTL" groups
    assert_line --partial 'q"\?'
    run "$UDSCTL" groups none
    assert_failure 66
    assert_output "udsctl: there is no stream 'none'"
    run "$UDSCTL" groups --format xml
    assert_failure 64
}

@test "groups: one that goes in the middle of the questions is shown without values" {
    background "$PYTHON" - "$DIR/fake.sock" <<'EOF'
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
group = b"*1\r\n*12\r\n$4\r\nname\r\n$1\r\ng\r\n$9\r\nconsumers\r\n:0\r\n$7\r\npending\r\n:0\r\n" \
    b"$17\r\nlast-delivered-id\r\n$3\r\n1-0\r\n$12\r\nentries-read\r\n:1\r\n$3\r\nlag\r\n:0\r\n"
while True:
    client = listener.accept()[0]
    while data := client.recv(4096):
        client.sendall(group if b"XINFO" in data else b"-NOGROUP No such consumer group\r\n")
EOF
    wait_until is_listening "$DIR/fake.sock"
    run "$UDSCTL" -s "$DIR/fake.sock" groups --json a
    assert_success
    assert_output --partial '"max_deliveries":null,"retry_delay":"","dead_letter":"","paused":0'
    run "$UDSCTL" -s "$DIR/fake.sock" groups a
    assert_success
    assert_line --index 1 --regexp '^a +g +0 +0 +0 +- +- +- +- +1-0$'
}

@test "groups: streams whose names are any bytes" {
    start_store
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
c = Client(sys.argv[1])
for name in b"a\0b", b"\xff", b"":
    c.call("XADD", name, "1-1", "x", "y")
    c.call("XGROUP", "CREATE", name, b"g\0", "0")
EOF
    run json "[[o.get('stream', o.get('stream_base64')), o['name'], o['lag']] for o in objects]" < <("$UDSCTL" groups --json)
    assert_output "[['', 'g\\x00', 1], ['a\\x00b', 'g\\x00', 1], ['/w==', 'g\\x00', 1]]"
}

@test "pending: of one group or all, in pages" {
    start_store
    fill a 1 2500
    work a g 2200
    work a h 1
    run "$UDSCTL" pending -n 2 a g
    assert_success
    assert_line --index 0 'GROUP  ID   STATE    CONSUMER  IDLE  DELIVERIES  DUE  PID'
    assert_line --index 1 --regexp '^g      1-0  running  me +[0-9]+s +1    -    -$'
    assert_line --index 2 --regexp '^g      2-0  running  me +[0-9]+s +1    -    -$'
    assert_equal "${#lines[@]}" 3
    "$UDSCTL" pending --json a >"$DIR/json"
    run json "[(o['group'], o['id'], o['consumer'], o['deliveries']) for o in objects] == [('g', '%d-0' % n, 'me', 1)
        for n in range(1, 2201)] + [('h', '1-0', 'me', 1)], sorted(objects[0])" <"$DIR/json"
    assert_output --partial "(True, ['client', 'consumer', 'deliveries', 'died', 'due_ms', 'failed', 'group', 'id', 'idle_ms', "
    reply_to XACK a h 1-0
    run "$UDSCTL" pending a h
    assert_equal "${#lines[@]}" 1
    run "$UDSCTL" pending a none
    assert_failure 66
    assert_output "udsctl: stream 'a' has no group 'none'"
    local words
    for words in none 'none g'; do
        # shellcheck disable=SC2086 # words
        run "$UDSCTL" pending $words
        assert_failure 66
        assert_output "udsctl: there is no stream 'none'"
    done
}

@test "delete: streams with all that they hold" {
    start_store
    fill a 1 5
    work a g 2
    reply_to XADD b '*' x y
    "$UDSCTL" send --store --delay 1h a later
    run "$UDSCTL" delete a none b
    assert_failure 66
    assert_line "udsctl: there is no stream 'none'"
    assert_line 'deleted a'
    assert_line 'deleted b'
    assert_equal "$("$UDSCTL" streams --names)" ''
    assert_equal "$(reply_to UDSD LATER LIST)" '[]'
    run "$UDSCTL" delete
    assert_failure 64
    run "$UDSCTL" delete ''
    assert_failure 64
    assert_output --partial 'is a variable unset?'
    reply_to XADD $'\e[31m' '*' x y
    run "$UDSCTL" delete $'\e[31m'
    assert_output 'deleted ?[31m'
    run "$UDSCTL" rm a
    assert_output "udsctl: unknown verb 'rm'; did you mean 'delete'?"
}

@test "trim: by number, age and ID" {
    start_store
    fill a 1 10
    run "$UDSCTL" trim --max-entries 8 a
    assert_success
    assert_output '2 entries removed'
    run "$UDSCTL" trim --before 4-0 a
    assert_output '1 entry removed'
    reply_to XADD a '*' message now
    run "$UDSCTL" trim --older-than 7d --json a
    assert_output '{"removed":7}'
    run "$UDSCTL" trim --older-than 1h a
    assert_success
    assert_output '0 entries removed'
    assert_equal "$(reply_to XLEN a)" 1
    run "$UDSCTL" trim --max-entries 0 a
    assert_output '1 entry removed'
    run "$UDSCTL" trim --max-entries 0 a
    assert_success
    assert_output '0 entries removed'
    run "$UDSCTL" trim --older-than 1h none
    assert_failure 66
    assert_output "udsctl: there is no stream 'none'"
    local options
    for options in '' '--max-entries x' '--max-entries -1' '--before x' '--older-than 0' '--max-entries 1 --before 2'; do
        # shellcheck disable=SC2086 # words
        run "$UDSCTL" trim $options a
        assert_failure 64
    done
}

# A stream with all that is odd: bytes, equal names, names that look like base64, empty ones, an entry of 1 MiB.
odd_stream() { # STREAM
    "$PYTHON" - "$S" "$1" <<'EOF'
import sys
from resp import Client
c, key = Client(sys.argv[1]), sys.argv[2]
c.call("XADD", key, "0-1", "message", "hello")
c.call("XADD", key, "5-1", "b", "1", "a", "2")
c.call("XADD", key, "5-2", "a", "1", "a", "1")
c.call("XADD", key, "5-3", bytes(range(256)), bytes(range(255, -1, -1)))
c.call("XADD", key, "5-4", "x_base64", "y", "x", b"\xff", "z", b"\0\x7f\xc2\x80")
c.call("XADD", key, "6-0", "", "", "n\0", "1")
c.call("XADD", key, "6-18446744073709551615", "message", b"x" * (1 << 20))
c.call("XADD", key, "7-0", "x", b"\xfe", "x_base64", "x")
c.call("XADD", key, "18446744073709551615-18446744073709551615", *["f%d" % (n // 2) for n in range(2000)])
EOF
}

@test "export and import: the same entries, with their IDs, whatever is in them" {
    start_store
    odd_stream a
    "$UDSCTL" export a >"$DIR/a"
    run "$UDSCTL" import b <"$DIR/a"
    assert_success
    assert_output '9 entries added, 0 there already'
    assert_equal "$(reply_to XRANGE b - + | md5sum)" "$(reply_to XRANGE a - + | md5sum)"
    "$UDSCTL" export b | cmp - "$DIR/a"
    run json "[o['id'] for o in objects[:2]], objects[0]['fields'], list(objects[1]['fields'])" <"$DIR/a"
    assert_output "(['0-1', '5-1'], {'message': 'hello'}, ['b', 'a'])"
    run "$UDSCTL" import --json b <"$DIR/a"
    assert_success
    assert_output '{"added":0,"present":9,"different":0,"refused":0}'
    # What is behind an entry.
    "$UDSCTL" export --from 6-0 a | cmp - <(tail -n 3 "$DIR/a")
    assert_equal "$("$UDSCTL" export --from 18446744073709551615-18446744073709551615 a)" ''
    # As recv has it.
    "$UDSCTL" export --from first a | cmp - "$DIR/a"
    "$UDSCTL" export --from last a | cmp - <(tail -n 1 "$DIR/a")
    assert_equal "$("$UDSCTL" export --from new a)" ''
    "$UDSCTL" export --from 6 a | cmp - <(tail -n 4 "$DIR/a")
    reply_to XADD now '*' message x
    assert_equal "$("$UDSCTL" export --from -1h now | wc -l)" 1
    reply_to XDEL now "$("$UDSCTL" export now | json "objects[0]['id']")"
    assert_equal "$("$UDSCTL" export --from last now)" ''
    run "$UDSCTL" export none
    assert_failure 66
    assert_output "udsctl: there is no stream 'none'"
    run "$UDSCTL" export --from x a
    assert_failure 64
    # What recv prints.
    "$UDSCTL" recv --from first -n 3 --json a >"$DIR/recv"
    run "$UDSCTL" import c <"$DIR/recv"
    assert_output '3 entries added, 0 there already'
    "$UDSCTL" export c | cmp - <(head -n 3 "$DIR/a")
}

@test "import: what cannot be added is told, and the exit status says so" {
    start_store
    fill a 1 3
    reply_to XDEL a 2-0
    seq 1 4 | sed 's/.*/{"id":"&-0","fields":{"message":"&"}}/' >"$DIR/in"
    run --separate-stderr "$UDSCTL" import a <"$DIR/in"
    assert_failure 65
    assert_output '1 entry added, 2 there already, 1 before the last ID'
    assert_equal "$stderr" 'udsctl: import: line 2: 2-0: is not in the stream, and cannot be added before the last ID of the stream'
    run --separate-stderr "$UDSCTL" import a < <(echo; echo '{"id":"3-0","fields":{"message":"other"}}')
    assert_failure 65
    assert_output '0 entries added, 0 there already, 1 there with other fields'
    assert_equal "$stderr" 'udsctl: import: line 2: 3-0: is in the stream with other fields'
    local line
    while IFS= read -r line; do
        run "$UDSCTL" import b < <(echo '{"id":"1-0","payload":"x"}'; echo "$line"; echo '{"id":"9-0","payload":"x"}')
        assert_failure 65
        assert_output --partial 'import: line 2: '
        assert_equal "$(reply_to XLEN b)" 1
    done <<'EOF'
text
[]
{"fields":{"a":"1"}}
{"id":"x","fields":{"a":"1"}}
{"id":"5-0"}
{"id":"5-0","fields":{}}
{"id":"5-0","fields":"x"}
{"id":"5-0","fields":{"a":1}}
{"id":"5-0","fields":{"a_base64":"=="}}
{"id":"5-0","fields":{"a_base64":"YQ=a"}}
{"id":"5-0","fields":{"a_base64":"YR=="}}
{"id":"5-0","fields":{"a":"1","a":"2"}}
{"id":"5-0","fields":[{"name":"a"}]}
{"id":"5-0","fields":["a","b"]}
{"id":"5-0","payload":5}
EOF
    # 0-0 is no ID that can be added.
    run "$UDSCTL" import c < <(echo '{"id":"0-0","payload":"x"}')
    assert_failure
    # Who may not add.
    stop_udsd
    start_configured '[store]' "directory = $DIR/store" '[channel a]' 'publish ='
    run "$UDSCTL" import a < <(echo '{"id":"9-0","payload":"x"}')
    assert_failure 77
}

@test "import: the rest of a file after the daemon was killed; then all of it is there once" {
    start_store
    seq 1 50000 | sed 's/.*/{"id":"&-0","fields":{"message":"&"}}/' >"$DIR/in"
    background bash -c "'$UDSCTL' import a <'$DIR/in' >'$DIR/first' 2>&1"
    local import=$!
    wait_until has_entries 1000
    kill_udsd
    wait_exit "$import"
    start_store
    local before
    before=$(reply_to XLEN a)
    run "$UDSCTL" import a <"$DIR/in"
    assert_success
    assert_output "$((50000 - before)) entries added, $before there already"
    "$UDSCTL" export a | cmp - "$DIR/in"
}

has_entries() { # N
    [ "$(reply_to XLEN a)" -ge "$1" ]
}

@test "export and import of a large stream take little memory, also with a slow reader" {
    start_store
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
c = Client(sys.argv[1])
for n in range(64):
    c.call("XADD", "big", "%d-0" % (n + 1), "message", b"\xff" * (1 << 20))
EOF
    mkfifo "$DIR/fifo"
    background bash -c "exec '$UDSCTL' export big >'$DIR/fifo'"
    local export=$!
    background bash -c "exec '$UDSCTL' import copy <'$DIR/fifo'"
    local import=$!
    wait_until has_copied 40
    is_sanitized || [ "$(peak_kib "$export")" -lt 40000 ]
    is_sanitized || [ "$(peak_kib "$import")" -lt 40000 ]
    wait_exit "$export"
    assert_equal "$status" 0
    wait_exit "$import"
    assert_equal "$status" 0
    assert_equal "$("$UDSCTL" export copy | md5sum)" "$("$UDSCTL" export big | md5sum)"
}

has_copied() { # N
    [ "$(reply_to XLEN copy)" -ge "$1" ]
}

@test "check and groups count what is waiting behind a job that was dropped" {
    start_store
    fill q 1 6
    work q g 1
    "$UDSCTL" drop --group g q 3-0
    fill q 7 20
    run "$UDSCTL" check --lag 10 q
    assert_failure 2
    assert_output --partial "lag of group 'g' of stream 'q' is 18 (limit 10)"
    assert_equal "$("$UDSCTL" groups --json q | jq .lag)" 18
    run "$UDSCTL" groups --format openmetrics q
    assert_line --regexp '^udsd_group_lag\{.*\} 18$'
    # A group that begins in the middle.
    reply_to XGROUP CREATE q h 10-0
    assert_equal "$("$UDSCTL" groups --json q | jq -s 'map(.lag)' -c)" '[18,10]'
    # The block is on disk only.
    stop_udsd
    start_store
    assert_equal "$("$UDSCTL" groups --json q | jq -s 'map(.lag)' -c)" '[18,10]'
    # There are so many that it is not read for them: the others count all of it.
    stop_udsd
    start_store
    local i
    for i in 1 2 3 4; do
        reply_to XGROUP CREATE q "i$i" 12-0
    done
    assert_equal "$("$UDSCTL" groups --json q | jq -s 'map(.lag >= 8 and .lag <= 18) | all')" true
}

@test "check: lag and age of what is pending, of one stream or all" {
    start_store
    fill a 1 5
    work a g 2
    reply_to XADD b '*' x y
    work b h 1
    run "$UDSCTL" check --lag 3 --pending-age 1h b
    assert_success
    assert_output --regexp '^UDSD OK - answered in .* \| latency=[^ ]+ lag=0;;3;0 pending_age=[0-9.]+s;;3600;0$'
    run "$UDSCTL" check --lag 3
    assert_success
    run "$UDSCTL" check --lag 2
    assert_failure 2
    assert_output --regexp "^UDSD CRITICAL - lag of group 'g' of stream 'a' is 3 \(limit 2\), answered in .* lag=3;;2;0$"
    run "$UDSCTL" check --pending-age 7d
    assert_failure 2
    assert_output --regexp "oldest pending entry of group 'g' of stream 'a' is [0-9]+d[0-9]+h old \(limit [^)]*\), answered"
    reply_to XACK a g 1-0 2-0
    run "$UDSCTL" check --pending-age 7d
    assert_success
    run "$UDSCTL" check --pending-age 0 b
    assert_failure 2
    run "$UDSCTL" check --lag 1 none
    assert_failure 2
    assert_output "UDSD CRITICAL - there is no stream 'none'"
    # Many, and names that would break the line.
    local n
    for n in 1 2 3 4 5 6; do
        work a $'x|\n'"$n" 0
    done
    run "$UDSCTL" check --lag 2
    assert_failure 2
    assert_equal "${#lines[@]}" 1
    assert_output --partial "group 'x??1' of stream 'a' is 5"
    assert_output --partial ', and 2 more, answered'
    # A store that is off.
    stop_udsd
    start_udsd
    run "$UDSCTL" check --lag 1
    assert_failure 2
    assert_output --partial 'streams are off'
}

@test "who has added an entry is no part of its message, and what differs only in that is there already" {
    start_store '[stream news]' 'published = yes' 'sender = yes'
    "$UDSCTL" send news live
    "$UDSCTL" send --store news stored
    run -0 "$UDSCTL" recv --no-wait --from first news
    assert_output $'live\nstored'
    "$UDSCTL" export news >"$DIR/export"
    assert_equal "$(grep -c "\"udsd-sender\":\"$(id -u)\"" "$DIR/export")" 2
    sed "s/\"udsd-sender\":\"$(id -u)\"/\"udsd-sender\":\"5\"/" "$DIR/export" >"$DIR/other"
    run -0 "$UDSCTL" import news <"$DIR/other"
    assert_output --partial '0 entries added, 2 there already'
    sed 's/stored/other/' "$DIR/export" >"$DIR/other"
    run "$UDSCTL" import news <"$DIR/other"
    assert_failure 65
}

@test "check: a stream that nobody works on is behind by all that it has" {
    start_store
    fill nobody 1 20
    run "$UDSCTL" check --lag 10 nobody
    assert_failure 2
    assert_output --partial "stream 'nobody' has 20 entries and no group (limit 10), answered"
    run -0 "$UDSCTL" check --lag 20 nobody
    assert_output --partial 'lag=20;;20;0'
}
