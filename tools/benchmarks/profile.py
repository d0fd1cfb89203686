"""Where the time of a durable write goes on the emulated Pico: by Python and by C function."""

import json
import re
from collections import Counter
from dataclasses import dataclass

import emulator
from elftools.elf.elffile import ELFFile

from benchmarks import figures

ELF = emulator.FOLDER / "firmware.elf"
BYTECODE = "mp_execute_bytecode"  # the C function that runs all Python code
BUILT_IN = {  # C functions that are shown among the Python functions that call them
    "mp_vfs_open": "open()",
    "stream_read": "file.read()",
    "stream_write_method": "file.write()",
    "stream_seek": "file.seek()",
    "stream_tell": "file.tell()",
    "stream_flush": "file.flush()",
    "mp_stream_close": "file.close()",
    "mp_vfs_stat": "os.stat()",
    "mp_vfs_remove": "os.remove()",
    "mp_vfs_rename": "os.rename()",
    "mod_json_dumps": "json.dumps()",
    "mod_json_loads": "json.loads()",
    "mod_binascii_crc32": "crc32()",
    "gc_collect": "garbage collection",
}
FLASH = 0x10000000
RAM = 0x20000000
CHIP = -1  # see tests/pico/profiler.mjs
ELSEWHERE = -2
STRETCHES = {
    "quiet": "a write that erases nothing",
    "erasing": "a write that erases: a spill, a fold, or littlefs makes room",
}
LEAST = 0.01  # of the time: what takes less is summed up as "the rest"
# By where the source of a C function is. The first that fits counts.
GROUPS = {
    "littlefs": r"lib/littlefs/",
    "driver of the flash": r"rp2_flash\.c|hardware_flash|hardware_sync|pico_flash",
    "files: VFS and streams": r"extmod/vfs|py/stream\.c|py/reader\.c",
    "JSON": r"extmod/modjson\.c",
    "CRC-32": r"extmod/modbinascii\.c|uzlib",
    "bytecode": r"py/(vm|bc|nlr\w*)\.c",
    "calls": r"py/(objfun|objboundmeth|objgenerator|objclosure|argcheck|runtime)\.c",
    "classes and attributes": r"py/(objtype|obj|objmodule|objproperty)\.c",
    "heap": r"py/(gc|malloc)\.c|rp2/main\.c|gchelper",
    "dicts": r"py/(map|objdict)\.c",
    "str and bytes": r"py/(objstr|objstringio|vstr|qstr|unicode|objarray|mpprint|parsenum)\w*\.c",
    "other objects": r"py/(obj\w+|modbuiltins|mpz|sequence|smallint|emitglue)\.c",
    "locks, interrupts, USB": r"tinyusb|mphalport|pico_sync|pico_time|hardware_(irq|timer)|"
    r"scheduler|modthread|mpthread",
    "memcpy and the like": r"mem_ops|string0\.c|/libc/",
}


@dataclass
class Function:
    """A C function of the firmware."""

    start: int
    name: str
    source: str


class Firmware:
    """The C functions of the firmware, by address."""

    def __init__(self):
        with open(ELF, "rb") as file:
            elf = ELFFile(file)
            self._must_be_the_one_that_runs(elf)
            self.functions = sorted(self._functions(elf), key=lambda function: function.start)
        self.starts = [function.start for function in self.functions]

    def _must_be_the_one_that_runs(self, elf):
        firmware = (emulator.FOLDER / "firmware.bin").read_bytes()
        for segment in elf.iter_segments("PT_LOAD"):
            at = segment["p_paddr"] - FLASH
            if segment["p_filesz"] and segment.data() != firmware[at : at + segment["p_filesz"]]:
                raise SystemExit(
                    f"A profile needs the firmware that {ELF} describes. Remove "
                    f"{emulator.FOLDER}, and build it: python3 tools/check.py --pico"
                )

    def _functions(self, elf):
        units = elf.get_dwarf_info()
        ranges = units.get_aranges()
        for symbol in elf.get_section_by_name(".symtab").iter_symbols():
            start = symbol["st_value"] & ~1  # without the bit that means Thumb
            if symbol["st_info"]["type"] == "STT_FUNC" and start >= FLASH:
                offset = ranges.cu_offset_at_addr(start)
                source = ""
                if offset is not None:
                    unit = units.get_CU_at(offset).get_top_DIE()
                    source = unit.attributes["DW_AT_name"].value.decode()
                yield Function(start, symbol.name, source)

    def starts_of(self, names):
        """Return {address: name} of those functions that there are."""
        return {f.start: f.name for f in self.functions if f.name in names}


