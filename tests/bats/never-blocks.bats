# Nothing outside the daemon can make its loop wait: neither a log without a reader nor a busy service manager.

load helper
load users

@test "an unread log does not stop the daemon, which logs later how many lines it has lost" {
    run timeout 60 "$PYTHON" - "$UDSD" "$DIR" <<'EOF'
import atexit, os, signal, subprocess, sys
from resp import Client, wait_until
udsd, directory = sys.argv[1:]
path, conf = directory + "/s", directory + "/conf"
open(conf, "w").write("[listener bus]\nlisten = %s\n" % path)
reads, writes = os.pipe()
os.set_blocking(writes, False)
try:
    while True:
        os.write(writes, b"#" * 4096)
except BlockingIOError:
    pass
os.set_blocking(writes, True)
daemon = subprocess.Popen([udsd, "--config", conf], stderr=writes)
atexit.register(daemon.kill)
wait_until(lambda: os.path.exists(path), "the socket")
stays = Client(path)
open(conf, "a").write("[limits]\nqueue_limit = many\n")
daemon.send_signal(signal.SIGHUP)
for _ in range(3):
    assert stays.call("PING") == b"PONG"
assert os.get_blocking(writes), "the daemon must not change the log's flags, which others share"
os.set_blocking(reads, False)
said = b""

def is_reported():
    global said
    daemon.send_signal(signal.SIGHUP)
    stays.call("PING")
    try:
        said += os.read(reads, 1 << 20).replace(b"#", b"")
    except BlockingIOError:
        pass
    return b" of the log lost: " in said and b"'many'" in said

wait_until(is_reported, "the number of lost lines")
daemon.send_signal(signal.SIGTERM)
assert daemon.wait(20) == 0
EOF
    assert_success
}

@test "a stopped terminal does not stop the daemon" {
    run timeout 60 "$PYTHON" - "$UDSD" "$S" <<'EOF'
import atexit, os, pty, signal, subprocess, sys
from resp import Client, wait_until
udsd, path = sys.argv[1:]
master, slave = pty.openpty()
daemon = subprocess.Popen([udsd, "--listen", path, "--log-level", "debug"], stderr=slave)
atexit.register(daemon.kill)
wait_until(lambda: os.path.exists(path), "the socket")
stays = Client(path)
for i in range(1000):  # two lines of the log each, which stay unread
    Client(path).close()
    assert stays.call("PING") == b"PONG"
daemon.send_signal(signal.SIGTERM)
assert daemon.wait(20) == 0
EOF
    assert_success
}

@test "a service manager that does not read does not stop the daemon, and gets READY when it reads again" {
    run timeout 60 "$PYTHON" - "$UDSD" "$DIR" <<'EOF'
import atexit, os, signal, socket, subprocess, sys
from resp import Client, wait_until
udsd, directory = sys.argv[1:]
path, conf = directory + "/s", directory + "/conf"
open(conf, "w").write("[listener bus]\nlisten = %s\n" % path)
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(directory + "/notify")
manager.setblocking(False)
filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
filler.setblocking(False)

def fill():
    try:
        while True:
            filler.sendto(b"x", directory + "/notify")
    except BlockingIOError:
        pass

def heard(text):
    try:
        while True:
            if text in manager.recv(4096):
                return True
    except BlockingIOError:
        return False

fill()
daemon = subprocess.Popen([udsd, "--config", conf], env=dict(os.environ, NOTIFY_SOCKET=directory + "/notify"))
atexit.register(daemon.kill)
wait_until(lambda: os.path.exists(path), "the socket")
stays = Client(path)
assert stays.call("PING") == b"PONG"
wait_until(lambda: heard(b"READY=1"), "READY after the start")
fill()
daemon.send_signal(signal.SIGHUP)
assert stays.call("PING") == b"PONG"
wait_until(lambda: heard(b"RELOADING=1\nMONOTONIC_USEC="), "RELOADING")
wait_until(lambda: heard(b"READY=1"), "READY after the reload")
fill()
daemon.send_signal(signal.SIGTERM)
assert daemon.wait(20) == 0
EOF
    assert_success
}

@test "a client that has sent a long message keeps no memory for the beginning of the next one" {
    ! is_sanitized || skip "a sanitizer delays freeing memory"
    start_configured '[listener lines]' "listen = $DIR/l" 'mode = line' 'channel = c'
    local before
    before=$(resident_kib "$UDSD_PID")
    background "$PYTHON" - "$DIR/l" "$DIR/done" <<'EOF'
import signal, socket, sys
clients = []
for i in range(20):
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    client.sendall(b"y" * 9000000 + b"\nx")
    clients.append(client)
open(sys.argv[2], "w").close()
signal.pause()
EOF
    wait_until [ -e "$DIR/done" ]
    wait_until info_is messages_published 20
    wait_until memory_below $((before + 24576))
}

# A FIFO stands for a name service: who reads it waits until somebody answers.
@test "a reload that takes long stops nobody; a second one waits for it; each client is answered by its own" {
    local bus='[listener bus]\nlisten = %s\n'
    mkfifo "$DIR/conf"
    printf "$bus" "$S" >"$DIR/conf" 3>&- &
    start_with_config
    kill -HUP "$UDSD_PID"
    background "$UDSCTL" reload
    local reload=$!
    wait_until contains "$LOG" 'asked for a reload'
    run "$UDSCTL" ping
    assert_success
    # The first reload, by the signal, ends now, and does not answer the client, which asked later.
    printf "$bus[listener two]\nlisten = %s\n" "$S" "$DIR/two" >"$DIR/conf"
    wait_until is_listening "$DIR/two"
    run "$UDSCTL" ping
    assert_success
    ! is_gone "$reload"
    printf "$bus[listener three]\nlisten = %s\n" "$S" "$DIR/three" >"$DIR/conf"
    wait_exit "$reload"
    assert_equal "$status" 0
    is_listening "$DIR/three"
    [ ! -e "$DIR/two" ]
    # A reload that never ends does not delay the stop.
    kill -HUP "$UDSD_PID"
    stop_udsd
}

@test "a log that may not grow does not end the daemon" {
    (
        ulimit -f 1
        exec "$UDSD" --listen "$S" --log-level debug 3>&- 8>&- 2>"$LOG"
    ) &
    adopt_udsd $!
    wait_until eval '"$UDSCTL" ping && [ "$(stat -c %s "$LOG")" -eq 1024 ]'
    "$UDSCTL" ping
    stop_udsd
}

@test "CLIENT KILL USER asks no name service" {
    need_root
    unshare --mount true 2>/dev/null || skip "no right to mount"
    # Where no name service is configured, asking one finds nobody.
    printf 'passwd: db\n' >"$DIR/nsswitch"
    unshare --mount sh -c 'mount --bind "$1/nsswitch" /etc/nsswitch.conf && exec "$2" --listen "$3"' - \
        "$DIR" "$UDSD" "$S" >>"$LOG" 2>&1 3>&- 8>&- &
    adopt_udsd $!
    [ "$(printf 'CLIENT KILL USER daemon\r\n' | nc -N -U "$S" | tr -d '\r')" = :0 ]
    printf 'CLIENT KILL USER nobody-has-this-name\r\n' | nc -N -U "$S" | grep -q '^-ERR No such user'
}
