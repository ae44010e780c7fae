// Everything is tested anew, with its progress.
import { link } from "../browser.mjs";

export const job = async ({ page, say }) => {
  await page.goto(link(""));
  await page.click("form[data-test-all] button");
  await page.waitForSelector(".toasts .toast.good");
  say({ tested: "all" });
};

export const pages = async () => [["dashboard", ""], ["account", "/account"], ["nothing", "/no-such-page"]];
