#!/usr/bin/env bats
# Access control: processes of real users meet the socket's permissions, the rules of channels and the list of
# administrators.

load helper
load users

setup() {
    common_setup
    need_root
}

@test "the socket's owner, group and mode decide which users may connect" {
    start_hub
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
games, head = gid_of("games"), hub.head

def try_all(keys):
    hub.head = head.replace("socket_mode = 0666\n", keys)
    hub.reload("")
    admitted = set()
    for who, user in [("nobody", ("nobody",)), ("primary", (54001, games)), ("supplementary", (54002, 54002, [7, games, 9])),
                      ("other", (54003, 54003, [7, 9])), ("like the group", (games, 54003)), ("root", (0, 0))]:
        try:
            client = hub.user(*user)
        except PermissionError:
            continue
        assert client.call("PING") == b"PONG"
        admitted.add(who)
        client.close()
    return admitted

everybody = {"nobody", "primary", "supplementary", "other", "like the group", "root"}
assert try_all("socket_mode = 0600\n") == {"root"}
assert try_all("socket_mode = 0666\n") == everybody
assert try_all("socket_mode = 0660\nsocket_group = games\n") == {"primary", "supplementary", "root"}
# A right ends when its key is removed.
assert try_all("socket_mode = 0660\n") == {"root"}
assert try_all("socket_mode = 0600\nsocket_owner = nobody\n") == {"nobody", "root"}
assert try_all("socket_mode = 0666\nsocket_group = games\n") == everybody
# The kernel looks at the group first: its members are refused even where all others may connect.
assert try_all("socket_mode = 0606\nsocket_group = games\n") == {"nobody", "other", "like the group", "root"}
assert try_all("") == {"root"}
EOF
    assert_success
}

@test "without socket_group the socket has udsd's own group, even in a setgid directory" {
    chgrp games "$DIR"
    chmod g+s "$DIR"
    start_hub
    [ "$(stat -c %g "$S")" = "$(id -g)" ]
}

@test "each kind of principal admits the users that it names and no others" {
    start_hub tcp
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
games, nobody = gid_of("games"), uid_of("nobody")
kinds = ["user", "group", "uid", "gid", "both", "local", "tcp", "none", "unsaid"]
everywhere, local = {"unsaid"}, {"unsaid", "local"}
people = {
    "nobody": (lambda: hub.user("nobody"), local | {"user"}),
    "nobody's uid in other groups": (lambda: hub.user(nobody, 54000), local | {"user"}),
    "the group nobody is in, of another uid": (lambda: hub.user(54000, gid_of("nogroup")), local),
    "games, primary": (lambda: hub.user(54001, games), local | {"group", "both"}),
    "games, supplementary": (lambda: hub.user(54002, 54002, [1, games, 54009]), local | {"group", "both"}),
    "games, with very many groups": (lambda: hub.user(54002, 54002, list(range(60000, 61000)) + [games]),
                                     local | {"group", "both"}),
    "the uid that is the group's number": (lambda: hub.user(games, 54003, [54003]), local),
    "the uid": (lambda: hub.user(54321, 1), local | {"uid", "both"}),
    "the uid's number as a group": (lambda: hub.user(54004, 54321, [54321]), local),
    "the gid, primary": (lambda: hub.user(54005, 54322), local | {"gid"}),
    "the gid, supplementary": (lambda: hub.user(54006, 54006, [54322]), local | {"gid"}),
    "the gid's number as a user": (lambda: hub.user(54322, 54007), local),
    "root": (lambda: hub.user(0, 0), local),
    "a client by TCP": (lambda: Anonymous(hub.port), everywhere | {"tcp"}),
}
lists = ["user = nobody", "group = @games", "uid = uid:54321", "gid = gid:54322", "both = uid:54321, @games",
         "local = *", "tcp = anonymous", "none ="]
for verb, commands in [("publish", ["PUBLISH", "SPUBLISH"]), ("subscribe", ["SUBSCRIBE", "SSUBSCRIBE"])]:
    hub.reload("".join("[channel %s]\n%s = %s\n" % (text.split(" =")[0], verb, text.split(" =")[1]) for text in lists))
    for name, (connect, expected) in people.items():
        for command in commands:
            client = connect()
            client.call("HELLO", "3")
            for kind in kinds:
                args = (command, kind, "x") if verb == "publish" else (command, kind)
                assert client.may(*args) == (kind in expected), (name, *args)
            client.close()
EOF
    assert_success
}

