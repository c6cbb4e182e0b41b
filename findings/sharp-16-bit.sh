#!/usr/bin/env bash
# sharp 0.35.5 turns a 16-bit grey PNG into an 8-bit RGB one, also where it only mirrors it.
#
# Expected: flip() moves rows; PNG in, PNG out, so 16-bit grey samples stay what they are.
# Seen: everything leaves as 8-bit sRGB with three channels, so 64 shades become two. Only
# toColourspace("grey16") keeps the samples; toColourspace("rgb16") keeps the depth, but with three
# channels.
# It matters because height, displacement and roughness maps are 16-bit grey: terraces appear in the
# terrain, and everything in npm that resizes or packs textures through sharp inherits it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm init --yes >npm.log
npm install --silent --no-audit --no-fund --save-exact sharp@0.35.5 fast-png@8.0.0 >>npm.log

cat >finding.mjs <<'JS'
import { encode, decode } from 'fast-png';
import sharp from 'sharp';

console.log('sharp', sharp.versions.sharp, '| libvips', sharp.versions.vips);

const width = 8;
const height = 8;
const shades = (data) => new Set(data).size;
const show = (name, png) => {
  const { depth, channels, data } = decode(png);
  const seen = `${depth} bits, ${channels} channel(s), ${shades(data)} shades`;
  console.log(name.padEnd(30), seen);
  return seen;
};
const expect = (seen, known) => {
  if (seen !== known) {
    console.log(`changed: was "${known}"`);
    process.exitCode = 1;
  }
};

const height16 = Uint16Array.from({ length: width * height }, (_, i) => 1000 + i);
const input = encode({ width, height, depth: 16, channels: 1, data: height16 });
expect(show('input', input), '16 bits, 1 channel(s), 64 shades');

const flipped = await sharp(input).flip().png().toBuffer();
expect(show('flip()', flipped), '8 bits, 3 channel(s), 2 shades');

const rgb16 = await sharp(input).flip().toColourspace('rgb16').png().toBuffer();
expect(show('flip().toColourspace("rgb16")', rgb16), '16 bits, 3 channel(s), 64 shades');

const grey16 = await sharp(input).flip().toColourspace('grey16').png().toBuffer();
expect(show('flip().toColourspace("grey16")', grey16), '16 bits, 1 channel(s), 64 shades');
JS
node finding.mjs
