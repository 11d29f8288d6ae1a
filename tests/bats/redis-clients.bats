#!/usr/bin/env bats
# Programs and libraries made for Redis work on the socket.

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

@test "redis-benchmark runs ping and publish" {
    start_udsd
    run redis-benchmark -s "$S" -t ping -n 20000 -q
    assert_success
    assert_output --partial 'PING_MBULK'
    run redis-benchmark -s "$S" -n 20000 -q -P 16 PUBLISH news hello
    assert_success
    assert_output --partial 'requests per second'
    [ "$(info messages_published)" -ge 20000 ]
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

@test "nc -U types commands" {
    start_udsd
    run bash -c "printf 'PUBLISH news hi\r\nPING\r\n' | nc -N -U '$S'"
    assert_success
    assert_output $':0\r\n+PONG\r'
}
