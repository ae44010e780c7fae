// The settings: test recipients are saved; an address that is none is told by its line.
import { strict as assert } from "node:assert";
import { link } from "../browser.mjs";

export const job = async ({ page, say }) => {
  await page.goto(link("/settings"));
  await page.fill("[name='sandbox.email']", "qa@example.com\nqa@");
  await page.click("form[action$='/settings'] button");
  assert.match(await page.locator("#sandbox-email-error").innerText(), /line 2/);
  await page.fill("[name='sandbox.email']", "qa@example.com");
  await page.fill("[name='sandbox.m365']", "sara@contoso.com");
  await page.click("form[action$='/settings'] button");
  assert.match(await page.locator(".toast").innerText(), /Saved/);
  assert.equal(await page.inputValue("[name='sandbox.email']"), "qa@example.com");
  say({ settings: "saved" });
};

export const pages = async () => [["settings", "/settings"]];
