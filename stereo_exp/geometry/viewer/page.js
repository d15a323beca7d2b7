// The page: layers one above the other, the reading below the pointer, frames in a row.

const find = (name) => document.getElementById(name);
const NAMES = { left: "left view", disparity: "disparity", depth: "depth", confidence: "confidence", error: "expected error" };
const OPACITY = { left: 1, disparity: 0.75, depth: 0, confidence: 0, error: 0 };
const names = Object.keys(NAMES).filter((name) => name === "left" || about.layers[name]);
const opacity = Object.fromEntries(names.map((name) => [name, OPACITY[name]]));
const markers = {}, painted = {};
const canvas = find("maps"), pen = canvas.getContext("2d");
const cloud = new Cloud(find("cloud"), find("told"));
const unit = about.camera.known ? "m" : "baselines";
let frame = null, shown = null, deepest = 1, nearest = 0, asked = 0, playing = 0;

function addLayer(name) {
  const row = document.createElement("div"), scale = about.layers[name];
  row.className = scale ? "layer" : "layer plain";
  row.innerHTML = `<span>${NAMES[name]}</span><input type="range" min="0" max="1" step="0.05" aria-label="opacity of ${NAMES[name]}"
    id="layer-${name}" value="${opacity[name]}"><output></output>`;
  const [slider, told] = [row.querySelector("input"), row.querySelector("output")];
  const tell = () => (told.textContent = `${Math.round(100 * opacity[name])} %`);
  slider.addEventListener("input", () => {
    opacity[name] = Number(slider.value);
    tell();
    drawPicture();
  });
  tell();
  if (scale) row.append(drawLegend(name, scale));
  find("layers").append(row);
}

function drawLegend(name, scale) {
  const legend = document.createElement("div"), bar = document.createElement("canvas");
  legend.className = "legend";
  [bar.width, bar.height] = [256, 1];
  const pixels = new Uint8ClampedArray(1024).fill(255);
  for (let i = 0; i < 256; i++) for (let c = 0; c < 3; c++) pixels[4 * i + c] = scale.table[3 * i + c];
  bar.getContext("2d").putImageData(new ImageData(pixels, 256, 1), 0, 0);
  legend.append(bar);
  for (const [share, text] of scale.ticks) {
    const tick = document.createElement("span");
    tick.textContent = text;
    tick.style.left = `${100 * share}%`;
    legend.append(tick);
  }
  const marker = (markers[name] = document.createElement("i"));
  const label = document.createElement("em");
  label.textContent = scale.unit;
  marker.hidden = true;
  legend.append(marker, label);
  return legend;
}

// Which pixels the sliders leave.
function choosePixels() {
  const { confidence, depth } = frame.maps, { least, far } = cloud.options;
  shown = new Uint8Array(frame.count);
  let kept = 0;
  for (let i = 0; i < frame.count; i++) {
    shown[i] = confidence[i] >= least && !(depth[i] > far) ? 1 : 0;
    kept += shown[i] && depth[i] === depth[i] ? 1 : 0;
  }
  find("least").nextElementSibling.textContent = `${least.toFixed(2)}: ${((100 * kept) / frame.count).toFixed(1)} % stay`;
  for (const name of names) delete painted[name];
}

function paintLayer(name) {
  if (!painted[name]) {
    const pixels = colourMap(frame.maps[name], about.layers[name], shown);
    painted[name] = document.createElement("canvas");
    [painted[name].width, painted[name].height] = [frame.width, frame.height];
    painted[name].getContext("2d").putImageData(new ImageData(pixels, frame.width, frame.height), 0, 0);
  }
  return painted[name];
}

function drawPicture() {
  if (canvas.width !== frame.width || canvas.height !== frame.height) [canvas.width, canvas.height] = [frame.width, frame.height];
  pen.clearRect(0, 0, frame.width, frame.height);
  for (const name of names) {
    if (!opacity[name]) continue;
    pen.globalAlpha = opacity[name];
    pen.drawImage(name === "left" ? frame.image : paintLayer(name), 0, 0);
  }
  pen.globalAlpha = 1;
}

function paintCloud() {
  const name = find("paint").value;
  if (name === "left") {
    const still = document.createElement("canvas");
    [still.width, still.height] = [frame.width, frame.height];
    const context = still.getContext("2d");
    context.drawImage(frame.image, 0, 0);
    cloud.colour(context.getImageData(0, 0, frame.width, frame.height).data);
  } else cloud.colour(colourMap(frame.maps[name], about.layers[name], new Uint8Array(frame.count).fill(1)));
  cloud.draw();
}

const round = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

