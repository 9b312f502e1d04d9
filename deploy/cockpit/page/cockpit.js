// The page of the cockpit: says twenty times a second what is held down, shows what it is told.
"use strict";

const $ = (id) => document.getElementById(id);
const DRIVE_KEYS = new Set(["KeyW", "KeyA", "KeyS", "KeyD", "KeyQ", "KeyE"]);
const STATES = {
  zero_torque: ["Limp", "motors give no torque"],
  move_to_default: ["Standing up", "moving to the default pose"],
  hold: ["Standing", "ready to walk"],
  policy: ["Walking", "the policy drives; the supervisor sees nothing wrong"],
  damping: ["Damped", ""],
  ended: ["Ended", "motors were let go"],
};
const WORDS = { select: "stopped by hand", leave: "this run is being ended", "": "stopped" };
const MOVING = ["move_to_default", "hold", "policy"];
const AXES = ["vx", "vy", "yaw"];
const held = new Set();
let socket = null, me = null, status = null, heard = 0, said = 0;

// To the cockpit

function tell(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function stop() {
  tell({ ask: "stop" });
  release();
  stand();
}

function hands() {
  const pad = readGamepad();
  tell({
    hands: {
      keys: [...held],
      sticks: pad,
      sliders: AXES.map((axis) => Number($(axis).value)),
      reach: Number($("reach").value) / 100,
    },
  });
}

function stand() {
  for (const axis of AXES) slide($(axis), 0);
}

// Keys: of this page and of the scene in it, before viser's camera sees them

function onKey(event) {
  const down = event.type === "keydown";
  const other = event.ctrlKey || event.altKey || event.metaKey;
  // Ctrl-W and the like are the browser's, and what was held with them is let go. A key that comes
  // up is always ours, and so is the one that stops.
  if (other && down) release();
  if (event.code === "Space") {
    if (down && !event.repeat) stop();
  } else if (DRIVE_KEYS.has(event.code) && !(other && down)) {
    hold(event.code, down);
  } else {
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
}

function hold(code, down) {
  const before = held.has(code);
  if (down) held.add(code);
  else held.delete(code);
  if (before === down) return;
  document.querySelector(`[data-key=${code}]`).classList.toggle("held", down);
  hands();
}

function release() {
  for (const code of [...held]) hold(code, false);
}

function listen(target) {
  for (const kind of ["keydown", "keyup"]) target.addEventListener(kind, onKey, true);
  // Whoever looks elsewhere holds nothing; but the scene is part of this page.
  target.addEventListener("blur", () => setTimeout(() => document.hasFocus() || release(), 0));
}

// Gamepad: the browser's standard layout; buttons as on the vendor's remote control

const BUTTONS = { 0: "walk", 8: "stop", 9: "start" };
let padName = "", padDown = new Set(Object.keys(BUTTONS));

function readGamepad() {
  const pad = [...navigator.getGamepads()].find((one) => one && one.mapping === "standard");
  if ((pad ? pad.id : "") !== padName) {
    padName = pad ? pad.id : "";
    // What is down when a gamepad comes was not pressed. Whose gamepad goes does not steer any more.
    padDown = new Set(Object.keys(BUTTONS));
    $("gamepad").textContent = pad
      ? `${pad.id.split("(")[0]}: left stick walks, right stick turns; start, A, select stops`
      : "The gamepad is gone.";
    if (!pad && status && MOVING.includes(status.state)) tell({ ask: "stop" });
  }
  if (!pad || document.hidden) return [0, 0, 0];
  for (const [number, word] of Object.entries(BUTTONS)) {
    const down = pad.buttons[number] && pad.buttons[number].pressed;
    if (down && !padDown.has(number)) tell({ ask: word });
    if (down) padDown.add(number);
    else padDown.delete(number);
  }
  return [-pad.axes[1], -pad.axes[0], -pad.axes[2]];
}

// Sliders

function slide(input, value) {
  input.value = value;
  label(input);
}

function label(input) {
  const unit = input.dataset.unit ? ` ${input.dataset.unit}` : "";
  input.parentElement.querySelector("output").textContent = `${Number(input.value)}${unit}`;
}

// From the cockpit

function text(id, value) {
  if ($(id).textContent !== value) $(id).textContent = value;
}

function show(news) {
  const other = !status || status.robot !== news.robot || status.run !== news.run;
  status = news;
  if (other) begin(news);
  const mine = news.pilot === me, moving = MOVING.includes(news.state);
  const [name, why] = STATES[news.state];
  $("state").dataset.state = news.state;
  text("state-name", name);
  text("state-why", news.failure || (news.state === "damping" ? WORDS[news.why] || news.why : why));
  text("what", `${news.robot}, ${news.simulated ? "simulated" : "over DDS"}`);
  $("what").title = `${news.policy}\ngate: ${news.gate}`;
  showFacts(news);
  showBars(news);
  $("seat").hidden = mine || news.pilot === null;
  $("start").disabled = !mine || news.state !== "zero_torque";
  $("walk").disabled = !mine || news.state !== "hold";
  $("go").disabled = !mine || !["zero_torque", "hold"].includes(news.state);
  $("leave").hidden = news.simulated || news.state !== "damping";
  for (const one of document.querySelectorAll("#world button, #world input, #reset, #choose")) {
    one.disabled = !mine;
  }
  if (!moving) release();
  const notes = news.notes.slice().reverse();
  if ($("notes").dataset.shown !== notes.join("\n")) {
    $("notes").dataset.shown = notes.join("\n");
    $("notes").replaceChildren(...notes.map((note) => element("li", note)));
  }
  if ($("follow") !== document.activeElement) $("follow").checked = news.follow;
  if (news.said[0] !== said) toast(news.said[1]);
  said = news.said[0];
}

function showFacts(news) {
  if (news.time_s === undefined) return;
  const [x, y] = news.velocity;
  text("fact-speed", x === null ? "not measured" : `${Math.hypot(x, y).toFixed(2)} m/s`);
  text("fact-tilt", `${news.tilt_deg.toFixed(0)}°`);
  text("fact-hot", `${news.hottest.toFixed(0)} °C`);
  text("fact-pace", `${Math.min(100, Math.round(100 * news.speed))} %`);
}

function showBars(news) {
  if (!news.torque) return;
  const bars = $("bars").children;
  news.torque.forEach((torque, joint) => {
    const share = Math.round((100 * torque) / news.limits[joint]);
    bars[joint].classList.toggle("near", share >= 90);
    bars[joint].querySelector("i").style.height = `${Math.min(share, 100)}%`;
    bars[joint].querySelector("b").textContent = share;
  });
}

function begin(news) {
  // Another run, maybe of another robot.
  document.body.classList.toggle("real", !news.simulated);
  for (const one of document.querySelectorAll(".sim")) one.hidden = !news.simulated;
  AXES.forEach((axis, at) => {
    [$(axis).min, $(axis).max] = news.ranges[at];
    slide($(axis), 0);
  });
  showConditions(news.conditions);
  $("bars").replaceChildren(...news.joints.map((joint) => {
    const bar = element("div", "", "bar"), tube = element("div", "", "tube");
    tube.append(element("i"), element("b", "0"));
    bar.append(tube, element("span", joint.replace(/_joint$/, "").replaceAll("_", " ")));
    bar.title = joint;
    return bar;
  }));
  if (!news.simulated) return;
  $("robot").replaceChildren(...Object.keys(news.choices).map((name) => element("option", name)));
  $("robot").value = news.robot;
  offerPolicies();
}

function showConditions(values) {
  for (const [name, value] of Object.entries(values)) {
    slide($(name), value / Number($(name).dataset.scale || 1));
  }
}

function offerPolicies() {
  const names = status.choices[$("robot").value];
  $("policy").replaceChildren(...names.map((name) => element("option", name)));
  $("choose").disabled = names.length === 0;
}

function element(tag, content = "", kind = "") {
  const made = document.createElement(tag);
  made.textContent = content;
  made.className = kind;
  return made;
}

function toast(message) {
  $("toast").textContent = message;
  $("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => ($("toast").hidden = true), 8000);
}

// Connection

function connect() {
  const opened = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/drive`);
  opened.onmessage = (event) => {
    const news = JSON.parse(event.data);
    heard = performance.now();
    $("lost").hidden = true;
    if (news.you !== undefined) me = news.you;
    else if (news.say !== undefined) toast(news.say);
    else show(news);
  };
  opened.onclose = () => {
    $("lost").hidden = false;
    release();
    stand();
    setTimeout(connect, 1000);
  };
  socket = opened;
}

// Wiring

listen(window);
$("scene").addEventListener("load", () => {
  listen($("scene").contentWindow);
  window.focus();
});
document.addEventListener("visibilitychange", () => document.hidden && release());
for (const key of document.querySelectorAll("kbd")) {
  key.addEventListener("pointerdown", (event) => {
    key.setPointerCapture(event.pointerId);
    hold(key.dataset.key, true);
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
    key.addEventListener(kind, () => hold(key.dataset.key, false));
  }
}
for (const input of document.querySelectorAll(".slider input")) {
  label(input);
  input.addEventListener("input", () => label(input));
}
for (const input of document.querySelectorAll("[data-condition]")) {
  input.addEventListener("input", () => {
    tell({ set: [input.id, Number(input.value) * Number(input.dataset.scale || 1)] });
  });
}
for (const button of document.querySelectorAll("#push button")) {
  button.addEventListener("click", () => {
    tell({ push: [Number($("push-speed").value), Number(button.dataset.deg)] });
  });
}
for (const word of ["go", "start", "walk", "leave"]) {
  $(word).addEventListener("click", () => tell({ ask: word }));
}
$("stop").addEventListener("pointerdown", stop);
$("stop").addEventListener("click", stop);
$("stand").addEventListener("click", stand);
$("take").addEventListener("click", () => tell({ take: true }));
$("follow").addEventListener("change", () => {
  tell({ follow: $("follow").checked });
  $("follow").blur();
});
$("clear").addEventListener("click", () => {
  tell({ clear: true });
  showConditions(status.nominal);
});
$("robot").addEventListener("change", offerPolicies);
$("choose").addEventListener("click", () => tell({ choose: [$("robot").value, $("policy").value] }));
$("reset").addEventListener("click", () => tell({ again: true }));

const ticker = new Worker("/ticker.js");
ticker.onmessage = () => {
  hands();
  if (heard && performance.now() - heard > 3000) $("lost").hidden = false;
};
connect();
