#!/usr/bin/env bats
# Programs and libraries made for Redis work with udsd.

load helper

@test "redis-cli publishes and subscribes" {
    start_udsd
    background redis-cli -s "$S" SUBSCRIBE news >"$DIR/out"
    wait_until subscribed 1
    [ "$(redis-cli -s "$S" PUBLISH news hello)" = 1 ]
    wait_until contains "$DIR/out" hello
    [ "$(redis-cli -s "$S" PING)" = PONG ]
    [ "$(redis-cli -3 -s "$S" ECHO x)" = x ]
}

@test "redis-cli takes commands from stdin" {
    start_udsd
    run bash -c "printf 'PING\nPUBLISH a b\nECHO done\n' | redis-cli -s '$S'"
    assert_success
    assert_line --index 0 PONG
    assert_line --index 1 0
    assert_line --index 2 done
}

@test "redis-cli takes an argument from stdin" {
    start_udsd
    background redis-cli -s "$S" SUBSCRIBE news >"$DIR/out"
    wait_until subscribed 1
    printf 'all of stdin' | redis-cli -s "$S" -x PUBLISH news
    wait_until contains "$DIR/out" 'all of stdin'
    printf 'in the middle' | redis-cli -s "$S" -X tag ECHO tag >"$DIR/echo"
    assert_equal "$(cat "$DIR/echo")" 'in the middle'
    assert_equal "$(redis-cli -s "$S" --quoted-input --no-raw ECHO '"\x00\xff"')" '"\x00\xff"'
}

@test "redis-cli --pipe inserts many messages" {
    start_udsd
    background redis-cli -s "$S" --csv SUBSCRIBE news >"$DIR/out"
    wait_until subscribed 1
    seq 10001 15000 | sed 's/.*/*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$5\r\n&\r/' >"$DIR/in"
    run bash -c "redis-cli -s '$S' --pipe <'$DIR/in'"
    assert_success
    assert_output --partial 'errors: 0, replies: 5000'
    wait_until contains "$DIR/out" '"15000"'
    sed -n 's/^"message","news","\(.*\)"$/\1/p' "$DIR/out" | diff <(seq 10001 15000) -
    printf '*1\r\n$6\r\nNOSUCH\r\n' >>"$DIR/in"
    run bash -c "redis-cli -s '$S' --pipe <'$DIR/in'"
    assert_failure 1
    assert_output --partial 'errors: 1, replies: 5001'
}

@test "redis-cli prints messages in each of its formats" {
    start_udsd
    background redis-cli -s "$S" SUBSCRIBE news >"$DIR/raw"
    background redis-cli -s "$S" --no-raw SUBSCRIBE news >"$DIR/no-raw"
    background redis-cli -s "$S" --csv PSUBSCRIBE 'n*' >"$DIR/csv"
    background redis-cli -s "$S" --json PSUBSCRIBE '*s' >"$DIR/json"
    background redis-cli -s "$S" -3 SUBSCRIBE other news >"$DIR/resp3"
    wait_until published news 'say "hi"' 5
    wait_until contains "$DIR/raw" 'say "hi"'
    wait_until contains "$DIR/no-raw" '3) "say \"hi\""'
    wait_until contains "$DIR/csv" '"pmessage","n*","news","say \"hi\""'
    wait_until contains "$DIR/json" '["pmessage","*s","news","say \"hi\""]'
    wait_until contains "$DIR/resp3" 'say "hi"'
}

# published CHANNEL MESSAGE N: publishes it; whether N receivers got it.
published() {
    [ "$(redis-cli -s "$S" PUBLISH "$1" "$2")" = "$3" ]
}

@test "redis-cli MONITOR shows commands" {
    start_udsd
    background redis-cli -s "$S" MONITOR >"$DIR/out"
    wait_until contains "$DIR/out" OK
    redis-cli -s "$S" PUBLISH news $'a\x01"b'
    wait_until contains "$DIR/out" '"PUBLISH" "news" "a\x01\"b"'
    run grep PUBLISH "$DIR/out"
    assert_success
    assert_output --regexp '^[0-9]+\.[0-9]{6} \[0 unix:'"$S"'\] "PUBLISH" "news" '
}