@test "subscribing to several channels is all or none; a refusal is answered, logged and counted" {
    start_hub_with tcp <<'EOF'
[channel open.but.*]
subscribe = root
[channel shut]
publish = root
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
user = hub.user(54001, keep="burglar")
text = "NOPERM No permissions to access a channel: uid 54001 may not "
for command in "SUBSCRIBE", "SSUBSCRIBE":
    assert user.refused(command, "a", "b", "open.but.not", "c") == text + "subscribe to 'open.but.not'"
assert user.refused("PUBLISH", "shut", "x") == text + "publish to 'shut'"
assert user.refused("SPUBLISH", "shut", "x") == text + "publish to 'shut'"
# A name that contains a forged line of the log.
assert user.refused("SUBSCRIBE", "open.but.\r\n+OK\r\nudsd: info: forged").startswith(text)
tcp = Anonymous(hub.port)
assert tcp.refused("PUBLISH", "shut", "x") == text.replace("uid 54001", "an anonymous client") + "publish to 'shut'"
assert user.refused("MONITOR") == "NOPERM uid 54001 has no permissions to run the 'monitor' command: administrators only"
assert tcp.refused("SHUTDOWN", "NOSAVE") == \
    "NOPERM an anonymous client has no permissions to run the 'shutdown' command: administrators only"
assert user.call("PUBSUB", "NUMSUB", "a", "b", "open.but.not", "c") == [b"a", 0, b"b", 0, b"open.but.not", 0, b"c", 0]
assert user.call("PUBSUB", "SHARDNUMSUB", "a") == [b"a", 0]
assert user.call("PING") == b"PONG"  # it is not limited to the commands of a subscriber
counted = info(user)
assert counted["acl_access_denied_channel"] == "6" and counted["acl_access_denied_cmd"] == "2", counted
assert counted["errorstat_NOPERM"] == "count=8", counted
client = "(pid %d 'burglar', uid 54001): may not " % user.pid
hub.logged(client + "subscribe to 'open.but.not'")
hub.logged(client + "publish to 'shut'")
hub.logged(" (anonymous): may not publish to 'shut'")
assert "\nudsd: info: forged" not in hub.log()
user.close()
EOF
    assert_success
}

@test "the first section that matches decides, and [channel *] covers the channel with an empty name" {
    start_hub_with <<'EOF'
[channel a.b.*]
publish   = uid:54001
subscribe = uid:54001
[channel a.*]
publish   = uid:54002
subscribe = uid:54002
[channel a.b.c.*]
publish   =
subscribe =
[channel \*]
publish   = uid:54003
[channel *]
publish   = root
subscribe = root
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
one, two, three, root = (hub.user(uid) for uid in (54001, 54002, 54003, 0))
expected = {b"a.b.c.d": one, b"a.b.": one, b"a.b": two, b"a.x\0y": two, b"*": three, b"": root, b"A.b.c": root,
            b"a": root, b"\xff\n\0": root, b"x" * 1024: root, b"a.\r\n": two}
for name, owner in expected.items():
    for client in one, two, three, root:
        assert client.may("PUBLISH", name, "x") == (client is owner), (name, client)
        assert client.may("SPUBLISH", name, "x") == (client is owner), (name, client)
assert not two.may("SUBSCRIBE", "a.b.c.d") and not one.may("SUBSCRIBE", "") and not two.may("SSUBSCRIBE", "")
EOF
    assert_success
}

