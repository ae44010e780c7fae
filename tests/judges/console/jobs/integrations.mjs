// An integration: tested, saved, tested again, edited, disabled, enabled, its secrets replaced.
import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { found, link } from "../browser.mjs";

export const job = async ({ page, say }) => {
  if (!process.env.SMTP_HOST) return;
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
};

export const pages = async ({ page }) => {
  const integration = await found(page, "/integrations", "tbody th a");
  return [
    ["integrations", "/integrations"], ["choose", "/integrations/new"], ["smtp-form", "/integrations/new/smtp"],
    ["entra-form", "/integrations/new/entra"], ["m365-form", "/integrations/new/m365"], ["integration", integration],
    ["edit", integration + "/edit"], ["secrets", integration + "/secrets"], ["delete", integration + "/delete"],
    ["no-integration-found", "/integrations?q=zzzzzz"],
  ];
};
