#!/usr/bin/env bats
# What peers choose - names of channels, names of programs, payloads - does not control terminals and logs.

load helper
load streams
load users

# The C1 control character CSI, U+009B: terminals obey it as they obey ESC [.
CSI=$'\xc2\x9b'

refute_csi() { # FILE
    refute grep -qF "$CSI" "$1"
}

@test "C1 control characters in names reach neither tables nor lists of names" {
    local verb
    start_udsd
    receive "x${CSI}31mRED" plain
    for verb in channels 'top --batch -n 1 --interval 100ms'; do
        # shellcheck disable=SC2086 # a verb and its options
        "$UDSCTL" $verb >"$DIR/text"
        refute_csi "$DIR/text"
        contains "$DIR/text" 'x?31mRED'
    done
    run "$UDSCTL" channels --names
    assert_output plain
}

@test "a NUL byte in a message, a reason or a name does not end it in tables" {
    start_store
    "$PYTHON" -c 'import sys; from resp import Client
client = Client(sys.argv[1])
for message in b"x\0yz", b"waits\0, too":
    client.call("XADD", "jobs", "*", "message", message)
client.call("XADD", b"k\0l", "*", "message", "m")
for stream, group in ("jobs", "work"), ("jobs", "other"), (b"k\0l", b"g\0h"):
    client.call("XGROUP", "CREATE", stream, group, "0")
    client.call("XREADGROUP", "GROUP", group, b"c\0d", "COUNT", "1", "STREAMS", stream, ">")
client.call("UDSD", "GROUP", "jobs", "work", "SET", "retry_delay", "1d")
first = client.call("XRANGE", "jobs", "-", "+", "COUNT", "1")[0][0]
assert client.call("UDSD", "NACK", "jobs", "work", "FAIL", first, "TEXT", b"no\0reason") == 1' "$S"
    run "$UDSCTL" jobs jobs
    assert_line --partial 'x?yz'
    assert_line --partial 'waits?, too'
    assert_line --partial 'no?reason'
    run "$UDSCTL" streams
    assert_line --regexp '^k\?l '
    run "$UDSCTL" groups
    assert_line --regexp '^k\?l +g\?h '
    run "$UDSCTL" pending jobs
    assert_line --partial 'c?d'
}

@test "JSON escapes all control characters in strings, and says the same" {
    start_udsd
    local name="x${CSI}31m"$'\x7f\xc2\x80\xc2\x9f\xc2\xa0\xc3\xbc\xe2\x82\xac end'
    background "$UDSCTL" recv --json "$name" >"$DIR/recv"
    background "$UDSCTL" monitor --json >"$DIR/monitor"
    wait_until subscribed 1
    wait_until info_is monitor_clients 1
    "$UDSCTL" send "$name" "$name"
    wait_until has_lines "$DIR/recv" 1
    wait_until has_lines "$DIR/monitor" 1
    "$UDSCTL" channels --json >"$DIR/channels"
    local file
    for file in recv monitor channels; do
        run "$PYTHON" -c 'import json, re, sys
text = open(sys.argv[2], encoding="utf-8", newline="").read()
assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), text
assert "\\u009B" in text and "\\u007F" in text and "\u20ac" in text, text
assert sys.argv[1] in (v for line in text.splitlines() for v in json.loads(line).values()), text' "$name" "$DIR/$file"
        assert_success
    done
}

@test "C1 control characters in messages of udsctl and in lines of the log" {
    need_root
    start_configured 'socket_mode = 0666' '[channel no.*]' 'publish = root'
    run as_nobody "$UDSCTL" send "no.${CSI}31m" x
    assert_failure 77
    echo "$output" >"$DIR/said"
    refute_csi "$DIR/said"
    wait_until contains "$LOG" 'no.?31m'
    refute_csi "$LOG"
}

