"""power-loss.py TRACE SEED IMAGES DIRECTORY COMMAND... [--forget KIND]: the disk as it may be after a power loss.

TRACE comes from tests/power-loss/recorder.c. At IMAGES random points of it, writes the files of the store below DIRECTORY
as they may be found after a loss of power: what was flushed is there; of each later write, any pieces; names of files
that came or went since the directory was flushed may have done so or not. Runs COMMAND with this directory, which prints
"OK N": it found what commit N has left. N must be at least the last commit that was reported, and at most the last one
that was handed over.

--forget log, database or directory: flushes of that have no effect, so losses must be found. Prints a line of figures;
the exit status is 0 if no image is bad."""
import collections
import os
import random
import shutil
import struct
import subprocess
import sys

ENTRY = struct.Struct("<cB6xQQ")
Entry = collections.namedtuple("Entry", "what name at data")


def read_trace(path):
    with open(path, "rb") as file:
        data = file.read()
    at, entries = 0, []
    while at + ENTRY.size <= len(data):
        what, name_len, offset, length = ENTRY.unpack_from(data, at)
        at += ENTRY.size
        name = data[at:at + name_len].decode()
        at += name_len
        entries.append(Entry(what.decode(), name, offset, data[at:at + length]))
        at += length
    return entries


class File:
    """Its bytes on disk, and what was done since the last flush: (offset, bytes), or (size, None) for a truncation."""

    def __init__(self):
        self.bytes, self.pending = bytearray(), []

    @staticmethod
    def apply(data, at, new):
        if new is None:
            del data[at:]
            data.extend(bytes(at - len(data)))
        else:
            data.extend(bytes(max(0, at - len(data))))
            data[at:at + len(new)] = new

    def flush(self):
        for change in self.pending:
            self.apply(self.bytes, *change)
        self.pending = []

    def image(self, rnd, piece, chance):
        data = bytearray(self.bytes)
        for at, new in self.pending:
            if new is None:
                if rnd.random() < chance:
                    self.apply(data, at, None)
                continue
            start = 0
            while start < len(new):
                end = min(len(new), start + piece - (at + start) % piece)
                if rnd.random() < chance:
                    self.apply(data, at + start, new[start:end])
                start = end
        return data


class Disk:
    def __init__(self, forget):
        self.forget = forget
        self.open = {}  # by name: the files as the program sees them
        self.names = {}  # as they are on disk
        self.pending = []  # (name, file), or (name, None) if it was unlinked; or both of a rename: (name, file, old)
        self.reported = self.handed = 0

    def kind(self, name):
        return "log" if name.endswith("-wal") else "database"

    def add(self, name):
        self.open[name] = File()
        self.pending.append((name, self.open[name]))

    def run(self, entry):
        what, name = entry.what, entry.name
        if what in "WT" and name not in self.open:
            self.add(name)  # the program was killed after it had made the file and before this was recorded
        if what == "N":
            self.add(name)
        elif what == "U":
            self.open.pop(name)
            self.pending.append((name, None))
        elif what == "R":
            new = entry.data.decode()
            self.open[new] = self.open.pop(name)
            self.pending.append((new, self.open[new], name))
        elif what == "W":
            self.open[name].pending.append((entry.at, entry.data))
        elif what == "T":
            self.open[name].pending.append((entry.at, None))
        elif what == "S":
            if self.kind(name) != self.forget:
                self.open[name].flush()
        elif what == "D":
            if self.forget != "directory":
                for change in self.pending:
                    self.rename(self.names, *change)
                self.pending = []
        elif what == "H":
            self.handed = entry.at
        elif what == "M":
            self.reported = entry.at
        else:
            sys.exit("unknown entry in the trace: %r" % what)

    @staticmethod
    def rename(names, name, file, old=None):
        if old is not None:
            names.pop(old, None)
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file

    def write_image(self, directory, rnd):
        """What may be there: from nothing that was not flushed, to all of it."""
        piece, chance = rnd.choice([512, 4096]), rnd.choice([0, 0.1, 0.5, 0.9, 1])
        names = dict(self.names)
        for change in self.pending:
            if rnd.random() < chance:
                self.rename(names, *change)
        shutil.rmtree(directory, ignore_errors=True)
        os.mkdir(directory, 0o700)
        for name, file in names.items():
            with open(os.path.join(directory, name), "wb") as out:
                out.write(file.image(rnd, piece, chance))


def main():
    arguments, forget = sys.argv[1:], None
    if "--forget" in arguments:
        at = arguments.index("--forget")
        forget = arguments[at + 1]
        del arguments[at:at + 2]
    trace, seed, images, directory = arguments[0], int(arguments[1]), int(arguments[2]), arguments[3]
    command = arguments[4:]
    rnd = random.Random(seed)
    entries = read_trace(trace)
    points = sorted(rnd.randrange(1, len(entries) + 1) for _ in range(images))
    disk, done = Disk(forget), 0
    results = collections.Counter()
    reasons = collections.Counter()
    for point in points:
        for entry in entries[done:point]:
            disk.run(entry)
        done = point
        disk.write_image(directory, rnd)
        result = subprocess.run([word.replace("DIRECTORY", directory) for word in command], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
        words = result.stdout.split()
        if result.returncode != 0 or words[:1] != ["OK"]:
            results["bad"] += 1
            reasons[result.stdout.strip() or "exit status %d" % result.returncode] += 1
        elif disk.reported <= int(words[1]) <= disk.handed:
            results["whole"] += 1
        else:
            results["lost"] += 1
            reasons["entry %d: commit %s of %d..%d" % (point, words[1], disk.reported, disk.handed)] += 1
    print("%d entries, %d images: %d whole, %d bad, %d lost" % (
        len(entries), images, results["whole"], results["bad"], results["lost"]))
    for reason, n in reasons.most_common(5):
        print("%d times: %s" % (n, reason))
    sys.exit(results["whole"] != images)


main()
