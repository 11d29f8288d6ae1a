#!/usr/bin/env python3
"""
Callers and workers of services, and everything that can happen to them: answers, failures, timeouts, deaths, hang-ups,
cancelled requests, reloads. Random, many times. A checker that knows only what was sent and received says for each call
whether it ended once, and rightly: with the answer of the worker that was given it, or with an error that had a reason.

usage: services-storm.py --udsd PROGRAM --dir DIRECTORY [--steps N] [--seed N]
"""
import argparse
import collections
import os
import random
import select
import signal
import subprocess
import sys
import time

import resp

SERVICES = ["a", "b", "c.d"]
CALLERS, WORKERS, PIPELINE = 6, 6, 5
MEMORY_KEPT = 6 << 20  # bytes, at most, however long the storm was
LATE = 30 + resp.PATIENCE  # s after its deadline, at most, that a request's end is seen here, behind earlier ones


class Call:
    """A request, as its caller knows it."""

    def __init__(self, number, service, options, max_waiting):
        self.number, self.service, self.options = number, service, options
        self.payload = b"%d:" % number + b"x" * options["size"]
        self.sent = time.monotonic()
        self.max_waiting = max_waiting
        self.given = []      # workers, in order
        self.may_be_lost = False  # a worker has gone that could have been given it unseen
        self.others = 0      # requests to the service that may have waited when this one came
        self.lost = 0        # of these, those that have gone
        self.answers = {}    # what workers sent for it, and whether the hub took it
        self.had_workers = False
        self.outcome = None
        self.cancelled = False
        self.may_end = False  # its caller has gone, or has sent that it is cancelled
        self.channel = None
        self.id = None

    def __str__(self):
        return "%d: %s %r, given %d times, lost %d times, answers %r, outcome %s, %.3f s ago" % (
            self.number, self.service, self.options, len(self.given), self.lost,
            [(text[:20], taken) for text, taken in self.answers.items()], self.outcome, time.monotonic() - self.sent)


class Peer:
    """A connection that may wait for replies to several commands; `expected` has what each one is for."""

    def __init__(self, path, resp3):
        self.client = resp.Client(path)
        self.resp3 = resp3
        if resp3:
            self.client.call("HELLO", "3")
        self.client_id = self.client.call("CLIENT", "ID")
        self.expected = collections.deque()
        self.is_open, self.is_half_closed = True, False
        self.messages = []

    def send(self, what, *args):
        self.client.send(*args)
        self.expected.append(what)

    def has_input(self):
        return self.client.at < len(self.client.buffer) or bool(select.select([self.client.sock], [], [], 0)[0])

    def read(self):
        """The next reply with what it is for; a message is put aside, and None returned."""
        reply = self.client.try_read()
        if isinstance(reply, list) and reply and reply[0] == b"message":
            self.messages.append(reply[1:])
            return None
        return self.expected.popleft(), reply

    def close(self):
        self.is_open = False
        self.client.close()


class Worker(Peer):
    def __init__(self, path, resp3):
        super().__init__(path, resp3)
        self.serves, self.n_next, self.running = set(), 0, {}  # running: id -> call
        self.left_serving = set()  # what it has ever served and does not any more


