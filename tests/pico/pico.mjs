// A Raspberry Pi Pico: rp2040js runs the real firmware, and the flash chip is modelled: how long an
// erase and a page take, in virtual time, and what a power cut leaves. The second core isn't there.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const FOLDER = process.env.PICO;
const require = createRequire(path.join(FOLDER, "emulator", "package.json"));
const { ConsoleLogger, LogLevel, RP2040, USBCDC } = require("rp2040js");

export const FLASH_SIZE = 2 << 20;
const SECTOR = 4096;
const PAGE = 256;
const XIP = 0x10000000; // where the processor sees the flash
const PROBE = 0x50900000; // an address without a device, by which programs reach the emulator
// The boot ROM's functions for the flash are replaced by a breakpoint each.
const BREAKPOINT = 0xbe00;
const RETURN = 0x4770;
const CONNECT = 0xe0, EXIT_XIP = 0xe1, ERASE = 0xe2, PROGRAM = 0xe3, FLUSH = 0xe4, ENTER_XIP = 0xe5;
const ROM_FUNCTIONS = [
  [0x24a0, CONNECT], [0x23f4, EXIT_XIP], [0x237c, ERASE],
  [0x23c4, PROGRAM], [0x2360, FLUSH], [0x2330, ENTER_XIP],
];

/** The bytes from the flash's begin of a firmware file, .bin or .uf2. */
export function readFirmware(file) {
  const data = fs.readFileSync(file);
  if (data.readUInt32LE(0) !== 0x0a324655) return data;
  const image = Buffer.alloc(FLASH_SIZE, 0xff);
  for (let at = 0; at + 512 <= data.length; at += 512) {
    const target = data.readUInt32LE(at + 12) - XIP;
    const length = data.readUInt32LE(at + 16);
    if (target >= 0 && target + length <= image.length) {
      data.copy(image, target, at + 32, at + 32 + length);
    }
  }
  return image;
}

export class Pico {
  /** flash: what is on the chip already; else only the firmware. */
  constructor(flash = null, { eraseMs = 45, pageMs = 0.4, missCycles = 0, seed = 1 } = {}) {
    Object.assign(this, { eraseMs, pageMs });
    this.seed = (seed * 0x2545f491) % 0x7fffffff; // seeds side by side begin far from each other
    this.mcu = new RP2040();
    this.mcu.logger = new ConsoleLogger(LogLevel.Error);
    const rom = new Uint16Array(fs.readFileSync(path.join(FOLDER, "bootrom.bin")).buffer.slice(0, 16384));
    for (const [address, code] of ROM_FUNCTIONS) {
      rom[address >> 1] = BREAKPOINT | code;
      rom[(address >> 1) + 1] = RETURN;
    }
    this.mcu.loadBootrom(new Uint32Array(rom.buffer));
    this.mcu.flash.set(flash ?? readFirmware(path.join(FOLDER, "firmware.bin")), 0);
    this.counts = { erases: 0, pages: 0, operations: 0, mark: 0 };
    this.onFlash = () => {}; // called before and after each operation of the chip
    this.wasReset = false;
    this.output = "";
    this.hasNew = false;
    this.nsPerCycle = 1000 / 125;
    this.mcu.onBreak = (code) => this.#flash(code);
    this.mcu.peripherals[0x40058].onWatchdogTrigger = () => { this.wasReset = true; };
    this.#answerForTheSecondCore();
    this.#listenToPrograms();
    this.#plugIn();
    this.extraCycles = 0;
    if (missCycles) this.#cacheFlash(missCycles);
    this.mcu.core.PC = XIP;
  }

  get ms() { return this.mcu.clock.nanos / 1e6; }

