// Everything is tested anew, with its progress; the day is drawn; an alert leads to its part of the log.
import { strict as assert } from "node:assert";
import { link } from "../browser.mjs";

export const job = async ({ page, say }) => {
  await page.goto(link(""));
  await page.click("form[data-test-all] button");
  await page.waitForSelector(".toasts .toast.good");
  say({ tested: "all" });

  await page.goto(link(""));
  const chart = page.locator("figure.columns svg[role=img]");
  if (await chart.count()) {
    assert.match(await chart.getAttribute("aria-label"), /Sent \d+, Failed \d+/);
    await page.click("figure.columns summary");
    assert.equal(await page.locator("figure.columns tbody tr").count(), 24);
    assert.match(await page.locator("figure.columns tbody time").first().innerText(), /\d:\d\d/, "in the viewer's zone");
    assert.ok(await page.locator("table[aria-labelledby=rates] tbody").count(), "failure rates by channel");
    say({ charted: "24 hours" });
  }
  await page.fill("#q", "slack");
  await page.click("form[role=search] button");
  assert.ok((await page.locator("tr[data-test] th").allInnerTexts()).every((name) => /slack/i.test(name)));
  await page.goto(link(""));
  const logs = page.locator(".alert .actions a[href*='/logs?integration_id=']").first();
  if (await logs.count()) {
    await logs.click();
    assert.match(page.url(), /integration_id=int_/);
    assert.ok(await page.locator("tbody[data-tail] tr").count(), "its tests are in the log");
  }
};

export const pages = async () => [["dashboard", ""], ["account", "/account"], ["nothing", "/no-such-page"]];
