'use strict';
// sharp's side of the comparison: `node peer_sharp.js MODE WORKLOAD INPUTS SECONDS IN_FLIGHT`, or
// `… --write FOLDER`. MODE is `default` (as its documentation shows it), `tuned` (the settings that cost
// least processor time at comparable files) or `origin` (the calls of the platform that Atelier follows:
// a PNG between any two steps).
const fs = require('node:fs');
const path = require('node:path');
const sharp = require('sharp');

const [mode, workload, inputs, ...rest] = process.argv.slice(2);
const tuned = mode === 'tuned';
// No results are kept between calls: every picture of a benchmark would be the same one.
sharp.cache(false);
// One thread per picture; pictures in flight fill the cores.
sharp.concurrency(1);

const RAW = 4096, SMALL = 1024, WIDTHS = [1600, 800, 400];
const CLEAR = { r: 0, g: 0, b: 0, alpha: 0 };
const read = (name) => fs.readFileSync(path.join(inputs, name));
const pngOptions = tuned ? { compressionLevel: 2, adaptiveFiltering: true } : {};
const jpegOptions = (quality) => (tuned ? { quality, optimiseCoding: false } : { quality });

const resizeRaw = (file, channels) => {
  const input = read(file);
  const raw = { width: RAW, height: RAW, channels };
  return async () => ({
    [channels === 3 ? 'resized.rgb' : 'resized.rgba']: await sharp(input, { raw })
      .resize(SMALL, SMALL, { kernel: 'lanczos3' }).raw().toBuffer(),
  });
};

const thumbnail = () => {
  const input = read('base.png');
  return async () => ({
    'thumbnail.jpg': await sharp(input)
      .resize(300, 300, { fit: 'inside', withoutEnlargement: true }).jpeg(jpegOptions(85)).toBuffer(),
  });
};

// Where the turned zone's own pixels begin: sharp grows a turned picture to its bounding box.
const centred = (info) => ({ left: Math.round(750 - info.width / 2), top: Math.round(710 - info.height / 2) });

const zones = async (overlay) => {
  const toRaw = (pipeline) => pipeline.raw().toBuffer({ resolveWithObject: true });
  const [one, two] = await Promise.all([
    toRaw(sharp(overlay).resize(400, 400)),
    toRaw(sharp(overlay).resize(300, 300).rotate(15, { background: CLEAR })),
  ]);
  const raw = ({ width, height, channels }) => ({ width, height, channels });
  return [
    { input: one.data, raw: raw(one.info), left: 120, top: 150 },
    { input: two.data, raw: raw(two.info), ...centred(two.info) },
  ];
};

const compose = (withWebp) => {
  const base = read('base.png'), overlay = read('overlay.png');
  return async () => {
    const composed = await sharp(base).composite(await zones(overlay)).removeAlpha().raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = composed.info;
    const from = () => sharp(composed.data, { raw: { width, height, channels } });
    const [full, thumb, webp] = await Promise.all([
      from().png(pngOptions).toBuffer(),
      from().resize(300, 300, { fit: 'inside' }).jpeg(jpegOptions(85)).toBuffer(),
      withWebp ? from().webp({ quality: 80, effort: 4 }).toBuffer() : null,
    ]);
    return { 'full.png': full, 'thumbnail.jpg': thumb, ...(webp && { 'full.webp': webp }) };
  };
};

// Zone by zone, with a PNG between any two steps, then once more through the output's encoder, which is
// decoded again for the thumbnail.
const origin = (withWebp) => {
  const base = read('base.png'), overlay = read('overlay.png');
  return async () => {
    let canvas = base;
    for (const [side, degrees] of [[400, 0], [300, 15]]) {
      const fitted = await sharp(overlay).resize(side, side, { fit: 'contain', background: CLEAR }).png().toBuffer();
      const effect = degrees ? sharp(fitted).rotate(degrees, { background: CLEAR }) : sharp(fitted);
      const { data, info } = await effect.png().toBuffer({ resolveWithObject: true });
      const at = degrees ? centred(info) : { left: 120, top: 150 };
      canvas = await sharp(canvas).composite([{ input: data, ...at }]).png().toBuffer();
    }
    const full = await sharp(canvas).png().toBuffer();
    const webp = withWebp && await sharp(canvas).webp({ quality: 80, effort: 4 }).toBuffer();
    const thumb = await sharp(full).resize(300, 300, { fit: 'inside' }).jpeg({ quality: 85 }).toBuffer();
    return { 'full.png': full, 'thumbnail.jpg': thumb, ...(webp && { 'full.webp': webp }) };
  };
};

const widths = (extension) => {
  const input = read('photograph.jpg');
  return async () => {
    // Each width from the file: sharp then lets the JPEG decoder shrink, which is its quickest way.
    const files = await Promise.all(WIDTHS.map((width) => {
      const resized = sharp(input).resize(width);
      const encoded = extension === 'jpg' ? resized.jpeg(jpegOptions(80)) : resized.webp({ quality: 80, effort: 2 });
      return encoded.toBuffer();
    }));
    return Object.fromEntries(WIDTHS.map((width, index) => [`w${width}.${extension}`, files[index]]));
  };
};

const workloads = {
  resize_rgb: () => resizeRaw('large.rgb', 3),
  resize_rgba: () => resizeRaw('large.rgba', 4),
  thumbnail,
  compose_two_zones: () => (mode === 'origin' ? origin(true) : compose(true)),
  compose_done: () => (mode === 'origin' ? origin(false) : compose(false)),
  widths_jpeg: () => widths('jpg'),
  widths_webp: () => widths('webp'),
};

const peakMb = () => {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)[1]) * 1024 / 1e6;
};

const main = async () => {
  const run = workloads[workload]();
  if (rest[0] === '--write') {
    for (const [name, bytes] of Object.entries(await run())) fs.writeFileSync(path.join(rest[1], name), bytes);
    return;
  }
  const [seconds, inFlight] = rest.map(Number);
  const rounds = async (time) => {
    const until = performance.now() + time * 1000;
    let count = 0, bytes = 0;
    const line = async () => {
      let own = 0;
      while (own === 0 || performance.now() < until) {
        const files = await run();
        bytes = Object.values(files).reduce((sum, file) => sum + file.length, 0);
        own += 1;
      }
      count += own;
    };
    await Promise.all(Array.from({ length: inFlight }, line));
    return { count, bytes };
  };
  await rounds(0);
  const cpu = process.cpuUsage(), began = performance.now();
  const { count, bytes } = await rounds(seconds);
  const used = process.cpuUsage(cpu);
  console.log(JSON.stringify({
    count, bytes, wall_s: (performance.now() - began) / 1000,
    cpu_s: (used.user + used.system) / 1e6, peak_mb: peakMb(),
  }));
};

main().catch((error) => { console.error(error); process.exitCode = 1; });