# on_terminal COMMAND...: runs it on a terminal in the background, with its output in $DIR/out.
on_terminal() {
    background script -qefc "$*" /dev/null </dev/null >"$DIR/out"
}

@test "redis-cli --stat shows figures of INFO" {
    start_udsd
    on_terminal redis-cli -s "$S" --stat -i 0.05
    # keys, memory, clients, blocked, requests
    wait_until grep -qE '^0 +[0-9.]+[BKM] +1 +0 +[0-9]+ \(\+1\)' "$DIR/out"
}

@test "redis-cli measures latency" {
    start_udsd
    run redis-cli -s "$S" --raw --latency -i 0.1
    assert_success
    # milliseconds: least, most, mean; the number of samples
    assert_output --regexp '^[0-9]+ [0-9]+ [0-9.]+ [0-9]+$'
    run redis-cli -s "$S" -3 --csv --latency -i 0.1
    assert_success
    assert_output --regexp '^[0-9]+,[0-9]+,[0-9.]+,[0-9]+$'
    on_terminal redis-cli -s "$S" --latency-history -i 0.1
    wait_until grep -q 'avg: .* samples.* seconds range' "$DIR/out"
}

@test "redis-cli repeats commands, and its exit status reports errors" {
    start_udsd
    run redis-cli -s "$S" -r 3 -i 0.05 PUBLISH news again
    assert_success
    assert_output $'0\n0\n0'
    run redis-cli -s "$S" -e NOSUCH
    assert_failure 1
    assert_output --partial "ERR unknown command 'NOSUCH'"
    run redis-cli -s "$S" --user default --pass any --no-auth-warning -n 0 --csv PUBSUB NUMSUB a
    assert_success
    assert_output '"a",0'
    run redis-cli -s "$S" --json -3 CLIENT GETNAME
    assert_success
    assert_output null
}

@test "redis-cli on a terminal hints, helps and leaves a subscription" {
    start_udsd
    run env -u REDISCLI_HISTFILE HOME="$DIR" TERM=xterm "$PYTHON" - "$S" "$PATIENCE" <<'EOF'
import fcntl, os, pty, signal, struct, sys, termios
path, patience = sys.argv[1], int(sys.argv[2])
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, 200, 0, 0))
    os.execvp("redis-cli", ["redis-cli", "-s", path])
seen = b""
def expect(text):
    global seen
    signal.alarm(patience)
    while text not in seen:
        print(seen, flush=True)
        seen += os.read(fd, 4096)
    seen = seen[seen.index(text) + len(text):]
def enter(text):
    # redis-cli discards what is typed before the prompt.
    expect(path.encode())
    os.write(fd, text)
enter(b"publish ")
expect(b"channel message")
os.write(fd, b"news hello\r")
expect(b"(integer) 0")
enter(b"help PUBLISH\r")
expect(b"summary:")
expect(b"group:")
enter(b"SUBSCRIBE news\r")
expect(b"Reading messages...")
os.write(fd, b"\x03")
enter(b"HELLO 3\r")
expect(b'"proto" => (integer) 3')
enter(b"PING\r")
expect(b"PONG")
enter(b"exit\r")
assert os.waitpid(pid, 0)[1] == 0
EOF
    assert_success
}

# benchmark OPTION...: runs redis-benchmark; no request fails, and it can read the daemon's configuration.
benchmark() {
    run redis-benchmark -s "$S" "$@"
    assert_success
    refute_output --partial WARNING
    refute_output --partial rror
}

