#!/usr/bin/env bats
# The directory of the store: who may open it, and what happens where it is not as it should be.

load helper
load streams
load users

# refused_start TEXT OPTION...: the daemon ends with an error, and its log has this text.
refused_start() {
    local text=$1
    shift
    : >"$DIR/refused.log"
    background "$UDSD" --listen "$DIR/refused" "$@" >"$DIR/refused.log" 2>&1
    wait_exit $!
    cat "$DIR/refused.log"
    [ "$status" -ne 0 ]
    [ "$status" -lt 128 ]
    contains "$DIR/refused.log" "$text"
}

# sql STATEMENT: changes the database, as another program would.
sql() {
    "$PYTHON" -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute(sys.argv[2])
db.commit()' "$DIR/store/store.db" "$1"
}

@test "without a store, commands for streams say how to turn them on" {
    start_udsd
    assert_equal "$(ask XADD jobs '*' f v)" '-ERR streams are off: set [store] directory, or start udsd with --store'
    assert_equal "$(ask XREAD STREAMS jobs 0)" '-ERR streams are off: set [store] directory, or start udsd with --store'
    assert_equal "$(ask PING)" +PONG
}

@test "two daemons never open one store" {
    start_udsd --store "$DIR/store"
    ask XADD jobs '*' f v
    refused_start "is using this store" --store "$DIR/store"
    contains "$DIR/refused.log" "$UDSD_PID"
    # By another name, too.
    ln -s "$DIR/store" "$DIR/link"
    refused_start "is using this store" --store "$DIR/link"
    assert_equal "$(ask XLEN jobs)" :1
    kill_udsd
    start_udsd --store "$DIR/link"
    assert_equal "$(ask XLEN jobs)" :1
}

@test "another program that has the database open keeps the daemon from starting, and is not disturbed" {
    local other
    start_udsd --store "$DIR/store"
    ask XADD jobs '*' f v
    stop_udsd
    background "$PYTHON" -c 'import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1])
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(1000)' "$DIR/store/store.db" >"$DIR/locked"
    other=$!
    wait_until contains "$DIR/locked" locked
    refused_start "is using this database" --store "$DIR/store"
    kill -KILL "$other"
    wait_exit "$other"
    start_udsd --store "$DIR/store"
    assert_equal "$(ask XLEN jobs)" :1
}

@test "a format that is newer than this daemon is refused and left as it is" {
    start_udsd --store "$DIR/store"
    ask XADD jobs '*' f v
    stop_udsd
    sql 'PRAGMA user_version = 1000'
    cp "$DIR/store/store.db" "$DIR/before"
    refused_start "newer udsd" --store "$DIR/store"
    cmp "$DIR/before" "$DIR/store/store.db"
}

@test "what is not a store is refused and left as it is" {
    mkdir "$DIR/store"
    seq 100000 >"$DIR/store/store.db"
    cp "$DIR/store/store.db" "$DIR/before"
    refused_start "$DIR/store/store.db" --store "$DIR/store"
    cmp "$DIR/before" "$DIR/store/store.db"
    rm "$DIR/store/store.db"
    sql 'CREATE TABLE mine (n)'
    refused_start "another program" --store "$DIR/store"
    refused_start "$DIR/before" --store "$DIR/before"
    mkdir -p "$DIR/dir/store.db"
    refused_start "$DIR/dir/store.db" --store "$DIR/dir"
}

@test "files of the store are for the daemon's user alone" {
    umask 0
    start_udsd --store "$DIR/store"
    ask XADD jobs '*' f v
    run find "$DIR/store" -mindepth 1 -perm /077
    assert_output ''
    [ "$(stat -c %a "$DIR/store")" = 700 ]
}

