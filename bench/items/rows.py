"""One line of the table that bench/compare prints."""


def row(item, what, ours, unit, *, yardstick=None, against="", target="", met=None, p50_ms=None,
        p99_ms=None, their_p50_ms=None, their_p99_ms=None, ratio_target=None, note=""):
    """`ratio_target`: the least ours/yardstick; otherwise `target` in words, and if it is met."""
    ratio = None
    if yardstick:
        ratio = round(ours / yardstick, 3)
        if ratio_target is not None:
            target, met = f"{ratio_target:g}", ratio >= ratio_target
    return {"item": item, "what": what, "ours": ours, "unit": unit, "yardstick": yardstick,
            "against": against, "ratio": ratio, "target": target, "met": met, "p50_ms": p50_ms,
            "p99_ms": p99_ms, "their_p50_ms": their_p50_ms, "their_p99_ms": their_p99_ms,
            "note": note}


def number(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def latencies(p50, p99):
    return "" if p50 is None else f"{p50:.1f}/{p99:.1f}"


COLUMNS = ("item", "what", "ours", "yardstick", "ratio", "target", "met", "p50/p99 ms", "theirs")


def cells(line):
    ours = f"{number(line['ours'])} {line['unit']}".strip()
    theirs = f"{number(line['yardstick'])} {line['against']}".strip() if line["yardstick"] else ""
    met = {True: "yes", False: "NO", None: ""}[line["met"]]
    ratio = "" if line["ratio"] is None else f"{line['ratio']:.2f}"
    return (line["item"], line["what"], ours, theirs, ratio, line["target"], met,
            latencies(line["p50_ms"], line["p99_ms"]),
            latencies(line["their_p50_ms"], line["their_p99_ms"]))


def print_table(lines):
    table = [COLUMNS, *(cells(line) for line in lines)]
    widths = [max(len(each[column]) for each in table) for column in range(len(COLUMNS))]
    for each in table:
        print("  ".join(text.ljust(width) for text, width in zip(each, widths)).rstrip())
    for line in lines:
        if line["note"]:
            print(f"{line['item']}: {line['what']}: {line['note']}")