@test "no client may publish to udsd's own channels, not even root" {
    start_hub_with <<'EOF'
[channel *]
publish   = *
subscribe =
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
for uid in 0, 54001:
    client = hub.user(uid)
    for name in b"__udsd__:", b"__udsd__:missed", b"__udsd__:\0":
        assert not client.may("PUBLISH", name, "9 x") and not client.may("SPUBLISH", name, "9 x")
    assert client.may("PUBLISH", "__udsd__", "x") and client.may("PUBLISH", "__UDSD__:missed", "x")
    assert client.may("SUBSCRIBE", "__udsd__:missed")
EOF
    assert_success
}

@test "a pattern that covers a forbidden channel delivers only permitted messages, and replies count only these" {
    start_hub_with <<'EOF'
[channel secret.*]
subscribe = uid:54002
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
root, one, two = hub.user(0), hub.user(54001), hub.user(54002)
for client in one, two:
    client.call("HELLO", "3")
    for pattern in "*", "s*", "secret.?", "[s]ecret.*":
        client.call("PSUBSCRIBE", pattern)
two.call("SUBSCRIBE", "secret.1")
large = b"x" * 20000  # takes another path through the daemon than a small one
for payload in b"1", large:
    assert root.call("PUBLISH", "secret.1", payload) == 5
    assert root.call("PUBLISH", "some", payload) == 4
# In one run, in a transaction, and where a publisher waits for a receiver.
root.send_raw(b"".join(Client.encode("PUBLISH", c, "2") for c in ["secret.2", "secret.2", "some", "secret.2"]))
assert [root.read() for _ in range(4)] == [4, 4, 4, 4]
root.call("MULTI")
root.call("PUBLISH", "secret.3", "3")
root.call("PUBLISH", "open", "3")
assert root.call("EXEC") == [4, 2]

def got(client):
    client.send("PING", "end")
    seen = []
    while True:
        answer = client.read()
        if answer == b"end":
            return seen
        seen.append((answer[-2], answer[-1][:1]))

assert set(got(one)) == {(b"some", b"1"), (b"some", b"x"), (b"some", b"2"), (b"open", b"3")}
assert len([m for m in got(two) if m[0].startswith(b"secret")]) == 5 * 2 + 4 * 3 + 4
two.close()
wait_until(lambda: root.call("PUBLISH", "secret.1", "x") == 0, "the other to leave")
assert got(one) == []
# WAITRECEIVER waits for a receiver that may receive the message.
root.call("UDSD", "WAITRECEIVER", "ON")
root.send("PUBLISH", "secret.4", "4")
wait_until(lambda: hub.info("blocked_clients") == 1, "the publisher to wait")
three = hub.user(54003)
three.call("PSUBSCRIBE", "secret*")
wait_until(lambda: hub.info("blocked_clients") == 1, "the publisher to wait on")
hub.reload("[channel secret.*]\nsubscribe = uid:54003\n")
assert root.read() == 1 and three.read()[3] == b"4"
assert got(one) == []
EOF
    assert_success
}

@test "rules hold in a transaction, also for commands that were queued before the rules changed" {
    start_hub_with <<'EOF'
[channel a]
publish = root
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
user = hub.user(54001)
receiver = hub.user(0)
receiver.call("HELLO", "3")
receiver.call("SUBSCRIBE", "a", "b", "d")
receiver.read(), receiver.read()

def queue(*commands):
    user.call("MULTI")
    for command in commands:
        assert user.call(*command) == b"QUEUED"

def execute():
    user.send("EXEC")
    results = []
    for _ in range(int(user.line()[1:])):
        try:
            results.append(user.read())
        except Error as error:
            results.append(str(error).split(" ")[0])
    return results

# A forbidden command is not queued, and EXEC then executes none.
queue(("PUBLISH", "b", "1"))
assert user.refused("PUBLISH", "a", "2").startswith("NOPERM")
assert user.refused("EXEC").startswith("EXECABORT")
queue(("PUBLISH", "d", "3"), ("PUBLISH", "b", "4"), ("SPUBLISH", "b", "4"), ("SUBSCRIBE", "c"))
hub.reload("[channel b]\npublish = root\n[channel c]\nsubscribe = root\n")
assert execute() == [1, "NOPERM", "NOPERM", "NOPERM"]
assert receiver.read() == [b"message", b"d", b"3"]
# Administrators' commands cannot be queued by others either.
user.call("MULTI")
assert user.refused("MONITOR").startswith("NOPERM") and user.refused("EXEC").startswith("EXECABORT")
user.call("MULTI")
assert "not allowed inside a transaction" in user.refused("SHUTDOWN") and user.refused("EXEC").startswith("EXECABORT")
assert receiver.call("PING") == b"PONG"
EOF
    assert_success
}

