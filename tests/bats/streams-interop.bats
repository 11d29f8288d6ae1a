#!/usr/bin/env bats
# Streams with client libraries made for Redis: each program of tests/interop/streams-* has the same conversation by its
# library. It adds entries one by one, in a pipeline and in a transaction, and reads them; one connection blocks until
# another adds; two consumers of a group share entries, one ends without acknowledging all, and the other claims what it
# had. Then the hub is killed and started, and later stopped and started: each time everything is still there, the
# library connects again, and blocking works. redis-server goes first, so that a failure with udsd is udsd's.

load helper
load libraries

start_redis_hub() {
    background bash -c 'exec -a redis-server "$@"' - "$redis" --port 0 --unixsocket "$DIR/r" --save '' --dir "$DIR" \
        --appendonly yes --appendfsync always >>"$DIR/redis.log"
    hub=$!
    wait_until answers "$DIR/r"
}

# answers SOCKET: whether the hub has loaded what it has stored.
answers() {
    [[ "$(printf 'XLEN jobs\r\n' | nc -N -U "$1")" = :* ]]
}

start_udsd_hub() {
    start_udsd --store "$DIR/store"
    hub=$UDSD_PID
}

# converse COMMAND...: runs it, with the socket's path as its last argument, with both hubs.
converse() {
    local redis
    redis=$(find_redis) || true
    if [ -n "$redis" ]; then
        converse_with redis "$@" "$DIR/r"
    fi
    converse_with udsd "$@" "$S"
    rm -rf "$DIR/store" "$DIR/appendonlydir"
}

converse_with() { # KIND COMMAND...
    local program hub start=start_$1_hub signal status
    shift
    rm -f "$DIR/fifo" "$DIR/out"
    mkfifo "$DIR/fifo"
    $start
    "$@" <"$DIR/fifo" >"$DIR/out" 2>"$DIR/err" 3>&- 8>&- &
    program=$!
    PIDS+=("$program")
    exec 8>"$DIR/fifo"
    said claimed
    for signal in KILL TERM; do
        kill -"$signal" "$hub"
        wait_exit "$hub"
        $start
        echo "$signal" >&8
        said again "$([ $signal = KILL ] && echo 1 || echo 2)"
    done
    exec 8>&-
    wait_exit "$program"
    assert_equal "$status" 0
    run cat "$DIR/out"
    assert_output $'added\nread\nblocked\nworked\nclaimed\nagain\nagain\nbye'
    run cat "$DIR/err"
    assert_output ''
    kill -TERM "$hub"
    wait_exit "$hub"
    assert_equal "$status" 0
}

@test "redis-py" {
    "$PYTHON" -c 'import redis' 2>/dev/null || skip "python3-redis is not installed"
    converse "$PYTHON" "$INTEROP/streams-redis-py.py"
}

@test "redis-py with asyncio" {
    "$PYTHON" -c 'import redis.asyncio' 2>/dev/null || skip "python3-redis is not installed"
    converse "$PYTHON" "$INTEROP/streams-redis-py-asyncio.py"
}

@test "node-redis, RESP2" {
    need_node
    converse node "$INTEROP/streams-node-redis.mjs" 2
}

@test "node-redis, RESP3" {
    need_node
    converse node "$INTEROP/streams-node-redis.mjs" 3
}

@test "ioredis" {
    need_node
    converse node "$INTEROP/streams-ioredis.mjs"
}

@test "hiredis" {
    [ -x "$BUILD/tests/interop/streams-hiredis" ] || skip "libhiredis-dev was not installed when this was built"
    converse "$BUILD/tests/interop/streams-hiredis" 2
    # Debian 12's hiredis is 0.14.
    if pkg-config --atleast-version=1.0 hiredis; then
        converse "$BUILD/tests/interop/streams-hiredis" 3
    fi
}

@test "redis-rb" {
    /usr/bin/ruby -e 'require "redis"' 2>/dev/null || skip "ruby-redis is not installed"
    converse /usr/bin/ruby "$INTEROP/streams-redis-rb.rb"
}

@test "Perl's Redis" {
    /usr/bin/perl -e 'use Redis' 2>/dev/null || skip "libredis-perl is not installed"
    converse /usr/bin/perl "$INTEROP/streams-perl-redis.pl"
}

@test "phpredis" {
    /usr/bin/php -r 'exit(extension_loaded("redis") ? 0 : 1);' 2>/dev/null || skip "php-redis is not installed"
    converse /usr/bin/php "$INTEROP/streams-phpredis.php"
}
