// The audit trail is searched, taken along as a file, and verified.
import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { link } from "../browser.mjs";

export const job = async ({ page, say }) => {
  await page.goto(link("/audit"));
  const newest = Number((await page.locator("tbody th").first().innerText()).replace(",", ""));
  const next = Number((await page.locator("tbody th").nth(1).innerText()).replace(",", ""));
  assert.ok(newest === next + 1, "the newest comes first");
  await page.fill("[name=action]", "console.");
  await page.click("form[role=search] button");
  for (const action of await page.locator("tbody td:nth-child(4) code:first-child").allInnerTexts()) assert.match(action, /^console\./);
  const [file] = await Promise.all([page.waitForEvent("download"), page.click("a[href*='as=csv']")]);
  assert.match(await readFile(await file.path(), "utf8"), /^\ufeffseq,at,principal[\s\S]*"console\.signed_in"/);
  await page.fill("[name=action]", "nothing.");
  await page.click("form[role=search] button");
  assert.equal(await page.locator("main [role=status]:has-text('None matches')").count(), 1);
  await page.goto(link("/audit"));
  await page.click("form[action$='/audit/verify'] button");
  assert.match(await page.locator(".toast").innerText(), /whole/);
  say({ audit: "searched, whole" });
};

export const pages = async () => [["audit", "/audit"], ["audit-search", "/audit?action=console.&from=2025-01-01"]];
