// A Pico as a serial port: what it says is written to the standard output, what it is told is read
// from the standard input. When that ends, so does the power; what is on the flash is kept in a file.
//   PICO=FOLDER node serial.mjs FLASH
import fs from "node:fs";
import { FLASH_SIZE, Pico } from "./pico.mjs";

const file = process.argv[2];
let pico;
let start; // when it was switched on, by the PC's clock in milliseconds

function powerOn(flash) {
  pico = new Pico(flash);
  if (pico.run(() => pico.isConnected, 30000) !== "done") throw new Error("no USB");
  pico.onOutput = (data) => fs.writeSync(1, data);
  start = Date.now() - pico.ms;
}

function step() {
  if (pico.run(() => false, 5) === "reset") powerOn(pico.mcu.flash);
  // A board that waits must not be ahead of the PC that it waits for, nor make up for lost time.
  const ahead = start + pico.ms - Date.now();
  if (ahead > 0) {
    setTimeout(step, ahead);
  } else {
    start -= ahead;
    setImmediate(step);
  }
}

powerOn(fs.existsSync(file) ? fs.readFileSync(file) : null);
process.stderr.write("ready\n");
process.stdin.on("data", (data) => pico.send(data));
process.stdin.on("end", () => {
  fs.writeFileSync(file, pico.mcu.flash.subarray(0, FLASH_SIZE));
  process.exit(0);
});
step();
