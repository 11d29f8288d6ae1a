"""
Requests to services with redis-py, over udsd; or, with another address, over redis-server or Valkey:

    services = Services("unix:///run/udsd/udsd.sock")               # or "redis://HOST:6379"
    services.serve("upper", lambda payload: payload.upper())        # a worker, until it is killed
    services.call("upper", b"hello", timeout=5)                     # b"HELLO", or a ServiceError

A worker handles one request at a time; more processes share the requests. With Redis, a request is an element of the
list service:NAME, "CHANNEL DEADLINE PAYLOAD", where the deadline is milliseconds since 1970; the answer is published to
that channel, an error to the channel with ":error" behind its name. See SERVICES in udsd-protocol(7) for what is lost.
"""
import functools
import time
import uuid

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


class ServiceError(Exception):
    """Its code is NOSERVICE, BUSY, TIMEOUT, GONE, FAILED or NOPERM. After TIMEOUT and GONE it may have been done."""

    def __init__(self, code, text):
        super().__init__(f"{code} {text}")
        self.code, self.text = code, text


class Services:
    def __init__(self, url, **options):
        # A library that sends a command once more after a reconnect would have a request run twice.
        self.redis = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **options)

    @functools.cached_property
    def is_udsd(self):
        return "udsd_version" in self.redis.info("server")

    def call(self, service, payload, timeout=30):
        """Returns the answer, bytes. timeout: in seconds."""
        try:
            if self.is_udsd:
                milliseconds = max(1, int(timeout * 1000))
                return self.redis.execute_command("UDSD", "CALL", service, payload, "TIMEOUT", milliseconds)
            return self._call_redis("service:" + service, payload, time.time() + timeout)
        except redis.exceptions.NoPermissionError as error:
            raise ServiceError("NOPERM", str(error)) from None
        except redis.ResponseError as error:
            raise ServiceError(*str(error).split(" ", 1)) from None
        except redis.ConnectionError as error:
            raise ServiceError("GONE", f"the connection was lost: {error}") from None

    def _call_redis(self, key, payload, deadline):
        payload = payload.encode() if isinstance(payload, str) else payload
        channel = f"answer:{uuid.uuid4()}"
        request = b"%s %d %s" % (channel.encode(), deadline * 1000, payload)
        with self.redis.pubsub() as answers:
            answers.subscribe(channel, channel + ":error")
            for _ in range(2):
                answers.get_message(timeout=30)     # subscribed: from now on an answer arrives
            self.redis.lpush(key, request)
            while (left := deadline - time.time()) > 0:
                message = answers.get_message(timeout=left)
                if message and message["channel"].endswith(b":error"):
                    raise ServiceError("FAILED", message["data"].decode())
                if message:
                    return message["data"]
        self.redis.lrem(key, 1, request)
        raise ServiceError("TIMEOUT", "no answer")

    def serve(self, service, handler):
        """Answers requests with what handler(payload) returns, bytes; if it raises an exception, the call fails."""
        while True:
            try:
                if self.is_udsd:
                    self._serve_udsd(service, handler)
                else:
                    self._serve_redis("service:" + service, handler)
            except redis.ConnectionError:
                time.sleep(1)

    def _serve_udsd(self, service, handler):
        worker = self.redis.client()                # a connection that no call shares
        try:
            worker.execute_command("UDSD", "SERVE", service)
            request = worker.execute_command("UDSD", "NEXT")
            while request:
                failed, text = self._handle(handler, request[5])
                word = "FAIL" if failed else "ANSWER"
                request = worker.execute_command("UDSD", word, request[0], text, "NEXT")
        finally:
            worker.connection.disconnect()

    def _serve_redis(self, key, handler):
        while True:
            channel, deadline, payload = self.redis.brpop(key)[1].split(b" ", 2)
            if time.time() * 1000 < int(deadline):
                failed, text = self._handle(handler, payload)
                self.redis.publish(channel + b":error" if failed else channel, text)

    @staticmethod
    def _handle(handler, payload):
        try:
            return False, handler(payload)
        except Exception as error:                  # its text goes to the caller
            return True, str(error) or type(error).__name__
