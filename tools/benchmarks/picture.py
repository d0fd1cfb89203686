"""Draw the erases of a durable write against the number of keys."""

import matplotlib

from benchmarks import figures, flash
from benchmarks.unix_port import ROOT

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402 (it would look for a screen)

FILE = ROOT / "tools" / "bench.svg"
SIZES = [n * 10**power for power in range(4) for n in (1, 2, 5)]
TITLES = {256: "RP2040, i.MX RT, SAMD (progsize 256)", 32: "ESP32, ESP8266 (progsize 32)"}
GREY = "#808080"  # this and the colours are legible on a light and on a dark page
LOOKS = {  # colour, line, marker, width
    "library": ("#1f9e89", "-", "o", 3),
    "json": ("#e07b39", "--", "s", 1.8),
    "log": ("#8f7fd1", "-.", "^", 1.8),
    "btree": ("#d1589a", (0, (3, 1, 1, 1)), "D", 1.8),
    "record": (GREY, ":", "", 1.8),
}
COLOURED = "text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"
STYLE = {
    "svg.fonttype": "none",  # text as text
    "svg.hashsalt": "MicroTetherDB",  # the same picture from the same figures
    "font.family": "sans-serif",
    "font.size": 11,
    **dict.fromkeys(COLOURED, GREY),
}


def draw(port):
    stores = flash.stores(port)
    costs = [(s, prog, "sets", n) for s in stores for prog in TITLES for n in SIZES]
    figures.side_by_side(lambda cost: flash.cost(port, *cost), costs)
    with pyplot.rc_context(STYLE):
        figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.4), sharey=True, layout="tight")
        for panel, prog in zip(panels, TITLES, strict=True):
            draw_panel(panel, port, prog, stores)
        panels[0].set_ylabel("flash erases per durable write")
        panels[0].legend(framealpha=0, labelcolor=GREY)
        figure.savefig(FILE, transparent=True, metadata={"Date": None})


def draw_panel(panel, port, prog, stores):
    for store in stores:
        color, line, marker, width = LOOKS[store]
        panel.loglog(
            SIZES,
            [flash.cost(port, store, prog, "sets", n)["erases"] for n in SIZES],
            color=color,
            linestyle=line,
            marker=marker,
            markersize=5,
            linewidth=width,
            label=flash.STORES[store],
        )
    panel.set_title(TITLES[prog], fontsize=11)
    panel.set_xlabel("keys")
    panel.grid(color=GREY, alpha=0.25, linewidth=0.6)
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.yaxis.set_major_formatter("{x:g}")
