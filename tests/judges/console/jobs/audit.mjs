// The audit trail is verified.
import { strict as assert } from "node:assert";
import { link } from "../browser.mjs";

export const job = async ({ page, say }) => {
  await page.goto(link("/audit"));
  await page.click("form[action$='/audit/verify'] button");
  assert.match(await page.locator(".toast").innerText(), /whole/);
  say({ audit: "whole" });
};

export const pages = async () => [["audit", "/audit"]];
