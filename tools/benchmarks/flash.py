"""What a write costs a flash chip: erases and bytes, counted on littlefs on a simulated one.

`progsize` is 256 on RP2040, i.MX RT and SAMD, 32 on ESP32 and ESP8266.
"""

from benchmarks import figures
from benchmarks.figures import Figure

TIP_SIZES = {256: 448, 32: 120}  # MicroTetherDB.TIP_SIZE for each progsize
SIZES = 1, 10, 100, 1000, 5000
STORES = {
    "library": "MicroTetherDB",
    "json": "json.dump + rename",
    "log": "append-only log",
    "btree": "btree",
    "record": "one record, replaced",
}
WORKLOADS = {
    "sets": "set a small dict",
    "scalars": "set a number",
    "deletes": "delete",
    "fives": "transaction of 5",
}
BEFORE = 0, 1000  # keys that are there before a bulk


def stores(port):
    """The names of the stores that this MicroPython has."""
    return [name for name in STORES if name != "btree" or port.call("flash_costs", "has_btree")]


def cost(port, store, prog, workload, keys):
    """What one of many writes costs: see counted() in on_board/flash_costs.py."""
    count = {"json": 20 + 1000 // keys, "btree": 200}.get(store, max(1000, 2 * keys))
    if workload == "fives":
        count = max(400, count // 5)
    args = store, prog, TIP_SIZES[prog], workload, keys, count
    return port.call("flash_costs", "writes", *args)


def erases(port, store, prog):
    return [cost(port, store, prog, "sets", keys)["erases"] for keys in SIZES]


def programmed(port, store, prog):
    return [round(cost(port, store, prog, "sets", keys)["programmed"]) for keys in SIZES]


def bulk(port, store, prog):
    """The erases of one transaction of 1,000 new keys."""
    args = store, prog, TIP_SIZES[prog], 1000
    return [port.call("flash_costs", "bulk", *args, before)["total"] for before in BEFORE]


def bulk_ratios(port, prog):
    pairs = zip(bulk(port, "library", prog), bulk(port, "json", prog), strict=True)
    return [ours / by_json for ours, by_json in pairs]


def figures_of(prog, most_erases):
    at = f"{numbers(SIZES)} keys"
    return [
        Figure(
            f"erases per durable write, progsize {prog}",
            at,
            most_erases,
            lambda port: erases(port, "library", prog),
            lambda port: {STORES[s]: erases(port, s, prog) for s in stores(port)[1:]},
        ),
        Figure(
            f"bytes programmed per durable write, progsize {prog}",
            at,
            (700,),
            lambda port: programmed(port, "library", prog),
            lambda port: {STORES["json"]: programmed(port, "json", prog)},
        ),
        Figure(
            f"erases of 1,000 new keys in one transaction against those of one {STORES['json']}, "
            f"progsize {prog}",
            f"beside {numbers(BEFORE)} keys",
            (1.3,),
            lambda port: bulk_ratios(port, prog),
            lambda port: {"erases": bulk(port, "library", prog)},
        ),
    ]


def numbers(some):
    return ", ".join(f"{number:,}" for number in some)


FIGURES = figures_of(256, (0.15, 0.20)) + figures_of(32, (0.15, 0.45))


def tables(port):
    """Return all that is counted, as Markdown."""
    costs = list(all_costs(port))
    figures.side_by_side(lambda one: cost(port, *one), costs)
    parts = [figures.figures_table(FIGURES, port), figures.table(HEADS, details(port, costs))]
    if "btree" not in stores(port):
        parts.append(
            "This MicroPython has no btree module; `--micropython PATH` chooses one that has."
        )
    return "\n\n".join(parts)


def all_costs(port):
    for prog in TIP_SIZES:
        for workload in WORKLOADS:
            for store in stores(port) if workload == "sets" else ("library", "json"):
                for keys in SIZES:
                    yield store, prog, workload, keys


HEADS = ["progsize", "workload", "store", "keys", "erases per write", "of the worst", "bytes"]


def details(port, costs):
    for store, prog, workload, keys in costs:
        found = cost(port, store, prog, workload, keys)
        yield [
            prog,
            WORKLOADS[workload],
            STORES[store],
            f"{keys:,}",
            f"{found['erases']:.3f}",
            found["worst"],
            f"{found['programmed']:,.0f}",
        ]
