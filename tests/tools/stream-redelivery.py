"""
stream-redelivery.py --udsd PROGRAM --dir DIR [CASE]...: entries that groups give again by themselves, because a worker
has died, or has not acknowledged them in time. Workers are processes that are killed.

That something happens at once is shown by the order of events: in streams "now.*" no time is set that could pass.
"""
import os
import random
import time

import resp
from cases import case, expect, figure
from streamworkers import Worker, block, fill, numbers, pending, read, run, send_read

RULES = """
[stream now.few]
retry_delay = 0
max_pending = 2
[stream now.*]
retry_delay = 0
[stream later.*]
retry_delay = 300ms 1h
[stream timed.*]
redeliver = 300ms
[stream both]
redeliver = 300ms
retry_delay = 1h
"""


@case
def next_worker_has_what_a_killed_one_had(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "now.s", 5)
    worker = Worker(hub, "w", "now.s", "COUNT", "4")
    expect(worker.got, [1, 2, 3, 4])
    a.call("XACK", "now.s", "g", "2-0")
    expect(read(b, "b", "now.s"), [5])
    block(b, a, "b", "now.s")
    worker.kill()
    got = numbers(b.read())
    if len(got) < 3:  # what it had is released in portions, so the first may come alone
        got += read(b, "b", "now.s")
    expect(got, [1, 3, 4])
    expect(pending(a, "now.s"), [(1, "b", 2), (3, "b", 2), (4, "b", 2), (5, "b", 1)])
    expect(figure(a, "stream_entries_released"), 3)


@case
def blocked_workers_share_what_was_released(hub):
    a, waiting = hub.connect(), [hub.connect() for _ in range(3)]
    fill(a, "now.s", 3)
    worker = Worker(hub, "w", "now.s")
    for i, client in enumerate(waiting):
        block(client, a, "c%d" % i, "now.s", "COUNT", "1")
    worker.kill()
    expect([numbers(client.read()) for client in waiting], [[1], [2], [3]])


@case
def released_entries_come_before_new_ones(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "now.s", 4)
    expect(read(b, "b", "now.s", "COUNT", "2"), [1, 2])
    worker = Worker(hub, "w", "now.s", "COUNT", "1")
    expect(worker.got, [3])
    b.close()
    worker.kill()
    resp.wait_until(lambda: figure(a, "stream_entries_released") == 3, "the release")
    expect(read(a, "a", "now.s", "COUNT", "1"), [1])
    expect(read(a, "a", "now.s"), [2, 3, 4])
    expect([e[2] for e in pending(a, "now.s")], [2, 2, 2, 1])


@case
def other_streams_behave_as_in_redis(hub):
    a = hub.connect()
    fill(a, "plain", 2)
    worker = Worker(hub, "w", "plain")
    worker.kill()
    resp.wait_until(lambda: figure(a, "connected_clients") == 1, "the end of the worker")
    expect(read(a, "a", "plain"), [])
    expect(pending(a, "plain"), [(1, "w", 1), (2, "w", 1)])
    expect(read(a, "w", "plain", start="0"), [1, 2])
    a.call("XNACK", "plain", "g", "FAIL", "IDS", "1", "1-0")
    expect(read(a, "a", "plain"), [])
    expect(figure(a, "stream_entries_released"), 0)


@case
def what_is_given_back_waits_longer_each_time(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "later.s", 1)
    worker = Worker(hub, "w", "later.s")
    block(b, a, "b", "later.s")
    worker.kill()
    expect(numbers(b.read()), [1])  # nobody gave it back, so it does not wait
    begin = time.monotonic()
    b.call("XNACK", "later.s", "g", "SILENT", "IDS", "1", "1-0")
    expect(read(a, "a", "later.s", "BLOCK", "0"), [1])
    assert time.monotonic() - begin >= 0.29, time.monotonic() - begin
    a.call("XNACK", "later.s", "g", "FAIL", "IDS", "1", "1-0")
    expect(read(a, "a", "later.s", "BLOCK", "400"), [])
    hub.kill()  # it goes on to wait
    hub.start()
    a = hub.connect()
    expect(read(a, "a", "later.s", "BLOCK", "400"), [])
    expect(pending(a, "later.s"), [(1, "", 2)])


