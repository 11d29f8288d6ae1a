"""Examples of a README's section: the indented blocks in it, and its sessions.

usage: examples.py blocks FILE SECTION     prints the blocks, each ended by a NUL
       examples.py commands FILE SECTION   prints the lines that begin with '$ ' in them, without that
       examples.py check FILE SECTION OUTPUT   fails unless OUTPUT has all other lines of the blocks that have such lines;
                                               numbers may differ
"""
import re
import sys


def blocks(path, section):
    text = open(path, encoding="utf-8").read()
    body = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)[1]
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", body, re.M)
    return ["\n".join(line[4:] for line in block.strip("\n").split("\n")) for block in found]


def without_numbers(line):
    return re.sub(r"\d+", "N", " ".join(line.split()))


def main():
    what, path, section = sys.argv[1:4]
    found = blocks(path, section)
    assert found, f"no examples in {section}"
    if what == "blocks":
        sys.stdout.write("".join(block + "\0" for block in found))
        return
    lines = [line for block in found if re.search(r"^\$ ", block, re.M) for line in block.split("\n")]
    if what == "commands":
        print("\n".join(line[2:] for line in lines if line.startswith("$ ")))
        return
    got = [without_numbers(line) for line in open(sys.argv[4], encoding="utf-8")]
    for line in lines:
        if line.startswith("$ "):
            continue
        if without_numbers(line) not in got:
            sys.exit(f"not printed: {line}")
        got.remove(without_numbers(line))


main()
