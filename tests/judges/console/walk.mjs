// Walks through the console in a real browser, as people do, and judges every page with axe-core. Reads from the
// environment where the console is and with which key to sign in; prints one line of JSON for each fact, fails on the first
// that is not as it should be. Which browser: CHROMIUM, or that of @sparticuz/chromium, which comes as a package with all that
// it needs (on x86-64), or the machine's own.
import { strict as assert } from "node:assert";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { CONSOLE_URL, KEY, SHOTS, CHROMIUM } = process.env;
const require = createRequire(import.meta.url);
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
const HEAVIEST_PAGE = 100_000;
const say = (fact) => console.log(JSON.stringify(fact));

const launch = async () => {
  const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
  if (CHROMIUM) return chromium.launch({ executablePath: CHROMIUM, args: quiet });
  try {
    // By this it brings its libraries along, as it does on Lambda.
    process.env.AWS_LAMBDA_JS_RUNTIME ??= "nodejs22.x";
    const { default: packed } = await import("@sparticuz/chromium");
    // It comes set up for one page in one process; here contexts come and go.
    const args = packed.args.filter((arg) => arg !== "--single-process" && arg !== "--no-zygote");
    return await chromium.launch({ executablePath: await packed.executablePath(), args: [...args, ...quiet], headless: true });
  } catch (error) {
    console.error(`the packaged browser does not start: ${String(error).split("\n")[0]}`);
  }
  const own = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
  return chromium.launch({ executablePath: own, args: quiet });
};
const browser = await launch();
say({ browser: browser.version() });
const link = (path) => CONSOLE_URL + path;
// Loopback counts as secure, so its pages get the cookies of this address.
const SITE = new URL(CONSOLE_URL).origin.replace("http:", "https:") + "/";
const context = (options = {}) => browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 900 }, ...options });
const prefer = (at, { language = "en", theme = "light", digits = "latin" }) =>
  at.addCookies([{ name: "__Host-preferences", value: `${language}.${theme}.${digits}`, url: SITE, secure: true, httpOnly: true, sameSite: "Lax" }]);
const signIn = async (page) => {
  await page.goto(link("/sign-in"));
  await page.fill("#key", KEY);
  await page.click("main button[type=submit]");
  await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
};

// ---- Signing in: what is asked for is where one ends up; the cookie is the kind that no other site can plant.
const people = await context();
const page = await people.newPage();
const broken = [];
page.on("pageerror", (error) => broken.push(String(error)));
page.on("console", (message) => message.type() === "error" && !/status of 4\d\d/.test(message.text()) && broken.push(message.text()));
await page.goto(link("/integrations"));
assert.match(page.url(), /sign-in\?next=%2Fconsole%2Fintegrations$/);
await page.fill("#key", "tk_live_not-a-key");
await page.click("main button[type=submit]");
assert.equal(await page.locator("[role=alert]").count(), 1, "a wrong key is told");
await page.goto(link("/integrations"));
await page.fill("#key", KEY);
await page.click("main button[type=submit]");
await page.waitForURL(link("/integrations"));
const cookie = (await people.cookies(SITE)).find((one) => one.name === "__Host-session");
assert.ok(cookie && cookie.httpOnly && cookie.secure && cookie.sameSite === "Lax" && cookie.path === "/", "the session's cookie");
say({ signed_in: true });

// ---- An integration: tested, saved, tested again, edited, disabled, enabled, its secrets replaced.
if (process.env.SMTP_HOST) {
  const { SMTP_HOST, SMTP_PORT, SMTP_USER, SMTP_PASSWORD, SMTP_CA } = process.env;
  await page.goto(link("/integrations/new"));
  await page.click("a[href$='/integrations/new/smtp']");
  const fill = async () => {
    await page.fill("#name", "<img src=x onerror=alert(1)> Mail");
    await page.fill("[name='config.host']", SMTP_HOST);
    await page.fill("[name='config.port']", SMTP_PORT);
    await page.fill("[name='config.username']", SMTP_USER);
    await page.fill("[name='config.from_address']", "news@example.com");
    await page.fill("[name='config.ca_certificate']", await readFile(SMTP_CA, "utf8"));
  };
  await fill();
  await page.fill("[name='secrets.password']", "wrong");
  await page.click("button[value='test-and-save']");
  assert.match(await page.locator("[role=alert]").innerText(), /test failed/i);
  assert.equal(await page.inputValue("[name='config.host']"), SMTP_HOST, "what was entered is kept");
  await page.fill("[name='secrets.password']", SMTP_PASSWORD);
  await page.click("button[value='test']");
  assert.match(await page.locator("[role=alert]").innerText(), /Passed/);
  await page.fill("[name='secrets.password']", SMTP_PASSWORD);
  await page.click("button[value='test-and-save']");
  await page.waitForURL(/integrations\/int_/);
  assert.match(await page.locator("h1").innerText(), /<img src=x/, "a name is text, whatever is in it");
  await page.click("form[action$='/test'] button");
  assert.match(await page.locator(".toast").innerText(), /passed/);
  await page.click("form[action$='/disable'] button");
  assert.match(await page.locator(".head .badge").innerText(), /Disabled/);
  await page.click("form[action$='/enable'] button");
  await page.click("a[href$='/edit']");
  await page.fill("[name='limits.per_hour']", "1000");
  await page.click("button[value='test-and-save']");
  assert.match(await page.locator(".toast").innerText(), /saved/);
  await page.click(".actions a[href$='/secrets']");
  await page.fill("[name='secrets.password']", "wrong again");
  await page.click("main form button[type=submit]");
  assert.match(await page.locator("[role=alert]").innerText(), /test failed/i);
  await page.fill("[name='secrets.password']", SMTP_PASSWORD);
  await page.click("main form button[type=submit]");
  assert.match(await page.locator(".toast").innerText(), /work/);
  say({ integration: "made, tested, edited, secrets replaced" });
}

