"""What stands in a manual page: its lists' items and its examples.

usage: manual.py MANUAL [N]: prints example N, or all, each ended by a NUL
       manual.py MANUAL --items SECTION SUBSECTION: prints the items there, one in a line; those in one with commas, too
"""
import html.parser
import subprocess
import sys


class Manual(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.items = {}     # of each section and subsection, in order
        self.words = {}     # of each section: those that the manual prints in a type of their own, such as keys
        self.examples = []  # displays of the section EXAMPLES, those of one line among them
        self.section = self.subsection = ""
        self.text = self.word = ""
        self.is_display = False
        self.feed(subprocess.run(["mandoc", "-Thtml", path], check=True, capture_output=True, text=True).stdout)

    def handle_starttag(self, tag, attrs):
        if tag in ("h1", "h2", "dt", "pre", "div"):
            self.text = ""
        if tag == "code":
            self.word = ""
        self.is_display = self.is_display or tag == "div" and ("class", "Bd Bd-indent") in attrs

    def handle_data(self, data):
        self.text += data
        self.word += data

    def handle_endtag(self, tag):
        text = " ".join(self.text.split())
        if tag == "h1":
            self.section, self.subsection = text, ""
        elif tag == "h2":
            self.subsection = text
        elif tag == "code":
            self.words.setdefault(self.section, set()).add(self.word)
        elif tag == "dt":
            self.items.setdefault((self.section, self.subsection), []).append(text)
        elif tag == "pre" and self.section == "EXAMPLES":
            self.examples.append(self.text.strip("\n"))
            self.is_display = False
        elif tag == "div" and self.is_display:
            if self.section == "EXAMPLES":
                self.examples.append(text)
            self.is_display = False

    def items_of(self, section):
        """The items of a section and its subsections."""
        return [item for key, items in self.items.items() if key[0] == section for item in items]


def main():
    manual = Manual(sys.argv[1])
    if "--items" in sys.argv:
        print(*", ".join(manual.items[tuple(sys.argv[3:])]).split(", "), sep="\n")
    elif len(sys.argv) > 2:
        print(manual.examples[int(sys.argv[2])])
    else:
        print(*manual.examples, sep="\0", end="\0")


if __name__ == "__main__":
    main()
