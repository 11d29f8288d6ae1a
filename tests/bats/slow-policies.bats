#!/usr/bin/env bats
# The policy of a channel for messages to a slow receiver: drop, disconnect or wait, on real sockets.

load helper
load users

# Root only because users.py needs it to run receivers in processes of their own.
setup() {
    common_setup
    need_root
}

# The beginning of all programs below. fill() publishes to a channel until its receiver, which does not read, is
# clogged; it returns the replies.
PRELUDE='
import select, time
from users import *
hub = Hub()
control = Client(hub.path)

def stat(field):
    return int(info(control)[field])

def receiver(*channels):
    client = hub.user(54001, keep="sleeper")
    for channel in channels:
        client.call("SUBSCRIBE", channel)
    return client

def fill(publisher, channel, size=3000):
    answers = []
    while not stat("clogged_clients"):
        for _ in range(20):
            answers.append(publisher.call("PUBLISH", channel, b"%d " % len(answers) + b"x" * size))
    return answers

def text(message):
    assert message[0] == b"message", message
    return message[1].decode(), message[2].split(b" ")[0].decode()
'

slow_test() { # the rest of the program is on stdin
    run "$PYTHON" -c "$PRELUDE$(cat)"
    assert_success
}

@test "drop: the publisher never waits, and the receiver learns at the right place how many messages it missed" {
    start_hub_with <<'EOF'
[limits]
queue_limit  = 64K
slow_timeout = 0
[channel d*]
slow = drop
EOF
    slow_test <<'EOF'
sleeper, publisher = receiver("d1", "d2", "__udsd__:missed"), hub.user(54002)
deaf, awake = receiver("d1"), hub.user(54003)  # one without a subscription to the notices, and one that keeps up
awake.call("SUBSCRIBE", "d1")
taken, n = 0, 0
while taken < 20 or stat("messages_dropped") == 0 or stat("clogged_clients") < 2:
    start = time.monotonic()
    count = publisher.call("PUBLISH", "d1", b"%d " % n + b"x" * 3000)
    assert time.monotonic() - start < 5
    assert awake.read()[2].startswith(b"%d " % n)
    assert count in (1, 2, 3), count
    taken += count == 1
    n += 1
first = stat("messages_dropped")
publisher.send_raw(b"".join(Client.encode("PUBLISH", "d2", b"%d" % i) for i in range(7)))
assert [publisher.read() for _ in range(7)] == [0] * 7
assert stat("messages_dropped") == first + 7
assert stat("blocked_clients") == 0 and stat("commands_waited") == 0

# The sleeper reads: first the messages that it got, then the notices, then what was published later.
got = [sleeper.read()]
while got[-1][1] != b"__udsd__:missed":
    got.append(sleeper.read())
got.append(sleeper.read())
wait_until(lambda: stat("clogged_clients") == 1, "the receiver to be drained")
assert publisher.call("PUBLISH", "d2", b"after") == 1
got.append(sleeper.read())
numbers = [int(text(m)[1]) for m in got[:-3]]
assert numbers == list(range(len(numbers)))
missed = dict(reversed(m[2].decode().split(" ")) for m in got[-3:-1])
assert missed == {"d1": str(n - len(numbers)), "d2": "7"}, (missed, n, len(numbers))
assert text(got[-1]) == ("d2", "after")
hub.logged("(pid %d 'sleeper', uid 54001): is clogged, messages to it are dropped" % sleeper.pid)
hub.logged("(pid %d 'sleeper', uid 54001): missed %d messages while it was clogged" % (sleeper.pid, n - len(numbers) + 7))
# Without a subscription to the notices there is none; the messages are whole and in order.
before = [int(text(deaf.read())[1])]
while deaf.at < len(deaf.buffer) or select.select([deaf.sock], [], [], 0.2)[0]:
    before.append(int(text(deaf.read())[1]))
assert before == list(range(len(before)))
assert stat("messages_dropped") == 2 * n - len(numbers) - len(before) + 7
assert stat("slow_receivers_closed") == 0 and stat("messages_undelivered") == 0
sleeper.close()
deaf.close()
EOF
}

