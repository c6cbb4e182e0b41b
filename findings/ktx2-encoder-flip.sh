#!/usr/bin/env bash
# ktx2-encoder 0.6.0 stores a texture upside down when asked to, and does not write that it did.
#
# Expected: with isYFlip the rows lie bottom-up and the file says so with KTXorientation "ru", the
# key that KTX 2 has for it; a missing key means the same as "rd", top row first.
# Seen: the blocks are those of the mirrored picture, and the only key in either file is KTXwriter.
# It matters because a program that honours the key shows such textures upside down, and one that
# does not can not tell the two kinds in one folder apart: the same call made both.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm init --yes >npm.log
npm install --silent --no-audit --no-fund --save-exact \
  ktx2-encoder@0.6.0 ktx-parse@2.0.0 fast-png@8.0.0 >>npm.log

cat >finding.mjs <<'JS'
import { decode, encode } from 'fast-png';
import { read } from 'ktx-parse';
import { encodeToKTX2 } from 'ktx2-encoder';

const side = 8;
const picture = (top, bottom) => {
  const data = new Uint8Array(side * side * 4);
  for (let i = 0; i < side * side; i++) {
    data.set(i < (side * side) / 2 ? top : bottom, i * 4);
  }
  return encode({ width: side, height: side, depth: 8, channels: 4, data });
};
const red = [255, 0, 0, 255];
const blue = [0, 0, 255, 255];
const upright = picture(red, blue);
const mirrored = picture(blue, red);

const imageDecoder = async (png) => {
  const { width, height, data } = decode(png);
  return { width, height, data: new Uint8Array(data) };
};
const ktx2 = async (png, isYFlip) => {
  const log = console.log;
  console.log = () => {};
  const settings = { isUASTC: true, generateMipmap: false, isYFlip, imageDecoder };
  const file = read(await encodeToKTX2(png, settings));
  console.log = log;
  return { keys: file.keyValue, blocks: Buffer.from(file.levels[0].levelData).toString('hex') };
};

const plain = await ktx2(upright, false);
const flipped = await ktx2(upright, true);
const byHand = await ktx2(mirrored, false);
console.log('ktx2-encoder 0.6.0, ktx-parse 2.0.0');
console.log('plain:   ', plain.keys);
console.log('isYFlip: ', flipped.keys);
console.log('isYFlip changes the blocks:', flipped.blocks !== plain.blocks);
console.log("they are the mirrored picture's:", flipped.blocks === byHand.blocks);

const keys = (file) => Object.keys(file.keys).join();
if (
  flipped.blocks === plain.blocks ||
  flipped.blocks !== byHand.blocks ||
  keys(plain) !== 'KTXwriter' ||
  keys(flipped) !== 'KTXwriter'
) {
  console.log('changed: the blocks or the keys are others now');
  process.exitCode = 1;
}
JS
node finding.mjs