@test "a reload that takes a right away applies at once, to publishers and to receivers" {
    start_hub
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
root, stays = hub.user(0), hub.user(54002)
publisher, named, shard, wide, half, waiting = (hub.user(54001) for _ in range(6))
stays.call("SUBSCRIBE", "x")
named.call("SUBSCRIBE", "y")
named.call("SUBSCRIBE", "x")
shard.call("SSUBSCRIBE", "x")
wide.call("PSUBSCRIBE", "?")
assert root.call("PUBLISH", "x", "1") == 3 and root.call("SPUBLISH", "x", "1") == 1
for client in stays, named, shard, wide:
    assert client.read()[-1] == b"1"
assert publisher.call("PUBLISH", "x", "2") == 3
for client in stays, named, wide:
    assert client.read()[-1] == b"2"
# A half-sent command, and one that waits for a receiver.
whole = Client.encode("PUBLISH", "x", b"h" * 50000)
half.send_raw(whole[:30000])
waiting.call("UDSD", "WAITRECEIVER", "ON")
waiting.send("PUBLISH", "x.nobody", "x")
wait_until(lambda: hub.info("blocked_clients") == 1, "the publisher to wait")
hub.reload("[channel x*]\npublish = root\nsubscribe = root, uid:54002\n")
assert publisher.refused("PUBLISH", "x", "3").startswith("NOPERM")
half.send_raw(whole[30000:])
for client in half, waiting:
    try:
        raise AssertionError(client.read())
    except Error as error:
        assert str(error).startswith("NOPERM"), error
wait_until(lambda: named.is_closed() and shard.is_closed(), "the clients that lost a channel to be disconnected")
assert not wide.is_closed() and not stays.is_closed()
assert root.call("PUBLISH", "x", "4") == 1
assert stays.read()[-1] == b"4"
assert root.call("PUBLISH", "z", "5") == 1
assert wide.read() == [b"pmessage", b"?", b"z", b"5"]
again = hub.user(54001)
assert again.refused("SUBSCRIBE", "x").startswith("NOPERM")
hub.logged("uid 54001): may not receive one of its channels any more, disconnected")
# A reload that grants a right: it applies to connected clients as well.
hub.reload("[channel x]\nsubscribe = uid:54001\n")
wait_until(stays.is_closed, "the other to be disconnected")
assert publisher.call("PUBLISH", "x", "6") == 1
assert wide.read() == [b"pmessage", b"?", b"x", b"6"]
assert again.call("SUBSCRIBE", "x")[0] == b"subscribe"
# A file with a mistake changes nothing.
for mistake in ["[channel x]\nsubscribe = no-such-user\n", "[channel x]\nsubscribe =\n[channel x]\n",
                "[channel]\npublish =\n", "[channel x]\nsubscribe =\npublishers =\n", "[channel x]\nsubscribe = uid:54001,\n"]:
    hub.reload(mistake, "the configuration was not reloaded")
assert publisher.call("PUBLISH", "x", "7") == 2
assert publisher.call("PUBLISH", "y", "7") == 1
EOF
    assert_success
}