@test "drop: beyond the channels that are counted apart there is one notice for all others, and none comes twice" {
    start_hub_with <<'EOF'
[limits]
queue_limit = 64K
[channel *]
slow = drop
EOF
    slow_test <<'EOF'
sleeper, publisher = receiver("d", "__udsd__:missed", *("c%d" % i for i in range(40))), hub.user(54002)
for _ in range(2):
    answers = fill(publisher, "d")
    for i in range(40):
        for _ in range(i):
            assert publisher.call("PUBLISH", "c%d" % i, "x") == 0
    for _ in range(answers.count(1)):
        assert sleeper.read()[1] == b"d"
    missed = {}
    while sum(missed.values()) < 780 + answers.count(0):
        message = sleeper.read()
        assert message[1] == b"__udsd__:missed"
        count, name = message[2].decode().split(" ")
        assert name not in missed and int(count) > 0
        missed[name] = int(count)
    assert missed.pop("d", 0) == answers.count(0)
    assert missed["*"] > 0 and len(missed) >= 31
    assert all(missed[name] == int(name[1:]) for name in missed if name != "*")
    wait_until(lambda: stat("clogged_clients") == 0, "the receiver to be drained")
assert not select.select([sleeper.sock], [], [], 0)[0] and sleeper.at == len(sleeper.buffer)
sleeper.close()
EOF
}

@test "drop: at any size and moment a receiver gets whole messages and the exact count of the missing ones" {
    start_hub_with <<'EOF'
[limits]
queue_limit = 64K
[channel d]
slow = drop
EOF
    slow_test <<'EOF'
import random
seed = int(os.environ.get("UDSD_TEST_SEED") or random.randrange(1 << 30))
print("seed", seed)
rnd = random.Random(seed)
publisher = hub.user(54002)
for turn in range(12):
    client = hub.user(54001)
    if turn % 2:
        client.call("HELLO", "3")
    client.call("SUBSCRIBE", "__udsd__:missed")
    client.call("PSUBSCRIBE" if turn % 3 == 2 else "SUBSCRIBE", "d")
    # Small messages up to the limit or near it, so that large ones cross it.
    sent, answers = 0, []
    def publish(size):
        global sent
        answers.append(publisher.call("PUBLISH", "d", b"%d " % sent + b"x" * size))
        sent += 1
    for _ in range(4):
        while answers[-1:] != [0] and rnd.random() < 0.995:
            publish(rnd.choice([1, 40, 400, 3000, 15000, 17000, 30000]))
        for _ in range(rnd.randrange(60)):
            publish(rnd.choice([1, 17000]))
        for _ in range(rnd.randrange(40)):
            if not select.select([client.sock], [], [], 0.01)[0]:
                break
            client.fill()
    client.send("SUBSCRIBE", "end")
    seen, missed, last = 0, 0, -1
    while True:
        message = client.read()
        if message[0] == b"subscribe":
            break
        if message[1] == b"__udsd__:missed":
            count, name = message[2].split(b" ")
            assert name == b"d"
            missed += int(count)
            last += int(count)
            continue
        number = int(message[-1].split(b" ")[0])
        assert number == last + 1, "message %d came after %d" % (number, last)
        last, seen = number, seen + 1
    assert seen + missed == sent and seen == answers.count(1), (seen, missed, sent, answers.count(1))
    client.close()
EOF
}

@test "disconnect: a receiver over its limit is disconnected, the publisher never waits, others get every message" {
    start_hub_with <<'EOF'
[limits]
queue_limit  = 64K
slow_timeout = 0
[channel c]
slow = disconnect
EOF
    slow_test <<'EOF'
sleeper, awake, publisher = receiver("c", "other"), hub.user(54003), hub.user(54002)
awake.call("SUBSCRIBE", "c")
n = 0
while not stat("slow_receivers_closed"):
    assert publisher.call("PUBLISH", "c", b"%d " % n + b"x" * 3000) == 2
    assert text(awake.read()) == ("c", str(n))
    n += 1
assert publisher.call("PUBLISH", "c", b"%d " % n) == 1 and text(awake.read()) == ("c", str(n))
assert stat("commands_waited") == 0 and stat("messages_dropped") == 0 and stat("clogged_clients") == 0
hub.logged("(pid %d 'sleeper', uid 54001): is slow, disconnected with " % sleeper.pid)
# Its socket has whole messages in order, except for the last one; then the connection ends.
got = sleeper.read_to_end()
assert 0 < got.count(b"\r\nmessage\r\n") < n and stat("messages_undelivered") > 0
sleeper.close()
# A receiver that another channel's waiting messages brought over the limit: the next message of c disconnects it.
sleeper = receiver("c", "w")
filler = hub.user(54004)
filler.sock.setblocking(False)
message, at = Client.encode("PUBLISH", "w", b"x" * 3000) * 50, 0
# Asked twice, since the end of a pass may write the queue and end the clog.
while stat("clogged_clients") == 0 or stat("clogged_clients") == 0:
    try:
        at = (at + filler.sock.send(message[at:])) % len(message)
    except BlockingIOError:
        pass
assert stat("slow_receivers_closed") == 1
assert publisher.call("PUBLISH", "c", "x") == 2
wait_until(lambda: stat("slow_receivers_closed") == 2, "the receiver to be disconnected")
wait_until(lambda: stat("blocked_clients") == 0, "the publisher of the other channel to resume")
sleeper.close()
EOF
}