@case
def what_is_not_acknowledged_in_time_is_given_again(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "timed.s", 2)
    begin = time.monotonic()
    expect(read(a, "a", "timed.s"), [1, 2])
    a.call("XACK", "timed.s", "g", "2-0")
    block(b, a, "b", "timed.s")
    expect(numbers(b.read()), [1])
    assert time.monotonic() - begin >= 0.29, time.monotonic() - begin
    expect(pending(a, "timed.s"), [(1, "b", 2)])
    b.call("XACK", "timed.s", "g", "1-0")
    expect(read(b, "b", "timed.s", "BLOCK", "700"), [])
    # With retry_delay the time of an entry that nobody gave back still is redeliver.
    fill(a, "both", 1)
    expect(read(a, "a", "both"), [1])
    expect(read(b, "b", "both", "BLOCK", "0"), [1])


@case
def xnack_gives_back(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "now.s", 2)
    expect(read(a, "a", "now.s"), [1, 2])
    block(b, a, "b", "now.s")
    expect(a.call("XNACK", "now.s", "g", "FAIL", "IDS", "1", "2-0"), 1)
    expect(numbers(b.read()), [2])
    # A poison message is not given again by itself.
    b.call("XNACK", "now.s", "g", "FATAL", "IDS", "1", "2-0")
    expect(read(a, "a", "now.s"), [])
    expect(len(b.call("XCLAIM", "now.s", "g", "b", "0", "2-0", "RETRYCOUNT", "1")), 1)
    b.close()
    expect(read(a, "a", "now.s", "BLOCK", "0"), [2])


@case
def who_has_an_entry_is_who_was_given_it_last(hub):
    a, b, c = hub.connect(), hub.connect(), hub.connect()
    fill(a, "now.s", 3)
    expect(read(b, "b", "now.s"), [1, 2, 3])
    a.call("XCLAIM", "now.s", "g", "a", "0", "1-0")
    expect(read(c, "b", "now.s", "COUNT", "1", start="1"), [2])  # its history, with another connection
    b.close()
    expect(read(a, "a", "now.s", "BLOCK", "0"), [3])
    expect(read(a, "a", "now.s"), [])
    c.close()
    expect(read(a, "a", "now.s", "BLOCK", "0"), [2])
    b = hub.connect()
    block(b, a, "b", "now.s")
    a.close()
    got = numbers(b.read())
    while len(got) < 3:
        got += read(b, "b", "now.s", "BLOCK", "0")
    expect(got, [2, 3, 1] if got[0] == 2 else [1, 2, 3])


@case
def deleted_entries_and_groups_are_not_given_again(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "now.s", 3)
    expect(read(b, "b", "now.s"), [1, 2, 3])
    a.call("XDEL", "now.s", "1-0", "3-0")
    b.close()
    expect(read(a, "a", "now.s", "BLOCK", "0"), [2])
    if len(pending(a, "now.s")) > 1:
        expect(read(a, "a", "now.s"), [])
    resp.wait_until(lambda: read(a, "a", "now.s") == [] and pending(a, "now.s") == [(2, "a", 2)], "the release of 3")
    for end in ("XGROUP", "DESTROY", "now.s", "g"), ("XGROUP", "DELCONSUMER", "now.s", "g", "b"), ("DEL", "now.s"), \
            ("RENAME", "now.t", "now.s"), ("FLUSHALL",):
        a.call("FLUSHALL")
        b = hub.connect()
        fill(a, "now.s", 1000)
        fill(a, "now.t", 1)
        fill(a, "timed.s", 1000)
        expect(len(read(b, "b", "now.s")) + len(read(b, "b", "timed.s")), 2000)
        a.call(*end)
        b.close()
        resp.wait_until(lambda: figure(a, "connected_clients") == 1, "the end of b")
        if end[0] == "RENAME":
            expect(read(a, "a", "now.s"), [1])
        elif end[1:2] == ("DELCONSUMER",):
            expect(read(a, "a", "now.s"), [])
    # A stream that gets a name with a rule.
    fill(a, "plain", 1)
    b = hub.connect()
    expect(read(b, "b", "plain"), [1])
    a.call("RENAME", "plain", "timed.t")
    expect(read(a, "a", "timed.t", "BLOCK", "0"), [1])


@case
def transactions_take_and_leave_entries_too(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "now.s", 2)
    b.call("MULTI")
    send_read(b, "b", "now.s")
    b.read()
    expect(numbers(b.call("EXEC")[0]), [1, 2])
    block(a, hub.connect(), "a", "now.s", "COUNT", "1")
    b.close()
    expect(numbers(a.read()), [1])


