"""The tables of docs/kept.md: what comes back of each kind of file."""

import kinds

START, END = "<!-- tests/real/item_25.py writes this -->", "<!-- until here -->"


def comes_back(kind, lacks, before, after, always):
    """What was found, in words that are the same in each run. `always` is said of the format."""
    if kind.bound is None:
        words = ["bit for bit"]
    elif kind.bound in kinds.FLOATS:
        words = [f"within {kind.bound}"]
    else:
        words = [f"at least {kind.bound} dB"]
    words += [kind.also_says] if kind.also_says else []
    words += lacks
    words += [f"stored {now}" for key, now in after.stored.items()
              if key not in always and before.stored.get(key) != now]
    return "; ".join(words)


def always_stored(results):
    """How all results of a format are stored, where not all assets were stored so."""
    seen = [(before.stored, after.stored) for _, _, before, after in results]
    always = {}
    for key in sorted({key for _, after in seen for key in after}):
        had, has = ({stored.get(key) for stored in side} for side in zip(*seen))
        if len(has) == 1 and had != has:
            always[key] = next(iter(has))
    return always


def merged(rows, at):
    """Rows that differ in one cell only, as one."""
    groups = {}
    for row in rows:
        cells = groups.setdefault(row[:at] + row[at + 1:], [])
        cells += [] if row[at] in cells else [row[at]]
    return [(*rest[:at], "; ".join(cells), *rest[at:]) for rest, cells in groups.items()]


def tables(results):
    """`results` are kinds, what the program said each lacks, and what was seen before and after."""
    lines = [f"{len(results)} files:"]
    for name in dict.fromkeys(kind.format for kind, *_ in results):
        own = [result for result in results if result[0].format == name]
        always = always_stored(own)
        rows = [(kind.pixels, kind.option, comes_back(kind, lacks, before, after, always),
                 kind.reader) for kind, lacks, before, after in own]
        lines += ["", f"## {name}", ""]
        if always:
            lines += [f"Every result is stored {', '.join(always.values())}.", ""]
        lines += ["| pixels | option | comes back | second reader |", "| --- | --- | --- | --- |"]
        fewest = min((merged(merged(rows, 1), 0), merged(merged(rows, 0), 1)), key=len)
        lines += [f"| {' | '.join(row)} |" for row in fewest]
    return "\n".join(lines)


def page(text, results):
    """The page with the tables of this run."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise AssertionError("docs/kept.md lacks the comments between which the tables are")
    return f"{before}{START}\n\n{tables(results)}\n\n{END}{after}"