  #flash(code) {
    const [address, source, length] = this.mcu.core.registers;
    if (code === ERASE) {
      for (let at = address; at < address + source; at += SECTOR) this.#erase(at);
    } else if (code === PROGRAM) {
      for (let at = 0; at < length; at += PAGE) this.#program(address + at, source + at);
    } else if (code === FLUSH) this.forgetCache?.();
  }

  #erase(at) {
    const sector = this.mcu.flash.subarray(at, at + SECTOR);
    this.#operate(sector, new Uint8Array(SECTOR).fill(0xff));
    this.counts.erases++;
    this.mcu.clock.tick(this.eraseMs * 1e6);
  }

  #program(at, source) {
    const page = this.mcu.flash.subarray(at, at + PAGE);
    // NOR: a bit only goes from 1 to 0.
    this.#operate(page, page.map((byte, i) => byte & this.mcu.readUint8(source + i)));
    this.counts.pages++;
    this.mcu.clock.tick(this.pageMs * 1e6);
  }

  #operate(area, after) {
    this.onFlash("before", area, after);
    area.set(after);
    this.counts.operations++;
    this.onFlash("after", area, after);
  }

  // Out of reset the second core sends one 0, which the firmware waits for.
  #answerForTheSecondCore() {
    const { sio, peripherals } = this.mcu;
    const read = sio.readUint32.bind(sio);
    const power = peripherals[0x40010];
    const write = power.writeUint32.bind(power);
    let sent = 0, off = 0;
    sio.readUint32 = (offset) => {
      if (offset === 0x50) return 2 | sent;
      if (offset === 0x58) return (sent = 0);
      return read(offset);
    };
    power.writeUint32 = (offset, value) => {
      if (offset === 4) {
        if (off & 0x10000 && !(value & 0x10000)) sent = 1;
        off = value;
      }
      return write(offset, value);
    };
  }

  // machine.mem32[PROBE] reads the erases so far, + 4 the pages, + 8 the mark, + 12 a random number.
  // Written, + 0 sets the mark: how far the program has come; + 4 asks for one Ctrl-C from the host
  // at a random moment within so many microseconds, instead of one asked for before; 0: of none;
  // + 8 tells the profiler to begin or end.
  #listenToPrograms() {
    const { mcu } = this;
    const read = mcu.readUint32.bind(mcu), write = mcu.writeUint32.bind(mcu);
    const strike = mcu.clock.createAlarm(() => this.send("\x03"));
    const readers = {
      [PROBE]: () => this.counts.erases,
      [PROBE + 4]: () => this.counts.pages,
      [PROBE + 8]: () => this.counts.mark,
      [PROBE + 12]: () => this.random(1 << 30),
    };
    const writers = {
      [PROBE]: (value) => { this.counts.mark = value; },
      [PROBE + 4]: (value) =>
        value ? strike.schedule(this.random(value * 1000)) : strike.cancel(),
      [PROBE + 8]: (value) => this.onProfile?.(value),
    };
    const isProbe = (address) => address >>> 4 === PROBE >>> 4;
    mcu.readUint32 = (address) => (isProbe(address) ? readers[address]() : read(address));
    mcu.writeUint32 = (address, value) =>
      isProbe(address) ? writers[address]?.(value) : write(address, value);
  }

  /** A random whole number below the limit, the same ones in each run: Park and Miller's. */
  random(below) {
    this.seed = (this.seed * 48271) % 0x7fffffff;
    return this.seed % below;
  }

  // The USB cable. rp2040js answers each read with an empty packet at once, which would keep the
  // firmware busy; a PC sends nothing until it has something to say.
  #plugIn() {
    const usb = this.mcu.usbCtrl;
    this.cdc = new USBCDC(usb);
    this.input = [];
    this.isWaiting = false;
    this.isConnected = false;
    usb.onEndpointRead = (endpoint) => {
      if (endpoint !== this.cdc.outEndpoint) return;
      this.isWaiting = true;
      this.#feed();
    };
    this.cdc.onDeviceConnected = () => { this.isConnected = true; };
    this.cdc.onSerialData = (data) => {
      this.output += Buffer.from(data).toString("latin1");
      this.hasNew = true;
      this.onOutput?.(data);
    };
  }

  #feed() {
    if (!this.isWaiting || !this.input.length) return;
    this.isWaiting = false;
    const packet = Uint8Array.from(this.input.splice(0, 64));
    this.mcu.usbCtrl.endpointReadDone(this.cdc.outEndpoint, packet);
  }

  send(data) {
    for (const byte of Buffer.from(data)) this.input.push(byte);
    this.#feed();
  }

  // The cache in front of the flash: 16 KB, 2 ways, lines of 8 bytes. Each miss costs cycles.
  #cacheFlash(missCycles) {
    const { mcu } = this;
    const lines = new Int32Array(2048).fill(-1);
    const oldest = new Uint8Array(1024);
    let last = -1;
    this.forgetCache = () => { lines.fill(-1); last = -1; };
    const touch = (address) => {
      const line = (address & 0xffffff) >>> 3;
      if (line === last) return;
      last = line;
      const set = line & 1023;
      let way = lines[2 * set] === line ? 0 : lines[2 * set + 1] === line ? 1 : -1;
      if (way < 0) {
        way = oldest[set];
        lines[2 * set + way] = line;
        this.extraCycles += missCycles;
      }
      oldest[set] = way ^ 1;
    };
    for (const name of ["readUint32", "readUint16", "readUint8"]) {
      const read = mcu[name].bind(mcu);
      mcu[name] = (address) => {
        if (address >>> 24 === XIP >>> 24) touch(address);
        return read(address);
      };
    }
  }

  /** Run until isDone(), which is asked when there is new output, and each virtual millisecond. */
  run(isDone, ms = Infinity) {
    const { core, clock } = this.mcu;
    const end = clock.nanos + ms * 1e6;
    let check = clock.nanos + 1e6;
    for (;;) {
      if (core.waiting) {
        // To the next alarm, but no further than what may come by the cable meanwhile.
        const alarm = clock.nanosToNextAlarm;
        clock.tick(alarm > 0 ? Math.min(alarm, 1e6) : clock.nextAlarm ? this.nsPerCycle : 1e6);
      } else {
        const cycles = core.executeInstruction();
        clock.tick((cycles + this.extraCycles) * this.nsPerCycle);
        this.extraCycles = 0;
      }
      if (this.hasNew || clock.nanos >= check) {
        this.hasNew = false;
        check = clock.nanos + 1e6;
        if (this.wasReset) return "reset";
        if (isDone()) return "done";
        if (clock.nanos >= end) return "late";
      }
    }
  }

  /** Run until the board has said text; return what it said up to there. */
  expect(text, ms = 60000) {
    const how = this.run(() => this.output.includes(text), ms);
    if (how !== "done") throw new Error(`${how}, without ${JSON.stringify(text)}: ${this.output}`);
    const end = this.output.indexOf(text) + text.length;
    const said = this.output.slice(0, end);
    this.output = this.output.slice(end);
    return said;
  }

  /** Run until the prompt is there; a main.py is interrupted. */
  boot() {
    if (this.run(() => this.isConnected, 30000) !== "done") throw new Error("no USB");
    this.send("\r\x03");
    this.expect(">>> ");
  }

  /** Run code by the raw REPL; return what it prints. */
  exec(code, ms = Infinity) {
    this.send("\r\x01");
    this.expect("raw REPL; CTRL-B to exit\r\n>");
    this.send(code + "\x04");
    this.expect("OK");
    const printed = this.expect("\x04", ms).slice(0, -1);
    const trouble = this.expect("\x04", ms).slice(0, -1);
    this.send("\x02");
    this.expect(">>> ");
    if (trouble) throw new Error(trouble);
    return printed;
  }

  /** Write a file onto the board. */
  put(name, data) {
    const piece = 1024;
    let code = `import binascii\nfile = open(${JSON.stringify(name)}, "wb")\n`;
    for (let at = 0; at < data.length; at += piece) {
      const text = data.subarray(at, at + piece).toString("base64");
      code += `_ = file.write(binascii.a2b_base64("${text}"))\n`;
      if (code.length > 4096) { this.exec(code); code = ""; }
    }
    this.exec(code + "file.close()\n");
  }
}
