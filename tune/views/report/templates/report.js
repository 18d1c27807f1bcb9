"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const panels = [];

  const themed = (layout) => {
    const axis = { color: css("--soft"), gridcolor: css("--line"), linecolor: css("--line"), tickcolor: css("--line") };
    return {
      ...layout,
      autosize: true,
      dragmode: touch ? false : "zoom",
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: layout.meta && layout.meta.maps ? css("--shade") : "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: css("--ink") },
      hoverlabel: { bgcolor: css("--paper"), bordercolor: css("--line"), font: { color: css("--ink") } },
      xaxis: { ...layout.xaxis, ...axis },
      yaxis: { ...layout.yaxis, ...axis },
    };
  };

  const inked = (trace) => {
    if (!trace.meta || !trace.meta.ink) return trace;
    const ink = css("--ink-mark");
    const coloured = { ...trace, line: { ...trace.line, color: ink } };
    if (trace.marker) coloured.marker = { ...trace.marker, color: ink };
    if (trace.error_x) coloured.error_x = { ...trace.error_x, color: ink };
    return coloured;
  };

  const draw = ({ place, data, layout, hidden, near }) => near && Plotly.react(
    place,
    data.map((trace) => ({ ...inked(trace), visible: !hidden.has(trace.name) })),
    themed(layout),
    { responsive: true, displaylogo: false, displayModeBar: touch ? false : "hover", modeBarButtonsToRemove: ["select2d", "lasso2d"] },
  );

  for (const figure of document.querySelectorAll("figure")) {
    figure.querySelector(".static").style.display = "none";
    figure.querySelector(".live").hidden = false;
    const here = [...figure.querySelectorAll(".panel")].map((place) => (
      { place, near: false, hidden: new Set(), ...JSON.parse(place.nextElementSibling.textContent) }
    ));
    panels.push(...here);
    for (const button of figure.querySelectorAll(".legend button")) {
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        for (const panel of here) {
          panel.hidden[shown ? "delete" : "add"](button.dataset.name);
          draw(panel);
        }
      });
    }
  }
  // A panel is drawn when it is about to be seen; until then its place is kept, so that nothing moves.
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      const panel = panels.find((one) => one.place === entry.target);
      watch.unobserve(entry.target);
      panel.near = true;
      draw(panel);
    }
  }, { rootMargin: "800px" });
  for (const panel of panels) {
    panel.place.style.minHeight = `${panel.layout.height}px`;
    watch.observe(panel.place);
  }
  dark.addEventListener("change", () => panels.forEach(draw));
})();
