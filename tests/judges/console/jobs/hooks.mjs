// Inbound webhooks: made, called as GitHub calls, what came and what was turned away looked at, replayed, rotated, switched off
// and on, deleted.
import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import { found, link } from "../browser.mjs";

const NAME = "<b>Repository</b>";

/** Calls a hook as GitHub does. */
const call = (url, secret, event, body) => {
  const signature = "sha256=" + createHmac("sha256", secret).update(body).digest("hex");
  const headers = { "content-type": "application/json", "x-github-event": event, "x-github-delivery": "72d3162e-console", "x-hub-signature-256": signature };
  return fetch(url, { method: "POST", headers, body });
};

/** Loads the page until it shows this, for what is written a moment later. */
const until = async (page, selector) => {
  for (let tries = 0; tries < 20 && !(await page.locator(selector).count()); tries += 1) {
    await page.waitForTimeout(500);
    await page.reload();
  }
  assert.ok(await page.locator(selector).count(), `${selector} never came`);
};

const submit = (page) => page.click("main form.form button[type=submit]");

export const job = async ({ page, say }) => {
  await page.goto(link("/hooks"));
  await page.click("a[href$='/hooks/new']");
  await page.click("a[href$='/hooks/new/github']");
  await page.fill("#name", NAME);
  await submit(page);
  const [secret, url] = [await page.inputValue("#secret"), await page.inputValue("#url")];
  assert.match(secret, /^[0-9a-f]{64}$/);
  await page.click("main a.button");
  const hook = page.url();
  assert.equal(await page.locator("h1").innerText(), NAME, "a name is text");
  assert.equal(await page.inputValue("#url"), url);
  assert.ok(!(await page.content()).includes(secret), "never again");

  const sent = JSON.stringify({ action: "opened", issue: { title: "<img src=x onerror=alert(1)>" } });
  assert.equal((await call(url, secret, "issues", sent)).status, 200);
  await until(page, "section[aria-labelledby=received] tbody a");
  await page.click("section[aria-labelledby=received] tbody a");
  assert.equal(await page.locator("h1").innerText(), "issues.opened");
  assert.match(await page.locator("pre").innerText(), /<img src=x onerror/, "a body is text");
  assert.ok(!(await page.content()).includes(createHmac("sha256", secret).update(sent).digest("hex")), "no signature is kept");
  for (const number of [1, 2]) {
    await page.click("form[action$='/replay'] button");
    assert.match(await page.locator(".toast").innerText(), new RegExp(`replay number ${number}`));
  }
  await page.goto(hook + "/events?event=issues.*&since=2020-01-01T00:00");
  assert.equal(await page.locator("tbody tr").count(), 1);
  await page.goto(hook + "/events?until=2020-01-01T00:00");
  assert.equal(await page.locator("tbody tr").count(), 0);

  assert.equal((await call(url, "another secret", "push", "{}")).status, 401);
  await page.goto(hook);
  await until(page, "section[aria-labelledby=refused] .alert");
  assert.match(await page.locator("section[aria-labelledby=refused] .alert").innerText(), /signature_mismatch[^]*What to do/);
  await page.goto(hook + "/rejections");
  await page.selectOption("#cause", "signature_mismatch");
  await page.click("form.search button");
  assert.match(await page.locator("tbody tr").first().innerText(), /same secret here and at the provider/);

  await page.goto(hook + "/edit");
  await page.fill("#events", "push\nissues.*");
  await submit(page);
  assert.match(await page.locator(".toast").innerText(), /saved/);
  await page.click("a[href$='/rotate']");
  await page.fill("#grace_hours", "999");
  await page.evaluate(() => document.querySelector("main form.form").setAttribute("novalidate", ""));
  await submit(page);
  assert.match(await page.locator("#grace_hours-error").innerText(), /168/);
  await page.fill("#grace_hours", "24");
  await submit(page);
  const second = await page.inputValue("#secret");
  assert.ok(second !== secret && /^[0-9a-f]{64}$/.test(second));
  await page.click("main a.button");
  assert.match(await page.locator(".facts").last().innerText(), /The secret before is valid until/);
  assert.equal((await call(url, secret, "push", '{"ref":"main"}')).status, 200, "both secrets are valid");
  await page.reload();
  for (const one of [secret, second]) assert.ok(!(await page.content()).includes(one), "never again");
  await page.click("form[action$='/disable'] button");
  assert.match(await page.locator(".head .badge").innerText(), /Disabled/);
  await page.click("form[action$='/enable'] button");
  assert.match(await page.locator(".head .badge").innerText(), /Enabled/);
  say({ hook: "made, called, replayed, turned away, rotated, switched off and on" });

  await page.goto(link("/hooks/new/hmac"));
  await page.fill("#name", "To be deleted");
  await page.fill("[name='hmac.template']", "{timestamp}.{body}");
  await submit(page);
  assert.match(await page.locator("#hmac-timestamp_header-error").innerText(), /belongs together/);
  await page.fill("[name='hmac.timestamp_header']", "X-Acme-Time");
  await submit(page);
  await page.click("main a.button");
  await page.click("a[href$='/delete']");
  await page.click("main form button.danger");
  assert.match(await page.locator(".toast").innerText(), /Deleted/);
  assert.equal(await page.getByText("To be deleted").count(), 0);
  say({ hook: "deleted" });
};

export const pages = async ({ page }) => {
  const hook = await found(page, "/hooks", `tbody th a:has-text("Repository")`);
  const event = hook && (await found(page, hook + "/events", "tbody th a"));
  const of = (end) => hook && hook + end;
  return [
    ["hooks", "/hooks"], ["hook-choose", "/hooks/new"], ["hook-github-form", "/hooks/new/github"], ["hook-hmac-form", "/hooks/new/hmac"],
    ["hook-twilio-form", "/hooks/new/twilio"], ["hook", hook], ["hook-edit", of("/edit")], ["hook-rotate", of("/rotate")],
    ["hook-delete", of("/delete")], ["hook-events", of("/events")], ["hook-no-events", of("/events?event=none")], ["hook-event", event],
    ["hook-rejections", of("/rejections")],
  ];
};