@test "a right that a reload takes away in the middle of a pipeline ends at one message and does not come back" {
    start_hub
    run "$PYTHON" - <<'EOF'
import threading
from users import *
hub = Hub()
publisher, receiver = hub.user(54001), hub.user(54002)
receiver.call("SUBSCRIBE", "x")
answers, received = [], []

def read_received():
    while len(received) == 0 or received[-1] != b"end":
        received.append(receiver.read()[2])

reader = threading.Thread(target=read_received)
reader.start()
changed, batch, sent = False, 500, 0
while "NOPERM" not in answers:
    publisher.send_raw(b"".join(Client.encode("PUBLISH", "x", b"%d" % (sent + i)) for i in range(batch)))
    sent += batch
    if sent == 10 * batch:
        reloader = threading.Thread(target=hub.reload, args=("[channel x]\npublish = root\n",))
        reloader.start()
    # Leaves one batch in the pipeline.
    while len(answers) < sent - batch:
        try:
            answers.append(publisher.read())
        except Error as error:
            answers.append(str(error).split(" ")[0])
reloader.join()
while len(answers) < sent:
    try:
        answers.append(publisher.read())
    except Error as error:
        answers.append(str(error).split(" ")[0])
assert hub.user(0).call("PUBLISH", "x", "end") == 1
reader.join()
last = answers.index("NOPERM")
assert answers == [1] * last + ["NOPERM"] * (sent - last), "a message came through after the first refusal"
assert received[:-1] == [b"%d" % i for i in range(last)]
EOF
    assert_success
}

@test "a connection keeps the identity of the process that connected, whatever the process or descriptor becomes" {
    start_hub_with <<'EOF'
[channel root]
publish = root
[channel nobody]
publish = nobody
[channel games]
publish = @games
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()

def rights(client):
    return {name for name in ("root", "nobody", "games") if User.may(client, "PUBLISH", name, "x")}

# A process that drops its privileges after it has connected.
pid = os.fork()
if pid == 0:
    status = 1
    try:
        before = Client(hub.path)
        become(uid_of("nobody"), gid_of("nogroup"))
        after = Client(hub.path)
        status = 0 if rights(before) == {"root"} and rights(after) == {"nobody"} else 2
    finally:
        os._exit(status)
assert os.waitpid(pid, 0)[1] == 0
# A descriptor that is passed on: from nobody to root, and from root to nobody.
passed = hub.user("nobody", gid_of("nogroup"), [gid_of("games")])
assert os.getuid() == 0 and rights(passed) == {"nobody", "games"}
mine, here, there = Client(hub.path), *socket.socketpair()
pid = os.fork()
if pid == 0:
    status = 1
    try:
        become(uid_of("nobody"), gid_of("nogroup"))
        mine.sock = socket.socket(fileno=socket.recv_fds(there, 1, 1)[1][0])
        mine.sock.settimeout(30)
        status = 0 if rights(mine) == {"root"} else 2
    finally:
        os._exit(status)
socket.send_fds(here, [b"x"], [mine.sock.fileno()])
assert os.waitpid(pid, 0)[1] == 0
# Commands do not change the identity either.
liar = hub.user("nobody")
liar.call("CLIENT", "SETNAME", "root")
liar.call("HELLO", "3", "AUTH", "default", "secret", "SETNAME", "root")
liar.call("AUTH", "default", "secret")
assert rights(liar) == {"nobody"}
liar.call("RESET")
assert rights(liar) == {"nobody"}
EOF
    assert_success
}

