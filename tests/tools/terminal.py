"""Runs a command whose stderr is a terminal and shows what that got.

usage: terminal.py COLUMNS SECONDS COMMAND [ARGUMENT]...

Standard input is a pipe into which a line comes every 10 ms, until it is closed after SECONDS. Prints what was written
to the terminal, control characters as \\x.. and each redrawing on a line of its own, then 'screen: ' and what stands
on the screen at the end. Exits as the command does.
"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time

columns, seconds, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
controller, terminal = pty.openpty()
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def take_terminal():
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=terminal, preexec_fn=take_terminal,
                           env=dict(os.environ, TERM="xterm"))
os.close(terminal)


def feed():
    end = time.monotonic() + seconds
    with process.stdin as stdin:
        while time.monotonic() < end:
            stdin.write(b"line\n")
            stdin.flush()
            time.sleep(0.01)


threading.Thread(target=feed).start()
got = b""
while True:
    try:
        data = os.read(controller, 4096)
    except OSError:  # nobody has the terminal open any more
        break
    if not data:
        break
    got += data

text = got.decode()
print(re.sub(r"[\x00-\x1f\x7f]", lambda m: "\\x%02x" % ord(m[0]), text).replace("\\x0d\\x1b[K", "\n\\x0d\\x1b[K"))
# What follows the last clearing of each line is what a person sees.
print("screen: " + "|".join(line.split("\r\x1b[K")[-1] for line in text.replace("\r\n", "\n").split("\n")))
sys.exit(process.wait())
