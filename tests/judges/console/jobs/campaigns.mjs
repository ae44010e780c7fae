// A campaign: its deliveries by status and by recipient, what failed as a file, paused, resumed, sent again; addresses that are
// suppressed and freed.
import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { found, link } from "../browser.mjs";

const CAMPAIGN = "/campaigns/spring-2026";

const suppress = async (page) => {
  await page.goto(link("/campaigns"));
  await page.click("a[href$='/suppressions']");
  await page.fill("#address", "nobody");
  await page.fill("#note", "Asked us by telephone");
  await page.click("main form button[type=submit]");
  assert.equal(await page.locator("#address-error").count(), 1, "told beside the field");
  assert.equal(await page.inputValue("#note"), "Asked us by telephone", "what was entered is kept");
  for (const address of ["Ann+no@example.com", "stays@example.com"]) {
    await page.fill("#address", address);
    await page.fill("#note", "<b>By telephone</b>");
    await page.click("main form button[type=submit]");
    assert.equal(await page.locator(".toast.good").count(), 1);
  }
  await page.locator("tr", { hasText: "ann+no@example.com" }).locator("td.actions a").click();
  assert.match(await page.locator("main").innerText(), /ann\+no@example\.com/);
  await page.click("main form button[type=submit]");
  assert.equal(await page.locator("tr", { hasText: "ann+no@" }).count(), 0, "freed");
};

export const job = async ({ page, say }) => {
  await suppress(page);
  const answer = await page.goto(link(CAMPAIGN));
  if (answer.status() === 404) return say({ campaigns: "none" });
  const statuses = await page.locator("#status option").evaluateAll((all) => all.map((one) => [one.value, one.textContent]));
  for (const [value, words] of statuses.slice(1)) {
    await page.selectOption("#status", value);
    await page.click(".search button");
    const badges = await page.locator("tbody .badge").allInnerTexts();
    assert.ok(badges.every((badge) => badge === words), `${value}: ${badges}`);
    if (value === "failed") assert.equal(badges.length, 1);
  }
  await page.goto(link(CAMPAIGN));
  await page.fill("#q", "ann");
  await page.click(".search button");
  assert.equal(await page.locator("tbody tr").count(), 1);
  assert.match(await page.locator("tbody th").innerText(), /ann/);

  await page.goto(link(CAMPAIGN));
  const [file] = await Promise.all([page.waitForEvent("download"), page.click("a[href$='/errors.csv']")]);
  assert.equal(file.suggestedFilename(), "spring-2026-errors.csv");
  const rows = (await readFile(await file.path(), "utf8")).trimEnd().split("\r\n");
  assert.ok(rows[0].startsWith("\ufeffdelivery_id,") && rows.length > 1, rows.join("\n"));
  assert.ok(rows.some((row) => row.includes("refuse-550")), rows.join("\n"));

  await page.click("form[action$='/pause'] button");
  assert.match(await page.locator(".head .badge").first().innerText(), /Paused/);
  await page.click("form[action$='/resume'] button");
  assert.match(await page.locator(".head .badge").first().innerText(), /Active/);
  await page.click("form[action$='/resend'] button");
  assert.match(await page.locator(".toast").innerText(), /queued again/);
  if (await page.locator("a[href$='/cancel']").count()) {
    await page.click("a[href$='/cancel']");
    assert.match(await page.locator("h1").innerText(), /Cancel this campaign\?/);
    await page.click("main a.second");
    assert.match(await page.locator(".head .badge").first().innerText(), /Active/, "asking cancels nothing");
  }
  // Whoever looks at it next sees it as it was: with one that failed. Until then, its totals keep themselves fresh.
  await page.waitForFunction(() => document.querySelector(".tile.bad dd")?.textContent.trim() === "1", undefined, { timeout: 60_000 });
  say({ campaign: "searched, downloaded, paused, resumed, sent again" });
};

export const pages = async ({ page }) => {
  const campaign = await found(page, "/campaigns", "tbody th a");
  const delivery = campaign && (await found(page, campaign, "tbody th a"));
  return [
    ["campaigns", "/campaigns"], ["campaign", campaign], ["campaign-failed", campaign && campaign + "?status=failed"],
    ["campaign-errors", campaign && campaign + "/errors"], ["delivery", delivery], ["cancel-campaign", campaign && campaign + "/cancel"],
    ["suppressions", "/suppressions"], ["unsuppress", "/suppressions/remove?address=stays%40example.com"],
  ];
};
