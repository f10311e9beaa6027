// Draw or choose an image, send it to /predict, show the prediction. A new request aborts the earlier one.

const $ = (id) => document.getElementById(id);
const paper = $("paper");
const pen = paper.getContext("2d", { alpha: false, willReadFrequently: true });

const PAUSE = 60; // milliseconds between requests while drawing
const DOT = 40; // minimum size of a digit in pixels of the canvas
const LEANING = 0.65; // minimum probability of "Probably a ...", for predictions that are not confident
const WORDS = { 3: "three", 7: "seven" };

let strokes = []; // each [{x, y, width}, ...], in pixels of the canvas
let upload = null; // {data, name, picture, crop} of a chosen image; a pasted one has no name
let question = null; // AbortController of the request in flight
let threshold = null; // minimum probability of a confident prediction, loaded after the first one that is not
let timer = 0; // timer of the next request
let pointer = null; // id of the pointer that draws a stroke, others are ignored

// Canvas

function draw() {
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, paper.width, paper.height);
  if (upload?.picture.width) {
    const { picture } = upload;
    const scale = Math.min(paper.width / picture.width, paper.height / picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    pen.imageSmoothingEnabled = scale < 1;
    const [left, top] = [(paper.width - width) / 2, (paper.height - height) / 2];
    pen.drawImage(picture, left, top, width, height);
    if (upload.crop) {
      pen.strokeStyle = "#d55e00";
      pen.lineWidth = 3;
      const { x, y, width: across, height: down } = upload.crop;
      pen.strokeRect(left + x * scale, top + y * scale, across * scale, down * scale);
    }
  }
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#1d1e20";
  for (const points of strokes) {
    for (const [index, point] of points.entries()) {
      const before = points[Math.max(0, index - 1)];
      pen.lineWidth = point.width;
      pen.beginPath();
      pen.moveTo(before.x, before.y);
      pen.lineTo(point.x + 0.01, point.y); // a line of no length would not be drawn
      pen.stroke();
    }
  }
  $("undo").disabled = $("clear").disabled = !strokes.length && !upload;
  $("ink").disabled = !upload; // drawings are dark
}

function pointOf(event) {
  const box = paper.getBoundingClientRect();
  const pressure = event.pointerType === "pen" ? 0.4 + 1.2 * event.pressure : 1;
  return {
    x: ((event.clientX - box.left) / box.width) * paper.width,
    y: ((event.clientY - box.top) / box.height) * paper.height,
    width: penWidth() * pressure,
  };
}

const penWidth = () => Number($("pen").value);

paper.addEventListener("pointerdown", (event) => {
  if (event.button || pointer !== null) return;
  paper.setPointerCapture(event.pointerId);
  pointer = event.pointerId;
  upload = null;
  strokes.push([pointOf(event)]);
  draw();
  askSoon();
});

paper.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  const moves = event.getCoalescedEvents?.() ?? [];
  strokes.at(-1).push(...(moves.length ? moves : [event]).map(pointOf));
  draw();
  askSoon();
});

paper.addEventListener("lostpointercapture", (event) => {
  if (event.pointerId !== pointer) return;
  pointer = null;
  ask();
});

// Otherwise Chromium ignores a tap after a touch that ends fast, and drags a selection that spans the canvas.
for (const start of ["touchstart", "dragstart"]) {
  paper.addEventListener(start, (event) => event.preventDefault());
}

/** Show other strokes or another upload. A stroke in progress ends. */
function replace(drawn, chosen = null) {
  [strokes, upload, pointer] = [drawn, chosen, null];
  draw();
  ask();
}

const undo = () => replace(strokes.slice(0, -1));

$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", () => replace([]));
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && event.target.type !== "password") undo();
});

// Uploads

/** Show a chosen image in place of the drawing. */
async function take(data, name) {
  const none = { width: 0, height: 0 }; // the service reports the format
  replace([], { data, name, picture: await createImageBitmap(data).catch(() => none) });
}

for (const input of [$("file"), $("camera")]) {
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0], input.files[0].name);
    input.value = ""; // otherwise the same file could not be chosen again
  });
}

for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", async () => {
    const path = `static/samples/${button.dataset.sample}.png`;
    take(await (await fetch(path)).blob(), `app/${path}`);
  });
}

document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
  if (file) take(file);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const [file] = event.dataTransfer.files;
  if (file) take(file, file.name);
});

// Requests and predictions

function askSoon() {
  timer ||= setTimeout(ask, PAUSE);
}

/** Return the longer side of the drawing, in pixels of the canvas. */
function extent() {
  const points = strokes.flat();
  const side = (values) => Math.max(...values) - Math.min(...values);
  return points.length ? Math.max(side(points.map(({ x }) => x)), side(points.map(({ y }) => y))) : 0;
}

