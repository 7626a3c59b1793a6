// Points, a mesh and lines that turn under the mouse, a finger or the arrow keys. Drawn by hand: each dot goes
// through a z-buffer, so that no graphics card, library or network is needed. One closure a figure.
(function () {
  const SHARP = 2; // dots drawn for every dot shown, each way

  const numbers = (text, Kind) => new Kind(Uint8Array.from(atob(text), (x) => x.charCodeAt(0)).buffer);
  const tints = (text) => Array.from(numbers(text, Uint16Array), // 5, 6 and 5 bits for red, green and blue
    (c) => [(c >> 11) * 255 / 31, (c >> 5 & 63) * 255 / 63, (c & 31) * 255 / 31]);

  function vertexNormals(places, faces) {
    const normals = new Float32Array(places.length);
    for (let k = 0; k < faces.length; k += 3) {
      const [a, b, c] = [3 * faces[k], 3 * faces[k + 1], 3 * faces[k + 2]];
      const u = [0, 1, 2].map((i) => places[b + i] - places[a + i]);
      const v = [0, 1, 2].map((i) => places[c + i] - places[a + i]);
      for (let i = 0; i < 3; i++) { // the cross product: as long as the face is large, so large ones count more
        const n = u[(i + 1) % 3] * v[(i + 2) % 3] - u[(i + 2) % 3] * v[(i + 1) % 3];
        [a, b, c].forEach((corner) => { normals[corner + i] += n; });
      }
    }
    return normals;
  }

  function bring(figure) {
    const store = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const places = numbers(store.places, Int16Array), ends = numbers(store.lines, Int16Array);
    const colours = tints(store.colours), lineColours = tints(store.lineColours);
    const faces = numbers(store.faces, store.wide ? Uint32Array : Uint16Array), normals = vertexNormals(places, faces);
    const canvas = Object.assign(document.createElement("canvas"), { tabIndex: 0, role: "img" });
    const still = figure.querySelector("img"), host = document.createElement("div"), fingers = new Map();
    const width = canvas.width = SHARP * store.width, height = canvas.height = SHARP * store.height;
    const paper = canvas.getContext("2d"), picture = paper.createImageData(width, height);
    const dots = new Uint32Array(picture.data.buffer), nearness = new Float32Array(width * height);
    let [azimuth, elevation, distance] = store.view, asked = false;

    // Where a place is in the picture, how near (1 / distance: that changes evenly along a line in a picture), and
    // its colour, on a mesh as a lamp beside the eye lights it. The camera looks at the middle, and z is up.
    function spot(list, k, colour, directions) {
      const [ca, sa, ce, se] = [Math.cos(azimuth), Math.sin(azimuth), Math.cos(elevation), Math.sin(elevation)];
      const focal = store.focal * Math.min(width, height) / 2;
      const [x, y, z] = [0, 1, 2].map((n) => list[k + n] * store.unit); // the points are in the unit ball
      const near = 1 / Math.max(distance - (ce * (ca * x + sa * y) + se * z), 0.05);
      const right = ca * y - sa * x, up = ce * z - se * (ca * x + sa * y);
      let light = 1;
      if (directions) {
        const [a, b, c] = [directions[k], directions[k + 1], directions[k + 2]];
        light = 0.35 + 0.65 * Math.abs(ce * (ca * a + sa * b) + se * c) / (Math.hypot(a, b, c) || 1);
      }
      return [width / 2 + focal * near * right, height / 2 - focal * near * up, near,
        light * colour[0], light * colour[1], light * colour[2]];
    }

    function dot(x, y, near, red, green, blue) {
      const at = y * width + x;
      if (near > nearness[at]) {
        nearness[at] = near;
        dots[at] = (255 << 24) | (blue << 16) | (green << 8) | red; // little-endian, like all machines in use
      }
    }

    function disc([x, y, near, red, green, blue], radius) {
      const low = Math.max(Math.ceil(y - radius), 0), high = Math.min(Math.floor(y + radius), height - 1);
      for (let row = low; row <= high; row++) {
        const half = Math.sqrt(Math.max(radius ** 2 - (row - y) ** 2, 0));
        const last = Math.min(Math.floor(x + half), width - 1);
        for (let column = Math.max(Math.ceil(x - half), 0); column <= last; column++) {
          dot(column, row, near, red, green, blue);
        }
      }
    }

    function triangle(a, b, c) {
      const area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
      const [left, top] = [0, 1].map((i) => Math.max(Math.ceil(Math.min(a[i], b[i], c[i])), 0));
      const [right, bottom] = [width - 1, height - 1].map((last, i) => Math.min(last, Math.max(a[i], b[i], c[i])));
      for (let y = top; y <= bottom && area; y++) {
        for (let x = left; x <= right; x++) { // the shares of the three corners: none below 0 inside
          const q = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area;
          const r = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area, p = 1 - q - r;
          if (p < 0 || q < 0 || r < 0) { continue; }
          dot(x, y, p * a[2] + q * b[2] + r * c[2],
            p * a[3] + q * b[3] + r * c[3], p * a[4] + q * b[4] + r * c[4], p * a[5] + q * b[5] + r * c[5]);
        }
      }
    }

    function draw() {
      asked = false;
      dots.fill(0xffffffff);
      nearness.fill(0);
      const spots = [], mesh = faces.length > 0;
      for (let k = 0; k < places.length; k += 3) {
        spots.push(spot(places, k, colours[k / 3 % colours.length], mesh && normals));
      }
      if (!mesh) { spots.forEach((at) => disc(at, SHARP * store.radius * at[2] * store.view[2])); }
      for (let k = 0; k < faces.length; k += 3) { triangle(...[0, 1, 2].map((n) => spots[faces[k + n]])); }
      for (let k = 0; k < ends.length; k += 6) {
        const [a, b] = [k, k + 3].map((end) => spot(ends, end, lineColours[k / 6]));
        const steps = Math.min(Math.ceil(Math.hypot(b[0] - a[0], b[1] - a[1])) + 1, 4 * width);
        for (let s = 0; s <= steps; s++) { disc(a.map((x, n) => x + (b[n] - x) * s / steps), 0.7 * SHARP); }
      }
      paper.putImageData(picture, 0, 0);
      paper.font = 13 * SHARP + "px sans-serif";
      store.words.forEach(([word, ...place]) => paper.fillText(word, ...spot(place, 0, place).slice(0, 2)));
    }

    function turn(across, up, zoom = 1) {
      azimuth += across;
      elevation = Math.max(-1.55, Math.min(1.55, elevation + up));
      distance = Math.max(1.1, Math.min(12, distance * zoom));
      if (!asked) { asked = true; requestAnimationFrame(draw); }
    }

    const apart = ([a, b] = [...fingers.values()]) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId), pinch = fingers.size === 2 && apart();
      if (!before) { return; }
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (pinch) { turn(0, 0, pinch / apart()); }
      else { turn(-0.01 * (event.clientX - before[0]), 0.01 * (event.clientY - before[1])); }
    });
    canvas.addEventListener("lostpointercapture", (event) => fingers.delete(event.pointerId));
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== host) { return; } // not yet clicked: the page is scrolled past
      event.preventDefault();
      turn(0, 0, Math.exp(0.001 * event.deltaY));
    }, { passive: false });
    const keys = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1],
      "+": [0, 0, 0.9], "-": [0, 0, 1.1], Home: [0, 0] };
    canvas.addEventListener("keydown", (event) => {
      event.stopPropagation(); // or the notebook takes the key for its own
      if (event.key === "Home") { [azimuth, elevation, distance] = store.view; }
      if (keys[event.key]) { event.preventDefault(); turn(...keys[event.key]); }
    });
    host.attachShadow({ mode: "open" }).append(canvas); // the page's style does not reach into it
    canvas.ariaLabel = still.alt + " Arrow keys turn it, plus and minus zoom, Home goes back.";
    canvas.style = "display:block;width:100%;height:auto;touch-action:none;cursor:grab;outline-color:#6B6B6B";
    draw();
    still.replaceWith(host);
  }

  document.querySelectorAll("figure[data-course-orbit]:not([data-alive])").forEach((figure) => {
    figure.setAttribute("data-alive", "");
    try { bring(figure); } catch (error) { console.error(error); } // the picture stays
  });
})();
