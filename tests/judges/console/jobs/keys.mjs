// API keys: made, changed, regenerated, suspended, activated, revoked. A secret is shown once.
import { strict as assert } from "node:assert";
import { found, link } from "../browser.mjs";

const submit = (page) => page.click("main form.form button[type=submit]");

export const job = async ({ page, say }) => {
  await page.goto(link("/keys/new"));
  await page.fill("#name", "<i>From the console</i>");
  await submit(page);
  assert.match(await page.locator("#scopes-error").innerText(), /at least one/);
  await page.check("input[value='campaigns:read']");
  await page.selectOption("#tier", "standard");
  await page.fill("#allow", "203.0.113.0/24");
  await submit(page);
  const secret = await page.inputValue("#secret");
  assert.match(secret, /^tk_live_/);
  await page.click("main a.button");
  assert.ok(!(await page.content()).includes(secret), "never again");

  await page.locator("tbody th a", { hasText: "<i>From the console</i>" }).last().click();
  const key = page.url();
  assert.match(await page.locator(".facts").last().innerText(), /300 a minute, 10,000 an hour, 50 at once[^]*203\.0\.113\.0\/24/);
  assert.match(await page.locator("section[aria-labelledby=may]").innerText(), /Read campaigns and deliveries/);
  await page.click("a[href$='/edit']");
  await page.check("input[value='hooks:*']");
  await page.fill("#expires_at", "2030-01-31");
  await page.selectOption("#tier", "premium");
  await submit(page);
  assert.match(await page.locator(".toast").innerText(), /saved/);
  assert.match(await page.locator("section[aria-labelledby=may]").innerText(), /hooks:\*/);
  assert.match(await page.locator(".facts").last().innerText(), /Premium/);

  await page.click("a[href$='/regenerate']");
  await page.fill("#grace_hours", "2");
  await submit(page);
  const second = await page.inputValue("#secret");
  assert.ok(second !== secret && second.startsWith(secret.slice(0, 17)), "the same key with another secret");
  await page.click("main a.button");
  assert.match(await page.locator(".facts").last().innerText(), /The secret before works until/);
  for (const path of ["", "/edit", "/regenerate", "/revoke"]) {
    await page.goto(key + path);
    for (const one of [secret, second]) assert.ok(!(await page.content()).includes(one), `${path} shows no secret`);
  }

  await page.goto(key);
  await page.click("form[action$='/suspend'] button");
  assert.match(await page.locator(".head .badge").innerText(), /Suspended/);
  await page.click("form[action$='/activate'] button");
  assert.match(await page.locator(".head .badge").innerText(), /Active/);
  await page.click("a[href$='/revoke']");
  await page.click("main form button.danger");
  assert.match(await page.locator(".toast").innerText(), /Revoked/);
  say({ key: "made, changed, regenerated, suspended, activated, revoked" });
};

export const pages = async ({ page }) => {
  const key = await found(page, "/keys", "tbody th a");
  const of = (end) => key && key + end;
  return [["keys", "/keys"], ["new-key", "/keys/new"], ["key", key], ["key-edit", of("/edit")], ["key-regenerate", of("/regenerate")], ["key-revoke", of("/revoke")]];
};
