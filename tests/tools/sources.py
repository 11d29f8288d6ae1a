"""What the sources of the daemon say: the codes of its errors, and which commands are for administrators."""
import pathlib
import re

TOP = pathlib.Path(__file__).parents[2]

COMMENT = r"/\*.*?\*/|//[^\n]*"
STRING = r'"(?:\\.|[^"\\\n])*"'

# Strings there that begin like an error are SQL, the help of options, and the syntax of commands.
WITHOUT_ERRORS = {"daemon/storage", "daemon/config", "daemon/commands/command-table.c"}


def strings():
    """The strings of the daemon, each with those that are written behind it as one, and with macros that are strings."""
    files = [p for p in sorted(TOP.glob("daemon/**/*.[ch]"))
             if not {str(p.relative_to(TOP)), str(p.parent.relative_to(TOP))} & WITHOUT_ERRORS]
    macros = {}
    for path in [*files, *TOP.glob("common/*.h")]:
        macros.update(re.findall(rf"^#define (\w+) ({STRING})$", path.read_text(), re.M))
    for path in files:
        text = re.sub(rf"({STRING})|{COMMENT}", lambda m: m[1] or " ", path.read_text(), flags=re.S)
        text = re.sub(rf"({STRING})|\b[A-Z_]+\b", lambda m: m[1] or macros.get(m[0], m[0]), text)
        for pieces in re.findall(rf"{STRING}(?:\s*{STRING})*", text):
            yield "".join(piece[1:-1] for piece in re.findall(STRING, pieces))


def error_codes():
    """Every word that an error begins with."""
    found = [re.match(r"-?([A-Z]{2,}) ", string) for string in strings()]
    return sorted({match[1] for match in found if match})


def commands_of_administrators():
    """As COMMAND LIST names them, in upper case; what only a handler refuses, with what it says about that."""
    table = (TOP / "daemon/commands/command-table.c").read_text()
    rows = re.findall(r'\{ "([a-z|-]+)", -?\d+,([^"]*),', table)
    found = [name for name, flags in rows if set(re.findall(r"\w+", flags)) & {"ADMINS", "COMMAND_NEEDS_ADMIN"}]
    parts = [re.search(r"to run the '(\w+)' command( .*): administrators only", string) for string in strings()]
    return [name.replace("|", " ").upper() for name in found] + [p[1].upper() + p[2] for p in parts if p]


if __name__ == "__main__":
    print(*sorted(commands_of_administrators()), sep="\n")
