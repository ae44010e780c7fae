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

  // How it did, over another span; which secrets it had.
  await page.click(".windows a[href*='window=30d']");
  assert.match(await page.locator(".windows [aria-current]").innerText(), /30 days/);
  assert.ok(await page.locator("#log ~ .chart svg[role=img]").count(), "its tests are drawn");
  assert.equal(await page.locator("#rotations ~ table tbody tr").count(), 2, "two versions of its secrets");
  await page.click("#errors ~ a");
  assert.match(page.url(), /\/logs\?integration=int_/);

  // A simulation's dry run, of somebody who is no test user.
  const { CONSOLE_URL, KEY } = process.env;
  const made = await fetch(`${CONSOLE_URL.replace(/\/console$/, "")}/v1/integrations?test=false`, {
    method: "POST", headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
    body: JSON.stringify({
      provider: "m365", name: "Phishing simulation", secrets: { client_secret: "good-CANARY" },
      config: {
        directory_id: "11111111-2222-3333-4444-555555555555", client_id: "66666666-7777-8888-9999-000000000000",
        created_by: "secops@contoso.com", payload_id: "12345678-9abc", landing_page_id: "1c345678",
      },
    }),
  });
  assert.equal(made.status, 201);
  await page.goto(link(`/integrations/${(await made.json()).id}`));
  await page.click("a[href$='/dry-run']");
  await page.fill("#recipients", "stranger@contoso.com");
  await page.click("main form button[type=submit]");
  assert.match(await page.locator("section:has(#came)").innerText(), /Not ready[\s\S]*Failed[\s\S]*What to do:/);
  say({ dry_run: "told step by step" });
};

export const pages = async ({ page }) => {
  const integration = await found(page, "/integrations", "tbody th a");
  const simulation = await found(page, "/integrations?q=m365", "tbody th a");
  return [
    ["integrations", "/integrations"], ["choose", "/integrations/new"], ["smtp-form", "/integrations/new/smtp"],
    ["entra-form", "/integrations/new/entra"], ["m365-form", "/integrations/new/m365"], ["integration", integration],
    ["edit", integration + "/edit"], ["secrets", integration + "/secrets"], ["delete", integration + "/delete"],
    ["integration-30d", integration + "?window=30d"], ["dry-run", simulation && simulation + "/dry-run"],
    ["no-integration-found", "/integrations?q=zzzzzz"],
  ];
};
