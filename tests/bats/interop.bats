#!/usr/bin/env bats
# Client libraries made for Redis: each program of tests/interop has the same conversation by its library. It publishes
# to a channel without receivers; subscribes to two channels and a pattern on a second connection, publishes to both
# and checks the messages that arrive; sends 1000 messages in a pipeline and two in a transaction; unsubscribes from a
# channel. Then the daemon is killed and started, and later stopped and started: each time the library connects and
# subscribes again, and publishing works.

load helper

INTEROP=$TOP/tests/interop

# converse COMMAND...: runs it, with the socket's path as its last argument, through the whole conversation.
converse() {
    local program
    rm -f "$DIR/fifo" "$DIR/out"
    mkfifo "$DIR/fifo"
    start_udsd
    "$@" "$S" <"$DIR/fifo" >"$DIR/out" 2>"$DIR/err" 3>&- 8>&- &
    program=$!
    PIDS+=("$program")
    exec 8>"$DIR/fifo"
    said unsubscribed
    kill_udsd
    start_udsd
    wait_until subscribed 2
    echo killed >&8
    said again 1
    stop_udsd
    start_udsd
    wait_until subscribed 2
    echo stopped >&8
    said again 2
    exec 8>&-
    wait_exit "$program"
    assert_equal "$status" 0
    run cat "$DIR/out"
    assert_output $'nobody\nsubscribed\nmessages\npipeline\ntransaction\nunsubscribed\nagain\nagain\nbye'
    run cat "$DIR/err"
    assert_output ''
    stop_udsd
}

# said LINE [TIMES]: waits until $program has written the line so often.
said() {
    wait_until has_said_or_ended "$@"
    has_said "$@" || {
        cat "$DIR/out" "$DIR/err" >&2
        return 1
    }
}

has_said() {
    [ "$(grep -cxF "$1" "$DIR/out")" -ge "${2:-1}" ]
}

has_said_or_ended() {
    has_said "$@" || is_gone "$program"
}

@test "redis-py" {
    "$PYTHON" -c 'import redis' 2>/dev/null || skip "python3-redis is not installed"
    converse "$PYTHON" "$INTEROP/redis-py.py"
}

@test "redis-py with asyncio" {
    "$PYTHON" -c 'import redis.asyncio' 2>/dev/null || skip "python3-redis is not installed"
    converse "$PYTHON" "$INTEROP/redis-py-asyncio.py"
}

need_node() {
    node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' 2>/dev/null || skip "no node of version 18 or later"
    [ -e "$INTEROP/node_modules/.package-lock.json" ] || skip "the libraries of tests/interop/package-lock.json are not installed"
}

@test "node-redis, RESP2" {
    need_node
    converse node "$INTEROP/node-redis.mjs" 2
}

@test "node-redis, RESP3" {
    need_node
    converse node "$INTEROP/node-redis.mjs" 3
}

@test "ioredis" {
    need_node
    converse node "$INTEROP/ioredis.mjs"
}

@test "hiredis with libevent" {
    [ -x "$BUILD/tests/interop/hiredis" ] || skip "libhiredis-dev was not installed when this was built"
    converse "$BUILD/tests/interop/hiredis" 2
    # Debian 12's hiredis is 0.14.
    if pkg-config --atleast-version=1.0 hiredis; then
        converse "$BUILD/tests/interop/hiredis" 3
    fi
}

@test "redis-rb" {
    /usr/bin/ruby -e 'require "redis"' 2>/dev/null || skip "ruby-redis is not installed"
    converse /usr/bin/ruby "$INTEROP/redis-rb.rb"
}

@test "Perl's Redis" {
    /usr/bin/perl -e 'use Redis' 2>/dev/null || skip "libredis-perl is not installed"
    converse /usr/bin/perl "$INTEROP/perl-redis.pl"
}

@test "phpredis" {
    /usr/bin/php -r 'exit(extension_loaded("redis") ? 0 : 1);' 2>/dev/null || skip "php-redis is not installed"
    converse /usr/bin/php "$INTEROP/phpredis.php"
}
