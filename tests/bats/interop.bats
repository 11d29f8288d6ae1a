#!/usr/bin/env bats
# Client libraries made for Redis: each program of tests/interop has the same conversation by its library. It publishes
# to a channel without receivers; subscribes to two channels and a pattern on a second connection, publishes to both
# and checks the messages that arrive; sends 1000 messages in a pipeline and two in a transaction; unsubscribes from a
# channel. Then the daemon is killed and started, and later stopped and started: each time the library connects and
# subscribes again, and publishing works.

load helper
load libraries

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

@test "redis-py" {
    "$PYTHON" -c 'import redis' 2>/dev/null || skip "python3-redis is not installed"
    converse "$PYTHON" "$INTEROP/redis-py.py"
}

@test "redis-py with asyncio" {
    "$PYTHON" -c 'import redis.asyncio' 2>/dev/null || skip "python3-redis is not installed"
    converse "$PYTHON" "$INTEROP/redis-py-asyncio.py"
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

# Libraries that use Redis as their bus: each program has two of them talk to each other, and ends by itself. It does so
# with redis-server first, where that is installed, so that a failure here is udsd's.

# start_redis: a redis-server on $DIR/redis, unless there is none.
start_redis() {
    local program
    program=$(find_redis) || return 0
    background bash -c 'exec -a redis-server "$@"' - "$program" --port 0 --unixsocket "$DIR/redis" --save '' --dir "$DIR" \
        >"$DIR/redis.log"
    REDIS=$!
    wait_until is_listening "$DIR/redis"
}

# talk LIBRARY PROGRAM OUTPUT: runs tests/interop/PROGRAM, which prints OUTPUT. A library for Python is its module.
talk() {
    local socket interpreter=node
    if [ "${2##*.}" = py ]; then
        interpreter=$PYTHON
        "$PYTHON" -c "import $1" 2>/dev/null || skip "Debian's package of $1 is not installed"
    else
        need_node
        [ -d "$INTEROP/node_modules/$1" ] || skip "$1 of tests/interop/package-lock.json is not installed"
    fi
    start_udsd
    start_redis
    for socket in "$DIR/redis" "$S"; do
        [ -S "$socket" ] || continue
        background "$interpreter" "$INTEROP/$2" "$socket" >"$DIR/out" 2>"$DIR/err"
        wait_exit $!
        assert_equal "$(cat "$DIR/out" "$DIR/err")" "$3"
        assert_equal "$status" 0
    done
    # Nothing is left over.
    wait_until info_is pubsub_channels 0
    assert_equal "$(info pubsub_patterns)" 0
    stop_udsd
}

@test "mqemitter-redis" {
    talk mqemitter-redis mqemitter.mjs $'wildcards\nremoved\nbye'
}

@test "MQTT clients of two aedes brokers, with mqemitter-redis between them" {
    talk aedes aedes.mjs $'shared\nunsubscribed\nbye'
}

@test "moleculer's transporter for Redis" {
    talk moleculer moleculer.mjs $'discovered\ncalled\nevents\nping\nbye'
}

@test "socket.io's adapter for Redis" {
    talk @socket.io/redis-adapter socket.io-adapter.mjs $'servers\nbroadcast\nrequests\nemit\nbye'
}

@test "feathers-sync" {
    talk feathers-sync feathers-sync.mjs $'ready\ncreated\nchanged\nalone\nbye'
}

@test "channels_redis, the layer of Django Channels" {
    talk channels_redis.pubsub channels-redis.py $'sent\ngroup\ndiscarded\nbye'
}

@test "python-socketio's manager for Redis" {
    talk socketio python-socketio.py $'subscribed\nemitted\nbye'
}

# The examples for services: callers and workers of both languages, over both servers. A worker dies in the middle of a
# request, and the server is killed and started again.

# serve_with PROGRAM SOCKET: one more worker.
serve_with() {
    background "${SERVICES_OF[$1]}" "$DIR/services-$1" "$2" serve >>"$DIR/worker.log" 2>&1
    workers+=($!)
}

# ask_with SOCKET CALLER WORKER RESTART: the whole conversation; RESTART kills the server and starts it.
ask_with() {
    local program pid workers=()
    rm -f "$DIR/fifo" "$DIR/out"
    mkfifo "$DIR/fifo"
    serve_with "$3" "$1"
    serve_with "$3" "$1"
    "${SERVICES_OF[$2]}" "$DIR/services-$2" "$1" call <"$DIR/fifo" >"$DIR/out" 2>"$DIR/err" 3>&- 8>&- &
    program=$!
    PIDS+=("$program")
    exec 8>"$DIR/fifo"
    said late
    "$4"
    serve_with "$3" "$1"
    echo >&8
    exec 8>&-
    wait_exit "$program"
    assert_equal "$(cat "$DIR/out" "$DIR/err")" $'answered\nfailed\nshared\ndied\nlate\nagain'
    assert_equal "$status" 0
    for pid in "${workers[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
        wait_exit "$pid"
    done
}

restart_udsd() {
    kill_udsd
    start_udsd
}

restart_redis() {
    kill -KILL "$REDIS"
    wait_exit "$REDIS"
    rm -f "$DIR/redis"
    start_redis
}

@test "the examples for services" {
    local caller worker
    declare -A SERVICES_OF=([redis-py.py]=$PYTHON [node-redis.mjs]=node)
    "$PYTHON" -c 'import redis' 2>/dev/null || skip "python3-redis is not installed"
    need_node
    [ -d "$INTEROP/node_modules/redis" ] || skip "redis of tests/interop/package-lock.json is not installed"
    # As a user would have them: beside the program.
    cp "$TOP"/examples/services.* "$INTEROP"/services-* "$DIR/"
    ln -s "$INTEROP/node_modules" "$DIR/node_modules"
    start_udsd
    start_redis
    for worker in "${!SERVICES_OF[@]}"; do
        for caller in "${!SERVICES_OF[@]}"; do
            echo "$caller calls $worker"
            ask_with "$S" "$caller" "$worker" restart_udsd
            [ ! -S "$DIR/redis" ] || ask_with "$DIR/redis" "$caller" "$worker" restart_redis
        done
    done
    stop_udsd
}