@case
def the_limit_of_pending_entries_is_that_of_the_stream(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "now.few", 3)
    expect(read(b, "b", "now.few"), [1, 2])
    expect(read(a, "a", "now.few"), [])
    b.close()
    expect(read(a, "a", "now.few", "COUNT", "1", "BLOCK", "0"), [1])
    a.call("XACK", "now.few", "g", "1-0")
    got = []
    while len(got) < 2:
        got += read(a, "a", "now.few", "BLOCK", "0")
    expect(sorted(got), [2, 3])
    # A reload with a larger limit wakes who waits.
    fill(a, "now.few", 1, 4)
    b = hub.connect()
    block(b, a, "b", "now.few")
    hub.reload("[stream now.few]\nmax_pending = 3\n")
    expect(numbers(b.read()), [4])


@case
def reload_changes_what_holds(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "plain", 3)
    expect(read(a, "a", "plain"), [1, 2, 3])
    block(b, a, "b", "plain")
    hub.reload("[stream pl*]\nredeliver = 1ms\n")
    got = numbers(b.read())
    while len(got) < 3:
        got += [n for n in read(b, "b", "plain", "BLOCK", "0") if n not in got]
    expect(sorted(got), [1, 2, 3])
    hub.reload("[stream pl*]\nredeliver = 1h\nretry_delay = 0\n")
    read(b, "b", "plain")  # what was due already
    expect(read(a, "a", "plain"), [])
    b.close()
    got = []
    while len(got) < 3:
        got += read(a, "a", "plain", "BLOCK", "0")
    expect(sorted(got), [1, 2, 3])
    hub.reload("")
    expect(read(a, "a", "plain"), [])
    a.close()
    b = hub.connect()
    resp.wait_until(lambda: figure(b, "connected_clients") == 1, "the end of a")
    expect(read(b, "b", "plain"), [])
    expect(len(pending(b, "plain")), 3)


@case
def a_connection_may_have_very_many(hub):
    n = 30000
    a, b = hub.connect(), hub.connect()
    fill(a, "now.s", n)
    got = []
    while len(got) < n:
        got += read(b, "b", "now.s", "COUNT", "10000")
    expect(got, list(range(1, n + 1)))
    b.close()
    got = []
    while len(got) < n:
        got += read(a, "a", "now.s", "BLOCK", "0", "COUNT", "1000")
    expect(got, list(range(1, n + 1)))
    assert figure(a, "pass_work_max") < 16000000, figure(a, "pass_work_max")
    a.call("DEL", "now.s")
    b = hub.connect()
    fill(a, "now.s", 1)
    expect(read(b, "b", "now.s"), [1])
    b.close()
    expect(read(a, "a", "now.s", "BLOCK", "0"), [1])


@case
def entries_of_a_daemon_that_died_are_released(hub):
    a, b = hub.connect(), hub.connect()
    for key in "now.s", "later.s", "timed.s", "plain":
        fill(a, key, 3)
        expect(read(b, "b", key), [1, 2, 3])
        a.call("XACK", key, "g", "2-0")
    hub.kill()
    hub.start()
    a = hub.connect()
    for key in "now.s", "later.s", "timed.s":
        got = []
        while len(got) < 2:
            got += read(a, "a", key, "BLOCK", "0")
        expect(sorted(got), [1, 3])
    expect(read(a, "a", "plain"), [])
    expect(pending(a, "plain"), [(1, "b", 1), (3, "b", 1)])


@case
def nothing_is_lost_when_workers_die_all_the_time(hub):
    print("UDSD_TEST_SEED=%d" % hub.seed, flush=True)
    rng, n, done = random.Random(hub.seed), 500, set()
    a = hub.connect()
    fill(a, "now.s", n)
    workers = []
    end = time.monotonic() + resp.PATIENCE
    while len(done) < n:
        assert time.monotonic() < end, "%d of %d are done" % (len(done), n)
        while len(workers) < 8:
            workers.append((hub.connect(), []))
        client, has = rng.choice(workers)
        what = rng.randrange(10)
        if what < 6:
            has += read(client, "c%d" % rng.randrange(5), "now.s", "COUNT", str(rng.randrange(1, 40)))
        elif what < 9:
            rng.shuffle(has)
            for i in [has.pop() for _ in range((len(has) + 1) // 2)]:
                assert i not in done, i
                expect(client.call("XACK", "now.s", "g", "%d-0" % i), 1)
                done.add(i)
        else:
            client.close()
            workers.remove((client, has))
    expect(pending(a, "now.s"), [])


run(RULES)
