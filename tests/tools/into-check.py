"""into-check.py UDSCTL SOCKET STREAM LAST DIRECTORY: the files of recv --into, f and f.position, as a loss of power may
have left them: receives the rest of the stream, whose last entry is LAST-0, and prints "OK 0" if each entry is in the
file once then.

The files are copies. So they are given the identity that the positions name, by changing that."""
import os
import re
import subprocess
import sys

udsctl, socket, stream, last, directory = sys.argv[1:6]
path = os.path.join(directory, "f")
position = path + ".position"

text, done = "", 0
if os.path.exists(position):
    with open(position) as file:
        text = file.read()
    if os.path.exists(path):
        inode, born, readable = subprocess.check_output(["stat", "-c", "%i %W %w", path], text=True).split(" ", 2)
        nanoseconds = re.search(r"\.(\d{9})", readable)
        text = re.sub(r"^(into \d+) .*", r"\1 %s %s.%s" % (inode, born, nanoseconds[1] if nanoseconds else "0"), text,
                      flags=re.M)
        with open(position, "w") as file:
            file.write(text)
    found = re.search(r"^stream (\d+)-0 ", text, re.M)
    done = int(found[1]) if found else 0

got = subprocess.run([udsctl, "--socket", socket, "recv", "--into", path, "--timeout", "10s",
                      "-n", str(int(last) - done), stream], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
with open(path) as file:
    lines = file.read()
if got.returncode != 0:
    print(got.returncode, got.stdout)
elif lines != "".join("%d\n" % n for n in range(1, int(last) + 1)):
    print("%d lines" % lines.count("\n"), got.stdout)
else:
    print("OK 0")
