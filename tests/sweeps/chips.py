"""The chips that the sweeps run on, by name: lfs256, lfs32 (their progsize) and fat."""

from workload import MicroTetherDB, flash, refuse

SIZE = 128 * 1024


def device(fs, memory=None):
    if fs not in ("lfs256", "lfs32", "fat"):
        refuse("there is no chip %s: lfs256, lfs32, fat" % fs)
    MicroTetherDB.TIP_SIZE = 120 if fs == "lfs32" else 448
    if fs == "fat":
        return flash.Card(SIZE, memory=memory)
    return flash.Flash(SIZE, 32 if fs == "lfs32" else 256, memory)
