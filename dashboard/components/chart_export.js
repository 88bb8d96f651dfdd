// Two buttons on every chart: what is drawn, as PNG or as SVG. Made in the browser; nothing is sent anywhere.
const NS = "http://www.w3.org/2000/svg";
const FONT = "/app/static/fonts/ibm-plex-sans.woff2";
const HIDDEN = ".draglayer, .hoverlayer, .zoomlayer, .selectionlayer";
let font;

function fontFace() {
  // Without the font in the file, text would be set in another one, and overlap.
  font ??= fetch(FONT).then((answer) => answer.blob()).then((blob) => new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(`@font-face{font-family:"Plex Sans";font-weight:100 700;src:url(${reader.result})}`);
    reader.readAsDataURL(blob);
  })).catch(() => "");
  return font;
}

function add(parent, name, attributes = {}, text = "") {
  const made = parent.appendChild(document.createElementNS(NS, name));
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.textContent = text;
  return made;
}

async function drawing(chart) {
  const layers = [...chart.querySelectorAll(".svg-container > svg.main-svg")];
  const [width, height] = ["width", "height"].map((side) => Number(layers[0].getAttribute(side)));
  const out = document.createElementNS(NS, "svg");
  Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` }).forEach(([k, v]) => out.setAttribute(k, v));
  add(out, "title", {}, chart.getAttribute("aria-label") || "Chart");
  add(out, "style", {}, await fontFace());
  add(out, "rect", { width, height, fill: layers[0].style.backgroundColor || "#fff" });
  for (const layer of layers) {
    const copy = layer.cloneNode(true);
    copy.querySelectorAll(HIDDEN).forEach((part) => part.remove());
    // lines grow with the picture: Plotly keeps them thin on purpose only while somebody zooms
    copy.querySelectorAll("[style*=vector-effect]").forEach((part) => part.style.removeProperty("vector-effect"));
    copy.querySelectorAll("[vector-effect]").forEach((part) => part.removeAttribute("vector-effect"));
    out.append(...copy.childNodes);
  }
  const text = new XMLSerializer().serializeToString(out);
  return { width, height, blob: new Blob([text], { type: "image/svg+xml" }) };
}

async function bitmap({ width, height, blob }) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * width, 2 * height];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function save(chart, box, form) {
  const drawn = await drawing(chart);
  const link = document.createElement("a");
  const key = [...box.classList].find((name) => name.startsWith("st-key-"));
  link.href = URL.createObjectURL(form === "svg" ? drawn.blob : await bitmap(drawn));
  link.download = `${key ? key.slice(7) : "chart"}.${form}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function attach(chart) {
  const box = chart.closest("[data-testid=stElementContainer]");
  if (!box || box.querySelector(":scope > .chart-export") || !chart.querySelector("svg.main-svg")) return;
  const group = document.createElement("div");
  group.className = "chart-export";
  for (const form of ["png", "svg"]) {
    const button = group.appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = form.toUpperCase();
    button.title = `Save this chart as ${form.toUpperCase()}`;
    button.setAttribute("aria-label", `${button.title}: ${chart.getAttribute("aria-label") || ""}`.slice(0, 160));
    button.onclick = () => save(chart, box, form);
  }
  box.append(group);
}

export default function ({ data }) {
  const root = document.documentElement.style;
  Object.entries(data || {}).forEach(([name, colour]) => root.setProperty(`--chart-export-${name}`, colour));
  let waiting = 0;
  const look = () => { waiting = 0; document.querySelectorAll("[data-testid=stPlotlyChart]").forEach(attach); };
  const watcher = new MutationObserver(() => { waiting ||= setTimeout(look, 200); });
  watcher.observe(document.body, { childList: true, subtree: true });
  look();
  return () => { watcher.disconnect(); clearTimeout(waiting); };
}
