"use strict";
const by = (id) => document.getElementById(id);
const paper = by("paper"), pen = paper.getContext("2d"), answer = by("answer");
const correction = document.querySelector("#feedback fieldset");
const WIDTH = 18, STEP = 7, WAIT_MS = 120; // pixels of the paper; after a stroke
let drawing = null; // the last answered file and its digit_id
let asked = 0; // number of the last request: answers to older ones are ignored
let waiting = 0;
let cursor = { x: 140, y: 60, down: false };
let ink = false;

pen.lineWidth = WIDTH;
pen.lineCap = pen.lineJoin = "round";

function stroke(from, to) {
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x + 0.01, to.y);
  pen.stroke();
  ink = true;
  // the paper has changed: ignore answers to its earlier state, and allow no correction of them
  clearTimeout(waiting);
  asked += 1;
  correction.disabled = true;
}

function place(event) {
  const box = paper.getBoundingClientRect();
  return { x: ((event.clientX - box.left) * paper.width) / box.width, y: ((event.clientY - box.top) * paper.height) / box.height };
}

let last = null;
paper.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  paper.setPointerCapture(event.pointerId);
  hideCursor();
  last = place(event);
  stroke(last, last);
});
paper.addEventListener("pointermove", (event) => {
  if (!last) return;
  for (const part of event.getCoalescedEvents?.() ?? [event]) {
    const now = place(part);
    stroke(last, now);
    last = now;
  }
});
for (const end of ["pointerup", "pointercancel"]) {
  paper.addEventListener(end, () => {
    if (!last) return;
    last = null;
    askSoon();
  });
}

// Keyboard: the cursor is drawn over the strokes, so a copy of the strokes is kept
let kept = null;
function showCursor() {
  kept = pen.getImageData(0, 0, paper.width, paper.height);
  pen.save();
  pen.lineWidth = 2;
  pen.strokeStyle = cursor.down ? "#c2410c" : "#1d4ed8";
  pen.beginPath();
  pen.arc(cursor.x, cursor.y, WIDTH / 2 + 2, 0, 7);
  pen.stroke();
  pen.restore();
}
function hideCursor() {
  if (kept) pen.putImageData(kept, 0, 0);
  kept = null;
}
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
paper.addEventListener("keydown", (event) => {
  const move = MOVES[event.key];
  if (!move && ![" ", "Enter", "Delete", "Backspace"].includes(event.key)) return;
  event.preventDefault();
  hideCursor();
  if (move) {
    const limit = (value) => Math.min(paper.width - WIDTH / 2, Math.max(WIDTH / 2, value));
    const next = { ...cursor, x: limit(cursor.x + move[0]), y: limit(cursor.y + move[1]) };
    if (cursor.down) stroke(cursor, next);
    cursor = next;
  } else if (event.key === " ") {
    cursor.down = !cursor.down;
    if (cursor.down) stroke(cursor, cursor);
    else askSoon();
    by("pen").textContent = cursor.down ? "pen down" : "pen up";
  } else if (event.key === "Enter") {
    askSoon();
  } else {
    clear();
  }
  showCursor();
});
paper.addEventListener("blur", hideCursor);

function clear() {
  hideCursor();
  pen.clearRect(0, 0, paper.width, paper.height);
  cursor.down = ink = false;
  clearTimeout(waiting);
  asked += 1;
  drawing = null;
  say("Nothing is drawn yet.");
}
by("clear").addEventListener("click", clear);

function say(text, unsure = false) {
  answer.textContent = text;
  answer.classList.toggle("unsure", unsure);
  for (const part of ["likeliest", "seen-part", "feedback"]) by(part).hidden = !drawing;
  correction.disabled = false;
  by("stored").textContent = "";
}

function askSoon() {
  clearTimeout(waiting);
  if (!ink) return;
  waiting = setTimeout(() => {
    const shown = kept, own = (asked += 1);
    hideCursor();
    paper.toBlob((blob) => ask(blob, own));
    if (shown) showCursor();
  }, WAIT_MS);
}

const UNREACHABLE = "the service cannot be reached; try again later";
const TROUBLES = {
  413: "the file is too large; choose a smaller one",
  502: UNREACHABLE,
  503: "the service is busy; try again in a moment",
  504: UNREACHABLE,
};

async function call(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem("token");
    const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(path, { ...options, headers }).catch(() => { throw new Error(UNREACHABLE); });
    if (response.status === 401) {
      await askForToken(Boolean(token));
      continue;
    }
    const body = await response.json().catch(() => null); // a proxy may answer with a page
    if (response.ok && body) return body;
    const told = body?.detail ?? `the service gave an unexpected answer (${response.status})`;
    throw new Error(TROUBLES[response.status] ?? told.replace(/^image( 0)?: /, "")); // there is only one image
  }
}

function askForToken(wrong) {
  const dialog = by("token-dialog");
  by("wrong").hidden = !wrong;
  by("token").value = dialog.returnValue = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((done, fail) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "given") return fail(new Error("the service asks for its token"));
      sessionStorage.setItem("token", by("token").value);
      done();
    }, { once: true });
  });
}