/** Encode the drawing as a PNG. Not with toBlob, which takes up to a second when the browser is busy. */
function drawing() {
  const [, base64] = paper.toDataURL().split(",");
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return { base64, data: new Blob([bytes], { type: "image/png" }) };
}

async function ask() {
  clearTimeout(timer);
  timer = 0;
  question?.abort();
  if (!upload && extent() < DOT) return say(strokes.length && pointer === null ? "Draw it larger." : "Draw a 3 or a 7.");
  const { signal } = (question = new AbortController());
  try {
    const asked = upload;
    const data = asked?.data ?? drawing().data;
    const answer = await (await send(`predict?${query()}`, signal, data)).json();
    if (!answer.confident) threshold ??= (await (await send("model", signal)).json()).threshold;
    $("key").hidden = true;
    show(answer);
    if (asked) {
      asked.crop = answer.image.crop;
      draw();
    }
    if (pointer !== null) return; // the explanation is requested when the pen is lifted
    const paths = [`explain?${query()}&colors=false`, `explain?${query()}`];
    const pictures = await Promise.all(paths.map(async (path) => (await send(path, signal, data)).blob()));
    ["plain", "why"].forEach((id, index) => {
      URL.revokeObjectURL($(id).src);
      $(id).src = URL.createObjectURL(pictures[index]);
    });
    $("seen").hidden = false;
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 401) $("key").hidden = false;
    say(describe(error), true);
  }
}

/** Return a sentence about an error. Some details of the service are for API clients. */
function describe({ type, detail }) {
  if (type === "/problems/image-missing") return "The file is empty.";
  if (type === "/problems/unauthorized") return $("api-key").value ? "The API key is wrong." : "Enter the API key below.";
  return detail ?? "The service does not answer. Is it still running?";
}

/** Return the query parameters. For an upload, the polarity can be chosen. */
const query = () => (upload && $("ink").value !== "auto" ? `fit=true&ink=${$("ink").value}` : "fit=true");

$("ink").addEventListener("change", ask);

async function send(path, signal, body) {
  const headers = body ? { "Content-Type": body.type || "application/octet-stream" } : {};
  const key = new TextEncoder().encode($("api-key").value); // a header holds bytes
  if (key.length) headers["X-API-Key"] = String.fromCharCode(...key);
  const response = await fetch(path, { method: body ? "POST" : "GET", body, headers, signal });
  if (!response.ok) throw await response.json();
  return response;
}

$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});

function say(sentence, problem = false) {
  $("sentence").textContent = sentence;
  $("sentence").classList.toggle("problem", problem);
  for (const digit of [3, 7]) bar(digit, null);
  $("seen").hidden = true; // until the images match the sentence
  $("copy").disabled = !upload && !strokes.length;
}

function show(answer) {
  say(sentence(answer));
  for (const digit of [3, 7]) bar(digit, answer.probabilities[digit]);
}

function sentence({ digit, probabilities, confident }) {
  const probability = probabilities[digit];
  if (confident) return `A ${WORDS[digit]}.`;
  if (probability >= threshold) return `Probably a ${WORDS[digit]}, but there is something beside it.`;
  return probability >= LEANING ? `Probably a ${WORDS[digit]}.` : "This looks like neither a 3 nor a 7.";
}

function bar(digit, p) {
  const meter = $(`meter-${digit}`);
  meter.setAttribute("aria-valuenow", p ?? 0);
  meter.firstElementChild.style.transform = `scaleX(${p ?? 0})`;
  $(`p-${digit}`).textContent = p === null ? "–" : percent(p);
}

function percent(p) {
  if (p > 0.999) return "> 99.9 %";
  if (p < 0.001) return "< 0.1 %";
  return `${(p * 100).toFixed(1)} %`;
}

// The request as a curl command

/** Encode a blob in base64. */
async function encoded(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}

$("copy").addEventListener("click", async () => {
  const url = new URL(`predict?${query()}`, location.href);
  const key = $("api-key").value ? ` -H "X-API-Key: $THREE_OR_SEVEN_API_KEY"` : "";
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const name = upload?.name?.replace(/[\\"]/g, "\\$&"); // curl ends a name without quotes at , or ;
  let command = `curl -F ${quoted(`file=@"${name}"`)}${key} '${url}'`;
  if (!name) {
    const base64 = upload ? await encoded(upload.data) : drawing().base64;
    command = `echo ${base64} | base64 -d | curl -F file=@-${key} '${url}'`;
  }
  try {
    await navigator.clipboard.writeText(command);
    $("copied").textContent = "Copied.";
  } catch {
    $("copied").textContent = "The browser does not allow copying.";
  }
  setTimeout(() => ($("copied").textContent = ""), 3000);
});

draw();