@test "redis-benchmark pings" {
    start_udsd
    benchmark -t ping_inline,ping_mbulk -n 5000 -q
    assert_output --partial 'PING_INLINE: '
    assert_output --partial 'PING_MBULK: '
    benchmark -t ping_inline,ping_mbulk -n 5000 -c 500 --csv
    assert_line --regexp '^"PING_INLINE","[0-9.]+"'
    assert_line --regexp '^"PING_MBULK","[0-9.]+"'
    benchmark -t ping -n 5000 -c 500 -P 16 -3 --csv
    assert_line --regexp '^"PING_MBULK","[0-9.]+"'
    [ "$(info total_commands_processed)" -ge 30000 ]
}

@test "redis-benchmark publishes" {
    start_udsd
    background redis-cli -s "$S" --csv PSUBSCRIBE 'news*' >"$DIR/out"
    wait_until subscribed 1
    benchmark -n 2000 PUBLISH news hello
    assert_output --partial 'host configuration "save": '
    benchmark -n 2000 -c 500 -q PUBLISH news hello
    benchmark -n 4000 -P 16 -r 10 -3 --csv PUBLISH news:__rand_int__ hello
    [ "$(info messages_published)" -eq 8000 ]
    # The first line confirms the subscription.
    wait_until has_lines "$DIR/out" 8001
}

@test "CLIENT LIST and INFO have the fields of Redis 7.2, in its order and no others" {
    start_udsd
    local fields='id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp
        obl oll omem tot-mem events cmd user redir resp lib-name lib-ver'
    for command in 'CLIENT LIST' 'CLIENT INFO'; do
        redis-cli -s "$S" $command | tr ' ' '\n' | sed -n 's/=.*//p' >"$DIR/got"
        tr -s ' ' '\n' <<<"$fields" | diff - "$DIR/got"
    done
}

@test "a database in the URL makes no difference" {
    start_udsd
    background redis-cli -s "$S" -n 15 --csv SUBSCRIBE news >"$DIR/out"
    wait_until subscribed 1
    assert_equal "$(redis-cli -s "$S" -n 3 PUBLISH news hello)" 1
    wait_until contains "$DIR/out" '"message","news","hello"'
    run redis-cli -s "$S" -n 16 PING
    assert_output --partial 'DB index is out of range'
    "$PYTHON" -c 'import redis' 2>/dev/null || return 0
    "$PYTHON" - "$S" <<'PY'
import redis, sys
bus = redis.Redis.from_url("unix://%s?db=7" % sys.argv[1])
assert bus.publish("news", "again") == 1
assert bus.client_info()["db"] == 7
assert [c["db"] for c in bus.client_list() if c["cmd"] == "client|list"] == ["7"]
PY
}

@test "python3-redis does pub/sub" {
    "$PYTHON" -c 'import redis' 2>/dev/null || skip "python3-redis is not installed"
    start_udsd
    run "$PYTHON" - "$S" <<'EOF'
import sys, redis
bus = redis.Redis(unix_socket_path=sys.argv[1])
assert bus.ping()
sub = bus.pubsub()
sub.subscribe("news")
sub.psubscribe("weather.*")
def next_message(kind):
    while True:
        message = sub.get_message(timeout=30)
        assert message, "no message came"
        if message["type"] == kind:
            return message
next_message("subscribe"), next_message("psubscribe")
assert bus.publish("news", b"\x00\xff") == 1
assert bus.publish("weather.oslo", "rain") == 1
assert next_message("message")["data"] == b"\x00\xff"
got = next_message("pmessage")
assert (got["pattern"], got["channel"], got["data"]) == (b"weather.*", b"weather.oslo", b"rain")
pipe = bus.pipeline(transaction=False)
for i in range(1000):
    pipe.publish("news", i)
assert pipe.execute() == [1] * 1000
assert [int(next_message("message")["data"]) for i in range(1000)] == list(range(1000))
assert bus.info()["redis_version"] == "7.2.0"
EOF
    assert_success
}

@test "nc -U sends inline commands" {
    start_udsd
    run bash -c "printf 'PUBLISH news hi\r\nPING\r\n' | nc -N -U '$S'"
    assert_success
    assert_output $':0\r\n+PONG\r'
}
