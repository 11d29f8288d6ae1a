"""terminal-svg.py COLUMNS <CAPTURE >PICTURE: what `tmux capture-pane -e -p` printed, as an SVG.

Of the attributes it knows those that udsctl uses: bold, reverse and the eight colours. Blocks are drawn, not written:
fonts disagree about their size."""
import re
import sys
from html import escape

WIDTH, HEIGHT, MARGIN = 8.4, 18, 12
INK, PAPER = "#d4d4d4", "#1e1e1e"
COLOURS = ["#555555", "#f14c4c", "#23d18b", "#e5c07b", "#3b8eea", "#d670d6", "#29b8db", "#e5e5e5"]


def read_cells(line, state):
    """The characters of a line with their attributes; state goes on to the next line."""
    cells = []
    for attributes, char in re.findall(r"\x1b\[([0-9;]*)m|(.)", line):
        if char:
            cells.append((char, dict(state)))
            continue
        for code in (int(c or 0) for c in attributes.split(";")):
            if code == 0:
                state.clear()
            elif code in (1, 7):
                state[code] = True
            elif code in (22, 27):
                state.pop({22: 1, 27: 7}[code], None)
            elif 30 <= code <= 37:
                state["colour"] = COLOURS[code - 30]
            elif code == 39:
                state.pop("colour", None)
    return cells


def rectangle(x, y, width, colour):
    return f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{HEIGHT}" fill="{colour}"/>'


def draw_run(text, style, column, row):
    x, y = MARGIN + column * WIDTH, MARGIN + row * HEIGHT
    ink = style.get("colour", INK)
    if 7 in style:
        yield rectangle(x, y, len(text) * WIDTH, ink)
        ink = PAPER
    blank = re.sub("[█-▏]", " ", text)
    for match in re.finditer("[█-▏]", text):
        share = (0x2590 - ord(match.group())) / 8
        yield rectangle(x + match.start() * WIDTH, y + 2, share * WIDTH, ink).replace(
            f'height="{HEIGHT}"', f'height="{HEIGHT - 4}"')
    for match in re.finditer(r"\S+( \S+)*", blank):
        word = match.group()
        weight = ' font-weight="bold"' if 1 in style else ""
        yield (f'<text x="{x + match.start() * WIDTH:.2f}" y="{y + 13}" fill="{ink}"{weight} '
               f'textLength="{len(word) * WIDTH:.2f}">{escape(word)}</text>')


def main():
    columns = int(sys.argv[1])
    lines = sys.stdin.read().rstrip("\n").split("\n")
    width, height = 2 * MARGIN + columns * WIDTH, 2 * MARGIN + len(lines) * HEIGHT
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
          f'font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">')
    print(f'<rect width="100%" height="100%" rx="6" fill="{PAPER}"/>')
    state = {}
    for row, line in enumerate(lines):
        cells = read_cells(line, state)
        start = 0
        for i in range(1, len(cells) + 1):
            if i == len(cells) or cells[i][1] != cells[start][1]:
                text = "".join(char for char, _ in cells[start:i])
                for piece in draw_run(text, cells[start][1], start, row):
                    print(piece)
                start = i
    print("</svg>")


main()
