// The cloud: every pixel a point in the left camera's axes (x right, y down, z forward), drawn by WebGL.

const VERTEX = `
attribute vec3 place; attribute vec3 colour; attribute vec2 mark;
uniform mat4 view; uniform float size, least, far, edges;
varying vec3 paint;
void main() {
  gl_Position = view * vec4(place, 1.0);
  paint = colour;
  // As large as a pixel is at the point's distance from the camera that saw it, so that surfaces are closed.
  gl_PointSize = clamp(size * place.z / gl_Position.w, 1.0, 40.0);
  if (mark.x < least || place.z > far || mark.y > edges) gl_Position = vec4(0.0, 0.0, 2.0, 1.0);
}`;
const FRAGMENT = `
precision mediump float;
varying vec3 paint;
void main() { gl_FragColor = vec4(paint, 1.0); }`;
const START = { yaw: -0.14, pitch: 0.07, zoom: 1.12, right: 0, down: 0 };
const STRETCHED = 1;  // px of disparity from one pixel to the next: no surface that both cameras see is as steep

class Cloud {
  constructor(canvas, told) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl", { antialias: true, alpha: true });
    this.options = { size: 1.5, least: 0, far: Infinity, edges: false };
    this.pose = { ...START };
    this.count = 0;
    if (!this.gl) {
      told.textContent = "This browser has no WebGL, so there is no cloud to turn.";
      return;
    }
    this.program = this.link();
    this.buffers = { place: this.gl.createBuffer(), colour: this.gl.createBuffer(), mark: this.gl.createBuffer() };
    this.listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  link() {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    return program;
  }

