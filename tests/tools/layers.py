"""layers.py TOP: checks the layers of daemon/, cli/ and common/ below TOP by their #include lines, names each violation
and then fails. A folder's meson.build says which folders lie below it.

layers.py TOP --outside: lists "FOLDER HEADER" for every header that a file in FOLDER must not be able to include."""
import os
import re
import sys
from collections import defaultdict

PROGRAMS = "daemon", "cli"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|("(?:\\.|[^"\\\n])*")', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*\n", re.M)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)\s*")
# A definition begins in the first column: its type, its name, its parameters, and the brace.
DEFINITION = re.compile(r"^([A-Za-z_][\w \t\n*]*[ \t\n*])(\w+)\([^;{}]*\)\s*\{", re.M)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Folder:
    """A directory with a meson.build: its sources, the names it gives to Meson, and the folders it links."""

    def __init__(self, top, name):
        self.name = name
        self.files = sorted(f for f in os.listdir(os.path.join(top, name)) if f.endswith((".c", ".h")))
        meson = re.sub(r"#[^\n]*", "", read(os.path.join(top, name, "meson.build")))
        self.headers = {f for f in self.files if f.endswith(".h")} | set(re.findall(r"output: *'([^']+\.h)'", meson))
        self.defines = set(re.findall(r"^(\w+_dep)\s*=", meson, re.M))
        self.uses = set(re.findall(r"\b\w+_dep\b", meson)) - self.defines


class Tree:
    def __init__(self, top):
        self.top = top
        self.folders = {}
        for root in ("common",) + PROGRAMS:
            for path, _, files in os.walk(os.path.join(top, root)):
                if "meson.build" in files:
                    name = os.path.relpath(path, top)
                    self.folders[name] = Folder(top, name)
                elif any(f.endswith((".c", ".h")) for f in files):
                    sys.exit("%s has sources and no meson.build" % os.path.relpath(path, top))
        owner = {dep: folder.name for folder in self.folders.values() for dep in folder.defines}
        self.links = {name: {owner[dep] for dep in folder.uses if dep in owner} for name, folder in self.folders.items()}

    def below(self, name):
        """The folders that a file in this one may include from, its own first."""
        seen = [name]
        for folder in seen:
            seen += sorted(self.links[folder] - set(seen))
        return seen + [f for f in ("common",) if f not in seen]

    def program(self, root):
        return [name for name in self.folders if name.split("/")[0] in (root, "common")]

    def outside(self, name):
        below = set().union(*(self.folders[f].headers for f in self.below(name)))
        return sorted(set().union(*(f.headers for f in self.folders.values())) - below)

    def find(self, name, header, program):
        """The folder that an #include in a file of folder NAME means, or None."""
        path = os.path.normpath(os.path.join(name, header))
        if "/" in header:
            folder, base = os.path.split(path)
            return folder if folder in self.folders and base in self.folders[folder].headers else None
        return next((f for f in self.below(name) + program if header in self.folders[f].headers), None)

    def check_includes(self, root):
        """Yields each include that does not point down; then each cycle."""
        edges, program = defaultdict(set), self.program(root)
        for name in program:
            below = self.below(name)
            for file in self.folders[name].files:
                for header in INCLUDE.findall(COMMENT.sub(r"\1", read(os.path.join(self.top, name, file)))):
                    found = self.find(name, header, program)
                    if found is None:
                        yield '%s/%s: includes "%s", which no folder of this program has' % (name, file, header)
                        continue
                    if found not in below:
                        yield '%s/%s: includes "%s" of %s, which is not below %s' % (name, file, header, found, name)
                    edges[module(name, file)].add(module(found, os.path.basename(header)))
        for cycle in cycles(edges):
            yield "cycle: " + " -> ".join(cycle)

    def check_headers(self, root):
        places = defaultdict(list)
        for name in self.program(root):
            for header in self.folders[name].headers:
                places[header].append(name)
        for header, names in places.items():
            if len(names) > 1:
                yield "%s: this header is in %s" % (header, " and ".join(sorted(names)))

    def check_functions(self, root):
        places = defaultdict(list)
        for name in self.program(root):
            for file in self.folders[name].files:
                for function in exported(read(os.path.join(self.top, name, file))):
                    places[function].append(name + "/" + file)
        if not places:
            yield "%s: no functions found" % root
        for function, files in places.items():
            if len(files) > 1:
                yield "%s(): defined in %s" % (function, " and ".join(sorted(files)))

    def check(self):
        found = []
        for root in PROGRAMS:
            for check in self.check_includes, self.check_headers, self.check_functions:
                found += [line for line in check(root) if line not in found]
        return found


def module(folder, file):
    """A header and its .c are one module."""
    return folder + "/" + os.path.splitext(file)[0]


def exported(text):
    text = ATTRIBUTE.sub("", DIRECTIVE.sub("", COMMENT.sub(r"\1", text)))
    return [name for type, name in DEFINITION.findall(text) if not re.search(r"\b(static|typedef)\b", type)]


def cycles(edges):
    """Shortest cycles, until every module that is part of one has been in one of them."""
    done = set()
    for start in sorted(edges):
        if start in done:
            continue
        paths, queue = {start: [start]}, [start]
        for node in queue:
            for next_node in sorted(edges.get(node, ())):
                if next_node == start and node != start:
                    done.update(paths[node])
                    yield paths[node] + [start]
                    queue.clear()
                    break
                if next_node not in paths:
                    paths[next_node] = paths[node] + [next_node]
                    queue.append(next_node)


def main():
    tree = Tree(sys.argv[1])
    if sys.argv[2:] == ["--outside"]:
        for name in tree.folders:
            for header in tree.outside(name):
                print(name, header)
        return
    found = tree.check()
    print("\n".join(found))
    sys.exit(bool(found))


main()
