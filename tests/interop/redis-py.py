"""The conversation with redis-py, blocking: one thread receives, another publishes."""
import queue
import sys
import threading
import time

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

BYTES = bytes(range(256)) + b"\r\n"


def receive(sub, received):
    while True:
        try:
            message = sub.get_message(timeout=60)
        except redis.ConnectionError:
            # The next call connects and subscribes again.
            time.sleep(0.02)
            continue
        if message:
            received.put((message["type"], message["pattern"], message["channel"], message["data"]))


def expect(received, *wanted):
    got = received.get()
    while got[0].endswith("subscribe") and not wanted[0].endswith("subscribe"):
        got = received.get()
    assert got == wanted, (got, wanted)


def publish_to_both(bus, received, text):
    assert bus.publish("news", text) == 1
    assert bus.publish("weather.oslo", text) == 1
    expect(received, "message", None, b"news", text)
    expect(received, "pmessage", b"weather.*", b"weather.oslo", text)


bus = redis.Redis(
    unix_socket_path=sys.argv[1],
    client_name="publisher",
    retry=Retry(ConstantBackoff(0.02), 500),
    retry_on_error=[redis.ConnectionError],
)
assert bus.info()["redis_version"].startswith("7.")
assert bus.publish("news", "x") == 0
print("nobody", flush=True)

received = queue.Queue()
sub = redis.Redis(unix_socket_path=sys.argv[1], client_name="receiver").pubsub()
sub.subscribe("news", "gone")
sub.psubscribe("weather.*")
threading.Thread(target=receive, args=(sub, received), daemon=True).start()
expect(received, "subscribe", None, b"news", 1)
expect(received, "subscribe", None, b"gone", 2)
expect(received, "psubscribe", None, b"weather.*", 3)
print("subscribed", flush=True)

publish_to_both(bus, received, b"hello")
publish_to_both(bus, received, BYTES)
publish_to_both(bus, received, b"")
print("messages", flush=True)

pipeline = bus.pipeline(transaction=False)
for i in range(1000):
    pipeline.publish("news", i)
assert pipeline.execute() == [1] * 1000
for i in range(1000):
    expect(received, "message", None, b"news", b"%d" % i)
print("pipeline", flush=True)

transaction = bus.pipeline(transaction=True)
transaction.publish("news", "one").publish("weather.oslo", "two")
assert transaction.execute() == [1, 1]
expect(received, "message", None, b"news", b"one")
expect(received, "pmessage", b"weather.*", b"weather.oslo", b"two")
print("transaction", flush=True)

sub.unsubscribe("gone")
expect(received, "unsubscribe", None, b"gone", 2)
assert bus.publish("gone", "x") == 0
print("unsubscribed", flush=True)

# Each line says that the daemon was restarted and has the subscriptions again.
for line in sys.stdin:
    publish_to_both(bus, received, line.encode())
    assert bus.publish("gone", "x") == 0
    assert bus.client_getname() == "publisher"
    print("again", flush=True)
print("bye", flush=True)