  // Points of a frame; the view stays where it is unless it is the first.
  load(frame) {
    if (!this.gl) return;
    const { width, height, count, maps } = frame, camera = about.camera;
    const pixel = (this.pixel = frame.full[0] / width);
    const place = new Float32Array(3 * count), mark = new Uint8Array(2 * count);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const z = maps.depth[i], known = z < Infinity;
        place[3 * i] = known ? (z * ((x + 0.5) * pixel - 0.5 - camera.centre[0])) / camera.focal : 0;
        place[3 * i + 1] = known ? (z * ((y + 0.5) * pixel - 0.5 - camera.centre[1])) / camera.focal : 0;
        place[3 * i + 2] = known ? z : 1e30;
        mark[2 * i] = Math.round(255 * maps.confidence[i]);
        mark[2 * i + 1] = known && this.isStretched(maps.disparity, x, y, width, height) ? 255 : 0;
      }
    }
    this.count = count;
    this.fill("place", place);
    this.fill("mark", mark);
    if (!this.target) {
      const depths = maps.depth.filter((z) => z < Infinity).sort();
      const middle = depths.length ? depths[depths.length >> 1] : 1;
      const [w, h] = frame.full;
      this.full = frame.full;
      this.target = [
        (middle * ((w - 1) / 2 - camera.centre[0])) / camera.focal,
        (middle * ((h - 1) / 2 - camera.centre[1])) / camera.focal,
        middle,
      ];
      this.start = middle;
    }
  }

  // Whether a point hangs between two surfaces: disparity rises or falls steeply on both sides of it.
  isStretched(disparity, x, y, width, height) {
    const i = y * width + x, steep = STRETCHED * this.pixel;
    const hangs = (before, after) => {
      const first = disparity[i] - disparity[before], second = disparity[after] - disparity[i];
      return first * second > 0 && Math.min(Math.abs(first), Math.abs(second)) > steep;
    };
    return (x > 0 && x < width - 1 && hangs(i - 1, i + 1)) || (y > 0 && y < height - 1 && hangs(i - width, i + width));
  }

  fill(name, values) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[name]);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.STATIC_DRAW);
  }

  // RGBA of every pixel.
  colour(pixels) {
    if (this.gl) this.fill("colour", pixels);
  }

  // From the left camera's axes to the screen: turned about the target, seen from `zoom` times its distance.
  matrix(width, height) {
    const { yaw, pitch, zoom, right, down } = this.pose, [tx, ty, tz] = this.target;
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const rows = [[cy, 0, sy], [-sp * sy, cp, sp * cy], [-cp * sy, -sp, cp * cy]];
    const away = this.start * zoom;
    const shift = rows.map((row, i) => [right, down, away][i] - row[0] * tx - row[1] * ty - row[2] * tz);
    const focal = about.camera.focal * Math.min(width / this.full[0], height / this.full[1]);
    this.focal = focal;
    const near = 0.01 * away, behind = 1000 * away;
    const a = (behind + near) / (behind - near), b = (-2 * behind * near) / (behind - near);
    const scale = [(2 * focal) / width, (-2 * focal) / height];
    const columns = [];
    for (let column = 0; column < 4; column++) {
      const of = (row) => (column < 3 ? rows[row][column] : shift[row]);
      columns.push(scale[0] * of(0), scale[1] * of(1), a * of(2) + (column === 3 ? b : 0), of(2));
    }
    return new Float32Array(columns);
  }

  draw() {
    if (!this.gl || !this.target || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const { gl, canvas, program, options } = this;
    const sharp = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.round(canvas.clientWidth * sharp), height = Math.round(canvas.clientHeight * sharp);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.useProgram(program);
    const uniform = (name) => gl.getUniformLocation(program, name);
    gl.uniformMatrix4fv(uniform("view"), false, this.matrix(width, height));
    gl.uniform1f(uniform("size"), (options.size * this.focal * this.pixel) / about.camera.focal);
    gl.uniform1f(uniform("least"), options.least);
    gl.uniform1f(uniform("far"), Math.min(options.far, 1e29));
    gl.uniform1f(uniform("edges"), options.edges ? 2 : 0.5);
    for (const [name, size, kind] of [["place", 3, gl.FLOAT], ["colour", 4, gl.UNSIGNED_BYTE], ["mark", 2, gl.UNSIGNED_BYTE]]) {
      const at = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, kind, kind !== gl.FLOAT, 0, 0);
    }
    gl.drawArrays(gl.POINTS, 0, this.count);
  }

  turn(right, down) {
    this.pose.yaw += right;
    this.pose.pitch = Math.min(1.5, Math.max(-1.5, this.pose.pitch + down));
    this.draw();
  }

  move(right, down) {
    // Pixels of the page, at the target's distance.
    const metres = (this.start * this.pose.zoom) / (this.focal / (window.devicePixelRatio || 1));
    this.pose.right += right * metres;
    this.pose.down += down * metres;
    this.draw();
  }

  zoom(factor) {
    this.pose.zoom = Math.min(20, Math.max(0.02, this.pose.zoom * factor));
    this.draw();
  }

  reset() {
    this.pose = { ...START };
    this.draw();
  }

  listen() {
    const fingers = new Map(), canvas = this.canvas;
    const spread = () => {
      const [a, b] = [...fingers.values()];
      return Math.hypot(a.x - b.x, a.y - b.y);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointermove", (event) => {
      const finger = fingers.get(event.pointerId);
      if (!finger) return;
      const before = fingers.size === 2 ? spread() : 0;
      const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
      [finger.x, finger.y] = [event.clientX, event.clientY];
      if (fingers.size === 2) {
        this.zoom(before / Math.max(1, spread()));
        this.move(dx / 2, dy / 2);
      } else if (event.shiftKey || event.buttons > 1) this.move(dx, dy);
      else this.turn(-0.006 * dx, 0.006 * dy);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => this.reset());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(0.0012 * event.deltaY));
    }, { passive: false });
    const keys = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    canvas.addEventListener("keydown", (event) => {
      if (keys[event.key]) this.turn(...keys[event.key]);
      else if (event.key === "+" || event.key === "-") this.zoom(event.key === "+" ? 0.9 : 1.1);
      else return;
      event.preventDefault();
    });
  }
}