@test "a receiver of one channel that waits and one that drops: each publisher gets its channel's policy" {
    start_hub_with <<'EOF'
[limits]
queue_limit  = 64K
slow_timeout = 0
[channel d]
slow = drop
EOF
    slow_test <<'EOF'
sleeper = receiver("d", "w", "__udsd__:missed")
dropping, waiting = hub.user(54002), hub.user(54003)
answers = fill(dropping, "d")
assert stat("commands_waited") == 0
# The publisher to the waiting channel is held up until the receiver has read; the other one drops meanwhile.
waiting.send("PUBLISH", "w", "held")
wait_until(lambda: stat("blocked_clients") == 1, "the publisher to be held up")
assert [dropping.call("PUBLISH", "d", "x") for _ in range(5)] == [0] * 5
assert not select.select([waiting.sock], [], [], 0)[0]
dropped = stat("messages_dropped")
for i in range(answers.count(1)):
    assert text(sleeper.read()) == ("d", str(i))
assert sleeper.read() == [b"message", b"__udsd__:missed", b"%d d" % dropped]
assert sleeper.read() == [b"message", b"w", b"held"]
assert waiting.read() == 1 and dropped == answers.count(0) + 5
sleeper.close()
EOF
}

@test "a reload changes the policy for a receiver that is clogged" {
    start_hub_with <<'EOF'
[limits]
queue_limit  = 64K
slow_timeout = 0
EOF
    slow_test <<'EOF'
limits = "[limits]\nqueue_limit = 64K\nslow_timeout = 0\n"
policy = lambda word: limits + "[channel c]\nslow = %s\n" % word
sleeper, publisher, other = receiver("c", "__udsd__:missed"), hub.user(54002), hub.user(54003)
message, sent, published = Client.encode("PUBLISH", "c", b"x" * 3000), 0, 0
publisher.sock.setblocking(False)
# From wait, where the publisher is held up in the middle of its data ...
while stat("blocked_clients") == 0:
    try:
        sent += publisher.sock.send((message * 20)[sent % len(message):])
    except BlockingIOError:
        pass
before = stat("messages_published")
# ... to drop, with which it resumes at once,
hub.reload(policy("drop"))
assert other.call("PUBLISH", "c", "x") == 0
wait_until(lambda: stat("blocked_clients") == 0, "the publisher to resume")
wait_until(lambda: stat("messages_published") >= sent // len(message), "its data to be read")
dropped = stat("messages_dropped")
assert dropped == stat("messages_published") - before, (dropped, before)
# ... back to wait, which holds up the next publisher and loses nothing,
hub.reload(policy("wait"))
other.send("PUBLISH", "c", "last")
wait_until(lambda: stat("blocked_clients") == 1, "the next publisher to be held up")
assert stat("messages_dropped") == dropped
for _ in range(before):
    assert sleeper.read()[1:] == [b"c", b"x" * 3000]
assert sleeper.read() == [b"message", b"__udsd__:missed", b"%d c" % dropped]
assert sleeper.read() == [b"message", b"c", b"last"]
assert other.read() == 1
# ... and to disconnect, with which the next message ends the receiver.
publisher.close()
hub.reload(policy("drop"))
fill(other, "c")
hub.reload(policy("disconnect"))
assert stat("slow_receivers_closed") == 0
assert other.call("PUBLISH", "c", "x") == 1
wait_until(lambda: stat("slow_receivers_closed") == 1, "the receiver to be disconnected")
assert other.call("PUBLISH", "c", "x") == 0
sleeper.close()
EOF
}

@test "a reload that raises queue_limit resumes the publishers that wait for a clogged receiver" {
    start_hub_with <<'EOF'
[limits]
queue_limit  = 64K
slow_timeout = 0
EOF
    slow_test <<'EOF'
sleeper, publisher = receiver("c"), hub.user(54002)
publisher.sock.setblocking(False)
message, at, n = Client.encode("PUBLISH", "c", b"x" * 3000), 0, 0
while stat("blocked_clients") == 0:
    try:
        at = (at + publisher.sock.send((message * 20)[at:])) % len(message)
    except BlockingIOError:
        pass
hub.reload("[limits]\nqueue_limit = 64M\nslow_timeout = 0\n")
assert stat("clogged_clients") == 0 and stat("blocked_clients") == 0
sleeper.close()
EOF
}