async function ask(file, own) {
  try {
    if (!by("labels").childElementCount) await begin(); // the first attempt failed
    const headers = { "Content-Type": "application/octet-stream" }; // the service detects the type by the content
    const { predictions } = await call("v1/predictions", { method: "POST", headers, body: file });
    if (own !== asked) return;
    drawing = { file, digit_id: predictions[0].digit_id };
    show(predictions[0]);
  } catch (error) {
    if (own !== asked) return;
    drawing = null;
    say(`No answer: ${error.message}`, true);
  }
}

const percent = (share) => (share > 0.9995 ? ">\u00a099.9\u00a0%" : `${(100 * share).toFixed(1)}\u00a0%`);

function show(found) {
  const sure = percent(found.confidence);
  say(found.unsure ? `Not sure: perhaps ${found.prediction} (${sure})` : `It is ${found.prediction} (${sure})`, found.unsure);
  const ranked = Object.entries(found.probabilities).sort((one, other) => other[1] - one[1]).slice(0, 3);
  by("likeliest").replaceChildren(...ranked.map(([digit, share]) => {
    const row = document.createElement("li"), bar = document.createElement("progress"), text = document.createElement("output");
    bar.max = 1;
    bar.value = share;
    bar.setAttribute("aria-label", `probability of ${digit}`);
    text.textContent = percent(share);
    row.append(digit, bar, text);
    return row;
  }));
  showSeen(found.seen);
  for (const choice of by("labels").querySelectorAll("input")) choice.checked = false;
}

let fullInk = 255;
function showSeen(rows) {
  const seen = by("seen"), image = new ImageData(rows[0].length, rows.length);
  seen.width = image.width;
  seen.height = image.height;
  rows.flat().forEach((value, place) => {
    image.data[4 * place + 3] = (255 * value) / fullInk;
  });
  seen.getContext("2d").putImageData(image, 0, 0);
}

// The type of a file by its first bytes: the ending of its name, and the type guessed from it, can be wrong or missing
const READ = /^(\x89PNG|\xff\xd8\xff)/;
const OTHERS = [
  [/^RIFF.{4}WEBP/s, "a WebP image"],
  [/^BM/, "a BMP image"],
  [/^GIF8/, "a GIF image"],
  [/^(II\*\0|MM\0\*)/, "a TIFF image"],
  [/^.{4}ftypavi[fs]/s, "an AVIF image"],
  [/^.{4}ftyp(hei|hev|mif1|msf1)/s, "a HEIC image"],
  [/^.{4}ftyp/s, "a video"],
  [/^%PDF/, "a PDF document"],
  [/^\s*<.*?svg/s, "an SVG drawing"],
];
const WANTED = "Please choose a PNG or JPEG file.";

async function faultOf(files) {
  if (!files.length) return `This is no file. ${WANTED}`;
  if (files.length > 1) return `These are ${files.length} files. Please choose one PNG or JPEG file.`;
  if (!files[0].size) return `This file is empty. ${WANTED}`;
  try {
    const head = String.fromCharCode(...new Uint8Array(await files[0].slice(0, 300).arrayBuffer()));
    if (READ.test(head)) return null;
    const [, kind] = OTHERS.find(([sign]) => sign.test(head)) ?? [null, "no image that can be read here"];
    return `This is ${kind}. ${WANTED}`;
  } catch {
    return `This cannot be read; perhaps it is a folder. ${WANTED}`;
  }
}

async function take(files) {
  clear();
  const own = asked, fault = await faultOf(files), [file] = files;
  if (own !== asked) return;
  if (fault) return say(fault, true);
  try {
    const picture = await createImageBitmap(file);
    if (own !== asked) return;
    const scale = Math.min(paper.width / picture.width, paper.height / picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    pen.drawImage(picture, (paper.width - width) / 2, (paper.height - height) / 2, width, height);
  } catch {
    // the service will say what is wrong with it
  }
  ask(file, own);
}
by("file").addEventListener("change", (event) => {
  take([...event.target.files]);
  event.target.value = "";
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    paper.classList.toggle("over", kind === "dragover");
    if (kind === "drop") take([...event.dataTransfer.files]);
  });
}
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take([...event.clipboardData.files]);
});

by("feedback").addEventListener("submit", async (event) => {
  event.preventDefault();
  const label = by("labels").querySelector("input:checked");
  if (!label || !drawing) return;
  const form = new FormData();
  form.set("image", drawing.file, drawing.digit_id);
  form.set("label", label.value);
  form.set("digit_id", drawing.digit_id);
  try {
    await call("v1/feedback", { method: "POST", body: form });
    by("stored").textContent = `Stored as ${label.value}. Thank you.`;
  } catch (error) {
    by("stored").textContent = `Not stored: ${error.message}`;
  }
});

async function begin() {
  const model = await call("v1/model");
  fullInk = model.full_ink;
  by("model").textContent = `Model ${model.version}.`;
  by("labels").replaceChildren(...model.classes.map((digit) => {
    const label = document.createElement("label"), choice = document.createElement("input");
    Object.assign(choice, { type: "radio", name: "label", value: digit, required: true });
    label.append(choice, String(digit));
    return label;
  }));
}
begin().catch((error) => say(`No answer: ${error.message}`, true));
