// Where the time of a program goes: into which Python function, and into which C function of the
// firmware. Waiting for the flash chip is told apart.
//
// A program begins a stretch by machine.mem32[PROBE + 8] = 1 and ends it by = 0. Stretches in which
// the chip erases are summed up apart from those in which it doesn't.
const FLASH = 0x10000000, FLASH_END = 0x10100000; // the firmware's half of it
const RAM = 0x20000000, RAM_END = 0x20042000;
const STACK = 13, RETURN = 14, PROGRAM_COUNTER = 15; // registers
const ELSEWHERE = 0; // the boot ROM, say
const CHIP = 1;
const FIRST = 2; // the first C function's number

export class Profiler {
  /**
   * starts: where the C functions begin, ascending. bytecode: where mp_execute_bytecode() does, which
   * runs all Python code; its first argument points to what begins with the function object.
   * builtIn: where those begin that are told like Python functions, what Python code calls.
   */
  constructor(pico, { starts, bytecode, builtIn }) {
    Object.assign(this, { pico, bytecode });
    this.builtIn = new Set(builtIn);
    this.functions = numbered(starts);
    this.sums = { quiet: newSum(0), erasing: newSum(0) };
    pico.onProfile = (isOn) => isOn ? this.#begin() : this.#end();
    const { core } = pico.mcu;
    const execute = core.executeInstruction.bind(core);
    core.executeInstruction = () => {
      if (this.sum) this.#step(core.registers);
      return execute();
    };
  }

  #begin() {
    this.sum = newSum(1);
    this.frames = []; // of Python functions: those that the stretch has entered
    this.python = this.c = 0;
    this.erases = this.pico.counts.erases;
    this.operations = this.pico.counts.operations;
    this.start = this.last = this.pico.mcu.clock.nanos;
  }

  #end() {
    while (this.frames.length) this.#leave();
    const had = this.pico.counts.erases > this.erases;
    merge(had ? this.sums.erasing : this.sums.quiet, this.sum);
    this.sum = null;
  }

  // Before each instruction: what passed since the one before was that one's time.
  #step(registers) {
    const now = this.pico.mcu.clock.nanos;
    const { operations } = this.pico.counts;
    this.#charge(now - this.last, operations === this.operations ? this.c : CHIP);
    this.last = now;
    this.operations = operations;
    const at = registers[PROGRAM_COUNTER] & ~1;
    this.#leaveUpTo(registers[STACK], at);
    if (at === this.bytecode) this.#enter(registers, this.pico.mcu.readUint32(registers[0]));
    else if (this.builtIn.has(at)) this.#enter(registers, at);
    this.c = this.functions(at);
  }

  #charge(time, c) {
    this.sum.time += time;
    add(this.sum.c, c, time);
    entry(this.sum.python, this.python).own += time;
  }

  #enter(registers, python) {
    this.frames.push({
      python, caller: this.python, start: this.last,
      stack: registers[STACK], back: registers[RETURN] & ~1,
    });
    this.python = python;
    entry(this.sum.python, python).calls++;
  }

  // A function that has returned, or was left by an exception, has given its stack back.
  #leaveUpTo(stack, at) {
    for (;;) {
      const top = this.frames[this.frames.length - 1];
      if (!top || stack < top.stack || (stack === top.stack && at !== top.back)) return;
      this.#leave();
    }
  }

  #leave() {
    const { python, caller, start } = this.frames.pop();
    this.python = caller;
    const isRecursive = this.frames.some((frame) => frame.python === python);
    if (!isRecursive) entry(this.sum.python, python).total += this.last - start;
  }

  /**
   * What was summed up, in nanoseconds. python: by the address of the function object, or of what is
   * built in; c: by the number of the function in starts, -1 is the chip, -2 the boot ROM and the like.
   */
  get result() {
    return Object.fromEntries(Object.entries(this.sums).map(([name, { count, time, python, c }]) => [
      name,
      {
        count, time,
        python: [...python].map(([address, sums]) => ({ address, ...sums })),
        c: [...c].map(([number, time]) => ({ number: number === CHIP ? -1 : number - FIRST, time })),
      },
    ]));
  }
}

function newSum(count) {
  return { count, time: 0, python: new Map(), c: new Map() };
}

function entry(python, address) {
  let sums = python.get(address);
  if (!sums) python.set(address, (sums = { calls: 0, own: 0, total: 0 }));
  return sums;
}

function add(map, key, value) {
  map.set(key, (map.get(key) ?? 0) + value);
}

function merge(sum, other) {
  sum.count += other.count;
  sum.time += other.time;
  for (const [c, time] of other.c) add(sum.c, c, time);
  for (const [address, { calls, own, total }] of other.python) {
    const sums = entry(sum.python, address);
    sums.calls += calls;
    sums.own += own;
    sums.total += total;
  }
}

// Returns a function that tells the number of the C function at an address.
function numbered(starts) {
  const flash = new Uint16Array((FLASH_END - FLASH) >> 1), ram = new Uint16Array((RAM_END - RAM) >> 1);
  starts.forEach((start, i) => {
    const [area, base] = start >= RAM ? [ram, RAM] : [flash, FLASH];
    area.fill(i + FIRST, (start - base) >> 1);
  });
  return (at) => {
    if (at >= RAM) return ram[(at - RAM) >> 1] ?? ELSEWHERE;
    return at >= FLASH ? flash[(at - FLASH) >> 1] ?? ELSEWHERE : ELSEWHERE;
  };
}
