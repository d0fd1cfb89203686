// Run a program on a Pico, as its main.py.
//   PICO=FOLDER node run.mjs [OPTION...] main.py [FILE=NAME...]
//     --flash FILE         what is on the flash before (else only the firmware)
//     --keep FILE          where to write what is on it afterwards
//     --late MS            fail if it has not ended after so many of the board's milliseconds
//     --seed N             of the random numbers: the same seed, the same run
//     --miss CYCLES        model the flash's cache, too: each miss costs so much
//     --profile FILE       profile it, see profiler.mjs; the file says where the firmware's functions are
//     --images FOLDER N    write what a power cut would leave at each N-th operation of the chip
// It ends with the program or with machine.reset(); after a soft reset main.py runs again. The
// standard error is what the board says, when it says it, and a last line: a JSON object of counts.
// With --images it says for each image how far the program was: its mark, see pico.mjs; with --profile it
// has the profile.
import fs from "node:fs";
import path from "node:path";
import { FLASH_SIZE, Pico } from "./pico.mjs";
import { Profiler } from "./profiler.mjs";

const AN_HOUR = 3600e3;
const files = [];
const options = {};
for (let i = 2; i < process.argv.length; i++) {
  const word = process.argv[i];
  if (!word.startsWith("--")) files.push(word);
  else if (word === "--images") options.images = [process.argv[++i], +process.argv[++i]];
  else options[word.slice(2)] = process.argv[++i];
}

const before = options.flash && fs.readFileSync(options.flash);
const pico = new Pico(before, { missCycles: +(options.miss ?? 0), seed: +(options.seed ?? 1) });
// As it comes, so that it is known if the run is ended from outside.
pico.onOutput = (data) => fs.writeSync(2, data);
pico.boot();
files.forEach((file, i) => {
  const [source, name] = file.includes("=") ? file.split("=") : [file, i ? path.basename(file) : "main.py"];
  pico.put(name, fs.readFileSync(source));
});

const images = [];
if (options.images) {
  const [folder, every] = options.images;
  const { flash } = pico.mcu;
  const first = pico.counts.operations;
  const write = (how) => {
    const operation = pico.counts.operations - first + 1;
    const name = `${operation}-${how}.bin`;
    fs.writeFileSync(path.join(folder, name), flash.subarray(0, FLASH_SIZE));
    images.push({ name, mark: pico.counts.mark });
  };
  pico.onFlash = (when, area, after) => {
    if ((pico.counts.operations - first) % every || when === "after") return;
    const was = area.slice();
    write("before");
    area.set(after.subarray(0, area.length / 2));
    write("half");
    // Each bit has been changed already, or not yet.
    area.set(was.map((byte, i) => byte ^ ((byte ^ after[i]) & pico.random(256))));
    write("garbled");
    area.set(after);
    write("after");
    area.set(was);
  };
}

const profiler = options.profile && new Profiler(pico, JSON.parse(fs.readFileSync(options.profile)));
const start = { ...pico.counts };
const startMs = pico.ms;
// A soft reset runs main.py as at power-on, with USB up already, so that no output is lost.
pico.output = "";
pico.send("\x04");
pico.expect("MPY: soft reboot\r\n");
const END = /MicroPython [^\r\n]*\r\nType "help\(\)" for more information\.\r\n>>> $/;
const late = +(options.late ?? AN_HOUR);
const how = pico.run(() => END.test(pico.output.slice(-200)), late);
if (how === "late") {
  console.error(`\nThe program has not ended within ${late} ms of the board's time.`);
  process.exit(1);
}
const said = pico.output.replace(END, "").replace(/\r\n/g, "\n");
process.stdout.write(Buffer.from(said, "latin1"));
if (options.keep) fs.writeFileSync(options.keep, pico.mcu.flash.subarray(0, FLASH_SIZE));
const counts = { how, ms: pico.ms - startMs, mark: pico.counts.mark, images, profile: profiler?.result };
for (const name of ["erases", "pages", "operations"]) counts[name] = pico.counts[name] - start[name];
console.error("\n" + JSON.stringify(counts));
