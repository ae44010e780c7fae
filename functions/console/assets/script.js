// Everything works without this. It shows times where the viewer is, tests all with progress, keeps totals fresh.
(() => {
  "use strict";
  const root = document.documentElement;
  const locale = root.lang + (root.lang === "ar" ? "-u-nu-" + (root.dataset.digits || "latn") : "");
  const whole = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" });
  const short = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
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
      time.textContent = told(moment);
    }
  };
  tell(document);
  setInterval(() => document.hidden || tell(document), 30000);

  document.querySelector("[data-focus]")?.focus();
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
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
  });
  addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });

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
    button.disabled = true;
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
    button.disabled = false;
    const toast = document.createElement("div");
    toast.className = "toast good";
    toast.append(Object.assign(document.createElement("p"), { textContent: testAll.dataset.done }));
    document.querySelector(".toasts").replaceChildren(toast);
  });

  // Totals that still change are asked for anew.
  const live = document.querySelector("[data-live]:not([data-live-until])");
  if (live) {
    const look = async () => {
      if (document.hidden) return setTimeout(look, 5000);
      const answer = await fetch(live.dataset.live);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live]");
      if (!fresh || answer.redirected) return;
      live.replaceChildren(...fresh.childNodes);
      if (!fresh.hasAttribute("data-live-until")) setTimeout(look, 5000);
    };
    setTimeout(look, 5000);
  }
})();
