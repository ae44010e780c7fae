// A key: its secret is shown once.
import { strict as assert } from "node:assert";
import { link } from "../browser.mjs";

export const job = async ({ page, say }) => {
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
};

export const pages = async () => [["keys", "/keys"], ["new-key", "/keys/new"]];