class Storm:
    def __init__(self, args):
        self.rng = random.Random(args.seed)
        self.dir, self.path = args.dir, os.path.join(args.dir, "s")
        self.conf = os.path.join(args.dir, "conf")
        self.max_waiting, self.timeout = 5, 30000
        self.write_config()
        self.udsd = subprocess.Popen([args.udsd, "--config", self.conf])
        self.control = self.connect()
        self.is_sanitized = resp.is_sanitized(args.udsd)
        self.memory = self.used_memory()
        self.calls, self.by_payload, self.outcomes = [], {}, collections.Counter()
        self.asked = {}      # id -> call
        self.callers = [self.new_caller() for _ in range(CALLERS)]
        self.workers = [Worker(self.path, self.rng.random() < 0.5) for _ in range(WORKERS)]
        self.listener = resp.Client(self.path)
        self.listener.call("HELLO", "3")
        for name in "answers", "answers:error":
            self.listener.call("SUBSCRIBE", name)

    def connect(self):
        end = time.monotonic() + resp.PATIENCE
        while True:
            try:
                return resp.Client(self.path)
            except (FileNotFoundError, ConnectionRefusedError):
                assert time.monotonic() < end, "the hub does not start"
                time.sleep(0.01)

    def used_memory(self):
        return int(resp.info(self.control)["used_memory"])

    def write_config(self):
        with open(self.conf, "w") as conf:
            conf.write("[listener bus]\nlisten = %s\n[store]\ndirectory = none\n[service *]\n"
                       "max_waiting = %d\ntimeout = %dms\n" % (self.path, self.max_waiting, self.timeout))

    def new_caller(self):
        return Peer(self.path, self.rng.random() < 0.5)

    def settle(self):
        """After this the hub has noticed all that was done before."""
        for _ in range(2):
            self.control.call("PING")

    # What the checker says

    def served(self, service):
        return [w for w in self.workers if service in w.serves]

    def note_given(self, worker, reply):
        worker.n_next -= 1
        if reply is None:
            self.outcomes["next ended"] += 1
            return
        assert not isinstance(reply, resp.Error), reply
        number, service, left, uid, pid, payload = reply
        call = self.by_payload[payload]
        assert service.decode() == call.service and service.decode() in worker.serves | worker.left_serving, reply
        assert uid == os.getuid() and pid == os.getpid(), reply
        assert 0 <= left <= call.options["timeout"], reply
        assert call.outcome is None or call.outcome == "TIMEOUT" or call.cancelled, (call.outcome, reply)
        assert len(call.given) - call.lost == 0, "given to two workers: %r" % reply
        assert len(call.given) <= call.options["retry"] + call.unread, "given once more: %r" % reply
        call.given.append(worker)
        worker.running[number] = call

    def note_outcome(self, call, reply):
        """The caller has got an answer or an error."""
        if call.channel and call.outcome == "dropped":
            return  # it was published before the caller went
        assert call.outcome is None, "ends twice: %s, %r" % (call, reply)
        elapsed = time.monotonic() - call.sent
        if isinstance(reply, resp.Error):
            code = str(reply).split(" ")[0]
        else:
            code = "ANSWERED"
        call.outcome = code
        self.outcomes[code] += 1
        if code in ("ANSWERED", "FAILED"):
            text = reply if code == "ANSWERED" else str(reply)[len("FAILED "):].encode()
            assert text in call.answers, "nobody has answered that: %r" % reply
        elif code == "TIMEOUT":
            assert elapsed * 1000 >= call.options["timeout"] - 25, "too early: %f" % elapsed
            assert elapsed < call.options["timeout"] / 1000 + LATE, "too late: %f" % elapsed
        elif code == "NOSERVICE":
            assert self.is_plausible(call, code), "it was served"
            # Not one for which there was nobody from the beginning.
            wait = min(call.options["wait"], call.options["timeout"])
            assert elapsed * 1000 >= wait - 25 or call.deserted, "too early: %s, %s" % (reply, call)
        else:
            assert self.is_plausible(call, code), "without a reason: %r, %s" % (reply, call)

    @staticmethod
    def is_plausible(call, code):
        """Whether there was a reason for that error, whenever it came."""
        return {
            "TIMEOUT": call.options["timeout"] < 30000 or time.monotonic() - call.sent > 29,
            "GONE": call.lost > 0 or call.may_be_lost,
            "NOSERVICE": not call.had_workers or call.deserted,
            "BUSY": call.others >= call.max_waiting,
        }.get(code, False)

    def note_worker_left(self, worker):
        for call in worker.running.values():
            call.lost += 1
        for call in self.outstanding():
            if worker.n_next > 0 and call.service in worker.serves | worker.left_serving:
                call.may_be_lost = True
        worker.running.clear()
        self.note_deserted(worker.serves)
        worker.left_serving |= worker.serves
        worker.serves = set()

    def note_deserted(self, services):
        for call in self.outstanding():
            if call.service in services:
                call.deserted = True

    def outstanding(self):
        """Requests that have not ended as far as is known here; of those that the caller has left, some have."""
        return [call for call in self.calls if call.outcome in (None, "dropped")]

    def read_all(self):
        """Reads what has come, of all."""
        for peer in self.callers + self.workers:
            while peer.is_open and peer.has_input():
                try:
                    got = peer.read()
                except (EOFError, ConnectionResetError):
                    assert peer.is_half_closed, "closed by the hub"
                    peer.close()
                    break
                if got:
                    got[0](got[1])
        while select.select([self.listener.sock], [], [], 0)[0] or self.listener.at < len(self.listener.buffer):
            _, channel, text = self.listener.read()
            self.note_message(channel, text)

    def note_message(self, channel, text):
        if channel == b"answers":
            call = self.calls[int(text.split(b"|")[1])]
            self.note_outcome(call, text)
            return
        # An error does not say which request it is of: take one that it fits.
        error = resp.Error(text.decode())
        if text.startswith(b"FAILED"):
            self.note_outcome(self.calls[int(text.split(b"|")[1])], error)
            return
        self.anonymous_errors.append(error)

    anonymous_errors = []

    # Steps

    def send_call(self, caller):
        options = {
            "timeout": self.rng.choice([1, 20, 100, 30000, 30000, 30000]),
            "retry": self.rng.choice([0, 0, 1, 2]),
            "wait": self.rng.choice([0, 0, 0, 50]),
            "size": self.rng.choice([0, 10, 100, 5000, 70000]),
        }
        service = self.rng.choice(SERVICES)
        call = Call(len(self.calls), service, options, self.max_waiting)
        options["timeout"] = min(options["timeout"], self.timeout)
        call.had_workers = bool(self.served(service))
        call.deserted = False
        call.unread = 0
        for other in self.outstanding():
            if other.service == service:
                other.others += 1
                call.others += 1
        args = [service, call.payload, "TIMEOUT", str(options["timeout"]), "RETRY", str(options["retry"]), "WAIT",
                str(options["wait"])]
        self.calls.append(call)
        self.by_payload[call.payload] = call
        if self.rng.random() < 0.2:
            call.channel = "answers"

            def note_asked(reply):
                if isinstance(reply, resp.Error):
                    self.note_outcome(call, reply)
                else:
                    call.id = reply
            caller.send(note_asked, "UDSD", "ASK", *args[:2], "REPLY", "answers", *args[2:])
        else:
            caller.send(lambda reply: self.note_outcome(call, reply), "UDSD", "CALL", *args)
        call.caller = caller

    def step_call(self):
        caller = self.rng.choice(self.callers)
        if caller.is_half_closed:
            return
        for _ in range(self.rng.choice([1, 1, 1, PIPELINE])):
            self.send_call(caller)
        if self.rng.random() < 0.3:
            caller.send(lambda reply: self.require(reply == b"PONG", reply), "PING")

    @staticmethod
    def require(is_true, what):
        assert is_true, what

    def step_next(self):
        worker = self.rng.choice(self.workers)
        for _ in range(self.rng.choice([1, 1, 3])):
            if not worker.serves or worker.is_half_closed:
                return
            worker.n_next += 1
            timeout = self.rng.choice([[], [], [], ["TIMEOUT", "0"], ["TIMEOUT", "10"]])
            worker.send(lambda reply: self.note_given(worker, reply), "UDSD", "NEXT", *timeout)

    def step_serve(self):
        worker = self.rng.choice(self.workers)
        if worker.is_half_closed:
            return
        services = set(self.rng.sample(SERVICES, self.rng.randint(1, 2)))
        worker.serves |= services
        count = len(worker.serves)
        worker.send(lambda reply: self.require(reply == count, reply), "UDSD", "SERVE", *services)
        self.settle()

    def step_unserve(self):
        worker = self.rng.choice(self.workers)
        if worker.is_half_closed:
            return
        services = set(self.rng.sample(sorted(worker.serves), 1)) if worker.serves and self.rng.random() < 0.7 else set()
        self.note_deserted(services or worker.serves)
        worker.left_serving |= worker.serves
        worker.serves = worker.serves - services if services else set()
        count = len(worker.serves)
        worker.send(lambda reply: self.require(reply == count, reply), "UDSD", "UNSERVE", *services)
        self.settle()

    def step_answer(self):
        worker = self.rng.choice(self.workers)
        if not worker.running or worker.is_half_closed:
            return
        number = self.rng.choice(list(worker.running))
        call = worker.running.pop(number)
        text = b"%d|%d|%d|" % (self.workers.index(worker), call.number, self.rng.randrange(1 << 30))
        if self.rng.random() < 0.1:
            stranger = self.rng.choice(self.workers)
            if stranger is not worker and not stranger.is_half_closed:
                stranger.send(lambda reply: self.require(reply == 0, "a stranger may answer"), "UDSD", "ANSWER",
                              str(number), "stolen")
        is_failure = self.rng.random() < 0.2
        if not is_failure:
            text += call.payload
        call.answers[text] = None

        def note_taken(reply):
            assert reply in (0, 1), reply
            call.answers[text] = reply
            if reply == 0:
                self.outcomes["nobody waited"] += 1
            # What a client has asked with ASK is dropped when its connection ends, also after a half-close.
            if reply == 0 and not call.may_end and not (call.channel and call.caller.is_half_closed):
                assert time.monotonic() - call.sent >= (call.options["timeout"] - 25) / 1000, "not wanted: %s" % call
        worker.send(note_taken, "UDSD", "FAIL" if is_failure else "ANSWER", str(number), text)
        if self.rng.random() < 0.5 and worker.serves:
            worker.n_next += 1
            worker.send(lambda reply: self.note_given(worker, reply), "UDSD", "NEXT")

    def step_worker_dies(self):
        worker = self.rng.choice(self.workers)
        self.settle()
        self.read_all()
        # What has been sent to it and was not read before it goes is lost, and cannot be told from what was read.
        if self.rng.random() < 0.3 and not worker.is_half_closed:
            worker.client.sock.shutdown(1)
        index = self.workers.index(worker)
        self.note_worker_left(worker)
        worker.close()
        self.settle()
        self.workers[index] = self.new_worker()

    def new_worker(self):
        return Worker(self.path, self.rng.random() < 0.5)

    def step_caller_dies(self):
        caller = self.rng.choice(self.callers)
        index = self.callers.index(caller)
        for call in self.calls:
            if call.caller is caller and call.outcome is None:
                call.cancelled = call.may_end = True
                call.outcome = "dropped"
        caller.close()
        self.settle()
        self.callers[index] = self.new_caller()

    def step_half_close(self):
        caller = self.rng.choice(self.callers)
        if caller.is_half_closed:
            return
        caller.client.sock.shutdown(1)
        caller.is_half_closed = True

    def step_cancel(self):
        asked = [c for c in self.calls if c.id and c.outcome is None and c.caller.is_open and
                 not c.caller.is_half_closed]
        if not asked:
            return
        call = self.rng.choice(asked)

        def note_cancelled(reply):
            assert reply in (0, 1), reply
            if reply == 1:
                assert call.outcome is None, "cancelled although it has ended"
                call.cancelled, call.outcome = True, "cancelled"
                self.outcomes["cancelled"] += 1
        call.may_end = True
        call.caller.send(note_cancelled, "UDSD", "CANCEL", str(call.id))

    def step_reload(self):
        self.max_waiting = self.rng.choice([0, 1, 5, 1000])
        for call in self.outstanding():
            call.max_waiting = min(call.max_waiting, self.max_waiting)
        self.timeout = self.rng.choice([200, 30000, 30000])
        self.write_config()
        self.control.call("UDSD", "RELOAD")

    def step_pause(self):
        time.sleep(self.rng.choice([0.002, 0.03]))

    def step_check(self):
        """While a worker is idle, nothing waits."""
        for service in self.control.call("UDSD", "SERVICES"):
            figures = dict(zip(service[::2], service[1::2]))
            assert figures[b"idle"] == 0 or figures[b"waiting"] == 0, figures
            assert figures[b"workers"] == len(self.served(figures[b"name"].decode())), figures

    def check_anonymous_errors(self):
        """Each ASK that has not ended otherwise has one error, and of those whose caller has left, some have."""
        open_asks = [c for c in self.calls if c.channel and c.outcome is None and not c.caller.is_half_closed]
        left_asks = [c for c in self.calls if c.channel and (c.outcome == "dropped" or c.outcome is None)]
        errors = [str(error).split(" ")[0] for error in self.anonymous_errors]
        assert len(open_asks) <= len(errors) <= len(left_asks), (len(open_asks), errors, len(left_asks))
        for code, n in collections.Counter(errors).items():
            plausible = sum(self.is_plausible(call, code) for call in left_asks)
            assert n <= plausible, "%d of %s, but only %d with a reason" % (n, code, plausible)

    def run(self, steps):
        kinds = [(self.step_call, 30), (self.step_next, 30), (self.step_answer, 30), (self.step_serve, 6),
                 (self.step_unserve, 2), (self.step_worker_dies, 3), (self.step_caller_dies, 1),
                 (self.step_half_close, 1), (self.step_cancel, 3), (self.step_reload, 1), (self.step_pause, 3),
                 (self.step_check, 3)]
        for _ in range(steps):
            self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]()
            self.read_all()
            self.replace_closed()

    def replace_closed(self):
        for i, caller in enumerate(self.callers):
            if not caller.is_open:
                self.callers[i] = self.new_caller()

    def end(self):
        """Each call ends when all workers have gone, and nothing is left then."""
        for worker in self.workers:
            self.note_worker_left(worker)
            worker.close()
        self.workers = []
        waiting = [c for c in self.calls if c.outcome is None and not c.channel]
        try:
            resp.wait_until(lambda: self.read_all() or all(c.outcome for c in waiting), "the end of all calls")
        except AssertionError:
            print("\n".join(str(c) + str(vars(c.caller)) for c in waiting if not c.outcome))
            raise
        for caller in self.callers:
            caller.close()
        figures = ["services", "service_workers", "service_workers_idle", "service_requests_waiting",
                   "service_requests_running"]
        resp.wait_until(lambda: all(resp.info(self.control)[f] == "0" for f in figures), "nothing to be left")
        self.read_all()
        self.check_anonymous_errors()
        self.listener.close()
        resp.wait_until(lambda: resp.info(self.control)["unsent_bytes"] == "0", "all output to be gone")
        # Some is kept for what comes next. With a sanitizer, what was freed is kept as well.
        more = self.used_memory() - self.memory
        assert self.is_sanitized or more < MEMORY_KEPT, "%d bytes more than before" % more
        self.udsd.send_signal(signal.SIGTERM)
        assert self.udsd.wait(resp.PATIENCE) == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--udsd", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=resp.random_seed())
    args = parser.parse_args()
    print("seed %d" % args.seed, flush=True)
    storm = Storm(args)
    try:
        storm.run(args.steps)
        storm.end()
    finally:
        if storm.udsd.poll() is None:
            storm.udsd.kill()
        print(", ".join("%d %s" % (n, what) for what, n in sorted(storm.outcomes.items())))


if __name__ == "__main__":
    main()
