"""
check-lines.py FILE N GAPS: the file must hold the numbers 1 to N, none missing. A number may come again only in a
run that steps back and repeats what was just received, and there may be at most GAPS such steps back.
"""
import sys

path, n, gaps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
seen = last = steps = repeated = 0
with open(path) as lines:
    for position, line in enumerate(lines, 1):
        number = int(line)
        if number == last + 1:
            pass
        elif number <= seen:
            steps += 1
        else:
            sys.exit("line %d: %d after %d: something is missing" % (position, number, last))
        repeated += number <= seen
        seen = max(seen, number)
        last = number
if seen != n:
    sys.exit("the last number is %d, not %d" % (seen, n))
if steps > gaps:
    sys.exit("%d steps back, but only %d gaps" % (steps, gaps))
print("%d lines, %d repeated in %d steps back" % (n + repeated, repeated, steps))
