// Everything works without this. It shows times where the viewer is, keeps the place of whoever pressed a button, says what
// came of it aloud, tests all with progress, keeps totals fresh.
(() => {
  "use strict";
  const root = document.documentElement;
  const locale = root.lang + (root.lang === "ar" ? "-u-nu-" + (root.dataset.digits || "latn") : "");
  const whole = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" });
  const short = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  // Below charts, a time is told as finely as it is drawn.
  const AS = {
    clock: new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" }),
    moment: short,
    day: new Intl.DateTimeFormat(locale, { month: "short", day: "numeric" }),
  };
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const SPANS = [["second", 60], ["minute", 60], ["hour", 24]];

  // Within a day, how long ago; before that, when.
  const told = (moment) => {
    let span = (moment - Date.now()) / 1000;
    for (const [unit, next] of SPANS) {
      if (Math.abs(span) < next) return relative.format(Math.round(span), unit);
      span /= next;
    }
    return short.format(moment);
  };
  const tell = (within) => {
    for (const time of within.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (isNaN(moment)) continue;
      time.removeAttribute("dir");
      time.title = whole.format(moment);
      const text = time.dataset.as ? AS[time.dataset.as].format(moment) : told(moment);
      if (time.textContent !== text) time.textContent = text;
    }
  };
  tell(document);
  setInterval(() => document.hidden || tell(document), 30000);

  // The menu is a drawer on a phone, and always open where there is room.
  const menu = document.querySelector(".menu");
  if (menu) {
    const roomy = matchMedia("(min-width: 60rem)");
    const fit = () => { menu.open = roomy.matches; };
    roomy.addEventListener("change", fit);
    fit();
    // Escape closes it and leaves one where it was opened.
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || roomy.matches || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }

  // What a page tells when it comes is told to those who hear it, too, and can be put away.
  const toasts = document.querySelector(".toasts");
  const tellAloud = (toast) => {
    if (!toast) return;
    const close = Object.assign(document.createElement("button"), { type: "button", className: "close", textContent: "×" });
    close.setAttribute("aria-label", toasts.dataset.close);
    close.addEventListener("click", () => {
      toast.remove();
      document.getElementById("main").focus();
    });
    toast.append(close);
    requestAnimationFrame(() => toasts.replaceChildren(toast));
  };
  tellAloud(toasts?.firstElementChild);

  // After a form, one is where one was: on the same button of the same page, if it is still there.
  const PLACE = "place";
  const placeOf = (form, button) => `${form.getAttribute("action") ?? ""}#${button?.name ?? ""}=${button?.value ?? ""}`;
  const toBeSeen = document.querySelector("[data-focus]");
  const place = JSON.parse(sessionStorage.getItem(PLACE) || "null");
  sessionStorage.removeItem(PLACE);
  if (toBeSeen) toBeSeen.focus();
  else if (place && place.path === location.pathname && Date.now() - place.at < 60000) {
    scrollTo(0, place.y);
    const buttons = Array.from(document.querySelectorAll("form[method=post] button:not([type=button])"));
    const same = buttons.filter((button) => placeOf(button.form, button) === place.key);
    (same.length === 1 ? same[0] : document.getElementById("main"))?.focus({ preventScroll: true });
  }
  for (const field of document.querySelectorAll("[data-select]")) field.addEventListener("focus", () => field.select());
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
      button.textContent = button.dataset.done;
    });
  }

  // What was pressed once is not pressed twice.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    const form = event.target;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    event.submitter?.setAttribute("aria-busy", "true");
    const kept = { path: location.pathname, y: scrollY, at: Date.now(), key: placeOf(form, event.submitter) };
    sessionStorage.setItem(PLACE, JSON.stringify(kept));
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
    for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
  });

  // What goes on in parts goes on by itself.
  document.querySelector("form[data-continue]")?.requestSubmit();

  const parsed = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return holder.content.firstElementChild;
  };
  const testAll = document.querySelector("form[data-test-all]");
  testAll?.addEventListener("submit", async (event) => {
    const rows = [...document.querySelectorAll("tr[data-test]")];
    if (!rows.length) return;
    event.preventDefault();
    const progress = testAll.querySelector("progress");
    const button = testAll.querySelector("button");
    const body = new URLSearchParams(new FormData(testAll));
    // Not disabled, so that whoever pressed it stays on it.
    if (button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    progress.classList.remove("hidden");
    progress.max = rows.length;
    progress.value = 0;
    const one = async (row) => {
      row.classList.add("busy");
      try {
        const answer = await fetch(row.dataset.test, { method: "POST", body, headers: { "x-part": "row" } });
        if (answer.ok && !answer.redirected) {
          const fresh = parsed(await answer.text());
          tell(fresh);
          row.replaceWith(fresh);
        }
      } finally {
        row.classList.remove("busy");
        progress.value += 1;
      }
    };
    const queue = rows.slice();
    const worker = async () => { for (let row; (row = queue.shift()); ) await one(row).catch(() => {}); };
    await Promise.all([worker(), worker(), worker()]);
    button.removeAttribute("aria-busy");
    const toast = document.createElement("div");
    toast.className = "toast good";
    toast.append(Object.assign(document.createElement("p"), { textContent: testAll.dataset.done }));
    tellAloud(toast);
  });

  // What is done in parts goes on by itself.
  document.querySelector("form[data-go-on]")?.requestSubmit();

  // Totals that still change are asked for anew.
  const live = document.querySelector("[data-live]:not([data-live-until])");
  if (live) {
    const look = async () => {
      if (document.hidden) return setTimeout(look, 5000);
      const answer = await fetch(live.dataset.live);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live]");
      if (!fresh || answer.redirected) return;
      // Nobody is thrown off what they are on.
      if (live.contains(document.activeElement)) return setTimeout(look, 5000);
      tell(fresh);
      live.replaceChildren(...fresh.childNodes);
      if (!fresh.hasAttribute("data-live-until")) setTimeout(look, 5000);
    };
    setTimeout(look, 5000);
  }

  // The log as it happens: what is new is asked for every few seconds, unless nobody looks or somebody paused it. How many
  // came is said now and then, not each time.
  const tail = document.querySelector("[data-tail]");
  if (tail) {
    const said = document.querySelector("[data-tail-said]");
    const pause = document.querySelector("[data-tail-pause]");
    const seen = new Set(Array.from(tail.rows, (row) => row.dataset.entry));
    const count = new Intl.NumberFormat(locale);
    let [paused, came, saidAt] = [false, 0, 0];
    const say = () => (said.textContent = paused ? said.dataset.off : said.dataset.on);
    pause.hidden = false;
    pause.addEventListener("click", () => {
      paused = !paused;
      [pause.textContent, pause.dataset.tailPause] = [pause.dataset.tailPause, pause.textContent];
      say();
    });
    say();
    const look = async () => {
      if (paused || document.hidden) return true;
      const answer = await fetch(tail.dataset.tail, { headers: { "x-part": "rows" } });
      // The session is over: what is there stays.
      if (answer.redirected) return false;
      if (!answer.ok) return true;
      const rows = Array.from(parsed(await answer.text()).rows).filter((row) => !seen.has(row.dataset.entry));
      if (rows.length && !paused) {
        for (const row of rows) {
          seen.add(row.dataset.entry);
          tell(row);
        }
        tail.closest("table").hidden = false;
        document.querySelector("[data-tail-empty]")?.remove();
        tail.prepend(...rows);
        for (const old of Array.from(tail.rows).slice(200)) old.remove();
      }
      came += rows.length;
      if (came && Date.now() - saidAt > 15000) {
        said.textContent = `${said.dataset.new} ${count.format(came)}`;
        [came, saidAt] = [0, Date.now()];
      }
      return true;
    };
    const go = async () => { if (await look().catch(() => true)) setTimeout(go, 4000); };
    setTimeout(go, 4000);
  }

  // A long log comes in parts; here they become one file.
  const wholeLog = document.querySelector("[data-whole]");
  if (wholeLog) {
    const said = document.querySelector("[data-whole-said]");
    wholeLog.hidden = false;
    wholeLog.addEventListener("click", async () => {
      wholeLog.disabled = true;
      const { whole, rows, done, cut, failed } = wholeLog.dataset;
      try {
        let [lines, next] = [[], whole];
        while (next && lines.length <= rows) {
          const answer = await fetch(next);
          if (!answer.ok || answer.redirected) throw new Error(answer.status);
          const part = (await answer.text()).split("\r\n").filter(Boolean);
          lines = lines.concat(lines.length ? part.slice(1) : part);
          next = /<([^>]+)>/.exec(answer.headers.get("link") || "")?.[1];
        }
        const all = !next && lines.length - 1 <= rows;
        const file = new Blob(["\ufeff", lines.slice(0, +rows + 1).join("\r\n"), "\r\n"], { type: "text/csv" });
        const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "logs.csv" });
        link.click();
        said.textContent = all ? done : cut;
      } catch {
        said.textContent = failed;
      }
      wholeLog.disabled = false;
    });
  }
})();
