"""steady.py SOCKET CHANNEL=RATE...: publishes to each channel from a connection of its own, named after it, so many
messages a second, until it is ended. Connects again when the daemon comes back."""
import sys
import time

import resp


def connect(path, channels):
    clients = []
    for channel in channels:
        client = resp.Client(path)
        client.send("CLIENT", "SETNAME", "to-" + channel)
        clients.append(client)
    return clients


def main():
    rates = dict(arg.split("=") for arg in sys.argv[2:])
    began, sent = time.monotonic(), dict.fromkeys(rates, 0)
    clients = []
    while True:
        try:
            clients = clients or connect(sys.argv[1], rates)
            for client, (channel, rate) in zip(clients, rates.items()):
                due = int((time.monotonic() - began) * float(rate)) - sent[channel]
                for _ in range(due):
                    client.send("PUBLISH", channel, "x")
                sent[channel] += due
                drain(client)
        except OSError:
            clients = []
        time.sleep(0.01)


def drain(client):
    """Answers are of no interest, but must be read."""
    client.sock.setblocking(False)
    try:
        client.sock.recv(1 << 18)
    except BlockingIOError:
        pass
    client.sock.settimeout(resp.PATIENCE)


main()