@test "only administrators may monitor, stop the daemon, and see or close the clients of other users" {
    start_hub_with tcp <<'EOF'
[admin]
allow = daemon, @games
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
root, admin, member = hub.user(0), hub.user("daemon"), hub.user(54009, 54009, [gid_of("games")])
user, same, other, tcp, tcp2 = hub.user(54001), hub.user(54001), hub.user(54002), Anonymous(hub.port), Anonymous(hub.port)
everybody = [root, admin, member, user, same, other, tcp, tcp2]
ids = {client: client.call("CLIENT", "ID") for client in everybody}

def sees(client):
    lines = client.call("CLIENT", "LIST").decode().splitlines()
    by_id = client.call("CLIENT", "LIST", "ID", *map(str, ids.values())).decode().splitlines()
    found = {int(line.split()[0][3:]) for line in lines}
    assert found == {int(line.split()[0][3:]) for line in by_id}
    return {c for c in everybody if ids[c] in found}

for client in root, admin, member:
    assert sees(client) == set(everybody), client
assert sees(user) == {user, same} and sees(other) == {other} and sees(tcp) == {tcp}

for client in user, other, tcp:
    assert client.refused("MONITOR").startswith("NOPERM")
    for args in (), ("NOSAVE",), ("NOW", "FORCE"), ("ABORT",):
        assert client.refused("SHUTDOWN", *args).startswith("NOPERM"), args
# Every way to name a client: those of other users seem not to exist.
for client, victim in [(user, other), (user, root), (user, tcp), (tcp, tcp2), (tcp, root), (other, user)]:
    number = ids[victim]
    assert client.call("CLIENT", "KILL", "ID", str(number)) == 0
    assert client.call("CLIENT", "KILL", "ID", str(number), "SKIPME", "no") == 0
    assert client.call("CLIENT", "KILL", "UID", "0") == 0
    assert client.refused("CLIENT", "KILL", "USER", "root") == "ERR No such user 'root'"
for client in other, tcp2:
    assert client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") == 0
    assert client.call("CLIENT", "KILL", "USER", "default", "SKIPME", "yes") == 0
    assert client.call("CLIENT", "KILL", "ADDR", hub.path + ":0", "SKIPME", "yes") == 0
    assert client.call("CLIENT", "KILL", "LADDR", hub.path + ":0", "MAXAGE", "1", "SKIPME", "yes") == 0
assert all(client.call("PING") == b"PONG" for client in everybody)
assert user.call("CLIENT", "KILL", "USER", "default") == 1  # only `same`
assert same.is_closed()
assert admin.call("CLIENT", "KILL", "UID", "54002") == 1 and other.is_closed()
assert member.call("CLIENT", "KILL", "ID", str(ids[tcp])) == 1 and tcp.is_closed()

# A monitor sees all messages; when it loses the right, it is disconnected.
watcher, roots = hub.user(54009, 54009, [gid_of("games")]), hub.user(0)
assert watcher.call("MONITOR") == b"OK" and roots.call("MONITOR") == b"OK"
user.call("PUBLISH", "x", "1")
assert watcher.read().endswith(b'"PUBLISH" "x" "1"') and roots.read().endswith(b'"PUBLISH" "x" "1"')
hub.reload("[admin]\nallow = uid:54001\n")
wait_until(watcher.is_closed, "the monitor to be disconnected")
assert "may not monitor any more" in hub.log()
assert admin.refused("MONITOR").startswith("NOPERM") and sees(admin) == {admin}
assert not roots.is_closed()  # udsd runs as root
# An empty list leaves udsd's own user; `anonymous` admits clients by TCP.
hub.reload("[admin]\nallow =\n")
assert user.refused("SHUTDOWN").startswith("NOPERM") and root.call("CLIENT", "LIST")
hub.reload("[admin]\nallow = anonymous\n")
assert user.refused("MONITOR").startswith("NOPERM") and tcp2.call("MONITOR") == b"OK"
EOF
    assert_success
    [ "$(info acl_access_denied_cmd)" -ge 15 ]
}

@test "SHUTDOWN by an administrator who is not root stops the daemon" {
    start_hub_with <<'EOF'
[admin]
allow = nobody
EOF
    run "$PYTHON" - <<'EOF'
from users import *
Hub().user("nobody", keep="stopper").send("SHUTDOWN")
EOF
    assert_success
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    contains "$LOG" 'asked for a stop'
}

@test "udsctl reports a missing permission and exits with 77" {
    start_hub_with <<'EOF'
[channel x]
publish = root
subscribe = root
EOF
    cp "$UDSCTL" "$DIR/udsctl"
    run as_nobody "$DIR/udsctl" send x hello
    assert_failure 77
    assert_output --partial "uid $(id -u nobody) may not publish to 'x'"
    run as_nobody "$DIR/udsctl" recv x
    assert_failure 77
    chmod 600 "$S"
    run as_nobody "$DIR/udsctl" send --timeout 1s x hello
    assert_failure 77
    assert_output --partial "Permission denied"
}
