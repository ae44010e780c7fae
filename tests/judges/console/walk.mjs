// Walks through the console in a real browser, as people do, and judges every page with axe-core. Reads from the
// environment where the console is and with which key to sign in; prints one line of JSON for each fact, fails on the first
// that is not as it should be. What people do is in `jobs`, a file for each part of the console: its `job` does it, its
// `pages` are looked at by everyone.
import { strict as assert } from "node:assert";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { byKeyboard, inForcedColours, menu, narrow, skips } from "./everyone.mjs";
import { launch, link, person, prefer, say, signIn, SITE } from "./browser.mjs";

const { CONSOLE_URL, KEY, SHOTS } = process.env;
const require = createRequire(import.meta.url);
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
const HEAVIEST_PAGE = 100_000;
const browser = await launch();
say({ browser: browser.version() });

// ---- Signing in: what is asked for is where one ends up; the cookie is the kind that no other site can plant.
const people = await person(browser);
const broken = [];
const open = async () => {
  const opened = await people.newPage();
  opened.on("pageerror", (error) => broken.push(String(error)));
  opened.on("console", (message) => message.type() === "error" && !/status of 4\d\d/.test(message.text()) && broken.push(message.text()));
  return opened;
};
let page = await open();
/** A browser's tab dies of hundreds of pages that are looked at closely, so there is a new one now and then. */
const anew = async (viewport) => {
  await page.close();
  page = await open();
  await page.setViewportSize(viewport);
};
await page.goto(link("/integrations"));
assert.match(page.url(), /sign-in\?next=%2Fconsole%2Fintegrations$/);
await page.fill("#key", "tk_live_not-a-key");
await page.click("form:has(#key) button");
assert.equal(await page.locator("[role=alert]").count(), 1, "a wrong key is told");
await page.goto(link("/integrations"));
await page.fill("#key", KEY);
await page.click("form:has(#key) button");
await page.waitForURL(link("/integrations"));
const cookie = (await people.cookies(SITE)).find((one) => one.name === "__Host-session");
assert.ok(cookie && cookie.httpOnly && cookie.secure && cookie.sameSite === "Lax" && cookie.path === "/", "the session's cookie");
say({ signed_in: true });

// ---- What people do. ONLY names some of the jobs, for whoever works on one.
const only = process.env.ONLY?.split(",");
const names = (await readdir(new URL("./jobs", import.meta.url))).sort();
const jobs = [];
for (const name of names) {
  if (!only || only.includes(name.replace(".mjs", ""))) jobs.push(await import(`./jobs/${name}`));
}
const at = { browser, people, page, say };
for (const { job } of jobs) await job?.(at);

