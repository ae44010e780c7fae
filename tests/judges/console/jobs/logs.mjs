// The log: looked through, one entry in full, as it happens, as a file.
import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { found, link } from "../browser.mjs";

export const job = async ({ page, say }) => {
  await page.goto(link("/logs"));
  await page.selectOption("#status", "error");
  await page.selectOption("#span", "24h");
  await page.click("form.filters button[type=submit]");
  assert.match(page.url(), /status=error/);
  const badges = await page.locator("tbody[data-tail] .badge").allInnerTexts();
  assert.ok(badges.length > 0 && badges.every((words) => words === "Error"), `only errors: ${badges}`);
  await page.locator("tbody th a", { hasText: "Message failed" }).first().click();
  assert.match(await page.locator(".alert").innerText(), /What to do:/);
  assert.ok(await page.locator("dl a[href*='/deliveries/']").count(), "it leads to the delivery");
  await page.goBack();
  assert.equal(await page.inputValue("#status"), "error");

  // Live: what a test on another page leaves in the log comes by itself; not while it is paused.
  await page.goto(link("/logs?type=probe"));
  const newest = page.locator("tbody[data-tail] tr th a").first();
  const before = await newest.getAttribute("href");
  assert.ok(await page.locator("[data-tail-pause]").isVisible());
  const other = await page.context().newPage();
  await other.goto(link(""));
  await other.locator("td.actions form[action$='/test'] button").first().click();
  await other.locator(".toast").waitFor();
  await other.close();
  await page.bringToFront();
  await page.waitForFunction((href) => document.querySelector("tbody[data-tail] tr th a").getAttribute("href") !== href, before, { polling: 250 });
  await page.click("[data-tail-pause]");
  assert.equal(await page.locator("[data-tail-said]").innerText(), "Paused.");
  assert.equal(await page.locator("[data-tail-pause]").innerText(), "Resume");

  const download = page.waitForEvent("download");
  await page.click("a[href*='/logs/file.csv']");
  const file = await readFile(await (await download).path(), "utf8");
  assert.match(file, /^\ufeffid,at,type,event/);
  assert.ok(file.includes("integration.tested") && !file.includes("delivery.sent"), "what was looked for is in the file");
  say({ log: "filtered, read, followed, downloaded" });
};

export const pages = async ({ page }) => [
  ["logs", "/logs"], ["logs-filtered", "/logs?status=error&event=delivery.*&span=7d"], ["logs-none", "/logs?type=sync"],
  ["log-entry", await found(page, "/logs?status=error", "tbody th a")], ["log-stats", "/logs/stats"],
  ["log-stats-month", "/logs/stats?span=30d"], ["log-parts", "/logs/parts"],
];
