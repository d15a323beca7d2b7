// What a frame holds, unpacked, and its maps in colours.

const read = (name) => JSON.parse(document.getElementById(name).textContent);
const about = read("about");
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

for (const layer of Object.values(about.layers)) layer.table = bytesOf(layer.colours);

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Sums along rows, of the first column from above: what packing.py took apart.
function addUp(levels, width, height, mask) {
  for (let y = 0; y < height; y++) {
    const row = y * width;
    if (y) levels[row] = (levels[row] + levels[row - width]) & mask;
    for (let x = 1; x < width; x++) levels[row + x] = (levels[row + x] + levels[row + x - 1]) & mask;
  }
  return levels;
}

// px; NaN where nothing is known.
function unpackLengths(low, high, width, height) {
  const levels = new Uint16Array(low.length);
  for (let i = 0; i < low.length; i++) {
    const folded = low[i] | (high[i] << 8);
    levels[i] = (folded >>> 1) ^ -(folded & 1);
  }
  addUp(levels, width, height, 0xffff);
  return Float32Array.from(levels, (level) => (level ? (level - 1) * about.step : NaN));
}

async function unpackFrame(index) {
  const frame = read(`frame-${index}`);
  const { width, height } = frame;
  const count = width * height;
  const image = new Image();
  image.src = `data:image/jpeg;base64,${frame.left}`;
  const [planes] = await Promise.all([inflate(bytesOf(frame.maps)), image.decode()]);
  const plane = (i) => planes.subarray(i * count, (i + 1) * count);
  const camera = about.camera;
  const disparity = unpackLengths(plane(0), plane(1), width, height);
  const maps = { disparity, confidence: Float32Array.from(addUp(plane(2), width, height, 0xff), (level) => level / 255) };
  // Unknown cameras: lengths in baselines of a camera that is made up, so that there is a shape at least.
  maps.depth = disparity.map((d) => {
    const shifted = d + camera.doffs;
    return shifted > 0 ? (camera.focal * camera.baseline) / shifted : shifted === shifted ? Infinity : NaN;
  });
  if (planes.length > 3 * count) maps.error = unpackLengths(plane(3), plane(4), width, height);
  return { ...frame, image, maps, count };
}

// A number's place between the ends of a scale, 0 to 1.
function placeOn(scale, value) {
  const share = scale.logarithmic
    ? Math.log(Math.max(value, scale.low) / scale.low) / Math.log(scale.high / scale.low)
    : (value - scale.low) / (scale.high - scale.low);
  return Math.min(1, Math.max(0, share));
}

// RGBA of a map; transparent where it is unknown or not shown.
function colourMap(values, scale, shown) {
  const pixels = new Uint8ClampedArray(4 * values.length);
  for (let i = 0; i < values.length; i++) {
    if (!shown[i] || !(values[i] === values[i])) continue;
    const level = 3 * Math.floor(255 * placeOn(scale, values[i]));
    pixels[4 * i] = scale.table[level];
    pixels[4 * i + 1] = scale.table[level + 1];
    pixels[4 * i + 2] = scale.table[level + 2];
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}
