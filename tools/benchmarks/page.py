"""The marked sections of BENCH.md and README.md, which bench.py writes."""

import re

from benchmarks.unix_port import ROOT

PAGES = ROOT / "tools" / "BENCH.md", ROOT / "README.md"


def write(section, text):
    """Put text where a page has this section; return the pages' names."""
    written = []
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = with_section(old, section, text)
        if new is not None:
            page.write_text(new, encoding="utf-8")
            written.append(page.name)
    return written


def with_section(page, section, text):
    """Return the page with that text between the section's marks, or None if it has none."""
    begin, end = f"<!-- bench.py writes: {section} -->\n", "<!-- end -->"
    pattern = re.escape(begin) + "(.*?)" + re.escape(end)
    if not re.search(pattern, page, re.S):
        return None
    return re.sub(pattern, lambda _: f"{begin}\n{text}\n\n{end}", page, count=1, flags=re.S)