@test "columns are aligned below names of wide and combining characters, in any locale" {
    start_udsd
    receive ascii '日本語' $'e\xcc\x81tude'
    local locale
    for locale in C C.UTF-8; do
        LC_ALL=$locale run "$UDSCTL" channels
        assert_success
        # Padded to the 7 columns of the title.
        assert_line --index 1 --regexp '^ascii   +1 '
        assert_equal "$(sed -n 's/^ascii\( *\)1 .*/\1/p' <<<"$output" | wc -c)" "$(sed -n 's/^日本語\( *\)1 .*/ \1/p' <<<"$output" | wc -c)"
        assert_equal "$(sed -n 's/^ascii\( *\)1 .*/\1/p' <<<"$output")" "$(sed -n $'s/^e\xcc\x81tude\\( *\\)1 .*/\\1/p' <<<"$output")"
    done
}

@test "recv replaces control characters on a terminal only, and not with --raw" {
    start_udsd
    run "$PYTHON" - "$UDSCTL" "$S" <<'EOF'
import json, os, pty, signal, subprocess, sys
from resp import Client
udsctl, path = sys.argv[1:]
signal.alarm(60)
MESSAGE = b"a\x1b[31m\xc2\x9b2J\x07\x7f \xc3\xbc\ttab\xff end"
def publish():
    client = Client(path)
    while client.call("PUBLISH", "news", MESSAGE) == 0:
        pass
def on_terminal(*options):
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(udsctl, [udsctl, "recv", "-n", "1", "news", *options])
    publish()
    text = b""
    while b"\n" not in text:
        text += os.read(fd, 4096)
    assert os.waitpid(pid, 0)[1] == 0
    os.close(fd)
    return text.replace(b"\r\n", b"\n")
clean = b"a?[31m?2J?? \xc3\xbc\ttab\xff end"
def same(got, expected):
    assert got == expected, (got, expected)
same(on_terminal(), clean + b"\n")
same(on_terminal("--raw"), MESSAGE + b"\n")
# A format may have control characters of its own.
same(on_terminal("--format", r"\e[1m%c %p %l\e[0m"), b"\x1b[1mnews " + clean + b" %d\x1b[0m\n" % len(MESSAGE))
same(json.loads(on_terminal("--raw", "--format", "%j")), MESSAGE.decode(errors="replace"))
recv = subprocess.Popen([udsctl, "recv", "-n", "1", "news"], stdout=subprocess.PIPE)
publish()
same(recv.stdout.read(), MESSAGE + b"\n")
EOF
    assert_success
}

@test "call and work --print do so, too" {
    start_store
    run "$PYTHON" - "$UDSCTL" "$S" <<'EOF'
import os, pty, signal, subprocess, sys, threading
from resp import Client
udsctl, path = sys.argv[1:]
signal.alarm(60)
MESSAGE = b"a\x1b[31m\xc2\x9b2J\x07\x7f \xc3\xbc\ttab\xff end"
clean = b"a?[31m?2J?? \xc3\xbc\ttab\xff end\n"
def answer():
    worker = Client(path)
    worker.call("UDSD", "SERVE", "service")
    worker.send("UDSD", "NEXT")
    while request := worker.read():
        worker.send("UDSD", "ANSWER", str(request[0]), MESSAGE, "NEXT")
threading.Thread(target=answer, daemon=True).start()
def on_terminal(*words):
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(udsctl, [udsctl, *words])
    text = b""
    while b"end" not in text or not text.endswith(b"\n"):
        text += os.read(fd, 4096)
        if text.endswith(b"end") and "--raw" in words and "work" in words:
            break
    assert os.waitpid(pid, 0)[1] == 0
    os.close(fd)
    return text.replace(b"\r\n", b"\n")
def same(got, expected):
    assert got == expected, (got, expected)
same(on_terminal("call", "--wait", "20s", "service", "x"), clean)
same(on_terminal("call", "--raw", "service", "x"), MESSAGE + b"\n")
same(subprocess.check_output([udsctl, "call", "service", "x"]), MESSAGE)
for _ in range(3):
    Client(path).call("XADD", "jobs", "*", "message", MESSAGE)
same(on_terminal("work", "--print", "--count", "1", "jobs"), clean)
same(on_terminal("work", "--print", "--raw", "--count", "1", "jobs"), MESSAGE)
same(subprocess.check_output([udsctl, "work", "--print", "--count", "1", "jobs"]), MESSAGE + b"\n")
EOF
    assert_success
}
