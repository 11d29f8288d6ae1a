"""The conversation of services.bats with the example for redis-py. usage: services-redis-py.py SOCKET serve|call"""
import os
import signal
import sys
import threading
import time

from services import ServiceError, Services

services = Services("unix://" + sys.argv[1])


def work(request):
    word, _, payload = request.partition(b" ")
    if word == b"fail":
        raise ValueError(payload.decode())
    if word == b"sleep":
        time.sleep(60)
    if word == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    return payload.upper() if word == b"upper" else b"%d" % os.getpid()


def error_of(*arguments, **options):
    try:
        return services.call(*arguments, **options)
    except ServiceError as error:
        return f"{error.code}|{error.text}"


def until_answered():
    while not isinstance(error_of("work", "upper x", timeout=1), bytes):
        time.sleep(0.05)


def call():
    # Without a worker: udsd says so at once, Redis never.
    code = error_of("nobody", "x", timeout=0.1).split("|")[0]
    assert code == ("NOSERVICE" if services.is_udsd else "TIMEOUT"), code
    until_answered()
    print("answered")
    assert services.call("work", b"upper a\r\n b\0", timeout=20) == b"A\r\n B\0"
    assert error_of("work", "fail no such order", timeout=20) == "FAILED|no such order"
    print("failed")
    answers = [None] * 40
    pids = set()

    def one(i):
        answers[i] = services.call("work", f"upper c{i}", timeout=20)
        pids.add(services.call("work", "pid", timeout=20))

    while len(pids) < 2:
        threads = [threading.Thread(target=one, args=(i,)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [b"C%d" % i for i in range(40)], answers
    print("shared")
    code = error_of("work", "die", timeout=20 if services.is_udsd else 0.1).split("|")[0]
    assert code == ("GONE" if services.is_udsd else "TIMEOUT"), code
    until_answered()
    print("died")
    assert error_of("work", "sleep", timeout=0.1).startswith("TIMEOUT|")
    print("late", flush=True)
    sys.stdin.readline()
    until_answered()
    print("again")


if sys.argv[2] == "serve":
    services.serve("work", work)
else:
    call()