// ---- A key: its secret is shown once.
await page.goto(link("/keys/new"));
await page.fill("#name", "From the console");
await page.check("input[value='campaigns:read']");
await page.click("main form button[type=submit]");
const secret = await page.inputValue("#secret");
assert.match(secret, /^tk_live_/);
await page.click("main a.button");
assert.ok(!(await page.content()).includes(secret), "never again");
await page.locator("tr", { hasText: "From the console" }).last().locator("form[action$='/revoke'] button").click();
assert.match(await page.locator(".toast").innerText(), /Revoked/);
say({ key: "made, revoked" });

// ---- The audit trail is verified; re-test all with its progress.
await page.goto(link("/audit"));
await page.click("form[action$='/audit/verify'] button");
assert.match(await page.locator(".toast").innerText(), /whole/);
await page.goto(link(""));
if (await page.locator("form[data-test-all]").count()) {
  await page.click("form[data-test-all] button");
  await page.waitForSelector(".toasts .toast.good");
}
say({ audit: "whole", tested: "all" });

// ---- Every page, in both languages and both themes, on a desk and on a phone.
const found = async (path, selector) => {
  await page.goto(link(path));
  const first = page.locator(selector).first();
  return (await first.count()) ? new URL(await first.getAttribute("href"), page.url()).href.slice(CONSOLE_URL.length) : undefined;
};
const integration = await found("/integrations", "tbody th a");
const campaign = await found("/campaigns", "tbody th a");
const delivery = campaign && (await found(campaign, "tbody th a"));
const hook = await found("/hooks", "tbody th a");
const pages = [
  ["dashboard", ""], ["integrations", "/integrations"], ["choose", "/integrations/new"], ["smtp-form", "/integrations/new/smtp"],
  ["entra-form", "/integrations/new/entra"], ["m365-form", "/integrations/new/m365"],
  ["integration", integration], ["edit", integration && integration + "/edit"], ["secrets", integration && integration + "/secrets"],
  ["delete", integration && integration + "/delete"], ["campaigns", "/campaigns"], ["campaign", campaign], ["delivery", delivery],
  ["hooks", "/hooks"], ["hook", hook], ["keys", "/keys"], ["new-key", "/keys/new"], ["audit", "/audit"], ["account", "/account"],
  ["nothing", "/no-such-page"], ["nothing-here", "/integrations?q=zzzzzz"],
].filter(([, path]) => path !== undefined);
if (SHOTS) await mkdir(SHOTS, { recursive: true });
const violations = [];
let heaviest = 0;
for (const language of ["en", "ar"]) {
  for (const theme of ["light", "dark"]) {
    for (const [device, viewport] of [["desk", { width: 1280, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
      await prefer(people, { language, theme, digits: language === "ar" && theme === "dark" ? "indic" : "latin" });
      await page.setViewportSize(viewport);
      const visit = async (at, name, path) => {
        const answer = await at.goto(link(path));
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
      const guest = await context({ viewport });
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

// ---- Without JavaScript.
const plain = await context({ javaScriptEnabled: false });
await prefer(plain, { language: "ar" });
const quiet = await plain.newPage();
await quiet.goto(link("/sign-in"));
await quiet.fill("#key", KEY);
await quiet.click("main button[type=submit]");
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
await attacker.waitForTimeout(300);
const framed = attacker.frames()[1];
assert.ok(!framed || !(await framed.content().catch(() => "")).includes("Trunkline"), "no frame shows the console");
await attacker.close();
const foreign = await people.request.post(link("/sign-out-everywhere"), { form: { csrf: "x" }, headers: { origin: "https://evil.example" } });
assert.equal(foreign.status(), 403);
await prefer(people, {});
await page.goto(link("/account"));
assert.equal(await page.locator("h1").innerText(), "Your account", "still signed in");
const fixed = await context();
const planted = "A".repeat(43);
await fixed.addCookies([{ name: "__Host-session", value: planted, url: SITE, secure: true, httpOnly: true }]);
const victim = await fixed.newPage();
await signIn(victim);
const own = (await fixed.cookies(SITE)).find((one) => one.name === "__Host-session");
assert.notEqual(own.value, planted, "the id is new at each sign-in");
await victim.goto(link("/sign-in?next=https://evil.example/"));
await victim.fill("#key", KEY);
await victim.click("main button[type=submit]");
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
