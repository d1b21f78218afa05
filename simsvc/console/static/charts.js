// Fetches what charts draw when they come into view, and draws it again when the theme changes.
"use strict";

(() => {
  const drawn = new Map();

  const look = () => {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    return {
      text: of("text"), soft: of("soft"), line: of("line"), card: of("card"),
      strong: of("chart-1"), second: of("chart-2"), muted: of("chart-muted"),
      palette: [of("chart-1"), of("chart-2"), of("chart-3"), of("chart-4")],
      kinds: { twins: of("chart-1"), lockstep: of("chart-2"), session: of("chart-3"), frame: of("chart-4"), other: of("soft") },
      font: style.fontFamily,
    };
  };

  const draw = (box, data) => {
    const drawing = simsvcDrawings[box.dataset.chart](data, look());
    const caption = document.querySelector(`[data-caption="${box.dataset.chart}"]`);
    if (caption && drawing.caption) caption.textContent = drawing.caption;
    if (caption) caption.append(...(drawing.keys ?? []).map(key));
    box.dataset.points = drawing.points;
    box.dataset.series = JSON.stringify(drawing.series);
    drawn.get(box)?.chart?.dispose();
    if (!drawing.points) {
      box.replaceChildren(note("Nothing to draw."));
      drawn.set(box, { data });
      return;
    }
    box.replaceChildren();
    const chart = echarts.init(box, null, { renderer: "canvas" });
    chart.on("finished", () => { box.dataset.drawn = "yes"; });
    chart.on("click", (point) => {
      const to = drawing.link(point);
      if (to) location.assign(to);
    });
    chart.setOption(drawing.option);
    drawn.set(box, { chart, data });
  };

  const key = ([colour, text]) => {
    const item = document.createElement("span");
    item.className = "key";
    item.textContent = text;
    item.style.setProperty("--key", colour);
    return item;
  };

  const note = (text) => {
    const paragraph = document.createElement("p");
    paragraph.className = "hint";
    paragraph.textContent = text;
    return paragraph;
  };

  const load = async (box) => {
    if (box.dataset.values) {
      draw(box, JSON.parse(box.dataset.values));
      return;
    }
    box.replaceChildren(note("reading …"));
    try {
      const answer = await fetch(box.dataset.src, { headers: { accept: "application/json" } });
      const data = await answer.json();
      if (answer.status === 401) location.assign("/sign-in");
      else if (answer.ok) draw(box, data);
      else box.replaceChildren(note(data.message));
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      box.replaceChildren(note("The console did not answer. Load the page again."));
    }
  };

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      load(entry.target);
    }
  }, { rootMargin: "300px" });
  const resized = new ResizeObserver((entries) => {
    for (const entry of entries) drawn.get(entry.target)?.chart?.resize();
  });

  const find = (root) => {
    for (const box of root.querySelectorAll("[data-chart]")) {
      seen.observe(box);
      resized.observe(box);
    }
  };

  find(document);
  document.addEventListener("htmx:afterSwap", (event) => find(event.target));
  document.addEventListener("themechange", () => {
    for (const [box, { data }] of drawn) if (box.isConnected) draw(box, data);
  });
})();