def group_of(function):
    for group, pattern in GROUPS.items():
        if re.search(pattern, function.source):
            return group
    return "the rest of the firmware"


def measured(pico, firmware, keys):
    """Profile durable writes beside so many keys; see tests/pico/profiler.mjs for what is told."""
    [bytecode] = firmware.starts_of([BYTECODE])
    built_in = list(firmware.starts_of(BUILT_IN))
    where = pico.folder / "functions.json"
    where.write_text(
        json.dumps({"starts": firmware.starts, "bytecode": bytecode, "builtIn": built_in})
    )
    return pico.run("profile", "library", keys, profile=where)


def tables(pico, keys):
    """Return the profile of a durable write beside so many keys, as Markdown."""
    firmware = Firmware()
    run = measured(pico, firmware, keys)
    names = {at: BUILT_IN[name] for at, name in firmware.starts_of(BUILT_IN).items()}
    for at, name in re.findall(r"^function (\d+) (\S+)$", run.output, re.M):
        names[int(at)] = name
    parts = []
    for kind, title in STRETCHES.items():
        found = run.profile[kind]
        if found["count"]:
            microseconds = found["time"] / found["count"] / 1000
            parts += [
                f"**{title.capitalize()}**, {keys} keys: {microseconds:,.0f} us, the mean of "
                f"{found['count']}",
                python_table(found, names),
                groups_table(found, firmware),
                c_table(found, firmware),
            ]
    return "\n\n".join(parts)


def python_table(found, names):
    """own: in the function and the C functions it calls; in all: also in those that have rows."""
    rows = []
    for function in found["python"]:
        name = names.get(function["address"], "(other Python code)")
        numbers = function["own"], function["total"], function["calls"]
        rows.append((name, *numbers))
    return shares_table(["function", "own us", "share", "in all us", "calls"], rows, found)


def groups_table(found, firmware):
    sums = Counter()
    for function in found["c"]:
        number = function["number"]
        sums[name_of(number, firmware, group_of)] += function["time"]
    return shares_table(["what the processor does", "us", "share"], sums.items(), found)


def c_table(found, firmware):
    def describe(function):
        return f"{function.name} ({function.source.rpartition('/')[2]})"

    rows = [(name_of(f["number"], firmware, describe), f["time"]) for f in found["c"]]
    return shares_table(["C function", "us", "share"], rows, found)


def name_of(number, firmware, describe):
    if number == CHIP:
        return "waits for the flash chip"
    return "boot ROM" if number == ELSEWHERE else describe(firmware.functions[number])


def shares_table(heads, rows, found):
    """Rows of a name, nanoseconds and perhaps more: per write, the largest first."""
    whole = found["time"]
    shown = sorted(
        (row for row in rows if max(row[1:3]) >= LEAST * whole), key=lambda row: -row[1]
    )
    rest = whole - sum(row[1] for row in shown)
    return figures.table(
        heads,
        [
            [name, per_write(own, found), share(own, whole), *more_cells(more, found)]
            for name, own, *more in [*shown, ("the rest", rest)]
        ],
    )


def more_cells(more, found):
    """The time in all, and the number of calls."""
    if not more:
        return []
    total, calls = more
    return [per_write(total, found), f"{calls / found['count']:.1f}"]


def per_write(nanoseconds, found):
    return f"{nanoseconds / found['count'] / 1000:,.0f}"


def share(part, whole):
    return f"{part / whole:.0%}"