// ---- Every page, in both languages and both themes, on a desk and on a phone.
const pages = [];
for (const { pages: all } of jobs) pages.push(...(await all(at)).filter(([, path]) => path !== undefined));
if (SHOTS) await mkdir(SHOTS, { recursive: true });
const violations = [];
let heaviest = 0;
for (const language of ["en", "ar"]) {
  for (const theme of ["light", "dark"]) {
    for (const [device, viewport] of [["desk", { width: 1280, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
      // Colours do not depend on the width.
      if (device === "phone" && theme === "dark") continue;
      await prefer(people, { language, theme, digits: language === "ar" && theme === "dark" ? "indic" : "latin" });
      await anew(viewport);
      const visit = async (at, name, path) => {
        const answer = await at.goto(link(path));
        assert.notEqual(answer.status(), 429, `${path} comes too soon after the others`);
        const weight = (await answer.body()).length;
        heaviest = Math.max(heaviest, weight);
        assert.ok(weight <= HEAVIEST_PAGE, `${path} has ${weight} bytes`);
        assert.equal(await at.getAttribute("html", "dir"), language === "ar" ? "rtl" : "ltr");
        const wide = await at.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${name} ${language} ${device} is ${wide} px too wide`);
        if (SHOTS) await at.screenshot({ path: `${SHOTS}/${name}-${language}-${theme}-${device}.png`, fullPage: true });
        // CDP, because the page's own policy lets no foreign script in.
        const results = await at.evaluate(`(async () => { ${axe}; return await axe.run(document, { resultTypes: ["violations"] }); })()`);
        for (const one of results.violations) {
          violations.push({ page: name, language, theme, device, rule: one.id, nodes: one.nodes.slice(0, 3).map((node) => [node.html.slice(0, 160), node.failureSummary]) });
        }
      };
      for (const [name, path] of pages) await visit(page, name, path);
      const guest = await person(browser, { viewport });
      await prefer(guest, { language, theme });
      const door = await guest.newPage();
      await visit(door, "sign-in", "/sign-in");
      await guest.close();
    }
  }
}
say({ pages: pages.length + 1, heaviest_bytes: heaviest });
for (const violation of violations.slice(0, 12)) say(violation);
assert.equal(violations.length, 0, "axe-core finds violations");
say({ axe: "no violation" });

// ---- Every page by keyboard alone, as narrow as 1280 px at 400 %, and in the device's colours.
for (const language of ["en", "ar"]) {
  await anew({ width: 1280, height: 900 });
  await prefer(people, { language });
  let stops = 0;
  for (const [name, path] of pages) {
    await page.goto(link(path));
    await narrow(page, `${name} ${language}`);
    // What is reached does not depend on the language.
    if (language !== "en") continue;
    if (await page.locator(".skip").count()) await skips(page, name);
    stops += (await byKeyboard(page, name)).count;
    await inForcedColours(page, name);
  }
  await page.goto(link(""));
  await menu(page);
  if (stops) say({ by_keyboard: stops });
}
say({ narrow: "nothing is too wide at 320 px" });

// ---- A form by keyboard alone: a new key, from the link in the navigation to its secret.
await prefer(people, {});
await page.goto(link("/keys"));
const tabTo = async (selector) => {
  for (let step = 0; step < 200; step += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not lead to ${selector}`);
};
await tabTo("main a[href$='/keys/new']");
await page.keyboard.press("Enter");
await page.waitForURL(/keys\/new$/);
await tabTo("#name");
await page.keyboard.type("By keyboard");
await tabTo("input[value='campaigns:read']");
await page.keyboard.press("Space");
await page.keyboard.press("Enter");
await page.locator("#secret").waitFor();
say({ form_by_keyboard: "a key" });

// ---- After a form one is where one was, and what came of it can be put away.
await page.goto(link("/integrations"));
await tabTo("tbody form[action$='/test'] button");
await page.keyboard.press("Enter");
await page.locator(".toast .close").waitFor();
assert.ok(await page.evaluate(() => document.activeElement.matches("tbody form[action$='/test'] button")), "the focus is kept");
await page.click(".toast .close");
assert.equal(await page.locator(".toast").count(), 0, "put away");
say({ focus: "kept" });

// ---- Without JavaScript.
const plain = await person(browser, { javaScriptEnabled: false });
await prefer(plain, { language: "ar" });
const quiet = await plain.newPage();
await quiet.goto(link("/sign-in"));
await quiet.fill("#key", KEY);
await quiet.click("form:has(#key) button");
if (await quiet.locator("form[data-test-all]").count()) {
  await quiet.click("form[data-test-all] button");
  assert.equal(await quiet.locator(".toast").count(), 1, "tested without a script");
}
await quiet.selectOption("select[name=language]", "en");
await quiet.click(".preferences button");
assert.equal(await quiet.getAttribute("html", "lang"), "en");
say({ without_javascript: true });

// ---- Attacks: a frame, a foreign form, a planted session, a redirect.
const attacker = await people.newPage();
await attacker.route("https://evil.example/**", (route) => route.fulfill({
  contentType: "text/html",
  body: `<iframe src="${CONSOLE_URL}"></iframe><form method=post action="${link("/sign-out-everywhere")}"><input name=csrf value=x><button>go</button></form>`,
}));
await attacker.goto("https://evil.example/");
await attacker.waitForLoadState("load");
const framed = attacker.frames()[1];
assert.ok(!framed || !(await framed.content().catch(() => "")).includes("Trunkline"), "no frame shows the console");
await attacker.close();
const foreign = await people.request.post(link("/sign-out-everywhere"), { form: { csrf: "x" }, headers: { origin: "https://evil.example" } });
assert.equal(foreign.status(), 403);
await prefer(people, {});
await page.goto(link("/account"));
assert.equal(await page.locator("h1").innerText(), "Your account", "still signed in");
const fixed = await person(browser);
const planted = "A".repeat(43);
await fixed.addCookies([{ name: "__Host-session", value: planted, url: SITE, secure: true, httpOnly: true }]);
const victim = await fixed.newPage();
await signIn(victim);
const own = (await fixed.cookies(SITE)).find((one) => one.name === "__Host-session");
assert.notEqual(own.value, planted, "the id is new at each sign-in");
await victim.goto(link("/sign-in?next=https://evil.example/"));
await victim.fill("#key", KEY);
await victim.click("form:has(#key) button");
await victim.waitForURL(link(""));
say({ attacks: "refused" });

// ---- Signing out everywhere ends the others' sessions too.
await page.goto(link("/account"));
await page.click("form[action$='/sign-out-everywhere'] button");
assert.match(page.url(), /sign-in$/);
await victim.goto(link("/account"));
assert.match(victim.url(), /sign-in/);
assert.deepEqual(broken, [], "nothing is refused by the policy and no script fails");
say({ signed_out: "everywhere" });
await browser.close();