@test "a directory that may not be written is refused with its name" {
    need_root
    start_udsd --store "$DIR/store"
    ask XADD jobs '*' f v
    stop_udsd
    mkdir -m 777 "$DIR/run"
    as_nobody=(timeout -k 5 "$PATIENCE" setpriv --reuid=nobody --regid=nogroup --clear-groups)
    run "${as_nobody[@]}" "$UDSD" --listen "$DIR/run/s" --store "$DIR/none" 3>&-
    assert_output --partial "$DIR/none"
    [ "$status" -eq 77 ] # EX_NOPERM
    # Files that may only be read are not served by half.
    chown -R nobody "$DIR/store"
    chmod 444 "$DIR/store"/*
    chmod 555 "$DIR/store"
    run "${as_nobody[@]}" "$UDSD" --listen "$DIR/run/s" --store "$DIR/store" 3>&-
    assert_output --partial "$DIR/store"
    [ "$status" -eq 77 ]
}

# The session of the README, by someone who is not root and has no service manager.
ordinary_session() {
    "$PYTHON" - <<'EOF'
import os, signal, subprocess
import resp
udsd, udsctl, directory = os.environ["UDSD"], os.environ["UDSCTL"], os.environ["HOME"]
path, store = directory + "/demo.sock", directory + "/state/streams"
os.mkdir(directory + "/state")

def answers(daemon):
    assert daemon.poll() is None, daemon.returncode
    try:
        return resp.Client(path).call("PING") == b"PONG"
    except OSError:
        return False

def start():
    daemon = subprocess.Popen([udsd, "--listen", path, "--store", store])
    resp.wait_until(lambda: answers(daemon), "the daemon")
    return daemon, resp.Client(path)

def ctl(*args):
    done = subprocess.run([udsctl, *args, "--socket", path], capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout

daemon, bus = start()
ids = [bus.call("XADD", "jobs", "*", "file", "%d.png" % i) for i in range(100)]
assert bus.call("XGROUP", "CREATE", "jobs", "resize", "0") == b"OK"
answer = bus.call("XREADGROUP", "GROUP", "resize", "worker-1", "COUNT", "10", "BLOCK", "5000", "STREAMS", "jobs", ">")
assert [entry for entry, _ in answer[0][1]] == ids[:10]
assert bus.call("XACK", "jobs", "resize", *ids[:7]) == 7
listed = ctl("streams")
assert "jobs" in listed and "100" in listed, listed
daemon.kill()
daemon.wait()
daemon, bus = start()
answer = bus.call("XREADGROUP", "GROUP", "resize", "worker-1", "STREAMS", "jobs", "0")
assert [entry for entry, _ in answer[0][1]] == ids[7:10]
assert bus.call("XAUTOCLAIM", "jobs", "resize", "worker-2", "0", "0")[1][0][0] == ids[7]
# The user who runs the daemon is its administrator.
assert bus.call("XTRIM", "jobs", "MAXLEN", "5") == 95
ctl("backup", directory + "/copy.db")
assert bus.call("DEL", "jobs") == 1
daemon.send_signal(signal.SIGTERM)
assert daemon.wait(resp.PATIENCE) == 0
# The copy is a store.
os.rename(directory + "/copy.db", store + "/store.db")
daemon, bus = start()
assert bus.call("XLEN", "jobs") == 5
daemon.send_signal(signal.SIGTERM)
assert daemon.wait(resp.PATIENCE) == 0
EOF
}

@test "an ordinary user's session" {
    need_root
    mkdir -m 700 "$DIR/home"
    chown nobody "$DIR/home"
    share_tree
    export HOME=$DIR/home PYTHON PYTHONPATH=$TREE/tests/tools
    export UDSD=$SHARED_BUILD/daemon/udsd UDSCTL=$SHARED_BUILD/cli/udsctl
    export -f ordinary_session
    run as_nobody bash -c ordinary_session 3>&- 8>&-
    assert_success
}

@test "a damaged file: never a wrong entry, never a crash; what cannot be served is said" {
    run "$PYTHON" "$TOOLS/stream-damage.py" --udsd "$UDSD" --dir "$DIR/hub"
    echo "# ${lines[-1]}" >&3
    assert_success
}

@test "--store user keeps streams where the user's state is, and goes without where there is no home" {
    mkdir "$DIR/home"
    XDG_STATE_HOME='' HOME=$DIR/home start_udsd --store user
    redis-cli -s "$S" XADD a '*' f v
    [ "$(stat -c %a "$DIR/home/.local/state/udsd")" = 700 ]
    stop_udsd
    XDG_STATE_HOME=$DIR/state HOME=$DIR/home start_udsd --store user
    [ "$(redis-cli -s "$S" XLEN a)" = 0 ]
    [ -e "$DIR/state/udsd/store.db" ]
    stop_udsd
    XDG_STATE_HOME='' HOME=$DIR/nowhere start_udsd --store user
    assert_equal "$(redis-cli -s "$S" XLEN a)" 'ERR streams are off: set [store] directory, or start udsd with --store'
    [ ! -e "$DIR/nowhere" ]
    stop_udsd
    touch "$DIR/file"
    XDG_STATE_HOME=$DIR/file HOME=$DIR/nowhere start_udsd --store user
    assert_equal "$(redis-cli -s "$S" PING)" PONG
    contains "$LOG" 'there are no streams'
}

@test "a backup is whole while entries are added, and a store can be begun from it" {
    start_udsd --store "$DIR/store"
    background redis-benchmark -s "$S" -q -P 16 -n 5000000 XADD a '*' f v >/dev/null
    wait_until eval '[ "$(redis-cli -s "$S" XLEN a)" -gt 1000 ]'
    "$UDSCTL" -s "$S" backup "$DIR/copy.db"
    [ -z "$(find "$DIR/store" -name 'backup*')" ]
    run "$UDSCTL" -s "$S" backup "$DIR/nowhere/copy.db"
    assert_failure 73
    [ -z "$(find "$DIR/store" -name 'backup*')" ]
    run "$UDSCTL" -s "$S" backup "$DIR"
    assert_failure 73
    assert_output --partial "'$DIR' is a directory"
    stop_udsd
    mkdir "$DIR/other"
    mv "$DIR/copy.db" "$DIR/other/store.db"
    start_udsd --store "$DIR/other"
    [ "$(redis-cli -s "$S" XLEN a)" -gt 1000 ]
}

@test "a stop answers what waits for commit_delay" {
    start_configured '[store]' "directory = $DIR/store" 'commit_delay = 60s'
    [ -n "$(redis-cli -s "$S" XADD a '*' f v)" ] # the first commit waits for none before it
    background redis-cli -s "$S" XADD a '*' f w >"$DIR/out"
    wait_until eval '[ "$(redis-cli -s "$S" CLIENT LIST | grep -c cmd=xadd)" = 1 ]'
    stop_udsd
    wait_until grep -q -- - "$DIR/out"
    start_with_config
    [ "$(redis-cli -s "$S" XLEN a)" = 2 ]
}

@test "a store named by a relative path can be copied from any directory" {
    cd "$DIR"
    start_udsd --store store
    cd /
    ask XADD jobs '*' f v
    "$UDSCTL" -s "$S" backup "$DIR/copy.db"
    [ -s "$DIR/copy.db" ]
    contains "$LOG" "streams are kept in $(realpath "$DIR")/store, 0 so far"
}

@test "a backup never replaces the store that is open" {
    local file
    start_udsd --store "$DIR/store"
    ask XADD jobs '*' f v
    ln -s "$DIR/store" "$DIR/link"
    for file in "$DIR/store/store.db" "$DIR/link/store.db-wal" "$DIR/store/copy.db"; do
        run "$UDSCTL" -s "$S" backup "$file"
        assert_failure 73
        assert_output --partial 'in the directory of the store itself'
    done
    run bash -c 'cd "$1" && "$2" -s "$3" backup store.db' bash "$DIR/store" "$UDSCTL" "$S"
    assert_failure 73
    assert_equal "$(cd "$DIR/store" && echo *)" 'store.db store.db-wal store.lock'
    ask XADD jobs '*' f v
    kill_udsd
    start_udsd --store "$DIR/store"
    assert_equal "$(ask XLEN jobs)" :2
}
