// May a campaign go? First not, with the reasons; then it may.
import { strict as assert } from "node:assert";
import { link } from "../browser.mjs";

const verdict = (page, check) => page.locator(`tr[data-check=${check}] .badge`).innerText();

export const job = async ({ page, say }) => {
  await page.goto(link("/campaigns"));
  await page.click("a[href$='/preflight']");
  await page.fill("#campaign_id", "summer-2026");
  await page.fill("#recipients", "u1, sara@example.com, ar, name=Sara\nu2");
  await page.click("main form button[type=submit]");
  assert.match(await page.locator("#recipients-error").innerText(), /line 2/);
  await page.fill("#recipients", "u1, sara@example.com, ar, name=Sara\nu2, bo@example.com, en, name=Bo");
  await page.selectOption("#template-id", "trunkline.email.invitation");
  await page.click("main form button[type=submit]");
  assert.equal(await page.locator("tr[data-check]").count(), 9, "every check is told");
  assert.equal(await verdict(page, "template"), "Failed");
  assert.match(await page.locator("tr[data-check=template]").innerText(), /What to do:/);
  assert.equal(await page.inputValue("#campaign_id"), "summer-2026", "what was entered is kept");
  await page.fill("#template-variables", "campaign=Phishing basics\nlink=https://example.com/start");
  await page.click("main form button[type=submit]");
  assert.equal(await verdict(page, "template"), "Passed");
  assert.equal(await verdict(page, "recipients"), "Passed");
  await page.check("[name=sandbox]");
  await page.click("main form button[type=submit]");
  assert.equal(await verdict(page, "sandbox"), "Failed", "there are no test recipients yet");
  assert.equal(await page.locator("tr[data-check=sandbox] a[href$='/settings']").count(), 1, "and here is where to add them");
  say({ preflight: "asked" });
};

export const pages = async () => [["preflight", "/preflight"]];
