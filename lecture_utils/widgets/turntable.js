// Frames that play by themselves, with a button that halts them and a slider. Where the reader's machine asks for
// less motion they wait; out of sight they rest. One closure a figure.
(function () {
  function bring(figure) {
    const store = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const picture = figure.querySelector("img"), bar = figure.querySelector("[data-controls]");
    const button = bar.querySelector("button"), slider = bar.querySelector("input");
    const frames = [picture.src, ...store.frames.map((data) => "data:image/avif;base64," + data)];
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let at = 0, step = 1, playing = !still, seen = false;

    function show(k) {
      at = k;
      picture.src = frames[at];
      slider.value = at;
      slider.setAttribute("aria-valuetext", at + 1 + " of " + frames.length);
    }

    function press(on) {
      playing = on;
      button.textContent = on ? "Pause" : "Play";
    }

    setInterval(() => {
      if (!playing || !seen) { return; }
      if (store.back && (at + step < 0 || at + step >= frames.length)) { step = -step; } // to and fro
      show((at + step + frames.length) % frames.length);
    }, 1000 / store.fps);
    new IntersectionObserver((entries) => { seen = entries[entries.length - 1].isIntersecting; }).observe(picture);
    button.addEventListener("click", () => press(!playing));
    slider.addEventListener("input", () => { press(false); show(Number(slider.value)); });
    ["keydown", "keyup", "keypress"].forEach((kind) => // or the notebook takes the keys for its own
      bar.addEventListener(kind, (event) => event.stopPropagation()));
    bar.hidden = false;
    bar.style.display = "flex";
    press(playing);
  }

  document.querySelectorAll("figure[data-course-turntable]:not([data-alive])").forEach((figure) => {
    figure.setAttribute("data-alive", "");
    bring(figure);
  });
})();
