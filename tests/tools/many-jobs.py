#!/usr/bin/env python3
"""
many-jobs.py --udsd PROGRAM --udsctl PROGRAM --dir DIR [--jobs N]: the verbs of queues where there are very many jobs.

N jobs are scheduled, N wait for their retry, N were not given to anybody and N are dead, among dead ones of another
queue; some are large. With a small queue_limit, udsctl lists all of them in bounded memory, and puts back all dead ones.
"""
import argparse
import json
import os
import subprocess

import resp
from streamhub import Hub

LARGE = "x" * 30000  # so that few fit into an answer


class SmallHub(Hub):
    def configure(self, **store):
        super().configure(**store)
        with open(self.argv[-1], "a") as conf:
            conf.write("[limits]\nqueue_limit = 64K\n")


def message(i):
    return "%d%s" % (i, LARGE if i % 1000 == 7 else "")


def send_all(client, n, *commands):
    """Sends n of each of the commands, which are functions of a number. Returns the replies to the last one."""
    replies = []
    for begin in range(0, n, 500):
        part = range(begin, min(begin + 500, n))
        for command in commands:
            client.send_raw(b"".join(client.encode(*command(i)) for i in part))
            replies = replies[:begin] + [client.read() for _ in part]
    return replies


def prepare(client, n):
    for key in "jobs", "other":
        client.call("XGROUP", "CREATE", key, "work", "0", "MKSTREAM")
        client.call("UDSD", "GROUP", key, "work", "SET", "retry_delay", "1d", "max_deliveries", "9", "dead_letter", "dead")
    ids = send_all(client, n, lambda i: ("XADD", "jobs", "*", "message", message(i)))
    others = send_all(client, n // 10, lambda i: ("XADD", "other", "*", "message", "no"))
    send_all(client, n // 10, lambda i: ("XREADGROUP", "GROUP", "work", "c", "COUNT", "1", "STREAMS", "other", ">"))
    send_all(client, n, lambda i: ("XREADGROUP", "GROUP", "work", "c", "COUNT", "1", "STREAMS", "jobs", ">"))
    send_all(client, n, lambda i: ("UDSD", "NACK", "jobs", "work", "FATAL", ids[i], "STATUS", "65", "TEXT", "bad"))
    send_all(client, len(others), lambda i: ("UDSD", "NACK", "other", "work", "FATAL", others[i]))
    ids = send_all(client, n, lambda i: ("XADD", "jobs", "*", "message", message(n + i)))
    send_all(client, n, lambda i: ("XREADGROUP", "GROUP", "work", "c", "COUNT", "1", "STREAMS", "jobs", ">"))
    send_all(client, n, lambda i: ("UDSD", "NACK", "jobs", "work", "FAIL", ids[i]))
    send_all(client, n, lambda i: ("XADD", "jobs", "*", "message", message(2 * n + i)))
    send_all(client, n, lambda i: ("UDSD", "LATER", "ADD", "jobs", str(36000000 + i // 7), "message", message(3 * n + i)))


class Verbs:
    def __init__(self, args, hub):
        self.args, self.hub = args, hub
        self.is_sanitized = resp.is_sanitized(args.udsctl)

    def run(self, verb, *options):
        """The lines of standard output; udsctl may not need more memory than for some pages."""
        limit = "unlimited" if self.is_sanitized else "24576"
        child = subprocess.Popen(["sh", "-c", 'ulimit -d %s; exec "$@"' % limit, "udsctl", self.args.udsctl, verb,
                                  "--socket", self.hub.path, *options], stdout=subprocess.PIPE)
        with child.stdout:
            for line in child.stdout:
                yield line.decode().rstrip("\n")
        assert child.wait() == 0, "%s ended with %d" % (verb, child.returncode)

    def jobs(self, *options):
        return (json.loads(line) for line in self.run("jobs", "--json", *options, "jobs"))


def number(job):
    return int(job["fields"]["message"].rstrip("x"))


def check_lists(verbs, n):
    expected = {"delayed": range(n, 2 * n), "waiting": range(2 * n, 3 * n), "scheduled": range(3 * n, 4 * n)}
    got = {}
    for job in verbs.jobs():
        assert len(job["fields"]["message"]) == len(message(number(job))), job["id"]
        got.setdefault(job["state"], []).append(number(job))
    assert {state: sorted(jobs) for state, jobs in got.items()} == {s: list(r) for s, r in expected.items()}
    dead = [(number(job), job["status"], job["text"]) for job in verbs.jobs("--dead")]
    assert sorted(dead) == [(i, 65, "bad") for i in range(n)]
    *rows, blank, total = verbs.run("jobs", "--count", str(n), "jobs")
    assert (len(rows), blank) == (1 + 3 * n, ""), len(rows)
    assert total == "jobs: %d waiting, 0 running, %d delayed, %d scheduled, %d dead" % (n, n, n, n), total
    *rows, _, again = verbs.run("jobs", "jobs")
    assert (len(rows), again) == (61, total), (len(rows), again)


def check_retry(verbs, n):
    assert len(list(verbs.run("retry", "--all", "jobs"))) == n
    got = sorted(number(job) for job in verbs.jobs() if job["state"] == "waiting")
    assert got == sorted([*range(n), *range(2 * n, 3 * n)]), len(got)
    assert not list(verbs.jobs("--dead"))
    tickets = [job["id"] for job in verbs.jobs() if job["state"] == "scheduled"]
    assert len(list(verbs.run("drop", "jobs", *tickets[-3:]))) == 3
    assert list(verbs.run("jobs", "jobs"))[-1] == "jobs: %d waiting, 0 running, %d delayed, %d scheduled, 0 dead" % (
        2 * n, n, n - 3)


def main():
    parser = argparse.ArgumentParser()
    for name in ("udsd", "udsctl", "dir"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--jobs", type=int, default=3000)
    args = parser.parse_args()
    os.makedirs(args.dir, exist_ok=True)
    hub = SmallHub(args.udsd, args.dir, max_bytes="8G")
    try:
        client = hub.connect()
        prepare(client, args.jobs)
        verbs = Verbs(args, hub)
        check_lists(verbs, args.jobs)
        check_retry(verbs, args.jobs)
        assert client.call("XLEN", "dead") == args.jobs // 10
        hub.stop()
    finally:
        hub.kill()


main()