function tellPixel(event) {
  if (!frame) return;
  const box = canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * frame.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * frame.height);
  if (x < 0 || y < 0 || x >= frame.width || y >= frame.height) return;
  const i = y * frame.width + x, { disparity, depth, confidence, error } = frame.maps;
  const full = [x * frame.full[0] / frame.width, y * frame.full[1] / frame.height].map(Math.floor);
  const words = [`x ${full[0]}, y ${full[1]}`];
  if (disparity[i] === disparity[i]) {
    words.push(`<b>${disparity[i].toFixed(2)} px</b>`);
    if (about.camera.known) words.push(depth[i] < Infinity ? `<b>${round(depth[i])} m</b>` : "far away");
    if (error && error[i] === error[i]) {
      const { focal, baseline } = about.camera, metres = (depth[i] ** 2 * error[i]) / (focal * baseline);
      words.push(`± ${error[i].toFixed(2)} px` + (about.camera.known && metres < Infinity ? `, ± ${round(metres)} m` : ""));
    }
  } else words.push("<b>unknown</b>");
  words.push(`confidence ${confidence[i].toFixed(2)}`);
  find("reading").innerHTML = words.join(" · ");
  const cross = find("cross");
  [cross.hidden, cross.style.left, cross.style.top] = [false, `${event.clientX - box.left}px`, `${event.clientY - box.top}px`];
  for (const [name, marker] of Object.entries(markers)) {
    const value = frame.maps[name][i];
    marker.hidden = !(value === value);
    if (!marker.hidden) marker.style.left = `${100 * placeOn(about.layers[name], value)}%`;
  }
}

function leavePicture() {
  find("cross").hidden = true;
  for (const marker of Object.values(markers)) marker.hidden = true;
}

// A slider of equal ratios, from the nearest point to the farthest; its end shows everything.
function chooseFar() {
  const share = Number(find("far").value);
  cloud.options.far = share >= 1 ? Infinity : nearest * (deepest / nearest) ** share;
  find("far").nextElementSibling.textContent = share >= 1 ? "everything" : `${round(cloud.options.far)} ${unit}`;
}

async function showFrame(index) {
  const ticket = ++asked;
  const found = await unpackFrame(index);
  // A later wish overtakes.
  if (ticket !== asked) return;
  const first = !frame;
  frame = found;
  if (first) {
    // As wide as the picture, and high enough to turn something in.
    find("cloud").style.aspectRatio = Math.min(frame.full[0] / frame.full[1], 16 / 9);
    const depths = frame.maps.depth.filter((z) => z < Infinity).sort();
    if (depths.length) [nearest, deepest] = [depths[0], depths[Math.floor(0.995 * (depths.length - 1))]];
  }
  chooseFar();
  choosePixels();
  drawPicture();
  cloud.load(frame);
  paintCloud();
  find("frame-name").textContent = `${index + 1} of ${about.frames}: ${frame.key}`;
  find("facts").textContent = [
    about.frames > 1 ? `${about.frames} frames` : frame.key !== about.title ? frame.key : "",
    `${frame.full[0]}×${frame.full[1]} px`,
    about.camera.known ? `focal ${round(about.camera.focal)} px, baseline ${(1000 * about.camera.baseline).toFixed(0)} mm` : "",
  ].filter(Boolean).join(" · ");
  document.body.dataset.frame = String(index);
}

function play() {
  playing = playing ? (clearTimeout(playing), 0) : 1;
  find("play").textContent = playing ? "❚❚" : "▶";
  const step = async () => {
    if (!playing) return;
    const next = (Number(find("frame").value) + 1) % about.frames;
    find("frame").value = next;
    await showFrame(next);
    if (playing) playing = setTimeout(step, 100);
  };
  if (playing) step();
}

function changeTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

function start() {
  names.forEach(addLayer);
  for (const name of names) find("paint").add(new Option(NAMES[name], name));
  find("sequence").hidden = about.frames < 2;
  find("frame").max = about.frames - 1;
  const notes = [...about.notes, `stereo_exp ${about.version}`];
  if (!about.camera.known) notes.unshift("The cameras are not known: the cloud has a shape, no lengths, and its angles are guessed.");
  find("notes").replaceChildren(...notes.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  const slide = (name, change) => find(name).addEventListener("input", change);
  slide("least", () => {
    cloud.options.least = Number(find("least").value);
    choosePixels();
    drawPicture();
    cloud.draw();
  });
  slide("far", () => {
    chooseFar();
    choosePixels();
    drawPicture();
    cloud.draw();
  });
  const tellSize = () => {
    cloud.options.size = Number(find("size").value);
    find("size").nextElementSibling.textContent = `${cloud.options.size.toFixed(1)} px`;
    cloud.draw();
  };
  slide("size", tellSize);
  tellSize();
  find("edges").addEventListener("change", () => {
    cloud.options.edges = find("edges").checked;
    cloud.draw();
  });
  find("paint").addEventListener("change", paintCloud);
  find("reset").addEventListener("click", () => cloud.reset());
  find("theme").addEventListener("click", changeTheme);
  find("play").addEventListener("click", play);
  slide("frame", () => showFrame(Number(find("frame").value)));
  canvas.addEventListener("pointermove", tellPixel);
  canvas.addEventListener("pointerdown", tellPixel);
  canvas.addEventListener("pointerleave", leavePicture);
  showFrame(0);
}

start();
